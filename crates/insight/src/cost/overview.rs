//! What the page about costs shows.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use accounts::audit::{self, Entry};
use accounts::{Actor, Permission, Scope};
use events::Day;
use kit::{Error, Result, Timestamp, sql};
use serde_json::json;

use super::Usd;
use super::book::Book;
use super::hints::{self, Hint};
use super::sums::{self, CustomerSum, ModelSum, Standing, Sum};
use crate::forecast::{self, Expected, Forecast};
use crate::{Insight, staff};

/// Days that are shown, today included.
pub const WINDOW: i64 = 30;
/// Days that forecasts are made of at most.
const HISTORY: i64 = 180;
/// So many customers are listed.
const CUSTOMERS: u32 = 20;
/// Sums by customer are kept for so long: they are made of very many rows.
const KEPT: Duration = Duration::from_secs(60);
/// A budget is nothing or up to this.
const MOST_BUDGET: Usd = Usd(1_000_000_000 * 1_000_000);

/// What is remembered between two looks.
#[derive(Default)]
pub(crate) struct Cache {
    forecast: Mutex<Option<(Asked, Option<Forecast>)>>,
    customers: Mutex<Option<(Timestamp, (i64, Day), Customers)>>,
}

/// Those with the highest costs, and what belongs to none.
type Customers = (Vec<CustomerSum>, Sum);

/// What a forecast was made of.
#[derive(Clone, PartialEq)]
struct Asked {
    history: Vec<f64>,
    sums: Vec<usize>,
    changes: Vec<usize>,
}

/// A day on which a price of a model in use began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceMark {
    /// When.
    pub day: Day,
    /// Which.
    pub label: String,
}

/// This calendar month.
#[derive(Debug, Clone)]
pub struct Month {
    /// Its first day.
    pub from: Day,
    /// Its last day.
    pub to: Day,
    /// What it cost so far, today included.
    pub so_far: Usd,
    /// What it is expected to have cost at its end.
    pub at_end: Option<Expected>,
    /// What it may cost.
    pub budget: Option<Usd>,
}

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The window, both included; its last day is today, which is not over.
    pub days: (Day, Day),
    /// What was counted of each day and model.
    pub by_day: Vec<(Day, ModelSum)>,
    /// The whole window.
    pub total: Sum,
    /// The 30 full days before today.
    pub full: Sum,
    /// The 30 days before those.
    pub before: Sum,
    /// The dearest first.
    pub models: Vec<ModelSum>,
    /// The dearest first, with a pause of a minute.
    pub customers: Vec<CustomerSum>,
    /// What belongs to no customer.
    pub nobodys: Sum,
    /// Builds that succeeded within the window.
    pub builds: i64,
    /// Builds that succeeded on the 30 full days, and on the 30 before.
    pub builds_before: (i64, i64),
    /// From today on; its sums are of 7 and of 30 days.
    pub forecast: Option<Forecast>,
    /// The days that it was made of begin here.
    pub history_from: Day,
    /// This month.
    pub month: Month,
    /// What to do about it, the most worth first.
    pub hints: Vec<Hint>,
    /// Prices that changed within the window.
    pub marks: Vec<PriceMark>,
    /// How fresh the figures are.
    pub standing: Standing,
}

/// Works out what the page shows.
pub async fn overview(insight: &Insight, scope: &Scope) -> Result<Overview> {
    let today = insight.events().calendar().day(insight.clock().now());
    let from = today.plus(1 - WINDOW);
    let history_from = today.plus(-HISTORY);
    let (by_day, history, standing, book) = tokio::try_join!(
        sums::by_day_and_model(insight, scope, today.plus(-2 * WINDOW), today),
        sums::days(insight, scope, history_from, today),
        sums::standing(insight),
        Book::load(insight.db()),
    )?;
    let of = |from: Day, to: Day| {
        let mut sum = Sum::default();
        history.iter().filter(|(day, _)| (from..=to).contains(day)).for_each(|(_, of_day)| sum.add(of_day));
        sum
    };
    let builds = insight.events().counts_of(&["build_succeeded"], today.plus(-2 * WINDOW), today).await?;
    let built = |from: Day, to: Day| builds.iter().filter(|(day, _)| (from..=to).contains(day)).map(|(_, count)| count).sum::<i64>();
    let (full, before) = ((today.plus(-WINDOW), today.plus(-1)), (today.plus(-2 * WINDOW), today.plus(-WINDOW - 1)));
    let models = sums::together(by_day.iter().filter(|(day, _)| *day >= from).map(|(_, model)| model));
    let marks = marks(&book, &models, today);
    let (past, of_today) = history.split_at(history.len() - 1);
    let (month_from, month_to) = month_of(today)?;
    let days_left = usize::try_from(month_to.0 - today.0 + 1).unwrap_or(1);
    let asked = Asked {
        history: past.iter().map(|(_, sum)| sum.cost.dollars()).collect(),
        sums: vec![7, 30, days_left],
        changes: marks.iter().filter_map(|mark| usize::try_from(mark.day.0 - history_from.0).ok()).filter(|at| *at < past.len()).collect(),
    };
    let forecast = forecast_of(insight, asked).await?;
    let spent = of(month_from, today.plus(-1)).cost;
    let so_far = spent + of_today.first().map_or(Usd(0), |(_, sum)| sum.cost);
    // What is spent already cannot become less.
    let at_end = forecast.as_ref().and_then(|forecast| forecast.sums.get(2)).map(|rest| {
        let end = |more: f64| (spent.dollars() + more).max(so_far.dollars());
        Expected {
            mean: end(rest.mean),
            low_80: end(rest.low_80),
            high_80: end(rest.high_80),
            low_95: end(rest.low_95),
            high_95: end(rest.high_95),
        }
    });
    let (customers, nobodys) = customers_of(insight, scope, (from, today), book.edition).await?;
    let mut overview = Overview {
        days: (from, today),
        total: of(from, today),
        full: of(full.0, full.1),
        before: of(before.0, before.1),
        models,
        customers,
        nobodys,
        builds: built(from, today),
        builds_before: (built(full.0, full.1), built(before.0, before.1)),
        forecast,
        history_from,
        month: Month { from: month_from, to: month_to, so_far, at_end, budget: standing.monthly_budget },
        hints: Vec::new(),
        marks: marks.into_iter().filter(|mark| mark.day >= from).collect(),
        standing,
        by_day,
    };
    overview.hints = hints::of(&overview, &book);
    overview.by_day.retain(|(day, _)| *day >= from);
    Ok(overview)
}

