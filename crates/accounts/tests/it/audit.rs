//! The log of who did what.

use accounts::{Actor, AuditQuery, CustomerName, Role, audit, customers, invitations, members, resets, sessions, tokens};
use kit::secrets::Secret;
use kit::{Error, sql};

use crate::house::{BASE, PASSWORD, client, email, houses, kind, member_of, owner_of, password, person, token_in};

#[tokio::test]
async fn owners_read_what_concerns_their_customer_and_admins_everything() {
    for (house, _guard) in houses().await {
        let (own, other) = (house.customer("Own").await, house.customer("Other").await);
        let (owner, member) = house.people(&own, "own.test").await;
        let (others_owner, _) = house.people(&other, "other.test").await;
        let (concierge, admin) = (house.concierge().await, house.admin().await);
        house.later(1);
        customers::rename(&house.db, &house.clock, &admin, &own.id, CustomerName::parse("Renamed").unwrap()).await.unwrap();
        let list = async |actor: &Actor, query: AuditQuery| audit::list(&house.db, actor, &query).await;

        let newest = list(&owner, AuditQuery::default()).await.unwrap().items.remove(0);
        assert_eq!(
            (newest.action.as_str(), newest.actor_name.as_str(), newest.how.as_str()),
            ("customer.rename", "Ada", "session"),
            "{}",
            house.on
        );
        assert_eq!(newest.detail, serde_json::json!({ "from": "Own", "to": "Renamed" }));
        assert_eq!((newest.ip.as_deref(), newest.member_id.as_ref()), (Some("192.0.2.1"), admin.member_id()));
        let all = list(&owner, AuditQuery::default()).await.unwrap().items;
        assert!(all.iter().all(|row| row.customer_id.as_ref() == Some(&own.id)));
        let others = list(&others_owner, AuditQuery::default()).await.unwrap().items;
        assert!(others.iter().all(|row| row.customer_id.as_ref() == Some(&other.id)) && !others.is_empty());

        let of = |customer: &accounts::CustomerId| AuditQuery { customer: Some(customer.clone()), ..AuditQuery::default() };
        assert_eq!(kind(&list(&others_owner, of(&own.id)).await), "not found");
        assert_eq!(kind(&list(&member, AuditQuery::default()).await), "forbidden");
        assert_eq!(kind(&list(&concierge, of(&own.id)).await), "forbidden");
        let by_admin = AuditQuery { member: admin.member_id().cloned(), action: Some("customer.rename".to_owned()), ..of(&own.id) };
        assert_eq!(list(&admin, by_admin.clone()).await.unwrap().items.len(), 1);
        assert_eq!(list(&owner, by_admin).await.unwrap().items.len(), 1);
        let everything = list(&admin, AuditQuery { limit: 200, ..AuditQuery::default() }).await.unwrap().items;
        assert!(everything.len() > all.len() + others.len());
    }
}

#[tokio::test]
async fn the_log_turns_pages() {
    for (house, _guard) in houses().await {
        for _ in 0..7 {
            house.customer("Some").await;
        }
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = audit::list(&house.db, &Actor::cli(), &AuditQuery { before, limit: 3, ..AuditQuery::default() }).await.unwrap();
            seen.extend(page.items.into_iter().map(|row| row.id));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 7, "{}", house.on);
        assert!(seen.is_sorted_by(|newer, older| newer > older));
    }
}

#[tokio::test]
async fn a_change_that_is_undone_is_not_told() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let outcome: kit::Result<()> = house
            .db
            .write(async |tx| {
                let entry =
                    audit::Entry { action: "site.create", customer: Some(&own.id), subject: "app_x", detail: serde_json::json!({}) };
                audit::record(&tx, &house.clock, &Actor::job("test"), entry).await?;
                Err(Error::conflict("changed our mind"))
            })
            .await;
        assert_eq!(kind(&outcome), "conflict");
        assert_eq!(house.count("select cast(count(*) as bigint) from audit where action = 'site.create'").await, 0, "{}", house.on);
    }
}

