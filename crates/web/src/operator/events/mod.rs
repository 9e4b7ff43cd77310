//! All events of the house as they come in, and each by itself.

pub(crate) mod export;
mod one;

use std::collections::BTreeMap;

use accounts::{Actor, CustomerId, CustomerName, customers};
use axum::extract::State;
use events::{Day, Event, Filter, catalogue};
use kit::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Empty};
use ui::field::{self, Choice, Field};
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Chip, Column, Pager, Row, Table, Toolbar};
use ui::{form, format, icon};

use crate::app::App;
use crate::extract::Query;
use crate::frame::View;
use crate::portal::to;
use crate::respond::Answer;
use crate::routes::Caller;

pub use one::{raw, show};

/// Where the list is.
pub const PLACE: &str = "/admin/events";
const ROWS: u32 = 45;
/// Letters of the properties that a row shows.
const GLANCE: usize = 120;
/// Sources that there are without anybody's doing.
const SOURCES: &[(&str, &str)] = &[
    ("api", "API"),
    ("posthog", "PostHog"),
    ("segment", "Segment"),
    ("cloudevents", "CloudEvents"),
    ("innkeeper", "Innkeeper"),
    ("import", "Import"),
    ("sample", "Samples"),
];

/// Which events, as they stand in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    name: String,
    customer: String,
    person: String,
    source: String,
    from: String,
    to: String,
    after: String,
    live: String,
}

impl Asked {
    fn filter(&self, app: &App) -> Filter {
        let start = |text: &str, later: i64| Day::parse(text.trim()).map(|day| app.events.calendar().start(day.plus(later)));
        let names = self.name.split(',').map(str::trim).filter(|name| !name.is_empty());
        Filter {
            customer: CustomerId::parse(self.customer.trim()).ok(),
            person: self.person.trim().parse().ok(),
            names: names.map(str::to_owned).collect(),
            source: Some(self.source.trim().to_owned()).filter(|source| !source.is_empty()),
            from: start(&self.from, 0),
            // The last day is meant whole.
            to: start(&self.to, 1),
            after: read_place(&self.after),
        }
    }

    /// The address of the list with one field changed; a new filter begins at the newest.
    fn with(&self, field: &str, value: &str) -> String {
        let pairs = [
            ("name", self.name.as_str()),
            ("customer", &self.customer),
            ("person", &self.person),
            ("source", &self.source),
            ("from", &self.from),
            ("to", &self.to),
            ("live", &self.live),
            ("after", ""),
        ];
        to(PLACE, &pairs.map(|(name, kept)| (name, if name == field { value } else { kept })))
    }

    /// What an export has: all of the list, from its newest event on.
    fn exported(&self, app: &App) -> kit::Result<Filter> {
        if self.names_nobody() {
            return Err(kit::Error::invalid("customer", "must be a customer's id, and a person a number"));
        }
        Ok(Filter { after: None, ..self.filter(app) })
    }

    /// The address of an export of the same events.
    fn export(&self, place: &str) -> String {
        let pairs = [
            ("name", self.name.as_str()),
            ("customer", &self.customer),
            ("person", &self.person),
            ("source", &self.source),
            ("from", &self.from),
            ("to", &self.to),
        ];
        to(place, &pairs)
    }

    fn is_filtered(&self) -> bool {
        [&self.name, &self.customer, &self.person, &self.source, &self.from, &self.to].iter().any(|text| !text.trim().is_empty())
    }

    /// A customer that is no id finds nobody, rather than everybody.
    fn names_nobody(&self) -> bool {
        let bad_customer = !self.customer.trim().is_empty() && CustomerId::parse(self.customer.trim()).is_err();
        let bad_person = !self.person.trim().is_empty() && self.person.trim().parse::<i64>().is_err();
        bad_customer || bad_person
    }
}

/// `1769292000000.17`: time and number of an event.
fn read_place(text: &str) -> Option<(Timestamp, i64)> {
    let (at, seq) = text.split_once('.')?;
    Some((Timestamp(at.parse().ok()?), seq.parse().ok()?))
}

/// Lists events, newest first.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let mut found = match asked.names_nobody() {
        true => Vec::new(),
        false => app.events.list(&actor.scope(), &asked.filter(&app), ROWS + 1).await?,
    };
    let more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    let names = names_of(&app, &actor, &found).await?;
    let table = show_list(&asked, &found, &names, more, app.clock.now());
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let is_live = asked.live != "off" && asked.after.is_empty();
    let here = asked.with("", "");
    let body = html! {
        (filters(&asked))
        @if is_live { (live::region(Region { topic: "events", url: &here, body: table, ..Region::default() })) } @else { (table) }
    };
    Ok(view.page(Page {
        title: "Events",
        help: "What customers and people do, as it comes in. Open one to see all that was sent.",
        actions: html! {
            (button::link(&asked.export("/admin/events.csv"), Button { label: "CSV", kind: Kind::Secondary, icon: Some(icon::download()), title: "All events of this list", ..Button::default() }))
            (button::link(&asked.export("/admin/events.parquet"), Button { label: "Parquet", kind: Kind::Secondary, icon: Some(icon::download()), title: "All events of this list", ..Button::default() }))
            @if is_live { (button::link(&asked.with("live", "off"), Button { label: "Pause", kind: Kind::Secondary, icon: Some(icon::pause()), ..Button::default() })) }
            @else { (button::link(&asked.with("live", ""), Button { label: "Go live", kind: Kind::Secondary, icon: Some(icon::play()), ..Button::default() })) }
        },
        body: card::stack(body),
        ..Page::default()
    }))
}

