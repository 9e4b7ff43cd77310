//! Site Health as the store keeps it: the pause between restarts, what may be restarted by whom, incidents and uptime. What is
//! seen of Docker is told by the tests of the real stack.

use std::sync::atomic::Ordering;
use std::time::Duration;

use accounts::Actor;
use futures_util::future::join_all;
use hosting::Hosting;
use hosting::operations::{self, OperationKind, RunOperation};
use hosting::probes::{self, incidents, restart, uptime};
use hosting::sites::{Site, SiteId, SiteState};
use kit::jobs::Job;
use kit::{Clock, Error, Result, Timestamp, sql};
use tokio_util::sync::CancellationToken;

use crate::house::{House, complaint, houses};

const PAUSE: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3600);

async fn active_site(house: &House) -> (Actor, Site) {
    let (ada, actor) = house.customer("ada").await;
    let site = house.create(&actor, &ada, "ada").await.unwrap();
    let site = house.settle(&site.id, SiteState::Active).await;
    // Operations are told apart by when they began.
    house.hosting.clock.advance(Duration::from_secs(1));
    (actor, site)
}

/// How long the refused caller is told to wait.
fn wait_of<T: std::fmt::Debug>(outcome: Result<T>) -> Duration {
    match outcome {
        Err(Error::Throttled { retry_after, message }) => {
            assert!(message.contains("it can be restarted again in "), "{message}");
            retry_after
        }
        other => panic!("not throttled: {other:?}"),
    }
}

async fn marks(house: &House) -> i64 {
    house.test.count("select cast(count(*) as bigint) from site_restart").await
}

async fn restarts(house: &House) -> i64 {
    house.test.count("select cast(count(*) as bigint) from site_operation where kind = 'restart'").await
}

#[tokio::test]
async fn of_ten_who_ask_at_once_one_restarts() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        let outcomes = join_all((0..10).map(|nth| {
            let service = (nth % 2 == 0).then_some("www");
            restart::request(&house.hosting, &actor, &site.id, service)
        }))
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{}: {outcomes:?}", house.on());
        for refused in outcomes.into_iter().filter(Result::is_err) {
            assert_eq!(wait_of(refused), PAUSE, "{}", house.on());
        }
        assert_eq!((marks(&house).await, restarts(&house).await), (1, 1), "{}", house.on());
        assert_eq!(house.test.count("select cast(count(*) as bigint) from audit where action = 'site.restart'").await, 1);
    }
}

#[tokio::test]
async fn pause_outlives_a_restart_of_innkeeper_and_ends_to_the_millisecond() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        restart::request(&house.hosting, &actor, &site.id, None).await.unwrap();
        house.settle(&site.id, SiteState::Active).await;
        let other = house.reopen();
        assert_eq!(wait_of(restart::request(&other, &actor, &site.id, Some("www")).await), PAUSE, "one service is no way around it");
        other.clock.advance(PAUSE.checked_sub(Duration::from_millis(1)).unwrap());
        assert_eq!(wait_of(restart::request(&other, &actor, &site.id, None).await), Duration::from_millis(1));
        let until = restart::blocked_until(&other, &site.id).await.unwrap();
        assert_eq!(until, Some(other.clock.now().plus(Duration::from_millis(1))), "{}", house.on());
        other.clock.advance(Duration::from_millis(1));
        assert_eq!(restart::blocked_until(&other, &site.id).await.unwrap(), None);
        restart::request(&other, &actor, &site.id, None).await.unwrap();
        assert_eq!(restarts(&house).await, 2, "{}", house.on());
    }
}

fn set_back(clock: &Clock, by: Duration) {
    let Clock::Manual(at) = clock else { panic!("a clock that tests move") };
    at.fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
}

