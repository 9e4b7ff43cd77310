//! A site's own variables: versions, who may see and change them, two who change them at once, and what is at rest.

use std::collections::{BTreeMap, BTreeSet};

use accounts::{Actor, AuditQuery, audit};
use hosting::deployments::{DeploymentKind, DeploymentState};
use hosting::environment::{self, Applied, Change, Changed};
use hosting::redact;
use hosting::sites::{Site, SiteId, SiteState};
use kit::secrets::Secret;
use kit::{Error, Result, sql};

use crate::house::{House, complaint, houses, small_house};

fn setting(base_version: i64, set: &[(&str, &str)]) -> Change {
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
    Change { base_version, set, ..Change::default() }
}

fn removing(base_version: i64, names: &[&str]) -> Change {
    Change { base_version, remove: names.iter().map(|name| (*name).to_owned()).collect(), ..Change::default() }
}

async fn change(house: &House, actor: &Actor, site: &SiteId, wish: &Change) -> Result<Changed> {
    // What is done next is newer.
    house.hosting.clock.advance(std::time::Duration::from_millis(1));
    environment::change(&house.hosting, actor, site, wish).await
}

async fn overview(house: &House, site: &SiteId) -> environment::Overview {
    environment::overview(&house.hosting, &Actor::cli().scope(), site).await.unwrap()
}

/// An active site, of which nothing runs.
async fn active_site(house: &House) -> (Actor, Site) {
    let (customer, actor) = house.customer("ada").await;
    let site = house.create(&actor, &customer, "ada").await.unwrap();
    (actor, house.settle(&site.id, SiteState::Active).await)
}

#[tokio::test]
async fn each_change_is_a_version_and_a_deployment_that_builds_nothing() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        let first = change(&house, &actor, &site.id, &setting(0, &[("STRIPE_KEY", "sk_one"), ("GREETING", "Hi")])).await.unwrap();
        assert_eq!((first.version, first.diff.in_words().as_str()), (1, "added GREETING, STRIPE_KEY"), "{}", house.on());
        let deployment = first.deployment.unwrap();
        assert_eq!((deployment.kind, deployment.environment_version), (DeploymentKind::Settings, 1));
        assert_eq!(deployment.state, DeploymentState::Running, "its turn comes at once");

        let seen = overview(&house, &site.id).await;
        assert_eq!(seen.variables.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["GREETING", "STRIPE_KEY"]);
        assert_eq!((seen.version, seen.live_version), (1, 0));
        assert!(matches!(&seen.applied, Applied::Underway(it) if it.id == deployment.id), "{:?}", seen.applied);

        // The next one waits behind it, and the one after takes its place.
        let mut both = setting(1, &[("STRIPE_KEY", "sk_two")]);
        both.remove = BTreeSet::from(["GREETING".to_owned()]);
        let second = change(&house, &actor, &site.id, &both).await.unwrap();
        assert_eq!(second.diff.in_words(), "changed STRIPE_KEY; removed GREETING");
        let waiting = second.deployment.unwrap();
        assert_eq!(waiting.state, DeploymentState::Queued);
        let third = change(&house, &actor, &site.id, &removing(2, &["STRIPE_KEY"])).await.unwrap();
        assert_eq!(third.deployment.unwrap().environment_version, 3);
        let state: (String,) = house.hosting.db.one(sql("select state from deployment where id = $1").bind(&waiting.id)).await.unwrap();
        assert_eq!(state.0, "superseded");
        assert_eq!(overview(&house, &site.id).await.variables.len(), 0);

        let history = environment::history(&house.hosting.db, &actor.scope(), &site.id, None, 50).await.unwrap();
        let told: Vec<(i64, String, &str)> =
            history.iter().map(|it| (it.version, it.changes().unwrap().in_words(), it.created_by.as_str())).collect();
        assert_eq!(
            told,
            [
                (3, "removed STRIPE_KEY".to_owned(), "Olga Owner"),
                (2, "changed STRIPE_KEY; removed GREETING".to_owned(), "Olga Owner"),
                (1, "added GREETING, STRIPE_KEY".to_owned(), "Olga Owner"),
            ]
        );
        let older = environment::history(&house.hosting.db, &actor.scope(), &site.id, Some(3), 1).await.unwrap();
        assert_eq!(older.iter().map(|it| it.version).collect::<Vec<_>>(), [2]);

        // Back to the first: a new version with the old values.
        let back = environment::restoring(&house.hosting, &actor.scope(), &site.id, 3, 1).await.unwrap();
        let fourth = change(&house, &actor, &site.id, &back).await.unwrap();
        assert_eq!((fourth.version, fourth.diff.in_words().as_str()), (4, "added GREETING, STRIPE_KEY"));
        let value = environment::reveal(&house.hosting, &actor, &site.id, 4, "STRIPE_KEY").await.unwrap();
        assert_eq!(value.reveal(), "sk_one");
        assert_eq!(overview(&house, &site.id).await.history[0].restores, Some(1));
    }
}

