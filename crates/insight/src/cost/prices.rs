//! The house's own prices: added, corrected, taken out; and what a price would change before it is kept.

use std::collections::HashMap;

use accounts::audit::{self, Entry};
use accounts::{Actor, Permission};
use events::{Day, Head};
use kit::{Error, Result, Tx, id_type, sql};
use serde_json::json;

use super::book::{self, Book, Pattern, Price};
use super::rates::Rates;
use super::usage::{self, Call, EVENTS};
use super::{Usd, calls};
use crate::{Insight, staff};

id_type!(
    /// A price of the house's own.
    PriceId, "price_"
);

/// More own prices than any house has.
const MOST: i64 = 500;
/// A preview goes through so many days and calls at most.
const PREVIEW_DAYS: i64 = 31;
const PREVIEW_CALLS: u64 = 100_000;

/// A price as it is typed.
#[derive(Debug, Clone)]
pub struct NewPrice {
    /// What it is called.
    pub label: String,
    /// What models it is for: a regular expression over the whole name.
    pub pattern: String,
    /// For calls from this day on.
    pub since: Day,
    /// What tokens cost.
    pub rates: Rates,
    /// Why.
    pub note: String,
}

/// A price that fits.
struct Checked {
    label: String,
    pattern: Pattern,
    note: String,
}

impl NewPrice {
    fn check(&self) -> Result<Checked> {
        self.rates.check()?;
        // Years in which there is something to count, and no typing errors.
        if !(Day::parse("2015-01-01")..=Day::parse("2100-01-01")).contains(&Some(self.since)) {
            return Err(Error::invalid("since", "must be a day from 2015 to 2100"));
        }
        Ok(Checked {
            label: staff::text("label", &self.label, (1, 80))?,
            pattern: Pattern::parse(&self.pattern)?,
            note: staff::text("note", &self.note, (0, 500))?,
        })
    }
}

/// One of the house's own prices, for whoever may read figures; a token that only changes prices is shown what it wrote.
pub async fn price_of(insight: &Insight, actor: &Actor, id: &PriceId) -> Result<Price> {
    let writes = actor.can(Permission::OperateHouse);
    staff::only(actor, if writes { Permission::OperateHouse } else { Permission::ReadReporting })?;
    let own = book::own(insight.db()).await?;
    own.into_iter().find(|price| price.id.as_deref() == Some(id.as_str())).ok_or_else(|| Error::not_found("the price"))
}

/// Adds a price. Calls from its day on are counted anew.
pub async fn add(insight: &Insight, actor: &Actor, new: &NewPrice) -> Result<PriceId> {
    staff::only(actor, Permission::OperateHouse)?;
    let checked = new.check()?;
    let id = PriceId::new(insight.clock());
    let now = insight.clock().now();
    let rates = serde_json::to_string(&new.rates)?;
    insight
        .db()
        .write(async |tx| {
            let (number,): (i64,) = tx.one(sql("select cast(count(*) as bigint) from llm_price")).await?;
            if number >= MOST {
                return Err(Error::conflict(format!("there are {MOST} prices; please take out those that are over")));
            }
            tx.execute(
                sql("insert into llm_price (id, label, pattern, since, rates, note, changed_at, changed_by) values ($1, $2, $3, $4, $5, $6, $7, $8)")
                    .bind(&id)
                    .bind(&checked.label)
                    .bind(checked.pattern.as_str())
                    .bind(new.since.0)
                    .bind(&rates)
                    .bind(&checked.note)
                    .bind(now)
                    .bind(actor.name()),
            )
            .await?;
            changed(&tx, insight, actor, "llm_price.add", id.as_str(), new.since, json!({ "label": checked.label, "pattern": checked.pattern.as_str(), "since": new.since.iso(), "rates": new.rates })).await
        })
        .await?;
    Ok(id)
}

/// Corrects a price. Calls from the earlier of its days on, before and after, are counted anew.
pub async fn change(insight: &Insight, actor: &Actor, id: &PriceId, new: &NewPrice) -> Result<()> {
    staff::only(actor, Permission::OperateHouse)?;
    let checked = new.check()?;
    let now = insight.clock().now();
    let rates = serde_json::to_string(&new.rates)?;
    insight
        .db()
        .write(async |tx| {
            let (before, before_rates) = before(&tx, id).await?;
            tx.execute(
                sql("update llm_price set label = $2, pattern = $3, since = $4, rates = $5, note = $6, changed_at = $7, changed_by = $8 where id = $1")
                    .bind(id)
                    .bind(&checked.label)
                    .bind(checked.pattern.as_str())
                    .bind(new.since.0)
                    .bind(&rates)
                    .bind(&checked.note)
                    .bind(now)
                    .bind(actor.name()),
            )
            .await?;
            let detail = json!({ "label": checked.label, "pattern": checked.pattern.as_str(), "since": new.since.iso(), "rates": new.rates,
                "before": { "since": before.iso(), "rates": before_rates } });
            changed(&tx, insight, actor, "llm_price.change", id.as_str(), before.min(new.since), detail).await
        })
        .await
}

/// Takes a price out. Calls from its day on are counted anew.
pub async fn remove(insight: &Insight, actor: &Actor, id: &PriceId) -> Result<()> {
    staff::only(actor, Permission::OperateHouse)?;
    insight
        .db()
        .write(async |tx| {
            let (before, rates) = before(&tx, id).await?;
            tx.execute(sql("delete from llm_price where id = $1").bind(id)).await?;
            changed(&tx, insight, actor, "llm_price.remove", id.as_str(), before, json!({ "since": before.iso(), "rates": rates })).await
        })
        .await
}

