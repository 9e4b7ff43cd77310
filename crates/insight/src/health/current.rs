//! The table of current scores: what lists are made of.

use std::collections::HashMap;

use accounts::{Currency, Customer, CustomerId, CustomerName, CustomerOrder, CustomerQuery, MAX_PAGE, Page, Scope, customers};
use events::Day;
use kit::db::{FromRow, Row, Sql, Value};
use kit::{Error, Result, Timestamp, Tx, sql};

use super::score::Band;
use super::{Distribution, Listed, Query, Sort, Standing, VersionNo, models};
use crate::Insight;

/// A row of `health_now`, to be written.
#[derive(Debug, Clone)]
pub(crate) struct NowRow {
    pub customer: CustomerId,
    pub day: Day,
    pub version: VersionNo,
    pub points: Option<f64>,
    pub coverage: f64,
    pub is_new: bool,
    pub change_7: Option<f64>,
    pub change_30: Option<f64>,
    pub slope: Option<f64>,
    pub falls_fast: bool,
    pub moved: Option<(String, f64)>,
    /// Factor scores by key.
    pub factors: String,
    pub recent: String,
    pub first_at: Option<Timestamp>,
    pub last_day: Option<Day>,
    pub kept_from: Option<Day>,
    pub kept_to: Option<Day>,
    pub computed_at: Timestamp,
}

impl NowRow {
    fn values(self) -> Vec<Value> {
        let (moved_key, moved_change) = self.moved.unzip();
        vec![
            self.customer.into(),
            self.day.0.into(),
            self.version.0.into(),
            self.points.into(),
            self.points.map(|points| Band::of(points).as_str()).into(),
            self.coverage.into(),
            self.is_new.into(),
            self.change_7.into(),
            self.change_30.into(),
            self.slope.into(),
            self.falls_fast.into(),
            moved_key.into(),
            moved_change.into(),
            self.factors.into(),
            self.recent.into(),
            self.first_at.into(),
            self.last_day.map(|day| day.0).into(),
            self.kept_from.map(|day| day.0).into(),
            self.kept_to.map(|day| day.0).into(),
            self.computed_at.into(),
        ]
    }
}

/// Writes rows over what was there.
pub(crate) async fn put(tx: &Tx, rows: Vec<NowRow>) -> Result<()> {
    tx.execute_each(
        sql("insert into health_now (customer_id, day, version_no, score, band, coverage, is_new, change_7, change_30, slope, falls_fast,
                                     moved_key, moved_change, factors, recent, first_at, last_day, kept_from, kept_to, computed_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
             on conflict (customer_id) do update set
               day = excluded.day, version_no = excluded.version_no, score = excluded.score, band = excluded.band,
               coverage = excluded.coverage, is_new = excluded.is_new, change_7 = excluded.change_7, change_30 = excluded.change_30,
               slope = excluded.slope, falls_fast = excluded.falls_fast, moved_key = excluded.moved_key,
               moved_change = excluded.moved_change, factors = excluded.factors, recent = excluded.recent, first_at = excluded.first_at,
               last_day = excluded.last_day, kept_from = excluded.kept_from, kept_to = excluded.kept_to,
               computed_at = excluded.computed_at"),
        rows.into_iter().map(NowRow::values).collect(),
    )
    .await
    .map(|_| ())
}

struct ListRow {
    customer: Customer,
    standing: Option<StandingRow>,
}

impl FromRow for ListRow {
    fn from_row(row: &Row<'_>) -> Result<ListRow> {
        let customer = Customer {
            id: row.get::<CustomerId>("id")?,
            name: row.get::<CustomerName>("name")?,
            currency: row.get::<Currency>("currency")?,
            created_at: row.get("created_at")?,
            suspended_at: row.get("suspended_at")?,
            members: row.get("members")?,
        };
        let is_there = row.get::<Option<i64>>("day")?.is_some();
        Ok(ListRow { customer, standing: if is_there { Some(StandingRow::from_row(row)?) } else { None } })
    }
}

/// A standing, but for the name of what moved it, which its version knows.
struct StandingRow {
    customer_id: CustomerId,
    version_no: i64,
    standing: Standing,
    moved: Option<(String, f64)>,
}

impl FromRow for StandingRow {
    fn from_row(row: &Row<'_>) -> Result<StandingRow> {
        let points: Option<f64> = row.get("score")?;
        let factors: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&row.get::<String>("factors")?)?;
        let moved_key: Option<String> = row.get("moved_key")?;
        Ok(StandingRow {
            customer_id: row.get("customer_id")?,
            version_no: row.get("version_no")?,
            moved: moved_key.zip(row.get("moved_change")?),
            standing: Standing {
                day: Day(row.get("day")?),
                points,
                band: points.map(Band::of),
                coverage: row.get("coverage")?,
                is_new: row.get("is_new")?,
                change_7: row.get("change_7")?,
                change_30: row.get("change_30")?,
                slope: row.get("slope")?,
                falls_fast: row.get("falls_fast")?,
                moved_by: None,
                factors: factors.into_iter().map(|(key, score)| (key, score.as_f64())).collect(),
                recent: serde_json::from_str(&row.get::<String>("recent")?)?,
                last_day: row.get::<Option<i64>>("last_day")?.map(Day),
            },
        })
    }
}

