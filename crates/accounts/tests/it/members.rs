//! Members and their roles (cases 7 and 8).

use accounts::{Actor, Role, Theme, members, sessions};

use crate::house::{email, houses, kind, member_of, owner_of, person};

#[tokio::test]
async fn an_address_is_one_member_whatever_its_case() {
    for (house, _guard) in houses().await {
        house.member("ada@example.test", Role::Admin).await;
        let again = house.add(" ADA@Example.Test", Role::Concierge, None).await;
        assert_eq!(kind(&again), "conflict", "{}", house.on);
        assert!(again.unwrap_err().public_message().contains("mail address"));
        let found = members::by_email(&house.db, &Actor::cli(), &email("Ada@EXAMPLE.test")).await.unwrap();
        assert_eq!(found.email.as_str(), "ada@example.test");
    }
}

#[tokio::test]
async fn people_of_other_customers_and_staff_do_not_exist() {
    for (house, _guard) in houses().await {
        let (own, other) = (house.customer("Own").await, house.customer("Other").await);
        let (owner, member) = house.people(&own, "own.test").await;
        let (others_owner, others_member) = house.people(&other, "other.test").await;
        let (concierge, admin) = (house.concierge().await, house.admin().await);
        let (db, clock) = (&house.db, &house.clock);
        let id = |actor: &Actor| actor.member_id().unwrap().clone();

        for target in [&others_owner, &others_member, &concierge, &admin] {
            let target = id(target);
            assert_eq!(kind(&members::get(db, &owner, &target).await), "not found", "{}", house.on);
            assert_eq!(kind(&members::remove(db, clock, &owner, &target).await), "not found");
            assert_eq!(kind(&members::rename(db, clock, &owner, &target, person("Eve")).await), "not found");
            assert_eq!(kind(&members::change_role(db, clock, &owner, &target, member_of(&own.id)).await), "not found");
            assert_eq!(kind(&members::change_email(db, clock, &owner, &target, email("eve@own.test"), None).await), "forbidden");
            for actor in [&member, &concierge] {
                if actor.member_id() == Some(&target) {
                    continue;
                }
                assert_eq!(kind(&members::get(db, actor, &target).await), "forbidden");
                assert_eq!(kind(&members::remove(db, clock, actor, &target).await), "forbidden");
                assert_eq!(kind(&members::rename(db, clock, actor, &target, person("Eve")).await), "forbidden");
                assert_eq!(kind(&members::change_role(db, clock, actor, &target, member_of(&own.id)).await), "forbidden");
            }
        }
        assert_eq!(kind(&members::by_email(db, &owner, &email("admin@example.test")).await), "not found");
        assert_eq!(kind(&members::of_customer(db, &owner, &other.id).await), "not found");
        assert_eq!(kind(&members::of_customer(db, &member, &own.id).await), "forbidden");
        assert_eq!(kind(&members::of_customer(db, &concierge, &own.id).await), "forbidden");
        assert_eq!(kind(&members::staff(db, &owner).await), "forbidden");
        assert_eq!(members::of_customer(db, &owner, &own.id).await.unwrap().len(), 2);
        assert_eq!(members::staff(db, &admin).await.unwrap().len(), 2);
        // Everybody sees themselves.
        for actor in [&owner, &member, &concierge, &admin] {
            assert_eq!(members::get(db, actor, &id(actor)).await.unwrap().email, *actor.email().unwrap());
        }
    }
}

