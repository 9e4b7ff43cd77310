//! The webhook over HTTP: each answer as a sender sees it.

use hosting::git::deliveries;
use kit::secrets::hmac_sha256_hex;
use kit::sql;
use serde_json::{Value, json};
use web::testing::{Reply, TestApp, TestMember};

const PATH: &str = "/api/webhook/customer-site";
const SECRET: &str = "a-secret-of-this-site-that-nobody-else-knows";
const COMMIT: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";

/// A site that serves, as far as the books say, with a webhook secret; and its owner.
async fn site(test: &TestApp) -> (hosting::Site, TestMember) {
    let customer = test.customer("Atelier Nord").await;
    let owner = test.owner(&customer).await;
    let reply = test.post("/api/sites").by(&owner).json(&json!({ "site_type": "portfolio", "site_name": "Atelier" })).send().await;
    let id = hosting::SiteId::parse(reply.json()["app_id"].as_str().unwrap()).unwrap();
    let site = hosting::sites::get_any(&test.app.db, &id).await.unwrap();
    let mut secrets = site.open_secrets(&test.app.key).unwrap();
    secrets.webhook_secret = SECRET.to_owned();
    let sealed = test.app.key.seal(&format!("site.secrets:{id}"), &serde_json::to_string(&secrets).unwrap());
    let change = sql("update site set secrets = $2, state = 'active' where id = $1").bind(&id).bind(sealed);
    test.app.db.execute(change).await.unwrap();
    (hosting::sites::get_any(&test.app.db, &id).await.unwrap(), owner)
}

fn body(site: &hosting::Site) -> Value {
    json!({
        "ref": "refs/heads/main", "after": COMMIT, "pusher": { "name": "customer" },
        "repository": { "full_name": format!("{}/{}", site.customer_id, site.id) },
    })
}

async fn send(test: &TestApp, body: &str, headers: &[(&'static str, &str)]) -> Reply {
    let ask = test.post(PATH).header("content-type", "application/json").body(body.to_owned());
    headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value)).send().await
}

fn signature(body: &str) -> String {
    format!("sha256={}", hmac_sha256_hex(SECRET, body.as_bytes()))
}

#[tokio::test]
async fn a_signed_push_is_taken_in_once_and_listed() {
    let test = TestApp::start().await;
    let (site, owner) = site(&test).await;
    let text = body(&site).to_string();
    let signed = signature(&text);
    let first = send(&test, &text, &[("x-hub-signature-256", &signed)]).await;
    assert_eq!(first.status, 202, "{}", first.text);
    let answer = first.json();
    assert_eq!((&answer["outcome"], &answer["app_id"]), (&json!("queued"), &json!(site.id.as_str())));
    let again = send(&test, &text, &[("x-hub-signature-256", &signed), ("x-github-delivery", "another")]).await;
    assert_eq!((again.status, again.json()), (first.status, answer.clone()));
    // A ping in GitHub's form is not this site's: its repository is not there.
    let github = send(&test, &text, &[("x-hub-signature-256", &signed), ("x-github-event", "push")]).await;
    assert_eq!(github.status, 403, "{}", github.text);
    // Bitbucket's header has another name.
    let mut other = body(&site);
    other["ref"] = json!("refs/tags/v1");
    let text = other.to_string();
    let tag = send(&test, &text, &[("x-hub-signature", &signature(&text))]).await;
    assert_eq!((tag.status.as_u16(), &tag.json()["outcome"]), (200, &json!("ignored")), "{}", tag.text);
    assert!(tag.json()["message"].as_str().unwrap().contains("the tag v1"), "{}", tag.text);

    let list = test.get(&format!("/api/sites/{}/webhook-deliveries", site.id)).by(&owner).send().await;
    assert_eq!(list.status, 200);
    let items = list.json()["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 2, "{items:?}");
    assert!(items.iter().any(|item| item["delivery"] == answer["delivery"] && item["commit_hash"] == COMMIT), "{items:?}");
    assert!(!list.text.contains(SECRET));
    let bad = test.get(&format!("/api/sites/{}/webhook-deliveries?before=x", site.id)).by(&owner).send().await;
    assert_eq!(bad.status, 422);
}

#[tokio::test]
async fn each_mistake_has_its_answer_and_none_is_kept() {
    let test = TestApp::start().await;
    let (site, _) = site(&test).await;
    let text = body(&site).to_string();
    let signed = signature(&text);
    let wrong = format!("sha256={}", "0".repeat(64));
    let unknown = json!({ "ref": "refs/heads/main", "after": COMMIT, "repository": { "full_name": "somebody/else" } }).to_string();
    let nobody = json!({ "ref": "refs/heads/main", "after": COMMIT }).to_string();
    let short = {
        let mut body = body(&site);
        body["after"] = json!("abc123");
        body.to_string()
    };
    for (what, body, signature, status) in [
        ("no signature", text.clone(), None, 403),
        ("a wrong signature", text.clone(), Some(wrong.clone()), 403),
        ("SHA-1", text.clone(), Some("sha1=5d61605c3feea9799210ddcb71307d4ba264225f".to_owned()), 403),
        ("an unknown repository", unknown.clone(), Some(signature(&unknown)), 403),
        ("another body", text.replace("customer\"", "customer \""), Some(signed.clone()), 403),
        ("no JSON", "ref=refs/heads/main".to_owned(), Some(signed.clone()), 400),
        ("nothing", String::new(), Some(signed.clone()), 400),
        ("half of it", text[..text.len() - 2].to_owned(), Some(signed.clone()), 400),
        ("no repository", nobody.clone(), Some(signature(&nobody)), 422),
        ("a short commit", short.clone(), Some(signature(&short)), 422),
        ("too much", " ".repeat((5 << 20) + 1), Some(signed.clone()), 413),
        ("a list", "[]".to_owned(), Some(signature("[]")), 422),
    ] {
        let headers: Vec<(&'static str, &str)> = signature.iter().map(|it| ("x-hub-signature-256", it.as_str())).collect();
        let reply = send(&test, &body, &headers).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.text);
        assert_eq!(reply.header("content-type"), "application/problem+json", "{what}");
        assert!(!reply.text.contains(SECRET), "{what}");
    }
    // More than other routes take, and less than too much, is read.
    let long = format!("{}{}", " ".repeat(2 << 20), text);
    let reply = send(&test, &long, &[("x-hub-signature-256", &wrong)]).await;
    assert_eq!(reply.status, 403, "{}", reply.text);
    let form = test.post(PATH).form(&[("payload", &text)]).send().await;
    assert_eq!(form.status, 415);
    // A wrong signature and an unknown repository are told in the same words.
    let detail = |reply: &Reply| reply.json()["detail"].as_str().unwrap().to_owned();
    let one = send(&test, &text, &[("x-hub-signature-256", &wrong)]).await;
    let other = send(&test, &unknown, &[("x-hub-signature-256", &wrong)]).await;
    assert_eq!(detail(&one), detail(&other));
    let scope = accounts::Actor::cli().scope();
    assert!(deliveries::list(&test.app.db, &scope, &site.id, None, 10).await.unwrap().is_empty());
}
