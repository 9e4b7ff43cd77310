//! GitHub and Bitbucket as the making of a site, a push and a deployment use them, by the real `git` over HTTP.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hosting::git::deliveries::{self, Incoming, Payload};
use hosting::git::heads::Heads;
use hosting::git::outside;
use hosting::git::providers::ProviderKind;
use hosting::operations::OperationKind;
use hosting::sites::{self, Site};
use hosting::{BitbucketConfig, GithubConfig, Hosting, git};
use kit::jobs::Reconciler;
use kit::secrets::hmac_sha256_hex;
use kit::{Error, sql};
use serde_json::{Value, json};

use super::stand_in::{Failure, StandIn, TOKEN};
use super::{SECRET, active_site, commit_to, deployments_of, git_in, jobs};
use crate::house::House;

/// A house whose repositories are at the stand-in, and a site that is not there yet.
async fn house_at(stand_in: &StandIn, kind: ProviderKind) -> (House, Site) {
    let (github, bitbucket) = match kind {
        ProviderKind::Github => (stand_in.github(), BitbucketConfig::default()),
        _ => (GithubConfig::default(), stand_in.bitbucket()),
    };
    let house = House::with_providers(kind, github, bitbucket).await;
    let site = active_site(&house, "ada").await;
    (house, site)
}

/// The steps `repository` and `webhook` of making a site.
async fn make(house: &House, site: &Site) -> kit::Result<Option<String>> {
    let head = git::head(&house.hosting.repository(site)).await?;
    outside::create(&house.hosting, site, &head).await?;
    outside::register_webhook(&house.hosting, site, SECRET).await
}

async fn told(house: &House, provider: ProviderKind, event: &str, body: &Value) -> deliveries::Answer {
    house.hosting.clock.advance(Duration::from_millis(5));
    let body = body.to_string();
    let payload: Payload = serde_json::from_str(&body).unwrap();
    let signature = format!("sha256={}", hmac_sha256_hex(SECRET, body.as_bytes()));
    let incoming = Incoming { provider: Some(provider), event, delivery_id: None, signature: Some(&signature), body: body.as_bytes() };
    deliveries::receive(&house.hosting, &incoming, &payload).await.unwrap()
}

#[tokio::test]
async fn github_gets_repository_first_commit_webhook_and_statuses_and_gives_what_was_pushed() {
    let stand_in = StandIn::start().await;
    let (house, site) = house_at(&stand_in, ProviderKind::Github).await;
    let words = make(&house, &site).await.unwrap().unwrap();
    let name = stand_in.only_repository();
    assert_eq!(name, format!("inn/ada-site-{}", site.id.as_str().strip_prefix("app_").unwrap()));
    assert_eq!(words, format!("GitHub tells of pushes to {name}"));
    let wish = &stand_in.asked("POST", "/repos")[0].body;
    assert_eq!((wish["private"].as_bool(), wish["auto_init"].as_bool()), (Some(true), Some(false)));
    let local = house.hosting.repository(&site);
    let first = git::head(&local).await.unwrap();
    assert_eq!(git::head(&stand_in.bare(&name)).await.unwrap(), first);
    let hook = stand_in.hooks_of(&name)[0].clone();
    assert_eq!(
        hook["config"],
        json!({
            "url": "https://panel.test/api/webhook/customer-site", "content_type": "json", "secret": SECRET, "insecure_ssl": "0",
        })
    );
    assert_eq!((&hook["events"], &hook["active"]), (&json!(["push"]), &json!(true)));
    let again = sites::get_any(&house.hosting.db, &site.id).await.unwrap();
    assert_eq!(house.hosting.repository_url(&again), format!("{}/git/{name}.git", stand_in.url));

    // Interrupted anywhere and done again: nothing twice.
    make(&house, &site).await.unwrap();
    house.hosting.db.execute(sql("delete from site_repository")).await.unwrap();
    make(&house, &site).await.unwrap();
    assert_eq!(stand_in.hooks_of(&name).len(), 1);
    let row: (String, String) = house.hosting.db.one(sql("select full_name, webhook_id from site_repository")).await.unwrap();
    assert_eq!(row, (name.clone(), "1".to_owned()));

    // Two commits are pushed; exactly the told one is fetched.
    let pushed = commit_to(&stand_in.bare(&name), "Prices").await;
    let newer = commit_to(&stand_in.bare(&name), "Prices again").await;
    let body = json!({ "ref": "refs/heads/main", "before": first, "after": pushed, "repository": { "full_name": name } });
    let answer = told(&house, ProviderKind::Github, "push", &body).await;
    assert!(answer.message.contains(&pushed), "{}", answer.message);
    house.work(jobs()).await;
    assert_eq!(deployments_of(&house, &site).await, [("push".to_owned(), "running".to_owned(), pushed.clone())]);
    assert_eq!(git::head(&local).await.unwrap(), pushed);
    let has_newer = git_in(&local).args(["cat-file", "-e", &newer]).run().await.is_ok();
    assert!(!has_newer, "more than the pushed commit was fetched");
    let (subject,): (String,) = house.hosting.db.one(sql("select subject from deployment")).await.unwrap();
    assert_eq!(subject, "Prices");

    // Its beginning was shown beside the commit; a state that changed meanwhile is shown as it is.
    let path = format!("/statuses/{pushed}");
    let shown = stand_in.asked("POST", &path);
    assert_eq!((shown.len(), &shown[0].body["state"]), (1, &json!("pending")));
    assert_eq!(shown[0].body["context"], "innkeeper");
    let link = shown[0].body["target_url"].as_str().unwrap();
    assert!(link.starts_with(&format!("https://panel.test/sites/{}/deployments/deploy-", site.id)), "{link}");
    for (state, word) in
        [("success", "success"), ("failed", "failure"), ("rolled_back", "failure"), ("cancelled", "error"), ("running", "pending")]
    {
        stand_in.forget();
        house.hosting.db.execute(sql("update deployment set state = $1").bind(state)).await.unwrap();
        announce(&house).await;
        assert_eq!(stand_in.asked("POST", &path)[0].body["state"], word, "{state}");
    }

    // The second push was told by nobody.
    house.hosting.db.execute(sql("update deployment set state = 'success'")).await.unwrap();
    house.settle(&site.id, hosting::SiteState::Active).await;
    let heads = Heads::default();
    for _ in 0..2 {
        house.hosting.clock.advance(Duration::from_secs(120));
        <Heads as Reconciler<Hosting>>::reconcile(&heads, house.hosting.clone()).await.unwrap();
    }
    house.work(jobs()).await;
    assert_eq!(deployments_of(&house, &site).await.last().unwrap().2, newer);
}

