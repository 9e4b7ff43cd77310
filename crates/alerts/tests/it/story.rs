//! Rules fire, alerts carry what they rest on, and end; whatever people do to the rule meanwhile.

use accounts::{Actor, Role};
use alerts::channels::ChannelId;
use alerts::evaluate;
use alerts::history::{self, EndedWhy};
use alerts::machine::{Cause, NoData, State};
use alerts::metrics::Metric;
use alerts::rules::{self, Condition, NewRule};
use kit::{Error, sql};

use super::house::{ANY, houses, plain};

#[tokio::test]
async fn an_alert_begins_names_whom_it_is_about_and_ends() {
    for house in houses().await {
        house.without_rules().await;
        let customer = house.customer("Kaffee <b>& Korn</b>").await;
        let site = house.site(&customer, "Atelier").await;
        let mut signals = house.bus.subscribe();
        let rule = house.rule(NewRule { hold_minutes: 1, keep_minutes: 1, ..plain("Down", Metric::SitesDown, ANY) }).await;
        let cli = Actor::cli();
        assert_eq!(house.look().await.fired, 0);
        house.incident(&site, "www").await;
        assert_eq!(house.look().await.fired, 0, "{}: it must be so for a minute", house.on);
        assert_eq!(rules::standings(&house.alerts, &cli).await.unwrap()[0].state, State::Pending);
        house.later(60);
        assert_eq!(house.look().await.fired, 1);
        assert_eq!(house.look().await.fired, 0, "once");
        let alert = history::open(&house.alerts, &cli).await.unwrap().remove(0);
        assert_eq!((alert.cause, alert.value, alert.rule_id.as_ref()), (Cause::Over, Some(1.0), Some(&rule.id)));
        assert_eq!(alert.evidence.affected[0].name, "Atelier");
        assert_eq!(alert.evidence.affected[0].note, "www is down for 1 min");
        assert_eq!(alert.evidence.points.last().unwrap().1, Some(1.0));
        assert_eq!(alert.evidence.points[0].1, Some(0.0), "what it was before is there, too");
        assert!(alert.told_at.is_some(), "a rule without channels is told to those who look");

        let other = house.site(&customer, "Other").await;
        house.incident(&other, "edge").await;
        house.look().await;
        house.recovered(&site).await;
        house.recovered(&other).await;
        assert_eq!(house.look().await.resolved, 0, "it must be well for a minute");
        house.later(60);
        assert_eq!(house.look().await.resolved, 1);
        let ended = history::get(&house.alerts, &cli, &alert.id).await.unwrap();
        assert_eq!((ended.ended_why, ended.peak), (Some(EndedWhy::Resolved), Some(2.0)));
        assert!(history::open(&house.alerts, &cli).await.unwrap().is_empty());
        let mut told = 0;
        while let Ok(signal) = signals.try_recv() {
            told += usize::from(signal.event.is_some_and(|event| event.name == "alert"));
        }
        assert_eq!(told, 2, "programs on the live channel hear the beginning and the end");
    }
}

#[tokio::test]
async fn a_labelled_figure_has_an_alert_for_each() {
    for house in houses().await {
        house.without_rules().await;
        let customer = house.customer("Kaffee").await;
        let sites = [house.site(&customer, "One").await, house.site(&customer, "Two").await];
        let rule = house.rule(plain("Down for long", Metric::SiteDown, Condition::AtLeast { value: 5.0 })).await;
        for site in &sites {
            house.incident(site, "www").await;
            house.later(120);
        }
        house.later(70);
        assert_eq!(house.look().await.fired, 1, "{}: only one is down for five minutes", house.on);
        house.later(120);
        assert_eq!(house.look().await.fired, 1);
        let open = history::open(&house.alerts, &Actor::cli()).await.unwrap();
        assert_eq!(open.iter().map(history::Alert::about).collect::<Vec<_>>(), ["One", "Two"], "each names its own site");
        assert!(open.iter().all(|alert| alert.evidence.affected.len() == 1));
        house.recovered(&sites[0]).await;
        assert_eq!(house.look().await.resolved, 1);
        assert_eq!(house.count("select cast(count(*) as bigint) from alert_state").await, 1, "who is well has no row");

        // Removing the rule ends what is open; the history stays.
        rules::remove(&house.alerts, &Actor::cli(), &rule.id).await.unwrap();
        let all = history::list(&house.alerts, &Actor::cli(), None, None, 10).await.unwrap();
        assert_eq!((all.len(), all[0].ended_why, all[0].rule_name.as_str()), (2, Some(EndedWhy::Removed), "Down for long"));
        assert_eq!(house.look().await.fired, 0);
    }
}

