//! Inviting someone: an address and a role.

use accounts::{Actor, CustomerId, Email, Invited, NewInvitation, Role, customers, invitations};
use axum::extract::State;
use axum::response::Response;
use maud::html;
use serde::Deserialize;
use ui::field::{self, Choice, Field};
use ui::page::{Crumb, Page};
use ui::{button, card, copy, form};

use super::{Whose, choices, customer_in_question};
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Query};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// Whose member the invited one will be.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    customer: Option<String>,
}

/// Who is invited, as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    email: String,
    role: String,
    customer: String,
}

/// What the page is about.
struct Subject {
    customer: Option<CustomerId>,
    name: String,
}

impl Subject {
    async fn find(app: &App, actor: &Actor, named: Option<&str>) -> Answer<Subject> {
        let customer = customer_in_question(actor, named)?;
        let name = match &customer {
            Some(id) => customers::get(&app.db, &actor.scope(), id).await?.name.as_str().to_owned(),
            None => "the staff".to_owned(),
        };
        Ok(Subject { customer, name })
    }

    fn whose(&self) -> Whose<'_> {
        self.customer.as_ref().map_or(Whose::House, Whose::Customer)
    }
}

/// Shows the form.
pub async fn form(State(app): State<App>, Caller(actor): Caller, view: View, Query(target): Query<Target>) -> Answer {
    let subject = Subject::find(&app, &actor, target.customer.as_deref()).await?;
    let role = choices(subject.customer.is_some())[0].value.to_owned();
    Ok(show(view, &actor, &subject, &Typed { role, ..Typed::default() }, &Complaint::none()))
}

/// Sends the invitation.
pub async fn submit(State(app): State<App>, Caller(actor): Caller, view: View, Form(typed): Form<Typed>) -> Answer {
    let subject = Subject::find(&app, &actor, Some(&typed.customer)).await?;
    match invite(&app, &actor, &subject, &typed).await {
        Ok(invited) => {
            changed::members(&app, subject.customer.as_ref());
            app.bus.signal("operators", "mail");
            if app.config.mail.host.is_empty() {
                return Ok(show_link(view, &actor, &subject, &typed.email, &invited));
            }
            Ok(frame::done(&app, &subject.whose().page(&actor), "Invitation sent"))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            Ok(show(view, &actor, &subject, &typed, &complaint))
        }
    }
}

async fn invite(app: &App, actor: &Actor, subject: &Subject, typed: &Typed) -> kit::Result<Invited> {
    crate::extract::all_or_complaints!(
        email: Email::parse(&typed.email),
        role: Role::parse(&typed.role, subject.customer.clone()),
    );
    let base = app.config.server.public_url.origin();
    invitations::create(&app.db, &app.clock, &app.mailer, actor, base, NewInvitation { email, role }).await
}

fn show(view: View, actor: &Actor, subject: &Subject, typed: &Typed, complaint: &Complaint) -> Response {
    let back = subject.whose().page(actor);
    let title = format!("Invite to {}", subject.name);
    let body = html! {
        form.form method="post" action="/members/invite" {
            (complaint.summary(&["email", "role"]))
            @if let Some(customer) = &subject.customer { (field::hidden("customer", customer.as_str())) }
            (card::simple("Person", html! { div.form {
                (field::email(Field {
                    name: "email",
                    label: "E-mail",
                    value: &typed.email,
                    hint: "They get a link and choose their password themselves.",
                    error: complaint.of("email"),
                    autocomplete: "off",
                    required: true,
                    autofocus: true,
                    ..Field::default()
                }))
                (field::radios(
                    Field { name: "role", label: "Role", value: &typed.role, error: complaint.of("role"), required: true, ..Field::default() },
                    &roles(subject.customer.is_some()),
                ))
            } }))
            (form::actions(html! { (button::primary("Send invitation")) (button::link_secondary(&back, "Cancel")) }))
        }
    };
    view.complaining(complaint).page(Page {
        title: &title,
        crumbs: &[Crumb::new("Members", back.as_str())],
        narrow: true,
        body,
        ..Page::default()
    })
}

/// The roles that can be given, each with what it allows.
fn roles(of_customer: bool) -> Vec<field::Card<'static>> {
    let allows = |role: &str| match role {
        "owner" => "May do everything: sites, members, API tokens.",
        "member" => "Works on the sites. Cannot invite or remove people.",
        "concierge" => "Sees customers and their sites, and helps them.",
        _ => "May do everything: customers, sites, staff, settings.",
    };
    let card = |choice: &Choice<'static>| field::Card {
        value: choice.value,
        title: choice.label,
        text: allows(choice.value),
        ..field::Card::default()
    };
    choices(of_customer).iter().map(card).collect()
}

/// Without a mail server whoever invites passes the link on.
fn show_link(view: View, actor: &Actor, subject: &Subject, email: &str, invited: &Invited) -> Response {
    let back = subject.whose().page(actor);
    view.page(Page {
        title: "Pass this link on",
        crumbs: &[Crumb::new("Members", back.as_str())],
        narrow: true,
        body: card::simple(
            "Invitation",
            html! {
                p { "No mail server is configured, so nothing was sent to " strong { (email) } ". Give them this link; it works once and is not shown again." }
                (copy::secret_once("Link", invited.link.reveal()))
                (button::link_primary(&back, "Done"))
            },
        ),
        ..Page::default()
    })
}
