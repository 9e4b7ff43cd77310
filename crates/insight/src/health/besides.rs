//! What is known of a customer beside what was counted: what staff said of it, and its properties.

use std::collections::HashMap;

use accounts::CustomerId;
use events::Day;
use kit::{Result, Timestamp, sql};
use serde_json::Value;

use super::model::PropertyBand;
use super::unpacked::Moment;
use crate::Insight;

/// What one customer's figures are made of beside events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Besides {
    /// Pulses, the newest first.
    pulses: Vec<Pulse>,
    /// What events told of the customer last. There is no past of it: past days are told with what is known now.
    properties: serde_json::Map<String, Value>,
}

#[derive(Debug, Clone, Copy)]
struct Pulse {
    set_on: Day,
    until: Day,
    points: Option<f64>,
}

impl Besides {
    /// What staff had said last on the day, if it still counted then.
    pub fn pulse(&self, moment: Moment) -> Option<f64> {
        let last = self.pulses.iter().find(|pulse| pulse.set_on <= moment.day)?;
        last.points.filter(|_| moment.day <= last.until)
    }

    /// The points of the first band that a property fits.
    pub fn property(&self, name: &str, bands: &[PropertyBand]) -> Option<f64> {
        let text = match self.properties.get(name)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        let number: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite());
        let folded = text.to_lowercase();
        let fits = |band: &&PropertyBand| match (&band.is, band.at_least) {
            (Some(is), _) => is.trim().to_lowercase() == folded,
            (None, Some(least)) => number.is_some_and(|number| number >= least),
            (None, None) => false,
        };
        bands.iter().find(fits).map(|band| band.points)
    }

    #[cfg(test)]
    pub(crate) fn made_up(pulses: &[(Day, Day, Option<f64>)], properties: Value) -> Besides {
        let pulses = pulses.iter().map(|(set_on, until, points)| Pulse { set_on: *set_on, until: *until, points: *points }).collect();
        Besides { pulses, properties: properties.as_object().cloned().unwrap_or_default() }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Needs {
    pub pulse: bool,
    pub properties: bool,
}

/// What is known of these customers; nothing is read that nobody needs.
pub(crate) async fn read(insight: &Insight, customers: &[CustomerId], needs: Needs) -> Result<HashMap<CustomerId, Besides>> {
    let db = insight.db();
    let mut found: HashMap<CustomerId, Besides> = HashMap::new();
    if needs.pulse {
        for customers in customers.chunks(500) {
            let rows = sql("select customer_id, set_at, until_day, points from customer_pulse where customer_id in").list(customers.iter());
            let rows: Vec<(CustomerId, Timestamp, i64, Option<i64>)> =
                db.all(rows.and("order by customer_id, set_at desc, id desc")).await?;
            for (customer, set_at, until, points) in rows {
                #[expect(clippy::cast_precision_loss, reason = "0 to 100")]
                let points = points.map(|points| points as f64);
                found.entry(customer).or_default().pulses.push(Pulse {
                    set_on: insight.events().calendar().day(set_at),
                    until: Day(until),
                    points,
                });
            }
        }
    }
    if needs.properties {
        for customers in customers.chunks(500) {
            let rows = sql("select customer_id, traits from subject where kind = 'customer' and customer_id in").list(customers.iter());
            for (customer, traits) in db.all::<(CustomerId, String)>(rows).await? {
                found.entry(customer).or_default().properties = serde_json::from_str(&traits)?;
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pulse_counts_from_when_it_was_set_to_its_last_day_and_the_newest_wins() {
        let day = 86_400_000;
        let at = |day_no: i64| Moment { day: Day(day_no), at: Timestamp(day_no * day + day / 2) };
        // Newest first: taken back on day 30, 20 said on day 20 for ten days, 80 on day 10 for long.
        let besides =
            Besides::made_up(&[(Day(30), Day(30), None), (Day(20), Day(25), Some(20.0)), (Day(10), Day(90), Some(80.0))], json!({}));
        let said: Vec<_> = [9, 10, 19, 20, 25, 26, 30, 31].map(|day| besides.pulse(at(day))).into();
        assert_eq!(said, [None, Some(80.0), Some(80.0), Some(20.0), Some(20.0), None, None, None]);
    }

    #[test]
    fn the_first_band_that_fits_a_property_counts() {
        let is = |text: &str, points| PropertyBand { is: Some(text.to_owned()), at_least: None, points };
        let least = |least, points| PropertyBand { is: None, at_least: Some(least), points };
        let of = |value: Value, bands: &[PropertyBand]| Besides::made_up(&[], json!({ "p": value })).property("p", bands);
        let plans = [is("pro", 80.0), is("Free", 30.0), is("true", 5.0)];
        for (value, points) in [
            (json!("PRO "), Some(80.0)),
            (json!("free"), Some(30.0)),
            (json!(true), Some(5.0)),
            (json!("other"), None),
            (json!(null), None),
            (json!(["pro"]), None),
            (json!({ "pro": 1 }), None),
        ] {
            assert_eq!(of(value.clone(), &plans), points, "{value}");
        }
        let seats = [least(100.0, 90.0), least(10.0, 60.0), least(0.0, 20.0)];
        for (value, points) in [
            (json!(100), Some(90.0)),
            (json!(99.9), Some(60.0)),
            (json!("12"), Some(60.0)),
            (json!(0), Some(20.0)),
            (json!(-1), None),
            (json!("NaN"), None),
            (json!("many"), None),
        ] {
            assert_eq!(of(value.clone(), &seats), points, "{value}");
        }
        assert_eq!(Besides::default().property("p", &seats), None);
    }
}
