//! Who is told what, and when: groups, repetition, silences, quiet hours, channels that fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use accounts::{Actor, Role};
use alerts::channels::{self, ChannelId, ChannelKind, NewChannel};
use alerts::messages::{self, Kind, MessageState};
use alerts::metrics::Metric;
use alerts::quiet::Quiet;
use alerts::rules::{self, Condition, NewRule};
use alerts::silences::{self, NewSilence};
use kit::secrets::hmac_sha256_hex;
use kit::{Error, sql};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::house::{ANY, House, houses, plain};

fn admins() -> Vec<ChannelId> {
    vec![ChannelId::parse("chan_000000000000000001").unwrap()]
}

fn subjects(mails: &[(String, String)]) -> Vec<&str> {
    mails.iter().map(|(_, subject)| subject.as_str()).collect()
}

#[tokio::test]
async fn alerts_of_a_rule_come_together_are_repeated_and_resolved() {
    for house in houses().await {
        house.without_rules().await;
        house.actor("Ada", Role::Admin).await;
        house.actor("Cora", Role::Concierge).await;
        let customer = house.customer("Kaffee").await;
        let sites = [house.site(&customer, "One").await, house.site(&customer, "Two").await, house.site(&customer, "Three").await];
        let down = plain("Down </title><script>", Metric::SiteDown, Condition::AtLeast { value: 0.0 });
        house.rule(NewRule { wait_seconds: 30, channels: admins(), ..down }).await;
        house.incident(&sites[0], "www").await;
        assert_eq!((house.look().await.fired, house.mails().await.len()), (1, 0), "{}: it waits for others", house.on);
        house.later(15);
        house.incident(&sites[1], "www").await;
        house.look().await;
        house.later(15);
        house.look().await;
        let mails = house.mails().await;
        assert_eq!(mails, [("ada@example.test".to_owned(), "Alerting: Down </title><script> (2 firing, 0 resolved)".to_owned())]);

        // One that comes and goes before the next message is nobody's business.
        house.incident(&sites[2], "www").await;
        house.look().await;
        house.later(60);
        house.recovered(&sites[2]).await;
        house.look().await;
        house.recovered(&sites[0]).await;
        house.look().await;
        assert_eq!(house.mails().await.len(), 1, "messages are five minutes apart");
        house.later(240);
        house.look().await;
        assert_eq!(house.mails().await.len(), 2);
        let body: serde_json::Value = serde_json::from_str(&newest(&house).await.body).unwrap();
        let told: Vec<(&str, &str)> =
            body["alerts"].as_array().unwrap().iter().map(|it| (it["about"].as_str().unwrap(), it["state"].as_str().unwrap())).collect();
        assert_eq!(told, [("Two", "firing"), ("One", "resolved")], "the third was never told");
        house.later(4 * 3600 - 1);
        house.look().await;
        assert_eq!(house.mails().await.len(), 2);
        house.later(1);
        house.look().await;
        assert_eq!(subjects(&house.mails().await)[2], "Still alerting: Down </title><script>");
        house.recovered(&sites[1]).await;
        house.later(300);
        house.look().await;
        assert_eq!(subjects(&house.mails().await)[3], "Resolved: Down </title><script>");
        house.later(86_400);
        house.look().await;
        assert_eq!(house.mails().await.len(), 4, "then there is nothing to say");
    }
}

async fn newest(house: &House) -> messages::Message {
    messages::list(&house.alerts, &Actor::cli(), None, 1).await.unwrap().remove(0)
}

