//! Who looks after a customer.

use accounts::{CustomerId, MemberId, customers};
use axum::extract::State;
use insight::owners;
use kit::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path};
use crate::respond::Answer;
use crate::routes::Caller;

/// Who looks after a customer; all `null` when nobody does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CustomerOwner)]
pub struct Shown {
    #[schema(example = "mem_01j2k3l4m5n6o7p8q9")]
    member_id: Option<String>,
    name: Option<String>,
    since: Option<String>,
}

/// Who shall look after it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetOwner {
    /// An admin or a concierge; `null` for nobody.
    #[schema(required)]
    member_id: Option<String>,
}

/// Shows who looks after a customer.
#[utoipa::path(get, path = "/api/customers/{customer}/owner", tag = "Follow-ups", params(("customer" = String, Path, description = "Its id")),
    responses((status = 200, description = "The owner", body = Shown)))]
pub async fn get(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer<Json<Shown>> {
    customers::get(&app.db, &actor.scope(), &id).await?;
    let owner = owners::of(&app.db, &actor, &id).await?;
    Ok(Json(match owner {
        Some(owner) => Shown { member_id: Some(owner.member_id.to_string()), name: Some(owner.name), since: Some(owner.since.rfc3339()) },
        None => Shown { member_id: None, name: None, since: None },
    }))
}

/// Gives a customer to somebody, or to nobody.
#[utoipa::path(put, path = "/api/customers/{customer}/owner", tag = "Follow-ups", params(("customer" = String, Path, description = "Its id")),
    request_body = SetOwner, responses((status = 200, description = "The owner as it is now", body = Shown)))]
pub async fn set(State(app): State<App>, caller: Caller, Path(id): Path<CustomerId>, Json(body): Json<SetOwner>) -> Answer<Json<Shown>> {
    let no_such = |_| Error::invalid("member_id", "must be the id of an admin or a concierge");
    let owner = body.member_id.as_deref().map(MemberId::parse).transpose().map_err(no_such)?;
    let renamed = |error| match error {
        Error::Invalid(_) => Error::invalid("member_id", "must be the id of an admin or a concierge"),
        other => other,
    };
    owners::set(&app.db, &app.clock, &caller.0, &id, owner.as_ref()).await.map_err(renamed)?;
    changed::follow_ups(&app);
    get(State(app), caller, Path(id)).await
}
