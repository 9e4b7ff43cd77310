//! All sites of the house.

use std::collections::BTreeMap;

use accounts::{Actor, Customer, CustomerId, Permission, customers};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join_all;
use hosting::sites::{self, SiteFilter, SiteSort};
use hosting::{Site, SiteId, SiteState};
use maud::{Markup, html};
use serde::Deserialize;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::field;
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Chip, Column, Pager, Row, Search, Sorted, Table, Toolbar};
use ui::{format, icon};

use crate::app::App;
use crate::extract::Query;
use crate::frame::View;
use crate::portal::seen::{self, Seen};
use crate::portal::{self, words};
use crate::respond::Answer;
use crate::routes::Caller;

const PLACE: &str = "/admin/sites";
const ROWS: u32 = 50;
/// Rows that are read at once for the export.
const EXPORT_ROWS: u32 = 200;

/// Which sites, in which order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    state: String,
    customer: String,
    sort: String,
    after: String,
}

impl Asked {
    fn filter(&self, limit: u32) -> SiteFilter {
        SiteFilter {
            customer: CustomerId::parse(&self.customer).ok(),
            state: SiteState::from_text(&self.state),
            search: (!self.q.trim().is_empty()).then(|| self.q.trim().to_owned()),
            sort: if self.sort == "name" { SiteSort::Name } else { SiteSort::Created },
            after: SiteId::parse(&self.after).ok(),
            limit,
        }
    }

    /// The address of this list with another state, order and beginning.
    fn address(&self, place: &str, state: &str, sort: &str, after: &str) -> String {
        portal::to(place, &[("q", &self.q), ("state", state), ("customer", &self.customer), ("sort", sort), ("after", after)])
    }

    fn is_whole(&self) -> bool {
        self.q.trim().is_empty() && self.state.is_empty() && self.customer.is_empty() && self.after.is_empty()
    }
}

struct Shown {
    sites: Vec<(Site, Seen)>,
    customers: BTreeMap<CustomerId, Customer>,
    counts: Vec<(SiteState, i64)>,
    next: Option<SiteId>,
    may_create: bool,
    may_adopt: bool,
}

impl Shown {
    async fn gather(app: &App, actor: &Actor, asked: &Asked) -> kit::Result<Shown> {
        let scope = actor.scope();
        let mut found = sites::list(&app.db, &scope, &asked.filter(ROWS + 1)).await?;
        let next = portal::cut(&mut found, ROWS);
        let seen = seen::of_sites(app, &found).await;
        Ok(Shown {
            customers: customers_of(app, actor, &found).await?,
            sites: found.into_iter().zip(seen).collect(),
            counts: sites::counts_by_state(&app.db, &scope).await?,
            next,
            may_create: actor.can(Permission::WriteSites),
            may_adopt: actor.can(Permission::OperateHouse),
        })
    }

    fn customer<'a>(&'a self, site: &'a Site) -> &'a str {
        self.customers.get(&site.customer_id).map_or(site.customer_id.as_str(), |customer| customer.name.as_str())
    }
}

async fn customers_of(app: &App, actor: &Actor, sites: &[Site]) -> kit::Result<BTreeMap<CustomerId, Customer>> {
    let mut ids: Vec<&CustomerId> = sites.iter().map(|site| &site.customer_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let scope = actor.scope();
    let found = try_join_all(ids.into_iter().map(|id| customers::get(&app.db, &scope, id))).await?;
    Ok(found.into_iter().map(|customer| (customer.id.clone(), customer)).collect())
}

/// Lists all sites.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let shown = Shown::gather(&app, &actor, &asked).await?;
    let table = show(&app, &asked, &shown);
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let here = asked.address(PLACE, &asked.state, &asked.sort, &asked.after);
    let new = portal::to("/sites/new", &[("customer", &asked.customer)]);
    Ok(view.page(Page {
        title: "Sites",
        help: "Every website that you host, whose it is and how it is.",
        actions: html! {
            @if shown.may_adopt { (button::link_secondary("/admin/sites/adopt", "Adopt a container")) }
            @if shown.may_create { (button::link(&new, Button { label: "New site", kind: Kind::Primary, icon: Some(icon::plus()), ..Button::default() })) }
        },
        body: live::region(Region { topic: "sites", url: &here, always_poll: true, body: table, ..Region::default() }),
        ..Page::default()
    }))
}

