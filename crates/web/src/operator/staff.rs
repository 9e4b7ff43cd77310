//! Concierges and admins.

use axum::extract::State;
use ui::live::{self, Region};
use ui::page::Page;

use crate::app::App;
use crate::frame::View;
use crate::people::{self, Whose};
use crate::respond::Answer;
use crate::routes::Caller;

/// Lists them.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let section = people::section(&app, &actor, Whose::House).await?;
    if view.is_fragment() {
        return Ok(view.fragment(section));
    }
    Ok(view.page(Page {
        title: "Staff",
        help: "The people who run Innkeeper: concierges help customers, admins may do everything.",
        body: live::region(Region { topic: "members", url: "/admin/staff", body: section, ..Region::default() }),
        ..Page::default()
    }))
}
