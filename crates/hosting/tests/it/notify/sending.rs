//! Deliveries to a real receiver: signed, tried again, given up, and refused where they must not go.

use std::time::Duration;

use accounts::{Actor, AuditQuery, audit};
use hosting::deployments::DeploymentState;
use hosting::notify::deliveries::{self, Delivery, DeliveryState, Try};
use hosting::notify::webhooks::{self, MadeWebhook, NewWebhook, WebhookChange, WebhookEvents, WebhookState};
use hosting::sites::Site;
use hosting::{Hosting, Ingredients};
use kit::bus::Bus;
use kit::sql;

use super::receiver::Receiver;
use super::{active_site, deployed, lenient_houses, work};
use crate::house::House;
use crate::samples;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const BAD: &str = "HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\nbusy";
const GONE: &str = "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n";
const MOVED: &str = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
const HOSTILE: &str = "HTTP/1.1 400 No\r\ncontent-length: 103\r\n\r\n<script>alert(1)</script>\x1b[2J\u{202e}\u{0000} password=hunter2hunter2 \
                       token: ghp_0123456789abcdefghij0123456789abcdef";

struct Scene {
    actor: Actor,
    site: Site,
    made: MadeWebhook,
}

async fn scene(house: &House, receiver: &Receiver) -> Scene {
    let (ada, actor) = house.customer("ada").await;
    let site = active_site(house, &actor, &ada, "hers").await;
    let events = WebhookEvents::parse(["deployment.succeeded", "deployment.failed"]).unwrap();
    let new = NewWebhook { url: receiver.url(), events };
    let made = webhooks::create(&house.hosting, &actor, &site.id, &new).await.unwrap();
    Scene { actor, site, made }
}

impl Scene {
    async fn deliveries(&self, hosting: &Hosting) -> Vec<(Delivery, Option<Try>)> {
        let at = (&self.site.id, &self.made.webhook.id);
        deliveries::list(&hosting.db, &self.actor.scope(), at, None, 50).await.unwrap()
    }

    async fn newest(&self, hosting: &Hosting) -> (Delivery, Vec<Try>) {
        let id = self.deliveries(hosting).await.remove(0).0.id;
        deliveries::get(&hosting.db, &self.actor.scope(), (&self.site.id, &self.made.webhook.id), &id).await.unwrap()
    }

    async fn state(&self, hosting: &Hosting) -> (WebhookState, Option<String>) {
        let webhook = webhooks::get(&hosting.db, &self.actor.scope(), &self.site.id, &self.made.webhook.id).await.unwrap();
        (webhook.state, webhook.note)
    }

    async fn set_active(&self, hosting: &Hosting, active: bool) {
        let change = WebhookChange { active: Some(active), ..WebhookChange::default() };
        webhooks::change(hosting, &self.actor, &self.site.id, &self.made.webhook.id, &change).await.unwrap();
    }
}

