//! Every route × everyone who may ask: `matrix.txt` says by hand what each gets. A route without a row fails, and so does
//! a row without a route.

use std::collections::BTreeSet;

use accounts::{Actor, CustomerId, Email, NewInvitation, Role, Standing, TokenScope, invitations, setup};
use kit::jobs::{Enqueue, Job, enqueue};
use kit::mail::{Mail, Mailer};
use kit::secrets::Secret;
use kit::sql;
use reqwest::Method;
use web::testing::{Reply, TestApp, TestMember};

const MATRIX: &str = include_str!("matrix.txt");
const WHO: [&str; 7] = ["anonymous", "other", "owner", "member", "concierge", "admin", "suspended"];

struct Row {
    method: String,
    path: String,
    body: String,
    expected: Vec<String>,
    /// `page`, `any`, `none`, or the scope that opens it to tokens.
    tokens: String,
}

impl Row {
    fn route(&self) -> String {
        self.path.split('?').next().unwrap_or_default().to_owned()
    }

    fn expects(&self, who: &str) -> &str {
        &self.expected[WHO.iter().position(|name| *name == who).expect("a column")]
    }

    fn changes_something(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "ANY")
    }
}

fn rows() -> Vec<Row> {
    MATRIX
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            let [target, body, expected, tokens] = parts.as_slice() else { panic!("four columns: {line}") };
            let (method, path) = target.split_once(' ').expect("method and path");
            let expected: Vec<String> = expected.split_whitespace().map(str::to_owned).collect();
            assert_eq!(expected.len(), WHO.len(), "{line}");
            Row {
                method: method.to_owned(),
                path: path.trim().to_owned(),
                body: (*body).to_owned(),
                expected,
                tokens: (*tokens).to_owned(),
            }
        })
        .collect()
}

