//! Deploy tokens and pushes in the books, on both databases.

use std::time::Duration;

use accounts::{Actor, AuditQuery, Client, Label, Permission, audit};
use hosting::git::pushes::{self, Outcome, PushState};
use hosting::git::receive::{Report, Update};
use hosting::git::tokens::{self, TokenAccess};
use hosting::git::{self, look, pkt};
use hosting::sites::{self, Site};
use kit::{Error, sql};

use crate::house::{House, houses};

fn client() -> Client {
    Client::new([192, 0, 2, 7].into(), "git/2.39")
}

#[tokio::test]
async fn a_deploy_token_opens_its_site_until_it_is_revoked() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let (_, stranger) = house.customer("bob").await;
        let site = house.create(&actor, &ada, "one").await.unwrap();
        let (db, clock) = (&house.hosting.db, &house.hosting.clock);
        let name = Label::parse("CI <b>").unwrap();
        assert!(matches!(tokens::create(&house.hosting, &stranger, &site.id, &name, TokenAccess::Push).await, Err(Error::NotFound(_))));
        let made = tokens::create(&house.hosting, &actor, &site.id, &name, TokenAccess::Push).await.unwrap();
        assert!(made.secret.reveal().starts_with("inkd_"));

        let (who, of) = tokens::authenticate(db, clock, &client(), made.secret.reveal()).await.unwrap().expect("it is known");
        assert_eq!((of, who.name()), (site.id.clone(), "deploy token CI <b>"));
        assert!(who.can(Permission::DeploySites) && who.can(Permission::ReadSites) && !who.can(Permission::WriteSites));
        assert_eq!(who.scope().customer_filter(), Some(&ada));
        let used = tokens::list(db, &actor, &site.id).await.unwrap()[0].last_used_at;
        assert_eq!(used, Some(clock.now()));
        clock.advance(Duration::from_secs(30));
        tokens::authenticate(db, clock, &client(), made.secret.reveal()).await.unwrap().unwrap();
        assert_eq!(tokens::list(db, &actor, &site.id).await.unwrap()[0].last_used_at, used, "written once a minute");

        let read = tokens::create(&house.hosting, &actor, &site.id, &name, TokenAccess::Read).await.unwrap();
        let (reader, _) = tokens::authenticate(db, clock, &client(), read.secret.reveal()).await.unwrap().unwrap();
        assert!(!reader.can(Permission::DeploySites));
        for wrong in
            ["", "inkd_", "ink_x", &made.secret.reveal()[..44], &format!("{}x", made.secret.reveal()), &made.secret.reveal().to_uppercase()]
        {
            assert!(tokens::authenticate(db, clock, &client(), wrong).await.unwrap().is_none(), "{wrong}");
        }

        let other = house.create(&actor, &ada, "two").await.unwrap();
        for (who, site) in [(&stranger, &site), (&actor, &other)] {
            assert!(matches!(tokens::revoke(&house.hosting, who, &site.id, &made.id).await, Err(Error::NotFound(_))), "{}", house.on());
        }
        clock.advance(Duration::from_millis(1));
        tokens::revoke(&house.hosting, &actor, &site.id, &made.id).await.unwrap();
        assert!(tokens::authenticate(db, clock, &client(), made.secret.reveal()).await.unwrap().is_none());
        assert_eq!(tokens::list(db, &actor, &site.id).await.unwrap().len(), 1);
        assert!(matches!(tokens::list(db, &stranger, &site.id).await, Err(Error::NotFound(_))));
        let told = audit::list(db, &Actor::cli(), &AuditQuery { customer: Some(ada.clone()), ..AuditQuery::default() }).await.unwrap();
        let told: Vec<String> = told.items.into_iter().map(|row| row.action).filter(|action| action.starts_with("deploy_token")).collect();
        assert_eq!(told, ["deploy_token.revoke", "deploy_token.create", "deploy_token.create"], "{}", house.on());

        accounts::customers::suspend(db, clock, &Actor::cli(), &ada).await.unwrap();
        assert!(tokens::authenticate(db, clock, &client(), read.secret.reveal()).await.unwrap().is_none(), "the customer is suspended");
    }
}

#[tokio::test]
async fn a_site_has_so_many_tokens_and_no_more() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = house.create(&actor, &ada, "one").await.unwrap();
        let name = Label::parse("CI").unwrap();
        for _ in 0..20 {
            tokens::create(&house.hosting, &actor, &site.id, &name, TokenAccess::Read).await.unwrap();
        }
        let refused = tokens::create(&house.hosting, &actor, &site.id, &name, TokenAccess::Read).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{}", house.on());
    }
}

/// A site that is served, with a repository.
async fn served(house: &House, actor: &Actor, customer: &accounts::CustomerId, name: &str) -> Site {
    let site = house.create(actor, customer, name).await.unwrap();
    let folder = house.hosting.site_folder(&site);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("index.html"), "first").unwrap();
    git::create(&folder, &house.hosting.repository(&site)).await.unwrap();
    house.hosting.db.execute(sql("update site set state = 'active' where id = $1").bind(&site.id)).await.unwrap();
    house.hosting.db.execute(sql("update site_operation set state = 'done' where site_id = $1").bind(&site.id)).await.unwrap();
    sites::get_any(&house.hosting.db, &site.id).await.unwrap()
}

