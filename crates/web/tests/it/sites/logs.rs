//! A site's logs where no engine can be asked: who may ask for what, how often, and what is said. What is shown of lines is
//! tested beside the page, reading them in `hosting`.

use accounts::Role;
use reqwest::StatusCode;
use web::testing::TestApp;

use super::{new_site, owner, settle};

#[tokio::test]
async fn the_sites_page_does_not_wait_for_logs() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    settle(&test, &id, "active").await;
    let page = test.get(&format!("/sites/{id}")).by(&owner).send().await.text;
    assert!(page.contains(&format!("hx-get=\"/sites/{id}/logs\"")) && page.contains("Recent logs"));
    assert!(page.contains(&format!("<noscript><p class=\"pad\"><a href=\"/sites/{id}/logs\">")), "without scripts there is a link");
    assert!(page.find("id=\"health\"").unwrap() < page.find("Recent logs").unwrap());
    assert!(!page.contains("Logs unavailable"), "they are asked for later");
}

#[tokio::test]
async fn unavailable_logs_say_so_and_offer_to_try_again() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    settle(&test, &id, "active").await;
    let path = format!("/sites/{id}/logs?q=%3Cb%3E&order=errors");
    let page = test.get(&path).by(&owner).send().await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Logs unavailable") && page.text.contains("Try again") && page.text.contains("<html"));
    assert!(page.text.contains(&format!("href=\"/sites/{id}/logs?q=%3Cb%3E&amp;order=errors\"")), "what was asked for is kept");
    assert!(!page.text.contains("smoothly"), "nobody knows that");
    assert!(!page.text.contains("Docker"), "customers are not told of the engine");
    let part = test.get(&path).by(&owner).header("hx-request", "true").send().await;
    assert!(part.text.starts_with("<div class=\"log-part\" id=\"site-logs\" hx-boost=\"true\"") && !part.text.contains("<html"));

    let file = test.get(&format!("/sites/{id}/logs.txt")).by(&owner).send().await;
    assert_eq!((file.status, file.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    assert_eq!(file.header("content-disposition"), "", "a failure is not saved as a log");
    let wrong = test.get(&format!("/sites/{id}/logs?service=%3Cscript%3E")).by(&owner).send().await;
    assert_eq!(wrong.status, 422);
    assert!(!wrong.text.contains("<script>"));
}

#[tokio::test]
async fn admins_alone_follow() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let id = new_site(&test, &owner, "Atelier").await;
    settle(&test, &id, "active").await;
    let (admin, concierge) = (test.member(Role::Admin).await, test.member(Role::Concierge).await);
    let (path, stream) = (format!("/sites/{id}/logs"), format!("/sites/{id}/logs/follow"));
    for (who, may) in [(&owner, false), (&concierge, false), (&admin, true)] {
        let page = test.get(&path).by(who).send().await.text;
        assert_eq!(page.contains(&format!("data-log-follow=\"{stream}\"")), may);
        assert_eq!(page.contains("/assets/logs-"), may, "the script is loaded where it is used");
        let expected = if may { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN };
        assert_eq!(test.get(&stream).by(who).send().await.status, expected);
    }
    let told = test.get(&path).by(&admin).send().await.text;
    assert!(told.contains("Docker has not been asked yet"), "staff can do something about the engine");
    assert_eq!(test.get(&format!("{stream}?after=yesterday")).by(&admin).send().await.status, 422);
}

#[tokio::test]
async fn programs_ask_for_their_own_site_sixty_times_a_minute() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let get = async |query: &str| test.get(&format!("/api/container/logs{query}")).by(&owner).send().await;
    assert_eq!(get("").await.status, 404, "there is no site");
    let id = new_site(&test, &owner, "Atelier").await;
    settle(&test, &id, "active").await;
    let unavailable = get("").await;
    assert_eq!((unavailable.status, unavailable.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"), "the only site is meant");
    for (query, field) in [
        ("?lines=0", "lines"),
        ("?lines=501", "lines"),
        ("?service=nope", "service"),
        ("?errors_first=maybe", "errors_first"),
        ("?secrets=shown", "secrets"),
    ] {
        let wrong = get(query).await;
        assert_eq!(wrong.status, 422, "{query}");
        assert_eq!(wrong.json()["errors"][0]["field"], field);
    }
    let long = get(&format!("?search={}", "x".repeat(201))).await;
    assert_eq!(long.json()["errors"][0]["field"], "search");
    for unknown in ["app_zzzzzzzz", "..%2F..", "%3Cscript%3E"] {
        assert_eq!(get(&format!("?app_id={unknown}")).await.status, 404, "{unknown}");
    }
    new_site(&test, &owner, "Second").await;
    assert_eq!(get("").await.json()["errors"][0]["field"], "app_id", "there are several");
    assert_eq!(get(&format!("?app_id={id}")).await.status, 503);

    let mut refused = None;
    for _ in 0..70 {
        let reply = get(&format!("?app_id={id}")).await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("an answer 429 within 82 questions");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    let page = test.get(&format!("/sites/{id}/logs")).by(&owner).send().await;
    assert!(page.text.contains("60 times a minute"), "the page says why, instead of failing");
    let other = super::owner(&test).await;
    assert_eq!(test.get("/api/container/logs").by(&other).send().await.status, 404, "another member's allowance is their own");
}
