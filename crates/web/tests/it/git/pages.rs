//! The page of a site's repository, and deploy tokens by page and by API.

use accounts::{Role, Standing};
use serde_json::json;

use super::{house, house_with, set_state};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_says_how_to_begin_and_what_was_pushed() {
    let house = house_with(|config| config.hosting.push_wait_minutes = 0).await;
    let member = house.test.passwordless(Role::Customer { customer: house.customer.clone(), standing: Standing::Member }).await;
    house.clone_into("work").await;
    house.commit("work", "index.html", b"new", "<script>alert(1)</script> & more").await;
    house.git("work", &["push", "--quiet", "origin", "HEAD:refs/heads/<b>bold</b>"]).await.fine();
    house.git("work", &["push", "--quiet", "origin", "main"]).await.fine();
    house.git("work", &["push", "--quiet", "origin", "HEAD:refs/notes/x"]).await.refused("hidden");
    let path = format!("/sites/{}/repository", house.site.id);
    let page = house.test.get(&path).by(&member).send().await;
    assert_eq!(page.status, 200);
    let url = format!("http://{}/git/{}.git", house.test.address, house.site.id);
    let folder = house.site.domain.as_str().split('.').next().unwrap();
    for part in [
        format!("git clone {url} {folder}"),
        "git push origin main".to_owned(),
        "<span class=\"two-lines-first\">main</span><span class=\"two-lines-second\">is deployed</span>".to_owned(),
        "&lt;b&gt;bold&lt;/b&gt;".to_owned(),
        "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more".to_owned(),
        "deploy token CI".to_owned(),
        "Deny updating a hidden ref.".to_owned(),
        format!("/sites/{}/deployments/deploy-20260114-103000", house.site.id),
    ] {
        assert!(page.text.contains(&part), "`{part}` is not in {}", page.text);
    }
    assert!(!page.text.contains("<script>alert") && !page.text.contains("<b>bold"));
    assert!(page.text.len() <= 60 << 10, "{} bytes", page.text.len());
    let part = house.test.get(&path).by(&member).header("hx-request", "true").send().await;
    assert!(part.text.contains("Last pushes") && !part.text.contains("<html"));

    let concierge = house.test.passwordless(Role::Concierge).await;
    let seen = house.test.get(&path).by(&concierge).send().await.text;
    assert!(seen.contains("Deploy tokens") && !seen.contains("Make a token") && !seen.contains("/revoke"));
    set_state(&house.test, &house.site.id, "archived").await;
    std::fs::remove_dir_all(house.bare()).unwrap();
    assert_eq!(house.test.get(&path).by(&member).send().await.status, 200, "without a repository, too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_made_shown_once_and_revoked_on_the_page_and_by_api() {
    let house = house().await;
    let member = house.test.passwordless(Role::Customer { customer: house.customer.clone(), standing: Standing::Member }).await;
    let path = format!("/sites/{}/repository", house.site.id);
    let tokens = format!("{path}/tokens");
    for (fields, field) in
        [(&[("name", ""), ("access", "push")][..], "Enter a name"), (&[("name", "CI"), ("access", "admin")], "Must be read or push")]
    {
        let refused = house.test.post(&tokens).by(&member).form(fields).send().await;
        assert!(refused.status == 422 && refused.text.contains(field), "{}: {}", refused.status, refused.text);
    }
    let made = house.test.post(&tokens).by(&member).form(&[("name", "CI <i>"), ("access", "push")]).send().await;
    assert_eq!(made.status, 200, "{}", made.text);
    let start = made.text.find("inkd_").expect("the secret is shown");
    let secret = &made.text[start..start + 45];
    house.git(".", &["ls-remote", &house.url("x", secret)]).await.fine();
    let page = house.test.get(&path).by(&member).send().await.text;
    assert!(page.contains("CI &lt;i&gt;") && !page.contains(secret), "listed, without its secret");

    let api = format!("/api/sites/{}/deploy-tokens", house.site.id);
    let listed = house.test.get(&api).by(&member).send().await.json();
    assert_eq!((listed["items"][0]["name"].as_str(), listed["items"][0]["access"].as_str()), (Some("CI <i>"), Some("push")));
    assert!(listed["items"][0]["last_used_at"].is_string() && !listed.to_string().contains(secret));
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    let gone = house.test.post(&format!("{tokens}/{id}/revoke")).by(&member).form(&[]).send().await;
    assert_eq!((gone.status.as_u16(), gone.header("location")), (303, path.as_str()));
    house.git(".", &["ls-remote", &house.url("x", secret)]).await.refused("Authentication failed");

    let by_api = house.test.post(&api).by(&member).json(&json!({ "name": "CI", "access": "read" })).send().await;
    assert_eq!(by_api.status, 201);
    let secret = by_api.json()["token"].as_str().unwrap().to_owned();
    house.git(".", &["ls-remote", &house.url("x", &secret)]).await.fine();
    assert_eq!(house.test.ask(reqwest::Method::DELETE, by_api.header("location")).by(&member).send().await.status, 204);
    house.git(".", &["ls-remote", &house.url("x", &secret)]).await.refused("Authentication failed");
    for (body, field) in [(json!({ "name": "CI", "access": "all" }), "access"), (json!({ "name": "", "access": "read" }), "name")] {
        let refused = house.test.post(&api).by(&member).json(&body).send().await;
        assert_eq!(
            (refused.status.as_u16(), refused.json()["errors"][0]["field"].as_str().map(str::to_owned)),
            (422, Some(field.to_owned()))
        );
    }
    // A token makes no token that may more than itself, nor one that outlives it.
    let narrow = house.test.token(&member, "sites:read sites:write").await;
    assert_eq!(house.test.post(&api).token(&narrow).json(&json!({ "name": "CI", "access": "push" })).send().await.status, 403);
    assert_eq!(house.test.post(&api).token(&narrow).json(&json!({ "name": "CI", "access": "read" })).send().await.status, 201);
}
