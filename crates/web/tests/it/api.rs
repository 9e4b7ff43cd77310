//! The JSON API: failures, unknown fields, and its own description.

use std::collections::BTreeSet;

use accounts::Role;
use kit::testing::databases;
use reqwest::Method;
use serde_json::{Value, json};
use web::testing::TestApp;

#[tokio::test]
async fn failures_are_problem_details_that_name_the_field() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let post = |body: &str| test.post("/api/customers").by(&admin).header("content-type", "application/json").body(body.to_owned());
    for (body, status, field) in [
        ("{\"name\":", 400, None),
        ("", 400, None),
        ("nonsense", 400, None),
        ("{\"name\": 7}", 422, Some("name")),
        ("{}", 422, Some("name")),
        ("{\"name\": \"\"}", 422, Some("name")),
        ("{\"name\": \"A\", \"currency\": \"euros\"}", 422, Some("currency")),
        // Mass assignment: what the schema does not name is refused, not dropped.
        ("{\"name\": \"A\", \"id\": \"cust_aaaaaaaaaaaa\"}", 422, Some("id")),
        ("{\"name\": \"A\", \"suspended_at\": 0}", 422, Some("suspended_at")),
    ] {
        let reply = post(body).send().await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text);
        assert_eq!(reply.header("content-type"), "application/problem+json", "{body}");
        let problem = reply.json();
        assert_eq!(problem["status"], status, "{body}");
        assert!(problem["type"].is_string() && problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        assert_eq!(problem["errors"][0]["field"].as_str(), field, "{body}: {problem}");
    }
    let reply = test.post("/api/customers").by(&admin).form(&[("name", "A")]).send().await;
    assert_eq!(reply.status, 415);
    let reply = test.get("/api/customers?limit=x").by(&admin).send().await;
    assert_eq!((reply.status.as_u16(), reply.json()["errors"][0]["field"].as_str().map(str::to_owned)), (422, Some("limit".to_owned())));
    let reply = test.get("/api/customers?offset=1").by(&admin).send().await;
    assert_eq!(reply.json()["errors"][0]["field"], "offset");
    let reply = test.get("/api/customers").send().await;
    assert_eq!((reply.status.as_u16(), reply.header("www-authenticate")), (401, "Bearer"));
}

#[tokio::test]
async fn roles_cannot_be_slipped_into_other_bodies() {
    let test = TestApp::start().await;
    let customer = test.customer("Atelier Nord").await;
    let owner = test.owner(&customer).await;
    for body in [json!({ "name": "A", "role": "admin" }), json!({ "name": "A", "customer_id": "x" })] {
        let reply = test.ask(Method::PATCH, &format!("/api/customers/{customer}")).by(&owner).json(&body).send().await;
        assert_eq!(reply.status, 422, "{body}");
    }
    for role in ["admin", "concierge"] {
        let reply = test.post("/api/members").by(&owner).json(&json!({ "email": "x@example.test", "role": role })).send().await;
        assert_eq!(reply.status, 403, "{role}: {}", reply.text);
    }
    for body in [json!({ "currency": "USD" }), json!({ "suspended": true })] {
        let reply = test.ask(Method::PATCH, &format!("/api/customers/{customer}")).by(&owner).json(&body).send().await;
        assert_eq!(reply.status, 403, "{body}");
    }
}

#[tokio::test]
async fn customers_are_created_listed_changed_and_found_again() {
    for db in databases().await {
        let name = db.name;
        let test = TestApp::start_on(db, |_| {}).await;
        let admin = test.passwordless(Role::Admin).await;
        for number in 0..3 {
            let reply = test.post("/api/customers").by(&admin).json(&json!({ "name": format!("Customer {number}") })).send().await;
            assert_eq!(reply.status, 201, "{name}: {}", reply.text);
            assert!(reply.header("location").starts_with("/api/customers/cust_"));
        }
        let mut seen = Vec::new();
        let mut path = "/api/customers?order=name&limit=2".to_owned();
        loop {
            let page = test.get(&path).by(&admin).send().await.json();
            seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/customers?order=name&limit=2&after={next}");
        }
        assert_eq!(seen, ["Customer 0", "Customer 1", "Customer 2"], "{name}");
    }
}

