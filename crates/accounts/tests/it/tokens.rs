//! API tokens (cases 6 and 8).

use std::time::Duration;

use accounts::{Actor, Label, NewToken, NewlyMade, Permission, Role, TokenScope, TokenScopes, tokens};
use kit::secrets::Secret;
use kit::{Result, Timestamp, sql};

use crate::house::{House, client, houses, kind, member_of};

pub async fn make(house: &House, actor: &Actor, scopes: &str) -> Result<NewlyMade> {
    make_until(house, actor, scopes, None).await
}

pub async fn make_until(house: &House, actor: &Actor, scopes: &str, expires_at: Option<Timestamp>) -> Result<NewlyMade> {
    let new = NewToken {
        name: Label::parse("deploys").unwrap(),
        scopes: TokenScopes::parse(scopes).unwrap(),
        expires_at,
        limits: accounts::SendingLimits::default(),
    };
    tokens::create(&house.db, &house.clock, actor, actor.member_id().unwrap(), new).await
}

pub async fn authenticate(house: &House, secret: &Secret) -> Option<Actor> {
    tokens::authenticate(&house.db, &house.clock, &client(), secret.reveal()).await.unwrap()
}

#[tokio::test]
async fn a_token_acts_as_its_member_within_its_scopes() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let (owner, _) = house.people(&own, "own.test").await;
        let made = make(&house, &owner, "sites:read sites:deploy").await.unwrap();
        assert!(made.secret.reveal().starts_with("ink_") && made.secret.reveal().len() == 44);
        let actor = authenticate(&house, &made.secret).await.unwrap();
        assert_eq!((actor.member_id(), actor.role(), actor.scope()), (owner.member_id(), owner.role(), owner.scope()), "{}", house.on);
        for permission in Permission::ALL {
            let expected = matches!(permission, Permission::ReadSites | Permission::DeploySites);
            assert_eq!(actor.can(*permission), expected, "{permission}");
        }
        let (stored,): (String,) = house.db.one(sql("select token_hash from api_token")).await.unwrap();
        assert_eq!(stored, kit::secrets::sha256_hex(made.secret.reveal()));
        for nonsense in ["", "ink_", "ink_x", stored.as_str(), &made.secret.reveal().to_lowercase(), &format!("{} ", made.secret.reveal())]
        {
            assert!(authenticate(&house, &Secret::new(nonsense)).await.is_none(), "{nonsense}");
        }
        // A session's token is none, and the other way round.
        let session = house.session(owner.member_id().unwrap()).await;
        assert!(authenticate(&house, &session.token).await.is_none());
        assert!(accounts::sessions::authenticate(&house.db, &house.clock, &client(), made.secret.reveal()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn tokens_run_out_are_revoked_and_say_when_they_were_used() {
    for (house, _guard) in houses().await {
        let admin = house.admin().await;
        let now = house.clock.now();
        let made = make_until(&house, &admin, "admin", Some(Timestamp(now.0 + 3_600_000))).await.unwrap();
        // Noted beside the answer, not before it.
        let used = async || {
            tokio::time::sleep(Duration::from_millis(50)).await;
            tokens::list(&house.db, &admin, admin.member_id().unwrap()).await.unwrap()[0].last_used_at
        };
        assert_eq!(used().await, None);
        house.later(10);
        authenticate(&house, &made.secret).await.unwrap();
        assert_eq!(used().await, Some(Timestamp(now.0 + 10_000)), "{}", house.on);
        house.later(59);
        authenticate(&house, &made.secret).await.unwrap();
        assert_eq!(used().await, Some(Timestamp(now.0 + 10_000)));
        house.later(3600);
        assert!(authenticate(&house, &made.secret).await.is_none());
        assert_eq!(kind(&make_until(&house, &admin, "admin", Some(now)).await), "invalid");

        let lasting = make(&house, &admin, "admin").await.unwrap();
        tokens::revoke(&house.db, &house.clock, &admin, &lasting.id).await.unwrap();
        assert!(authenticate(&house, &lasting.secret).await.is_none());
        assert_eq!(kind(&tokens::revoke(&house.db, &house.clock, &admin, &lasting.id).await), "not found");
    }
}

#[tokio::test]
async fn scopes_end_at_the_role() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let (owner, member) = house.people(&own, "own.test").await;
        let (concierge, admin) = (house.concierge().await, house.admin().await);
        for (actor, refused) in [
            (&admin, vec![]),
            (&owner, vec!["admin"]),
            (&member, vec!["customers:write", "members:write", "guardrails:write", "admin"]),
            (&concierge, vec!["sites:write", "sites:deploy", "members:write", "events:write", "guardrails:write", "admin"]),
        ] {
            for scope in TokenScope::ALL {
                let expected = if refused.contains(&scope.as_str()) { "invalid" } else { "ok" };
                assert_eq!(kind(&make(&house, actor, scope.as_str()).await), expected, "{} {:?} {scope}", house.on, actor.role());
            }
        }
    }
}

