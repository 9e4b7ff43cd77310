//! Who is told of deployments, as people see and change it.

use hosting::SiteId;
use hosting::notify;
use kit::sql;
use serde_json::json;
use web::testing::{TestApp, TestMember};

use super::{new_site, owner, settle};

async fn served(test: &TestApp, owner: &TestMember) -> String {
    let site = new_site(test, owner, "<b>Atelier</b>").await;
    settle(test, &site, "active").await;
    site
}

/// Adds a webhook by the form; its page and what the form answered.
async fn add(test: &TestApp, owner: &TestMember, site: &str) -> (String, String) {
    let form = [("url", "https://hooks.example.com/services/T0KEN"), ("event", "deployment.failed"), ("event", "deployment.succeeded")];
    let made = test.post(&format!("/sites/{site}/notifications")).by(owner).form(&form).send().await;
    assert_eq!(made.status, 200, "{}", made.text);
    let start = made.text.find(&format!("/sites/{site}/notifications/hook_")).expect("a way to its page");
    let page: String = made.text[start..].chars().take_while(|c| *c != '"').collect();
    (page, made.text)
}

fn id_of(page: &str) -> notify::webhooks::WebhookId {
    notify::webhooks::WebhookId::parse(page.rsplit('/').next().unwrap()).unwrap()
}

#[tokio::test]
async fn a_webhook_is_added_and_its_secret_shown_once() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let site = served(&test, &owner).await;
    let list = format!("/sites/{site}/notifications");
    let empty = test.get(&list).by(&owner).send().await;
    assert!(empty.text.contains("No webhooks") && empty.text.contains("Add webhook") && empty.text.len() < 60_000);
    assert!(empty.text.contains("&lt;b&gt;Atelier&lt;/b&gt;") && !empty.text.contains("<b>Atelier"));

    let (page, made) = add(&test, &owner, &site).await;
    let actor = test.actor(&owner).await;
    let id = id_of(&page);
    let hook = notify::webhooks::get(&test.app.db, &actor.scope(), &SiteId::parse(&site).unwrap(), &id).await.unwrap();
    assert!(made.contains("Copy its secret now") && made.contains("hooks.example.com"));
    let shown = test.get(&page).by(&owner).send().await;
    assert!(
        shown.text.contains("Nothing was sent yet") && shown.text.contains("https://hooks.example.com/services/T0KEN"),
        "{}",
        shown.text
    );
    assert!(shown.text.len() < 60_000);
    let secret: String = {
        let start = made.find("data-copy=\"").expect("something to copy") + "data-copy=\"".len();
        made[start..].chars().take_while(|c| *c != '"').collect()
    };
    assert_eq!(secret.len(), 43);
    let again = test.get(&list).by(&owner).send().await;
    assert!(![&shown.text, &again.text].iter().any(|text| text.contains(&secret)), "the secret is shown again");
    assert!(again.text.contains("hooks.example.com") && !again.text.contains("T0KEN"), "the list shows the host alone");
    assert_eq!(hook.events.iter().count(), 2);

    // Who may only look does not see the address, which may be the secret.
    let concierge = test.passwordless(accounts::Role::Concierge).await;
    let seen = test.get(&page).by(&concierge).send().await;
    assert!(seen.status == 200 && !seen.text.contains("T0KEN") && !seen.text.contains("Remove webhook"), "{}", seen.text);
}

#[tokio::test]
async fn a_wrong_address_is_said_beside_its_field() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let site = served(&test, &owner).await;
    let place = format!("/sites/{site}/notifications");
    for (url, complaint) in [
        ("http://127.0.0.1:8080/\"><script>", "leads to this machine"),
        ("http://169.254.169.254/latest/", "leads to the local link"),
        ("ftp://example.com/", "must begin with https"),
    ] {
        let reply = test.post(&place).by(&owner).form(&[("url", url), ("event", "deployment.failed")]).send().await;
        assert_eq!(reply.status, 422, "{url}");
        assert!(reply.text.to_lowercase().contains(complaint) && !reply.text.contains("\"><script>"), "{url}: {}", reply.text);
    }
    let reply = test.post(&place).by(&owner).form(&[("url", "https://example.com/")]).send().await;
    assert!(reply.status == 422 && reply.text.contains("Choose at least one event"), "{}", reply.text);
    let (page, _) = add(&test, &owner, &site).await;
    let form = [("url", "http://10.0.0.1/"), ("event", "deployment.failed")];
    let reply = test.post(&format!("{page}/change")).by(&owner).form(&form).send().await;
    assert!(reply.status == 422 && reply.text.contains("leads to a private network") && reply.text.contains("http://10.0.0.1/"));
}

