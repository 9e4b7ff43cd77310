//! What an attacker tries, and what everyone's browser is told.

use accounts::Role;
use kit::mail;
use kit::testing::sqlite;
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use web::config::PublicUrl;
use web::testing::{PASSWORD, TestApp};

#[tokio::test]
async fn other_websites_cannot_act_for_a_member() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let origin = format!("http://{}", test.address);
    let attempt = |headers: Vec<(&'static str, String)>| {
        let mut ask = test.post("/admin/customers/new").header("cookie", &admin.cookie);
        for (name, value) in &headers {
            ask = ask.header(name, value);
        }
        ask.form(&[("name", "Nordlicht"), ("currency", "EUR")])
    };
    for headers in [
        vec![("sec-fetch-site", "cross-site".to_owned()), ("origin", "https://evil.test".to_owned())],
        vec![("sec-fetch-site", "same-site".to_owned()), ("origin", "http://shop.localhost".to_owned())],
        vec![("origin", "https://evil.test".to_owned())],
        vec![("origin", "null".to_owned())],
        vec![("referer", "https://evil.test/".to_owned())],
        vec![],
    ] {
        let reply = attempt(headers.clone()).send().await;
        assert_eq!(reply.status, 403, "{headers:?}");
    }
    for headers in [vec![("sec-fetch-site", "same-origin".to_owned())], vec![("origin", origin)]] {
        let reply = attempt(headers.clone()).send().await;
        assert_eq!(reply.status, 303, "{headers:?}: {}", reply.text);
    }
}

#[tokio::test]
async fn signing_someone_in_from_elsewhere_is_refused() {
    let test = TestApp::start().await;
    let member = test.member(Role::Admin).await;
    let fields = [("email", member.email.as_str()), ("password", PASSWORD)];
    let reply = test.post("/sign-in").header("sec-fetch-site", "cross-site").form(&fields).send().await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.header("set-cookie"), "");
}

#[tokio::test]
async fn every_answer_tells_browsers_what_it_may_not_do() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    for path in ["/sign-in", "/admin/customers", "/nowhere", "/api/me", "/api/nowhere", "/healthz", "/api/docs"] {
        let reply = test.get(path).by(&admin).send().await;
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
        assert_eq!(reply.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert!(reply.header("x-request-id").starts_with("req_"), "{path}");
        assert_eq!(reply.header("strict-transport-security"), "", "{path}");
    }
}

#[tokio::test]
async fn request_ids_from_outside_are_not_believed() {
    let test = TestApp::start().await;
    let reply = test.get("/api/me").header("x-request-id", "forged").send().await;
    assert_ne!(reply.header("x-request-id"), "forged");
    assert_eq!(reply.json()["request_id"], reply.header("x-request-id"));
}

#[tokio::test]
async fn the_session_cookie_is_guarded() {
    let test = TestApp::start().await;
    let member = test.member(Role::Admin).await;
    let fields = [("email", member.email.as_str()), ("password", PASSWORD)];
    let reply = test.post("/sign-in").form(&fields).send().await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    let cookie = reply.header("set-cookie");
    assert!(
        cookie.starts_with("innkeeper=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"),
        "{cookie}"
    );

    let https =
        TestApp::start_on(sqlite().await, |config| config.server.public_url = PublicUrl::parse("https://inn.example.test").unwrap()).await;
    let member = https.member(Role::Admin).await;
    let fields = [("email", member.email.as_str()), ("password", PASSWORD)];
    let reply = https.post("/sign-in").form(&fields).send().await;
    let cookie = reply.header("set-cookie");
    assert!(cookie.starts_with("__Host-innkeeper=") && cookie.contains("; Secure"), "{cookie}");
    assert!(reply.header("strict-transport-security").starts_with("max-age="));
}

#[tokio::test]
async fn guessing_is_throttled_whatever_address_is_claimed() {
    let test = TestApp::start().await;
    let member = test.member(Role::Admin).await;
    let mut throttled = None;
    for attempt in 0..60 {
        let fields = [("email", member.email.as_str()), ("password", "wrong guess number one")];
        let forged = format!("203.0.113.{attempt}");
        let reply = test.post("/sign-in").header("x-forwarded-for", &forged).form(&fields).send().await;
        if reply.status == 429 {
            throttled = Some(attempt);
            break;
        }
        assert_eq!(reply.status, 422);
    }
    assert!(throttled.is_some_and(|after| after <= 30), "{throttled:?}");
}

#[tokio::test]
async fn links_in_mails_do_not_follow_the_host_header() {
    let test = TestApp::start().await;
    let member = test.member(Role::Admin).await;
    let reply = test
        .post("/forgot-password")
        .header("host", "evil.test")
        .header("x-forwarded-host", "evil.test")
        .form(&[("email", &member.email)])
        .send()
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let outbox = mail::outbox(&test.app.db, None).await.unwrap();
    let text = test.app.mailer.unsent_text(&outbox[0].id).await.unwrap();
    assert!(text.reveal().contains(&format!("http://{}/reset/", test.address)), "the link names our own address");
    assert!(!text.reveal().contains("evil"));
}

