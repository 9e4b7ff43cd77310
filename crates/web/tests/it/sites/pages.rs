//! The pages: what a person reads, what the buttons do, what is kept from the first HTML.

use accounts::Role;
use kit::sql;
use reqwest::StatusCode;
use serde_json::json;
use web::testing::TestApp;

use super::{create, fail, new_site, owner, settle};

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
    assert!(
        reply.text.contains("This address is reserved; please choose another one.") && reply.text.contains("value=\"Second &lt;b&gt;\""),
        "{}",
        reply.text
    );
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
async fn a_failed_site_says_why_and_can_be_tried_again_or_given_up() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    fail(&test, &id, "build", "the build of www stopped: <nothing> in package.json").await;
    let page = test.get(&format!("/sites/{id}")).by(&owner).send().await.text;
    for words in
        ["The build of www stopped: &lt;nothing&gt; in package.json.", "Try again", "Give up", "ask the people who run this server"]
    {
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
async fn a_repository_at_a_provider_is_said_to_stay_before_and_after_a_deletion() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    settle(&test, &id, "active").await;
    let page = async || test.get(&format!("/sites/{id}")).by(&owner).send().await.text;
    let ours = page().await;
    assert!(ours.contains("The repository with its history") && !ours.contains("stays where it is"));
    let row = sql("insert into site_repository (site_id, provider, full_name, name_key, clone_url, web_url, webhook_id, created_at)
                   values ($1, 'github', $2, 'x', 'https://git.test/inn/atelier.git', 'https://git.test/inn/atelier', '7', 1)");
    test.app.db.execute(row.bind(&id).bind("inn/<b>atelier")).await.unwrap();
    let theirs = page().await;
    assert!(
        theirs.contains("The repository https://git.test/inn/atelier.git stays where it is")
            && theirs.contains("The webhook of its repository")
    );
    assert!(!theirs.contains("The repository with its history"));

    settle(&test, &id, "archived").await;
    let deleted = page().await;
    assert!(deleted.contains("inn/&lt;b&gt;atelier stays at GitHub, and so does its webhook, which could not be taken away"), "{deleted}");
    test.app.db.execute(sql("update site_repository set webhook_id = null")).await.unwrap();
    let deleted = page().await;
    assert!(deleted.contains("inn/&lt;b&gt;atelier stays at GitHub.") && !deleted.contains("could not be taken away"), "{deleted}");
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
    let health = part("part=health&layout=serving").await;
    assert!(health.text.contains("www") && health.text.contains("Status unavailable"), "nobody watches here: {}", health.text);
    test.app.db.execute(sql("delete from site where id = $1").bind(&id)).await.unwrap();
    let gone = part("part=head&layout=serving").await;
    assert_eq!((gone.status, gone.header("hx-redirect")), (StatusCode::NOT_FOUND, "/sites"));
}

#[tokio::test]
async fn whoever_watched_a_restart_is_told_once_that_it_failed() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    settle(&test, &id, "active").await;
    test.post(&format!("/sites/{id}/restart")).by(&owner).send().await;
    fail(&test, &id, "restart", "api <is> unhealthy").await;
    test.app.db.execute(sql("update site set state = 'active' where id = $1").bind(&id)).await.unwrap();

    let part = async |layout: &str| {
        let path = format!("/sites/{id}?part=head&layout={layout}");
        test.get(&path).by(&owner).header("hx-request", "true").send().await
    };
    let reply = part("serving-busy").await;
    assert_eq!((reply.status, reply.header("hx-refresh")), (StatusCode::NO_CONTENT, "true"));
    let flash = reply.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    assert!(flash.starts_with("innkeeper-flash="), "{flash}");
    let cookie = format!("{}; {flash}", owner.cookie);
    let page = test.get(&format!("/sites/{id}")).header("cookie", &cookie).send().await;
    let toasts = page.text.split("id=\"toasts\"").nth(1).expect("a place for messages");
    let toasts = &toasts[..toasts.len().min(1500)];
    assert!(toasts.contains("The restart did not help") && toasts.contains("&lt;is&gt; unhealthy"), "{toasts}");

    assert_eq!(part("stopped").await.header("set-cookie"), "", "who did not watch it is told by the page alone");
    let later = test.get(&format!("/sites/{id}")).by(&owner).send().await;
    assert!(later.text.contains("The restart did not help") && !later.text.contains("data-toast "), "{}", later.text);
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

#[tokio::test]
async fn the_list_of_jobs_leads_to_the_sites_they_are_about() {
    let test = TestApp::start().await;
    let (owner, admin) = (owner(&test).await, test.passwordless(Role::Admin).await);
    let id = new_site(&test, &owner, "Ada's <b>Shop</b>").await;
    let page = test.get("/admin/jobs").by(&admin).send().await;
    let link = format!("Making the site: <a href=\"/sites/{id}\">Ada's &lt;b&gt;Shop&lt;/b&gt;</a>");
    assert!(page.text.contains(&link), "{}", page.text);
}

#[tokio::test]
async fn a_site_can_be_examined_by_admins_from_its_page() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier <b>").await;
    settle(&test, &id, "active").await;
    let admin = test.passwordless(Role::Admin).await;
    let link = format!("href=\"/sites/{id}/doctor\"");
    assert!(test.get(&format!("/sites/{id}")).by(&admin).send().await.text.contains(&link));
    for who in [&owner, &test.passwordless(Role::Concierge).await] {
        assert!(!test.get(&format!("/sites/{id}")).by(who).send().await.text.contains(&link));
    }
    // Nothing of it was ever made.
    let page = test.get(&format!("/sites/{id}/doctor?run=now")).by(&admin).send().await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("Examination of Atelier &lt;b&gt;") && page.text.contains("docker-compose.yaml is missing"),
        "{}",
        page.text
    );
    assert!(page.text.contains("The route is missing"), "{}", page.text);

    fail(&test, &id, "start", "www is <unhealthy>").await;
    let page = test.get(&format!("/sites/{id}")).by(&admin).send().await;
    assert!(page.text.contains(&link), "also where something failed");
    let page = test.get(&format!("/sites/{id}/doctor?run=now")).by(&admin).send().await;
    assert!(
        page.text.contains("www is &lt;unhealthy&gt;") && page.text.contains(&format!("<code>innkeeper site retry {id}</code>")),
        "{}",
        page.text
    );
}
