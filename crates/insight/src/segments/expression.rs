//! Which customers belong to a segment: a tree of typed conditions, checked when it is saved, never a text that a database runs. Pure.

use kit::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::facts::{Answer, Fact, Facts, Kind};

/// Levels of a tree.
const DEEPEST: usize = 5;
/// Conditions and groups of a tree.
const LARGEST: usize = 60;
/// Texts of one list.
const LONGEST_LIST: usize = 100;
/// Bytes of one text.
const LONGEST_TEXT: usize = 200;

/// Which customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expression {
    /// Those of whom all hold.
    All(Vec<Expression>),
    /// Those of whom one holds.
    Any(Vec<Expression>),
    /// Those of whom it does not hold.
    Not(Box<Expression>),
    /// Those of whom the condition holds.
    Where(Condition),
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What is asked.
    pub fact: Fact,
    /// How the answer is compared.
    pub is: Comparison,
    /// With what; nothing for `known` and `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Operand>,
}

kit::text_enum!(
    /// How an answer is compared.
    Comparison {
        /// Less than.
        Below = "below",
        /// Less than or as much.
        AtMost = "at_most",
        /// More than.
        Above = "above",
        /// More than or as much.
        AtLeast = "at_least",
        /// The same; of texts in any case, of several texts one.
        Is = "is",
        /// Not the same.
        IsNot = "is_not",
        /// A part of the text, in any case.
        Contains = "contains",
        /// One of a list.
        OneOf = "one_of",
        /// Anything is known.
        Known = "known",
        /// Nothing is known.
        Unknown = "unknown",
    }
);

impl Comparison {
    /// How it reads in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Comparison::Below => "is below",
            Comparison::AtMost => "is at most",
            Comparison::Above => "is above",
            Comparison::AtLeast => "is at least",
            Comparison::Is => "is",
            Comparison::IsNot => "is not",
            Comparison::Contains => "contains",
            Comparison::OneOf => "is one of",
            Comparison::Known => "is known",
            Comparison::Unknown => "is unknown",
        }
    }
}

/// What is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Operand {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

impl Expression {
    /// Reads JSON and checks it. Field: `expression`.
    pub fn parse(json: &str) -> Result<Expression> {
        let expression: Expression = serde_json::from_str(json).map_err(|error| wrong(format!("is no segment: {error}")))?;
        expression.validate()?;
        Ok(expression)
    }

    /// Names what is wrong. Field: `expression`.
    pub fn validate(&self) -> Result<()> {
        let mut size = 0;
        self.check(1, &mut size)
    }

    fn check(&self, depth: usize, size: &mut usize) -> Result<()> {
        *size += 1;
        if depth > DEEPEST {
            return Err(wrong(format!("may have {DEEPEST} levels at most")));
        }
        if *size > LARGEST {
            return Err(wrong(format!("may have {LARGEST} conditions at most")));
        }
        match self {
            Expression::All(parts) | Expression::Any(parts) => {
                if parts.is_empty() {
                    return Err(wrong("must have a condition in each group".to_owned()));
                }
                parts.iter().try_for_each(|part| part.check(depth + 1, size))
            }
            Expression::Not(part) => part.check(depth + 1, size),
            Expression::Where(condition) => condition.check(),
        }
    }

    /// Everything that it asks about.
    pub fn facts(&self) -> Box<dyn Iterator<Item = &Fact> + '_> {
        match self {
            Expression::All(parts) | Expression::Any(parts) => Box::new(parts.iter().flat_map(Expression::facts)),
            Expression::Not(part) => part.facts(),
            Expression::Where(condition) => Box::new(std::iter::once(&condition.fact)),
        }
    }

    /// Whether it holds of a customer. Who is not known well enough to say is not in the segment, and not in its opposite either.
    pub fn holds(&self, facts: &Facts, now: Timestamp) -> bool {
        self.truth(facts, now) == Some(true)
    }

    /// Kleene's logic: `None` is "cannot be said".
    fn truth(&self, facts: &Facts, now: Timestamp) -> Option<bool> {
        let each = |parts: &[Expression], decides: bool| {
            let mut unsure = false;
            for part in parts {
                match part.truth(facts, now) {
                    Some(truth) if truth == decides => return Some(decides),
                    Some(_) => {}
                    None => unsure = true,
                }
            }
            (!unsure).then_some(!decides)
        };
        match self {
            Expression::All(parts) => each(parts, false),
            Expression::Any(parts) => each(parts, true),
            Expression::Not(part) => part.truth(facts, now).map(|truth| !truth),
            Expression::Where(condition) => condition.truth(facts, now),
        }
    }

    /// The conditions, when all or any of a plain list must hold: what a form can show. The flag says "all".
    pub fn flat(&self) -> Option<(bool, Vec<&Condition>)> {
        fn conditions(parts: &[Expression]) -> Option<Vec<&Condition>> {
            parts.iter().map(|part| if let Expression::Where(condition) = part { Some(condition) } else { None }).collect()
        }
        match self {
            Expression::All(parts) => Some((true, conditions(parts)?)),
            Expression::Any(parts) => Some((false, conditions(parts)?)),
            Expression::Where(condition) => Some((true, vec![condition])),
            Expression::Not(_) => None,
        }
    }

    /// The whole as a sentence; `name_of` knows what ids are called.
    pub fn words(&self, name_of: &dyn Fn(&str) -> Option<String>) -> String {
        let joined = |parts: &[Expression], word: &str| {
            let parts: Vec<String> = parts
                .iter()
                .map(|part| match part {
                    Expression::All(inner) | Expression::Any(inner) if inner.len() > 1 => format!("({})", part.words(name_of)),
                    plain => plain.words(name_of),
                })
                .collect();
            parts.join(word)
        };
        match self {
            Expression::All(parts) => joined(parts, " and "),
            Expression::Any(parts) => joined(parts, " or "),
            Expression::Not(part) => format!("not ({})", part.words(name_of)),
            Expression::Where(condition) => condition.words(name_of),
        }
    }
}

