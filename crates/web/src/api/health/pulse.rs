//! What staff say of a customer.

use accounts::CustomerId;
use axum::extract::State;
use axum::http::StatusCode;
use events::Day;
use insight::pulse::{self, NewPulse, Pulse};
use kit::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path};
use crate::respond::Answer;
use crate::routes::Caller;

/// What was said of a customer once.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerPulse {
    id: String,
    /// 0 to 100; `null` where what was said before was taken back.
    points: Option<i64>,
    note: String,
    set_by: String,
    set_at: String,
    /// The last day on which it counts.
    #[schema(example = "2026-12-31")]
    until: String,
}

/// What was said of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerPulses {
    /// Newest first, up to 100. The first one counts.
    items: Vec<CustomerPulse>,
}

impl From<Pulse> for CustomerPulse {
    fn from(pulse: Pulse) -> CustomerPulse {
        CustomerPulse {
            id: pulse.id.to_string(),
            points: pulse.points,
            note: pulse.note,
            set_by: pulse.set_by,
            set_at: pulse.set_at.rfc3339(),
            until: pulse.until.iso(),
        }
    }
}

/// What is to be said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPulse {
    /// 0 to 100.
    #[schema(example = 75)]
    points: i64,
    note: String,
    /// The last day on which it counts, within a year.
    #[schema(example = "2026-12-31")]
    until: String,
}

/// Shows what staff said of a customer.
///
/// A health model may count it among its factors.
#[utoipa::path(get, path = "/api/customers/{customer}/pulse", tag = "Health", params(("customer" = String, Path, description = "Its id")),
    responses((status = 200, description = "Newest first", body = CustomerPulses)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer<Json<CustomerPulses>> {
    let items = pulse::list(&app.insight, &actor, &id, pulse::EVER, 100).await?.into_iter().map(CustomerPulse::from).collect();
    Ok(Json(CustomerPulses { items }))
}

/// Says how a customer is.
#[utoipa::path(put, path = "/api/customers/{customer}/pulse", tag = "Health", params(("customer" = String, Path, description = "Its id")),
    request_body = SetPulse, responses((status = 200, description = "Newest first", body = CustomerPulses)))]
pub async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CustomerId>,
    Json(body): Json<SetPulse>,
) -> Answer<Json<CustomerPulses>> {
    let until = Day::parse(&body.until).ok_or_else(|| Error::invalid("until", "must be a day such as 2026-12-31"))?;
    let new = NewPulse { points: body.points, note: body.note, until };
    pulse::set(&app.insight, &caller.0, &id, &new).await?;
    changed::follow_ups(&app);
    list(State(app), caller, Path(id)).await
}

/// Takes back what was said of a customer.
#[utoipa::path(delete, path = "/api/customers/{customer}/pulse", tag = "Health", params(("customer" = String, Path, description = "Its id")),
    responses((status = 204, description = "Nothing counts any more")))]
pub async fn clear(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer<StatusCode> {
    pulse::clear(&app.insight, &actor, &id).await?;
    changed::follow_ups(&app);
    Ok(StatusCode::NO_CONTENT)
}
