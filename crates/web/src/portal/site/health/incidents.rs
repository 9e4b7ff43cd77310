//! What went wrong before: from when to when, and why.

use hosting::probes::incidents::{EDGE, Incident};
use kit::Timestamp;
use maud::{Markup, html};
use ui::{format, icon};

use crate::portal::words;
use crate::respond::sentence;

pub(in crate::portal) fn list(incidents: &[Incident], now: Timestamp) -> Markup {
    html! {
        details.gap.disclosure.incidents open[incidents.iter().any(|incident| incident.ended_at.is_none())] {
            summary { (icon::chevron_right()) "Incidents" @if !incidents.is_empty() { " (" (incidents.len()) ")" } }
            @if incidents.is_empty() {
                p.hint { "None so far." }
            } @else {
                ul {
                    @for incident in incidents {
                        li {
                            span.row { (words::health(incident.state)) strong { (service(incident)) } (format::time_ago(incident.started_at.0, now.0)) }
                            p.hint { (sentence(&told(incident))) " " (lasted(incident, now)) }
                        }
                    }
                }
            }
        }
    }
}

fn service(incident: &Incident) -> &str {
    if incident.service == EDGE { "As visitors see it" } else { &incident.service }
}

fn told(incident: &Incident) -> String {
    let what = incident.detail.clone().unwrap_or_else(|| incident.cause.as_str().replace('_', " "));
    format!("it {what}")
}

fn lasted(incident: &Incident, now: Timestamp) -> String {
    if incident.was_survived() {
        return String::new();
    }
    let until = incident.ended_at.unwrap_or(now);
    let length = format::duration(u64::try_from(until.since(incident.started_at).as_millis()).unwrap_or(u64::MAX));
    match incident.ended_at {
        Some(_) => format!("Lasted {length}."),
        None => format!("For {length} now."),
    }
}