impl Condition {
    /// Checks that what is compared fits the fact. Field: `expression`.
    fn check(&self) -> Result<()> {
        use Comparison as C;
        let kind = self.fact.kind();
        let fits = match (&self.is, &self.value) {
            (C::Known | C::Unknown, None) => true,
            (C::Known | C::Unknown, Some(_)) | (_, None) => false,
            (C::Below | C::AtMost | C::Above | C::AtLeast, Some(Operand::Number(number))) => {
                matches!(kind, Kind::Number | Kind::Anything) && number.is_finite()
            }
            (C::Below | C::AtMost | C::Above | C::AtLeast, Some(_)) => false,
            (C::Is | C::IsNot, Some(Operand::Number(number))) => matches!(kind, Kind::Number | Kind::Anything) && number.is_finite(),
            (C::Is | C::IsNot, Some(Operand::Text(_))) => matches!(kind, Kind::Text | Kind::Texts | Kind::Anything),
            (C::Is | C::IsNot, Some(Operand::Flag(_))) => matches!(kind, Kind::Flag | Kind::Anything),
            (C::Contains, Some(Operand::Text(_))) => matches!(kind, Kind::Text | Kind::Texts | Kind::Anything),
            (C::OneOf, Some(Operand::Texts(texts))) => matches!(kind, Kind::Text | Kind::Texts | Kind::Anything) && !texts.is_empty(),
            (C::Is | C::IsNot | C::Contains | C::OneOf, Some(_)) => false,
        };
        if !fits {
            return Err(wrong(format!("cannot compare {} like this: {}", self.fact.words(), self.words(&|_| None))));
        }
        let texts: &[String] = match &self.value {
            Some(Operand::Text(text)) => std::slice::from_ref(text),
            Some(Operand::Texts(texts)) => texts,
            _ => &[],
        };
        if texts.len() > LONGEST_LIST || texts.iter().any(|text| text.len() > LONGEST_TEXT || text.chars().any(char::is_control)) {
            return Err(wrong(format!(
                "may compare with {LONGEST_LIST} texts of {LONGEST_TEXT} bytes each at most, without control characters"
            )));
        }
        Ok(())
    }

    fn truth(&self, facts: &Facts, now: Timestamp) -> Option<bool> {
        use Comparison as C;
        let answer = facts.answer(&self.fact, now);
        match self.is {
            C::Known => return Some(answer.is_some()),
            C::Unknown => return Some(answer.is_none()),
            _ => {}
        }
        let (answer, value) = (answer?, self.value.as_ref()?);
        match self.is {
            C::Below | C::AtMost | C::Above | C::AtLeast => {
                let (Answer::Number(found), Operand::Number(limit)) = (answer, value) else { return None };
                Some(match self.is {
                    C::Below => found < *limit,
                    C::AtMost => found <= *limit,
                    C::Above => found > *limit,
                    _ => found >= *limit,
                })
            }
            C::Is => same(&answer, value),
            C::IsNot => same(&answer, value).map(|same| !same),
            C::Contains => {
                let Operand::Text(part) = value else { return None };
                let part = part.to_lowercase();
                match answer {
                    Answer::Text(text) => Some(text.to_lowercase().contains(&part)),
                    Answer::Texts(texts) => Some(texts.iter().any(|text| text.to_lowercase().contains(&part))),
                    Answer::Number(_) | Answer::Flag(_) => None,
                }
            }
            C::OneOf => {
                let Operand::Texts(choices) = value else { return None };
                let is_choice = |text: &String| choices.iter().any(|choice| equal(choice, text));
                match answer {
                    Answer::Text(text) => Some(is_choice(&text)),
                    Answer::Texts(texts) => Some(texts.iter().any(is_choice)),
                    Answer::Number(number) => Some(is_choice(&number.to_string())),
                    Answer::Flag(_) => None,
                }
            }
            C::Known | C::Unknown => None,
        }
    }