#[tokio::test]
async fn a_token_makes_none_that_may_more_or_lives_longer() {
    for (house, _guard) in houses().await {
        let admin = house.admin().await;
        let until = Timestamp(house.clock.now().0 + 3_600_000);
        let made = make_until(&house, &admin, "tokens:write sites:read", Some(until)).await.unwrap();
        let actor = authenticate(&house, &made.secret).await.unwrap();
        assert_eq!(kind(&make_until(&house, &actor, "sites:write", Some(until)).await), "forbidden", "{}", house.on);
        assert_eq!(kind(&make_until(&house, &actor, "sites:read", None).await), "invalid");
        assert_eq!(kind(&make_until(&house, &actor, "sites:read", Some(Timestamp(until.0 + 1))).await), "invalid");
        assert_eq!(kind(&make_until(&house, &actor, "sites:read", Some(until)).await), "ok");
        let reader = make(&house, &admin, "sites:read").await.unwrap();
        let reader = authenticate(&house, &reader.secret).await.unwrap();
        assert_eq!(kind(&make(&house, &reader, "sites:read").await), "forbidden");
        assert_eq!(kind(&tokens::list(&house.db, &reader, admin.member_id().unwrap()).await), "forbidden");
        assert_eq!(kind(&tokens::revoke(&house.db, &house.clock, &reader, &made.id).await), "forbidden");
    }
}

#[tokio::test]
async fn tokens_of_others_are_for_owners_and_admins_within_reach() {
    for (house, _guard) in houses().await {
        let (own, other) = (house.customer("Own").await, house.customer("Other").await);
        let (owner, member) = house.people(&own, "own.test").await;
        let (others_owner, others_member) = house.people(&other, "other.test").await;
        let (concierge, admin) = (house.concierge().await, house.admin().await);
        let (db, clock) = (&house.db, &house.clock);
        let token = make(&house, &member, "sites:read").await.unwrap();
        let admins = make(&house, &admin, "admin").await.unwrap();
        let member_id = member.member_id().unwrap();

        for (actor, seen) in
            [(&member, Ok(1)), (&owner, Ok(1)), (&admin, Ok(1)), (&others_owner, Ok(0)), (&others_member, Err(())), (&concierge, Err(()))]
        {
            let list = tokens::list(db, actor, member_id).await;
            assert_eq!(list.map(|list| list.len()).map_err(|_| ()), seen, "{} {:?}", house.on, actor.role());
        }
        assert_eq!(tokens::of_customer(db, &owner, &own.id).await.unwrap().len(), 1);
        assert_eq!(kind(&tokens::of_customer(db, &others_owner, &own.id).await), "not found");
        assert_eq!(kind(&tokens::of_customer(db, &member, &own.id).await), "forbidden");
        assert_eq!(tokens::list(db, &owner, admin.member_id().unwrap()).await.unwrap().len(), 0);
        for actor in [&others_owner, &others_member, &concierge] {
            assert_eq!(kind(&tokens::revoke(db, clock, actor, &token.id).await), "not found");
        }
        for actor in [&owner, &member] {
            assert_eq!(kind(&tokens::revoke(db, clock, actor, &admins.id).await), "not found");
        }
        // Nobody but the command line makes a token that acts as someone else.
        let new = || NewToken {
            name: Label::parse("x").unwrap(),
            scopes: TokenScopes::parse("sites:read").unwrap(),
            expires_at: None,
            limits: accounts::SendingLimits::default(),
        };
        for actor in [&owner, &admin, &Actor::job("demo")] {
            assert_eq!(kind(&tokens::create(db, clock, actor, member_id, new()).await), "not found");
        }
        let by_cli = tokens::create(db, clock, &Actor::cli(), member_id, new()).await.unwrap();
        assert_eq!(authenticate(&house, &by_cli.secret).await.unwrap().role(), &member_of(&own.id));
        tokens::revoke(db, clock, &owner, &token.id).await.unwrap();
        assert!(authenticate(&house, &token.secret).await.is_none());
    }
}

#[tokio::test]
async fn a_token_loses_what_its_member_loses() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let (owner, member) = house.people(&own, "own.test").await;
        let made = make(&house, &member, "sites:read").await.unwrap();
        accounts::members::change_role(&house.db, &house.clock, &Actor::cli(), member.member_id().unwrap(), Role::Concierge).await.unwrap();
        assert!(authenticate(&house, &made.secret).await.is_none(), "{}", house.on);
        assert!(authenticate(&house, &make(&house, &owner, "sites:read").await.unwrap().secret).await.is_some());
    }
}

#[tokio::test]
async fn tokens_are_not_without_number() {
    for (house, _guard) in houses().await {
        let admin = house.admin().await;
        for _ in 0..50 {
            make(&house, &admin, "sites:read").await.unwrap();
        }
        assert_eq!(kind(&make(&house, &admin, "sites:read").await), "conflict", "{}", house.on);
    }
}
