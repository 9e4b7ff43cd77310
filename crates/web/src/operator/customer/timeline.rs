//! Everything that happened with a customer, newest first: what events tell (sign-ins, deployments, incidents, tickets, invoices), its
//! sites, and the notes of the house.

use accounts::{Actor, CustomerId, customers};
use axum::extract::State;
use events::{Event, Filter};
use hosting::sites::{self, SiteFilter};
use insight::{notes, pulse};
use kit::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::Tone;
use ui::card::{self, Card, Empty};
use ui::icon;
use ui::live::{self, Region};
use ui::steps::{self, Moment};
use ui::table::{self, Chip};

use super::{Content, Part, happened, page};
use crate::app::App;
use crate::extract::{Path, Query};
use crate::frame::View;
use crate::portal::to;
use crate::respond::Answer;
use crate::routes::Caller;
use crate::score;

/// Raw events on a page; runs of the same are one line.
const EVENTS: u32 = 60;
const NOTES: u32 = 50;
/// Sites of a customer that are looked at; one with more has their beginnings further down, and no more.
const SITES: u32 = 200;

/// What part of it, as it stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    kind: String,
    before: String,
}

/// Kinds of things, and the events that belong to each.
struct Kind {
    word: &'static str,
    label: &'static str,
    names: &'static [&'static str],
    with_sites: bool,
    with_notes: bool,
}

const KINDS: [Kind; 6] = [
    Kind { word: "", label: "Everything", names: &[], with_sites: true, with_notes: true },
    Kind {
        word: "use",
        label: "Use",
        names: &["login", "feature_used", "api_call", "visit", "$pageview", "rating"],
        with_sites: false,
        with_notes: false,
    },
    Kind {
        word: "sites",
        label: "Sites",
        names: &[
            "build_started",
            "build_succeeded",
            "build_failed",
            "deploy_started",
            "deploy_succeeded",
            "deploy_failed",
            "restart",
            "error",
        ],
        with_sites: true,
        with_notes: false,
    },
    Kind { word: "support", label: "Support", names: &["ticket_opened", "ticket_closed", "rating"], with_sites: false, with_notes: true },
    Kind {
        word: "money",
        label: "Invoices",
        names: &["invoice_issued", "invoice_paid", "subscription_cancelled"],
        with_sites: false,
        with_notes: false,
    },
    Kind { word: "notes", label: "Notes", names: &[], with_sites: false, with_notes: true },
];

impl Asked {
    fn kind(&self) -> &'static Kind {
        KINDS.iter().find(|kind| kind.word == self.kind).unwrap_or(&KINDS[0])
    }

    /// What was shown last: what follows is older than this.
    fn before(&self) -> Option<Edge> {
        let (at, seq) = self.before.split_once('.')?;
        Some(Edge { at: Timestamp(at.parse().ok()?), seq: seq.parse().ok()? })
    }
}

/// How far down a page goes: to an event, or to a moment (with the least number).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge {
    at: Timestamp,
    seq: i64,
}

