//! Sites over HTTP. No job runs here, so a new site stays at its first step and nothing is asked of Docker but its state.

use std::time::Duration;

use accounts::Role;
use kit::sql;
use kit::testing::databases;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use web::testing::{Reply, TestApp, TestMember};

/// Names that mean something to a shell, a path, YAML, a label, HTML, SQL, a template, a terminal or a spreadsheet.
const NASTY: &[&str] = &[
    "Ada's <b>Shop</b> & \"Co\"",
    "<script>alert('x')</script>",
    "\"><img src=x onerror=alert(1)>",
    "$(rm -rf /) `id` ${HOME} && exit; | cat",
    "../../etc/passwd",
    "a: b # c\\n- d: [e, {f: g}]",
    "Host(`evil`) || PathPrefix(`/`)",
    "'; drop table site; --",
    "{{7*7}} #{7*7} <%= 7 %> ${{x}}",
    "%00 %0a %s %n \\x1b[31m",
    "=cmd|' /C calc'!A0",
    "名前 🌱 Ünïcödé",
];

async fn owner(test: &TestApp) -> TestMember {
    let customer = test.customer("Atelier Nord").await;
    test.owner(&customer).await
}

async fn create(test: &TestApp, by: &TestMember, body: Value) -> Reply {
    test.post("/api/sites").by(by).json(&body).send().await
}

async fn new_site(test: &TestApp, by: &TestMember, name: &str) -> String {
    let reply = create(test, by, json!({ "site_type": "portfolio", "site_name": name })).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.json()["app_id"].as_str().unwrap().to_owned()
}

/// As the job would have left it.
async fn settle(test: &TestApp, site: &str, state: &str) {
    let db = &test.app.db;
    let now = test.app.clock.now();
    db.execute(sql("update site_step set state = 'done', started_at = $1, finished_at = $1").bind(now)).await.unwrap();
    db.execute(sql("update site_operation set state = 'done', finished_at = $2 where site_id = $1").bind(site).bind(now)).await.unwrap();
    let archived_at = (state == "archived").then_some(now);
    db.execute(
        sql("update site set state = $2, archived_at = $3, last_deployed_at = $4 where id = $1")
            .bind(site)
            .bind(state)
            .bind(archived_at)
            .bind(now),
    )
    .await
    .unwrap();
    // What is done next is newer.
    test.app.clock.advance(Duration::from_millis(1));
}

/// As the job leaves it when a step fails for good.
async fn fail(test: &TestApp, site: &str, step: &str, error: &str) {
    let db = &test.app.db;
    let now = test.app.clock.now();
    db.execute(
        sql("update site_step set state = 'failed', started_at = $3, finished_at = $3, error = $2 where name = $1")
            .bind(step)
            .bind(error)
            .bind(now),
    )
    .await
    .unwrap();
    db.execute(
        sql("update site_operation set state = 'failed', finished_at = $2, error = $3 where site_id = $1").bind(site).bind(now).bind(error),
    )
    .await
    .unwrap();
    db.execute(sql("update site set state = 'failed' where id = $1").bind(site)).await.unwrap();
    test.app.clock.advance(Duration::from_millis(1));
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

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
    for words in ["Making the site", "Being made", "Copy the template", "Get the certificate", "0 of 11 steps done"] {
        assert!(page.text.contains(words), "{words}");
    }
    assert!(!page.text.contains("Your site is ready"));
}

