//! A new customer.

use accounts::{Actor, Currency, Customer, CustomerName, NewCustomer, customers};
use axum::extract::State;
use axum::response::Response;
use maud::html;
use serde::Deserialize;
use ui::field::{self, Field};
use ui::page::{Crumb, Page};
use ui::{button, card, form};

use crate::app::App;
use crate::changed;
use crate::extract::Form;
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// What was typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    name: String,
    currency: String,
}

impl Default for Typed {
    fn default() -> Typed {
        Typed { name: String::new(), currency: "EUR".to_owned() }
    }
}

/// Shows the form.
pub async fn form(view: View) -> Response {
    show(view, &Typed::default(), &Complaint::none())
}

/// Creates the customer.
pub async fn submit(State(app): State<App>, Caller(actor): Caller, view: View, Form(typed): Form<Typed>) -> Answer {
    match create(&app, &actor, &typed).await {
        Ok(customer) => {
            changed::customer(&app, &customer.id);
            let title = format!("{} is created", customer.name.as_str());
            Ok(frame::done(&app, &format!("/admin/customers/{}", customer.id), &title))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            Ok(show(view, &typed, &complaint))
        }
    }
}

async fn create(app: &App, actor: &Actor, typed: &Typed) -> kit::Result<Customer> {
    crate::extract::all_or_complaints!(
        name: CustomerName::parse(&typed.name),
        currency: Currency::parse(&typed.currency),
    );
    let customer = customers::create(&app.db, &app.clock, actor, NewCustomer { name, currency }).await?;
    insight::health::renew(&app.insight, &customer.id).await;
    Ok(customer)
}

fn show(view: View, typed: &Typed, complaint: &Complaint) -> Response {
    let body = html! {
        form.form method="post" action="/admin/customers/new" {
            (complaint.summary(&["name", "currency"]))
            (card::simple("Customer", html! { div.form {
                (field::text(Field {
                    name: "name", label: "Name", value: &typed.name, hint: "The company or the person.", error: complaint.of("name"),
                    autocomplete: "off", required: true, autofocus: true, ..Field::default()
                }))
                (field::text(Field {
                    name: "currency", label: "Currency", value: &typed.currency, hint: "Three letters, such as EUR.", error: complaint.of("currency"),
                    autocomplete: "off", maxlength: Some(3), required: true, ..Field::default()
                }))
            } }))
            (form::actions(html! { (button::primary("Create customer")) (button::link_secondary("/admin/customers", "Cancel")) }))
        }
    };
    view.complaining(complaint).page(Page {
        title: "New customer",
        help: "Create the customer first, then invite its owner.",
        crumbs: &[Crumb::new("Customers", "/admin/customers")],
        narrow: true,
        body,
        ..Page::default()
    })
}
