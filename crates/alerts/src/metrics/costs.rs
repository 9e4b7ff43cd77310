//! What calls of language models cost.

use std::time::Duration;

use accounts::Scope;
use insight::cost;
use kit::{Result, Timestamp};

use super::Track;
use crate::Alerts;

/// A day's figure holds for the day, however long it is.
const LASTS: Duration = Duration::from_secs(25 * 3600);

/// What each day cost, from its beginning on: of a day that is over the whole, of today what is known by now.
pub(super) async fn of_days(alerts: &Alerts, from: Timestamp, to: Timestamp) -> Result<Track> {
    let calendar = alerts.events.calendar();
    let days = cost::days(&alerts.insight, &Scope::house_of_job(), calendar.day(from), calendar.day(to)).await?;
    let steps = days.into_iter().filter_map(|(day, sum)| Some((calendar.start(day), sum.known_cost()?.dollars()))).collect();
    Ok(Track::Steps(steps, LASTS))
}
