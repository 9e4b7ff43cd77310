//! The list of customers: how each is, where it is going, and what moved it.

mod asked;
mod export;

pub use asked::Asked;
pub use export::export;

use accounts::{Customer, Permission};
use asked::{MONTH, MOVED, NAME, SCORE, SEEN, SINCE, TREND, WEEK};
use axum::extract::State;
use insight::health::{self, Band, Distribution, Listed};
use insight::segments::{self, Segment};
use maud::{Markup, html};
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Empty};
use ui::field;
use ui::format;
use ui::icon;
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Chip, Column, Pager, Row, Search, Table, Toolbar};

use crate::app::App;
use crate::extract::Query;
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;
use crate::score;

const PLACE: &str = "/admin/customers";
const CSV: &str = "/admin/customers.csv";
/// A page with so many stays below 60 KB.
const ROWS: u32 = 24;

/// What the list shows.
struct Shown {
    rows: Vec<Listed>,
    next: Option<String>,
    distribution: Distribution,
    segments: Vec<Segment>,
    may_create: bool,
}

/// Lists customers, the worst health first if nothing else is asked for.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let scope = actor.scope();
    let page = health::list(&app.insight, &scope, &asked.query(ROWS)).await?;
    let shown = Shown {
        rows: page.items,
        next: page.next,
        distribution: health::distribution(&app.insight, &scope).await?,
        segments: segments::list(&app.insight, &actor).await?,
        may_create: actor.can(Permission::ManageCustomers),
    };
    let table = show(&asked, &shown);
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let here = asked.address(PLACE, |here| here.after.clone_from(&asked.after));
    let new = Button { label: "New customer", kind: Kind::Primary, icon: Some(icon::plus()), ..Button::default() };
    Ok(view.page(Page {
        title: "Customers",
        help: "Everybody you host for, how each is doing and what moved it.",
        summary: summary(&shown.distribution),
        actions: html! { @if shown.may_create { (button::link("/admin/customers/new", new)) } },
        body: live::region(Region { topic: "customers health", url: &here, body: table, ..Region::default() }),
        ..Page::default()
    }))
}

/// The state of the whole house in one sentence; none before anything was scored.
fn summary(found: &Distribution) -> Markup {
    let scored = found.healthy + found.at_risk + found.churning;
    html! {
        @if scored > 0 {
            (format::count(found.healthy)) " of " (format::count(scored)) " customers are healthy, " (format::count(found.at_risk)) " at risk, "
            (format::count(found.churning)) " churning."
        }
    }
}

fn show(asked: &Asked, shown: &Shown) -> Markup {
    let rows: Vec<Row<'_>> = shown.rows.iter().map(row).collect();
    let column = |label: &'static str, by| Column::new(label).sorted(asked.sorted_by(PLACE, by), asked.sorted(by));
    let number = |label: &'static str, by| Column::number(label).sorted(asked.sorted_by(PLACE, by), asked.sorted(by));
    let text = format!("{} shown", rows.len());
    let next = shown.next.as_ref().map(|next| asked.address(PLACE, |page| page.after.clone_from(next)));
    let first = (!asked.after.is_empty()).then(|| asked.address(PLACE, |_| {}));
    table::table(Table {
        caption: "Customers",
        columns: &[
            column("Customer", NAME),
            column("Health", SCORE),
            column("Trend", TREND).minor(),
            number("7 days", WEEK).minor(),
            number("30 days", MONTH).minor(),
            column("Moved it most", MOVED).minor(),
            column("Last seen", SEEN).minor(),
            column("Since", SINCE).minor(),
        ],
        rows,
        toolbar: table::toolbar(Toolbar {
            search: Some(Search {
                action: PLACE,
                value: &asked.q,
                placeholder: "Search name or id",
                hidden: html! {
                    @for (name, value) in [("band", &asked.band), ("falling", &asked.falling), ("segment", &asked.segment), ("sort", &asked.sort), ("order", &asked.order)] {
                        @if !value.is_empty() { (field::hidden(name, value)) }
                    }
                },
                ..Search::default()
            }),
            chips: &chips(asked, shown),
            csv: &asked.address(CSV, |_| {}),
            ..Toolbar::default()
        }),
        empty: empty(asked, shown.may_create),
        pager: Some(Pager { text: &text, previous: first.map(Into::into), next: next.map(Into::into) }),
        ..Table::default()
    })
}

fn row(listed: &Listed) -> Row<'static> {
    let (customer, standing) = (&listed.customer, listed.standing.as_ref());
    let cells = [
        html! { (table::two_lines(customer.name.as_str(), customer.id.as_str())) @if customer.is_suspended() { (state(customer)) } },
        score::cell(standing),
        html! { (score::spark(standing)) @if standing.is_some_and(|standing| standing.falls_fast) { (badge::tag(Tone::Bad, "Falling fast")) } },
        score::change_of(standing, |standing| standing.change_7),
        score::change_of(standing, |standing| standing.change_30),
        score::moved_by(standing),
        match standing.and_then(|standing| standing.last_day) {
            Some(day) => html! { (score::long(day)) },
            None => card::missing(score::UNHEARD),
        },
        html! { (format::date(customer.created_at.0)) },
    ];
    Row { faded: customer.is_suspended(), ..Row::link(format!("{PLACE}/{}", customer.id), cells) }
}

/// A chip for each band with how many are in it, one for those that fall fast, and one for each saved segment.
fn chips<'a>(asked: &Asked, shown: &'a Shown) -> Vec<Chip<'a>> {
    let found = &shown.distribution;
    let in_band = |label: &'static str, band: Option<Band>, count: i64| {
        let word = band.map_or("", Band::as_str);
        Chip::counted(label, asked.address(PLACE, |to| to.band = word.to_owned()), asked.band() == band, count)
    };
    let other = if asked.is_falling() { "" } else { "yes" };
    let mut chips = vec![
        in_band("All", None, found.healthy + found.at_risk + found.churning + found.unknown),
        in_band("Healthy", Some(Band::Healthy), found.healthy),
        in_band("At risk", Some(Band::AtRisk), found.at_risk),
        in_band("Churning", Some(Band::Churning), found.churning),
        Chip::new("Falling fast", asked.address(PLACE, |to| to.falling = other.to_owned()), asked.is_falling()),
    ];
    for segment in &shown.segments {
        let is_active = asked.segment == segment.id.as_str();
        // A segment that is on is taken off by the same chip.
        let to = if is_active { String::new() } else { segment.id.to_string() };
        let href = asked.address(PLACE, |asked| asked.segment = to);
        chips.push(Chip { label: segment.name.as_str().into(), href: href.into(), active: is_active, count: segment.members });
    }
    chips
}

fn empty(asked: &Asked, may_create: bool) -> Markup {
    let (title, text) = match asked.is_whole() {
        true => ("No customers yet", "A customer has members who sign in, and sites that you host."),
        false => ("Nobody found", "No customer has this name or id and passes these filters."),
    };
    card::empty_state(Empty {
        icon: Some(icon::users()),
        title,
        text,
        action: html! {
            @if !asked.is_whole() { (button::link_secondary(PLACE, "Show all customers")) }
            @else if may_create { (button::link_primary("/admin/customers/new", "New customer")) }
        },
    })
}

/// Whether a customer may sign in.
pub fn state(customer: &Customer) -> Markup {
    if customer.is_suspended() { badge::tag(Tone::Warn, "Suspended") } else { badge::tag(Tone::Ok, "Active") }
}
