//! What staff do about customers, as pages: tasks, segments, plays, the backtest of churn, and the cards of the customer's page
//! ([`customer::cards`]).

mod backtest;
pub mod customer;
mod plays;
mod pulse;
mod segments;
mod tasks;

use accounts::Permission;
use insight::health::Band;
use ui::badge::Tone;

use crate::routes::{Access, Routes};

/// Everything of it.
pub fn routes(routes: Routes) -> Routes {
    let read = Access::House(Permission::ReadCustomers);
    let write = Access::House(Permission::WriteFollowUps);
    let manage = Access::House(Permission::ManageCustomers);
    routes
        .get("/admin/customers/{customer}/follow-ups", read, customer::fragment)
        .post("/admin/customers/{customer}/owner", write, customer::set_owner)
        .post("/admin/customers/{customer}/pulse", write, pulse::set)
        .post("/admin/customers/{customer}/pulse/clear", write, pulse::clear)
        .post("/admin/customers/{customer}/notes", write, customer::add_note)
        .post("/admin/customers/{customer}/notes/{note}/change", write, customer::change_note)
        .post("/admin/customers/{customer}/notes/{note}/remove", write, customer::remove_note)
        .post("/admin/customers/{customer}/tasks", write, customer::add_task)
        .get("/admin/tasks", read, tasks::list)
        .post("/admin/tasks/{task}/done", write, tasks::done)
        .post("/admin/tasks/{task}/reopen", write, tasks::reopen)
        .post("/admin/tasks/{task}/remove", write, tasks::remove)
        .get("/admin/segments", read, segments::list)
        .get("/admin/segments/new", write, segments::form)
        .post("/admin/segments/new", write, segments::submit)
        .get("/admin/segments/{segment}", read, segments::show)
        .post("/admin/segments/{segment}/change", write, segments::change)
        .post("/admin/segments/{segment}/remove", write, segments::remove)
        .get("/admin/plays", read, plays::list)
        .get("/admin/plays/new", manage, plays::form)
        .post("/admin/plays/new", manage, plays::submit)
        .get("/admin/plays/{play}", read, plays::show)
        .post("/admin/plays/{play}/change", manage, plays::change)
        .post("/admin/plays/{play}/remove", manage, plays::remove)
        .post("/admin/plays/{play}/test", manage, plays::test)
        .get("/admin/health/backtest", read, backtest::show)
        .post("/admin/health/backtest/learn", manage, backtest::learn)
}

/// The colour of a band; its word stands beside it.
fn tone_of(band: Band) -> Tone {
    match band {
        Band::Healthy => Tone::Ok,
        Band::AtRisk => Tone::Warn,
        Band::Churning => Tone::Bad,
    }
}
