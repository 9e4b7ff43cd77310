//! A model's factors as fields of a form, and back.

use std::collections::HashMap;

use insight::health::model::{Countable, MOST_RULES, Measure, Missing, PropertyBand, Rule, Tries};
use kit::{Error, FieldError, Result};

/// What was typed about one factor. All factors have the same fields; what a kind has no use for is ignored.
#[derive(Debug, Clone, Default)]
pub struct TypedRule {
    pub key: String,
    pub label: String,
    pub weight: String,
    pub kind: String,
    pub what: String,
    pub days: String,
    pub number: String,
    pub only: String,
    pub missing: String,
}

/// The fields of a factor, as they are named after its place.
const FIELDS: [&str; 9] = ["key", "label", "weight", "kind", "what", "days", "number", "only", "missing"];

impl TypedRule {
    fn field(&mut self, name: &str) -> &mut String {
        match name {
            "key" => &mut self.key,
            "label" => &mut self.label,
            "weight" => &mut self.weight,
            "kind" => &mut self.kind,
            "what" => &mut self.what,
            "days" => &mut self.days,
            "number" => &mut self.number,
            "only" => &mut self.only,
            _ => &mut self.missing,
        }
    }

    /// A rule as it is edited.
    pub fn of(rule: &Rule) -> TypedRule {
        let (what, days, number, only) = match &rule.measure {
            Measure::Count { what, days, full } => (what.as_str(), *days, full.to_string(), String::new()),
            Measure::Penalty { what, days, each } => (what.as_str(), *days, each.to_string(), String::new()),
            Measure::ActiveDays { days, full } => ("", *days, full.to_string(), String::new()),
            Measure::ActiveWeeks { weeks } => ("", weeks * 7, String::new(), String::new()),
            Measure::Features { days, of, only } => ("", *days, of.map_or(String::new(), |of| of.to_string()), only.join(", ")),
            Measure::Success { of, days } => (of.as_str(), *days, String::new(), String::new()),
            Measure::Invoices { days } | Measure::Ratings { days } => ("", *days, String::new(), String::new()),
            Measure::Momentum { what, days } => (what.as_str(), *days, String::new(), String::new()),
            Measure::Pulse {} => ("", 1, String::new(), String::new()),
            Measure::Property { property, bands } => ("", 1, String::new(), in_one_line(property, bands)),
        };
        TypedRule {
            key: rule.key.clone(),
            label: rule.label.clone(),
            weight: rule.weight.to_string(),
            kind: rule.measure.kind().to_owned(),
            what: what.to_owned(),
            days: days.to_string(),
            number,
            only,
            missing: rule.missing.as_str().to_owned(),
        }
    }