fn show(app: &App, asked: &Asked, shown: &Shown) -> Markup {
    let now = app.clock.now().0;
    let by_name = asked.sort == "name";
    let sorted = |is: bool, how| if is { how } else { Sorted::No };
    let columns = [
        Column::new("Site").sorted(asked.address(PLACE, &asked.state, "name", ""), sorted(by_name, Sorted::Ascending)),
        Column::new("Status"),
        Column::new("Customer"),
        Column::new("Address").minor(),
        Column::new("Deployed").minor(),
        Column::new("Created").sorted(asked.address(PLACE, &asked.state, "", ""), sorted(!by_name, Sorted::Descending)).minor(),
    ];
    let rows: Vec<Row<'_>> = shown
        .sites
        .iter()
        .map(|(site, services)| Row {
            faded: site.state == SiteState::Archived,
            ..Row::link(
                format!("/sites/{}", site.id),
                [
                    words::name_cell(site),
                    words::status(site, services),
                    html! { a href={ "/admin/customers/" (site.customer_id) } { (shown.customer(site)) } },
                    words::address_cell(&app.hosting, site),
                    words::deployed_cell(site, now),
                    format::time_ago(site.created_at.0, now),
                ],
            )
        })
        .collect();
    let text = format!("{} shown", rows.len());
    let next = shown.next.as_ref().map(|after| asked.address(PLACE, &asked.state, &asked.sort, after.as_str()));
    let first = (!asked.after.is_empty()).then(|| asked.address(PLACE, &asked.state, &asked.sort, ""));
    let csv = asked.address("/admin/sites.csv", &asked.state, &asked.sort, "");
    table::table(Table {
        caption: "Sites",
        columns: &columns,
        rows,
        toolbar: table::toolbar(Toolbar {
            search: Some(Search {
                action: PLACE,
                value: &asked.q,
                placeholder: "Search name or address",
                hidden: html! {
                    @for (name, value) in [("state", &asked.state), ("customer", &asked.customer), ("sort", &asked.sort)] {
                        @if !value.is_empty() { (field::hidden(name, value)) }
                    }
                },
                ..Search::default()
            }),
            chips: &chips(asked, shown),
            csv: &csv,
            ..Toolbar::default()
        }),
        empty: empty(asked, shown),
        pager: Some(Pager { text: &text, previous: first.map(Into::into), next: next.map(Into::into) }),
        ..Table::default()
    })
}

/// A chip for each state that some site is in; with a customer, none is counted, as the counts are the house's.
fn chips(asked: &Asked, shown: &Shown) -> Vec<Chip<'static>> {
    let count_of = |state: SiteState| shown.counts.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count);
    let all: i64 = SiteState::ALL.iter().filter(|state| **state != SiteState::Archived).map(|state| count_of(*state)).sum();
    let chip = |label: &'static str, state: &str, count: i64| {
        let (href, active) = (asked.address(PLACE, state, &asked.sort, ""), asked.state == state);
        match asked.customer.is_empty() {
            true => Chip::counted(label, href, active, count),
            false => Chip::new(label, href, active),
        }
    };
    let mut chips = vec![chip("All", "", all)];
    for state in SiteState::ALL {
        let count = count_of(*state);
        if count > 0 || asked.state == state.as_str() {
            chips.push(chip(words::state_filter(*state), state.as_str(), count));
        }
    }
    if let Ok(customer) = CustomerId::parse(&asked.customer) {
        let name = shown.customers.get(&customer).map_or(customer.to_string(), |customer| customer.name.as_str().to_owned());
        let without = portal::to(PLACE, &[("q", &asked.q), ("state", &asked.state), ("sort", &asked.sort)]);
        chips.push(Chip::new(format!("{name} ×"), without, true));
    }
    chips
}