/// One customer with everything that a path may name, and someone who asks.
struct Scene {
    customer: CustomerId,
    owner: TestMember,
    names: Vec<(&'static str, String)>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Nothing {}

impl Job<Mailer> for Nothing {
    const KIND: &'static str = "test.nothing";

    async fn run(self, _: Mailer, _: kit::jobs::Attempt) -> kit::Result<()> {
        Ok(())
    }
}

async fn scene(test: &TestApp, row: &Row) -> Scene {
    let app = &test.app;
    let customer = test.customer("Atelier Nord").await;
    let owner = test.passwordless(Role::Customer { customer: customer.clone(), standing: Standing::Owner }).await;
    let mut names = vec![("{customer}", customer.to_string())];
    if row.path.contains("{member}") {
        let target = test.passwordless(Role::Customer { customer: customer.clone(), standing: Standing::Member }).await;
        names.push(("{member}", target.id.to_string()));
    }
    if row.path.contains("{invitation}") {
        let role = Role::Customer { customer: customer.clone(), standing: Standing::Member };
        let email = Email::parse(&format!("{}@example.test", kit::id::random_base32(9))).unwrap();
        let base = app.config.server.public_url.origin();
        let invited =
            invitations::create(&app.db, &app.clock, &app.mailer, &Actor::cli(), base, NewInvitation { email, role }).await.unwrap();
        names.push(("{invitation}", invited.id.to_string()));
    }
    if row.path.contains("/tokens/{token}") {
        let actor = test.actor(&owner).await;
        let new = accounts::NewToken {
            name: accounts::Label::parse("target").unwrap(),
            scopes: accounts::TokenScopes::parse("sites:read").unwrap(),
            expires_at: None,
            limits: accounts::SendingLimits::default(),
        };
        let made = accounts::tokens::create(&app.db, &app.clock, &actor, &owner.id, new).await.unwrap();
        names.push(("{token}", made.id.to_string()));
    }
    if row.path.contains("{session}") {
        test.sign_in_again(&owner.id).await;
        let actor = test.actor(&owner).await;
        let sessions = accounts::sessions::list(&app.db, &app.clock, &actor).await.unwrap();
        let other = sessions.iter().find(|session| !session.current).expect("the second session");
        names.push(("{session}", other.id.to_string()));
    }
    if row.path.contains("{job}") {
        let id = app.db.write(async |tx| enqueue(&tx, &app.clock, &Nothing {}, Enqueue::default()).await).await.unwrap().unwrap();
        app.db.execute(sql("update job set state = 'dead' where id = $1").bind(&id)).await.unwrap();
        names.push(("{job}", id.to_string()));
    }
    if row.path.contains("{model}") {
        let id = insight::health::models::copy(&app.insight, &Actor::cli(), "account", "Agencies").await.unwrap();
        names.push(("{model}", id));
    }
    if row.path.contains("{run}") {
        let id = insight::health::runs::ask_dry_run(&app.insight, &Actor::cli(), "account").await.unwrap();
        names.push(("{run}", id.to_string()));
    }
    if row.path.contains("{version}") {
        names.push(("{version}", "2".to_owned()));
    }
    if row.path.contains("{key}") {
        let key = test.token(&owner, "events:write").await;
        let (id,): (String,) =
            app.db.one(sql("select id from api_token where token_hash = $1").bind(kit::secrets::sha256_hex(key))).await.unwrap();
        names.push(("{key}", id));
    }
    if row.path.contains("{import}") {
        // Only some files may wait at once.
        for import in app.imports.list(50).await.unwrap() {
            let _ = app.imports.cancel(&Actor::cli(), &import.id).await;
            app.imports.discard(&import.id).await.unwrap();
        }
        let mut upload = app.imports.upload(&Actor::cli(), "a.csv", None).await.unwrap();
        upload.write(b"event,time\nlogin,2026-01-14\n").await.unwrap();
        names.push(("{import}", upload.finish().await.unwrap().id.to_string()));
    }
    if row.path.contains("{mail}") {
        let mail = Mail { to: "a@example.test".into(), subject: "Hello".into(), text: Secret::new("t"), html: Secret::new("h") };
        let id = app.db.write(async |tx| app.mailer.queue(&tx, &mail).await).await.unwrap();
        names.push(("{mail}", id.to_string()));
    }
    if row.path.contains("{deployment") {
        let site = site(test, &customer).await;
        let deployment = failed_deployment(test, &site).await;
        names.extend([("{deployment}", deployment.clone()), ("{deployment_id}", deployment), ("{app}", site.clone()), ("{app_id}", site)]);
    } else if row.path.contains("{app") {
        let site = site(test, &customer).await;
        if row.path.contains("{deploy_token}") {
            let (id, name) = (hosting::SiteId::parse(&site).unwrap(), accounts::Label::parse("target").unwrap());
            let access = hosting::git::tokens::TokenAccess::Push;
            let made = hosting::git::tokens::create(&app.hosting, &Actor::cli(), &id, &name, access).await.unwrap();
            names.push(("{deploy_token}", made.id.to_string()));
        }
        names.extend([("{app}", site.clone()), ("{app_id}", site.clone())]);
        if row.path.contains("{webhook}") {
            let (webhook, delivery) = webhook(test, &site).await;
            names.extend([("{webhook}", webhook), ("{delivery}", delivery)]);
        }
        if row.path.contains("{preview}") {
            names.push(("{preview}", preview(test, &customer, &site).await));
        }
    }
    if row.path.contains("{price}") {
        names.push(("{price}", price(test).await));
    }
    names.extend(follow_ups(test, &customer, &row.path).await);
    names.extend(what_wakes(test, &row.path).await);
    names.push(("{repository}", "app_aaaaaaaa.git".to_owned()));
    names.push(("{kind}", "portfolio".to_owned()));
    names.push(("{token}", "unknown".to_owned()));
    names.push(("{invitation}", "unknown".to_owned()));
    names.push(("{*path}", "nothing.css".to_owned()));
    names.push(("{random}", kit::id::random_base32(10)));
    Scene { customer, owner, names }
}

async fn price(test: &TestApp) -> String {
    use insight::cost::{self, NewPrice, Part, Rates};
    let rates = Rates { base: [(Part::Input, 1), (Part::Output, 2)].into(), tiers: Vec::new() };
    let since = events::Day::parse("2026-01-01").unwrap();
    let new = NewPrice { label: "Ours".to_owned(), pattern: "ours".to_owned(), since, rates, note: String::new() };
    cost::add(&test.app.insight, &Actor::cli(), &new).await.unwrap().to_string()
}

impl Scene {
    fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    async fn person(&self, test: &TestApp, who: &str) -> Option<TestMember> {
        let of_customer = |standing| Role::Customer { customer: self.customer.clone(), standing };
        Some(match who {
            "anonymous" => return None,
            "owner" => self.owner.clone(),
            "suspended" => {
                let actor = Actor::cli();
                accounts::customers::suspend(&test.app.db, &test.app.clock, &actor, &self.customer).await.unwrap();
                self.owner.clone()
            }
            "other" => {
                let elsewhere = test.customer("Kaffee & Korn").await;
                test.passwordless(Role::Customer { customer: elsewhere, standing: Standing::Owner }).await
            }
            "member" => test.passwordless(of_customer(Standing::Member)).await,
            "concierge" => test.passwordless(Role::Concierge).await,
            "admin" => test.passwordless(Role::Admin).await,
            other => panic!("{other}"),
        })
    }
}

/// Whether a status is what the row says; `in` is the way to sign-in.
fn fits(reply: &Reply, expected: &str) -> bool {
    let to_sign_in = reply.status == 303 && reply.header("location").starts_with("/sign-in");
    match expected {
        "in" => to_sign_in,
        code => reply.status.as_str() == code && !to_sign_in,
    }
}

async fn ask(test: &TestApp, row: &Row, scene: &Scene, member: Option<&TestMember>, token: Option<&str>) -> Reply {
    let method: Method = if row.method == "ANY" { Method::GET } else { row.method.parse().unwrap() };
    let mut ask = test.ask(method, &scene.fill(&row.path));
    if let Some(member) = member {
        ask = ask.by(member);
    }
    if let Some(token) = token {
        ask = ask.token(token);
    }
    let body = scene.fill(&row.body);
    if row.changes_something() {
        let kind = if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
        ask = ask.header("content-type", kind).body(body);
    }
    ask.send().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_gets_what_the_matrix_says() {
    let test = TestApp::start().await;
    // Set-up is over, as in every house that has members.
    setup_is_over(&test).await;
    let mut wrong = Vec::new();
    for row in rows() {
        let mut shared: Option<Scene> = None;
        for who in WHO {
            // What changes something gets a scene of its own, and so does whoever is suspended.
            if shared.is_none() || row.changes_something() || who == "suspended" {
                shared = Some(scene(&test, &row).await);
            }
            let scene = shared.as_ref().expect("just made");
            let member = scene.person(&test, who).await;
            let reply = ask(&test, &row, scene, member.as_ref(), None).await;
            if !fits(&reply, row.expects(who)) {
                wrong.push(format!(
                    "{} {} by {who}: {} {}, not {}",
                    row.method,
                    row.path,
                    reply.status,
                    reply.header("location"),
                    row.expects(who)
                ));
            }
        }
        wrong.extend(tokens(&test, &row).await);
    }
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Each scope on its own: the one that the row names opens it as far as its member may, the others do not.
async fn tokens(test: &TestApp, row: &Row) -> Vec<String> {
    let mut wrong = Vec::new();
    let is_page = row.tokens == "page";
    let by_admin = row.expects("owner") == "403";
    let who = if by_admin { "admin" } else { "owner" };
    let scopes = TokenScope::ALL.iter().filter(|scope| !is_page || **scope == TokenScope::SitesRead);
    let mut shared: Option<Scene> = None;
    for scope in scopes {
        if shared.is_none() || row.changes_something() {
            shared = Some(scene(test, row).await);
        }
        let scene = shared.as_ref().expect("just made");
        let person = scene.person(test, who).await.expect("a member");
        let Some(token) = test.token_of(&person, *scope).await else { continue };
        let expected = match row.tokens.as_str() {
            "page" => row.expects("anonymous"),
            "any" => row.expects(who),
            named if named == scope.as_str() => row.expects(who),
            _ => "403",
        };
        let reply = ask(test, row, scene, None, Some(&token)).await;
        if !fits(&reply, expected) {
            wrong.push(format!("{} {} by a token of {who} with {scope}: {}, not {expected}", row.method, row.path, reply.status));
        }
    }
    wrong
}

#[test]
fn every_route_has_rows_and_every_row_a_route() {
    let routes: BTreeSet<String> = web::routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let rows: BTreeSet<String> = rows().iter().map(|row| format!("{} {}", row.method, row.route())).collect();
    let missing: Vec<&String> = routes.difference(&rows).collect();
    let spare: Vec<&String> = rows.difference(&routes).collect();
    assert!(missing.is_empty(), "routes without a row in matrix.txt: {missing:#?}");
    assert!(spare.is_empty(), "rows in matrix.txt without a route: {spare:#?}");
}

async fn setup_is_over(test: &TestApp) {
    let first = accounts::FirstAdmin {
        name: accounts::PersonName::parse("Olaf Operator").unwrap(),
        email: Email::parse("olaf@example.test").unwrap(),
        password: accounts::Password::parse(&Secret::new(web::testing::PASSWORD)).unwrap(),
    };
    let client = accounts::Client::new([127, 0, 0, 1].into(), "test");
    if let Some(token) = setup::ensure_link(&test.app.db, &test.app.clock).await.unwrap() {
        setup::complete(&test.app.db, &test.app.clock, &client, token.reveal(), first).await.unwrap();
    }
}

/// A webhook of a site, and something that it sends.
async fn webhook(test: &TestApp, site: &str) -> (String, String) {
    use hosting::notify::{deliveries, webhooks};
    let (site, hosting) = (hosting::SiteId::parse(site).unwrap(), &test.app.hosting);
    let events = webhooks::WebhookEvents::parse(["deployment.failed"]).unwrap();
    let new = webhooks::NewWebhook { url: "https://example.com/".to_owned(), events };
    let made = webhooks::create(hosting, &Actor::cli(), &site, &new).await.unwrap().webhook;
    let delivery = deliveries::test(hosting, &Actor::cli(), &site, &made.id).await.unwrap();
    (made.id.to_string(), delivery.id.to_string())
}

/// What staff wrote about a customer.
async fn follow_ups(test: &TestApp, customer: &CustomerId, path: &str) -> Vec<(&'static str, String)> {
    use insight::plays::{Actions, Assignee, Cause, NewPlay, TaskAction};
    let (app, cli) = (&test.app, Actor::cli());
    let mut names = Vec::new();
    if path.contains("{note}") {
        let note = insight::notes::add(&app.db, &app.clock, &cli, customer, "Called").await.unwrap();
        names.push(("{note}", note.id.to_string()));
    }
    if path.contains("{task}") {
        let new = insight::tasks::NewTask { title: "Call".to_owned(), ..Default::default() };
        let task = insight::tasks::add(&app.db, &app.clock, &cli, customer, &new).await.unwrap();
        names.push(("{task}", task.id.to_string()));
    }
    if path.contains("{saved}") {
        let id = insight::funnel::save(&app.insight, &cli, &kit::id::random_base32(9), "step1=a&step2=b").await.unwrap();
        names.push(("{saved}", id.to_string()));
    }
    if path.contains("{segment}") {
        // There may be so many only.
        app.db.execute(sql("delete from health_assignment")).await.unwrap();
        app.db.execute(sql("delete from segment")).await.unwrap();
        // Who is scored by what is not decided by scores.
        let is_assigned = path.contains("/assignments/");
        let fact = if is_assigned { "plan" } else { "score" };
        let expression = insight::segments::Expression::parse(&format!(r#"{{"where":{{"fact":"{fact}","is":"known"}}}}"#)).unwrap();
        let new = insight::segments::NewSegment { name: kit::id::random_base32(9), expression };
        let segment = insight::segments::create(&app.insight, app, &cli, &new).await.unwrap();
        if is_assigned {
            let builder = insight::health::VersionNo(2);
            insight::health::assignments::assign(&app.insight, &cli, &segment.id, builder, 1).await.unwrap();
        }
        names.push(("{segment}", segment.id.to_string()));
    }
    if path.contains("{play}") {
        let task = TaskAction { title: "Call".to_owned(), due_in_days: None, assignee: Assignee::Nobody };
        let new = NewPlay {
            name: "Call".to_owned(),
            cause: Cause::FallingFast,
            segment: None,
            actions: Actions { task: Some(task), mail: None },
            url: Some("https://example.com/".to_owned()),
            quiet_days: 14,
            active: false,
        };
        // Each caller of each route has one of its own, which is more than a house may have at once.
        for play in insight::plays::list(&app.plays, &cli).await.unwrap() {
            insight::plays::remove(&app.plays, &cli, &play.id).await.unwrap();
        }
        let made = insight::plays::create(&app.plays, &cli, &new).await.unwrap();
        names.push(("{play}", made.play.id.to_string()));
    }
    names
}

/// Rules, silences, channels and an alert.
async fn what_wakes(test: &TestApp, path: &str) -> Vec<(&'static str, String)> {
    use alerts::{channels, rules, silences};
    let (alerts, db, cli) = (&test.app.alerts, &test.app.db, Actor::cli());
    let mut names = Vec::new();
    if !path.contains("alerts") {
        return names;
    }
    // Each caller of each route has some of its own, which are more than a house may have at once.
    for table in ["delete from alert_rule", "delete from alert_silence", "delete from alert_channel"] {
        db.execute(sql(table)).await.unwrap();
    }
    if path.contains("{rule}") {
        let condition = rules::Condition::AtLeast { value: 1.0 };
        let new = rules::NewRule { name: "Down".into(), condition, ..rules::NewRule::of(alerts::metrics::Metric::SitesDown) };
        names.push(("{rule}", rules::create(alerts, &cli, &new).await.unwrap().id.to_string()));
    }
    if path.contains("{silence}") {
        let new = silences::NewSilence { matchers: Default::default(), comment: "Known".into(), lasts: std::time::Duration::from_secs(60) };
        names.push(("{silence}", silences::create(alerts, &cli, &new).await.unwrap().id.to_string()));
    }
    if path.contains("{channel}") || path.contains("{message}") {
        let new = channels::NewChannel {
            name: "Team".into(),
            kind: channels::ChannelKind::Mail,
            to_admins: false,
            addresses: vec!["team@example.test".into()],
            url: String::new(),
        };
        let id = channels::create(alerts, &cli, &new).await.unwrap().channel.id;
        alerts::messages::test(alerts, &cli, &id).await.unwrap();
        db.execute(sql("update alert_message set state = 'failed'")).await.unwrap();
        let message = alerts::messages::list(alerts, &cli, None, 1).await.unwrap().remove(0);
        names.extend([("{channel}", id.to_string()), ("{message}", message.id.to_string())]);
    }
    if path.contains("{alert}") {
        let id = format!("alert_{}", kit::id::time_ordered(test.app.clock.now()));
        let insert = "insert into alert (id, rule_name, metric, severity, cause, labels, fired_at, evidence)
             values ($1, 'Down', 'sites_down', 'warning', 'over', '{}', 1, $2)";
        let evidence =
            r#"{"query":"q","condition":"c","window_minutes":5,"from":0,"to":1,"value":null,"samples":null,"points":[],"affected":[]}"#;
        db.execute(sql(insert).bind(&id).bind(evidence)).await.unwrap();
        names.push(("{alert}", id));
    }
    names
}

/// A site in the books; nothing of it runs.
async fn site(test: &TestApp, customer: &CustomerId) -> String {
    let new = hosting::sites::NewSite {
        kind: hosting::templates::Kind::Portfolio,
        name: hosting::names::SiteName::parse("Atelier").unwrap(),
        subdomain: None,
        custom_domain: None,
    };
    hosting::sites::create(&test.app.hosting, &Actor::cli(), customer, &new).await.unwrap().id.to_string()
}

/// A deployment of a site that has its verdict: nothing more comes of it.
async fn failed_deployment(test: &TestApp, site: &str) -> String {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(2);
    let id = format!("deploy-20260114-103000-{}", NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let now = test.app.clock.now();
    let insert =
        "insert into deployment (id, site_id, kind, state, branch, commit_hash, subject, author, requested_by, environment_version,
                                          created_at, finished_at)
                  values ($1, $2, 'push', 'failed', 'main', '', '', '', 'Ada', 0, $3, $3)";
    test.app.db.execute(sql(insert).bind(&id).bind(site).bind(now)).await.unwrap();
    id
}

/// A preview of a site in the books; nothing of it runs.
async fn preview(test: &TestApp, customer: &CustomerId, of: &str) -> String {
    let preview = site(test, customer).await;
    let statement = sql("update site
         set preview_of = $2, preview_branch = 'feature', preview_database = 'empty', preview_login = '{SHA}none'
         where id = $1");
    test.app.db.execute(statement.bind(&preview).bind(of)).await.unwrap();
    preview
}
