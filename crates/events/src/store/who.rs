//! Who is behind the numbers of events: for figures over people or customers.

use accounts::CustomerId;
use kit::{Db, Result, Timestamp, from_row, sql};

use super::state::padded;
use crate::Day;

/// Whom figures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Who {
    /// Whoever did it; two names that turned out to be one person's are one.
    #[default]
    People,
    /// Whose it is: the customer that the event names, else the person's.
    Customers,
}

/// As whom each subject's events count, by number.
#[derive(Debug)]
pub struct Roots {
    who: Who,
    /// 0 for those that do not count.
    of: Vec<u32>,
}

impl Roots {
    /// As whom an event counts; none when nobody known did it.
    #[inline]
    pub fn of(&self, head: &super::Head) -> Option<u32> {
        let number = match self.who {
            Who::People => head.person,
            Who::Customers => head.subject,
        };
        let place = usize::try_from(number).ok()?;
        let root = match (self.of.get(place), self.who) {
            (Some(root), _) => *root,
            // Newer than what was read.
            (None, Who::People) => u32::try_from(number).ok()?,
            (None, Who::Customers) => 0,
        };
        (root != 0).then_some(root)
    }
}

pub(super) async fn roots(db: &Db, who: Who) -> Result<Roots> {
    let (most,): (i64,) = db.one(sql("select coalesce(max(no), 0) from subject")).await?;
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    let (mut of, other): (Vec<u32>, Vec<(i64, i64)>) = match who {
        Who::People => ((0..=most).collect(), db.all(sql("select no, merged_into from subject where merged_into is not null")).await?),
        // A customer's number is the least of its subjects': there need not be one for the customer itself.
        Who::Customers => (
            vec![0; most as usize + 1],
            db.all(sql("select no, min(no) over (partition by customer_id) from subject where customer_id is not null")).await?,
        ),
    };
    for (no, root) in other {
        if let (Ok(no), Ok(root)) = (usize::try_from(no), u32::try_from(root))
            && let Some(place) = of.get_mut(no)
        {
            *place = root;
        }
    }
    Ok(Roots { who, of })
}

/// Somebody of whom events tell.
#[derive(Debug, Clone)]
pub struct Person {
    /// The number after merges.
    pub no: i64,
    /// The name under which they were first seen; empty for customers.
    pub label: String,
    /// Whose they are, when it is known.
    pub customer: Option<CustomerId>,
    /// What senders said of them: a JSON object.
    pub traits: String,
    /// The first event.
    pub first_at: Timestamp,
    /// The day of the last event.
    pub last_day: Day,
}

impl Person {
    /// Their e-mail address, when a sender told it.
    pub fn email(&self) -> Option<String> {
        let traits: serde_json::Value = serde_json::from_str(&self.traits).ok()?;
        ["email", "$email"].iter().find_map(|key| traits.get(key)?.as_str()).map(str::to_owned)
    }
}

struct Row {
    no: i64,
    label: String,
    customer_id: Option<CustomerId>,
    traits: String,
    first_at: Timestamp,
    last_day: i64,
}

from_row!(Row { no, label, customer_id, traits, first_at, last_day });

pub(super) async fn people(db: &Db, numbers: &[i64]) -> Result<Vec<Person>> {
    let mut people = Vec::with_capacity(numbers.len());
    let mut numbers: Vec<i64> = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    for list in padded(numbers.into_iter().map(Into::into).collect()) {
        let rows: Vec<Row> =
            db.all(sql("select no, label, customer_id, traits, first_at, last_day from subject where no in").list(list)).await?;
        people.extend(rows.into_iter().map(|row| Person {
            no: row.no,
            label: row.label,
            customer: row.customer_id,
            traits: row.traits,
            first_at: row.first_at,
            last_day: Day(row.last_day),
        }));
    }
    Ok(people)
}
