//! Forgotten passwords: a link by mail, good once and for a short time.

use accounts::{Password, resets};
use axum::extract::State;
use axum::response::Response;
use kit::secrets::Secret;
use maud::html;
use serde::Deserialize;
use ui::button;
use ui::field::{self, Field};
use ui::page::Bare;

use super::{email_field, new_password_field, spent, to_sign_in, wide_button};
use crate::app::App;
use crate::extract::{Form, Path};
use crate::frame::{self, View};
use crate::live::SESSIONS;
use crate::respond::{Answer, Complaint};
use crate::routes::Remote;

/// Who forgot.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    email: String,
}

/// The new password.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Chosen {
    password: Secret,
}

/// Asks for the address.
pub async fn ask(view: View) -> Response {
    show_question(view, &Asked::default(), &Complaint::none())
}

/// Sends the link. The answer is the same whether the address is known or not.
pub async fn send(State(app): State<App>, Remote(client): Remote, view: View, Form(asked): Form<Asked>) -> Answer {
    let base = app.config.server.public_url.origin();
    if let Err(error) = resets::request(&app.db, &app.clock, &app.mailer, &client, base, &asked.email).await {
        let complaint = Complaint::from(error)?;
        return Ok(show_question(view, &asked, &complaint));
    }
    Ok(view.bare(Bare {
        title: "Look into your mail",
        text: "If someone with this address has an account here, a link is on its way. It is good for a short time and only once.",
        body: to_sign_in(),
        ..Bare::default()
    }))
}

/// Asks for the new password.
pub async fn form(State(app): State<App>, view: View, Path(token): Path<String>) -> Answer {
    if !resets::check(&app.db, &app.clock, &token).await? {
        return Ok(refuse(view));
    }
    Ok(show_choice(view, &token, &Complaint::none()))
}

/// Sets the new password and leads to sign-in: whoever read the mail must also know what they chose.
pub async fn submit(
    State(app): State<App>,
    Remote(client): Remote,
    view: View,
    Path(token): Path<String>,
    Form(chosen): Form<Chosen>,
) -> Answer {
    if !resets::check(&app.db, &app.clock, &token).await? {
        return Ok(refuse(view));
    }
    let outcome = match Password::parse(&chosen.password) {
        Ok(password) => resets::complete(&app.db, &app.clock, &client, &token, password).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => {
            app.bus.signal(SESSIONS, "ended");
            Ok(frame::done(&app, "/sign-in", "Your password is changed. Sign in with it."))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            Ok(show_choice(view, &token, &complaint))
        }
    }
}

fn show_question(view: View, asked: &Asked, complaint: &Complaint) -> Response {
    let body = html! {
        form.form method="post" action="/forgot-password" {
            (complaint.summary(&["email"]))
            (field::email(Field { autofocus: true, ..email_field(&asked.email, complaint) }))
            (wide_button("Send me a link", "Sending…"))
        }
    };
    view.complaining(complaint).bare(Bare {
        title: "Forgot your password?",
        text: "We send you a link with which you choose a new one.",
        body,
        footer: html! { a href="/sign-in" { "Back to sign-in" } },
        ..Bare::default()
    })
}

fn show_choice(view: View, token: &str, complaint: &Complaint) -> Response {
    let body = html! {
        form.form method="post" action={ "/reset/" (token) } {
            (complaint.summary(&["password"]))
            (field::password(field::Password::New, Field { autofocus: true, ..new_password_field("New password", complaint) }))
            (wide_button("Change password", "Changing…"))
        }
    };
    view.complaining(complaint).bare(Bare {
        title: "Choose a new password",
        text: "You will be signed out everywhere else.",
        body,
        ..Bare::default()
    })
}

fn refuse(view: View) -> Response {
    let action = button::link_primary("/forgot-password", "Send me a new link");
    spent(view, "This link is no longer good", "It was used already, or it is too old.", action)
}