#[tokio::test]
async fn nobody_gives_themselves_or_others_more_than_they_may() {
    for (house, _guard) in houses().await {
        let (own, other) = (house.customer("Own").await, house.customer("Other").await);
        let (owner, member) = house.people(&own, "own.test").await;
        let concierge = house.concierge().await;
        let (db, clock) = (&house.db, &house.clock);
        for (actor, role, expected) in [
            (&member, owner_of(&own.id), "forbidden"),
            (&member, Role::Admin, "forbidden"),
            (&concierge, Role::Admin, "forbidden"),
            (&concierge, owner_of(&own.id), "forbidden"),
            (&owner, Role::Admin, "forbidden"),
            (&owner, Role::Concierge, "forbidden"),
            (&owner, owner_of(&other.id), "not found"),
            (&owner, member_of(&other.id), "not found"),
        ] {
            for target in [actor, &member] {
                let outcome = members::change_role(db, clock, actor, target.member_id().unwrap(), role.clone()).await;
                assert_eq!(kind(&outcome), expected, "{} {} → {role:?}", house.on, actor.email().unwrap());
            }
        }
        let of_own = members::of_customer(db, &owner, &own.id).await.unwrap();
        assert_eq!(of_own.iter().map(|it| it.role.as_str()).collect::<Vec<_>>(), ["owner", "member"]);
        // An owner does not take an address by adding someone with a password of their choice.
        let new =
            accounts::NewMember { name: person("Eve"), email: email("victim@example.test"), role: member_of(&own.id), password: None };
        assert_eq!(kind(&members::add(db, clock, &owner, new).await), "forbidden");
    }
}

