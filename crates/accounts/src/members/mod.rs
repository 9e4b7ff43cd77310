//! Members: the people who sign in, their roles, and what they change about themselves.
//!
//! Admins grant any role, owners those of their own customer, nobody else any. A customer always keeps an owner and the house an admin,
//! also when two of them remove each other at the same moment.

mod own;

use kit::db::{FromRow, Row, Sql};
use kit::{Clock, Db, Error, Result, Timestamp, Tx, sql, text_enum};
use serde_json::json;

use crate::actor::Recognised;
use crate::{
    Actor, Client, CustomerId, Email, How, MemberId, Password, Permission, PersonName, Role, Standing, audit, customers, passwords,
};
pub(crate) use own::void_links;
pub use own::{change_email, change_password, rename, set_theme};

text_enum!(
    /// How a member likes pages to look.
    Theme {
        /// As their system does.
        System = "system",
        /// Light.
        Light = "light",
        /// Dark.
        Dark = "dark",
    }
);

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Their id.
    pub id: MemberId,
    /// What they are called.
    pub name: PersonName,
    /// Their address, by which they sign in.
    pub email: Email,
    /// What they are to the house.
    pub role: Role,
    /// How they like pages to look.
    pub theme: Theme,
    /// Whether they have chosen a password.
    pub has_password: bool,
    /// Since when they are here.
    pub created_at: Timestamp,
    /// When one of their open sessions was last used.
    pub last_seen_at: Option<Timestamp>,
}

impl FromRow for Member {
    fn from_row(row: &Row<'_>) -> Result<Member> {
        Ok(Member {
            id: row.get("id")?,
            name: row.get("name")?,
            email: row.get("email")?,
            role: Role::from_row(row)?,
            theme: row.get("theme")?,
            has_password: row.get("has_password")?,
            created_at: row.get("created_at")?,
            last_seen_at: row.get("last_seen_at")?,
        })
    }
}

const SELECT: &str = "select member.id, member.name, member.email, member.role, member.customer_id, member.theme,
       member.password_hash is not null as has_password, member.created_at,
       (select max(session.last_seen_at) from session where session.member_id = member.id) as last_seen_at
from member";

/// A member to be.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// What they are called.
    pub name: PersonName,
    /// Their address; nobody else's in the house.
    pub email: Email,
    /// What they will be.
    pub role: Role,
    /// Without one they come in by a link first.
    pub password: Option<Password>,
}

/// Adds a member without asking them: for admins and the command line. Owners invite instead, so that nobody can take
/// an address that is not theirs.
pub async fn add(db: &Db, clock: &Clock, actor: &Actor, new: NewMember) -> Result<MemberId> {
    actor.may(Permission::WriteMembers)?;
    if *actor.role() != Role::Admin {
        return Err(Error::forbidden("Please invite them: they choose their password themselves."));
    }
    let hash = match &new.password {
        Some(password) => Some(passwords::hash(password).await?),
        None => None,
    };
    db.write(async |tx| {
        may_grant(&tx, actor, &new.role).await?;
        let id = insert(&tx, clock, &new.name, &new.email, &new.role, hash.as_ref()).await?;
        let detail = json!({ "name": new.name, "email": new.email, "role": new.role.as_str() });
        told(&tx, clock, actor, new.role.customer(), "member.add", &id, detail).await?;
        Ok(id)
    })
    .await
}