#[tokio::test]
async fn names_come_back_escaped_in_pages_and_unchanged_in_json() {
    let test = TestApp::start_on(kit::testing::sqlite().await, |config| config.hosting.sites_per_customer = 50).await;
    let owner = owner(&test).await;
    let admin = test.member(Role::Admin).await;
    for name in NASTY {
        let id = new_site(&test, &owner, name).await;
        settle(&test, &id, "active").await;
        let detail = test.get(&format!("/api/sites/{id}")).by(&owner).send().await.json();
        assert_eq!(detail["site_name"], *name);
        for (path, who) in [("/sites", &owner), ("/admin/sites", &admin), (&*format!("/sites/{id}"), &owner)] {
            let page = test.get(path).by(who).send().await;
            assert_eq!(page.status, 200, "{path}");
            assert!(page.text.contains(&escaped(name)), "{name} is not on {path}");
            for raw in ["<script>alert", "<img src=x", "<b>Shop"] {
                assert!(!page.text.contains(raw), "{raw} on {path}");
            }
        }
    }
    let csv = test.get("/admin/sites.csv").by(&admin).send().await;
    assert!(csv.text.contains("\"Ada's <b>Shop</b> & \"\"Co\"\"\""));
    assert!(csv.text.contains("\"'=cmd|' /C calc'!A0\""), "a formula is led by an apostrophe");
    for bad in ["", "   ", "a\nb", "a\u{0}b", "a\u{1b}[31mb", "a\u{202e}b", &"x".repeat(81)] {
        let reply = create(&test, &owner, json!({ "site_type": "portfolio", "site_name": bad })).await;
        assert_eq!(reply.status, 422, "{bad:?}");
        assert_eq!(reply.json()["errors"][0]["field"], "site_name");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[tokio::test]
async fn addresses_are_checked_while_typing_and_when_sent() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let with = |subdomain: &str| json!({ "site_type": "portfolio", "site_name": "Site", "subdomain": subdomain });
    assert_eq!(create(&test, &owner, with("studio")).await.status, 201);
    let umlaut = create(&test, &owner, with("München")).await;
    assert_eq!(umlaut.json()["domain"], "xn--mnchen-3ya.sites.localhost");

    for (subdomain, complaint) in [("studio", "taken"), ("STUDIO", "taken"), ("www", "reserved"), ("admin", "reserved"), ("a--b", "hyphens"), ("a.b", "letters"), ("x", "letters"), ("../x", "letters")] {
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
    for (field, value) in [("state", json!("active")), ("customer_id", json!("x")), ("release_id", json!("x")), ("owner_email", json!("x"))] {
        let mut body = json!({ "site_type": "portfolio", "site_name": "Site" });
        body[field] = value.clone();
        let reply = create(&test, &owner, body).await;
        assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)));
        let reply = test.ask(Method::PATCH, &format!("/api/sites/{id}")).by(&owner).json(&json!({ field: value })).send().await;
        assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)));
    }
    // All complaints at once.
    let reply = create(&test, &owner, json!({ "site_type": "castle", "site_name": "", "subdomain": "www", "custom_domain": "127.0.0.1" })).await;
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
    let paths = routes.iter().filter(|route| route.path.contains("{app"));
    let mut tried = 0;
    for route in paths {
        let path = route.path.replace("{app}", &id).replace("{app_id}", &id);
        let ask = test.ask(route.method.parse().unwrap(), &path).by(&stranger);
        let ask = match (route.method, path.ends_with("/delete"), path.ends_with("/rename")) {
            ("PATCH", ..) => ask.json(&json!({ "site_name": "Mine" })),
            (_, true, _) => ask.form(&[("confirm_name", "Atelier")]),
            (_, _, true) => ask.form(&[("site_name", "Mine")]),
            _ => ask,
        };
        let reply = ask.send().await;
        assert_eq!(reply.status, 404, "{} {path}: {}", route.method, reply.text);
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
async fn the_owners_password_is_shown_on_demand_and_written_down() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let customer = owner.role.customer().unwrap().clone();
    let id = new_site(&test, &owner, "Atelier").await;
    settle(&test, &id, "active").await;
    let site = hosting::sites::get_any(&test.app.db, &hosting::SiteId::parse(&id).unwrap()).await.unwrap();
    let password = site.open_secrets(&test.app.key).unwrap().owner_password;
    let rows = async || {
        let query = sql("select cast(count(*) as bigint) from audit where action = 'site.reveal' and subject = $1 and customer_id = $2");
        test.app.db.one::<(i64,)>(query.bind(&id).bind(&customer)).await.unwrap().0
    };

    let page = test.get(&format!("/sites/{id}")).by(&owner).send().await;
    assert!(page.text.contains("Your site is ready") && page.text.contains(&owner.email));
    assert!(!page.text.contains(&password), "it is in the first page");
    let path = format!("/sites/{id}/reveal");
    let concierge = test.member(Role::Concierge).await;
    assert_eq!(test.post(&path).by(&concierge).form(&[]).send().await.status, 403);
    assert_eq!(test.get(&path).by(&owner).send().await.status, 405);
    assert_eq!(rows().await, 0);

    let whole = test.post(&path).by(&owner).form(&[]).send().await;
    assert!(whole.text.contains(&password) && whole.text.contains("Your site is ready"));
    assert_eq!(whole.header("cache-control"), "no-store");
    assert_eq!(rows().await, 1);
    let part = test.post(&path).by(&owner).header("hx-request", "true").form(&[]).send().await;
    assert!(part.text.contains(&password) && !part.text.contains("<html"));
    assert_eq!(rows().await, 2);
    let detail: (String,) =
        test.app.db.one(sql("select detail from audit where action = 'site.reveal' order by id desc limit 1")).await.unwrap();
    assert!(!detail.0.contains(&password));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_sent_twice_makes_one_site() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let page = test.get("/sites/new").by(&owner).send().await.text;
    assert!(page.contains("/templates/portfolio/preview.svg") && page.contains(".sites.localhost"));
    assert!(!page.contains("value=\"ecommerce\""), "a template that is not carried is not offered");
    let form_id = page.split("name=\"form_id\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields = [("site_type", "portfolio"), ("site_name", "Ada's Bäckerei"), ("subdomain", ""), ("form_id", form_id)];
    let (first, second) =
        tokio::join!(test.post("/sites").by(&owner).form(&fields).send(), test.post("/sites").by(&owner).form(&fields).send());
    assert_eq!((first.status, second.status), (StatusCode::SEE_OTHER, StatusCode::SEE_OTHER), "{}", second.text);
    assert_eq!(first.header("location"), second.header("location"));
    let list = test.get("/api/sites").by(&owner).send().await.json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["domain"], "adas-baeckerei.sites.localhost", "an empty address is made from the name");
    let page = test.get(first.header("location")).by(&owner).send().await;
    assert!(page.text.contains("Making the site"));

    // The same form, changed after a complaint, is not the same wish.
    let wrong = [("site_type", "portfolio"), ("site_name", "Second <b>"), ("subdomain", "www"), ("form_id", "another")];
    let reply = test.post("/sites").by(&owner).form(&wrong).send().await;
    assert_eq!(reply.status, 422);
    assert!(reply.text.contains("Is reserved") && reply.text.contains("value=\"Second &lt;b&gt;\""), "{}", reply.text);
    let right = [("site_type", "portfolio"), ("site_name", "Second"), ("subdomain", "second"), ("form_id", "another")];
    assert_eq!(test.post("/sites").by(&owner).form(&right).send().await.status, 303);
}

