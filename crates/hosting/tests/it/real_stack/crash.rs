//! Innkeeper killed with SIGKILL: at each step of a site's creation, deletion and restoring, and in the middle of the slow ones.

use std::time::{Duration, Instant};

use accounts::Actor;
use hosting::operations::{self, OperationKind, OperationState, StepState};
use hosting::sites::{Site, SiteState};
use kit::{Error, sql};
use testkit::{Server, Stack, StackOptions};

use super::{WHOLE, held_by_docker, query};

/// When to kill: as soon as the step has begun, or this long after a server has taken it up.
struct Death(&'static str, Duration);

fn at_every_step_and(kind: OperationKind, later: &[(&'static str, u64)]) -> Vec<Death> {
    let mut deaths = Vec::new();
    for step in kind.steps() {
        deaths.push(Death(step, Duration::ZERO));
        deaths.extend(later.iter().filter(|(name, _)| name == step).map(|(name, millis)| Death(name, Duration::from_millis(*millis))));
    }
    deaths
}

/// Lets one server after the other die over the operation, and a last one end it.
async fn die_at(stack: &Stack, site: &Site, deaths: &[Death]) {
    let started = Instant::now();
    let (mut in_time, mut gave_up) = (0, 0);
    for Death(name, after) in deaths {
        let server = Server::start(stack).await;
        let taken_up = Instant::now();
        loop {
            let (operation, steps) = stack.newest(&site.id).await;
            if operation.state == OperationState::Failed {
                // The fifth death in a row counts as the last try: the operation might be what kills. Or the last try met the
                // Compose that a dead server had left at work; tries before the last go on by themselves when that has ended.
                if retried(stack, site).await {
                    gave_up += 1;
                    eprintln!("  given up: {}", operation.error.unwrap().lines().last().unwrap_or_default());
                }
            }
            let step = steps.iter().find(|step| step.name == *name).unwrap();
            if step.state == StepState::Done || (step.state == StepState::Running && taken_up.elapsed() >= *after) {
                break;
            }
            assert!(taken_up.elapsed() < Duration::from_secs(60), "step {name} did not begin within a minute: {steps:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill().await;
        in_time += usize::from(stack.step(&site.id, name).await.state == StepState::Running);
    }
    let server = Server::start(stack).await;
    // The last death may have been one too many.
    while stack.finished(&site.id).await.is_err() {
        gave_up += usize::from(retried(stack, site).await);
    }
    let until = Instant::now() + Duration::from_secs(10);
    while stack.hosting.db.optional::<(String,)>(sql("select id from job where state in ('queued', 'running')")).await.unwrap().is_some() {
        assert!(Instant::now() < until, "a job is left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.kill().await;
    eprintln!("{} deaths in {:?}, {in_time} of them within the step, {gave_up} times given up", deaths.len(), started.elapsed());
    assert!(gave_up <= deaths.len() / 5 + 2, "{gave_up} times given up");
    // Some steps take a millisecond: then it died right after.
    assert!(in_time * 2 >= deaths.len(), "only {in_time} of {} deaths were in time", deaths.len());
    let (operation, steps) = stack.newest(&site.id).await;
    assert_eq!(operation.state, OperationState::Done);
    assert!(steps.iter().all(|step| step.state == StepState::Done && step.error.is_none()), "{steps:?}");
}

/// Tries the failed operation again; false when its last try is not put away yet.
async fn retried(stack: &Stack, site: &Site) -> bool {
    match operations::retry(&stack.hosting, &Actor::cli(), &site.id).await {
        Ok(_) => true,
        Err(Error::Conflict(message)) if message.contains("try again in a moment") => false,
        Err(error) => panic!("{error}"),
    }
}

/// Files that were begun and not finished.
async fn half_written(stack: &Stack) -> String {
    kit::exec::Command::new("find").arg(&stack.data).args(["-name", "*partial*"]).run().await.unwrap().stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn site_survives_deaths_at_every_step_of_its_creation_deletion_and_restoring() {
    let stack = Stack::start_with(StackOptions { idle: true, ..StackOptions::default() }).await;
    let site = stack.ask_for_site("Ada", "ada").await.unwrap();
    let deaths = at_every_step_and(
        OperationKind::Create,
        &[("folder", 30), ("repository", 50), ("address", 100), ("start", 1000), ("certificate", 60)],
    );
    die_at(&stack, &site, &deaths).await;
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Active);
    assert_eq!(held_by_docker(&site).await, WHOLE);
    assert_eq!(stack.get(&site, "/").await.0, 200);
    assert_eq!(stack.get(&site, "/api/health").await.0, 200);
    let commits =
        kit::exec::Command::new("git").args(["rev-list", "--all", "--count"]).dir(stack.hosting.repository(&site)).run().await.unwrap();
    assert_eq!(commits.stdout.trim(), "1");
    assert_eq!(half_written(&stack).await, "");

    // Enough that its dump takes a while, and nothing that could be packed to little.
    query(&site, "create table ballast as select id, string_agg(md5(random()::text), '') as text from generate_series(1, 3000) id, generate_series(1, 200) group by id")
        .await;
    let sum = query(&site, "select md5(string_agg(md5(text), '' order by id)) from ballast").await;
    operations::request(&stack.hosting, &Actor::cli(), &site.id, OperationKind::Delete).await.unwrap();
    let deaths =
        at_every_step_and(OperationKind::Delete, &[("dump", 300), ("stop", 300), ("pack", 30), ("containers", 500), ("remove", 20)]);
    die_at(&stack, &site, &deaths).await;
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Archived);
    assert!(stack.hosting.runtime.remains_of(&site.id).await.unwrap().is_empty());
    assert!(!stack.hosting.site_folder(&site).exists() && !stack.hosting.repository(&site).exists());
    let archive = std::fs::read_dir(stack.hosting.archive_folder(&site)).unwrap();
    let mut archive: Vec<String> = archive.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    archive.sort();
    assert_eq!(archive, ["database.dump", "repository.tar.gz", "site.tar.gz", "storage.tar"]);

    operations::request(&stack.hosting, &Actor::cli(), &site.id, OperationKind::Restore).await.unwrap();
    let deaths = at_every_step_and(OperationKind::Restore, &[("unpack", 50), ("database", 2000), ("uploads", 200), ("start", 700)]);
    die_at(&stack, &site, &deaths).await;
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Active);
    assert_eq!(held_by_docker(&site).await, WHOLE);
    assert_eq!(query(&site, "select md5(string_agg(md5(text), '' order by id)) from ballast").await, sum);
    assert_eq!(stack.get(&site, "/").await.0, 200);
    assert!(!stack.hosting.archive_folder(&site).exists());
    assert_eq!(half_written(&stack).await, "");
    stack.tear_down().await;
}
