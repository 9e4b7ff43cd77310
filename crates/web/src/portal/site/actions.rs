//! What the buttons of a site's page do. Each leads back to a page that shows how it went.

use accounts::{Actor, audit};
use axum::extract::State;
use hosting::names::SiteName;
use hosting::operations::{self, OperationKind};
use hosting::sites::{self, UpdateSite};
use hosting::templates::Kind;
use hosting::{Site, SiteId};
use kit::{Error, Result};
use serde::Deserialize;

use super::{Left, ready, show};
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame::{self, View};
use crate::portal::words;
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// Starts the containers.
pub async fn start(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer {
    let outcome = operations::request(&app.hosting, &actor, &id, OperationKind::Start).await;
    settle(&app, &page_of(&id), outcome, "Starting")
}

/// Stops the containers.
pub async fn stop(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer {
    let outcome = operations::request(&app.hosting, &actor, &id, OperationKind::Stop).await;
    settle(&app, &page_of(&id), outcome, "Stopping")
}

/// The name, typed to say that one means it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Meant {
    confirm_name: String,
}

/// Archives and removes the site, once its name has been typed.
pub async fn delete(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>, Form(meant): Form<Meant>) -> Answer {
    let site = sites::get(&app.db, &actor.scope(), &id).await?;
    if meant.confirm_name.trim() != site.name.as_str() {
        let text = "Type the site's name exactly as it is written, so that no other site is deleted by mistake.";
        return Ok(frame::refused(&app, &page_of(&id), "Nothing was deleted", text));
    }
    let outcome = operations::request(&app.hosting, &actor, &id, OperationKind::Delete).await;
    settle(&app, &page_of(&id), outcome, "Deleting")
}

/// Brings a deleted site back.
pub async fn restore(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer {
    let outcome = operations::request(&app.hosting, &actor, &id, OperationKind::Restore).await;
    settle(&app, &page_of(&id), outcome, "Bringing it back")
}

/// Goes on from the failed step.
pub async fn retry(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer {
    let outcome = operations::retry(&app.hosting, &actor, &id).await;
    settle(&app, &page_of(&id), outcome, "Trying again")
}

/// Removes every trace of a site that was never finished. It may be gone before its page could be shown.
pub async fn discard(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer {
    let outcome = operations::request(&app.hosting, &actor, &id, OperationKind::Discard).await;
    let next = if outcome.is_ok() { "/sites".to_owned() } else { page_of(&id) };
    settle(&app, &next, outcome, "Given up. What was made of it is being removed.")
}

/// A name, as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Renamed {
    site_name: String,
}

/// Changes the name, or shows the form again.
pub async fn rename(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<SiteId>,
    Form(typed): Form<Renamed>,
) -> Answer {
    let outcome = match SiteName::parse(&typed.site_name) {
        Ok(name) => sites::update(&app.hosting, &actor, &id, &UpdateSite { name: Some(name), custom_domain: None }).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(site) => {
            changed::audit(&app, Some(&site.customer_id));
            Ok(frame::done(&app, &page_of(&id), "Saved"))
        }
        Err(error) => {
            // Another customer's site is not there, whatever name was typed.
            sites::get(&app.db, &actor.scope(), &id).await?;
            let left = Left { name: Some(typed.site_name), complaint: Complaint::from(words::in_sentences(error))?, password: None };
            show(&app, &actor, view, &id, left).await
        }
    }
}

/// Shows the owner's first password, and writes down who looked.
pub async fn reveal(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>) -> Answer {
    let password = owner_password(&app, &actor, &id).await?;
    if view.is_fragment() {
        return Ok(view.fragment(ready::revealed(&password)));
    }
    show(&app, &actor, view, &id, Left { password: Some(password), ..Left::default() }).await
}

/// The password is given only after the log has its line.
async fn owner_password(app: &App, actor: &Actor, id: &SiteId) -> Result<String> {
    let site = sites::get(&app.db, &actor.scope(), id).await?;
    if site.kind == Kind::Adopted {
        return Err(Error::conflict("an adopted container keeps its passwords to itself"));
    }
    let secrets = site.open_secrets(&app.hosting.key)?;
    app.db
        .write(async |tx| {
            let detail = serde_json::json!({ "name": site.name.as_str(), "what": "owner password" });
            let entry = audit::Entry { action: "site.reveal", customer: Some(&site.customer_id), subject: id.as_str(), detail };
            audit::record(&tx, &app.clock, actor, entry).await
        })
        .await?;
    changed::audit(app, Some(&site.customer_id));
    Ok(secrets.owner_password)
}

fn page_of(id: &SiteId) -> String {
    format!("/sites/{id}")
}

fn settle(app: &App, next: &str, outcome: Result<Site>, title: &str) -> Answer {
    if let Ok(site) = &outcome {
        changed::audit(app, Some(&site.customer_id));
    }
    frame::done_or_refused(app, next, outcome.map(|_| ()), title)
}
