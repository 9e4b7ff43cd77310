//! A price as fields of a form, and back.

use std::collections::HashMap;

use events::Day;
use insight::cost::{NewPrice, Part, PartRates, Pattern, Price, Rates, Tier, parse_rate, rate_text};
use kit::{Error, FieldError, Result};

/// What was typed, by the names of the fields.
#[derive(Debug, Clone, Default)]
pub struct TypedPrice(HashMap<String, String>);

/// Fields beside the rates.
pub const FIELDS: [&str; 5] = ["label", "pattern", "since", "note", "tier_over"];

/// The field of a rate, of the price itself or of its tier.
pub fn field_of(side: &str, part: Part) -> String {
    format!("{side}_{}", part.as_str())
}

impl TypedPrice {
    /// What a form sent.
    pub fn read(form: HashMap<String, String>) -> TypedPrice {
        TypedPrice(form)
    }

    /// A new price, for a model that has none.
    pub fn of_model(model: &str, today: Day) -> TypedPrice {
        let label = model.chars().take(80).collect();
        TypedPrice([("label".to_owned(), label), ("pattern".to_owned(), Pattern::exactly(model)), ("since".to_owned(), today.iso())].into())
    }

    /// A price as it is kept; none when it has more tiers than the form shows.
    pub fn of(price: &Price) -> Option<TypedPrice> {
        let mut form: HashMap<String, String> = [
            ("label".to_owned(), price.label.clone()),
            ("pattern".to_owned(), price.pattern.as_str().to_owned()),
            ("since".to_owned(), price.since.iso()),
            ("note".to_owned(), price.note.clone()),
        ]
        .into();
        let mut put =
            |side: &str, rates: &PartRates| form.extend(rates.iter().map(|(part, rate)| (field_of(side, *part), rate_text(*rate))));
        put("rates", &price.rates.base);
        match price.rates.tiers.as_slice() {
            [] => {}
            [tier] if tier.of.is_empty() => {
                put("tier", &tier.rates);
                form.insert("tier_over".to_owned(), tier.over.to_string());
            }
            _ => return None,
        }
        Some(TypedPrice(form))
    }

    /// What stands in a field.
    pub fn get(&self, field: &str) -> &str {
        self.0.get(field).map_or("", |text| text.trim())
    }

    /// Whether only the preview was asked for.
    pub fn wants_preview(&self) -> bool {
        self.get("then") == "preview"
    }

    /// The price, or all that is wrong with it.
    pub fn parse(&self) -> Result<NewPrice> {
        let mut wrong = Vec::new();
        let mut complain = |field: &str, message: &str| wrong.push(FieldError { field: field.to_owned(), message: message.to_owned() });
        let since = Day::parse(self.get("since")).unwrap_or_else(|| {
            complain("since", "must be a day, such as 2026-11-21");
            Day(0)
        });
        let mut rates = |side: &str| -> PartRates {
            let mut rates = PartRates::new();
            for part in Part::ALL {
                let field = field_of(side, part);
                let text = self.get(&field).replace(',', ".");
                match (text.as_str(), parse_rate(&text)) {
                    ("", _) => {}
                    (_, Some(rate)) => {
                        rates.insert(part, rate);
                    }
                    (_, None) => complain(&field, "must be dollars for a million tokens, such as 0.80"),
                }
            }
            rates
        };
        let (base, of_tier) = (rates("rates"), rates("tier"));
        let over = self.get("tier_over").replace([',', ' '], "");
        let tiers = match (over.as_str(), over.parse()) {
            ("", _) if of_tier.is_empty() => Vec::new(),
            ("", _) => {
                complain("tier_over", "is needed when there are rates for large calls");
                Vec::new()
            }
            (_, Ok(over)) => vec![Tier { over, of: Vec::new(), rates: of_tier }],
            (_, Err(_)) => {
                complain("tier_over", "must be a number of tokens");
                Vec::new()
            }
        };
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        let text = |field: &str| self.get(field).to_owned();
        Ok(NewPrice { label: text("label"), pattern: text("pattern"), since, rates: Rates { base, tiers }, note: text("note") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_comes_back_and_what_is_wrong_is_named() {
        let pairs = [
            ("label", "Ours"),
            ("pattern", "our-.*"),
            ("since", "2026-01-02"),
            ("rates_input", "0.8"),
            ("rates_output", "4"),
            ("tier_over", "200000"),
            ("tier_input", "1,6"),
            ("tier_output", "8"),
        ];
        let typed = TypedPrice::read(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
        let new = typed.parse().unwrap();
        assert_eq!(
            (new.rates.base[&Part::Input], new.rates.tiers[0].over, new.rates.tiers[0].rates[&Part::Input]),
            (800_000, 200_000, 1_600_000)
        );
        let wrong = TypedPrice::read(
            [
                ("since".to_owned(), "soon".to_owned()),
                ("rates_input".to_owned(), "x".to_owned()),
                ("tier_input".to_owned(), "1".to_owned()),
            ]
            .into(),
        );
        let Err(Error::Invalid(fields)) = wrong.parse() else { panic!("it is wrong") };
        assert_eq!(fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), ["since", "rates_input", "tier_over"]);
    }

    #[test]
    fn the_pattern_of_a_name_is_for_that_name() {
        for name in ["gpt-5.1", "a+b(c)[d]", "it's <b> \"x\"", "org/model:free", "größe"] {
            let pattern = Pattern::parse(&Pattern::exactly(name)).unwrap();
            assert!(pattern.is_for(name) && !pattern.is_for(&format!("{name}x")), "{name}: {}", pattern.as_str());
        }
        assert!(!Pattern::parse(&Pattern::exactly("gpt-5.1")).unwrap().is_for("gpt-5x1"));
    }
}
