//! API tokens: made, shown once, revoked.

use std::time::Duration;

use accounts::{Actor, Label, MemberId, NewToken, NewlyMade, SendingLimits, TokenId, TokenScope, TokenScopes, tokens};
use axum::extract::State;
use axum::response::Response;
use kit::{Error, Result, Timestamp};
use maud::{Markup, html};
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::field::{self, Choice, Field};
use ui::form::{self, PostButton};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};
use ui::{copy, format, icon};

use super::tabs;
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// How long a token may live: value, words, days.
const LIVES: &[(&str, &str, Option<u64>)] =
    &[("30", "30 days", Some(30)), ("90", "90 days", Some(90)), ("365", "One year", Some(365)), ("never", "Until it is revoked", None)];

/// What was typed. Read from pairs: a form sends one field for each ticked scope.
struct Typed {
    name: String,
    life: String,
    scopes: Vec<String>,
    per_second: String,
    per_day: String,
}

impl Typed {
    fn empty() -> Typed {
        Typed { name: String::new(), life: "90".to_owned(), scopes: Vec::new(), per_second: String::new(), per_day: String::new() }
    }

    fn read(pairs: Vec<(String, String)>) -> Result<Typed> {
        let mut typed = Typed::empty();
        for (field, value) in pairs {
            match field.as_str() {
                "name" => typed.name = value,
                "life" => typed.life = value,
                "scope" => typed.scopes.push(value),
                "events_per_second" => typed.per_second = value,
                "events_per_day" => typed.per_day = value,
                other => return Err(Error::invalid(other, "is not a field here")),
            }
        }
        Ok(typed)
    }

    fn parse(&self, now: Timestamp) -> Result<NewToken> {
        let life = LIVES.iter().find(|(value, ..)| *value == self.life);
        crate::extract::all_or_complaints!(
            name: Label::parse(&self.name),
            scopes: TokenScopes::parse(&self.scopes.join(" ")),
            life: life.ok_or_else(|| Error::invalid("life", "choose one of the times")),
            limits: SendingLimits::parse(&self.per_second, &self.per_day),
        );
        let expires_at = life.2.map(|days| now.plus(Duration::from_secs(days * 86_400)));
        Ok(NewToken { name, scopes, expires_at, limits })
    }
}

/// Lists one's own.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let now = app.clock.now();
    let rows = tokens::list(&app.db, &actor, own_id(&actor)?)
        .await?
        .into_iter()
        .map(|token| {
            let revoke = PostButton {
                action: &format!("/account/tokens/{}/revoke", token.id),
                button: Button { label: "Revoke", kind: Kind::Quiet, small: true, ..Button::default() },
                ..PostButton::default()
            };
            Row::new([
                html! { strong { (token.name.as_str()) } },
                html! { span.row { @for scope in token.scopes.iter() { (badge::tag(Tone::Neutral, scope.as_str())) } } },
                token.last_used_at.map_or_else(|| card::missing("Never used"), |at| format::time_ago(at.0, now.0)),
                html! { @match token.expires_at { Some(at) => (format::date(at.0)), None => "Never" } },
                html! { div.button-row { (form::post_button(revoke)) } },
            ])
        })
        .collect();
    let tabs = tabs(&actor, "/account/tokens");
    Ok(view.page(Page {
        title: "API tokens",
        help: "For scripts and CI. A token can do only what its scopes say, and nothing that you cannot do yourself.",
        tabs,
        actions: button::link(
            "/account/tokens/new",
            Button { label: "New token", kind: Kind::Primary, icon: Some(icon::plus()), ..Button::default() },
        ),
        body: table::table(Table {
            caption: "API tokens",
            columns: &[
                Column::new("Name"),
                Column::new("Scopes"),
                Column::new("Last used").minor(),
                Column::new("Expires").minor(),
                Column::actions(),
            ],
            rows,
            empty: card::empty_state(Empty {
                icon: Some(icon::key_round()),
                title: "No tokens",
                text: "Make one for a script or a CI job, with only the scopes that it needs.",
                action: button::link_primary("/account/tokens/new", "New token"),
            }),
            ..Table::default()
        }),
        ..Page::default()
    }))
}

/// Shows the form.
pub async fn form(Caller(actor): Caller, view: View) -> Response {
    show_form(view, &actor, &Typed::empty(), &Complaint::none())
}

/// Makes a token and shows it, this once.
pub async fn create(State(app): State<App>, Caller(actor): Caller, view: View, Form(pairs): Form<Vec<(String, String)>>) -> Answer {
    let typed = Typed::read(pairs)?;
    let outcome = match typed.parse(app.clock.now()) {
        Ok(new) => tokens::create(&app.db, &app.clock, &actor, own_id(&actor)?, new).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(made) => {
            changed::members(&app, actor.role().customer());
            Ok(show_secret(view, &app, &typed, &made))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            Ok(show_form(view, &actor, &typed, &complaint))
        }
    }
}

