//! Customers: the accounts of the house. They are suspended and resumed, never deleted here.

use std::collections::BTreeMap;

use kit::db::Sql;
use kit::{Clock, Db, Error, Result, Timestamp, Tx, from_row, sql};
use serde::Serialize;
use serde_json::json;

use crate::{Actor, Currency, CustomerId, CustomerName, MAX_PAGE, Page, Permission, Scope, audit};

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// Its id: `customer_uuid` outside.
    pub id: CustomerId,
    /// What it is called.
    pub name: CustomerName,
    /// What it is billed in.
    pub currency: Currency,
    /// Since when it is here.
    pub created_at: Timestamp,
    /// Since when nobody of it may sign in.
    pub suspended_at: Option<Timestamp>,
    /// How many people belong to it.
    pub members: i64,
}

from_row!(Customer { id, name, currency, created_at, suspended_at, members });

impl Customer {
    /// Whether its members are shut out.
    pub fn is_suspended(&self) -> bool {
        self.suspended_at.is_some()
    }
}

/// A customer to be.
#[derive(Debug, Clone)]
pub struct NewCustomer {
    /// What it is called.
    pub name: CustomerName,
    /// What it is billed in.
    pub currency: Currency,
}

const SELECT: &str = "select customer.id, customer.name, customer.currency, customer.created_at, customer.suspended_at,
       (select cast(count(*) as bigint) from member where member.customer_id = customer.id) as members
from customer";

/// Creates a customer without members.
pub async fn create(db: &Db, clock: &Clock, actor: &Actor, new: NewCustomer) -> Result<Customer> {
    actor.may(Permission::ManageCustomers)?;
    let customer = Customer {
        id: CustomerId::random(),
        name: new.name,
        currency: new.currency,
        created_at: clock.now(),
        suspended_at: None,
        members: 0,
    };
    db.write(async |tx| {
        tx.execute(
            sql("insert into customer (id, name, name_folded, currency, created_at) values ($1, $2, $3, $4, $5)")
                .bind(&customer.id)
                .bind(&customer.name)
                .bind(customer.name.folded())
                .bind(&customer.currency)
                .bind(customer.created_at),
        )
        .await?;
        let detail = json!({ "name": customer.name, "currency": customer.currency });
        told(&tx, clock, actor, &customer.id, "customer.create", detail).await
    })
    .await?;
    Ok(customer)
}

/// The customer, when it is within reach.
pub async fn get(db: &Db, scope: &Scope, id: &CustomerId) -> Result<Customer> {
    scope.allows(id)?;
    db.optional(by_id(id)).await?.ok_or_else(|| Error::not_found("the customer"))
}

/// Which of these customers there are, whoever asks: for what arrives about many at once.
pub async fn existing(db: &Db, ids: &[CustomerId]) -> Result<Vec<CustomerId>> {
    let mut found = Vec::new();
    // SQLite takes 32 766 arguments; a page of some hundreds is as quick.
    for page in ids.chunks(500) {
        let rows: Vec<(CustomerId,)> = db.all(sql("select id from customer where id in").list(page)).await?;
        found.extend(rows.into_iter().map(|(id,)| id));
    }
    Ok(found)
}

/// What these customers are called, as far as they are within reach.
pub async fn names(db: &Db, scope: &Scope, ids: &[CustomerId]) -> Result<BTreeMap<CustomerId, CustomerName>> {
    let mut found = BTreeMap::new();
    let within: Vec<&CustomerId> = ids.iter().filter(|id| scope.allows(id).is_ok()).collect();
    for page in within.chunks(500) {
        let rows: Vec<(CustomerId, CustomerName)> =
            db.all(sql("select id, name from customer where id in").list(page.iter().copied())).await?;
        found.extend(rows);
    }
    Ok(found)
}

fn by_id(id: &CustomerId) -> Sql {
    sql(SELECT).and("where customer.id = $1").bind(id)
}

/// In which order customers are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CustomerOrder {
    /// Newest first.
    #[default]
    Created,
    /// By name.
    Name,
}

/// Which customers to list.
#[derive(Debug, Clone)]
pub struct CustomerQuery {
    /// Those whose name contains this or whose id begins with it, in any case; empty for all.
    pub search: String,
    /// In which order.
    pub order: CustomerOrder,
    /// Those that follow this one in that order.
    pub after: Option<CustomerId>,
    /// How many, up to [`MAX_PAGE`].
    pub limit: u32,
}

impl Default for CustomerQuery {
    fn default() -> CustomerQuery {
        CustomerQuery { search: String::new(), order: CustomerOrder::Created, after: None, limit: 50 }
    }
}

