//! Each answer to a delivery, on both databases; and what becomes of those that ask for a deployment.

use accounts::Actor;
use hosting::git::deliveries::{self, Answer, Incoming, Outcome, Payload};
use hosting::git::providers::ProviderKind;
use hosting::sites::{Site, SiteState};
use kit::secrets::hmac_sha256_hex;
use kit::{Error, Result, sql};
use serde_json::{Value, json};

use super::{SECRET, active_site, commit_to, deployments_of, jobs, set_secret};
use crate::house::{House, houses};

/// What is sent.
struct Sent {
    provider: Option<ProviderKind>,
    event: &'static str,
    id: Option<&'static str>,
    body: String,
}

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/webhooks/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn plain(site: &Site, commit: &str) -> Sent {
    let body = json!({
        "ref": "refs/heads/main", "repository": { "full_name": format!("{}/{}", site.customer_id, site.id) },
        "after": commit, "pusher": { "name": "customer" },
    });
    Sent { provider: None, event: "", id: None, body: body.to_string() }
}

async fn send_signed(house: &House, sent: &Sent, signature: Option<&str>) -> Result<Answer> {
    let payload: Payload = serde_json::from_str(&sent.body).unwrap();
    let incoming = Incoming { provider: sent.provider, event: sent.event, delivery_id: sent.id, signature, body: sent.body.as_bytes() };
    deliveries::receive(&house.hosting, &incoming, &payload).await
}

async fn send(house: &House, sent: &Sent) -> Result<Answer> {
    // Their order is that of their milliseconds.
    house.hosting.clock.advance(std::time::Duration::from_millis(5));
    let signature = format!("sha256={}", hmac_sha256_hex(SECRET, sent.body.as_bytes()));
    send_signed(house, sent, Some(&signature)).await
}

