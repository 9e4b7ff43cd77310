//! How long releases are kept: by number and by age, through a deletion and a restore, until the archive is purged.

use std::time::Duration;

use accounts::Actor;
use hosting::Hosting;
use hosting::archive::PurgeArchives;
use hosting::deployments::cleanup;
use hosting::deployments::{self, Deployment, DeploymentState, releases};
use hosting::operations::OperationKind;
use hosting::sites::{ReleaseId, Site, SiteState};
use kit::id::random_base32;
use kit::jobs::{Attempt, Job, JobId};
use kit::{Error, sql};
use testkit::{Stack, StackOptions};

use super::deploy::{api_with, mark_of};
use super::{WHOLE, docker, held_by_docker};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

async fn has(image: &str) -> bool {
    kit::exec::Command::new("docker").args(["image", "inspect", image]).run().await.is_ok()
}

/// Deploys a version of the api that answers with this mark.
async fn version(stack: &Stack, site: &Site, mark: &str) -> ReleaseId {
    let entrypoint = include_str!("../../../../../templates/base/api/docker/entrypoint.sh");
    // Never built before: an image that an older run left may be nobody's any more.
    let code = format!("{}\n// {}\n", api_with(mark), random_base32(8));
    let files = [("api/public/index.php", code), ("api/docker/entrypoint.sh", entrypoint.to_owned())];
    let commit = stack.commit(site, "main", &files.each_ref().map(|(path, text)| (*path, text.as_str()))).await;
    let deployment = stack.deploy(site, &commit).await;
    assert_eq!((deployment.state, deployment.error.as_deref()), (DeploymentState::Success, None), "{mark}");
    deployment.release_id.unwrap()
}

/// Name of the image of the api of a release.
async fn api_image(stack: &Stack, release: &ReleaseId) -> String {
    let (images,): (String,) = stack.hosting.db.one(sql("select images from release where id = $1").bind(release)).await.unwrap();
    let images: serde_json::Value = serde_json::from_str(&images).unwrap();
    images["api"].as_str().unwrap().to_owned()
}

async fn is_retired(stack: &Stack, release: &ReleaseId) -> bool {
    let (retired,): (Option<i64>,) = stack.hosting.db.one(sql("select retired_at from release where id = $1").bind(release)).await.unwrap();
    retired.is_some()
}

async fn back_to(stack: &Stack, site: &Site, release: &ReleaseId) -> kit::Result<Deployment> {
    let asked = deployments::rollback(&stack.hosting, &Actor::cli(), &site.id, release).await?;
    Ok(stack.deployed(&asked).await)
}

