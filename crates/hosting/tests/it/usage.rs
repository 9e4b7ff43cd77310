//! Figures on both databases, with an edge that says what the test lets it say.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use accounts::Actor;
use hosting::Hosting;
use hosting::sites::{Site, SiteState};
use hosting::usage::{self, Roots, Sample, Totals, Watcher};
use kit::{Error, Timestamp, sql};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::house::{House, houses_with_edge};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Says what Traefik would say at `/metrics`; nothing at all while it is told nothing.
struct Edge {
    port: u16,
    says: Arc<Mutex<Option<String>>>,
}

impl Edge {
    async fn start() -> Edge {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let says: Arc<Mutex<Option<String>>> = Arc::default();
        let heard = says.clone();
        tokio::spawn(async move {
            loop {
                let (mut caller, _) = listener.accept().await.unwrap();
                let said = heard.lock().unwrap().clone();
                let Some(text) = said else { continue };
                let mut request = [0; 4096];
                let read = caller.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                assert!(request.starts_with("GET /metrics ") && request.contains("authorization: Basic "), "{request}");
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
                caller.write_all((head + &text).as_bytes()).await.unwrap();
            }
        });
        Edge { port, says }
    }

    /// All that the edge has counted of a site since its start.
    fn counts(&self, site: &Site, requests: u64, failed: u64, bytes: u64) {
        let labels = |code: u16| format!("{{code=\"{code}\",method=\"GET\",protocol=\"http\",service=\"{}-www@file\"}}", site.prefix());
        *self.says.lock().unwrap() = Some(format!(
            "process_start_time_seconds 1.7672e+09\n\
             traefik_service_requests_total{ok} {}\ntraefik_service_requests_total{bad} {failed}\n\
             traefik_service_responses_bytes_total{ok} {bytes}\n",
            requests - failed,
            ok = labels(200),
            bad = labels(502),
        ));
    }

    fn falls_silent(&self) {
        *self.says.lock().unwrap() = None;
    }
}

async fn active_site(house: &House, name: &str) -> (Site, Actor) {
    let (customer, actor) = house.customer(name).await;
    let site = house.create(&actor, &customer, name).await.unwrap();
    (house.settle(&site.id, SiteState::Active).await, actor)
}

async fn watcher(hosting: &Hosting) -> Watcher {
    // Containers are none: what the kernel says is tested with the real parts.
    Watcher::resume(hosting, Roots { proc: "/nonexistent".into(), cgroup: "/nonexistent".into() }).await
}

async fn totals(house: &House, actor: &Actor, site: &Site) -> Totals {
    usage::totals(&house.hosting.db, &actor.scope(), &site.id, house.hosting.clock.now()).await.unwrap()
}

/// Requests of each minute on disk.
async fn minutes(house: &House, actor: &Actor, site: &Site) -> Vec<Option<u32>> {
    let (from, to) = (Timestamp(0), house.hosting.clock.now());
    let history = usage::history(&house.hosting.db, &actor.scope(), &site.id, from, to).await.unwrap();
    history.into_iter().map(|minute| minute.sample.requests).collect()
}

#[tokio::test]
async fn requests_add_up_to_minutes_days_and_months() {
    let edge = Edge::start().await;
    for house in houses_with_edge(edge.port).await {
        let (hosting, clock) = (&house.hosting, &house.hosting.clock);
        let (site, actor) = active_site(&house, "ada").await;
        let mut watcher = watcher(hosting).await;
        edge.counts(&site, 100, 1, 1_000_000);
        watcher.go_round(hosting).await;
        assert_eq!(hosting.figures.of(&site.id, clock.now()).requests_per_second, None, "nothing to compare with yet");
        assert_eq!(totals(&house, &actor, &site).await.requests_today, Some(0), "counted before we looked");

        edge.counts(&site, 130, 6, 1_600_000);
        clock.advance(Duration::from_secs(10));
        watcher.go_round(hosting).await;
        let figures = hosting.figures.of(&site.id, clock.now());
        assert!(figures.requests_per_second.is_some_and(|rate| rate > 0.0) && figures.is_counted, "{figures:?}");
        assert_eq!((figures.cpu_percent, figures.memory_bytes), (None, None), "nothing runs: missing, not 0");
        assert!(minutes(&house, &actor, &site).await.is_empty(), "the minute has not ended");

        clock.advance(MINUTE);
        watcher.go_round(hosting).await;
        assert_eq!(minutes(&house, &actor, &site).await, [Some(30)], "{}", house.on());
        let seen = totals(&house, &actor, &site).await;
        assert_eq!((seen.requests_today, seen.server_errors_today, seen.bytes_this_month), (Some(30), Some(5), Some(600_000)));

        clock.advance(DAY);
        edge.counts(&site, 140, 6, 1_700_000);
        watcher.go_round(hosting).await;
        clock.advance(MINUTE);
        watcher.go_round(hosting).await;
        let seen = totals(&house, &actor, &site).await;
        assert_eq!((seen.requests_today, seen.server_errors_today, seen.bytes_this_month), (Some(10), Some(0), Some(700_000)));

        clock.advance(31 * DAY);
        let seen = totals(&house, &actor, &site).await;
        assert_eq!((seen.requests_today, seen.bytes_this_month), (Some(0), Some(0)), "another month");
    }
}