#[tokio::test]
async fn few_builds_are_no_spike_and_many_are() {
    for house in houses().await {
        let customer = house.customer("Kaffee").await;
        house.happens(&customer, "build_failed", 2).await;
        house.happens(&customer, "build_succeeded", 2).await;
        assert_eq!(house.look().await.fired, 0, "{}: four builds are too few to judge", house.on);
        house.happens(&customer, "build_failed", 1).await;
        assert_eq!(house.look().await.fired, 1);
        let alert = history::open(&house.alerts, &Actor::cli()).await.unwrap().remove(0);
        assert_eq!((alert.rule_name.as_str(), alert.value, alert.evidence.samples), ("Error Rate Spike", Some(60.0), Some(5)));
        assert_eq!(alert.evidence.affected[0].name, "Kaffee");
        assert_eq!(alert.evidence.affected[0].note, "3 failed");
        // The hour passes, no build is left: that is fine, after a while.
        house.later(3700);
        assert_eq!(house.look().await.resolved, 0);
        house.later(300);
        assert_eq!(house.look().await.resolved, 1);
    }
}

#[tokio::test]
async fn pausing_and_changing_a_rule_ends_its_alerts_silently() {
    for house in houses().await {
        house.without_rules().await;
        let customer = house.customer("Kaffee").await;
        let site = house.site(&customer, "Atelier").await;
        house.incident(&site, "www").await;
        let says = plain("Down", Metric::SitesDown, ANY);
        let rule = house.rule(says.clone()).await;
        let cli = Actor::cli();
        house.look().await;
        let renamed = NewRule { name: "Sites down".into(), ..says.clone() };
        rules::change(&house.alerts, &cli, &rule.id, &renamed).await.unwrap();
        assert_eq!(history::open(&house.alerts, &cli).await.unwrap().len(), 1, "{}: a new name ends nothing", house.on);
        let stricter = NewRule { condition: Condition::Above { value: 5.0 }, ..renamed.clone() };
        rules::change(&house.alerts, &cli, &rule.id, &stricter).await.unwrap();
        assert_eq!(history::list(&house.alerts, &cli, Some(&rule.id), None, 5).await.unwrap()[0].ended_why, Some(EndedWhy::Changed));
        rules::change(&house.alerts, &cli, &rule.id, &renamed).await.unwrap();
        house.later(1);
        assert_eq!(house.look().await.fired, 1, "it begins anew");
        rules::change(&house.alerts, &cli, &rule.id, &NewRule { is_active: false, ..renamed }).await.unwrap();
        let looked = house.look().await;
        assert_eq!((looked.rules, looked.messages), (0, 0));
        assert_eq!(history::list(&house.alerts, &cli, Some(&rule.id), None, 5).await.unwrap()[0].ended_why, Some(EndedWhy::Paused));
    }
}

#[tokio::test]
async fn a_figure_that_cannot_be_read_is_shown_and_told_after_a_while() {
    for house in houses().await {
        house.without_rules().await;
        let rule = house.rule(plain("Down", Metric::SitesDown, ANY)).await;
        house.db.execute(sql("alter table incident rename to incident_away")).await.unwrap();
        let looked = house.look().await;
        assert_eq!((looked.failed, looked.fired), (1, 0), "{}", house.on);
        let now = rules::standings(&house.alerts, &Actor::cli()).await.unwrap().remove(0);
        assert_eq!((now.rule_id, now.state), (rule.id, State::Error));
        assert!(now.error.is_some_and(|why| !why.contains("incident")), "tables of ours are nobody's business");
        house.later(900);
        assert_eq!(house.look().await.fired, 1);
        assert_eq!(history::open(&house.alerts, &Actor::cli()).await.unwrap()[0].cause, Cause::Failed);
        house.db.execute(sql("alter table incident_away rename to incident")).await.unwrap();
        assert_eq!(house.look().await.resolved, 1);
    }
}

