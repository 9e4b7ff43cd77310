//! Factors and advice in words.

use kit::words::counted;

use super::model::{Countable, Measure, Missing, PropertyBand, Rule, Tries};
use super::score::Raw;

/// A factor's figure in a sentence: `10 sign-ins in 30 days; 20 are full marks`.
pub(crate) fn raw(rule: &Rule, raw: &Raw, is_known: bool, features: u32) -> String {
    if !is_known {
        return "Nothing is known yet".to_owned();
    }
    let without = |what: &str, days: &u32| format!("No {what} in {days} days: {}", without_data(rule.missing));
    match (&rule.measure, raw) {
        (Measure::Count { what, days, full }, Raw::Count(number)) => {
            format!("{} in {days} days; {} are full marks", counted(*number, noun(*what)), figure(*full))
        }
        (Measure::Penalty { what, days, each }, Raw::Count(number)) => {
            format!("{} in {days} days; each takes {} points", counted(*number, noun(*what)), figure(*each))
        }
        (Measure::ActiveDays { days, full }, Raw::Count(number)) => {
            format!("Active on {} of {days}; {} are full marks", counted(*number, "day"), figure(*full))
        }
        (Measure::ActiveWeeks { .. }, Raw::Share { part, of }) => format!("Active in {part} of {}", counted(*of, "week")),
        (Measure::Features { days, only, .. }, Raw::Count(number)) => {
            let which = if only.is_empty() { "feature" } else { "key feature" };
            format!("{} used in {days} days, of {features}", counted(*number, which))
        }
        (Measure::Success { of, days }, Raw::Share { of: 0, .. }) => without(tries(*of), days),
        (Measure::Success { of, days }, Raw::Share { part, of: all }) => {
            format!("{part} of {all} {} succeeded in {days} days", tries(*of))
        }
        (Measure::Invoices { days }, Raw::Share { of: 0, .. }) => without("invoices", days),
        (Measure::Invoices { days }, Raw::Share { part, of }) => {
            format!("{part} of {} of {days} days paid on time", counted(*of, "invoice"))
        }
        (Measure::Momentum { what, days }, Raw::Momentum { now: 0, before: 0 }) => without(&format!("{}s", noun(*what)), &(2 * days)),
        (Measure::Momentum { what, days }, Raw::Momentum { now, before }) => {
            format!("{} in {days} days, {before} in the {days} before", counted(*now, noun(*what)))
        }
        (Measure::Ratings { days }, Raw::Mean { of: 0, .. }) => without("ratings", days),
        (Measure::Ratings { days }, Raw::Mean { of, mean }) => {
            format!("{} in {days} days, {mean:.0} of 100 on average", counted(*of, "rating"))
        }
        (Measure::Pulse {}, Raw::Given(Some(points))) => format!("Staff gave {} of 100", figure(*points)),
        (Measure::Property { property, .. }, Raw::Given(Some(points))) => format!("“{property}” is worth {} of 100", figure(*points)),
        (Measure::Pulse {}, _) => format!("Staff said nothing that counts now: {}", without_data(rule.missing)),
        (Measure::Property { property, .. }, _) => format!("“{property}” is not known or fits nothing: {}", without_data(rule.missing)),
        _ => String::new(),
    }
}

fn without_data(missing: Missing) -> &'static str {
    match missing {
        Missing::Neutral => "counts as neutral",
        Missing::Missing => "does not count",
    }
}

