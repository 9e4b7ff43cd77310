//! Health by the API and on the operator's pages.

use accounts::{CustomerId, Role, Standing};
use events::{EventId, EventName, Identity, NewEvent, Source};
use kit::testing::sqlite;
use kit::{Timestamp, sql};
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

/// The seed's worked example.
async fn worked_example(test: &TestApp, customer: &CustomerId) {
    let day = |ago: i64| Timestamp(START.0 - ago * DAY).rfc3339();
    let mut events: Vec<NewEvent> = (0..10).map(|at| event(customer, at * 3, "login", &json!({}))).collect();
    events.extend((0..6).map(|feature| event(customer, 40, "feature_used", &json!({ "feature": format!("f{feature}") }))));
    events.extend([0, 1, 50, 89].map(|ago| event(customer, ago, "ticket_opened", &json!({}))));
    for (invoice, due, paid) in [("1", 70, 71), ("2", 40, 40), ("3", 10, 5)] {
        events.push(event(customer, due + 14, "invoice_issued", &json!({ "invoice": invoice, "due_at": day(due) })));
        events.push(event(customer, paid, "invoice_paid", &json!({ "invoice": invoice, "paid_at": day(paid) })));
    }
    events.push(event(customer, 29, "api_call", &json!({ "count": 20 })));
    events.push(event(customer, 30, "api_call", &json!({ "count": 30 })));
    test.app.events.accept(events).await.unwrap();
}

/// Does what was asked for on all customers, as the runner of a server does.
async fn runs_are_done(test: &TestApp) {
    while let Some((id,)) = test
        .app
        .db
        .optional::<(insight::health::runs::RunId,)>(sql("select id from health_run where state = 'waiting' limit 1"))
        .await
        .unwrap()
    {
        insight::health::runs::perform(&test.app.insight, &id).await.unwrap();
    }
}

async fn json_of(test: &TestApp, token: &str, path: &str) -> Value {
    let reply = test.get(path).token(token).send().await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    serde_json::from_str(&reply.text).unwrap()
}

async fn page(test: &TestApp, member: &TestMember, path: &str) -> String {
    let page = test.get(path).by(member).send().await;
    assert_eq!(page.status, 200, "{path}: {}", page.text);
    assert!(page.text.len() < 60_000, "{path}: {} bytes", page.text.len());
    assert!(!page.text.contains("<script>alert") && !page.text.contains("NaN"), "{path}");
    page.text
}

#[tokio::test]
async fn the_api_explains_the_worked_example() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let token = test.token(&admin, "customers:read").await;
    let (customer, silent) = (test.customer(HOSTILE).await, test.customer("Silent").await);
    worked_example(&test, &customer).await;

    let health = json_of(&test, &token, &format!("/api/customers/{customer}/health")).await;
    assert_eq!(format!("{:.2}", health["score"].as_f64().unwrap()), "56.83");
    assert_eq!((&health["band"], &health["color"], &health["model"]["version_no"]), (&json!("at_risk"), &json!("yellow"), &json!(1)));
    let factors = health["factors"].as_object().unwrap();
    let scores: Vec<(&str, String)> =
        factors.iter().map(|(key, factor)| (key.as_str(), format!("{:.1}", factor["score"].as_f64().unwrap()))).collect();
    for wanted in [("login", "50.0"), ("features", "60.0"), ("support", "60.0"), ("invoices", "66.7"), ("api_trend", "40.0")] {
        assert!(scores.contains(&(wanted.0, wanted.1.to_owned())), "{wanted:?}: {scores:?}");
    }
    assert_eq!(factors["api_trend"]["raw"], json!({ "now": 20, "before": 30 }));
    assert_eq!(factors["login"]["window_days"], 30);
    let sum: f64 = factors.values().map(|factor| factor["contribution"].as_f64().unwrap()).sum();
    assert!((sum + 50.0 - health["score"].as_f64().unwrap()).abs() < 1e-9);
    assert_eq!(health["next_action"]["key"], "login");

    let unknown = json_of(&test, &token, &format!("/api/customers/{silent}/health")).await;
    assert_eq!((&unknown["score"], &unknown["band"]), (&Value::Null, &Value::Null));
    assert_eq!(unknown["factors"]["login"]["missing"], true);

    // An event changes the next answer.
    test.app.events.accept(vec![event(&customer, 0, "login", &json!({}))]).await.unwrap();
    let after = json_of(&test, &token, &format!("/api/customers/{customer}/health")).await;
    assert!((after["score"].as_f64().unwrap() - health["score"].as_f64().unwrap() - 1.25).abs() < 1e-9);
}