#[tokio::test]
async fn an_address_is_suggested_until_one_is_typed() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let ask = async |query: &[(&str, &str)]| {
        let path = format!("/sites/new/address?{}", serde_urlencoded::to_string(query).unwrap());
        test.get(&path).by(&owner).header("hx-request", "true").send().await
    };
    let first = ask(&[("site_name", "Shop & <i>Café</i>"), ("subdomain", "")]).await;
    assert!(first.text.contains("value=\"shop-i-cafe-i\""), "{}", first.text);
    let reserved = ask(&[("site_name", "Shop"), ("subdomain", "old"), ("suggested", "old")]).await;
    assert!(reserved.text.contains("value=\"shop-site\""), "{}", reserved.text);
    assert_eq!(ask(&[("site_name", "Shop"), ("subdomain", "mine"), ("suggested", "old")]).await.status, 204);
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
async fn a_failed_site_says_why_and_can_be_tried_again_or_given_up() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    fail(&test, &id, "build", "the build of www stopped: <nothing> in package.json").await;
    let page = test.get(&format!("/sites/{id}")).by(&owner).send().await.text;
    for words in ["The build of www stopped: &lt;nothing&gt; in package.json.", "Try again", "Give up", "ask the people who run this server"] {
        assert!(page.contains(words), "{words}");
    }
    let again = test.post(&format!("/sites/{id}/retry")).by(&owner).form(&[]).send().await;
    assert_eq!((again.status, again.header("location")), (StatusCode::SEE_OTHER, &*format!("/sites/{id}")));
    let operation = test.get(&format!("/api/sites/{id}/operation")).by(&owner).send().await.json();
    assert_eq!(operation["status"], "running");
    assert_eq!(test.post(&format!("/api/sites/{id}/retry")).by(&owner).send().await.status, 409, "it runs already");
    assert_eq!(test.post(&format!("/api/sites/{id}/discard")).by(&owner).send().await.status, 409);

    fail(&test, &id, "build", "again").await;
    let gone = test.post(&format!("/sites/{id}/discard")).by(&owner).form(&[]).send().await;
    assert_eq!((gone.status, gone.header("location")), (StatusCode::SEE_OTHER, "/sites"));
    assert_eq!(test.get(&format!("/api/sites/{id}")).by(&owner).send().await.json()["status"], "deleting");
}

