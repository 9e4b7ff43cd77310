//! Costs of calls of language models: the page, the file, the API, and the form of prices.

use accounts::{CustomerId, Role};
use events::{EventId, EventName, Identity, NewEvent, Source};
use insight::cost;
use kit::Timestamp;
use serde_json::{Value, json};
use web::testing::{START, TestApp, TestMember};

const DAY: i64 = 86_400_000;
const HOSTILE: &str = "\"><script>alert(1)</script>";

fn event(customer: &CustomerId, ago: i64, name: &str, props: &Value) -> NewEvent {
    NewEvent {
        id: EventId::parse(&kit::id::random_base32(20)).unwrap(),
        source: Source::parse("test").unwrap(),
        name: EventName::parse(name).unwrap(),
        person: None,
        customer: Some(customer.clone()),
        at: Timestamp(START.0 - ago * DAY),
        props: props.to_string(),
        identity: Identity::None,
    }
}

/// Forty days with calls of three models, one of them without a price, and a build each.
async fn fill(test: &TestApp) -> CustomerId {
    let customer = test.customer(HOSTILE).await;
    let call = |ago: i64, props: Value| event(&customer, ago, "llm_call", &props);
    let mut events = Vec::new();
    for ago in 0..40 {
        events.push(call(ago, json!({ "provider": "anthropic", "model": "claude-opus-4-5", "input_tokens": 1_000_000 + 10_000 * (ago % 7), "output_tokens": 100_000 })));
        events.push(call(ago, json!({ "model": "gpt-5-mini", "provider": "openai", "input_tokens": 300_000, "output_tokens": 100 })));
        events.push(call(ago, json!({ "model": HOSTILE, "provider": "=cmd()", "input_tokens": 10, "output_tokens": 1 })));
        events.push(event(&customer, ago, "build_succeeded", &json!({})));
    }
    test.app.events.accept(events).await.unwrap();
    cost::count_all(&test.app.insight).await.unwrap();
    customer
}

async fn page(test: &TestApp, member: &TestMember, path: &str) -> String {
    let page = test.get(path).by(member).send().await;
    assert_eq!(page.status, 200, "{path}: {}", page.text);
    assert!(page.text.len() < 60_000, "{path}: {} bytes", page.text.len());
    assert!(!page.text.contains("<script>alert") && !page.text.contains("NaN"), "{path}");
    page.text
}

#[tokio::test]
async fn the_page_says_what_was_spent_what_is_unknown_and_what_to_expect() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    assert!(page(&test, &admin, "/admin/costs").await.contains("No calls of language models yet"));
    fill(&test).await;
    let shown = page(&test, &admin, "/admin/costs").await;
    // 30 days of Opus ($5 and $25 a million) and of GPT-5 mini ($0.25 and $2): 30 · ($7.50 + $0.0752) and $0.05 for each step of the week.
    let steps: i64 = (0..30).map(|ago| ago % 7).sum();
    let total = 30.0 * (7.5 + 0.0752) + 0.05 * steps as f64;
    for wanted in [format!("${total:.2}"), "30 of 90 calls in 30 days have no price".to_owned(), "Some calls are unpriced".to_owned()] {
        assert!(shown.contains(&wanted), "{wanted}: {shown}");
    }
    for wanted in
        ["What to expect", "7 days, from today", "MASE", "95 of 100 cases", "30 builds", "claude-opus-4-5", "today, which is not over"]
    {
        assert!(shown.contains(wanted), "{wanted}");
    }
    let saved = test.post("/admin/costs/budget").by(&admin).form(&[("budget", "31")]).send().await;
    assert_eq!(saved.status, 303);
    let shown = page(&test, &admin, "/admin/costs").await;
    assert!(shown.contains("Budget a day") && shown.contains("The month will cost more than its budget"), "{shown}");

    let file = test.get("/admin/costs.csv").by(&admin).send().await;
    assert_eq!(file.text.lines().count(), 1 + 3 * 40, "{}", file.text);
    assert!(
        file.text.contains("\"'=cmd()\"") && file.text.contains("\"claude-opus-4-5\",1,0,0,0,1000000,0,0,100000,5.000000000,"),
        "{}",
        file.text
    );
    let unpriced = file.text.lines().find(|line| line.contains("alert")).unwrap();
    assert!(unpriced.ends_with(",,,,,,"), "unknown is not 0: {unpriced}");
}