fn empty(asked: &Asked, shown: &Shown) -> Markup {
    let (title, text) = match asked.is_whole() {
        true => ("No sites yet", "A site belongs to a customer. Make one for somebody, or let customers make their own."),
        false => ("Nothing fits", "No site has this in its name or address, or is in this state."),
    };
    card::empty_state(Empty {
        icon: Some(icon::globe()),
        title,
        text,
        action: html! {
            @if !asked.is_whole() { (button::link_secondary(PLACE, "Show all sites")) }
            @else if shown.may_create { (button::link_primary("/sites/new", "New site")) }
        },
    })
}

/// A customer's sites, for the page about the customer.
pub async fn of_customer(app: &App, actor: &Actor, customer: &CustomerId) -> kit::Result<Markup> {
    let filter = SiteFilter { customer: Some(customer.clone()), limit: ROWS, ..SiteFilter::default() };
    let found = sites::list(&app.db, &actor.scope(), &filter).await?;
    let seen = seen::of_sites(app, &found).await;
    let now = app.clock.now().0;
    let row = |(site, seen): (&Site, Seen)| {
        let cells = [words::name_cell(site), words::status(site, &seen), words::deployed_cell(site, now)];
        Row::link(format!("/sites/{}", site.id), cells)
    };
    let all = portal::to(PLACE, &[("customer", customer.as_str())]);
    Ok(card::card(Card {
        title: "Sites",
        flush: true,
        actions: html! { @if !found.is_empty() { a href=(all) { "In the list of sites" } } },
        body: table::table(Table {
            caption: "Sites of this customer",
            bare: true,
            columns: &[Column::new("Site"), Column::new("Status"), Column::new("Deployed").minor()],
            rows: found.iter().zip(seen).map(row).collect(),
            empty: card::empty_state(Empty {
                icon: Some(icon::globe()),
                title: "No sites yet",
                text: "Make one for this customer, or let them make their own.",
                ..Empty::default()
            }),
            ..Table::default()
        }),
        ..Card::default()
    }))
}

/// The same sites as a file, all pages of them.
pub async fn export(State(app): State<App>, Caller(actor): Caller, Query(asked): Query<Asked>) -> Answer<Response> {
    let mut text = String::from("app_id,name,kind,state,customer_id,customer,domain,custom_domain,created_at,last_deployed_at\r\n");
    let mut filter = SiteFilter { after: None, ..asked.filter(EXPORT_ROWS) };
    loop {
        let found = sites::list(&app.db, &actor.scope(), &filter).await?;
        let customers = customers_of(&app, &actor, &found).await?;
        for site in &found {
            line(&mut text, site, customers.get(&site.customer_id));
        }
        match found.last() {
            Some(last) if found.len() == EXPORT_ROWS as usize => filter.after = Some(last.id.clone()),
            _ => break,
        }
    }
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"sites.csv\"")];
    Ok((headers, text).into_response())
}

fn line(text: &mut String, site: &Site, customer: Option<&Customer>) {
    let cells = [
        site.id.to_string(),
        cell(site.name.as_str()),
        site.kind.to_string(),
        site.state.to_string(),
        site.customer_id.to_string(),
        cell(customer.map_or("", |customer| customer.name.as_str())),
        if site.kind == hosting::templates::Kind::Adopted { String::new() } else { site.domain.to_string() },
        site.custom_domain.as_ref().map(ToString::to_string).unwrap_or_default(),
        site.created_at.rfc3339(),
        site.last_deployed_at.map(|at| at.rfc3339()).unwrap_or_default(),
    ];
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// Free text, quoted; one that a spreadsheet would take for a formula is led by an apostrophe.
pub(super) fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        assert_eq!(cell("Ada \"the\" shop, Inc."), "\"Ada \"\"the\"\" shop, Inc.\"");
        assert_eq!(cell("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
    }
}