#[tokio::test]
async fn a_token_is_shown_once_and_works_until_it_is_revoked() {
    let test = TestApp::start().await;
    let customer = test.customer("Atelier Nord").await;
    let owner = test.owner(&customer).await;
    let made = test.post("/api/tokens").by(&owner).json(&json!({ "name": "CI", "scopes": ["customers:read"] })).send().await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (id, token) = (made.json()["id"].as_str().unwrap().to_owned(), made.json()["token"].as_str().unwrap().to_owned());
    let listed = test.get("/api/tokens").by(&owner).send().await;
    assert!(listed.text.contains(&id) && !listed.text.contains(&token));
    assert_eq!(test.get("/api/customers").token(&token).send().await.status, 200);
    assert_eq!(test.get("/api/me").token(&token).send().await.json()["scopes"], json!(["customers:read"]));
    assert_eq!(test.ask(Method::DELETE, &format!("/api/tokens/{id}")).by(&owner).send().await.status, 204);
    assert_eq!(test.get("/api/customers").token(&token).send().await.status, 401);
}

#[tokio::test]
async fn every_route_of_the_api_is_described_and_the_other_way_round() {
    let document = web::openapi_document();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase())))
        .collect();
    // What stands at the addresses of old leads browsers to the pages of today.
    let pages = ["/api/openapi.json", "/api/docs", "/api/dashboard"];
    let is_page = |method: &str, path: &str| pages.contains(&path) || method == "GET" && path.starts_with("/api/analytics/dashboard/");
    let served: BTreeSet<String> = web::routes()
        .iter()
        .filter(|route| route.path.starts_with("/api/") && !is_page(route.method, &route.path))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(described, served);
}

#[tokio::test]
async fn the_description_is_sound() {
    let document = web::openapi_document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}: the id is taken");
            assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{method} {path}");
            let named: BTreeSet<&str> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let listed: BTreeSet<&str> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            assert_eq!(named, listed, "{method} {path}");
        }
    }
    references(document, &mut |reference| {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    });
}

#[tokio::test]
async fn the_description_can_be_read_as_a_page() {
    let test = TestApp::start().await;
    let page = test.get("/api/docs").send().await;
    assert_eq!(page.status, 200);
    for words in ["POST /api/customers", "Idempotency-Key", "customers:write", "problem-conflict", "curl"] {
        assert!(page.text.contains(words), "{words}");
    }
}

fn references(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                visit(reference);
            }
            fields.values().for_each(|value| references(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, visit)),
        _ => {}
    }
}

#[tokio::test]
async fn odd_characters_are_no_fault_of_ours() {
    for db in databases().await {
        let name = db.name;
        let test = TestApp::start_on(db, |_| {}).await;
        let admin = test.passwordless(Role::Admin).await;
        for query in ["%00", "%EF%BF%BF", "%F0%9F%8F%A8", "%C3%28", "'%20or%201=1--", "%25", "_", "%5C"] {
            for path in [
                "/api/customers?search=",
                "/api/customers?after=",
                "/api/audit?action=",
                "/api/audit?before=",
                "/api/jobs?state=",
                "/admin/customers?q=",
                "/admin/audit?action=",
                "/palette.json?q=",
            ] {
                let reply = test.get(&format!("{path}{query}")).by(&admin).send().await;
                assert!(reply.status.as_u16() < 500, "{name} {path}{query}: {} {}", reply.status, reply.text);
            }
        }
        for body in [
            "{\"name\":\"a\\u0000b\"}",
            "{\"name\":\"\\ud800\"}",
            "{\"name\":\"\u{202e}evil\"}",
            "{\"name\":\"\\n\\r\"}",
            "[[[[",
            "{\"name\":1e999}",
        ] {
            let reply =
                test.post("/api/customers").by(&admin).header("content-type", "application/json").body(body.to_owned()).send().await;
            assert!(matches!(reply.status.as_u16(), 400 | 422), "{name} {body}: {} {}", reply.status, reply.text);
        }
        let deep = format!("{{\"name\":{}", "[".repeat(200_000));
        let reply = test.post("/api/customers").by(&admin).header("content-type", "application/json").body(deep).send().await;
        assert!(matches!(reply.status.as_u16(), 400 | 422), "{name}: {}", reply.status);
    }
}
