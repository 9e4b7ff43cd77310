//! What wakes people, as pages: alerts that last, history, rules with their replay, silences, channels, the delivery log.

mod active;
mod channels;
mod deliveries;
mod editor;
mod one;
mod rules;
mod silences;
mod words;

use accounts::Permission;
use axum::response::Redirect;
use maud::Markup;
use ui::tabs::{self, Tab};

use crate::routes::{Access, Routes};

const PLACE: &str = "/admin/alerts";

/// Everything of it.
pub fn routes(routes: Routes) -> Routes {
    let operate = Access::House(Permission::OperateHouse);
    routes
        .get("/admin/alerts", operate, active::show)
        .get("/admin/alerts/history", operate, active::history)
        .get("/admin/alerts/{alert}", operate, one::show)
        .get("/admin/alerts/rules", operate, rules::list)
        .get("/admin/alerts/rules/new", operate, rules::form)
        .post("/admin/alerts/rules/new", operate, rules::submit)
        .get("/admin/alerts/rules/{rule}", operate, rules::show)
        .get("/admin/alerts/rules/{rule}/replay", operate, rules::replay)
        .post("/admin/alerts/rules/{rule}/change", operate, rules::change)
        .post("/admin/alerts/rules/{rule}/remove", operate, rules::remove)
        .get("/admin/alerts/silences", operate, silences::list)
        .post("/admin/alerts/silences", operate, silences::submit)
        .post("/admin/alerts/silences/{silence}/end", operate, silences::end)
        .get("/admin/alerts/channels", operate, channels::list)
        .get("/admin/alerts/channels/new", operate, channels::form)
        .post("/admin/alerts/channels/new", operate, channels::submit)
        .get("/admin/alerts/channels/{channel}", operate, channels::show)
        .post("/admin/alerts/channels/{channel}/change", operate, channels::change)
        .post("/admin/alerts/channels/{channel}/remove", operate, channels::remove)
        .post("/admin/alerts/channels/{channel}/test", operate, channels::test)
        .get("/admin/alerts/deliveries", operate, deliveries::list)
        .post("/admin/alerts/deliveries/{message}/again", operate, deliveries::again)
        .get("/api/analytics/dashboard/alerts/", operate, moved)
}

/// Where the page was planned to be.
async fn moved() -> Redirect {
    Redirect::to(PLACE)
}

fn tabs(current: &str) -> Markup {
    let all = [
        ("Active", PLACE),
        ("History", "/admin/alerts/history"),
        ("Rules", "/admin/alerts/rules"),
        ("Silences", "/admin/alerts/silences"),
        ("Channels", "/admin/alerts/channels"),
        ("Deliveries", "/admin/alerts/deliveries"),
    ];
    tabs::tabs("Alerts", &all.map(|(label, href)| Tab::new(label, href, href == current)))
}
