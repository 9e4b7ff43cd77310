//! Who may fetch and who may push, and what everyone else is told.

use std::time::Duration;

use accounts::{Actor, Role, Standing};
use base64::Engine;
use hosting::git::tokens::{self, TokenAccess};
use kit::sql;
use web::testing::{PASSWORD, Reply};

use super::{House, house, site_of};

async fn ask(house: &House, path: &str, user: &str, secret: &str) -> Reply {
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}"));
    house.test.get(path).header("authorization", &format!("Basic {credentials}")).send().await
}

fn list(site: &hosting::Site, service: &str) -> String {
    format!("/git/{}.git/info/refs?service=git-{service}", site.id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_and_tokens_get_what_they_may() {
    let house = house().await;
    let of_customer = |standing| Role::Customer { customer: house.customer.clone(), standing };
    let elsewhere = house.test.customer("Kaffee & Korn").await;
    let other_site = site_of(&house.test, &house.customer, "Second").await;
    let (read, push) = (list(&house.site, "upload-pack"), list(&house.site, "receive-pack"));

    let member = house.test.member(of_customer(Standing::Member)).await;
    let stranger = house.test.member(Role::Customer { customer: elsewhere.clone(), standing: Standing::Owner }).await;
    let concierge = house.test.member(Role::Concierge).await;
    for (who, may_read, may_push) in [(&member, 200, 200), (&stranger, 404, 404), (&concierge, 200, 403)] {
        assert_eq!(ask(&house, &read, &who.email, PASSWORD).await.status.as_u16(), may_read, "{:?}", who.role);
        assert_eq!(ask(&house, &push, &who.email, PASSWORD).await.status.as_u16(), may_push, "{:?}", who.role);
    }
    for (scopes, may_read, may_push) in
        [("sites:read", 200, 403), ("sites:deploy", 403, 200), ("sites:read sites:deploy", 200, 200), ("sites:write", 403, 403)]
    {
        let token = house.test.token(&member, scopes).await;
        assert_eq!(ask(&house, &read, "x", &token).await.status.as_u16(), may_read, "{scopes}");
        assert_eq!(ask(&house, &push, "x", &token).await.status.as_u16(), may_push, "{scopes}");
    }
    let theirs = house.test.token(&stranger, "sites:read sites:deploy").await;
    let not_there = read.replace(house.site.id.as_str(), "app_zzzzzzzz");
    let (hidden, missing) = (ask(&house, &read, "x", &theirs).await, ask(&house, &not_there, "x", &theirs).await);
    assert_eq!((hidden.status.as_u16(), missing.status.as_u16()), (404, 404));
    assert_eq!(hidden.text, missing.text, "another's repository looks like none");

    let (reads, pushes) = (house.token(TokenAccess::Read).await, house.token(TokenAccess::Push).await);
    assert_eq!(ask(&house, &read, "", &reads).await.status, 200);
    let refused = ask(&house, &push, "", &reads).await;
    assert_eq!((refused.status.as_u16(), refused.text.contains("read only")), (403, true), "{}", refused.text);
    assert_eq!(ask(&house, &push, "", &pushes).await.status, 200);
    assert_eq!(ask(&house, &list(&other_site, "upload-pack"), "", &pushes).await.status, 404, "a deploy token is of one site");

    accounts::customers::suspend(&house.test.app.db, &house.test.app.clock, &Actor::cli(), &house.customer).await.unwrap();
    assert_eq!(ask(&house, &read, &member.email, PASSWORD).await.status, 401);
    assert_eq!(ask(&house, &read, "", &pushes).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_is_told_in_words_why_it_is_not_let_in() {
    let house = house().await;
    let url = house.url("ci", &house.token(TokenAccess::Read).await);
    house.git(".", &["clone", "--quiet", &url, "work"]).await.fine();
    house.commit("work", "a.html", b"a", "Not allowed").await;
    house.git("work", &["push", "origin", "HEAD:refs/heads/x"]).await.refused("This deploy token may read only");
    house.git("work", &["push", &house.url("ci", "inkd_wrong"), "HEAD:refs/heads/x"]).await.refused("Authentication failed");
    house.git(".", &["clone", &house.url("nobody@example.test", "wrong"), "no"]).await.refused("Authentication failed");
    let missing = house.url("ci", &house.token(TokenAccess::Push).await).replace(house.site.id.as_str(), "app_zzzzzzzz");
    house.git(".", &["clone", &missing, "no"]).await.refused("not found");
    assert_eq!(house.count("select cast(count(*) as bigint) from site_push").await, 0);

    let nobody = house.test.get(&list(&house.site, "upload-pack")).send().await;
    assert_eq!(nobody.status, 401);
    assert!(nobody.header("www-authenticate").starts_with("Basic realm="), "{}", nobody.header("www-authenticate"));
    assert!(nobody.header("content-type").starts_with("text/plain"));
    let owner = house.test.passwordless(Role::Admin).await;
    let with_cookie = house.test.get(&list(&house.site, "upload-pack")).by(&owner).send().await;
    assert_eq!(with_cookie.status, 401, "a browser's session is no way in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_are_slowed_down_like_those_at_sign_in_and_good_tokens_are_not() {
    let house = house().await;
    let member = house.test.member(Role::Customer { customer: house.customer.clone(), standing: Standing::Member }).await;
    let read = list(&house.site, "upload-pack");
    let good = house.token(TokenAccess::Read).await;
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(ask(&house, &read, &member.email, "wrong").await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    let held = ask(&house, &read, &member.email, PASSWORD).await;
    assert_eq!(held.status, 429, "the right one has to wait, too");
    assert!(held.header("retry-after").parse::<u64>().unwrap() >= 1);
    let form = [("email", member.email.as_str()), ("password", PASSWORD)];
    assert_eq!(house.test.post("/sign-in").form(&form).send().await.status, 429, "the page counts the same guesses");
    house.test.app.clock.advance(Duration::from_secs(3600));
    assert_eq!(ask(&house, &read, &member.email, PASSWORD).await.status, 200);

    let mut statuses = Vec::new();
    for number in 0..7 {
        statuses.push(ask(&house, &read, "x", &format!("inkd_{number:040}")).await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    assert_eq!(ask(&house, &read, "x", &good).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_is_over_at_once_and_nothing_keeps_its_secret() {
    let house = house().await;
    let made = house.made(TokenAccess::Push).await;
    let read = list(&house.site, "upload-pack");
    assert_eq!(ask(&house, &read, "x", made.secret.reveal()).await.status, 200);
    let actor = Actor::cli();
    let shown = tokens::list(&house.test.app.db, &actor, &house.site.id).await.unwrap();
    assert!(shown[0].last_used_at.is_some());
    // Rows of one millisecond have no order.
    house.test.app.clock.advance(Duration::from_millis(1));
    tokens::revoke(&house.test.app.hosting, &actor, &house.site.id, &made.id).await.unwrap();
    assert_eq!(ask(&house, &read, "x", made.secret.reveal()).await.status, 401);
    let told: Vec<(String, String)> =
        house.test.app.db.all(sql("select action, detail from audit where action like 'deploy_token.%' order by id")).await.unwrap();
    assert_eq!(told.iter().map(|(action, _)| action.as_str()).collect::<Vec<_>>(), ["deploy_token.create", "deploy_token.revoke"]);
    assert!(told.iter().all(|(_, detail)| !detail.contains(made.secret.reveal())));
}