/// What to do about a factor, in a sentence that begins with a verb.
pub(crate) fn advice(rule: &Rule, raw: &Raw, features: u32) -> String {
    match (&rule.measure, raw) {
        (Measure::Count { what, days, full }, Raw::Count(number)) => {
            format!("Win them back to {} in {days} days (now {number}): ask what keeps them away.", plural(*full, noun(*what)))
        }
        (Measure::Penalty { what, days, .. }, Raw::Count(number)) => {
            format!("Solve what causes their {} of the last {days} days, so that no new ones come.", counted(*number, noun(*what)))
        }
        (Measure::ActiveDays { days, full }, Raw::Count(number)) => {
            format!("Bring them back on {} of {days} days (now {number}).", figure(*full))
        }
        (Measure::ActiveWeeks { weeks }, _) => format!("Give them a reason to come back in each of the next {weeks} weeks."),
        (Measure::Features { .. }, Raw::Count(number)) => {
            format!("Show them what they do not use yet: {number} of {features} features so far.")
        }
        (Measure::Success { of, .. }, Raw::Share { of: 0, .. }) => format!("Help them to their first {}.", singular(*of)),
        (Measure::Success { of, .. }, Raw::Share { part, of: all }) => {
            format!("Find out why {} of their {all} {} failed.", all - part, tries(*of))
        }
        (Measure::Invoices { .. }, Raw::Share { of: 0, .. }) => "See that the first invoice is paid on time.".to_owned(),
        (Measure::Invoices { .. }, Raw::Share { part, of }) => {
            format!("Talk about payment: {} of {} came late.", of - part, counted(*of, "invoice"))
        }
        (Measure::Momentum { what, .. }, Raw::Momentum { now, before }) => {
            format!("Find out what changed in their {}s: {now} now, {before} before.", noun(*what))
        }
        (Measure::Ratings { .. }, Raw::Mean { of: 0, .. }) => "Ask them how content they are.".to_owned(),
        (Measure::Ratings { .. }, Raw::Mean { mean, .. }) => {
            format!("Ask what would make them more content: {mean:.0} of 100 on average.")
        }
        _ => String::new(),
    }
}

/// How a measure works, for whoever reads or edits a model.
pub fn formula(measure: &Measure) -> String {
    match measure {
        Measure::Count { what, days, full } => format!("{}s of {days} days; {} are 100", noun(*what), figure(*full)),
        Measure::Penalty { what, days, each } => format!("100 less {} for each {} of {days} days", figure(*each), noun(*what)),
        Measure::ActiveDays { days, full } => format!("active days of {days}; {} are 100", figure(*full)),
        Measure::ActiveWeeks { weeks } => format!("active weeks of the last {weeks}"),
        Measure::Features { days, of, only } => match (only.len(), of) {
            (0, None) => format!("distinct features of {days} days; as many as the settings say are 100"),
            (0, Some(of)) => format!("distinct features of {days} days; {of} are 100"),
            (named, _) => format!("distinct features of {days} days, of {named} named ones"),
        },
        Measure::Success { of, days } => format!("share of {} of {days} days that succeeded", tries(*of)),
        Measure::Invoices { days } => format!("share of invoices of {days} days that were paid on time"),
        Measure::Momentum { what, days } => format!("{}s of {days} days against the {days} before; 50 is level", noun(*what)),
        Measure::Ratings { days } => format!("mean of ratings of {days} days"),
        Measure::Pulse {} => "what staff said of the customer, until the day that they named".to_owned(),
        Measure::Property { property, bands } => {
            let band = |band: &PropertyBand| match (&band.is, band.at_least) {
                (Some(is), _) => format!("{is} is {}", figure(band.points)),
                (None, least) => format!("{} and more is {}", figure(least.unwrap_or(0.0)), figure(band.points)),
            };
            format!("property “{property}”: {}", bands.iter().map(band).collect::<Vec<_>>().join(", "))
        }
    }
}

fn noun(what: Countable) -> &'static str {
    match what {
        Countable::Logins => "sign-in",
        Countable::ApiCalls => "API call",
        Countable::Actions => "action",
        Countable::TicketsOpened => "ticket",
        Countable::BuildsSucceeded => "successful build",
        Countable::BuildsFailed => "failed build",
        Countable::DeploysSucceeded => "successful deployment",
        Countable::DeploysFailed => "failed deployment",
    }
}

fn tries(of: Tries) -> &'static str {
    match of {
        Tries::Builds => "builds",
        Tries::Deploys => "deployments",
    }
}

fn singular(of: Tries) -> &'static str {
    match of {
        Tries::Builds => "build",
        Tries::Deploys => "deployment",
    }
}

fn plural(number: f64, noun: &str) -> String {
    let ending = if number == 1.0 { "" } else { "s" };
    format!("{}{ending}", figure(number) + " " + noun)
}

/// A number without needless decimals.
fn figure(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
