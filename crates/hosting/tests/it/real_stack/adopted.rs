//! A plain container of somebody else's: found, adopted, watched, restarted, let go, and otherwise as it was.

use std::time::{Duration, Instant};

use accounts::Actor;
use hosting::adopt;
use hosting::operations::{self, OperationState, RunOperation};
use hosting::probes::{self, HealthState};
use hosting::sites::Site;
use kit::jobs::Registry;
use tokio_util::sync::CancellationToken;

use super::docker;
use crate::house::{House, complaint, houses};

const NAME: &str = "customer-7-wordpress";
const LABEL: &str = "innkeeper.test=adopted";

/// Removes what this test made, and nothing else that may be called so.
async fn clean() {
    let made = docker(&["ps", "--all", "--quiet", "--filter", &format!("label={LABEL}")]).await;
    for id in made.lines() {
        docker(&["rm", "--force", id]).await;
    }
}

/// Everything that must be the same afterwards.
async fn fingerprint() -> String {
    let what = "{{.Id}} {{.Image}} {{.Name}} {{json .Config}} {{json .HostConfig}} {{json .Mounts}} \
                {{range $name, $network := .NetworkSettings.Networks}}{{$name}} {{end}}";
    docker(&["inspect", "--format", what, NAME]).await
}

async fn started_at() -> String {
    docker(&["inspect", "--format", "{{.State.StartedAt}}", NAME]).await
}

async fn until(house: &House, site: &Site, wanted: HealthState) {
    let begun = Instant::now();
    while house.hosting.health(site).state != wanted {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?} is not {wanted}", house.hosting.health(site));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_adopted_and_let_go_and_otherwise_untouched() {
    clean().await;
    let run = ["run", "--detach", "--init", "--restart", "unless-stopped", "--label", LABEL, "--label", "owner=somebody", "--name", NAME];
    docker(&[run.as_slice(), &["nginx:stable", "sleep", "3600"]].concat()).await;
    let ours = ["create", "--label", LABEL, "--label", "innkeeper.edge=test", "--name", "customer-8-magento", "nginx:stable"];
    docker(&ours).await;
    let before = fingerprint().await;
    for house in houses().await {
        story(&house).await;
        assert_eq!(fingerprint().await, before, "{}", house.on());
    }
    clean().await;
}

async fn story(house: &House) {
    let (hosting, cli) = (&house.hosting, Actor::cli());
    let (customer, owner) = house.customer("ada").await;
    let (other, stranger) = house.customer("bob").await;
    let offered = adopt::candidates(hosting, &cli).await.unwrap();
    let found = offered.iter().find(|it| it.container == NAME).expect("the scan offers it");
    assert_eq!((found.kind, found.customer_hint.as_str()), ("wordpress", "7"));
    assert!(!offered.iter().any(|it| it.container == "customer-8-magento"), "one of ours is not offered");

    let refusal = |outcome| complaint::<Site>(outcome);
    let (field, message) = refusal(adopt::adopt(hosting, &cli, &customer, "customer-9-wordpress", None).await);
    assert_eq!((field.as_str(), message.contains("there is no container called")), ("container", true), "{message}");
    let (_, message) = refusal(adopt::adopt(hosting, &cli, &customer, "customer-8-magento", None).await);
    assert_eq!(message, "is one of Innkeeper's own");

    let stop = CancellationToken::new();
    let watch = tokio::spawn(probes::watch(hosting.clone(), stop.clone()));
    // By its id, as Docker allows: it is still known by its name.
    let id = docker(&["inspect", "--format", "{{.Id}}", NAME]).await;
    let begun = Instant::now();
    while hosting.board.unreachable().is_some() {
        assert!(begun.elapsed() < Duration::from_secs(20), "Docker is not watched");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let site = adopt::adopt(hosting, &cli, &customer, &id[..12], None).await.unwrap();
    assert_eq!(hosting.health(&site).state, HealthState::Running, "known from the first moment on");
    assert_eq!(site.name.as_str(), NAME);
    until(house, &site, HealthState::Running).await;
    let health = hosting.health(&site);
    assert_eq!(health.services.iter().map(|it| it.service.as_str()).collect::<Vec<_>>(), ["wordpress"]);
    for whose in [&customer, &other] {
        let (_, message) = refusal(adopt::adopt(hosting, &cli, whose, NAME, None).await);
        assert_eq!(message, format!("is adopted already, as {}", site.id));
    }
    assert!(!adopt::candidates(hosting, &cli).await.unwrap().iter().any(|it| it.container == NAME));
    assert!(probes::restart::request(hosting, &stranger, &site.id, None).await.is_err(), "another customer's is not there");

    let first = started_at().await;
    probes::restart::request(hosting, &owner, &site.id, Some("wordpress")).await.unwrap();
    house.work(Registry::default().job::<RunOperation>()).await;
    let (operation, steps) = operations::newest(&hosting.db, &owner.scope(), &site.id).await.unwrap().unwrap();
    assert_eq!(operation.state, OperationState::Done, "{steps:?}");
    assert_ne!(started_at().await, first, "it was restarted");
    until(house, &site, HealthState::Running).await;

    docker(&["stop", NAME]).await;
    until(house, &site, HealthState::Stopped).await;
    docker(&["start", NAME]).await;
    until(house, &site, HealthState::Running).await;

    adopt::let_go(hosting, &cli, &site.id).await.unwrap();
    let begun = Instant::now();
    while hosting.board.running().iter().any(|(id, ..)| *id == site.id) {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is still watched");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(adopt::candidates(hosting, &cli).await.unwrap().iter().any(|it| it.container == NAME), "it can be adopted again");
    stop.cancel();
    watch.await.unwrap();
}
