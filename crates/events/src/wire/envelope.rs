//! A request as a whole: the key, the sender's clock, and where each event stands.

use std::fmt;
use std::ops::Range;

use kit::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::names::lenient;
use super::{Door, Item, MOST_EVENTS, Refusal, Rules, Sender, Trouble, cloudevents, native, posthog, segment, times};

/// Why a request as a whole cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// No JSON; says where.
    NotJson(String),
    /// JSON of another shape; says what is wanted.
    NotThisShape(&'static str),
    /// More events than one request may have.
    TooMany,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::NotJson(why) => write!(f, "the body is not valid JSON: {why}"),
            Malformed::NotThisShape(wanted) => write!(f, "the body must be {wanted}"),
            Malformed::TooMany => write!(f, "a request may have at most {MOST_EVENTS} events"),
        }
    }
}

/// What is known of a request before anyone looks at its events.
#[derive(Debug, Clone)]
pub struct Envelope {
    door: Door,
    /// The key that the body holds.
    pub key: Option<String>,
    /// When it was sent, by the sender's clock.
    pub sent_at: Option<Timestamp>,
    /// Whether it was one event by itself, not a list.
    pub is_single: bool,
    /// Where each event stands in the body.
    events: Vec<Range<usize>>,
}

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow)]
    api_key: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow, rename = "writeKey")]
    write_key: Option<&'a RawValue>,
    #[serde(borrow)]
    sent_at: Option<&'a RawValue>,
    #[serde(borrow, rename = "sentAt")]
    sent_at_in_camels: Option<&'a RawValue>,
    #[serde(borrow)]
    batch: Option<&'a RawValue>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Token<'a> {
    #[serde(borrow)]
    token: Option<&'a RawValue>,
}

impl Envelope {
    /// Reads what stands around the events.
    pub fn read(door: Door, body: &str) -> Result<Envelope, Malformed> {
        let first = body.trim_start().as_bytes().first().copied();
        // Attributes of an event may be called `token`, and are none.
        let key = |whole: &Whole<'_>| if door == Door::CloudEvents { None } else { whole.key() };
        let takes_lists = matches!(door, Door::Native | Door::PosthogV0 | Door::PosthogAi | Door::CloudEvents);
        match first {
            Some(b'[') if takes_lists => {
                let events = elements(body, body)?;
                let key = events.first().and_then(|first| read_whole(&body[first.clone()]).ok()).and_then(|whole| key(&whole));
                Ok(Envelope { door, key, sent_at: None, is_single: false, events })
            }
            Some(b'{') => {
                let whole = read_whole(body)?;
                let list = match door {
                    Door::Native => whole.events,
                    Door::Segment(_) | Door::CloudEvents => None,
                    _ => whole.batch,
                };
                let (events, is_single) = match (list, door) {
                    (Some(list), _) => (elements(body, list.get())?, false),
                    (None, Door::PosthogV1) => return Err(Malformed::NotThisShape("an object with the list `batch`")),
                    (None, Door::SegmentBatch) => return Err(Malformed::NotThisShape("an object with the list `batch`")),
                    (None, _) => (vec![place(body, body.trim())], true),
                };
                let sent_at = whole.sent_at.or(whole.sent_at_in_camels).and_then(|json| times::read(json.get()));
                Ok(Envelope { door, key: key(&whole), sent_at, is_single, events })
            }
            _ => match serde_json::from_str::<IgnoredAny>(body) {
                Err(error) => Err(Malformed::NotJson(error.to_string())),
                Ok(_) if takes_lists => Err(Malformed::NotThisShape("an object or a list")),
                Ok(_) => Err(Malformed::NotThisShape("an object")),
            },
        }
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Reads the events of the same body: one item for each, in their order.
    pub fn items(&self, body: &str, sender: &Sender, rules: &Rules) -> Vec<Item> {
        self.events.iter().map(|place| self.item(body.get(place.clone()).unwrap_or_default(), sender, rules)).collect()
    }

    fn item(&self, json: &str, sender: &Sender, rules: &Rules) -> Item {
        if json.len() > self.door.largest_event() {
            let message = format!("must have at most {} bytes", self.door.largest_event());
            let refusal = Refusal::of(Trouble::TooLarge, "event", message);
            return Item { id: String::new(), name: String::new(), event: Err(refusal), notes: Vec::new() };
        }
        match self.door {
            Door::Native => native::item(json, self.sent_at, sender, rules),
            Door::PosthogV0 | Door::PosthogAi | Door::PosthogV1 => posthog::item(json, self.door, self.sent_at, sender, rules),
            Door::CloudEvents => cloudevents::item(json, sender, rules),
            Door::SegmentBatch => segment::item(json, None, self.sent_at, sender, rules),
            Door::Segment(call) => segment::item(json, Some(call), self.sent_at, sender, rules),
        }
    }
}

impl Whole<'_> {
    fn key(&self) -> Option<String> {
        let of_properties = || {
            let token: Token<'_> = serde_json::from_str(self.properties?.get()).ok()?;
            lenient(token.token.map(RawValue::get)).map(|key| key.into_owned())
        };
        let own = [self.api_key, self.token, self.write_key].into_iter().find_map(|json| lenient(json.map(RawValue::get)));
        own.map(|key| key.into_owned()).or_else(of_properties)
    }
}

