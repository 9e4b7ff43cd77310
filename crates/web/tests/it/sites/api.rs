//! The management API: shapes, validation, limits, races, whose is whose.

use std::time::Duration;

use kit::testing::databases;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use web::testing::{Reply, TestApp};

use super::{create, new_site, owner, settle};

#[tokio::test]
async fn api_has_the_shapes_of_the_seed() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let body = json!({ "site_type": "portfolio", "site_name": "My Awesome Site", "subdomain": "mysite", "custom_domain": null });
    for (path, subdomain) in [("/api/sites/create", "mysite"), ("/api/sites", "mysite2")] {
        let mut body = body.clone();
        body["subdomain"] = subdomain.into();
        let made = test.post(path).by(&owner).json(&body).send().await;
        assert_eq!(made.status, 201, "{}", made.text);
        let json = made.json();
        assert_eq!(keys(&json), ["app_id", "domain", "repo_url", "status", "url"]);
        assert_eq!(json["domain"], format!("{subdomain}.sites.localhost"));
        assert_eq!(json["url"], format!("https://{subdomain}.sites.localhost"));
        assert_eq!(json["status"], "provisioning");
        assert_eq!(made.header("location"), format!("/api/sites/{}", json["app_id"].as_str().unwrap()));
    }

    let list = test.get("/api/sites").by(&owner).send().await.json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let first = &list[1];
    let expected = ["app_id", "created_at", "custom_domain", "domain", "last_deployed_at", "site_name", "site_type", "status", "url"];
    assert_eq!(keys(first), expected);
    assert_eq!(first["site_name"], "My Awesome Site");
    assert_eq!(first["created_at"], "2026-01-14T10:30:00Z");
    assert_eq!((&first["custom_domain"], &first["last_deployed_at"]), (&Value::Null, &Value::Null));

    let id = first["app_id"].as_str().unwrap();
    settle(&test, id, "active").await;
    let detail = test.get(&format!("/api/sites/{id}")).by(&owner).send().await.json();
    for key in expected.iter().chain(&["repo_url", "container_status", "ssl_status", "ssl_expires_at", "deployment_history", "operation"]) {
        assert!(detail.get(key).is_some(), "{key} is missing: {detail}");
    }
    let mut services = keys(&detail["container_status"]);
    services.sort_unstable();
    assert_eq!(services, ["alert", "api", "db", "www"]);
    assert_eq!(detail["ssl_status"], "pending");
    assert_eq!(keys(&detail["deployment_history"][0]), ["commit_hash", "deployed_at", "deployment_id", "duration", "status"]);
    assert_eq!(detail["deployment_history"][0]["deployment_id"], "deploy-20260114-103000");
    assert_eq!(detail["deployment_history"][0]["status"], "success");
    assert_eq!(detail["deployment_history"][0]["duration"], "0s");
    assert_eq!(detail["last_deployed_at"], "2026-01-14T10:30:00Z");
}

#[tokio::test]
async fn a_new_site_shows_its_steps() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    let operation = test.get(&format!("/api/sites/{id}/operation")).by(&owner).send().await.json();
    assert_eq!((&operation["kind"], &operation["status"]), (&json!("create"), &json!("running")));
    let steps = operation["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 11);
    assert!(steps.iter().all(|step| step["status"] == "waiting"));
    assert_eq!(steps[0]["title"], "Copy the template");

    let page = test.get(&format!("/sites/{id}")).by(&owner).send().await;
    assert_eq!(page.status, 200);
    for words in ["Making the site", "Provisioning", "Copy the template", "Get the certificate", "0 of 11 steps done"] {
        assert!(page.text.contains(words), "{words}");
    }
    assert!(!page.text.contains("Your site is ready"));
}

#[tokio::test]
async fn addresses_are_checked_while_typing_and_when_sent() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let with = |subdomain: &str| json!({ "site_type": "portfolio", "site_name": "Site", "subdomain": subdomain });
    assert_eq!(create(&test, &owner, with("studio")).await.status, 201);
    let umlaut = create(&test, &owner, with("München")).await;
    assert_eq!(umlaut.json()["domain"], "xn--mnchen-3ya.sites.localhost");

    for (subdomain, complaint) in [
        ("studio", "taken"),
        ("STUDIO", "taken"),
        ("www", "reserved"),
        ("admin", "reserved"),
        ("a--b", "hyphens"),
        ("a.b", "letters"),
        ("x", "letters"),
        ("../x", "letters"),
    ] {
        let reply = create(&test, &owner, with(subdomain)).await;
        assert_eq!(reply.status, 422, "{subdomain}");
        let error = &reply.json()["errors"][0];
        assert_eq!(error["field"], "subdomain", "{subdomain}");
        assert!(error["message"].as_str().unwrap().contains(complaint), "{subdomain}: {error}");

        let path = web_path("/sites/check-address", "subdomain", subdomain);
        let verdict = test.get(&path).by(&owner).send().await.json();
        assert_eq!(verdict["ok"], false, "{subdomain}");
        assert!(verdict["message"].as_str().unwrap().contains(complaint), "{subdomain}: {verdict}");
    }
    let verdict = test.get("/sites/check-address?value=fresh").by(&owner).send().await.json();
    assert_eq!(verdict, json!({ "ok": true, "message": "fresh.sites.localhost is free." }));

    let answer = test.get("/api/sites/address?subdomain=fresh").by(&owner).send().await.json();
    assert_eq!(answer, json!({ "domain": "fresh.sites.localhost", "available": true }));
    let answer = test.get("/api/sites/address?subdomain=studio").by(&owner).send().await.json();
    assert_eq!(answer["available"], false);
    assert_eq!(test.get("/api/sites/address?subdomain=www").by(&owner).send().await.status, 422);
}

