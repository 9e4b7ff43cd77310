//! What was counted, read back.

use std::collections::{BTreeMap, HashMap};

use accounts::{CustomerId, Scope};
use events::Day;
use kit::db::{FromRow, Row};
use kit::{Error, Result, Timestamp, sql};

use super::{Usd, calls};
use crate::Insight;

/// Tokens, each in one of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Read anew.
    pub input: i64,
    /// Read from a cache.
    pub cache_read: i64,
    /// Written to a cache.
    pub cache_write: i64,
    /// Said or thought.
    pub output: i64,
}

impl Tokens {
    /// All of them.
    pub fn all(&self) -> i64 {
        self.input + self.cache_read + self.cache_write + self.output
    }
}

/// What calls of language models sum to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many calls.
    pub calls: i64,
    /// Those that said that they failed.
    pub failed: i64,
    /// Those that have no price: their cost is not in `cost`.
    pub unpriced: i64,
    /// Those whose cost the sender told.
    pub told: i64,
    /// Tokens of all calls.
    pub tokens: Tokens,
    /// What the others cost, as far as it is known.
    pub cost: Usd,
}

impl Sum {
    /// The cost, when anything is known of it: not when there were calls and none has a price.
    pub fn known_cost(&self) -> Option<Usd> {
        (self.calls == 0 || self.unpriced < self.calls).then_some(self.cost)
    }

    /// Adds another.
    pub fn add(&mut self, other: &Sum) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.unpriced += other.unpriced;
        self.told += other.told;
        self.tokens.input += other.tokens.input;
        self.tokens.cache_read += other.tokens.cache_read;
        self.tokens.cache_write += other.tokens.cache_write;
        self.tokens.output += other.tokens.output;
        self.cost += other.cost;
    }
}

impl FromRow for Sum {
    fn from_row(row: &Row<'_>) -> Result<Sum> {
        Ok(Sum {
            calls: row.get("calls")?,
            failed: row.get("failed")?,
            unpriced: row.get("unpriced")?,
            told: row.get("told")?,
            tokens: Tokens {
                input: row.get("input")?,
                cache_read: row.get("cache_read")?,
                cache_write: row.get("cache_write")?,
                output: row.get("output")?,
            },
            cost: Usd(row.get("cost")?),
        })
    }
}

/// A sum behind what it is of.
struct Keyed<K>(K, Sum);

macro_rules! keyed {
    ($kind:ty, $column:literal) => {
        impl FromRow for Keyed<$kind> {
            fn from_row(row: &Row<'_>) -> Result<Keyed<$kind>> {
                Ok(Keyed(row.get($column)?, Sum::from_row(row)?))
            }
        }
    };
}

keyed!(i64, "of_what");

/// What one model's calls sum to, with what its parts cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSum {
    /// Who runs it; may be empty.
    pub provider: String,
    /// As senders name it.
    pub name: String,
    /// The sum.
    pub sum: Sum,
    /// What the price table makes of input, cache read, cache write and output; with `told_cost` they are the cost.
    pub part_costs: [Usd; 4],
    /// What senders told.
    pub told_cost: Usd,
}

impl FromRow for ModelSum {
    fn from_row(row: &Row<'_>) -> Result<ModelSum> {
        let part = |name| Ok::<Usd, Error>(Usd(row.get(name)?));
        Ok(ModelSum {
            provider: row.get("provider")?,
            name: row.get("name")?,
            sum: Sum::from_row(row)?,
            part_costs: [part("input_cost")?, part("cache_read_cost")?, part("cache_write_cost")?, part("output_cost")?],
            told_cost: part("told_cost")?,
        })
    }
}

impl FromRow for Keyed<(i64, ModelSum)> {
    fn from_row(row: &Row<'_>) -> Result<Keyed<(i64, ModelSum)>> {
        let model = ModelSum::from_row(row)?;
        let sum = model.sum;
        Ok(Keyed((row.get("of_what")?, model), sum))
    }
}

/// What one customer's calls sum to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerSum {
    /// Who.
    pub customer: CustomerId,
    /// What it is called.
    pub name: String,
    /// The sum.
    pub sum: Sum,
}

impl FromRow for CustomerSum {
    fn from_row(row: &Row<'_>) -> Result<CustomerSum> {
        Ok(CustomerSum { customer: row.get("customer_id")?, name: row.get("name")?, sum: Sum::from_row(row)? })
    }
}

/// How fresh the sums are.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The number of the last event that is in them; none before the first look.
    pub through_seq: Option<i64>,
    /// When they last changed.
    pub at: Option<Timestamp>,
    /// So many of so many days were counted anew since prices changed; none when nothing is.
    pub recount: Option<(usize, usize)>,
    /// What a calendar month may cost.
    pub monthly_budget: Option<Usd>,
}