    fn rule(&self, place: usize, wrong: &mut Vec<FieldError>) -> Option<Rule> {
        let before = wrong.len();
        let mut complain =
            |field: &str, message: &str| wrong.push(FieldError { field: format!("{place}_{field}"), message: message.to_owned() });
        let weight = self.weight.trim().replace(',', ".").parse().ok().filter(|weight: &f64| weight.is_finite());
        let weight = weight.unwrap_or_else(|| {
            complain("weight", "must be a number");
            0.0
        });
        let days = self.days.trim().parse().unwrap_or_else(|_| {
            complain("days", "must be a number of days");
            1
        });
        let needs_number = matches!(self.kind.as_str(), "count" | "penalty" | "active_days");
        let number = self.number.trim().replace(',', ".").parse().ok().filter(|number: &f64| number.is_finite());
        if needs_number && number.is_none() {
            complain("number", "must be a number");
        }
        let counted = |complain: &mut dyn FnMut(&str, &str)| {
            Countable::from_text(&self.what).unwrap_or_else(|| {
                complain("what", "choose something that is counted");
                Countable::Logins
            })
        };
        let measure = match self.kind.as_str() {
            "count" => Measure::Count { what: counted(&mut complain), days, full: number.unwrap_or(1.0) },
            "penalty" => Measure::Penalty { what: counted(&mut complain), days, each: number.unwrap_or(1.0) },
            "momentum" => Measure::Momentum { what: counted(&mut complain), days },
            "active_days" => Measure::ActiveDays { days, full: number.unwrap_or(1.0) },
            "active_weeks" => Measure::ActiveWeeks { weeks: days.div_ceil(7) },
            "features" => Measure::Features {
                days,
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a saturating cast, and the range is checked later"
                )]
                of: number.map(|number| number as u32),
                only: self.only.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            },
            "success" => match Tries::from_text(&self.what) {
                Some(of) => Measure::Success { of, days },
                None => {
                    complain("what", "choose builds or deployments");
                    Measure::Ratings { days }
                }
            },
            "invoices" => Measure::Invoices { days },
            "ratings" => Measure::Ratings { days },
            "pulse" => Measure::Pulse {},
            "property" => property(&self.only).unwrap_or_else(|| {
                complain("only", "must be like plan: pro = 80, free = 30 or seats: >= 100 = 90, >= 10 = 60");
                Measure::Pulse {}
            }),
            _ => {
                complain("kind", "choose what it is made of");
                Measure::Ratings { days }
            }
        };
        let missing = Missing::from_text(&self.missing).unwrap_or(Missing::Neutral);
        let key = if self.key.is_empty() { key_of(&self.label) } else { self.key.clone() };
        (wrong.len() == before).then(|| Rule { key, label: self.label.trim().to_owned(), weight, measure, missing })
    }
}

/// `plan: pro = 80, >= 100 = 90`, as a property and its bands are typed.
fn in_one_line(property: &str, bands: &[PropertyBand]) -> String {
    let band = |band: &PropertyBand| match (&band.is, band.at_least) {
        (Some(is), _) => format!("{is} = {}", band.points),
        (None, least) => format!(">= {} = {}", least.unwrap_or_default(), band.points),
    };
    format!("{property}: {}", bands.iter().map(band).collect::<Vec<_>>().join(", "))
}

/// Reads that line; none when it is like nothing.
fn property(line: &str) -> Option<Measure> {
    let number = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    let band = |text: &str| {
        let (answer, points) = text.rsplit_once('=')?;
        let points = number(points)?;
        match answer.trim().strip_prefix(">=") {
            Some(least) => Some(PropertyBand { is: None, at_least: Some(number(least)?), points }),
            None => Some(PropertyBand { is: Some(answer.trim().to_owned()), at_least: None, points }),
        }
    };
    let (property, bands) = line.split_once(':')?;
    let bands: Option<Vec<PropertyBand>> = bands.split(',').map(band).collect();
    Some(Measure::Property { property: property.trim().to_owned(), bands: bands? })
}

/// A key made from a name: `Sign-ins per week` is `sign_ins_per_week`.
fn key_of(label: &str) -> String {
    let mut key = String::new();
    for letter in label.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' => key.push(letter),
            _ if !key.ends_with('_') && !key.is_empty() => key.push('_'),
            _ => {}
        }
    }
    key.truncate(32);
    key.trim_end_matches('_').to_owned()
}

/// Reads `0_label=…&0_weight=…&1_label=…`. Factors without a name are left out: so an empty line adds none and emptying a name removes one.
pub fn read(form: &HashMap<String, String>) -> Vec<TypedRule> {
    (0..=MOST_RULES)
        .map(|place| {
            let mut rule = TypedRule::default();
            for field in FIELDS {
                if let Some(value) = form.get(&format!("{place}_{field}")) {
                    rule.field(field).clone_from(value);
                }
            }
            rule
        })
        .filter(|rule| !rule.label.trim().is_empty())
        .collect()
}

