//! Signing in with a password, and the sessions that follow: a random token in a cookie, its SHA-256 in the database.
//!
//! Roles are read afresh with every request, so that a demotion, a removal and a suspension hold from the next one on.

use std::time::Duration;

use kit::secrets::{Secret, sha256_hex};
use kit::{Clock, Db, Error, Result, Timestamp, Tx, from_row, sql};
use serde::Serialize;
use serde_json::json;

use crate::actor::Recognised;
use crate::passwords::{PasswordHash, Verdict};
use crate::throttle::{self, Key};
use crate::{Actor, Client, CustomerId, Email, How, MemberId, Permission, Role, SessionId, audit, customers, new_token, passwords};

/// After this a session ends, however busy it is.
pub const LIFE: Duration = Duration::from_secs(30 * 86_400);
/// After this without a request a session ends.
pub const IDLE: Duration = Duration::from_secs(7 * 86_400);
/// How old the last-seen time may be before a request writes it anew.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// A session that has just begun.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// What goes into the cookie; is nowhere else.
    pub token: Secret,
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub member: MemberId,
    /// Its latest end.
    pub ends_at: Timestamp,
}

/// A session as its member sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Where the last request came from.
    pub ip: String,
    /// What the browser calls itself.
    pub user_agent: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When the last request came, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends if nothing comes any more.
    pub ends_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

from_row!(Session { id, ip, user_agent, created_at, last_seen_at, ends_at, current });

/// What signing in must know of a member.
struct Candidate {
    member: Recognised,
    password_hash: Option<PasswordHash>,
}

impl kit::db::FromRow for Candidate {
    fn from_row(row: &kit::db::Row<'_>) -> Result<Candidate> {
        Ok(Candidate { member: Recognised::from_row(row)?, password_hash: row.get("password_hash")? })
    }
}

impl kit::db::FromRow for Recognised {
    fn from_row(row: &kit::db::Row<'_>) -> Result<Recognised> {
        Ok(Recognised {
            id: row.get("id")?,
            name: row.get("name")?,
            email: row.get("email")?,
            role: Role::from_row(row)?,
            theme: row.get("theme")?,
        })
    }
}

/// Signs in with mail address and password.
///
/// [`Error::Forbidden`] with one text for a wrong password, an unknown address and a member without a password, after
/// the same work; [`Error::Throttled`] after too many of them for the address or the client.
pub async fn sign_in(db: &Db, clock: &Clock, client: &Client, email: &str, password: &Secret) -> Result<SignedIn> {
    let proof = prove(db, clock, client, email, password).await?;
    db.write(async |tx| {
        proof.settle(&tx).await?;
        open(&tx, clock, client, &proof.member.id, "password").await
    })
    .await
}

/// Recognises a member by mail address and password for one request, as Git sends them: no session begins. Fails like [`sign_in`],
/// and each guess counts there as here.
pub async fn recognise(db: &Db, clock: &Clock, client: &Client, email: &str, password: &Secret) -> Result<Actor> {
    let proof = prove(db, clock, client, email, password).await?;
    db.write(async |tx| {
        proof.settle(&tx).await?;
        customers::require_open(&tx, proof.member.role.customer()).await
    })
    .await?;
    Ok(Actor::recognised(proof.member, How::Password, client.ip))
}

/// The right password of a member, as it was a moment ago.
struct Proof {
    member: Recognised,
    hash: PasswordHash,
    /// The hash by today's rules, where the stored one is older.
    better: Option<PasswordHash>,
    keys: GuessKeys,
}

async fn prove(db: &Db, clock: &Clock, client: &Client, email: &str, password: &Secret) -> Result<Proof> {
    let email = Email::parse(email).map_err(|_| email.to_owned());
    let keys = GuessKeys::of(email.as_ref().map_or_else(String::as_str, Email::as_str), client);
    keys.hit(db, clock).await?;

    let found: Option<Candidate> = match &email {
        Ok(email) => {
            db.optional(sql("select id, name, email, role, customer_id, theme, password_hash from member where email = $1").bind(email))
                .await?
        }
        Err(_) => None,
    };
    let hash = found.as_ref().and_then(|candidate| candidate.password_hash.clone());
    let verdict = passwords::verify(password, hash.as_ref()).await?;
    let (Some(candidate), Some(hash)) = (found, hash) else { return Err(wrong()) };
    let better = match verdict {
        Verdict::Wrong => return Err(wrong()),
        Verdict::Right => None,
        Verdict::RightButOutdated => Some(passwords::hash_again(password).await?),
    };
    Ok(Proof { member: candidate.member, hash, better, keys })
}