#[tokio::test]
async fn customers_are_listed_by_health_for_staff_alone() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let token = test.token(&admin, "customers:read admin").await;
    let (good, poor, silent) = (test.customer("Good").await, test.customer("Poor").await, test.customer("Silent").await);
    worked_example(&test, &good).await;
    test.app.events.accept(vec![event(&poor, 40, "ticket_opened", &json!({}))]).await.unwrap();
    let done = test.post("/api/analytics/dashboard/health/recalculate/").token(&token).send().await;
    assert!(done.status == 202 && done.text.contains("\"state\":\"waiting\""), "{}", done.text);
    let place = done.header("location").to_owned();
    runs_are_done(&test).await;
    let run = json_of(&test, &token, &place).await;
    assert_eq!((&run["state"], &run["recalculated"]["customers"], &run["done"]), (&json!("done"), &json!(3), &json!(3)));

    let ids = |list: &Value| -> Vec<String> {
        list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let list = json_of(&test, &token, "/api/customers?order=score&limit=2").await;
    assert_eq!(ids(&list), [poor.to_string(), good.to_string()]);
    assert_eq!(list["items"][1]["health"]["color"], "yellow");
    let rest = json_of(&test, &token, &format!("/api/customers?order=score&limit=2&after={}", list["next"].as_str().unwrap())).await;
    assert_eq!((ids(&rest), &rest["next"]), (vec![silent.to_string()], &Value::Null));
    assert_eq!(rest["items"][0]["health"]["score"], Value::Null);
    assert_eq!(ids(&json_of(&test, &token, "/api/customers?band=at_risk,healthy").await), [good.to_string()]);
    assert_eq!(json_of(&test, &token, &format!("/api/customers/{good}")).await["health"]["band"], "at_risk");
    for bad in ["order=colour", "direction=up", "band=green", "after=nonsense&order=score"] {
        assert_eq!(test.get(&format!("/api/customers?{bad}")).token(&token).send().await.status, 422, "{bad}");
    }

    let member = test.passwordless(Role::Customer { customer: good.clone(), standing: Standing::Owner }).await;
    let own = test.token(&member, "customers:read").await;
    let list = json_of(&test, &own, "/api/customers?order=score").await;
    assert_eq!((ids(&list), &list["items"][0]["health"]), (vec![good.to_string()], &Value::Null));
    assert_eq!(test.get(&format!("/api/customers/{good}/health")).token(&own).send().await.status, 404);
}

#[tokio::test]
async fn members_read_their_own_score_where_the_house_shows_it() {
    let test = TestApp::start_on(sqlite().await, |config| config.insight.customers_see_their_health = true).await;
    let (mine, other) = (test.customer("Mine").await, test.customer("Other").await);
    worked_example(&test, &mine).await;
    let member = test.passwordless(Role::Customer { customer: mine.clone(), standing: Standing::Member }).await;
    let token = test.token(&member, "customers:read").await;
    let health = json_of(&test, &token, &format!("/api/customers/{mine}/health")).await;
    assert_eq!((&health["band"], &health["next_action"]), (&json!("at_risk"), &Value::Null));
    assert_eq!(test.get(&format!("/api/customers/{other}/health")).token(&token).send().await.status, 404);
}

