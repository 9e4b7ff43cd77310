//! What staff do about customers, as they see it.

use accounts::{CustomerId, Role, Standing};
use kit::sql;
use serde_json::json;
use web::testing::{TestApp, TestMember};

const HOSTILE: &str = "</textarea><script>alert(1)</script>";

struct Scene {
    test: TestApp,
    customer: CustomerId,
    ada: TestMember,
    cora: TestMember,
}

async fn scene() -> Scene {
    let test = TestApp::start().await;
    let customer = test.customer("Kaffee <b>& Korn</b>").await;
    let (ada, cora) = (test.passwordless(Role::Admin).await, test.passwordless(Role::Concierge).await);
    Scene { test, customer, ada, cora }
}

impl Scene {
    fn page(&self, rest: &str) -> String {
        format!("/admin/customers/{}{rest}", self.customer)
    }

    async fn cards(&self) -> String {
        let reply = self.test.get(&self.page("/follow-ups")).by(&self.cora).header("hx-request", "true").send().await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.text
    }

    async fn post(&self, path: &str, who: &TestMember, fields: &[(&str, &str)]) -> web::testing::Reply {
        self.test.post(path).by(who).form(fields).send().await
    }
}

#[tokio::test]
async fn notes_tasks_and_owners_stand_on_the_customers_page() {
    let scene = scene().await;
    let empty = scene.cards().await;
    assert!(empty.contains("Nobody yet.") && empty.contains("No notes yet") && empty.contains("Nothing is to be done."));
    assert!(empty.contains("Nothing was learnt"), "no figure where nothing is known");

    let done = scene.post(&scene.page("/notes"), &scene.cora, &[("body", HOSTILE)]).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, scene.page("").as_str()));
    scene.post(&scene.page("/owner"), &scene.cora, &[("owner", scene.ada.id.as_str())]).await;
    let task = [("title", HOSTILE), ("detail", HOSTILE), ("due", "2026-01-13"), ("assignee", scene.cora.id.as_str())];
    scene.post(&scene.page("/tasks"), &scene.cora, &task).await;
    let cards = scene.cards().await;
    assert!(!cards.contains("<script>") && cards.contains("&lt;script&gt;alert(1)"), "{cards}");
    assert!(cards.contains("Overdue since 2026-01-13") && !cards.contains("Nobody yet."), "{cards}");

    let list = scene.test.get("/admin/tasks?of=me").by(&scene.cora).send().await;
    assert!(list.text.contains("1 task of yours overdue") && list.text.contains("Kaffee &lt;b&gt;&amp; Korn"), "{}", list.text);
    let (id,): (String,) = scene.test.app.db.one(sql("select id from customer_task")).await.unwrap();
    let done = scene.post(&format!("/admin/tasks/{id}/done"), &scene.ada, &[("from", "customer")]).await;
    assert_eq!(done.header("location"), scene.page(""));
    let elsewhere = scene.post(&format!("/admin/tasks/{id}/reopen"), &scene.ada, &[("from", "//evil.test")]).await;
    assert_eq!(elsewhere.header("location"), "/admin/tasks", "leads nowhere else");

    // What is wrong is said on the page that follows, and nothing is kept.
    let refused = scene.post(&scene.page("/tasks"), &scene.cora, &[("title", "x"), ("due", "soon")]).await;
    assert_eq!(refused.status, 303);
    assert!(refused.header("set-cookie").contains("innkeeper-flash"));
    let olga = scene.test.passwordless(Role::Customer { customer: scene.customer.clone(), standing: Standing::Owner }).await;
    assert_eq!(scene.test.get(&scene.page("/follow-ups")).by(&olga).send().await.status, 403);
}