impl Proof {
    /// Takes the guess back and keeps the better hash, unless the password was changed meanwhile.
    async fn settle(&self, tx: &Tx) -> Result<()> {
        // The password may have been changed, and all sessions ended, while it was being compared.
        let still: Option<(Option<PasswordHash>,)> =
            tx.optional(sql("select password_hash from member where id = $1").bind(&self.member.id)).await?;
        if still.is_none_or(|(current,)| current.as_ref() != Some(&self.hash)) {
            return Err(wrong());
        }
        self.keys.forgive(tx).await?;
        if let Some(better) = &self.better {
            tx.execute(sql("update member set password_hash = $2 where id = $1").bind(&self.member.id).bind(better)).await?;
        }
        Ok(())
    }
}

fn wrong() -> Error {
    Error::forbidden("The mail address or the password is not right.")
}

/// The counters that a guess at a member's password is charged to.
pub(crate) struct GuessKeys {
    account: Key,
    address: Key,
}

impl GuessKeys {
    pub(crate) fn of(email: &str, client: &Client) -> GuessKeys {
        GuessKeys { account: GuessKeys::account(email), address: Key::address("sign-in", client.ip) }
    }

    pub(crate) fn account(email: &str) -> Key {
        Key::account("sign-in", email)
    }

    /// Counts a guess before it is compared, or refuses it.
    pub(crate) async fn hit(&self, db: &Db, clock: &Clock) -> Result<()> {
        db.write(async |tx| {
            throttle::hit(&tx, clock, &self.account, &throttle::SIGN_IN).await?;
            throttle::hit(&tx, clock, &self.address, &throttle::SIGN_IN).await
        })
        .await
    }

    /// After the right password.
    pub(crate) async fn forgive(&self, tx: &Tx) -> Result<()> {
        throttle::clear(tx, &self.account).await?;
        throttle::refund(tx, &self.address).await
    }
}

