//! One event: as a sender means it, and as it is read back.

use accounts::CustomerId;
use kit::{Error, Result, Timestamp};

/// Declares a checked text: 1 to `max` bytes without control characters.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $field:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The most bytes it may have.
            pub const MAX: usize = $max;

            /// Checks length and letters.
            pub fn parse(text: &str) -> Result<$name> {
                let text = text.trim();
                if text.is_empty() || text.len() > $max || text.chars().any(char::is_control) {
                    return Err(Error::invalid($field, concat!("must have 1 to ", $max, " bytes and no control characters")));
                }
                Ok($name(text.to_owned()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

checked_text!(
    /// What the sender calls this very event; with the [`Source`] it makes the event unique.
    EventId, "id", 128
);
checked_text!(
    /// Who sent it: `api`, `posthog`, `segment`, `innkeeper`, `import`, …. Ids are unique within a source.
    Source, "source", 64
);
checked_text!(
    /// What happened, such as `login`; see [`crate::catalogue`].
    EventName, "name", 200
);

/// What an event says about who is who, beside what happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Identity {
    /// Nothing.
    #[default]
    None,
    /// The person has these traits (a JSON object); `once` only where it has none yet. A trait `customer_id` that names a customer of
    /// the house makes the person one of that customer.
    Person {
        /// Traits that replace.
        set: serde_json::Map<String, serde_json::Value>,
        /// Traits that only fill gaps.
        set_once: serde_json::Map<String, serde_json::Value>,
        /// A name under which the person was known before signing in; both are one person from now on.
        anonymous: Option<String>,
    },
    /// Both names are one person.
    Alias {
        /// The other name.
        other: String,
    },
    /// The customer of the event has these traits; the person, if there is one, belongs to it.
    Customer {
        /// Traits that replace.
        set: serde_json::Map<String, serde_json::Value>,
    },
}

/// An event as a sender means it, checked by a door of [`crate::wire`] or built by the house itself.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Unique within the source.
    pub id: EventId,
    /// Who sent it.
    pub source: Source,
    /// What happened.
    pub name: EventName,
    /// The sender's name (distinct id, 1–200 bytes) for who did it.
    pub person: Option<String>,
    /// The customer that the sender names. Doors check that it exists and is within the caller's scope.
    pub customer: Option<CustomerId>,
    /// When it happened, with the sender's clock already corrected.
    pub at: Timestamp,
    /// A JSON object as text, within the limits of the doors.
    pub props: String,
    /// What it says about who is who.
    pub identity: Identity,
}

/// What became of a [`NewEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Durable, and counted.
    Stored,
    /// Known already by source and id; not counted again.
    Duplicate,
}

/// An event read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// In the order of arrival; unique in the house.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Unique within the source.
    pub id: String,
    /// Who sent it.
    pub source: String,
    /// What happened.
    pub name: String,
    /// The number of who did it (after merges), and what senders call them.
    pub person: Option<(i64, String)>,
    /// Whose it is: the customer that the event names, else the person's.
    pub customer: Option<CustomerId>,
    /// A JSON object as text.
    pub props: String,
}
