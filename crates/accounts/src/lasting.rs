//! Whether somebody who was let in still would be: for what goes on longer than a request, such as a log that is followed.

use kit::{Clock, Db, Result, sql};

use crate::{Actor, How, Role};

struct Found(Role);

impl kit::db::FromRow for Found {
    fn from_row(row: &kit::db::Row<'_>) -> Result<Found> {
        Role::from_row(row).map(Found)
    }
}

/// Whether the session or the token by which the actor was recognised still lets them in, as what they were then. Of a password that came
/// with a request, the member is looked at.
///
/// Jobs and the command line always are; a slice knows its own keys.
pub async fn is_let_in(db: &Db, clock: &Clock, actor: &Actor) -> Result<bool> {
    let Some(member) = actor.member_id() else { return Ok(true) };
    let query = match actor.how() {
        How::Session(id) => sql("select member.role, member.customer_id
             from session
             join member on member.id = session.member_id
             left join customer on customer.id = member.customer_id
             where session.id = $1 and session.ends_at > $2 and customer.suspended_at is null")
        .bind(id)
        .bind(clock.now()),
        How::Token { id, .. } => sql("select member.role, member.customer_id
             from api_token
             join member on member.id = api_token.member_id
             left join customer on customer.id = member.customer_id
             where api_token.id = $1
             and (api_token.expires_at is null or api_token.expires_at > $2)
             and customer.suspended_at is null")
        .bind(id)
        .bind(clock.now()),
        _ => sql("select member.role, member.customer_id
             from member
             left join customer on customer.id = member.customer_id
             where member.id = $1 and customer.suspended_at is null")
        .bind(member),
    };
    let found: Option<Found> = db.optional(query).await?;
    Ok(found.is_some_and(|Found(role)| role == *actor.role()))
}