#[tokio::test]
async fn a_known_and_an_unknown_address_are_answered_alike() {
    let test = TestApp::start().await;
    let member = test.member(Role::Admin).await;
    let known = test.post("/forgot-password").form(&[("email", &member.email)]).send().await;
    let unknown = test.post("/forgot-password").form(&[("email", "nobody@example.test")]).send().await;
    assert_eq!(known.text, unknown.text);
}

#[tokio::test]
async fn what_is_not_yours_looks_like_what_does_not_exist() {
    let test = TestApp::start().await;
    let (mine, yours) = (test.customer("Mine").await, test.customer("Yours").await);
    let me = test.passwordless(Role::Customer { customer: mine, standing: accounts::Standing::Owner }).await;
    let foreign = test.get(&format!("/api/customers/{yours}")).by(&me).send().await;
    let unknown = test.get("/api/customers/cust_aaaaaaaaaaaa").by(&me).send().await;
    let nonsense = test.get("/api/customers/%00%3Cscript%3E").by(&me).send().await;
    for reply in [&foreign, &unknown, &nonsense] {
        assert_eq!(reply.status, 404);
        assert_eq!(reply.json()["type"], "/api/docs#problem-not-found");
    }
    assert_eq!(foreign.json()["detail"], unknown.json()["detail"]);
}

#[tokio::test]
async fn names_cannot_become_markup() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let evil = "Bobby <img src=x onerror=alert(1)>\"'&";
    let fields = [("name", evil), ("currency", "EUR")];
    let reply = test.post("/admin/customers/new").by(&admin).form(&fields).send().await;
    let pages = match reply.status.as_u16() {
        303 => {
            // The message of the next page holds the name as well.
            let flash = reply.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
            let next = reply.header("location").to_owned();
            let cookies = format!("{}; {flash}", admin.cookie);
            vec![test.get(&next).header("cookie", &cookies).send().await, test.get("/admin/customers").by(&admin).send().await]
        }
        _ => vec![reply],
    };
    for page in pages {
        assert!(page.text.contains("Bobby"), "{}", page.text);
        assert!(!page.text.contains("<img src=x"), "{}", page.text);
    }
    let search = test.get("/admin/customers?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").by(&admin).send().await;
    assert!(!search.text.contains("<script>alert"));
}

#[tokio::test]
async fn bodies_have_an_end() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let token = test.token(&admin, "customers:write").await;
    let large = format!("{{\"name\":\"{}\"}}", "a".repeat(10 << 20));
    let reply = test.post("/api/customers").token(&token).header("content-type", "application/json").body(large).send().await;
    assert_eq!(reply.status, 413);
    // Without a declared length the end comes while reading.
    let mut stream = tokio::net::TcpStream::connect(test.address).await.unwrap();
    let head = format!(
        "POST /api/customers HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        test.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..40 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = vec![0; 64];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn figures_are_for_machines_here_or_with_the_token() {
    let test =
        TestApp::start_on(sqlite().await, |config| config.server.metrics_token = kit::secrets::Secret::new("0123456789abcdef")).await;
    test.get("/healthz").send().await;
    let reply = test.get("/metrics").send().await;
    assert_eq!(reply.status, 200);
    for name in [
        "innkeeper_http_requests_total",
        "innkeeper_http_request_duration_seconds_bucket",
        "innkeeper_jobs_due",
        "innkeeper_resident_memory_bytes",
        "innkeeper_uptime_seconds",
    ] {
        assert!(reply.text.contains(name), "{name}: {}", reply.text);
    }
    let through_a_proxy = || test.get("/metrics").header("x-forwarded-for", "203.0.113.9");
    assert_eq!(through_a_proxy().send().await.status, 403);
    assert_eq!(through_a_proxy().token("0123456789abcdeX").send().await.status, 403);
    assert_eq!(through_a_proxy().token("0123456789abcdef").send().await.status, 200);
}

#[tokio::test]
async fn a_signed_in_page_is_not_moved_by_next() {
    let test = TestApp::start().await;
    let member = test.member(Role::Admin).await;
    for (next, leads_to) in [("/admin/jobs", "/admin/jobs"), ("//evil.test", "/"), ("https://evil.test", "/"), ("/\\evil.test", "/")] {
        let fields = [("email", member.email.as_str()), ("password", PASSWORD), ("next", next)];
        let reply = test.post("/sign-in").form(&fields).send().await;
        assert_eq!(reply.header("location"), leads_to, "{next}");
    }
}

#[tokio::test]
async fn methods_that_a_route_does_not_have_are_refused() {
    let test = TestApp::start().await;
    let reply = test.ask(Method::DELETE, "/api/me").send().await;
    assert_eq!(reply.status, 405);
    assert!(reply.header("allow").contains("GET"), "{:?}", reply.headers);
    assert_eq!(reply.json()["status"], 405);
}