#[tokio::test]
async fn of_two_who_change_at_once_one_is_refused_and_told_what_changed() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        change(&house, &actor, &site.id, &setting(0, &[("A", "1")])).await.unwrap();
        for round in 1..5 {
            let (mine, theirs) = (format!("MINE_{round}"), format!("THEIRS_{round}"));
            let (one, other) = (setting(round, &[(&mine, "x")]), setting(round, &[(&theirs, "x")]));
            let cli = Actor::cli();
            let (one, other) = tokio::join!(
                environment::change(&house.hosting, &actor, &site.id, &one),
                environment::change(&house.hosting, &cli, &site.id, &other)
            );
            assert_ne!(one.is_ok(), other.is_ok(), "{}: {one:?} {other:?}", house.on());
            let seen = overview(&house, &site.id).await;
            assert_eq!(seen.version, round + 1);
            assert_eq!(seen.variables.len(), usize::try_from(round).unwrap() + 1);
        }
        let late = change(&house, &actor, &site.id, &setting(4, &[("A", "2")])).await;
        let Err(Error::Conflict(message)) = late else { panic!("{late:?}") };
        assert!(message.contains("changed meanwhile: version 5 by") && message.contains("_4"), "{message}");
        let early = change(&house, &actor, &site.id, &setting(9, &[("A", "2")])).await;
        assert_eq!(complaint(early).0, "base_version");
        // Nothing of those that lost is left behind.
        assert_eq!(house.test.count("select cast(count(*) as bigint) from environment_version").await, 5);
        assert_eq!(house.test.count("select cast(count(*) as bigint) from audit where action = 'site.environment'").await, 5);
    }
}

#[tokio::test]
async fn another_customers_variables_do_not_exist() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        let (_, bob) = house.customer("bob").await;
        change(&house, &actor, &site.id, &setting(0, &[("A", "1")])).await.unwrap();
        let (hosting, scope) = (&house.hosting, bob.scope());
        let missing = |error: Option<Error>| matches!(error, Some(Error::NotFound(_)));
        assert!(missing(environment::overview(hosting, &scope, &site.id).await.err()));
        assert!(missing(environment::history(&hosting.db, &scope, &site.id, None, 5).await.err()));
        assert!(missing(environment::platform(hosting, &scope, &site.id).await.err()));
        assert!(missing(environment::reveal(hosting, &bob, &site.id, 1, "A").await.err()));
        assert!(missing(environment::planned(hosting, &scope, &site.id, &setting(1, &[("A", "2")])).await.err()));
        assert!(missing(environment::restoring(hosting, &scope, &site.id, 1, 1).await.err()));
        assert!(missing(change(&house, &bob, &site.id, &setting(1, &[("A", "2")])).await.err()));
        assert_eq!(overview(&house, &site.id).await.version, 1);
    }
}

