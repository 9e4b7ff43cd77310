//! Status pages over HTTP: who may read them, that they may be kept for a moment, and that they tell no internals.

use accounts::{Role, Standing};
use kit::sql;
use kit::testing::sqlite;
use reqwest::Method;
use serde_json::json;
use web::testing::{Reply, TestApp, TestMember};

async fn site(test: &TestApp, owner: &TestMember) -> String {
    let body = json!({ "site_type": "portfolio", "site_name": "Atelier <Nord>" });
    let reply = test.post("/api/sites").by(owner).json(&body).send().await;
    let site = reply.json()["app_id"].as_str().unwrap().to_owned();
    let db = &test.app.db;
    db.execute(sql("update site_operation set state = 'done', finished_at = 1 where site_id = $1").bind(&site)).await.unwrap();
    db.execute(sql("update site set state = 'active' where id = $1").bind(&site)).await.unwrap();
    site
}

async fn publish(test: &TestApp, by: &TestMember, site: &str, word: &str) -> Reply {
    test.post(&format!("/sites/{site}/status-page")).by(by).form(&[("public", word)]).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_shows_a_site_s_page_to_everyone_and_takes_it_back() {
    let test = TestApp::start().await;
    let customer = test.customer("Atelier Nord").await;
    let owner = test.owner(&customer).await;
    let member = test.passwordless(Role::Customer { customer: customer.clone(), standing: Standing::Member }).await;
    let site = site(&test, &owner).await;
    let (page, api) = (format!("/status/{site}"), format!("/api/status/{site}"));

    let private = test.get(&page).by(&member).send().await;
    assert_eq!((private.status.as_u16(), private.header("cache-control")), (200, "no-store"));
    assert!(private.text.contains("This page is not public"));
    assert_eq!(test.get(&page).send().await.status, 404);
    assert!(!test.get(&format!("/sites/{site}")).by(&member).send().await.text.contains("Public status page"));

    assert_eq!(publish(&test, &owner, &site, "yes").await.status, 303);
    let on_site = test.get(&format!("/sites/{site}")).by(&owner).send().await.text;
    assert!(on_site.contains(&format!("http://{}{page}", test.address)), "the address to copy");
    for reply in [test.get(&page).send().await, test.get(&api).send().await, test.get(&page).by(&owner).send().await] {
        assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "public, max-age=15"));
        assert!(!reply.text.contains("not public") && reply.headers.get("set-cookie").is_none());
    }

    assert_eq!(publish(&test, &owner, &site, "no").await.status, 303);
    assert_eq!(test.get(&page).send().await.status, 404);
    assert_eq!(test.get(&api).send().await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_the_owner_publishes_and_withdraws_a_page() {
    let test = TestApp::start().await;
    let (customer, other) = (test.customer("Atelier Nord").await, test.customer("Other").await);
    let (owner, stranger) = (test.owner(&customer).await, test.owner(&other).await);
    let member = test.passwordless(Role::Customer { customer, standing: Standing::Member }).await;
    let site = site(&test, &owner).await;
    let (path, read) = (format!("/api/sites/{site}/status-page"), format!("/api/status/{site}"));
    for (who, status) in [(&stranger, 404), (&member, 403)] {
        assert_eq!(test.ask(Method::PUT, &path).by(who).send().await.status, status);
    }
    assert_eq!(test.get(&read).send().await.status, 404, "whoever may not publish has not");

    for _ in 0..2 {
        let published = test.ask(Method::PUT, &path).by(&owner).send().await;
        assert_eq!(published.status, 200, "{}", published.text);
        assert_eq!(published.json()["url"], format!("http://{}/status/{site}", test.address));
        assert_eq!(test.get(&read).send().await.status, 200);
    }
    for (who, status) in [(&stranger, 404), (&member, 403)] {
        assert_eq!(test.ask(Method::DELETE, &path).by(who).send().await.status, status);
    }
    assert_eq!(test.get(&read).send().await.status, 200, "whoever may not withdraw has not");
    for _ in 0..2 {
        assert_eq!(test.ask(Method::DELETE, &path).by(&owner).send().await.status, 204);
        assert_eq!(test.get(&read).send().await.status, 404);
    }
    let told: Vec<(String,)> =
        test.app.db.all(sql("select action from audit where action like 'site.%status' order by action")).await.unwrap();
    let told: Vec<&str> = told.iter().map(|(action,)| action.as_str()).collect();
    assert_eq!(told, ["site.publish_status", "site.withdraw_status"], "said twice it is no news");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_page_tells_no_internals() {
    let test = TestApp::start().await;
    let customer = test.customer("Secret Customer").await;
    let owner = test.owner(&customer).await;
    let site = site(&test, &owner).await;
    publish(&test, &owner, &site, "yes").await;
    let now = test.app.clock.now().0;
    let insert = sql("insert into incident (id, site_id, service, state, cause, detail, started_at, ended_at)
                      values ('inc_000000000000000001', $1, 'alert', 'stopped', 'out_of_memory', 'exited with code 137', $2, $3)")
    .bind(&site)
    .bind(now - 3_600_000)
    .bind(now - 3_000_000);
    test.app.db.execute(insert).await.unwrap();
    let uptime = sql("insert into uptime_day (site_id, day, watched_ms, down_ms) values ($1, $2, 86400000, 864000)");
    test.app.db.execute(uptime.bind(&site).bind(now / 86_400_000)).await.unwrap();

    let page = test.get(&format!("/status/{site}")).send().await.text;
    for shown in ["Atelier &lt;Nord&gt;", "Parts of the site did not work", "lasted 10", "99.00 %", "The state is not known"] {
        assert!(page.contains(shown), "{shown} is missing: {page}");
    }
    let api = test.get(&format!("/api/status/{site}")).send().await;
    let told = api.json();
    assert_eq!((told["status"].as_str(), told["incidents"][0]["kind"].as_str()), (Some("unknown"), Some("partial")));
    assert_eq!(told["days"].as_array().map(Vec::len), Some(90));
    assert_eq!(told["days"][89]["day"], "2026-01-14");
    for text in [&page, &api.text] {
        for hidden in ["137", "alert\"", "memory", "Secret Customer", "cust_", "Docker", &owner.email] {
            assert!(!text.contains(hidden), "{hidden} is told");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_house_has_a_page_when_the_settings_say_so() {
    let test = TestApp::start_on(sqlite().await, |config| config.server.status_page = true).await;
    let customer = test.customer("Secret Customer").await;
    let owner = test.owner(&customer).await;
    site(&test, &owner).await;
    let page = test.get("/status").send().await;
    assert_eq!((page.status.as_u16(), page.header("cache-control")), (200, "public, max-age=15"));
    for part in ["Websites", "Entrance", "New websites", "Mail"] {
        assert!(page.text.contains(part), "{part} is missing");
    }
    for hidden in ["Atelier", "Secret", "cust_", "app_"] {
        assert!(!page.text.contains(hidden), "{hidden} is told");
    }
    let told = test.get("/api/status").send().await.json();
    assert_eq!((told["sites"].as_i64(), told["sites_up"].as_i64()), (Some(1), Some(0)));
    let parts: Vec<_> = told["components"].as_array().unwrap().iter().map(|it| it["component"].as_str().unwrap()).collect();
    assert_eq!(parts, ["sites", "edge", "new_sites", "mail"]);
}
