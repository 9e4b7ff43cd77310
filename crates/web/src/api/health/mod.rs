//! Health: what a customer's score is made of, the models, who is scored by which, what staff say, and computing all scores anew.

mod assignments;
mod customer;
mod models;
mod pulse;
mod runs;

use accounts::Permission;
use axum::Extension;
use axum::response::{IntoResponse, Redirect, Response};
use insight::health::Band;

use crate::request::RequestFacts;
use crate::routes::{Access, Routes, routes};

/// Everything of it.
pub fn routes(all: Routes) -> Routes {
    let read = Access::House(Permission::ReadCustomers);
    let operate = Access::House(Permission::OperateHouse);
    let write = Access::House(Permission::WriteFollowUps);
    all.api(Access::May(Permission::ReadCustomers), routes!(customer::of_customer))
        .get("/api/dashboard", Access::Anyone, dashboard)
        .api(operate, routes!(runs::recalculate))
        .api(operate, routes!(runs::get))
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