/// Ends a token.
pub async fn revoke(State(app): State<App>, Caller(actor): Caller, Path(id): Path<TokenId>) -> Answer {
    tokens::revoke(&app.db, &app.clock, &actor, &id).await?;
    changed::members(&app, actor.role().customer());
    Ok(frame::done(&app, "/account/tokens", "Token revoked"))
}

fn own_id(actor: &Actor) -> Result<&MemberId> {
    actor.member_id().ok_or_else(|| Error::forbidden("only a member has tokens"))
}

fn show_form(view: View, actor: &Actor, typed: &Typed, complaint: &Complaint) -> Response {
    let choices: Vec<Choice<'_>> = LIVES.iter().map(|(value, label, _)| Choice { value, label, ..Choice::default() }).collect();
    let scopes = TokenScope::ALL.iter().filter(|scope| actor.role().has_use_for(**scope));
    let body = html! {
        form.form method="post" action="/account/tokens/new" {
            (complaint.summary(&["name", "life", "scopes", "events_per_second", "events_per_day"]))
            (card::simple("Token", html! { div.form {
                (field::text(Field {
                    name: "name", label: "Name", value: &typed.name, hint: "What uses it, such as “CI of the shop”.", error: complaint.of("name"),
                    autocomplete: "off", required: true, autofocus: true, ..Field::default()
                }))
                (field::select(Field { name: "life", label: "Valid for", value: &typed.life, error: complaint.of("life"), required: true, ..Field::default() }, &choices))
            } }))
            (card::simple("What it may do", html! {
                fieldset #field-scopes tabindex="-1" {
                    legend.visually-hidden { "What it may do" }
                    @if let Some(error) = complaint.of("scopes") { p.field-error { (error) } }
                    div.form { @for scope in scopes { (scope_box(*scope, typed)) } }
                }
            }))
            @if actor.role().has_use_for(TokenScope::EventsWrite) {
                (card::simple("How many events it may send", form::columns(html! {
                    (field::number(Field {
                        name: "events_per_second", label: "Events a second", value: &typed.per_second, hint: "Ten times as many may come at once.",
                        error: complaint.of("events_per_second"), ..Field::default()
                    }))
                    (field::number(Field {
                        name: "events_per_day", label: "Events a day", value: &typed.per_day, hint: "Without a number there is no end.",
                        error: complaint.of("events_per_day"), ..Field::default()
                    }))
                })))
            }
            (form::actions(html! { (button::primary("Create token")) (button::link_secondary("/account/tokens", "Cancel")) }))
        }
    };
    view.complaining(complaint).page(Page {
        title: "New token",
        crumbs: &[Crumb::new("API tokens", "/account/tokens")],
        narrow: true,
        body,
        ..Page::default()
    })
}

fn scope_box(scope: TokenScope, typed: &Typed) -> Markup {
    let checked = typed.scopes.iter().any(|ticked| ticked == scope.as_str());
    let id = format!("field-scope-{}", scope.as_str().replace(':', "-"));
    field::checkbox(
        checked,
        Field { name: "scope", value: scope.as_str(), label: scope_words(scope), hint: scope.as_str(), id: &id, ..Field::default() },
    )
}

/// What a scope allows, in words.
pub fn scope_words(scope: TokenScope) -> &'static str {
    match scope {
        TokenScope::SitesRead => "See sites, their state and logs",
        TokenScope::SitesWrite => "Create, change, start, stop and delete sites",
        TokenScope::SitesDeploy => "Deploy sites",
        TokenScope::CustomersRead => "See customers",
        TokenScope::CustomersWrite => "Change customers, write follow-ups",
        TokenScope::MembersWrite => "See and change members",
        TokenScope::TokensWrite => "See, make and revoke tokens",
        TokenScope::EventsWrite => "Send events",
        TokenScope::ReportingRead => "Read figures and reports",
        TokenScope::GuardrailsRead => "See guardrails",
        TokenScope::GuardrailsWrite => "Change guardrails",
        TokenScope::Admin => "Jobs, mail, settings, audit log",
    }
}

fn show_secret(view: View, app: &App, typed: &Typed, made: &NewlyMade) -> Response {
    let example = format!("curl -H \"Authorization: Bearer $TOKEN\" {}", app.config.server.public_url.link("/api/me"));
    view.page(Page {
        title: "Copy your token now",
        crumbs: &[Crumb::new("API tokens", "/account/tokens")],
        narrow: true,
        body: card::card(Card {
            title: &typed.name,
            body: html! {
                p { "It is shown this once and stored only as a hash." }
                (copy::secret_once("Token", made.secret.reveal()))
                (copy::copy_field("Try it", &example))
                (button::link_primary("/account/tokens", "Done"))
            },
            ..Card::default()
        }),
        ..Page::default()
    })
}
