//! Deployments: a pushed commit goes live without a visitor noticing, or what served before still serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use accounts::Actor;
use hosting::deployments::watch::{Evidence, Verdict};
use hosting::deployments::{self, DeploymentKind, DeploymentState, releases};
use hosting::operations::{OperationKind, OperationState, StepState};
use hosting::reconcile::Deployments;
use hosting::sites::Site;
use kit::jobs::Reconciler;
use kit::sql;
use testkit::{EngineGate, Server, Stack, StackOptions, Tries};
use tokio::task::JoinHandle;

use super::{WHOLE, docker, held_by_docker};

/// The api's front door, answering with a header of the test's own.
pub(super) fn api_with(mark: &str) -> String {
    let own = include_str!("../../../../../templates/base/api/public/index.php");
    own.replacen("require", &format!("header('X-Mark: {mark}');\nrequire"), 1)
}

pub(super) async fn mark_of(stack: &Stack, site: &Site) -> String {
    let answer = stack.browser(site).get(stack.url(site, "/api/health")).send().await.unwrap();
    answer.headers().get("x-mark").map(|mark| mark.to_str().unwrap().to_owned()).unwrap_or_default()
}

async fn release_of(stack: &Stack, site: &Site, path: &str) -> String {
    let answer = stack.browser(site).get(stack.url(site, path)).send().await.unwrap();
    answer.headers().get("x-innkeeper-release").map(|release| release.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// Visitors that ask for `/` and `/api/health` all the time, and count what fails.
pub(super) struct Visitors {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
    failed: Arc<AtomicU32>,
    tasks: Vec<JoinHandle<()>>,
}

impl Visitors {
    pub(super) fn come(stack: &Stack, site: &Site, how_many: usize) -> Visitors {
        let (stop, asked, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let browser = stack.browser(site);
        let tasks = (0..how_many).map(|number| {
            let (stop, asked, failed, browser) = (stop.clone(), asked.clone(), failed.clone(), browser.clone());
            let url = stack.url(site, if number % 2 == 0 { "/" } else { "/api/health" });
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    asked.fetch_add(1, Ordering::Relaxed);
                    match browser.get(&url).send().await {
                        Ok(answer) if answer.status() == 200 => {
                            let _ = answer.bytes().await;
                        }
                        Ok(answer) => {
                            eprintln!("  {url}: {}", answer.status());
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => {
                            eprintln!("  {url}: {error:?}");
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        });
        Visitors { tasks: tasks.collect(), stop, asked, failed }
    }

    /// Sends them away; how many requests there were, and how many failed.
    pub(super) async fn leave(self) -> (u32, u32) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        (self.asked.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_go_live_unnoticed_fail_harmlessly_and_can_be_taken_back() {
    let stack = Stack::start().await;
    let site = stack.site("Ada", "ada").await;
    let first = stack.reload(&site.id).await.unwrap().release_id;
    let database = docker(&["inspect", "--format", "{{.Id}} {{.State.StartedAt}}", &site.container("db")]).await;
    let visitors = Visitors::come(&stack, &site, 4);

    // A commit goes live, and the edge says which release answers.
    let commit = stack.commit(&site, "main", &[("api/public/index.php", &api_with("one"))]).await;
    let deployment = stack.deploy(&site, &commit).await;
    assert_eq!((deployment.state, deployment.error.as_deref()), (DeploymentState::Success, None));
    assert_eq!(deployment.commit_hash, commit);
    assert_eq!(mark_of(&stack, &site).await, "one");
    let live = stack.reload(&site.id).await.unwrap().release_id;
    assert_ne!(live, first);
    for path in ["/", "/api/health", "/socket.io/?EIO=4&transport=polling"] {
        assert_eq!(release_of(&stack, &site, path).await, live.as_str(), "{path}");
    }
    assert_eq!(held_by_docker(&site).await, WHOLE);
    // The folder is what serves, and says so to whoever looks there.
    let folder = stack.hosting.site_folder(&site);
    assert!(std::fs::read_to_string(folder.join("api/public/index.php")).unwrap().contains("X-Mark: one"));
    let status = kit::exec::Command::new("git").args(["status", "--porcelain"]).dir(&folder).run().await.unwrap().stdout;
    assert_eq!(status.lines().filter(|line| !line.starts_with("??")).count(), 0, "{status}");

    // One whose code cannot start: what served before still serves, and the log says what it said.
    let broken = stack.commit(&site, "main", &[("api/docker/entrypoint.sh", "#!/bin/sh\necho no way today >&2\nexit 3\n")]).await;
    let deployment = stack.deploy(&site, &broken).await;
    assert_eq!(deployment.state, DeploymentState::Failed);
    assert_eq!(stack.newest(&site.id).await.0.state, OperationState::Failed);
    assert_eq!(mark_of(&stack, &site).await, "one");
    assert_eq!(stack.reload(&site.id).await.unwrap().release_id, live);
    assert_eq!(held_by_docker(&site).await, WHOLE);
    let (_, lines, _) = deployments::log::read(&stack.hosting, &Actor::cli().scope(), &deployment.id, 0).await.unwrap();
    let log: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert!(log.iter().any(|line| line.contains("no way today")), "{log:?}");

    // Back to the first release, without a build.
    let kept = releases::kept(&stack.hosting.db, &Actor::cli().scope(), &site.id).await.unwrap();
    assert!(kept.iter().any(|release| release.id == first), "{kept:?}");
    let asked = deployments::rollback(&stack.hosting, &Actor::cli(), &site.id, &first).await.unwrap();
    let deployment = stack.deployed(&asked).await;
    assert_eq!((deployment.state, deployment.error.as_deref()), (DeploymentState::Success, None));
    assert_eq!(mark_of(&stack, &site).await, "");
    assert_eq!(release_of(&stack, &site, "/").await, first.as_str());
    assert_eq!(held_by_docker(&site).await, WHOLE);

    let (asked, failed) = visitors.leave().await;
    eprintln!("{asked} requests, {failed} failed");
    assert!(asked > 200, "{asked}");
    assert_eq!(failed, 0);
    let same = docker(&["inspect", "--format", "{{.Id}} {{.State.StartedAt}}", &site.container("db")]).await;
    assert_eq!(same, database, "the database is left alone");
    stack.tear_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_never_gets_healthy_is_given_up_and_nobody_notices() {
    let stack = Stack::start().await;
    let site = stack.site("Ada", "ada").await;
    let first = stack.reload(&site.id).await.unwrap().release_id;
    let visitors = Visitors::come(&stack, &site, 2);
    // It starts, migrates, answers everything, and says of itself that it is ill.
    let ill = "if ($_SERVER['REQUEST_URI'] === '/health') { http_response_code(500); exit; }\nrequire";
    let own = include_str!("../../../../../templates/base/api/public/index.php").replacen("require", ill, 1);
    let commit = stack.commit(&site, "main", &[("api/public/index.php", &own)]).await;
    let deployment = stack.deploy(&site, &commit).await;
    assert_eq!(deployment.state, DeploymentState::Failed);
    let error = deployment.error.unwrap();
    assert!(error.contains("api") && error.contains("health"), "{error}");
    assert_eq!(stack.step(&site.id, "start_beside").await.state, StepState::Failed);
    assert_eq!(stack.reload(&site.id).await.unwrap().release_id, first);
    assert_eq!(held_by_docker(&site).await, WHOLE);
    let (asked, failed) = visitors.leave().await;
    assert!(asked > 200 && failed == 0, "{failed} of {asked} failed");
    stack.tear_down().await;
}

/// What the reconciler of a server does every five seconds.
async fn look_after(stack: &Stack) {
    Reconciler::<hosting::Hosting>::reconcile(&Deployments, stack.hosting.clone()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_does_worse_than_the_one_before_is_taken_back_by_itself() {
    let stack = Stack::start_with(StackOptions { watch_seconds: 30, ..StackOptions::default() }).await;
    let site = stack.site("Ada", "ada").await;
    let first = stack.reload(&site.id).await.unwrap().release_id;

    // Healthy, and useless: everything but its health check is an error.
    let useless = "if ($_SERVER['REQUEST_URI'] !== '/health') { http_response_code(500); exit; }\nrequire";
    let own = include_str!("../../../../../templates/base/api/public/index.php").replacen("require", useless, 1);
    let commit = stack.commit(&site, "main", &[("api/public/index.php", &own)]).await;
    let deployment = stack.deploy(&site, &commit).await;
    assert_eq!(deployment.state, DeploymentState::Success);
    look_after(&stack).await;
    assert_eq!(stack.reload(&site.id).await.unwrap().release_id, deployment.release_id.clone().unwrap(), "nothing has failed yet");
    for _ in 0..40 {
        assert_eq!(stack.get(&site, "/api/profile").await.0, 500);
    }
    look_after(&stack).await;
    let scope = Actor::cli().scope();
    let judged = deployments::get(&stack.hosting.db, &scope, &deployment.id).await.unwrap();
    assert_eq!(judged.state, DeploymentState::RolledBack, "{judged:?}");
    let evidence: Evidence = serde_json::from_str(judged.evidence.as_deref().unwrap()).unwrap();
    assert_eq!(evidence.verdict, Verdict::RolledBack);
    assert!(evidence.new.server_errors >= 40 && evidence.new.requests >= 40, "{evidence:?}");
    assert!(judged.error.unwrap().contains("answers were errors"));
    let back = deployments::newest(&stack.hosting.db, &scope, &site.id).await.unwrap().unwrap();
    assert_eq!(back.kind, DeploymentKind::AutomaticRollback);
    assert_eq!(stack.deployed(&back).await.state, DeploymentState::Success);
    assert_eq!(stack.reload(&site.id).await.unwrap().release_id, first);
    assert_ne!(stack.get(&site, "/api/profile").await.0, 500);

    // Healthy, and then it ends again and again.
    let mortal = "#!/bin/sh\nif [ \"$1\" = apache2-foreground ]; then \"$@\" & sleep 4; exit 1; fi\nexec \"$@\"\n";
    let own = include_str!("../../../../../templates/base/api/public/index.php");
    let files = [("api/docker/entrypoint.sh", mortal), ("api/public/index.php", own)];
    let commit = stack.commit(&site, "main", &files).await;
    let deployment = stack.deploy(&site, &commit).await;
    assert_eq!(deployment.state, DeploymentState::Success, "{:?}", deployment.error);
    for _ in 0..50 {
        look_after(&stack).await;
        if deployments::get(&stack.hosting.db, &scope, &deployment.id).await.unwrap().state == DeploymentState::RolledBack {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let judged = deployments::get(&stack.hosting.db, &scope, &deployment.id).await.unwrap();
    assert_eq!(judged.state, DeploymentState::RolledBack, "{judged:?}");
    assert!(judged.error.unwrap().contains("started again"));
    let back = deployments::newest(&stack.hosting.db, &scope, &site.id).await.unwrap().unwrap();
    assert_eq!(stack.deployed(&back).await.state, DeploymentState::Success);
    assert_eq!(stack.reload(&site.id).await.unwrap().release_id, first);
    assert_eq!(held_by_docker(&site).await, WHOLE);
    stack.tear_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_pushes_supersede_those_that_wait_and_a_cancelled_one_leaves_nothing() {
    let stack = Stack::start().await;
    let site = stack.site("Ada", "ada").await;
    let (one, two) = (api_with("one"), api_with("two"));
    let slow =
        stack.commit(&site, "main", &[("api/public/index.php", &one), ("api/Dockerfile", "FROM php:8.2-apache\nRUN sleep 60\n")]).await;
    let dockerfile = include_str!("../../../../../templates/base/api/Dockerfile");
    let last = stack.commit(&site, "main", &[("api/public/index.php", &two), ("api/Dockerfile", dockerfile)]).await;
    let slow = stack.ask_to_deploy(&site, &slow).await.unwrap();
    let between = stack.ask_to_deploy(&site, &last).await.unwrap();
    let newest = stack.ask_to_deploy(&site, &last).await.unwrap();
    let scope = Actor::cli().scope();
    let state = async |id| deployments::get(&stack.hosting.db, &scope, id).await.unwrap().state;
    assert_eq!(state(&slow.id).await, DeploymentState::Running);
    assert_eq!(state(&between.id).await, DeploymentState::Superseded);
    let place = deployments::place(&stack.hosting.db, 2, stack.hosting.clock.now(), &newest).await.unwrap().unwrap();
    assert_eq!(place.ahead, 1);

    // Cancelled in the middle of its build: the build's container goes, and the next one has its turn.
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    while docker(&["ps", "--quiet", "--filter", "ancestor=php:8.2-apache", "--no-trunc"]).await.is_empty() {
        assert!(tokio::time::Instant::now() < until, "the build does not begin");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let asked = tokio::time::Instant::now();
    deployments::cancel(&stack.hosting, &Actor::cli(), &slow.id).await.unwrap();
    let newest = stack.deployed(&newest).await;
    assert!(asked.elapsed() < Duration::from_secs(40), "{:?}", asked.elapsed());
    assert_eq!(newest.state, DeploymentState::Success);
    assert_eq!(state(&slow.id).await, DeploymentState::Cancelled);
    assert_eq!(mark_of(&stack, &site).await, "two");
    assert_eq!(held_by_docker(&site).await, WHOLE);
    assert!(deployments::cancel(&stack.hosting, &Actor::cli(), &newest.id).await.is_err(), "it serves already");
    stack.tear_down().await;
}

/// How many releases answer visitors: one, whatever was killed.
async fn releases_that_answer(stack: &Stack, site: &Site) -> Vec<String> {
    let mut seen = Vec::new();
    for path in ["/", "/api/health", "/socket.io/?EIO=4&transport=polling", "/"] {
        stack.until_answers(site, path, 200).await;
        seen.push(release_of(stack, site, path).await);
    }
    seen.dedup();
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_survive_deaths_at_every_step() {
    let stack = Stack::start_with(StackOptions { idle: true, ..StackOptions::default() }).await;
    let site = stack.ask_for_site("Ada", "ada").await.unwrap();
    let mut server = Server::start(&stack).await;
    stack.finished(&site.id).await.unwrap();
    let (mut deaths, mut in_time, mut live) = (0, 0, 0);
    for step in OperationKind::Deploy.steps() {
        for delay in [0, 60, 400] {
            let commit = stack.commit(&site, "main", &[("api/mark", &format!("{step} {delay}"))]).await;
            let asked = stack.ask_to_deploy(&site, &commit).await.unwrap();
            until_at_work(&stack, &site, &asked, step).await;
            tokio::time::sleep(Duration::from_millis(delay)).await;
            server.kill().await;
            deaths += 1;
            in_time += usize::from(stack.step(&site.id, step).await.state == StepState::Running);
            server = Server::start(&stack).await;
            let ended = stack.deployed(&asked).await;
            live += usize::from(ended.state == DeploymentState::Success);
            assert!(matches!(ended.state, DeploymentState::Success | DeploymentState::Failed), "{step} {delay}: {ended:?}");
            let site = stack.reload(&site.id).await.unwrap();
            assert_eq!(releases_that_answer(&stack, &site).await, [site.release_id.as_str()], "{step} {delay}");
            if ended.state == DeploymentState::Success {
                assert_eq!(Some(&site.release_id), ended.release_id.as_ref(), "{step} {delay}");
            }
            let until = tokio::time::Instant::now() + Duration::from_secs(20);
            while held_by_docker(&site).await != WHOLE {
                assert!(tokio::time::Instant::now() < until, "{step} {delay}: {:?}", held_by_docker(&site).await);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    server.kill().await;
    eprintln!("{deaths} deaths, {in_time} of them within the step; {live} went live all the same");
    assert!(live * 4 >= deaths * 3, "only {live} of {deaths} went live");
    let left = std::fs::read_dir(stack.data.join("builds")).unwrap().count();
    assert_eq!(left, 0, "folders of builds are left");
    stack.tear_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn site_from_before_there_were_releases_gets_one_unnoticed() {
    let stack = Stack::start().await;
    let site = stack.site("Ada", "ada").await;
    // As the version before left it: fixed names in the compose file, no label, no alias, a route to the names, no release on record.
    let folder = stack.hosting.site_folder(&site);
    let text = std::fs::read_to_string(folder.join("docker-compose.yaml")).unwrap();
    let mut file: serde_json::Value = serde_yaml_ng::from_str(&text).unwrap();
    for (name, service) in file["services"].as_object_mut().unwrap() {
        service["container_name"] = format!("{}-{name}", site.prefix()).into();
        service["labels"].as_object_mut().unwrap().remove("innkeeper.release");
        if let Some(public) = service["networks"].get_mut("traefik-public") {
            *public = serde_json::json!({});
        }
    }
    std::fs::write(folder.join("docker-compose.yaml"), serde_yaml_ng::to_string(&file).unwrap()).unwrap();
    kit::exec::Command::new("docker").args(["compose", "up", "--detach", "--force-recreate"]).dir(&folder).run().await.unwrap();
    let route = stack.data.join("edge/dynamic").join(format!("{}.yaml", site.id));
    let mut old = std::fs::read_to_string(&route).unwrap();
    for service in ["www", "api", "alert"] {
        old = old.replace(&format!("http://{}-{service}-{}:", site.id, site.release_id), &format!("http://{}-{service}:", site.prefix()));
    }
    std::fs::write(&route, old).unwrap();
    stack.hosting.db.execute(sql("delete from release")).await.unwrap();
    stack.until_answers(&site, "/api/health", 200).await;

    let visitors = Visitors::come(&stack, &site, 2);
    look_after(&stack).await;
    let asked = deployments::newest(&stack.hosting.db, &Actor::cli().scope(), &site.id).await.unwrap().expect("a roll-out is asked for");
    let renewed = stack.deployed(&asked).await;
    assert_eq!((renewed.state, renewed.error.as_deref()), (DeploymentState::Success, None));
    look_after(&stack).await;
    assert_eq!(
        deployments::newest(&stack.hosting.db, &Actor::cli().scope(), &site.id).await.unwrap().unwrap().id,
        asked.id,
        "asked for once"
    );
    let (asked, failed) = visitors.leave().await;
    assert!(asked > 50 && failed == 0, "{failed} of {asked} failed");
    let site = stack.reload(&site.id).await.unwrap();
    assert_eq!(release_of(&stack, &site, "/").await, site.release_id.as_str());
    assert_eq!(held_by_docker(&site).await, WHOLE);
    stack.tear_down().await;
}

/// Waits until a step of the newest operation is at work.
async fn until_at_work(stack: &Stack, site: &Site, deployment: &deployments::Deployment, step: &str) {
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let (operation, steps) = stack.newest(&site.id).await;
        let asked = deployments::get(&stack.hosting.db, &Actor::cli().scope(), &deployment.id).await.unwrap();
        let is_there = steps.iter().any(|found| found.name == step && found.state != StepState::Waiting);
        if asked.operation_id.as_ref() == Some(&operation.id) && is_there {
            return;
        }
        assert!(tokio::time::Instant::now() < until, "step {step} did not begin");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_that_goes_away_in_the_middle_costs_time_or_the_deployment_and_never_the_site() {
    let stack = Stack::start_with(StackOptions { idle: true, tries: Tries::Two, ..StackOptions::default() }).await;
    let gate = EngineGate::shut_in(&stack.data);
    gate.open();
    let server = Server::start_behind(&stack, &gate).await;
    let site = stack.ask_for_site("Ada", "ada").await.unwrap();
    stack.finished(&site.id).await.unwrap();
    let visitors = Visitors::come(&stack, &site, 2);

    // Away for a moment: the second try finds it.
    let commit = stack.commit(&site, "main", &[("api/public/index.php", &api_with("one"))]).await;
    let asked = stack.ask_to_deploy(&site, &commit).await.unwrap();
    until_at_work(&stack, &site, &asked, "start_beside").await;
    gate.shut();
    tokio::time::sleep(Duration::from_millis(500)).await;
    gate.open();
    let ended = stack.deployed(&asked).await;
    assert_eq!((ended.state, ended.error.as_deref()), (DeploymentState::Success, None));
    assert_eq!(mark_of(&stack, &site).await, "one");

    // Away for so long that it is given up: it ends as failed once Docker is back, and what it began is gone.
    let live = stack.reload(&site.id).await.unwrap().release_id;
    let commit = stack.commit(&site, "main", &[("api/public/index.php", &api_with("two"))]).await;
    let asked = stack.ask_to_deploy(&site, &commit).await.unwrap();
    until_at_work(&stack, &site, &asked, "start_beside").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.shut();
    tokio::time::sleep(Duration::from_secs(12)).await;
    gate.open();
    let ended = stack.deployed(&asked).await;
    assert_eq!(ended.state, DeploymentState::Failed);
    assert_eq!(stack.reload(&site.id).await.unwrap().release_id, live);
    assert_eq!(mark_of(&stack, &site).await, "one");
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while held_by_docker(&site).await != WHOLE {
        assert!(tokio::time::Instant::now() < until, "{:?}", held_by_docker(&site).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (asked, failed) = visitors.leave().await;
    assert!(asked > 200 && failed == 0, "{failed} of {asked} failed");
    server.kill().await;
    stack.tear_down().await;
}
