//! What customers see of their sites: the list, a new one, one site with everything that can be done to it.
//!
//! Staff see the same pages of any customer's site; their list is `operator::sites`.

pub(crate) mod asked;
mod health;
mod link;
mod list;
mod new;
pub(crate) mod seen;
mod site;
pub(crate) mod suggestion;
pub(crate) mod words;

pub(crate) use link::to;
pub(crate) use site::deployments::log::as_text as deployment_log_as_text;
pub(crate) use site::health::uptime_bar;
pub(crate) use site::previews::parse as preview_wish;

use accounts::Permission;
use axum::routing::get;

use crate::routes::{Access, Limits, Routes};

/// The pages of sites and what their forms post to.
pub fn routes(routes: Routes) -> Routes {
    let read = Access::May(Permission::ReadSites);
    let write = Access::May(Permission::WriteSites);
    let deploy = Access::May(Permission::DeploySites);
    let as_it_comes = Limits { unhurried: true, ..Limits::default() };
    let own = Access::May(Permission::ReadCustomers);
    routes
        .get("/health", own, health::page)
        .get("/health.csv", own, health::csv)
        .get("/sites", read, list::page)
        .post("/sites", write, new::create)
        .get("/sites/new", write, new::form)
        .get("/sites/new/address", write, new::suggested_address)
        .get("/sites/check-address", write, new::check_address)
        .get("/templates/{kind}/preview.svg", Access::Public, new::preview)
        .get("/sites/{app}", read, site::page)
        .get("/sites/{app}/logs", read, site::health::logs::page)
        .get("/sites/{app}/logs.txt", read, site::health::logs::download)
        .on("GET", "/sites/{app}/logs/follow", read, as_it_comes, get(site::health::logs::follow))
        .get("/sites/{app}/deployments", read, site::deployments::page)
        .post("/sites/{app}/deployments", deploy, site::deployments::actions::deploy)
        .post("/sites/{app}/rollback", deploy, site::deployments::actions::roll_back)
        .get("/sites/{app}/deployments/{deployment}", read, site::deployments::one::page)
        .get("/sites/{app}/deployments/{deployment}/log.txt", read, site::deployments::log::download)
        .on("GET", "/sites/{app}/deployments/{deployment}/log/follow", read, as_it_comes, get(site::deployments::log::follow))
        .post("/sites/{app}/deployments/{deployment}/cancel", deploy, site::deployments::actions::cancel)
        .get("/sites/{app}/repository", read, site::repository::page)
        .post("/sites/{app}/repository/tokens", write, site::repository::make_token)
        .post("/sites/{app}/repository/tokens/{deploy_token}/revoke", write, site::repository::revoke_token)
        .post("/sites/{app}/start", write, site::actions::start)
        .post("/sites/{app}/restart", write, site::health::restart)
        .post("/sites/{app}/stop", write, site::actions::stop)
        .post("/sites/{app}/delete", write, site::actions::delete)
        .post("/sites/{app}/restore", write, site::actions::restore)
        .post("/sites/{app}/retry", write, site::actions::retry)
        .post("/sites/{app}/discard", write, site::actions::discard)
        .post("/sites/{app}/rename", write, site::actions::rename)
        .post("/sites/{app}/reveal", write, site::actions::reveal)
        .get("/sites/{app}/environment", read, site::environment::page)
        .post("/sites/{app}/environment", write, site::environment::review)
        .post("/sites/{app}/environment/apply", write, site::environment::apply)
        .post("/sites/{app}/environment/back", write, site::environment::back)
        .post("/sites/{app}/environment/again", write, site::environment::again)
        .post("/sites/{app}/environment/reveal", write, site::environment::reveal)
        .get("/sites/{app}/previews", read, site::previews::page)
        .post("/sites/{app}/previews", write, site::previews::create)
        .post("/sites/{app}/previews/{preview}/remove", write, site::previews::remove)
        .post("/sites/{app}/previews/{preview}/extend", write, site::previews::extend)
        .post("/sites/{app}/previews/{preview}/password", write, site::previews::renew_password)
        .post("/sites/{app}/status-page", Access::May(Permission::EditCustomer), site::publicity::set)
        .get("/sites/{app}/notifications", read, site::notifications::page)
        .post("/sites/{app}/notifications", write, site::notifications::create)
        .get("/sites/{app}/notifications/new", write, site::notifications::form)
        .get("/sites/{app}/notifications/{webhook}", read, site::notifications::hook)
        .post("/sites/{app}/notifications/{webhook}/change", write, site::notifications::change)
        .post("/sites/{app}/notifications/{webhook}/secret", write, site::notifications::replace_secret)
        .post("/sites/{app}/notifications/{webhook}/pause", write, site::notifications::pause)
        .post("/sites/{app}/notifications/{webhook}/resume", write, site::notifications::resume)
        .post("/sites/{app}/notifications/{webhook}/remove", write, site::notifications::remove)
        .post("/sites/{app}/notifications/{webhook}/test", write, site::notifications::test)
        .get("/sites/{app}/notifications/{webhook}/deliveries/{delivery}", read, site::notifications::delivery)
        .post("/sites/{app}/notifications/{webhook}/deliveries/{delivery}/again", write, site::notifications::again)
        .post("/sites/{app}/let-go", Access::House(Permission::OperateHouse), site::adopted::let_go)
}

/// Leaves `limit` sites of a list that was asked for one more, and tells where the next page begins.
pub(crate) fn cut(sites: &mut Vec<hosting::Site>, limit: u32) -> Option<hosting::SiteId> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = sites.len() > limit;
    sites.truncate(limit);
    sites.last().filter(|_| more).map(|last| last.id.clone())
}
