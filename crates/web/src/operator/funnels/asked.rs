//! A funnel as it stands in the address of its page.

use events::{Day, Who};
use insight::funnel::{Attribution, Breakdown, Cell, MOST_STEPS, Order, Question, Range};
use kit::{Error, Result};

use super::PLACE;
use crate::portal::to;

/// What stands in the address. Read from pairs, because steps are many.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub(super) steps: Vec<String>,
    pub(super) order: String,
    pub(super) window: String,
    pub(super) days: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) who: String,
    pub(super) by: String,
    pub(super) of: String,
    /// Of the list of people: the step, and whether those who did not get there.
    pub(super) step: String,
    pub(super) dropped: String,
    /// `=red`, or `none`.
    pub(super) value: String,
    pub(super) after: String,
}

/// Orders and what they are called.
pub(super) const ORDERS: [(&str, &str, Order); 3] = [
    ("ordered", "One after the other", Order::Ordered),
    ("strict", "Nothing in between", Order::Strict),
    ("any", "In any order", Order::Any),
];

impl Asked {
    /// Reads the pairs of an address. A name that is none of ours is refused.
    pub(super) fn read(pairs: Vec<(String, String)>) -> Result<Asked> {
        let mut asked = Asked { steps: vec![String::new(); MOST_STEPS], ..Asked::default() };
        for (name, value) in pairs {
            let value = value.trim().to_owned();
            let place = match name.as_str() {
                "order" => &mut asked.order,
                "window" => &mut asked.window,
                "days" => &mut asked.days,
                "from" => &mut asked.from,
                "to" => &mut asked.to,
                "who" => &mut asked.who,
                "by" => &mut asked.by,
                "of" => &mut asked.of,
                "step" => &mut asked.step,
                "dropped" => &mut asked.dropped,
                "value" => &mut asked.value,
                "after" => &mut asked.after,
                step => {
                    let number = step.strip_prefix("step").and_then(|number| number.parse::<usize>().ok());
                    let place = number.and_then(|number| asked.steps.get_mut(number.wrapping_sub(1)));
                    place.ok_or_else(|| Error::invalid(step, "is not a field here"))?
                }
            };
            *place = value;
        }
        asked.steps.retain(|step| !step.is_empty());
        Ok(asked)
    }

    /// Whether a funnel is asked for, rather than the empty form.
    pub(super) fn is_asked(&self) -> bool {
        !self.steps.is_empty()
    }

    pub(super) fn question(&self) -> Result<Question> {
        let number = |text: &str, usual: u32, field: &str| match text {
            "" => Ok(usual),
            text => text.parse().map_err(|_| Error::invalid(field, "must be a whole number")),
        };
        let day = |text: &str, field: &str| Day::parse(text).ok_or_else(|| Error::invalid(field, "must be a day, such as 2026-11-21"));
        let range = match (self.from.as_str(), self.to.as_str()) {
            ("", "") => Range::Last(number(&self.days, 30, "days")?),
            (from, to) => Range::Between(day(from, "from")?, day(to, "to")?),
        };
        let order = match self.order.as_str() {
            "" => Order::Ordered,
            text => ORDERS.iter().find(|(word, ..)| *word == text).ok_or_else(|| Error::invalid("order", "is not one of them"))?.2,
        };
        let question = Question {
            steps: self.steps.clone(),
            order,
            window_hours: number(&self.window, 24 * 14, "window")?,
            range,
            who: match self.who.as_str() {
                "" | "people" => Who::People,
                "customers" => Who::Customers,
                _ => return Err(Error::invalid("who", "must be `people` or `customers`")),
            },
            breakdown: match self.by.as_str() {
                "" => None,
                by => Some(Breakdown { by: by.to_owned(), attribution: self.attribution()? }),
            },
        };
        question.validate()?;
        Ok(question)
    }

    fn attribution(&self) -> Result<Attribution> {
        Ok(match self.of.as_str() {
            "" | "first" => Attribution::First,
            "last" => Attribution::Last,
            "all" => Attribution::All,
            step => Attribution::Step(step.parse().map_err(|_| Error::invalid("attribution", "must be `first`, `last`, `all` or a step"))?),
        })
    }

