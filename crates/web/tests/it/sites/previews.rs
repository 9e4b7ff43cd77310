//! Previews on pages and in the API.

use accounts::Role;
use hosting::SiteId;
use kit::exec::Command;
use serde_json::json;
use web::testing::{TestApp, TestMember};

use super::{new_site, owner, settle};

const BRANCH: &str = "feature/<b>&\"$(id)";

/// A site that runs, as far as the books say, with a repository that has one more branch.
async fn site_with_branch(test: &TestApp, owner: &TestMember) -> String {
    let id = new_site(test, owner, "Atelier").await;
    settle(test, &id, "active").await;
    let site = hosting::sites::get_any(&test.app.db, &SiteId::parse(&id).unwrap()).await.unwrap();
    let (folder, bare) = (test.app.hosting.site_folder(&site), test.app.hosting.repository(&site));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("README.md"), "Hello").unwrap();
    hosting::git::create(&folder, &bare).await.unwrap();
    let name = format!("refs/heads/{BRANCH}");
    Command::new("git").arg("--git-dir").arg(&bare).args(["update-ref", &name, "refs/heads/main"]).run().await.unwrap();
    id
}

async fn preview(test: &TestApp, owner: &TestMember, site: &str) -> serde_json::Value {
    let made = test.post(&format!("/api/sites/{site}/previews")).by(owner).json(&json!({ "branch": BRANCH })).send().await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    settle(test, made["app_id"].as_str().unwrap(), "active").await;
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn preview_is_made_at_its_page_and_shown_with_what_opens_it() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let site = site_with_branch(&test, &owner).await;
    let place = format!("/sites/{site}/previews");
    let page = test.get(&place).by(&owner).send().await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("No previews") && page.text.contains("Personal data"), "{}", page.text);
    assert!(page.text.contains("feature/&lt;b&gt;&amp;&quot;$(id)") && !page.text.contains("feature/<b>"));
    assert!(!page.text.contains("value=\"main\""), "the site's own branch is not offered");

    for (field, fields) in [
        ("the branch", [("branch", "--upload-pack=x"), ("database", "empty")]),
        ("the branch does not exist", [("branch", "other"), ("database", "empty")]),
        ("one of: empty, copy", [("branch", BRANCH), ("database", "theirs")]),
    ] {
        let refused = test.post(&place).by(&owner).form(&fields).send().await;
        assert_eq!(refused.status, 422, "{field}");
        assert!(refused.text.to_lowercase().contains(field), "{field}: {}", refused.text);
    }
    let made = test.post(&place).by(&owner).form(&[("branch", BRANCH), ("database", "copy"), ("variables", "on")]).send().await;
    assert_eq!((made.status.as_u16(), made.header("location")), (303, place.as_str()), "{}", made.text);
    let page = test.get(&place).by(&owner).send().await.text;
    for shown in ["Provisioning", "feature-b-id--", "7 days left", "Began as a copy", "User name"] {
        assert!(page.contains(shown), "{shown} is missing: {page}");
    }
    assert!(page.len() < 60 << 10);

    let listed = test.get("/sites").by(&owner).send().await.text;
    assert!(!listed.contains("feature-b-id--"), "a preview is no site of the list");
    let api = test.get("/api/sites").by(&owner).send().await.json();
    assert_eq!(api.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_own_page_says_what_it_is_and_offers_nothing_that_is_only_a_sites() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let site = site_with_branch(&test, &owner).await;
    let made = preview(&test, &owner, &site).await;
    let (id, password) = (made["app_id"].as_str().unwrap(), made["password"].as_str().unwrap());
    let page = test.get(&format!("/sites/{id}")).by(&owner).send().await;
    assert_eq!(page.status, 200, "{}", page.text);
    for shown in ["Preview of Atelier, branch feature/&lt;b&gt;", "The preview is ready", password, "Remove the preview", "/deployments\""]
    {
        assert!(page.text.contains(shown), "{shown} is missing: {}", page.text);
    }
    for hidden in ["/rename\"", "/reveal\"", "/delete\"", "status-page", "/repository\"", "/notifications\"", "feature/<b>"] {
        assert!(!page.text.contains(hidden), "{hidden} is shown");
    }
    let elsewhere = test.get(&format!("/sites/{id}/previews")).by(&owner).send().await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.header("location")), (303, format!("/sites/{site}/previews").as_str()));

    // Who may look, and not change anything, is not told the password.
    let concierge = test.passwordless(Role::Concierge).await;
    for place in [format!("/sites/{id}"), format!("/sites/{site}/previews"), format!("/api/sites/{site}/previews")] {
        let seen = test.get(&place).by(&concierge).send().await;
        assert_eq!(seen.status, 200);
        assert!(!seen.text.contains(password), "{place}");
        assert!(test.get(&place).by(&owner).send().await.text.contains(password), "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_make_list_and_remove_previews() {
    let test = TestApp::start().await;
    let owner = owner(&test).await;
    let site = site_with_branch(&test, &owner).await;
    let place = format!("/api/sites/{site}/previews");
    for body in
        [json!({}), json!({ "branch": "a b" }), json!({ "branch": BRANCH, "database": "x" }), json!({ "branch": BRANCH, "domain": "x" })]
    {
        assert_eq!(test.post(&place).by(&owner).json(&body).send().await.status, 422, "{body}");
    }
    let made = preview(&test, &owner, &site).await;
    assert_eq!((made["branch"].as_str(), made["user"].as_str(), made["database"].as_str()), (Some(BRANCH), Some("preview"), Some("empty")));
    let listed = test.get(&place).by(&owner).send().await.json();
    assert_eq!(listed["items"][0]["app_id"], made["app_id"]);
    assert_eq!(listed["items"][0]["status"], "active");

    let id = made["app_id"].as_str().unwrap();
    let other = new_site(&test, &owner, "Other").await;
    let wrong = test.ask(reqwest::Method::DELETE, &format!("/api/sites/{other}/previews/{id}")).by(&owner).send().await;
    assert_eq!(wrong.status, 404, "a preview of another site");
    let renewed = test.post(&format!("/sites/{site}/previews/{id}/password")).by(&owner).form(&[]).send().await;
    assert_eq!(renewed.status, 303);
    assert_ne!(test.get(&place).by(&owner).send().await.json()["items"][0]["password"], made["password"]);
    let removed = test.ask(reqwest::Method::DELETE, &format!("{place}/{id}")).by(&owner).send().await;
    assert_eq!((removed.status.as_u16(), removed.json()["status"].as_str()), (202, Some("deleting")), "{}", removed.text);
}