#[tokio::test]
async fn a_new_secret_is_shown_once_and_the_old_one_said_to_go() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let site = served(&test, &owner).await;
    let (page, _) = add(&test, &owner, &site).await;
    assert!(test.get(&page).by(&owner).send().await.text.contains("Make a new secret?"));
    let made = test.post(&format!("{page}/secret")).by(&owner).form(&[]).send().await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert!(made.text.contains("Copy its secret now") && made.text.contains("X-Innkeeper-Signature-256-Old"), "{}", made.text);
    let api = format!("/api/sites/{site}/webhooks/{}", id_of(&page));
    let again = test.post(&format!("{api}/secret")).by(&owner).send().await.json();
    let secret = again["secret"].as_str().unwrap();
    let until = test.app.clock.now().plus(std::time::Duration::from_secs(86_400)).rfc3339();
    assert_eq!((secret.len(), again["old_secret_until"].as_str()), (43, Some(until.as_str())), "{again}");
    assert!(!made.text.contains(secret), "each time another one");
    let shown = test.get(&page).by(&owner).send().await.text;
    assert!(shown.contains("with the secret before it too") && !shown.contains(secret), "{shown}");
    let listed = test.get(&format!("/api/sites/{site}/webhooks")).by(&owner).send().await;
    assert!(!listed.text.contains(secret) && listed.json()["items"][0]["old_secret_until"] == until.as_str());
    test.app.clock.advance(std::time::Duration::from_secs(86_400));
    let shown = test.get(&page).by(&owner).send().await.text;
    assert!(!shown.contains("with the secret before it too"), "{shown}");
}

#[tokio::test]
async fn a_webhook_is_tested_paused_resumed_and_removed() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let site = served(&test, &owner).await;
    let (page, _) = add(&test, &owner, &site).await;
    let post = async |verb: &str| test.post(&format!("{page}/{verb}")).by(&owner).send().await.status;
    assert_eq!(post("test").await, 303);
    let shown = test.get(&page).by(&owner).send().await.text;
    assert!(shown.contains("On its way") && shown.contains(">Test<"), "{shown}");
    assert_eq!(post("pause").await, 303);
    assert!(test.get(&page).by(&owner).send().await.text.contains("Nothing is sent until it is resumed"));
    assert_eq!(post("resume").await, 303);
    // As the sender leaves it.
    let note = "The last 5 deliveries failed at every try.";
    test.app.db.execute(sql("update outgoing_webhook set state = 'stopped', note = $1").bind(note)).await.unwrap();
    for place in [&page, &format!("/sites/{site}/notifications")] {
        assert!(test.get(place).by(&owner).send().await.text.contains(note), "{place}");
    }
    assert_eq!(post("remove").await, 303);
    assert_eq!(test.get(&page).by(&owner).send().await.status, 404);
    // Twenty by hand a minute, by page and API together.
    let (page, _) = add(&test, &owner, &site).await;
    let api = format!("/api/sites/{site}/webhooks/{}/test", id_of(&page));
    let mut refused = 0;
    for _ in 0..25 {
        refused += usize::from(test.post(&api).by(&owner).send().await.status == 429);
    }
    assert!((4..=6).contains(&refused), "{refused}");
}

#[tokio::test]
async fn a_delivery_shows_every_try_and_what_came_back_as_text() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let site = served(&test, &owner).await;
    let (page, _) = add(&test, &owner, &site).await;
    assert_eq!(test.post(&format!("{page}/test")).by(&owner).send().await.status, 303);
    let (id,): (String,) = test.app.db.one(sql("select id from outgoing_delivery")).await.unwrap();
    for (number, status, error, answer) in [
        (1_i64, Some(500_i64), None, Some("<script>alert(1)</script>")),
        (2, Some(302), None, None),
        (3, None, Some("not sent: <i>no</i>"), None),
    ] {
        let row = sql(
            "insert into outgoing_try (delivery_id, number, at, duration_ms, status, error, answer) values ($1, $2, $3, 12, $4, $5, $6)",
        );
        let row = row.bind(&id).bind(number).bind(test.app.clock.now()).bind(status).bind(error).bind(answer);
        test.app.db.execute(row).await.unwrap();
    }
    let change = sql("update outgoing_delivery set state = 'failed', attempts = 3, next_at = null, finished_at = $1");
    test.app.db.execute(change.bind(test.app.clock.now())).await.unwrap();
    let shown = test.get(&format!("{page}/deliveries/{id}")).by(&owner).send().await;
    assert_eq!(shown.status, 200);
    for words in
        ["Given up", "Try 3", "answered 500", "redirects are not followed", "&lt;script&gt;alert(1)", "&lt;i&gt;no&lt;/i&gt;", "Send again"]
    {
        assert!(shown.text.contains(words), "{words}: {}", shown.text);
    }
    assert!(!shown.text.contains("<script>alert") && !shown.text.contains("<i>no"));
    assert_eq!(test.post(&format!("{page}/deliveries/{id}/again")).by(&owner).send().await.status, 303);
    assert_eq!(test.app.db.one::<(i64,)>(sql("select cast(count(*) as bigint) from outgoing_delivery")).await.unwrap().0, 2);
    // A delivery under another webhook's address is not there.
    let (other, _) = add(&test, &owner, &site).await;
    assert_eq!(test.get(&format!("{other}/deliveries/{id}")).by(&owner).send().await.status, 404);
}