#[tokio::test]
async fn last_hour_survives_a_restart_and_the_hour_goes_on_in_the_same_block() {
    let edge = Edge::start().await;
    for house in houses_with_edge(edge.port).await {
        let clock = &house.hosting.clock;
        let (site, actor) = active_site(&house, "ada").await;
        let mut before = watcher(&house.hosting).await;
        for (requests, after) in [(100, 10), (107, 60), (109, 60)] {
            edge.counts(&site, requests, 0, 0);
            before.go_round(&house.hosting).await;
            clock.advance(Duration::from_secs(after));
        }
        before.go_round(&house.hosting).await;
        assert_eq!(minutes(&house, &actor, &site).await, [Some(7), Some(2)]);

        let hosting = house.restarted();
        let mut after = watcher(&hosting).await;
        after.go_round(&hosting).await;
        let hour = hosting.figures.of(&site.id, clock.now()).last_hour;
        let requests: Vec<f64> = hour.iter().filter_map(|point| point.requests).map(|rate| (rate * 60.0).round()).collect();
        assert_eq!(requests, [7.0, 2.0], "{}", house.on());
        edge.counts(&site, 112, 0, 0);
        after.go_round(&hosting).await;
        clock.advance(MINUTE);
        after.go_round(&hosting).await;
        assert_eq!(minutes(&house, &actor, &site).await, [Some(7), Some(2), Some(3)], "{}", house.on());
        assert_eq!(house.test.count("select cast(count(*) as bigint) from usage_hour").await, 3, "one a visited service");
    }
}

#[tokio::test]
async fn edge_that_does_not_answer_leaves_gaps_and_loses_nothing() {
    let edge = Edge::start().await;
    for house in houses_with_edge(edge.port).await {
        let (hosting, clock) = (&house.hosting, &house.hosting.clock);
        let (site, actor) = active_site(&house, "ada").await;
        let mut watcher = watcher(hosting).await;
        edge.counts(&site, 10, 0, 0);
        watcher.go_round(hosting).await;
        edge.falls_silent();
        clock.advance(MINUTE);
        watcher.go_round(hosting).await;
        assert_eq!(hosting.figures.of(&site.id, clock.now()).requests_per_second, None);
        clock.advance(MINUTE);
        edge.counts(&site, 14, 0, 0);
        watcher.go_round(hosting).await;
        clock.advance(MINUTE);
        watcher.go_round(hosting).await;
        assert_eq!(minutes(&house, &actor, &site).await, [Some(4)], "{}: the silent minute has no row, not 0", house.on());
        assert_eq!(totals(&house, &actor, &site).await.requests_today, Some(4));
    }
}

#[tokio::test]
async fn adopted_sites_have_no_requests_instead_of_none_counted() {
    let edge = Edge::start().await;
    for house in houses_with_edge(edge.port).await {
        let (hosting, clock) = (&house.hosting, &house.hosting.clock);
        let (site, actor) = active_site(&house, "ada").await;
        hosting.db.execute(sql("update site set kind = 'adopted' where id = $1").bind(&site.id)).await.unwrap();
        let mut watcher = watcher(hosting).await;
        for requests in [1, 5] {
            edge.counts(&site, requests, 0, 0);
            watcher.go_round(hosting).await;
            clock.advance(MINUTE);
        }
        watcher.go_round(hosting).await;
        let figures = hosting.figures.of(&site.id, clock.now());
        assert_eq!((figures.requests_per_second, figures.is_counted), (None, false), "{}", house.on());
        let seen = totals(&house, &actor, &site).await;
        assert_eq!((seen.requests_today, seen.bytes_this_month, seen.is_counted), (None, None, false));
        assert!(minutes(&house, &actor, &site).await.is_empty());
        let series = usage::series(hosting).await.unwrap();
        assert_eq!(series.len(), 1);
        assert_eq!(series[0].requests_total, None);
    }
}

