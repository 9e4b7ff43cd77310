//! Funnel, custom funnels and cohorts in the browser.

use accounts::Role;
use events::{EventId, EventName, Identity, NewEvent, Source};
use kit::Timestamp;
use serde_json::{Map, json};
use web::testing::{START, TestApp, TestMember};

const HOUR: i64 = 3_600_000;
const HOSTILE: &str = "\"><script>alert(1)</script>";

fn event(person: &str, hours_ago: i64, name: &str, referrer: &str) -> NewEvent {
    NewEvent {
        id: EventId::parse(&kit::id::random_base32(20)).unwrap(),
        source: Source::parse("test").unwrap(),
        name: EventName::parse(name).unwrap(),
        person: Some(person.to_owned()),
        customer: None,
        at: Timestamp(START.0 - hours_ago * HOUR),
        props: json!({ "referrer": referrer }).to_string(),
        identity: Identity::None,
    }
}

async fn people(test: &TestApp) {
    let mut email = event("ada", 30, "email_given", "search");
    email.identity = Identity::Person {
        set: json!({ "email": format!("ada@{HOSTILE}") }).as_object().unwrap().clone(),
        set_once: Map::new(),
        anonymous: None,
    };
    test.app
        .events
        .accept(vec![
            event("ada", 50, "visit", HOSTILE),
            event("ada", 49, "request", "search"),
            email,
            event(HOSTILE, 40, "visit", "search"),
            event(HOSTILE, 39, HOSTILE, "search"),
            event("late", 1, "visit", "search"),
        ])
        .await
        .unwrap();
}

async fn page(test: &TestApp, member: &TestMember, path: &str) -> String {
    let page = test.get(path).by(member).send().await;
    assert_eq!(page.status, 200, "{path}: {}", page.text);
    assert!(page.text.len() < 60_000, "{path}: {} bytes", page.text.len());
    assert!(!page.text.contains("<script>alert") && !page.text.contains("NaN"), "{path}");
    page.text
}

#[tokio::test]
async fn the_funnel_of_the_house_is_shown_both_ways() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    assert!(page(&test, &admin, "/admin/funnel").await.contains("Not worked out yet"));
    people(&test).await;
    insight::funnel::stages::refresh(&test.app.insight).await.unwrap();
    let snapshot = page(&test, &admin, "/admin/funnel").await;
    for words in ["Snapshot of the last 7 days", "Of the stage before", "So far", "2\u{a0}visitors", "14\u{a0}Jan\u{a0}2026"] {
        assert!(snapshot.contains(words) || snapshot.contains(&words.replace('\u{a0}', " ")), "{words}: {snapshot}");
    }
    let cohort = page(&test, &admin, "/admin/funnel?kind=cohort").await;
    assert!(cohort.contains("Cohort of the last 7 days") && cohort.contains("Still converting") && cohort.contains("so far"));
    let file = test.get("/admin/funnel.csv").by(&admin).send().await;
    assert!(file.text.starts_with("day,visitors,requests") && file.text.contains("2026-01-12,2,1,0,0,0,0,yes"), "{}", file.text);

    let seed = test.get("/api/analytics/dashboard/funnel/").by(&admin).send().await;
    assert_eq!((seed.status.as_u16(), seed.header("location")), (303, "/admin/funnel"));
    let seed = test.get("/api/analytics/dashboard/cohorts/").send().await;
    assert_eq!((seed.status.as_u16(), seed.header("location")), (303, "/"));
}

#[tokio::test]
async fn a_funnel_is_asked_for_saved_and_its_people_are_shown() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    people(&test).await;
    let empty = page(&test, &admin, "/admin/funnels").await;
    assert!(empty.contains("From visitor to deployed site") && !empty.contains("By day of entry"));

    let query = "step1=visit&step2=request&by=referrer";
    let shown = page(&test, &admin, &format!("/admin/funnels?{query}")).await;
    for words in ["2 still converting", "By day of entry", "Breakdown", "33.3", "alert(1)", "step=2&amp;dropped=yes"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // An event that nobody ever sent is told from one that nobody did.
    let never = page(&test, &admin, "/admin/funnels?step1=visit&step2=%3Cscript%3Ealert%281%29%3C%2Fscript%3E").await;
    assert!(never.contains("Never came in"));
    let hostile = page(&test, &admin, &format!("/admin/funnels?step1=visit&step2={}", form(HOSTILE))).await;
    assert!(!hostile.contains("Never came in"));

    let did = page(&test, &admin, &format!("/admin/funnels/people?{query}&step=2")).await;
    assert!(did.contains("ada@") && !did.contains("late"), "{did}");
    let dropped = page(&test, &admin, &format!("/admin/funnels/people?{query}&step=2&dropped=yes")).await;
    assert!(dropped.contains("late") && !dropped.contains("ada@"), "{dropped}");
    let of_value = page(&test, &admin, &format!("/admin/funnels/people?{query}&step=1&value={}", form("=search"))).await;
    assert!(of_value.contains("late") && !of_value.contains("ada@"), "{of_value}");
    for missing in ["step=3", "step=0", "step=1&dropped=yes", "step=x", "step=1&after=x"] {
        assert_eq!(test.get(&format!("/admin/funnels/people?{query}&{missing}")).by(&admin).send().await.status, 404, "{missing}");
    }
    for (wrong, words) in [
        ("step1=visit", "Must be 2 to 10"),
        ("step1=a&step2=b&days=0", "Must be 1 to 400"),
        ("step1=a&step2=b&order=any&step3=a", "different events"),
    ] {
        let refused = test.get(&format!("/admin/funnels?{wrong}")).by(&admin).send().await;
        assert!(refused.status == 422 && refused.text.to_lowercase().contains(&words.to_lowercase()), "{wrong}: {}", refused.text);
    }

    let save = [("name", HOSTILE), ("query", query)];
    let saved = test.post("/admin/funnels/save").by(&admin).form(&save).send().await;
    assert_eq!((saved.status.as_u16(), saved.header("location").starts_with("/admin/funnels?step1=visit")), (303, true), "{}", saved.text);
    // Under the same name there is one.
    test.post("/admin/funnels/save").by(&admin).form(&save).send().await;
    let actor = test.actor(&admin).await;
    let list = insight::funnel::list(&test.app.insight, &actor).await.unwrap();
    assert_eq!(list.len(), 1);
    assert!(page(&test, &admin, "/admin/funnels").await.contains("alert(1)"));
    let remove = format!("/admin/funnels/saved/{}/remove", list[0].id);
    assert_eq!(test.post(&remove).by(&admin).send().await.status, 303);
    assert_eq!(test.post(&remove).by(&admin).send().await.status, 404);
}

