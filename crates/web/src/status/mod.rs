//! Status pages: of a site, when its owner shows it to everyone, and of the house, when the settings say so.
//!
//! What everyone may read is the same for everyone, so that it may be kept for some seconds by whatever stands in between; what
//! only some may read is kept by nobody.

mod api;
mod house;
mod site;
mod words;

use accounts::{Actor, Permission, Scope};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hosting::SiteId;
use hosting::probes::status_page::{self, StatusPage};
use kit::{Error, Result};
use maud::{Markup, html};
use ui::badge::Tone;
use ui::feedback::{self, Banner};

use crate::app::App;
use crate::routes::{Access, Caller, Routes, routes};

/// Everything under `/status` and `/api/status`, and what makes a site's page public.
pub fn routes(all: Routes) -> Routes {
    all.get("/status", Access::Anyone, house::page)
        .get("/status/{app}", Access::Anyone, site::page)
        .api(Access::Anyone, routes!(api::house))
        .api(Access::Anyone, routes!(api::site))
        .api(Access::May(Permission::EditCustomer), routes!(api::publish))
        .api(Access::May(Permission::EditCustomer), routes!(api::withdraw))
}

/// Where a site's status page is.
pub(crate) fn path_of(site: &SiteId) -> String {
    format!("/status/{site}")
}

/// The whole address of a site's status page.
pub fn url_of(app: &App, site: &SiteId) -> String {
    app.config.server.public_url.link(&path_of(site))
}

/// In which scope somebody may see sites; none for strangers.
fn scope_of(caller: Option<&Caller>) -> Option<Scope> {
    caller.map(|caller| &caller.0).filter(|actor| actor.can(Permission::ReadSites)).map(Actor::scope)
}

/// Reads a site's page for whoever asks. Whoever is known and may not see sites at all, such as a token without the scope, is
/// told so instead of that there is nothing.
async fn read_site(app: &App, caller: Option<&Caller>, id: &SiteId) -> Result<StatusPage> {
    let scope = scope_of(caller);
    let read = status_page::read(&app.hosting, scope.as_ref(), id).await;
    match (caller, read) {
        (Some(caller), Err(Error::NotFound(what))) => caller.0.may(Permission::ReadSites).and(Err(Error::NotFound(what))),
        (_, read) => read,
    }
}

/// Lets what everyone may read be kept for a moment.
fn kept(mut response: Response, is_public: bool) -> Response {
    if is_public {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=15"));
    }
    response
}

/// Says that a page is not public; nothing when it is.
fn private_hint(is_public: bool, text: &str) -> Markup {
    html! {
        @if !is_public { (feedback::banner(Banner { tone: Tone::Accent, title: "This page is not public", text, action: Markup::default() })) }
    }
}
