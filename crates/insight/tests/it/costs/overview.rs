//! What the page shows: figures, forecast, and what to do, each with its arithmetic.

use accounts::{Actor, CustomerId};
use events::NewEvent;
use insight::cost::{self, Usd};
use insight::forecast::Method;
use kit::testing::databases;
use serde_json::json;

use crate::house::House;

fn opus(house: &House, customer: &CustomerId, ago: i64) -> NewEvent {
    house.event(customer, ago, "llm_call", json!({ "model": "claude-opus-4-5", "input_tokens": 1_000_000, "output_tokens": 100_000 }))
}

#[tokio::test]
async fn what_to_do_is_worked_out_from_the_figures() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Ada").await;
        let mut events = Vec::new();
        // $7.50 a day for one model, next to nothing for the other; three calls more yesterday.
        for ago in 0..65 {
            events.push(opus(&house, &customer, ago));
            events.push(house.event(
                &customer,
                ago,
                "llm_call",
                json!({ "model": "claude-haiku-4-5", "input_tokens": 1000, "output_tokens": 100 }),
            ));
            events.push(house.event(&customer, ago, "build_succeeded", json!({})));
        }
        events.extend((0..3).map(|_| opus(&house, &customer, 1)));
        house.accept(events).await;
        cost::count_all(&house.insight).await.unwrap();
        cost::set_budget(&house.insight, &Actor::cli(), Some(Usd(100_000_000_000))).await.unwrap();
        let overview = cost::overview(&house.insight, &house.scope()).await.unwrap();
        assert_eq!(overview.total.cost.to_string(), "$247.55", "{}: 33 · $7.50 + 30 · $0.0015", house.test.name);
        assert_eq!((overview.builds, overview.customers[0].sum.cost), (30, overview.total.cost));
        let forecast = overview.forecast.as_ref().unwrap();
        assert!(forecast.accuracy.is_some() && forecast.method != Method::Mean);
        assert!((forecast.sums[0].mean / 7.0 - 7.5).abs() < 2.0, "{:?}", forecast.sums[0]);
        let month = &overview.month;
        assert_eq!((month.from.iso().as_str(), month.to.iso().as_str()), ("2026-11-01", "2026-11-30"));
        assert_eq!(month.so_far.to_string(), "$180.03", "24 · $7.50 + 21 · $0.0015");
        assert!(month.at_end.unwrap().low_95 >= month.so_far.dollars());
        let told: Vec<(&str, Option<String>)> =
            overview.hints.iter().map(|hint| (hint.title.as_str(), hint.saves.map(|saves| saves.to_string()))).collect();
        assert_eq!(
            told,
            [
                ("The month will cost more than its budget", None),
                ("Yesterday was dearer than usual", None),
                // Half of 33 million tokens at $0.50 instead of $5.
                ("Read more of claude-opus-4-5’s input from the cache", Some("$74.25".to_owned())),
                // A tenth of $247.50 less 33 · $1.50.
                ("Let claude-haiku-4-5 do what it can", Some("$19.80".to_owned())),
            ]
        );
        let yesterday = &overview.hints[1].text;
        assert!(
            yesterday.starts_with("$30.00, and $7.50 on the same weekday") && yesterday.ends_with("Of these $22.50 are claude-opus-4-5’s."),
            "{yesterday}"
        );
    }
}

#[tokio::test]
async fn without_calls_nothing_is_made_up() {
    for test in databases().await {
        let house = House::on(test);
        let overview = cost::overview(&house.insight, &house.scope()).await.unwrap();
        assert!(overview.forecast.is_none() && overview.month.at_end.is_none() && overview.hints.is_empty() && overview.models.is_empty());
        cost::count_all(&house.insight).await.unwrap();
        assert_eq!(cost::standing(&house.insight).await.unwrap().recount, None);
    }
}