async fn names_of(app: &App, actor: &Actor, events: &[Event]) -> kit::Result<BTreeMap<CustomerId, CustomerName>> {
    let mut ids: Vec<CustomerId> = events.iter().filter_map(|event| event.customer.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    customers::names(&app.db, &actor.scope(), &ids).await
}

fn filters(asked: &Asked) -> Markup {
    let sources: Vec<Choice<'_>> = std::iter::once(Choice { value: "", label: "Any", ..Choice::default() })
        .chain(SOURCES.iter().map(|(value, label)| Choice { value, label, ..Choice::default() }))
        .collect();
    let plain = |name, label, value, placeholder| Field {
        name,
        label,
        value,
        placeholder,
        unmarked: true,
        autocomplete: "off",
        ..Field::default()
    };
    html! {
        form.form method="get" action=(PLACE) role="search" aria-label="Filter events" {
            (form::columns(html! {
                (field::text(plain("name", "Event", &asked.name, "login, feature_used")))
                (field::text(plain("customer", "Customer", &asked.customer, "cust_…")))
                (field::select(plain("source", "Source", &asked.source, ""), &sources))
                (field::date(plain("from", "From", &asked.from, "")))
                (field::date(plain("to", "To", &asked.to, "")))
            }))
            @if !asked.person.is_empty() { (field::hidden("person", &asked.person)) }
            (form::actions(html! {
                (button::submit(Button { label: "Filter", kind: Kind::Secondary, ..Button::default() }))
                @if asked.is_filtered() { (button::link_secondary(PLACE, "All events")) }
            }))
        }
    }
}

fn show_list(asked: &Asked, events: &[Event], names: &BTreeMap<CustomerId, CustomerName>, more: bool, now: Timestamp) -> Markup {
    let text = format!("{} shown", events.len());
    let next = events.last().filter(|_| more).map(|last| {
        let after = format!("{}.{}", last.at.0, last.seq);
        let here = asked.with("", "");
        format!("{here}{}after={after}", if here.contains('?') { '&' } else { '?' })
    });
    let (title, words) = match asked.is_filtered() {
        true => ("Nothing fits", "No event fits these filters."),
        false => ("No events yet", "They appear here as soon as somebody sends one."),
    };
    let chips = chips(asked, names);
    table::table(Table {
        caption: "Events",
        columns: &[
            Column::new("Event"),
            Column::new("Customer"),
            Column::new("Person").minor(),
            Column::new("When"),
            Column::new("Source").minor(),
            Column::new("Properties").minor(),
        ],
        rows: events.iter().map(|event| row(asked, event, names, now)).collect(),
        toolbar: if chips.is_empty() { Markup::default() } else { table::toolbar(Toolbar { chips: &chips, ..Toolbar::default() }) },
        empty: card::empty_state(Empty {
            icon: Some(icon::radio()),
            title,
            text: words,
            action: if asked.is_filtered() { Markup::default() } else { button::link_secondary("/admin/ingestion", "How to send events") },
        }),
        pager: Some(Pager {
            text: &text,
            previous: (!asked.after.is_empty()).then(|| asked.with("", "").into()),
            next: next.map(Into::into),
        }),
        ..Table::default()
    })
}

/// What the list is narrowed to beside what stands in the form; a click takes it away.
fn chips(asked: &Asked, names: &BTreeMap<CustomerId, CustomerName>) -> Vec<Chip<'static>> {
    let customer = CustomerId::parse(asked.customer.trim()).ok();
    let named = customer.and_then(|id| names.get(&id).map(|name| name.as_str().to_owned()));
    let customer = named.map(|name| Chip::new(format!("{name} ×"), asked.with("customer", ""), true));
    let person = (!asked.person.is_empty()).then(|| Chip::new(format!("Person {} ×", asked.person), asked.with("person", ""), true));
    customer.into_iter().chain(person).collect()
}

fn row(asked: &Asked, event: &Event, names: &BTreeMap<CustomerId, CustomerName>, now: Timestamp) -> Row<'static> {
    let label = catalogue::label(&event.name);
    let second = if label == event.name.as_str() { "" } else { event.name.as_str() };
    Row::link(
        format!("{PLACE}/{}/{}", event.at.0, event.seq),
        [
            if second.is_empty() {
                html! { (clipped(&label, 80)) }
            } else {
                table::two_lines(&label, second)
            },
            html! { @match &event.customer {
                Some(id) => a href={ "/admin/customers/" (id) } { (names.get(id).map_or(id.as_str(), CustomerName::as_str)) },
                None => (card::missing("No customer is known")),
            } },
            html! { @match &event.person {
                Some((no, name)) => a href=(asked.with("person", &no.to_string())) { (clipped(name, 60)) },
                None => (card::missing("Nobody did it")),
            } },
            format::time_ago(event.at.0, now.0),
            badge::tag(Tone::Neutral, source_words(&event.source)),
            html! { @if event.props.len() > 2 { span.mono.glance { (clipped(&event.props, GLANCE)) } } @else { (card::missing("None were sent")) } },
        ],
    )
}

/// A source as people call it.
fn source_words(source: &str) -> &str {
    SOURCES.iter().find(|(name, _)| *name == source).map_or(source, |(_, words)| words)
}

fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_the_other_filters_and_begin_anew() {
        let asked = Asked { name: "login".into(), customer: "a&b".into(), after: "5.1".into(), ..Asked::default() };
        assert_eq!(asked.with("person", "7"), "/admin/events?name=login&customer=a%26b&person=7");
        assert!(asked.names_nobody());
        assert_eq!(read_place("-5.17"), Some((Timestamp(-5), 17)));
        assert_eq!(read_place("x.1"), None);
    }
}
