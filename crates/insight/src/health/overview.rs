//! The whole house at a glance: how scores are spread, how that went, and what each factor does on average.

use std::collections::HashMap;
use std::time::Duration;

use accounts::Scope;
use events::Day;
use kit::db::{FromRow, Row};
use kit::{Result, Timestamp, sql};

use super::scorer::NEUTRAL;
use super::{Distribution, Model, Rule, VersionNo};
use crate::Insight;

/// Means over all customers are worked out anew when they are older than this.
const FRESH: Duration = Duration::from_secs(30);

/// How many customers were in each band at the end of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BandsOfDay {
    /// The day.
    pub day: Day,
    /// How many.
    pub bands: Distribution,
}

/// What a factor does over all customers.
#[derive(Debug, Clone, PartialEq)]
pub struct FactorMean {
    /// The factor.
    pub rule: Rule,
    /// Its part of all weights, 0 to 1.
    pub share: f64,
    /// For so many customers it has a score.
    pub customers: i64,
    /// Its mean over those; none when there are none.
    pub mean: Option<f64>,
    /// Points that it adds to (or takes from) a score on average: `share · (mean − 50)`.
    pub contribution: Option<f64>,
    /// For so many customers it is below 40.
    pub weak: i64,
}

/// Means that were worked out at some time, by version.
pub(crate) type Cache = std::sync::Mutex<HashMap<VersionNo, (Timestamp, Vec<FactorMean>)>>;

/// Customers by tens of points: 0 to below 10, …, 90 to 100.
pub async fn tens(insight: &Insight, scope: &Scope) -> Result<[i64; 10]> {
    if !scope.is_house() {
        return Ok([0; 10]);
    }
    let counts = sql("select cast(count(case when score < 10.0 then 1 end) as bigint),
                cast(count(case when score >= 10.0 and score < 20.0 then 1 end) as bigint),
                cast(count(case when score >= 20.0 and score < 30.0 then 1 end) as bigint),
                cast(count(case when score >= 30.0 and score < 40.0 then 1 end) as bigint),
                cast(count(case when score >= 40.0 and score < 50.0 then 1 end) as bigint),
                cast(count(case when score >= 50.0 and score < 60.0 then 1 end) as bigint),
                cast(count(case when score >= 60.0 and score < 70.0 then 1 end) as bigint),
                cast(count(case when score >= 70.0 and score < 80.0 then 1 end) as bigint),
                cast(count(case when score >= 80.0 and score < 90.0 then 1 end) as bigint),
                cast(count(case when score >= 90.0 then 1 end) as bigint)
         from health_now");
    Ok(insight.db().one::<Tens>(counts).await?.0)
}

struct Tens([i64; 10]);

impl FromRow for Tens {
    fn from_row(row: &Row<'_>) -> Result<Tens> {
        let mut tens = [0; 10];
        for (at, count) in tens.iter_mut().enumerate() {
            *count = row.at(at)?;
        }
        Ok(Tens(tens))
    }
}

/// How customers were spread over bands at the end of the last `days` days, oldest first. Days that nobody looked at are missing.
pub async fn bands_by_day(insight: &Insight, scope: &Scope, days: i64) -> Result<Vec<BandsOfDay>> {
    if !scope.is_house() {
        return Ok(Vec::new());
    }
    let today = insight.events().calendar().day(insight.clock().now());
    let rows: Vec<(i64, i64, i64, i64, i64)> = insight
        .db()
        .all(sql("select day, healthy, at_risk, churning, unknown from health_day where day >= $1 order by day").bind(today.plus(-days).0))
        .await?;
    let of = |(day, healthy, at_risk, churning, unknown)| BandsOfDay {
        day: Day(day),
        bands: Distribution { healthy, at_risk, churning, unknown },
    };
    Ok(rows.into_iter().map(of).collect())
}

/// How many customers with a score each version scores.
pub async fn customers_by_version(insight: &Insight, scope: &Scope) -> Result<HashMap<VersionNo, i64>> {
    if !scope.is_house() {
        return Ok(HashMap::new());
    }
    let counts: Vec<(i64, i64)> =
        insight.db().all(sql("select version_no, cast(count(*) as bigint) from health_now group by version_no")).await?;
    Ok(counts.into_iter().map(|(no, customers)| (VersionNo(no), customers)).collect())
}

/// What each factor of a version does on average for whom it scores, not older than half a minute.
pub async fn factor_means(insight: &Insight, scope: &Scope, model: &Model) -> Result<Vec<FactorMean>> {
    if !scope.is_house() {
        return Ok(Vec::new());
    }
    let now = insight.clock().now();
    let cache = insight.factor_means();
    {
        let mut cache = cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        cache.retain(|_, (at, _)| now.since(*at) < FRESH);
        if let Some((_, means)) = cache.get(&model.no) {
            return Ok(means.clone());
        }
    }
    let means = work_out(insight, model).await?;
    cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(model.no, (now, means.clone()));
    Ok(means)
}

async fn work_out(insight: &Insight, model: &Model) -> Result<Vec<FactorMean>> {
    let mut sums: HashMap<String, (i64, f64, i64)> = HashMap::new();
    let mut after = String::new();
    loop {
        let page: Vec<(String, String)> = insight
            .db()
            .all(
                sql("select customer_id, factors from health_now
                     where customer_id > $1 and version_no = $2 and score is not null
                     order by customer_id limit 5000")
                .bind(&after)
                .bind(model.no.0),
            )
            .await?;
        let Some((last, _)) = page.last() else { break };
        after.clone_from(last);
        for (_, factors) in &page {
            for (key, score) in serde_json::from_str::<HashMap<String, Option<f64>>>(factors)? {
                let Some(score) = score else { continue };
                let (customers, sum, weak) = sums.entry(key).or_default();
                *customers += 1;
                *sum += score;
                *weak += i64::from(score < 40.0);
            }
        }
    }
    let all: f64 = model.rules.iter().map(|rule| rule.weight).sum();
    let mean_of = |rule: &Rule| {
        let (customers, sum, weak) = sums.get(&rule.key).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a number of customers")]
        let mean = (customers > 0).then(|| sum / customers as f64);
        let share = rule.weight / all;
        FactorMean { rule: rule.clone(), share, customers, mean, contribution: mean.map(|mean| share * (mean - NEUTRAL)), weak }
    };
    Ok(model.rules.iter().map(mean_of).collect())
}
