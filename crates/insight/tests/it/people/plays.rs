//! What happens to a customer's health is seen, and done something about, once.

use std::sync::{Arc, Mutex};

use accounts::{Actor, CustomerId, Role, Standing};
use insight::health::Band;
use insight::owners;
use insight::plays::deliveries::{self, DeliveryState};
use insight::plays::watch::{self, Looked};
use insight::plays::{self, Actions, Assignee, Cause, DeliverPlay, MailAction, NewPlay, Play, TaskAction};
use insight::segments::{self, Expression, NewSegment};
use insight::tasks::{self, TaskQuery};
use kit::jobs::{Registry, Runner};
use kit::secrets::hmac_sha256_hex;
use kit::{Error, sql};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::house::{House, houses, member};

fn calling(name: &str, cause: Cause) -> NewPlay {
    NewPlay {
        name: name.into(),
        cause,
        segment: None,
        actions: Actions {
            task: Some(TaskAction { title: "Call <them>".into(), due_in_days: Some(2), assignee: Assignee::Owner }),
            mail: Some(MailAction { owner: true, to: vec!["team@example.test".into()] }),
        },
        url: None,
        quiet_days: 14,
        active: true,
    }
}

const CHURNING: Cause = Cause::Band { to: Band::Churning };

async fn look(house: &House) -> Looked {
    watch::look(&house.plays).await.unwrap()
}

async fn open_tasks(house: &House, actor: &Actor) -> Vec<tasks::Task> {
    tasks::list(&house.db, actor, &TaskQuery::default()).await.unwrap().items
}

#[tokio::test]
async fn a_change_is_told_once_and_not_again_for_a_while() {
    for house in houses().await {
        let (ada, cora) = (house.actor("Ada", Role::Admin).await, house.actor("Cora", Role::Concierge).await);
        let (falls, was_so) = (house.customer("Kaffee & Korn").await, house.customer("Was so").await);
        owners::set(&house.db, &house.clock, &ada, &falls, Some(member(&cora))).await.unwrap();
        house.health(&falls, Some(55.0), false).await;
        house.health(&was_so, Some(20.0), true).await;
        let play = plays::create(&house.plays, &ada, &calling("Call who churns", CHURNING)).await.unwrap().play;
        assert_eq!(look(&house).await, Looked { news: 2, ran: 0 }, "{}: who is so already is left alone", house.on);
        assert_eq!(look(&house).await, Looked::default());

        house.health(&falls, Some(38.0), false).await;
        assert_eq!(look(&house).await, Looked { news: 1, ran: 1 });
        assert_eq!(look(&house).await, Looked::default(), "once");
        let open = open_tasks(&house, &ada).await;
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].title.as_str(), open[0].assignee_id.as_ref()), ("Call <them>", Some(member(&cora))));
        assert_eq!(open[0].due, Some(house.today().plus(2)));
        assert_eq!(open[0].detail, "The band went from At risk to Churning. The score is 38.0.");
        let mails: Vec<(String, String)> = house.db.all(sql("select recipient, subject from mail order by recipient")).await.unwrap();
        assert_eq!(mails.len(), 2, "the owner's and the team's");
        assert!(mails.iter().all(|(_, subject)| subject == "Kaffee & Korn: Call who churns"));
        assert!(mails.iter().any(|(to, _)| to == "team@example.test"));
        let runs = watch::runs(&house.plays, &cora, &play.id, None, 10).await.unwrap();
        assert_eq!((runs.len(), runs[0].mails, runs[0].task_id.as_ref()), (1, 2, Some(&open[0].id)));

        // To and fro over the edge: quiet for two weeks, then told again.
        for (score, after_days, ran) in [(41.0, 1, 0), (39.0, 1, 0), (41.0, 11, 0), (39.0, 2, 1)] {
            house.later(after_days);
            house.health(&falls, Some(score), false).await;
            assert_eq!(look(&house).await, Looked { news: 1, ran }, "{score}");
        }
        assert_eq!(watch::runs_of_customer(&house.plays, &ada, &falls, kit::Timestamp(0)).await.unwrap().len(), 2);

        plays::remove(&house.plays, &ada, &play.id).await.unwrap();
        assert_eq!(open_tasks(&house, &ada).await.len(), 2, "tasks stay");
        look(&house).await;
        assert_eq!(house.count("select cast(count(*) as bigint) from play_seen").await, 0, "nobody looks without plays");
    }
}

