//! The doors of others' formats: keys, answers, limits, attacks.

use std::io::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use kit::testing::sqlite;
use reqwest::Method;
use serde_json::{Value, json};
use web::testing::{Reply, TestApp};

use super::House;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl House {
    async fn send(&self, path: &str, body: &Value) -> Reply {
        self.test.post(path).json(body).send().await
    }
}

#[tokio::test]
async fn every_address_answers_200_and_keeps_the_event() {
    let house = House::open().await;
    let key = house.key.clone();
    let event = |id: &str| json!({"event": "login", "uuid": id, "distinct_id": "ada"});
    let posthog = ["/batch/", "/batch", "/capture/", "/capture", "/e/", "/e", "/i/v0/e/", "/i/v0/e", "/i/v0/ai/batch/", "/i/v0/ai/batch"];
    for path in posthog {
        let reply = house.send(path, &json!({"api_key": key, "batch": [event(path)]})).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, r#"{"status":"Ok"}"#), "{path}");
    }
    for path in ["track", "identify", "group", "page", "screen", "alias"] {
        let body = json!({"messageId": path, "userId": "ada", "event": "x", "groupId": house.customer.as_str(), "previousId": "b", "writeKey": key});
        let reply = house.send(&format!("/v1/{path}"), &body).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, r#"{"success":true}"#), "{path}");
    }
    assert_eq!(house.events().await.len(), posthog.len() + 6);
    assert_eq!(house.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn keys_are_taken_from_wherever_a_client_puts_them() {
    let house = House::open().await;
    let key = &house.key;
    let event = json!({"event": "a", "distinct_id": "ada"});
    let basic = format!("Basic {}", STANDARD.encode(format!("{key}:")));
    let with_basic = house.test.post("/v1/batch").header("authorization", &basic);
    let form =
        format!("data={}", form_urlencoded_of(&STANDARD.encode(json!({"api_key": key, "event": "a", "distinct_id": "ada"}).to_string())));
    let asks = [
        house.test.post("/e/").json(&json!({"token": key, "event": "a", "distinct_id": "ada"})),
        house.test.post("/e/").json(&json!({"event": "a", "distinct_id": "ada", "properties": {"token": key}})),
        house.test.post("/e/").json(&json!([{"event": "a", "distinct_id": "ada", "properties": {"token": key}}])),
        house.test.post(&format!("/e/?api_key={key}")).json(&event),
        house.test.post("/batch/").token(key).json(&json!({"batch": [event]})),
        with_basic.json(&json!({"batch": [{"type": "track", "event": "a", "userId": "ada"}]})),
        house.test.post("/e/?compression=base64").header("content-type", "application/x-www-form-urlencoded").body(form),
        // A browser's SDK says neither that it compressed nor that it is JSON.
        house
            .test
            .post("/e/?compression=gzip-js")
            .header("content-type", "text/plain")
            .body(gzip(json!({"api_key": key, "batch": [event]}).to_string().as_bytes())),
    ];
    let count = asks.len();
    for (at, ask) in asks.into_iter().enumerate() {
        let reply = ask.send().await;
        assert_eq!(reply.status, 200, "{at}: {}", reply.text);
    }
    assert_eq!(house.events().await.len(), count);
}

fn form_urlencoded_of(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

#[tokio::test]
async fn wrong_keys_open_nothing_and_say_so_in_each_clients_words() {
    let house = House::open().await;
    let narrow = house.test.token(&house.admin, "sites:read").await;
    for key in ["", "ink_nonsense", &format!("ink_{}", "x".repeat(40)), &narrow, &"x".repeat(5000)] {
        let reply = house.send("/batch/", &json!({"api_key": key, "batch": [{"event": "a", "distinct_id": "u"}]})).await;
        assert_eq!(reply.status, 401, "{key}");
        let body = reply.json();
        assert!(["code", "message", "detail", "error"].iter().all(|field| body[field].is_string()), "{body}");
        assert!(!reply.text.contains(key) || key.is_empty(), "{}", reply.text);
    }
    let reply = house.test.post("/i/v1/analytics/events").json(&json!({"batch": []})).send().await;
    assert_eq!((reply.status.as_u16(), reply.json()["error"].clone()), (401, json!("invalid_api_token")));
    assert!(house.events().await.is_empty());
    assert_eq!(house.complaints().await, ["no_token posthog - 6"]);
}

#[tokio::test]
async fn a_revoked_key_stops_working_in_seconds() {
    let house = House::open().await;
    let ask = async || house.send("/batch/", &json!({"api_key": house.own_key, "batch": []})).await.status.as_u16();
    assert_eq!(ask().await, 200);
    accounts::customers::suspend(&house.test.app.db, &house.test.app.clock, &accounts::Actor::cli(), &house.customer).await.unwrap();
    let mut last = 0;
    for _ in 0..80 {
        last = ask().await;
        if last == 401 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("still {last} after eight seconds");
}

#[tokio::test]
async fn version_one_answers_for_each_event() {
    let house = House::open().await;
    let ask = async |batch: Value| {
        let ask =
            house.test.post("/i/v1/analytics/events").token(&house.key).header("posthog-request-timestamp", "2026-01-14T10:30:00.000Z");
        ask.json(&json!({"created_at": "2026-01-14T10:30:00Z", "batch": batch})).send().await
    };
    let reply = ask(json!([
        {"event": "login", "uuid": "1", "distinct_id": "ada", "timestamp": "2026-01-14T10:29:00Z", "properties": {}},
        {"event": "login", "uuid": "2", "distinct_id": "null", "timestamp": "2026-01-14T10:29:00Z", "properties": {}},
        {"event": "login", "uuid": "3", "distinct_id": "ada", "timestamp": "yesterday", "properties": {}},
    ]))
    .await;
    assert_eq!(reply.status, 200);
    let results = &reply.json()["results"];
    assert_eq!(
        (&results["1"]["result"], &results["2"]["result"], &results["3"]["result"]),
        (&json!("ok"), &json!("drop"), &json!("warning"))
    );
    for (batch, error) in [(json!([{"event": "a", "distinct_id": "u"}]), "missing_event_uuid"), (json!([]), "empty_batch")] {
        let reply = ask(batch).await;
        assert_eq!((reply.status.as_u16(), reply.json()["error"].clone()), (400, json!(error)));
    }
    assert_eq!(house.events().await.len(), 2);
}

#[tokio::test]
async fn a_customers_key_sends_for_that_customer_alone() {
    let house = House::open().await;
    let other = house.test.customer("Kaffee & Korn").await;
    let batch = json!({"api_key": house.own_key, "batch": [
        {"event": "login", "uuid": "1", "distinct_id": "ada"},
        {"event": "login", "uuid": "2", "distinct_id": "ada", "properties": {"$groups": {"customer": other.as_str()}}},
        {"event": "login", "uuid": "3", "distinct_id": "ada", "properties": {"$groups": {"customer": house.customer.as_str()}}},
        {"event": "$groupidentify", "uuid": "4", "distinct_id": "x", "properties": {"$group_type": "customer", "$group_key": other.as_str()}},
    ]});
    assert_eq!(house.send("/batch/", &batch).await.status, 200);
    let events = house.events().await;
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.customer.as_ref() == Some(&house.customer)));
    // Ids that the house's own key sends later are not taken by what the customer has sent.
    let same_id = json!({"api_key": house.key, "batch": [{"event": "login", "uuid": "1", "distinct_id": "ada"}]});
    assert_eq!(house.send("/batch/", &same_id).await.status, 200);
    assert_eq!(house.events().await.len(), 3);
    let unknown = json!({"api_key": house.key, "batch": [{"event": "login", "uuid": "9", "distinct_id": "ada", "properties": {"$groups": {"customer": "cust_zzzzzzzzzzzz"}}}]});
    assert_eq!(house.send("/batch/", &unknown).await.status, 200);
    assert_eq!(house.events().await.len(), 3);
    assert_eq!(house.complaints().await, ["unknown_customer posthog $groupidentify 1", "unknown_customer posthog login 2"]);
}

#[tokio::test]
async fn limits_and_bombs_are_told_apart() {
    let house = House::open().await;
    let send = async |body: Vec<u8>, encoding: &str| {
        let ask = house.test.post("/batch/").header("content-type", "application/json");
        let ask = if encoding.is_empty() { ask } else { ask.header("content-encoding", encoding) };
        ask.body(body).send().await.status.as_u16()
    };
    let batch = |count: usize| {
        let events: Vec<Value> = (0..count).map(|at| json!({"event": "a", "uuid": at.to_string(), "distinct_id": "u"})).collect();
        json!({"api_key": house.key, "batch": events}).to_string().into_bytes()
    };
    assert_eq!(send(batch(3), "").await, 200);
    assert_eq!(send(gzip(&batch(10_000)), "gzip").await, 200);
    assert_eq!(send(gzip(&batch(10_001)), "gzip").await, 413);
    assert_eq!(send(gzip(&vec![b' '; 100 << 20]), "gzip").await, 413, "a bomb");
    assert_eq!(send(vec![b' '; (20 << 20) + 1], "").await, 413);
    assert_eq!(send(b"no gzip".to_vec(), "gzip").await, 400);
    assert_eq!(send(batch(1), "br").await, 415);
    assert_eq!(send(b"\x1f\x8bnonsense".to_vec(), "").await, 400);
    let reply = house.test.ask(Method::GET, "/batch/").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "POST, OPTIONS"));
    assert_eq!(house.events().await.len().min(1000), 1000);
    assert_eq!(house.complaints().await, ["bad_request posthog - 3", "request_too_large posthog - 3"]);
}

