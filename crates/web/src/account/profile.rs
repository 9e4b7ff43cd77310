//! Name, address, password, colours.

use accounts::members::Theme;
use accounts::{Actor, Email, Member, MemberId, Password, PersonName, members};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use kit::secrets::Secret;
use kit::{Error, Result};
use maud::html;
use serde::Deserialize;
use ui::field::{self, Choice, Field};
use ui::page::Page;
use ui::{button, card, form};

use super::{notifications, tabs};
use crate::app::App;
use crate::extract::Form;
use crate::frame::{self, View};
use crate::live::SESSIONS;
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// A new name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewName {
    name: String,
}

/// A new address, with the password that proves who asks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewEmail {
    email: String,
    current_password: Secret,
}

/// A new password, with the one before.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewPassword {
    current_password: Secret,
    password: Secret,
}

/// New colours.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewTheme {
    theme: String,
}

/// What was typed and what is wrong with it, by form; at most one has been sent.
#[derive(Default)]
struct Sent<'a> {
    name: Option<(&'a str, &'a Complaint)>,
    email: Option<(&'a str, &'a Complaint)>,
    password: Option<&'a Complaint>,
}

/// Shows the profile.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    page(&app, &actor, view, &Sent::default()).await
}

/// Changes the name.
pub async fn change_name(State(app): State<App>, Caller(actor): Caller, view: View, Form(new): Form<NewName>) -> Answer {
    let outcome = match PersonName::parse(&new.name) {
        Ok(name) => members::rename(&app.db, &app.clock, &actor, own_id(&actor)?, name).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(frame::done(&app, "/account", "Name changed")),
        Err(error) => {
            let complaint = Complaint::from(error)?;
            let sent = Sent { name: Some((&new.name, &complaint)), ..Sent::default() };
            page(&app, &actor, view.complaining(&complaint), &sent).await
        }
    }
}

/// Changes the address by which one signs in.
pub async fn change_email(State(app): State<App>, Caller(actor): Caller, view: View, Form(new): Form<NewEmail>) -> Answer {
    let outcome = match Email::parse(&new.email) {
        Ok(email) => {
            let id = own_id(&actor)?;
            members::change_email(&app.db, &app.clock, &actor, id, email, Some(&new.current_password)).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(frame::done(&app, "/account", "E-mail changed")),
        Err(error) => {
            let complaint = Complaint::from(error)?;
            let sent = Sent { email: Some((&new.email, &complaint)), ..Sent::default() };
            page(&app, &actor, view.complaining(&complaint), &sent).await
        }
    }
}

/// Changes the password; every other session ends.
pub async fn change_password(State(app): State<App>, Caller(actor): Caller, view: View, Form(new): Form<NewPassword>) -> Answer {
    let outcome = match Password::parse(&new.password) {
        Ok(password) => members::change_password(&app.db, &app.clock, &actor, &new.current_password, password).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => {
            app.bus.signal(SESSIONS, "ended");
            Ok(frame::done(&app, "/account", "Password changed. You are signed out everywhere else."))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            let sent = Sent { password: Some(&complaint), ..Sent::default() };
            page(&app, &actor, view.complaining(&complaint), &sent).await
        }
    }
}

/// Changes the colours, here and on other machines.
pub async fn change_theme(State(app): State<App>, Caller(actor): Caller, Form(new): Form<NewTheme>) -> Answer {
    let theme = Theme::from_text(&new.theme).ok_or_else(|| Error::invalid("theme", "choose system, light or dark"))?;
    members::set_theme(&app.db, &actor, theme).await?;
    let mut response = frame::done(&app, "/account", "Theme changed");
    // The switch in the account menu writes the same cookie for this browser alone; this choice is the newer one.
    let cookie = HeaderValue::from_static("theme=; Path=/; Max-Age=0; SameSite=Lax");
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

fn own_id(actor: &Actor) -> Result<&MemberId> {
    actor.member_id().ok_or_else(|| Error::forbidden("only a member has a profile"))
}

async fn page(app: &App, actor: &Actor, view: View, sent: &Sent<'_>) -> Answer<Response> {
    let member = members::get(&app.db, actor, own_id(actor)?).await?;
    let tabs = tabs(actor, "/account");
    let mails = notifications::card(app, actor).await?;
    Ok(view.page(Page {
        title: "Your account",
        help: "Your name, how you sign in, what you are mailed, and how pages look.",
        tabs,
        narrow: true,
        body: card::stack(
            html! { (name_card(&member, sent)) (email_card(&member, sent)) (password_card(sent)) (mails) (theme_card(&member)) },
        ),
        ..Page::default()
    }))
}

fn name_card(member: &Member, sent: &Sent<'_>) -> maud::Markup {
    let none = Complaint::none();
    let (value, complaint) = sent.name.unwrap_or((member.name.as_str(), &none));
    card::simple(
        "Name",
        html! {
            form.form method="post" action="/account/name" {
                (complaint.summary(&["name"]))
                (field::text(Field { name: "name", label: "Your name", value, error: complaint.of("name"), autocomplete: "name", required: true, unmarked: true, ..Field::default() }))
                (form::actions(button::secondary("Change name")))
            }
        },
    )
}

fn email_card(member: &Member, sent: &Sent<'_>) -> maud::Markup {
    let none = Complaint::none();
    let (value, complaint) = sent.email.unwrap_or((member.email.as_str(), &none));
    card::simple(
        "E-mail",
        html! {
            form.form method="post" action="/account/email" {
                (complaint.summary(&["email", "current_password"]))
                (field::email(Field { name: "email", label: "E-mail", value, error: complaint.of("email"), required: true, unmarked: true, ..Field::default() }))
                (field::password(field::Password::Current, Field {
                    name: "current_password", id: "field-current-password-for-email", label: "Your password", hint: "So that nobody else changes where your mail goes.", error: complaint.of("current_password"), required: true, unmarked: true, ..Field::default()
                }))
                (form::actions(button::secondary("Change e-mail")))
            }
        },
    )
}

fn password_card(sent: &Sent<'_>) -> maud::Markup {
    let none = Complaint::none();
    let complaint = sent.password.unwrap_or(&none);
    card::simple(
        "Password",
        html! {
            form.form method="post" action="/account/password" {
                (complaint.summary(&["current_password", "password"]))
                (field::password(field::Password::Current, Field {
                    name: "current_password", label: "Current password", error: complaint.of("current_password"), required: true, unmarked: true, ..Field::default()
                }))
                (field::password(field::Password::New, Field {
                    name: "password", label: "New password", hint: "You will be signed out everywhere else.", error: complaint.of("password"), required: true, unmarked: true, ..Field::default()
                }))
                (form::actions(button::secondary("Change password")))
            }
        },
    )
}

fn theme_card(member: &Member) -> maud::Markup {
    let choice = |value: &'static str, label: &'static str| Choice { value, label, ..Choice::default() };
    let choices = [choice("system", "Like this device"), choice("light", "Light"), choice("dark", "Dark")];
    card::simple(
        "Appearance",
        html! {
            form.form method="post" action="/account/theme" {
                (field::select(Field { name: "theme", label: "Theme", value: member.theme.as_str(), required: true, unmarked: true, ..Field::default() }, &choices))
                (form::actions(button::secondary("Change theme")))
            }
        },
    )
}
