//! Which column of a file says what, and how a row becomes an event.

use std::collections::BTreeMap;

use kit::{Error, Result};
use serde_json::{Map, Value};

use super::{Customers, time};
use crate::{Calendar, EventId, EventName, Identity, NewEvent, Source};

/// What a column may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// What happened.
    Name,
    /// When.
    At,
    /// Who did it.
    Person,
    /// Whose it is: the id or the name of a customer.
    Customer,
    /// What makes it unique within the source.
    Id,
    /// A JSON object of properties.
    Properties,
}

impl Field {
    /// In the order in which people think of them.
    pub const ALL: [Field; 6] = [Field::Name, Field::At, Field::Person, Field::Customer, Field::Id, Field::Properties];

    /// As `--map` writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Field::Name => "name",
            Field::At => "time",
            Field::Person => "person",
            Field::Customer => "customer",
            Field::Id => "id",
            Field::Properties => "properties",
        }
    }

    /// The names that columns usually have, in the order of preference; compared without case, blanks, `_`, `-` and `$`.
    fn usual(self) -> &'static [&'static str] {
        match self {
            Field::Name => &["event", "eventname", "name", "type", "action"],
            Field::At => &["timestamp", "time", "at", "occurredat", "eventtime", "datetime", "date", "createdat", "originaltimestamp"],
            Field::Person => &["distinctid", "person", "userid", "user", "email", "anonymousid"],
            Field::Customer => &["customerid", "customeruuid", "customer", "accountid", "account", "groupid"],
            Field::Id => &["uuid", "eventid", "messageid", "insertid", "id"],
            Field::Properties => &["properties", "props"],
        }
    }
}

/// Which column says what, as far as somebody said so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    chosen: BTreeMap<Field, Choice>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    Column(String),
    Always(String),
    /// The file does not say it, whatever its columns are called.
    Nowhere,
}

impl Mapping {
    /// Reads `field=column`, `field:=text` for what is the same in all rows, or `field=` for what the file does not say.
    pub fn parse(words: &[String]) -> Result<Mapping> {
        let mut chosen = BTreeMap::new();
        for word in words {
            let wrong = || {
                Error::invalid(
                    "map",
                    format!("`{word}` must be field=column or field:=text, of name, time, person, customer, id, properties"),
                )
            };
            let (name, rest) = word.split_once('=').ok_or_else(wrong)?;
            let (name, choice) = match name.strip_suffix(':') {
                Some(name) => (name, Choice::Always(rest.to_owned())),
                None if rest.is_empty() => (name, Choice::Nowhere),
                None => (name, Choice::Column(rest.to_owned())),
            };
            let field = Field::ALL.into_iter().find(|field| field.as_str() == name).ok_or_else(wrong)?;
            let has_no_text = matches!(&choice, Choice::Always(text) if text.is_empty());
            if has_no_text || matches!((field, &choice), (Field::Id | Field::Properties, Choice::Always(_))) {
                return Err(wrong());
            }
            chosen.insert(field, choice);
        }
        Ok(Mapping { chosen })
    }

    /// Finds the columns in a head; none without one. Fails when a column that was named is missing, or what happened and when is nowhere.
    pub(super) fn columns(&self, head: Option<&[String]>) -> Result<Option<Columns>> {
        let Some(head) = head else { return Ok(None) };
        let mut found: BTreeMap<Field, Choice> = BTreeMap::new();
        for field in Field::ALL {
            let choice = match self.chosen.get(&field) {
                Some(Choice::Column(column)) if !head.contains(column) => {
                    return Err(Error::invalid("map", format!("the file has no column `{column}`; it has {}", listed(head))));
                }
                Some(Choice::Nowhere) => None,
                Some(choice) => Some(choice.clone()),
                None => self.usual(field, head).map(|column| Choice::Column(column.to_owned())),
            };
            if let Some(choice) = choice {
                found.insert(field, choice);
            }
        }
        for field in [Field::Name, Field::At] {
            if !found.contains_key(&field) {
                let name = field.as_str();
                return Err(Error::invalid(
                    "map",
                    format!("say which column is the {name}: `{name}=column`; the file has {}", listed(head)),
                ));
            }
        }
        Ok(Some(Columns(found)))
    }

