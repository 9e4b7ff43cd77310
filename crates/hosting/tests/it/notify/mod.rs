//! Who is told what became of a deployment: on both databases, with a real receiver and a real mail server.

mod mails;
mod receiver;
mod sending;
mod verdicts;
mod webhooks;

use accounts::{Actor, CustomerId};
use hosting::Hosting;
use hosting::deployments::{self, DeploymentId, DeploymentKind, DeploymentState, Wish};
use hosting::notify::{self, DeliverWebhook, TellDeployment, TellFailures, Teller};
use hosting::sites::{Site, SiteState};
use kit::jobs::{Registry, Runner};
use kit::mail::{MailConfig, MailSecurity, Mailer, SendMail};
use kit::secrets::Secret;
use kit::sql;

use crate::house::{House, houses_with};

/// Houses on both databases that may send webhooks to this machine, where the receivers of the tests are.
async fn lenient_houses() -> Vec<House> {
    houses_with(|config| config.webhook_allow_private = vec!["127.0.0.0/8".to_owned()]).await
}

fn mail_config(server: Option<&str>) -> MailConfig {
    let (host, port) = server
        .and_then(|server| server.rsplit_once(':'))
        .map_or((String::new(), 25), |(host, port)| (host.to_owned(), port.parse().unwrap()));
    MailConfig {
        host,
        port,
        security: MailSecurity::None,
        username: String::new(),
        password: Secret::default(),
        from: "Innkeeper <keeper@inn.test>".to_owned(),
    }
}

fn mailer(hosting: &Hosting, server: Option<&str>) -> Mailer {
    Mailer::new(&mail_config(server), hosting.db.clone(), hosting.clock.clone(), hosting.key.clone()).unwrap()
}

/// Works all jobs of this slice that are due.
async fn work_with(hosting: &Hosting, mailer: Mailer) {
    let registry = Registry::default().job::<TellDeployment>().job::<TellFailures>().job::<DeliverWebhook>().job::<SendMail>();
    let teller = Teller { hosting: hosting.clone(), mailer };
    Runner::new(hosting.db.clone(), hosting.clock.clone(), teller, registry, "test", 8).run_until_idle().await.unwrap();
}

async fn work(hosting: &Hosting) {
    work_with(hosting, mailer(hosting, None)).await;
}

/// A site that serves.
async fn active_site(house: &House, actor: &Actor, customer: &CustomerId, subdomain: &str) -> Site {
    let site = house.create(actor, customer, subdomain).await.unwrap();
    house.settle(&site.id, SiteState::Active).await
}

fn push(subject: &str) -> Wish {
    Wish {
        kind: DeploymentKind::Push,
        branch: "main".to_owned(),
        commit: "0123456789012345678901234567890123456789".to_owned(),
        subject: subject.to_owned(),
        author: "Ada".to_owned(),
        release: None,
    }
}

/// Writes a verdict as the steps do: the state and the word of it in one transaction.
async fn verdict(hosting: &Hosting, id: &DeploymentId, state: DeploymentState, error: Option<&str>) {
    hosting
        .db
        .write(async |tx| {
            tx.execute(
                sql("update deployment set state = $2, finished_at = $3, error = $4 where id = $1")
                    .bind(id)
                    .bind(state)
                    .bind(hosting.clock.now())
                    .bind(error),
            )
            .await?;
            tx.execute(sql("update site_operation set state = 'done', finished_at = 1 where state = 'running'")).await?;
            notify::enqueue(&tx, hosting, id).await
        })
        .await
        .unwrap();
}

/// A deployment with this verdict, told or about to be.
async fn deployed(hosting: &Hosting, actor: &Actor, site: &Site, state: DeploymentState, error: Option<&str>) -> DeploymentId {
    hosting.clock.advance(std::time::Duration::from_secs(1));
    let id = deployments::request(hosting, actor, &site.id, &push("A change")).await.unwrap().id;
    verdict(hosting, &id, state, error).await;
    id
}

/// Subjects and texts of the mails that wait, oldest first.
async fn mails(hosting: &Hosting) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for row in kit::mail::outbox(&hosting.db, None).await.unwrap().into_iter().rev() {
        let text = mailer(hosting, None).unsent_text(&row.id).await.unwrap();
        found.push((row.recipient, row.subject, text.reveal().to_owned()));
    }
    found
}
