//! Our own door.

use accounts::{CustomerId, Role};
use kit::testing::databases;
use serde_json::json;
use web::testing::TestApp;

use super::House;

#[tokio::test]
async fn each_event_of_a_batch_gets_its_own_result() {
    for db in databases().await {
        let name = db.name;
        let house = House::over(TestApp::start_on(db, |_| {}).await).await;
        let path = format!("/api/customers/{}/events", house.customer);
        let one = json!({"name": "login", "id": "e-1", "person": "ada"});
        let reply = house.test.post(&path).token(&house.key).json(&one).send().await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text);
        assert_eq!(reply.json(), json!({"stored": 1, "duplicates": 0, "refused": 0, "results": [{"id": "e-1", "result": "stored"}]}));

        let batch = json!({"events": [one, {"name": "", "id": "e-2"}, {"name": "rating", "id": "e-3", "properties": {"rating": 5, "Password": "x"}}]});
        let reply = house.test.post(&path).token(&house.key).json(&batch).send().await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text);
        let expected = json!({"stored": 1, "duplicates": 1, "refused": 1, "results": [
            {"id": "e-1", "result": "duplicate"},
            {"id": "e-2", "result": "refused", "errors": [{"field": "name", "message": "is missing"}]},
            {"id": "e-3", "result": "stored", "warnings": ["removed_keys"]},
        ]});
        assert_eq!(reply.json(), expected, "{name}");
        let events = house.events().await;
        let told: Vec<_> =
            events.iter().map(|it| (it.name.as_str(), it.customer.as_ref() == Some(&house.customer), it.props.as_str())).collect();
        assert_eq!(told, [("login", true, "{}"), ("rating", true, r#"{"rating":5}"#)], "{name}");
        assert_eq!(house.complaints().await, ["missing_name api - 1", "removed_keys api rating 1"], "{name}");
        let page = house.test.get("/admin/events").by(&house.admin).send().await;
        assert!(page.text.contains("Atelier Nord") && page.text.contains("2 shown"), "{name}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_field_by_field() {
    let house = House::open().await;
    let path = format!("/api/customers/{}/events", house.customer);
    let ask = |body: serde_json::Value| house.test.post(&path).token(&house.key).json(&body).send();
    let reply = ask(json!({"name": 1.5, "timestamp": "soon", "extra": true, "properties": [1]})).await;
    assert_eq!(reply.status, 422);
    let fields: Vec<String> =
        reply.json()["errors"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap().to_owned()).collect();
    assert_eq!(fields, ["extra", "timestamp", "properties"]);
    let reply = ask(json!([{"id": "a"}, {"name": "ok", "time": {}}])).await;
    assert_eq!(reply.status, 422);
    assert!(reply.text.contains("events.0.name") && reply.text.contains("events.1.time"), "{}", reply.text);
    for (body, status) in [("", 400), ("{", 400), ("[]", 422), ("5", 400)] {
        let reply = house.test.post(&path).token(&house.key).header("content-type", "application/json").body(body).send().await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text);
        assert_eq!(reply.header("content-type"), "application/problem+json");
    }
    let reply = house.test.post(&path).token(&house.key).header("content-type", "text/plain").body("{}").send().await;
    assert_eq!(reply.status, 415);
    let reply = house.test.get(&path).token(&house.key).send().await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "POST"));
    assert!(house.events().await.is_empty());
}

#[tokio::test]
async fn customers_are_found_or_answered_as_not_there() {
    let house = House::open().await;
    let other = house.test.customer("Kaffee & Korn").await;
    let event = json!({"name": "login"});
    let ask = |customer: &str, key: &str| {
        let path = format!("/api/customers/{customer}/events");
        let ask = house.test.post(&path).token(key).json(&event);
        async move { ask.send().await.status.as_u16() }
    };
    let unknown = CustomerId::random();
    assert_eq!(ask(house.customer.as_str(), &house.key).await, 200);
    assert_eq!(ask(other.as_str(), &house.key).await, 200);
    assert_eq!(ask(unknown.as_str(), &house.key).await, 404);
    assert_eq!(ask("nonsense", &house.key).await, 404);
    assert_eq!(ask(house.customer.as_str(), &house.own_key).await, 200);
    assert_eq!(ask(other.as_str(), &house.own_key).await, 404);
    assert_eq!(ask(house.customer.as_str(), "ink_nonsense").await, 401);
    let concierge = house.test.passwordless(Role::Concierge).await;
    let narrow = house.test.token(&concierge, "sites:read").await;
    assert_eq!(ask(house.customer.as_str(), &narrow).await, 403);
}

#[tokio::test]
async fn a_post_that_is_sent_twice_with_one_key_counts_once() {
    let house = House::open().await;
    let path = format!("/api/customers/{}/events", house.customer);
    for expected in ["stored", "duplicate"] {
        let ask = house.test.post(&path).token(&house.key).header("idempotency-key", "job-7");
        let reply = ask.json(&json!({"name": "invoice_paid"})).send().await;
        assert_eq!(reply.json()["results"][0]["result"], expected);
    }
    // Without an id or a key each is another one.
    for _ in 0..2 {
        assert_eq!(house.test.post(&path).token(&house.key).json(&json!({"name": "login"})).send().await.json()["stored"], 1);
    }
    assert_eq!(house.names().await, ["invoice_paid", "login", "login"]);
}

#[tokio::test]
async fn other_websites_cannot_send_in_somebodys_name() {
    let house = House::open().await;
    let path = format!("/api/customers/{}/events", house.customer);
    let ask = |site: &'static str| {
        let ask = house.test.post(&path).header("cookie", &house.owner.cookie).header("sec-fetch-site", site);
        async move { ask.json(&json!({"name": "login"})).send().await.status.as_u16() }
    };
    assert_eq!(ask("cross-site").await, 403);
    assert_eq!(ask("same-origin").await, 200);
}