#[tokio::test]
async fn clock_set_back_makes_nobody_wait_for_longer_or_shorter_than_one_pause() {
    for house in houses().await {
        let (hosting, clock) = (&house.hosting, &house.hosting.clock);
        let (actor, site) = active_site(&house).await;
        restart::request(hosting, &actor, &site.id, None).await.unwrap();
        house.settle(&site.id, SiteState::Active).await;
        clock.advance(Duration::from_secs(60));
        set_back(clock, HOUR);
        assert_eq!(wait_of(restart::request(hosting, &actor, &site.id, None).await), PAUSE, "{}", house.on());
        // With or without a Docker that answers.
        let stop = CancellationToken::new();
        let watch = tokio::spawn(probes::watch(hosting.clone(), stop.clone()));
        let started = tokio::time::Instant::now();
        loop {
            let (mark,): (Timestamp,) = hosting.db.one(sql("select requested_at from site_restart")).await.unwrap();
            if mark == clock.now() {
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{}: the mark stays in the future", house.on());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.cancel();
        watch.await.unwrap();
        clock.advance(PAUSE.checked_sub(Duration::from_secs(1)).unwrap());
        assert_eq!(wait_of(restart::request(hosting, &actor, &site.id, None).await), Duration::from_secs(1), "{}", house.on());
        clock.advance(Duration::from_secs(1));
        restart::request(hosting, &actor, &site.id, None).await.unwrap();
    }
}

async fn fail_restart(house: &House, site: &Site) {
    let (operation, _) = operations::newest(&house.hosting.db, &Actor::cli().scope(), &site.id).await.unwrap().unwrap();
    assert_eq!(operation.kind, OperationKind::Restart);
    let job = RunOperation { operation_id: operation.id };
    Job::<Hosting>::gave_up(job, house.hosting.clone(), "api did not come back".to_owned()).await.unwrap();
    house.hosting.db.execute(sql("update job set state = 'dead'")).await.unwrap();
}

#[tokio::test]
async fn restart_that_failed_may_be_tried_again_after_30_seconds_but_only_as_a_new_one() {
    for house in houses().await {
        let (hosting, clock) = (&house.hosting, &house.hosting.clock);
        let (actor, site) = active_site(&house).await;
        restart::request(hosting, &actor, &site.id, None).await.unwrap();
        clock.advance(Duration::from_secs(60));
        fail_restart(&house, &site).await;
        assert_eq!(hosting::sites::get_any(&hosting.db, &site.id).await.unwrap().state, SiteState::Active, "{}", house.on());
        assert_eq!(wait_of(restart::request(hosting, &actor, &site.id, None).await), Duration::from_secs(30), "{}", house.on());
        let retried = operations::retry(hosting, &actor, &site.id).await;
        assert!(matches!(&retried, Err(Error::Conflict(message)) if message.contains("ask for another restart")), "{retried:?}");
        clock.advance(Duration::from_secs(30));
        restart::request(hosting, &actor, &site.id, None).await.unwrap();
        // A failure late in the pause does not make it longer.
        clock.advance(Duration::from_secs(290));
        fail_restart(&house, &site).await;
        assert_eq!(wait_of(restart::request(hosting, &actor, &site.id, None).await), Duration::from_secs(10), "{}", house.on());
    }
}

#[tokio::test]
async fn only_services_of_the_site_are_restarted() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        for wrong in ["", "nginx", "WWW", "www ", "../db", "$(id)", "--help", "www\0"] {
            let (field, message) = complaint(restart::request(&house.hosting, &actor, &site.id, Some(wrong)).await);
            assert_eq!((field.as_str(), message.as_str()), ("service", "must be one of alert, api, db, www"), "{wrong:?}");
        }
        assert_eq!((marks(&house).await, restarts(&house).await), (0, 0), "{}: a slip of the pen costs no pause", house.on());
        restart::request(&house.hosting, &actor, &site.id, Some("db")).await.unwrap();
        let (operation, _) = operations::newest(&house.hosting.db, &actor.scope(), &site.id).await.unwrap().unwrap();
        assert_eq!((operation.kind, operation.service.as_deref()), (OperationKind::Restart, Some("db")), "{}", house.on());
    }
}

