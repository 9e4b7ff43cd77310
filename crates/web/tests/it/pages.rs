//! One story for each page: what a person sees.

use accounts::Role;
use kit::sql;
use web::testing::{PASSWORD, TestApp};

#[tokio::test]
async fn pages_work_without_scripts_and_hold_none_inline() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let customer = test.customer("Atelier Nord").await;
    let pages = [
        "/account".to_owned(),
        "/account/sessions".to_owned(),
        "/account/tokens".to_owned(),
        "/account/tokens/new".to_owned(),
        "/members/invite".to_owned(),
        "/admin/customers".to_owned(),
        "/admin/customers/new".to_owned(),
        format!("/admin/customers/{customer}"),
        format!("/admin/customers/{customer}/timeline"),
        format!("/admin/customers/{customer}/people"),
        format!("/admin/customers/{customer}/settings"),
        "/admin/staff".to_owned(),
        "/admin/jobs".to_owned(),
        "/admin/mail".to_owned(),
        "/admin/audit".to_owned(),
        "/admin/settings".to_owned(),
        "/admin/doctor".to_owned(),
        "/admin/doctor?run=now".to_owned(),
        "/api/docs".to_owned(),
    ];
    for path in pages {
        let page = test.get(&path).by(&admin).send().await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(page.text.starts_with("<!DOCTYPE html>") && page.text.contains("<h1"), "{path}");
        assert!(!page.text.contains(" style=") && !page.text.contains(" onclick"), "{path}");
        assert!(page.text.split("<script").skip(1).all(|script| script.contains("src=\"/assets/")), "{path}");
        // The description of the API is read by few and rarely; it stands on one page to be searched.
        assert!(page.text.len() < 60_000 || path == "/api/docs", "{path}: {} bytes", page.text.len());
    }
}

#[tokio::test]
async fn a_customer_s_rail_has_what_they_may_and_no_more() {
    let test = TestApp::start().await;
    let customer = test.customer("Atelier Nord").await;
    let member = test.passwordless(Role::Customer { customer, standing: accounts::Standing::Member }).await;
    let page = test.get("/account").by(&member).send().await;
    assert!(page.text.contains("href=\"/sites\"") && !page.text.contains("/admin/"), "{}", page.text);
    assert!(!page.text.contains("href=\"/account/members\""));
}

#[tokio::test]
async fn a_message_is_shown_on_the_next_page_and_once() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let made = test.post("/admin/customers/new").by(&admin).form(&[("name", "Nordlicht"), ("currency", "EUR")]).send().await;
    let flash = made.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let next = made.header("location").to_owned();
    let shown = test.get(&next).header("cookie", &format!("{}; {flash}", admin.cookie)).send().await;
    assert!(shown.text.contains("Nordlicht is created"), "{}", shown.text);
    assert!(shown.header("set-cookie").contains("Max-Age=0"));
    let forged = test.get(&next).header("cookie", &format!("{}; innkeeper-flash=eyJhIjoxfQ", admin.cookie)).send().await;
    assert_eq!(forged.status, 200);
}

#[tokio::test]
async fn a_password_change_needs_the_old_one_and_ends_the_other_sessions() {
    let test = TestApp::start().await;
    let member = test.member(Role::Admin).await;
    let elsewhere = test.sign_in_again(&member.id).await;
    let new = "seven tall candles in the rain";
    let wrong = test.post("/account/password").by(&member).form(&[("current_password", "not it at all"), ("password", new)]).send().await;
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    let done = test.post("/account/password").by(&member).form(&[("current_password", PASSWORD), ("password", new)]).send().await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(test.get("/account").by(&member).send().await.status, 200);
    assert_eq!(test.get("/account").header("cookie", &elsewhere).send().await.status, 303);
}

#[tokio::test]
async fn a_new_token_is_shown_once() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let none = test.post("/account/tokens/new").by(&admin).form(&[("name", "CI"), ("life", "30")]).send().await;
    assert_eq!(none.status, 422, "a token without scopes: {}", none.text);
    let fields = [("name", "CI"), ("life", "30"), ("scope", "sites:read"), ("scope", "customers:read")];
    let made = test.post("/account/tokens/new").by(&admin).form(&fields).send().await;
    assert_eq!(made.status, 200, "{}", made.text);
    let listed = test.get("/account/tokens").by(&admin).send().await;
    assert!(listed.text.contains("CI") && listed.text.contains("customers:read"));
}

#[tokio::test]
async fn a_job_that_gave_up_can_be_tried_again() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let id = "job_0000000000000000aa";
    test.app
        .db
        .execute(
            sql("insert into job (id, kind, payload, state, run_at, attempts, max_attempts, created_at, error)
                 values ($1, 'site.provision', '{}', 'dead', 1, 8, 8, 1, 'the disk is full')")
            .bind(id),
        )
        .await
        .unwrap();
    let page = test.get("/admin/jobs?state=dead").by(&admin).send().await;
    assert!(page.text.contains("1 job gave up") && page.text.contains("the disk is full"), "{}", page.text);
    assert_eq!(test.post(&format!("/admin/jobs/{id}/retry")).by(&admin).send().await.status, 303);
    let page = test.get("/admin/jobs").by(&admin).send().await;
    assert!(page.text.contains("All well"), "{}", page.text);
}

#[tokio::test]
async fn settings_mask_secrets() {
    let db = kit::testing::sqlite().await;
    let test = TestApp::start_on(db, |config| config.mail.password = kit::secrets::Secret::new("hunter2hunter2")).await;
    let admin = test.passwordless(Role::Admin).await;
    let page = test.get("/admin/settings").by(&admin).send().await;
    assert!(page.text.contains("[mail]") && !page.text.contains("hunter2"));
}

