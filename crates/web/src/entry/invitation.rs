//! Accepting an invitation: name and password, then signed in.

use accounts::{Invitation, Password, PersonName, invitations};
use axum::extract::State;
use axum::response::Response;
use kit::secrets::Secret;
use maud::html;
use serde::Deserialize;
use ui::field::{self, Field};
use ui::page::Bare;

use super::{email_field, name_field, new_password_field, spent, to_sign_in, wide_button};
use crate::app::App;
use crate::extract::{Form, Path};
use crate::frame::View;
use crate::respond::{Answer, Complaint};
use crate::routes::Remote;
use crate::{changed, session};

/// Who the invited one is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    name: String,
    password: Secret,
}

/// Shows who invited to what.
pub async fn form(State(app): State<App>, view: View, Path(token): Path<String>) -> Answer {
    match invitations::find(&app.db, &app.clock, &token).await? {
        Some(invitation) => Ok(show(view, &token, &invitation, &Typed::default(), &Complaint::none())),
        None => Ok(refuse(view)),
    }
}

/// Makes the member and signs them in.
pub async fn submit(
    State(app): State<App>,
    Remote(client): Remote,
    view: View,
    Path(token): Path<String>,
    Form(typed): Form<Typed>,
) -> Answer {
    let Some(invitation) = invitations::find(&app.db, &app.clock, &token).await? else { return Ok(refuse(view)) };
    let outcome = match parse(&typed) {
        Ok((name, password)) => invitations::accept(&app.db, &app.clock, &client, &token, name, password).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(signed_in) => {
            changed::members(&app, invitation.role.customer());
            Ok(session::begin(&app, &signed_in, "/"))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            Ok(show(view, &token, &invitation, &typed, &complaint))
        }
    }
}

fn parse(typed: &Typed) -> kit::Result<(PersonName, Password)> {
    crate::extract::all_or_complaints!(
        name: PersonName::parse(&typed.name),
        password: Password::parse(&typed.password),
    );
    Ok((name, password))
}

fn show(view: View, token: &str, invitation: &Invitation, typed: &Typed, complaint: &Complaint) -> Response {
    let to_what = match &invitation.customer_name {
        Some(customer) => format!("{} invites you to {customer}.", invitation.invited_by_name),
        None => format!("{} invites you to run Innkeeper as {}.", invitation.invited_by_name, invitation.role.as_str()),
    };
    let body = html! {
        form.form method="post" action={ "/invitation/" (token) } {
            (complaint.summary(&["name", "password"]))
            (field::email(Field { disabled: true, required: false, ..email_field(invitation.email.as_str(), complaint) }))
            (field::text(name_field(&typed.name, complaint)))
            (field::password(field::Password::New, new_password_field("Choose a password", complaint)))
            (wide_button("Accept and sign in", "Accepting…"))
        }
    };
    view.complaining(complaint).bare(Bare { title: "You are invited", text: &to_what, body, ..Bare::default() })
}

fn refuse(view: View) -> Response {
    let advice = "It was accepted or withdrawn, or it is too old. Ask for a new one.";
    spent(view, "This invitation is no longer good", advice, to_sign_in())
}
