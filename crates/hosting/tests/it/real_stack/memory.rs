//! A process that is ended for its memory in a container that goes on, which only one event tells.

use std::time::{Duration, Instant};

use accounts::Actor;
use hosting::probes::incidents::{self, Incident};
use hosting::probes::{Cause, HealthState, status_page};

use super::docker;
use super::scene::Scene;

/// Ends its child each time it is told to.
const PARENT: &str = "trap 'tail /dev/zero' USR1; while :; do sleep 0.1; done";

async fn noted(scene: &Scene) -> Vec<Incident> {
    let mut found = incidents::of_site(&scene.house.hosting.db, &Actor::cli().scope(), &scene.site.id, 50).await.unwrap();
    // Its container was not there at first, nor are those of the others.
    found.retain(|it| it.service == "api" && it.cause != Cause::Removed);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn child_that_is_ended_for_its_memory_is_told_and_the_service_counts_as_up() {
    let scene = Scene::begin().await;
    let hosting = &scene.house.hosting;
    scene.run("api", &["--memory=16m", "--memory-swap=16m"], PARENT).await;
    scene.until_seen(1).await;
    let api = scene.site.container("api");
    let state = || hosting.health(&scene.site).services.into_iter().find(|it| it.service == "api").unwrap().reading.state;
    let end_child = async || docker(&["kill", "--signal", "USR1", &api]).await;

    end_child().await;
    let began = Instant::now();
    let found = loop {
        assert_eq!(state(), HealthState::Running);
        let found = noted(&scene).await;
        if !found.is_empty() {
            break found;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "nothing was noted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((found.len(), found[0].cause, found[0].was_survived()), (1, Cause::OutOfMemory, true), "{found:?}");
    assert_eq!(found[0].detail.as_deref(), Some("ran out of memory; one of its processes was ended, and the rest went on"));
    let public = status_page::read(hosting, Some(&Actor::cli().scope()), &scene.site.id).await.unwrap();
    assert!(public.past.is_empty(), "{:?}", public.past);

    // Again and again: told once an hour.
    end_child().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(noted(&scene).await.len(), 1);
    hosting.clock.advance(Duration::from_secs(3601));
    end_child().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(noted(&scene).await.len(), 2);

    // When the main process goes with it, that is an end, and no survival besides.
    hosting.clock.advance(Duration::from_secs(3601));
    end_child().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    docker(&["kill", &api]).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let last = noted(&scene).await;
    assert_eq!((last.len(), last.iter().filter(|it| it.was_survived()).count()), (3, 2), "{last:#?}");
    assert_eq!(state(), HealthState::Stopped);
    scene.end().await;
}