/// Finds the names of what moved scores.
struct Labels(HashMap<(i64, String), String>);

impl Labels {
    async fn read(insight: &Insight) -> Result<Labels> {
        let versions = models::versions(insight.db()).await?;
        let labels = versions.into_iter().flat_map(|version| {
            let no = version.no.0;
            version.rules.into_iter().map(move |rule| ((no, rule.key), rule.label))
        });
        Ok(Labels(labels.collect()))
    }

    fn standing(&self, row: StandingRow) -> Standing {
        let moved_by = row.moved.map(|(key, change)| {
            let label = self.0.get(&(row.version_no, key.clone())).cloned();
            (key.clone(), label.unwrap_or(key), change)
        });
        Standing { moved_by, ..row.standing }
    }
}

const NOW: &str = "health_now.customer_id, health_now.day, health_now.version_no, health_now.score, health_now.coverage, health_now.is_new,
       health_now.change_7, health_now.change_30, health_now.slope, health_now.falls_fast, health_now.moved_key,
       health_now.moved_change, health_now.factors, health_now.recent, health_now.last_day";

const CUSTOMER: &str = "customer.id, customer.name, customer.currency, customer.created_at, customer.suspended_at,
       (select cast(count(*) as bigint) from member where member.customer_id = customer.id) as members";

/// Customers with their current scores, a page at a time.
///
/// Scores are the house's: whoever reaches one customer alone gets it without.
pub async fn list(insight: &Insight, scope: &Scope, query: &Query) -> Result<Page<Listed, String>> {
    if !scope.is_house() {
        return without_scores(insight, scope, query).await;
    }
    let labels = Labels::read(insight).await?;
    let limit = query.limit.clamp(1, MAX_PAGE);
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX) + 1;
    let mut rows: Vec<ListRow> = Vec::new();
    let after = query.after.as_deref().map(Cursor::parse).transpose()?;
    for part in parts(query.sort) {
        // A page may end in the part of those with a value and go on in the part of those without.
        let after = match (&after, part) {
            (Some(Cursor { value: None, .. }), Part::Known) => continue,
            (Some(cursor), Part::Unknown) if cursor.value.is_some() => None,
            (after, _) => after.as_ref(),
        };
        let page = insight.db().all::<ListRow>(statement(query, *part, after, limit + 1)?).await?;
        rows.extend(page);
        if rows.len() >= wanted {
            break;
        }
    }
    let more = rows.len() >= wanted;
    rows.truncate(wanted - 1);
    let next = rows.last().filter(|_| more).map(|row| next(row, query.sort));
    let listed = |row: ListRow| Listed { customer: row.customer, standing: row.standing.map(|row| labels.standing(row)) };
    Ok(Page { items: rows.into_iter().map(listed).collect(), next })
}

async fn without_scores(insight: &Insight, scope: &Scope, query: &Query) -> Result<Page<Listed, String>> {
    let order = if query.sort == Sort::Name { CustomerOrder::Name } else { CustomerOrder::Created };
    let after = query.after.as_deref().map(|after| Cursor::parse(after).map(|cursor| cursor.id)).transpose()?;
    let plain = CustomerQuery { search: query.search.clone(), order, after, limit: query.limit };
    let page = customers::list(insight.db(), scope, &plain).await?;
    let items = page.items.into_iter().map(|customer| Listed { customer, standing: None }).collect();
    Ok(Page { items, next: page.next.map(String::from) })
}

/// Those with a value in the sorted column come first, in either direction.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Known,
    Unknown,
}