/// Tells the provider of the only deployment.
async fn announce(house: &House) {
    let (id,): (hosting::deployments::DeploymentId,) = house.hosting.db.one(sql("select id from deployment")).await.unwrap();
    let job = hosting::deployments::status::TellProvider { deployment_id: id };
    let (db, clock) = (&house.hosting.db, &house.hosting.clock);
    db.write(async |tx| kit::jobs::enqueue::<Hosting, _>(&tx, clock, &job, kit::jobs::Enqueue::default()).await).await.unwrap();
    house.work(jobs()).await;
}

#[tokio::test]
async fn bitbucket_does_all_of_it_too() {
    let stand_in = StandIn::start().await;
    let (house, site) = house_at(&stand_in, ProviderKind::Bitbucket).await;
    make(&house, &site).await.unwrap();
    house.hosting.db.execute(sql("delete from site_repository")).await.unwrap();
    make(&house, &site).await.unwrap();
    let name = stand_in.only_repository();
    let wish = &stand_in.asked("POST", &name)[0].body;
    assert_eq!((&wish["scm"], &wish["is_private"], &wish["project"]), (&json!("git"), &json!(true), &json!({ "key": "WEB" })));
    let hooks = stand_in.hooks_of(&name);
    assert_eq!(hooks.len(), 1);
    assert_eq!((&hooks[0]["events"], &hooks[0]["secret"]), (&json!(["repo:push"]), &json!(SECRET)));
    let row: (String, String) = house.hosting.db.one(sql("select clone_url, webhook_id from site_repository")).await.unwrap();
    assert_eq!(row, (format!("{}/git/{name}.git", stand_in.url), "{hook-1}".to_owned()), "the address has no user in it");
    let pushed = commit_to(&stand_in.bare(&name), "Prices").await;
    let change = json!({ "new": { "type": "branch", "name": "main", "target": { "hash": pushed } }, "old": null });
    let body = json!({ "repository": { "full_name": name }, "push": { "changes": [change] } });
    told(&house, ProviderKind::Bitbucket, "repo:push", &body).await;
    house.work(jobs()).await;
    assert_eq!(deployments_of(&house, &site).await, [("push".to_owned(), "running".to_owned(), pushed.clone())]);
    let shown = stand_in.asked("POST", &format!("/commit/{pushed}/statuses/build"));
    assert_eq!((&shown[0].body["state"], &shown[0].body["key"]), (&json!("INPROGRESS"), &json!("innkeeper")));
}