fn web_path(path: &str, name: &str, value: &str) -> String {
    format!("{path}?{}", serde_urlencoded::to_string([(name, value)]).unwrap())
}

#[tokio::test]
async fn other_fields_and_wrong_kinds_are_refused() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    for (field, value) in [("state", json!("active")), ("customer_id", json!("x")), ("release_id", json!("x")), ("owner_email", json!("x"))]
    {
        let mut body = json!({ "site_type": "portfolio", "site_name": "Site" });
        body[field] = value.clone();
        let reply = create(&test, &owner, body).await;
        assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)));
        let reply = test.ask(Method::PATCH, &format!("/api/sites/{id}")).by(&owner).json(&json!({ field: value })).send().await;
        assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)));
    }
    // All complaints at once.
    let reply =
        create(&test, &owner, json!({ "site_type": "castle", "site_name": "", "subdomain": "www", "custom_domain": "127.0.0.1" })).await;
    let fields: Vec<Value> = reply.json()["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["site_type", "site_name", "subdomain", "custom_domain"]);
    let reply = create(&test, &owner, json!({ "site_type": "portfolio", "site_name": "S", "custom_domain": "x.sites.localhost" })).await;
    assert_eq!(reply.status, 422, "an address of the house is nobody's own domain");
}

#[tokio::test]
async fn settings_are_changed_one_by_one() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    let path = format!("/api/sites/{id}");
    let patch = async |body: Value| test.ask(Method::PATCH, &path).by(&owner).json(&body).send().await;
    let changed = patch(json!({ "site_name": "Nordlicht", "custom_domain": "Nordlicht.example" })).await.json();
    assert_eq!((&changed["site_name"], &changed["custom_domain"]), (&json!("Nordlicht"), &json!("nordlicht.example")));
    let changed = patch(json!({ "site_name": "Südlicht" })).await.json();
    assert_eq!((&changed["site_name"], &changed["custom_domain"]), (&json!("Südlicht"), &json!("nordlicht.example")));
    let changed = patch(json!({ "custom_domain": null })).await.json();
    assert_eq!(changed["custom_domain"], Value::Null);
    assert_eq!(patch(json!({ "site_name": "a\nb" })).await.status, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_free_place_is_given_once() {
    for db in databases().await {
        let name = db.name;
        let test = TestApp::start_on(db, |config| config.hosting.sites_per_customer = 2).await;
        let owner = owner(&test).await;
        new_site(&test, &owner, "The first").await;
        let asks = (0..10).map(|number| create(&test, &owner, json!({ "site_type": "portfolio", "site_name": format!("Site {number}") })));
        let replies = futures_util::future::join_all(asks).await;
        let of = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
        let seen: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
        assert_eq!((of(201), of(409)), (1, 9), "{name}: {seen:?}");
        assert!(test.get("/sites/new").by(&owner).send().await.text.contains("No further site fits"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_customers_gets_an_address() {
    for db in databases().await {
        let name = db.name;
        let test = TestApp::start_on(db, |_| {}).await;
        let (one, other) = (owner(&test).await, owner(&test).await);
        for round in 0..5 {
            let body = json!({ "site_type": "portfolio", "site_name": "Site", "subdomain": format!("wanted{round}") });
            let (first, second) = tokio::join!(create(&test, &one, body.clone()), create(&test, &other, body));
            let mut seen = [first.status.as_u16(), second.status.as_u16()];
            seen.sort_unstable();
            assert_eq!(seen, [201, 422], "{name}");
        }
    }
}

#[tokio::test]
async fn somebody_elses_site_is_not_there() {
    let test = TestApp::start().await;
    let (owner, stranger) = (owner(&test).await, owner(&test).await);
    let id = new_site(&test, &owner, "Atelier").await;
    settle(&test, &id, "active").await;
    let routes = web::routes();
    // What is for staff alone is refused before any site is looked for.
    let paths = routes.iter().filter(|route| route.path.contains("{app") && !matches!(route.access, web::routes::Access::House(_)));
    let mut tried = 0;
    for route in paths {
        let path = route.path.replace("{app}", &id).replace("{app_id}", &id);
        let ask = test.ask(route.method.parse().unwrap(), &path).by(&stranger);
        let ask = match (route.method, path.ends_with("/delete"), path.ends_with("/rename")) {
            ("PATCH", ..) => ask.json(&json!({ "site_name": "Mine" })),
            (_, true, _) => ask.form(&[("confirm_name", "Atelier")]),
            (_, _, true) => ask.form(&[("site_name", "Mine")]),
            ("POST", ..) if path.ends_with("/deployments") || path.ends_with("/rollback") => ask.form(&[]),
            _ if path.ends_with("/status-page") => ask.form(&[("public", "yes")]),
            _ => ask,
        };
        let reply = ask.send().await;
        // Without the body that a route wants it may say so first; `matrix.txt` has a good one for each.
        let has_no_body = !matches!(route.method, "GET" | "DELETE") && matches!(reply.status.as_u16(), 415 | 422);
        assert!(reply.status == 404 || has_no_body, "{} {path}: {} {}", route.method, reply.status, reply.text);
        tried += 1;
    }
    assert!(tried >= 18, "{tried}");
    assert_eq!(test.get("/api/sites").by(&stranger).send().await.json(), json!([]));
    assert!(!test.get("/sites").by(&stranger).send().await.text.contains("Atelier<"));
    assert_eq!(test.get(&format!("/api/sites?after={id}")).by(&stranger).send().await.status, 422);
    let customer = owner.role.customer().unwrap();
    let reply = create(&test, &stranger, json!({ "site_type": "portfolio", "site_name": "Theirs", "customer": customer.as_str() })).await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn a_create_with_a_key_happens_once() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let token = test.token(&owner, "sites:write sites:read").await;
    let body = json!({ "site_type": "portfolio", "site_name": "Site" });
    let send = async || test.post("/api/sites/create").token(&token).header("idempotency-key", "k1").json(&body).send().await;
    let (first, again) = (send().await, send().await);
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.json(), again.json());
    assert_eq!(test.get("/api/sites").token(&token).send().await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn lists_go_on_where_the_link_says() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    for name in ["One", "Two", "Three"] {
        new_site(&test, &owner, name).await;
        test.app.clock.advance(Duration::from_secs(1));
    }
    let names = |reply: &Reply| -> Vec<String> {
        reply.json().as_array().unwrap().iter().map(|site| site["site_name"].as_str().unwrap().to_owned()).collect()
    };
    let first = test.get("/api/sites?limit=2&state=provisioning").by(&owner).send().await;
    assert_eq!(names(&first), ["Three", "Two"]);
    let link = first.header("link");
    let next = link.strip_prefix('<').unwrap().split_once(">; rel=\"next\"").unwrap().0;
    let second = test.get(next).by(&owner).send().await;
    assert_eq!((names(&second), second.header("link")), (vec!["One".to_owned()], ""));
    assert_eq!(names(&test.get("/api/sites?search=tw").by(&owner).send().await), ["Two"]);
    assert_eq!(names(&test.get("/api/sites?state=active").by(&owner).send().await), Vec::<String>::new());
    for bad in ["state=x", "limit=0", "limit=200", "after=x", "page=2"] {
        assert_eq!(test.get(&format!("/api/sites?{bad}")).by(&owner).send().await.status, 422, "{bad}");
    }

    let page = test.get("/sites?sort=name").by(&owner).send().await.text;
    let place = |name: &str| page.find(&format!(">{name}<")).unwrap();
    assert!(place("One") < place("Three") && place("Three") < place("Two"), "by name");
    let page = test.get("/sites?q=tw").by(&owner).send().await.text;
    assert!(page.contains(">Two<") && !page.contains(">One<"), "filtered");
    assert!(test.get("/sites?q=zzz").by(&owner).send().await.text.contains("Nothing fits"));
}

#[tokio::test]
async fn the_api_accepts_what_takes_time() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    assert_eq!(test.post(&format!("/api/sites/{id}/stop")).by(&owner).send().await.status, 409, "it is being made");
    for (method, path, from, kind) in [
        (Method::POST, "/stop", "active", "stop"),
        (Method::POST, "/start", "stopped", "start"),
        (Method::DELETE, "", "active", "delete"),
        (Method::POST, "/restore", "archived", "restore"),
    ] {
        settle(&test, &id, from).await;
        let reply = test.ask(method, &format!("/api/sites/{id}{path}")).by(&owner).send().await;
        assert_eq!((reply.status, &reply.json()["kind"]), (StatusCode::ACCEPTED, &json!(kind)), "{}", reply.text);
        assert_eq!(reply.header("location"), format!("/api/sites/{id}/operation"));
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