/// Customers within reach, a page at a time. A page goes on from where its last customer stands now.
pub async fn list(db: &Db, scope: &Scope, query: &CustomerQuery) -> Result<Page<Customer, CustomerId>> {
    let limit = query.limit.clamp(1, MAX_PAGE);
    let search = query.search.trim().to_lowercase();
    let literal: String = search.chars().flat_map(|c| ['!'].into_iter().filter(move |_| "!%_".contains(c)).chain([c])).collect();
    let in_name = (!search.is_empty()).then(|| format!("%{literal}%"));
    // Every id begins alike, so that only what is meant as one is compared with them.
    let as_id = search.starts_with(CustomerId::PREFIX).then(|| format!("{literal}%"));
    let page = match query.order {
        CustomerOrder::Created => {
            "and (cast($3 as text) is null
                  or (customer.created_at, customer.id) < (select last.created_at, last.id from customer last where last.id = $3))
             order by customer.created_at desc, customer.id desc
             limit $4"
        }
        CustomerOrder::Name => {
            "and (cast($3 as text) is null
                  or (customer.name_folded, customer.id) > (select last.name_folded, last.id from customer last where last.id = $3))
             order by customer.name_folded, customer.id
             limit $4"
        }
    };
    let rows = db
        .all(
            sql(SELECT)
                .and(if scope.is_house() { "where cast($1 as text) is null" } else { "where customer.id = $1" })
                .and("and (cast($2 as text) is null or customer.name_folded like $2 escape '!' or customer.id like $5 escape '!')")
                .and(page)
                .bind(scope.customer_filter())
                .bind(in_name)
                .bind(query.after.as_ref())
                .bind(limit + 1)
                .bind(as_id),
        )
        .await?;
    Ok(Page::cut(rows, limit, |customer: &Customer| customer.id.clone()))
}

/// Gives the customer another name.
pub async fn rename(db: &Db, clock: &Clock, actor: &Actor, id: &CustomerId, name: CustomerName) -> Result<()> {
    actor.may(Permission::EditCustomer)?;
    actor.scope().allows(id)?;
    db.write(async |tx| {
        let before = require(&tx, id).await?;
        if before.name == name {
            return Ok(());
        }
        tx.execute(sql("update customer set name = $2, name_folded = $3 where id = $1").bind(id).bind(&name).bind(name.folded())).await?;
        told(&tx, clock, actor, id, "customer.rename", json!({ "from": before.name, "to": name })).await
    })
    .await
}

/// Changes what the customer is billed in.
pub async fn set_currency(db: &Db, clock: &Clock, actor: &Actor, id: &CustomerId, currency: Currency) -> Result<()> {
    actor.may(Permission::ManageCustomers)?;
    actor.scope().allows(id)?;
    db.write(async |tx| {
        let before = require(&tx, id).await?;
        if before.currency == currency {
            return Ok(());
        }
        tx.execute(sql("update customer set currency = $2 where id = $1").bind(id).bind(&currency)).await?;
        told(&tx, clock, actor, id, "customer.currency", json!({ "from": before.currency, "to": currency })).await
    })
    .await
}

/// Shuts the customer's members out: from now on no session, token or sign-in of theirs is accepted. Its sites are left alone.
pub async fn suspend(db: &Db, clock: &Clock, actor: &Actor, id: &CustomerId) -> Result<()> {
    set_suspended(db, clock, actor, id, Some(clock.now())).await
}

/// Lets the customer's members in again; sessions and tokens that have not run out work again.
pub async fn resume(db: &Db, clock: &Clock, actor: &Actor, id: &CustomerId) -> Result<()> {
    set_suspended(db, clock, actor, id, None).await
}

async fn set_suspended(db: &Db, clock: &Clock, actor: &Actor, id: &CustomerId, at: Option<Timestamp>) -> Result<()> {
    actor.may(Permission::ManageCustomers)?;
    actor.scope().allows(id)?;
    db.write(async |tx| {
        let before = require(&tx, id).await?;
        if before.is_suspended() == at.is_some() {
            return Ok(());
        }
        tx.execute(sql("update customer set suspended_at = $2 where id = $1").bind(id).bind(at)).await?;
        let action = if at.is_some() { "customer.suspend" } else { "customer.resume" };
        told(&tx, clock, actor, id, action, json!({ "name": before.name })).await
    })
    .await
}

/// The customer as this transaction sees it.
pub(crate) async fn require(tx: &Tx, id: &CustomerId) -> Result<Customer> {
    tx.optional(by_id(id)).await?.ok_or_else(|| Error::not_found("the customer"))
}

async fn told(tx: &Tx, clock: &Clock, actor: &Actor, id: &CustomerId, action: &'static str, detail: serde_json::Value) -> Result<()> {
    audit::record(tx, clock, actor, audit::Entry { action, customer: Some(id), subject: id.as_str(), detail }).await
}

/// Fails like an unknown customer when there is none, and says so when it is suspended.
pub(crate) async fn require_open(tx: &Tx, customer: Option<&CustomerId>) -> Result<()> {
    let Some(id) = customer else { return Ok(()) };
    match require(tx, id).await?.is_suspended() {
        true => Err(suspended()),
        false => Ok(()),
    }
}

/// What someone of a suspended customer is told, once they have proved who they are.
pub(crate) fn suspended() -> Error {
    Error::forbidden("This account is suspended. Please contact your host.")
}
