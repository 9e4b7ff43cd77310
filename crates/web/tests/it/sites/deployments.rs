//! Deployments over HTTP. No job runs here: what a deployment would have come to is written into its row.

use std::time::Duration;

use hosting::deployments::DeploymentId;
use hosting::sites::ReleaseId;
use hosting::{Site, SiteId};
use kit::sql;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use web::testing::{TestApp, TestMember};

use super::{new_site, owner, settle};

const COMMIT: &str = "4f2c9e1b7d0a3c5e8f6b2d4a1c9e7f0b3d5a8c6e";
/// Whatever a commit, a branch or a build can be called.
const HOSTILE: &str = "</a><script>alert('x')</script>\"'& {{7*7}} $(id)";

struct House {
    test: TestApp,
    owner: TestMember,
    id: String,
}

impl House {
    /// A site that serves, with a repository that has one commit.
    async fn new() -> House {
        let test = TestApp::start().await;
        let owner = owner(&test).await;
        let house = House { id: new_site(&test, &owner, "Atelier").await, test, owner };
        settle(&house.test, &house.id, "active").await;
        let site = house.site().await;
        let work = house.test.app.hosting.site_folder(&site);
        std::fs::create_dir_all(work.join("www")).unwrap();
        std::fs::write(work.join("www/index.html"), "first").unwrap();
        hosting::git::create(&work, &house.test.app.hosting.repository(&site)).await.unwrap();
        house
    }

    async fn site(&self) -> Site {
        hosting::sites::get_any(&self.test.app.db, &SiteId::parse(&self.id).unwrap()).await.unwrap()
    }

    async fn head(&self) -> String {
        hosting::git::head(&self.test.app.hosting.repository(&self.site().await)).await.unwrap()
    }

    async fn page(&self, path: &str) -> String {
        let reply = self.test.get(&format!("/sites/{}{path}", self.id)).by(&self.owner).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.text
    }

    async fn get(&self, path: &str) -> Value {
        let reply = self.test.get(path).by(&self.owner).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.json()
    }

    async fn deploy(&self) -> String {
        self.test.app.clock.advance(Duration::from_secs(1));
        let reply = self.test.post(&format!("/api/sites/{}/deployments", self.id)).by(&self.owner).json(&json!({})).send().await;
        assert_eq!(reply.status, 202, "{}", reply.text);
        let id = reply.json()["deployment_id"].as_str().unwrap().to_owned();
        assert_eq!(reply.header("location"), format!("/api/deployments/{id}"));
        id
    }

