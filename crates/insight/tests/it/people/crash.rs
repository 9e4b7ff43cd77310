//! Killed with SIGKILL again and again while plays run: each change of a band has exactly one task, and its webhook and mail are sent at
//! least once, always under the same id.
//!
//! The process that is killed is this test binary itself, started again with [`FOLDER`] set. The receiver lives through it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use accounts::{Actor, Currency, CustomerName, NewCustomer, customers};
use events::Calendar;
use insight::health::Band;
use insight::plays::{self, Actions, Assignee, Cause, DeliverPlay, MailAction, NewPlay, Plays, TaskAction, watch};
use kit::bus::Bus;
use kit::db::migrations;
use kit::exec::Command;
use kit::fetch::{Allowed, Guard};
use kit::jobs::{Registry, Runner};
use kit::mail::{MailConfig, MailSecurity, Mailer, SendMail};
use kit::secrets::{InstanceKey, Secret};
use kit::{Clock, Db, sql};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const FOLDER: &str = "INSIGHT_TEST_CRASH_FOLDER";
const DEATHS: usize = 12;
const CUSTOMERS: usize = 200;

/// What the two kinds of jobs need.
#[derive(Clone)]
struct Parts {
    plays: Plays,
    mailer: Mailer,
}

impl AsRef<Plays> for Parts {
    fn as_ref(&self) -> &Plays {
        &self.plays
    }
}

impl AsRef<Mailer> for Parts {
    fn as_ref(&self) -> &Mailer {
        &self.mailer
    }
}

async fn open(folder: &Path) -> (Db, Parts) {
    let db = Db::open_sqlite(&folder.join("innkeeper.db")).unwrap();
    db.migrate(&migrations()).await.unwrap();
    let (clock, key) = (Clock::System, InstanceKey::load_or_create(&folder.join("key")).unwrap());
    let mail = MailConfig {
        host: String::new(),
        port: 25,
        security: MailSecurity::None,
        username: String::new(),
        password: Secret::default(),
        from: "Innkeeper <innkeeper@example.test>".to_owned(),
    };
    let mailer = Mailer::new(&mail, db.clone(), clock.clone(), key.clone()).unwrap();
    let plays = Plays::open(insight::plays::Ingredients {
        db: db.clone(),
        clock,
        bus: Bus::default(),
        key,
        mailer: mailer.clone(),
        outside: Guard::new(vec![Allowed::parse("127.0.0.1").unwrap()], &[], None),
        calendar: Calendar::parse("UTC").unwrap(),
        public_url: "https://innkeeper.test".to_owned(),
    });
    (db, Parts { plays, mailer })
}

fn runner(db: &Db, parts: &Parts) -> Runner<Parts> {
    let registry = Registry::default().job::<DeliverPlay>().job::<SendMail>();
    Runner::new(db.clone(), Clock::System, parts.clone(), registry, "one", 4)
}

/// What the killed process does: scores fall one after the other, plays look, deliveries are sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to do")]
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (db, parts) = open(Path::new(&folder)).await;
    tokio::spawn(runner(&db, &parts).run(CancellationToken::new()));
    loop {
        let fall = sql("update health_now set score = 30.0, band = 'churning'
                        where customer_id in (select customer_id from health_now where band = 'at_risk' order by customer_id limit 3)");
        db.execute(fall).await.unwrap();
        watch::look(&parts.plays).await.unwrap();
    }
}

