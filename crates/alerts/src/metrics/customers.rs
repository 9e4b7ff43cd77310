//! How customers are.

use std::time::Duration;

use accounts::Scope;
use insight::health::{self, Band, Distribution};
use kit::{Result, Timestamp};

use super::{Affected, Metric, Track};
use crate::Alerts;

/// A day's figure holds until the next one is made; a day that nobody looked at has none.
const LASTS: Duration = Duration::from_secs(26 * 3600);

/// Customers of a band at the ends of days, and now when the stretch reaches until now.
pub(super) async fn in_band(alerts: &Alerts, pick: fn(&Distribution) -> i64, from: Timestamp, to: Timestamp) -> Result<Track> {
    let scope = Scope::house_of_job();
    let (calendar, now) = (alerts.events.calendar(), alerts.clock.now());
    let days = calendar.day(now).0 - calendar.day(from).0 + 2;
    let figure = |bands: &Distribution| float(pick(bands));
    let past = if from < now.minus(LASTS) { health::bands_by_day(&alerts.insight, &scope, days).await? } else { Vec::new() };
    let mut steps: Vec<(Timestamp, f64)> = past.iter().map(|it| (calendar.start(it.day.plus(1)), figure(&it.bands))).collect();
    steps.retain(|(at, _)| *at < now);
    let bands = health::distribution(&alerts.insight, &scope).await?;
    // Without a single score nothing is known: 0 customers would be a claim.
    if to >= now && bands.all() > bands.unknown {
        steps.push((now, figure(&bands)));
    }
    Ok(Track::Steps(steps, LASTS))
}

/// The customers of the band with the lowest scores.
pub(super) async fn who(alerts: &Alerts, metric: Metric, limit: usize) -> Result<Vec<Affected>> {
    let band = if metric == Metric::CustomersChurning { Band::Churning } else { Band::AtRisk };
    let query = health::Query {
        bands: vec![band],
        sort: health::Sort::Score,
        limit: u32::try_from(limit).unwrap_or(20),
        ..health::Query::default()
    };
    let page = health::list(&alerts.insight, &Scope::house_of_job(), &query).await?;
    let note = |score: Option<f64>| score.map_or(String::new(), |score| format!("score {score:.1}"));
    Ok(page.items.iter().map(|it| Affected::of("customer", &it.customer.id, note(it.standing.as_ref().and_then(|it| it.points)))).collect())
}

#[expect(clippy::cast_precision_loss, reason = "counts of customers")]
fn float(count: i64) -> f64 {
    count as f64
}
