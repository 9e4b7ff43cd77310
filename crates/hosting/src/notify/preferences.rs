//! Which mails a member wants about deployments: each decides for themselves, in their own account.

use accounts::{Actor, CustomerId, Permission};
use kit::{Clock, Db, Error, Result, Tx, from_row, sql};

use super::is_let_in;

/// Which mails a member wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preferences {
    /// When a deployment failed.
    pub deployment_failed: bool,
    /// When one succeeded.
    pub deployment_succeeded: bool,
    /// When a new version was taken back by itself.
    pub rolled_back: bool,
}

from_row!(Preferences { deployment_failed, deployment_succeeded, rolled_back });

impl Default for Preferences {
    /// What calls for somebody to act.
    fn default() -> Preferences {
        Preferences { deployment_failed: true, deployment_succeeded: false, rolled_back: true }
    }
}

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Failed,
    Succeeded,
    RolledBack,
}

/// Who gets a mail.
#[derive(Debug, Clone)]
pub(super) struct Recipient {
    pub name: String,
    pub email: String,
}

from_row!(Recipient { name, email });

/// What the actor has chosen; none for staff, who are not mailed about the sites of customers.
pub async fn of(db: &Db, actor: &Actor) -> Result<Option<Preferences>> {
    let (Some(member), Some(_)) = (actor.member_id(), actor.customer()) else { return Ok(None) };
    let row = sql("select deployment_failed, deployment_succeeded, rolled_back from member_notification where member_id = $1");
    Ok(Some(db.optional(row.bind(member)).await?.unwrap_or_default()))
}

/// Changes what the actor wants.
pub async fn set(db: &Db, clock: &Clock, actor: &Actor, wanted: Preferences) -> Result<()> {
    actor.may(Permission::OwnAccount)?;
    let (Some(member), Some(_)) = (actor.member_id(), actor.customer()) else {
        return Err(Error::conflict("only members of a customer are mailed about deployments"));
    };
    db.execute(
        sql("insert into member_notification (member_id, deployment_failed, deployment_succeeded, rolled_back, changed_at)
             values ($1, $2, $3, $4, $5)
             on conflict (member_id) do update
             set deployment_failed = $2, deployment_succeeded = $3, rolled_back = $4, changed_at = $5")
        .bind(member)
        .bind(wanted.deployment_failed)
        .bind(wanted.deployment_succeeded)
        .bind(wanted.rolled_back)
        .bind(clock.now()),
    )
    .await
    .map(|_| ())
}

/// The members of a customer who want to be told.
pub(super) async fn recipients(tx: &Tx, customer: &CustomerId, about: About) -> Result<Vec<Recipient>> {
    if !is_let_in(tx, customer).await? {
        return Ok(Vec::new());
    }
    let wanting = match about {
        About::Failed => "and coalesce(chosen.deployment_failed, true)",
        About::Succeeded => "and coalesce(chosen.deployment_succeeded, false)",
        About::RolledBack => "and coalesce(chosen.rolled_back, true)",
    };
    tx.all(
        sql("select member.name, member.email
             from member left join member_notification chosen on chosen.member_id = member.id
             where member.customer_id = $1")
        .and(wanting)
        .and("order by member.id")
        .bind(customer),
    )
    .await
}
