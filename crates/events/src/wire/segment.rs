//! Events as SDKs of Segment send them: six kinds of calls.

use accounts::CustomerId;
use kit::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::names::{self, lenient};
use super::sieve::{Sifted, sift};
use super::times::{self, Told};
use super::{Call, Door, Item, Refusal, Rules, Sender, Trouble, clipped};
use crate::{EventName, Identity, NewEvent, Source};

const TAKEN: &[&str] = &["customer_id", "customer_uuid"];

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, rename = "messageId")]
    message_id: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    category: Option<&'a RawValue>,
    #[serde(borrow, rename = "userId")]
    user_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "anonymousId")]
    anonymous_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "previousId")]
    previous_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "groupId")]
    group_id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, rename = "originalTimestamp")]
    original_timestamp: Option<&'a RawValue>,
    #[serde(borrow, rename = "sentAt")]
    sent_at: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
    #[serde(borrow)]
    traits: Option<&'a RawValue>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
}

/// What of the context says something.
#[derive(Deserialize)]
struct Context<'a> {
    #[serde(borrow, rename = "groupId")]
    group_id: Option<&'a RawValue>,
}

/// Reads one call; its kind is said by the path, or by itself.
pub fn item(json: &str, call: Option<Call>, sent_at: Option<Timestamp>, sender: &Sender, rules: &Rules) -> Item {
    let shape: Shape<'_> = match serde_json::from_str(json) {
        Ok(shape) => shape,
        Err(error) => {
            let refusal = Refusal::of(Trouble::Malformed, "event", format!("must be an object: {error}"));
            return Item { id: String::new(), name: String::new(), event: Err(refusal), notes: Vec::new() };
        }
    };
    let mut notes = Vec::new();
    let mut outcome = event(&shape, call, sent_at, sender, rules, &mut notes);
    if let Err(refusal) = &mut outcome {
        if refusal.trouble == Trouble::Malformed
            && let Some(mended) = names::mended(json)
        {
            return item(&mended, call, sent_at, sender, rules);
        }
        refusal.sample = names::sample(json, rules);
    }
    let shown = |json: Option<&RawValue>| clipped(lenient(json.map(RawValue::get)).unwrap_or_default().trim(), 200).into_owned();
    Item { id: shown(shape.message_id), name: shown(shape.event.or(shape.kind)), event: outcome, notes }
}