/// Days on which a price of a model in use began, until today; the first price of a model is no change.
fn marks(book: &Book, models: &[ModelSum], today: Day) -> Vec<PriceMark> {
    let mut marks: Vec<PriceMark> = Vec::new();
    for model in models {
        let prices = book.of_model(&model.name);
        let counts = |price: &&&super::Price| super::book::on(&prices, price.since).is_some_and(|on| std::ptr::eq(on, **price));
        let mut days: Vec<(Day, &str)> = prices.iter().filter(counts).map(|price| (price.since, price.label.as_str())).collect();
        days.sort_unstable();
        marks.extend(
            days.into_iter().skip(1).filter(|(day, _)| *day <= today).map(|(day, label)| PriceMark { day, label: label.to_owned() }),
        );
    }
    marks.sort_by(|one, other| (one.day, &one.label).cmp(&(other.day, &other.label)));
    marks.dedup();
    marks
}

/// The first and the last day of a day's calendar month.
fn month_of(day: Day) -> Result<(Day, Day)> {
    let date = day.date().ok_or_else(|| Error::internal("today is outside of the calendar"))?;
    let day_of = |date: jiff::civil::Date| Day::parse(&date.to_string()).ok_or_else(|| Error::internal("a date is no day"));
    Ok((day_of(date.first_of_month())?, day_of(date.last_of_month())?))
}

async fn forecast_of(insight: &Insight, asked: Asked) -> Result<Option<Forecast>> {
    let place = &insight.costs().forecast;
    let known = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((of, forecast)) = known
        && of == asked
    {
        return Ok(forecast);
    }
    // Tens of milliseconds of arithmetic: not on the threads that answer requests.
    let (asked, forecast) = tokio::task::spawn_blocking(move || {
        let horizon = asked.sums.iter().copied().max().unwrap_or(0);
        let forecast = forecast::forecast(&asked.history, &forecast::Wish { horizon, sums: &asked.sums, changes: &asked.changes });
        (asked, forecast)
    })
    .await?;
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some((asked, forecast.clone()));
    Ok(forecast)
}

async fn customers_of(insight: &Insight, scope: &Scope, (from, to): (Day, Day), edition: i64) -> Result<Customers> {
    let (place, now) = (&insight.costs().customers, insight.clock().now());
    let known = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((at, key, customers)) = known
        && key == (edition, to)
        && now.since(at) < KEPT
    {
        return Ok(customers);
    }
    let customers = sums::by_customer(insight, scope, from, to, CUSTOMERS).await?;
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, (edition, to), customers.clone()));
    Ok(customers)
}

/// Sets what a calendar month may cost, or takes the budget away.
pub async fn set_budget(insight: &Insight, actor: &Actor, budget: Option<Usd>) -> Result<()> {
    staff::only(actor, Permission::OperateHouse)?;
    if budget.is_some_and(|budget| budget <= Usd(0) || budget > MOST_BUDGET) {
        return Err(Error::invalid("budget", "must be more than nothing, and a million dollars at most"));
    }
    insight
        .db()
        .write(async |tx| {
            tx.execute(sql("update llm_progress set monthly_budget = $1").bind(budget.map(|budget| budget.0))).await?;
            let detail = json!({ "monthly_budget_usd": budget.map(Usd::exact) });
            audit::record(&tx, insight.clock(), actor, Entry { action: "llm_budget.set", customer: None, subject: "llm_budget", detail })
                .await
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_have_their_days() {
        let day = |text| Day::parse(text).unwrap();
        assert_eq!(month_of(day("2028-02-10")).unwrap(), (day("2028-02-01"), day("2028-02-29")));
        assert_eq!(month_of(day("2026-12-31")).unwrap(), (day("2026-12-01"), day("2026-12-31")));
    }
}