#[tokio::test]
async fn weeks_old_minutes_go_and_a_removed_site_does_not_keep_others_from_being_written() {
    let edge = Edge::start().await;
    for house in houses_with_edge(edge.port).await {
        let (hosting, clock) = (&house.hosting, &house.hosting.clock);
        let (ada, ada_actor) = active_site(&house, "ada").await;
        let (bob, bob_actor) = active_site(&house, "bob").await;
        let mut watcher = watcher(hosting).await;
        for requests in [0, 3] {
            edge.counts(&ada, requests, 0, 0);
            watcher.go_round(hosting).await;
            clock.advance(Duration::from_secs(10));
        }
        hosting.db.execute(sql("delete from site_operation where site_id = $1").bind(&bob.id)).await.unwrap();
        hosting.db.execute(sql("delete from site where id = $1").bind(&bob.id)).await.unwrap();
        clock.advance(MINUTE);
        watcher.go_round(hosting).await;
        assert_eq!(minutes(&house, &ada_actor, &ada).await, [Some(3)], "{}", house.on());
        let gone = usage::totals(&hosting.db, &bob_actor.scope(), &bob.id, clock.now()).await;
        assert!(matches!(gone, Err(Error::NotFound(_))));

        clock.advance(6 * DAY);
        watcher.go_round(hosting).await;
        assert!(minutes(&house, &ada_actor, &ada).await.contains(&Some(3)), "{}", house.on());
        clock.advance(DAY + Duration::from_secs(3600));
        watcher.go_round(hosting).await;
        assert!(!minutes(&house, &ada_actor, &ada).await.contains(&Some(3)), "{}", house.on());
    }
}

#[tokio::test]
async fn history_and_totals_of_another_customer_do_not_exist() {
    let edge = Edge::start().await;
    for house in houses_with_edge(edge.port).await {
        let (ada, _) = active_site(&house, "ada").await;
        let (_, bob_actor) = house.customer("bob").await;
        let (db, now) = (&house.hosting.db, house.hosting.clock.now());
        let history = usage::history(db, &bob_actor.scope(), &ada.id, Timestamp(0), now).await;
        assert!(matches!(history, Err(Error::NotFound(_))), "{}", house.on());
        assert!(matches!(usage::totals(db, &bob_actor.scope(), &ada.id, now).await, Err(Error::NotFound(_))));
    }
}

#[tokio::test]
async fn services_of_a_site_are_added_up_and_cut_blocks_are_read_as_far_as_they_go() {
    let edge = Edge::start().await;
    for house in houses_with_edge(edge.port).await {
        let (site, actor) = active_site(&house, "ada").await;
        let (db, now) = (&house.hosting.db, house.hosting.clock.now());
        let hour = now.0 / 3_600_000;
        // 10.5 % and 100 KiB; 20.0 %, 50 KiB and 9 requests.
        for (service, minutes) in
            [("db", vec![105, 0, 100, 0, 0, 0, 255, 255, 255, 255]), ("www", vec![200, 0, 50, 0, 0, 0, 9, 0, 0, 0]), ("api", Vec::new())]
        {
            let insert = sql("insert into usage_hour (site_id, service, hour, minutes) values ($1, $2, $3, $4)");
            db.execute(insert.bind(&site.id).bind(service).bind(hour).bind(minutes)).await.unwrap();
        }
        let history = usage::history(db, &actor.scope(), &site.id, Timestamp(0), now).await.unwrap();
        assert_eq!(history.len(), 1, "{}", house.on());
        assert_eq!(history[0].at, Timestamp(hour * 3_600_000));
        assert_eq!(history[0].sample, Sample { cpu_percent: Some(30.5), memory_kib: Some(150), requests: Some(9) });
        let outside = usage::history(db, &actor.scope(), &site.id, Timestamp(0), Timestamp(hour * 3_600_000 - 1)).await.unwrap();
        assert!(outside.is_empty());
    }
}
