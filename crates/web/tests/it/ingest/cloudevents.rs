//! CloudEvents: single, in batches, and with attributes as headers.

use serde_json::json;

use super::House;

fn one(id: &str) -> serde_json::Value {
    json!({"specversion": "1.0", "id": id, "source": "/shop", "type": "feature_used", "person": "u1", "data": {"feature": "editor"}})
}

#[tokio::test]
async fn all_three_modes_bring_the_same_event_and_count_it_once() {
    let house = House::open().await;
    let send =
        |kind: &'static str, body: String| house.test.post("/cloudevents").token(&house.key).header("content-type", kind).body(body).send();
    let single = send("application/cloudevents+json; charset=utf-8", one("1").to_string()).await;
    assert_eq!((single.status.as_u16(), single.json()), (200, json!({"results": [{"id": "1", "result": "stored"}]})));
    let batch = json!([one("1"), one("2"), {"specversion": "1.0", "id": "3", "source": "/shop"}]);
    let reply = send("application/cloudevents-batch+json", batch.to_string()).await;
    let results: Vec<String> =
        reply.json()["results"].as_array().unwrap().iter().map(|it| it["result"].as_str().unwrap().to_owned()).collect();
    assert_eq!((reply.status.as_u16(), results.join(" ")), (200, "duplicate stored refused".to_owned()));
    let headers = house.test.post("/cloudevents").token(&house.key).header("content-type", "application/json");
    let headers =
        headers.header("ce-specversion", "1.0").header("ce-id", "2").header("ce-source", "/shop").header("ce-type", "feature_used");
    let reply = headers.header("ce-person", "J%C3%BCrgen").body(r#"{"feature":"editor"}"#).send().await;
    assert_eq!(reply.json()["results"][0]["result"], "duplicate", "{}", reply.text);
    let plain = house.test.post("/cloudevents").token(&house.key).header("content-type", "text/plain");
    let plain = plain.header("ce-specversion", "1.0").header("ce-id", "4").header("ce-source", "/shop").header("ce-type", "note");
    assert_eq!(plain.header("ce-person", "J%C3%BCrgen").body("he said \"x\"").send().await.status, 200);
    let events = house.events().await;
    assert_eq!(events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["feature_used", "feature_used", "note"]);
    assert_eq!(events[2].person.as_ref().map(|(_, name)| name.as_str()), Some("Jürgen"));
    assert_eq!(events[2].props, r#"{"data":"he said \"x\"","ce_source":"/shop"}"#);
    assert_eq!(house.complaints().await, ["missing_name cloudevents - 1"]);
}

#[tokio::test]
async fn a_customers_key_sends_for_that_customer_alone() {
    let house = House::open().await;
    let other = house.test.customer("Other").await;
    let mut event = one("1");
    event["subject"] = json!(other.as_str());
    let send = |event: &serde_json::Value| {
        house
            .test
            .post("/cloudevents")
            .token(&house.own_key)
            .header("content-type", "application/cloudevents+json")
            .body(event.to_string())
            .send()
    };
    let refused = send(&event).await;
    assert_eq!((refused.status.as_u16(), refused.json()["code"].as_str()), (400, Some("unknown_customer")), "{}", refused.text);
    event["subject"] = json!(house.customer.as_str());
    assert_eq!(send(&event).await.status, 200);
    assert_eq!(house.events().await[0].customer.as_ref(), Some(&house.customer));
    // Without a key, and with one in the body alone.
    let body = json!({"specversion": "1.0", "id": "9", "source": "s", "type": "a", "token": house.key});
    assert_eq!(house.test.post("/cloudevents").json(&body).send().await.status, 401);
}
