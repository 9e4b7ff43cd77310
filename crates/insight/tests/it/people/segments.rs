//! Who is in a segment.

use accounts::{CustomerId, Role, customers};
use events::{Identity, NewEvent};
use insight::owners;
use insight::segments::{self, Expression, NewSegment, SegmentId};
use kit::{Error, sql};
use serde_json::{Value, json};

use super::house::{House, event, houses, member};

fn new(name: &str, expression: &Value) -> NewSegment {
    NewSegment { name: name.into(), expression: Expression::parse(&expression.to_string()).unwrap() }
}

fn is(fact: &str, how: &str, value: Value) -> Value {
    json!({ "where": { "fact": fact, "is": how, "value": value } })
}

async fn inside(house: &House, actor: &accounts::Actor, id: &SegmentId) -> Vec<CustomerId> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = segments::members(&house.insight, actor, id, after.as_ref(), 1).await.unwrap();
        all.extend(page.items.into_iter().map(|(id, _)| id));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn a_segment_finds_what_is_stored_and_follows_it() {
    for house in houses().await {
        let ada = house.actor("Ada", Role::Admin).await;
        let (low, high, unknown) = (house.customer("Low").await, house.customer("High").await, house.customer("Unknown").await);
        house.health(&low, Some(35.0), true).await;
        house.health(&high, Some(80.0), false).await;
        owners::set(&house.db, &house.clock, &ada, &high, Some(member(&ada))).await.unwrap();
        house.kinds.0.lock().unwrap().insert(high.clone(), vec!["blog".into(), "ecommerce".into()]);
        let set = json!({ "plan": "pro", "seats": 7, "evil' or 1=1 --": "<b>" }).as_object().cloned().unwrap();
        let described = NewEvent { identity: Identity::Customer { set }, ..event(&low, house.today(), "$groupidentify", 0, "{}") };
        house.events.accept(vec![described]).await.unwrap();
        house
            .db
            .execute(sql("insert into churn_score (customer_id, probability, day, at) values ($1, 0.4, 1, 1)").bind(&low))
            .await
            .unwrap();
        let (low_only, high_only) = (vec![low.clone()], vec![high.clone()]);
        for (number, (expression, expected)) in [
            (is("score", "below", json!(40)), &low_only),
            (is("band", "is", json!("healthy")), &high_only),
            (json!({ "not": is("score", "below", json!(40)) }), &high_only),
            (json!({ "where": { "fact": "score", "is": "unknown" } }), &vec![unknown.clone()]),
            (is("plan", "is", json!("PRO")), &low_only),
            (is("property.seats", "above", json!(6)), &low_only),
            (is("property.evil' or 1=1 --", "is", json!("<b>")), &low_only),
            (is("churn", "at_least", json!(0.4)), &low_only),
            (is("owner", "is", json!(member(&ada).as_str())), &high_only),
            (is("site_kind", "is", json!("ecommerce")), &high_only),
            (is("sites", "is", json!(2)), &high_only),
            (is("factor.login", "below", json!(26)), &{
                let mut both = vec![low.clone(), high.clone()];
                both.sort();
                both
            }),
            (is("falling_fast", "is", json!(true)), &low_only),
            (is("factor.support", "below", json!(100)), &Vec::new()),
        ]
        .into_iter()
        .enumerate()
        {
            let segment = segments::create(&house.insight, &house.kinds, &ada, &new(&format!("s{number}"), &expression)).await.unwrap();
            let mut found = inside(&house, &ada, &segment.id).await;
            found.sort();
            assert_eq!(&found, expected, "{} {expression}", house.on);
            assert_eq!(segment.members, Some(i64::try_from(expected.len()).unwrap()), "{expression}");
            let (count, first) = segments::count(&house.insight, &house.kinds, &ada, &segment.expression, 1).await.unwrap();
            assert_eq!((count, first.len()), (expected.len(), expected.len().min(1)));
        }

        // What changes moves customers out and in.
        let watched =
            segments::create(&house.insight, &house.kinds, &ada, &new("watched", &is("score", "below", json!(40)))).await.unwrap();
        house.health(&low, Some(55.0), false).await;
        house.health(&high, Some(12.0), false).await;
        segments::refresh(&house.insight, &house.kinds, None).await.unwrap();
        assert_eq!(inside(&house, &ada, &watched.id).await, high_only, "{}", house.on);
        let names: Vec<String> =
            segments::of_customer(&house.insight, &ada, &high).await.unwrap().into_iter().map(|(_, name)| name).collect();
        assert!(
            names.contains(&"watched".to_owned()) && names.contains(&"s0".to_owned()) && !names.contains(&"s1".to_owned()),
            "{names:?}"
        );
        let again = segments::refresh(&house.insight, &house.kinds, None).await.unwrap();
        assert_eq!((again.customers, again.moved), (3, 0), "nothing changed, nothing is written");

        let all = segments::change(&house.insight, &house.kinds, &ada, &watched.id, &new("all", &is("age_days", "below", json!(9))))
            .await
            .unwrap();
        assert_eq!((all.members, all.name.as_str()), (Some(3), "all"));
        customers::suspend(&house.db, &house.clock, &ada, &low).await.unwrap();
        segments::change(&house.insight, &house.kinds, &ada, &watched.id, &new("in", &is("suspended", "is", json!(true)))).await.unwrap();
        assert_eq!(inside(&house, &ada, &watched.id).await, low_only);
    }
}

#[tokio::test]
async fn names_are_unique_and_only_staff_sees_segments() {
    for house in houses().await {
        let (ada, cora) = (house.actor("Ada", Role::Admin).await, house.actor("Cora", Role::Concierge).await);
        let customer = house.customer("Kaffee & Korn").await;
        let olga = house.actor("Olga", Role::Customer { customer, standing: accounts::Standing::Owner }).await;
        let wanted = is("score", "below", json!(40));
        let made = segments::create(&house.insight, &house.kinds, &cora, &new("At Risk", &wanted)).await.unwrap();
        let twice = segments::create(&house.insight, &house.kinds, &ada, &new("at risk", &wanted)).await;
        assert!(matches!(twice, Err(Error::Invalid(_))), "{}: {twice:?}", house.on);
        segments::change(&house.insight, &house.kinds, &ada, &made.id, &new("AT RISK", &wanted)).await.unwrap();
        let missing = SegmentId::new(&house.clock);
        let outcome = segments::change(&house.insight, &house.kinds, &ada, &missing, &new("other", &wanted)).await;
        assert!(matches!(outcome, Err(Error::NotFound(_))));
        assert!(matches!(segments::list(&house.insight, &olga).await, Err(Error::Forbidden(_))));
        assert!(matches!(segments::get(&house.insight, &olga, &made.id).await, Err(Error::Forbidden(_))));
        let by_olga = segments::create(&house.insight, &house.kinds, &olga, &new("mine", &wanted)).await;
        assert!(matches!(by_olga, Err(Error::Forbidden(_))));
        segments::remove(&house.insight, &ada, &made.id).await.unwrap();
        assert!(segments::list(&house.insight, &ada).await.unwrap().is_empty());
        assert_eq!(house.count("select cast(count(*) as bigint) from segment_member").await, 0);
    }
}
