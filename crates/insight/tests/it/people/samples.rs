//! The migration's sample rows are rows that this crate reads.

use accounts::{Actor, CustomerId, Role};
use insight::churn;
use insight::health::{VersionNo, assignments};
use insight::plays::{self, PlayId, deliveries, watch};
use insight::tasks::{self, TaskQuery};
use insight::{notes, owners, pulse, segments};
use kit::sql;

use super::house::houses;

#[tokio::test]
async fn sample_rows_are_read() {
    for house in houses().await {
        for file in [
            include_str!("../../../../../migrations/samples/0002.sql"),
            include_str!("../../../../../migrations/samples/0014.sql"),
            include_str!("../../../../../migrations/samples/0015.sql"),
            include_str!("../../../../../migrations/samples/0018.sql"),
        ] {
            for statement in file.split(";\n").filter(|text| !text.trim().is_empty()) {
                house.db.execute(sql(statement)).await.unwrap();
            }
        }
        let ada = house.actor("Ada", Role::Admin).await;
        let customer = CustomerId::parse("cust_aaaaaaaaaaaa").unwrap();
        assert_eq!(owners::of(&house.db, &ada, &customer).await.unwrap().unwrap().name, "Ada Admin", "{}", house.on);
        assert!(notes::list(&house.db, &ada, &customer, None, 5).await.unwrap()[0].body.contains("<script>"));
        let listed = segments::list(&house.insight, &ada).await.unwrap();
        assert_eq!(listed[0].expression.words(&|_| None), "property “a\"b” contains “' or 1=1 --”");
        assert_eq!(tasks::list(&house.db, &Actor::cli(), &TaskQuery::default()).await.unwrap().items[0].title, "Call");
        let play = PlayId::parse("play_000000000000000001").unwrap();
        assert_eq!(plays::get(&house.plays, &ada, &play).await.unwrap().cause.words(), "When the band becomes “Churning”");
        assert_eq!(watch::runs(&house.plays, &ada, &play, None, 5).await.unwrap()[0].mails, 1);
        assert_eq!(deliveries::list(&house.plays, &ada, &play, None, 5).await.unwrap()[0].status, Some(500));
        let assigned = assignments::list(&house.db).await.unwrap();
        assert_eq!((assigned[0].name.as_str(), assigned[0].version, assigned[0].priority), ("O'Hara & <i>", VersionNo(1001), 1));
        let pulses = pulse::list(&house.insight, &ada, &customer, pulse::EVER, 5).await.unwrap();
        assert_eq!((pulses[0].points, pulses[1].points), (None, Some(25)));
        assert!(pulses[1].note.contains("<script>"));
        assert_eq!(churn::newest(&house.db).await.unwrap().unwrap().note.as_deref(), Some("Too few were lost."));
    }
}