async fn before(tx: &Tx, id: &PriceId) -> Result<(Day, serde_json::Value)> {
    let row: Option<(i64, String)> = tx.optional(sql("select since, rates from llm_price where id = $1").bind(id)).await?;
    let (since, rates) = row.ok_or_else(|| Error::not_found("the price"))?;
    Ok((Day(since), serde_json::from_str(&rates)?))
}

async fn changed(
    tx: &Tx,
    insight: &Insight,
    actor: &Actor,
    action: &'static str,
    id: &str,
    from: Day,
    detail: serde_json::Value,
) -> Result<()> {
    calls::recount_from(tx, from).await?;
    audit::record(tx, insight.clock(), actor, Entry { action, customer: None, subject: id, detail }).await
}

/// What a price would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Calls of the days that were looked through, both included.
    pub days: (Day, Day),
    /// Whether these are all days for which the price is.
    pub is_whole: bool,
    /// Calls that it would be for.
    pub calls: i64,
    /// Of these, calls whose cost senders told: they stay as they are.
    pub told: i64,
    /// Of these, calls that have no price now and would have one.
    pub newly_priced: i64,
    /// What the calls cost by the table as it is, and as it would be; without those that were told.
    pub before: Usd,
    /// See `before`.
    pub after: Usd,
    /// The models, in the order of the alphabet; ten at most.
    pub models: Vec<String>,
}

/// Works out what a price would change, in the place of `instead` or beside all others: of the newest days, at most 31 of them, each call
/// anew with its tiers.
pub async fn preview(insight: &Insight, actor: &Actor, typed: &NewPrice, instead: Option<&PriceId>) -> Result<Preview> {
    staff::only(actor, Permission::OperateHouse)?;
    let checked = typed.check()?;
    let now = Book::load(insight.db()).await?;
    let mut then = now.clone();
    then.prices.retain(|price| price.id.is_none() || price.id.as_deref() != instead.map(PriceId::as_str));
    // The first of two of the same day is the one that was added last.
    let new = Price {
        id: Some("~".to_owned()),
        label: checked.label,
        pattern: checked.pattern,
        since: typed.since,
        rates: typed.rates.clone(),
        note: checked.note,
        changed: None,
    };
    then.prices.insert(0, new);
    // Own ones first, the newest first, as they are read.
    then.prices.sort_by_key(|price| (price.id.is_none(), std::cmp::Reverse(price.since)));
    let today = insight.events().calendar().day(insight.clock().now());
    let through = insight.events().newest().await?;
    // Where it stood before, calls change as well.
    let old = instead.and_then(|id| now.prices.iter().find(|price| price.id.as_deref() == Some(id.as_str())));
    let since = old.map_or(typed.since, |old| old.since.min(typed.since));
    let from = since.max(today.plus(1 - PREVIEW_DAYS));
    let mut preview = Preview {
        days: (from.min(today), today),
        is_whole: since >= from,
        calls: 0,
        told: 0,
        newly_priced: 0,
        before: Usd(0),
        after: Usd(0),
        models: Vec::new(),
    };
    let mut seen = 0;
    for day in calls::days_to_do(insight, from, today).await? {
        if seen >= PREVIEW_CALLS {
            (preview.days.0, preview.is_whole) = (day.plus(1), false);
            break;
        }
        let one = of_day(insight, &now, &then, day, through).await?;
        seen += one.seen;
        preview.calls += one.calls;
        preview.told += one.told;
        preview.newly_priced += one.newly_priced;
        preview.before += one.before;
        preview.after += one.after;
        preview.models.extend(one.models);
    }
    preview.models.sort();
    preview.models.dedup();
    preview.models.truncate(10);
    Ok(preview)
}

#[derive(Default)]
struct OfDay {
    seen: u64,
    calls: i64,
    told: i64,
    newly_priced: i64,
    before: Usd,
    after: Usd,
    models: Vec<String>,
}

/// The price of a model by both books.
type Both<'a> = (Option<&'a Price>, Option<&'a Price>);

async fn of_day<'a>(insight: &Insight, now: &'a Book, then: &'a Book, day: Day, through: i64) -> Result<OfDay> {
    let begin = || (OfDay::default(), HashMap::<String, Both<'a>>::new());
    let add = |(sum, known): &mut (OfDay, HashMap<String, Both<'a>>), _: &Head, name: &str, props: &str| {
        let call = usage::read(name, props);
        sum.seen += 1;
        let both = known.entry(call.model.clone()).or_insert_with(|| (now.price(&call.model, day), then.price(&call.model, day)));
        sum.add(&call, *both);
    };
    Ok(insight.events().fold(EVENTS, calls::of_day(insight, day, through), begin, add).await?.0)
}

impl OfDay {
    fn add(&mut self, call: &Call, (before, after): Both<'_>) {
        let is_same = before.map(|price| (&price.id, &price.rates)) == after.map(|price| (&price.id, &price.rates));
        if is_same {
            return;
        }
        self.calls += 1;
        if !self.models.contains(&call.model) {
            self.models.push(call.model.clone());
        }
        if call.told.is_some() {
            self.told += 1;
            return;
        }
        let cost = |price: Option<&Price>| Some(price?.rates.cost(&call.usage?)?.total());
        let (before, after) = (cost(before), cost(after));
        self.newly_priced += i64::from(before.is_none() && after.is_some());
        self.before += before.unwrap_or_default();
        self.after += after.unwrap_or_default();
    }
}
