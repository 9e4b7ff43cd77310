//! Deployments: a pushed commit goes live without a visitor noticing, or what served before still serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use accounts::Actor;
use hosting::deployments::{self, DeploymentState, releases};
use hosting::operations::OperationState;
use hosting::sites::Site;
use testkit::Stack;
use tokio::task::JoinHandle;

use super::{WHOLE, docker, held_by_docker};

/// The api's front door, answering with a header of the test's own.
fn api_with(mark: &str) -> String {
    let own = include_str!("../../../../../templates/base/api/public/index.php");
    own.replacen("require", &format!("header('X-Mark: {mark}');\nrequire"), 1)
}

async fn mark_of(stack: &Stack, site: &Site) -> String {
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