#[tokio::test]
async fn the_health_page_shows_the_house_and_nothing_where_nothing_is_known() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    assert!(page(&test, &admin, "/admin/health").await.contains("No scores yet"));
    let customer = test.customer(HOSTILE).await;
    worked_example(&test, &customer).await;
    insight::health::recompute(&test.app.insight).await.unwrap();
    let shown = page(&test, &admin, "/admin/health").await;
    for words in ["Customers by health score", "Bands by day", "Fell most", "Rose most", "sign-ins of 30 days; 20 are 100", "Recalculate"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let concierge = test.passwordless(Role::Concierge).await;
    assert!(!page(&test, &concierge, "/admin/health").await.contains("Recalculate"));
    let done = test.post("/admin/health/recalculate").by(&admin).form(&[]).send().await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/admin/health"));
    // How far it is stands on the page, for whoever may ask for it.
    let under_way = page(&test, &admin, "/admin/health").await;
    let run = under_way.split("data-live-url=\"/admin/health/runs/").nth(1).and_then(|rest| rest.split('"').next()).expect("a run");
    assert!(under_way.contains("Waits for a free worker") && !page(&test, &concierge, "/admin/health").await.contains("Waits for"));
    runs_are_done(&test).await;
    assert!(page(&test, &admin, &format!("/admin/health/runs/{run}")).await.contains("Done: 1 customer in"));
    assert!(!page(&test, &admin, "/admin/health").await.contains("/admin/health/runs/"));
}

#[tokio::test]
async fn a_model_is_copied_edited_tried_and_published_by_forms() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let customer = test.customer("Tried").await;
    worked_example(&test, &customer).await;
    insight::health::recompute(&test.app.insight).await.unwrap();
    let builtin = page(&test, &admin, "/admin/health/models/account").await;
    assert!(builtin.contains("Built in") && !builtin.contains("Save draft"), "{builtin}");

    let copied = test.post("/admin/health/models").by(&admin).form(&[("from", "account"), ("name", HOSTILE)]).send().await;
    let place = copied.header("location").to_owned();
    let form = page(&test, &admin, &place).await;
    assert!(form.contains("Factor 5: API trend") && form.contains("Factor 7: new"), "{form}");

    let wrong = [
        ("name", "Ours"),
        ("0_label", HOSTILE),
        ("0_weight", "much"),
        ("0_kind", "count"),
        ("0_what", "logins"),
        ("0_days", "30"),
        ("0_number", "10"),
    ];
    let refused = test.post(&format!("{place}/draft")).by(&admin).form(&wrong).send().await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("field-0_weight") && !refused.text.contains("<script>alert"), "{}", refused.text);
    let far = [
        ("name", "Ours"),
        ("0_label", "Sign-ins"),
        ("0_weight", "1"),
        ("0_kind", "count"),
        ("0_what", "logins"),
        ("0_days", "900"),
        ("0_number", "10"),
    ];
    let refused = test.post(&format!("{place}/draft")).by(&admin).form(&far).send().await;
    assert!(refused.status == 422 && refused.text.contains("href=\"#field-0_days\""), "{}", refused.text);

    let right = [
        ("name", "Ours"),
        ("0_label", "Sign-ins"),
        ("0_weight", "1"),
        ("0_kind", "count"),
        ("0_what", "logins"),
        ("0_days", "30"),
        ("0_number", "10"),
        ("then", "try"),
    ];
    let saved = test.post(&format!("{place}/draft")).by(&admin).form(&right).send().await;
    let try_place = saved.header("location").strip_suffix("#dry-run").expect("the place of the try").to_owned();
    assert!(try_place.starts_with(&format!("{place}?run=hrun_")), "{try_place}");
    assert!(page(&test, &admin, &try_place).await.contains("Waits for a free worker"));
    // A run of another model is not shown here.
    let elsewhere = page(&test, &admin, &try_place.replace(&place, "/admin/health/models/builder")).await;
    assert!(!elsewhere.contains("Waits for a free worker"), "{elsewhere}");
    runs_are_done(&test).await;
    let tried = page(&test, &admin, &try_place).await;
    assert!(tried.contains("1 customer would change band") && tried.contains("from At risk to Healthy"), "{tried}");

    let published = test.post(&format!("{place}/publish")).by(&admin).form(&[("note", HOSTILE)]).send().await;
    assert_eq!(published.header("location"), place);
    let shown = page(&test, &admin, &place).await;
    let no = shown.split("/admin/health/versions/").nth(1).and_then(|rest| rest.split('/').next()).expect("a version to use");
    test.post(&format!("/admin/health/versions/{no}/use")).by(&admin).form(&[]).send().await;
    runs_are_done(&test).await;
    let token = test.token(&admin, "customers:read").await;
    let health = json_of(&test, &token, &format!("/api/customers/{customer}/health")).await;
    assert_eq!((&health["score"], &health["model"]["name"]), (&json!(100.0), &json!("Ours")));
    let list = json_of(&test, &token, "/api/customers?order=score").await;
    assert_eq!(list["items"][0]["health"]["score"], 100.0, "the list follows");
    assert!(page(&test, &admin, "/admin/health/models").await.contains("In use"));
}

