//! The list of customers, the page of one, and the customer's own view of its health.

use accounts::{CustomerId, Role, Standing};
use events::{EventId, EventName, Identity, NewEvent, Source};
use kit::Timestamp;
use kit::testing::sqlite;
use web::testing::{START, TestApp, TestMember};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const HOSTILE: &str = "\"><script>alert(1)</script>";

fn event(customer: &CustomerId, name: &str, ago: i64, props: &serde_json::Value) -> NewEvent {
    NewEvent {
        id: EventId::parse(&kit::id::random_base32(20)).unwrap(),
        source: Source::parse("test").unwrap(),
        name: EventName::parse(name).unwrap(),
        person: Some(format!("person of {customer}")),
        customer: Some(customer.clone()),
        at: Timestamp(START.0 - ago),
        props: props.to_string(),
        identity: Identity::None,
    }
}

/// Somebody who signs in daily, uses half of the features, and once needed help.
async fn lively(test: &TestApp, customer: &CustomerId) {
    let mut batch: Vec<NewEvent> = (0..40).map(|day| event(customer, "login", day * DAY, &serde_json::json!({}))).collect();
    batch.extend(
        (0..5).map(|number| event(customer, "feature_used", number * DAY, &serde_json::json!({ "feature": format!("feature {number}") }))),
    );
    batch.push(event(customer, "ticket_opened", 2 * DAY, &serde_json::json!({ "ticket": "T-1", "subject": HOSTILE })));
    test.app.events.accept(batch).await.unwrap();
}

/// Somebody who asks for help all the time and does nothing else.
async fn unhappy(test: &TestApp, customer: &CustomerId) {
    let batch = (0..12).map(|day| event(customer, "ticket_opened", day * DAY, &serde_json::json!({}))).collect();
    test.app.events.accept(batch).await.unwrap();
}

async fn page(test: &TestApp, admin: &TestMember, path: &str) -> String {
    let page = test.get(path).by(admin).send().await;
    assert_eq!(page.status, 200, "{path}: {}", page.text);
    assert!(page.text.len() < 60_000, "{path}: {} bytes", page.text.len());
    assert!(!page.text.contains("<script>alert") && !page.text.contains("NaN"), "{path}");
    page.text
}

#[tokio::test]
async fn the_list_begins_with_who_is_worst_and_sorts_by_each_column() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let (good, bad, silent) = (test.customer("Good & Sons").await, test.customer(HOSTILE).await, test.customer("Silent").await);
    lively(&test, &good).await;
    unhappy(&test, &bad).await;
    insight::health::recompute(&test.app.insight).await.unwrap();

    let place = |text: &str, id: &CustomerId| text.find(&format!("/admin/customers/{id}\"")).unwrap_or_else(|| panic!("{id}: {text}"));
    let list = page(&test, &admin, "/admin/customers").await;
    assert!(place(&list, &bad) < place(&list, &good) && place(&list, &good) < place(&list, &silent), "{list}");
    assert!(list.contains("No events have come in yet"), "nothing is known of one of them: {list}");

    let turned = page(&test, &admin, "/admin/customers?sort=score&order=desc").await;
    assert!(place(&turned, &good) < place(&turned, &bad) && place(&turned, &bad) < place(&turned, &silent), "unknown is last either way");
    for column in ["name", "7d", "30d", "trend", "seen", "since", "nonsense"] {
        for order in ["asc", "desc"] {
            let sorted = page(&test, &admin, &format!("/admin/customers?sort={column}&order={order}")).await;
            assert!([&good, &bad, &silent].iter().all(|id| sorted.contains(id.as_str())), "{column} {order}");
        }
    }
    let found = page(&test, &admin, "/admin/customers?q=good&band=healthy").await;
    let others = page(&test, &admin, "/admin/customers?q=good&band=churning").await;
    assert!(found.contains("Good &amp; Sons") != others.contains("Good &amp; Sons"), "it is in one band: {found} {others}");

    let csv = test.get("/admin/customers.csv?sort=score").by(&admin).send().await;
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!(lines.len(), 4, "{}", csv.text);
    assert!(
        lines[1].starts_with(bad.as_str()) && lines[3].starts_with(silent.as_str()) && lines[3].contains(",0,,,0.000,,,,"),
        "{}",
        csv.text
    );
}