#[tokio::test]
async fn what_may_not_be_is_refused_by_name_and_leaves_nothing() {
    let house = small_house().await;
    let (actor, site) = active_site(&house).await;
    for (name, value) in [
        ("lower", "x"),
        ("A=B", "x"),
        ("A\nTRUSTED", "x"),
        ("A: &x {b: c}", "x"),
        ("$(touch MARKER)", "x"),
        ("DB_PASSWORD", "x"),
        ("API_INTERNAL_HOST", "x"),
        ("COMPOSE_FILE", "/etc/passwd"),
        ("LD_PRELOAD", "/tmp/x.so"),
        ("GOOD", "a\0b"),
        ("GOOD", &"x".repeat(environment::MAX_VALUE + 1)),
    ] {
        assert_eq!(complaint(change(&house, &actor, &site.id, &setting(0, &[(name, value)])).await).0, format!("set.{name}"));
    }
    assert_eq!(complaint(change(&house, &actor, &site.id, &removing(0, &["NEVER"])).await).0, "remove.NEVER");
    let many: BTreeMap<String, Secret> = (0..201).map(|number| (format!("V{number}"), Secret::new("x"))).collect();
    assert!(complaint(change(&house, &actor, &site.id, &Change { set: many, ..Change::default() }).await).1.contains("200"));
    let large = "x".repeat(environment::MAX_VALUE);
    let large: BTreeMap<String, Secret> = (0..8).map(|number| (format!("V{number}"), Secret::new(large.clone()))).collect();
    assert!(complaint(change(&house, &actor, &site.id, &Change { set: large, ..Change::default() }).await).1.contains("256 KB"));
    let nothing = change(&house, &actor, &site.id, &Change::default()).await;
    assert!(matches!(&nothing, Err(Error::Conflict(message)) if message.contains("nothing would change")), "{nothing:?}");
    assert_eq!(house.test.count("select cast(count(*) as bigint) from environment_version").await, 0);
    assert_eq!(house.test.count("select cast(count(*) as bigint) from deployment").await, 0);

    // What Innkeeper only proposes may be replaced.
    change(&house, &actor, &site.id, &setting(0, &[("MAIL_HOST", "smtp.example"), ("LOG_LEVEL", "debug")])).await.unwrap();
}

#[tokio::test]
async fn values_are_sealed_for_their_site_and_version_and_stand_nowhere_else() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        let value = "sentinel-4fK9aQ2z";
        change(&house, &actor, &site.id, &setting(0, &[("STRIPE_KEY", value), ("OTHER_NAME", "sentinel-plain")])).await.unwrap();
        change(&house, &actor, &site.id, &setting(1, &[("STRIPE_KEY", "sentinel-second")])).await.unwrap();
        environment::reveal(&house.hosting, &actor, &site.id, 1, "STRIPE_KEY").await.unwrap();
        for table in ["environment_version", "audit", "job", "deployment", "release", "site_operation", "site_step"] {
            let columns = match table {
                "environment_version" => "sealed || changes || created_by",
                "audit" => "detail",
                "job" => "payload",
                "deployment" => "subject || branch || coalesce(error, '')",
                "release" => "images",
                "site_operation" => "coalesce(error, '')",
                _ => "coalesce(detail, '') || coalesce(error, '')",
            };
            let rows: Vec<(String,)> = house.hosting.db.all(sql("select").and(columns).and("from").and(table)).await.unwrap();
            assert!(rows.iter().all(|(text,)| !text.contains("sentinel")), "{} {table}: {rows:?}", house.on());
        }
        // The file itself, its journal included.
        if let Some(folder) = house.test.folder() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let bytes = std::fs::read(entry.unwrap().path()).unwrap();
                assert!(!bytes.windows(8).any(|window| window == b"sentinel"));
            }
        }
        // A seal that was moved to another version does not open, and nothing is empty instead.
        let moved =
            sql("update environment_version set sealed = (select sealed from environment_version where site_id = $1 and version = 1)
             where site_id = $1 and version = 2");
        house.hosting.db.execute(moved.bind(&site.id)).await.unwrap();
        let failed = environment::overview(&house.hosting, &actor.scope(), &site.id).await;
        assert!(matches!(&failed, Err(Error::Conflict(message)) if message.contains("cannot be read")), "{failed:?}");
        let failed = change(&house, &actor, &site.id, &setting(2, &[("A", "1")])).await;
        assert!(matches!(&failed, Err(Error::Conflict(_))), "{failed:?}");
        // Nor are logs shown, when it is not known what to hide in them.
        assert!(redact::known_of(&house.hosting, &site).await.is_err());
    }
}

#[tokio::test]
async fn values_are_hidden_in_logs_before_and_after_they_are_in_use() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        let pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQC7VJTU\n-----END PRIVATE KEY-----";
        let first = [("SHOP_PASSWORD", "open sesame"), ("GREETING", "Hello there"), ("SIGNING_KEY", pem)];
        change(&house, &actor, &site.id, &setting(0, &first)).await.unwrap();
        change(&house, &actor, &site.id, &setting(1, &[("SHOP_PASSWORD", "swordfish two")])).await.unwrap();
        change(&house, &actor, &site.id, &removing(2, &["SHOP_PASSWORD"])).await.unwrap();
        let known = redact::known_of(&house.hosting, &site).await.unwrap();
        let line = "Hello there: open sesame, swordfish two, b3BlbiBzZXNhbWU= AASCBKcwggSjAgEAAoIBAQC7VJTU";
        assert_eq!(
            redact::text(&known, line),
            "Hello there: [redacted:secret], [redacted:secret], [redacted:secret] [redacted:secret]",
            "{}",
            house.on()
        );
    }
}

