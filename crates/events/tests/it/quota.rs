//! How much a token may send.

use std::time::Duration;

use accounts::SendingLimits;
use events::Calendar;
use events::quota::{Quotas, TooMuch, sweep};
use kit::{Db, sql};

use crate::house::House;

fn quotas(db: &Db, house: &House) -> Quotas {
    Quotas::new(db, &house.clock, &Calendar::parse("UTC").unwrap())
}

async fn token(house: &House) -> String {
    let queries = [
        "insert into member (id, name, email, role, theme, created_at) values ('mem_a', 'Ada', 'ada@x.example', 'admin', 'system', 1)",
        "insert into api_token (id, member_id, name, token_hash, scopes, created_at, sends_events)
         values ('tok_a', 'mem_a', 'x', 'h', 'events:write', 1, true)",
    ];
    for query in queries {
        house.test.db.execute(sql(query)).await.unwrap();
    }
    "tok_a".to_owned()
}

fn wait(outcome: Result<events::quota::Admission, TooMuch>) -> Option<(&'static str, u64)> {
    match outcome {
        Ok(admission) => {
            admission.used();
            None
        }
        Err(TooMuch::TooFast { wait }) => Some(("fast", wait.as_secs())),
        Err(TooMuch::DayIsFull { wait }) => Some(("day", wait.as_secs())),
    }
}

#[tokio::test]
async fn a_burst_goes_through_and_then_the_rate_holds() {
    for house in House::both().await {
        let (quotas, token) = (quotas(&house.test.db, &house), token(&house).await);
        let limits = SendingLimits::new(Some(10), None).unwrap();
        let send = async |events| wait(quotas.admit(&token, limits, events).await.unwrap());
        assert_eq!(send(60).await, None);
        assert_eq!(send(40).await, None);
        assert_eq!(send(30).await, Some(("fast", 3)));
        house.clock.advance(Duration::from_secs(3));
        assert_eq!(send(30).await, None);
        assert_eq!(send(1).await, Some(("fast", 1)));
        // One that is larger than the burst goes when there is all of it, and is paid for afterwards.
        house.clock.advance(Duration::from_secs(100));
        assert_eq!(send(500).await, None);
        assert_eq!(send(1).await, Some(("fast", 41)));
        house.clock.advance(Duration::from_secs(41));
        assert_eq!(send(1).await, None);
        // What could not be kept does not count.
        house.clock.advance(Duration::from_secs(100));
        drop(quotas.admit(&token, limits, 100).await.unwrap());
        assert_eq!(send(100).await, None);
    }
}

#[tokio::test]
async fn a_day_has_an_end_that_a_restart_and_other_processes_know() {
    for house in House::both().await {
        let (one, token) = (quotas(&house.test.db, &house), token(&house).await);
        let limits = SendingLimits::new(None, Some(1_000)).unwrap();
        let send = async |quotas: &Quotas, events| wait(quotas.admit(&token, limits, events).await.unwrap());
        assert_eq!(send(&one, 700).await, None);
        drop(one.admit(&token, limits, 300).await.unwrap());
        assert_eq!(send(&one, 301).await, Some(("day", 3600)));
        assert_eq!(one.sent_today(&token).await.unwrap(), 700);
        let two = quotas(&house.test.db, &house);
        assert_eq!(send(&two, 301).await, Some(("day", 3600)), "after a restart");
        assert_eq!(send(&two, 200).await, None);
        assert_eq!(two.sent_today(&token).await.unwrap(), 900);
        assert_eq!(send(&one, 50).await, None);
        assert_eq!(one.sent_today(&token).await.unwrap(), 950);
        assert_eq!(send(&one, 51).await.map(|(why, _)| why), Some("day"), "what the other has counted is known once it was written");
        // It is noon; shortly before midnight the wait is as long as the day.
        house.clock.advance(Duration::from_secs(12 * 3600 - 20));
        assert_eq!(send(&one, 51).await, Some(("day", 20)));
        house.clock.advance(Duration::from_secs(20));
        assert_eq!(send(&one, 1_000).await, None);
        assert_eq!(one.sent_today(&token).await.unwrap(), 1_000);
        // A token that is revoked takes its counts with it, and keeps nobody else's from being written.
        assert_eq!(send(&one, 0).await, None);
        house.test.db.execute(sql("delete from api_token")).await.unwrap();
        assert_eq!(one.sent_today(&token).await.unwrap(), 0);
        assert_eq!(sweep(&house.test.db, events::Day(30_000)).await.unwrap(), 0);
        assert!(quotas(&house.test.db, &house).admit("tok_b", SendingLimits::default(), 1_000_000).await.unwrap().is_ok(), "no end");
    }
}