/// Puts a site's repository into the books as one of GitHub's or Bitbucket's.
async fn at(house: &House, site: &Site, provider: ProviderKind, full_name: &str, clone_url: &str) {
    let query = sql("insert into site_repository (site_id, provider, full_name, name_key, clone_url, web_url, created_at)
                     values ($1, $2, $3, $4, $5, $5, 1)");
    let query = query.bind(&site.id).bind(provider).bind(full_name).bind(full_name.to_lowercase()).bind(clone_url);
    house.hosting.db.execute(query).await.unwrap();
}

const KEPT: &str = "select cast(count(*) as bigint) from webhook_delivery";

#[tokio::test]
async fn a_push_is_kept_and_its_commit_deployed_once() {
    for house in houses().await {
        let site = active_site(&house, "ada").await;
        let commit = commit_to(&house.hosting.repository(&site), "Add <b>prices</b>").await;
        let sent = plain(&site, &commit);
        let answer = send(&house, &sent).await.unwrap();
        assert_eq!((answer.outcome, &answer.site_id), (Outcome::Queued, &site.id), "{}", house.on());
        assert!(answer.message.contains(&commit), "{}", answer.message);
        // Kept before it is answered, its work not yet begun.
        assert_eq!(house.test.count(KEPT).await, 1);
        assert!(deployments_of(&house, &site).await.is_empty());
        house.work(jobs()).await;
        assert_eq!(deployments_of(&house, &site).await, [("push".to_owned(), "running".to_owned(), commit.clone())]);
        let (subject, author): (String, String) = house.hosting.db.one(sql("select subject, author from deployment")).await.unwrap();
        assert_eq!((subject.as_str(), author.as_str()), ("Add <b>prices</b>", "Ada bLovelace/b"));

        // The same again, before and after it was worked, also under an id of the sender's: same answer, nothing done.
        let other_id = Sent { id: Some("another"), ..plain(&site, &commit) };
        for again in [&sent, &other_id] {
            assert_eq!(send(&house, again).await.unwrap(), answer, "{}", house.on());
        }
        house.work(jobs()).await;
        assert_eq!(deployments_of(&house, &site).await.len(), 1, "{}", house.on());
        let listed = deliveries::list(&house.hosting.db, &Actor::cli().scope(), &site.id, None, 50).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert!(listed[0].deployment_id.is_some() && listed[0].note.is_none(), "{listed:?}");
        assert_eq!((listed[0].branch.as_deref(), listed[0].commit_hash.as_deref()), (Some("main"), Some(commit.as_str())));

        // Another customer has no part in it.
        let (_, bob) = house.customer("bob").await;
        assert!(matches!(deliveries::list(&house.hosting.db, &bob.scope(), &site.id, None, 50).await, Err(Error::NotFound(_))));

        // Kept for 30 days.
        house.hosting.clock.advance(std::time::Duration::from_secs(29 * 86_400));
        sweep(&house).await;
        assert_eq!(house.test.count(KEPT).await, 1);
        house.hosting.clock.advance(std::time::Duration::from_secs(2 * 86_400));
        sweep(&house).await;
        assert_eq!(house.test.count(KEPT).await, 0);
    }
}

async fn sweep(house: &House) {
    let job = deliveries::Sweep {};
    let (db, clock) = (&house.hosting.db, &house.hosting.clock);
    db.write(async |tx| kit::jobs::enqueue::<hosting::Hosting, _>(&tx, clock, &job, kit::jobs::Enqueue::default()).await).await.unwrap();
    house.work(kit::jobs::Registry::default().job::<deliveries::Sweep>()).await;
}

#[tokio::test]
async fn of_ten_that_are_the_same_and_come_at_once_one_is_kept() {
    for house in houses().await {
        let site = active_site(&house, "ada").await;
        let commit = commit_to(&house.hosting.repository(&site), "One").await;
        let sent = plain(&site, &commit);
        let answers = futures_util::future::join_all((0..10).map(|_| send(&house, &sent))).await;
        let first = answers[0].as_ref().unwrap();
        for answer in &answers {
            assert_eq!(answer.as_ref().unwrap(), first, "{}", house.on());
        }
        assert_eq!(house.test.count(KEPT).await, 1, "{}", house.on());
        house.work(jobs()).await;
        assert_eq!(deployments_of(&house, &site).await.len(), 1, "{}", house.on());
    }
}

#[tokio::test]
async fn who_does_not_know_the_secret_learns_nothing_and_leaves_nothing() {
    for house in houses().await {
        let site = active_site(&house, "ada").await;
        let other = active_site(&house, "bob").await;
        set_secret(&house, &other, "another-secret-of-another-site").await;
        let commit = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
        let sent = plain(&site, commit);
        let right = hmac_sha256_hex(SECRET, sent.body.as_bytes());
        let reserialised = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&sent.body).unwrap()).unwrap();
        let refusal = "no site here has this repository and a webhook secret that fits";
        for signature in [
            String::new(),
            "sha256=".to_owned(),
            right.clone(),
            format!("sha1={right}"),
            format!("sha256={}", right.to_uppercase()),
            format!("SHA256={right}"),
            format!("sha256={}", &right[1..]),
            format!("sha256={right}00"),
            format!("sha256={}", "0".repeat(64)),
            format!("sha256={}", hmac_sha256_hex("", sent.body.as_bytes())),
            format!("sha256={}", hmac_sha256_hex("another-secret-of-another-site", sent.body.as_bytes())),
            format!("sha256={}", hmac_sha256_hex(SECRET, reserialised.as_bytes())),
        ] {
            let error = send_signed(&house, &sent, Some(&signature)).await.unwrap_err();
            assert!(matches!(&error, Error::Forbidden(text) if text.contains(refusal)), "{signature}: {error:?}");
        }
        // An unknown repository is answered with the very same words, also when the signature is that of some site.
        for name in ["customer/site-repo", "cust_aaaaaaaaaaaa/app_zzzzzzzz", "/", ""] {
            let body = json!({ "ref": "refs/heads/main", "after": commit, "repository": { "full_name": name } }).to_string();
            let unknown = Sent { provider: None, event: "", id: None, body };
            let error = send(&house, &unknown).await.unwrap_err();
            assert!(matches!(&error, Error::Forbidden(text) if text.contains(refusal)), "{name}: {error:?}");
        }
        let error = send_signed(&house, &sent, None).await.unwrap_err();
        assert!(matches!(&error, Error::Forbidden(text) if text.contains("X-Hub-Signature-256 is missing")), "{error:?}");
        // Without a secret there is no right signature.
        set_secret(&house, &site, "").await;
        let empty = format!("sha256={}", hmac_sha256_hex("", sent.body.as_bytes()));
        assert!(matches!(send_signed(&house, &sent, Some(&empty)).await, Err(Error::Forbidden(_))));
        let nobody = Sent { body: json!({ "ref": "refs/heads/main", "after": commit }).to_string(), ..plain(&site, commit) };
        assert!(matches!(send(&house, &nobody).await, Err(Error::Invalid(fields)) if fields[0].field == "repository.full_name"));
        assert_eq!(house.test.count(KEPT).await, 0, "{}", house.on());
        assert_eq!(house.test.count("select cast(count(*) as bigint) from job where kind = 'git.deploy_pushed'").await, 0);
    }
}

