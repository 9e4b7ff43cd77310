//! The list of customers.

use accounts::{Customer, CustomerId, CustomerOrder, CustomerQuery, Permission, customers};
use axum::extract::State;
use kit::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Empty};
use ui::format;
use ui::icon;
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Column, Pager, Row, Search, Sorted, Table, Toolbar};

use crate::app::App;
use crate::extract::Query;
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;

const PLACE: &str = "/admin/customers";

/// Search, order and page, as they stand in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    q: String,
    order: String,
    after: String,
}

impl Asked {
    fn address(&self, order: &str, after: &str) -> String {
        let pairs: Vec<(&str, &str)> =
            [("q", self.q.as_str()), ("order", order), ("after", after)].into_iter().filter(|(_, value)| !value.is_empty()).collect();
        match pairs.is_empty() {
            true => PLACE.to_owned(),
            false => format!("{PLACE}?{}", serde_urlencoded::to_string(pairs).unwrap_or_default()),
        }
    }
}

/// Lists customers, newest first or by name.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let by_name = asked.order == "name";
    let query = CustomerQuery {
        search: asked.q.clone(),
        order: if by_name { CustomerOrder::Name } else { CustomerOrder::Created },
        after: CustomerId::parse(&asked.after).ok(),
        ..CustomerQuery::default()
    };
    let page = customers::list(&app.db, &actor.scope(), &query).await?;
    let may_create = actor.can(Permission::ManageCustomers);
    let next = page.next.as_ref().map(|id| asked.address(&asked.order, id.as_str()));
    let table = show(&asked, by_name, &page.items, next, may_create, app.clock.now());
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let here = asked.address(&asked.order, &asked.after);
    let new = Button { label: "New customer", kind: Kind::Primary, icon: Some(icon::plus()), ..Button::default() };
    Ok(view.page(Page {
        title: "Customers",
        help: "Everybody you host for.",
        actions: html! { @if may_create { (button::link("/admin/customers/new", new)) } },
        body: live::region(Region { topic: "customers", url: &here, body: table, ..Region::default() }),
        ..Page::default()
    }))
}

fn show(asked: &Asked, by_name: bool, found: &[Customer], next: Option<String>, may_create: bool, now: Timestamp) -> Markup {
    let rows: Vec<Row<'_>> = found
        .iter()
        .map(|customer| Row {
            faded: customer.is_suspended(),
            ..Row::link(
                format!("{PLACE}/{}", customer.id),
                [
                    table::two_lines(customer.name.as_str(), customer.id.as_str()),
                    state(customer),
                    html! { (format::count(customer.members)) },
                    html! { (customer.currency.as_str()) },
                    format::time_ago(customer.created_at.0, now.0),
                ],
            )
        })
        .collect();
    let sorted = |is: bool, how| if is { how } else { Sorted::No };
    let text = format!("{} shown", rows.len());
    let is_filtered = !asked.q.is_empty();
    let (title, text_when_empty) = match is_filtered {
        true => ("Nobody found", "No name or id contains what you look for."),
        false => ("No customers yet", "A customer has members who sign in, and sites that you host."),
    };
    table::table(Table {
        caption: "Customers",
        columns: &[
            Column::new("Customer").sorted(asked.address("name", ""), sorted(by_name, Sorted::Ascending)),
            Column::new("State"),
            Column::number("Members"),
            Column::new("Currency").minor(),
            Column::new("Since").sorted(asked.address("", ""), sorted(!by_name, Sorted::Descending)).minor(),
        ],
        rows,
        toolbar: table::toolbar(Toolbar {
            search: Some(Search { action: PLACE, name: "q", value: &asked.q, placeholder: "Search name or id", ..Search::default() }),
            ..Toolbar::default()
        }),
        empty: card::empty_state(Empty {
            icon: Some(icon::users()),
            title,
            text: text_when_empty,
            action: html! { @if may_create && !is_filtered { (button::link_primary("/admin/customers/new", "New customer")) } },
        }),
        pager: Some(Pager { text: &text, previous: None, next: next.map(Into::into) }),
        ..Table::default()
    })
}

/// Whether a customer may sign in.
pub fn state(customer: &Customer) -> Markup {
    if customer.is_suspended() { badge::tag(Tone::Warn, "Suspended") } else { badge::tag(Tone::Ok, "Active") }
}