/// The rules that were typed, or every field that does not fit.
pub fn rules(typed: &[TypedRule]) -> Result<Vec<Rule>> {
    let mut wrong = Vec::new();
    let rules = typed.iter().enumerate().filter_map(|(place, typed)| typed.rule(place, &mut wrong)).collect();
    if wrong.is_empty() { Ok(rules) } else { Err(Error::Invalid(wrong)) }
}

/// `rules.2.measure.days`, as the slice names it, is the field `2_days`.
pub fn field_of(name: &str) -> String {
    let Some((place, field)) = name.strip_prefix("rules.").and_then(|rest| rest.split_once('.')) else { return name.to_owned() };
    let field = match field.strip_prefix("measure.").unwrap_or(field) {
        "weeks" => "days",
        "full" | "each" | "of" => "number",
        "property" | "bands" => "only",
        "key" => "label",
        field => field,
    };
    format!("{place}_{field}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_comes_back_as_it_was() {
        let measures = [
            Measure::Count { what: Countable::Logins, days: 30, full: 20.5 },
            Measure::Penalty { what: Countable::TicketsOpened, days: 90, each: 10.0 },
            Measure::ActiveDays { days: 30, full: 12.0 },
            Measure::ActiveWeeks { weeks: 4 },
            Measure::Features { days: 90, of: None, only: vec!["a".to_owned(), "b c".to_owned()] },
            Measure::Features { days: 90, of: Some(7), only: Vec::new() },
            Measure::Success { of: Tries::Deploys, days: 30 },
            Measure::Invoices { days: 90 },
            Measure::Momentum { what: Countable::ApiCalls, days: 30 },
            Measure::Ratings { days: 90 },
            Measure::Pulse {},
            Measure::Property {
                property: "plan name".to_owned(),
                bands: vec![
                    PropertyBand { is: Some("Pro <b> 2".to_owned()), at_least: None, points: 80.5 },
                    PropertyBand { is: None, at_least: Some(-1.5), points: 0.0 },
                ],
            },
        ];
        let rules_before: Vec<Rule> = measures
            .into_iter()
            .enumerate()
            .map(|(at, measure)| Rule {
                key: format!("k{at}"),
                label: format!("Factor {at}"),
                weight: 2.5,
                measure,
                missing: Missing::Missing,
            })
            .collect();
        let typed: Vec<TypedRule> = rules_before.iter().map(TypedRule::of).collect();
        assert_eq!(rules(&typed).unwrap(), rules_before);
    }

    #[test]
    fn a_property_is_typed_in_one_line() {
        for bad in ["", "plan", "plan:", "plan: pro", "plan: pro = x", "plan: >= x = 5", "plan: pro = 1,", "plan: pro = NaN"] {
            assert_eq!(property(bad), None, "{bad}");
        }
        let bands = vec![PropertyBand { is: None, at_least: Some(100.0), points: 90.0 }];
        assert_eq!(property(" seats :>=100=90 "), Some(Measure::Property { property: "seats".to_owned(), bands }));
    }

    #[test]
    fn what_does_not_fit_is_named_and_lines_without_a_name_are_left_out() {
        let form: HashMap<String, String> = [
            ("0_label", ""),
            ("1_label", "A"),
            ("1_weight", "x"),
            ("1_kind", "count"),
            ("1_what", "nothing"),
            ("1_days", "-1"),
            ("3_label", "<b>"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let typed = read(&form);
        assert_eq!(typed.len(), 2);
        let Err(Error::Invalid(fields)) = rules(&typed) else { panic!("it does not fit") };
        let named: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(named, ["0_weight", "0_days", "0_number", "0_what", "1_weight", "1_days", "1_kind"]);
    }

    #[test]
    fn names_become_keys() {
        assert_eq!([key_of("Sign-ins per week!"), key_of("Ärger"), key_of("!!")], ["sign_ins_per_week", "rger", ""]);
        assert_eq!([field_of("rules.2.measure.each"), field_of("rules.0.key"), field_of("name")], ["2_number", "0_label", "name"]);
    }
}