#[tokio::test]
async fn a_segment_gets_a_model_of_its_own_by_a_form() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let (customer, other) = (test.customer("Maker").await, test.customer("Other").await);
    worked_example(&test, &customer).await;
    worked_example(&test, &other).await;
    let token = test.token(&admin, "customers:read customers:write admin").await;
    let segment = async |name: &str, fact: &str, value: Value| {
        let body = json!({ "name": name, "expression": { "where": { "fact": fact, "is": "is", "value": value } } });
        let made = test.post("/api/segments").token(&token).json(&body).send().await;
        assert_eq!(made.status, 201, "{}", made.text);
        serde_json::from_str::<Value>(&made.text).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let makers = segment(HOSTILE, "name", json!("maker")).await;
    let low = segment("Low", "score", json!(1)).await;
    let shown = page(&test, &admin, "/admin/health/models").await;
    assert!(shown.contains("Everybody else") && shown.contains(&makers) && !shown.contains(&low), "{shown}");

    let refused = test
        .ask(reqwest::Method::PUT, &format!("/api/health/assignments/{low}"))
        .token(&token)
        .json(&json!({ "version_no": 2, "priority": 1 }))
        .send()
        .await;
    assert!(refused.status == 422 && refused.text.contains("asks about health score"), "{}", refused.text);
    let form = [("segment", makers.as_str()), ("version", "2"), ("priority", "10")];
    let done = test.post("/admin/health/assignments").by(&admin).form(&form).send().await;
    assert_eq!(done.header("location"), "/admin/health/models#assigned");
    runs_are_done(&test).await;
    let shown = page(&test, &admin, "/admin/health/models").await;
    assert!(shown.contains("For 1 segment") && shown.contains("Builder, version 1: 1 customer"), "{shown}");
    let health = json_of(&test, &token, &format!("/api/customers/{customer}/health")).await;
    assert_eq!((&health["model"]["version_no"], &health["model"]["for_segment"]), (&json!(2), &json!(HOSTILE)));
    assert!(page(&test, &admin, &format!("/admin/customers/{customer}")).await.contains("for the segment"));
    assert_eq!(json_of(&test, &token, &format!("/api/customers/{other}/health")).await["model"]["for_segment"], Value::Null);
    // The table of factors is shown for each model that scores somebody.
    assert!(page(&test, &admin, "/admin/health").await.contains("/admin/health?model=2#factors"));
    assert!(page(&test, &admin, "/admin/health?model=2").await.contains("Model Builder, version 1"));
    assert!(page(&test, &admin, "/admin/health?model=%22%3E%3Cscript%3Ealert(1)").await.contains("Model Account, version 1"));
    let list = json_of(&test, &token, "/api/health/assignments").await;
    assert_eq!((&list["items"][0]["segment_id"], &list["items"][0]["priority"]), (&json!(makers), &json!(10)));

    test.post(&format!("/admin/health/assignments/{makers}/remove")).by(&admin).form(&[]).send().await;
    assert_eq!(json_of(&test, &token, &format!("/api/customers/{customer}/health")).await["model"]["version_no"], 1);
}