fn parts(sort: Sort) -> &'static [Part] {
    match sort {
        Sort::Created | Sort::Name => &[Part::Known],
        _ => &[Part::Known, Part::Unknown],
    }
}

/// Where a page ended: the value of the sorted column, if there was one, and the customer.
#[derive(Debug, Clone, PartialEq)]
struct Cursor {
    value: Option<f64>,
    id: CustomerId,
}

impl Cursor {
    /// Reads `56.8,cust_…`, `-,cust_…` or a mere id.
    fn parse(text: &str) -> Result<Cursor> {
        let wrong = || Error::invalid("after", "must be what `next` said");
        let (value, id) = text.split_once(',').unwrap_or(("0", text));
        let value = if value == "-" { None } else { Some(value.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(wrong)?) };
        Ok(Cursor { value, id: CustomerId::parse(id).map_err(|_| wrong())? })
    }

    fn of(row: &ListRow, sort: Sort) -> Cursor {
        let standing = row.standing.as_ref().map(|row| &row.standing);
        #[expect(clippy::cast_precision_loss, reason = "days are small")]
        let value = match sort {
            Sort::Created | Sort::Name => None,
            Sort::Score => standing.and_then(|standing| standing.points),
            Sort::Change7 => standing.and_then(|standing| standing.change_7),
            Sort::Change30 => standing.and_then(|standing| standing.change_30),
            Sort::Slope => standing.and_then(|standing| standing.slope),
            Sort::MovedBy => row.standing.as_ref().and_then(|row| row.moved.as_ref()).map(|(_, change)| *change),
            Sort::LastDay => standing.and_then(|standing| standing.last_day).map(|day| day.0 as f64),
        };
        Cursor { value, id: row.customer.id.clone() }
    }

    fn text(&self) -> String {
        match self.value {
            Some(value) => format!("{value},{}", self.id),
            None => format!("-,{}", self.id),
        }
    }
}

/// Where the next page begins. Names and dates of creation are looked up by the id alone.
fn next(row: &ListRow, sort: Sort) -> String {
    match sort {
        Sort::Created | Sort::Name => row.customer.id.to_string(),
        _ => Cursor::of(row, sort).text(),
    }
}

