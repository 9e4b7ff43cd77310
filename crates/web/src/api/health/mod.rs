//! Health: what a customer's score is made of, the models, who is scored by which, what staff say, and computing all scores anew.

mod assignments;
mod customer;
mod models;
mod pulse;

use accounts::Permission;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use insight::health::{self, Band};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::Json;
use crate::request::RequestFacts;
use crate::respond::Answer;
use crate::routes::{Access, Routes, routes};

/// Everything of it.
pub fn routes(all: Routes) -> Routes {
    let read = Access::House(Permission::ReadCustomers);
    let operate = Access::House(Permission::OperateHouse);
    let write = Access::House(Permission::WriteFollowUps);
    all.api(Access::May(Permission::ReadCustomers), routes!(customer::of_customer))
        .get("/api/dashboard", Access::Anyone, dashboard)
        .api(operate, routes!(recalculate))
        .api(read, routes!(models::models))
        .api_create(operate, routes!(models::copy))
        .api(operate, routes!(models::draft))
        .api(operate, routes!(models::dry_run))
        .api(operate, routes!(models::publish))
        .api(operate, routes!(models::use_version))
        .api(read, routes!(assignments::list))
        .api(operate, routes!(assignments::assign))
        .api(operate, routes!(assignments::unassign))
        .api(read, routes!(pulse::list))
        .api(write, routes!(pulse::set))
        .api(write, routes!(pulse::clear))
}

/// The seeds' word for a band's colour.
pub(super) fn color(band: Band) -> &'static str {
    match band {
        Band::Healthy => "green",
        Band::AtRisk => "yellow",
        Band::Churning => "red",
    }
}

/// Leads to the dashboard; customers, and whoever is not signed in, to their way in.
pub async fn dashboard(Extension(facts): Extension<RequestFacts>) -> Response {
    let is_staff = facts.caller.get().is_some_and(|actor| actor.scope().is_house());
    Redirect::to(if is_staff { "/admin/health" } else { "/" }).into_response()
}

/// What computing all scores did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recalculated {
    /// So many customers.
    customers: u64,
    took_ms: u64,
}

/// Computes the scores of all customers anew.
///
/// They are fresh anyway, within seconds; this is for whoever wants to be sure.
#[utoipa::path(post, path = "/api/analytics/dashboard/health/recalculate/", tag = "Health",
    responses((status = 200, description = "Done", body = Recalculated)))]
pub async fn recalculate(State(app): State<App>) -> Answer<Json<Recalculated>> {
    let done = health::recompute(&app.insight).await?;
    Ok(Json(Recalculated { customers: done.customers, took_ms: done.took_ms }))
}
