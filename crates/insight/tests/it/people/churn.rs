//! Learning from events that were really taken in.

use accounts::{Actor, CustomerId, Role, Standing, customers};
use events::Day;
use insight::churn::{self, Churn, Definition};
use kit::{Error, sql};

use super::house::{House, event, houses};

const DEFINITION: Definition = Definition { inactive_days: 20, horizon_days: 30 };
/// Days of history.
const DAYS: i64 = 200;

/// Customers who come every second day; some fade (every fifth day, with late invoices) for 40 days and then stay away.
async fn fill(house: &House, all: usize, lost: usize) -> Vec<(CustomerId, Option<Day>)> {
    let first = house.today().plus(-DAYS);
    let mut made = Vec::new();
    for number in 0..all {
        let customer = house.customer(&format!("Customer {number}")).await;
        let step = i64::try_from(number).unwrap();
        let end = (number < lost).then(|| first.plus(75 + (step * 13) % (DAYS - 95)));
        let mut batch = Vec::new();
        let mut day = first.plus(step % 3);
        while day < house.today() && end.is_none_or(|end| day <= end) {
            let fades = end.is_some_and(|end| end.0 - day.0 < 40);
            batch.push(event(&customer, day, "login", 0, "{}"));
            if fades && day.0 % 2 == 0 {
                let due = kit::Timestamp(day.0 * 86_400_000).rfc3339();
                batch.push(event(&customer, day, "invoice_issued", 0, &format!(r#"{{"invoice":"{}","due_at":"{due}"}}"#, day.0)));
            }
            day = day.plus(if fades { 5 } else { 2 });
        }
        house.events.accept(batch).await.unwrap();
        made.push((customer, end));
    }
    made
}

#[tokio::test]
async fn with_few_lost_it_says_that_it_cannot_know() {
    for house in houses().await {
        let ada = house.actor("Ada", Role::Admin).await;
        let made = fill(&house, 8, 4).await;
        let of = async |at: usize| churn::of_customer(&house.insight, &ada.scope(), &made[at].0).await.unwrap();
        assert_eq!(of(0).await, Churn::NotYet, "{}", house.on);
        let model = churn::learn(&house.insight, Some(DEFINITION), Some(5)).await.unwrap();
        assert!(model.predictor.is_none() && model.report.is_none());
        assert_eq!((model.customers, model.churned), (8, 4));
        assert_eq!(model.note.as_deref(), Some("Not enough history: 4 customers were lost so far, and it takes 50 to learn from."));
        assert!(matches!(of(7).await, Churn::TooLittle { churned: 4, .. }));
        assert_eq!(house.count("select cast(count(*) as bigint) from churn_score").await, 0);
        let again = churn::learn(&house.insight, None, None).await.unwrap();
        assert_eq!((again.definition, again.capacity), (DEFINITION, 5), "as last time when nobody says");
        assert_eq!(churn::newest(&house.db).await.unwrap().unwrap().trained_at, again.trained_at);
        assert_eq!(churn::history_of_models(&house.db, 10).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn who_fades_is_told_from_who_stays() {
    for house in houses().await {
        let ada = house.actor("Ada", Role::Admin).await;
        let made = fill(&house, 130, 80).await;
        // One whose contract ended today, and one who came yesterday.
        customers::suspend(&house.db, &house.clock, &ada, &made[129].0).await.unwrap();
        let new = house.customer("New").await;
        house.events.accept(vec![event(&new, house.today().plus(-1), "login", 0, "{}")]).await.unwrap();
        let model = churn::learn(&house.insight, Some(DEFINITION), Some(10)).await.unwrap();
        let report = model.report.clone().unwrap_or_else(|| panic!("{}: {:?}", house.on, model.note));
        assert_eq!(Day::parse(&report.day).unwrap(), house.today().plus(-31), "the newest day whose horizon is over");
        assert!(report.auc.unwrap() > 0.8, "{report:?}");
        assert!(report.brier.unwrap() < report.brier_of_base_rate.unwrap(), "better than saying the same of all: {report:?}");
        let red = report.red.unwrap();
        assert!(red.called == 10 && red.lift.unwrap() > 1.5, "{red:?}");
        assert_eq!(report.missed_count + red.churned, report.churned);
        assert_eq!(report.false_alarms_count + red.churned, red.called);
        assert_eq!(report.slices.iter().map(|cut| cut.customers).sum::<usize>(), report.customers);
        assert_eq!(report.bands.iter().map(|band| band.customers).sum::<usize>(), report.customers, "each has a score");
        assert_eq!(report.bands.iter().map(|band| band.churned).sum::<usize>(), report.churned);
        // By hand: a customer counts as lost 20 days after the last activity, which is at most 4 days before the day on which it ended.
        let day = house.today().plus(-31);
        let surely = made.iter().filter_map(|(_, end)| *end).filter(|end| (day.0 + 5..=day.0 + 30).contains(&(end.0 + 20))).count();
        let at_most = made.iter().filter_map(|(_, end)| *end).filter(|end| (day.0 + 1..=day.0 + 34).contains(&(end.0 + 20))).count();
        assert!((surely..=at_most).contains(&report.churned), "{surely} to {at_most}, not {}", report.churned);

        for (customer, end) in &made[..129] {
            let said = churn::of_customer(&house.insight, &ada.scope(), customer).await.unwrap();
            let stored: Option<(f64,)> =
                house.db.optional(sql("select probability from churn_score where customer_id = $1").bind(customer)).await.unwrap();
            match (said, stored) {
                (Churn::Known { prediction, .. }, Some((stored,))) => {
                    assert!((prediction.probability - stored).abs() < 1e-9);
                    let base = (prediction.usual / (1.0 - prediction.usual)).ln();
                    let log_odds = base + prediction.parts.iter().map(|part| part.contribution).sum::<f64>();
                    assert!((1.0 / (1.0 + (-log_odds).exp()) - prediction.probability).abs() < 1e-9, "the parts sum to the whole");
                }
                (Churn::Lost, None) => assert!(end.is_some_and(|end| house.today().0 - end.0 >= 15), "{end:?}"),
                other => panic!("{other:?} of one who ended on {end:?}"),
            }
        }
        assert_eq!(churn::of_customer(&house.insight, &ada.scope(), &made[129].0).await.unwrap(), Churn::Lost);
        assert_eq!(churn::of_customer(&house.insight, &ada.scope(), &new).await.unwrap(), Churn::TooNew);
        let olga = house.actor("Olga", Role::Customer { customer: new.clone(), standing: Standing::Owner }).await;
        let other = churn::of_customer(&house.insight, &olga.scope(), &made[0].0).await;
        assert!(matches!(other, Err(Error::NotFound(_))), "another customer does not exist for them");

        // Nothing that happens later changes what was predicted as of a day: the same report, learnt a moment later.
        house.events.accept(vec![event(&made[128].0, house.today(), "login", 9, "{}")]).await.unwrap();
        assert_eq!(churn::learn(&house.insight, None, None).await.unwrap().report, Some(report));
    }
}

#[tokio::test]
async fn learning_is_asked_for_by_admins_alone() {
    for house in houses().await {
        let (ada, cora) = (house.actor("Ada", Role::Admin).await, house.actor("Cora", Role::Concierge).await);
        assert!(matches!(churn::learn_soon(&house.insight, &cora, DEFINITION, 5).await, Err(Error::Forbidden(_))));
        for (definition, capacity) in
            [(Definition { inactive_days: 6, ..DEFINITION }, 5), (Definition { horizon_days: 366, ..DEFINITION }, 5), (DEFINITION, 0)]
        {
            assert!(matches!(churn::learn_soon(&house.insight, &ada, definition, capacity).await, Err(Error::Invalid(_))), "{}", house.on);
        }
        assert!(!churn::is_learning(&house.insight).await.unwrap());
        churn::learn_soon(&house.insight, &Actor::cli(), DEFINITION, 5).await.unwrap();
        churn::learn_soon(&house.insight, &ada, DEFINITION, 5).await.unwrap();
        assert!(churn::is_learning(&house.insight).await.unwrap());
        assert_eq!(house.count("select cast(count(*) as bigint) from job where kind = 'churn.learn'").await, 1, "once is enough");
    }
}
