//! What members see and change about themselves, and owners about their customer's people.

mod notifications;
mod profile;
mod sessions;
mod tokens;

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use maud::Markup;
use ui::live::{self, Region};
use ui::page::Page;
use ui::tabs::{self, Tab};

use crate::app::App;
use crate::frame::View;
use crate::people::{self, Whose};
use crate::respond::Answer;
use crate::routes::{Access, Caller, Routes};

/// Everything under `/account`, and what is done to members.
pub fn routes(routes: Routes) -> Routes {
    let own = Access::May(Permission::OwnAccount);
    let tokens = Access::May(Permission::OwnTokens);
    let routes = routes
        .get("/account", own, profile::show)
        .post("/account/name", own, profile::change_name)
        .post("/account/email", own, profile::change_email)
        .post("/account/password", own, profile::change_password)
        .post("/account/theme", own, profile::change_theme)
        .post("/account/notifications", own, notifications::change)
        .get("/account/members", Access::May(Permission::ReadMembers), members)
        .get("/account/sessions", own, sessions::list)
        .post("/account/sessions/{session}/revoke", own, sessions::revoke)
        .post("/account/sessions/sign-out-everywhere", own, sessions::sign_out_everywhere)
        .get("/account/tokens", tokens, tokens::list)
        .get("/account/tokens/new", tokens, tokens::form)
        .post("/account/tokens/new", tokens, tokens::create)
        .post("/account/tokens/{token}/revoke", tokens, tokens::revoke);
    people::routes(routes)
}

/// The people of one's own customer; staff have a page of their own.
async fn members(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let Some(customer) = actor.role().customer() else {
        return Ok(Redirect::to("/admin/staff").into_response());
    };
    let section = people::section(&app, &actor, Whose::Customer(customer)).await?;
    if view.is_fragment() {
        return Ok(view.fragment(section));
    }
    let tabs = tabs(&actor, "/account/members");
    Ok(view.page(Page {
        title: "Members",
        help: "Who may sign in for you, and what each may do.",
        tabs,
        body: live::region(Region { topic: "members", url: "/account/members", body: section, ..Region::default() }),
        ..Page::default()
    }))
}

/// The pages of the account, as tabs.
pub(crate) fn tabs(actor: &Actor, current: &str) -> Markup {
    let pages = [
        ("Profile", "/account", Permission::OwnAccount),
        ("Members", "/account/members", Permission::ReadMembers),
        ("API tokens", "/account/tokens", Permission::OwnTokens),
        ("Sessions", "/account/sessions", Permission::OwnAccount),
        ("Activity", "/account/activity", Permission::ReadAudit),
    ];
    let is_staff = actor.role().customer().is_none();
    let shown: Vec<Tab<'_>> = pages
        .iter()
        .filter(|(_, href, permission)| actor.can(*permission) && !(is_staff && ["/account/members", "/account/activity"].contains(href)))
        .map(|(label, href, _)| Tab::new(*label, *href, *href == current))
        .collect();
    tabs::tabs("Account", &shown)
}
