//! What was typed about a segment, and what it comes to.

use accounts::Actor;
use insight::owners;
use insight::segments::{Comparison, Condition, Expression, Fact, Kind as Answers, NewSegment, Operand, Segment};
use kit::{Error, Result};

use super::ROWS;
use crate::app::App;

/// What ids in conditions are called.
pub(super) struct Names(Vec<(String, String)>);

impl Names {
    pub(super) async fn load(app: &App, actor: &Actor) -> Result<Names> {
        let staff = owners::choices(&app.db, actor).await?;
        Ok(Names(staff.into_iter().map(|(id, name)| (id.to_string(), name)).collect()))
    }

    pub(super) fn words(&self, expression: &Expression) -> String {
        expression.words(&|id| self.0.iter().find(|(known, _)| known == id).map(|(_, name)| name.clone()))
    }
}

/// What was typed. Read from pairs: a form sends several fields for each condition.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) name: String,
    /// `all`, `any`, or `tree` for what stands in `json`.
    pub(super) how: String,
    pub(super) rows: Vec<[String; 3]>,
    pub(super) json: String,
    pub(super) is_dry_run: bool,
}

impl Default for Typed {
    fn default() -> Typed {
        Typed {
            name: String::new(),
            how: "all".to_owned(),
            rows: vec![<[String; 3]>::default(); ROWS],
            json: String::new(),
            is_dry_run: false,
        }
    }
}

impl Typed {
    pub(super) fn read(pairs: Vec<(String, String)>) -> Result<Typed> {
        let mut typed = Typed::default();
        for (field, value) in pairs {
            match field.as_str() {
                "name" => typed.name = value,
                "how" => typed.how = value,
                "json" => typed.json = value,
                "do" => typed.is_dry_run = value == "count",
                numbered => {
                    let place = ["fact_", "is_", "value_"].iter().enumerate().find_map(|(at, start)| {
                        let row: usize = numbered.strip_prefix(start)?.parse().ok()?;
                        (row < ROWS).then_some((row, at))
                    });
                    let (row, at) = place.ok_or_else(|| Error::invalid(numbered, "is not a field here"))?;
                    typed.rows[row][at] = value;
                }
            }
        }
        Ok(typed)
    }

    pub(super) fn of(segment: &Segment) -> Typed {
        let mut typed = Typed { name: segment.name.clone(), ..Typed::default() };
        match segment.expression.flat().filter(|(_, conditions)| conditions.len() <= ROWS) {
            Some((all, conditions)) => {
                typed.how = if all { "all" } else { "any" }.to_owned();
                for (row, condition) in typed.rows.iter_mut().zip(conditions) {
                    *row = [condition.fact.to_string(), condition.is.to_string(), condition.value.as_ref().map_or_else(String::new, shown)];
                }
            }
            None => {
                typed.how = "tree".to_owned();
                typed.json = serde_json::to_string_pretty(&segment.expression).unwrap_or_default();
            }
        }
        typed
    }

    pub(super) fn parse(&self) -> Result<NewSegment> {
        let expression = match self.how.as_str() {
            "tree" => Expression::parse(&self.json)?,
            how => {
                let rows = self.rows.iter().filter(|[fact, ..]| !fact.is_empty());
                let conditions: Vec<Expression> = rows.map(condition).collect::<Result<_>>()?;
                if how == "any" { Expression::Any(conditions) } else { Expression::All(conditions) }
            }
        };
        expression.validate()?;
        Ok(NewSegment { name: self.name.clone(), expression })
    }
}

/// A row of the form as a condition.
fn condition([fact, is, value]: &[String; 3]) -> Result<Expression> {
    let wrong = |message: String| Error::invalid("expression", message);
    let fact = Fact::parse(fact)?;
    let is = Comparison::from_text(is).ok_or_else(|| wrong("must say how to compare".to_owned()))?;
    let value = value.trim();
    let number = || -> Result<Operand> {
        let plain = value.trim_end_matches('%').trim().replace(',', ".");
        let parsed: f64 = plain.parse().map_err(|_| wrong(format!("needs a number for {}", fact.words())))?;
        Ok(Operand::Number(if value.ends_with('%') { parsed / 100.0 } else { parsed }))
    };
    let value = match (is, fact.kind()) {
        (Comparison::Known | Comparison::Unknown, _) => None,
        (Comparison::OneOf, _) => {
            Some(Operand::Texts(value.split(',').map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()))
        }
        (Comparison::Below | Comparison::AtMost | Comparison::Above | Comparison::AtLeast, _) | (_, Answers::Number) => Some(number()?),
        (_, Answers::Flag) => Some(Operand::Flag(match value.to_lowercase().as_str() {
            "yes" | "true" => true,
            "no" | "false" => false,
            _ => return Err(wrong(format!("needs yes or no for {}", fact.words()))),
        })),
        (Comparison::Is | Comparison::IsNot, Answers::Anything) if value == "true" || value == "false" => {
            Some(Operand::Flag(value == "true"))
        }
        _ => Some(Operand::Text(value.to_owned())),
    };
    Ok(Expression::Where(Condition { fact, is, value }))
}

fn shown(operand: &Operand) -> String {
    match operand {
        Operand::Flag(true) => "yes".to_owned(),
        Operand::Flag(false) => "no".to_owned(),
        Operand::Number(number) => number.to_string(),
        Operand::Text(text) => text.clone(),
        Operand::Texts(texts) => texts.join(", "),
    }
}
