//! Events in and out as files.

use accounts::Role;
use events::imports::{ImportId, RunImport};
use kit::jobs::{Attempt, Job, JobId};
use serde_json::json;
use web::testing::Reply;

use super::House;

const EVIL: &str = r#""><script>alert(1)</script>"#;

impl House {
    async fn send_form(&self, name: &str, content: &str) -> Reply {
        let name = name.replace('"', "%22");
        let body = format!(
            "--x1y2\r\nContent-Disposition: form-data; name=\"format\"\r\n\r\n\r\n--x1y2\r\nContent-Disposition: form-data; name=\"file\"; \
             filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n{content}\r\n--x1y2--\r\n"
        );
        let ask = self.test.post("/admin/ingestion/import").by(&self.admin).header("content-type", "multipart/form-data; boundary=x1y2");
        ask.body(body).send().await
    }

    async fn work(&self, id: &str) {
        let attempt = Attempt { id: JobId::new(&self.test.app.clock), number: 1, last: false };
        RunImport { import_id: ImportId::parse(id).unwrap() }.run(self.test.app.imports.clone(), attempt).await.unwrap();
        self.test.app.db.execute(kit::sql("update job set state = 'done'")).await.unwrap();
    }

    async fn page(&self, path: &str) -> String {
        let page = self.test.get(path).by(&self.admin).send().await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.text.contains("<script>alert") && page.text.len() < 60_000, "{path}: {}", page.text.len());
        page.text
    }
}

#[tokio::test]
async fn a_file_is_imported_by_the_pages_and_hostile_text_stays_text() {
    let house = House::open().await;
    let file = format!("Event,when,{EVIL},company\nlogin,2026-01-02,{EVIL},Atelier Nord\n{EVIL},yesterday,x,Atelier Nord\n");
    // A comma within quotes would be needed for it to be one column.
    let file = file.replace(EVIL, &format!("\"{}\"", EVIL.replace('"', "\"\"")));
    let sent = house.send_form(&format!("{EVIL}.csv"), &file).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    let place = sent.header("location").to_owned();
    let id = place.rsplit('/').next().unwrap();
    let page = house.page(&place).await;
    for words in ["Which column says what", "The first rows", "company says customer", "&lt;script&gt;"] {
        assert!(page.contains(words) || words.starts_with("company"), "{words}");
    }
    let start = |what: &'static str, time: &'static str| {
        let form = [
            ("column.name", "Event"),
            ("column.time", time),
            ("column.customer", "company"),
            ("always.person", "ada"),
            ("source", "old"),
            ("do", what),
        ];
        house.test.post(&format!("{place}/start")).by(&house.admin).form(&form).send()
    };
    let refused = start("check", "").await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("which column is the time"), "{}", refused.text);
    assert_eq!(start("check", "when").await.status, 303);
    assert!(house.page(&place).await.contains("Being checked"));
    house.work(id).await;
    let page = house.page(&place).await;
    assert!(page.contains("Would be stored") && page.contains("cannot be read") && page.contains("Checked"), "{page}");
    assert!(house.events().await.is_empty());
    assert_eq!(start("import", "when").await.status, 303);
    house.work(id).await;
    let page = house.page(&place).await;
    assert!(page.contains("What was imported") && !page.contains("Which column says what"));
    let event = house.events().await.remove(0);
    assert_eq!((event.name.as_str(), event.source.as_str(), event.customer.as_ref()), ("login", "old", Some(&house.customer)));
    assert!(house.page("/admin/ingestion/import").await.contains("Imported"));
    // What is no file, or none that can be read, is said at the form.
    for (name, content, says) in [("", "x", "Choose a file"), ("a.csv", "", "not empty"), ("a.exe", "x", "csv or ndjson")] {
        let refused = house.send_form(name, content).await;
        assert!(refused.status == 422 && refused.text.contains(says), "{name}: {} {}", refused.status, refused.text);
    }
    assert_eq!(house.test.post(&format!("{place}/discard")).by(&house.admin).send().await.status, 303);
    assert_eq!(house.test.get(&place).by(&house.admin).send().await.status, 404);
}

