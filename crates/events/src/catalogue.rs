//! The events that Innkeeper knows by name, and what each counts as. All others are custom events and count as actions.

use std::borrow::Cow;
use std::fmt;

use kit::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What an event of a known name counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Nothing beside the number of events.
    None,
    /// A sign-in.
    Login,
    /// Calls of the API: property `count`, 1 without it.
    ApiCalls,
    /// A feature was used: property `feature`.
    Feature,
    /// A support ticket was opened.
    TicketOpened,
    /// A support ticket was closed.
    TicketClosed,
    /// A build succeeded.
    BuildSucceeded,
    /// A build failed.
    BuildFailed,
    /// A deployment went live.
    DeploySucceeded,
    /// A deployment failed.
    DeployFailed,
    /// A rating: property `rating` (1 to 5) or `nps` (0 to 10).
    Rating,
    /// An invoice was issued: properties `invoice` (or `invoice_id`), `issued_at`, `due_at`, `amount`, `currency`.
    InvoiceIssued,
    /// An invoice was paid: properties `invoice` (or `invoice_id`), `paid_at`.
    InvoicePaid,
}

/// An event known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// As senders write it.
    pub name: &'static str,
    /// As pages write it.
    pub label: &'static str,
    /// Name of the icon on pages.
    pub icon: &'static str,
    /// What it counts as.
    pub counter: Counter,
    /// Whether a person did it: days with such events are active days.
    pub action: bool,
}

const fn known(name: &'static str, label: &'static str, icon: &'static str, counter: Counter, action: bool) -> Known {
    Known { name, label, icon, counter, action }
}

/// All events known by name, in the order of the alphabet.
pub const KNOWN: &[Known] = &[
    known("$ai_generation", "Call of a language model", "cpu", Counter::None, false),
    known("$create_alias", "Two names joined", "users", Counter::None, false),
    known("$exception", "Error", "alert", Counter::None, false),
    known("$feature_flag_called", "Feature flag read", "flag", Counter::None, false),
    known("$groupidentify", "Customer described", "building", Counter::None, false),
    known("$identify", "Person identified", "user", Counter::None, false),
    known("$pageleave", "Page left", "eye", Counter::None, false),
    known("$pageview", "Page seen", "eye", Counter::None, true),
    known("$set", "Person described", "user", Counter::None, false),
    known("$web_vitals", "Speed of a page", "clock", Counter::None, false),
    known("api_call", "Calls of the API", "code", Counter::ApiCalls, false),
    known("build_failed", "Build failed", "x-circle", Counter::BuildFailed, false),
    known("build_started", "Build started", "hammer", Counter::None, true),
    known("build_succeeded", "Build succeeded", "check-circle", Counter::BuildSucceeded, false),
    known("deploy_failed", "Deployment failed", "x-circle", Counter::DeployFailed, false),
    known("deploy_started", "Deployment started", "rocket", Counter::None, true),
    known("deploy_succeeded", "Deployment went live", "rocket", Counter::DeploySucceeded, false),
    known("email_given", "E-mail address given", "mail", Counter::None, true),
    known("email_verified", "E-mail address verified", "mail", Counter::None, true),
    known("error", "Error", "alert", Counter::None, false),
    known("feature_used", "Feature used", "zap", Counter::Feature, true),
    known("invoice_issued", "Invoice issued", "file", Counter::InvoiceIssued, false),
    known("invoice_paid", "Invoice paid", "file", Counter::InvoicePaid, false),
    known("llm_call", "Call of a language model", "cpu", Counter::None, false),
    known("login", "Signed in", "log-in", Counter::Login, true),
    known("rating", "Rating given", "star", Counter::Rating, true),
    known("request", "Site requested", "message", Counter::None, true),
    known("restart", "Restart", "refresh", Counter::None, false),
    known("ticket_closed", "Ticket closed", "life-buoy", Counter::TicketClosed, false),
    known("ticket_opened", "Ticket opened", "life-buoy", Counter::TicketOpened, true),
    known("visit", "Visit", "eye", Counter::None, true),
];

/// The event of this name, when it is known.
pub fn find(name: &str) -> Option<&'static Known> {
    KNOWN.binary_search_by_key(&name, |known| known.name).ok().map(|at| &KNOWN[at])
}

/// How pages write the name of an event: `Build started` for `build_started`, and what the sender wrote for custom ones.
pub fn label(name: &str) -> Cow<'_, str> {
    find(name).map_or(Cow::Borrowed(name), |known| Cow::Borrowed(known.label))
}