#[tokio::test]
async fn a_segment_is_counted_saved_and_shown() {
    let scene = scene().await;
    scene.test.customer("Byte").await;
    let fields = |name: &'static str, extra: &[(&'static str, &'static str)]| {
        let mut all = vec![
            ("name", name),
            ("how", "all"),
            ("fact_0", "name"),
            ("is_0", "contains"),
            ("value_0", "KAFFEE"),
            ("fact_1", ""),
            ("is_1", "below"),
            ("value_1", ""),
        ];
        all.extend_from_slice(extra);
        all
    };
    let counted = scene.post("/admin/segments/new", &scene.cora, &fields("Cafés <i>", &[("do", "count")])).await;
    assert_eq!(counted.status, 200);
    assert!(counted.text.contains("Finds 1 customer") && counted.text.contains("name contains “KAFFEE”"), "{}", counted.text);
    let saved = scene.post("/admin/segments/new", &scene.cora, &fields("Cafés <i>", &[])).await;
    let place = saved.header("location").to_owned();
    assert!(saved.status == 303 && place.starts_with("/admin/segments/seg_"), "{place}");
    let page = scene.test.get(&place).by(&scene.cora).send().await;
    assert!(
        page.text.contains("Kaffee &lt;b&gt;") && !page.text.contains("Byte") && page.text.contains("Cafés &lt;i&gt;"),
        "{}",
        page.text
    );
    assert!(page.text.len() < 60_000, "{} bytes", page.text.len());
    let again = scene.post("/admin/segments/new", &scene.cora, &fields("CAFÉS <I>", &[])).await;
    assert!(again.status == 422 && again.text.contains("another segment"), "{}", again.text);
    for (fact, is, value) in
        [("score", "below", "many"), ("suspended", "is", "perhaps"), ("score", "contains", "4"), ("'; drop", "is", "x")]
    {
        let wrong = [("name", "Wrong"), ("how", "all"), ("fact_0", fact), ("is_0", is), ("value_0", value)];
        assert_eq!(scene.post("/admin/segments/new", &scene.cora, &wrong).await.status, 422, "{fact}");
    }
    let tree = r#"{"not":{"where":{"fact":"name","is":"contains","value":"kaffee"}}}"#;
    let changed = scene.post(&format!("{place}/change"), &scene.ada, &[("name", "Others"), ("how", "tree"), ("json", tree)]).await;
    assert_eq!(changed.status, 303, "{}", changed.text);
    let page = scene.test.get(&place).by(&scene.cora).send().await;
    assert!(page.text.contains("Byte") && page.text.contains("not (name contains"), "{}", page.text);
    assert_eq!(scene.post(&format!("{place}/remove"), &scene.ada, &[]).await.header("location"), "/admin/segments");
}

#[tokio::test]
async fn a_plays_secret_is_shown_once() {
    let scene = scene().await;
    let fields = [
        ("name", "Call <b>"),
        ("cause", "band:churning"),
        ("task", "Call"),
        ("due_in_days", "2"),
        ("assignee", "owner"),
        ("mail_to", "a@example.test, b@example.test"),
        ("url", "https://example.com/hook?key=hidden"),
        ("quiet_days", "14"),
        ("active", "on"),
    ];
    let made = scene.post("/admin/plays/new", &scene.ada, &fields).await;
    assert!(made.status == 200 && made.text.contains("Shown this once") && made.text.contains("Call &lt;b&gt;"), "{}", made.text);
    let (id,): (String,) = scene.test.app.db.one(sql("select id from play")).await.unwrap();
    let place = format!("/admin/plays/{id}");
    let page = scene.test.get(&place).by(&scene.ada).send().await;
    assert!(!page.text.contains("Shown this once") && page.text.contains("key=hidden"));
    let by_cora = scene.test.get(&place).by(&scene.cora).send().await;
    assert!(by_cora.text.contains("example.com") && !by_cora.text.contains("key=hidden"), "the address may be the secret");
    let inside = [("name", "x"), ("cause", "churn"), ("above", "30"), ("url", "http://127.0.0.1:9999/"), ("quiet_days", "1")];
    let refused = scene.post("/admin/plays/new", &scene.ada, &inside).await;
    assert!(refused.status == 422 && refused.text.contains("public addresses"), "{}", refused.text);
    let nothing = [("name", "x"), ("cause", "falling_fast"), ("quiet_days", "1")];
    assert_eq!(scene.post("/admin/plays/new", &scene.ada, &nothing).await.status, 422);
    assert_eq!(scene.test.get("/admin/plays").by(&scene.cora).send().await.status, 200);
}

#[tokio::test]
async fn the_backtest_says_why_there_is_none() {
    let scene = scene().await;
    let before = scene.test.get("/admin/health/backtest").by(&scene.cora).send().await;
    assert!(before.text.contains("Nothing was learnt yet") && !before.text.contains("Learn anew"), "{}", before.text);
    let learn = |days: &'static str| [("inactive_days", days), ("horizon_days", "60"), ("capacity", "20")];
    assert_eq!(scene.post("/admin/health/backtest/learn", &scene.ada, &learn("3")).await.status, 422);
    assert_eq!(scene.post("/admin/health/backtest/learn", &scene.ada, &learn("30")).await.status, 303);
    insight::churn::learn(&scene.test.app.insight, None, None).await.unwrap();
    let after = scene.test.get("/admin/health/backtest").by(&scene.ada).send().await;
    assert!(after.text.contains("Not enough history") && after.text.contains("0 of 50 lost customers"), "{}", after.text);
    let api = scene.test.get(&format!("/api/customers/{}/churn", scene.customer)).by(&scene.cora).send().await.json();
    assert_eq!((&api["state"], &api["probability"]), (&json!("too_little"), &json!(null)), "unknown is not 0");
}

