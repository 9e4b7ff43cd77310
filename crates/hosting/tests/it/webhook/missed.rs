//! Pushes that nobody told of, and those that only look so.

use std::time::Duration;

use hosting::Hosting;
use hosting::git::heads::Heads;
use hosting::sites::{Site, SiteState};
use kit::jobs::Reconciler;
use kit::sql;

use super::{active_site, commit_to, deployments_of, force_to, jobs};
use crate::house::{House, houses};

/// One round, and the work that it asks for.
async fn round(house: &House, heads: &Heads) -> String {
    house.hosting.clock.advance(Duration::from_secs(120));
    let told = <Heads as Reconciler<Hosting>>::reconcile(heads, house.hosting.clone()).await.unwrap();
    house.work(jobs()).await;
    told
}

/// Ends what runs or waits, in this state.
async fn end(house: &House, site: &Site, state: &str) {
    house.settle(&site.id, SiteState::Active).await;
    let query = sql("update deployment set state = $2, finished_at = 1 where site_id = $1 and state in ('queued', 'running')");
    house.hosting.db.execute(query.bind(&site.id).bind(state)).await.unwrap();
}

/// As if a person had asked for it.
async fn asked(house: &House, site: &Site, kind: &str, commit: &str) {
    house.hosting.clock.advance(Duration::from_secs(1));
    let now = house.hosting.clock.now();
    let id = format!("deploy-20260101-{:06}", now.0 / 1000 % 1_000_000);
    let query = sql("insert into deployment (id, site_id, kind, state, branch, commit_hash, subject, author, requested_by, environment_version, created_at)
                     values ($1, $2, $3, 'success', '', $4, '', '', 'Ada', 0, $5)");
    house.hosting.db.execute(query.bind(id).bind(&site.id).bind(kind).bind(commit).bind(now)).await.unwrap();
}

async fn commits(house: &House, site: &Site) -> Vec<String> {
    deployments_of(house, site).await.into_iter().map(|(.., commit)| commit).collect()
}

#[tokio::test]
async fn what_nobody_told_of_is_found_in_the_second_round_and_deployed_once() {
    for house in houses().await {
        let site = active_site(&house, "ada").await;
        let heads = Heads::default();
        // As it was made: nothing.
        assert!(round(&house, &heads).await.contains("0 missed commits found"));
        let commit = commit_to(&house.hosting.repository(&site), "Missed").await;
        // Its own word may be on its way.
        round(&house, &heads).await;
        assert!(deployments_of(&house, &site).await.is_empty(), "{}", house.on());
        assert!(round(&house, &heads).await.contains("1 missed commit found"), "{}", house.on());
        assert_eq!(deployments_of(&house, &site).await, [("push".to_owned(), "running".to_owned(), commit)]);
        for _ in 0..3 {
            round(&house, &heads).await;
        }
        assert_eq!(deployments_of(&house, &site).await.len(), 1, "{}", house.on());
    }
}

#[tokio::test]
async fn what_failed_was_cancelled_or_taken_back_is_not_tried_again() {
    for house in houses().await {
        let site = active_site(&house, "ada").await;
        let bare = house.hosting.repository(&site);
        let heads = Heads::default();
        let first = commit_to(&bare, "One").await;
        for _ in 0..2 {
            round(&house, &heads).await;
        }
        for state in ["failed", "cancelled", "superseded", "rolled_back"] {
            end(&house, &site, state).await;
            house.hosting.db.execute(sql("update deployment set state = $1").bind(state)).await.unwrap();
            for _ in 0..3 {
                round(&house, &heads).await;
            }
            assert_eq!(commits(&house, &site).await, std::slice::from_ref(&first), "{} {state}", house.on());
        }
        // Served, then taken back to what it was made from: stays there until there is a new commit.
        house.hosting.db.execute(sql("update deployment set state = 'success'")).await.unwrap();
        asked(&house, &site, "rollback", "1111111111111111111111111111111111111111").await;
        for _ in 0..3 {
            round(&house, &heads).await;
        }
        assert_eq!(commits(&house, &site).await.len(), 2, "{}", house.on());
        // An older commit that a person asked for stays, too.
        asked(&house, &site, "manual", "2222222222222222222222222222222222222222").await;
        for _ in 0..3 {
            round(&house, &heads).await;
        }
        assert_eq!(commits(&house, &site).await.len(), 3, "{}", house.on());
        let second = commit_to(&bare, "Two").await;
        for _ in 0..2 {
            round(&house, &heads).await;
        }
        assert_eq!(commits(&house, &site).await.last(), Some(&second), "{}", house.on());
        end(&house, &site, "success").await;
        // Forced back to a commit that was deployed before the last push: a push like every other.
        force_to(&bare, &first).await;
        for _ in 0..2 {
            round(&house, &heads).await;
        }
        assert_eq!(commits(&house, &site).await.last(), Some(&first), "{}", house.on());
    }
}

#[tokio::test]
async fn sites_that_do_not_serve_wait_and_are_found_once_they_do() {
    for house in houses().await {
        let site = active_site(&house, "ada").await;
        let heads = Heads::default();
        let commit = commit_to(&house.hosting.repository(&site), "While it was stopped").await;
        house.settle(&site.id, SiteState::Stopped).await;
        for _ in 0..3 {
            assert!(round(&house, &heads).await.starts_with("0 sites"), "{}", house.on());
        }
        house.settle(&site.id, SiteState::Active).await;
        for _ in 0..2 {
            round(&house, &heads).await;
        }
        assert_eq!(commits(&house, &site).await, [commit], "{}", house.on());
    }
}