async fn stages() -> usize {
    let label = format!("label=innkeeper.stage={}", testkit::EDGE);
    docker(&["images", "--all", "--quiet", "--filter", "dangling=true", "--filter", &label]).await.lines().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_go_by_number_and_age_and_every_one_that_is_kept_serves_again() {
    let stack = Stack::start_with(StackOptions { keep_releases: Some(3), ..StackOptions::default() }).await;
    let site = stack.site("Ada", "ada").await;
    let first = stack.reload(&site.id).await.unwrap().release_id;
    let mut made = Vec::new();
    for mark in ["one", "two", "three"] {
        made.push(version(&stack, &site, mark).await);
    }
    let [one, two, three] = made.as_slice() else { unreachable!("three were made") };
    // One that never served: it is kept for a day, for whoever looks into it.
    let files = format!("#!/bin/sh\necho no way today {} >&2\nexit 3\n", random_base32(8));
    let broken = stack.commit(&site, "main", &[("api/docker/entrypoint.sh", &files)]).await;
    let broken = stack.deploy(&site, &broken).await;
    assert_eq!(broken.state, DeploymentState::Failed);
    let never = broken.release_id.unwrap();

    // By number: three, the one that serves among them.
    let cleaned = cleanup::all(&stack.later(4 * HOUR).await).await.unwrap();
    assert_eq!(cleaned.releases, 1, "{cleaned}");
    for (release, is_gone) in [(&first, true), (one, false), (two, false), (three, false), (&never, false)] {
        assert_eq!(is_retired(&stack, release).await, is_gone, "{release}");
        // The first one's are those that every new site begins with.
        assert!(has(&api_image(&stack, release).await).await, "{release}");
    }
    let refused = back_to(&stack, &site, &first).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    let four = version(&stack, &site, "four").await;
    let cleaned = cleanup::all(&stack.later(4 * HOUR).await).await.unwrap();
    assert_eq!((cleaned.releases, cleaned.images), (1, 1), "{cleaned}");
    assert!(is_retired(&stack, one).await && !has(&api_image(&stack, one).await).await);
    assert!(!stack.hosting.site_folder(&site).join("releases").join(one.as_str()).exists());

    // What is kept serves again. It then counts as the newest, so the next to go is another one.
    assert_eq!(back_to(&stack, &site, two).await.unwrap().state, DeploymentState::Success);
    assert_eq!(mark_of(&stack, &site).await, "two");
    version(&stack, &site, "five").await;
    cleanup::all(&stack.later(4 * HOUR).await).await.unwrap();
    for (release, is_gone) in [(two, false), (three, true), (&four, false), (&never, false)] {
        assert_eq!((is_retired(&stack, release).await, has(&api_image(&stack, release).await).await), (is_gone, !is_gone), "{release}");
    }

    // By age: what never served after a day, what builds left after a week, logs after 90 days. What serves is never too old.
    let (log, until_then) = (stack.data.join("deployments").join(site.id.as_str()).join(format!("{}.log", broken.id)), stages().await);
    assert!(until_then > 0 && log.is_file());
    let cleaned = cleanup::all(&stack.later(2 * DAY).await).await.unwrap();
    assert_eq!((cleaned.releases, cleaned.images, cleaned.stages, cleaned.files), (1, 1, 0, 0), "{cleaned}");
    assert!(is_retired(&stack, &never).await && !has(&api_image(&stack, &never).await).await);
    let cleaned = cleanup::all(&stack.later(8 * DAY).await).await.unwrap();
    assert!(cleaned.stages > 0 && stages().await < until_then, "{cleaned}");
    assert!(log.is_file());
    let cleaned = cleanup::all(&stack.later(91 * DAY).await).await.unwrap();
    assert!(cleaned.files >= 7 && !log.exists(), "{cleaned}");
    assert_eq!(held_by_docker(&site).await, WHOLE);
    assert_eq!(mark_of(&stack, &site).await, "five");
    assert_eq!(back_to(&stack, &site, &four).await.unwrap().state, DeploymentState::Success);
    assert_eq!(mark_of(&stack, &site).await, "four");
    stack.tear_down().await;
}

async fn purge(hosting: &Hosting) {
    let attempt = Attempt { id: JobId::new(&hosting.clock), number: 1, last: true };
    PurgeArchives {}.run(hosting.clone(), attempt).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_come_back_with_a_restore_and_are_gone_with_the_purge() {
    let stack = Stack::start().await;
    let site = stack.site("Ada", "ada").await;
    let one = version(&stack, &site, "one").await;
    let two = version(&stack, &site, "two").await;
    let (image_one, image_two) = (api_image(&stack, &one).await, api_image(&stack, &two).await);

    // Nothing runs any more, and the way back is still there.
    stack.operate(&site.id, OperationKind::Delete).await.unwrap();
    cleanup::all(&stack.later(6 * DAY).await).await.unwrap();
    purge(&stack.later(6 * DAY).await).await;
    assert!(has(&image_one).await && has(&image_two).await, "images stay until the archive is purged");
    stack.operate(&site.id, OperationKind::Restore).await.unwrap();
    assert_eq!((mark_of(&stack, &site).await.as_str(), stack.reload(&site.id).await.unwrap().release_id == two), ("two", true));
    assert_eq!(back_to(&stack, &site, &one).await.unwrap().state, DeploymentState::Success);
    assert_eq!(mark_of(&stack, &site).await, "one");
    assert_eq!(held_by_docker(&site).await, WHOLE);

    // Somebody removed an image by hand meanwhile: no way back is offered to what is not there.
    stack.operate(&site.id, OperationKind::Delete).await.unwrap();
    docker(&["rmi", &image_two]).await;
    stack.operate(&site.id, OperationKind::Restore).await.unwrap();
    assert_eq!(mark_of(&stack, &site).await, "one");
    cleanup::all(&stack.later(4 * HOUR).await).await.unwrap();
    let kept = releases::kept(&stack.hosting.db, &Actor::cli().scope(), &site.id).await.unwrap();
    assert!(kept.iter().any(|release| release.id == one) && kept.iter().all(|release| release.id != two), "{kept:?}");
    assert!(matches!(back_to(&stack, &site, &two).await, Err(Error::NotFound(_))));

    // After its days the archive goes, and all that hung on it.
    stack.operate(&site.id, OperationKind::Delete).await.unwrap();
    let (archive, logs) = (stack.hosting.archive_folder(&site), stack.data.join("deployments").join(site.id.as_str()));
    assert!(archive.is_dir() && logs.is_dir());
    purge(&stack.later(6 * DAY).await).await;
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Archived, "not before its time");
    purge(&stack.later(8 * DAY).await).await;
    assert!(matches!(stack.reload(&site.id).await, Err(Error::NotFound(_))));
    assert_eq!((archive.exists(), logs.exists(), has(&image_one).await), (false, false, false), "archive, logs, image");
    let rows: (i64, i64) =
        stack.hosting.db.one(sql("select (select count(*) from release), (select count(*) from deployment)")).await.unwrap();
    assert_eq!(rows, (0, 0));
    assert_eq!(held_by_docker(&site).await, Vec::<String>::new());
    assert!(stack.operate(&site.id, OperationKind::Restore).await.is_err());
    stack.tear_down().await;
}
