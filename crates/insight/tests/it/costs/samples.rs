//! The migration's sample rows are rows that this crate reads.

use accounts::Actor;
use events::Day;
use insight::cost::{self, Usd};
use kit::sql;
use kit::testing::databases;

use crate::house::House;

#[tokio::test]
async fn sample_rows_are_read() {
    for test in databases().await {
        let house = House::on(test);
        let file = include_str!("../../../../../migrations/samples/0021.sql");
        for statement in file.split(";\n").filter(|text| !text.trim().is_empty()) {
            house.test.db.execute(sql(statement)).await.unwrap();
        }
        let models = cost::by_model(&house.insight, &house.scope(), Day(20_000), Day(20_000)).await.unwrap();
        assert_eq!((models.len(), models[0].sum.cost, models[0].sum.unpriced), (1, Usd(22_595_678), 1), "{}", house.test.name);
        assert!(models[0].name.contains("onerror"));
        let own = cost::own(&house.test.db).await.unwrap();
        // A pattern that other engines take forever with.
        assert!(own[0].pattern.as_str() == "(a+)+$" && !own[0].pattern.is_for(&format!("{}b", "a".repeat(199))));
        let preview = cost::NewPrice {
            label: "x".into(),
            pattern: "x".into(),
            since: own[0].since,
            rates: own[0].rates.clone(),
            note: String::new(),
        };
        assert_eq!(cost::preview(&house.insight, &Actor::cli(), &preview, None).await.unwrap().calls, 0);
    }
}
