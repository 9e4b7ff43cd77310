//! Figures that can be read now only. What they were is written down every five minutes.

use std::time::Duration;

use kit::{Result, Timestamp, sql};

use super::{Metric, Reading, Track};
use crate::Alerts;

/// Figures of which nothing else keeps what they were.
const GAUGES: [Metric; 3] = [Metric::DiskFree, Metric::JobsWaiting, Metric::JobsDead];
const EVERY: Duration = Duration::from_secs(300);
/// After two that are missing nothing is known.
const LASTS: Duration = Duration::from_secs(15 * 60);

async fn now(alerts: &Alerts, metric: Metric) -> Result<f64> {
    let now = alerts.clock.now();
    #[expect(clippy::cast_precision_loss, reason = "counts and bytes, far below 2^52")]
    Ok(match metric {
        Metric::DiskFree => {
            let data = alerts.data.clone();
            let usage = tokio::task::spawn_blocking(move || kit::disk::usage(&data))
                .await
                .map_err(|error| kit::Error::internal(format!("looking at the disk: {error}")))??;
            if usage.bytes == 0 { 0.0 } else { usage.free_bytes as f64 * 100.0 / usage.bytes as f64 }
        }
        Metric::JobsWaiting => {
            kit::jobs::waiting_since(&alerts.db, &alerts.clock).await?.map_or(0.0, |since| now.since(since).as_secs_f64() / 60.0)
        }
        _ => {
            let counts = kit::jobs::counts(&alerts.db).await?;
            counts.iter().find(|(state, _)| *state == kit::jobs::JobState::Dead).map_or(0, |(_, count)| *count) as f64
        }
    })
}

/// Writes down what they are now, if that was last done some minutes ago. Returns how many.
pub async fn sample(alerts: &Alerts) -> Result<u64> {
    let at = alerts.clock.now().0;
    let every = i64::try_from(EVERY.as_millis()).unwrap_or(300_000);
    let slot = Timestamp(at - at.rem_euclid(every));
    let there: Option<(i64,)> =
        alerts.db.optional(sql("select at from metric_sample where metric = $1 and at = $2").bind(GAUGES[0]).bind(slot)).await?;
    if there.is_some() {
        return Ok(0);
    }
    let mut figures = Vec::new();
    for metric in GAUGES {
        figures.push((metric, now(alerts, metric).await?));
    }
    alerts
        .db
        .write(async |tx| {
            let mut written = 0;
            for (metric, value) in &figures {
                let row = sql("insert into metric_sample (metric, at, value) values ($1, $2, $3) on conflict do nothing");
                written += tx.execute(row.bind(*metric).bind(slot).bind(*value)).await?;
            }
            Ok(written)
        })
        .await
}

pub(super) async fn track(alerts: &Alerts, metric: Metric, from: Timestamp, to: Timestamp) -> Result<Track> {
    let query = sql("select at, value from metric_sample where metric = $1 and at > $2 and at <= $3 order by at");
    let mut steps: Vec<(Timestamp, f64)> = alerts.db.all(query.bind(metric).bind(from.minus(LASTS)).bind(to)).await?;
    let this_moment = alerts.clock.now();
    if to >= this_moment {
        steps.retain(|(at, _)| *at < this_moment);
        steps.push((this_moment, now(alerts, metric).await?));
    }
    Ok(Track::Steps(steps, LASTS))
}

/// What was known last, if that is not too long ago.
pub(super) fn last(steps: &[(Timestamp, f64)], at: Timestamp, lasts: Duration) -> Reading {
    let place = steps.partition_point(|(known, _)| *known <= at);
    let newest = steps[..place].last().filter(|(known, _)| at.since(*known) <= lasts);
    Reading::of_house(newest.map(|(_, value)| *value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_is_unknown() {
        let steps = [(Timestamp(1000), 4.0), (Timestamp(2000), 5.0)];
        let lasts = Duration::from_millis(1500);
        let values = [999, 1000, 1999, 2000, 3500, 3501].map(|at| last(&steps, Timestamp(at), lasts).value);
        assert_eq!(values, [None, Some(4.0), Some(4.0), Some(5.0), Some(5.0), None]);
    }
}