/// One thing that happened.
enum Thing {
    /// A run of events of one name on one day.
    Events(Vec<Event>),
    Other(Moment<'static>),
}

impl Thing {
    fn at(&self) -> i64 {
        match self {
            Thing::Events(run) => run.first().map_or(0, |event| event.at.0),
            Thing::Other(moment) => moment.at,
        }
    }
}

/// The part of a page that keeps itself current.
pub async fn show(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<CustomerId>,
    Query(asked): Query<Asked>,
) -> Answer {
    let customer = customers::get(&app.db, &actor.scope(), &id).await?;
    let (things, next) = gather(&app, &actor, &id, asked.kind(), asked.before(), EVENTS).await?;
    let place = Part::Timeline.address(&id);
    let list = html! {
        (table::chips(&KINDS.iter().map(|kind| Chip::new(kind.label, to(&place, &[("kind", kind.word)]), kind.word == asked.kind().word)).collect::<Vec<_>>()))
        (moments(&app, things))
        @if let Some(next) = next {
            p.gap { a rel="next" href=(to(&place, &[("kind", asked.kind().word), ("before", &format!("{}.{}", next.at.0, next.seq))])) { "Older" } }
        }
    };
    if view.is_fragment() {
        return Ok(view.fragment(list));
    }
    let here = to(&place, &[("kind", asked.kind().word), ("before", &asked.before)]);
    let topic = format!("customer:{id}");
    let body = card::card(Card {
        title: "Timeline",
        help: "Everything that was heard of this customer. Things of one kind that follow each other on a day stand together.",
        // Who reads old pages is not disturbed by what is new.
        body: if asked.before.is_empty() {
            live::region(Region { topic: &topic, url: &here, body: list, ..Region::default() })
        } else {
            list
        },
        ..Card::default()
    });
    page(
        view,
        &actor,
        &customer,
        Content { part: Part::Timeline, badge: Markup::default(), summary: Markup::default(), scripts: &[], body },
    )
}

/// The newest of it, for the overview.
pub(super) async fn newest(app: &App, actor: &Actor, customer: &CustomerId) -> kit::Result<Markup> {
    let (things, _) = gather(app, actor, customer, &KINDS[0], None, 40).await?;
    let all = Part::Timeline.address(customer);
    Ok(card::card(Card {
        title: "Timeline",
        actions: html! { a href=(all) { "Whole timeline" } },
        body: moments(app, things.into_iter().take(12).collect()),
        ..Card::default()
    }))
}

fn moments(app: &App, things: Vec<Thing>) -> Markup {
    if things.is_empty() {
        return card::empty_state(Empty {
            icon: Some(icon::history()),
            title: "Nothing happened yet",
            text: "What this customer does shows up here as soon as events come in.",
            ..Empty::default()
        });
    }
    let shown: Vec<Moment<'static>> = things
        .into_iter()
        .map(|thing| match thing {
            Thing::Other(moment) => moment,
            Thing::Events(run) => {
                let look = happened::look(&run[0].name, run.len());
                let detail = happened::detail(&run);
                Moment { icon: Some(look.icon), tone: look.tone, title: html! { (look.title) }, text: detail.into(), at: run[0].at.0 }
            }
        })
        .collect();
    let calendar = app.events.calendar();
    steps::timeline_by_day(&shown, app.clock.now().0, |at| score::long(calendar.day(Timestamp(at))))
}

/// Things older than `before`, newest first, and where the next page begins, if there is one.
async fn gather(
    app: &App,
    actor: &Actor,
    customer: &CustomerId,
    kind: &Kind,
    before: Option<Edge>,
    limit: u32,
) -> kit::Result<(Vec<Thing>, Option<Edge>)> {
    let wants_events = kind.word.is_empty() || !kind.names.is_empty();
    let filter = Filter {
        customer: Some(customer.clone()),
        names: kind.names.iter().map(|name| (*name).to_owned()).collect(),
        after: before.map(|edge| (edge.at, edge.seq)),
        ..Filter::default()
    };
    let mut found = if wants_events { app.events.list(&actor.scope(), &filter, limit + 1).await? } else { Vec::new() };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut edge = None;
    if found.len() > limit {
        found.truncate(limit);
        edge = found.last().map(|event| Edge { at: event.at, seq: event.seq });
    }

    let until = before.map_or(Timestamp(i64::MAX), |edge| edge.at);
    let mut others = Vec::new();
    if kind.with_notes {
        let notes = notes::between(&app.db, actor, customer, (Timestamp(i64::MIN), until), NOTES).await?;
        if notes.len() >= NOTES as usize {
            edge = deeper(edge, notes.last().map(|note| Edge { at: note.created_at, seq: i64::MIN }));
        }
        others.extend(notes.into_iter().map(|note| Moment {
            icon: Some(icon::pencil()),
            tone: Tone::Accent,
            title: html! { "Note by " (note.author_name) },
            text: note.body.into(),
            at: note.created_at.0,
        }));
        let pulses = pulse::list(&app.insight, actor, customer, until, NOTES).await?;
        if pulses.len() >= NOTES as usize {
            edge = deeper(edge, pulses.last().map(|pulse| Edge { at: pulse.set_at, seq: i64::MIN }));
        }
        others.extend(pulses.into_iter().map(|pulse| Moment {
            icon: Some(icon::activity()),
            tone: Tone::Accent,
            title: html! { "Pulse " @match pulse.points { Some(points) => { (points) " of 100" }, None => "taken back" } " by " (pulse.set_by) },
            text: pulse.note.into(),
            at: pulse.set_at.0,
        }));
    }
    if kind.with_sites {
        let of_customer = SiteFilter { customer: Some(customer.clone()), limit: SITES, ..SiteFilter::default() };
        let sites = sites::list(&app.db, &actor.scope(), &of_customer).await?;
        others.extend(sites.into_iter().filter(|site| site.created_at < until).map(|site| Moment {
            icon: Some(icon::globe()),
            tone: Tone::Ok,
            title: html! { "New site " a href={ "/sites/" (site.id) } { (site.name.as_str()) } },
            at: site.created_at.0,
            ..Moment::default()
        }));
    }
    if let Some(edge) = edge {
        found.retain(|event| (event.at, event.seq) >= (edge.at, edge.seq));
        others.retain(|moment| moment.at >= edge.at.0);
    }
    let calendar = app.events.calendar();
    let mut things = runs(found, |event| calendar.day(event.at).0);
    things.extend(others.into_iter().map(Thing::Other));
    things.sort_by_key(|thing| std::cmp::Reverse(thing.at()));
    Ok((things, edge))
}

/// The newer of two edges: what lies below either of them is left to the next page.
fn deeper(one: Option<Edge>, other: Option<Edge>) -> Option<Edge> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if (one.at, one.seq) >= (other.at, other.seq) { one } else { other }),
        (one, other) => one.or(other),
    }
}

