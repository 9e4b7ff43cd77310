//! Sample customers: made with the ids and dates that a generator gives them, marked as such, and removed wholly.

use kit::{Clock, Db, Result, Timestamp, Tx, sql};
use serde_json::json;

use crate::{Actor, Currency, CustomerId, CustomerName, Email, MemberId, Permission, PersonName, Theme, audit};

/// A sample customer to be.
#[derive(Debug, Clone)]
pub struct NewSample {
    /// The id that events of the sample name.
    pub id: CustomerId,
    /// What it is called.
    pub name: CustomerName,
    /// What it is billed in.
    pub currency: Currency,
    /// Since when it is here.
    pub created_at: Timestamp,
    /// Its people, who have no password; the first is the owner.
    pub people: Vec<(PersonName, Email)>,
}

/// Adds the customers of a sample house that are not there yet; returns how many were added.
pub async fn add(db: &Db, clock: &Clock, actor: &Actor, seed: u32, samples: &[NewSample]) -> Result<u64> {
    actor.may(Permission::ManageCustomers)?;
    actor.may(Permission::WriteMembers)?;
    db.write(async |tx| {
        let mut added = 0;
        for sample in samples {
            added += u64::from(insert(&tx, seed, sample).await?);
        }
        if added > 0 {
            told(&tx, clock, actor, "sample.add", json!({ "seed": seed, "customers": added })).await?;
        }
        Ok(added)
    })
    .await
}

async fn insert(tx: &Tx, seed: u32, sample: &NewSample) -> Result<bool> {
    let inserted = tx
        .execute(
            sql("insert into customer (id, name, name_folded, currency, created_at) values ($1, $2, $3, $4, $5) on conflict (id) do nothing")
                .bind(&sample.id)
                .bind(&sample.name)
                .bind(sample.name.folded())
                .bind(&sample.currency)
                .bind(sample.created_at),
        )
        .await?;
    if inserted == 0 {
        return Ok(false);
    }
    tx.execute(sql("insert into sample_customer (customer_id, seed) values ($1, $2)").bind(&sample.id).bind(seed)).await?;
    // Ids of members sort by the time at which they came.
    let came = Clock::manual(sample.created_at);
    for (position, (name, email)) in sample.people.iter().enumerate() {
        tx.execute(
            sql("insert into member (id, name, email, role, customer_id, password_hash, theme, created_at)
                 values ($1, $2, $3, $4, $5, null, $6, $7) on conflict (email) do nothing")
            .bind(MemberId::new(&came))
            .bind(name)
            .bind(email)
            .bind(if position == 0 { "owner" } else { "member" })
            .bind(&sample.id)
            .bind(Theme::System)
            .bind(sample.created_at),
        )
        .await?;
    }
    Ok(true)
}

/// All customers that are marked as samples.
pub async fn list(db: &Db, actor: &Actor) -> Result<Vec<CustomerId>> {
    actor.may(Permission::ManageCustomers)?;
    let rows: Vec<(CustomerId,)> = db.all(sql("select customer_id from sample_customer order by customer_id")).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Takes the mark off a customer, which stays from then on: one that has become real, because it has a site.
pub async fn keep(db: &Db, actor: &Actor, customer: &CustomerId) -> Result<()> {
    actor.may(Permission::ManageCustomers)?;
    db.execute(sql("delete from sample_customer where customer_id = $1").bind(customer)).await.map(|_| ())
}

/// Removes a marked customer with its members, once nothing else of the house refers to it. One without the mark is left alone: it is not
/// ours to remove. Returns whether it was there.
pub async fn remove(db: &Db, clock: &Clock, actor: &Actor, customer: &CustomerId) -> Result<bool> {
    actor.may(Permission::ManageCustomers)?;
    actor.may(Permission::WriteMembers)?;
    db.write(async |tx| {
        if tx.execute(sql("delete from sample_customer where customer_id = $1").bind(customer)).await? == 0 {
            return Ok(false);
        }
        tx.execute(sql("delete from invitation where customer_id = $1").bind(customer)).await?;
        tx.execute(sql("delete from member where customer_id = $1").bind(customer)).await?;
        tx.execute(sql("delete from customer where id = $1").bind(customer)).await?;
        told(&tx, clock, actor, "sample.remove", json!({ "customer": customer })).await?;
        Ok(true)
    })
    .await
}

async fn told(tx: &Tx, clock: &Clock, actor: &Actor, action: &'static str, detail: serde_json::Value) -> Result<()> {
    audit::record(tx, clock, actor, audit::Entry { action, customer: None, subject: "samples", detail }).await
}

#[cfg(test)]
mod tests {
    /// Who refers to a customer is either known to [`super::remove`] (or to those who run before it) or goes with the customer.
    #[test]
    fn nothing_new_stands_in_the_way_of_removing_a_customer() {
        // Members and invitations are removed here, what `events` keeps before; a customer with a site stays.
        let known = ["member", "invitation", "site", "subject", "customer_changed", "sample_customer"];
        for migration in kit::db::migrations() {
            let mut table = "";
            for line in migration.sql.lines() {
                if let Some(name) = line.strip_prefix("create table ") {
                    table = name.trim_end_matches(" (");
                }
                let stays = line.contains("references customer (id)") && !line.contains("on delete cascade") && !known.contains(&table);
                assert!(!stays, "{}: table {table} keeps sample customers from being removed: {line}", migration.name);
            }
        }
    }
}
