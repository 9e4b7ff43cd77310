//! A disk that is full while events come in. Needs root, as it mounts one.

use std::collections::BTreeSet;

use kit::id::random_base32;
use kit::testing::sqlite_below;
use serde_json::{Value, json};
use testkit::SmallDisk;
use web::testing::TestApp;

use super::House;

const BATCH: usize = 40;

/// Some hundred kilobytes that do not get any smaller.
fn batch(number: usize) -> Vec<Value> {
    let event =
        |at| json!({"event": "login", "uuid": format!("{number}-{at}"), "distinct_id": "u1", "properties": {"x": random_base32(3_000)}});
    (0..BATCH).map(event).collect()
}

#[tokio::test]
async fn a_full_disk_takes_nothing_loses_nothing_and_goes_on_once_there_is_room() {
    let disk = SmallDisk::mount(40 * 1024).await;
    let house = House::over(TestApp::start_on(sqlite_below(disk.path()).await, |_| {}).await).await;
    let send = async |number: usize| {
        let body = json!({"api_key": house.key, "batch": batch(number)});
        house.test.post("/batch/").json(&body).send().await
    };
    let mut acknowledged = BTreeSet::new();
    for number in 0..10 {
        assert_eq!(send(number).await.status, 200);
        acknowledged.insert(number);
    }
    disk.fill_but(0);
    let mut refused = BTreeSet::new();
    for number in 10..60 {
        let reply = send(number).await;
        match reply.status.as_u16() {
            200 => acknowledged.insert(number),
            status => {
                assert_eq!((status, reply.header("retry-after")), (503, "1"), "{}", reply.text);
                refused.insert(number)
            }
        };
    }
    assert!(refused.len() > 20, "the disk was not full: {} of 50 were refused", refused.len());
    // Version 1 of PostHog, Segment and our own door say the same in their words.
    let event = json!({"event": "login", "uuid": "v1", "distinct_id": "u1", "timestamp": "2026-01-14T10:30:00Z", "properties": {"x": random_base32(200_000)}});
    let v1 = house.test.post("/i/v1/analytics/events").token(&house.key).json(&json!({"batch": [event]})).send().await;
    let call = json!({"writeKey": house.key, "batch": [{"type": "track", "event": "login", "messageId": "s", "userId": "u", "properties": {"x": random_base32(200_000)}}]});
    let segment = house.test.post("/v1/batch").json(&call).send().await;
    let own = json!({"name": "login", "id": "n", "properties": {"x": random_base32(200_000)}});
    let native = house.test.post(&format!("/api/customers/{}/events", house.customer)).token(&house.key).json(&own).send().await;
    for reply in [&v1, &segment, &native] {
        assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (503, "1"), "{}", reply.text);
    }
    // Reading goes on, and finds what was acknowledged and nothing else.
    let stored = async || -> BTreeSet<String> {
        let all = house.events().await;
        let ids: BTreeSet<String> = all.iter().map(|event| event.id.clone()).collect();
        assert_eq!(ids.len(), all.len(), "an event is stored twice");
        ids
    };
    let of = |numbers: &BTreeSet<usize>| -> BTreeSet<String> {
        numbers.iter().flat_map(|number| (0..BATCH).map(move |at| format!("{number}-{at}"))).collect()
    };
    assert_eq!(stored().await, of(&acknowledged));
    disk.free();
    // As SDKs do.
    for number in &refused {
        assert_eq!(send(*number).await.status, 200);
    }
    acknowledged.extend(refused);
    assert_eq!(stored().await, of(&acknowledged));
}
