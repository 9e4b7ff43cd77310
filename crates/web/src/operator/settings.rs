//! The settings in effect, secrets masked, and what runs here.

use axum::extract::State;
use maud::html;
use ui::card::{self, Card};
use ui::format;
use ui::page::Page;

use crate::app::App;
use crate::frame::View;
use crate::respond::Answer;

/// Shows them. They are changed in the file or the environment, where a wrong value stops the start.
pub async fn show(State(app): State<App>, view: View) -> Answer {
    let database = if app.db.is_postgres() { "PostgreSQL" } else { "SQLite in the data folder" };
    let now = app.clock.now();
    let sections = app.config.display();
    Ok(view.page(Page {
        title: "Settings",
        help: "What is in effect: defaults, configuration file, environment and flags together. Change the file, then restart.",
        body: card::stack(html! {
            (card::simple("This installation", card::kv(&[
                ("Version", html! { span.mono { (env!("CARGO_PKG_VERSION")) } }),
                ("Started", format::time_ago(app.started_at.0, now.0)),
                ("Address", html! { (app.config.server.public_url) }),
                ("Database", html! { (database) }),
                ("Data folder", html! { span.mono { (app.config.server.data.display()) } }),
            ])))
            (card::card(Card {
                title: "Configuration",
                hint: "Secrets are masked.",
                body: html! { pre.log-text tabindex="0" { (sections) } },
                ..Card::default()
            }))
        }),
        ..Page::default()
    }))
}
