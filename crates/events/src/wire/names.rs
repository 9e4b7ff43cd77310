//! Single values of an event: texts, names, ids, customers.

use std::borrow::Cow;

use accounts::CustomerId;
use serde_json::{Map, Value};

use super::sieve::sift;
use super::{LONGEST_ID, LONGEST_PERSON, Refusal, Rules, Sender, Trouble, clipped};
use crate::{EventId, EventName};

/// What of a refused event is shown.
const SAMPLE: usize = 2000;
/// Names that broken code sends for everybody. As names of a person they would make all its senders one.
const JUNK: &[&str] = &[
    "0",
    "-1",
    "anonymous",
    "guest",
    "distinctid",
    "distinct_id",
    "id",
    "email",
    "not_authenticated",
    "undefined",
    "null",
    "none",
    "nan",
    "true",
    "false",
    "[object object]",
];

/// The text of a JSON string, or of a number, which senders use as ids. `None` for null and for nothing; other values are no text.
pub fn text(json: Option<&str>) -> Result<Option<Cow<'_, str>>, ()> {
    let Some(json) = json.map(str::trim).filter(|json| *json != "null") else { return Ok(None) };
    match json.as_bytes() {
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => Ok(Some(Cow::Borrowed(&json[1..json.len() - 1]))),
        [b'"', ..] => serde_json::from_str::<String>(json).map(|text| Some(Cow::Owned(text))).map_err(|_| ()),
        [b'0'..=b'9' | b'-', ..] => Ok(Some(Cow::Borrowed(json))),
        _ => Err(()),
    }
}

/// A text or nothing; what is no text is like nothing.
pub fn lenient(json: Option<&str>) -> Option<Cow<'_, str>> {
    text(json).ok().flatten().filter(|text| !text.trim().is_empty())
}

/// The name of what happened.
pub fn event_name(json: Option<&str>, field: &str) -> Result<EventName, Refusal> {
    let named = text(json).map_err(|()| Refusal::of(Trouble::BadName, field, "must be a text"))?;
    let named = named.filter(|name| !name.trim().is_empty());
    let named = named.ok_or_else(|| Refusal::of(Trouble::MissingName, field, "is missing"))?;
    EventName::parse(&named).map_err(|_| Refusal::of(Trouble::BadName, field, "must have 1 to 200 bytes and no control characters"))
}

/// What the sender calls an event, checked; empty is none.
pub fn own_id<'a>(json: Option<&'a str>, field: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    let bad = || Refusal::of(Trouble::BadId, field, format!("must be a text of 1 to {LONGEST_ID} bytes without control characters"));
    let Some(id) = text(json).map_err(|()| bad())? else { return Ok(None) };
    let id = match id {
        Cow::Borrowed(id) => Cow::Borrowed(id.trim()),
        Cow::Owned(id) => Cow::Owned(id.trim().to_owned()),
    };
    match id.len() {
        0 => Ok(None),
        1..=LONGEST_ID if !id.chars().any(char::is_control) => Ok(Some(id)),
        _ => Err(bad()),
    }
}

/// The id under which an event is remembered: what the sender calls it, in the room of the sender. One without an id gets one, and is
/// another event each time it is sent.
pub fn event_id(own: Option<&str>, sender: &Sender) -> Result<EventId, Refusal> {
    let own = own.map_or_else(|| Cow::Owned(kit::id::random_base32(26)), Cow::Borrowed);
    EventId::parse(&in_room(&own, sender)).map_err(|_| Refusal::of(Trouble::BadId, "id", "must have no control characters"))
}

/// A person's name, checked, in the room of the sender.
pub fn person(name: &str, field: &str, sender: &Sender) -> Result<String, Refusal> {
    let name = name.trim();
    if name.len() > LONGEST_PERSON || name.chars().any(char::is_control) {
        let message = format!("must have 1 to {LONGEST_PERSON} bytes and no control characters");
        return Err(Refusal::of(Trouble::BadPerson, field, message));
    }
    if name.is_empty() || JUNK.iter().any(|junk| name.eq_ignore_ascii_case(junk)) {
        return Err(Refusal::of(Trouble::JunkPerson, field, format!("must name one person, and `{name}` does not")));
    }
    Ok(in_room(name, sender))
}

/// A person who may be missing.
pub fn maybe_person(json: Option<&str>, field: &str, sender: &Sender) -> Result<Option<String>, Refusal> {
    let named = text(json).map_err(|()| Refusal::of(Trouble::BadPerson, field, "must be a text"))?;
    named.filter(|name| !name.trim().is_empty()).map(|name| person(&name, field, sender)).transpose()
}

fn in_room(text: &str, sender: &Sender) -> String {
    match &sender.tenant {
        Some(tenant) => format!("{}/{text}", &tenant.as_str()[CustomerId::PREFIX.len()..]),
        None => text.to_owned(),
    }
}

/// Whose an event is, by what the address and the event itself say. Whoever is named must be within the sender's reach; whether it
/// exists is for whoever has a database to say.
pub fn customer(claimed: &[Option<CustomerId>], sender: &Sender) -> Result<Option<CustomerId>, Refusal> {
    let reach = sender.tenant.as_ref();
    let mut claims = claimed.iter().flatten().chain(&sender.customer);
    if let Some(tenant) = reach {
        return match claims.any(|claim| claim != tenant) {
            true => Err(unknown_customer()),
            false => Ok(Some(tenant.clone())),
        };
    }
    Ok(sender.customer.clone().or_else(|| claimed.iter().flatten().next().cloned()))
}