fn event(
    shape: &Shape<'_>,
    call: Option<Call>,
    sent_at: Option<Timestamp>,
    sender: &Sender,
    rules: &Rules,
    notes: &mut Vec<Trouble>,
) -> Result<NewEvent, Refusal> {
    let said = || lenient(shape.kind.map(RawValue::get)).and_then(|kind| Call::from_text(&kind));
    let call = call
        .or_else(said)
        .ok_or_else(|| Refusal::of(Trouble::UnknownCall, "type", "must be track, identify, group, page, screen or alias"))?;
    let raw = |json: Option<&'_ RawValue>| json.map(|json| json.get().to_owned());
    let name = match call {
        Call::Track => names::event_name(shape.event.map(RawValue::get), "event")?,
        other => named(other),
    };
    let mut sifted = match shape.properties.map(RawValue::get).filter(|_| matches!(call, Call::Track | Call::Page | Call::Screen)) {
        Some(properties) => sift(properties, rules, TAKEN)?,
        None => Sifted { props: "{}".to_owned(), ..Sifted::default() },
    };
    if sifted.removed {
        notes.push(Trouble::RemovedKeys);
    }
    let own_id = names::own_id(shape.message_id.map(RawValue::get), "messageId")?;
    let customer = names::customer(&claims(shape, call, &sifted, sender, notes)?, sender)?;
    let user = names::maybe_person(shape.user_id.map(RawValue::get), "userId", sender)?;
    let anonymous = names::maybe_person(shape.anonymous_id.map(RawValue::get), "anonymousId", sender)?;
    let identity = match call {
        Call::Identify => Identity::Person {
            set: names::traits(shape.traits.map(RawValue::get), sender, rules, notes)?,
            set_once: serde_json::Map::new(),
            anonymous: anonymous.clone().filter(|_| user.is_some()),
        },
        Call::Alias => {
            let other = names::maybe_person(shape.previous_id.map(RawValue::get), "previousId", sender)?;
            Identity::Alias { other: other.ok_or_else(|| Refusal::of(Trouble::MissingPerson, "previousId", "is missing"))? }
        }
        Call::Group => Identity::Customer { set: names::traits(shape.traits.map(RawValue::get), sender, rules, notes)? },
        Call::Track | Call::Page | Call::Screen => Identity::None,
    };
    let person = user.or(anonymous);
    if person.is_none() && call != Call::Group {
        return Err(Refusal::of(Trouble::MissingPerson, "userId", "or anonymousId is missing"));
    }
    let at = when(shape, sent_at, sender, notes);
    for key in ["customer_id", "customer_uuid"] {
        let text = lenient(sifted.take(key)).filter(|text| CustomerId::parse(text.trim()).is_err());
        if let Some(text) = text {
            sifted.put(key, &Value::from(text.as_ref()).to_string());
        }
    }
    if matches!(call, Call::Page | Call::Screen) {
        for (key, json) in [("page_name", raw(shape.name)), ("page_category", raw(shape.category))] {
            if let Some(text) = lenient(json.as_deref()) {
                sifted.put(key, &Value::from(clipped(&text, 2000).as_ref()).to_string());
            }
        }
    }
    Ok(NewEvent {
        id: names::event_id(own_id.as_deref(), sender)?,
        source: Source::parse(Door::SegmentBatch.source()).expect("a word of ours"),
        name,
        person,
        customer,
        at,
        props: sifted.props,
        identity,
    })
}

/// The same names that the other SDKs give the same thing.
fn named(call: Call) -> EventName {
    let name = match call {
        Call::Track => "track",
        Call::Identify => "$identify",
        Call::Group => "$groupidentify",
        Call::Page => "$pageview",
        Call::Screen => "$screen",
        Call::Alias => "$create_alias",
    };
    EventName::parse(name).expect("a word of ours")
}

fn claims(
    shape: &Shape<'_>,
    call: Call,
    sifted: &Sifted<'_>,
    sender: &Sender,
    notes: &mut Vec<Trouble>,
) -> Result<[Option<CustomerId>; 2], Refusal> {
    let in_properties = names::customer_in(sifted.take("customer_id")).or_else(|| names::customer_in(sifted.take("customer_uuid")));
    if call == Call::Group {
        let group = names::customer_in(shape.group_id.map(RawValue::get));
        return match group {
            Some(group) => Ok([Some(group), None]),
            None => Err(Refusal::of(Trouble::OtherGroup, "groupId", "must be a customer's id")),
        };
    }
    let context = shape.context.and_then(|json| serde_json::from_str::<Context<'_>>(json.get()).ok());
    let group = context.and_then(|context| context.group_id).map(RawValue::get);
    let grouped = names::customer_in(group);
    if grouped.is_none() && sender.tenant.is_none() && lenient(group).is_some() {
        notes.push(Trouble::UnknownGroup);
    }
    Ok([grouped, in_properties])
}

fn when(shape: &Shape<'_>, sent_at: Option<Timestamp>, sender: &Sender, notes: &mut Vec<Trouble>) -> Timestamp {
    let given = shape.original_timestamp.or(shape.timestamp).map(RawValue::get).filter(|json| *json != "\"\"");
    let at = given.and_then(times::read);
    let sent_at = sent_at.or_else(|| shape.sent_at.and_then(|json| times::read(json.get())));
    let told = Told { at, sent_at, before: None, unreadable: given.is_some() && at.is_none() };
    let (at, note) = times::place(&told, sender.received_at);
    notes.extend(note);
    at
}