fn report(lines: &[&str]) -> Report {
    let mut report = Report::default();
    lines.iter().for_each(|line| report.feed(&pkt::write(line.as_bytes())));
    report
}

#[tokio::test]
async fn a_stored_push_to_the_sites_branch_becomes_a_deployment_and_no_other_does() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let (_, stranger) = house.customer("bob").await;
        let site = served(&house, &actor, &ada, "one").await;
        let commit = git::head(&house.hosting.repository(&site)).await.unwrap();
        let update = |reference: &str| Update { old: "0".repeat(40), new: commit.clone(), reference: reference.to_owned() };
        let updates = [update("refs/heads/main"), update("refs/heads/main2"), update("refs/tags/main"), update("refs/heads/no")];
        assert!(matches!(pushes::begin(&house.hosting, &stranger, &site, &updates).await, Err(Error::NotFound(_))));
        let begun = pushes::begin(&house.hosting, &actor, &site, &updates).await.unwrap();
        let said = report(&[
            "unpack ok\n",
            "ok refs/heads/main\n",
            "ok refs/heads/main2\n",
            "ok refs/tags/main\n",
            "ng refs/heads/no hook declined\n",
        ]);
        let outcome = pushes::settle(&house.hosting, &actor, &site, &begun, &said).await.unwrap();
        let Outcome::Deployment(id) = outcome else { panic!("{}: {outcome:?}", house.on()) };
        let deployment = hosting::deployments::get(&house.hosting.db, &actor.scope(), &id).await.unwrap();
        assert_eq!(
            (deployment.commit_hash.as_str(), deployment.subject.as_str(), deployment.author.as_str()),
            (commit.as_str(), "Start from the template", "Innkeeper")
        );

        let last = pushes::last(&house.hosting.db, &actor, &site.id, 10).await.unwrap();
        let mut seen: Vec<(String, PushState, bool, String)> =
            last.into_iter().map(|push| (push.reference, push.state, push.deployment_id.is_some(), push.subject)).collect();
        seen.sort();
        let subject = "Start from the template".to_owned();
        assert_eq!(
            seen,
            [
                ("refs/heads/main".to_owned(), PushState::Stored, true, subject.clone()),
                ("refs/heads/main2".to_owned(), PushState::Stored, false, subject.clone()),
                ("refs/heads/no".to_owned(), PushState::Refused, false, "hook declined".to_owned()),
                ("refs/tags/main".to_owned(), PushState::Stored, false, subject),
            ],
            "{}",
            house.on()
        );
        assert!(matches!(pushes::last(&house.hosting.db, &stranger, &site.id, 10).await, Err(Error::NotFound(_))));
        // Settled twice, as by two who found it: one deployment.
        let again = pushes::settle(&house.hosting, &actor, &site, &begun, &said).await.unwrap();
        assert!(matches!(again, Outcome::Deployment(same) if same == id));
        assert_eq!(house.test.count("select cast(count(*) as bigint) from deployment").await, 1);
        // A report that breaks off is no word for "stored".
        let begun = pushes::begin(&house.hosting, &actor, &site, &updates[..1]).await.unwrap();
        let outcome = pushes::settle(&house.hosting, &actor, &site, &begun, &Report::default()).await.unwrap();
        assert!(matches!(outcome, Outcome::Nothing));
        let branches = look::branches(&house.hosting.repository(&site)).await.unwrap();
        assert_eq!((branches.len(), branches[0].name.as_str(), branches[0].commit.as_str()), (1, "main", commit.as_str()));
    }
}

#[tokio::test]
async fn old_pushes_are_forgotten_and_those_of_other_sites_are_not() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let (site, other) = (served(&house, &actor, &ada, "one").await, served(&house, &actor, &ada, "two").await);
        let update = Update { old: "0".repeat(40), new: "1".repeat(40), reference: "refs/heads/x".to_owned() };
        let begun = pushes::begin(&house.hosting, &actor, &other, std::slice::from_ref(&update)).await.unwrap();
        pushes::settle(&house.hosting, &actor, &other, &begun, &Report::default()).await.unwrap();
        for _ in 0..3 {
            let many = vec![update.clone(); 60];
            let begun = pushes::begin(&house.hosting, &actor, &site, &many).await.unwrap();
            pushes::settle(&house.hosting, &actor, &site, &begun, &Report::default()).await.unwrap();
            house.hosting.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(house.test.count("select cast(count(*) as bigint) from site_push").await, 101, "{}", house.on());
    }
}

#[tokio::test]
async fn every_question_about_pushes_and_tokens_has_its_index() {
    let house = crate::house::small_house().await;
    for (query, index) in [
        ("select id from site_token where token_hash = 'x'", "site_token_hash"),
        ("select id from site_token where site_id = 'x' order by id desc", "site_token_by_site"),
        ("select id from site_push where site_id = 'x' order by id desc limit 1 offset 100", "site_push_by_site"),
        ("select id from site_push where state = 'begun' and created_at < 5 order by created_at limit 200", "site_push_begun"),
    ] {
        let plan: Vec<(i64, i64, i64, String)> = house.hosting.db.all(sql("explain query plan").and(query)).await.unwrap();
        assert!(plan.iter().any(|(.., step)| step.contains(index)), "{query}: {plan:?}");
    }
}
