//! The pages: what is hostile in events is shown as text.

use serde_json::json;

use super::House;

const EVIL: &str = r#"</script><script>alert(1)</script>"><img src=x onerror=alert(1)>'--"#;

#[tokio::test]
async fn hostile_events_are_shown_as_text_everywhere() {
    let house = House::open().await;
    let batch = json!({"api_key": house.key, "batch": [
        {"event": EVIL, "uuid": EVIL, "distinct_id": EVIL, "properties": {EVIL: EVIL, "in": [EVIL]}},
        {"event": EVIL, "uuid": "2", "properties": {EVIL: EVIL}},
    ]});
    assert_eq!(house.test.post("/batch/").json(&batch).send().await.status, 200);
    let event = house.events().await.remove(0);
    let one = format!("/admin/events/{}/{}", event.at.0, event.seq);
    for path in ["/admin/events", &one, "/admin/ingestion"] {
        let page = house.test.get(path).by(&house.admin).send().await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains("alert(1)"), "{path}");
        assert!(!page.text.contains("<script>alert") && !page.text.contains("<img src=x"), "{path}");
        assert!(page.text.len() < 60_000, "{path}: {}", page.text.len());
    }
    let raw = house.test.get(&format!("{one}/raw")).by(&house.admin).send().await;
    assert_eq!((raw.header("content-type"), raw.header("content-disposition").starts_with("attachment")), ("application/json", true));
    assert_eq!(raw.json()["in"][0], EVIL);
}

#[tokio::test]
async fn the_list_is_filtered_and_paged_by_its_address() {
    let house = House::open().await;
    let path = format!("/api/customers/{}/events", house.customer);
    let batch: Vec<_> = (0..120).map(|at| json!({"name": if at % 2 == 0 { "login" } else { "visit" }, "id": at.to_string(), "person": format!("p{}", at % 3), "timestamp": 1_768_386_000_000_i64 + at})).collect();
    assert_eq!(house.test.post(&path).token(&house.key).json(&json!(batch)).send().await.status, 200);
    let get = async |path: &str| house.test.get(path).by(&house.admin).send().await.text;
    let first = get("/admin/events").await;
    assert!(first.contains("Atelier Nord") && first.contains("45 shown"));
    let next = first.split("after=").nth(1).and_then(|rest| rest.split('"').next()).expect("a next page");
    assert!(get(&format!("/admin/events?after={next}")).await.contains("45 shown"));
    assert!(get("/admin/events?name=login&source=posthog").await.contains("Nothing fits"));
    assert!(get("/admin/events?customer=nonsense").await.contains("Nothing fits"));
    assert!(get(&format!("/admin/events?name=login&customer={}", house.customer)).await.contains("45 shown"));
    assert!(get("/admin/events?from=2026-01-15").await.contains("Nothing fits"));
    assert!(get("/admin/events?from=2026-01-14&to=2026-01-14").await.contains("45 shown"));
    let empty = House::open().await;
    let page = empty.test.get("/admin/events").by(&empty.admin).send().await.text;
    assert!(page.contains("No events yet") && page.contains("How to send events"));
}

#[tokio::test]
async fn the_page_about_ingestion_tells_who_may_send_and_how() {
    let house = House::open().await;
    let page = house.test.get("/admin/ingestion").by(&house.admin).send().await.text;
    for words in ["Nothing was wrong", "for any customer", "for Atelier Nord", "posthog-node", "Events a second"] {
        assert!(page.contains(words), "{words}");
    }
    assert!(page.contains(&format!("http://{}", house.test.address)), "our own address stands in the examples");
    assert!(!page.contains(&house.key) && !page.contains(&house.own_key));
}