#[tokio::test]
async fn browsers_of_any_website_may_send_and_no_cookie_counts() {
    let house = House::open().await;
    let ask = house.test.ask(Method::OPTIONS, "/e/").header("origin", "https://shop.test");
    let reply = ask.header("access-control-request-method", "POST").header("access-control-request-headers", "content-type").send().await;
    assert_eq!(reply.status, 204);
    assert_eq!((reply.header("access-control-allow-origin"), reply.header("access-control-allow-headers")), ("*", "content-type"));
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    let event = json!({"event": "a", "distinct_id": "u"});
    let reply = house.test.post("/e/").by(&house.admin).json(&event).send().await;
    assert_eq!(reply.status, 401, "a session is no key");
    // The door of our own format takes sessions, so other websites are kept out there.
    let path = format!("/api/customers/{}/events", house.customer);
    let reply = house.test.ask(Method::OPTIONS, &path).header("origin", "https://shop.test").send().await;
    assert_eq!(reply.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn overload_is_answered_with_come_back_and_keeps_nothing() {
    let house = House::over(TestApp::start_on(sqlite().await, |config| config.events.waiting_mb = 1).await).await;
    let large = "x".repeat(900_000);
    let batch = |at: usize| {
        let events: Vec<Value> = (0..2)
            .map(|one| json!({"event": "a", "uuid": format!("{at}-{one}"), "distinct_id": "u", "properties": {"x": large}}))
            .collect();
        gzip(json!({"api_key": house.key, "batch": events}).to_string().as_bytes())
    };
    let asks: Vec<_> = (0..30)
        .map(|at| {
            house.test.post("/batch/").header("content-type", "application/json").header("content-encoding", "gzip").body(batch(at)).send()
        })
        .collect();
    let replies = futures_util::future::join_all(asks).await;
    let taken = replies.iter().filter(|reply| reply.status == 200).count();
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (503, "1"), "{}", reply.text);
    }
    assert!((1..30).contains(&taken), "{taken} of 30 were taken");
    assert_eq!(house.events().await.len(), taken * 2);
}

#[tokio::test]
async fn a_million_bad_events_cost_a_few_rows() {
    let house = House::open().await;
    let events: Vec<Value> = (0..10_000).map(|at| json!({"event": format!("bad {at}"), "uuid": "x"})).collect();
    let body = gzip(json!({"api_key": house.key, "batch": events}).to_string().as_bytes());
    for _ in 0..3 {
        let ask = house.test.post("/batch/").header("content-type", "application/json").header("content-encoding", "gzip");
        assert_eq!(ask.body(body.clone()).send().await.status, 200);
    }
    house.complaints().await;
    let (rows, sum): (i64, i64) = house
        .test
        .app
        .db
        .one(kit::sql("select cast(count(*) as bigint), cast(sum(events) as bigint) from ingestion_warning"))
        .await
        .unwrap();
    assert!(rows <= 1001, "{rows} rows");
    assert_eq!(sum, 30_000);
    assert!(house.events().await.is_empty());
}
