//! Invitations (case 8).

use accounts::{Actor, Invited, NewInvitation, Role, SignedIn, invitations, members};
use kit::Result;

use crate::house::{BASE, House, PASSWORD, client, email, houses, kind, member_of, owner_of, password, person, token_in};

const PATH: &str = "https://innkeeper.test/invitation/";

pub async fn invite(house: &House, actor: &Actor, address: &str, role: Role) -> Result<Invited> {
    let new = NewInvitation { email: email(address), role };
    invitations::create(&house.db, &house.clock, &house.mailer, actor, BASE, new).await
}

pub async fn accept(house: &House, invited: &Invited) -> Result<SignedIn> {
    let token = token_in(invited.link.reveal(), PATH);
    invitations::accept(&house.db, &house.clock, &client(), &token, person("New One"), password(PASSWORD)).await
}

#[tokio::test]
async fn the_invited_become_what_they_were_invited_as() {
    for (house, _guard) in houses().await {
        let own = house.customer("Byte <Bakery>").await;
        let (owner, _) = house.people(&own, "own.test").await;
        let admin = house.admin().await;
        for (actor, role) in [
            (&owner, member_of(&own.id)),
            (&owner, owner_of(&own.id)),
            (&admin, member_of(&own.id)),
            (&admin, Role::Concierge),
            (&admin, Role::Admin),
            (&Actor::cli(), Role::Admin),
        ] {
            house.later(3600);
            let address = format!("{}-{}@new.test", role.as_str(), house.clock.now().0);
            let invited = invite(&house, actor, &address, role.clone()).await.unwrap();
            let mail = house.mail_to(&address).await.unwrap();
            assert!(mail.contains(invited.link.reveal()), "{mail}");
            let found = invitations::find(&house.db, &house.clock, &token_in(invited.link.reveal(), PATH)).await.unwrap().unwrap();
            assert_eq!((&found.role, found.invited_by_name.as_str()), (&role, actor.name()));
            assert_eq!(found.customer_name.is_some(), role.customer().is_some());
            let signed_in = accept(&house, &invited).await.unwrap();
            let new = house.authenticate(&signed_in).await.unwrap();
            assert_eq!((new.role(), new.name()), (&role, "New One"), "{}", house.on);
            assert!(house.sign_in(&address, PASSWORD).await.is_ok());
            assert_eq!(kind(&accept(&house, &invited).await), "not found");
        }
    }
}

#[tokio::test]
async fn nobody_invites_beyond_their_own() {
    for (house, _guard) in houses().await {
        let (own, other) = (house.customer("Own").await, house.customer("Other").await);
        let (owner, member) = house.people(&own, "own.test").await;
        let concierge = house.concierge().await;
        let reader = crate::tokens::make(&house, &owner, "sites:write").await.unwrap();
        let reader = crate::tokens::authenticate(&house, &reader.secret).await.unwrap();
        for (actor, role, expected) in [
            (&member, member_of(&own.id), "forbidden"),
            (&member, owner_of(&own.id), "forbidden"),
            (&member, Role::Admin, "forbidden"),
            (&concierge, member_of(&own.id), "forbidden"),
            (&concierge, Role::Concierge, "forbidden"),
            (&owner, Role::Admin, "forbidden"),
            (&owner, Role::Concierge, "forbidden"),
            (&owner, member_of(&other.id), "not found"),
            (&owner, owner_of(&other.id), "not found"),
            (&owner, member_of(&accounts::CustomerId::random()), "not found"),
            (&reader, member_of(&own.id), "forbidden"),
        ] {
            assert_eq!(kind(&invite(&house, actor, "friend@example.test", role.clone()).await), expected, "{} {role:?}", house.on);
        }
        let unknown = invite(&house, &Actor::cli(), "friend@example.test", owner_of(&accounts::CustomerId::random())).await;
        assert_eq!(kind(&unknown), "not found");
        assert_eq!(house.count("select cast(count(*) as bigint) from mail").await, 0);
    }
}

#[tokio::test]
async fn who_is_a_member_already_cannot_be_invited() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let (owner, _) = house.people(&own, "own.test").await;
        let outcome = invite(&house, &owner, "MEMBER@own.test", member_of(&own.id)).await;
        assert_eq!(kind(&outcome), "conflict", "{}", house.on);
        // Whoever became a member in between makes the invitation void.
        let invited = invite(&house, &owner, "new@example.test", member_of(&own.id)).await.unwrap();
        house.member("new@example.test", Role::Concierge).await;
        assert_eq!(kind(&accept(&house, &invited).await), "not found");
    }
}

