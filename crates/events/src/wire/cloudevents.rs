//! CloudEvents 1.0, as their HTTP binding has them: structured and in batches. One whose attributes are headers is put together by whoever
//! reads headers, with [`structured`].
//!
//! What makes a CloudEvent unique is its `source` with its `id`. `type` is what happened; `subject` names the customer where it is a
//! customer's id; the extensions `person` (or `userid`) and `customerid` say who did it and whose it is. All other attributes become
//! properties that begin with `ce_`, beside those of `data`.

use accounts::CustomerId;
use kit::Timestamp;
use kit::secrets::sha256_hex;
use serde_json::Value;

use super::names::{self, lenient};
use super::native::Fields;
use super::sieve::{Sifted, sift};
use super::times::{self, Told};
use super::{Door, Item, Refusal, Rules, Sender, Trouble, clipped};
use crate::{Identity, NewEvent, Source};

/// What becomes something else than a property. The first three must be there.
const NEEDED: [&str; 3] = ["id", "source", "type"];
const OWN: [&str; 8] = ["specversion", "time", "datacontenttype", "data", "data_base64", "person", "userid", "customerid"];
/// What of the data says whose it is.
const TAKEN: &[&str] = &["customer_id", "customer_uuid"];
/// Longer ids are remembered by their hash.
const LONGEST_READABLE: usize = 80;

/// A CloudEvent in one piece from attributes and data that came apart: `data` is JSON if the type of the content says so, else a text.
pub fn structured(attributes: &[(String, String)], content_type: &str, data: &str) -> String {
    let mut whole: serde_json::Map<String, Value> =
        attributes.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    whole.remove("data");
    let text = Value::Object(whole).to_string();
    let is_json = content_type.split(';').next().is_some_and(|kind| kind.trim().is_empty() || kind.trim().ends_with("json"));
    let data = match is_json {
        _ if data.trim().is_empty() => return text,
        // As it is: what is no JSON is found out when the event is read.
        true => data.to_owned(),
        false => Value::from(data).to_string(),
    };
    let separator = if text.len() > 2 { "," } else { "" };
    format!("{}{separator}\"data\":{data}}}", &text[..text.len() - 1])
}

/// Reads one event.
pub fn item(json: &str, sender: &Sender, rules: &Rules) -> Item {
    let fields = match Fields::read(json) {
        Ok(fields) => fields,
        Err(error) => {
            let refusal = Refusal::of(Trouble::Malformed, "event", format!("must be an object: {error}"));
            return Item { id: String::new(), name: String::new(), event: Err(refusal), notes: Vec::new() };
        }
    };
    let mut notes = Vec::new();
    let mut outcome = event(&fields, sender, rules, &mut notes);
    if let Err(refusal) = &mut outcome {
        if refusal.trouble == Trouble::Malformed
            && let Some(mended) = names::mended(json)
        {
            return item(&mended, sender, rules);
        }
        refusal.sample = names::sample(json, rules);
    }
    let shown = |name| clipped(lenient(fields.get(&[name]).0).unwrap_or_default().trim(), 200).into_owned();
    Item { id: shown("id"), name: shown("type"), event: outcome, notes }
}

fn event(fields: &Fields<'_>, sender: &Sender, rules: &Rules, notes: &mut Vec<Trouble>) -> Result<NewEvent, Refusal> {
    let json = |name: &'static str| fields.get(&[name]).0;
    if lenient(json("specversion")).as_deref().map(str::trim) != Some("1.0") {
        return Err(Refusal::of(Trouble::Malformed, "specversion", "must be \"1.0\""));
    }
    let name = names::event_name(json("type"), "type")?;
    let id = own_id(json("source"), json("id"))?;
    let person = names::maybe_person(json("person").or(json("userid")), "person", sender)?;
    let data = data(json("data"), json("data_base64"));
    let mut sifted = match &data {
        Some(data) => sift(data, rules, TAKEN)?,
        None => Sifted { props: "{}".to_owned(), ..Sifted::default() },
    };
    let said = names::customer_in(json("customerid")).or_else(|| names::customer_in(json("subject")));
    let in_data = names::customer_in(sifted.take("customer_id")).or_else(|| names::customer_in(sifted.take("customer_uuid")));
    let customer = names::customer(&[said, in_data], sender)?;
    for key in ["customer_id", "customer_uuid"] {
        let text = lenient(sifted.take(key)).filter(|text| CustomerId::parse(text.trim()).is_err()).map(std::borrow::Cow::into_owned);
        if let Some(text) = text {
            sifted.put(key, &Value::from(text).to_string());
        }
    }
    attributes(fields, rules, &mut sifted)?;
    notes.extend(sifted.removed.then_some(Trouble::RemovedKeys));
    let given = json("time").filter(|json| *json != "null");
    let at: Option<Timestamp> = given.and_then(times::read);
    let told = Told { at, unreadable: given.is_some() && at.is_none(), ..Told::default() };
    let (at, note) = times::place(&told, sender.received_at);
    notes.extend(note);
    let source = Source::parse(Door::CloudEvents.source()).expect("a word of ours");
    Ok(NewEvent {
        id: names::event_id(Some(&id), sender)?,
        source,
        name,
        person,
        customer,
        at,
        props: sifted.props,
        identity: Identity::None,
    })
}

