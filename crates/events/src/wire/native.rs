//! Our own format: what happened, to whom, when, and whatever else there is to say. It complains about all fields at once.

use std::borrow::Cow;
use std::fmt;

use kit::{FieldError, Timestamp};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::names::{self, lenient};
use super::sieve::{Sifted, sift};
use super::times::{self, Told};
use super::{Door, Item, Refusal, Rules, Sender, Trouble, clipped};
use crate::{Identity, NewEvent, Source};

/// The fields, each under the names that people give it; the first is ours.
const ID: &[&str] = &["id", "event_id"];
const NAME: &[&str] = &["name", "event", "event_type", "type"];
const AT: &[&str] = &["timestamp", "at", "time", "occurred_at"];
const PERSON: &[&str] = &["person", "user_id", "distinct_id"];
const PROPERTIES: &[&str] = &["properties", "props", "metadata", "payload"];
/// What may stand in the object of a request with one event.
const AROUND: &[&str] = &["sent_at"];

/// Fields in the order in which they came.
pub(super) struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    pub(super) fn read(json: &'a str) -> Result<Fields<'a>, serde_json::Error> {
        struct All;
        impl<'a> Visitor<'a> for All {
            type Value = Vec<(String, &'a RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event, which is an object")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry::<String, &'a RawValue>()? {
                    // An event has a handful; who sends thousands is told of the first.
                    if fields.len() < 50 {
                        fields.push(field);
                    }
                }
                Ok(fields)
            }
        }
        let mut reader = serde_json::Deserializer::from_str(json);
        let fields = reader.deserialize_map(All)?;
        reader.end()?;
        Ok(Fields(fields))
    }

    /// The value of a field and the name that it was given.
    pub(super) fn get(&self, names: &[&'static str]) -> (Option<&'a str>, &'static str) {
        let found = names.iter().find_map(|name| self.0.iter().find(|(given, _)| given == name).map(|(_, json)| (json.get(), *name)));
        found.map_or((None, names[0]), |(json, name)| (Some(json), name))
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, json)| (name.as_str(), json.get()))
    }

    fn complaints(&self) -> Vec<FieldError> {
        let known = [ID, NAME, AT, PERSON, PROPERTIES, AROUND];
        let mut complaints = Vec::new();
        for (at, (given, _)) in self.0.iter().enumerate() {
            let field = clipped(given, 100).into_owned();
            let complain = |message: String| FieldError { field: field.clone(), message };
            match known.iter().find(|names| names.contains(&given.as_str())) {
                None => complaints.push(complain("is not a field here".to_owned())),
                Some(names) if self.0[..at].iter().any(|(before, _)| names.contains(&before.as_str())) => {
                    complaints.push(complain(format!("says the same as `{}`; give one of them", names[0])));
                }
                Some(_) => {}
            }
        }
        complaints
    }
}

/// Reads one event.
pub fn item(json: &str, sent_at: Option<Timestamp>, sender: &Sender, rules: &Rules) -> Item {
    let fields = match Fields::read(json) {
        Ok(fields) => fields,
        Err(error) => {
            let message = format!("must be an object: {error}");
            let refusal = Refusal::of(Trouble::Malformed, "event", message);
            return Item { id: String::new(), name: String::new(), event: Err(refusal), notes: Vec::new() };
        }
    };
    let mut notes = Vec::new();
    let mut outcome = event(&fields, sent_at, sender, rules, &mut notes);
    if let Err(refusal) = &mut outcome {
        if refusal.trouble == Trouble::Malformed
            && let Some(mended) = names::mended(json)
        {
            return item(&mended, sent_at, sender, rules);
        }
        refusal.sample = names::sample(json, rules);
    }
    let shown = |names| clipped(lenient(fields.get(names).0).unwrap_or_default().trim(), 200).into_owned();
    let id = match (shown(ID), &sender.key) {
        (id, Some(key)) if id.is_empty() => key.clone(),
        (id, _) => id,
    };
    Item { id, name: shown(NAME), event: outcome, notes }
}

fn event(
    fields: &Fields<'_>,
    sent_at: Option<Timestamp>,
    sender: &Sender,
    rules: &Rules,
    notes: &mut Vec<Trouble>,
) -> Result<NewEvent, Refusal> {
    let mut trouble = None;
    let mut complaints = Vec::new();
    let mut complain = |refusal: Refusal| {
        trouble.get_or_insert(refusal.trouble);
        complaints.extend(refusal.fields);
    };
    let unknown = fields.complaints();
    if !unknown.is_empty() {
        complain(Refusal { trouble: Trouble::UnknownField, fields: unknown, sample: String::new() });
    }
    let (json, field) = fields.get(NAME);
    let name = names::event_name(json, field).map_err(&mut complain).ok();
    let (json, field) = fields.get(ID);
    let own_id = names::own_id(json, field).map_err(&mut complain).ok().flatten();
    let (json, field) = fields.get(PERSON);
    let person = names::maybe_person(json, field, sender).map_err(&mut complain).ok().flatten();
    let (json, field) = fields.get(AT);
    let at = moment(json, field).map_err(&mut complain).ok().flatten();
    let (json, _) = fields.get(PROPERTIES);
    let sifted = match json.filter(|json| *json != "null") {
        Some(json) => sift(json, rules, &[]).map_err(&mut complain).ok(),
        None => Some(Sifted { props: "{}".to_owned(), ..Sifted::default() }),
    };
    let sent_at = fields.get(AROUND).0.and_then(times::read).or(sent_at);
    let customer = names::customer(&[], sender).map_err(&mut complain).ok().flatten();
    let own_id = own_id.or_else(|| sender.key.as_deref().map(Cow::Borrowed));
    let id = names::event_id(own_id.as_deref(), sender).map_err(&mut complain).ok();
    let (Some(name), Some(sifted), Some(id), true) = (name, sifted, id, complaints.is_empty()) else {
        return Err(Refusal { trouble: trouble.unwrap_or(Trouble::Malformed), fields: complaints, sample: String::new() });
    };
    let (at, note) = times::place(&Told { at, sent_at, ..Told::default() }, sender.received_at);
    notes.extend(note);
    notes.extend(sifted.removed.then_some(Trouble::RemovedKeys));
    let source = Source::parse(Door::Native.source()).expect("a word of ours");
    Ok(NewEvent { id, source, name, person, customer, at, props: sifted.props, identity: Identity::None })
}

/// Whoever writes for this format is told about a time that cannot be read; SDKs are not, as nobody would hear it.
fn moment(json: Option<&str>, field: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(json) = json.filter(|json| *json != "null") else { return Ok(None) };
    let read = times::read(json);
    read.map(Some)
        .ok_or_else(|| Refusal::of(Trouble::BadTime, field, "must be ISO 8601, such as 2026-01-14T10:30:00Z, or unix milliseconds"))
}