    /// The people that are asked for.
    pub(super) fn cell(&self) -> Option<(Cell, Option<i64>)> {
        let value = match self.value.as_str() {
            "" => None,
            "none" => Some(String::new()),
            word => Some(word.strip_prefix('=')?.to_owned()),
        };
        let after = if self.after.is_empty() { None } else { Some(self.after.parse().ok()?) };
        Some((Cell { step: self.step.parse().ok()?, is_dropped: self.dropped == "yes", value }, after))
    }
}

/// The pairs of a question, without those that say the usual.
fn pairs(question: &Question) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> =
        question.steps.iter().zip(1..).map(|(step, number)| (format!("step{number}"), step.clone())).collect();
    let mut add = |name: &str, value: String| pairs.push((name.to_owned(), value));
    if let Some((word, ..)) = ORDERS.iter().find(|(.., order)| *order == question.order && *order != Order::Ordered) {
        add("order", (*word).to_owned());
    }
    if question.window_hours != 24 * 14 {
        add("window", question.window_hours.to_string());
    }
    match question.range {
        Range::Last(30) => {}
        Range::Last(days) => add("days", days.to_string()),
        Range::Between(from, to) => {
            add("from", from.iso());
            add("to", to.iso());
        }
    }
    if question.who == Who::Customers {
        add("who", "customers".to_owned());
    }
    if let Some(breakdown) = &question.breakdown {
        add("by", breakdown.by.clone());
        match breakdown.attribution {
            Attribution::First => {}
            Attribution::Last => add("of", "last".to_owned()),
            Attribution::All => add("of", "all".to_owned()),
            Attribution::Step(step) => add("of", step.to_string()),
        }
    }
    pairs
}

/// The question as it stands in an address.
pub(super) fn query(question: &Question) -> String {
    let address = address(question);
    address.split_once('?').map_or_else(String::new, |(_, query)| query.to_owned())
}

/// The address of the page that answers a question.
pub fn address(question: &Question) -> String {
    with(PLACE, question, &[])
}

/// An address with a question and more.
pub(super) fn with(place: &str, question: &Question, more: &[(&str, &str)]) -> String {
    let pairs = pairs(question);
    let mut all: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    all.extend_from_slice(more);
    to(place, &all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Asked {
        let query = address.split_once('?').map_or("", |(_, query)| query);
        Asked::read(form_urlencoded::parse(query.as_bytes()).into_owned().collect()).unwrap()
    }

    #[test]
    fn questions_survive_their_address() {
        let question = Question {
            steps: vec!["visit | $pageview".into(), "<b>&=+%".into(), "x".into()],
            order: Order::Strict,
            window_hours: 5,
            range: Range::Between(Day(20_000), Day(20_010)),
            who: Who::Customers,
            breakdown: Some(Breakdown { by: "site type".into(), attribution: Attribution::Step(2) }),
        };
        assert_eq!(read(&address(&question)).question().unwrap(), question);
        let house = insight::funnel::stages::question(30);
        assert_eq!(read(&address(&house)).question().unwrap(), house);
        let people = with("/p", &house, &[("step", "2"), ("value", "=none")]);
        assert_eq!(read(&people).cell(), Some((Cell { step: 2, is_dropped: false, value: Some("none".into()) }, None)));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for (query, field) in [
            ("step1=a&step2=b&days=x", "days"),
            ("step1=a&step2=b&from=2026-01-01", "to"),
            ("step1=a&step2=b&order=x", "order"),
            ("step1=a&step2=b&who=x", "who"),
            ("step1=a&step2=b&by=c&of=x", "attribution"),
            ("step1=a", "steps"),
        ] {
            let refused = format!("{:?}", read(&format!("?{query}")).question().unwrap_err());
            assert!(refused.contains(field), "{query}: {refused}");
        }
        for bad in ["step0", "step11", "steps", "other"] {
            assert!(Asked::read(vec![(bad.to_owned(), "a".to_owned())]).is_err(), "{bad}");
        }
    }
}