    /// As the job would have left it: its verdict, its operation, and what serves.
    async fn ends(&self, deployment: &str, state: &str, error: Option<&str>) {
        let (db, now) = (&self.test.app.db, self.test.app.clock.now());
        let served_at = (state == "success").then_some(now);
        db.execute(
            sql("update deployment set state = $2, finished_at = $3, served_at = $4, error = $5,
                        started_at = coalesce(started_at, $3) where id = $1")
            .bind(deployment)
            .bind(state)
            .bind(now)
            .bind(served_at)
            .bind(error.map(str::to_owned)),
        )
        .await
        .unwrap();
        let done = if error.is_some() { "failed" } else { "done" };
        db.execute(sql("update site_operation set state = $2, finished_at = $3 where site_id = $1").bind(&self.id).bind(done).bind(now))
            .await
            .unwrap();
    }

    /// A release that served and is kept.
    async fn release(&self, commit: &str) -> String {
        self.test.app.clock.advance(Duration::from_secs(1));
        let id = ReleaseId::new(&self.test.app.clock);
        let insert = "insert into release (id, site_id, commit_hash, images, environment_version, template_version, created_at, live_at)
                      values ($1, $2, $3, '{\"www\":\"innkeeper/www:1\"}', 0, '1', $4, $4)";
        let query = sql(insert).bind(&id).bind(&self.id).bind(commit).bind(self.test.app.clock.now());
        self.test.app.db.execute(query).await.unwrap();
        id.to_string()
    }

    async fn set(&self, what: &str, deployment: &str, value: &str) {
        let query = format!("update deployment set {what} = $2 where id = $1");
        self.test.app.db.execute(sql(Box::leak(query.into_boxed_str())).bind(deployment).bind(value)).await.unwrap();
    }

    async fn serves(&self, release: &str) {
        self.test.app.db.execute(sql("update site set release_id = $2 where id = $1").bind(&self.id).bind(release)).await.unwrap();
    }

    /// Adds to a deployment's log, as it is stored.
    fn says(&self, deployment: &str, step: &str, text: &str) {
        let folder = self.test.app.hosting.data().join("deployments").join(&self.id);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{deployment}.log"));
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, format!("{before}{}\t{step}\t{text}\n", self.test.app.clock.now().0)).unwrap();
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[tokio::test]
async fn the_newest_commit_is_deployed_from_the_page_and_followed_to_its_verdict() {
    let house = House::new().await;
    let list = house.page("/deployments").await;
    for words in
        ["Deploy the newest commit", "Nothing deployed yet", "Start from the template", "No kept", "aria-current=\"page\">Deployments"]
    {
        assert_eq!(list.contains(words), words != "No kept", "{words}");
    }
    let reply = house.test.post(&format!("/sites/{}/deployments", house.id)).by(&house.owner).form(&[]).send().await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    let path = reply.header("location").strip_prefix(&format!("/sites/{}", house.id)).unwrap().to_owned();
    let id = path.rsplit('/').next().unwrap().to_owned();
    let page = house.page(&path).await;
    for words in
        ["Deploying", "Check out the commit", "0 of 7 done", "Cancel", "Start from the template", "data-log-stream", &house.head().await]
    {
        assert!(page.contains(words), "{words}");
    }
    let overview = house.page("").await;
    assert!(overview.contains("0 of 7 steps done") && overview.contains("goes on serving"));
    assert!(!overview.contains(&format!("/sites/{}/retry", house.id)), "it is not tried again from there");

    let release = house.release(&house.head().await).await;
    house.set("release_id", &id, &release).await;
    house.serves(&release).await;
    house.ends(&id, "success", None).await;
    let page = house.page(&path).await;
    assert!(page.contains("Visitors get this release") && page.contains("Deploy again") && !page.contains(">Cancel<"));
    assert!(!page.contains("data-log-stream"), "nothing more comes");
    let list = house.page("/deployments").await;
    assert!(list.contains("Live") && list.contains(&format!("/sites/{}{path}", house.id)));
    assert!(!house.page("").await.contains("goes on serving"), "what went well needs no card");
}

#[tokio::test]
async fn hostile_names_are_text_on_every_page_and_themselves_in_json() {
    let house = House::new().await;
    let id = house.deploy().await;
    for column in ["subject", "author", "branch", "requested_by", "cancelled_by", "error"] {
        house.set(column, &id, HOSTILE).await;
    }
    house.set("commit_hash", &id, COMMIT).await;
    house.set("evidence", &id, &json!({ "verdict": "rolled_back", "reason": HOSTILE, "figures": { HOSTILE: HOSTILE } }).to_string()).await;
    house.says(&id, "build", &format!("\u{1b}[31m{HOSTILE}\u{1b}]0;title\u{7}"));
    for state in ["queued", "running", "failed", "cancelled", "superseded", "rolled_back"] {
        house.set("state", &id, state).await;
        for path in ["/deployments", &format!("/deployments/{id}"), ""] {
            let page = house.page(path).await;
            assert!(!page.contains("<script>alert") && !page.contains('\u{1b}'), "{state} on {path}");
            let is_told = !path.is_empty() || matches!(state, "queued" | "running" | "failed" | "rolled_back");
            assert_eq!(page.contains(&escaped(HOSTILE)), is_told, "{state} on {path:?}");
        }
    }
    let told = house.get(&format!("/api/deployments/{id}")).await;
    for field in ["commit_subject", "commit_author", "branch", "requested_by", "cancelled_by", "error"] {
        assert_eq!(told[field], HOSTILE, "{field}");
    }
    assert_eq!(told["evidence"]["reason"], HOSTILE);
    let search = format!("/deployments/{id}?{}", serde_urlencoded::to_string([("q", "<script>alert")]).unwrap());
    let page = house.page(&search).await;
    assert!(page.contains("1 of 1 lines contain") && !page.contains("<script>alert"));
}

#[tokio::test]
async fn what_was_taken_back_shows_its_evidence() {
    let house = House::new().await;
    let id = house.deploy().await;
    house.ends(&id, "rolled_back", None).await;
    let evidence = json!({
        "verdict": "rolled_back", "reason": "12 of 100 answers failed", "counted_before": { "requests": 7, "server_errors": 7 },
        "old": { "requests": 2000, "server_errors": 1 }, "new": { "requests": 100, "server_errors": 12 }, "restarts": 3, "as_of": 1_768_386_600_000_i64,
    });
    house.set("evidence", &id, &evidence.to_string()).await;
    let page = house.page(&format!("/deployments/{id}")).await;
    for words in
        ["Taken back by itself", "12 of 100 answers failed. The release before serves again.", "1 of 2,000", "12 of 100", "12.0\u{a0}%"]
    {
        assert!(page.contains(words), "{words}");
    }
    assert!(house.page("").await.contains("The release before serves again."));
}

#[tokio::test]
async fn a_failed_deployment_says_why_and_that_the_site_is_as_it_was() {
    let house = House::new().await;
    let id = house.deploy().await;
    for number in 0..3000 {
        house.test.app.clock.advance(Duration::from_millis(1));
        if !(40..=2990).contains(&number) {
            house.says(&id, "build", &format!("line {number} \u{1b}[33m{}\u{1b}[0m", "x".repeat(900)));
        }
    }
    house.says(&id, "build", "npm ERR! missing script: build");
    house.test.app.db.execute(sql("update site_step set state = 'failed', error = 'x' where name = 'build'")).await.unwrap();
    house.ends(&id, "failed", Some("the build of www failed")).await;
    let page = house.page(&format!("/deployments/{id}")).await;
    assert!(page.len() < 60_000, "{} bytes", page.len());
    for words in [
        "It failed at “Build the images”",
        "The build of www failed.",
        "visitors noticed nothing",
        "Mend what the last lines name",
        "Try again",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let (last, log) = (page.find("The last it said").unwrap(), page.find("data-log-filter").unwrap());
    assert!(page[last..log].contains("npm ERR! missing script: build"), "the last lines stand first");
    assert!(page.contains("earlier lines are not shown") && !page.contains("line 0 "));
    let more = house.page(&format!("/deployments/{id}?lines=many")).await;
    assert!(more.contains("line 0 ") && !more.contains("earlier lines are not shown"));

    let overview = house.page("").await;
    assert!(overview.contains("the release before still serves") && !overview.contains("Give up"));
    let site = house.get(&format!("/api/sites/{}", house.id)).await;
    assert_eq!(site["status"], "active");
    let retry = house.test.post(&format!("/api/sites/{}/retry", house.id)).by(&house.owner).send().await;
    assert_eq!(retry.status, 409, "{}", retry.text);
}

#[tokio::test]
async fn the_queue_supersedes_tells_its_places_and_can_be_left() {
    let house = House::new().await;
    let (first, second, third) = (house.deploy().await, house.deploy().await, house.deploy().await);
    let told = async |id: &str| house.get(&format!("/api/deployments/{id}")).await;
    assert_eq!(told(&first).await["status"], "running");
    assert_eq!(told(&first).await["steps"].as_array().unwrap().len(), 7);
    assert_eq!(told(&second).await["status"], "superseded");
    let waiting = told(&third).await;
    assert_eq!((&waiting["status"], &waiting["position"]), (&json!("queued"), &json!(1)));
    assert!(house.page("/deployments").await.contains("1 deployment before it"));
    assert!(house.page(&format!("/deployments/{third}")).await.contains("One deployment is before it."));

    let cancel = async |id: &str| house.test.post(&format!("/api/deployments/{id}/cancel")).by(&house.owner).send().await;
    assert_eq!(cancel(&third).await.json()["status"], "cancelled");
    let stopped = cancel(&first).await.json();
    assert_eq!((&stopped["status"], stopped["cancelled_by"].is_string()), (&json!("running"), true), "its step lets go first");
    assert!(house.page(&format!("/deployments/{first}")).await.contains("Being stopped"));
    for id in [&second, &third] {
        assert_eq!(cancel(id).await.status, 409);
    }
    house.ends(&first, "success", None).await;
    assert_eq!(cancel(&first).await.status, 409, "visitors have it");
    let page = house.test.post(&format!("/sites/{}/deployments/{first}/cancel", house.id)).by(&house.owner).form(&[]).send().await;
    assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, &*format!("/sites/{}/deployments/{first}", house.id)));
}

#[tokio::test]
async fn commits_are_named_in_ways_that_git_cannot_misread() {
    let house = House::new().await;
    let ask =
        async |body: Value| house.test.post(&format!("/api/sites/{}/deployments", house.id)).by(&house.owner).json(&body).send().await;
    for bad in [COMMIT, "--all", "--upload-pack=id", "HEAD~1", "main:www", "", "nobody", "main\u{7}", &"a".repeat(500)] {
        let reply = ask(json!({ "commit": bad })).await;
        assert_eq!(
            (reply.status, reply.json()["errors"][0]["field"].clone()),
            (StatusCode::UNPROCESSABLE_ENTITY, json!("commit")),
            "{bad}"
        );
    }
    assert_eq!(ask(json!({ "branch": "main" })).await.status, 422);
    assert_eq!(ask(json!({ "commit": 7 })).await.status, 422);
    let head = house.head().await;
    let reply = ask(json!({ "commit": &head[..6] })).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    let told = reply.json();
    assert_eq!((&told["commit_hash"], &told["branch"], &told["kind"]), (&json!(head), &json!(null), &json!("manual")));
    house.test.app.clock.advance(Duration::from_secs(1));
    assert_eq!(ask(json!({ "commit": "main" })).await.json()["branch"], "main");
    // Without a body, as `curl -X POST` sends it.
    let bare = house.test.post(&format!("/api/sites/{}/deployments", house.id)).by(&house.owner).send().await;
    assert_eq!(bare.status, 202, "{}", bare.text);
    let page = house.test.post(&format!("/sites/{}/deployments", house.id)).by(&house.owner).form(&[("commit", "--all")]).send().await;
    assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, &*format!("/sites/{}/deployments", house.id)));

    settle(&house.test, &house.id, "stopped").await;
    assert_eq!(ask(json!({})).await.status, 409);
}

