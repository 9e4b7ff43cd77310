//! What the people who run Innkeeper see: customers, staff, jobs, mail, the audit log, the examination, settings.

mod adopt;
mod audit;
mod cohorts;
mod costs;
mod customer;
mod customers;
mod doctor;
pub(crate) mod events;
mod funnel;
mod funnels;
mod health;
mod imports;
mod ingestion;
mod jobs;
mod mail;
mod new_customer;
mod settings;
mod sites;
mod staff;

pub(crate) use cohorts::Asked as CohortsAsked;
pub(crate) use funnels::question as funnel_question;

use accounts::Permission;
use axum::routing::post;

use crate::routes::{Access, Routes};
use crate::uploads::FILES;

/// Everything under `/admin`, and what of a site only they see.
pub fn routes(routes: Routes) -> Routes {
    let read = Access::House(Permission::ReadCustomers);
    let manage = Access::House(Permission::ManageCustomers);
    let operate = Access::House(Permission::OperateHouse);
    let report = Access::House(Permission::ReadReporting);
    routes
        .get("/admin/customers", read, customers::list)
        .get("/admin/customers/new", manage, new_customer::form)
        .post("/admin/customers/new", manage, new_customer::submit)
        .get("/admin/customers.csv", read, customers::export)
        .get("/admin/customers/{customer}", read, customer::show)
        .get("/admin/customers/{customer}/health.csv", read, customer::health_csv)
        .get("/admin/customers/{customer}/timeline", read, customer::timeline)
        .get("/admin/customers/{customer}/people", read, customer::sites_and_people)
        .get("/admin/customers/{customer}/settings", manage, customer::settings)
        .post("/admin/customers/{customer}/change", manage, customer::change)
        .post("/admin/customers/{customer}/suspend", manage, customer::suspend)
        .post("/admin/customers/{customer}/resume", manage, customer::resume)
        .get("/admin/health", read, health::page)
        .post("/admin/health/recalculate", operate, health::recalculate)
        .get("/admin/health/models", read, health::models)
        .post("/admin/health/models", operate, health::copy)
        .get("/admin/health/models/{model}", read, health::model)
        .post("/admin/health/models/{model}/draft", operate, health::save)
        .post("/admin/health/models/{model}/try", operate, health::try_out)
        .get("/admin/health/runs/{run}", operate, health::run)
        .post("/admin/health/models/{model}/publish", operate, health::publish)
        .post("/admin/health/models/{model}/discard", operate, health::discard)
        .post("/admin/health/assignments", operate, health::assign)
        .post("/admin/health/assignments/{segment}/remove", operate, health::unassign)
        .post("/admin/health/versions/{version}/use", operate, health::use_version)
        .get("/admin/events", Access::House(Permission::ReadReporting), events::list)
        .get("/admin/events.csv", Access::House(Permission::ReadReporting), events::export::csv)
        .get("/admin/events.parquet", Access::House(Permission::ReadReporting), events::export::parquet)
        .get("/admin/events/{at}/{seq}", Access::House(Permission::ReadReporting), events::show)
        .get("/admin/events/{at}/{seq}/raw", Access::House(Permission::ReadReporting), events::raw)
        .get("/admin/costs", report, costs::page)
        .get("/admin/costs.csv", report, costs::export)
        .post("/admin/costs/budget", operate, costs::set_budget)
        .get("/admin/costs/prices", report, costs::prices)
        .get("/admin/costs/prices/new", operate, costs::new_price)
        .post("/admin/costs/prices/new", operate, costs::add_price)
        .get("/admin/costs/prices/{price}", report, costs::price)
        .post("/admin/costs/prices/{price}/change", operate, costs::change_price)
        .post("/admin/costs/prices/{price}/remove", operate, costs::remove_price)
        .get("/admin/funnel", report, funnel::show)
        .get("/admin/funnel.csv", report, funnel::export)
        .get("/api/analytics/dashboard/funnel/", Access::Anyone, funnel::of_seed)
        .get("/admin/funnels", report, funnels::page)
        .get("/admin/funnels/people", report, funnels::people)
        .post("/admin/funnels/save", Access::House(Permission::WriteFollowUps), funnels::save)
        .post("/admin/funnels/saved/{saved}/remove", Access::House(Permission::WriteFollowUps), funnels::remove)
        .get("/admin/cohorts", report, cohorts::show)
        .get("/admin/cohorts/people", report, cohorts::people)
        .get("/api/analytics/dashboard/cohorts/", Access::Anyone, cohorts::of_seed)
        .get("/admin/ingestion", operate, ingestion::show)
        .post("/admin/ingestion/keys/{key}", operate, ingestion::limit)
        .get(imports::PLACE, operate, imports::list)
        .on("POST", imports::PLACE, operate, FILES, post(imports::upload))
        .get("/admin/ingestion/import/{import}", operate, imports::show)
        .post("/admin/ingestion/import/{import}/start", operate, imports::start)
        .post("/admin/ingestion/import/{import}/cancel", operate, imports::cancel)
        .post("/admin/ingestion/import/{import}/discard", operate, imports::discard)
        .get("/admin/sites", Access::House(Permission::ReadSites), sites::list)
        .get("/admin/sites.csv", Access::House(Permission::ReadSites), sites::export)
        .get("/admin/sites/adopt", operate, adopt::form)
        .post("/admin/sites/adopt", operate, adopt::submit)
        .get("/admin/staff", Access::House(Permission::ReadMembers), staff::list)
        .get("/admin/jobs", operate, jobs::list)
        .post("/admin/jobs/{job}/retry", operate, jobs::retry)
        .get("/admin/mail", operate, mail::list)
        .post("/admin/mail/{mail}/show", operate, mail::show)
        .get("/admin/audit", Access::House(Permission::ReadAudit), audit::house)
        .get("/account/activity", Access::May(Permission::ReadAudit), audit::own)
        .get("/admin/doctor", operate, doctor::house)
        .get("/sites/{app}/doctor", operate, doctor::site)
        .get("/admin/settings", operate, settings::show)
}
