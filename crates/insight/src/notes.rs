//! Notes about a customer, by and for the house.

use accounts::audit::{self, Entry};
use accounts::{Actor, CustomerId, MAX_PAGE, MemberId, Permission, Role, customers};
use kit::{Clock, Db, Error, Result, Timestamp, Tx, from_row, id_type, sql};
use serde_json::json;

use crate::staff;

id_type!(
    /// A note.
    NoteId, "note_"
);

/// Characters of a note.
pub const LONGEST: usize = 10_000;

/// A note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its id; sorts by time.
    pub id: NoteId,
    /// About whom.
    pub customer_id: CustomerId,
    /// What it says: plain text with line breaks.
    pub body: String,
    /// Who wrote it; none when they have left.
    pub author_id: Option<MemberId>,
    /// What they are called.
    pub author_name: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub edited_at: Option<Timestamp>,
}

from_row!(Note { id, customer_id, body, author_id, author_name, created_at, edited_at });

const COLUMNS: &str = "select id, customer_id, body, author_id, author_name, created_at, edited_at from customer_note";

impl Note {
    /// Whether the actor may change it: its author may, and admins.
    pub fn is_of(&self, actor: &Actor) -> bool {
        *actor.role() == Role::Admin || (self.author_id.is_some() && self.author_id.as_ref() == actor.member_id())
    }
}

/// Notes about a customer, newest first, `limit` at most, older than `before`.
pub async fn list(db: &Db, actor: &Actor, customer: &CustomerId, before: Option<&NoteId>, limit: u32) -> Result<Vec<Note>> {
    staff::only(actor, Permission::ReadCustomers)?;
    customers::get(db, &actor.scope(), customer).await?;
    let page = sql(COLUMNS).and("where customer_id = $1").bind(customer);
    let page = match before {
        Some(before) => page.and("and id < $2 order by id desc limit $3").bind(before),
        None => page.and("and cast($2 as text) is null order by id desc limit $3").bind(None::<String>),
    };
    db.all(page.bind(limit.clamp(1, MAX_PAGE + 1))).await
}

/// Notes about a customer of a stretch of time, newest first: for the timeline.
pub async fn between(db: &Db, actor: &Actor, customer: &CustomerId, (from, to): (Timestamp, Timestamp), limit: u32) -> Result<Vec<Note>> {
    staff::only(actor, Permission::ReadCustomers)?;
    db.all(
        sql(COLUMNS)
            .and("where customer_id = $1 and created_at >= $2 and created_at < $3 order by id desc limit $4")
            .bind(customer)
            .bind(from)
            .bind(to)
            .bind(limit.clamp(1, MAX_PAGE)),
    )
    .await
}

/// Writes a note. Field: `body`.
pub async fn add(db: &Db, clock: &Clock, actor: &Actor, customer: &CustomerId, body: &str) -> Result<Note> {
    staff::only(actor, Permission::WriteFollowUps)?;
    customers::get(db, &actor.scope(), customer).await?;
    let body = staff::text("body", body, (1, LONGEST))?;
    let id = NoteId::new(clock);
    db.write(async |tx| {
        tx.execute(
            sql("insert into customer_note (id, customer_id, body, author_id, author_name, created_at) values ($1, $2, $3, $4, $5, $6)")
                .bind(&id)
                .bind(customer)
                .bind(&body)
                .bind(actor.member_id())
                .bind(actor.name())
                .bind(clock.now()),
        )
        .await?;
        told(&tx, clock, actor, "note.add", customer, &id).await?;
        tx.one(sql(COLUMNS).and("where id = $1").bind(&id)).await
    })
    .await
}

/// Changes a note: its author and admins may. Field: `body`.
pub async fn edit(db: &Db, clock: &Clock, actor: &Actor, customer: &CustomerId, id: &NoteId, body: &str) -> Result<Note> {
    staff::only(actor, Permission::WriteFollowUps)?;
    let body = staff::text("body", body, (1, LONGEST))?;
    db.write(async |tx| {
        let before = own(&tx, actor, customer, id).await?;
        if before.body != body {
            tx.execute(sql("update customer_note set body = $2, edited_at = $3 where id = $1").bind(id).bind(&body).bind(clock.now()))
                .await?;
            told(&tx, clock, actor, "note.edit", customer, id).await?;
        }
        tx.one(sql(COLUMNS).and("where id = $1").bind(id)).await
    })
    .await
}

/// Removes a note: its author and admins may.
pub async fn remove(db: &Db, clock: &Clock, actor: &Actor, customer: &CustomerId, id: &NoteId) -> Result<()> {
    staff::only(actor, Permission::WriteFollowUps)?;
    db.write(async |tx| {
        own(&tx, actor, customer, id).await?;
        tx.execute(sql("delete from customer_note where id = $1").bind(id)).await?;
        told(&tx, clock, actor, "note.remove", customer, id).await
    })
    .await
}

async fn own(tx: &Tx, actor: &Actor, customer: &CustomerId, id: &NoteId) -> Result<Note> {
    let found: Option<Note> = tx.optional(sql(COLUMNS).and("where id = $1 and customer_id = $2").bind(id).bind(customer)).await?;
    let note = found.ok_or_else(|| Error::not_found("the note"))?;
    match note.is_of(actor) {
        true => Ok(note),
        false => Err(Error::forbidden("a note is changed by its author or by an admin")),
    }
}

/// The log says that there was a note, not what it said.
async fn told(tx: &Tx, clock: &Clock, actor: &Actor, action: &'static str, customer: &CustomerId, id: &NoteId) -> Result<()> {
    let detail = json!({ "customer_id": customer });
    audit::record(tx, clock, actor, Entry { action, customer: None, subject: id.as_str(), detail }).await
}