#[tokio::test]
async fn nothing_to_judge_is_told_by_rules_that_ask_for_it() {
    for house in houses().await {
        house.without_rules().await;
        let slow = plain("Builds stopped", Metric::BuildTime, Condition::Above { value: 600.0 });
        house.rule(NewRule { no_data: NoData::Alert, no_data_minutes: 30, ..slow }).await;
        house.look().await;
        house.later(1799);
        assert_eq!(house.look().await.fired, 0, "{}", house.on);
        house.later(1);
        assert_eq!(house.look().await.fired, 1);
        let alert = history::open(&house.alerts, &Actor::cli()).await.unwrap().remove(0);
        assert_eq!((alert.cause, alert.value, alert.words().as_str()), (Cause::NoData, None, "Build time: no data"));
    }
}

#[tokio::test]
async fn looks_of_several_instances_at_once_change_things_once() {
    for house in houses().await {
        house.without_rules().await;
        let customer = house.customer("Kaffee").await;
        let site = house.site(&customer, "Atelier").await;
        house.actor("Ada", Role::Admin).await;
        let channel = ChannelId::parse("chan_000000000000000001").unwrap();
        house.rule(NewRule { channels: vec![channel], ..plain("Down", Metric::SitesDown, ANY) }).await;
        house.incident(&site, "www").await;
        let looks: Vec<_> = (0..6)
            .map(|_| {
                let alerts = house.alerts.clone();
                tokio::spawn(async move { evaluate::look(&alerts).await })
            })
            .collect();
        for look in looks {
            look.await.unwrap().unwrap();
        }
        assert_eq!(house.count("select cast(count(*) as bigint) from alert").await, 1, "{}", house.on);
        assert_eq!(house.mails().await.len(), 1);
    }
}

#[tokio::test]
async fn rules_that_make_no_sense_and_people_who_may_not_are_refused() {
    for house in houses().await {
        let good = plain("good", Metric::SitesDown, ANY);
        let with = |change: fn(&mut NewRule)| {
            let mut rule = good.clone();
            change(&mut rule);
            rule
        };
        for (bad, field) in [
            (with(|rule| rule.name = " ".into()), "name"),
            (with(|rule| rule.name = "a\u{202e}b".into()), "name"),
            (with(|rule| rule.condition = Condition::Above { value: f64::NAN }), "value"),
            (with(|rule| rule.condition = Condition::FallsBy { value: -5.0 }), "value"),
            (with(|rule| rule.window_minutes = 0), "window_minutes"),
            (with(|rule| rule.window_minutes = 100_000), "window_minutes"),
            (with(|rule| rule.wait_seconds = 4000), "wait_seconds"),
            (with(|rule| rule.interval_minutes = 0), "interval_minutes"),
            (with(|rule| rule.quiet.hours = Some((60, 60))), "quiet_from"),
            (with(|rule| rule.channels = vec![ChannelId::parse("chan_000000000000000009").unwrap()]), "channels"),
        ] {
            match rules::create(&house.alerts, &Actor::cli(), &bad).await {
                Err(Error::Invalid(fields)) => assert_eq!(fields[0].field, field, "{}", house.on),
                other => panic!("{field}: {other:?}"),
            }
        }
        let cora = house.actor("Cora", Role::Concierge).await;
        assert!(matches!(rules::create(&house.alerts, &cora, &good).await, Err(Error::Forbidden(_))));
        assert!(matches!(history::open(&house.alerts, &cora).await, Err(Error::Forbidden(_))));
        assert_eq!(rules::list(&house.alerts, &Actor::cli()).await.unwrap().len(), 4, "nothing of it was kept");
    }
}
