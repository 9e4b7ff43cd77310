//! Set-up: the first admin. The link is printed at the first start and is worth nothing afterwards.

use accounts::{Email, FirstAdmin, Password, PersonName, setup};
use axum::extract::State;
use axum::response::Response;
use kit::secrets::Secret;
use maud::html;
use serde::Deserialize;
use ui::field;
use ui::page::Bare;

use super::{email_field, name_field, new_password_field, spent, to_sign_in, wide_button};
use crate::app::App;
use crate::extract::{Form, Path};
use crate::frame::View;
use crate::respond::{Answer, Complaint};
use crate::routes::Remote;
use crate::session;

/// The first admin, as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    name: String,
    email: String,
    password: Secret,
}

/// Shows the form, or that the link is spent.
pub async fn form(State(app): State<App>, view: View, Path(token): Path<String>) -> Answer {
    if !setup::check(&app.db, &app.clock, &token).await? {
        return Ok(refuse(view));
    }
    Ok(show(view, &token, &Typed::default(), &Complaint::none()))
}

/// Makes the first admin and signs them in.
pub async fn submit(
    State(app): State<App>,
    Remote(client): Remote,
    view: View,
    Path(token): Path<String>,
    Form(typed): Form<Typed>,
) -> Answer {
    if !setup::check(&app.db, &app.clock, &token).await? {
        return Ok(refuse(view));
    }
    let outcome = match first_admin(&typed) {
        Ok(first) => setup::complete(&app.db, &app.clock, &client, &token, first).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(signed_in) => Ok(session::begin(&app, &signed_in, "/")),
        Err(error) => {
            let complaint = Complaint::from(error)?;
            Ok(show(view, &token, &typed, &complaint))
        }
    }
}

fn first_admin(typed: &Typed) -> kit::Result<FirstAdmin> {
    crate::extract::all_or_complaints!(
        name: PersonName::parse(&typed.name),
        email: Email::parse(&typed.email),
        password: Password::parse(&typed.password),
    );
    Ok(FirstAdmin { name, email, password })
}

fn show(view: View, token: &str, typed: &Typed, complaint: &Complaint) -> Response {
    let body = html! {
        form.form method="post" action={ "/setup/" (token) } {
            (complaint.summary(&["name", "email", "password"]))
            (field::text(name_field(&typed.name, complaint)))
            (field::email(email_field(&typed.email, complaint)))
            (field::password(field::Password::New, new_password_field("Password", complaint)))
            (wide_button("Create the first admin", "Creating…"))
        }
    };
    view.complaining(complaint).bare(Bare {
        title: "Set up Innkeeper",
        text: "You will be the first admin: the one who sees everything and lets others in.",
        body,
        ..Bare::default()
    })
}

fn refuse(view: View) -> Response {
    let advice = "Set-up is finished, or Innkeeper has been started again and printed a newer link.";
    spent(view, "This link is no longer good", advice, to_sign_in())
}
