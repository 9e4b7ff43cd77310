//! The migration's sample rows are rows that this crate reads, and the house comes with the rules that it promises.

use accounts::Actor;
use alerts::machine::State;
use alerts::metrics::Metric;
use alerts::quiet::Quiet;
use alerts::{channels, history, messages, rules, silences};
use kit::sql;

use super::house::houses;

#[tokio::test]
async fn sample_rows_are_read() {
    for house in houses().await {
        for statement in include_str!("../../../../migrations/samples/0022.sql").split(";\n").filter(|text| !text.trim().is_empty()) {
            house.db.execute(sql(statement)).await.unwrap();
        }
        let (alerts, cli) = (&house.alerts, Actor::cli());
        let rule = rules::list(alerts, &cli).await.unwrap().into_iter().find(|rule| rule.says.name.starts_with("Down")).unwrap();
        assert_eq!(rule.says.words(), "Time a site is down at least 5 min, for 1 minute", "{}", house.on);
        assert_eq!(rule.says.quiet, Quiet { hours: Some((1320, 420)), weekends: true });
        assert_eq!(rule.says.channels.len(), 1);
        let open = history::open(alerts, &cli).await.unwrap();
        assert_eq!((open.len(), open[0].about(), open[0].evidence.points[1].1), (1, "Café <i>", None));
        assert_eq!(open[0].words(), "Time a site is down: 6.5 min (at least 5 min)");
        assert_eq!(rules::standings(alerts, &cli).await.unwrap()[0].state, State::Alerting);
        assert_eq!(channels::list(alerts, &cli).await.unwrap().len(), 2);
        assert_eq!(messages::list(alerts, &cli, None, 5).await.unwrap()[0].status, Some(500));
        assert!(silences::list(alerts, &cli).await.unwrap().is_empty(), "it is over since 1970");
        assert_eq!(alerts::sweep(&house.db, &house.clock).await.unwrap(), 3, "the message, the silence and the figure are too old");
        assert_eq!(house.count("select cast(count(*) as bigint) from alert").await, 1, "what lasts stays");
    }
}

#[tokio::test]
async fn a_new_house_has_rules_that_mail_the_admins_and_are_quiet() {
    for house in houses().await {
        let listed = rules::list(&house.alerts, &Actor::cli()).await.unwrap();
        let says: Vec<(String, String)> = listed.iter().map(|rule| (rule.says.name.clone(), rule.says.words())).collect();
        let expected = [
            ("Build Queue Backup", "Build queue above 10 waiting, for 2 minutes"),
            ("Error Rate Spike", "Error rate above 15 %, over 1 hour"),
            ("High Daily Cost", "Daily cost above 50 USD"),
            ("Slow Builds", "Build time above 120 s, over 1 hour"),
        ];
        assert_eq!(says, expected.map(|(name, words)| (name.to_owned(), words.to_owned())), "{}", house.on);
        assert!(listed.iter().all(|rule| rule.says.channels.len() == 1));
        let looked = house.look().await;
        assert_eq!((looked.rules, looked.failed, looked.fired, looked.messages), (4, 0, 0, 0), "an empty house has no trouble");
        assert_eq!(house.count("select cast(count(*) as bigint) from metric_sample").await, 3);
        house.look().await;
        assert_eq!(house.count("select cast(count(*) as bigint) from metric_sample").await, 3, "once in five minutes");
        assert!(Metric::ALL.len() > 10);
    }
}