#[tokio::test]
async fn a_site_is_stopped_started_and_deleted_from_its_page() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Ada's <Shop>").await;
    settle(&test, &id, "active").await;
    let post = async |verb: &str, fields: &[(&str, &str)]| test.post(&format!("/sites/{id}/{verb}")).by(&owner).form(fields).send().await;
    let kind = async || test.get(&format!("/api/sites/{id}/operation")).by(&owner).send().await.json()["kind"].clone();

    assert_eq!(post("stop", &[]).await.status, 303);
    assert_eq!(kind().await, "stop");
    let busy = test.get(&format!("/sites/{id}")).by(&owner).send().await.text;
    assert!(busy.contains("Stopping the site") && busy.contains("Wait until it has ended"));
    settle(&test, &id, "stopped").await;
    assert!(test.get(&format!("/sites/{id}")).by(&owner).send().await.text.contains("Stopped"));
    assert_eq!(post("start", &[]).await.status, 303);
    settle(&test, &id, "active").await;

    let page = test.get(&format!("/sites/{id}")).by(&owner).send().await.text;
    assert!(page.contains("data-confirm-name=\"Ada's &lt;Shop&gt;\"") && page.contains("7 days"));
    post("delete", &[("confirm_name", "Ada's")]).await;
    assert_eq!(kind().await, "start", "the name was not typed");
    assert_eq!(post("delete", &[("confirm_name", "Ada's <Shop>")]).await.status, 303);
    assert_eq!(kind().await, "delete");
    settle(&test, &id, "archived").await;

    let page = test.get(&format!("/sites/{id}")).by(&owner).send().await.text;
    assert!(page.contains("This site was deleted") && page.contains("7 days left") && page.contains("21\u{a0}Jan\u{a0}2026"), "{page}");
    let list = test.get("/sites").by(&owner).send().await.text;
    assert!(list.contains("Recently deleted") && list.contains("7 days left") && list.contains(&format!("/sites/{id}/restore")));
    assert_eq!(test.get("/api/sites").by(&owner).send().await.json(), json!([]));
    let archived = test.get("/api/sites?state=archived").by(&owner).send().await.json();
    assert_eq!(archived[0]["app_id"], id.as_str());
    assert_eq!(post("restore", &[]).await.status, 303);
    assert_eq!(kind().await, "restore");
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

