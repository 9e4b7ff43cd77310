//! Events as SDKs of PostHog send them. Versions 0 and 1 differ in what stands around the events, hardly in the events.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use accounts::CustomerId;
use kit::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::names::{self, lenient};
use super::sieve::{Sifted, sift};
use super::times::{self, Told};
use super::{Door, Item, Refusal, Rules, Sender, Trouble, clipped};
use crate::{Identity, NewEvent, Source};

/// Properties that say something to us and are not kept as such.
const TAKEN: &[&str] = &[
    "token",
    "distinct_id",
    "alias",
    "$anon_distinct_id",
    "$groups",
    "$group_type",
    "$group_key",
    "$group_set",
    "$set",
    "$set_once",
    "$ignore_sent_at",
    "$insert_id",
    "customer_id",
    "customer_uuid",
];
/// Types of groups that may be a customer. All but the first may mean something else, so that only one of our ids is taken for one.
const CUSTOMER: &[&str] = &["customer", "company", "organization", "account"];

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    uuid: Option<&'a RawValue>,
    #[serde(borrow)]
    distinct_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "$distinct_id")]
    dollar_distinct_id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    offset: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
    #[serde(borrow, rename = "$set")]
    set: Option<&'a RawValue>,
    #[serde(borrow, rename = "$set_once")]
    set_once: Option<&'a RawValue>,
    #[serde(borrow)]
    options: Option<&'a RawValue>,
    #[serde(borrow)]
    session_id: Option<&'a RawValue>,
    #[serde(borrow)]
    window_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Options<'a> {
    #[serde(borrow)]
    disable_skew_correction: Option<&'a RawValue>,
}

/// What stands around an event, and where what is odd about it is noted.
struct Around<'s> {
    door: Door,
    sent_at: Option<Timestamp>,
    sender: &'s Sender,
    rules: &'s Rules,
    notes: Vec<Trouble>,
}

/// Reads one event.
pub fn item(json: &str, door: Door, sent_at: Option<Timestamp>, sender: &Sender, rules: &Rules) -> Item {
    let shape: Shape<'_> = match serde_json::from_str(json) {
        Ok(shape) => shape,
        Err(error) => {
            let refusal = Refusal::of(Trouble::Malformed, "event", format!("must be an object: {error}"));
            return Item { id: String::new(), name: String::new(), event: Err(refusal), notes: Vec::new() };
        }
    };
    let mut around = Around { door, sent_at, sender, rules, notes: Vec::new() };
    let mut outcome = event(&shape, &mut around);
    if let Err(refusal) = &mut outcome {
        if refusal.trouble == Trouble::Malformed
            && let Some(mended) = names::mended(json)
        {
            return item(&mended, door, sent_at, sender, rules);
        }
        refusal.sample = names::sample(json, rules);
    }
    let shown = |json: Option<&RawValue>| clipped(lenient(json.map(RawValue::get)).unwrap_or_default().trim(), 200).into_owned();
    Item { id: shown(shape.uuid), name: shown(shape.event), event: outcome, notes: around.notes }
}

fn event(shape: &Shape<'_>, around: &mut Around<'_>) -> Result<NewEvent, Refusal> {
    let sender = around.sender;
    let name = names::event_name(shape.event.map(RawValue::get), "event")?;
    let mut sifted = match shape.properties.map(RawValue::get) {
        Some(properties) => sift(properties, around.rules, TAKEN)?,
        None => Sifted { props: "{}".to_owned(), ..Sifted::default() },
    };
    let own_id = names::own_id(shape.uuid.map(RawValue::get).or_else(|| sifted.take("$insert_id")), "uuid")?;
    let is_group = name.as_str() == "$groupidentify";
    let customer = names::customer(&claims(&sifted, is_group, around)?, sender)?;
    let identity = identity(name.as_str(), shape, &sifted, around)?;
    let person = match is_group {
        // `$customer_cust_…` is nobody.
        true => None,
        false => {
            let by_whom = shape.distinct_id.or(shape.dollar_distinct_id).map(RawValue::get).or_else(|| sifted.take("distinct_id"));
            let person = names::maybe_person(by_whom, "distinct_id", sender)?;
            Some(person.ok_or_else(|| Refusal::of(Trouble::MissingPerson, "distinct_id", "is missing"))?)
        }
    };
    let at = when(shape, &sifted, around);
    keep_what_meant_something_else(&mut sifted, shape, around.rules);
    if sifted.removed {
        around.notes.push(Trouble::RemovedKeys);
    }
    Ok(NewEvent {
        id: names::event_id(own_id.as_deref(), sender)?,
        source: Source::parse(around.door.source()).expect("a word of ours"),
        name,
        person,
        customer,
        at,
        props: sifted.props,
        identity,
    })
}