#[tokio::test]
async fn stopped_site_takes_a_change_over_at_its_start_and_other_states_take_none() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        for state in SiteState::ALL.iter().filter(|state| !matches!(state, SiteState::Active | SiteState::Stopped)) {
            house.settle(&site.id, *state).await;
            let refused = change(&house, &actor, &site.id, &setting(0, &[("A", "1")])).await;
            assert!(matches!(&refused, Err(Error::Conflict(_))), "{state}: {refused:?}");
        }
        house.settle(&site.id, SiteState::Stopped).await;
        let changed = change(&house, &actor, &site.id, &setting(0, &[("A", "1")])).await.unwrap();
        assert!(changed.deployment.is_none());
        assert!(matches!(overview(&house, &site.id).await.applied, Applied::AtStart), "{}", house.on());
        assert_eq!(house.test.count("select cast(count(*) as bigint) from deployment").await, 0);
        // A start that is under way has read them already.
        hosting::operations::request(&house.hosting, &actor, &site.id, hosting::operations::OperationKind::Start).await.unwrap();
        let refused = change(&house, &actor, &site.id, &setting(1, &[("A", "2")])).await;
        assert!(matches!(&refused, Err(Error::Conflict(message)) if message.contains("busy")), "{refused:?}");
    }
}

#[tokio::test]
async fn old_values_are_given_up_and_who_changed_what_is_kept() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        house.settle(&site.id, SiteState::Stopped).await;
        for version in 0..23 {
            change(&house, &actor, &site.id, &setting(version, &[("A", &version.to_string())])).await.unwrap();
            if version == 1 {
                let release =
                    sql("insert into release (id, site_id, commit_hash, images, environment_version, template_version, created_at)
                     values ('rel_000000000000000002', $1, '', '{}', 2, '1', 1)");
                house.hosting.db.execute(release.bind(&site.id)).await.unwrap();
            }
        }
        let history = environment::history(&house.hosting.db, &actor.scope(), &site.id, None, 50).await.unwrap();
        assert_eq!(history.len(), 23);
        let gone: Vec<i64> = history.iter().filter(|it| !it.is_kept).map(|it| it.version).collect();
        assert_eq!(gone, [3, 1], "{}: what a release needs stays", house.on());
        let refused = environment::restoring(&house.hosting, &actor.scope(), &site.id, 23, 3).await;
        assert!(matches!(&refused, Err(Error::Conflict(message)) if message.contains("no longer kept")), "{refused:?}");
    }
}

#[tokio::test]
async fn revealing_is_written_down_without_the_value() {
    let house = small_house().await;
    let (actor, site) = active_site(&house).await;
    change(&house, &actor, &site.id, &setting(0, &[("STRIPE_KEY", "sk_one")])).await.unwrap();
    assert!(matches!(environment::reveal(&house.hosting, &actor, &site.id, 1, "NEVER").await, Err(Error::NotFound(_))));
    environment::reveal(&house.hosting, &actor, &site.id, 1, "STRIPE_KEY").await.unwrap();
    let query = AuditQuery { action: Some("site.environment_reveal".to_owned()), ..AuditQuery::default() };
    let rows = audit::list(&house.hosting.db, &actor, &query).await.unwrap().items;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].detail, serde_json::json!({ "variable": "STRIPE_KEY", "version": 1 }));

    let platform = environment::platform(&house.hosting, &actor.scope(), &site.id).await.unwrap();
    let secrets = site.open_secrets(&house.hosting.key).unwrap();
    let shown = format!("{platform:?}");
    for secret in [&secrets.db_password, &secrets.jwt_secret, &secrets.session_secret, &secrets.owner_password] {
        assert!(!shown.contains(secret.as_str()));
    }
    assert!(platform.iter().any(|it| it.name == "DB_PASSWORD" && it.value.is_none()));
    assert!(platform.iter().any(|it| it.name == "APP_DOMAIN" && it.value.as_deref() == Some(site.domain.as_str())));
    for variable in &platform {
        assert_eq!(environment::complaint_about_name(variable.name).is_none(), variable.may_be_replaced, "{}", variable.name);
    }
}