/// Begins a session for a member who has proved who they are, unless their customer is suspended. `by` is told to the audit log.
pub(crate) async fn open(tx: &Tx, clock: &Clock, client: &Client, member: &MemberId, by: &'static str) -> Result<SignedIn> {
    let found: Option<Recognised> =
        tx.optional(sql("select id, name, email, role, customer_id, theme from member where id = $1").bind(member)).await?;
    let found = found.ok_or_else(|| Error::not_found("the member"))?;
    customers::require_open(tx, found.role.customer()).await?;
    let customer = found.role.customer().cloned();
    let (token, token_hash) = new_token();
    let (id, now) = (SessionId::new(clock), clock.now());
    tx.execute(
        sql("insert into session (id, member_id, token_hash, ip, user_agent, created_at, last_seen_at, ends_at)
             values ($1, $2, $3, $4, $5, $6, $6, $7)")
        .bind(&id)
        .bind(member)
        .bind(token_hash)
        .bind(client.ip.to_string())
        .bind(&client.user_agent)
        .bind(now)
        .bind(ends_at(now, now)),
    )
    .await?;
    let actor = Actor::recognised(found, How::Session(id.clone()), client.ip);
    told(tx, clock, &actor, customer.as_ref(), "session.open", id.as_str(), json!({ "by": by, "user_agent": client.user_agent })).await?;
    Ok(SignedIn { token, session: id, member: member.clone(), ends_at: now.plus(LIFE) })
}

fn ends_at(created_at: Timestamp, last_seen_at: Timestamp) -> Timestamp {
    created_at.plus(LIFE).min(last_seen_at.plus(IDLE))
}

struct Found {
    session: SessionId,
    ip: String,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    member: Recognised,
}

impl kit::db::FromRow for Found {
    fn from_row(row: &kit::db::Row<'_>) -> Result<Found> {
        Ok(Found {
            session: row.get("session_id")?,
            ip: row.get("ip")?,
            created_at: row.get("session_created_at")?,
            last_seen_at: row.get("last_seen_at")?,
            member: Recognised::from_row(row)?,
        })
    }
}

/// Who the cookie's token belongs to; `None` when it is no (longer a) session or the customer is suspended.
pub async fn authenticate(db: &Db, clock: &Clock, client: &Client, token: &str) -> Result<Option<Actor>> {
    let now = clock.now();
    let found: Option<Found> = db
        .optional(
            sql("select session.id as session_id, session.ip, session.created_at as session_created_at, session.last_seen_at,
                   member.id, member.name, member.email, member.role, member.customer_id, member.theme
                 from session
                 join member on member.id = session.member_id
                 left join customer on customer.id = member.customer_id
                 where session.token_hash = $1 and session.ends_at > $2 and customer.suspended_at is null")
            .bind(sha256_hex(token))
            .bind(now),
        )
        .await?;
    let Some(found) = found else { return Ok(None) };
    let ip = client.ip.to_string();
    if now.since(found.last_seen_at) >= SEEN_EVERY || found.ip != ip {
        let seen = db
            .execute(
                sql("update session set last_seen_at = $2, ends_at = $3, ip = $4 where id = $1 and last_seen_at <= $2")
                    .bind(&found.session)
                    .bind(now)
                    .bind(ends_at(found.created_at, now))
                    .bind(ip),
            )
            .await;
        // A full disk must not sign everybody out.
        if let Err(error) = seen {
            tracing::warn!(session.id = %found.session, error = %error, "could not note that session `{}` was seen", found.session);
        }
    }
    Ok(Some(Actor::recognised(found.member, How::Session(found.session), client.ip)))
}

/// The actor's own sessions, the latest seen first.
pub async fn list(db: &Db, clock: &Clock, actor: &Actor) -> Result<Vec<Session>> {
    actor.may(Permission::OwnAccount)?;
    let current = match actor.how() {
        How::Session(id) => Some(id),
        _ => None,
    };
    db.all(
        sql("select id, ip, user_agent, created_at, last_seen_at, ends_at, coalesce(id = cast($3 as text), false) as current
             from session
             where member_id = $1 and ends_at > $2
             order by last_seen_at desc
             limit 200")
        .bind(actor.member_id())
        .bind(clock.now())
        .bind(current),
    )
    .await
}

/// Ends one of the actor's own sessions.
pub async fn revoke(db: &Db, clock: &Clock, actor: &Actor, id: &SessionId) -> Result<()> {
    actor.may(Permission::OwnAccount)?;
    db.write(async |tx| {
        let ended = tx.execute(sql("delete from session where id = $1 and member_id = $2").bind(id).bind(actor.member_id())).await?;
        if ended == 0 {
            return Err(Error::not_found("the session"));
        }
        told(&tx, clock, actor, actor.customer(), "session.end", id.as_str(), json!({})).await
    })
    .await
}

/// Ends the session that asks.
pub async fn sign_out(db: &Db, clock: &Clock, actor: &Actor) -> Result<()> {
    match actor.how() {
        How::Session(id) => revoke(db, clock, actor, id).await,
        _ => Err(Error::forbidden("Only a session can be signed out.")),
    }
}

/// Ends all of the actor's sessions, this one too. API tokens stay.
pub async fn sign_out_everywhere(db: &Db, clock: &Clock, actor: &Actor) -> Result<()> {
    actor.may(Permission::OwnAccount)?;
    let member = actor.member_id().ok_or_else(|| Error::forbidden("Only a member has sessions."))?;
    db.write(async |tx| {
        let ended = end_all(&tx, member, None).await?;
        told(&tx, clock, actor, actor.customer(), "session.end_all", member.as_str(), json!({ "sessions": ended })).await
    })
    .await
}

/// Ends a member's sessions but the one to keep. Returns how many.
pub(crate) async fn end_all(tx: &Tx, member: &MemberId, keep: Option<&SessionId>) -> Result<u64> {
    tx.execute(sql("delete from session where member_id = $1 and (cast($2 as text) is null or id <> $2)").bind(member).bind(keep)).await
}

async fn told(
    tx: &Tx,
    clock: &Clock,
    actor: &Actor,
    customer: Option<&CustomerId>,
    action: &'static str,
    subject: &str,
    detail: serde_json::Value,
) -> Result<()> {
    audit::record(tx, clock, actor, audit::Entry { action, customer, subject, detail }).await
}