#[tokio::test]
async fn site_of_another_customer_has_no_health_to_see_or_change() {
    for house in houses().await {
        let (_, site) = active_site(&house).await;
        let (_, bob) = house.customer("bob").await;
        let (db, now) = (&house.hosting.db, house.hosting.clock.now());
        let nothing = SiteId::parse("app_zzzzzzzz").unwrap();
        for id in [&site.id, &nothing] {
            // A wrong service must not tell the one from the other.
            for service in [None, Some("www"), Some("nginx")] {
                let outcome = restart::request(&house.hosting, &bob, id, service).await;
                assert!(matches!(outcome, Err(Error::NotFound(_))), "{}: {outcome:?}", house.on());
            }
            assert!(matches!(incidents::of_site(db, &bob.scope(), id, 10).await, Err(Error::NotFound(_))), "{}", house.on());
            assert!(matches!(uptime::days(db, &bob.scope(), id, now).await, Err(Error::NotFound(_))), "{}", house.on());
            assert!(matches!(probes::standing(&house.hosting, &bob.scope(), id).await, Err(Error::NotFound(_))), "{}", house.on());
        }
        assert_eq!((marks(&house).await, restarts(&house).await), (0, 0), "{}", house.on());
    }
}

#[tokio::test]
async fn only_an_active_site_that_is_not_busy_restarts_and_refusals_begin_no_pause() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        for state in SiteState::ALL.iter().filter(|state| **state != SiteState::Active) {
            house.settle(&site.id, *state).await;
            let refused = restart::request(&house.hosting, &actor, &site.id, None).await;
            assert!(
                matches!(&refused, Err(Error::Conflict(message)) if message.contains(state.as_str())),
                "{} {state}: {refused:?}",
                house.on()
            );
        }
        house.settle(&site.id, SiteState::Active).await;
        operations::request(&house.hosting, &actor, &site.id, OperationKind::Reconfigure).await.unwrap();
        let refused = restart::request(&house.hosting, &actor, &site.id, None).await;
        assert!(matches!(&refused, Err(Error::Conflict(message)) if message.contains("busy")), "{}: {refused:?}", house.on());
        assert_eq!((marks(&house).await, restarts(&house).await), (0, 0), "{}", house.on());
    }
}

#[tokio::test]
async fn standing_tells_what_is_in_the_way_of_a_restart() {
    for house in houses().await {
        let (hosting, clock) = (&house.hosting, &house.hosting.clock);
        let (actor, site) = active_site(&house).await;
        // Neither counts for this one.
        let (bob, bobs) = house.customer("bob").await;
        house.create(&bobs, &bob, "bob").await.unwrap();
        let stands = async || {
            let found = probes::standing(hosting, &actor.scope(), &site.id).await.unwrap();
            assert_eq!((&found.site.id, found.site.state), (&site.id, SiteState::Active), "{}", house.on());
            (found.is_busy, found.blocked_until)
        };
        assert_eq!(stands().await, (false, None));
        restart::request(hosting, &actor, &site.id, None).await.unwrap();
        let until = clock.now().plus(PAUSE);
        assert_eq!(stands().await, (true, Some(until)));
        house.settle(&site.id, SiteState::Active).await;
        clock.advance(Duration::from_secs(299));
        assert_eq!(stands().await, (false, Some(until)), "{}", house.on());
        assert_eq!(restart::blocked_until(hosting, &site.id).await.unwrap(), Some(until));
        clock.advance(Duration::from_secs(1));
        assert_eq!(stands().await, (false, None));
    }
}