#[tokio::test]
async fn a_missing_page_is_a_page_and_a_missing_endpoint_a_problem() {
    let test = TestApp::start().await;
    let page = test.get("/nowhere").header("accept", "text/html").send().await;
    assert_eq!(page.status, 404);
    assert!(page.text.contains("Error 404") && page.text.contains(page.header("x-request-id")), "{}", page.text);
    assert!(!page.text.contains("class=\"rail\""), "nobody is signed in: {}", page.text);
    assert_eq!(test.get("/api/nowhere").send().await.json()["status"], 404);
}

#[tokio::test]
async fn a_failure_keeps_the_frame_of_whoever_is_signed_in() {
    let test = TestApp::start().await;
    let customer = test.customer("Atelier Nord").await;
    let admin = test.passwordless(Role::Admin).await;
    let owner = test.owner(&customer).await;
    // The table that the page of jobs reads.
    test.app.db.execute(sql("drop table reconciler")).await.unwrap();
    for (path, status) in [("/nowhere", 404), ("/admin/customers/cust_aaaaaaaaaaaa", 404), ("/setup/%ff", 404), ("/admin/jobs", 500)] {
        let page = test.get(path).by(&admin).header("accept", "text/html").send().await;
        assert_eq!(page.status, status, "{path}: {}", page.text);
        assert!(page.text.contains(&format!("Error {status}")) && page.text.contains(page.header("x-request-id")), "{path}: {}", page.text);
        assert!(page.text.contains("class=\"rail\"") && page.text.contains("href=\"/admin/sites\""), "{path}: {}", page.text);
        assert!(page.text.contains(&admin.email), "{path}: the account menu: {}", page.text);
        assert!(!page.text.contains("reconciler"), "{path}: what went wrong inside is for the log: {}", page.text);
    }

    let refused = test.get("/admin/customers").by(&owner).send().await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("class=\"rail\"") && refused.text.contains("href=\"/sites\""), "{}", refused.text);
    assert!(!refused.text.contains("/admin/"), "a customer's own rail: {}", refused.text);

    let fragment = test.get("/nowhere").by(&owner).header("hx-request", "true").send().await;
    assert!(fragment.status == 404 && !fragment.text.contains("<html"), "{}", fragment.text);
    let ended = test.get("/nowhere").header("cookie", "innkeeper=ended").send().await;
    assert!(ended.status == 404 && !ended.text.contains("class=\"rail\""), "{}", ended.text);
}

#[tokio::test]
async fn assets_are_compressed_and_kept_for_ever() {
    let test = TestApp::start().await;
    let path = ui::assets::url("app.css");
    let small = test.get(path).header("accept-encoding", "gzip, br").send().await;
    assert_eq!(small.status, 200);
    assert_eq!(small.header("cache-control"), "public, max-age=31536000, immutable");
    let plain = test.get(path).send().await;
    assert_eq!(plain.header("content-encoding"), "");
    assert!(plain.header("content-type").starts_with("text/css"));
    assert_eq!(test.get("/assets/../Cargo.toml").send().await.status, 404);
}

#[tokio::test]
async fn the_examination_tells_admins_what_is_wrong_and_what_to_do() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    // The page comes at once and asks for what was found by itself; without scripts, a link does.
    let page = test.get("/admin/doctor").by(&admin).send().await;
    assert!(page.text.contains("hx-get=\"/admin/doctor?run=now\"") && page.text.contains("Examine now"), "{}", page.text);
    assert!(page.text.contains("href=\"/admin/doctor\""), "it is in the rail");

    // The folder of this test is readable by all; nothing works on jobs; mail is held back.
    let data = test.app.hosting.data().to_owned();
    std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    test.app
        .db
        .execute(
            sql("insert into mail (id, recipient, subject, state, attempts, created_at) values ('mail_0000000000000000aa', 'a@b.example', 'Hi', 'held', 0, $1)")
                .bind(test.app.clock.now()),
        )
        .await
        .unwrap();
    let part = test.get("/admin/doctor?run=now").by(&admin).header("hx-request", "true").send().await;
    assert_eq!(part.status, 200);
    assert!(!part.text.contains("<html") && part.text.contains("Does not work") && part.text.contains("Deserves a look"), "{}", part.text);
    assert!(part.text.contains(&format!("<code>chmod 700 {}</code>", data.display())), "{}", part.text);
    assert!(part.text.contains("1 mail is held back") && !part.text.contains("a@b.example"), "{}", part.text);
    let worst = part.text.find("Does not work").unwrap();
    assert!(worst < part.text.find("Deserves a look").unwrap());

    let answer = test.get("/api/doctor").by(&admin).send().await.json();
    assert_eq!((answer["severity"].as_str(), answer["app_id"].is_null()), (Some("bad"), true), "{answer}");
    let findings = answer["findings"].as_array().unwrap();
    let named = |check: &str| findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("no {check}: {answer}"));
    assert!(named("permissions")["advice"].as_str().unwrap().contains("chmod 700"));
    for check in ["docker", "compose", "traefik", "ports", "disk", "database", "jobs", "reconcilers", "mail", "authority", "sites"] {
        named(check);
    }
    for finding in findings {
        assert_eq!(finding["severity"] == "ok", finding["advice"] == "", "what is wrong says what to do: {finding}");
    }
    assert_eq!(test.get("/api/doctor?app_id=app_aaaaaaaa").by(&admin).send().await.status, 404);
    assert_eq!(test.get("/sites/app_aaaaaaaa/doctor").by(&admin).send().await.status, 404);
}
