//! Status pages: who publishes them, who reads them, and what they keep to themselves.

use hosting::probes::house_status;
use hosting::probes::status_page::{self, Outage, PublicState};
use hosting::sites::{Site, SiteState};
use kit::{Error, sql};

use crate::house::{House, houses};

async fn incident(house: &House, site: &Site, service: &str, cause: &str, from: i64, to: Option<i64>) {
    let query = sql("insert into incident (id, site_id, service, state, cause, detail, started_at, ended_at)
                     values ($1, $2, $3, 'error', $4, 'exit code 137', $5, $6)")
    .bind(hosting::probes::incidents::IncidentId::new(&kit::Clock::System))
    .bind(&site.id)
    .bind(service)
    .bind(cause)
    .bind(from)
    .bind(to);
    house.hosting.db.execute(query).await.unwrap();
}

fn is_missing<T: std::fmt::Debug>(outcome: &kit::Result<T>) -> bool {
    matches!(outcome, Err(Error::NotFound(_)))
}

#[tokio::test]
async fn a_page_is_for_everyone_only_while_it_is_published() {
    for house in houses().await {
        let (customer, owner) = house.customer("ada").await;
        let (_, stranger) = house.customer("bob").await;
        let hosting = &house.hosting;
        let site = house.create(&owner, &customer, "ada").await.unwrap();
        house.settle(&site.id, SiteState::Active).await;

        assert!(is_missing(&status_page::read(hosting, None, &site.id).await));
        assert!(is_missing(&status_page::read(hosting, Some(&stranger.scope()), &site.id).await));
        assert!(!status_page::read(hosting, Some(&owner.scope()), &site.id).await.unwrap().is_public);

        assert!(is_missing(&status_page::publish(hosting, &stranger, &site.id, true).await));
        for _ in 0..2 {
            status_page::publish(hosting, &owner, &site.id, true).await.unwrap();
        }
        let page = status_page::read(hosting, None, &site.id).await.unwrap();
        assert!(page.is_public && page.state == PublicState::Unknown && page.days.len() == 90, "{page:?}");

        house.settle(&site.id, SiteState::Stopped).await;
        assert_eq!(status_page::read(hosting, None, &site.id).await.unwrap().state, PublicState::Off);
        house.settle(&site.id, SiteState::Archived).await;
        assert!(is_missing(&status_page::read(hosting, None, &site.id).await));
        house.settle(&site.id, SiteState::Active).await;

        status_page::publish(hosting, &owner, &site.id, false).await.unwrap();
        assert!(is_missing(&status_page::read(hosting, None, &site.id).await));
        let written = audit_actions(&house).await;
        assert_eq!(written, ["site.create", "site.publish_status", "site.withdraw_status"], "{}", house.on());
    }
}

async fn audit_actions(house: &House) -> Vec<String> {
    let rows: Vec<(String,)> =
        house.hosting.db.all(sql("select action from audit where action like 'site.%' order by action")).await.unwrap();
    rows.into_iter().map(|(action,)| action).collect()
}

#[tokio::test]
async fn a_page_tells_of_outages_and_not_of_services() {
    for house in houses().await {
        let (customer, owner) = house.customer("ada").await;
        let hosting = &house.hosting;
        let site = house.create(&owner, &customer, "ada").await.unwrap();
        house.settle(&site.id, SiteState::Active).await;
        let now = hosting.clock.now().0;
        incident(&house, &site, "db", "exited", now - 9_000, Some(now - 5_000)).await;
        incident(&house, &site, "edge", "no_answer", now - 8_000, Some(now - 4_000)).await;
        incident(&house, &site, "www", "unhealthy", now - 1_000, None).await;
        incident(&house, &site, "www", "unhealthy", now - 200 * 86_400_000, Some(now - 199 * 86_400_000)).await;

        let page = status_page::read(hosting, Some(&owner.scope()), &site.id).await.unwrap();
        let current = page.current.unwrap();
        assert_eq!((current.outage, current.started_at.0), (Outage::Partial, now - 1_000));
        let past: Vec<_> = page.past.iter().map(|it| (it.outage, it.started_at.0, it.ended_at.unwrap().0)).collect();
        assert_eq!(past, [(Outage::Unreachable, now - 9_000, now - 4_000)], "{}", house.on());
    }
}

#[tokio::test]
async fn the_house_counts_sites_and_names_none() {
    for house in houses().await {
        let (customer, owner) = house.customer("ada").await;
        let hosting = &house.hosting;
        let empty = house_status::read(hosting).await.unwrap();
        assert_eq!((empty.sites, empty.all_sites, empty.edge), (0, PublicState::Up, PublicState::Unknown));
        for name in ["one", "two"] {
            let site = house.create(&owner, &customer, name).await.unwrap();
            house.settle(&site.id, SiteState::Active).await;
        }
        let stopped = house.create(&owner, &customer, "three").await.unwrap();
        house.settle(&stopped.id, SiteState::Stopped).await;
        let reconciler = |at: i64, error: Option<&str>| {
            sql("insert into reconciler (name, started_at, duration_ms, summary, error) values ('edge.routes', $1, 1, null, $2)
                 on conflict (name) do update set started_at = excluded.started_at, error = excluded.error")
            .bind(at)
            .bind(error.map(str::to_owned))
        };
        let now = hosting.clock.now().0;
        for (at, error, expected) in [
            (now, None, PublicState::Up),
            (now, Some("port 80 is taken"), PublicState::Down),
            (now - 3_600_000, None, PublicState::Unknown),
        ] {
            hosting.db.execute(reconciler(at, error)).await.unwrap();
            let status = house_status::read(hosting).await.unwrap();
            // Nobody has looked at containers here, so nothing is known of them.
            assert_eq!((status.sites, status.sites_up, status.all_sites), (2, 0, PublicState::Unknown));
            assert_eq!((status.edge, status.new_sites), (expected, PublicState::Unknown));
        }
    }
}
