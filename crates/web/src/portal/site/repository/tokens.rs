//! Deploy tokens of the site: listed, made, shown once, revoked.

use axum::extract::State;
use hosting::SiteId;
use hosting::git::tokens::{self, MadeToken, SiteToken, SiteTokenId, TokenAccess};
use maud::{Markup, html};
use serde::Deserialize;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::dialog::{self, Confirm};
use ui::field::{self, Choice, Field};
use ui::{copy, form, format};

use super::{Facts, show};
use crate::api;
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// What is typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    name: String,
    access: String,
}

/// What the form left behind.
#[derive(Default)]
pub(super) struct Left {
    typed: Typed,
    pub(super) complaint: Complaint,
    pub(super) made: Option<MadeToken>,
}

/// Makes a token, and shows it this once.
pub async fn make(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>, Form(typed): Form<Typed>) -> Answer {
    // First: whose site it is, so that another's is not there whatever was typed.
    let site = hosting::sites::get(&app.db, &actor.scope(), &id).await?;
    let outcome = match api::parse_deploy_token(&typed.name, &typed.access) {
        Ok((name, access)) => tokens::create(&app.hosting, &actor, &site.id, &name, access).await,
        Err(error) => Err(error),
    };
    let left = match outcome {
        Ok(made) => {
            changed::audit(&app, Some(&site.customer_id));
            Left { made: Some(made), ..Left::default() }
        }
        Err(error) => Left { complaint: Complaint::from(error)?, typed, made: None },
    };
    let facts = Facts::gather(&app, &actor, &id).await?;
    Ok(show(view, &facts, &left))
}

/// Ends a token.
pub async fn revoke(State(app): State<App>, Caller(actor): Caller, Path((id, token)): Path<(SiteId, SiteTokenId)>) -> Answer {
    tokens::revoke(&app.hosting, &actor, &id, &token).await?;
    let site = hosting::sites::get(&app.db, &actor.scope(), &id).await?;
    changed::audit(&app, Some(&site.customer_id));
    Ok(frame::done(&app, &format!("/sites/{id}/repository"), "Deploy token revoked"))
}

/// The new token above everything.
pub(super) fn made(facts: &Facts, made: &MadeToken) -> Markup {
    let with_token = facts.url.replacen("://", "://deploy:TOKEN@", 1);
    card::card(Card {
        title: "Your deploy token",
        body: html! {
            p { "It is shown this once and stored only as a hash. Git takes it as the password, with any user name." }
            (copy::secret_once("Deploy token", made.secret.reveal()))
            p.hint { "In a script, with the token in place of TOKEN:" }
            (copy::copy_field("Address with a token", &with_token))
        },
        ..Card::default()
    })
}

pub(super) fn card(facts: &Facts, left: &Left) -> Markup {
    card::card(Card {
        title: "Deploy tokens",
        id: "deploy-tokens",
        help: "Passwords for programs, such as a CI job. Each opens this one repository and nothing else, and can be revoked by itself.",
        body: html! {
            @if facts.tokens.is_empty() { p.hint { "None so far. People need none: they push with their own password." } }
            @for token in &facts.tokens { (entry(facts, token)) }
            @if facts.may_write { div.gap { (new(facts, left)) } }
        },
        ..Card::default()
    })
}

fn entry(facts: &Facts, token: &SiteToken) -> Markup {
    let used = match token.last_used_at {
        Some(at) => html! { "used " (format::time_ago(at.0, facts.now.0)) },
        None => html! { "never used" },
    };
    let text = html! {
        strong { (token.name.as_str()) }
        p.hint { (words(token.access)) ", made by " (token.created_by) " on " (format::date(token.created_at.0)) ", " (used) }
    };
    let id = format!("revoke-{}", token.id);
    html! {
        div.spread.gap {
            div { (text) }
            @if facts.may_write {
                (button::opens_dialog(&id, Button { label: "Revoke", kind: Kind::Quiet, small: true, ..Button::default() }))
                (dialog::confirm_dialog(Confirm {
                    id: &id,
                    title: &format!("Revoke {}?", token.name.as_str()),
                    text: "Whatever uses it cannot fetch or push any more, at once.",
                    action: &format!("/sites/{}/repository/tokens/{}/revoke", facts.site.id, token.id),
                    button: "Revoke",
                    danger: true,
                    ..Confirm::default()
                }))
            }
        }
    }
}

fn words(access: TokenAccess) -> &'static str {
    match access {
        TokenAccess::Read => "Fetches",
        TokenAccess::Push => "Fetches and pushes",
    }
}

fn new(facts: &Facts, left: &Left) -> Markup {
    let choices =
        [TokenAccess::Push, TokenAccess::Read].map(|access| Choice { value: access.as_str(), label: words(access), ..Choice::default() });
    let Left { typed, complaint, .. } = left;
    html! {
        form.form method="post" action={ "/sites/" (facts.site.id) "/repository/tokens" } {
            (complaint.summary(&["name", "access"]))
            (field::text(Field {
                name: "name", label: "Name", value: &typed.name, hint: "What uses it, such as “CI”.", error: complaint.of("name"),
                autocomplete: "off", required: true, maxlength: Some(60), ..Field::default()
            }))
            (field::select(Field { name: "access", label: "What it may do", value: &typed.access, error: complaint.of("access"), required: true, ..Field::default() }, &choices))
            (form::actions(button::submit(Button { label: "Make a token", kind: Kind::Secondary, busy: "Making…", ..Button::default() })))
        }
    }
}
