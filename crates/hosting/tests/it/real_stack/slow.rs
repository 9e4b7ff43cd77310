//! Docker that answers, but late: what is known stays shown, what is new comes later, and nobody waits for ever.

use std::time::{Duration, Instant};

use hosting::logs::Wanted;
use hosting::probes::{HealthState, SiteHealth};
use kit::Error;
use testkit::EngineGate;

use super::docker;
use super::scene::Scene;

/// More than any answer takes on an idle machine, less than is waited for.
const LATE: Duration = Duration::from_millis(1200);
/// Longer than a ping may take.
const TOO_LATE: Duration = Duration::from_secs(7);

fn www(scene: &Scene) -> (SiteHealth, HealthState) {
    let health = scene.house.hosting.health(&scene.site);
    let state = health.services.iter().find(|it| it.service == "www").unwrap().reading.state;
    (health, state)
}

async fn until(scene: &Scene, limit: Duration, wanted: HealthState) -> Duration {
    let began = Instant::now();
    while www(scene).1 != wanted {
        assert!(began.elapsed() < limit, "not {wanted} within {limit:?}: {:#?}", www(scene).0);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    eprintln!("{wanted} after {:?}", began.elapsed());
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_docker_is_believed_and_one_that_takes_too_long_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let gate = EngineGate::shut_in(folder.path());
    gate.open();
    let scene = Scene::behind(Some(&gate)).await;
    scene.run("www", &[], "echo here; exec sleep 600").await;
    scene.until_seen(1).await;
    let name = scene.site.container("www");

    gate.slow_down(LATE);
    docker(&["kill", &name]).await;
    let seen = until(&scene, LATE * 4, HealthState::Stopped).await;
    assert!(seen >= LATE, "the gate lets answers through at once");
    docker(&["start", &name]).await;
    until(&scene, LATE * 4, HealthState::Running).await;
    let began = Instant::now();
    let lines = scene.recent(Wanted::default()).await.unwrap().lines;
    assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["here", "here"]);
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    // Longer than the ping that asks whether Docker lives.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        assert_eq!(www(&scene).1, HealthState::Running, "slow is not away");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    gate.slow_down(TOO_LATE);
    let began = Instant::now();
    let logs = scene.recent(Wanted::default()).await;
    assert!(matches!(&logs, Err(Error::Unavailable { .. })), "{logs:?}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    until(&scene, Duration::from_secs(12), HealthState::Unknown).await;
    assert_eq!(www(&scene).0.reason, "Docker did not answer within 5 s");
    // Nobody who looks at a page waits for Docker.
    let began = Instant::now();
    www(&scene);
    assert!(began.elapsed() < Duration::from_millis(50));

    gate.slow_down(Duration::ZERO);
    until(&scene, Duration::from_secs(15), HealthState::Running).await;
    scene.end().await;
}