/// When it happened. Version 0 puts the switch against correction into the properties, version 1 beside them.
fn when(shape: &Shape<'_>, sifted: &Sifted<'_>, around: &mut Around<'_>) -> Timestamp {
    let is_true = |json: &str| matches!(json.trim(), "true" | "1" | "\"true\"" | "\"1\"");
    let options = shape.options.and_then(|json| serde_json::from_str::<Options<'_>>(json.get()).ok());
    let uncorrected = sifted.take("$ignore_sent_at").is_some_and(is_true)
        || options.and_then(|options| options.disable_skew_correction).is_some_and(|json| is_true(json.get()));
    let given = shape.timestamp.map(RawValue::get).filter(|json| *json != "\"\"");
    let at = given.and_then(times::read);
    let before = shape.offset.and_then(|json| json.get().parse::<f64>().ok()).filter(|millis| (0.0..1e12).contains(millis));
    let told = Told {
        at,
        sent_at: around.sent_at.filter(|_| !uncorrected),
        before: before.map(|millis| Duration::from_secs_f64(millis / 1000.0)),
        unreadable: given.is_some() && at.is_none(),
    };
    let (at, note) = times::place(&told, around.sender.received_at);
    around.notes.extend(note);
    at
}

/// The customers that an event names.
fn claims(sifted: &Sifted<'_>, is_group: bool, around: &mut Around<'_>) -> Result<[Option<CustomerId>; 2], Refusal> {
    let in_properties = || names::customer_in(sifted.take("customer_id")).or_else(|| names::customer_in(sifted.take("customer_uuid")));
    if is_group {
        let kind = lenient(sifted.take("$group_type")).unwrap_or_default();
        let customer = names::customer_in(sifted.take("$group_key")).filter(|_| CUSTOMER.contains(&kind.as_ref()));
        return match customer {
            Some(customer) => Ok([Some(customer), None]),
            None => Err(Refusal::of(Trouble::OtherGroup, "$group_type", "must be `customer`, with a customer's id as $group_key")),
        };
    }
    let mut grouped = None;
    if let Some(groups) = sifted.take("$groups").and_then(|json| serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(json).ok()) {
        let named = |kind: &str| groups.get(kind).map(|json| json.get());
        grouped = CUSTOMER.iter().find_map(|kind| names::customer_in(named(kind)));
        if grouped.is_none() && around.sender.tenant.is_none() && lenient(named("customer")).is_some() {
            around.notes.push(Trouble::UnknownGroup);
        }
    }
    Ok([grouped, in_properties()])
}

fn identity(name: &str, shape: &Shape<'_>, sifted: &Sifted<'_>, around: &mut Around<'_>) -> Result<Identity, Refusal> {
    let traits = |json: Option<&str>, around: &mut Around<'_>| names::traits(json, around.sender, around.rules, &mut around.notes);
    match name {
        "$create_alias" | "$merge_dangerously" => {
            let other = names::maybe_person(sifted.take("alias"), "alias", around.sender)?;
            let other = other.ok_or_else(|| Refusal::of(Trouble::MissingPerson, "alias", "is missing"))?;
            return Ok(Identity::Alias { other });
        }
        "$groupidentify" => return Ok(Identity::Customer { set: traits(sifted.take("$group_set"), around)? }),
        _ => {}
    }
    let set = sifted.take("$set").or(shape.set.map(RawValue::get));
    let set_once = sifted.take("$set_once").or(shape.set_once.map(RawValue::get));
    if name != "$identify" && set.is_none() && set_once.is_none() {
        return Ok(Identity::None);
    }
    let anonymous = match name {
        // Junk here only means that nobody is known yet.
        "$identify" => names::maybe_person(sifted.take("$anon_distinct_id"), "$anon_distinct_id", around.sender).unwrap_or(None),
        _ => None,
    };
    Ok(Identity::Person { set: traits(set, around)?, set_once: traits(set_once, around)?, anonymous })
}

/// Puts back what was taken out and did not say what it was taken out for, and what stands beside the properties in version 1.
fn keep_what_meant_something_else(sifted: &mut Sifted<'_>, shape: &Shape<'_>, rules: &Rules) {
    for key in ["customer_id", "customer_uuid"] {
        let text = lenient(sifted.take(key)).filter(|text| CustomerId::parse(text.trim()).is_err());
        if let Some(text) = text {
            sifted.put(key, &Value::from(text.as_ref()).to_string());
        }
    }
    for (key, json) in [("$session_id", shape.session_id), ("$window_id", shape.window_id)] {
        if let Some(text) = lenient(json.map(RawValue::get)) {
            sifted.put(key, &Value::from(text.as_ref()).to_string());
        }
    }
    let Some(groups) = sifted.take("$groups").and_then(|json| sift(json, rules, &[]).ok()) else { return };
    let Ok(mut groups) = serde_json::from_str::<Map<String, Value>>(&groups.props) else { return };
    groups.retain(|kind, id| !(CUSTOMER.contains(&kind.as_str()) && id.as_str().is_some_and(|id| CustomerId::parse(id).is_ok())));
    if !groups.is_empty() {
        sifted.put("$groups", &Value::Object(groups).to_string());
    }
}