    fn words(&self, name_of: &dyn Fn(&str) -> Option<String>) -> String {
        let named = |text: &String| name_of(text).unwrap_or_else(|| format!("“{text}”"));
        let value = match &self.value {
            None => String::new(),
            Some(Operand::Flag(true)) => " yes".to_owned(),
            Some(Operand::Flag(false)) => " no".to_owned(),
            Some(Operand::Number(number)) => format!(" {number}"),
            Some(Operand::Text(text)) => format!(" {}", named(text)),
            Some(Operand::Texts(texts)) => format!(" {}", texts.iter().map(named).collect::<Vec<_>>().join(", ")),
        };
        format!("{} {}{value}", self.fact.words(), self.is.words())
    }
}

fn same(answer: &Answer, value: &Operand) -> Option<bool> {
    match (answer, value) {
        (Answer::Number(found), Operand::Number(wanted)) => Some(found == wanted),
        (Answer::Text(found), Operand::Text(wanted)) => Some(equal(found, wanted)),
        (Answer::Texts(found), Operand::Text(wanted)) => Some(found.iter().any(|text| equal(text, wanted))),
        (Answer::Flag(found), Operand::Flag(wanted)) => Some(found == wanted),
        // A property may be a number for one sender and a text for another.
        (Answer::Number(found), Operand::Text(wanted)) => Some(found.to_string() == wanted.trim()),
        (Answer::Text(found), Operand::Number(wanted)) => Some(found.trim() == wanted.to_string()),
        _ => None,
    }
}

fn equal(left: &str, right: &str) -> bool {
    left.trim().to_lowercase() == right.trim().to_lowercase()
}

fn wrong(message: String) -> Error {
    Error::invalid("expression", message)
}