#[tokio::test]
async fn a_delivery_says_what_happened_and_proves_who_says_so() {
    for house in lenient_houses().await {
        let hosting = &house.hosting;
        let receiver = Receiver::start(&[OK], Duration::ZERO).await;
        let scene = scene(&house, &receiver).await;
        let id = deployed(hosting, &scene.actor, &scene.site, DeploymentState::Failed, Some("no health")).await;
        deployed(hosting, &scene.actor, &scene.site, DeploymentState::Cancelled, None).await;
        work(hosting).await;

        let received = receiver.received();
        assert_eq!(received.len(), 1, "only what it asked for: {}", house.on());
        let request = &received[0];
        assert!(request.head.starts_with("POST /hook?token=in-the-address HTTP/1.1"), "{}", request.head);
        assert!(request.is_signed_with(scene.made.secret.reveal()), "{}: {}", house.on(), request.head);
        assert!(!request.is_signed_with("another secret"));
        assert_eq!(request.header("x-innkeeper-event"), "deployment.failed");
        assert_eq!(request.header("content-type"), "application/json");
        let body = request.json();
        let (delivery, tries) = scene.newest(hosting).await;
        assert_eq!(request.header("x-innkeeper-delivery"), delivery.id.as_str());
        assert_eq!(body["delivery"], delivery.id.as_str());
        assert_eq!(body["sent_at"], hosting.clock.now().rfc3339());
        assert_eq!((&body["event"], &body["site"]["app_id"]), (&"deployment.failed".into(), &scene.site.id.as_str().into()));
        let deployment = &body["deployment"];
        assert_eq!((&deployment["id"], &deployment["state"], &deployment["kind"]), (&id.as_str().into(), &"failed".into(), &"push".into()));
        assert_eq!((&deployment["error"], &deployment["branch"]), (&"no health".into(), &"main".into()));
        assert_eq!(deployment["commit"], "0123456789012345678901234567890123456789");
        assert_eq!(deployment["url"], format!("https://panel.test/sites/{}/deployments/{id}", scene.site.id));
        assert_eq!((delivery.state, delivery.attempts, delivery.next_at), (DeliveryState::Delivered, 1, None));
        assert_eq!(tries.len(), 1);
        assert_eq!((tries[0].status, tries[0].error.as_deref(), tries[0].answer.as_deref()), (Some(200), None, Some("ok")));

        // Again by hand: the same content, a delivery of its own.
        let again = deliveries::send_again(hosting, &scene.actor, (&scene.site.id, &scene.made.webhook.id), &delivery.id).await.unwrap();
        deliveries::test(hosting, &scene.actor, &scene.site.id, &scene.made.webhook.id).await.unwrap();
        work(hosting).await;
        let received = receiver.received();
        let of = |event: &str| received[1..].iter().find(|it| it.header("x-innkeeper-event") == event).unwrap().clone();
        assert_eq!(of("deployment.failed").json()["deployment"], *deployment);
        assert_eq!(of("deployment.failed").header("x-innkeeper-delivery"), again.id.as_str());
        assert!(of("test").is_signed_with(scene.made.secret.reveal()) && of("test").json()["deployment"].is_null());
    }
}