#[tokio::test]
async fn a_kept_release_serves_again_and_what_is_not_kept_does_not() {
    let house = House::new().await;
    let (old, live) = (house.release(COMMIT).await, house.release(&house.head().await).await);
    house.serves(&live).await;
    let retired = house.release(COMMIT).await;
    house.test.app.db.execute(sql("update release set retired_at = 1 where id = $1").bind(&retired)).await.unwrap();
    let releases = house.get(&format!("/api/sites/{}/releases", house.id)).await;
    let ids: Vec<&str> = releases["items"].as_array().unwrap().iter().map(|it| it["release_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [live.as_str(), old.as_str()]);
    assert_eq!((&releases["items"][0]["serving"], &releases["items"][1]["serving"]), (&json!(true), &json!(false)));
    assert_eq!(releases["items"][1]["images"], json!({ "www": "innkeeper/www:1" }));

    let list = house.page("/deployments").await;
    assert!(
        list.contains(&format!("Roll back to {}?", &COMMIT[..7]))
            && list.contains("It takes seconds")
            && list.contains("nothing is built again")
    );
    assert!(list.contains("could not be found out"), "the old commit is not in the repository");

    let back = async |body: Value| house.test.post(&format!("/api/sites/{}/rollback", house.id)).by(&house.owner).json(&body).send().await;
    for (body, status) in [
        (json!({ "release_id": live }), 409),
        (json!({ "release_id": retired }), 404),
        (json!({ "release_id": "../x" }), 422),
        (json!({ "deployment_id": "nonsense" }), 422),
        (json!({ "deployment_id": "deploy-20200101-000000" }), 404),
        (json!({ "release_id": old, "deployment_id": "deploy-20200101-000000" }), 422),
        (json!({ "to": old }), 422),
    ] {
        assert_eq!(back(body.clone()).await.status.as_u16(), status, "{body}");
    }
    let reply = back(json!({})).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    let told = reply.json();
    assert_eq!((&told["kind"], &told["release_id"], &told["status"]), (&json!("rollback"), &json!(old), &json!("running")));
    assert_eq!(told["steps"][0]["name"], "prepare", "nothing is built");
    let by_page = house.test.post(&format!("/sites/{}/rollback", house.id)).by(&house.owner).form(&[("release_id", &retired)]).send().await;
    assert_eq!(by_page.header("location"), format!("/sites/{}/deployments", house.id), "refused with a message");
}

#[tokio::test]
async fn migrations_between_two_releases_are_named_before_going_back() {
    let house = House::new().await;
    let (site, first) = (house.site().await, house.head().await);
    let work = house.test.app.hosting.site_folder(&site);
    std::fs::create_dir_all(work.join("api/migrations")).unwrap();
    std::fs::write(work.join("api/migrations/0002_<b>.sql"), "drop table x").unwrap();
    let git = async |args: &[&str]| {
        kit::exec::Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.test"])
            .args(args)
            .dir(&work)
            .run()
            .await
            .unwrap()
    };
    git(&["add", "--all"]).await;
    git(&["commit", "--quiet", "--message", "A migration"]).await;
    git(&["push", "--quiet", "origin", "HEAD:main"]).await;
    house.release(&first).await;
    let live = house.release(&house.head().await).await;
    house.serves(&live).await;
    let list = house.page("/deployments").await;
    assert!(list.contains("The database is not taken back.") && list.contains("api/migrations/0002_&lt;b&gt;.sql"), "{list}");
}

#[tokio::test]
async fn lists_go_on_from_their_cursor_and_belong_to_their_site() {
    let house = House::new().await;
    let mut made = Vec::new();
    for _ in 0..23 {
        let id = house.deploy().await;
        house.ends(&id, "success", None).await;
        made.push(id);
    }
    made.reverse();
    let path = format!("/api/sites/{}/deployments", house.id);
    let mut seen: Vec<String> = Vec::new();
    let mut next = String::new();
    loop {
        let page = house.get(&format!("{path}?limit=10{next}")).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|it| it["deployment_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("&before={cursor}");
    }
    assert_eq!(seen, made);
    let first = house.page("/deployments").await;
    assert!(first.contains(&made[19]) && !first.contains(&format!("/deployments/{}\"", made[20])));
    let second = house.page(&format!("/deployments?before={}", made[19])).await;
    assert!(second.contains(&made[20]) && !second.contains("Deploy the newest commit"));

    let detail = house.get(&format!("/api/sites/{}", house.id)).await;
    let history = detail["deployment_history"].as_array().unwrap();
    assert_eq!((history.len(), &history[0]["deployment_id"], &history[0]["duration"]), (20, &json!(made[0]), &json!("0s")));
    let keys: Vec<&String> = history[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["commit_hash", "deployed_at", "deployment_id", "duration", "status"]);

    let neighbour = new_site(&house.test, &house.owner, "Second").await;
    settle(&house.test, &neighbour, "active").await;
    let elsewhere = format!("/api/sites/{neighbour}/deployments");
    let stranger = owner(&house.test).await;
    for (path, by, status) in [
        (format!("{path}?limit=0"), &house.owner, 422),
        (format!("{path}?limit=200"), &house.owner, 422),
        (format!("{path}?before=nonsense"), &house.owner, 422),
        (format!("{path}?before=deploy-20200101-000000"), &house.owner, 422),
        (format!("{elsewhere}?before={}", made[0]), &house.owner, 422),
        (format!("{path}?after={}", made[0]), &house.owner, 422),
        (path.clone(), &stranger, 404),
        (format!("/api/deployments/{}", made[0]), &stranger, 404),
        (format!("/api/deployments/{}/log", made[0]), &stranger, 404),
        ("/api/deployments/deploy-20200101-000000".to_owned(), &house.owner, 404),
        ("/api/deployments/..%2F..%2Fetc%2Fpasswd/log".to_owned(), &house.owner, 404),
        (format!("/sites/{neighbour}/deployments/{}", made[0]), &house.owner, 404),
        (format!("/sites/{neighbour}/deployments/{}/log.txt", made[0]), &house.owner, 404),
        (format!("/sites/{neighbour}/deployments/{}/log/follow", made[0]), &house.owner, 404),
        (format!("/sites/{}/deployments/nonsense", house.id), &house.owner, 404),
    ] {
        assert_eq!(house.test.get(&path).by(by).send().await.status.as_u16(), status, "{path}");
    }
    let cancel = house.test.post(&format!("/sites/{neighbour}/deployments/{}/cancel", made[0])).by(&house.owner).form(&[]).send().await;
    assert_eq!(cancel.status, 404);
    for path in [format!("/api/deployments/{}/cancel", made[0]), path, format!("/api/sites/{}/rollback", house.id)] {
        assert_eq!(house.test.post(&path).by(&stranger).json(&json!({})).send().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_log_comes_as_text_from_anywhere_and_without_colours() {
    let house = House::new().await;
    let id = house.deploy().await;
    house.says(&id, "checkout", "commit abc");
    let path = format!("/api/deployments/{id}/log");
    let first = house.test.get(&path).by(&house.owner).send().await;
    assert_eq!(
        (first.header("content-type"), first.text.as_str()),
        ("text/plain; charset=utf-8", "2026-01-14T10:30:01Z checkout     commit abc\n")
    );
    house.says(&id, "build", "\u{1b}[32mdone\u{1b}[0m <b>");
    let from = first.header("x-next-from").to_owned();
    let rest = house.test.get(&format!("{path}?from={from}")).by(&house.owner).send().await;
    assert!(rest.text.ends_with("build        done <b>\n") && !rest.text.contains("checkout"), "{}", rest.text);
    for bad in ["?from=-1", "?from=x", "?follow=perhaps", "?tail=1"] {
        assert_eq!(house.test.get(&format!("{path}{bad}")).by(&house.owner).send().await.status, 422, "{bad}");
    }
    let beyond = house.test.get(&format!("{path}?from=18446744073709551615")).by(&house.owner).send().await;
    assert_eq!((beyond.status, beyond.text.as_str()), (StatusCode::OK, ""));
    let file = house.test.get(&format!("/sites/{}/deployments/{id}/log.txt", house.id)).by(&house.owner).send().await;
    assert_eq!(file.header("content-disposition"), format!("attachment; filename=\"{id}.txt\""));
    assert!(file.text.contains("done <b>") && !file.text.contains('\u{1b}'));
}

#[tokio::test]
async fn whoever_follows_gets_lines_as_they_come_and_the_verdict_last() {
    let house = House::new().await;
    let id = house.deploy().await;
    house.says(&id, "checkout", "commit abc");
    let path = format!("/api/deployments/{id}/log");
    let follow =
        async |query: &str, accept: &str| house.test.get(&format!("{path}{query}")).by(&house.owner).header("accept", accept).send().await;
    let events_path = format!("/sites/{}/deployments/{id}/log/follow?from=0", house.id);
    let (plain, events, beats, ()) = tokio::join!(
        follow("?follow=true", "text/plain"),
        follow("", "text/event-stream"),
        async { house.test.get(&events_path).by(&house.owner).send().await },
        async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            house.says(&id, "build", "\u{1b}[31mbroken\u{1b}[0m");
            house.ends(&id, "failed", Some("the build\nfailed")).await;
            house.test.app.bus.signal(format!("site:{}", house.id), format!("site:{}", house.id));
        },
    );
    let lines: Vec<&str> = plain.text.lines().collect();
    assert_eq!(lines.len(), 3, "{}", plain.text);
    assert!(lines[0].ends_with("commit abc") && lines[1].ends_with("broken"), "{}", plain.text);
    assert_eq!(lines[2], format!("{id} failed: the build failed"));
    assert_eq!(events.header("content-type"), "text/event-stream");
    let (line, verdict) = (events.text.find("\"text\":\"broken\"").unwrap(), events.text.find("event: verdict").unwrap());
    assert!(
        line < verdict && events.text[verdict..].contains("\"status\":\"failed\"") && events.text.contains("\nid: "),
        "{}",
        events.text
    );
    let last: Value = serde_json::from_str(beats.text.lines().last().unwrap()).unwrap();
    assert_eq!(last["over"], true);
    assert!(beats.text.contains(r#""pieces":[["ansi-1","broken"]]"#), "{}", beats.text);

    // Who comes back with the last id gets what came after, and the verdict.
    let resumed =
        house.test.get(&path).by(&house.owner).header("accept", "text/event-stream").header("last-event-id", &last["next"].to_string());
    let resumed = resumed.send().await.text;
    assert!(!resumed.contains("event: line") && resumed.contains("event: verdict"), "{resumed}");
}

#[tokio::test]
async fn a_stream_ends_with_the_right_to_read_it() {
    let house = House::new().await;
    let id = house.deploy().await;
    house.says(&id, "checkout", "commit abc");
    let token = house.test.token(&house.owner, "sites:read").await;
    let by_token = house.test.get(&format!("/api/deployments/{id}/log?follow=true")).token(&token);
    let by_token_as_events = house.test.get(&format!("/api/deployments/{id}/log")).token(&token).header("accept", "text/event-stream");
    let page = format!("/sites/{}/deployments/{id}/log/follow?from=0", house.id);
    let other = house.test.sign_in_again(&house.owner.id).await;
    let by_session = house.test.get(&page).header("cookie", &other);
    let begun = std::time::Instant::now();
    let (text, events, beats, ()) = tokio::join!(by_token.send(), by_token_as_events.send(), by_session.send(), async {
        tokio::time::sleep(Duration::from_millis(1200)).await;
        let listed = house.get("/api/tokens").await;
        let path = format!("/api/tokens/{}", listed["items"][0]["id"].as_str().unwrap());
        assert_eq!(house.test.ask(Method::DELETE, &path).by(&house.owner).send().await.status, 204);
        // The session that was begun last signs out.
        let ended = sql("delete from session where id = (select max(id) from session)");
        assert_eq!(house.test.app.db.execute(ended).await.unwrap(), 1);
        house.says(&id, "build", "not for them");
    });
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    for (what, reply) in [("text", &text), ("events", &events), ("page", &beats)] {
        assert_eq!(reply.status, 200, "{what}");
        assert!(reply.text.contains("commit abc") && !reply.text.contains("not for them"), "{what}: {}", reply.text);
        assert!(!reply.text.contains("verdict") && !reply.text.contains("\"over\":true"), "{what}: {}", reply.text);
    }
    // Whoever is still let in reads on.
    assert!(house.test.get(&format!("/api/deployments/{id}/log")).by(&house.owner).send().await.text.contains("not for them"));
    assert_eq!(house.test.get(&format!("/api/deployments/{id}/log?follow=true")).token(&token).send().await.status, 401);
}

#[tokio::test]
async fn tokens_that_may_deploy_do_so_once_for_one_key() {
    let house = House::new().await;
    let token = house.test.token(&house.owner, "sites:deploy").await;
    let path = format!("/api/sites/{}/deployments", house.id);
    let ask = async || house.test.post(&path).token(&token).header("idempotency-key", "ci-7").json(&json!({})).send().await;
    let (first, again) = (ask().await, ask().await);
    assert_eq!((first.status, again.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED), "{}", again.text);
    assert_eq!(first.json()["deployment_id"], again.json()["deployment_id"]);
    let id = first.json()["deployment_id"].as_str().unwrap().to_owned();
    assert!(DeploymentId::parse(&id).is_ok());
    assert_eq!(house.test.get(&format!("/api/deployments/{id}")).token(&token).send().await.status, 403, "that takes sites:read");
    let rows: (i64,) = house.test.app.db.one(sql("select cast(count(*) as bigint) from deployment")).await.unwrap();
    assert_eq!(rows.0, 1);
}
