//! Sites that are down.

use std::collections::BTreeMap;

use accounts::Scope;
use hosting::probes::incidents::Outage;
use kit::{Error, Result, Timestamp};

use super::builds::float;
use super::{Affected, Reading};
use crate::Alerts;

/// The oldest outage of each site at a moment.
fn oldest_of_each(outages: &[Outage], at: Timestamp) -> BTreeMap<&str, &Outage> {
    let mut sites: BTreeMap<&str, &Outage> = BTreeMap::new();
    for outage in outages.iter().filter(|it| it.from <= at && it.until.is_none_or(|until| at < until)) {
        let oldest = sites.entry(outage.site_id.as_str()).or_insert(outage);
        if outage.from < oldest.from {
            *oldest = outage;
        }
    }
    sites
}

pub(super) fn down(outages: &[Outage], at: Timestamp) -> Reading {
    Reading::of_house(Some(float(oldest_of_each(outages, at).len())))
}

pub(super) fn down_for(outages: &[Outage], at: Timestamp) -> Vec<Reading> {
    let reading = |outage: &Outage| Reading {
        labels: [("site".to_owned(), outage.site_id.to_string()), ("customer".to_owned(), outage.customer_id.to_string())].into(),
        value: Some(at.since(outage.from).as_secs_f64() / 60.0),
        samples: None,
    };
    oldest_of_each(outages, at).into_values().map(reading).collect()
}

pub(super) fn which(outages: &[Outage], at: Timestamp) -> Vec<Affected> {
    let mut down: Vec<&Outage> = oldest_of_each(outages, at).into_values().collect();
    down.sort_by_key(|outage| outage.from);
    let note = |outage: &Outage| format!("{} is down for {} min", outage.service, at.since(outage.from).as_secs() / 60);
    down.into_iter().map(|outage| Affected::of("site", &outage.site_id, note(outage))).collect()
}

/// Looks up what they are called. Who is gone by now keeps the id.
pub(super) async fn add_names(alerts: &Alerts, found: &mut [Affected]) -> Result<()> {
    let scope = Scope::house_of_job();
    for it in found.iter_mut() {
        let name = match it.kind.as_str() {
            "site" => match hosting::SiteId::parse(&it.id) {
                Ok(id) => hosting::sites::get(&alerts.db, &scope, &id).await.map(|site| site.name.to_string()),
                Err(error) => Err(error),
            },
            _ => match accounts::CustomerId::parse(&it.id) {
                Ok(id) => accounts::customers::get(&alerts.db, &scope, &id).await.map(|customer| customer.name.to_string()),
                Err(error) => Err(error),
            },
        };
        it.name = match name {
            Ok(name) => name,
            Err(Error::NotFound(_)) => it.id.clone(),
            Err(error) => return Err(error),
        };
    }
    Ok(())
}
