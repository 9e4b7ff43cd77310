//! A customer's name, currency and danger zone.

use accounts::{Actor, Currency, Customer, CustomerId, CustomerName, customers};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use ui::button;
use ui::card;
use ui::dialog::{self, Confirm};
use ui::field::{self, Field};
use ui::form::{self, PostButton};

use super::{Content, Part, page};
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame::{self, View};
use crate::live::SESSIONS;
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// Name and currency, as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    name: String,
    currency: String,
}

/// Shows what can be changed.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<CustomerId>) -> Answer {
    let customer = customers::get(&app.db, &actor.scope(), &id).await?;
    let typed = Typed { name: customer.name.as_str().to_owned(), currency: customer.currency.as_str().to_owned() };
    form_page(view, &actor, &customer, &typed, &Complaint::none())
}

/// Changes name and currency.
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<CustomerId>,
    Form(typed): Form<Typed>,
) -> Answer {
    let customer = customers::get(&app.db, &actor.scope(), &id).await?;
    match apply(&app, &actor, &customer, &typed).await {
        Ok(()) => {
            changed::customer(&app, &id);
            Ok(frame::done(&app, &Part::Settings.address(&id), "Saved"))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            form_page(view.complaining(&complaint), &actor, &customer, &typed, &complaint)
        }
    }
}

/// Lets nobody of the customer in; sites stay up.
pub async fn suspend(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer {
    let outcome = customers::suspend(&app.db, &app.clock, &actor, &id).await;
    changed::customer(&app, &id);
    app.bus.signal(SESSIONS, "ended");
    frame::done_or_refused(&app, &Part::Settings.address(&id), outcome, "Suspended. Nobody of this customer can sign in.")
}

/// Lets the customer's members in again.
pub async fn resume(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer {
    let outcome = customers::resume(&app.db, &app.clock, &actor, &id).await;
    changed::customer(&app, &id);
    frame::done_or_refused(&app, &Part::Settings.address(&id), outcome, "Active again")
}

async fn apply(app: &App, actor: &Actor, customer: &Customer, typed: &Typed) -> kit::Result<()> {
    crate::extract::all_or_complaints!(
        name: CustomerName::parse(&typed.name),
        currency: Currency::parse(&typed.currency),
    );
    if name != customer.name {
        customers::rename(&app.db, &app.clock, actor, &customer.id, name).await?;
    }
    if currency != customer.currency {
        customers::set_currency(&app.db, &app.clock, actor, &customer.id, currency).await?;
    }
    Ok(())
}

fn form_page(view: View, actor: &Actor, customer: &Customer, typed: &Typed, complaint: &Complaint) -> Answer<Response> {
    let body = card::stack(html! { (settings_card(customer, typed, complaint)) (danger_zone(customer)) });
    let content = Content { part: Part::Settings, badge: Markup::default(), summary: Markup::default(), scripts: &[], body };
    page(view, actor, customer, content)
}

fn settings_card(customer: &Customer, typed: &Typed, complaint: &Complaint) -> Markup {
    card::simple(
        "Settings",
        html! {
            form.form method="post" action=(action(customer, "change")) {
                (complaint.summary(&["name", "currency"]))
                (field::text(Field { name: "name", label: "Name", value: &typed.name, error: complaint.of("name"), autocomplete: "off", required: true, ..Field::default() }))
                (field::text(Field { name: "currency", label: "Currency", value: &typed.currency, error: complaint.of("currency"), autocomplete: "off", maxlength: Some(3), required: true, ..Field::default() }))
                (form::actions(button::secondary("Save")))
            }
        },
    )
}

fn danger_zone(customer: &Customer) -> Markup {
    let action = |verb: &str| action(customer, verb);
    let row = if customer.is_suspended() {
        let resume = PostButton {
            action: &action("resume"),
            button: button::Button { label: "Let them in again", ..button::Button::default() },
            ..PostButton::default()
        };
        dialog::danger_row("Suspended", "Nobody of this customer can sign in, and their API tokens do not work.", form::post_button(resume))
    } else {
        dialog::danger_action(
            "Suspend",
            "Nobody of this customer can sign in. Their sites stay up.",
            Confirm {
                id: "suspend",
                title: &format!("Suspend {}?", customer.name.as_str()),
                text: "You can undo this at any time.",
                loses: &["All members are signed out", "All API tokens stop working"],
                action: &action("suspend"),
                button: "Suspend",
                danger: true,
                ..Confirm::default()
            },
        )
    };
    dialog::danger_zone(row)
}

fn action(customer: &Customer, verb: &str) -> String {
    format!("/admin/customers/{}/{verb}", customer.id)
}