/// One answer for one that does not exist and one that is another's.
pub fn unknown_customer() -> Refusal {
    Refusal::of(Trouble::UnknownCustomer, "customer", "was not found")
}

/// A customer's id in a JSON value, when it is meant as one.
pub fn customer_in(json: Option<&str>) -> Option<CustomerId> {
    CustomerId::parse(lenient(json)?.trim()).ok()
}

/// What is said of a person or a customer. A customer's token says nothing about whose somebody is.
pub fn traits(json: Option<&str>, sender: &Sender, rules: &Rules, notes: &mut Vec<Trouble>) -> Result<Map<String, Value>, Refusal> {
    let Some(json) = json else { return Ok(Map::new()) };
    let sifted = sift(json, rules, &[])?;
    if sifted.removed && !notes.contains(&Trouble::RemovedKeys) {
        notes.push(Trouble::RemovedKeys);
    }
    let mut traits: Map<String, Value> =
        serde_json::from_str(&sifted.props).map_err(|_| Refusal::of(Trouble::BadProperties, "traits", "must be an object"))?;
    if sender.tenant.is_some() {
        traits.remove("customer_id");
    }
    Ok(traits)
}

/// A refused event as it may be shown.
pub fn sample(json: &str, rules: &Rules) -> String {
    match sift(json, rules, &[]) {
        Ok(sifted) => clipped(&sifted.props, SAMPLE).into_owned(),
        // Nobody knows what a text holds that cannot be read.
        Err(_) => String::new(),
    }
}

/// JavaScript writes halves of letters that were cut apart as `\ud83d`; they become `\ufffd`, and the rest of the event is saved.
/// `None` when there are none.
pub fn mended(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let unit = |at: usize| -> Option<u16> {
        let digits = json.get(at + 2..at + 6)?;
        (bytes.get(at..at + 2)? == b"\\u").then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    let (mut out, mut at, mut copied) = (String::new(), 0, 0);
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\\') {
        at += found;
        match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(0xd800..=0xdfff), _) => {
                out.push_str(&json[copied..at]);
                out.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            (Some(_), _) => at += 6,
            (None, _) => at = (at + 2).min(bytes.len()),
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&json[copied..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use kit::Timestamp;

    use super::*;

    fn sender(tenant: Option<&CustomerId>) -> Sender {
        Sender { tenant: tenant.cloned(), customer: None, received_at: Timestamp(0), key: None }
    }

    #[test]
    fn rooms_of_customers_do_not_touch_each_other_or_the_house() {
        let (own, other) = (CustomerId::random(), CustomerId::random());
        let mut names: Vec<String> =
            [None, Some(&own), Some(&other)].iter().map(|tenant| person("ada", "person", &sender(*tenant)).unwrap()).collect();
        names.dedup();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(customer(&[Some(other.clone())], &sender(Some(&own))).is_err());
        assert_eq!(customer(&[None], &sender(Some(&own))).unwrap(), Some(own.clone()));
        assert_eq!(customer(&[Some(other.clone())], &sender(None)).unwrap(), Some(other.clone()));
        let at_the_others_door = Sender { customer: Some(other), ..sender(Some(&own)) };
        assert!(customer(&[None], &at_the_others_door).is_err());
    }

    #[test]
    fn names_that_stand_for_everybody_are_refused() {
        for junk in ["undefined", "NULL", " null ", "[object Object]", "0", "NaN", ""] {
            assert_eq!(person(junk, "person", &sender(None)).unwrap_err().trouble, Trouble::JunkPerson, "{junk}");
        }
        assert_eq!(person(&"x".repeat(181), "person", &sender(None)).unwrap_err().trouble, Trouble::BadPerson);
        assert_eq!(person("a\u{7}b", "person", &sender(None)).unwrap_err().trouble, Trouble::BadPerson);
        assert_eq!(person(" <script>alert(1)</script> ", "person", &sender(None)).unwrap(), "<script>alert(1)</script>");
    }

    #[test]
    fn values_are_read_from_their_json() {
        assert_eq!(text(Some("\"a\\u00e9\"")), Ok(Some("aé".into())));
        assert_eq!(text(Some("42")), Ok(Some("42".into())));
        assert_eq!(text(Some("null")), Ok(None));
        assert_eq!(text(Some("{}")), Err(()));
        assert_eq!(own_id(Some("\" \""), "id"), Ok(None));
        assert!(own_id(Some(&format!("\"{}\"", "x".repeat(101))), "id").is_err());
    }

    #[test]
    fn halves_of_letters_are_mended() {
        assert_eq!(mended(r#"{"a":"\ud83d\ude00 \n"}"#), None);
        for (broken, whole) in [
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ude00x""#, r#""\ufffdx""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d \ud83d\\""#, r#""\\ud83d \ufffd\\""#),
        ] {
            assert_eq!(mended(broken).as_deref(), Some(whole), "{broken}");
            assert!(serde_json::from_str::<String>(whole).is_ok());
        }
        for odd in ["\\", "\\u", "\\ud83", "\\u12é4", "é\\ud83d"] {
            let _ = mended(odd);
        }
    }
}
