//! Reading what is known of customers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use accounts::{Actor, CustomerId, MemberId, Permission};
use kit::db::{FromRow, Row};
use kit::{Db, Result, Timestamp, sql};

use super::facts::Facts;
use crate::{Insight, staff};

/// A row as it is stored.
struct Stored(Facts);

impl FromRow for Stored {
    fn from_row(row: &Row<'_>) -> Result<Stored> {
        let scores: BTreeMap<String, Option<f64>> = row.get::<Option<String>>("factors")?.map(parsed).transpose()?.unwrap_or_default();
        let properties = row.get::<Option<String>>("traits")?.map(parsed).transpose()?.unwrap_or_default();
        Ok(Stored(Facts {
            customer: row.get("id")?,
            name: row.get("name")?,
            currency: row.get("currency")?,
            created_at: row.get("created_at")?,
            suspended: row.get::<Option<Timestamp>>("suspended_at")?.is_some(),
            band: row.get("band")?,
            score: row.get("score")?,
            change_7: row.get("change_7")?,
            change_30: row.get("change_30")?,
            slope: row.get("slope")?,
            falling_fast: row.get("falls_fast")?,
            coverage: row.get("coverage")?,
            churn: row.get("probability")?,
            owner: row.get::<Option<MemberId>>("owner_id")?,
            site_kinds: None,
            factors: scores.into_iter().filter_map(|(key, score)| Some((key, score?))).collect(),
            properties,
        }))
    }
}

/// Customers in the order of their ids, `limit` at most, with all that is known of them but their sites.
pub(super) async fn page(db: &Db, after: Option<&CustomerId>, limit: u32) -> Result<Vec<Facts>> {
    let rows: Vec<Stored> = db
        .all(
            sql("select customer.id, customer.name, customer.currency, customer.created_at, customer.suspended_at,
                        health_now.band, health_now.score, health_now.change_7, health_now.change_30, health_now.slope,
                        health_now.falls_fast, health_now.coverage, health_now.factors,
                        churn_score.probability, customer_owner.member_id as owner_id, subject.traits
                 from customer
                 left join health_now on health_now.customer_id = customer.id
                 left join churn_score on churn_score.customer_id = customer.id
                 left join customer_owner on customer_owner.customer_id = customer.id
                 left join subject on subject.customer_id = customer.id and subject.kind = 'customer'
                 where customer.id > $1
                 order by customer.id
                 limit $2")
            .bind(after.map_or("", CustomerId::as_str))
            .bind(limit),
        )
        .await?;
    Ok(rows.into_iter().map(|Stored(facts)| facts).collect())
}

/// Adds what another slice knows: a customer without an entry has no sites.
pub(super) fn add_sites(facts: &mut [Facts], kinds: &HashMap<CustomerId, Vec<String>>) {
    for facts in facts {
        facts.site_kinds = Some(kinds.get(&facts.customer).cloned().unwrap_or_default());
    }
}

/// What can be chosen in a form beside the named facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Keys of factors.
    pub factors: BTreeSet<String>,
    /// Keys of properties.
    pub properties: BTreeSet<String>,
}

/// So many customers tell which factors and properties there are.
const LOOKED_AT: u32 = 200;
/// A sender may invent any number of properties.
const MOST_PROPERTIES: usize = 50;

/// Factors and properties of some customers.
pub async fn choices(insight: &Insight, actor: &Actor) -> Result<Choices> {
    staff::only(actor, Permission::ReadCustomers)?;
    let mut choices = Choices::default();
    for facts in page(insight.db(), None, LOOKED_AT).await? {
        choices.factors.extend(facts.factors.into_keys());
        let fitting = facts.properties.into_iter().map(|(key, _)| key).filter(|key| super::Fact::parse(&format!("property.{key}")).is_ok());
        choices.properties.extend(fitting);
    }
    choices.properties = choices.properties.into_iter().take(MOST_PROPERTIES).collect();
    Ok(choices)
}

fn parsed<T: serde::de::DeserializeOwned>(text: String) -> Result<T> {
    Ok(serde_json::from_str(&text)?)
}