#[tokio::test]
async fn github_and_bitbucket_are_understood_as_they_speak() {
    for house in houses().await {
        let github = active_site(&house, "ada").await;
        at(&house, &github, ProviderKind::Github, "Codertocat/Hello-World", "https://github.com/Codertocat/Hello-World.git").await;
        let bitbucket = active_site(&house, "bob").await;
        at(&house, &bitbucket, ProviderKind::Bitbucket, "team_name/repo_name", "https://bitbucket.org/team_name/repo_name.git").await;
        let mut to_main = fixture("github-push");
        to_main["ref"] = json!("refs/heads/main");
        let mut ping = fixture("github-ping");
        ping["repository"]["full_name"] = json!("Codertocat/Hello-World");
        let mut deletion = fixture("github-push-deleted-tag");
        deletion["ref"] = json!("refs/heads/main");
        let mut bitbucket_main = fixture("bitbucket-push");
        for side in ["new", "old"] {
            bitbucket_main["push"]["changes"][0][side]["name"] = json!("main");
        }
        let mut bitbucket_gone = bitbucket_main.clone();
        bitbucket_gone["push"]["changes"][0]["new"] = Value::Null;
        let (hub, bucket) = (Some(ProviderKind::Github), Some(ProviderKind::Bitbucket));
        let cases = [
            (hub, "ping", ping, Outcome::Ignored, "pong"),
            (hub, "push", fixture("github-push"), Outcome::Ignored, "only the branch main is deployed, and this is master"),
            (hub, "push", fixture("github-push-tag"), Outcome::Ignored, "the tag simple-tag"),
            (hub, "push", deletion, Outcome::Ignored, "the branch was deleted"),
            (hub, "push", to_main, Outcome::Queued, "commit 6113728f27ae82c7b1a177c8d03f9e96e0adf246 of main"),
            (bucket, "repo:push", fixture("bitbucket-push"), Outcome::Ignored, "this is name-of-branch"),
            (bucket, "repo:push", bitbucket_gone, Outcome::Ignored, "the branch was deleted"),
            (bucket, "repo:push", bitbucket_main, Outcome::Queued, "commit 709d658dc5b6d6afcd46049c2f332ee3f515a67d of main"),
        ];
        for (provider, event, body, outcome, words) in cases {
            let sent = Sent { provider, event, id: None, body: body.to_string() };
            let answer = send(&house, &sent).await.unwrap();
            assert_eq!(answer.outcome, outcome, "{}: {event} {}", house.on(), answer.message);
            assert!(answer.message.contains(words), "{}", answer.message);
            assert_eq!(answer.site_id, if provider == hub { github.id.clone() } else { bitbucket.id.clone() });
        }
        let star = json!({ "action": "created", "repository": { "full_name": "codertocat/HELLO-world" } });
        let answer = send(&house, &Sent { provider: hub, event: "star", id: Some("1"), body: star.to_string() }).await.unwrap();
        assert!(answer.message.contains("`star` is of no use"), "{}", answer.message);
        // A delivery that says it is another host's is not ours, whatever its name.
        let mut foreign = fixture("github-push");
        foreign["repository"]["clone_url"] = json!("https://github.com.evil.test/Codertocat/Hello-World.git");
        let error = send(&house, &Sent { provider: hub, event: "push", id: None, body: foreign.to_string() }).await;
        assert!(matches!(error, Err(Error::Forbidden(_))), "{error:?}");
        // The id alone tells a replay, too.
        let first = Sent { provider: hub, event: "push", id: Some("72d3162e"), body: fixture("github-push").to_string() + " " };
        let second = Sent { provider: hub, event: "push", id: Some("72d3162e"), body: fixture("github-push").to_string() + "  " };
        assert_eq!(send(&house, &first).await.unwrap(), send(&house, &second).await.unwrap());
    }
}

