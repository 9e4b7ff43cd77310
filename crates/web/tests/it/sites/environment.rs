//! A site's own variables: the page with its form, the question before the deed, what is never shown, and the API.

use accounts::{Role, Standing};
use kit::sql;
use serde_json::json;
use web::testing::{Reply, TestApp, TestMember};

use super::{new_site, owner, settle};

async fn active(test: &TestApp, by: &TestMember) -> String {
    let id = new_site(test, by, "Atelier").await;
    settle(test, &id, "active").await;
    id
}

async fn site_of(test: &TestApp, id: &str) -> hosting::Site {
    hosting::sites::get_any(&test.app.db, &hosting::SiteId::parse(id).unwrap()).await.unwrap()
}

fn draft(page: &Reply) -> String {
    let value = page.text.split("name=\"draft\" value=\"").nth(1).unwrap_or_else(|| panic!("no draft: {}", page.text));
    value.split('"').next().unwrap().to_owned()
}

async fn patch(test: &TestApp, by: &TestMember, id: &str, body: serde_json::Value) -> Reply {
    test.ask(reqwest::Method::PATCH, &format!("/api/sites/{id}/environment")).by(by).json(&body).send().await
}

#[tokio::test]
async fn several_changes_are_shown_before_they_are_applied_and_no_value_is() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = active(&test, &owner).await;
    let path = format!("/sites/{id}/environment");

    let page = test.get(&path).by(&owner).send().await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains(&format!("<code>{}</code>", site_of(&test, &id).await.domain)), "what is no secret is shown");
    assert!(page.text.contains("Set by Innkeeper") && page.text.contains("DB_PASSWORD") && page.text.contains("STORAGE_PATH"));
    let site = site_of(&test, &id).await;
    let secrets = site.open_secrets(&test.app.key).unwrap();
    for secret in [&secrets.db_password, &secrets.jwt_secret, &secrets.owner_password] {
        assert!(!page.text.contains(secret.as_str()));
    }
    assert!(page.text.len() < 60_000, "{}", page.text.len());

    let fields = [
        ("base_version", "0"),
        ("name.1", "STRIPE_KEY"),
        ("new.1", "sentinel-one\r\nsecond line"),
        ("pasted", "# pasted\r\nGREETING=\"sentinel <b>two</b>\"\r\n"),
    ];
    let review = test.post(&path).by(&owner).form(&fields).send().await;
    assert_eq!(review.status, 200, "{}", review.text);
    assert!(review.text.contains("Apply these changes?") && review.text.contains("STRIPE_KEY") && review.text.contains("GREETING"));
    assert!(!review.text.contains("sentinel"), "a value is on the page that asks once more");
    assert_eq!(test.app.db.one::<(i64,)>(sql("select cast(count(*) as bigint) from environment_version")).await.unwrap().0, 0);

    // Back to the form, as it was typed.
    let edit = test.post(&format!("{path}/apply")).by(&owner).form(&[("draft", &draft(&review)), ("edit", "yes")]).send().await;
    assert!(edit.text.contains("sentinel-one\nsecond line") && edit.text.contains("&lt;b&gt;two&lt;/b&gt;"), "{}", edit.text);

    let applied = test.post(&format!("{path}/apply")).by(&owner).form(&[("draft", &draft(&review))]).send().await;
    assert_eq!((applied.status.as_u16(), applied.header("location")), (303, path.as_str()), "{}", applied.text);
    let page = test.get(&path).by(&owner).send().await;
    assert!(page.text.contains("Version 1 is being rolled out") && page.text.contains(&format!("/sites/{id}/deployments/deploy-")));
    assert!(page.text.contains("History") && !page.text.contains("sentinel"));
    let state = test.get(&format!("{path}?part=state")).by(&owner).header("hx-request", "true").send().await;
    assert!(state.text.contains("Version 1 is being rolled out") && !state.text.contains("<html"));

    // The same draft again is from a version that is not the newest any more.
    let twice = test.post(&format!("{path}/apply")).by(&owner).form(&[("draft", &draft(&review))]).send().await;
    assert_eq!(twice.status, 409);
    assert!(
        twice.text.contains("changed meanwhile: version 1 by") && twice.text.contains("name=\"base_version\" value=\"1\""),
        "{}",
        twice.text
    );

    // A value is given out one by one, and that is written down.
    let shown = [("name", "STRIPE_KEY"), ("version", "1")];
    let part = test.post(&format!("{path}/reveal")).by(&owner).header("hx-request", "true").form(&shown).send().await;
    assert!(part.text.contains("sentinel-one\nsecond line") && !part.text.contains("<html"), "{}", part.text);
    assert_eq!(part.header("cache-control"), "no-store");
    let whole = test.post(&format!("{path}/reveal")).by(&owner).form(&[("name", "GREETING"), ("version", "1")]).send().await;
    assert!(whole.text.contains("sentinel &lt;b&gt;two&lt;/b&gt;") && !whole.text.contains("sentinel-one"));
    let rows = sql("select detail from audit where action = 'site.environment_reveal'");
    let rows: Vec<(String,)> = test.app.db.all(rows).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|(detail,)| !detail.contains("sentinel")));
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_with_what_was_typed() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = active(&test, &owner).await;
    let path = format!("/sites/{id}/environment");
    assert_eq!(patch(&test, &owner, &id, json!({ "base_version": 0, "set": { "KEPT": "x" } })).await.status, 200);
    let fields = [
        ("base_version", "1"),
        ("value.KEPT", "typed <i>value</i>"),
        ("remove", "KEPT"),
        ("name.1", "lower"),
        ("name.2", "COMPOSE_FILE"),
        ("new.2", "/etc/passwd"),
        ("name.3", ""),
        ("new.3", "no name"),
        ("pasted", "GOOD=1\nno sign here\nPATH=/tmp"),
    ];
    let reply = test.post(&path).by(&owner).form(&fields).send().await;
    assert_eq!(reply.status, 422);
    for text in [
        "Either remove it or give it a value",
        "Must be called with capital letters",
        "Steers Docker on this server",
        "Must have a name",
        "Line 2: </strong>must look like NAME=value",
        "Line 3: </strong>PATH changes how programs are started",
        "typed &lt;i&gt;value&lt;/i&gt;",
        "id=\"field-value.KEPT-error\"",
        "id=\"field-name.2-error\"",
    ] {
        assert!(reply.text.contains(text), "{text} is missing: {}", reply.text);
    }
    let more = test.post(&path).by(&owner).form(&[&fields[..2], &[("name.1", "A"), ("more", "yes")]].concat()).send().await;
    assert_eq!(more.status, 200);
    assert!(more.text.contains("name=\"name.3\"") && more.text.contains("value=\"A\"") && more.text.contains("typed &lt;i&gt;"));
    let page = test.get(&path).by(&owner).send().await;
    assert!(page.text.contains("Version 1") && !page.text.contains("Version 2"), "nothing was changed");
}