/// Ids are unique within a source, which may be long: a part of its hash stands for it, and always has the same length.
fn own_id(source: Option<&str>, id: Option<&str>) -> Result<String, Refusal> {
    let missing = |field: &str| Refusal::of(Trouble::BadId, field, "is missing");
    let source = lenient(source).ok_or_else(|| missing("source"))?;
    let id = lenient(id).ok_or_else(|| missing("id"))?;
    let mark = &sha256_hex(source.as_bytes())[..16];
    let is_readable = id.len() <= LONGEST_READABLE && !id.chars().any(char::is_control);
    Ok(if is_readable { format!("{mark}/{id}") } else { format!("{mark}#{}", &sha256_hex(id.as_bytes())[..48]) })
}

/// The data as an object; what is none is its only field.
fn data(data: Option<&str>, binary: Option<&str>) -> Option<String> {
    match (data.filter(|json| *json != "null"), binary.filter(|json| *json != "null")) {
        (Some(json), _) if json.starts_with('{') => Some(json.to_owned()),
        (Some(json), _) => Some(format!("{{\"data\":{json}}}")),
        (None, Some(json)) => Some(format!("{{\"data_base64\":{json}}}")),
        (None, None) => None,
    }
}

/// Adds what else the event says of itself to the properties.
fn attributes(fields: &Fields<'_>, rules: &Rules, sifted: &mut Sifted<'_>) -> Result<(), Refusal> {
    for (name, json) in fields.all().filter(|(name, _)| !OWN.contains(name) && (*name == "source" || !NEEDED.contains(name))) {
        if rules.removes(name) {
            sifted.removed = true;
            continue;
        }
        match json.as_bytes().first() {
            _ if json == "null" => {}
            Some(b'{' | b'[') => {
                let field = clipped(name, 100).into_owned();
                return Err(Refusal::of(Trouble::UnknownField, &field, "must be a text, a number, true or false"));
            }
            // Written anew, as it may hold a NUL.
            _ => {
                let value: Value =
                    serde_json::from_str(json).map_err(|error| Refusal::of(Trouble::Malformed, "event", error.to_string()))?;
                let text = value.as_str().map(|text| Value::from(clipped(text, 2000).replace('\0', "\u{fffd}")));
                sifted.put(&format!("ce_{}", clipped(name, 100).replace('\0', "\u{fffd}")), &text.unwrap_or(value).to_string());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Item {
        let sender = Sender { tenant: None, customer: None, received_at: Timestamp(1_772_452_800_000), key: None };
        item(json, &sender, &Rules::removing(["password", "token"]))
    }

    #[test]
    fn an_event_is_read_as_the_specification_writes_it() {
        let json = r#"{"specversion":"1.0","type":"com.example.object.deleted.v2","source":"https://example.com/cloudevents/pull","subject":"123",
            "id":"A234-1234-1234","time":"2026-03-01T17:31:00Z","comexampleextension1":"value","comexampleothervalue":5,"token":"x",
            "person":"ada@x.example","datacontenttype":"application/json","data":{"appinfoA":"abc","password":"x","n":123}}"#;
        let item = read(json);
        let event = item.event.unwrap();
        assert_eq!((item.id.as_str(), item.name.as_str()), ("A234-1234-1234", "com.example.object.deleted.v2"));
        assert_eq!(
            (event.name.as_str(), event.source.as_str(), event.person.as_deref()),
            ("com.example.object.deleted.v2", "cloudevents", Some("ada@x.example"))
        );
        assert_eq!(event.at.rfc3339(), "2026-03-01T17:31:00Z");
        assert!(event.id.as_str().ends_with("/A234-1234-1234"));
        let props: Value = serde_json::from_str(&event.props).unwrap();
        assert_eq!(
            props,
            serde_json::json!({"appinfoA": "abc", "n": 123, "ce_source": "https://example.com/cloudevents/pull", "ce_subject": "123",
                "ce_comexampleextension1": "value", "ce_comexampleothervalue": 5})
        );
        assert_eq!(item.notes, [Trouble::RemovedKeys]);
    }

    #[test]
    fn ids_are_unique_with_their_source_and_no_other_one() {
        let id = |source: &str, id: &str| own_id(Some(&format!("\"{source}\"")), Some(&format!("\"{id}\""))).unwrap();
        assert_ne!(id("a", "1"), id("b", "1"));
        assert_ne!(id("a/1", "2"), id("a", "1/2"));
        assert_eq!(id("a", "1"), id("a", "1"));
        assert_ne!(id("a", &"x".repeat(200)), id("a", &"x".repeat(201)));
        assert!(id("a", &"x".repeat(200)).len() <= super::super::LONGEST_ID);
    }

    #[test]
    fn what_is_missing_or_no_event_is_named() {
        let refused = |json: &str| read(json).event.map(|event| event.props).map_err(|refusal| refusal.message());
        for (json, says) in [
            ("1", "must be an object"),
            (r#"{"type":"a","source":"s","id":"1"}"#, "specversion"),
            (r#"{"specversion":"0.3","type":"a","source":"s","id":"1"}"#, "specversion"),
            (r#"{"specversion":"1.0","source":"s","id":"1"}"#, "type is missing"),
            (r#"{"specversion":"1.0","type":"a","id":"1"}"#, "source is missing"),
            (r#"{"specversion":"1.0","type":"a","source":"s","id":""}"#, "id is missing"),
            (r#"{"specversion":"1.0","type":"a","source":"s","id":"1","ext":{"a":1}}"#, "ext must be"),
            (r#"{"specversion":"1.0","type":"a","source":"s","id":"1","person":"undefined"}"#, "person must name"),
        ] {
            let message = refused(json).unwrap_err();
            assert!(message.contains(says), "{json}: {message}");
        }
        let deep = format!(r#"{{"specversion":"1.0","type":"a","source":"s","id":"1","data":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(refused(&deep).unwrap_err().contains("levels"));
        for (data, props) in [
            (r#""data":"text""#, r#"{"data":"text","ce_source":"s"}"#),
            (r#""data":[1,2]"#, r#"{"data":[1,2],"ce_source":"s"}"#),
            (r#""data_base64":"AQI=""#, r#"{"data_base64":"AQI=","ce_source":"s"}"#),
            (r#""data":null"#, r#"{"ce_source":"s"}"#),
        ] {
            assert_eq!(refused(&format!(r#"{{"specversion":"1.0","type":"a","source":"s","id":"1",{data}}}"#)).unwrap(), props);
        }
    }

    #[test]
    fn attributes_and_data_that_come_apart_are_put_together() {
        let attributes = [("specversion", "1.0"), ("id", "1"), ("source", "s"), ("type", "a\"b"), ("data", "evil")];
        let attributes: Vec<(String, String)> = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let props = |kind: &str, data: &str| read(&structured(&attributes, kind, data)).event.unwrap().props;
        assert_eq!(props("application/json", r#"{"n":1}"#), r#"{"n":1,"ce_source":"s"}"#);
        assert_eq!(props("text/plain", "he said \"x\""), r#"{"data":"he said \"x\"","ce_source":"s"}"#);
        assert_eq!(props("application/json", ""), r#"{"ce_source":"s"}"#);
        // A body that tries to close the object and to begin another is no JSON.
        assert!(read(&structured(&attributes, "application/json", r#"1},"id":"2"#)).event.is_err());
    }
}