#[tokio::test]
async fn a_replaced_secret_signs_beside_the_new_one_for_a_day() {
    const OLD: &str = "X-Innkeeper-Signature-256-Old";
    for house in lenient_houses().await {
        let hosting = &house.hosting;
        let receiver = Receiver::start(&[BAD, OK], Duration::ZERO).await;
        let scene = scene(&house, &receiver).await;
        let (site, hook, first) = (&scene.site.id, &scene.made.webhook.id, scene.made.secret.reveal());
        // On its way when the secret is replaced: the next try is signed with both.
        deployed(hosting, &scene.actor, &scene.site, DeploymentState::Failed, None).await;
        work(hosting).await;
        assert!(receiver.received()[0].is_signed_with(first) && receiver.received()[0].header(OLD).is_empty());
        let second = webhooks::replace_secret(hosting, &scene.actor, site, hook).await.unwrap();
        let until = hosting.clock.now().plus(Duration::from_secs(86_400));
        assert_eq!((second.secret.reveal().len(), second.webhook.old_secret_until), (43, Some(until)), "{}", house.on());
        hosting.clock.advance(Duration::from_secs(60));
        work(hosting).await;
        let tried = &receiver.received()[1];
        assert!(tried.is_signed_with(second.secret.reveal()) && tried.is_signed_in(OLD, first), "{}", tried.head);

        // Replaced again: the one before signs, and no older one.
        let third = webhooks::replace_secret(hosting, &scene.actor, site, hook).await.unwrap();
        deliveries::test(hosting, &scene.actor, site, hook).await.unwrap();
        work(hosting).await;
        let tried = &receiver.received()[2];
        assert!(tried.is_signed_with(third.secret.reveal()) && tried.is_signed_in(OLD, second.secret.reveal()), "{}", tried.head);

        // A day later it is over, whether or not somebody has swept; then nothing is left of it.
        hosting.clock.advance(Duration::from_secs(86_400));
        deliveries::test(hosting, &scene.actor, site, hook).await.unwrap();
        work(hosting).await;
        let tried = &receiver.received()[3];
        assert!(tried.is_signed_with(third.secret.reveal()) && tried.header(OLD).is_empty(), "{}", tried.head);
        let kept = "select cast(count(*) as bigint) from outgoing_webhook where old_secret is not null";
        assert_eq!(house.test.count(kept).await, 1);
        hosting::notify::sweep(&hosting.db, &hosting.clock).await.unwrap();
        assert_eq!(house.test.count(kept).await, 0, "{}", house.on());
        // Sealed as it lies there, and named in the log without its words.
        let fourth = webhooks::replace_secret(hosting, &scene.actor, site, hook).await.unwrap();
        let rows: (String, String) = hosting.db.one(sql("select secret, old_secret from outgoing_webhook")).await.unwrap();
        let log = format!("{:?}", audit::list(&hosting.db, &Actor::cli(), &AuditQuery::default()).await.unwrap().items);
        for secret in [third.secret.reveal(), fourth.secret.reveal()] {
            assert!(!rows.0.contains(secret) && !rows.1.contains(secret) && !log.contains(secret));
        }
        assert_eq!(log.matches("site.webhook_secret").count(), 3, "{}", house.on());
    }
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_with_growing_pauses_and_given_up() {
    for house in lenient_houses().await {
        let hosting = &house.hosting;
        let receiver = Receiver::start(&[BAD, MOVED, BAD, OK], Duration::ZERO).await;
        let scene = scene(&house, &receiver).await;
        deployed(hosting, &scene.actor, &scene.site, DeploymentState::Success, None).await;
        work(hosting).await;
        for (tries, pause) in [(1, 60), (2, 300), (3, 1800)] {
            let (delivery, _) = scene.newest(hosting).await;
            assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Waiting, tries), "{}", house.on());
            assert_eq!(delivery.next_at, Some(hosting.clock.now().plus(Duration::from_secs(pause))));
            hosting.clock.advance(Duration::from_secs(pause - 1));
            work(hosting).await;
            assert_eq!(receiver.received().len(), usize::try_from(tries).unwrap(), "not before its time");
            hosting.clock.advance(Duration::from_secs(1));
            work(hosting).await;
        }
        let (delivery, tries) = scene.newest(hosting).await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 4), "{}", house.on());
        assert_eq!(tries.iter().map(|it| it.status.unwrap()).collect::<Vec<_>>(), [500, 302, 500, 200]);
        assert_eq!(tries.iter().map(|it| it.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
        let received = receiver.received();
        assert!(received.iter().all(|it| it.is_signed_with(scene.made.secret.reveal())));
        let ids: std::collections::BTreeSet<&str> = received.iter().map(|it| it.header("x-innkeeper-delivery")).collect();
        let times: std::collections::BTreeSet<String> = received.iter().map(|it| it.json()["sent_at"].to_string()).collect();
        assert_eq!((ids.len(), times.len()), (1, 4), "one delivery, each try with its own signed time");

        // One that nobody ever takes: six tries in nine hours.
        let receiver = Receiver::start(&[BAD], Duration::ZERO).await;
        let change = WebhookChange { url: Some(receiver.url()), ..WebhookChange::default() };
        webhooks::change(hosting, &scene.actor, &scene.site.id, &scene.made.webhook.id, &change).await.unwrap();
        deployed(hosting, &scene.actor, &scene.site, DeploymentState::Success, None).await;
        for _ in 0..12 {
            work(hosting).await;
            hosting.clock.advance(Duration::from_secs(7200));
        }
        let (delivery, tries) = scene.newest(hosting).await;
        assert_eq!((delivery.state, tries.len(), receiver.received().len()), (DeliveryState::Failed, 6, 6), "{}", house.on());
        assert_eq!(scene.state(hosting).await.0, WebhookState::Active, "one that was given up stops nothing");
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_or_always_fails_is_left_in_peace() {
    for house in lenient_houses().await {
        let hosting = &house.hosting;
        let receiver = Receiver::start(&[GONE, BAD], Duration::ZERO).await;
        let scene = scene(&house, &receiver).await;
        deployed(hosting, &scene.actor, &scene.site, DeploymentState::Success, None).await;
        work(hosting).await;
        let (state, note) = scene.state(hosting).await;
        assert_eq!((state, scene.newest(hosting).await.0.state), (WebhookState::Stopped, DeliveryState::Failed), "{}", house.on());
        assert!(note.unwrap().contains("410 Gone"));
        deployed(hosting, &scene.actor, &scene.site, DeploymentState::Success, None).await;
        work(hosting).await;
        assert_eq!(receiver.received().len(), 1, "nothing more is sent there");

        scene.set_active(hosting, true).await;
        assert_eq!(scene.state(hosting).await, (WebhookState::Active, None));
        for round in 1..=5 {
            assert_eq!(scene.state(hosting).await.0, WebhookState::Active, "before failure {round}");
            deployed(hosting, &scene.actor, &scene.site, DeploymentState::Success, None).await;
            for _ in 0..6 {
                work(hosting).await;
                hosting.clock.advance(Duration::from_secs(6 * 3600));
            }
        }
        let (state, note) = scene.state(hosting).await;
        assert_eq!(state, WebhookState::Stopped, "{}", house.on());
        assert_eq!(note.unwrap(), "The last 5 deliveries failed at every try.");

        // What waited when a person paused it is not sent later.
        scene.set_active(hosting, true).await;
        deployed(hosting, &scene.actor, &scene.site, DeploymentState::Success, None).await;
        work(hosting).await;
        let sent = receiver.received().len();
        scene.set_active(hosting, false).await;
        hosting.clock.advance(Duration::from_secs(3600));
        work(hosting).await;
        let (delivery, _) = scene.newest(hosting).await;
        assert_eq!((delivery.state, receiver.received().len()), (DeliveryState::Failed, sent), "{}", house.on());
        assert_eq!(delivery.error.unwrap(), "the webhook was paused before this could be sent");
        // A test is one try, also to one that is paused, and says nothing about the webhook.
        deliveries::test(hosting, &scene.actor, &scene.site.id, &scene.made.webhook.id).await.unwrap();
        work(hosting).await;
        let (delivery, tries) = scene.newest(hosting).await;
        assert_eq!((delivery.state, tries.len()), (DeliveryState::Failed, 1));
        assert_eq!(scene.state(hosting).await.0, WebhookState::Paused);
    }
}

/// The same house without the exceptions that the operator had made before: same database, clock and key.
fn without_exceptions(house: &House) -> Hosting {
    let parts = &house.hosting;
    let mut config = parts.config.clone();
    config.webhook_allow_private = Vec::new();
    Hosting::open(Ingredients {
        db: parts.db.clone(),
        clock: parts.clock.clone(),
        key: parts.key.clone(),
        bus: Bus::default(),
        config,
        edge: samples::edge_config(),
        github: hosting::GithubConfig::default(),
        bitbucket: hosting::BitbucketConfig::default(),
        public_url: parts.public_url.clone(),
        data: parts.data().to_owned(),
    })
    .unwrap()
}

#[tokio::test]
async fn an_address_that_leads_inside_is_refused_when_it_is_sent_to_and_the_reason_is_kept() {
    for house in lenient_houses().await {
        let receiver = Receiver::start(&[OK], Duration::ZERO).await;
        let scene = scene(&house, &receiver).await;
        let strict = without_exceptions(&house);
        deployed(&strict, &scene.actor, &scene.site, DeploymentState::Success, None).await;
        work(&strict).await;
        let (delivery, tries) = scene.newest(&strict).await;
        assert_eq!((delivery.state, tries.len(), delivery.next_at), (DeliveryState::Failed, 1, None), "{}", house.on());
        let why = tries[0].error.as_deref().unwrap();
        assert_eq!(why, "not sent: 127.0.0.1 leads to this machine; only public addresses are allowed");
        assert_eq!((tries[0].status, receiver.received().len()), (None, 0));
    }
}

#[tokio::test]
async fn what_a_receiver_answers_is_kept_harmless_and_short() {
    for house in lenient_houses().await {
        let hosting = &house.hosting;
        let receiver = Receiver::start(&[HOSTILE], Duration::ZERO).await;
        let scene = scene(&house, &receiver).await;
        deliveries::test(hosting, &scene.actor, &scene.site.id, &scene.made.webhook.id).await.unwrap();
        work(hosting).await;
        let answer = scene.newest(hosting).await.1[0].answer.clone().unwrap();
        assert!(answer.contains("<script>alert(1)</script>") && answer.len() <= 1024, "{answer}");
        assert!(
            !answer.contains(['\u{1b}', '\u{202e}', '\0']) && !answer.contains("hunter2") && !answer.contains("ghp_0123"),
            "{answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_receivers_of_one_customer_hold_up_nobody_else() {
    for house in lenient_houses().await {
        let hosting = &house.hosting;
        let slow = Receiver::start(&[OK], Duration::from_millis(600)).await;
        let quick = Receiver::start(&[OK], Duration::ZERO).await;
        let scene = scene(&house, &slow).await;
        let (bob, bob_actor) = house.customer("bob").await;
        let his = active_site(&house, &bob_actor, &bob, "his").await;
        let new = NewWebhook { url: quick.url(), events: WebhookEvents::parse(["deployment.failed"]).unwrap() };
        let theirs = webhooks::create(hosting, &bob_actor, &his.id, &new).await.unwrap().webhook;
        for _ in 0..5 {
            deliveries::test(hosting, &scene.actor, &scene.site.id, &scene.made.webhook.id).await.unwrap();
        }
        hosting.clock.advance(Duration::from_millis(5));
        deliveries::test(hosting, &bob_actor, &his.id, &theirs.id).await.unwrap();
        work(hosting).await;
        assert_eq!(quick.received().len(), 1, "his was not behind hers: {}", house.on());
        assert!(slow.received().len() < 5, "not all found a place at first");
        for _ in 0..6 {
            hosting.clock.advance(Duration::from_secs(7));
            work(hosting).await;
        }
        assert_eq!((slow.received().len(), slow.at_once()), (5, 2), "{}", house.on());
        assert!(
            scene
                .deliveries(hosting)
                .await
                .iter()
                .all(|(delivery, _)| delivery.state == DeliveryState::Delivered && delivery.attempts == 1)
        );
    }
}

#[tokio::test]
async fn deliveries_are_listed_by_pages_and_forgotten_after_a_month() {
    for house in lenient_houses().await {
        let hosting = &house.hosting;
        let receiver = Receiver::start(&[OK], Duration::ZERO).await;
        let scene = scene(&house, &receiver).await;
        for _ in 0..3 {
            deliveries::test(hosting, &scene.actor, &scene.site.id, &scene.made.webhook.id).await.unwrap();
            hosting.clock.advance(Duration::from_secs(1));
        }
        let at = (&scene.site.id, &scene.made.webhook.id);
        let page = deliveries::list(&hosting.db, &scene.actor.scope(), at, None, 2).await.unwrap();
        let rest = deliveries::list(&hosting.db, &scene.actor.scope(), at, Some(&page[1].0.id), 2).await.unwrap();
        assert_eq!((page.len(), rest.len()), (2, 1), "{}", house.on());
        assert!(page[0].0.id > page[1].0.id && page[1].0.id > rest[0].0.id);
        work(hosting).await;
        hosting.clock.advance(Duration::from_secs(29 * 86_400));
        assert_eq!(hosting::notify::sweep(&hosting.db, &hosting.clock).await.unwrap(), 0);
        hosting.clock.advance(Duration::from_secs(2 * 86_400));
        assert_eq!(hosting::notify::sweep(&hosting.db, &hosting.clock).await.unwrap(), 3);
        let left: (i64,) = hosting.db.one(sql("select cast(count(*) as bigint) from outgoing_try")).await.unwrap();
        assert_eq!(left.0, 0, "{}", house.on());
    }
}
