//! The audit log.

use accounts::{AuditId, AuditQuery, AuditRow, CustomerId, MemberId, audit};
use axum::extract::State;
use kit::Error;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::List;
use crate::app::App;
use crate::extract::{Json, Query};
use crate::respond::Answer;
use crate::routes::Caller;

/// One thing that somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    id: String,
    at: String,
    member_id: Option<String>,
    actor_name: String,
    /// `session`, `token`, `link`, `job` or `cli`.
    how: String,
    token_id: Option<String>,
    customer_id: Option<String>,
    #[schema(example = "member.invite")]
    action: String,
    /// What it was done to.
    subject: String,
    #[schema(value_type = Object)]
    detail: serde_json::Value,
    ip: Option<String>,
}

impl From<AuditRow> for AuditEntry {
    fn from(row: AuditRow) -> AuditEntry {
        AuditEntry {
            id: row.id.to_string(),
            at: row.at.rfc3339(),
            member_id: row.member_id.map(String::from),
            actor_name: row.actor_name,
            how: row.how,
            token_id: row.token_id.map(String::from),
            customer_id: row.customer_id.map(String::from),
            action: row.action,
            subject: row.subject,
            detail: row.detail,
            ip: row.ip,
        }
    }
}

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Those that concern this customer.
    customer: Option<String>,
    /// Those of this member.
    member: Option<String>,
    /// Those of this action.
    action: Option<String>,
    /// What `next` of the page before says.
    before: Option<String>,
    /// How many, 1 to 200; 50 if not said.
    limit: Option<u32>,
}

/// Lists what was done, newest first.
///
/// Owners see what concerns their customer, admins see everything.
#[utoipa::path(get, path = "/api/audit", tag = "Operations", params(Which),
    responses((status = 200, description = "One page", body = List<AuditEntry>)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller, Query(which): Query<Which>) -> Answer<Json<List<AuditEntry>>> {
    let query = AuditQuery {
        customer: which.customer.as_deref().map(CustomerId::parse).transpose()?,
        member: which.member.as_deref().map(MemberId::parse).transpose()?,
        action: which.action,
        before: match &which.before {
            Some(text) => Some(AuditId::parse(text).map_err(|_| Error::invalid("before", "must be what `next` said"))?),
            None => None,
        },
        limit: which.limit.unwrap_or(50),
    };
    let page = audit::list(&app.db, &actor, &query).await?;
    Ok(Json(List { items: page.items.into_iter().map(AuditEntry::from).collect(), next: page.next.map(String::from) }))
}