/// Case 18, for this crate: everything that is secret is made once, and then looked for in everything that is kept in plain.
#[tokio::test]
async fn no_secret_is_in_the_log_nor_anywhere_else_in_plain() {
    for (house, _guard) in houses().await {
        let (db, clock, mailer) = (&house.db, &house.clock, &house.mailer);
        let own = house.customer("Own").await;
        let mut secrets = vec![PASSWORD.to_owned(), "another long phrase".to_owned()];
        house.member_with_password("owner@own.test", owner_of(&own.id)).await;
        let signed_in = house.sign_in("owner@own.test", PASSWORD).await.unwrap();
        secrets.push(signed_in.token.reveal().to_owned());
        let owner = house.authenticate(&signed_in).await.unwrap();
        let made = crate::tokens::make(&house, &owner, "sites:read").await.unwrap();
        secrets.push(made.secret.reveal().to_owned());
        let invited = crate::invitations::invite(&house, &owner, "new@own.test", member_of(&own.id)).await.unwrap();
        secrets.push(token_in(invited.link.reveal(), accounts::links::INVITATION));
        let invited = invitations::resend(db, clock, mailer, &owner, BASE, &invited.id).await.unwrap();
        secrets.push(token_in(invited.link.reveal(), accounts::links::INVITATION));
        secrets.push(crate::invitations::accept(&house, &invited).await.unwrap().token.reveal().to_owned());
        members::change_password(db, clock, &owner, &Secret::new(PASSWORD), password("another long phrase")).await.unwrap();
        members::change_email(
            db,
            clock,
            &owner,
            owner.member_id().unwrap(),
            email("o@own.test"),
            Some(&Secret::new("another long phrase")),
        )
        .await
        .unwrap();
        members::rename(db, clock, &owner, owner.member_id().unwrap(), person("Olga")).await.unwrap();
        resets::request(db, clock, mailer, &client(), BASE, "o@own.test").await.unwrap();
        let reset = token_in(&house.mail_to("o@own.test").await.unwrap(), accounts::links::RESET);
        resets::complete(db, clock, &client(), &reset, password(PASSWORD)).await.unwrap();
        secrets.push(reset);
        let link = accounts::signin_links::create(db, clock, &Actor::cli(), owner.member_id().unwrap()).await.unwrap();
        let again = accounts::signin_links::sign_in(db, clock, &client(), link.reveal()).await.unwrap();
        secrets.extend([link.reveal().to_owned(), again.token.reveal().to_owned()]);
        let owner = house.authenticate(&again).await.unwrap();
        tokens::revoke(db, clock, &owner, &made.id).await.unwrap();
        sessions::sign_out_everywhere(db, clock, &owner).await.unwrap();

        let mut told: Vec<String> = house
            .db
            .all::<(String,)>(sql("select distinct action from audit order by action"))
            .await
            .unwrap()
            .into_iter()
            .map(|it| it.0)
            .collect();
        told.sort();
        assert_eq!(
            told,
            [
                "customer.create",
                "invitation.accept",
                "invitation.create",
                "invitation.resend",
                "member.add",
                "member.email",
                "member.password",
                "member.rename",
                "member.reset",
                "session.end_all",
                "session.open",
                "signin_link.create",
                "token.create",
                "token.revoke"
            ],
            "{}",
            house.on
        );
        for text in everything(&house.db).await {
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{}: `{secret}` in {text}", house.on);
            }
        }
        assert_eq!(house.count("select cast(count(*) as bigint) from audit where detail like '%argon2%'").await, 0);
    }
}

/// All texts of all rows that this crate and the outbox keep.
async fn everything(db: &kit::Db) -> Vec<String> {
    let mut all = Vec::new();
    for query in [
        "select actor_name || how || action || subject || detail || coalesce(ip, '') from audit",
        "select token_hash || ip || user_agent from session",
        "select name || token_hash || scopes from api_token",
        "select email || token_hash || invited_by_name from invitation",
        "select token_hash || member_id from password_reset",
        "select token_hash || member_id from signin_link",
        "select name || email || coalesce(password_hash, '') from member",
        "select name from throttle",
        "select recipient || subject || coalesce(body, '') from mail",
        "select payload from job",
    ] {
        all.extend(db.all::<(String,)>(sql(query)).await.unwrap().into_iter().map(|row| row.0));
    }
    all
}

#[tokio::test]
async fn tokens_are_named_as_what_did_it() {
    for (house, _guard) in houses().await {
        let admin = house.admin().await;
        let made = crate::tokens::make(&house, &admin, "customers:write").await.unwrap();
        let actor = crate::tokens::authenticate(&house, &made.secret).await.unwrap();
        let own = house.customer("Own").await;
        customers::suspend(&house.db, &house.clock, &actor, &own.id).await.unwrap();
        let query = AuditQuery { action: Some("customer.suspend".to_owned()), ..AuditQuery::default() };
        let row = audit::list(&house.db, &admin, &query).await.unwrap().items.remove(0);
        assert_eq!((row.how.as_str(), row.token_id, row.member_id.as_ref()), ("token", Some(made.id), admin.member_id()), "{}", house.on);
        assert_eq!(admin.role(), &Role::Admin);
    }
}