#[tokio::test]
async fn going_back_is_a_new_version_with_the_old_values() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = active(&test, &owner).await;
    let path = format!("/sites/{id}/environment");
    assert_eq!(patch(&test, &owner, &id, json!({ "base_version": 0, "set": { "A": "one", "B": "two" } })).await.status, 200);
    let second = json!({ "base_version": 1, "set": { "A": "other" }, "remove": ["B"] });
    assert_eq!(patch(&test, &owner, &id, second).await.status, 200);
    let review = test.post(&format!("{path}/back")).by(&owner).form(&[("version", "1"), ("base_version", "2")]).send().await;
    assert!(review.text.contains("Go back to version 1?"), "{}", review.text);
    let applied = test.post(&format!("{path}/apply")).by(&owner).form(&[("draft", &draft(&review))]).send().await;
    assert_eq!(applied.status, 303);
    let history = test.get(&format!("/api/sites/{id}/environment/history")).by(&owner).send().await.json();
    assert_eq!(history[0]["version"], 3);
    assert_eq!((&history[0]["added"], &history[0]["changed"], &history[0]["restores"]), (&json!(["B"]), &json!(["A"]), &json!(1)));
    // A form of somebody else, or one that was made up, does nothing.
    let member = test.passwordless(Role::Customer { customer: owner.role.customer().unwrap().clone(), standing: Standing::Member }).await;
    for (who, draft) in [(&member, draft(&review)), (&owner, "made-up".to_owned())] {
        let reply = test.post(&format!("{path}/apply")).by(who).form(&[("draft", &draft)]).send().await;
        assert_eq!(reply.status, 303);
    }
    assert_eq!(test.app.db.one::<(i64,)>(sql("select max(version) from environment_version")).await.unwrap().0, 3);
}