#[tokio::test]
async fn a_report_is_shown_with_its_mistakes() {
    let scene = scene().await;
    let report = json!({
        "day": "2025-11-14", "learnt_rows": 400, "learnt_churned": 60, "customers": 20, "churned": 5, "auc": 0.81, "brier": 0.121,
        "brier_of_base_rate": 0.1875, "red": {"called": 4, "churned": 3, "precision": 0.75, "recall": 0.6, "lift": 3.0, "from": 0.4},
        "slices": [{"customers": 2, "churned": 2, "said": 0.8, "came": 1.0, "lift": 4.0, "caught": 0.4},
                   {"customers": 2, "churned": 0, "said": 0.1, "came": 0.0, "lift": 0.0, "caught": 0.4}],
        "missed": [{"customer": scene.customer, "probability": 0.05}], "missed_count": 2,
        "bands": [{"band": "healthy", "customers": 10, "churned": 1}, {"band": "at_risk", "customers": 5, "churned": 1}, {"band": "churning", "customers": 5, "churned": 3}],
        "false_alarms": [{"customer": "cust_zzzzzzzzzzzz", "probability": 0.9}], "false_alarms_count": 1,
    });
    let predictor = json!({ "base": -2.0, "terms": insight::churn::FEATURES.iter().map(|feature| json!({
        "key": feature.key, "usual": 3.0, "spread": 2.0, "weight": 0.25 })).collect::<Vec<_>>() });
    let statement = sql("insert into churn_model (id, trained_at, definition, capacity, customers, churned, predictor, report, note)
         values ('chm_000000000000000001', 1, '{\"inactive_days\":30,\"horizon_days\":60}', 4, 20, 60, $1, $2, null)");
    scene.test.app.db.execute(statement.bind(predictor).bind(report)).await.unwrap();
    let page = scene.test.get("/admin/health/backtest").by(&scene.cora).send().await;
    for text in
        ["75\u{a0}%", "60\u{a0}%", "0.81", "0.121", "Kaffee &lt;b&gt;", "The first 1 of 2.", "No longer a customer", "3.00", "2.40 ×"]
    {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    assert!(page.text.len() < 60_000);
    let api = scene.test.get("/api/churn/backtest").by(&scene.cora).send().await.json();
    assert_eq!((&api["state"], &api["report"]["red"]["lift"]), (&json!("learnt"), &json!(3.0)));
}

#[tokio::test]
async fn the_api_tells_null_from_left_out() {
    let scene = scene().await;
    let add = json!({ "title": "Call", "due": "2026-02-01", "assignee_id": scene.ada.id });
    let path = format!("/api/customers/{}/tasks", scene.customer);
    let made = scene.test.post(&path).by(&scene.cora).json(&add).send().await;
    assert_eq!(made.status, 201, "{}", made.text);
    let place = made.header("location").to_owned();
    let patch = async |body: serde_json::Value| {
        let reply = scene.test.ask(reqwest::Method::PATCH, &place).by(&scene.cora).json(&body).send().await;
        (reply.status.as_u16(), reply.json())
    };
    let (_, same) = patch(json!({ "title": "Call soon" })).await;
    assert_eq!((&same["due"], &same["assignee_id"]), (&json!("2026-02-01"), &json!(scene.ada.id)));
    let (_, cleared) = patch(json!({ "due": null, "assignee_id": null })).await;
    assert_eq!((&cleared["due"], &cleared["assignee_id"], &cleared["title"]), (&json!(null), &json!(null), &json!("Call soon")));
    assert_eq!(patch(json!({ "due": "31.12." })).await.0, 422);
    assert_eq!(patch(json!({ "state": "lost" })).await.0, 422);
    let bad = json!({ "name": "x", "expression": { "sql": "1=1" } });
    let reply = scene.test.post("/api/segments").by(&scene.cora).json(&bad).send().await;
    assert!(reply.status == 422 && reply.json()["errors"][0]["field"] == "expression", "{}", reply.text);
    let owner = format!("/api/customers/{}/owner", scene.customer);
    let wrong = scene.test.ask(reqwest::Method::PUT, &owner).by(&scene.cora).json(&json!({ "member_id": "mem_1" })).send().await;
    assert!(wrong.status == 422 && wrong.json()["errors"][0]["field"] == "member_id", "{}", wrong.text);
}