/// A count as a number to compare with.
#[expect(clippy::cast_precision_loss, reason = "nobody has 2⁵³ sites")]
pub(super) fn as_real(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use accounts::CustomerId;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_768_386_600_000);

    fn facts() -> Facts {
        Facts {
            customer: CustomerId::random(),
            name: "Kaffee & Korn".into(),
            currency: "EUR".into(),
            created_at: Timestamp(NOW.0 - 90 * 86_400_000),
            suspended: false,
            band: Some("at_risk".into()),
            score: Some(56.83),
            change_7: Some(-4.0),
            change_30: None,
            slope: None,
            falling_fast: Some(true),
            coverage: Some(0.8),
            churn: None,
            owner: None,
            site_kinds: Some(vec!["ecommerce".into(), "blog".into()]),
            factors: BTreeMap::from([("logins".to_owned(), 35.0)]),
            properties: json!({ "plan": "Pro", "seats": 12, "tags": ["vip", "de"], "trial": false, "odd": {"a": 1}, "zip": "01067" })
                .as_object()
                .unwrap()
                .clone(),
        }
    }

    fn holds(json: serde_json::Value) -> bool {
        Expression::parse(&json.to_string()).unwrap().holds(&facts(), NOW)
    }

    fn is(fact: &str, how: &str, value: serde_json::Value) -> serde_json::Value {
        json!({ "where": { "fact": fact, "is": how, "value": value } })
    }

    #[test]
    fn each_kind_of_fact_is_compared() {
        for (fact, how, value) in [
            ("score", "below", json!(60)),
            ("score", "at_least", json!(56.83)),
            ("change_7", "at_most", json!(-4)),
            ("band", "is", json!("at_risk")),
            ("band", "one_of", json!(["churning", "at_risk"])),
            ("name", "contains", json!("KAFFEE")),
            ("falling_fast", "is", json!(true)),
            ("owner", "is", json!("nobody")),
            ("plan", "is", json!("pro")),
            ("site_kind", "is", json!("blog")),
            ("site_kind", "is_not", json!("portfolio")),
            ("sites", "is", json!(2)),
            ("suspended", "is", json!(false)),
            ("age_days", "above", json!(89.9)),
            ("factor.logins", "below", json!(40)),
            ("property.seats", "above", json!(10)),
            ("property.seats", "is", json!("12")),
            ("property.tags", "is", json!("VIP")),
            ("property.tags", "contains", json!("vi")),
            ("property.trial", "is", json!(false)),
            ("property.zip", "is", json!("01067")),
            ("currency", "is_not", json!("USD")),
        ] {
            assert!(holds(is(fact, how, value.clone())), "{fact} {how} {value}");
            assert!(!holds(json!({ "not": is(fact, how, value.clone()) })), "not {fact} {how} {value}");
        }
    }

    #[test]
    fn what_is_unknown_is_in_neither_half() {
        for (fact, how, value) in [
            ("churn", "above", json!(0.5)),
            ("change_30", "below", json!(0)),
            ("factor.none", "below", json!(50)),
            ("property.nothing", "is", json!("x")),
            ("property.odd", "is_not", json!("x")),
            ("property.plan", "above", json!(3)),
        ] {
            assert!(!holds(is(fact, how, value.clone())), "{fact}");
            assert!(!holds(json!({ "not": is(fact, how, value) })), "not {fact}");
        }
        assert!(holds(json!({ "where": { "fact": "churn", "is": "unknown" } })));
        assert!(holds(json!({ "where": { "fact": "score", "is": "known" } })));
        // One that decides makes up for one that cannot be said.
        let unknown = is("churn", "above", json!(0.5));
        assert!(holds(json!({ "any": [unknown, is("score", "below", json!(60))] })));
        assert!(!holds(json!({ "all": [unknown, is("score", "below", json!(60))] })));
        assert!(holds(json!({ "not": { "all": [unknown, is("score", "above", json!(60))] } })));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_reason() {
        let deep = (0..6).fold(is("score", "below", json!(1)), |inner, _| json!({ "not": inner }));
        let wide = json!({ "all": vec![is("score", "below", json!(1)); 61] });
        for bad in [
            json!({}),
            json!([]),
            json!({ "all": [] }),
            json!({ "sql": "1=1" }),
            json!({ "where": { "fact": "score", "is": "below" } }),
            json!({ "where": { "fact": "score", "is": "known", "value": 1 } }),
            json!({ "where": { "fact": "score", "is": "below", "value": 1, "or": "1=1" } }),
            is("score", "below", json!("40")),
            is("score", "contains", json!("4")),
            is("name", "above", json!(4)),
            is("suspended", "is", json!("yes")),
            is("password", "is", json!("x")),
            is("property.", "is", json!("x")),
            is("score; drop table customer", "is", json!(1)),
            is("band", "one_of", json!([])),
            is("name", "is", json!("x".repeat(201))),
            is("name", "is", json!("a\u{7}b")),
            deep,
            wide,
        ] {
            let error = Expression::parse(&bad.to_string()).unwrap_err();
            assert!(matches!(error, Error::Invalid(_)), "{bad}: {error:?}");
        }
        assert!(Expression::parse(&"{\"not\":".repeat(2000)).is_err());
    }

    #[test]
    fn it_reads_as_a_sentence() {
        let json = json!({ "all": [
            is("score", "below", json!(40)),
            { "any": [is("owner", "is", json!("mem_1")), { "where": { "fact": "churn", "is": "unknown" } }] },
            { "not": is("plan", "one_of", json!(["pro", "<b>"])) },
        ] });
        let expression = Expression::parse(&json.to_string()).unwrap();
        let words = expression.words(&|id| (id == "mem_1").then(|| "Ada".to_owned()));
        assert_eq!(
            words,
            "health score is below 40 and (owner is Ada or churn probability is unknown) and not (plan is one of “pro”, “<b>”)"
        );
        assert!(expression.flat().is_none());
        let again: Expression = serde_json::from_str(&serde_json::to_string(&expression).unwrap()).unwrap();
        assert_eq!(again, expression);
    }

    fn tree() -> impl Strategy<Value = Expression> {
        let leaf =
            (prop_oneof![Just("score"), Just("churn"), Just("change_30"), Just("coverage")], 0.0..100.0_f64).prop_map(|(fact, limit)| {
                Expression::Where(Condition {
                    fact: Fact::parse(fact).unwrap(),
                    is: Comparison::Below,
                    value: Some(Operand::Number(limit)),
                })
            });
        leaf.prop_recursive(3, 20, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 1..4).prop_map(Expression::All),
                proptest::collection::vec(inner.clone(), 1..4).prop_map(Expression::Any),
                inner.prop_map(|part| Expression::Not(Box::new(part))),
            ]
        })
    }

    proptest! {
        /// De Morgan, and nobody in both a segment and its opposite.
        #[test]
        fn logic_is_logic(left in tree(), right in tree(), score in proptest::option::of(0.0..100.0_f64), churn in proptest::option::of(0.0..1.0_f64)) {
            let facts = Facts { score, churn, ..facts() };
            let not = |it: &Expression| Expression::Not(Box::new(it.clone()));
            let both = Expression::All(vec![left.clone(), right.clone()]);
            let either = Expression::Any(vec![not(&left), not(&right)]);
            prop_assert_eq!(not(&both).truth(&facts, NOW), either.truth(&facts, NOW));
            prop_assert!(!(left.holds(&facts, NOW) && not(&left).holds(&facts, NOW)));
        }
    }
}