/// Inserts the row; [`Error::Conflict`] when the address is taken. Open invitations for it are void then.
pub(crate) async fn insert(
    tx: &Tx,
    clock: &Clock,
    name: &PersonName,
    email: &Email,
    role: &Role,
    password_hash: Option<&passwords::PasswordHash>,
) -> Result<MemberId> {
    let id = MemberId::new(clock);
    tx.execute(
        sql("insert into member (id, name, email, role, customer_id, password_hash, theme, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(&id)
        .bind(name)
        .bind(email)
        .bind(role.as_str())
        .bind(role.customer())
        .bind(password_hash)
        .bind(Theme::System)
        .bind(clock.now()),
    )
    .await
    .map_err(or_taken)?;
    tx.execute(sql("delete from invitation where email = $1").bind(email)).await?;
    Ok(id)
}

/// A clash of the unique index on addresses, in words for the form.
fn or_taken(error: Error) -> Error {
    match error {
        Error::Conflict(text) if text.contains("email") => taken(),
        other => other,
    }
}

/// The address is another member's already.
pub(crate) fn taken() -> Error {
    Error::conflict("There is a member with this mail address already.")
}

/// The member: oneself, or someone within reach of an actor who may see members.
pub async fn get(db: &Db, actor: &Actor, id: &MemberId) -> Result<Member> {
    let found: Option<Member> = db.optional(by_id(id)).await?;
    within_reach(actor, found)
}

/// The member with this address, within reach of the actor.
pub async fn by_email(db: &Db, actor: &Actor, email: &Email) -> Result<Member> {
    let found: Option<Member> = db.optional(sql(SELECT).and("where member.email = $1").bind(email)).await?;
    within_reach(actor, found)
}

/// Passes for oneself by a session, otherwise by permission and scope: one who is out of reach does not exist.
pub(crate) fn within_reach(actor: &Actor, found: Option<Member>) -> Result<Member> {
    let missing = || Error::not_found("the member");
    match &found {
        Some(member) if actor.is_in_person(&member.id) => {}
        _ => actor.may(Permission::ReadMembers)?,
    }
    found.filter(|member| reaches(actor, &member.role)).ok_or_else(missing)
}

/// Whether a member of that role is within the actor's scope. Staff are within the house's alone.
pub(crate) fn reaches(actor: &Actor, role: &Role) -> bool {
    let scope = actor.scope();
    scope.is_house() || role.customer().is_some_and(|customer| scope.allows(customer).is_ok())
}

fn by_id(id: &MemberId) -> Sql {
    sql(SELECT).and("where member.id = $1").bind(id)
}

/// The member as this transaction sees them, whoever asks.
pub(crate) async fn require(tx: &Tx, id: &MemberId) -> Result<Member> {
    tx.optional(by_id(id)).await?.ok_or_else(|| Error::not_found("the member"))
}

/// The member as the one who did what a one-time link does: for the audit log; may nothing further.
pub(crate) async fn by_link(tx: &Tx, id: &MemberId, client: &Client) -> Result<Actor> {
    let Member { id, name, email, role, theme, .. } = require(tx, id).await?;
    Ok(Actor::recognised(Recognised { id, name, email, role, theme }, How::Link, client.ip))
}

/// The people of one customer, owners first.
pub async fn of_customer(db: &Db, actor: &Actor, customer: &CustomerId) -> Result<Vec<Member>> {
    actor.may(Permission::ReadMembers)?;
    actor.scope().allows(customer)?;
    db.all(sql(SELECT).and("where member.customer_id = $1 order by member.role desc, member.created_at, member.id").bind(customer)).await
}

/// The admins and concierges of the house.
pub async fn staff(db: &Db, actor: &Actor) -> Result<Vec<Member>> {
    actor.may(Permission::ReadMembers)?;
    if !actor.scope().is_house() {
        return Err(Error::forbidden("Your role does not allow this."));
    }
    db.all(sql(SELECT).and("where member.role in ('admin', 'concierge') order by member.role, member.created_at, member.id")).await
}

/// Addresses and names of all admins: for mails of the house about itself.
pub async fn admins(tx: &Tx) -> Result<Vec<(Email, PersonName)>> {
    tx.all(sql("select email, name from member where role = 'admin' order by id")).await
}

/// Passes when the actor may give that role to someone: admins any; owners those of their own customer.
///
/// The customer must exist.
pub(crate) async fn may_grant(tx: &Tx, actor: &Actor, role: &Role) -> Result<()> {
    actor.may(Permission::WriteMembers)?;
    match (actor.role(), role) {
        (Role::Admin, _) => {}
        (Role::Customer { standing: Standing::Owner, .. }, Role::Customer { customer, .. }) => actor.scope().allows(customer)?,
        _ => return Err(Error::forbidden("Your role does not allow this.")),
    }
    match role.customer() {
        Some(customer) => customers::require(tx, customer).await.map(|_| ()),
        None => Ok(()),
    }
}

/// Gives a member another role. Their API tokens and the invitations they made are revoked: both rest on the old one.
pub async fn change_role(db: &Db, clock: &Clock, actor: &Actor, id: &MemberId, role: Role) -> Result<()> {
    actor.may(Permission::WriteMembers)?;
    db.write(async |tx| {
        let member = within_reach(actor, tx.optional(by_id(id)).await?)?;
        may_grant(&tx, actor, &role).await?;
        if member.role == role {
            return Ok(());
        }
        tx.execute(sql("update member set role = $2, customer_id = $3 where id = $1").bind(id).bind(role.as_str()).bind(role.customer()))
            .await?;
        require_successor(&tx, &member.role).await?;
        tx.execute(sql("delete from api_token where member_id = $1").bind(id)).await?;
        tx.execute(sql("delete from invitation where invited_by = $1").bind(id)).await?;
        let customer = role.customer().or(member.role.customer());
        let detail = json!({ "name": member.name, "from": member.role.as_str(), "to": role.as_str() });
        told(&tx, clock, actor, customer, "member.role", id, detail).await
    })
    .await
}

/// Removes a member with their sessions, tokens and the invitations they made.
pub async fn remove(db: &Db, clock: &Clock, actor: &Actor, id: &MemberId) -> Result<()> {
    actor.may(Permission::WriteMembers)?;
    db.write(async |tx| {
        let member = within_reach(actor, tx.optional(by_id(id)).await?)?;
        tx.execute(sql("delete from member where id = $1").bind(id)).await?;
        require_successor(&tx, &member.role).await?;
        let detail = json!({ "name": member.name, "email": member.email, "role": member.role.as_str() });
        told(&tx, clock, actor, member.role.customer(), "member.remove", id, detail).await
    })
    .await
}

/// Passes when somebody still has the role that was taken away, if it is one that must not be empty.
///
/// Reading after the change lets the database see two such changes at once: one of them is run again and fails here.
async fn require_successor(tx: &Tx, former: &Role) -> Result<()> {
    let left: (i64,) = match former {
        Role::Admin => tx.one(sql("select cast(count(*) as bigint) from member where role = 'admin'")).await?,
        Role::Customer { customer, standing: Standing::Owner } => {
            tx.one(sql("select cast(count(*) as bigint) from member where customer_id = $1 and role = 'owner'").bind(customer)).await?
        }
        Role::Concierge | Role::Customer { standing: Standing::Member, .. } => return Ok(()),
    };
    match (left.0, former) {
        (0, Role::Admin) => Err(Error::conflict("This is the last admin. Make someone else an admin first.")),
        (0, _) => Err(Error::conflict("This is the last owner. Make someone else an owner first.")),
        _ => Ok(()),
    }
}

/// The session that asks, when it is one.
fn session_of(actor: &Actor) -> Option<&crate::SessionId> {
    match actor.how() {
        How::Session(id) => Some(id),
        _ => None,
    }
}

pub(crate) async fn told(
    tx: &Tx,
    clock: &Clock,
    actor: &Actor,
    customer: Option<&CustomerId>,
    action: &'static str,
    id: &MemberId,
    detail: serde_json::Value,
) -> Result<()> {
    audit::record(tx, clock, actor, audit::Entry { action, customer, subject: id.as_str(), detail }).await
}
