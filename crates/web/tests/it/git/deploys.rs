//! A push to the site's branch: what the client reads while the deployment waits, works and ends. The outcome is written in place of
//! the job that would reach it.

use std::time::Duration;

use accounts::Actor;
use hosting::git::pushes;
use hosting::git::tokens::{self, TokenAccess};
use kit::sql;

use super::{House, house, house_with, set_state};

/// Waits for the deployment that a push asked for.
async fn deployment_of(house: &House, commit: &str) -> (String, String) {
    for _ in 0..400 {
        let query = sql("select id, operation_id from deployment where commit_hash = $1 and operation_id is not null").bind(commit);
        if let Some(found) = house.test.app.db.optional::<(String, String)>(query).await.unwrap() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no deployment of {commit}");
}

async fn step(house: &House, operation: &str, name: &str, state: &str, after_ms: i64) {
    let now = house.test.app.clock.now().0;
    let query = sql(
        "update site_step set state = $3, started_at = $4, finished_at = $5, detail = 'as it should' where operation_id = $1 and name = $2",
    );
    house.test.app.db.execute(query.bind(operation).bind(name).bind(state).bind(now).bind(now + after_ms)).await.unwrap();
}

async fn verdict(house: &House, deployment: &str, state: &str, error: Option<&str>) {
    let now = house.test.app.clock.now().0;
    let db = &house.test.app.db;
    db.execute(
        sql("update deployment set state = $2, started_at = $3, finished_at = $4, error = $5 where id = $1")
            .bind(deployment)
            .bind(state)
            .bind(now)
            .bind(now + 18_000)
            .bind(error.map(str::to_owned)),
    )
    .await
    .unwrap();
    db.execute(sql("update site_operation set state = 'done'")).await.unwrap();
}

fn log(house: &House, deployment: &str, lines: &str) {
    let folder = house.test.app.hosting.data().join("deployments").join(house.site.id.as_str());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{deployment}.log")), lines).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_output_tells_each_step_the_log_and_the_verdict_with_links() {
    let house = house().await;
    house.clone_into("work").await;
    let commit = house.commit("work", "index.html", b"new", "A new \u{1b}[31mface").await;
    let outcome = async {
        let (id, operation) = deployment_of(&house, &commit).await;
        step(&house, &operation, "checkout", "done", 200).await;
        step(&house, &operation, "build", "running", 12_000).await;
        log(
            &house,
            &id,
            "1\tbuild\tStep 1/3 : \u{1b}[1;32mFROM\u{1b}[0m node:20\n1\tbuild\t\u{1b}]0;title\u{7}\rquiet\n1\tverdict\tsaid elsewhere\n",
        );
        tokio::time::sleep(Duration::from_millis(1500)).await;
        step(&house, &operation, "build", "done", 12_000).await;
        verdict(&house, &id, "success", None).await;
        house.test.app.bus.signal(format!("site:{}", house.site.id), "changed");
        id
    };
    let (said, id) = tokio::join!(house.git("work", &["push", "origin", "main"]), outcome);
    let text = said.fine();
    let link = format!("http://{}/sites/{}/deployments/{id}", house.test.address, house.site.id);
    for line in [
        format!("remote: Deploying {} A new face", &commit[..7]),
        format!("remote:   {link}"),
        "remote: -> Check out the commit".to_owned(),
        "remote:    done in 200 ms: as it should".to_owned(),
        "remote: -> Build the images".to_owned(),
        "remote:    | Step 1/3 : FROM node:20".to_owned(),
        "remote:    done in 12 s: as it should".to_owned(),
        format!("remote: Live after 18 s: {}", house.test.app.hosting.url(&house.site)),
        "main -> main".to_owned(),
    ] {
        assert!(text.contains(&line), "`{line}` is not in:\n{text}");
    }
    assert!(!text.contains("said elsewhere") && !text.contains('\u{7}') && !text.contains("[31m"), "{text}");
    let order = ["Deploying", "Check out", "Step 1/3", "done in 12 s", "Live after", "main -> main"].map(|part| text.find(part).unwrap());
    assert!(order.is_sorted(), "{text}");
    assert_eq!(house.count("select cast(count(*) as bigint) from site_push where state = 'stored' and deployment_id is not null").await, 1);
    let (subject, author, kind): (String, String, String) =
        house.test.app.db.one(sql("select subject, author, kind from deployment where id = $1").bind(&id)).await.unwrap();
    assert_eq!((subject.as_str(), author.as_str(), kind.as_str()), ("A new face", "Ada", "push"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_superseded_and_cancelled_deployments_are_told_and_the_push_is_kept() {
    let house = house().await;
    house.clone_into("work").await;
    for (state, error, words) in [
        (
            "failed",
            Some("service www did not get healthy"),
            &["NOT LIVE: service www did not get healthy", "What served before still serves"][..],
        ),
        ("superseded", None, &["something newer was asked for"]),
        ("cancelled", None, &["NOT LIVE: cancelled by"]),
    ] {
        let commit = house.commit("work", "index.html", state.as_bytes(), state).await;
        let outcome = async {
            let (id, _) = deployment_of(&house, &commit).await;
            verdict(&house, &id, state, error).await;
        };
        let (said, ()) = tokio::join!(house.git("work", &["push", "origin", "main"]), outcome);
        let text = said.fine();
        for part in words {
            assert!(text.contains(part), "{state}: {text}");
        }
        assert_eq!(house.at("refs/heads/main").await, Some(commit));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_told_their_place_and_who_goes_is_not_waited_for() {
    let house = house_with(|config| config.hosting.parallel_deployments = 1).await;
    let other = super::site_of(&house.test, &house.customer, "Other").await;
    let wish = hosting::deployments::Wish {
        commit: "1".repeat(40),
        kind: hosting::deployments::DeploymentKind::Manual,
        ..hosting::deployments::Wish::new_settings()
    };
    hosting::deployments::request(&house.test.app.hosting, &accounts::Actor::cli(), &other.id, &wish).await.unwrap();
    house.clone_into("work").await;
    let commit = house.commit("work", "index.html", b"new", "Waits").await;
    // Goes away after five seconds.
    let said = house.git_for("work", &["push", "origin", "main"], Duration::from_secs(5)).await;
    assert!(!said.ok);
    assert_eq!(house.at("refs/heads/main").await.as_deref(), Some(commit.as_str()));
    let state: (String,) = house.test.app.db.one(sql("select state from deployment where commit_hash = $1").bind(&commit)).await.unwrap();
    assert_eq!(state.0, "queued", "it goes on without its client");
    let commit = house.commit("work", "index.html", b"newer", "Waits, too").await;
    let ending = async {
        loop {
            let query = sql("select id from deployment where commit_hash = $1").bind(&commit);
            if let Some((id,)) = house.test.app.db.optional::<(String,)>(query).await.unwrap() {
                tokio::time::sleep(Duration::from_millis(1500)).await;
                return verdict(&house, &id, "success", None).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (said, ()) = tokio::join!(house.git("work", &["push", "origin", "main"]), ending);
    let text = said.fine();
    assert!(text.contains("Waiting for its turn: 1 other comes first"), "{text}");
    assert_eq!(house.count("select cast(count(*) as bigint) from deployment where state = 'superseded'").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_site_keeps_the_push_and_says_so() {
    let house = house().await;
    house.clone_into("work").await;
    set_state(&house.test, &house.site.id, "stopped").await;
    let commit = house.commit("work", "index.html", b"new", "Later").await;
    let text = house.git("work", &["push", "origin", "main"]).await.fine();
    assert!(text.contains("Stored, but not deployed: a site that is stopped cannot be deployed."), "{text}");
    assert!(text.contains(&format!("/sites/{}/deployments", house.site.id)), "{text}");
    assert_eq!(house.at("refs/heads/main").await, Some(commit));
    assert_eq!(house.count("select cast(count(*) as bigint) from deployment").await, 0);
    assert_eq!(house.count("select cast(count(*) as bigint) from site_push where state = 'stored' and deployment_id is null").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_deployment_lets_the_push_go() {
    let house = house_with(|config| config.hosting.push_wait_minutes = 0).await;
    house.clone_into("work").await;
    house.commit("work", "index.html", b"new", "Long").await;
    let text = house.git("work", &["push", "origin", "main"]).await.fine();
    assert!(text.contains("the deployment goes on without your push waiting for it"), "{text}");
    assert_eq!(house.count("select cast(count(*) as bigint) from deployment where state = 'running'").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_whose_end_nobody_saw_is_deployed_after_all_and_only_once() {
    let house = house_with(|config| config.hosting.push_wait_minutes = 0).await;
    house.clone_into("work").await;
    let before = house.at("refs/heads/main").await.unwrap();
    let commit = house.commit("work", "index.html", b"new", "Lost").await;
    house.git("work", &["push", "--quiet", "origin", "HEAD:refs/heads/elsewhere"]).await.fine();
    let hosting = &house.test.app.hosting;
    let update =
        |new: &str| hosting::git::receive::Update { old: before.clone(), new: new.to_owned(), reference: "refs/heads/main".to_owned() };
    let actor = accounts::Actor::cli();
    // As a kill between Git and us leaves it: written down, stored by Git, not settled. And one that Git never stored.
    pushes::begin(hosting, &actor, &house.site, &[update(&commit), update(&"1".repeat(40))]).await.unwrap();
    super::client(&house.bare(), &["update-ref", "refs/heads/main", &commit], house.folder.path()).run().await.unwrap();
    assert_eq!(pushes::settle_the_lost(hosting).await.unwrap(), 0, "it may be under way still");
    house.test.app.clock.advance(Duration::from_secs(60));
    assert_eq!(pushes::settle_the_lost(hosting).await.unwrap(), 1);
    assert_eq!(pushes::settle_the_lost(hosting).await.unwrap(), 0);
    assert_eq!(house.count("select cast(count(*) as bigint) from deployment").await, 1);
    house.test.app.clock.advance(Duration::from_secs(3 * 3600));
    assert_eq!(pushes::settle_the_lost(hosting).await.unwrap(), 1);
    assert_eq!(house.count("select cast(count(*) as bigint) from site_push where state = 'refused'").await, 1);
    assert_eq!(house.count("select cast(count(*) as bigint) from deployment").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_whose_token_is_revoked_is_told_nothing_more_and_the_deployment_goes_on() {
    let house = house().await;
    let made = house.made(TokenAccess::Push).await;
    let url = house.url("ci", made.secret.reveal());
    house.clone_into("work").await;
    let commit = house.commit("work", "index.html", b"new", "A new face").await;
    let revoke = async {
        let (id, operation) = deployment_of(&house, &commit).await;
        step(&house, &operation, "checkout", "done", 200).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        tokens::revoke(&house.test.app.hosting, &Actor::cli(), &house.site.id, &made.id).await.unwrap();
        // Said after it: for whoever may still read it.
        log(&house, &id, "1\tbuild\tnot for the one who pushed\n");
        id
    };
    let begun = std::time::Instant::now();
    let push = ["push", &url, "main"];
    let (said, id) = tokio::join!(house.git("work", &push), revoke);
    let text = said.fine();
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(text.contains("Check out the commit") && text.contains("not valid any more, so this ends here"), "{text}");
    assert!(text.contains(&format!("/deployments/{id}")) && !text.contains("not for the one who pushed"), "{text}");
    let (state,): (String,) = house.test.app.db.one(sql("select state from deployment where id = $1").bind(&id)).await.unwrap();
    assert_eq!(state, "running");
}
