//! Adopting a container that was here before: what the scan offers, or any other by its name.

use accounts::{Actor, Customer, CustomerId, CustomerQuery, customers};
use axum::extract::State;
use axum::response::Response;
use hosting::Site;
use hosting::adopt::{self, Candidate};
use hosting::names::SiteName;
use kit::Error;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::Tone;
use ui::card::{self, Card, Empty};
use ui::feedback::{self, Banner};
use ui::field::{self, Choice, Field};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};
use ui::{button, form, icon};

use crate::app::App;
use crate::changed;
use crate::extract::{Form, Query};
use crate::frame::{self, View};
use crate::portal::{to, words};
use crate::respond::{Answer, Complaint, sentence};
use crate::routes::Caller;

const PLACE: &str = "/admin/sites/adopt";
/// Customers to choose from.
const MOST_CUSTOMERS: u32 = 200;

/// What was typed; `container` and `customer` can be filled in by a link.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    container: String,
    customer: String,
    site_name: String,
}

/// Shows what can be adopted.
pub async fn form(State(app): State<App>, Caller(actor): Caller, view: View, Query(typed): Query<Typed>) -> Answer {
    show(&app, &actor, view, &typed, &Complaint::none()).await
}

/// Adopts one.
pub async fn submit(State(app): State<App>, Caller(actor): Caller, view: View, Form(typed): Form<Typed>) -> Answer {
    match adopt(&app, &actor, &typed).await {
        Ok(site) => {
            changed::audit(&app, Some(&site.customer_id));
            Ok(frame::done(&app, &format!("/sites/{}", site.id), "Adopted. Nothing was done to the container."))
        }
        // Docker away: said above the form, which keeps what was typed.
        Err(Error::Unavailable { message, .. }) => {
            let complaint = Complaint::saying(axum::http::StatusCode::SERVICE_UNAVAILABLE, &message);
            show(&app, &actor, view, &typed, &complaint).await
        }
        Err(error) => show(&app, &actor, view, &typed, &Complaint::from(words::in_sentences(error))?).await,
    }
}

async fn adopt(app: &App, actor: &Actor, typed: &Typed) -> kit::Result<Site> {
    crate::extract::all_or_complaints!(
        customer: CustomerId::parse(&typed.customer).map_err(|_| Error::invalid("customer", "choose whose it is to be")),
        site_name: match typed.site_name.trim() {
            "" => Ok(None),
            name => SiteName::parse(name).map(Some),
        },
    );
    adopt::adopt(&app.hosting, actor, &customer, typed.container.trim(), site_name).await
}

async fn show(app: &App, actor: &Actor, view: View, typed: &Typed, complaint: &Complaint) -> Answer {
    let query = CustomerQuery { limit: MOST_CUSTOMERS, ..CustomerQuery::default() };
    let customers = customers::list(&app.db, &actor.scope(), &query).await?.items;
    let found = match adopt::candidates(&app.hosting, actor).await {
        Ok(found) => Ok(found),
        Err(error @ Error::Unavailable { .. }) => Err(error),
        Err(error) => return Err(error.into()),
    };
    let body = card::split(html! { (candidates(&found, &customers)) }, fields(&customers, typed, complaint));
    Ok(page(view, complaint, body))
}

fn page(view: View, complaint: &Complaint, body: Markup) -> Response {
    view.complaining(complaint).page(Page {
        title: "Adopt a container",
        help: "Containers that were here before Innkeeper: they are watched, shown and restarted, and nothing else of theirs is touched.",
        crumbs: &[Crumb::new("Sites", "/admin/sites")],
        body,
        ..Page::default()
    })
}

fn candidates(found: &kit::Result<Vec<Candidate>>, customers: &[Customer]) -> Markup {
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            let text = sentence(&error.public_message());
            return feedback::banner(Banner {
                tone: Tone::Warn,
                title: "The server's containers cannot be listed",
                text: &text,
                action: button::link_secondary(PLACE, "Try again"),
            });
        }
    };
    let rows = found.iter().map(|candidate| {
        let customer = guess(candidate, customers).map(|customer| customer.id.as_str()).unwrap_or_default();
        let choose = to(PLACE, &[("container", candidate.container.as_str()), ("customer", customer)]);
        Row::new([
            html! { span.mono { (candidate.container) } },
            html! { (words::service_purpose(candidate.kind)) },
            html! { span.mono { (candidate.customer_hint) } },
            html! { a href=(choose) aria-label={ "Choose " (candidate.container) } { "Choose" } },
        ])
    });
    card::card(Card {
        title: "Found on this server",
        flush: true,
        body: table::table(Table {
            caption: "Containers that can be adopted",
            bare: true,
            columns: &[Column::new("Container"), Column::new("Kind"), Column::new("Id in its name"), Column::actions()],
            rows: rows.collect(),
            empty: card::empty_state(Empty {
                icon: Some(icon::globe()),
                title: "None found",
                text: "Containers called customer-{id}-wordpress or customer-{id}-magento appear here until they are adopted. \
                       Any other can be adopted by its name.",
                ..Empty::default()
            }),
            ..Table::default()
        }),
        ..Card::default()
    })
}

/// The customer whose id stands in the container's name.
fn guess<'a>(candidate: &Candidate, customers: &'a [Customer]) -> Option<&'a Customer> {
    let hint = candidate.customer_hint.as_str();
    customers.iter().find(|customer| customer.id.as_str() == hint || customer.id.as_str().strip_prefix("cust_") == Some(hint))
}

fn fields(customers: &[Customer], typed: &Typed, complaint: &Complaint) -> Markup {
    let labels: Vec<String> = customers.iter().map(|customer| format!("{} ({})", customer.name.as_str(), customer.id)).collect();
    let mut choices = vec![Choice { value: "", label: "Choose a customer", disabled: false }];
    choices.extend(customers.iter().zip(&labels).map(|(customer, label)| Choice { value: customer.id.as_str(), label, disabled: false }));
    card::simple(
        "Adopt",
        html! {
            form.form method="post" action=(PLACE) {
                (complaint.summary(&["container", "customer", "site_name"]))
                (field::text(Field {
                    name: "container",
                    label: "Container",
                    value: &typed.container,
                    error: complaint.of("container"),
                    hint: "Its name in Docker, such as customer-42-wordpress.",
                    required: true,
                    maxlength: Some(128),
                    autocomplete: "off",
                    ..Field::default()
                }))
                (field::select(
                    Field { name: "customer", label: "Customer", value: &typed.customer, error: complaint.of("customer"), required: true, ..Field::default() },
                    &choices,
                ))
                (field::text(Field {
                    name: "site_name",
                    label: "Name",
                    value: &typed.site_name,
                    error: complaint.of("site_name"),
                    hint: "What its people see; the container's name when left empty.",
                    maxlength: Some(80),
                    autocomplete: "off",
                    ..Field::default()
                }))
                (form::actions(html! { (button::primary("Adopt")) (button::link_secondary("/admin/sites", "Cancel")) }))
            }
        },
    )
}
