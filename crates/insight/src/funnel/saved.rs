//! Funnels that somebody gave a name.

use accounts::audit::{self, Entry};
use accounts::{Actor, Permission};
use kit::{Error, Result, Timestamp, from_row, id_type, sql};
use serde_json::json;

use crate::{Insight, staff};

id_type!(
    /// A saved funnel.
    SavedId, "fnl_"
);

/// More than these nobody finds anything in.
const MOST: i64 = 200;
const LONGEST_NAME: usize = 80;
const LONGEST_QUERY: usize = 8_000;

/// A funnel with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Its id.
    pub id: SavedId,
    /// What it is called; unique in any case.
    pub name: String,
    /// The question, as it stands in the address of its page.
    pub query: String,
    /// Who saved it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

from_row!(Saved { id, name, query, created_by, created_at });

/// All saved funnels by name.
pub async fn list(insight: &Insight, actor: &Actor) -> Result<Vec<Saved>> {
    staff::only(actor, Permission::ReadReporting)?;
    insight.db().all(sql("select id, name, query, created_by, created_at from saved_funnel order by name_folded")).await
}

/// One of them.
pub async fn get(insight: &Insight, actor: &Actor, id: &SavedId) -> Result<Saved> {
    staff::only(actor, Permission::ReadReporting)?;
    let found =
        insight.db().optional(sql("select id, name, query, created_by, created_at from saved_funnel where id = $1").bind(id)).await?;
    found.ok_or_else(|| Error::not_found("the funnel"))
}

/// Saves a funnel under a name; one that has the name already is replaced. Fields: `name`, `query`.
pub async fn save(insight: &Insight, actor: &Actor, name: &str, query: &str) -> Result<SavedId> {
    staff::only(actor, Permission::WriteFollowUps)?;
    let name = staff::text("name", &name.replace(['\n', '\t'], " "), (1, LONGEST_NAME))?;
    if query.len() > LONGEST_QUERY {
        return Err(Error::invalid("query", "is too long"));
    }
    let new = SavedId::new(insight.clock());
    insight
        .db()
        .write(async |tx| {
            let (there,): (i64,) = tx.one(sql("select cast(count(*) as bigint) from saved_funnel")).await?;
            if there >= MOST {
                return Err(Error::conflict(format!("there may be {MOST} saved funnels; remove one first")));
            }
            let (id,): (SavedId,) = tx
                .one(
                    sql("insert into saved_funnel (id, name, name_folded, query, created_by, created_at)
                         values ($1, $2, $3, $4, $5, $6)
                         on conflict (name_folded) do update set name = excluded.name, query = excluded.query
                         returning id")
                    .bind(&new)
                    .bind(&name)
                    .bind(name.to_lowercase())
                    .bind(query)
                    .bind(actor.name())
                    .bind(insight.clock().now()),
                )
                .await?;
            let entry = Entry { action: "funnel.save", customer: None, subject: id.as_str(), detail: json!({ "name": name }) };
            audit::record(&tx, insight.clock(), actor, entry).await?;
            Ok(id)
        })
        .await
}

/// Removes a saved funnel.
pub async fn remove(insight: &Insight, actor: &Actor, id: &SavedId) -> Result<()> {
    staff::only(actor, Permission::WriteFollowUps)?;
    let saved = get(insight, actor, id).await?;
    insight
        .db()
        .write(async |tx| {
            tx.execute(sql("delete from saved_funnel where id = $1").bind(id)).await?;
            let entry = Entry { action: "funnel.remove", customer: None, subject: id.as_str(), detail: json!({ "name": saved.name }) };
            audit::record(&tx, insight.clock(), actor, entry).await
        })
        .await
}