/// Joins events of one name that follow each other on one day.
fn runs(events: Vec<Event>, day: impl Fn(&Event) -> i64) -> Vec<Thing> {
    let mut runs: Vec<Vec<Event>> = Vec::new();
    for event in events {
        match runs.last_mut().filter(|run| run[0].name == event.name && day(&run[0]) == day(&event)) {
            Some(run) => run.push(event),
            None => runs.push(vec![event]),
        }
    }
    runs.into_iter().map(Thing::Events).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, at: i64) -> Event {
        let (id, props) = (String::new(), "{}".to_owned());
        Event { seq: at, at: Timestamp(at), id, source: "api".into(), name: name.into(), person: None, customer: None, props }
    }

    #[test]
    fn only_what_follows_each_other_on_a_day_stands_together() {
        let events = [("login", 29), ("login", 28), ("feature_used", 27), ("login", 26), ("login", 19)].map(|(name, at)| event(name, at));
        let lengths: Vec<usize> = runs(events.into(), |event| event.at.0 / 10)
            .iter()
            .map(|thing| match thing {
                Thing::Events(run) => run.len(),
                Thing::Other(_) => 0,
            })
            .collect();
        assert_eq!(lengths, [2, 1, 1, 1]);
    }

    #[test]
    fn a_page_ends_where_the_first_source_was_cut() {
        let edge = |at: i64, seq: i64| Some(Edge { at: Timestamp(at), seq });
        assert_eq!(deeper(edge(10, 3), edge(20, i64::MIN)), edge(20, i64::MIN));
        assert_eq!(deeper(None, edge(5, 1)), edge(5, 1));
        let asked = |before: &str| Asked { before: before.to_owned(), ..Asked::default() };
        assert_eq!(asked("17.-3").before(), edge(17, -3));
        assert_eq!([asked("").before(), asked("x.1").before(), asked("1").before()], [None; 3]);
    }
}
