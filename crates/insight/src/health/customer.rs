//! One customer's health in full, computed from roll-ups when it is asked for.

use accounts::{CustomerId, Scope, customers};
use events::Day;
use events::rollups::History;
use kit::Result;

use super::assignments::Choice;
use super::scorer;
use super::trend::{self, Point, Trend};
use super::unpacked::{Moment, Starts};
use super::{Band, Health, Model, besides, kept, models, movement};
use crate::Insight;

/// The chart of a customer shows so many days, today included.
const CHART_DAYS: i64 = 90;

/// A customer's health now, computed from roll-ups.
pub async fn of_customer(insight: &Insight, scope: &Scope, customer: &CustomerId) -> Result<Health> {
    let customer = customers::get(insight.db(), scope, customer).await?;
    let choice = Choice::read(insight).await?;
    let of_customer = std::slice::from_ref(&customer.id);
    let chosen = choice.of(insight.db(), of_customer).await?;
    let scorer = choice.scorer(&chosen, &customer.id);
    let besides = besides::read(insight, of_customer, scorer.plan.needs()).await?.remove(&customer.id).unwrap_or_default();
    let calendar = insight.events().calendar();
    let at = insight.clock().now();
    let now = Moment { day: calendar.day(at), at };
    // The few days that are asked for are worked out then.
    let starts = Starts::new(calendar, now.day, now.day.plus(-1));
    let from = now.day.plus(-30 - scorer.plan.reach());
    let history = insight.events().history(scope, &customer.id, from, now.day).await?;
    let mut points = kept::of_customer(insight.db(), &customer.id, now.day.plus(1 - CHART_DAYS), now.day.plus(-1)).await?;

    let first_day = history.first_at.map(|at| calendar.day(at));
    let figures = scorer.plan.of_history(&history, &besides, &starts, now);
    let weighed = scorer.weigh(now.day, first_day, &figures);
    let score = scorer.score(now.day, first_day, &figures);
    let ago = |days: i64| {
        let day = now.day.plus(-days);
        let shown = points.iter().find(|point| point.day == day).and_then(|point| point.points);
        // By the model of today, and from all that is known by now.
        let then = scorer.weigh(day, first_day, &scorer.plan.of_history(&history, &besides, &starts, starts.end_of(day)));
        movement::between(&scorer.model.rules, day, shown, &then, &weighed)
    };
    let (moved_7, moved_30) = (ago(7), ago(30));
    let next = movement::next_action(scorer, &figures, &weighed).filter(|_| score.points.is_some());
    points.push(Point { day: now.day, points: score.points, version: score.version });
    let trend = trend_of(insight, points, now.day, &scorer.model).await?;
    // Segments are the house's: nobody reads in which one they are.
    let chosen_for = choice.segment(&chosen, &customer.id).filter(|_| scope.is_house()).cloned();
    Ok(Health { customer, score, moved_7, moved_30, next, trend, first_at: history.first_at, chosen_for })
}

/// Bands of past days, for the backtest of churn.
pub(crate) struct Replay {
    choice: Choice,
}

impl Replay {
    /// By the models that are in use.
    pub async fn of(insight: &Insight) -> Result<Replay> {
        Ok(Replay { choice: Choice::read(insight).await? })
    }

    /// The band of a customer at the end of a day.
    pub async fn band(&self, insight: &Insight, customer: &CustomerId, history: &History, day: Day) -> Result<Option<Band>> {
        let of_customer = std::slice::from_ref(customer);
        let chosen = self.choice.of(insight.db(), of_customer).await?;
        let scorer = self.choice.scorer(&chosen, customer);
        let besides = besides::read(insight, of_customer, scorer.plan.needs()).await?.remove(customer).unwrap_or_default();
        let calendar = insight.events().calendar();
        let starts = Starts::new(calendar, day, day.plus(-1));
        let first_day = history.first_at.map(|at| calendar.day(at));
        let figures = scorer.plan.of_history(history, &besides, &starts, starts.end_of(day));
        Ok(scorer::total(&scorer.weigh(day, first_day, &figures)).map(Band::of))
    }
}

async fn trend_of(insight: &Insight, points: Vec<Point>, today: Day, model: &Model) -> Result<Trend> {
    let mut versions = Vec::new();
    let changes: Vec<&Point> = points.windows(2).filter(|pair| pair[0].version != pair[1].version).map(|pair| &pair[1]).collect();
    if !changes.is_empty() {
        let all = models::versions(insight.db()).await?;
        for point in changes {
            let found = all.iter().find(|version| version.no == point.version).unwrap_or(model);
            versions.push((point.day, format!("{}, version {}", found.name, found.version)));
        }
    }
    let recent = trend::daily(&points, today, 31);
    Ok(Trend {
        change_7: trend::change(&recent, 7),
        change_30: trend::change(&recent, 30),
        slope: trend::slope_now(&recent),
        falls_fast: trend::falls_fast(&recent),
        versions,
        points,
    })
}
