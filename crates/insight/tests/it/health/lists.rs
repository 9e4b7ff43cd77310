//! Lists of customers by their current scores.

use accounts::CustomerId;
use insight::health::{self, Band, Query, Sort, models};
use kit::testing::databases;
use serde_json::json;

use crate::house::House;

/// Customers with 0 to 8 sign-ins; each third without any event.
async fn crowd(house: &House) -> Vec<CustomerId> {
    let mut customers = Vec::new();
    for at in 0..27_usize {
        let customer = house.customer(&format!("Customer {}", at * 7 % 27)).await;
        if !at.is_multiple_of(3) {
            let logins = 1 + at % 9 * 2;
            house.accept((0..logins).map(|ago| house.event(&customer, i64::try_from(ago).unwrap(), "login", json!({}))).collect()).await;
        }
        customers.push(customer);
    }
    health::recompute(&house.insight).await.unwrap();
    customers
}

#[tokio::test]
async fn every_order_shows_each_customer_once_and_unknown_ones_last() {
    for test in databases().await {
        let house = House::on(test);
        let all = crowd(&house).await;
        for sort in [Sort::Created, Sort::Name, Sort::Score, Sort::Change7, Sort::Change30, Sort::Slope, Sort::MovedBy, Sort::LastDay] {
            for descending in [false, true] {
                let mut query = Query { sort, descending, limit: 4, ..Query::default() };
                let mut seen = Vec::new();
                loop {
                    let page = health::list(&house.insight, &house.scope(), &query).await.unwrap();
                    assert!(page.items.len() <= 4);
                    seen.extend(page.items);
                    match page.next {
                        Some(next) => query.after = Some(next),
                        None => break,
                    }
                }
                let what = format!("{} {sort:?} {descending}", house.test.name);
                let mut ids: Vec<_> = seen.iter().map(|listed| listed.customer.id.clone()).collect();
                ids.sort();
                ids.dedup();
                assert_eq!((ids.len(), seen.len()), (all.len(), all.len()), "{what}");
                if sort == Sort::Score {
                    let points: Vec<_> = seen.iter().map(|listed| listed.standing.as_ref().unwrap().points).collect();
                    let known: Vec<f64> = points.iter().flatten().copied().collect();
                    assert_eq!(known.len(), 18);
                    assert!(points[18..].iter().all(Option::is_none), "{what}");
                    assert!(known.is_sorted_by(|a, b| if descending { a >= b } else { a <= b }), "{what}: {known:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn lists_are_narrowed_by_name_id_and_band() {
    for test in databases().await {
        let house = House::on(test);
        let all = crowd(&house).await;
        let count = async |query: Query| health::list(&house.insight, &house.scope(), &query).await.unwrap().items.len();
        assert_eq!(count(Query { search: "customer 2".to_owned(), sort: Sort::Score, ..Query::default() }).await, 8);
        assert_eq!(count(Query { search: "100%_!'".to_owned(), ..Query::default() }).await, 0);
        assert_eq!(count(Query { search: all[4].to_string(), sort: Sort::Name, ..Query::default() }).await, 1);
        let bands = health::distribution(&house.insight, &house.scope()).await.unwrap();
        assert_eq!((bands.unknown, bands.all()), (9, 27));
        for (band, expected) in [(Band::Healthy, bands.healthy), (Band::AtRisk, bands.at_risk), (Band::Churning, bands.churning)] {
            let found = count(Query { bands: vec![band], sort: Sort::Score, ..Query::default() }).await;
            assert_eq!(i64::try_from(found).unwrap(), expected, "{band}");
        }
        let tens = health::tens(&house.insight, &house.scope()).await.unwrap();
        assert_eq!(tens.iter().sum::<i64>(), 18);
        let model = models::in_use(&house.test.db).await.unwrap();
        let means = health::factor_means(&house.insight, &house.scope(), &model).await.unwrap();
        assert_eq!(means.len(), 5);
        assert_eq!((means[0].customers, means[2].mean), (18, Some(100.0)));
        for bad in ["nonsense", "NaN,cust_aaaaaaaaaaaa", "1,", ",", "inf,cust_aaaaaaaaaaaa"] {
            let query = Query { after: Some(bad.to_owned()), sort: Sort::Score, ..Query::default() };
            assert!(health::list(&house.insight, &house.scope(), &query).await.is_err(), "{bad}");
        }
    }
}