/// Takes every delivery and remembers which it was and whom it told of.
async fn receiver() -> (String, Arc<Mutex<Vec<(String, String)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let heard: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let seen = heard.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let seen = seen.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut part = [0_u8; 4096];
                // The body is JSON and ends with a brace; whoever dies before that has not told anything.
                while !request.ends_with(b"}") {
                    match stream.read(&mut part).await {
                        Ok(1..) => request.extend_from_slice(&part),
                        _ => return,
                    }
                    while request.last() == Some(&0) {
                        request.pop();
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((_, body)) = text.split_once("\r\n\r\n") else { return };
                let Ok(body) = serde_json::from_str::<serde_json::Value>(body) else { return };
                let of = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                seen.lock().unwrap().push((of(&body["delivery"]), of(&body["customer"]["id"])));
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
            });
        }
    });
    (url, heard)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_has_one_task_and_is_told_under_one_id_after_many_deaths() {
    let folder = tempfile::tempdir().unwrap();
    let (url, heard) = receiver().await;
    let (db, parts) = open(folder.path()).await;
    let cli = Actor::cli();
    for number in 0..CUSTOMERS {
        let new = NewCustomer { name: CustomerName::parse(&format!("C{number}")).unwrap(), currency: Currency::parse("EUR").unwrap() };
        let customer = customers::create(&db, &Clock::System, &cli, new).await.unwrap().id;
        let row = sql(
            "insert into health_now (customer_id, day, version_no, score, band, coverage, is_new, falls_fast, factors, recent, computed_at)
                       values ($1, 1, 1, 50.0, 'at_risk', 1.0, false, false, '{}', '[]', 1)",
        );
        db.execute(row.bind(customer)).await.unwrap();
    }
    let new = NewPlay {
        name: "Call".into(),
        cause: Cause::Band { to: Band::Churning },
        segment: None,
        actions: Actions {
            task: Some(TaskAction { title: "Call".into(), due_in_days: None, assignee: Assignee::Nobody }),
            mail: Some(MailAction { owner: false, to: vec!["team@example.test".into()] }),
        },
        url: Some(url),
        quiet_days: 14,
        active: true,
    };
    plays::create(&parts.plays, &cli, &new).await.unwrap();
    watch::look(&parts.plays).await.unwrap();
    drop((db, parts));

    for death in 0..DEATHS {
        let life = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "people::crash::child", "--nocapture"])
            .env(FOLDER, folder.path())
            .stream(|_| {});
        // Dropping the future kills the process group with SIGKILL, at another moment each time.
        let span = Duration::from_millis(150 + 37 * death as u64 % 300);
        if let Ok(ended) = tokio::time::timeout(span, life).await {
            panic!("it ended by itself: {ended:?}");
        }
    }
    let (db, parts) = open(folder.path()).await;
    let one = async |question: &'static str| db.one::<(i64,)>(sql(question)).await.unwrap().0;
    let fallen = one("select cast(count(*) as bigint) from health_now where band = 'churning'").await;
    assert!(fallen >= DEATHS as i64, "{fallen} is too little to be a test");

    // The last life: what is under way ends.
    watch::look(&parts.plays).await.unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner(&db, &parts).run(stop.clone()));
    let began = std::time::Instant::now();
    while one("select cast(count(*) as bigint) from play_delivery where state = 'waiting'").await > 0 {
        assert!(began.elapsed() < Duration::from_secs(120), "deliveries still wait");
        // What was under way at a death is tried again when its lease has run out, or its pause is over.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.cancel();
    running.await.unwrap();
    assert_eq!(one("select cast(count(*) as bigint) from customer_task").await, fallen, "a change has no task, or two");
    assert_eq!(one("select cast(count(distinct customer_id) as bigint) from customer_task").await, fallen);
    assert_eq!(one("select cast(count(*) as bigint) from play_run").await, fallen);
    assert_eq!(one("select cast(count(*) as bigint) from mail").await, fallen, "one mail each");
    let heard = heard.lock().unwrap();
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (delivery, customer) in heard.iter() {
        ids.entry(customer).or_default().insert(delivery);
    }
    assert_eq!(ids.len() as i64, fallen, "somebody was not told of");
    assert!(ids.values().all(|ids| ids.len() == 1), "told under two ids");
    println!("{fallen} fell, {} deliveries heard, {} of them repeated", heard.len(), heard.len() as i64 - fallen);
}
