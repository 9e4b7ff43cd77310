//! The wire formats that events come in: what SDKs of PostHog and Segment send, and our own.
//!
//! Everything here is pure: text in, [`Item`]s out, one for each event of a request, each with its own verdict. A request is read in two
//! steps. [`Envelope::read`] finds the key, the clock of the sender and where each event stands; once it is known who sends,
//! [`Envelope::items`] makes [`NewEvent`]s of them. One bad event never costs another one.
//!
//! What a customer's token sends is kept in a room of its own: ids and names of people get the customer's id in front, because ids make
//! duplicates and names make people one. Otherwise a customer could keep another's events out by sending their ids first, or draw
//! another's people to itself by an alias.

pub mod cloudevents;
mod envelope;
mod names;
mod native;
mod posthog;
mod rules;
mod segment;
mod sieve;
#[cfg(test)]
mod tests;
mod times;
mod unpack;

use std::borrow::Cow;

use accounts::CustomerId;
use kit::{FieldError, Timestamp, text_enum};

use crate::NewEvent;

pub use envelope::{Envelope, Malformed};
pub use names::unknown_customer;
pub use rules::Rules;
pub use times::read as read_time;
pub use unpack::{Encoding, Unpacked, unpack};

/// Bytes of one request, before and after unpacking.
pub const LARGEST_BODY: usize = 20 << 20;
/// Events of one request.
pub const MOST_EVENTS: usize = 10_000;
/// Bytes of one event.
pub const LARGEST_EVENT: usize = 1 << 20;
/// Bytes of one event that came by the door for calls of language models, which carry whole conversations.
pub const LARGEST_AI_EVENT: usize = 8 << 20;
/// Levels of objects and lists in properties.
pub const DEEPEST: u32 = 24;
/// Keys in the properties of one event, on all levels together.
pub const MOST_KEYS: usize = 1000;
/// Bytes of the id of an event, as the sender calls it.
pub const LONGEST_ID: usize = 100;
/// Bytes of a person's name, as the sender calls it.
pub const LONGEST_PERSON: usize = 180;

/// By which format a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Ours.
    Native,
    /// PostHog's, version 0: single events and batches.
    PosthogV0,
    /// The same for calls of language models, whose events may be larger.
    PosthogAi,
    /// PostHog's, version 1: each event gets a verdict.
    PosthogV1,
    /// Segment's batch.
    SegmentBatch,
    /// One call of Segment's, which the path names.
    Segment(Call),
    /// CloudEvents 1.0.
    CloudEvents,
}

impl Door {
    /// What its events have as their source.
    pub fn source(self) -> &'static str {
        match self {
            Door::Native => "api",
            Door::PosthogV0 | Door::PosthogAi | Door::PosthogV1 => "posthog",
            Door::SegmentBatch | Door::Segment(_) => "segment",
            Door::CloudEvents => "cloudevents",
        }
    }

    fn largest_event(self) -> usize {
        match self {
            Door::PosthogAi => LARGEST_AI_EVENT,
            _ => LARGEST_EVENT,
        }
    }
}

text_enum!(
    /// What Segment calls its kinds of events.
    Call {
        /// Something happened.
        Track = "track",
        /// Who somebody is.
        Identify = "identify",
        /// Whose somebody is.
        Group = "group",
        /// A page was seen.
        Page = "page",
        /// A screen of an app was seen.
        Screen = "screen",
        /// Two names are one person.
        Alias = "alias",
    }
);

/// Who sends, as far as formats care, and when it came.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The customer whose token it is; none for the house's own.
    pub tenant: Option<CustomerId>,
    /// The customer that the address names.
    pub customer: Option<CustomerId>,
    /// When the request came.
    pub received_at: Timestamp,
    /// The `Idempotency-Key` of a single event that has no id of its own.
    pub key: Option<String>,
}

/// What became of one event of a request while it was read.
#[derive(Debug, Clone)]
pub struct Item {
    /// What the sender calls it, to answer by; empty when it has no id.
    pub id: String,
    /// What happened, for the list of warnings; empty when it has no name.
    pub name: String,
    /// The event, or why it is not taken.
    pub event: Result<NewEvent, Refusal>,
    /// What was taken otherwise than it was sent.
    pub notes: Vec<Trouble>,
}

/// Why an event is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In one word.
    pub trouble: Trouble,
    /// Which fields, and what is allowed there.
    pub fields: Vec<FieldError>,
    /// The event as it was sent, shortened and without what must not be kept; empty when it cannot be shown.
    pub sample: String,
}

impl Refusal {
    fn of(trouble: Trouble, field: &str, message: impl Into<String>) -> Refusal {
        Refusal { trouble, fields: vec![FieldError { field: field.to_owned(), message: message.into() }], sample: String::new() }
    }

    /// One sentence.
    pub fn message(&self) -> String {
        let parts: Vec<String> = self.fields.iter().map(|field| format!("{} {}", field.field, field.message)).collect();
        parts.join("; ")
    }
}

