//! Millions of events for measurements: each is made from its number alone, so any part of the stream can be made anywhere.

use accounts::CustomerId;
use kit::Timestamp;

use super::chance::{self, Chance};
use super::words::FEATURES;
use crate::{EventId, EventName, Identity, NewEvent, Source};

/// A stream of events in the order of time, spread over days and customers.
#[derive(Debug, Clone)]
pub struct Many {
    /// Another figure, another stream.
    pub seed: u64,
    /// How many customers; a tenth of them does about a third of everything.
    pub customers: u32,
    /// How many events.
    pub events: u64,
    /// The first event is so many days before the last.
    pub days: u32,
    /// The moment of the last event.
    pub until: Timestamp,
}

/// What happens how often, in a hundred.
const NAMES: &[(&str, u32)] = &[
    ("feature_used", 42),
    ("login", 12),
    ("api_call", 18),
    ("page_viewed", 9),
    ("llm_call", 6),
    ("build_started", 3),
    ("build_succeeded", 3),
    ("deploy_succeeded", 2),
    ("ticket_opened", 1),
    ("ticket_closed", 1),
    ("invoice_issued", 1),
    ("invoice_paid", 1),
    ("rating", 1),
];

/// The people of a customer.
const PEOPLE: usize = 4;

/// One event of the stream, in the parts that wire formats put together each in their way.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its id: a UUID, as SDKs make them.
    pub id: String,
    /// What happened.
    pub name: &'static str,
    /// Whose it is, by number.
    pub customer: u32,
    /// Who did it.
    pub person: String,
    /// When.
    pub at: Timestamp,
    /// A JSON object.
    pub props: String,
}

impl Many {
    /// The id of a customer by its number, from 0.
    pub fn customer(&self, number: u32) -> CustomerId {
        let mut chance = Chance::of(&[self.seed, chance::CUSTOMERS, chance::MANY, u64::from(number)]);
        let id: String = (0..12).map(|_| char::from(*chance.pick(b"abcdefghijklmnopqrstuvwxyz234567"))).collect();
        CustomerId::parse(&format!("{}{id}", CustomerId::PREFIX)).expect("letters and digits make an id")
    }

    /// Event `number`, from 0.
    pub fn part(&self, number: u64) -> Part {
        let mut chance = Chance::of(&[self.seed, chance::MANY, number]);
        let span = i128::from(self.days) * 86_400_000;
        let ago = span - span * i128::from(number + 1) / i128::from(self.events.max(1));
        let (high, low) = (chance.bits(), chance.bits());
        // Version 4, variant 1 (RFC 9562).
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48) & 0x3fff,
            low & 0xffff_ffff_ffff
        );
        let skewed = chance.fraction() * chance.fraction().sqrt();
        let customer = ((skewed * f64::from(self.customers)) as u32).min(self.customers.saturating_sub(1));
        let name = *chance.weighted(NAMES);
        Part {
            id,
            name,
            customer,
            person: format!("user-{customer}-{}", chance.below(PEOPLE)),
            at: Timestamp(self.until.0.saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX))),
            props: props(name, customer, number, &mut chance),
        }
    }

    /// Event `number` as the writer takes it; `customers` are the ids by number, made once.
    pub fn event(&self, number: u64, customers: &[CustomerId]) -> NewEvent {
        let part = self.part(number);
        NewEvent {
            id: EventId::parse(&part.id).expect("a UUID is a right id"),
            source: Source::parse("posthog").expect("the source is a word"),
            name: EventName::parse(part.name).expect("names are words"),
            person: Some(part.person),
            customer: customers.get(part.customer as usize).cloned(),
            at: part.at,
            props: part.props,
            identity: Identity::None,
        }
    }
}

/// Properties as real senders have them: what happened, and some of the SDK's own.
fn props(name: &str, customer: u32, number: u64, chance: &mut Chance) -> String {
    let about = match name {
        "feature_used" => format!(r#""feature":"{}","duration_ms":{}"#, chance.pick(FEATURES), chance.between(200, 60_000)),
        "login" => r#""method":"password""#.to_owned(),
        "api_call" => format!(r#""count":{},"route":"/api/orders""#, chance.between(1, 40)),
        "page_viewed" => format!(r#""path":"/products/{}","referrer":"search""#, chance.below(500)),
        "llm_call" => format!(
            r#""provider":"anthropic","model":"claude-haiku-3-5","input_tokens":{},"output_tokens":{},"duration_ms":{}"#,
            chance.between(200, 9_000),
            chance.between(50, 4_000),
            chance.between(300, 20_000)
        ),
        "ticket_opened" | "ticket_closed" => format!(r#""ticket":"T-{}""#, chance.below(100_000)),
        "invoice_issued" => {
            format!(r#""invoice":"R-{customer}-{}","amount":3900,"currency":"EUR","due_at":"2026-12-01T00:00:00Z""#, number % 12)
        }
        "invoice_paid" => format!(r#""invoice":"R-{customer}-{}","amount":3900,"currency":"EUR""#, number % 12),
        "rating" => format!(r#""rating":{}"#, chance.between(1, 6)),
        _ => format!(r#""site_type":"business","duration_s":{}"#, chance.between(3, 180)),
    };
    format!(
        r#"{{{about},"site":"app_{:08x}","$lib":"posthog-node","$lib_version":"5.70.0","$geoip_disable":true}}"#,
        u64::from(customer) * 7 + 1
    )
}
