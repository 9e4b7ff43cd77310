//! Mails about deployments: to whom, how many, and what stands in them.

use std::path::PathBuf;
use std::time::Duration;

use accounts::{Actor, CustomerId, Email, NewMember, PersonName, Role, customers, members, sessions, signin_links};
use hosting::deployments::{self, DeploymentState, Wish};
use hosting::notify::preferences::{self, Preferences};
use kit::sql;

use super::{active_site, deployed, mailer, mails, push, verdict, work, work_with};
use crate::house::{House, houses};

/// A further member of a customer, signed in.
async fn member(house: &House, customer: &CustomerId, email: &str) -> Actor {
    let (db, clock, cli) = (&house.hosting.db, &house.hosting.clock, Actor::cli());
    let new = NewMember {
        name: PersonName::parse("Max Member").unwrap(),
        email: Email::parse(email).unwrap(),
        role: Role::parse("member", Some(customer.clone())).unwrap(),
        password: None,
    };
    let id = members::add(db, clock, &cli, new).await.unwrap();
    let link = signin_links::create(db, clock, &cli, &id).await.unwrap();
    let client = accounts::Client::new([192, 0, 2, 1].into(), "test");
    let session = signin_links::sign_in(db, clock, &client, link.reveal()).await.unwrap();
    sessions::authenticate(db, clock, &client, session.token.reveal()).await.unwrap().unwrap()
}

async fn to(house: &House) -> Vec<String> {
    let mut found: Vec<String> = mails(&house.hosting).await.into_iter().map(|(to, ..)| to).collect();
    found.sort();
    house.hosting.db.execute(sql("delete from mail")).await.unwrap();
    house.hosting.clock.advance(Duration::from_secs(3600));
    found
}

#[tokio::test]
async fn each_member_of_the_customer_decides_for_themselves() {
    for house in houses().await {
        let hosting = &house.hosting;
        let (ada, olga) = house.customer("ada").await;
        let (_, bob) = house.customer("bob").await;
        let max = member(&house, &ada, "max@ada.example").await;
        let site = active_site(&house, &olga, &ada, "hers").await;
        let all = Preferences { deployment_failed: true, deployment_succeeded: true, rolled_back: true };
        let none = Preferences { deployment_failed: false, deployment_succeeded: false, rolled_back: false };
        assert_eq!(preferences::of(&hosting.db, &max).await.unwrap(), Some(Preferences::default()));
        preferences::set(&hosting.db, &hosting.clock, &bob, all).await.unwrap();

        let usual = ["max@ada.example", "olga@ada.example"];
        for (state, expected) in [
            (DeploymentState::Failed, usual.as_slice()),
            (DeploymentState::RolledBack, &usual),
            (DeploymentState::Success, &[]),
            (DeploymentState::Cancelled, &[]),
        ] {
            deployed(hosting, &olga, &site, state, None).await;
            work(hosting).await;
            assert_eq!(to(&house).await, expected, "{state} {}", house.on());
        }
        preferences::set(&hosting.db, &hosting.clock, &olga, all).await.unwrap();
        preferences::set(&hosting.db, &hosting.clock, &max, all).await.unwrap();
        preferences::set(&hosting.db, &hosting.clock, &max, none).await.unwrap();
        assert_eq!(preferences::of(&hosting.db, &max).await.unwrap(), Some(none));
        for state in [DeploymentState::Failed, DeploymentState::RolledBack, DeploymentState::Success] {
            deployed(hosting, &olga, &site, state, None).await;
            work(hosting).await;
            assert_eq!(to(&house).await, ["olga@ada.example"], "{state} {}", house.on());
        }

        // Staff and programs choose nothing, and a customer who is not let in is not written to.
        assert_eq!(preferences::of(&hosting.db, &Actor::cli()).await.unwrap(), None);
        assert!(preferences::set(&hosting.db, &hosting.clock, &Actor::cli(), all).await.is_err());
        customers::suspend(&hosting.db, &hosting.clock, &Actor::cli(), &ada).await.unwrap();
        deployed(hosting, &olga, &site, DeploymentState::Failed, None).await;
        work(hosting).await;
        assert_eq!(to(&house).await, [""; 0], "{}", house.on());
    }
}

