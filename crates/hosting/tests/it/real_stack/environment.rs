//! Changed variables reach the containers of a site that is visited all the while, or nothing happens at all.

use accounts::Actor;
use hosting::deployments::{self, DeploymentState, Wish};
use hosting::environment::{self, Change};
use hosting::operations::OperationKind;
use hosting::sites::{Site, SiteState};
use kit::secrets::Secret;
use kit::sql;
use testkit::Stack;

use super::deploy::Visitors;
use super::{WHOLE, docker, held_by_docker};

async fn images(site: &Site) -> Vec<String> {
    let mut images = Vec::new();
    for service in ["www", "api", "alert", "db"] {
        images.push(docker(&["inspect", "--format", "{{.Image}}", &site.container(service)]).await);
    }
    images
}

async fn seen_by(site: &Site, service: &str, name: &str) -> String {
    let script = format!("printenv {name} || echo 'not set'");
    docker(&["exec", &site.container(service), "sh", "-c", &script]).await
}

async fn change(stack: &Stack, site: &Site, base_version: i64, set: &[(&str, &str)], remove: &[&str]) -> environment::Changed {
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
    let remove = remove.iter().map(|name| (*name).to_owned()).collect();
    let change = Change { base_version, set, remove, restores: None };
    environment::change(&stack.hosting, &Actor::cli(), &site.id, &change).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_variables_reach_containers_unnoticed_and_unreadable_ones_change_nothing() {
    let stack = Stack::start().await;
    let site = stack.site("Ada", "ada").await;
    let (before, database) = (images(&site).await, docker(&["inspect", "--format", "{{.Id}}", &site.container("db")]).await);
    let visitors = Visitors::come(&stack, &site, 4);

    let nasty = "two\nlines \"quoted\" $HOME ${DB_PASSWORD} `id` $(touch MARKER) # 'x' \\n \\";
    let changed = change(&stack, &site, 0, &[("SHOP_PASSWORD", "swordfish-one"), ("NASTY", nasty), ("LOG_LEVEL", "debug")], &[]).await;
    let deployment = stack.deployed(&changed.deployment.unwrap()).await;
    assert_eq!((deployment.state, deployment.error.as_deref()), (DeploymentState::Success, None));
    for service in ["www", "api", "alert"] {
        assert_eq!(seen_by(&site, service, "SHOP_PASSWORD").await, "swordfish-one", "{service}");
        assert_eq!(seen_by(&site, service, "NASTY").await, nasty, "{service}");
    }
    assert_eq!(seen_by(&site, "api", "LOG_LEVEL").await, "debug", "what Innkeeper only proposes is replaced");
    assert_eq!(seen_by(&site, "db", "SHOP_PASSWORD").await, "not set", "the database is not the site's code");
    assert_eq!(held_by_docker(&site).await, WHOLE);

    // A seal that does not open stops the deployment; the old containers serve on with what they have.
    let key = sql("select sealed from environment_version where site_id = $1 and version = 1").bind(&site.id);
    let (sealed,): (String,) = stack.hosting.db.one(key).await.unwrap();
    let spoil = |seal: &str| sql("update environment_version set sealed = $2 where site_id = $1").bind(&site.id).bind(seal);
    stack.hosting.db.execute(spoil("spoilt")).await.unwrap();
    let asked = deployments::request(&stack.hosting, &Actor::cli(), &site.id, &Wish::new_settings()).await.unwrap();
    let failed = stack.deployed(&asked).await;
    assert_eq!(failed.state, DeploymentState::Failed);
    assert!(failed.error.as_deref().is_some_and(|error| error.contains("cannot be read")), "{:?}", failed.error);
    assert_eq!(seen_by(&site, "api", "SHOP_PASSWORD").await, "swordfish-one");
    stack.hosting.db.execute(spoil(&sealed)).await.unwrap();
    let live = deployments::get(&stack.hosting.db, &Actor::cli().scope(), &deployment.id).await.unwrap();
    assert_eq!(live.release_id, Some(stack.reload(&site.id).await.unwrap().release_id));

    let (asked, lost) = visitors.leave().await;
    eprintln!("{asked} requests, {lost} failed");
    assert!(asked > 100, "{asked}");
    assert_eq!(lost, 0);
    assert_eq!(images(&site).await, before, "nothing was built");
    assert_eq!(docker(&["inspect", "--format", "{{.Id}}", &site.container("db")]).await, database, "the database is left alone");

    // A stopped site takes a change over when it is started, with a release of its own.
    stack.operate(&site.id, OperationKind::Stop).await.unwrap();
    let changed = change(&stack, &site, 1, &[("SHOP_PASSWORD", "swordfish-two")], &["NASTY"]).await;
    assert!(changed.deployment.is_none());
    stack.operate(&site.id, OperationKind::Start).await.unwrap();
    let started = stack.reload(&site.id).await.unwrap();
    assert_eq!(started.state, SiteState::Active);
    assert_ne!(Some(&started.release_id), live.release_id.as_ref());
    assert_eq!(seen_by(&site, "api", "SHOP_PASSWORD").await, "swordfish-two");
    assert_eq!(seen_by(&site, "api", "NASTY").await, "not set");
    assert_eq!(stack.get(&site, "/").await.0, 200);
    let overview = environment::overview(&stack.hosting, &Actor::cli().scope(), &site.id).await.unwrap();
    assert_eq!((overview.version, overview.live_version), (2, 2));
    let kept = deployments::releases::kept(&stack.hosting.db, &Actor::cli().scope(), &site.id).await.unwrap();
    assert!(kept.iter().any(|release| release.id == started.release_id), "there is a way back to it");

    // Started again without a change, it is the same release.
    stack.operate(&site.id, OperationKind::Stop).await.unwrap();
    stack.operate(&site.id, OperationKind::Start).await.unwrap();
    assert_eq!(stack.reload(&site.id).await.unwrap().release_id, started.release_id);
    assert_eq!(held_by_docker(&site).await, WHOLE);
    stack.tear_down().await;
}