#[tokio::test]
async fn each_cause_has_its_moment_and_a_segment_narrows_it() {
    for house in houses().await {
        let ada = house.actor("Ada", Role::Admin).await;
        let (one, other) = (house.customer("One").await, house.customer("Other").await);
        for customer in [&one, &other] {
            house.health(customer, Some(75.0), false).await;
        }
        let expression = Expression::parse(r#"{"where":{"fact":"name","is":"is","value":"one"}}"#).unwrap();
        let segment = segments::create(&house.insight, &house.kinds, &ada, &NewSegment { name: "One".into(), expression }).await.unwrap();
        let only_task = |name: &str, cause, segment| NewPlay {
            segment,
            actions: Actions { mail: None, ..calling("", cause).actions },
            ..calling(name, cause)
        };
        let falling = only_task("falling", Cause::FallingFast, Some(segment.id.clone()));
        let churn = only_task("churn", Cause::Churn { above: 0.3 }, None);
        for play in [&falling, &churn] {
            plays::create(&house.plays, &ada, play).await.unwrap();
        }
        assert!(matches!(segments::remove(&house.insight, &ada, &segment.id).await, Err(Error::Conflict(_))), "a play is for it");
        look(&house).await;
        for customer in [&one, &other] {
            house.health(customer, Some(71.0), true).await;
        }
        assert_eq!(look(&house).await, Looked { news: 2, ran: 1 }, "{}", house.on);
        let chance = async |customer: &CustomerId, probability: f64| {
            let statement = sql("insert into churn_score (customer_id, probability, day, at) values ($1, $2, 1, 1)
                 on conflict (customer_id) do update set probability = excluded.probability");
            house.db.execute(statement.bind(customer).bind(probability)).await.unwrap();
        };
        for (probability, ran) in [(0.29, 0), (0.3, 1), (0.5, 0), (0.1, 0)] {
            chance(&other, probability).await;
            assert_eq!(look(&house).await, Looked { news: 1, ran }, "{probability}");
        }
        let titles = open_tasks(&house, &ada).await;
        assert!(titles.iter().all(|task| task.assignee_id.is_none()), "nobody looks after them");
        let mut made_by: Vec<&str> = titles.iter().map(|task| task.created_by.as_str()).collect();
        made_by.sort_unstable();
        assert_eq!(made_by, ["play “churn”", "play “falling”"]);
    }
}

#[tokio::test]
async fn plays_that_make_no_sense_are_refused() {
    for house in houses().await {
        let (ada, cora) = (house.actor("Ada", Role::Admin).await, house.actor("Cora", Role::Concierge).await);
        let customer = house.customer("Kaffee").await;
        let olga = house.actor("Olga", Role::Customer { customer, standing: Standing::Owner }).await;
        let good = calling("good", CHURNING);
        let with = |change: fn(&mut NewPlay)| {
            let mut play = good.clone();
            change(&mut play);
            play
        };
        for (bad, field) in [
            (with(|play| play.name = " ".into()), "name"),
            (with(|play| play.cause = Cause::Churn { above: 1.0 }), "cause"),
            (with(|play| play.cause = Cause::Churn { above: f64::NAN }), "cause"),
            (with(|play| play.actions = Actions::default()), "task"),
            (with(|play| play.actions.mail = Some(MailAction::default())), "mail"),
            (with(|play| play.actions.mail = Some(MailAction { owner: false, to: vec!["a@b\r\nbcc: x@y".into()] })), "mail"),
            (
                with(|play| play.actions.mail = Some(MailAction { owner: false, to: (0..6).map(|n| format!("a{n}@b.test")).collect() })),
                "mail",
            ),
            (with(|play| play.url = Some("http://169.254.169.254/latest".into())), "url"),
            (with(|play| play.url = Some("file:///etc/passwd".into())), "url"),
            (with(|play| play.url = Some("http://user:word@example.com/".into())), "url"),
            (with(|play| play.segment = Some(insight::segments::SegmentId::parse("seg_000000000000000009").unwrap())), "segment"),
            (with(|play| play.quiet_days = 400), "quiet_days"),
        ] {
            match plays::create(&house.plays, &ada, &bad).await {
                Err(Error::Invalid(fields)) => assert_eq!(fields[0].field, field, "{}", house.on),
                other => panic!("{field}: {other:?}"),
            }
        }
        assert!(matches!(plays::create(&house.plays, &cora, &good).await, Err(Error::Forbidden(_))), "plays send mails: admins make them");
        assert!(matches!(plays::list(&house.plays, &olga).await, Err(Error::Forbidden(_))));
        assert!(plays::list(&house.plays, &cora).await.unwrap().is_empty());
    }
}

/// Answers each request with the next status, and the last one for ever.
async fn receiver(statuses: &'static [&'static str]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let received = Arc::new(Mutex::new(Vec::new()));
    let all = received.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            let mut buffer = [0; 4096];
            while !text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.ends_with('}')) {
                let length = stream.read(&mut buffer).await.unwrap();
                text.push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
            let turn = {
                let mut all = all.lock().unwrap();
                all.push(text);
                all.len() - 1
            };
            let status = statuses[turn.min(statuses.len() - 1)];
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\n\r\n<b>no</b>");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, received)
}

/// Works until nothing is due any more.
async fn work(house: &House) {
    let registry = Registry::default().job::<DeliverPlay>();
    let runner = Runner::new(house.db.clone(), house.clock.clone(), house.plays.clone(), registry, "test", 2);
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner.run(stop.clone()));
    for _ in 0..400 {
        let due = sql("select cast(count(*) as bigint) from job where state = 'running' or (state = 'queued' and run_at <= $1)");
        let (left,): (i64,) = house.db.one(due.bind(house.clock.now())).await.unwrap();
        if left == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    stop.cancel();
    running.await.unwrap();
}

async fn newest(house: &House, actor: &Actor, play: &Play) -> deliveries::Delivery {
    deliveries::list(&house.plays, actor, &play.id, None, 1).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_webhook_is_signed_tried_again_and_stopped() {
    for house in houses().await {
        let ada = house.actor("Ada", Role::Admin).await;
        let customer = house.customer("Kaffee").await;
        house.health(&customer, Some(80.0), false).await;
        let (url, received) = receiver(&["500 Oh", "200 OK", "410 Gone"]).await;
        let new = NewPlay { url: Some(url), actions: Actions::default(), quiet_days: 0, ..calling("hook", CHURNING) };
        let made = plays::create(&house.plays, &ada, &new).await.unwrap();
        let (play, secret) = (made.play, made.secret.unwrap());
        assert_eq!(play.host(&house.key).unwrap().as_deref(), Some("127.0.0.1"));
        look(&house).await;
        house.health(&customer, Some(10.0), false).await;
        look(&house).await;
        work(&house).await;
        let first = newest(&house, &ada, &play).await;
        assert_eq!((first.state, first.attempts, first.status), (DeliveryState::Waiting, 1, Some(500)), "{}", house.on);
        assert_eq!(first.answer.as_deref(), Some("<b>no</b>"));
        house.later(1);
        work(&house).await;
        assert_eq!(newest(&house, &ada, &play).await.state, DeliveryState::Delivered);
        {
            let received = received.lock().unwrap();
            let (head, body) = received[1].split_once("\r\n\r\n").unwrap();
            let head = head.to_lowercase();
            assert!(head.contains(&format!("x-innkeeper-signature-256: sha256={}", hmac_sha256_hex(secret.reveal(), body.as_bytes()))));
            assert!(head.contains(&format!("x-innkeeper-delivery: {}", first.id)));
            let json: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(json["event"], "play.ran");
            assert_eq!(json["customer"]["name"], "Kaffee");
            assert_eq!((&json["health"]["band"], &json["health"]["band_before"]), (&"churning".into(), &"healthy".into()));
        }
        // Gone: the webhook stops, the play goes on.
        deliveries::test(&house.plays, &ada, &play.id).await.unwrap();
        work(&house).await;
        let stopped = plays::get(&house.plays, &ada, &play.id).await.unwrap();
        assert!(stopped.note.as_deref().is_some_and(|note| note.contains("410")), "{:?}", stopped.note);
        house.later(1);
        for score in [80.0, 10.0] {
            house.health(&customer, Some(score), false).await;
            look(&house).await;
        }
        work(&house).await;
        assert_eq!(received.lock().unwrap().len(), 3, "nothing more is sent");
        assert_eq!(watch::runs(&house.plays, &ada, &play.id, None, 10).await.unwrap().len(), 2);
        // Saving it sends again, with the same secret for the same address.
        let again = plays::change(&house.plays, &ada, &play.id, &new).await.unwrap();
        assert!(again.secret.is_none() && again.play.note.is_none());
        let elsewhere = NewPlay { url: Some("https://example.com/".into()), ..new };
        assert!(plays::change(&house.plays, &ada, &play.id, &elsewhere).await.unwrap().secret.is_some());
    }
}
