//! What may be asked about a customer, and what is known of one. Pure.

use std::collections::BTreeMap;
use std::fmt;

use accounts::{CustomerId, MemberId};
use kit::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

/// Something that can be asked about a customer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fact {
    /// What the customer is called.
    Name,
    /// `healthy`, `at_risk` or `churning`.
    Band,
    /// The health score.
    Score,
    /// The score less the score a week ago.
    Change7,
    /// The score less the score thirty days ago.
    Change30,
    /// Points a day, over 28 days.
    Slope,
    /// Whether the score falls fast.
    FallingFast,
    /// The share of the score's weight of which something is known, 0 to 1.
    Coverage,
    /// The probability that the customer is lost, 0 to 1.
    Churn,
    /// The id of the member of staff who looks after the customer, or `nobody`.
    Owner,
    /// The plan, as events tell it.
    Plan,
    /// A kind of site that the customer has.
    SiteKind,
    /// How many sites the customer has.
    Sites,
    /// Whether the customer is shut out.
    Suspended,
    /// Days since the customer was created.
    AgeDays,
    /// What the customer is billed in.
    Currency,
    /// The score of one factor, 0 to 100.
    Factor(String),
    /// A property, as `group` and `identify` told it.
    Property(String),
}

/// What kind of answer a [`Fact`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// A text.
    Text,
    /// Several texts.
    Texts,
    /// Yes or no.
    Flag,
    /// Whatever a sender said.
    Anything,
}

/// All facts with a fixed name.
const NAMED: [(&str, Fact, Kind, &str); 16] = [
    ("name", Fact::Name, Kind::Text, "name"),
    ("band", Fact::Band, Kind::Text, "band"),
    ("score", Fact::Score, Kind::Number, "health score"),
    ("change_7", Fact::Change7, Kind::Number, "change in 7 days"),
    ("change_30", Fact::Change30, Kind::Number, "change in 30 days"),
    ("slope", Fact::Slope, Kind::Number, "points a day"),
    ("falling_fast", Fact::FallingFast, Kind::Flag, "falling fast"),
    ("coverage", Fact::Coverage, Kind::Number, "coverage"),
    ("churn", Fact::Churn, Kind::Number, "churn probability"),
    ("owner", Fact::Owner, Kind::Text, "owner"),
    ("plan", Fact::Plan, Kind::Text, "plan"),
    ("site_kind", Fact::SiteKind, Kind::Texts, "kind of site"),
    ("sites", Fact::Sites, Kind::Number, "sites"),
    ("suspended", Fact::Suspended, Kind::Flag, "suspended"),
    ("age_days", Fact::AgeDays, Kind::Number, "days as a customer"),
    ("currency", Fact::Currency, Kind::Text, "currency"),
];

/// The longest name of a property or factor.
const LONGEST_KEY: usize = 100;

impl Fact {
    /// The names that can be chosen, each with its words; `factor.…` and `property.…` go beside them.
    pub fn choices() -> impl Iterator<Item = (&'static str, &'static str)> {
        NAMED.iter().map(|(key, _, _, words)| (*key, *words))
    }

    /// Parses `score`, `factor.logins`, `property.country`, …. Field: `fact`.
    pub fn parse(text: &str) -> Result<Fact> {
        if let Some((_, fact, ..)) = NAMED.iter().find(|(key, ..)| *key == text) {
            return Ok(fact.clone());
        }
        let key =
            |rest: &str| (!rest.is_empty() && rest.len() <= LONGEST_KEY && !rest.chars().any(char::is_control)).then(|| rest.to_owned());
        let of_prefix = text
            .strip_prefix("factor.")
            .and_then(key)
            .map(Fact::Factor)
            .or_else(|| text.strip_prefix("property.").and_then(key).map(Fact::Property));
        of_prefix.ok_or_else(|| {
            let known: Vec<&str> = NAMED.iter().map(|(key, ..)| *key).collect();
            Error::invalid("fact", format!("must be factor.…, property.… or one of {}", known.join(", ")))
        })
    }

    /// What kind of answer it has.
    pub fn kind(&self) -> Kind {
        match self {
            Fact::Factor(_) => Kind::Number,
            Fact::Property(_) => Kind::Anything,
            named => NAMED.iter().find(|(_, fact, ..)| fact == named).map_or(Kind::Anything, |(_, _, kind, _)| *kind),
        }
    }

    /// Whether a health model, or what was learnt from health, makes it: such a fact cannot decide which model is to be used.
    pub fn comes_from_health(&self) -> bool {
        use Fact::{Band, Change7, Change30, Churn, Coverage, Factor, FallingFast, Score, Slope};
        matches!(self, Band | Score | Change7 | Change30 | Slope | FallingFast | Coverage | Churn | Factor(_))
    }

