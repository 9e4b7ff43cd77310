//! Deleted and restored: what visitors and the owner put in is there again, and what cannot be restored is not lost.

use hosting::operations::OperationKind;
use hosting::sites::SiteState;
use serde_json::json;
use testkit::{Stack, StackOptions, Tries};

use super::{docker, query};

/// The smallest PNG there is, one pixel.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

#[tokio::test(flavor = "multi_thread")]
async fn restored_site_has_its_messages_and_uploads_and_a_broken_archive_is_kept() {
    let stack = Stack::start_with(StackOptions { tries: Tries::One, ..StackOptions::default() }).await;
    let site = stack.site("Ada", "ada").await;
    let secrets = site.open_secrets(&stack.hosting.key).unwrap();
    let browser = stack.browser(&site);
    let origin = stack.hosting.url(&site);

    // A visitor writes, the owner signs in and uploads a picture.
    let words = "Grüße; $(id) 'quoted' \"twice\" \\ <b> 🌱";
    let sent =
        browser.post(stack.url(&site, "/api/contact")).json(&json!({ "name": "Vera", "email": "vera@example.test", "message": words }));
    assert_eq!(sent.send().await.unwrap().status(), 201);
    let sign_in = json!({ "email": site.owner_email, "password": secrets.owner_password });
    let signed_in = browser.post(stack.url(&site, "/api/session")).header("Origin", &origin).json(&sign_in).send().await.unwrap();
    assert_eq!(signed_in.status(), 200);
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let portrait = browser.put(stack.url(&site, "/api/profile/portrait")).header("Origin", &origin).header("Cookie", &cookie);
    let portrait = portrait.header("Content-Type", "image/png").body(PICTURE).send().await.unwrap();
    assert_eq!(portrait.status(), 200);
    let name = query(&site, "select portrait from profiles where id = 1").await;
    let picture = format!("/api/files/{name}");
    assert_eq!(browser.get(stack.url(&site, &picture)).send().await.unwrap().bytes().await.unwrap(), PICTURE);

    stack.operate(&site.id, OperationKind::Delete).await.unwrap();
    let archive = stack.hosting.archive_folder(&site);
    for (path, mode) in [
        (archive.clone(), 0o700),
        (archive.join("database.dump"), 0o600),
        (archive.join("site.tar.gz"), 0o600),
        (archive.join("storage.tar"), 0o600),
    ] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
    }

    // A restore that cannot go on can be given up, and the archive is as it was.
    let (dump, aside) = (archive.join("database.dump"), archive.join("database.aside"));
    std::fs::rename(&dump, &aside).unwrap();
    std::fs::write(&dump, "PGDMP and then nothing of use").unwrap();
    let error = stack.operate(&site.id, OperationKind::Restore).await.unwrap_err().to_string();
    assert!(error.starts_with("step database:"), "{error}");
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Failed);
    stack.operate(&site.id, OperationKind::Discard).await.unwrap();
    let kept = stack.reload(&site.id).await.unwrap();
    assert_eq!(kept.state, SiteState::Archived);
    assert!(kept.archived_at.is_some());
    assert!(stack.hosting.runtime.remains_of(&site.id).await.unwrap().is_empty());
    assert!(!stack.hosting.site_folder(&site).exists());
    std::fs::rename(&aside, &dump).unwrap();

    stack.operate(&site.id, OperationKind::Restore).await.unwrap();
    assert_eq!(query(&site, "select message from contact_messages").await, words);
    let messages = browser.get(stack.url(&site, "/api/messages")).header("Cookie", &cookie).send().await.unwrap();
    assert_eq!(messages.status(), 200, "the owner is still signed in: the site's secrets came back too");
    let messages: serde_json::Value = messages.json().await.unwrap();
    assert_eq!((messages["messages"][0]["message"].as_str(), messages["unread"].as_i64()), (Some(words), Some(1)));
    assert_eq!(browser.get(stack.url(&site, &picture)).send().await.unwrap().bytes().await.unwrap(), PICTURE);
    // And it goes on: the next one can be sent and uploaded.
    let sent =
        browser.post(stack.url(&site, "/api/contact")).json(&json!({ "name": "Vera", "email": "vera@example.test", "message": "again" }));
    assert_eq!(sent.send().await.unwrap().status(), 201);
    assert_eq!(query(&site, "select count(*) from contact_messages").await, "2");
    let portrait = browser.put(stack.url(&site, "/api/profile/portrait")).header("Origin", &origin).header("Cookie", &cookie);
    assert_eq!(portrait.header("Content-Type", "image/png").body(PICTURE).send().await.unwrap().status(), 200);
    assert!(!docker(&["logs", &site.container("api")]).await.contains("Permission denied"));
    stack.tear_down().await;
}