#[tokio::test]
async fn a_deleted_site_takes_its_webhook_along_and_a_restored_one_has_it_again() {
    for kind in [ProviderKind::Github, ProviderKind::Bitbucket] {
        let stand_in = StandIn::start().await;
        let (house, site) = house_at(&stand_in, kind).await;
        make(&house, &site).await.unwrap();
        let name = stand_in.only_repository();
        let theirs = "https://example.com/a-hook-of-theirs";
        stand_in.hook(&name, theirs);
        let urls = || {
            let url = |hook: &Value| hook["url"].as_str().or(hook["config"]["url"].as_str()).unwrap().to_owned();
            stand_in.hooks_of(&name).iter().map(url).collect::<Vec<_>>()
        };
        let noted = async || {
            let (id,): (Option<String>,) = house.hosting.db.one(sql("select webhook_id from site_repository")).await.unwrap();
            id
        };
        assert_eq!(urls().len(), 2);

        // What the provider does not allow keeps nobody's site: it is said, and remembered.
        let hooks: &'static str = Box::leak(format!("/{name}/hooks").into_boxed_str());
        for (status, body) in [(403, json!({ "message": "Must have admin rights" })), (401, json!({})), (502, json!({}))] {
            stand_in.fail(Failure { path_ends: hooks, status, headers: &[], body });
            let words = outside::remove_webhook(&house.hosting, &site).await.unwrap().unwrap();
            assert!(words.starts_with(&format!("the repository {name} and its webhook stay: ")), "{words}");
            assert!(noted().await.is_some() && urls().len() == 2, "{status}");
        }

        let words = outside::remove_webhook(&house.hosting, &site).await.unwrap().unwrap();
        assert_eq!(words, format!("{} tells of pushes no more; the repository {name} stays there", kind.title()));
        assert_eq!((urls(), noted().await), (vec![theirs.to_owned()], None));
        assert!(git::head(&stand_in.bare(&name)).await.is_ok());
        // Interrupted and done again.
        outside::remove_webhook(&house.hosting, &site).await.unwrap();
        assert_eq!(urls(), [theirs]);

        // Restored while the provider is away: pushes are found by looking. Later it is there again, with the site's own secret.
        stand_in.fail(Failure { path_ends: hooks, status: 502, headers: &[], body: json!({}) });
        let words = outside::register_webhook_again(&house.hosting, &site).await.unwrap().unwrap();
        assert!(words.starts_with("pushes are noticed within some minutes: ") && noted().await.is_none(), "{words}");
        outside::register_webhook_again(&house.hosting, &site).await.unwrap();
        assert!(noted().await.is_some());
        let ours = stand_in.hooks_of(&name).into_iter().find(|hook| hook["id"] != json!(77)).unwrap();
        assert!([&ours["secret"], &ours["config"]["secret"]].contains(&&json!(SECRET)), "{ours}");
        // Our address has changed since it was made: it is known by its id.
        stand_in.change_hooks(&name, |hook| {
            let at = if kind == ProviderKind::Github { &mut hook["config"]["url"] } else { &mut hook["url"] };
            if *at != json!(theirs) {
                *at = json!("https://before.test/hook");
            }
        });
        outside::remove_webhook(&house.hosting, &site).await.unwrap();
        assert_eq!(urls().len(), 1);

        // The repository was removed there: nothing is in the way, and nothing is left to do.
        outside::register_webhook_again(&house.hosting, &site).await.unwrap();
        stand_in.remove(&name);
        let words = outside::remove_webhook(&house.hosting, &site).await.unwrap().unwrap();
        assert!(words.contains("tells of pushes no more") && noted().await.is_none(), "{words}");
    }
    // All of it happens in a deletion, once everything is saved, in a site that is given up, and in a restore.
    let at = |kind: OperationKind, step: &str| kind.steps().iter().position(|it| *it == step).unwrap();
    assert!(at(OperationKind::Delete, "unhook") > at(OperationKind::Delete, "pack"));
    assert!(at(OperationKind::Delete, "unhook") < at(OperationKind::Delete, "remove"));
    assert_eq!(at(OperationKind::Discard, "unhook"), 0);
    assert!(at(OperationKind::Restore, "webhook") > at(OperationKind::Restore, "unpack"));
}