#[tokio::test]
async fn invitations_of_others_cannot_be_seen_renewed_or_revoked() {
    for (house, _guard) in houses().await {
        let (own, other) = (house.customer("Own").await, house.customer("Other").await);
        let (owner, member) = house.people(&own, "own.test").await;
        let (others_owner, _) = house.people(&other, "other.test").await;
        let admin = house.admin().await;
        let to_own = invite(&house, &owner, "new@example.test", member_of(&own.id)).await.unwrap();
        let to_staff = invite(&house, &admin, "staff@example.test", Role::Admin).await.unwrap();
        let (db, clock, mailer) = (&house.db, &house.clock, &house.mailer);
        for (actor, expected) in [(&others_owner, "not found"), (&member, "forbidden")] {
            assert_eq!(kind(&invitations::revoke(db, clock, actor, &to_own.id).await), expected, "{}", house.on);
            assert_eq!(kind(&invitations::resend(db, clock, mailer, actor, BASE, &to_own.id).await), expected);
        }
        // An owner must not get at the link of an admin's invitation by renewing it.
        assert_eq!(kind(&invitations::resend(db, clock, mailer, &owner, BASE, &to_staff.id).await), "not found");
        assert_eq!(kind(&invitations::revoke(db, clock, &owner, &to_staff.id).await), "not found");

        let ids = async |actor: &Actor, customer: Option<&accounts::CustomerId>| {
            invitations::list(db, clock, actor, customer).await.map(|list| list.len())
        };
        assert_eq!(ids(&owner, None).await.unwrap(), 1);
        assert_eq!(ids(&others_owner, None).await.unwrap(), 0);
        assert_eq!(ids(&admin, None).await.unwrap(), 2);
        assert_eq!(ids(&admin, Some(&own.id)).await.unwrap(), 1);
        assert_eq!(kind(&ids(&others_owner, Some(&own.id)).await), "not found");
        assert_eq!(kind(&ids(&member, None).await), "forbidden");

        invitations::revoke(db, clock, &owner, &to_own.id).await.unwrap();
        assert_eq!(kind(&accept(&house, &to_own).await), "not found");
    }
}

#[tokio::test]
async fn a_renewed_invitation_has_a_new_link_and_another_week() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let (owner, _) = house.people(&own, "own.test").await;
        let first = invite(&house, &owner, "new@example.test", member_of(&own.id)).await.unwrap();
        house.later(6 * 86_400);
        let second = invitations::resend(&house.db, &house.clock, &house.mailer, &owner, BASE, &first.id).await.unwrap();
        assert_eq!(kind(&accept(&house, &first).await), "not found", "{}", house.on);
        house.later(6 * 86_400);
        assert!(accept(&house, &second).await.is_ok());

        let late = invite(&house, &owner, "late@example.test", member_of(&own.id)).await.unwrap();
        house.later(7 * 86_400);
        assert_eq!(kind(&accept(&house, &late).await), "not found");
        assert!(invitations::list(&house.db, &house.clock, &house.actor(owner.member_id().unwrap()).await, None).await.unwrap().is_empty());
        // Inviting again replaces the earlier invitation.
        let again = invite(&house, &owner, "late@example.test", owner_of(&own.id)).await.unwrap();
        house.later(1);
        let newest = invite(&house, &owner, "late@example.test", member_of(&own.id)).await.unwrap();
        assert_eq!(kind(&accept(&house, &again).await), "not found");
        assert!(accept(&house, &newest).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_invitation_is_accepted_once_under_parallel_use() {
    for (house, _guard) in houses().await {
        let invited = invite(&house, &Actor::cli(), "new@example.test", Role::Admin).await.unwrap();
        let tries: Vec<_> = (0..6)
            .map(|_| {
                let (house, invited) = (house.clone(), invited.clone());
                tokio::spawn(async move { kind(&accept(&house, &invited).await) })
            })
            .collect();
        let mut won = 0;
        for answer in tries {
            let answer = answer.await.unwrap();
            assert!(["ok", "not found", "conflict"].contains(&answer), "{answer}");
            won += usize::from(answer == "ok");
        }
        assert_eq!(won, 1, "{}", house.on);
        assert_eq!(house.count("select cast(count(*) as bigint) from member").await, 1);
    }
}

#[tokio::test]
async fn a_mailbox_cannot_be_flooded_with_invitations() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let (owner, _) = house.people(&own, "own.test").await;
        let mut answers = Vec::new();
        for _ in 0..5 {
            answers.push(kind(&invite(&house, &owner, "victim@example.test", member_of(&own.id)).await));
        }
        assert_eq!(answers, ["ok", "ok", "ok", "throttled", "throttled"], "{}", house.on);
        for at in 0..30 {
            answers.push(kind(&invite(&house, &owner, &format!("victim{at}@example.test"), member_of(&own.id)).await));
        }
        assert_eq!(answers.iter().filter(|answer| **answer == "ok").count(), 20);
    }
}

#[tokio::test]
async fn nobody_joins_a_suspended_customer() {
    for (house, _guard) in houses().await {
        let own = house.customer("Late payer").await;
        let (owner, _) = house.people(&own, "own.test").await;
        let invited = invite(&house, &owner, "new@example.test", member_of(&own.id)).await.unwrap();
        accounts::customers::suspend(&house.db, &house.clock, &Actor::cli(), &own.id).await.unwrap();
        assert_eq!(kind(&accept(&house, &invited).await), "forbidden", "{}", house.on);
        accounts::customers::resume(&house.db, &house.clock, &Actor::cli(), &own.id).await.unwrap();
        assert!(accept(&house, &invited).await.is_ok(), "it was not used up");
        assert_eq!(members::of_customer(&house.db, &Actor::cli(), &own.id).await.unwrap().len(), 3);
    }
}
