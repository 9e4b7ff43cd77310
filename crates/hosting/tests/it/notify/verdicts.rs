//! Each verdict is told once, to the room of the site as well.

use hosting::deployments::{self, DeploymentId, DeploymentState};
use hosting::notify;
use kit::bus::Signal;
use kit::sql;
use tokio::sync::broadcast::Receiver as Heard;

use super::{active_site, deployed, lenient_houses, mails, push, verdict, work};
use crate::house::houses;
use crate::notify::receiver::Receiver;

/// The events that were heard so far: room, deployment and status.
fn events(heard: &mut Heard<Signal>) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    while let Ok(signal) = heard.try_recv() {
        let Some(event) = signal.event else { continue };
        assert_eq!(event.name, "deployment");
        let text = |field: &str| event.data[field].as_str().unwrap().to_owned();
        assert_eq!(signal.room, format!("site:{}", text("app_id")));
        assert!(text("at").starts_with("2026-01-01T"));
        assert_eq!(text("commit_hash").len(), 40);
        found.push((signal.room, text("deployment_id"), text("status")));
    }
    found
}

#[tokio::test]
async fn a_verdict_is_told_once_however_often_it_is_said() {
    let receiver = Receiver::ok().await;
    for house in lenient_houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = active_site(&house, &actor, &ada, "hers").await;
        let new = notify::webhooks::NewWebhook {
            url: receiver.url(),
            events: notify::webhooks::WebhookEvents::parse(["deployment.failed", "deployment.rolled_back"]).unwrap(),
        };
        notify::webhooks::create(&house.hosting, &actor, &site.id, &new).await.unwrap();
        let before = receiver.received().len();

        let id = deployed(&house.hosting, &actor, &site, DeploymentState::Failed, Some("it broke")).await;
        for _ in 0..3 {
            house.hosting.db.write(async |tx| notify::enqueue(&tx, &house.hosting, &id).await).await.unwrap();
        }
        assert_eq!(house.test.count("select cast(count(*) as bigint) from job where kind = 'deployment.tell'").await, 1);
        work(&house.hosting).await;
        // As after a crash between the work and its last statement.
        house
            .hosting
            .db
            .execute(sql("update job set state = 'queued', attempts = 0 where kind in ('deployment.tell', 'webhook.deliver')"))
            .await
            .unwrap();
        work(&house.hosting).await;
        assert_eq!(mails(&house.hosting).await.len(), 1, "{}", house.on());
        assert_eq!(house.test.count("select cast(count(*) as bigint) from outgoing_delivery").await, 1);
        assert_eq!(house.test.count("select cast(count(*) as bigint) from outgoing_try").await, 1);
        assert_eq!(receiver.received().len() - before, 1, "{}", house.on());

        // A later verdict about the same deployment is another one.
        verdict(&house.hosting, &id, DeploymentState::RolledBack, None).await;
        work(&house.hosting).await;
        assert_eq!((mails(&house.hosting).await.len(), receiver.received().len() - before), (2, 2), "{}", house.on());
    }
}

#[tokio::test]
async fn before_the_verdict_and_about_nothing_nothing_is_told() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = active_site(&house, &actor, &ada, "hers").await;
        let running = deployments::request(&house.hosting, &actor, &site.id, &push("A change")).await.unwrap().id;
        let unknown = DeploymentId::parse("deploy-20200101-000000").unwrap();
        for id in [&running, &unknown] {
            house.hosting.db.write(async |tx| notify::enqueue(&tx, &house.hosting, id).await).await.unwrap();
        }
        assert_eq!(house.test.count("select cast(count(*) as bigint) from deployment_told").await, 0);
        // A verdict that is not written after all is not told either.
        let undone = house
            .hosting
            .db
            .write(async |tx| {
                tx.execute(sql("update deployment set state = 'failed' where id = $1").bind(&running)).await?;
                notify::enqueue(&tx, &house.hosting, &running).await?;
                Err::<(), _>(kit::Error::conflict("no"))
            })
            .await;
        assert!(undone.is_err());
        assert_eq!(house.test.count("select cast(count(*) as bigint) from job where kind = 'deployment.tell'").await, 0);
    }
}

#[tokio::test]
async fn programs_in_the_room_of_the_site_hear_every_state() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = active_site(&house, &actor, &ada, "hers").await;
        let hosting = &house.hosting;
        let mut heard = hosting.bus.subscribe();
        let first = deployments::request(hosting, &actor, &site.id, &push("One")).await.unwrap().id;
        let second = deployments::request(hosting, &actor, &site.id, &push("Two")).await.unwrap().id;
        let third = deployments::request(hosting, &actor, &site.id, &push("Three")).await.unwrap().id;
        deployments::cancel(hosting, &actor, &third).await.unwrap();
        verdict(hosting, &first, DeploymentState::Success, None).await;
        work(hosting).await;
        let mut said: Vec<(String, String)> = events(&mut heard).into_iter().map(|(_, id, status)| (id, status)).collect();
        let mut expected: Vec<(String, String)> = [
            (&first, "queued"),
            (&first, "running"),
            (&second, "queued"),
            (&third, "queued"),
            (&second, "superseded"),
            (&third, "cancelled"),
            (&first, "success"),
        ]
        .map(|(id, status)| (id.to_string(), status.to_owned()))
        .to_vec();
        assert_eq!(said.first(), expected.first(), "{}", house.on());
        said.sort();
        expected.sort();
        assert_eq!(said, expected, "{}", house.on());
        // Nobody is mailed that a push was superseded or that somebody cancelled one.
        assert_eq!(mails(hosting).await.len(), 0);
    }
}