#[tokio::test]
async fn a_repository_of_somebody_else_is_left_alone_and_one_with_commits_keeps_them() {
    for kind in [ProviderKind::Github, ProviderKind::Bitbucket] {
        let stand_in = StandIn::start().await;
        let (house, site) = house_at(&stand_in, kind).await;
        let name = format!("inn/ada-site-{}", site.id.as_str().strip_prefix("app_").unwrap());
        stand_in.make(&name, "My holidays").await;
        let error = make(&house, &site).await.unwrap_err();
        assert!(matches!(&error, Error::Conflict(text) if text.contains(&name) && text.contains("not this site's")), "{error:?}");
        assert!(stand_in.hooks_of(&name).is_empty());
        // Ours, with a commit that the customer pushed between two tries.
        let stand_in = StandIn::start().await;
        let (house, site) = house_at(&stand_in, kind).await;
        let name = format!("inn/ada-site-{}", site.id.as_str().strip_prefix("app_").unwrap());
        stand_in.make(&name, &format!("Website of Innkeeper ({})", site.id)).await;
        let theirs = commit_to(&stand_in.bare(&name), "Early").await;
        make(&house, &site).await.unwrap();
        assert_eq!(git::head(&stand_in.bare(&name)).await.unwrap(), theirs);
    }
}

#[tokio::test]
async fn failures_outside_are_told_apart_with_what_to_do() {
    let stand_in = StandIn::start().await;
    let (house, site) = house_at(&stand_in, ProviderKind::Github).await;
    let fail = |status, headers, message: &str| {
        stand_in.fail(Failure { path_ends: "/repos", status, headers, body: json!({ "message": message }) });
    };
    fail(401, &[], "Bad credentials");
    let error = make(&house, &site).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict(text) if text.contains("set a valid github.token")), "{error:?}");
    fail(403, &[], "Resource not accessible by personal access token");
    let error = make(&house, &site).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict(text) if text.contains("needs the permissions Administration")), "{error:?}");
    fail(404, &[], "Not Found");
    let error = make(&house, &site).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict(text) if text.contains("no organisation `inn`")), "{error:?}");
    fail(422, &[], "Validation Failed");
    let error = make(&house, &site).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict(text) if text.contains("Validation Failed")), "{error:?}");
    fail(429, &[("retry-after", "90")], "You have exceeded a secondary rate limit");
    let error = make(&house, &site).await.unwrap_err();
    assert!(matches!(&error, Error::Throttled { retry_after, .. } if retry_after.as_secs() == 90), "{error:?}");
    let reset = &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1768387500"), ("date", "Wed, 14 Jan 2026 10:30:00 GMT")];
    fail(403, reset, "API rate limit exceeded");
    let error = make(&house, &site).await.unwrap_err();
    assert!(
        matches!(&error, Error::Throttled { retry_after, message } if retry_after.as_secs() == 900 && message.contains("15 minutes")),
        "{error:?}"
    );
    fail(502, &[], "Server Error");
    let error = make(&house, &site).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable { message, .. } if message.contains("fault of its own")), "{error:?}");
    assert!(error.is_transient());
    // A webhook that they cannot reach fails nothing: pushes are found by looking.
    let unreachable = json!({ "message": "Validation Failed", "errors": [{ "message": "url is not supported because it isn't reachable over the public Internet (localhost)" }] });
    stand_in.fail(Failure { path_ends: "/hooks", status: 200, headers: &[], body: json!([]) });
    stand_in.fail(Failure { path_ends: "/hooks", status: 422, headers: &[], body: unreachable });
    let words = make(&house, &site).await.unwrap().unwrap();
    assert!(words.contains("GitHub cannot reach https://panel.test/api/webhook/customer-site"), "{words}");
    let name = stand_in.only_repository();
    assert!(stand_in.hooks_of(&name).is_empty());
    make(&house, &site).await.unwrap();
    assert_eq!(stand_in.hooks_of(&name).len(), 1);

    // Nobody there.
    let gone = GithubConfig { api_url: "http://127.0.0.1:9".to_owned(), ..stand_in.github() };
    let house = House::with_providers(ProviderKind::Github, gone, BitbucketConfig::default()).await;
    let site = active_site(&house, "ada").await;
    let error = make(&house, &site).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable { message, .. } if message.contains("GitHub cannot be reached (http://127.0.0.1:9)")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_provider_that_wants_a_pause_is_told_again_after_it() {
    let stand_in = StandIn::start().await;
    let (house, site) = house_at(&stand_in, ProviderKind::Github).await;
    make(&house, &site).await.unwrap();
    let name = stand_in.only_repository();
    let pushed = commit_to(&stand_in.bare(&name), "Prices").await;
    let failing: &'static str = Box::leak(format!("/statuses/{pushed}").into_boxed_str());
    stand_in.fail(Failure { path_ends: failing, status: 403, headers: &[("retry-after", "1800")], body: json!({}) });
    let body = json!({ "ref": "refs/heads/main", "after": pushed, "repository": { "full_name": name } });
    told(&house, ProviderKind::Github, "push", &body).await;
    house.work(jobs()).await;
    assert_eq!(stand_in.asked("POST", failing).len(), 1);
    house.hosting.clock.advance(Duration::from_secs(1790));
    house.work(jobs()).await;
    assert_eq!(stand_in.asked("POST", failing).len(), 1);
    house.hosting.clock.advance(Duration::from_secs(20));
    house.work(jobs()).await;
    assert_eq!(stand_in.asked("POST", failing).len(), 2);
}