fn read_whole(json: &str) -> Result<Whole<'_>, Malformed> {
    serde_json::from_str(json).map_err(|error| Malformed::NotJson(error.to_string()))
}

/// Where `part`, a piece of `body`, stands in it.
fn place(body: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    start..start + part.len()
}

/// Where each element of the list `json`, a piece of `body`, stands.
fn elements(body: &str, json: &str) -> Result<Vec<Range<usize>>, Malformed> {
    struct Places<'b>(&'b str);
    impl<'a> Visitor<'a> for Places<'_> {
        type Value = Option<Vec<Range<usize>>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut places = Vec::new();
            while let Some(element) = list.next_element::<&'a RawValue>()? {
                if places.len() >= MOST_EVENTS {
                    while list.next_element::<IgnoredAny>()?.is_some() {}
                    return Ok(None);
                }
                places.push(place(self.0, element.get()));
            }
            Ok(Some(places))
        }
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = reader.deserialize_seq(Places(body)).and_then(|places| reader.end().map(|()| places));
    match read {
        Ok(Some(places)) => Ok(places),
        Ok(None) => Err(Malformed::TooMany),
        Err(error) if error.is_data() => Err(Malformed::NotThisShape("an object whose events are a list")),
        Err(error) => Err(Malformed::NotJson(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_where_each_sdk_puts_them() {
        for (door, body) in [
            (Door::PosthogV0, r#"{"api_key":"k","batch":[]}"#),
            (Door::PosthogV0, r#"{"batch":[],"token":"k"}"#),
            (Door::PosthogV0, r#"{"event":"a","properties":{"token":"k"}}"#),
            (Door::PosthogV0, r#"[{"event":"a","properties":{"token":"k"}}]"#),
            (Door::SegmentBatch, r#"{"batch":[],"writeKey":"k"}"#),
        ] {
            assert_eq!(Envelope::read(door, body).unwrap().key.as_deref(), Some("k"), "{body}");
        }
    }

    #[test]
    fn requests_of_another_shape_are_refused_whole() {
        let read = |door, body: &str| Envelope::read(door, body).map(|envelope| envelope.len());
        for body in ["", "{", "nonsense", r#"{"batch":[}"#, r#"{"batch":[]} x"#] {
            assert!(matches!(read(Door::PosthogV0, body), Err(Malformed::NotJson(_))), "{body}");
        }
        for body in ["1", "null", r#"{"batch":{}}"#, r#"{"batch":1}"#] {
            assert!(matches!(read(Door::PosthogV0, body), Err(Malformed::NotThisShape(_))), "{body}");
        }
        assert!(matches!(read(Door::PosthogV1, "[]"), Err(Malformed::NotThisShape(_))));
        assert!(matches!(read(Door::PosthogV1, "{}"), Err(Malformed::NotThisShape(_))));
        let many = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        assert_eq!(read(Door::Native, &many(10_000)), Ok(10_000));
        assert_eq!(read(Door::Native, &many(10_001)), Err(Malformed::TooMany));
        // Depth alone breaks nothing: nobody descends.
        assert_eq!(read(Door::Native, &format!("{}{}", "[".repeat(500_000), "]".repeat(500_000))), Ok(1));
    }
}