#[tokio::test]
async fn api_tells_names_and_versions_and_takes_changes() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = active(&test, &owner).await;
    let path = format!("/api/sites/{id}/environment");
    let made = patch(&test, &owner, &id, json!({ "base_version": 0, "set": { "STRIPE_KEY": "sentinel" } })).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let body = made.json();
    assert_eq!((&body["version"], &body["added"], &body["status"]), (&json!(1), &json!(["STRIPE_KEY"]), &json!("rolling_out")));
    assert!(body["deployment_id"].as_str().unwrap().starts_with("deploy-"));
    let seen = test.get(&path).by(&owner).send().await;
    assert!(!seen.text.contains("sentinel"));
    let seen = seen.json();
    assert_eq!((&seen["version"], &seen["live_version"], &seen["status"]), (&json!(1), &json!(0), &json!("rolling_out")));
    assert_eq!(seen["variables"][0]["name"], "STRIPE_KEY");

    let late = patch(&test, &owner, &id, json!({ "base_version": 0, "set": { "A": "1" } })).await;
    assert_eq!(late.status, 409);
    assert!(late.text.contains("added STRIPE_KEY") && !late.text.contains("sentinel"), "{}", late.text);
    for (body, field) in [
        (json!({ "base_version": 1, "set": { "DB_PASSWORD": "x" } }), "set.DB_PASSWORD"),
        (json!({ "base_version": 1, "set": { "A\nB": "x" } }), "set.A\nB"),
        (json!({ "base_version": 1, "remove": ["NEVER"] }), "remove.NEVER"),
        (json!({ "base_version": 1, "set": { "A": "1" }, "remove": ["A"] }), "remove.A"),
        (json!({ "base_version": 1, "set": { "A": "a\u{0}b" } }), "set.A"),
        (json!({ "set": { "A": "1" } }), "base_version"),
        (json!({ "base_version": 1, "customer": "cust_x" }), "customer"),
    ] {
        let reply = patch(&test, &owner, &id, body.clone()).await;
        assert_eq!(reply.status, 422, "{body}");
        assert_eq!(reply.json()["errors"][0]["field"], field, "{body}");
    }

    settle(&test, &id, "stopped").await;
    let stopped = patch(&test, &owner, &id, json!({ "base_version": 1, "remove": ["STRIPE_KEY"] })).await;
    assert_eq!(stopped.json()["status"], "at_next_start", "{}", stopped.text);
    assert_eq!(test.get(&path).by(&owner).send().await.json()["status"], "at_next_start");
    let page = test.get(&format!("/sites/{id}/environment")).by(&owner).send().await;
    assert!(page.text.contains("Version 2 takes effect when the site is started"), "{}", page.text);
}

#[tokio::test]
async fn who_may_only_read_sees_names_and_no_form() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = active(&test, &owner).await;
    patch(&test, &owner, &id, json!({ "base_version": 0, "set": { "STRIPE_KEY": "sentinel" } })).await;
    let concierge = test.member(Role::Concierge).await;
    let page = test.get(&format!("/sites/{id}/environment")).by(&concierge).send().await;
    assert!(page.text.contains("STRIPE_KEY") && !page.text.contains("sentinel"));
    assert!(!page.text.contains("Review changes") && !page.text.contains("/reveal") && !page.text.contains("Go back to this"));
}

#[tokio::test]
async fn as_many_variables_as_there_may_be_fit_on_the_page() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = active(&test, &owner).await;
    let set: serde_json::Map<String, serde_json::Value> = (0..200).map(|number| (format!("VARIABLE_{number}"), json!("x"))).collect();
    assert_eq!(patch(&test, &owner, &id, json!({ "base_version": 0, "set": set })).await.status, 200);
    let page = test.get(&format!("/sites/{id}/environment")).by(&owner).send().await;
    assert!(page.text.contains("To change one of so many") && page.text.contains("VARIABLE_199"));
    eprintln!("{} bytes with 200 variables", page.text.len());
    // Two hundred rows; with fields in each it would be twice as much.
    assert!(page.text.len() < 180_000, "{}", page.text.len());
}
