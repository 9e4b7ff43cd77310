//! The people behind a figure.

use accounts::{CustomerId, CustomerName, customers};
use axum::extract::State;
use events::{Person, Who};
use insight::funnel;
use kit::Error;
use maud::{Markup, html};
use std::collections::BTreeMap;
use ui::button;
use ui::card::{self, Empty};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Pager, Row, Table};
use ui::{format, icon};

use super::asked::{Asked, with};
use super::{PEOPLE, PLACE, address};
use crate::app::App;
use crate::extract::Query;
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;
use crate::score;

/// A page with so many stays below 60 KB.
const ROWS: u32 = 50;

/// Lists the people behind a figure of a funnel.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View, Query(pairs): Query<Vec<(String, String)>>) -> Answer {
    let asked = Asked::read(pairs)?;
    let question = asked.question()?;
    let (cell, after) = asked.cell().ok_or_else(|| Error::not_found("the people"))?;
    let found = funnel::people(&app.insight, &actor, &question, &cell, after, ROWS).await?;
    let place = |after: &str| {
        with(PEOPLE, &question, &[("step", &asked.step), ("dropped", &asked.dropped), ("value", &asked.value), ("after", after)])
    };
    let step = question.steps.get(cell.step - 1).map_or("", String::as_str);
    let did =
        if cell.is_dropped { format!("Did step {} and not {step}", cell.step - 1) } else { format!("Did step {}: {step}", cell.step) };
    let title = match &cell.value {
        None => did,
        Some(value) if value.is_empty() => format!("{did}, without the property"),
        Some(value) => format!("{did}, {value}"),
    };
    let body = table(
        &app,
        &actor.scope(),
        (question.who, &found.items),
        found.next.map(|next| place(&next.to_string())),
        after.is_some().then(|| place("")),
    )
    .await?;
    Ok(view.page(Page {
        title: &title,
        crumbs: &[Crumb::new("Funnel", super::super::funnel::PLACE), Crumb::new("Custom funnels", PLACE)],
        actions: button::link_secondary(&address(&question), "Back to the funnel"),
        body,
        ..Page::default()
    }))
}

/// A list of people that events tell of, or of the customers behind them.
pub async fn table(
    app: &App,
    scope: &accounts::Scope,
    (who, people): (Who, &[Person]),
    next: Option<String>,
    first: Option<String>,
) -> kit::Result<Markup> {
    let mut ids: Vec<CustomerId> = people.iter().filter_map(|person| person.customer.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let names: BTreeMap<CustomerId, CustomerName> = customers::names(&app.db, scope, &ids).await?;
    let name = |person: &Person| person.customer.as_ref().and_then(|id| names.get(id)).map(|name| name.as_str().to_owned());
    let shown = |text: &str| text.chars().take(80).collect::<String>();
    let calendar = app.events.calendar();
    let columns: Vec<Column<'_>> = match who {
        Who::People => {
            vec![Column::new("Person"), Column::new("Customer").minor(), Column::new("First seen").minor(), Column::new("Last seen")]
        }
        Who::Customers => vec![Column::new("Customer")],
    };
    let row = |person: &Person| match (who, &person.customer) {
        (Who::Customers, Some(id)) => {
            let name = name(person).unwrap_or_default();
            Row::link(format!("/admin/customers/{id}"), [html! { (table::two_lines(&name, id.as_str())) }])
        }
        _ => {
            let first = person.email().unwrap_or_else(|| person.label.clone());
            let second = if first == person.label { "" } else { person.label.as_str() };
            let cells = [
                table::two_lines(&shown(&first), &shown(second)),
                html! { @match name(person) { Some(name) => (name), None => (card::missing("No customer is known")) } },
                html! { (score::long(calendar.day(person.first_at))) },
                html! { (score::long(person.last_day)) },
            ];
            Row::link(format!("/admin/events?person={}", person.no), cells)
        }
    };
    let text = format!("{} shown", format::count(i64::try_from(people.len()).unwrap_or(0)));
    Ok(table::table(Table {
        caption: "People",
        columns: &columns,
        rows: people.iter().map(row).collect(),
        empty: card::empty_state(Empty {
            icon: Some(icon::users()),
            title: "Nobody",
            text: "Nobody is behind this figure any more.",
            ..Empty::default()
        }),
        pager: Some(Pager { text: &text, previous: first.map(Into::into), next: next.map(Into::into) }),
        ..Table::default()
    }))
}