#[tokio::test]
async fn cohorts_are_shown_with_the_people_behind_them() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    assert!(page(&test, &admin, "/admin/cohorts").await.contains("Nobody began within these weeks"));
    people(&test).await;
    test.app.events.accept(vec![event("ada", 24 * 7 + 50, "request", "x"), event("old", 24 * 60, "request", "x")]).await.unwrap();
    let shown = page(&test, &admin, "/admin/cohorts?weeks=12&goal=email_given").await;
    for words in ["Week of 5", "so far", "data-partial", "All, weighted", "email_given"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let back = page(&test, &admin, "/admin/cohorts/people?cohort=2026-01-05&part=1&goal=email_given").await;
    assert!(back.contains("ada@"), "{back}");
    let converted = page(&test, &admin, "/admin/cohorts/people?cohort=2026-01-05&part=converted&goal=email_given").await;
    assert!(converted.contains("ada@"));
    for missing in ["cohort=2026-01-06&part=all", "cohort=x&part=all", "cohort=2026-01-05&part=13", "cohort=2026-01-05&part=all&after=x"] {
        assert_eq!(test.get(&format!("/admin/cohorts/people?{missing}")).by(&admin).send().await.status, 404, "{missing}");
    }
    assert_eq!(test.get("/admin/cohorts?weeks=40").by(&admin).send().await.status, 422);
}

#[tokio::test]
async fn programs_get_the_same_figures() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let token = test.token(&admin, "reporting:read admin").await;
    people(&test).await;
    let get = async |path: &str| {
        let reply = test.get(path).token(&token).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.json()
    };
    assert_eq!(get("/api/funnel").await["items"], json!([]));
    let recalculate = async |day: &str| test.post("/api/funnel/recalculate").token(&token).json(&json!({ "day": day })).send().await;
    let day = recalculate("2026-01-12").await;
    assert_eq!((day.status.as_u16(), &day.json()["visitors"], &day.json()["is_final"]), (200, &json!(2), &json!(true)), "{}", day.text);
    for wrong in ["2026-01-15", "tomorrow", "-009999-01-01"] {
        assert_eq!(recalculate(wrong).await.status, 422, "{wrong}");
    }
    let days = get("/api/funnel?days=7&kind=cohort&span=7").await;
    assert_eq!(
        (&days["items"][0]["day"], &days["items"][0]["requests"], &days["items"][0]["is_final"]),
        (&json!("2026-01-12"), &json!(1), &json!(false))
    );
    for wrong in ["kind=x", "days=0", "span=2", "other=1"] {
        assert_eq!(test.get(&format!("/api/funnel?{wrong}")).token(&token).send().await.status, 422, "{wrong}");
    }
    let answer = get("/api/funnels/answer?step1=visit&step2=request&by=referrer&of=2").await;
    assert_eq!(
        (&answer["steps"][0]["people"], &answer["steps"][1]["people"], &answer["still_converting"]),
        (&json!(3), &json!(1), &json!(2))
    );
    assert_eq!(answer["steps"][1]["median_ms"], json!(HOUR));
    assert_eq!(answer["values"][0], json!({ "value": null, "not_reached": true, "people": [2, 0] }));
    assert_eq!(test.get("/api/funnels/answer?step1=a&step11=b").token(&token).send().await.status, 422);
    let cohorts = get("/api/cohorts?weeks=1").await;
    let last = &cohorts["cohorts"][12];
    assert_eq!((&last["monday"], &last["size"]), (&json!("2026-01-12"), &json!(1)));
    assert_eq!(last["weeks"], json!([{ "state": "partial", "back": 1 }, { "state": "future", "back": null }]));
}

fn form(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
