//! Segments: the list, the form, and who is in one.

mod typed;

use accounts::{Actor, CustomerId, Permission};
use axum::extract::State;
use axum::response::Response;
use insight::segments::{self, Choices, Comparison, Fact, Segment, SegmentId};
use insight::{Insight, health};
use kit::words::counted;
use kit::{Error, Result, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::dialog::{self, Confirm};
use ui::feedback::{self, Banner};
use ui::field::{self, Choice, Field};
use ui::form;
use ui::live::{self, Region};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Pager, Row, Table};
use ui::{format, icon};

use super::tone_of;
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path, Query};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;
use typed::{Names, Typed};

const PLACE: &str = "/admin/segments";
/// Conditions that the form has room for; the API takes trees.
const ROWS: usize = 5;
/// Names of those whom a dry run finds.
const FIRST: usize = 10;

/// Lists segments.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let found = segments::list(&app.insight, &actor).await?;
    let now = app.clock.now();
    let names = Names::load(&app, &actor).await?;
    let may_write = actor.can(Permission::WriteFollowUps);
    let rows = found
        .iter()
        .map(|segment| {
            Row::link(
                format!("{PLACE}/{}", segment.id),
                [
                    html! { strong { (segment.name) } },
                    html! { (names.words(&segment.expression)) },
                    members(segment),
                    html! { (segment.created_by) },
                    format::time_ago(segment.updated_at.0, now.0),
                ],
            )
        })
        .collect();
    let table = table::table(Table {
        caption: "Segments",
        columns: &[
            Column::new("Segment"),
            Column::new("Who"),
            Column::number("Customers"),
            Column::new("Made by").minor(),
            Column::new("Changed").minor(),
        ],
        rows,
        empty: card::empty_state(Empty {
            icon: Some(icon::users()),
            title: "No segments yet",
            text: "A segment is a saved filter: customers of one plan whose score falls, say. Lists and plays can use it.",
            action: html! { @if may_write { (button::link_primary("/admin/segments/new", "New segment")) } },
        }),
        ..Table::default()
    });
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let new = Button { label: "New segment", kind: Kind::Primary, icon: Some(icon::plus()), ..Button::default() };
    Ok(view.page(Page {
        title: "Segments",
        help: "Customers who have something in common. Who is in a segment is looked at again each minute.",
        crumbs: &[Crumb::new("Customers", "/admin/customers")],
        actions: html! { @if may_write { (button::link("/admin/segments/new", new)) } },
        body: live::region(Region { topic: "segments", url: PLACE, poll: Some(60), body: table, ..Region::default() }),
        ..Page::default()
    }))
}

fn members(segment: &Segment) -> Markup {
    segment.members.map_or_else(|| card::missing("Not counted yet"), |members| html! { (format::count(members)) })
}

/// Shows the form.
pub async fn form(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let choices = segments::choices(&app.insight, &actor).await?;
    Ok(new_page(view, &Typed::default(), &choices, &Complaint::none(), Markup::default()))
}

/// Saves a new segment, or counts whom it would find.
pub async fn submit(State(app): State<App>, Caller(actor): Caller, view: View, Form(pairs): Form<Vec<(String, String)>>) -> Answer {
    let typed = Typed::read(pairs)?;
    match apply(&app, &actor, None, &typed).await {
        Ok(Applied::Saved(segment)) => {
            changed::follow_ups(&app);
            Ok(frame::done(&app, &format!("{PLACE}/{}", segment.id), "The segment is saved"))
        }
        Ok(Applied::Counted(found)) => {
            let choices = segments::choices(&app.insight, &actor).await?;
            Ok(new_page(view, &typed, &choices, &Complaint::none(), found))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            let choices = segments::choices(&app.insight, &actor).await?;
            Ok(new_page(view.complaining(&complaint), &typed, &choices, &complaint, Markup::default()))
        }
    }
}

enum Applied {
    Saved(Segment),
    Counted(Markup),
}

async fn apply(app: &App, actor: &Actor, id: Option<&SegmentId>, typed: &Typed) -> Result<Applied> {
    let new = typed.parse()?;
    if typed.is_dry_run {
        let (count, first) = segments::count(&app.insight, app, actor, &new.expression, FIRST).await?;
        let names = Names::load(app, actor).await?;
        return Ok(Applied::Counted(dry_run(count, &first, &names.words(&new.expression))));
    }
    Ok(Applied::Saved(match id {
        Some(id) => segments::change(&app.insight, app, actor, id, &new).await?,
        None => segments::create(&app.insight, app, actor, &new).await?,
    }))
}

fn dry_run(count: usize, first: &[(CustomerId, String)], words: &str) -> Markup {
    let names: Vec<&str> = first.iter().map(|(_, name)| name.as_str()).collect();
    let more = if count > first.len() { " …" } else { "" };
    let text = format!("Where {words}. {}{more}", names.join(", "));
    feedback::banner(Banner { title: &format!("Finds {}", counted(count, "customer")), text: &text, ..Banner::default() })
}