#[tokio::test]
async fn a_customer_s_page_explains_the_score_and_tells_what_happened() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let (customer, silent) = (test.customer(HOSTILE).await, test.customer("Silent").await);
    lively(&test, &customer).await;
    let overview = page(&test, &admin, &format!("/admin/customers/{customer}")).await;
    for words in ["30 sign-ins in 30 days", "Against neutral", "T-1: &quot;&gt;&lt;script&gt;", "Best next action", "/assets/chart-"] {
        assert!(overview.contains(words), "{words}: {overview}");
    }
    let nothing = page(&test, &admin, &format!("/admin/customers/{silent}")).await;
    assert!(nothing.contains("Health score: unknown") && nothing.contains("Nothing happened yet"), "{nothing}");
    assert!(!nothing.contains("ring-fill") && !nothing.contains("plot-line"), "{nothing}");

    for part in ["people", "settings", "timeline"] {
        page(&test, &admin, &format!("/admin/customers/{customer}/{part}")).await;
    }
    let csv = test.get(&format!("/admin/customers/{customer}/health.csv")).by(&admin).send().await;
    assert!(csv.text.starts_with("day,score,model_version\r\n") && csv.text.contains("2026-01-14,"), "{}", csv.text);
}

#[tokio::test]
async fn the_timeline_joins_runs_filters_and_goes_on_where_it_ended() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let customer = test.customer("Atelier Nord").await;
    // 90 events on as many hours: more than a page.
    let batch = (0..90)
        .map(|hour| match hour % 30 {
            0 => event(&customer, "invoice_paid", hour * HOUR, &serde_json::json!({ "invoice": format!("R-{hour}") })),
            _ => event(&customer, "login", hour * HOUR, &serde_json::json!({})),
        })
        .collect();
    test.app.events.accept(batch).await.unwrap();
    let place = format!("/admin/customers/{customer}/timeline");
    let first = page(&test, &admin, &place).await;
    assert!(first.contains("R-0") && !first.contains("R-60") && first.contains("Signed in, "), "{first}");
    let next =
        first.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an older page").replace("&amp;", "&");
    let second = page(&test, &admin, &next).await;
    assert!(second.contains("R-60") && !second.contains("R-30") && !second.contains("rel=\"next\""), "{second}");
    let money = page(&test, &admin, &format!("{place}?kind=money")).await;
    assert!(money.contains("R-60") && money.contains("R-0") && !money.contains("Signed in"), "{money}");
    assert!(!page(&test, &admin, &format!("{place}?kind=notes&before=x.y")).await.contains("Signed in"));
}

#[tokio::test]
async fn customers_see_their_own_health_only_where_the_house_shows_it() {
    let test = TestApp::start_on(sqlite().await, |config| config.insight.customers_see_their_health = true).await;
    let (mine, other) = (test.customer("Mine").await, test.customer("Other").await);
    lively(&test, &mine).await;
    let member = test.passwordless(Role::Customer { customer: mine.clone(), standing: Standing::Member }).await;
    let stranger = test.passwordless(Role::Customer { customer: other.clone(), standing: Standing::Owner }).await;
    let shown = page(&test, &member, "/health").await;
    assert!(shown.contains("30 sign-ins in 30 days") && shown.contains("href=\"/health\""), "{shown}");
    for words in ["Best next action", "/admin/", "T-1"] {
        assert!(!shown.contains(words), "{words} is for the house: {shown}");
    }
    assert!(page(&test, &stranger, "/health").await.contains("Health score: unknown"));
    assert!(test.get("/health.csv").by(&member).send().await.text.contains("2026-01-14,"));
    let admin = test.passwordless(Role::Admin).await;
    assert_eq!(test.get("/health").by(&admin).send().await.header("location"), "/admin/customers");

    let closed = TestApp::start().await;
    let customer = closed.customer("Mine").await;
    let owner = closed.owner(&customer).await;
    assert_eq!(closed.get("/health").by(&owner).send().await.status, 404);
    assert!(!closed.get("/sites").by(&owner).send().await.text.contains("href=\"/health\""));
}
