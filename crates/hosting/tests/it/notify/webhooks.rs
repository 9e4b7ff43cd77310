//! The webhooks of a site: whose they are, how many, what is kept of them.

use accounts::{AuditQuery, audit};
use hosting::notify::deliveries::{self, DeliveryId};
use hosting::notify::webhooks::{self, NewWebhook, WebhookChange, WebhookEvents, WebhookId, WebhookState};
use hosting::sites::SiteState;
use kit::{Error, sql};

use super::active_site;
use crate::house::{complaint, houses, houses_with};

fn new(url: &str) -> NewWebhook {
    NewWebhook { url: url.to_owned(), events: WebhookEvents::parse(["deployment.failed"]).unwrap() }
}

#[tokio::test]
async fn webhooks_of_another_customer_do_not_exist() {
    for house in houses().await {
        let hosting = &house.hosting;
        let (ada, olga) = house.customer("ada").await;
        let (bob_id, bob) = house.customer("bob").await;
        let (site, his) = (active_site(&house, &olga, &ada, "hers").await, active_site(&house, &bob, &bob_id, "his").await);
        let made = webhooks::create(hosting, &olga, &site.id, &new("https://example.com/")).await.unwrap().webhook;
        let delivery = deliveries::test(hosting, &olga, &site.id, &made.id).await.unwrap();
        let unknown = DeliveryId::new(&hosting.clock);
        // Her site and its webhook; his own site with her webhook; her webhook with a delivery that is none of it.
        for site in [&site.id, &his.id] {
            let at = (site, &made.id);
            let outcomes = [
                webhooks::get(&hosting.db, &bob.scope(), site, &made.id).await.err(),
                webhooks::change(hosting, &bob, site, &made.id, &WebhookChange { active: Some(false), ..WebhookChange::default() })
                    .await
                    .err(),
                webhooks::replace_secret(hosting, &bob, site, &made.id).await.err(),
                webhooks::remove(hosting, &bob, site, &made.id).await.err(),
                deliveries::list(&hosting.db, &bob.scope(), at, None, 10).await.err(),
                deliveries::get(&hosting.db, &bob.scope(), at, &delivery.id).await.err(),
                deliveries::test(hosting, &bob, site, &made.id).await.err(),
                deliveries::send_again(hosting, &bob, at, &delivery.id).await.err(),
            ];
            for outcome in outcomes {
                assert!(matches!(outcome, Some(Error::NotFound(_))), "{}: {outcome:?}", house.on());
            }
        }
        assert!(matches!(webhooks::list(&hosting.db, &bob.scope(), &site.id).await, Err(Error::NotFound(_))));
        assert!(matches!(webhooks::create(hosting, &bob, &site.id, &new("https://example.com/")).await, Err(Error::NotFound(_))));
        assert!(matches!(deliveries::get(&hosting.db, &olga.scope(), (&site.id, &made.id), &unknown).await, Err(Error::NotFound(_))));
        assert!(matches!(
            webhooks::get(&hosting.db, &olga.scope(), &site.id, &WebhookId::new(&hosting.clock)).await,
            Err(Error::NotFound(_))
        ));
        // Nothing happened to it.
        let found = webhooks::list(&hosting.db, &olga.scope(), &site.id).await.unwrap();
        assert_eq!(found.iter().map(|it| (it.id.clone(), it.state)).collect::<Vec<_>>(), [(made.id.clone(), WebhookState::Active)]);
        assert_eq!(deliveries::list(&hosting.db, &olga.scope(), (&site.id, &made.id), None, 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_site_has_ten_at_most_also_when_many_are_asked_for_at_once() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = active_site(&house, &actor, &ada, "hers").await;
        for number in 0..8 {
            webhooks::create(&house.hosting, &actor, &site.id, &new(&format!("https://example.com/{number}"))).await.unwrap();
        }
        let more = new("https://example.com/more");
        let outcomes = futures_util::future::join_all((0..6).map(|_| webhooks::create(&house.hosting, &actor, &site.id, &more))).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2, "{}", house.on());
        assert_eq!(house.test.count("select cast(count(*) as bigint) from outgoing_webhook").await, 10);
        let refused = outcomes.into_iter().find_map(Result::err).unwrap();
        assert!(matches!(&refused, Error::Conflict(message) if message.contains("10 webhooks")), "{refused:?}");
    }
}

#[tokio::test]
async fn addresses_that_nothing_may_be_sent_to_are_refused_at_once() {
    for house in houses_with(|config| config.webhook_allow_private = vec!["192.168.7.0/24".to_owned(), "hooks.lan".to_owned()]).await {
        let (ada, actor) = house.customer("ada").await;
        let site = active_site(&house, &actor, &ada, "hers").await;
        for bad in [
            "",
            "x",
            "ftp://example.com/",
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f.1/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost./",
            "http://10.0.0.1/",
            "http://172.18.0.1:8099/",
            "http://169.254.169.254/",
            "https://user:pw@example.com/",
            "http://192.168.8.1/",
        ] {
            let (field, _) = complaint(webhooks::create(&house.hosting, &actor, &site.id, &new(bad)).await);
            assert_eq!(field, "url", "{bad}");
        }
        let made = webhooks::create(&house.hosting, &actor, &site.id, &new("http://192.168.7.9:8080/x")).await.unwrap().webhook;
        let change = WebhookChange { url: Some("http://127.0.0.1/".to_owned()), ..WebhookChange::default() };
        assert_eq!(complaint(webhooks::change(&house.hosting, &actor, &site.id, &made.id, &change).await).0, "url");
        assert_eq!(complaint(WebhookEvents::parse([])).0, "events");
        assert_eq!(complaint(WebhookEvents::parse(["deployment.failed", "test"])).0, "events");
    }
}

#[tokio::test]
async fn address_and_secret_are_sealed_and_stay_out_of_the_log() {
    for house in houses().await {
        let hosting = &house.hosting;
        let (ada, actor) = house.customer("ada").await;
        let site = active_site(&house, &actor, &ada, "hers").await;
        let made = webhooks::create(hosting, &actor, &site.id, &new("https://hooks.example.com/services/T0KEN")).await.unwrap();
        let id = made.webhook.id.clone();
        assert_eq!(made.secret.reveal().len(), 43);
        assert_eq!(made.webhook.url(&hosting.key).unwrap().reveal(), "https://hooks.example.com/services/T0KEN");
        assert_eq!(made.webhook.host(&hosting.key).unwrap(), "hooks.example.com");

        let moved = WebhookChange { url: Some("https://other.example.com/T0KEN".to_owned()), ..WebhookChange::default() };
        webhooks::change(hosting, &actor, &site.id, &id, &moved).await.unwrap();
        let paused = webhooks::change(hosting, &actor, &site.id, &id, &WebhookChange { active: Some(false), ..WebhookChange::default() })
            .await
            .unwrap();
        assert_eq!((paused.state, paused.host(&hosting.key).unwrap().as_str()), (WebhookState::Paused, "other.example.com"));
        let resumed = webhooks::change(hosting, &actor, &site.id, &id, &WebhookChange { active: Some(true), ..WebhookChange::default() })
            .await
            .unwrap();
        assert_eq!(resumed.state, WebhookState::Active);
        let (url, secret): (String, String) =
            hosting.db.one(sql("select url, secret from outgoing_webhook where id = $1").bind(&id)).await.unwrap();
        assert!(!url.contains("T0KEN") && !secret.contains(made.secret.reveal()));
        // A seal that was moved to another webhook opens nothing.
        let second = webhooks::create(hosting, &actor, &site.id, &new("https://example.com/")).await.unwrap().webhook;
        hosting.db.execute(sql("update outgoing_webhook set url = $2 where id = $1").bind(&second.id).bind(url)).await.unwrap();
        assert!(webhooks::get(&hosting.db, &actor.scope(), &site.id, &second.id).await.unwrap().url(&hosting.key).is_err());
        hosting.db.execute(sql("delete from outgoing_webhook where id = $1").bind(&second.id)).await.unwrap();

        webhooks::remove(hosting, &actor, &site.id, &id).await.unwrap();
        assert_eq!(house.test.count("select cast(count(*) as bigint) from outgoing_webhook").await, 0);
        let log = audit::list(&hosting.db, &accounts::Actor::cli(), &AuditQuery::default()).await.unwrap().items;
        let mut told: Vec<&str> = log.iter().filter_map(|row| row.action.strip_prefix("site.webhook_")).collect();
        told.sort_unstable();
        assert_eq!(told, ["add", "add", "change", "pause", "remove", "resume"], "{}", house.on());
        let all = format!("{log:?}");
        assert!(all.contains("hooks.example.com") && !all.contains("T0KEN") && !all.contains(made.secret.reveal()));
    }
}

#[tokio::test]
async fn webhooks_go_with_their_site() {
    for house in houses().await {
        let hosting = &house.hosting;
        let (ada, actor) = house.customer("ada").await;
        let site = active_site(&house, &actor, &ada, "hers").await;
        let made = webhooks::create(hosting, &actor, &site.id, &new("https://example.com/")).await.unwrap().webhook;
        deliveries::test(hosting, &actor, &site.id, &made.id).await.unwrap();
        house.settle(&site.id, SiteState::Archived).await;
        hosting.db.execute(sql("delete from site where id = $1").bind(&site.id)).await.unwrap();
        for table in ["outgoing_webhook", "outgoing_delivery"] {
            let query = if table == "outgoing_webhook" {
                "select cast(count(*) as bigint) from outgoing_webhook"
            } else {
                "select cast(count(*) as bigint) from outgoing_delivery"
            };
            assert_eq!(house.test.count(query).await, 0, "{table} {}", house.on());
        }
        // What is left in the queue finds nothing to do.
        super::work(hosting).await;
        assert_eq!(
            house.test.count("select cast(count(*) as bigint) from job where kind = 'webhook.deliver' and state <> 'done'").await,
            0
        );
    }
}