#[tokio::test]
async fn each_chooses_their_mails_in_their_account() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let site = served(&test, &owner).await;
    let checked = |text: &str, name: &str| {
        let at = text.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no field {name}"));
        text[at..].split('>').next().unwrap().contains("checked")
    };
    let page = test.get("/account").by(&owner).send().await.text;
    let chosen = ["deployment_failed", "deployment_succeeded", "rolled_back"].map(|name| checked(&page, name));
    assert_eq!(chosen, [true, false, true]);
    let saved = test.post("/account/notifications").by(&owner).form(&[("deployment_succeeded", "yes")]).send().await;
    assert_eq!((saved.status.as_u16(), saved.header("location")), (303, "/account#notifications"));
    let page = test.get("/account").by(&owner).send().await.text;
    let chosen = ["deployment_failed", "deployment_succeeded", "rolled_back"].map(|name| checked(&page, name));
    assert_eq!(chosen, [false, true, false]);
    assert!(test.get(&format!("/sites/{site}/notifications")).by(&owner).send().await.text.contains("/account#notifications"));
    let admin = test.passwordless(accounts::Role::Admin).await;
    assert!(!test.get("/account").by(&admin).send().await.text.contains("Mails about deployments"));
}

#[tokio::test]
async fn programs_manage_webhooks_by_the_api() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let site = served(&test, &owner).await;
    let token = test.token(&owner, "sites:read sites:write").await;
    let place = format!("/api/sites/{site}/webhooks");
    let refused = test.post(&place).token(&token).json(&json!({ "url": "http://127.1/", "events": ["deployment.failed"] })).send().await;
    assert_eq!((refused.status.as_u16(), refused.header("content-type")), (422, "application/problem+json"), "{}", refused.text);
    assert!(refused.text.contains("\"url\"") && refused.text.contains("leads to this machine"), "{}", refused.text);
    let body = json!({ "url": "https://example.com/T0KEN", "events": ["deployment.failed", "deployment.rolled_back"] });
    let made = test.post(&place).token(&token).json(&body).send().await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (id, secret) = (made.json()["id"].as_str().unwrap().to_owned(), made.json()["secret"].as_str().unwrap().to_owned());
    assert_eq!((made.header("location"), secret.len()), (format!("{place}/{id}").as_str(), 43));

    let list = test.get(&place).token(&token).send().await;
    assert_eq!(list.json()["items"][0]["url"], "https://example.com/T0KEN");
    assert!(!list.text.contains(&secret));
    let reader = test.passwordless(accounts::Role::Concierge).await;
    assert_eq!(test.get(&place).by(&reader).send().await.json()["items"][0]["url"], "example.com");

    let one = format!("{place}/{id}");
    let changed = test.ask(reqwest::Method::PATCH, &one).token(&token).json(&json!({ "state": "paused" })).send().await;
    assert_eq!(changed.json()["state"], "paused", "{}", changed.text);
    for wrong in [json!({ "state": "stopped" }), json!({ "events": [] }), json!({ "url": "x" }), json!({ "secret": "mine" })] {
        assert_eq!(test.ask(reqwest::Method::PATCH, &one).token(&token).json(&wrong).send().await.status, 422, "{wrong}");
    }
    for _ in 0..3 {
        let sent = test.post(&format!("{one}/test")).token(&token).send().await;
        assert_eq!((sent.status.as_u16(), &sent.json()["state"]), (202, &json!("waiting")), "{}", sent.text);
        test.app.clock.advance(std::time::Duration::from_millis(2));
    }
    let first = test.get(&format!("{one}/deliveries?limit=2")).token(&token).send().await.json();
    let next = first["next"].as_str().unwrap();
    let second = test.get(&format!("{one}/deliveries?limit=2&before={next}")).token(&token).send().await.json();
    assert_eq!((first["items"].as_array().unwrap().len(), second["items"].as_array().unwrap().len()), (2, 1));
    assert_eq!(second["next"], json!(null));
    assert_eq!(test.ask(reqwest::Method::DELETE, &one).token(&token).send().await.status, 204);
    assert_eq!(test.get(&format!("{one}/deliveries")).token(&token).send().await.status, 404);
}