#[tokio::test]
async fn a_file_is_imported_by_the_api() {
    let house = House::open().await;
    let token = house.test.token(&house.admin, "admin").await;
    let lines = format!(
        "{{\"event\":\"login\",\"time\":1768000000,\"who\":\"u1\"}}\n{{\"time\":1768000000}}\n{{\"event\":\"{}\",\"time\":1}}\n",
        "x".repeat(300)
    );
    let sent =
        house.test.post("/api/imports?file=a.ndjson").token(&token).header("content-type", "application/x-ndjson").body(lines).send().await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let start = |body: serde_json::Value| house.test.post(&format!("/api/imports/{id}/start")).token(&token).json(&body).send();
    let refused = start(json!({"mapping": ["name=nothing"]})).await;
    assert_eq!((refused.status.as_u16(), refused.json()["errors"][0]["field"].as_str()), (422, Some("map")));
    let begun = start(json!({"mapping": ["person=who"], "check": true})).await;
    assert_eq!((begun.status.as_u16(), begun.json()["state"].as_str()), (202, Some("checking")));
    house.work(&id).await;
    assert_eq!(start(json!({"mapping": ["person=who"]})).await.status, 202);
    house.work(&id).await;
    let done = house.test.get(&format!("/api/imports/{id}")).token(&token).send().await.json();
    assert_eq!((done["state"].as_str(), &done["report"]["stored"], &done["report"]["refused"]), (Some("done"), &json!(1), &json!(2)));
    assert_eq!(done["report"]["problems"][0], json!({"line": 2, "message": "has no name of what happened"}));
    let cancel = house.test.post(&format!("/api/imports/{id}/cancel")).token(&token).json(&json!({})).send().await;
    assert_eq!(cancel.status, 409);
    let too_large = house.test.post("/api/imports?file=a.csv").token(&token).body(vec![b'x'; 3 << 20]).send().await;
    assert_eq!((too_large.status.as_u16(), too_large.json()["errors"][0]["field"].as_str()), (422, Some("file")));
}

#[tokio::test]
async fn events_are_exported_with_the_filters_of_the_page() {
    let house = House::open().await;
    let batch: Vec<_> = (0..2_300)
        .map(|n| json!({"event": if n % 2 == 0 { "login" } else { "=cmd()" }, "uuid": n.to_string(), "distinct_id": "u1"}))
        .collect();
    assert_eq!(house.test.post("/batch/").json(&json!({"api_key": house.key, "batch": batch})).send().await.status, 200);
    let concierge = house.test.passwordless(Role::Concierge).await;
    let all = house.test.get("/admin/events.csv").by(&concierge).send().await;
    assert_eq!((all.header("content-type"), all.text.lines().count()), ("text/csv; charset=utf-8", 2_301));
    assert!(all.text.contains(",'=cmd(),") && all.header("content-disposition").contains("events.csv"));
    let some = house.test.get("/admin/events.csv?name=login&source=posthog&from=2026-01-14&to=2026-01-14").by(&house.admin).send().await;
    assert_eq!(some.text.lines().count(), 1_151);
    assert_eq!(house.test.get("/admin/events.csv?customer=nonsense").by(&house.admin).send().await.status, 422);
    let token = house.test.token(&house.admin, "reporting:read").await;
    let api = |query: &'static str| house.test.get(query).token(&token).send();
    assert_eq!(api("/api/events/export?name=login&until=2026-01-14T00:00:00Z").await.text.lines().count(), 1);
    assert_eq!(api("/api/events/export?since=yesterday").await.status, 422);
    assert_eq!(api("/api/events/export?format=xls").await.status, 422);
    let parquet = house.test.get("/admin/events.parquet").by(&house.admin).send().await;
    assert!(parquet.text.starts_with("PAR1") && parquet.text.ends_with("PAR1"));
    let page = house.page("/admin/events?name=login&from=2026-01-14").await;
    assert!(page.contains("/admin/events.csv?name=login&amp;from=2026-01-14"), "{page}");
}
