//! For operators: which container stands behind an adopted site, and letting it go.

use accounts::{Actor, Permission};
use axum::extract::State;
use hosting::{SiteId, adopt};
use maud::{Markup, html};
use ui::button::{self, Button, Kind};
use ui::card;
use ui::copy;
use ui::dialog::{self, Confirm};

use super::Facts;
use crate::app::App;
use crate::changed;
use crate::extract::Path;
use crate::frame;
use crate::respond::Answer;
use crate::routes::Caller;

/// The card; nothing for sites of our own, and for people who may not let go.
pub(super) async fn card(app: &App, actor: &Actor, facts: &Facts) -> kit::Result<Markup> {
    if !facts.is_adopted() || !actor.can(Permission::OperateHouse) {
        return Ok(Markup::default());
    }
    let Some(adopted) = adopt::of_site(&app.db, &facts.site.id).await? else { return Ok(Markup::default()) };
    let button =
        Button { label: "Let go", kind: Kind::Secondary, disabled: facts.is_busy(), title: "Innkeeper forgets it", ..Button::default() };
    Ok(card::simple(
        "Adopted container",
        html! {
            p { "It was here before Innkeeper: it is watched, shown and restarted, and nothing else of it is touched." }
            div.gap { (copy::copy_field("Container", &adopted.container)) }
            div.gap { (button::opens_dialog("let-go", button)) }
            (dialog::confirm_dialog(Confirm {
                id: "let-go",
                title: &format!("Let {} go?", facts.site.name.as_str()),
                text: "The container stays as it is and goes on. It can be adopted again at any time.",
                loses: &["Its uptime, incidents and history here", "Its status page, if there is one", "The customer's way to restart it"],
                action: &facts.action("let-go"),
                button: "Let go",
                ..Confirm::default()
            }))
        },
    ))
}

/// Lets it go.
pub async fn let_go(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer {
    match adopt::let_go(&app.hosting, &actor, &id).await {
        Ok(site) => {
            changed::audit(&app, Some(&site.customer_id));
            Ok(frame::done(&app, "/admin/sites", "Let go. The container is as it was."))
        }
        refused => frame::done_or_refused(&app, &format!("/sites/{id}"), refused.map(|_| ()), ""),
    }
}