#[tokio::test]
async fn prices_are_added_by_the_form_after_a_look_at_what_they_change() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    fill(&test).await;
    let listed = page(&test, &admin, "/admin/costs/prices").await;
    assert!(listed.contains("Models without a price") && listed.contains("Claude Opus 4.5") && listed.contains("No prices of your own"));
    let form = page(&test, &admin, "/admin/costs/prices/new?model=our-own").await;
    assert!(form.contains("value=\"our\\-own\"") || form.contains("value=\"our-own\""), "{form}");
    let typed = |input: &'static str| {
        [("label", "Ours"), ("pattern", ".*script.*"), ("since", "2025-01-01"), ("rates_input", input), ("rates_output", "2")]
    };
    let looks = |input: &'static str| [&typed(input)[..], &[("then", "preview")]].concat();
    let post = async |fields: &[(&str, &str)]| test.post("/admin/costs/prices/new").by(&admin).form(fields).send().await;
    let refused = post(&looks("100000")).await;
    assert!(refused.status == 422 && refused.text.contains("$10,000 for a million tokens"), "{}", refused.text);
    let preview = post(&looks("100")).await;
    assert!(preview.status == 200 && preview.text.contains("What it would change"), "{}", preview.text);
    assert!(preview.text.contains("31 calls of") && preview.text.contains("31 that have no price now would have one"), "{}", preview.text);
    assert!(page(&test, &admin, "/admin/costs/prices").await.contains("No prices of your own"), "a preview saves nothing");
    let saved = post(&typed("100")).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    assert!(page(&test, &admin, "/admin/costs").await.contains("Costs are counted anew"));
    cost::count_all(&test.app.insight).await.unwrap();
    let shown = page(&test, &admin, "/admin/costs").await;
    assert!(!shown.contains("Some calls are unpriced") && !shown.contains("Costs are counted anew"), "{shown}");
}

#[tokio::test]
async fn the_api_tells_sums_and_prices_exactly() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let token = test.token(&admin, "reporting:read admin").await;
    let customer = fill(&test).await;
    let json_of = async |path: &str| -> Value {
        let reply = test.get(path).token(&token).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        serde_json::from_str(&reply.text).unwrap()
    };
    let day = test.app.events.calendar().day(START).iso();
    let costs = json_of(&format!("/api/costs?from={day}&to={day}")).await;
    assert_eq!(
        (&costs["total"]["calls"], &costs["total"]["unpriced"], &costs["total"]["cost_usd"]),
        (&json!(3), &json!(1), &json!("7.575200000"))
    );
    assert_eq!(costs["models"][2]["cost_usd"], Value::Null);
    assert_eq!(json_of(&format!("/api/customers/{customer}/costs?from={day}")).await["cost_usd"], "7.575200000");
    for bad in ["from=soon", "from=2020-01-01", "to=2020-01-01&from=2021-01-01", "days=3"] {
        assert_eq!(test.get(&format!("/api/costs?{bad}")).token(&token).send().await.status, 422, "{bad}");
    }
    let body = json!({ "label": "Ours", "pattern": "gpt-5-mini", "since": "2025-01-01", "rates": { "input": "1", "output": "2" }, "tiers": [{ "over": 200_000, "rates": { "input": "2.5", "output": "2" } }] });
    let preview = test.post("/api/costs/prices/preview").token(&token).json(&json!({ "price": body })).send().await;
    let preview: Value = serde_json::from_str(&preview.text).unwrap();
    assert_eq!((&preview["calls"], &preview["after_usd"], &preview["is_whole"]), (&json!(31), &json!("23.256200000"), &json!(false)));
    let made = test.post("/api/costs/prices").token(&token).json(&body).send().await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made: Value = serde_json::from_str(&made.text).unwrap();
    cost::count_all(&test.app.insight).await.unwrap();
    let costs = json_of(&format!("/api/costs?from={day}&to={day}")).await;
    assert_eq!(costs["total"]["cost_usd"], "8.250200000");
    let prices = json_of("/api/costs/prices").await;
    assert_eq!((&prices["items"][0]["id"], &prices["items"][0]["tiers"][0]["rates"]["input"]), (&made["id"], &json!("2.50")));
    let mut wrong = body.clone();
    wrong["rates"] = json!({ "input": "cheap", "nonsense": "1" });
    let refused = test.post("/api/costs/prices").token(&token).json(&wrong).send().await;
    assert!(
        refused.status == 422 && refused.text.contains("rates.input") && refused.text.contains("a part that there is not"),
        "{}",
        refused.text
    );
}