fn new_page(view: View, typed: &Typed, choices: &Choices, complaint: &Complaint, found: Markup) -> Response {
    view.complaining(complaint).page(Page {
        title: "New segment",
        help: "Say what the customers have in common. Count first, then save.",
        crumbs: &[Crumb::new("Customers", "/admin/customers"), Crumb::new("Segments", PLACE)],
        narrow: true,
        body: html! { (found) (fields("/admin/segments/new", typed, choices, complaint)) },
        ..Page::default()
    })
}

fn fields(action: &str, typed: &Typed, choices: &Choices, complaint: &Complaint) -> Markup {
    let facts: Vec<(String, String)> = Fact::choices()
        .map(|(key, words)| (key.to_owned(), words.to_owned()))
        .chain(choices.factors.iter().map(|key| (format!("factor.{key}"), format!("factor: {key}"))))
        .chain(choices.properties.iter().map(|key| (format!("property.{key}"), format!("property: {key}"))))
        .collect();
    let with_own = |own: &str| {
        let mut all: Vec<(String, String)> = vec![(String::new(), "–".to_owned())];
        all.extend(facts.iter().cloned());
        if !own.is_empty() && facts.iter().all(|(key, _)| key != own) {
            all.push((own.to_owned(), own.to_owned()));
        }
        all
    };
    let comparisons: Vec<Choice<'_>> =
        Comparison::ALL.iter().map(|it| Choice { value: it.as_str(), label: it.words(), ..Choice::default() }).collect();
    let hows = [
        Choice { value: "all", label: "All conditions hold", ..Choice::default() },
        Choice { value: "any", label: "One of the conditions holds", ..Choice::default() },
        Choice { value: "tree", label: "The tree below, as JSON", ..Choice::default() },
    ];
    html! {
        form.form method="post" action=(action) {
            (complaint.summary(&["name", "expression"]))
            (card::simple("Segment", html! { div.form {
                (field::text(Field { name: "name", label: "Name", value: &typed.name, error: complaint.of("name"), maxlength: Some(80), autocomplete: "off", required: true, ..Field::default() }))
                (field::select(Field { name: "how", label: "A customer is in it when", value: &typed.how, required: true, ..Field::default() }, &hows))
            } }))
            (card::card(Card {
                title: "Conditions",
                hint: "Lists for “is one of” with commas; probabilities as 0.3 or 30 %; yes or no for questions. The owner is an id, or “nobody”.",
                id: "field-expression",
                body: html! {
                    @if let Some(wrong) = complaint.of("expression").or_else(|| complaint.of("fact")) { p.field-error { (wrong) } }
                    @for (number, [fact, is, value]) in typed.rows.iter().enumerate() {
                        @let all = with_own(fact);
                        @let shown: Vec<Choice<'_>> = all.iter().map(|(value, label)| Choice { value, label, ..Choice::default() }).collect();
                        @let (fact_name, is_name, value_name) = (format!("fact_{number}"), format!("is_{number}"), format!("value_{number}"));
                        div.condition { (form::columns(html! {
                            (field::select(Field { name: &fact_name, label: &format!("Condition {}", number + 1), value: fact, unmarked: true, ..Field::default() }, &shown))
                            (field::select(Field { name: &is_name, label: "Comparison", value: is, unmarked: true, ..Field::default() }, &comparisons))
                            (field::text(Field { name: &value_name, label: "Value", value, maxlength: Some(1000), autocomplete: "off", unmarked: true, ..Field::default() }))
                        })) }
                    }
                    details.fold open[typed.how == "tree"] {
                        summary { "As JSON" }
                        (field::textarea(8, Field { name: "json", label: "Tree", value: &typed.json, hint: "For groups within groups: all, any, not, where. The API page has the facts.", unmarked: true, ..Field::default() }))
                    }
                },
                ..Card::default()
            }))
            (form::actions(html! {
                (button::primary("Save segment"))
                (button::submit(Button { label: "Count", name: "do", value: "count", no_validate: true, ..Button::default() }))
                (button::link_secondary(PLACE, "Cancel"))
            }))
        }
    }
}

/// Which part of the members.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    after: String,
}

/// Shows a segment and who is in it.
pub async fn show(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<SegmentId>,
    Query(asked): Query<Asked>,
) -> Answer {
    let segment = segments::get(&app.insight, &actor, &id).await?;
    page(&app, &actor, view, &segment, &asked, None).await
}

/// Changes a segment, or counts whom the changed one would find.
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<SegmentId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer {
    let segment = segments::get(&app.insight, &actor, &id).await?;
    let typed = Typed::read(pairs)?;
    match apply(&app, &actor, Some(&id), &typed).await {
        Ok(Applied::Saved(_)) => {
            changed::follow_ups(&app);
            Ok(frame::done(&app, &format!("{PLACE}/{id}"), "The segment is saved"))
        }
        Ok(Applied::Counted(found)) => {
            page(&app, &actor, view, &segment, &Asked::default(), Some((&typed, &Complaint::none(), found))).await
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            let view = view.complaining(&complaint);
            page(&app, &actor, view, &segment, &Asked::default(), Some((&typed, &complaint, Markup::default()))).await
        }
    }
}

