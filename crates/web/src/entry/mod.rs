//! The ways in: set-up, sign-in, forgotten passwords, invitations, one-time links; and the way out.
//!
//! A `GET` of a link shows a form and uses nothing up: mail scanners open links. What a link is worth is decided by the
//! `POST`.

mod invitation;
mod link;
mod reset;
mod setup;
mod sign_in;

use maud::{Markup, html};
use ui::field::Field;
use ui::page::Bare;
use ui::{button, icon};

use crate::frame::View;
use crate::respond::Complaint;
use crate::routes::{Access, Routes};

/// Every way in and out.
pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/", Access::SignedIn, sign_in::start)
        .get("/setup/{token}", Access::Public, setup::form)
        .post("/setup/{token}", Access::Public, setup::submit)
        .get("/sign-in", Access::SignedOut, sign_in::form)
        .post("/sign-in", Access::SignedOut, sign_in::submit)
        .post("/sign-out", Access::SignedIn, sign_in::sign_out)
        .get("/sign-in/link/{token}", Access::Public, link::form)
        .post("/sign-in/link/{token}", Access::Public, link::submit)
        .get("/forgot-password", Access::SignedOut, reset::ask)
        .post("/forgot-password", Access::SignedOut, reset::send)
        .get("/reset/{token}", Access::Public, reset::form)
        .post("/reset/{token}", Access::Public, reset::submit)
        .get("/invitation/{token}", Access::Public, invitation::form)
        .post("/invitation/{token}", Access::Public, invitation::submit)
}

/// Says that a link is no longer good, and what to do.
fn spent(view: View, title: &str, advice: &str, action: Markup) -> axum::response::Response {
    view.with_status(axum::http::StatusCode::NOT_FOUND).bare(Bare { title, text: advice, body: html! { (action) }, ..Bare::default() })
}

fn to_sign_in() -> Markup {
    button::link(
        "/sign-in",
        button::Button { label: "To sign-in", icon: Some(icon::arrow_left()), wide: true, ..button::Button::default() },
    )
}

/// The field `email` of a bare card.
fn email_field<'a>(typed: &'a str, complaint: &'a Complaint) -> Field<'a> {
    Field {
        name: "email",
        label: "E-mail",
        value: typed,
        error: complaint.of("email"),
        autocomplete: "username",
        required: true,
        unmarked: true,
        ..Field::default()
    }
}

/// The field `name` of a bare card, which is always its first.
fn name_field<'a>(typed: &'a str, complaint: &'a Complaint) -> Field<'a> {
    Field {
        name: "name",
        label: "Your name",
        value: typed,
        error: complaint.of("name"),
        autocomplete: "name",
        required: true,
        unmarked: true,
        autofocus: true,
        ..Field::default()
    }
}

/// The field `password` of a bare card, for a password that is chosen there.
fn new_password_field<'a>(label: &'a str, complaint: &'a Complaint) -> Field<'a> {
    Field {
        name: "password",
        label,
        hint: "At least 10 characters. A sentence is good.",
        error: complaint.of("password"),
        required: true,
        unmarked: true,
        ..Field::default()
    }
}

/// The submit button of a bare card.
fn wide_button(label: &str, busy: &str) -> Markup {
    button::submit(button::Button { label, busy, kind: button::Kind::Primary, wide: true, ..button::Button::default() })
}