/// Name of the icon beside an event.
pub fn icon(name: &str) -> &'static str {
    find(name).map_or("dot", |known| known.icon)
}

/// What an event says about an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct InvoiceNews {
    pub(crate) invoice: String,
    pub(crate) issued_at: Option<i64>,
    pub(crate) due_at: Option<i64>,
    pub(crate) paid_at: Option<i64>,
    pub(crate) amount: Option<i64>,
    pub(crate) currency: Option<String>,
}

/// What one event adds to the counts of its day.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Effect {
    pub(crate) action: bool,
    pub(crate) logins: i64,
    pub(crate) api_calls: i64,
    pub(crate) tickets_opened: i64,
    pub(crate) tickets_closed: i64,
    pub(crate) builds_succeeded: i64,
    pub(crate) builds_failed: i64,
    pub(crate) deploys_succeeded: i64,
    pub(crate) deploys_failed: i64,
    pub(crate) ratings: i64,
    /// 0 to 100.
    pub(crate) points: f64,
    pub(crate) feature: Option<String>,
    pub(crate) invoice: Option<InvoiceNews>,
}

/// The longest name of a feature or number of an invoice that is counted.
const MAX_WORD: usize = 200;

/// What an event counts as. Properties that are missing or of another type count as missing: the doors said so to the sender.
pub(crate) fn effect(name: &str, props: &str, at: Timestamp) -> Effect {
    let Some(known) = find(name) else { return Effect { action: true, ..Effect::default() } };
    let mut effect = Effect { action: known.action, ..Effect::default() };
    match known.counter {
        Counter::None => {}
        Counter::Login => effect.logins = 1,
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        Counter::ApiCalls => effect.api_calls = read(props).count.number().map_or(1, |count| count.clamp(1.0, 1e6) as i64),
        Counter::Feature => effect.feature = read(props).feature.word(),
        Counter::TicketOpened => effect.tickets_opened = 1,
        Counter::TicketClosed => effect.tickets_closed = 1,
        Counter::BuildSucceeded => effect.builds_succeeded = 1,
        Counter::BuildFailed => effect.builds_failed = 1,
        Counter::DeploySucceeded => effect.deploys_succeeded = 1,
        Counter::DeployFailed => effect.deploys_failed = 1,
        Counter::Rating => {
            if let Some(points) = read(props).points() {
                (effect.ratings, effect.points) = (1, points);
            }
        }
        Counter::InvoiceIssued | Counter::InvoicePaid => effect.invoice = read(props).invoice(known.counter, at),
    }
    effect
}

/// The properties that are counted, each of any type.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    count: Loose,
    feature: Loose,
    rating: Loose,
    nps: Loose,
    invoice: Loose,
    invoice_id: Loose,
    issued_at: Loose,
    due_at: Loose,
    paid_at: Loose,
    amount: Loose,
    currency: Loose,
}

fn read(props: &str) -> Wanted {
    serde_json::from_str(props).unwrap_or_default()
}

impl Wanted {
    fn points(&self) -> Option<f64> {
        match (self.rating.number(), self.nps.number()) {
            (Some(rating), _) if (1.0..=5.0).contains(&rating) => Some((rating - 1.0) / 4.0 * 100.0),
            (_, Some(nps)) if (0.0..=10.0).contains(&nps) => Some(nps * 10.0),
            _ => None,
        }
    }

    fn invoice(self, counter: Counter, at: Timestamp) -> Option<InvoiceNews> {
        let mut news = InvoiceNews {
            invoice: self.invoice.word().or_else(|| self.invoice_id.word())?,
            issued_at: self.issued_at.time(),
            due_at: self.due_at.time(),
            paid_at: self.paid_at.time(),
            #[expect(clippy::cast_possible_truncation, reason = "amounts beyond are none")]
            amount: self.amount.number().filter(|amount| amount.abs() < 9e15).map(|amount| amount.round() as i64),
            currency: self.currency.word().filter(|currency| currency.len() <= 8),
        };
        match counter {
            Counter::InvoicePaid => news.paid_at = news.paid_at.or(Some(at.0)),
            _ => news.issued_at = news.issued_at.or(Some(at.0)),
        }
        Some(news)
    }
}

/// A property of any type; only texts and numbers are kept.
#[derive(Default)]
enum Loose {
    #[default]
    Nothing,
    Text(String),
    Number(f64),
}

