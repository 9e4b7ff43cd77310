//! Tokens that may send so much and no more.

use serde_json::json;
use std::time::Duration;

use super::House;

impl House {
    /// A token of the admin that may send so much, and its id.
    async fn limited(&self, per_second: Option<i64>, per_day: Option<i64>) -> (String, String) {
        let token = self.test.token(&self.admin, "tokens:write events:write").await;
        let new = json!({"name": "small", "scopes": ["events:write"], "events_per_second": per_second, "events_per_day": per_day});
        let made = self.test.post("/api/tokens").token(&token).json(&new).send().await;
        assert_eq!(made.status, 201, "{}", made.text);
        (made.json()["token"].as_str().unwrap().to_owned(), made.json()["id"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn each_format_is_told_to_come_back_in_its_own_words() {
    let house = House::open().await;
    let (key, _) = house.limited(Some(1), None).await;
    let batch = |from: usize, count: usize| -> Vec<_> {
        (from..from + count)
            .map(|n| json!({"event": "login", "uuid": n.to_string(), "distinct_id": "u", "timestamp": "2026-01-14T10:30:00Z"}))
            .collect()
    };
    let v0 = house.test.post("/batch/").json(&json!({"api_key": key, "batch": batch(0, 10)})).send().await;
    assert_eq!(v0.status, 200, "a burst: {}", v0.text);
    let too_fast = house.test.post("/batch/").json(&json!({"api_key": key, "batch": batch(10, 4)})).send().await;
    assert_eq!((too_fast.status.as_u16(), too_fast.header("retry-after")), (429, "4"), "{}", too_fast.text);
    assert_eq!(too_fast.json()["code"], "rate_limited");
    let v1 = house.test.post("/i/v1/analytics/events").token(&key).json(&json!({"batch": batch(10, 4)})).send().await;
    assert_eq!((v1.status.as_u16(), v1.header("retry-after")), (503, "4"), "SDKs of version 1 throw away what is answered with 429");
    let segment = json!({"writeKey": key, "batch": [{"type": "track", "event": "login", "messageId": "s", "userId": "u"}]});
    let segment = house.test.post("/v1/batch").json(&segment).send().await;
    assert_eq!((segment.status.as_u16(), segment.header("retry-after")), (429, "1"));
    let own =
        house.test.post(&format!("/api/customers/{}/events", house.customer)).token(&key).json(&json!({"name": "login"})).send().await;
    assert_eq!((own.status.as_u16(), own.header("retry-after")), (429, "1"));
    assert!(own.header("content-type").starts_with("application/problem+json"));
    let cloud = house
        .test
        .post("/cloudevents")
        .token(&key)
        .json(&json!({"specversion": "1.0", "id": "1", "source": "s", "type": "a"}))
        .send()
        .await;
    assert_eq!((cloud.status.as_u16(), cloud.header("retry-after")), (429, "1"));
    house.test.app.clock.advance(Duration::from_secs(4));
    let again = house.test.post("/batch/").json(&json!({"api_key": key, "batch": batch(10, 4)})).send().await;
    assert_eq!(again.status, 200);
    assert_eq!(house.events().await.len(), 14);
    // Another token is not held up.
    assert_eq!(house.test.post("/batch/").json(&json!({"api_key": house.key, "batch": batch(100, 50)})).send().await.status, 200);
    assert_eq!(house.complaints().await, ["too_fast api - 1", "too_fast cloudevents - 1", "too_fast posthog - 2", "too_fast segment - 1"]);
}

#[tokio::test]
async fn an_operator_says_how_much_anybodys_token_may_send() {
    let house = House::open().await;
    let (key, id) = house.limited(None, Some(5)).await;
    let send = async |count: usize| {
        let batch: Vec<_> = (0..count).map(|_| json!({"event": "login", "distinct_id": "u"})).collect();
        house.test.post("/batch/").json(&json!({"api_key": key, "batch": batch})).send().await
    };
    assert_eq!(send(3).await.status, 200);
    let full = send(3).await;
    assert_eq!((full.status.as_u16(), full.header("retry-after")), (429, "3600"), "{}", full.text);
    let page = house.test.get("/admin/ingestion").by(&house.admin).send().await.text;
    for words in ["5 a day", "3 sent today", "has sent all events", "Without an end", &id] {
        assert!(page.contains(words), "{words}");
    }
    let say = async |per_day: &str| {
        let form = [("events_per_second", ""), ("events_per_day", per_day)];
        house.test.post(&format!("/admin/ingestion/keys/{id}")).by(&house.admin).form(&form).send().await
    };
    assert_eq!(say("no number").await.status, 303);
    assert_eq!(send(3).await.status, 429, "what was not understood changes nothing");
    assert_eq!(say("6").await.status, 303);
    // What is known of a token holds for some seconds.
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    assert_eq!(send(3).await.status, 200);
    assert_eq!(send(1).await.status, 429);
    // A token makes none that may send more than itself, and none that sends nothing has a limit.
    let nothing = json!({"name": "x", "scopes": ["sites:read"], "events_per_day": 5});
    let token = house.test.token(&house.admin, "tokens:write sites:read").await;
    let refused = house.test.post("/api/tokens").token(&token).json(&nothing).send().await;
    assert_eq!((refused.status.as_u16(), refused.json()["errors"][0]["field"].as_str()), (422, Some("events_per_second")));
}
