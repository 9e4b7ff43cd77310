//! Deployments on a disk that is nearly full: refused with figures before anything changes, and let in again once there is room.

use std::time::{Duration, UNIX_EPOCH};

use accounts::Actor;
use hosting::deployments::{self, DeploymentState};
use hosting::sites::Site;
use testkit::{SmallDisk, Stack, StackOptions};

use super::builds::{Yard, containers_at_work, until};
use super::deploy::{api_with, mark_of};
use super::docker;

/// Megabytes that must be free, in these tests.
const WANTED: u32 = 60;
const KIB_OF_MB: usize = 1_000_000 / 1024;

/// Images of ours by name.
async fn images() -> Vec<String> {
    let ours = format!("label=innkeeper.image={}", testkit::EDGE);
    let listed = docker(&["images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", "--filter", &ours]).await;
    listed.lines().map(str::to_owned).collect()
}

/// All else that a deployment may change: containers and when they were made, the route, the site's folder, what it can go back to.
async fn everything(stack: &Stack, site: &Site) -> Vec<String> {
    let of_site = format!("label=innkeeper.site={}", site.id);
    let containers = docker(&["ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.CreatedAt}}", "--filter", &of_site]).await;
    let folder = stack.hosting.site_folder(site);
    let mut seen: Vec<String> = containers.lines().map(str::to_owned).collect();
    seen.sort();
    for file in ["docker-compose.yaml", ".env", "api/public/index.php"] {
        seen.push(std::fs::read_to_string(folder.join(file)).unwrap());
    }
    seen.push(std::fs::read_to_string(stack.data.join("edge/dynamic").join(format!("{}.yaml", site.id))).unwrap());
    seen.push(stack.reload(&site.id).await.unwrap().release_id.to_string());
    let kept = deployments::releases::kept(&stack.hosting.db, &Actor::cli().scope(), &site.id).await.unwrap();
    seen.extend(kept.into_iter().map(|release| release.id.to_string()));
    seen
}

/// The two figures of a refusal.
fn figures(error: &str) -> (u32, u32) {
    let middle = error.split_once("a disk of this server is nearly full: ").unwrap_or_else(|| panic!("{error}")).1;
    let (free, rest) = middle.split_once(" MB are free, and ").unwrap_or_else(|| panic!("{error}"));
    let wanted = rest.split_once(" MB are needed").unwrap_or_else(|| panic!("{error}")).0;
    (free.parse().unwrap(), wanted.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_would_fill_the_disk_is_refused_with_figures_and_changes_nothing() {
    let disk = SmallDisk::mount(200 * 1024).await;
    let data = Some(disk.path().to_owned());
    let stack = Stack::start_with(StackOptions { data, min_free_mb: WANTED, ..StackOptions::default() }).await;
    let site = stack.site("Ada", "ada").await;
    let first = stack.reload(&site.id).await.unwrap().release_id;
    let one = stack.commit(&site, "main", &[("api/public/index.php", &api_with("one"))]).await;
    assert_eq!(stack.deploy(&site, &one).await.state, DeploymentState::Success);
    let two = stack.commit(&site, "main", &[("api/public/index.php", &api_with("two"))]).await;

    // Two thirds of what is wanted: refused at the first step, and the verdict says what is there and what is needed.
    disk.fill_but(40 * KIB_OF_MB);
    let (before, images_before) = (everything(&stack, &site).await, images().await);
    let refused = stack.deploy(&site, &two).await;
    assert_eq!(refused.state, DeploymentState::Failed);
    let error = refused.error.unwrap();
    let (free, wanted) = figures(&error);
    assert!((30..=40).contains(&free) && wanted == WANTED, "{error}");
    assert!(error.contains("whoever runs the server has to free some space"), "{error}");
    assert_eq!(stack.step(&site.id, "build").await.started_at, None, "nothing was built");
    assert_eq!(everything(&stack, &site).await, before);
    // Room is looked for before it is refused, so there may be fewer, but none is new.
    assert!(images().await.iter().all(|image| images_before.contains(image)));
    assert_eq!(mark_of(&stack, &site).await, "one");
    assert_eq!(std::fs::read_dir(stack.data.join("builds")).unwrap().count(), 0);
    let (_, lines, _) = deployments::log::read(&stack.hosting, &Actor::cli().scope(), &refused.id, 0).await.unwrap();
    assert!(lines.iter().any(|line| line.text.contains("MB are needed")), "{lines:?}");

    // The way back needs a quarter of it: it must not be barred by what a new release wrote.
    let back = deployments::rollback(&stack.hosting, &Actor::cli(), &site.id, &first).await.unwrap();
    let back = stack.deployed(&back).await;
    assert_eq!((back.state, back.error.as_deref()), (DeploymentState::Success, None));
    assert_eq!(mark_of(&stack, &site).await, "");
    // With less than that it is refused too.
    disk.free();
    disk.fill_but(8 * KIB_OF_MB);
    let live = stack.reload(&site.id).await.unwrap().release_id;
    let kept = deployments::releases::kept(&stack.hosting.db, &Actor::cli().scope(), &site.id).await.unwrap();
    let other = kept.iter().find(|release| release.id != live).unwrap();
    let refused = deployments::rollback(&stack.hosting, &Actor::cli(), &site.id, &other.id).await.unwrap();
    let refused = stack.deployed(&refused).await;
    assert_eq!(figures(&refused.error.unwrap()).1, WANTED / 4);
    assert_eq!(stack.reload(&site.id).await.unwrap().release_id, live);

    // What is ours and useless goes before anybody is refused: a log of a deployment of long ago.
    disk.free();
    let old = stack.data.join("deployments").join(site.id.as_str()).join("deploy-20260101-000000.log");
    std::fs::write(&old, vec![b'x'; 40_000_000]).unwrap();
    let long_ago = stack.hosting.clock.now().minus(Duration::from_secs(100 * 86_400));
    let long_ago = UNIX_EPOCH + Duration::from_millis(u64::try_from(long_ago.0).unwrap());
    std::fs::File::open(&old).unwrap().set_modified(long_ago).unwrap();
    disk.fill_but(35 * KIB_OF_MB);
    let live = stack.deploy(&site, &two).await;
    assert_eq!((live.state, live.error.as_deref()), (DeploymentState::Success, None));
    assert!(!old.exists());
    assert_eq!(mark_of(&stack, &site).await, "two");
    stack.tear_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fills_the_disk_is_stopped_before_it_is_full() {
    let disk = SmallDisk::mount(120 * 1024).await;
    let yard = std::sync::Arc::new(Yard::within(Some(disk.path()), |config| config.min_free_mb = WANTED).await);
    let at_work = yard.clone();
    let build = tokio::spawn(async move { at_work.build("FROM debian:bookworm-slim\nRUN sleep 97536").await });
    until("the container runs", Duration::from_secs(60), || !containers_at_work().is_empty()).await;
    disk.fill_but(10 * KIB_OF_MB);
    let stopped = tokio::time::timeout(Duration::from_secs(20), build).await.expect("it is stopped soon").unwrap();
    let error = stopped.unwrap_err();
    assert!(matches!(error, kit::Error::Conflict(_)), "a verdict, not to be tried again: {error}");
    let (free, wanted) = figures(&error.public_message());
    assert!(free <= 10 && wanted == WANTED / 4, "{error}");
    until("the container is gone", Duration::from_secs(10), || containers_at_work().is_empty()).await;
    disk.free();
    yard.clear().await;
}