#[tokio::test]
async fn owners_make_owners_of_their_own_people() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let (owner, member) = house.people(&own, "own.test").await;
        let (db, clock) = (&house.db, &house.clock);
        members::change_role(db, clock, &owner, member.member_id().unwrap(), owner_of(&own.id)).await.unwrap();
        // Roles hold from the next request on.
        let session = house.session(member.member_id().unwrap()).await;
        let promoted = house.authenticate(&session).await.unwrap();
        assert_eq!(promoted.role(), &owner_of(&own.id), "{}", house.on);
        members::change_role(db, clock, &promoted, owner.member_id().unwrap(), member_of(&own.id)).await.unwrap();
        members::remove(db, clock, &promoted, owner.member_id().unwrap()).await.unwrap();
        assert_eq!(members::of_customer(db, &promoted, &own.id).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_last_owner_and_the_last_admin_stay() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let (owner, _) = house.people(&own, "own.test").await;
        let admin = house.admin().await;
        let (db, clock) = (&house.db, &house.clock);
        let (owner_id, admin_id) = (owner.member_id().unwrap(), admin.member_id().unwrap());
        for actor in [&owner, &admin, &Actor::cli()] {
            assert_eq!(kind(&members::remove(db, clock, actor, owner_id).await), "conflict", "{}", house.on);
            assert_eq!(kind(&members::change_role(db, clock, actor, owner_id, member_of(&own.id)).await), "conflict");
        }
        for actor in [&admin, &Actor::cli()] {
            assert_eq!(kind(&members::remove(db, clock, actor, admin_id).await), "conflict");
            assert_eq!(kind(&members::change_role(db, clock, actor, admin_id, Role::Concierge).await), "conflict");
            assert_eq!(kind(&members::change_role(db, clock, actor, owner_id, Role::Concierge).await), "conflict");
        }
        house.member("second@example.test", Role::Admin).await;
        assert_eq!(kind(&members::remove(db, clock, &admin, admin_id).await), "ok");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_who_remove_each_other_leave_one() {
    for (house, _guard) in houses().await {
        for round in 0..5 {
            let own = house.customer("Own").await;
            let first = house.actor(&house.member(&format!("first{round}@own.test"), owner_of(&own.id)).await).await;
            let second = house.actor(&house.member(&format!("second{round}@own.test"), owner_of(&own.id)).await).await;
            let tries: Vec<_> = [(first.clone(), second.clone()), (second, first)]
                .into_iter()
                .map(|(actor, other)| {
                    let house = house.clone();
                    tokio::spawn(async move { kind(&members::remove(&house.db, &house.clock, &actor, other.member_id().unwrap()).await) })
                })
                .collect();
            let mut answers = Vec::new();
            for answer in tries {
                answers.push(answer.await.unwrap());
            }
            answers.sort_unstable();
            assert_eq!(answers, ["conflict", "ok"], "{}", house.on);
            assert_eq!(members::of_customer(&house.db, &Actor::cli(), &own.id).await.unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn who_is_removed_is_gone_with_sessions_tokens_and_invitations() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let (owner, _) = house.people(&own, "own.test").await;
        let leaving = house.member("leaving@own.test", owner_of(&own.id)).await;
        let session = house.session(&leaving).await;
        let actor = house.authenticate(&session).await.unwrap();
        let token = crate::tokens::make(&house, &actor, "sites:read members:write").await.unwrap();
        let invited = crate::invitations::invite(&house, &actor, "friend@example.test", member_of(&own.id)).await.unwrap();

        members::remove(&house.db, &house.clock, &owner, &leaving).await.unwrap();
        assert!(house.authenticate(&session).await.is_none(), "{}", house.on);
        assert!(crate::tokens::authenticate(&house, &token.secret).await.is_none());
        assert_eq!(kind(&crate::invitations::accept(&house, &invited).await), "not found");
        // The address is free again, and the log still knows who it was.
        house.member("leaving@own.test", Role::Concierge).await;
        assert_eq!(
            house
                .count("select cast(count(*) as bigint) from audit where action = 'member.remove' and detail like '%leaving@own.test%'")
                .await,
            1
        );
    }
}

#[tokio::test]
async fn another_role_voids_what_rested_on_the_old_one() {
    for (house, _guard) in houses().await {
        let admin = house.admin().await;
        let other = house.member("other@example.test", Role::Admin).await;
        let demoted = house.actor(&other).await;
        let token = crate::tokens::make(&house, &demoted, "admin").await.unwrap();
        let invited = crate::invitations::invite(&house, &demoted, "backdoor@example.test", Role::Admin).await.unwrap();
        members::change_role(&house.db, &house.clock, &admin, &other, Role::Concierge).await.unwrap();
        assert!(crate::tokens::authenticate(&house, &token.secret).await.is_none(), "{}", house.on);
        assert_eq!(kind(&crate::invitations::accept(&house, &invited).await), "not found");
    }
}

#[tokio::test]
async fn members_choose_their_name_and_theme_and_tokens_do_not() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let (owner, member) = house.people(&own, "own.test").await;
        let (db, clock) = (&house.db, &house.clock);
        let id = member.member_id().unwrap();
        members::rename(db, clock, &member, id, person("Grace <Hopper>")).await.unwrap();
        members::set_theme(db, &member, Theme::Dark).await.unwrap();
        let found = members::get(db, &member, id).await.unwrap();
        assert_eq!((found.name.as_str(), found.theme, found.has_password), ("Grace <Hopper>", Theme::Dark, false), "{}", house.on);
        assert!(found.last_seen_at.is_some());
        members::rename(db, clock, &owner, id, person("Grace")).await.unwrap();

        let token = crate::tokens::make(&house, &member, "sites:read tokens:write").await.unwrap();
        let token = crate::tokens::authenticate(&house, &token.secret).await.unwrap();
        assert_eq!(kind(&members::rename(db, clock, &token, id, person("Eve")).await), "forbidden");
        assert_eq!(kind(&members::set_theme(db, &token, Theme::Light).await), "forbidden");
        assert_eq!(kind(&members::change_email(db, clock, &token, id, email("eve@own.test"), None).await), "forbidden");
        assert_eq!(kind(&sessions::list(db, clock, &token).await), "forbidden");
        assert_eq!(kind(&sessions::sign_out_everywhere(db, clock, &token).await), "forbidden");
        let new = crate::house::password("another long phrase");
        assert_eq!(kind(&members::change_password(db, clock, &token, &kit::secrets::Secret::default(), new).await), "forbidden");
    }
}
