//! Sign-in and sign-out.

use accounts::{Role, sessions, setup};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use kit::Error;
use kit::secrets::Secret;
use maud::html;
use serde::Deserialize;
use ui::field::{self, Field};
use ui::page::Bare;

use super::{email_field, wide_button};
use crate::app::App;
use crate::extract::{Form, Query};
use crate::frame::View;
use crate::live::SESSIONS;
use crate::request::safe_next;
use crate::respond::{Answer, Complaint};
use crate::routes::{Caller, Remote};
use crate::session;

/// Where to go after signing in.
#[derive(Debug, Default, Deserialize)]
pub struct Next {
    next: Option<String>,
}

/// What is typed to sign in.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credentials {
    email: String,
    password: Secret,
    next: String,
}

/// Leads everyone to where their day begins.
pub async fn start(Caller(actor): Caller) -> Redirect {
    Redirect::to(match actor.role() {
        Role::Customer { .. } => "/sites",
        Role::Concierge | Role::Admin => "/admin/customers",
    })
}

/// Shows the form.
pub async fn form(State(app): State<App>, view: View, Query(query): Query<Next>) -> Answer {
    let next = query.next.unwrap_or_default();
    let typed = Credentials { next, ..Credentials::default() };
    Ok(show(view, &typed, &Complaint::none(), setup::is_open(&app.db).await?))
}

/// Signs in, or shows the form again. The password is not sent back.
pub async fn submit(State(app): State<App>, Remote(client): Remote, view: View, Form(typed): Form<Credentials>) -> Answer {
    match sessions::sign_in(&app.db, &app.clock, &client, &typed.email, &typed.password).await {
        Ok(signed_in) => Ok(session::begin(&app, &signed_in, safe_next(Some(&typed.next)))),
        Err(Error::Forbidden(message)) => {
            let complaint = Complaint::saying(StatusCode::UNPROCESSABLE_ENTITY, &message);
            Ok(show(view, &typed, &complaint, false))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            Ok(show(view, &typed, &complaint, false))
        }
    }
}

/// Ends the session.
pub async fn sign_out(State(app): State<App>, Caller(actor): Caller) -> Answer {
    sessions::sign_out(&app.db, &app.clock, &actor).await?;
    app.bus.signal(SESSIONS, "ended");
    Ok(session::end(&app, "/sign-in"))
}

fn show(view: View, typed: &Credentials, complaint: &Complaint, needs_setup: bool) -> Response {
    let body = html! {
        form.form method="post" action="/sign-in" {
            (complaint.summary(&["email", "password"]))
            @if needs_setup {
                p.hint { "Innkeeper is not set up yet. Open the set-up link that it printed when it started." }
            }
            @if !typed.next.is_empty() { (field::hidden("next", &typed.next)) }
            (field::email(Field { autofocus: true, ..email_field(&typed.email, complaint) }))
            (field::password(field::Password::Current, Field {
                name: "password",
                label: "Password",
                error: complaint.of("password"),
                required: true,
                unmarked: true,
                ..Field::default()
            }))
            (wide_button("Sign in", "Signing in…"))
        }
    };
    view.complaining(complaint).bare(Bare {
        title: "Sign in",
        body,
        footer: html! { a href="/forgot-password" { "Forgot your password?" } },
        ..Bare::default()
    })
}
