//! `Idempotency-Key`: a create that is sent twice happens once.

use std::time::Duration;

use accounts::Role;
use kit::testing::databases;
use serde_json::json;
use web::testing::{TestApp, TestMember};

async fn customers(test: &TestApp, admin: &TestMember) -> usize {
    test.get("/api/customers").by(admin).send().await.json()["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_request_happens_once_and_another_under_its_key_is_refused() {
    for db in databases().await {
        let name = db.name;
        let test = TestApp::start_on(db, |_| {}).await;
        let admin = test.passwordless(Role::Admin).await;
        let create = |key: &str, name: &str| {
            test.post("/api/customers").by(&admin).header("idempotency-key", key).json(&json!({ "name": name })).send()
        };
        let first = create("k1", "Nordlicht").await;
        let second = create("k1", "Nordlicht").await;
        assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201), "{name}: {}", second.text);
        assert_eq!(first.text, second.text, "{name}");
        assert_eq!((first.header("idempotent-replayed"), second.header("idempotent-replayed")), ("", "true"), "{name}");
        assert_eq!(first.header("location"), second.header("location"), "{name}");
        assert_eq!(create("k1", "Another").await.status, 422, "{name}");
        assert_eq!(customers(&test, &admin).await, 1, "{name}");

        let other = test.passwordless(Role::Admin).await;
        let theirs =
            test.post("/api/customers").by(&other).header("idempotency-key", "k1").json(&json!({ "name": "Nordlicht" })).send().await;
        assert_eq!((theirs.status.as_u16(), theirs.header("idempotent-replayed")), (201, ""), "{name}: keys belong to their caller");

        test.app.clock.advance(Duration::from_secs(86_401));
        let later = create("k1", "Another").await;
        assert_eq!(later.status, 201, "{name}: after a day the key is free: {}", later.text);
    }
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let create = |name: &str| test.post("/api/customers").by(&admin).header("idempotency-key", "k").json(&json!({ "name": name })).send();
    assert_eq!(create("").await.status, 422);
    assert_eq!(create("Nordlicht").await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_at_once_make_one() {
    for db in databases().await {
        let name = db.name;
        let test = TestApp::start_on(db, |_| {}).await;
        let admin = test.passwordless(Role::Admin).await;
        let create = || test.post("/api/customers").by(&admin).header("idempotency-key", "k").json(&json!({ "name": "Nordlicht" })).send();
        let replies = futures_util::future::join_all((0..10).map(|_| create())).await;
        assert!(replies.iter().all(|reply| matches!(reply.status.as_u16(), 201 | 409)), "{name}: {replies:?}");
        assert!(replies.iter().any(|reply| reply.status == 201), "{name}");
        assert_eq!(customers(&test, &admin).await, 1, "{name}");
    }
}

#[tokio::test]
async fn a_kept_token_is_sealed() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let made = test
        .post("/api/tokens")
        .by(&admin)
        .header("idempotency-key", "k")
        .json(&json!({ "name": "CI", "scopes": ["sites:read"] }))
        .send()
        .await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let kept: Vec<(String,)> = test.app.db.all(kit::sql("select answer from idempotent_request")).await.unwrap();
    assert!(kept.len() == 1 && !kept[0].0.contains(&token));
}

#[tokio::test]
async fn what_is_no_longer_given_again_is_swept_away() {
    for db in databases().await {
        let name = db.name;
        let test = TestApp::start_on(db, |_| {}).await;
        let admin = test.passwordless(Role::Admin).await;
        let create =
            |key: &str| test.post("/api/customers").by(&admin).header("idempotency-key", key).json(&json!({ "name": "Nordlicht" })).send();
        let sweep = async || web::sweep(&test.app.db, &test.app.clock).await.unwrap();
        assert_eq!(create("k1").await.status, 201, "{name}");
        // A process died before it could answer.
        let claim = kit::sql("insert into idempotent_request (name, fingerprint, claimed_at) values ('died', 'x', $1)");
        test.app.db.execute(claim.bind(test.app.clock.now())).await.unwrap();
        assert_eq!(sweep().await, 0, "{name}: both are good");
        test.app.clock.advance(Duration::from_secs(661));
        assert_eq!(sweep().await, 1, "{name}: the claim has lapsed");
        assert_eq!(create("k1").await.header("idempotent-replayed"), "true", "{name}");
        test.app.clock.advance(Duration::from_secs(86_400));
        assert_eq!((sweep().await, sweep().await), (1, 0), "{name}");
    }
}