#[tokio::test]
async fn a_pulse_is_set_on_the_customers_page_and_a_model_may_count_it() {
    let test = TestApp::start_on(sqlite().await, |config| config.insight.customers_see_their_health = true).await;
    let admin = test.passwordless(Role::Admin).await;
    let customer = test.customer("Said").await;
    worked_example(&test, &customer).await;
    let copied = test.post("/admin/health/models").by(&admin).form(&[("from", "account"), ("name", "Ours")]).send().await;
    let place = copied.header("location").to_owned();
    let draft = |only: &'static str| {
        vec![
            ("name", "Ours"),
            ("0_label", "Pulse"),
            ("0_weight", "1"),
            ("0_kind", "pulse"),
            ("0_days", "30"),
            ("1_label", "Plan"),
            ("1_weight", "1"),
            ("1_kind", "property"),
            ("1_days", "30"),
            ("1_only", only),
            ("1_missing", "missing"),
        ]
    };
    for bad in ["pro is 80", "plan: pro = 101", "plan: pro = 80, = 5"] {
        let refused = test.post(&format!("{place}/draft")).by(&admin).form(&draft(bad)).send().await;
        assert!(refused.status == 422 && refused.text.contains("href=\"#field-1_only\""), "{bad}: {}", refused.text);
    }
    let saved = test.post(&format!("{place}/draft")).by(&admin).form(&draft("plan: \"><script>alert(1)</script> 2 = 80")).send().await;
    assert_eq!(saved.header("location"), place, "{}", saved.text);
    test.post(&format!("{place}/publish")).by(&admin).form(&[("note", "")]).send().await;
    let shown = page(&test, &admin, &place).await;
    let no = shown.split("/admin/health/versions/").nth(1).and_then(|rest| rest.split('/').next()).expect("a version to use");
    test.post(&format!("/admin/health/versions/{no}/use")).by(&admin).form(&[]).send().await;
    runs_are_done(&test).await;

    let path = format!("/admin/customers/{customer}");
    let set = |until: &'static str| vec![("points", "25"), ("until", until), ("note", HOSTILE)];
    let refused = test.post(&format!("{path}/pulse")).by(&admin).form(&set("1999-01-01")).send().await;
    assert_eq!((refused.status.as_u16(), refused.header("location")), (303, path.as_str()));
    assert!(page(&test, &admin, &path).await.contains("Nobody has said anything that counts now"));
    let until = test.app.events.calendar().day(START).plus(9).iso();
    test.post(&format!("{path}/pulse")).by(&admin).form(&[("points", "25"), ("until", &until), ("note", HOSTILE)]).send().await;
    let shown = page(&test, &admin, &path).await;
    assert!(shown.contains("25 of 100") && shown.contains("Staff gave 25 of 100") && shown.contains("Take it back"), "{shown}");
    assert!(page(&test, &admin, &format!("{path}/timeline")).await.contains("Pulse 25 of 100"));
    let token = test.token(&admin, "customers:read customers:write").await;
    assert_eq!(json_of(&test, &token, &format!("/api/customers/{customer}/health")).await["score"], 25.0);
    assert_eq!(json_of(&test, &token, "/api/customers?order=slope").await["items"][0]["health"]["score"], 25.0, "the list follows at once");

    // The customer reads the figure, not the note, and not who said so.
    let member = test.passwordless(Role::Customer { customer: customer.clone(), standing: Standing::Member }).await;
    let own = page(&test, &member, "/health").await;
    assert!(own.contains("Staff gave 25 of 100") && !own.contains("alert(1)"), "{own}");
    test.post(&format!("{path}/pulse/clear")).by(&admin).form(&[]).send().await;
    let all = json_of(&test, &token, &format!("/api/customers/{customer}/pulse")).await;
    assert_eq!((&all["items"][0]["points"], &all["items"][1]["points"]), (&Value::Null, &json!(25)));
}