#[tokio::test]
async fn incidents_are_one_at_a_time_and_forgotten_when_they_ended_over_a_year_ago() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        let (db, now) = (&house.hosting.db, house.hosting.clock.now());
        let days_ago = |days: u64| now.minus(Duration::from_secs(days * 86_400));
        let add = |id: &str, service: &str, from: Timestamp, until: Option<Timestamp>| {
            sql("insert into incident (id, site_id, service, state, cause, started_at, ended_at) values ($1, $2, $3, 'stopped', 'exited', $4, $5)")
                .bind(format!("inc_00000000000000000{id}"))
                .bind(&site.id)
                .bind(service.to_owned())
                .bind(from)
                .bind(until)
        };
        for row in [
            add("1", "www", days_ago(500), Some(days_ago(401))),
            add("2", "www", days_ago(500), Some(days_ago(399))),
            add("3", "www", days_ago(450), None),
            add("4", "api", days_ago(450), None),
            add("5", "www", days_ago(1), Some(now)),
        ] {
            db.execute(row).await.unwrap();
        }
        assert!(db.execute(add("6", "www", now, None)).await.is_err(), "{}: two open ones of one service", house.on());
        assert_eq!(incidents::forget_old(db, now).await.unwrap(), 1, "{}", house.on());
        let left = incidents::of_site(db, &actor.scope(), &site.id, 200).await.unwrap();
        let ids: Vec<String> = left.iter().map(|incident| incident.id.to_string()).collect();
        let expected = ["5", "4", "3", "2"].map(|id| format!("inc_00000000000000000{id}"));
        assert_eq!(ids, expected, "{}: newest first, and those that last are kept", house.on());
        assert_eq!(incidents::of_site(db, &actor.scope(), &site.id, 1).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn survived_end_of_a_process_is_noted_once_an_hour_beside_whatever_is_open() {
    for house in houses().await {
        let (actor, site) = active_site(&house).await;
        let (hosting, db) = (&house.hosting, &house.hosting.db);
        let open = sql(
            "insert into incident (id, site_id, service, state, cause, started_at) values ('inc_000000000000000001', $1, 'api', 'error', 'unhealthy', 1)",
        );
        db.execute(open.bind(&site.id)).await.unwrap();
        let note = async |service| incidents::note_survived(hosting, &site.id, service).await.unwrap();
        assert!(note("api").await, "{}", house.on());
        assert!(note("www").await, "{}: another service", house.on());
        hosting.clock.advance(HOUR - Duration::from_secs(1));
        assert!(!note("api").await, "{}: within the hour", house.on());
        hosting.clock.advance(Duration::from_secs(1));
        assert!(note("api").await, "{}", house.on());
        let found = incidents::of_site(db, &actor.scope(), &site.id, 10).await.unwrap();
        let of_api: Vec<bool> = found.iter().filter(|it| it.service == "api").map(incidents::Incident::was_survived).collect();
        assert_eq!(of_api, [true, true, false], "{}", house.on());
    }
}

#[tokio::test]
async fn sample_rows_of_the_migration_are_read() {
    for house in houses().await {
        for samples in [
            include_str!("../../../../migrations/samples/0002.sql"),
            include_str!("../../../../migrations/samples/0003.sql"),
            include_str!("../../../../migrations/samples/0005.sql"),
        ] {
            house.test.run_script(samples).await;
        }
        let (db, scope) = (&house.hosting.db, Actor::cli().scope());
        let site = SiteId::parse("app_aaaaaaaa").unwrap();
        let found = incidents::of_site(db, &scope, &site, 10).await.unwrap();
        assert_eq!(found.len(), 2, "{}", house.on());
        assert_eq!((found[0].service.as_str(), found[0].cause, found[0].ended_at), (incidents::EDGE, probes::Cause::NoAnswer, None));
        assert_eq!((found[1].state, found[1].detail.as_deref()), (probes::HealthState::Stopped, Some("exit code 1")));
        let days = uptime::days(db, &scope, &site, Timestamp(20_000 * 86_400_000)).await.unwrap();
        assert_eq!((days.len(), days[89].watched_ms, days[89].down_ms), (90, 86_400_000, 1), "{}", house.on());
        assert_eq!(uptime::overall(&days).map(uptime::percent_text).as_deref(), Some("99.99 %"));
        assert_eq!(restart::blocked_until(&house.hosting, &site).await.unwrap(), None, "asked for in 1970");
    }
}