/// Removes a segment.
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SegmentId>) -> Answer {
    match segments::remove(&app.insight, &actor, &id).await {
        Ok(()) => {
            changed::follow_ups(&app);
            Ok(frame::done(&app, PLACE, "The segment is removed"))
        }
        Err(Error::Conflict(why)) => {
            Ok(frame::refused(&app, &format!("{PLACE}/{id}"), "That did not work", &crate::respond::sentence(&why)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn page(
    app: &App,
    actor: &Actor,
    view: View,
    segment: &Segment,
    asked: &Asked,
    tried: Option<(&Typed, &Complaint, Markup)>,
) -> Answer<Response> {
    let place = format!("{PLACE}/{}", segment.id);
    let after = CustomerId::parse(&asked.after).ok();
    let here = match &after {
        Some(after) => format!("{place}?after={after}"),
        None => place.clone(),
    };
    let members = members_table(&app.insight, actor, segment, after.as_ref(), &place).await?;
    if view.is_fragment() {
        return Ok(view.fragment(members));
    }
    let choices = segments::choices(&app.insight, actor).await?;
    let names = Names::load(app, actor).await?;
    let own = Typed::of(segment);
    let none = Complaint::none();
    let (typed, complaint, found) = tried.unwrap_or((&own, &none, Markup::default()));
    let may_write = actor.can(Permission::WriteFollowUps);
    let words = names.words(&segment.expression);
    let now = app.clock.now();
    Ok(view.page(Page {
        title: &segment.name,
        help: "Who is in it is looked at again each minute.",
        summary: summary(segment, &words, now),
        crumbs: &[Crumb::new("Customers", "/admin/customers"), Crumb::new("Segments", PLACE)],
        actions: button::link(
            &format!("/admin/customers?segment={}", segment.id),
            Button { label: "See in the list of customers", ..Button::default() },
        ),
        body: card::stack(html! {
            (found)
            (live::region(Region { topic: "segments", url: &here, poll: Some(60), body: members, ..Region::default() }))
            @if may_write {
                (fields(&format!("{place}/change"), typed, &choices, complaint))
                (dialog::danger_zone(dialog::danger_action("Remove the segment", "Customers stay as they are.", Confirm {
                    id: "remove-segment",
                    title: &format!("Remove {}?", segment.name),
                    text: "Only the saved filter goes.",
                    action: &format!("{place}/remove"),
                    button: "Remove",
                    ..Confirm::default()
                })))
            }
        }),
        ..Page::default()
    }))
}

fn summary(segment: &Segment, words: &str, now: Timestamp) -> Markup {
    html! {
        p { "Customers where " (words) "." }
        @if let Some(at) = segment.counted_at { p.hint { "Counted " (format::time_ago(at.0, now.0)) } }
    }
}

async fn members_table(insight: &Insight, actor: &Actor, segment: &Segment, after: Option<&CustomerId>, place: &str) -> Result<Markup> {
    let page = segments::members(insight, actor, &segment.id, after, 50).await?;
    let ids: Vec<CustomerId> = page.items.iter().map(|(id, _)| id.clone()).collect();
    let standings = health::standings(insight, &actor.scope(), &ids).await?;
    let rows = page
        .items
        .iter()
        .map(|(id, name)| {
            let standing = standings.iter().find(|(of, _)| of == id).map(|(_, standing)| standing);
            let score = standing.and_then(|standing| standing.points);
            Row::link(
                format!("/admin/customers/{id}"),
                [
                    html! { strong { (name) } },
                    score.map_or_else(|| card::missing("No score yet"), |score| html! { (format::decimal(score, 1)) }),
                    match standing.and_then(|standing| standing.band) {
                        Some(band) => badge::tag(tone_of(band), band.label()),
                        None => card::missing("No score yet"),
                    },
                    html! { span.mono { (id) } },
                ],
            )
        })
        .collect();
    let text = match segment.members {
        Some(all) => format!("{} of {}", page.items.len(), counted(all, "customer")),
        None => format!("{} shown", page.items.len()),
    };
    Ok(table::table(Table {
        caption: "Customers in this segment",
        columns: &[Column::new("Customer"), Column::number("Score"), Column::new("Band"), Column::new("Id").minor()],
        rows,
        empty: card::empty_state(Empty {
            icon: Some(icon::users()),
            title: "Nobody is in it",
            text: "No customer meets the conditions, or not enough is known to say.",
            ..Empty::default()
        }),
        pager: Some(Pager { text: &text, previous: None, next: page.next.map(|next| format!("{place}?after={next}").into()) }),
        ..Table::default()
    }))
}