#[tokio::test]
async fn failures_shortly_after_each_other_share_a_mail() {
    for house in houses().await {
        let hosting = &house.hosting;
        let (ada, actor) = house.customer("ada").await;
        let site = active_site(&house, &actor, &ada, "hers").await;
        let other = active_site(&house, &actor, &ada, "another").await;
        for site in [&site, &site, &site, &other] {
            deployed(hosting, &actor, site, DeploymentState::Failed, Some("it broke")).await;
            work(hosting).await;
        }
        let subjects = async || mails(hosting).await.into_iter().map(|(_, subject, _)| subject).collect::<Vec<_>>();
        assert_eq!(subjects().await, ["A site: a deployment failed"; 2], "one for each site, {}", house.on());
        hosting.clock.advance(Duration::from_secs(590));
        work(hosting).await;
        assert_eq!(subjects().await.len(), 2);
        hosting.clock.advance(Duration::from_secs(20));
        work(hosting).await;
        assert_eq!(subjects().await[2..], ["A site: 2 more deployments failed"], "{}", house.on());
        // The mail about several counts as one, too; a single one that waited is told of as such.
        deployed(hosting, &actor, &site, DeploymentState::Failed, Some("it broke again")).await;
        work(hosting).await;
        assert_eq!(subjects().await.len(), 3);
        hosting.clock.advance(Duration::from_secs(610));
        work(hosting).await;
        assert_eq!(subjects().await[3..], ["A site: a deployment failed"], "{}", house.on());
        assert!(mails(hosting).await[3].2.contains("Why: it broke again"));

        // Mended before its mail was due: no news.
        for state in [DeploymentState::Failed, DeploymentState::Success] {
            deployed(hosting, &actor, &site, state, None).await;
            work(hosting).await;
        }
        hosting.clock.advance(Duration::from_secs(3600));
        work(hosting).await;
        assert_eq!(subjects().await.len(), 4, "{}", house.on());
    }
}

#[tokio::test]
async fn what_others_wrote_is_text_and_holds_no_secret() {
    for house in houses().await {
        let hosting = &house.hosting;
        let (ada, actor) = house.customer("ada").await;
        let site = active_site(&house, &actor, &ada, "hers").await;
        hosting.db.execute(sql("update site set name = $2 where id = $1").bind(&site.id).bind("<img src=x> & Söhne \"1\"")).await.unwrap();
        let secret = site.open_secrets(&hosting.key).unwrap().db_password;
        let wish = Wish {
            subject: "</p><script>alert(1)</script>\u{202e}txt.exe\r\nBcc: evil@example.test".to_owned(),
            author: "Eve <eve@evil.test>\u{200b}".to_owned(),
            branch: "x\"onclick=1".to_owned(),
            ..push("")
        };
        let id = deployments::request(hosting, &actor, &site.id, &wish).await.unwrap().id;
        let error = format!("could not connect to postgres://user:{secret}@db/shop with {secret} \u{1b}[31mred\u{1b}[0m <b>now</b>");
        verdict(hosting, &id, DeploymentState::Failed, Some(&error)).await;
        work(hosting).await;
        let (_, subject, text) = mails(hosting).await.remove(0);
        assert_eq!(subject, "<img src=x> & Söhne \"1\": a deployment failed");
        assert!(!text.contains(&secret) && text.contains("[redacted:"), "{}: {text}", house.on());
        assert!(!text.contains(['\u{202e}', '\u{200b}', '\u{1b}']) && !text.lines().any(|line| line.starts_with("Bcc")), "{text}");
        assert!(
            text.contains("Commit 0123456 “</p><script>alert(1)</script>txt.exe Bcc: evil@example.test” by Eve <eve@evil.test>"),
            "{text}"
        );
        assert!(text.contains("what was online before still is"), "{text}");
        assert!(text.contains(&format!("https://panel.test/sites/{}/deployments/{id}", site.id)), "{text}");
        assert!(text.contains("https://panel.test/account#notifications"), "{text}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the test environment names its server")]
fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `scripts/services.sh up smtp` and source target/run/env"))
}

#[tokio::test]
async fn a_mail_about_a_failure_arrives_with_its_names_escaped() {
    let folder = PathBuf::from(setting("INNKEEPER_TEST_MAIL_DIR"));
    for house in houses().await {
        let hosting = &house.hosting;
        let name = kit::id::random_base32(10);
        let (ada, actor) = house.customer(&name).await;
        let site = active_site(&house, &actor, &ada, "hers").await;
        hosting.db.execute(sql("update site set name = '<script>x</script>' where id = $1").bind(&site.id)).await.unwrap();
        deployed(hosting, &actor, &site, DeploymentState::Failed, Some("<b>why</b>")).await;
        let mailer = mailer(hosting, Some(&setting("INNKEEPER_TEST_SMTP")));
        work_with(hosting, mailer).await;
        let row = kit::mail::outbox(&hosting.db, None).await.unwrap().remove(0);
        assert_eq!((row.state, row.error), (kit::mail::MailState::Sent, None), "{}", house.on());
        let mut mail = String::new();
        for _ in 0..200 {
            let files = std::fs::read_dir(&folder).unwrap().filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok());
            mail = files.into_iter().find(|mail| mail.contains(&format!("X-Envelope-To: olga@{name}.example"))).unwrap_or_default();
            if !mail.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Long lines are folded on their way.
        let mail = mail.replace("=\r\n", "").replace("=\n", "");
        let (_, html) = mail.split_once("text/html").unwrap_or_else(|| panic!("no HTML part: {mail}"));
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;x&lt;/script&gt;"), "{html}");
        assert!(!html.contains("<b>why") && html.contains("&lt;b&gt;why&lt;/b&gt;"), "{html}");
        assert!(html.contains("See the deployment"), "{html}");
    }
}
