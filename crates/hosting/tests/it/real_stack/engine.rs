//! Docker that does not run, at the start of an operation and in the middle of one.

use std::time::{Duration, Instant};

use accounts::Actor;
use hosting::operations::{self, OperationKind, OperationState, StepState};
use hosting::sites::{Site, SiteState};
use testkit::{EngineGate, Server, Stack, StackOptions, Tries};

use super::{WHOLE, held_by_docker};

const SENTENCE: &str = "Docker does not answer; start the Docker service on this server";

#[tokio::test(flavor = "multi_thread")]
async fn operations_say_that_docker_is_down_and_go_on_when_it_is_back() {
    let stack = Stack::start_with(StackOptions { idle: true, tries: Tries::Two, ..StackOptions::default() }).await;
    let gate = EngineGate::shut_in(&stack.data);
    let server = Server::start_behind(&stack, &gate).await;

    // Down at the start: what needs no Docker is done, the rest waits and goes on by itself.
    let site = stack.ask_for_site("Ada", "ada").await.unwrap();
    let error = until_step_complains(&stack, &site, "compose").await;
    assert!(error.starts_with(SENTENCE) && error.ends_with("(trying again)"), "{error}");
    for done in ["folder", "environment", "repository", "webhook"] {
        assert_eq!(stack.step(&site.id, done).await.state, StepState::Done, "{done}");
    }
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Provisioning);
    gate.open();
    stack.finished(&site.id).await.unwrap();
    assert_eq!(stack.get(&site, "/").await.0, 200);

    // Down for good in the middle of a start.
    operations::request(&stack.hosting, &Actor::cli(), &site.id, OperationKind::Stop).await.unwrap();
    stack.finished(&site.id).await.unwrap();
    operations::request(&stack.hosting, &Actor::cli(), &site.id, OperationKind::Start).await.unwrap();
    while stack.step(&site.id, "start").await.state != StepState::Running {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.shut();
    let error = stack.finished(&site.id).await.unwrap_err().to_string();
    assert!(error.starts_with("step start:") && error.contains(SENTENCE), "{error}");
    let (operation, step) = (stack.newest(&site.id).await.0, stack.step(&site.id, "start").await);
    assert_eq!((operation.state, step.state), (OperationState::Failed, StepState::Failed));
    assert!(step.error.as_deref().unwrap().starts_with(SENTENCE), "{step:?}");
    // The truth about the site: it was stopped, and visitors are told so.
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Stopped);
    assert_eq!(stack.get(&site, "/").await.0, 503);

    gate.open();
    stack.retry(&site.id).await.unwrap();
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Active);
    assert_eq!(held_by_docker(&site).await, WHOLE);
    assert_eq!(stack.get(&site, "/").await.0, 200);

    // Down in the middle of a deletion: nothing of the archive is lost, and it ends when Docker is back.
    operations::request(&stack.hosting, &Actor::cli(), &site.id, OperationKind::Delete).await.unwrap();
    while stack.step(&site.id, "containers").await.state == StepState::Waiting {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    gate.shut();
    let error = stack.finished(&site.id).await.unwrap_err().to_string();
    assert!(error.starts_with("step containers:") && error.contains(SENTENCE), "{error}");
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Deleting);
    assert!(stack.hosting.archive_folder(&site).join("database.dump").is_file());
    gate.open();
    stack.retry(&site.id).await.unwrap();
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Archived);
    assert!(held_by_docker(&site).await.is_empty());
    server.kill().await;
    stack.tear_down().await;
}

async fn until_step_complains(stack: &Stack, site: &Site, name: &str) -> String {
    let started = Instant::now();
    loop {
        if let Some(error) = stack.step(&site.id, name).await.error {
            return error;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "step {name} did not fail");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