/// How fresh the sums are.
pub async fn standing(insight: &Insight) -> Result<Standing> {
    let progress = calls::load(insight).await?;
    let recount = match progress.recount_from.map(Day) {
        None => None,
        Some(from) => {
            let all = calls::days_to_do(insight, from, Day(i64::MAX)).await?;
            let done = progress.recount_day.map_or(0, |day| all.iter().filter(|it| it.0 >= day).count());
            Some((done, all.len()))
        }
    };
    Ok(Standing { through_seq: progress.through_seq, at: progress.counted_at, recount, monthly_budget: progress.monthly_budget.map(Usd) })
}

/// Figures of the whole house are for those who may see all of it.
fn house_only(scope: &Scope) -> Result<()> {
    match scope.is_house() {
        true => Ok(()),
        false => Err(Error::forbidden("this belongs to the people who run Innkeeper")),
    }
}

/// Each day between two, both included, in order, days without calls too.
pub async fn days(insight: &Insight, scope: &Scope, from: Day, to: Day) -> Result<Vec<(Day, Sum)>> {
    house_only(scope)?;
    let rows: Vec<Keyed<i64>> = insight
        .db()
        .all(
            sql("select day as of_what, cast(sum(calls) as bigint) as calls, cast(sum(failed) as bigint) as failed,
                        cast(sum(unpriced) as bigint) as unpriced, cast(sum(told) as bigint) as told, cast(sum(input) as bigint) as input,
                        cast(sum(cache_read) as bigint) as cache_read, cast(sum(cache_write) as bigint) as cache_write,
                        cast(sum(output) as bigint) as output,
                        cast(sum(input_cost + cache_read_cost + cache_write_cost + output_cost + told_cost) as bigint) as cost
                 from llm_day
                 where day >= $1 and day <= $2
                 group by day")
            .bind(from.0)
            .bind(to.0),
        )
        .await?;
    let known: BTreeMap<i64, Sum> = rows.into_iter().map(|Keyed(day, sum)| (day, sum)).collect();
    Ok((from.0..=to.0).map(|day| (Day(day), known.get(&day).copied().unwrap_or_default())).collect())
}

/// Each day and model between two days, both included, in the order of days; days without calls are missing.
pub async fn by_day_and_model(insight: &Insight, scope: &Scope, from: Day, to: Day) -> Result<Vec<(Day, ModelSum)>> {
    house_only(scope)?;
    let rows: Vec<Keyed<(i64, ModelSum)>> = insight
        .db()
        .all(
            sql("select day as of_what, provider, name, calls, failed, unpriced, told, input, cache_read, cache_write, output,
                        input_cost, cache_read_cost, cache_write_cost, output_cost, told_cost,
                        input_cost + cache_read_cost + cache_write_cost + output_cost + told_cost as cost
                 from llm_day join llm_model on llm_model.no = llm_day.model
                 where day >= $1 and day <= $2
                 order by day, model")
            .bind(from.0)
            .bind(to.0),
        )
        .await?;
    Ok(rows.into_iter().map(|Keyed((day, model), _)| (Day(day), model)).collect())
}

/// Each model between two days, both included, the dearest first.
pub async fn by_model(insight: &Insight, scope: &Scope, from: Day, to: Day) -> Result<Vec<ModelSum>> {
    Ok(together(by_day_and_model(insight, scope, from, to).await?.iter().map(|(_, model)| model)))
}

/// Sums of the same models put together, the dearest first.
pub(super) fn together<'a>(models: impl Iterator<Item = &'a ModelSum>) -> Vec<ModelSum> {
    let mut all: BTreeMap<(&str, &str), ModelSum> = BTreeMap::new();
    for model in models {
        match all.entry((&model.name, &model.provider)) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(model.clone());
            }
            std::collections::btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.sum.add(&model.sum);
                known.told_cost += model.told_cost;
                for (sum, more) in known.part_costs.iter_mut().zip(model.part_costs) {
                    *sum += more;
                }
            }
        }
    }
    let mut all: Vec<ModelSum> = all.into_values().collect();
    all.sort_by_key(|model| (std::cmp::Reverse(model.sum.cost), std::cmp::Reverse(model.sum.calls)));
    all
}