#[tokio::test]
async fn a_name_that_does_not_fit_is_shown_beside_its_field() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    settle(&test, &id, "active").await;
    let long = "x".repeat(81);
    let reply = test.post(&format!("/sites/{id}/rename")).by(&owner).form(&[("site_name", &long)]).send().await;
    assert_eq!(reply.status, 422);
    assert!(reply.text.contains("id=\"field-site_name-error\"") && reply.text.contains(&long));
    let reply = test.post(&format!("/sites/{id}/rename")).by(&owner).form(&[("site_name", "Nordlicht")]).send().await;
    assert_eq!(reply.status, 303);
    assert!(test.get(&format!("/sites/{id}")).by(&owner).send().await.text.contains("Nordlicht"));
}

#[tokio::test]
async fn parts_of_a_page_follow_what_happens() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    let part = async |query: &str| test.get(&format!("/sites/{id}?{query}")).by(&owner).header("hx-request", "true").send().await;
    let steps = part("part=head&layout=steps").await;
    assert!(steps.text.contains("Copy the template") && !steps.text.contains("<html"));
    settle(&test, &id, "active").await;
    assert_eq!(part("part=head&layout=steps").await.header("hx-refresh"), "true", "the page below no longer fits");
    assert!(part("part=services&layout=serving").await.text.contains("www") || part("part=services&layout=serving").await.text.contains("unavailable"));
    test.app.db.execute(sql("delete from site where id = $1").bind(&id)).await.unwrap();
    let gone = part("part=head&layout=serving").await;
    assert_eq!((gone.status, gone.header("hx-redirect")), (StatusCode::NOT_FOUND, "/sites"));
}

#[tokio::test]
async fn staff_see_all_sites_and_make_one_for_a_customer() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let customer = owner.role.customer().unwrap().clone();
    let (admin, concierge) = (test.member(Role::Admin).await, test.member(Role::Concierge).await);
    let id = new_site(&test, &owner, "Atelier").await;

    assert_eq!(test.get("/sites").by(&admin).send().await.header("location"), "/admin/sites");
    for staff in [&admin, &concierge] {
        let list = test.get("/admin/sites").by(staff).send().await.text;
        assert!(list.contains("Atelier Nord") && list.contains(&format!("/sites/{id}")));
        assert_eq!(test.get(&format!("/sites/{id}")).by(staff).send().await.status, 200);
    }
    assert_eq!(test.get("/sites/new").by(&concierge).send().await.status, 403);
    assert_eq!(test.get("/admin/sites").by(&owner).send().await.status, 403);
    let csv = test.get("/admin/sites.csv?state=provisioning").by(&admin).send().await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.text.lines().count(), 2);

    let form = test.get(&format!("/sites/new?customer={customer}")).by(&admin).send().await.text;
    assert!(form.contains(&format!("value=\"{customer}\" selected")));
    let body = json!({ "site_type": "portfolio", "site_name": "For them" });
    assert_eq!(create(&test, &admin, body).await.json()["errors"][0]["field"], "customer");
    let reply = create(&test, &admin, json!({ "site_type": "portfolio", "site_name": "For them", "customer": customer.as_str() })).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(test.get("/api/sites").by(&owner).send().await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn empty_list_leads_to_the_first_site_and_pictures_are_served() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let page = test.get("/sites").by(&owner).send().await.text;
    assert!(page.contains("No sites yet") && page.contains("/sites/new"));
    let picture = test.get("/templates/portfolio/preview.svg").send().await;
    assert_eq!((picture.status, picture.header("content-type")), (StatusCode::OK, "image/svg+xml"));
    assert!(picture.text.starts_with("<svg") && picture.header("content-security-policy").contains("sandbox"));
    for kind in ["ecommerce", "x", "..%2Fportfolio"] {
        assert_eq!(test.get(&format!("/templates/{kind}/preview.svg")).send().await.status, 404, "{kind}");
    }
}