    /// What it is called in a sentence.
    pub fn words(&self) -> String {
        match self {
            Fact::Factor(key) => format!("factor “{key}”"),
            Fact::Property(key) => format!("property “{key}”"),
            named => NAMED.iter().find(|(_, fact, ..)| fact == named).map_or_else(String::new, |(.., words)| (*words).to_owned()),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Factor(key) => write!(f, "factor.{key}"),
            Fact::Property(key) => write!(f, "property.{key}"),
            named => f.write_str(NAMED.iter().find(|(_, fact, ..)| fact == named).map_or("", |(key, ..)| key)),
        }
    }
}

impl TryFrom<String> for Fact {
    type Error = String;

    fn try_from(text: String) -> Result<Fact, String> {
        Fact::parse(&text).map_err(|error| error.to_string())
    }
}

impl From<Fact> for String {
    fn from(fact: Fact) -> String {
        fact.to_string()
    }
}

/// What is known of one customer. What is `None` is unknown, and no condition holds of it or its opposite.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Who.
    pub customer: CustomerId,
    /// What it is called.
    pub name: String,
    /// What it is billed in.
    pub currency: String,
    /// Since when it is here.
    pub created_at: Timestamp,
    /// Whether it is shut out.
    pub suspended: bool,
    /// Its band.
    pub band: Option<String>,
    /// Its score.
    pub score: Option<f64>,
    /// Against a week ago.
    pub change_7: Option<f64>,
    /// Against thirty days ago.
    pub change_30: Option<f64>,
    /// Points a day.
    pub slope: Option<f64>,
    /// Whether it falls fast.
    pub falling_fast: Option<bool>,
    /// Share of the weight of which something is known.
    pub coverage: Option<f64>,
    /// Probability of being lost.
    pub churn: Option<f64>,
    /// Who looks after it; `None` is nobody.
    pub owner: Option<MemberId>,
    /// Kinds of its sites, one for each site; `None` when nobody told.
    pub site_kinds: Option<Vec<String>>,
    /// Scores of factors by key.
    pub factors: BTreeMap<String, f64>,
    /// Properties that events told.
    pub properties: serde_json::Map<String, serde_json::Value>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Several texts, perhaps none.
    Texts(Vec<String>),
    /// Yes or no.
    Flag(bool),
}

impl Facts {
    /// What is known; `None` when nothing is.
    pub fn answer(&self, fact: &Fact, now: Timestamp) -> Option<Answer> {
        let number = |value: Option<f64>| value.filter(|value| value.is_finite()).map(Answer::Number);
        match fact {
            Fact::Name => Some(Answer::Text(self.name.clone())),
            Fact::Band => self.band.clone().map(Answer::Text),
            Fact::Score => number(self.score),
            Fact::Change7 => number(self.change_7),
            Fact::Change30 => number(self.change_30),
            Fact::Slope => number(self.slope),
            Fact::FallingFast => self.falling_fast.map(Answer::Flag),
            Fact::Coverage => number(self.coverage),
            Fact::Churn => number(self.churn),
            Fact::Owner => Some(Answer::Text(self.owner.as_ref().map_or("nobody", MemberId::as_str).to_owned())),
            Fact::Plan => self.properties.get("plan").and_then(of_json),
            Fact::SiteKind => self.site_kinds.clone().map(Answer::Texts),
            Fact::Sites => self.site_kinds.as_ref().map(|kinds| Answer::Number(super::expression::as_real(kinds.len()))),
            Fact::Suspended => Some(Answer::Flag(self.suspended)),
            Fact::AgeDays => Some(Answer::Number(now.since(self.created_at).as_secs_f64() / 86_400.0)),
            Fact::Currency => Some(Answer::Text(self.currency.clone())),
            Fact::Factor(key) => number(self.factors.get(key).copied()),
            Fact::Property(key) => self.properties.get(key).and_then(of_json),
        }
    }
}

/// Objects answer nothing: nothing can be compared with one.
fn of_json(value: &serde_json::Value) -> Option<Answer> {
    use serde_json::Value;
    match value {
        Value::Null | Value::Object(_) => None,
        Value::Bool(flag) => Some(Answer::Flag(*flag)),
        Value::Number(number) => number.as_f64().map(Answer::Number),
        Value::String(text) => Some(Answer::Text(text.clone())),
        Value::Array(items) => {
            let texts = items.iter().filter_map(|item| match item {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            });
            Some(Answer::Texts(texts.collect()))
        }
    }
}
