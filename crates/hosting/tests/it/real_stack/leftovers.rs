//! What is removed once nobody can go back to it, and what never is.

use std::collections::BTreeMap;

use hosting::deployments::cleanup;
use hosting::sites::{ReleaseId, SiteState};
use kit::exec::Command;
use kit::id::random_base32;
use kit::{Timestamp, sql};

use super::builds::{PROJECT, Yard};
use super::docker;

async fn has(image: &str) -> bool {
    Command::new("docker").args(["image", "inspect", image]).run().await.is_ok()
}

async fn build_by_hand(name: Option<&str>, text: &str) -> String {
    let mut build =
        Command::new("docker").args(["build", "--quiet", "--label", &format!("salt={}", random_base32(8))]).env("DOCKER_BUILDKIT", "0");
    if let Some(name) = name {
        build = build.args(["--tag", name]);
    }
    build.arg("-").stdin(text).run().await.unwrap().stdout.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn images_go_with_their_releases_and_nothing_foreign_is_touched() {
    let yard = Yard::new(|config| config.keep_releases = 2).await;
    let (hosting, site) = (yard.hosting().clone(), yard.site.clone());
    yard.house.settle(&site.id, SiteState::Active).await;

    // Four releases that served one after the other, the first of them last: somebody went back to it.
    let mut releases: Vec<(ReleaseId, Vec<String>)> = Vec::new();
    for number in 0..4_i64 {
        let images = yard.build("FROM debian:bookworm-slim AS tools\nRUN echo tool > /tool\nFROM debian:bookworm-slim\nCOPY --from=tools /tool /\nCOPY salt /").await.unwrap();
        let id = if number == 0 { site.release_id.clone() } else { ReleaseId::new(&hosting.clock) };
        let by_service: BTreeMap<&str, &String> = ["alert", "api", "www"].into_iter().zip(&images).collect();
        let live_at = if number == 0 { 100 } else { number };
        let row = sql("insert into release (id, site_id, commit_hash, images, environment_version, template_version, created_at, live_at)
                       values ($1, $2, 'c', $3, 0, '1', $4, $5)")
        .bind(&id)
        .bind(&site.id)
        .bind(serde_json::to_string(&by_service).unwrap())
        .bind(number)
        .bind(live_at);
        hosting.db.execute(row).await.unwrap();
        std::fs::create_dir_all(hosting.site_folder(&site).join("releases").join(id.as_str())).unwrap();
        releases.push((id, images));
    }
    // Foreign: an image by name, one without, a container of one, and what another Innkeeper built and left.
    let salt = random_base32(6);
    let (named, other_named) = (format!("innkeeper/foreign-{salt}:1"), format!("innkeeper/portfolio-www:{salt}"));
    build_by_hand(Some(&named), "FROM debian:bookworm-slim\nRUN true\n").await;
    let dangling = build_by_hand(None, "FROM debian:bookworm-slim\nLABEL innkeeper.stage=another\nRUN echo dangling\n").await;
    build_by_hand(Some(&other_named), "FROM debian:bookworm-slim\nLABEL innkeeper.image=another\n").await;
    // Ours by its label, and nobody's release: but a container was made from it.
    let used = format!("innkeeper/portfolio-used:{salt}");
    build_by_hand(Some(&used), &format!("FROM debian:bookworm-slim\nLABEL innkeeper.image={PROJECT}\n")).await;
    let container = docker(&["create", &used, "true"]).await;

    // Asked for a moment ago: nothing of it goes yet, whatever the database says.
    let first = cleanup::all(&hosting).await.unwrap();
    assert_eq!((first.releases, first.images), (2, 0), "{first}");
    assert!(!hosting.site_folder(&site).join("releases").join(releases[1].0.as_str()).exists());
    // A process that was just started has forgotten what was asked for.
    let later = yard.house.restarted();
    let cleaned = cleanup::all(&later).await.unwrap();
    eprintln!("{cleaned}");
    for (number, (id, images)) in releases.iter().enumerate() {
        let (retired,): (Option<Timestamp>,) = hosting.db.one(sql("select retired_at from release where id = $1").bind(id)).await.unwrap();
        // The one that serves, and the one that served before it.
        let is_kept = number == 0 || number == 3;
        assert_eq!(retired.is_none(), is_kept, "release {number}");
        for image in images {
            assert_eq!(has(image).await, is_kept, "{image} of release {number}");
        }
    }
    for foreign in [&named, &dangling, &other_named, &used] {
        assert!(has(foreign).await, "{foreign} is not ours to remove");
    }
    docker(&["inspect", &container]).await;

    // Somebody removes the image of a kept release by hand: there is no way back to it.
    docker(&["rmi", &releases[3].1[0]]).await;
    assert_eq!(cleanup::all(&later).await.unwrap().releases, 1);

    // A site that is gone leaves neither images nor logs.
    let logs = hosting.data().join("deployments").join(site.id.as_str());
    assert!(logs.is_dir());
    hosting.db.execute(sql("delete from site where id = $1").bind(&site.id)).await.unwrap();
    cleanup::all(&later).await.unwrap();
    assert!(!logs.exists() && !has(&releases[0].1[0]).await);
    for foreign in [&named, &dangling, &other_named, &used] {
        assert!(has(foreign).await, "{foreign} is not ours to remove");
    }
    docker(&["rm", &container]).await;
    docker(&["rmi", &named, &dangling, &other_named, &used]).await;
    yard.clear().await;
}
