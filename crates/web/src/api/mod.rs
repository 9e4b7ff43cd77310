//! The JSON API: the same slices as the pages, described by OpenAPI.
//!
//! Times are RFC 3339 in UTC, lists are `{"items": […], "next": "…"}` and go on with `?after=` or `?before=` what `next`
//! says, failures are problem details, unknown fields are refused.

mod alerts;
mod audit;
mod container;
mod containers;
mod costs;
mod customers;
mod deploy_tokens;
mod deployments;
mod doctor;
mod events;
mod follow_ups;
mod funnels;
mod health;
mod imports;
mod jobs;
mod logs;
mod me;
mod members;
mod outgoing;
mod previews;
mod sessions;
mod sites;
mod tokens;
mod webhook;

pub(crate) use deploy_tokens::parse as parse_deploy_token;
pub(crate) use logs::allow_logs;
pub(crate) use outgoing::allow_sending;

use accounts::Permission;
use serde::Serialize;
use utoipa::ToSchema;

use crate::routes::{Access, Routes, routes};
use crate::uploads::FILES;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to ask for the next page with; `null` on the last one.
    pub next: Option<String>,
}

/// Everything under `/api` that is not a site's.
pub fn routes(all: Routes) -> Routes {
    let write_members = Access::May(Permission::WriteMembers);
    let tokens = Access::May(Permission::OwnTokens);
    let sessions = Access::May(Permission::OwnAccount);
    let operate = Access::House(Permission::OperateHouse);
    let report = Access::House(Permission::ReadReporting);
    alerts::routes(follow_ups::routes(health::routes(deployments::routes(webhook::routes(sites::routes(all))))))
        .api(Access::SignedIn, routes!(me::me))
        .api(Access::May(Permission::ReadSites), routes!(container::status))
        .api(Access::May(Permission::WriteSites), routes!(container::restart))
        .api(Access::May(Permission::ReadSites), routes!(logs::logs))
        .api(Access::May(Permission::ReadSites), routes!(deploy_tokens::list))
        .api_create(Access::May(Permission::WriteSites), routes!(deploy_tokens::create))
        .api(Access::May(Permission::WriteSites), routes!(deploy_tokens::revoke))
        .api(Access::May(Permission::ReadSites), routes!(previews::list))
        .api_create(Access::May(Permission::WriteSites), routes!(previews::create))
        .api(Access::May(Permission::WriteSites), routes!(previews::remove))
        .api(operate, routes!(containers::adoptable))
        .api_create(operate, routes!(containers::adopt))
        .api(operate, routes!(containers::let_go))
        .api(Access::May(Permission::ReadSites), routes!(outgoing::list))
        .api_create(Access::May(Permission::WriteSites), routes!(outgoing::create))
        .api(Access::May(Permission::WriteSites), routes!(outgoing::change))
        .api(Access::May(Permission::WriteSites), routes!(outgoing::remove))
        .api(Access::May(Permission::WriteSites), routes!(outgoing::replace_secret))
        .api(Access::May(Permission::WriteSites), routes!(outgoing::test))
        .api(Access::May(Permission::ReadSites), routes!(outgoing::list_deliveries))
        .api(Access::May(Permission::WriteSites), routes!(outgoing::again))
        .api(Access::May(Permission::ReadCustomers), routes!(customers::list))
        .api_create(Access::House(Permission::ManageCustomers), routes!(customers::create))
        .api(Access::May(Permission::ReadCustomers), routes!(customers::get))
        .api(Access::May(Permission::EditCustomer), routes!(customers::change))
        .get("/api/analytics/dashboard/costs/", Access::Anyone, costs::dashboard)
        .api(report, routes!(costs::get))
        .api(report, routes!(costs::of_customer))
        .api(report, routes!(costs::list_prices))
        .api_create(operate, routes!(costs::add_price))
        .api(operate, routes!(costs::preview_price))
        .api(operate, routes!(costs::change_price))
        .api(operate, routes!(costs::remove_price))
        .api(operate, routes!(costs::set_budget))
        .api(report, routes!(funnels::of_house))
        .api(operate, routes!(funnels::recalculate))
        .api(report, routes!(funnels::answer))
        .api(report, routes!(funnels::cohorts))
        .api(Access::May(Permission::ReadMembers), routes!(members::list))
        .api_create(write_members, routes!(members::invite))
        .api(write_members, routes!(members::change))
        .api(write_members, routes!(members::remove))
        .api(write_members, routes!(members::withdraw))
        .api(tokens, routes!(tokens::list))
        .api_create(tokens, routes!(tokens::create))
        .api(tokens, routes!(tokens::revoke))
        .api(sessions, routes!(sessions::list))
        .api(sessions, routes!(sessions::revoke))
        .api(Access::May(Permission::ReadAudit), routes!(audit::list))
        .api(operate, routes!(jobs::list))
        .api(operate, routes!(jobs::retry))
        .api(operate, routes!(jobs::reconcilers))
        .api(operate, routes!(doctor::examine))
        .api(Access::House(Permission::ReadReporting), routes!(events::export))
        .api(operate, routes!(imports::list))
        .api_within(operate, FILES, routes!(imports::send))
        .api(operate, routes!(imports::get))
        .api(operate, routes!(imports::start))
        .api(operate, routes!(imports::cancel))
        .api(operate, routes!(imports::discard))
}