/// Each customer with calls between two days, both included, the dearest first, `limit` at most; and what belongs to no customer.
///
/// Reads a row for each customer, person, model and day of the range: for pages [`super::overview`] keeps the answer for a while.
pub async fn by_customer(insight: &Insight, scope: &Scope, from: Day, to: Day, limit: u32) -> Result<(Vec<CustomerSum>, Sum)> {
    house_only(scope)?;
    let listed: Vec<CustomerSum> = insight
        .db()
        .all(
            sql("select customer.id as customer_id, customer.name as name, spent.calls, spent.failed, spent.unpriced, spent.told, spent.input,
                        spent.cache_read, spent.cache_write, spent.output, spent.cost
                 from (select subject.customer_id as customer_id, cast(sum(calls) as bigint) as calls, cast(sum(failed) as bigint) as failed,
                              cast(sum(unpriced) as bigint) as unpriced, cast(sum(told) as bigint) as told, cast(sum(input) as bigint) as input,
                              cast(sum(cache_read) as bigint) as cache_read, cast(sum(cache_write) as bigint) as cache_write,
                              cast(sum(output) as bigint) as output, cast(sum(cost) as bigint) as cost
                       from llm_subject_day join subject on subject.no = llm_subject_day.subject
                       where day >= $1 and day <= $2 and subject.customer_id is not null
                       group by subject.customer_id
                       order by 10 desc, 1
                       limit $3) spent
                 join customer on customer.id = spent.customer_id
                 order by spent.cost desc, customer.id")
            .bind(from.0)
            .bind(to.0)
            .bind(limit),
        )
        .await?;
    let nobodys: Sum = insight
        .db()
        .one(
            sql("select cast(coalesce(sum(calls), 0) as bigint) as calls, cast(coalesce(sum(failed), 0) as bigint) as failed,
                        cast(coalesce(sum(unpriced), 0) as bigint) as unpriced, cast(coalesce(sum(told), 0) as bigint) as told,
                        cast(coalesce(sum(input), 0) as bigint) as input, cast(coalesce(sum(cache_read), 0) as bigint) as cache_read,
                        cast(coalesce(sum(cache_write), 0) as bigint) as cache_write, cast(coalesce(sum(output), 0) as bigint) as output,
                        cast(coalesce(sum(cost), 0) as bigint) as cost
                 from llm_subject_day left join subject on subject.no = llm_subject_day.subject
                 where day >= $1 and day <= $2 and subject.customer_id is null")
            .bind(from.0)
            .bind(to.0),
        )
        .await?;
    Ok((listed, nobodys))
}

/// What a customer's calls and those of its people sum to between two days, both included.
pub async fn of_customer(insight: &Insight, scope: &Scope, customer: &CustomerId, from: Day, to: Day) -> Result<Sum> {
    scope.allows(customer)?;
    insight
        .db()
        .one(
            sql("select cast(coalesce(sum(calls), 0) as bigint) as calls, cast(coalesce(sum(failed), 0) as bigint) as failed,
                        cast(coalesce(sum(unpriced), 0) as bigint) as unpriced, cast(coalesce(sum(told), 0) as bigint) as told,
                        cast(coalesce(sum(input), 0) as bigint) as input, cast(coalesce(sum(cache_read), 0) as bigint) as cache_read,
                        cast(coalesce(sum(cache_write), 0) as bigint) as cache_write, cast(coalesce(sum(output), 0) as bigint) as output,
                        cast(coalesce(sum(cost), 0) as bigint) as cost
                 from subject join llm_subject_day on llm_subject_day.subject = subject.no
                 where subject.customer_id = $1 and day >= $2 and day <= $3")
            .bind(customer)
            .bind(from.0)
            .bind(to.0),
        )
        .await
}

/// What calls of these people sum to between two days, both included; people are named by their numbers after merges, and what they did
/// before as others is theirs. Those without calls are missing.
pub async fn of_people(insight: &Insight, scope: &Scope, people: &[i64], from: Day, to: Day) -> Result<HashMap<i64, Sum>> {
    house_only(scope)?;
    let mut all = HashMap::new();
    for people in people.chunks(512) {
        let rows: Vec<Keyed<i64>> = insight
            .db()
            .all(
                sql("select coalesce(subject.merged_into, subject.no) as of_what, cast(sum(calls) as bigint) as calls,
                            cast(sum(failed) as bigint) as failed, cast(sum(unpriced) as bigint) as unpriced, cast(sum(told) as bigint) as told,
                            cast(sum(input) as bigint) as input, cast(sum(cache_read) as bigint) as cache_read,
                            cast(sum(cache_write) as bigint) as cache_write, cast(sum(output) as bigint) as output, cast(sum(cost) as bigint) as cost
                     from subject join llm_subject_day on llm_subject_day.person = subject.no
                     where llm_subject_day.person <> 0 and day >= $1 and day <= $2 and (subject.no in")
                .bind(from.0)
                .bind(to.0)
                .list(people.iter().copied())
                .and("or subject.merged_into in")
                .list(people.iter().copied())
                .and(") group by coalesce(subject.merged_into, subject.no)"),
            )
            .await?;
        all.extend(rows.into_iter().map(|Keyed(person, sum)| (person, sum)));
    }
    Ok(all)
}
