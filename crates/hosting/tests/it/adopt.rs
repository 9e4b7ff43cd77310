//! What is said of adopted containers before Docker is asked, and what may not be done to them. With Docker: `real_stack::adopted`.

use accounts::{Actor, CustomerId};
use hosting::adopt;
use hosting::names::SiteName;
use hosting::operations::{self, OperationKind};
use hosting::sites::{self, Site, SiteState, UpdateSite};
use kit::{Error, sql};

use crate::house::{House, complaint, houses, houses_with};

/// As adopting leaves it.
async fn adopted(house: &House, owner: &Actor, customer: &CustomerId, container: &str) -> Site {
    let site = house.create(owner, customer, &format!("s-{}", container.len())).await.unwrap();
    house.settle(&site.id, SiteState::Active).await;
    for statement in [
        sql("update site set kind = 'adopted', network_slot = -1 where id = $1").bind(&site.id),
        sql("insert into adopted_container (site_id, container, adopted_at) values ($1, $2, 1)").bind(&site.id).bind(container),
    ] {
        house.hosting.db.execute(statement).await.unwrap();
    }
    sites::get_any(&house.hosting.db, &site.id).await.unwrap()
}

fn conflict<T: std::fmt::Debug>(outcome: kit::Result<T>) -> String {
    match outcome {
        Err(Error::Conflict(message)) => message,
        other => panic!("no conflict: {other:?}"),
    }
}

#[tokio::test]
async fn hostile_names_are_refused_before_docker_is_asked() {
    for house in houses().await {
        let (customer, _) = house.customer("ada").await;
        for name in ["", "-rm", "--privileged", "../etc", "a/b", "a b", "$(id)", "`id`", "a;b", "a\nb", "a\u{0}b", "ä", &"a".repeat(129)] {
            let (field, message) = complaint(adopt::adopt(&house.hosting, &Actor::cli(), &customer, name, None).await);
            assert_eq!(field, "container", "{name:?} on {}", house.on());
            assert!(message.contains("customer-42-wordpress"), "{message}");
        }
        let stored: (i64,) = house.hosting.db.one(sql("select cast(count(*) as bigint) from site")).await.unwrap();
        assert_eq!(stored.0, 0);
    }
}

#[tokio::test]
async fn only_admins_adopt_scan_and_let_go() {
    for house in houses().await {
        let (customer, owner) = house.customer("ada").await;
        let hosting = &house.hosting;
        let site = adopted(&house, &owner, &customer, "customer-7-wordpress").await;
        assert!(matches!(adopt::adopt(hosting, &owner, &customer, "customer-8-wordpress", None).await, Err(Error::Forbidden(_))));
        assert!(matches!(adopt::candidates(hosting, &owner).await, Err(Error::Forbidden(_))));
        assert!(matches!(adopt::let_go(hosting, &owner, &site.id).await, Err(Error::Forbidden(_))));
        assert!(adopt::of_site(&hosting.db, &site.id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn an_unknown_customer_is_a_complaint_about_the_field() {
    for house in houses().await {
        let nobody = CustomerId::random();
        let (field, _) = complaint(adopt::adopt(&house.hosting, &Actor::cli(), &nobody, "customer-7-wordpress", None).await);
        assert_eq!(field, "customer");
    }
}

#[tokio::test]
async fn nothing_but_a_restart_is_done_to_an_adopted_container() {
    for house in houses().await {
        let (customer, owner) = house.customer("ada").await;
        let hosting = &house.hosting;
        let site = adopted(&house, &owner, &customer, "customer-7-wordpress").await;
        for kind in [
            OperationKind::Start,
            OperationKind::Stop,
            OperationKind::Reconfigure,
            OperationKind::Delete,
            OperationKind::Restore,
            OperationKind::Discard,
        ] {
            let message = conflict(operations::request(hosting, &owner, &site.id, kind).await);
            assert_eq!(message, "an adopted container can only be restarted or let go", "{kind} on {}", house.on());
        }
        let rename = UpdateSite { name: Some(SiteName::parse("New").unwrap()), custom_domain: None };
        conflict(sites::update(hosting, &owner, &site.id, &rename).await);
        conflict(sites::update(hosting, &owner, &site.id, &UpdateSite { name: None, custom_domain: Some(None) }).await);
        let now = sites::get_any(&hosting.db, &site.id).await.unwrap();
        assert_eq!((now.name.as_str(), now.state), ("A site", SiteState::Active));
        // Its one service is known by what it is; the other names are not.
        let (field, message) = complaint(hosting::probes::restart::request(hosting, &owner, &site.id, Some("www")).await);
        assert_eq!((field.as_str(), message.as_str()), ("service", "must be one of wordpress"));
    }
}

#[tokio::test]
async fn letting_go_waits_for_a_restart_and_forgets_everything_then() {
    for house in houses().await {
        let (customer, owner) = house.customer("ada").await;
        let hosting = &house.hosting;
        let site = adopted(&house, &owner, &customer, "customer-7-magento").await;
        hosting::probes::restart::request(hosting, &owner, &site.id, Some("magento")).await.unwrap();
        assert!(conflict(adopt::let_go(hosting, &Actor::cli(), &site.id).await).contains("busy"));
        house.settle(&site.id, SiteState::Active).await;
        adopt::let_go(hosting, &Actor::cli(), &site.id).await.unwrap();
        assert!(matches!(sites::get_any(&hosting.db, &site.id).await, Err(Error::NotFound(_))));
        let left: (i64,) = hosting.db.one(sql("select cast(count(*) as bigint) from adopted_container")).await.unwrap();
        assert_eq!(left.0, 0);
        assert!(matches!(adopt::let_go(hosting, &Actor::cli(), &site.id).await, Err(Error::NotFound(_))));

        let own = house.create(&owner, &customer, "own").await.unwrap();
        assert!(conflict(adopt::let_go(hosting, &Actor::cli(), &own.id).await).contains("delete the site instead"));
    }
}

#[tokio::test]
async fn adopted_containers_take_no_place_of_the_customer_s_own_sites() {
    for house in houses_with(|config| config.sites_per_customer = 1).await {
        let (customer, owner) = house.customer("ada").await;
        adopted(&house, &owner, &customer, "customer-7-wordpress").await;
        house.create(&owner, &customer, "own").await.unwrap();
        assert!(conflict(house.create(&owner, &customer, "more").await).contains("1 sites"));
    }
}
