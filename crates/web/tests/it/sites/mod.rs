//! Sites over HTTP. No job runs here, so a new site stays at its first step and nothing is asked of Docker but its state.

mod adopted;
mod api;
mod deployments;
mod environment;
mod figures;
mod logs;
mod notifications;
mod pages;
mod previews;

use std::time::Duration;

use kit::sql;
use serde_json::{Value, json};
use web::testing::{Reply, TestApp, TestMember};

async fn owner(test: &TestApp) -> TestMember {
    let customer = test.customer("Atelier Nord").await;
    test.owner(&customer).await
}

async fn create(test: &TestApp, by: &TestMember, body: Value) -> Reply {
    test.post("/api/sites").by(by).json(&body).send().await
}

async fn new_site(test: &TestApp, by: &TestMember, name: &str) -> String {
    let reply = create(test, by, json!({ "site_type": "portfolio", "site_name": name })).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.json()["app_id"].as_str().unwrap().to_owned()
}

/// As the job would have left it.
async fn settle(test: &TestApp, site: &str, state: &str) {
    let db = &test.app.db;
    let now = test.app.clock.now();
    db.execute(sql("update site_step set state = 'done', started_at = $1, finished_at = $1").bind(now)).await.unwrap();
    db.execute(sql("update site_operation set state = 'done', finished_at = $2 where site_id = $1").bind(site).bind(now)).await.unwrap();
    let archived_at = (state == "archived").then_some(now);
    db.execute(
        sql("update site set state = $2, archived_at = $3, last_deployed_at = $4 where id = $1")
            .bind(site)
            .bind(state)
            .bind(archived_at)
            .bind(now),
    )
    .await
    .unwrap();
    // What is done next is newer.
    test.app.clock.advance(Duration::from_millis(1));
}

/// As the job leaves it when a step fails for good.
async fn fail(test: &TestApp, site: &str, step: &str, error: &str) {
    let db = &test.app.db;
    let now = test.app.clock.now();
    db.execute(
        sql("update site_step set state = 'failed', started_at = $3, finished_at = $3, error = $2 where name = $1")
            .bind(step)
            .bind(error)
            .bind(now),
    )
    .await
    .unwrap();
    db.execute(
        sql("update site_operation set state = 'failed', finished_at = $2, error = $3 where site_id = $1").bind(site).bind(now).bind(error),
    )
    .await
    .unwrap();
    db.execute(sql("update site set state = 'failed' where id = $1").bind(site)).await.unwrap();
    // As the runner leaves it: a try can only begin once the last one is put away.
    db.execute(sql("update job set state = 'dead', finished_at = $1 where kind = 'site.operation' and state = 'queued'").bind(now))
        .await
        .unwrap();
    test.app.clock.advance(Duration::from_millis(1));
}