    /// Says what does not fit a file with these columns.
    pub fn fits(&self, head: &[String]) -> Result<()> {
        self.columns(Some(head)).map(|_| ())
    }

    /// The column whose name is usual for a field, unless it was named for another one.
    pub(super) fn usual<'a>(&self, field: Field, head: &'a [String]) -> Option<&'a str> {
        let plain = |name: &str| name.to_lowercase().replace([' ', '_', '-', '$'], "");
        let named = |column: &String| self.chosen.values().any(|it| *it == Choice::Column(column.clone()));
        let found = field.usual().iter().find_map(|usual| head.iter().find(|column| plain(column) == *usual && !named(column)));
        found.map(String::as_str)
    }
}

fn listed(head: &[String]) -> String {
    head.iter().take(40).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Which column says what.
pub(super) struct Columns(BTreeMap<Field, Choice>);

/// What a row needs beside its fields to become an event.
pub(super) struct Surroundings<'a> {
    pub(super) mark: &'a str,
    pub(super) line: u64,
    pub(super) source: &'a Source,
    pub(super) calendar: &'a Calendar,
    pub(super) customers: &'a Customers,
}

/// As the doors of the API have it.
const MAX_PERSON: usize = 200;
const MAX_PROPS: usize = 1 << 20;

impl Columns {
    /// By field, for a report.
    pub(super) fn named(&self) -> BTreeMap<String, String> {
        let shown = |choice: &Choice| match choice {
            Choice::Column(column) => column.clone(),
            Choice::Always(text) => format!("always “{text}”"),
            Choice::Nowhere => String::new(),
        };
        self.0.iter().map(|(field, choice)| (field.as_str().to_owned(), shown(choice))).collect()
    }

    /// The event of a row, or what is wrong with it.
    pub(super) fn event(&self, mut fields: Map<String, Value>, row: &Surroundings<'_>) -> std::result::Result<NewEvent, String> {
        let mut take = |field: Field| match self.0.get(&field)? {
            Choice::Always(text) => Some(Value::String(text.clone())),
            Choice::Nowhere => None,
            Choice::Column(column) => fields.remove(column).filter(|value| !value.is_null()),
        };
        let (name, at, person) = (take(Field::Name), take(Field::At), take(Field::Person));
        let (customer, id, props) = (take(Field::Customer), take(Field::Id), take(Field::Properties));
        let name = text(name, "the name")?.ok_or("has no name of what happened")?;
        let name = EventName::parse(&name).map_err(|_| "the name must have 1 to 200 bytes and no control characters")?;
        let at = at.ok_or("has no time")?;
        let at = time::parse(&at, row.calendar).ok_or_else(|| format!("the time {} cannot be read", shortened(&at)))?;
        let person = text(person, "the person")?;
        if person.as_ref().is_some_and(|person| person.len() > MAX_PERSON || person.chars().any(char::is_control)) {
            return Err(format!("the person must have 1 to {MAX_PERSON} bytes and no control characters"));
        }
        let customer = match text(customer, "the customer")? {
            None => None,
            Some(text) => Some(
                row.customers.find(&text).cloned().ok_or_else(|| format!("there is no customer {}", shortened(&Value::String(text))))?,
            ),
        };
        let id = match text(id, "the id")? {
            Some(text) => EventId::parse(&text).map_err(|_| "the id must have 1 to 128 bytes and no control characters")?,
            None => EventId::parse(&format!("{}-{}", row.mark, row.line)).expect("a hash and a line make an id"),
        };
        let mut whole = match props {
            None => Map::new(),
            Some(Value::Object(props)) => props,
            Some(Value::String(text)) => serde_json::from_str(&text).map_err(|_| "the properties are no JSON object")?,
            Some(_) => return Err("the properties are no JSON object".to_owned()),
        };
        // What the properties say themselves goes before columns of the same name.
        for (name, value) in fields {
            whole.entry(name).or_insert(value);
        }
        let props = Value::Object(whole).to_string();
        if props.len() > MAX_PROPS {
            return Err("the properties are larger than 1 MB".to_owned());
        }
        Ok(NewEvent { id, source: row.source.clone(), name, person, customer, at, props, identity: Identity::None })
    }
}

/// A text or a number as text; none when it is empty.
fn text(value: Option<Value>, what: &str) -> std::result::Result<Option<String>, String> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(format!("{what} must be a text")),
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