#[tokio::test]
async fn the_token_is_in_no_argument_file_or_message() {
    let stand_in = StandIn::start().await;
    let (house, site) = house_at(&stand_in, ProviderKind::Github).await;
    stand_in.slow_down(Duration::from_millis(150));
    let stop = Arc::new(AtomicBool::new(false));
    let watch = std::thread::spawn({
        let stop = stop.clone();
        move || {
            let mut seen = BTreeSet::new();
            while !stop.load(Ordering::SeqCst) {
                seen.extend(arguments());
                std::thread::sleep(Duration::from_millis(5));
            }
            seen
        }
    });
    make(&house, &site).await.unwrap();
    let name = stand_in.only_repository();
    let pushed = commit_to(&stand_in.bare(&name), "Prices").await;
    let body = json!({ "ref": "refs/heads/main", "after": pushed, "repository": { "full_name": name } });
    told(&house, ProviderKind::Github, "push", &body).await;
    house.work(jobs()).await;
    assert_eq!(deployments_of(&house, &site).await.len(), 1);
    // What git says when it is refused, too.
    let mut messages = vec![format!("{:?} {:?}", stand_in.github(), stand_in.bitbucket())];
    stand_in.fail(Failure { path_ends: "/info/refs", status: 403, headers: &[], body: Value::Null });
    stand_in.fail(Failure { path_ends: "/info/refs", status: 500, headers: &[], body: Value::Null });
    for message in ["Again", "And again"] {
        let pushed = commit_to(&stand_in.bare(&name), message).await;
        let body = json!({ "ref": "refs/heads/main", "after": pushed, "repository": { "full_name": name } });
        told(&house, ProviderKind::Github, "push", &body).await;
        house.work(jobs()).await;
    }
    stop.store(true, Ordering::SeqCst);
    let seen = watch.join().unwrap();
    for (error,) in house.hosting.db.all::<(String,)>(sql("select coalesce(error, '') from job")).await.unwrap() {
        messages.push(error);
    }
    for (note,) in house.hosting.db.all::<(String,)>(sql("select coalesce(note, '') from webhook_delivery")).await.unwrap() {
        messages.push(note);
    }
    assert!(messages.iter().any(|text| text.contains("the provider refuses the token")), "{messages:?}");
    // It was looked at the right moment: both commands were seen at work.
    for verb in ["push", "fetch", "remote-http"] {
        assert!(seen.iter().any(|line| line.contains("git") && line.contains(verb) && line.contains(&stand_in.url)), "{verb} was not seen");
    }
    let secrets = [TOKEN.to_owned(), STANDARD.encode(format!("x-access-token:{TOKEN}"))];
    for secret in &secrets {
        for text in seen.iter().chain(&messages) {
            assert!(!text.contains(secret), "{text}");
        }
        let files = files_with(house.hosting.data(), secret.as_bytes());
        assert!(files.is_empty(), "{files:?}");
    }
    // The search finds what is there.
    assert!(!files_with(house.hosting.data(), pushed.as_bytes()).is_empty());
}

/// The command lines of all processes.
fn arguments() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let lines = entries.flatten().filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains("git")).collect()
}

/// The files below a folder that hold these bytes.
fn files_with(folder: &Path, bytes: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_with(&path, bytes));
        } else if std::fs::read(&path).unwrap_or_default().windows(bytes.len()).any(|part| part == bytes) {
            found.push(path);
        }
    }
    found
}