/// Keyset and order by a column of `health_now`, ascending, descending, and for those without a value. `$5` is the value and `$6` the
/// customer of the last row of the page before.
macro_rules! by {
    ($column:literal, $type:literal) => {
        [
            concat!(
                "and health_now.",
                $column,
                " is not null
                 and (cast($5 as ",
                $type,
                ") is null or (health_now.",
                $column,
                ", health_now.customer_id) > (cast($5 as ",
                $type,
                "), $6))
                 order by health_now.",
                $column,
                ", health_now.customer_id"
            ),
            concat!(
                "and health_now.",
                $column,
                " is not null
                 and (cast($5 as ",
                $type,
                ") is null or (health_now.",
                $column,
                ", health_now.customer_id) < (cast($5 as ",
                $type,
                "), $6))
                 order by health_now.",
                $column,
                " desc, health_now.customer_id desc"
            ),
            concat!(
                "and cast($5 as ",
                $type,
                ") is null
                 and health_now.",
                $column,
                " is null and (cast($6 as text) is null or health_now.customer_id > $6)
                 order by health_now.customer_id"
            ),
        ]
    };
}

fn statement(query: &Query, part: Part, after: Option<&Cursor>, limit: u32) -> Result<Sql> {
    let search = query.search.trim().to_lowercase();
    let literal: String = search.chars().flat_map(|c| ['!'].into_iter().filter(move |_| "!%_".contains(c)).chain([c])).collect();
    let in_name = (!search.is_empty()).then(|| format!("%{literal}%"));
    // Every id begins alike, so that only what is meant as one is compared with them.
    let as_id = search.starts_with(CustomerId::PREFIX).then(|| format!("{literal}%"));
    let is_by_score = !matches!(query.sort, Sort::Created | Sort::Name);
    let from = if is_by_score {
        "from health_now join customer on customer.id = health_now.customer_id"
    } else {
        "from customer left join health_now on health_now.customer_id = customer.id"
    };
    let bands: String = Band::ALL.iter().filter(|band| query.bands.contains(band)).map(|band| format!(",{band},")).collect();
    let [ascending, descending, unknown] = match query.sort {
        Sort::Score => by!("score", "double precision"),
        Sort::Change7 => by!("change_7", "double precision"),
        Sort::Change30 => by!("change_30", "double precision"),
        Sort::Slope => by!("slope", "double precision"),
        Sort::MovedBy => by!("moved_change", "double precision"),
        Sort::LastDay => by!("last_day", "bigint"),
        Sort::Created => [
            "and cast($5 as bigint) is null
             and (cast($6 as text) is null
                  or (customer.created_at, customer.id) > (select last.created_at, last.id from customer last where last.id = $6))
             order by customer.created_at, customer.id",
            "and cast($5 as bigint) is null
             and (cast($6 as text) is null
                  or (customer.created_at, customer.id) < (select last.created_at, last.id from customer last where last.id = $6))
             order by customer.created_at desc, customer.id desc",
            "",
        ],
        Sort::Name => [
            "and cast($5 as bigint) is null
             and (cast($6 as text) is null
                  or (customer.name_folded, customer.id) > (select last.name_folded, last.id from customer last where last.id = $6))
             order by customer.name_folded, customer.id",
            "and cast($5 as bigint) is null
             and (cast($6 as text) is null
                  or (customer.name_folded, customer.id) < (select last.name_folded, last.id from customer last where last.id = $6))
             order by customer.name_folded desc, customer.id desc",
            "",
        ],
    };
    let order = match (part, query.descending) {
        (Part::Unknown, _) => unknown,
        (Part::Known, false) => ascending,
        (Part::Known, true) => descending,
    };
    let value = after.filter(|_| is_by_score && part == Part::Known).and_then(|cursor| cursor.value);
    #[expect(clippy::cast_possible_truncation, reason = "a day was made a real by us; another one finds another page")]
    let value = match (value, query.sort) {
        (Some(value), Sort::LastDay) => Value::Int(value as i64),
        (Some(value), _) => Value::Real(value),
        (None, _) => Value::Null,
    };
    Ok(sql("select")
        .and(CUSTOMER)
        .and(",")
        .and(NOW)
        .and(from)
        .and(
            "where (cast($1 as text) is null or customer.name_folded like $1 escape '!' or customer.id like $2 escape '!')
               and (cast($3 as text) is null or $3 like '%,' || health_now.band || ',%')
               and (not $4 or health_now.falls_fast)
               and (cast($8 as text) is null
                    or exists (select 1 from segment_member member_of where member_of.segment_id = $8 and member_of.customer_id = customer.id))",
        )
        .and(order)
        .and("limit $7")
        .bind(in_name)
        .bind(as_id)
        .bind((!bands.is_empty()).then_some(bands))
        .bind(query.falls_fast)
        .bind(value)
        .bind(after.map(|cursor| &cursor.id))
        .bind(limit)
        .bind(query.segment.as_deref()))
}

/// The current scores of these customers, for a page that has its own list.
pub async fn standings(insight: &Insight, scope: &Scope, customers: &[CustomerId]) -> Result<Vec<(CustomerId, Standing)>> {
    if !scope.is_house() || customers.is_empty() {
        return Ok(Vec::new());
    }
    let labels = Labels::read(insight).await?;
    let mut found = Vec::new();
    for customers in customers.chunks(500) {
        let rows = sql("select").and(NOW).and("from health_now where customer_id in").list(customers.iter());
        found.extend(insight.db().all::<StandingRow>(rows).await?);
    }
    Ok(found.into_iter().map(|row| (row.customer_id.clone(), labels.standing(row))).collect())
}

/// Counts customers by band.
pub async fn distribution(insight: &Insight, scope: &Scope) -> Result<Distribution> {
    if !scope.is_house() {
        return Ok(Distribution::default());
    }
    let (healthy, at_risk, churning, known): (i64, i64, i64, i64) = insight
        .db()
        .one(sql("select cast(coalesce(sum(case when score >= 70.0 then 1 else 0 end), 0) as bigint),
                         cast(coalesce(sum(case when score >= 40.0 and score < 70.0 then 1 else 0 end), 0) as bigint),
                         cast(coalesce(sum(case when score < 40.0 then 1 else 0 end), 0) as bigint),
                         cast(count(score) as bigint)
                  from health_now"))
        .await?;
    let (all,): (i64,) = insight.db().one(sql("select cast(count(*) as bigint) from customer")).await?;
    Ok(Distribution { healthy, at_risk, churning, unknown: all - known })
}