#[tokio::test]
async fn a_site_that_does_not_serve_is_left_alone_and_says_so() {
    for house in houses().await {
        let site = active_site(&house, "ada").await;
        for (state, words) in [
            (SiteState::Stopped, "the site is stopped"),
            (SiteState::Archived, "the site is archived"),
            (SiteState::Restoring, "the site is restoring"),
        ] {
            house.settle(&site.id, state).await;
            let commit = format!("{:040x}", state as u8 + 1);
            let answer = send(&house, &plain(&site, &commit)).await.unwrap();
            assert_eq!(answer.outcome, Outcome::Ignored);
            assert!(answer.message.contains(words), "{}", answer.message);
        }
        assert_eq!(house.test.count("select cast(count(*) as bigint) from job where kind = 'git.deploy_pushed'").await, 0);
    }
}

#[tokio::test]
async fn pushes_that_overtake_each_other_end_with_the_newest() {
    for house in houses().await {
        let site = active_site(&house, "ada").await;
        let bare = house.hosting.repository(&site);
        let first = commit_to(&bare, "One").await;
        let second = commit_to(&bare, "Two").await;
        // Both are told before either is worked.
        for commit in [&first, &second] {
            send(&house, &plain(&site, commit)).await.unwrap();
        }
        house.work(jobs()).await;
        let commits: Vec<String> = deployments_of(&house, &site).await.into_iter().map(|(.., commit)| commit).collect();
        assert_eq!(commits, std::slice::from_ref(&second), "{}", house.on());

        // One that says where it comes from, and comes when the branch is further on, is late.
        let third = commit_to(&bare, "Three").await;
        let body = json!({
            "ref": "refs/heads/main", "before": first, "after": second,
            "repository": { "clone_url": house.hosting.repository_url(&site) },
        });
        let late = Sent { provider: None, event: "", id: None, body: body.to_string() };
        assert_eq!(send(&house, &late).await.unwrap().outcome, Outcome::Queued);
        house.work(jobs()).await;
        assert_eq!(deployments_of(&house, &site).await.len(), 1, "{}", house.on());
        let listed = deliveries::list(&house.hosting.db, &Actor::cli().scope(), &site.id, None, 1).await.unwrap();
        assert_eq!(listed[0].note.as_deref(), Some("told late: the branch is further on already"));

        // One that goes back on purpose comes from where the branch is.
        let body = json!({
            "ref": "refs/heads/main", "before": third, "after": first,
            "repository": { "clone_url": house.hosting.repository_url(&site) },
        });
        send(&house, &Sent { provider: None, event: "", id: None, body: body.to_string() }).await.unwrap();
        house.work(jobs()).await;
        let commits: Vec<String> = deployments_of(&house, &site).await.into_iter().map(|(.., commit)| commit).collect();
        assert_eq!(commits, [second, first], "{}", house.on());
    }
}

#[tokio::test]
async fn a_commit_that_is_not_there_is_said_at_the_delivery() {
    for house in houses().await {
        let site = active_site(&house, "ada").await;
        send(&house, &plain(&site, "6113728f27ae82c7b1a177c8d03f9e96e0adf246")).await.unwrap();
        house.work(jobs()).await;
        assert!(deployments_of(&house, &site).await.is_empty());
        let listed = deliveries::list(&house.hosting.db, &Actor::cli().scope(), &site.id, None, 1).await.unwrap();
        let note = listed[0].note.clone().unwrap_or_default();
        assert!(note.contains("the repository has no commit 6113728f"), "{}: {note}", house.on());
    }
}