#[tokio::test]
async fn silences_and_quiet_hours_hold_messages_back() {
    for house in houses().await {
        house.without_rules().await;
        let ada = house.actor("Ada", Role::Admin).await;
        let customer = house.customer("Kaffee").await;
        let sites = [house.site(&customer, "One").await, house.site(&customer, "Two").await];
        let down = plain("Down", Metric::SiteDown, Condition::AtLeast { value: 0.0 });
        let rule = house.rule(NewRule { channels: admins(), ..down.clone() }).await;
        let one: BTreeMap<String, String> = [("site".to_owned(), sites[0].to_string())].into();
        let new = NewSilence { matchers: one, comment: "We know".into(), lasts: Duration::from_secs(3600) };
        let silence = silences::create(&house.alerts, &ada, &new).await.unwrap();
        for site in &sites {
            house.incident(site, "www").await;
        }
        assert_eq!(house.look().await.fired, 2, "{}: a silence hides nothing", house.on);
        assert_eq!(house.mails().await.len(), 1);
        let body: serde_json::Value = serde_json::from_str(&newest(&house).await.body).unwrap();
        assert_eq!((body["alerts"].as_array().unwrap().len(), body["alerts"][0]["about"].as_str()), (1, Some("Two")));
        house.later(600);
        silences::end(&house.alerts, &ada, &silence.id).await.unwrap();
        assert!(matches!(silences::end(&house.alerts, &ada, &silence.id).await, Err(Error::NotFound(_))));
        house.look().await;
        assert_eq!(house.mails().await.len(), 2, "what still lasts is told when the silence is over");
        for site in &sites {
            house.recovered(site).await;
        }
        house.later(600);
        house.look().await;
        assert_eq!(house.mails().await.len(), 3);

        // From 10:00 to 12:00 UTC it is quiet; the house's clock shows 10:50.
        rules::change(
            &house.alerts,
            &ada,
            &rule.id,
            &NewRule { quiet: Quiet { hours: Some((600, 720)), weekends: false }, channels: admins(), ..down },
        )
        .await
        .unwrap();
        house.incident(&sites[0], "www").await;
        assert_eq!(house.look().await.fired, 1);
        house.later(3600);
        house.look().await;
        assert_eq!(house.mails().await.len(), 3);
        house.later(1200);
        house.look().await;
        assert_eq!(house.mails().await.len(), 4, "at noon");

        for (matchers, comment, seconds) in [
            ([("site".to_owned(), "x".to_owned())].into(), "", 60),
            ([("tier".to_owned(), "x".to_owned())].into(), "why", 60),
            (BTreeMap::new(), "why", 0),
            (BTreeMap::new(), "why", 100 * 86_400),
        ] {
            let new = NewSilence { matchers, comment: comment.into(), lasts: Duration::from_secs(seconds) };
            assert!(matches!(silences::create(&house.alerts, &ada, &new).await, Err(Error::Invalid(_))));
        }
    }
}

/// A receiver that answers with these statuses in turn, the last one again and again.
async fn receiver(statuses: &'static [&'static str]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let received: Arc<Mutex<Vec<String>>> = Arc::default();
    let all = received.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut text, mut buffer) = (String::new(), [0; 65_536]);
            loop {
                let is_whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                    let length =
                        head.to_lowercase().split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
                    length.is_some_and(|length: usize| body.len() >= length)
                });
                if is_whole {
                    break;
                }
                let length = stream.read(&mut buffer).await.unwrap();
                text.push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
            let turn = {
                let mut all = all.lock().unwrap();
                all.push(text);
                all.len() - 1
            };
            let answer = format!("HTTP/1.1 {}\r\ncontent-length: 9\r\n\r\n<b>no</b>", statuses[turn.min(statuses.len() - 1)]);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, received)
}

fn webhook(url: String) -> NewChannel {
    NewChannel { name: "Hook".into(), kind: ChannelKind::Webhook, to_admins: false, addresses: Vec::new(), url }
}