impl Loose {
    fn number(&self) -> Option<f64> {
        match self {
            Loose::Number(number) => Some(*number),
            Loose::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Loose::Nothing => None,
        }
    }

    /// A word as it may be stored: no control characters, not endless. Numbers are words, too.
    fn word(&self) -> Option<String> {
        let text = match self {
            Loose::Text(text) => text.trim().to_owned(),
            Loose::Number(number) => number.to_string(),
            Loose::Nothing => return None,
        };
        (!text.is_empty() && text.len() <= MAX_WORD && !text.chars().any(char::is_control)).then_some(text)
    }

    /// RFC 3339, a date (its midnight in UTC), or unix time in milliseconds or seconds.
    fn time(&self) -> Option<i64> {
        if let Loose::Text(text) = self
            && let text = text.trim()
            && let Some(time) = Timestamp::parse_rfc3339(text).or_else(|| crate::Day::parse(text).map(|day| Timestamp(day.0 * 86_400_000)))
        {
            return Some(time.0);
        }
        let number = self.number()?;
        // Numbers up to here are seconds until the year 5138; as milliseconds they would be before 1973.
        let millis = if number.abs() < 1e11 { number * 1000.0 } else { number };
        #[expect(clippy::cast_possible_truncation, reason = "times beyond are none")]
        (millis.abs() < 8e15).then_some(millis as i64)
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loose, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Loose;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
                Ok(Loose::Nothing)
            }
            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose::Nothing)
            }
            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose::Text(text.to_owned()))
            }
            #[expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^52")]
            fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
                Ok(Loose::Number(number as f64))
            }
            #[expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^52")]
            fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
                Ok(Loose::Number(number as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Loose, E> {
                Ok(Loose::Number(number))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose::Nothing)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Nothing)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_700_000_000_000);

    #[test]
    fn the_list_is_in_order_and_found_by_name() {
        assert!(KNOWN.is_sorted_by_key(|known| known.name));
        assert!(KNOWN.iter().all(|known| find(known.name) == Some(known)));
        assert_eq!((find("Login"), label("my <b> event"), label("login")), (None, "my <b> event".into(), "Signed in".into()));
    }

    #[test]
    fn counts_follow_the_properties_and_forgive() {
        let calls = |props| effect("api_call", props, AT).api_calls;
        assert_eq!([calls("{}"), calls(r#"{"count":7}"#), calls(r#"{"count":"8"}"#), calls(r#"{"count":-3}"#)], [1, 7, 8, 1]);
        assert_eq!(
            [calls(r#"{"count":1e300}"#), calls(r#"{"count":[1]}"#), calls("no json"), calls(r#"{"count":null}"#)],
            [1_000_000, 1, 1, 1]
        );
        assert_eq!(effect("feature_used", r#"{"feature":" export ","x":{"feature":1}}"#, AT).feature.as_deref(), Some("export"));
        assert_eq!(effect("feature_used", r#"{"feature":true}"#, AT).feature, None);
        assert_eq!(effect("export", r#"{"feature":"export"}"#, AT), Effect { action: true, ..Effect::default() });
    }

    #[test]
    fn ratings_map_to_a_hundred() {
        let points = |props| Some(effect("rating", props, AT)).filter(|it| it.ratings == 1).map(|it| it.points);
        assert_eq!([points(r#"{"rating":1}"#), points(r#"{"rating":4}"#), points(r#"{"nps":9}"#)], [Some(0.0), Some(75.0), Some(90.0)]);
        assert_eq!([points(r#"{"rating":6}"#), points(r#"{"nps":11}"#), points("{}")], [None, None, None]);
    }

    #[test]
    fn invoices_are_read_from_what_senders_write() {
        let issued =
            effect("invoice_issued", r#"{"invoice_id":42,"due_at":"2026-01-31","amount":1999,"currency":"EUR"}"#, AT).invoice.unwrap();
        assert_eq!((issued.invoice.as_str(), issued.issued_at, issued.amount), ("42", Some(AT.0), Some(1999)));
        assert_eq!(issued.due_at, Some(1_769_817_600_000));
        let paid = effect("invoice_paid", r#"{"invoice":"R-1","paid_at":1769817600}"#, AT).invoice.unwrap();
        assert_eq!((paid.paid_at, paid.issued_at), (Some(1_769_817_600_000), None));
        assert_eq!(effect("invoice_paid", r#"{"amount":3}"#, AT).invoice, None);
    }
}
