//! One customer: state, people, settings, danger zone.

use accounts::{Actor, Currency, Customer, CustomerId, CustomerName, Permission, customers};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use ui::button;
use ui::card::{self, Card};
use ui::dialog::{self, Confirm};
use ui::field::{self, Field};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::page::{Crumb, Page};
use ui::{copy, format, icon};

use super::customers::state;
use super::sites;
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path, Query};
use crate::frame::{self, View};
use crate::live::SESSIONS;
use crate::people::{self, Whose};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// Name and currency, as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    name: String,
    currency: String,
}

/// Which part is asked for again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    part: String,
}

/// Shows the customer, or the part of the page that has changed.
pub async fn show(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<CustomerId>,
    Query(asked): Query<Asked>,
) -> Answer {
    let customer = customers::get(&app.db, &actor.scope(), &id).await?;
    if view.is_fragment() && asked.part == "sites" {
        return Ok(view.fragment(sites::of_customer(&app, &actor, &id).await?));
    }
    let typed = Typed { name: customer.name.as_str().to_owned(), currency: customer.currency.as_str().to_owned() };
    page(&app, &actor, view, &customer, &typed, &Complaint::none()).await
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
            Ok(frame::done(&app, &address(&id), "Saved"))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            page(&app, &actor, view.complaining(&complaint), &customer, &typed, &complaint).await
        }
    }
}

/// Lets nobody of the customer in; sites stay up.
pub async fn suspend(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer {
    let outcome = customers::suspend(&app.db, &app.clock, &actor, &id).await;
    changed::customer(&app, &id);
    app.bus.signal(SESSIONS, "ended");
    frame::done_or_refused(&app, &address(&id), outcome, "Suspended. Nobody of this customer can sign in.")
}

/// Lets the customer's members in again.
pub async fn resume(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer {
    let outcome = customers::resume(&app.db, &app.clock, &actor, &id).await;
    changed::customer(&app, &id);
    frame::done_or_refused(&app, &address(&id), outcome, "Active again")
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

fn address(id: &CustomerId) -> String {
    format!("/admin/customers/{id}")
}

async fn page(app: &App, actor: &Actor, view: View, customer: &Customer, typed: &Typed, complaint: &Complaint) -> Answer<Response> {
    let may_manage = actor.can(Permission::ManageCustomers);
    let may_see_people = actor.can(Permission::ReadMembers);
    let people = match may_see_people {
        true => people::section(app, actor, Whose::Customer(&customer.id)).await?,
        false => Markup::default(),
    };
    let may_see_sites = actor.can(Permission::ReadSites);
    let of_sites = match may_see_sites && !view.is_fragment() {
        true => sites::of_customer(app, actor, &customer.id).await?,
        false => Markup::default(),
    };
    if view.is_fragment() {
        return Ok(view.fragment(people));
    }
    let here = address(&customer.id);
    let sites_here = format!("{here}?part=sites");
    let room = format!("customer:{}", customer.id);
    Ok(view.page(Page {
        title: customer.name.as_str(),
        badge: state(customer),
        actions: html! {
            @if actor.can(Permission::WriteSites) {
                (button::link(&format!("/sites/new?customer={}", customer.id), button::Button {
                    label: "New site", kind: button::Kind::Primary, icon: Some(icon::plus()), ..button::Button::default()
                }))
            }
        },
        crumbs: &[Crumb::new("Customers", "/admin/customers")],
        live_rooms: &[room.as_str()],
        body: html! {
            (card::split(
                html! {
                    (card::stack(html! {
                        @if may_see_sites { (live::region(Region { topic: "sites", url: &sites_here, always_poll: true, body: of_sites, ..Region::default() })) }
                        @if may_see_people { (live::region(Region { topic: "members", url: &here, body: people, ..Region::default() })) }
                        @if may_manage { (settings_card(customer, typed, complaint)) (danger_zone(customer)) }
                    }))
                },
                facts(customer),
            ))
        },
        ..Page::default()
    }))
}

fn facts(customer: &Customer) -> Markup {
    card::card(Card {
        title: "Facts",
        body: html! {
            (card::kv(&[
                ("Since", html! { (format::date(customer.created_at.0)) }),
                ("Members", html! { (format::count(customer.members)) }),
                ("Currency", html! { (customer.currency.as_str()) }),
                ("Suspended", match customer.suspended_at { Some(at) => format::time_exact(at.0), None => html! { "No" } }),
                ("Customer id", copy::copy_field("Customer id", customer.id.as_str())),
            ]))
        },
        ..Card::default()
    })
}

fn settings_card(customer: &Customer, typed: &Typed, complaint: &Complaint) -> Markup {
    card::simple(
        "Settings",
        html! {
            form.form method="post" action={ (address(&customer.id)) "/change" } {
                (complaint.summary(&["name", "currency"]))
                (field::text(Field { name: "name", label: "Name", value: &typed.name, error: complaint.of("name"), autocomplete: "off", required: true, ..Field::default() }))
                (field::text(Field { name: "currency", label: "Currency", value: &typed.currency, error: complaint.of("currency"), autocomplete: "off", maxlength: Some(3), required: true, ..Field::default() }))
                (form::actions(button::secondary("Save")))
            }
        },
    )
}

fn danger_zone(customer: &Customer) -> Markup {
    let action = |verb: &str| format!("{}/{verb}", address(&customer.id));
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