#[tokio::test]
async fn a_webhook_is_signed_and_switched_off_after_five_that_were_given_up() {
    for house in houses().await {
        house.without_rules().await;
        let (cli, customer) = (Actor::cli(), house.customer("Kaffee").await);
        let site = house.site(&customer, "Atelier").await;
        let (url, received) = receiver(&["200 OK", "500 Oh"]).await;
        let made = channels::create(&house.alerts, &cli, &webhook(url)).await.unwrap();
        let (channel, secret) = (made.channel, made.secret.unwrap());
        messages::test(&house.alerts, &cli, &channel.id).await.unwrap();
        house.work().await;
        let test = newest(&house).await;
        assert_eq!((test.kind, test.state, test.status), (Kind::Test, MessageState::Delivered, Some(200)), "{}", house.on);
        {
            let received = received.lock().unwrap();
            let (head, body) = received[0].split_once("\r\n\r\n").unwrap();
            let head = head.to_lowercase();
            assert!(head.contains(&format!("x-innkeeper-signature-256: sha256={}", hmac_sha256_hex(secret.reveal(), body.as_bytes()))));
            assert!(head.contains(&format!("x-innkeeper-delivery: {}", test.id)) && head.contains("x-innkeeper-event: alert.test"));
        }
        house.rule(NewRule { channels: vec![channel.id.clone()], ..plain("Down", Metric::SitesDown, ANY) }).await;
        for round in 0..6 {
            house.later(1);
            house.incident(&site, "www").await;
            house.look().await;
            for _ in 0..6 {
                house.work().await;
                house.later(6 * 3600);
            }
            let sent = newest(&house).await;
            let last = (sent.kind, sent.state, sent.attempts, sent.status, sent.answer.as_deref());
            // The sixth is not even written: the channel is off.
            assert_eq!(last, (Kind::Firing, MessageState::Failed, 6, Some(500), Some("<b>no</b>")), "round {round}");
            house.recovered(&site).await;
            house.look().await;
            // Its resolution would be a delivery of its own; this test counts those that fired.
            house.db.execute(sql("delete from alert_message where kind = 'resolved'")).await.unwrap();
            house.later(3600);
        }
        let stopped = channels::get(&house.alerts, &cli, &channel.id).await.unwrap();
        assert_eq!((stopped.failures, stopped.note.as_deref()), (5, Some("The last 5 deliveries failed at every try.")));
        let before = received.lock().unwrap().len();
        house.incident(&site, "www").await;
        house.look().await;
        house.work().await;
        assert_eq!(received.lock().unwrap().len(), before, "nothing more is sent");
        // Saving it switches it on again, with the same secret for the same address.
        let address = stopped.url(&house.alerts.key).unwrap().unwrap().reveal().to_owned();
        let again = channels::change(&house.alerts, &cli, &channel.id, &webhook(address)).await.unwrap();
        assert!(again.secret.is_none() && again.channel.note.is_none());
        let failed = newest(&house).await;
        messages::again(&house.alerts, &cli, &failed.id).await.unwrap();
        house.work().await;
        assert_eq!(received.lock().unwrap().len(), before + 1, "what was given up can be sent again by hand");
    }
}

#[tokio::test]
async fn mails_tell_what_came_of_them() {
    for house in houses().await {
        let cli = Actor::cli();
        let ada = house.actor("Ada", Role::Admin).await;
        let new = NewChannel {
            name: "Team".into(),
            kind: ChannelKind::Mail,
            to_admins: true,
            addresses: vec!["team@example.test".into(), "ADA@example.test".into()],
            url: String::new(),
        };
        let channel = channels::create(&house.alerts, &ada, &new).await.unwrap().channel;
        assert_eq!(messages::test(&house.alerts, &ada, &channel.id).await.unwrap(), 2, "{}: each address once", house.on);
        house.look().await;
        assert!(
            messages::list(&house.alerts, &cli, None, 5).await.unwrap().iter().all(|it| it.state == MessageState::Held),
            "no mail server"
        );
        assert_eq!(channels::get(&house.alerts, &cli, &channel.id).await.unwrap().failures, 0, "that is not the channel's fault");
        for round in 1..=5 {
            messages::test(&house.alerts, &ada, &channel.id).await.unwrap();
            house
                .db
                .execute(sql("update mail set state = 'failed', error = '550 no such <b>user</b>', attempts = 8 where state = 'held'"))
                .await
                .unwrap();
            house
                .db
                .execute(sql("update alert_message set state = 'delivered' where target = 'ada@example.test' and state = 'waiting'"))
                .await
                .unwrap();
            house.look().await;
            let channel = channels::get(&house.alerts, &cli, &channel.id).await.unwrap();
            assert_eq!((channel.failures, channel.note.is_some()), (round, round == 5));
        }
        assert!(newest(&house).await.error.is_none_or(|why| why.contains("550")));

        for (bad, field) in [
            (NewChannel { to_admins: false, addresses: vec![], ..new.clone() }, "addresses"),
            (NewChannel { addresses: vec!["a@b\r\nbcc: x@y".into()], ..new.clone() }, "addresses"),
            (NewChannel { name: "\u{202e}".into(), ..new.clone() }, "name"),
            (webhook("http://169.254.169.254/latest".into()), "url"),
            (webhook("file:///etc/passwd".into()), "url"),
        ] {
            match channels::create(&house.alerts, &ada, &bad).await {
                Err(Error::Invalid(fields)) => assert_eq!(fields[0].field, field),
                other => panic!("{field}: {other:?}"),
            }
        }
    }
}
