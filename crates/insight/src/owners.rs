//! Who of the house looks after which customer.

use accounts::audit::{self, Entry};
use accounts::{Actor, CustomerId, MemberId, Permission, customers};
use kit::{Clock, Db, Error, Result, Timestamp, from_row, sql};
use serde_json::json;

use crate::staff;

/// Who looks after a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Their id.
    pub member_id: MemberId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Since when.
    pub since: Timestamp,
}

from_row!(Owner { member_id, name, email, since });

/// Who looks after the customer; `None` when nobody does.
pub async fn of(db: &Db, actor: &Actor, customer: &CustomerId) -> Result<Option<Owner>> {
    staff::reading_or(actor, Permission::WriteFollowUps)?;
    db.optional(
        sql("select customer_owner.member_id, member.name, member.email, customer_owner.since
             from customer_owner join member on member.id = customer_owner.member_id
             where customer_owner.customer_id = $1")
        .bind(customer),
    )
    .await
}

/// Admins and concierges by name: who can look after a customer, or be given a task.
pub async fn choices(db: &Db, actor: &Actor) -> Result<Vec<(MemberId, String)>> {
    staff::only(actor, Permission::ReadCustomers)?;
    db.all(sql("select id, name from member where role in ('admin', 'concierge') order by name, id")).await
}

/// Passes for a member of the house. Field: as given.
pub(crate) async fn require_staff(tx: &kit::Tx, member: &MemberId, field: &'static str) -> Result<String> {
    let found: Option<(String,)> =
        tx.optional(sql("select name from member where id = $1 and role in ('admin', 'concierge')").bind(member)).await?;
    found.map(|(name,)| name).ok_or_else(|| Error::invalid(field, "must be an admin or a concierge"))
}

/// Gives a customer to somebody of the house, or to nobody. Field: `owner`.
pub async fn set(db: &Db, clock: &Clock, actor: &Actor, customer: &CustomerId, owner: Option<&MemberId>) -> Result<()> {
    staff::only(actor, Permission::WriteFollowUps)?;
    customers::get(db, &actor.scope(), customer).await?;
    db.write(async |tx| {
        let before: Option<(MemberId,)> =
            tx.optional(sql("select member_id from customer_owner where customer_id = $1").bind(customer)).await?;
        if before.as_ref().map(|(id,)| id) == owner {
            return Ok(());
        }
        let name = match owner {
            Some(owner) => Some(staff_name(&tx, owner).await?),
            None => None,
        };
        match owner {
            Some(owner) => {
                tx.execute(
                    sql("insert into customer_owner (customer_id, member_id, since) values ($1, $2, $3)
                         on conflict (customer_id) do update set member_id = excluded.member_id, since = excluded.since")
                    .bind(customer)
                    .bind(owner)
                    .bind(clock.now()),
                )
                .await?
            }
            None => tx.execute(sql("delete from customer_owner where customer_id = $1").bind(customer)).await?,
        };
        // No customer in the entry: its own people would read it.
        let detail = json!({ "customer_id": customer, "owner": name });
        audit::record(&tx, clock, actor, Entry { action: "customer.owner", customer: None, subject: customer.as_str(), detail }).await
    })
    .await
}

async fn staff_name(tx: &kit::Tx, owner: &MemberId) -> Result<String> {
    require_staff(tx, owner, "owner").await
}
