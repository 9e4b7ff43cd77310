//! The ways in: set-up, sign-in, reset, invitation; and out.

use accounts::{Role, Standing, resets, setup, signin_links};
use kit::mail;
use web::testing::{PASSWORD, TestApp};

#[tokio::test]
async fn set_up_makes_the_first_admin_once() {
    let test = TestApp::start().await;
    let token = setup::ensure_link(&test.app.db, &test.app.clock).await.unwrap().expect("set-up is open");
    let path = format!("/setup/{}", token.reveal());
    let hint = test.get("/sign-in").send().await;
    assert!(hint.text.contains("not set up yet"));
    assert_eq!(test.get(&path).send().await.status, 200);

    let wrong = test.post(&path).form(&[("name", ""), ("email", "olaf"), ("password", "short")]).send().await;
    assert_eq!(wrong.status, 422);
    for field in ["name", "email", "password"] {
        assert!(wrong.text.contains(&format!("#field-{field}")), "{field}: {}", wrong.text);
    }
    assert!(wrong.text.contains("value=\"olaf\"") && !wrong.text.contains("short"), "what was typed stays, the password does not");

    let fields = [("name", "Olaf"), ("email", "olaf@example.test"), ("password", PASSWORD)];
    let done = test.post(&path).form(&fields).send().await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/"), "{}", done.text);
    let cookie = done.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    assert_eq!(test.get("/").header("cookie", &cookie).send().await.header("location"), "/admin/customers");

    assert_eq!(test.get(&path).send().await.status, 404);
    assert_eq!(test.post(&path).form(&fields).send().await.status, 404);
}

#[tokio::test]
async fn sign_in_leads_to_the_page_that_was_asked_for() {
    let test = TestApp::start().await;
    let member = test.member(Role::Admin).await;
    let asked = test.get("/admin/jobs?state=dead").send().await;
    assert_eq!(asked.header("location"), "/sign-in?next=%2Fadmin%2Fjobs%3Fstate%3Ddead");
    let form = test.get(asked.header("location")).send().await;
    assert!(form.text.contains("value=\"/admin/jobs?state=dead\""), "{}", form.text);
    let wrong = test.post("/sign-in").form(&[("email", &member.email), ("password", "not this one")]).send().await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains(&member.email) && !wrong.text.contains("not this one"));
    let fields = [("email", member.email.as_str()), ("password", PASSWORD), ("next", "/admin/jobs?state=dead")];
    assert_eq!(test.post("/sign-in").form(&fields).send().await.header("location"), "/admin/jobs?state=dead");
}

#[tokio::test]
async fn sign_out_ends_the_session_on_the_server() {
    let test = TestApp::start().await;
    let member = test.passwordless(Role::Admin).await;
    let out = test.post("/sign-out").by(&member).send().await;
    assert_eq!(out.header("location"), "/sign-in");
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(test.get("/account").by(&member).send().await.status, 303);
}

#[tokio::test]
async fn a_reset_link_changes_the_password_once_and_ends_sessions() {
    let test = TestApp::start().await;
    let member = test.member(Role::Admin).await;
    let asked = test.post("/forgot-password").form(&[("email", &member.email)]).send().await;
    assert_eq!(asked.status, 200);
    let outbox = mail::outbox(&test.app.db, None).await.unwrap();
    let text = test.app.mailer.unsent_text(&outbox[0].id).await.unwrap();
    let path = text
        .reveal()
        .split_whitespace()
        .find_map(|word| word.split_once("/reset/"))
        .map(|(_, token)| format!("/reset/{token}"))
        .expect("a link");
    let token = path.trim_start_matches("/reset/").to_owned();
    assert!(resets::check(&test.app.db, &test.app.clock, &token).await.unwrap());

    assert_eq!(test.get(&path).send().await.status, 200);
    assert_eq!(test.get(&path).send().await.status, 200, "looking uses nothing up");
    let new = "seven tall candles in the rain";
    assert_eq!(test.post(&path).form(&[("password", new)]).send().await.header("location"), "/sign-in");
    assert_eq!(test.post(&path).form(&[("password", new)]).send().await.status, 404);
    assert_eq!(test.get("/account").by(&member).send().await.status, 303, "the old session has ended");
    let fields = [("email", member.email.as_str()), ("password", new)];
    assert_eq!(test.post("/sign-in").form(&fields).send().await.status, 303);
}

#[tokio::test]
async fn an_invited_member_chooses_a_password_and_is_in() {
    let test = TestApp::start().await;
    let customer = test.customer("Atelier Nord").await;
    let owner = test.owner(&customer).await;
    let sent = test.post("/members/invite").by(&owner).form(&[("email", "jonas@example.test"), ("role", "member")]).send().await;
    assert_eq!(sent.status, 200, "without a mail server the link is shown: {}", sent.text);
    let start = sent.text.find("/invitation/").expect("the link");
    let path: String = sent.text[start..].chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '/').collect();

    let page = test.get(&path).send().await;
    assert!(page.text.contains("jonas@example.test") && page.text.contains("Atelier Nord"), "{}", page.text);
    let joined = test.post(&path).form(&[("name", "Jonas"), ("password", PASSWORD)]).send().await;
    assert_eq!((joined.status.as_u16(), joined.header("location")), (303, "/"), "{}", joined.text);
    assert_eq!(test.get(&path).send().await.status, 404);
    let members = test.get("/account/members").by(&owner).send().await;
    assert!(members.text.contains("Jonas"));
}

#[tokio::test]
async fn a_sign_in_link_works_once_and_not_by_looking() {
    let test = TestApp::start().await;
    let customer = test.customer("Atelier Nord").await;
    let member = test.passwordless(Role::Customer { customer, standing: Standing::Member }).await;
    let token = signin_links::create(&test.app.db, &test.app.clock, &accounts::Actor::cli(), &member.id).await.unwrap();
    let path = format!("/sign-in/link/{}", token.reveal());
    let looked = test.get(&path).send().await;
    assert_eq!((looked.status.as_u16(), looked.header("set-cookie")), (200, ""));
    assert!(test.post(&path).send().await.header("set-cookie").starts_with("innkeeper="));
    assert_eq!(test.post(&path).send().await.status, 404);
}