text_enum!(
    /// What is wrong with an event or a request; [`Trouble::words`] explains.
    Trouble {
        /// No JSON, or not the shape of an event.
        Malformed = "malformed_event",
        /// No name.
        MissingName = "missing_name",
        /// A name that is too long or has control characters.
        BadName = "bad_name",
        /// An id that is too long or has control characters.
        BadId = "bad_id",
        /// Nobody did it.
        MissingPerson = "missing_person",
        /// A name for a person that is too long or has control characters.
        BadPerson = "bad_person",
        /// A name for a person that is none: `null`, `undefined`, `[object Object]`.
        JunkPerson = "junk_person",
        /// Properties that are no object.
        BadProperties = "bad_properties",
        /// Properties with too many levels.
        TooDeep = "too_deep",
        /// Properties with too many keys.
        TooManyKeys = "too_many_keys",
        /// An event that is too large.
        TooLarge = "too_large",
        /// A time that cannot be read.
        BadTime = "bad_time",
        /// A time far in the future.
        FutureTime = "future_time",
        /// A time before the year 2000.
        AncientTime = "ancient_time",
        /// A customer that does not exist, or not within the token's reach.
        UnknownCustomer = "unknown_customer",
        /// A group of the type customer that is no customer's id.
        UnknownGroup = "unknown_group",
        /// A description of a group that is no customer.
        OtherGroup = "other_group",
        /// Keys whose values must not be kept.
        RemovedKeys = "removed_keys",
        /// A kind of call that is not known.
        UnknownCall = "unknown_call",
        /// A field that is not known here.
        UnknownField = "unknown_field",
        /// A request whose body cannot be read.
        BadRequest = "bad_request",
        /// A request that is too large or has too many events.
        RequestTooLarge = "request_too_large",
        /// A token that sends more a second than it may.
        TooFast = "too_fast",
        /// A token that has sent what it may on a day.
        DayIsFull = "day_is_full",
        /// A request without a token that may send events.
        NoToken = "no_token",
    }
);

impl Trouble {
    /// What it means and what to do about it.
    pub fn words(self) -> &'static str {
        match self {
            Trouble::Malformed => "The event is no JSON object of the right shape.",
            Trouble::MissingName => "The event has no name.",
            Trouble::BadName => "The event's name has more than 200 bytes or control characters.",
            Trouble::BadId => "The event's id has more than 100 bytes or control characters.",
            Trouble::MissingPerson => "The event does not say who did it.",
            Trouble::BadPerson => "The name of the person has more than 180 bytes or control characters.",
            Trouble::JunkPerson => {
                "The name of the person is one that broken code sends, such as “undefined”. All who have it would become one person."
            }
            Trouble::BadProperties => "The properties are no JSON object.",
            Trouble::TooDeep => "The properties have more than 24 levels.",
            Trouble::TooManyKeys => "The properties have more than 1,000 keys.",
            Trouble::TooLarge => "The event has more than 1 MB.",
            Trouble::BadTime => "The time cannot be read, so the time of arrival is used. Send ISO 8601 or unix milliseconds.",
            Trouble::FutureTime => "The time is more than 23 hours ahead, so the time of arrival is used. Set the sender's clock.",
            Trouble::AncientTime => "The time is before the year 2000, so the time of arrival is used.",
            Trouble::UnknownCustomer => "The event names a customer that does not exist, or that the token does not reach.",
            Trouble::UnknownGroup => "The group “customer” is no customer's id (cust_…). The event counts for its person alone.",
            Trouble::OtherGroup => {
                "A group is described that is no customer. Only groups of the type “customer”, with a customer's id, are kept."
            }
            Trouble::RemovedKeys => "Properties were removed whose names are on the list events.remove_keys, such as passwords.",
            Trouble::UnknownCall => "The call is none of track, identify, group, page, screen and alias.",
            Trouble::UnknownField => "The event has a field that is not known here.",
            Trouble::BadRequest => "The body of a request could not be read: no JSON, broken compression, or not the shape of the format.",
            Trouble::RequestTooLarge => "A request had more than 20 MB or more than 10,000 events.",
            Trouble::TooFast => {
                "A request was turned away, as its token sends more events a second than it may. SDKs send them again, later."
            }
            Trouble::DayIsFull => "A request was turned away, as its token has sent all events that it may on a day.",
            Trouble::NoToken => "A request had no API token with the scope events:write. The SDK's key must be one.",
        }
    }

    /// Whether events with it are refused; they are taken otherwise.
    pub fn refuses(self) -> bool {
        !matches!(self, Trouble::BadTime | Trouble::FutureTime | Trouble::AncientTime | Trouble::UnknownGroup | Trouble::RemovedKeys)
    }
}

/// `text` cut to at most `most` bytes at a letter's end.
fn clipped(text: &str, most: usize) -> Cow<'_, str> {
    match text.len() <= most {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("{}…", &text[..text.floor_char_boundary(most.saturating_sub(3))])),
    }
}
