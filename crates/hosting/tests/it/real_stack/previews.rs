//! A preview: a pushed branch at its own address, behind its password, with a copy of the site's data that is only its own.

use accounts::Actor;
use hosting::deployments::{self, DeploymentState};
use hosting::git::BranchName;
use hosting::previews::{self, NewPreview};
use hosting::sites::{PreviewDatabase, Site, SiteState};
use kit::exec::Command;
use testkit::Stack;

use super::{held_by_docker, query};

/// Status and body of a page of a preview, asked for with this password.
async fn ask(stack: &Stack, preview: &Site, path: &str, password: Option<&str>) -> (u16, String, reqwest::header::HeaderMap) {
    let request = stack.browser(preview).get(stack.url(preview, path));
    let request = match password {
        Some(password) => request.basic_auth("preview", Some(password)),
        None => request,
    };
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, answer.text().await.unwrap(), headers)
}

/// What the pushed commits say, as the containers of a site have it.
async fn shown(site: &Site) -> String {
    super::docker(&["exec", &site.container("api"), "sh", "-c", "cat preview.txt 2>/dev/null || true"]).await
}

/// Pushes a commit to a branch of the site's repository as a person does, by a clone.
async fn push(stack: &Stack, site: &Site, clone: &std::path::Path, branch: &str, text: &str) -> String {
    let git = |args: &[&str]| Command::new("git").args(args).dir(clone);
    if !clone.join(".git").is_dir() {
        Command::new("git").args(["clone", "--quiet", "--"]).arg(stack.hosting.repository(site)).arg(clone).run().await.unwrap();
        git(&["switch", "--quiet", "--create", branch]).run().await.unwrap();
    }
    std::fs::write(clone.join("api/preview.txt"), text).unwrap();
    git(&["add", "--all"]).run().await.unwrap();
    let who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test"];
    git(&[who.as_slice(), &["commit", "--quiet", "--message", text]].concat()).run().await.unwrap();
    git(&["push", "--quiet", "origin", branch]).run().await.unwrap();
    git(&["rev-parse", "HEAD"]).run().await.unwrap().stdout.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn preview_shows_its_branch_behind_a_password_with_data_of_its_own_and_leaves_nothing() {
    let stack = Stack::start().await;
    let (hosting, actor) = (&stack.hosting, Actor::cli());
    let site = stack.site("Ada", "ada").await;
    query(&site, "create table of_the_site (text text); insert into of_the_site values ('from the site')").await;
    let storage = site.container("api");
    super::docker(&["exec", &storage, "sh", "-c", "echo picture > /var/www/html/storage/upload.txt"]).await;
    let branch = "feature/$(id)`;&'\"";
    let clone = tempfile::tempdir().unwrap();
    let first = push(&stack, &site, clone.path(), branch, "first").await;

    let new = NewPreview { branch: BranchName::parse(branch).unwrap(), database: PreviewDatabase::Copy, with_variables: true };
    let preview = previews::create(hosting, &actor, &site.id, &new).await.unwrap();
    stack.finished(&preview.id).await.unwrap();
    let preview = stack.reload(&preview.id).await.unwrap();
    assert_eq!((preview.state, preview.domain.as_str()), (SiteState::Active, "feature-id--ada.sites.test"));
    let deployment = deployments::newest(&hosting.db, &actor.scope(), &preview.id).await.unwrap().unwrap();
    assert_eq!((deployment.state, deployment.commit_hash.as_str()), (DeploymentState::Success, first.as_str()));

    assert_eq!((shown(&preview).await.as_str(), shown(&site).await.as_str()), ("first", ""));

    // The door: nobody without the password, on any of its ways in.
    let password = previews::password(hosting, &preview).unwrap().unwrap();
    for path in ["/", "/api/health", "/socket.io/?EIO=4&transport=polling", "/favicon.svg"] {
        for wrong in [None, Some("wrong"), Some("")] {
            let (status, body, headers) = ask(&stack, &preview, path, wrong).await;
            assert_eq!(status, 401, "{path} with {wrong:?}: {body}");
            assert_eq!(headers["x-robots-tag"], "noindex", "{path}");
        }
        let (status, body, headers) = ask(&stack, &preview, path, Some(password.reveal())).await;
        assert_eq!(status, 200, "{path}: {body}");
        assert_eq!(headers["x-robots-tag"], "noindex", "{path}");
        assert_eq!(headers["x-innkeeper-release"], preview.release_id.as_str(), "{path}");
    }
    assert_eq!(stack.get(&site, "/").await.0, 200, "the site has no door");

    // Its data: the same to begin with, then its own.
    assert_eq!(query(&preview, "select text from of_the_site").await, "from the site");
    assert_eq!(super::docker(&["exec", &preview.container("api"), "cat", "/var/www/html/storage/upload.txt"]).await, "picture");
    query(&preview, "update of_the_site set text = 'from the preview'").await;
    super::docker(&["exec", &preview.container("api"), "rm", "/var/www/html/storage/upload.txt"]).await;
    assert_eq!(query(&site, "select text from of_the_site").await, "from the site");
    assert_eq!(super::docker(&["exec", &storage, "cat", "/var/www/html/storage/upload.txt"]).await, "picture");
    let (ours, theirs) = (preview.open_secrets(&hosting.key).unwrap(), site.open_secrets(&hosting.key).unwrap());
    let environment = std::fs::read_to_string(hosting.site_folder(&preview).join(".env")).unwrap();
    assert!(environment.contains(&ours.db_password) && !environment.contains(&theirs.db_password));
    let left = Command::new("find").arg(&stack.data).args(["-name", "*.dump"]).run().await.unwrap().stdout;
    assert_eq!(left, "", "no copy of the database is on the disk");

    // A push to the branch goes the way of every deployment, and touches the site as little.
    let before = site.release_id.clone();
    let second = push(&stack, &site, clone.path(), branch, "second").await;
    previews::pushed(hosting, &actor, &site.id, branch, &second).await.unwrap().unwrap();
    stack.finished(&preview.id).await.unwrap();
    let (status, _, headers) = ask(&stack, &preview, "/api/health", Some(password.reveal())).await;
    assert_eq!((status, shown(&preview).await.as_str(), shown(&site).await.as_str()), (200, "second", ""));
    let now = stack.reload(&preview.id).await.unwrap();
    assert_ne!(now.release_id, preview.release_id);
    assert_eq!(headers["x-innkeeper-release"], now.release_id.as_str());
    assert_eq!(query(&preview, "select text from of_the_site").await, "from the preview", "a deployment keeps the data");
    assert_eq!(stack.reload(&site.id).await.unwrap().release_id, before);

    // Another password: the old one opens nothing.
    let renewed = previews::renew_password(hosting, &actor, &site.id, &preview.id).await.unwrap();
    let other = previews::password(hosting, &renewed).unwrap().unwrap();
    let mut status = 200;
    for _ in 0..50 {
        status = ask(&stack, &preview, "/", Some(password.reveal())).await.0;
        if status == 401 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!((status, ask(&stack, &preview, "/", Some(other.reveal())).await.0), (401, 200));

    previews::remove(hosting, &actor, &site.id, &preview.id).await.unwrap();
    stack.finished(&preview.id).await.unwrap();
    assert!(stack.reload(&preview.id).await.is_err());
    assert_eq!(hosting.runtime.remains_of(&preview.id).await.unwrap(), Vec::<String>::new());
    let named = Command::new("find").arg(&stack.data).args(["-name", &format!("*{}*", preview.id)]).run().await.unwrap().stdout;
    assert_eq!(named, "");
    let builds = std::fs::read_dir(stack.data.join("builds")).unwrap().count();
    assert_eq!(builds, 0, "sources of a build are left");
    assert_eq!(stack.get(&site, "/").await.0, 200);
    assert_eq!(query(&site, "select text from of_the_site").await, "from the site");
    assert!(hosting.repository(&site).join("HEAD").is_file(), "the repository is the site's");

    // A site that is deleted takes its previews along.
    let new = NewPreview { database: PreviewDatabase::Empty, ..new };
    let again = previews::create(hosting, &actor, &site.id, &new).await.unwrap();
    stack.finished(&again.id).await.unwrap();
    assert!(query(&again, "select count(*) from information_schema.tables where table_name = 'of_the_site'").await == "0");
    stack.operate(&site.id, hosting::operations::OperationKind::Delete).await.unwrap();
    assert!(stack.reload(&again.id).await.is_err());
    assert!(held_by_docker(&again).await.is_empty() && held_by_docker(&site).await.is_empty());
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Archived);
    stack.tear_down().await;
}
