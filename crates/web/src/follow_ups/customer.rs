//! The cards of the customer's page: who looks after it, how likely it is lost, tasks, notes, segments.

use accounts::{Actor, CustomerId, MemberId, Permission, customers};
use axum::extract::State;
use events::Day;
use insight::churn::{self, Churn, FEATURES, Part};
use insight::notes::{self, Note, NoteId};
use insight::tasks::{self, NewTask, Task, TaskQuery, TaskState};
use insight::{owners, segments};
use kit::{Error, Result, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::field::{self, Choice, Field};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::{feedback, format, icon};

use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame::{self, View};
use crate::respond::Answer;
use crate::routes::Caller;

use super::pulse;

/// Notes that stand on the page; the API has all.
const NOTES: u32 = 20;
/// Figures that explain a probability.
const PARTS: usize = 5;

fn address(customer: &CustomerId) -> String {
    format!("/admin/customers/{customer}")
}

/// All cards of a customer in a region that keeps itself current. For staff; nothing for others.
pub async fn cards(app: &App, actor: &Actor, customer: &CustomerId) -> Result<Markup> {
    if !actor.scope().is_house() {
        return Ok(Markup::default());
    }
    let url = format!("{}/follow-ups", address(customer));
    let body = all(app, actor, customer).await?;
    Ok(live::region(Region { topic: "follow-ups", url: &url, poll: Some(60), body, ..Region::default() }))
}

/// The inside of that region.
pub async fn fragment(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<CustomerId>) -> Answer {
    customers::get(&app.db, &actor.scope(), &id).await?;
    let body = all(&app, &actor, &id).await?;
    Ok(view.fragment(body))
}

async fn all(app: &App, actor: &Actor, customer: &CustomerId) -> Result<Markup> {
    Ok(card::stack(html! {
        (owner_card(app, actor, customer).await?)
        (pulse::card(app, actor, customer).await?)
        (churn_card(app, actor, customer).await?)
        (tasks_card(app, actor, customer).await?)
        (notes_card(app, actor, customer).await?)
    }))
}

/// Who looks after the customer, and which segments it is in.
pub async fn owner_card(app: &App, actor: &Actor, customer: &CustomerId) -> Result<Markup> {
    let owner = owners::of(&app.db, actor, customer).await?;
    let staff = owners::choices(&app.db, actor).await?;
    let segments = segments::of_customer(&app.insight, actor, customer).await?;
    let now = app.clock.now();
    let current = owner.as_ref().map_or("", |owner| owner.member_id.as_str());
    Ok(card::simple(
        "Looked after by",
        html! {
            @match &owner {
                Some(owner) => p { strong { (owner.name) } " " span.hint { "since " (format::time_ago(owner.since.0, now.0)) } },
                None => p.hint { "Nobody yet." },
            }
            @if actor.can(Permission::WriteFollowUps) {
                form.form method="post" action={ (address(customer)) "/owner" } {
                    (field::select(
                        Field { name: "owner", label: "Owner", value: current, unmarked: true, ..Field::default() },
                        &staff_choices(&staff, "Nobody"),
                    ))
                    (form::actions(button::secondary("Save owner")))
                }
            }
            @if !segments.is_empty() {
                p.hint { "In the segments" }
                p.row { @for (id, name) in &segments { a href={ "/admin/segments/" (id) } { (badge::tag(Tone::Neutral, name)) } } }
            }
        },
    ))
}

/// Choices of staff, nobody first.
pub(super) fn staff_choices<'a>(staff: &'a [(MemberId, String)], nobody: &'a str) -> Vec<Choice<'a>> {
    let nobody = Choice { value: "", label: nobody, ..Choice::default() };
    let members = staff.iter().map(|(id, name)| Choice { value: id.as_str(), label: name, ..Choice::default() });
    std::iter::once(nobody).chain(members).collect()
}

/// How likely the customer is lost, and why. Never in the score's place.
pub async fn churn_card(app: &App, actor: &Actor, customer: &CustomerId) -> Result<Markup> {
    let churn = churn::of_customer(&app.insight, &actor.scope(), customer).await?;
    let now = app.clock.now();
    let body = match &churn {
        Churn::NotYet => html! { p.hint { "Nothing was learnt from this house's customers so far. It is tried once a day." } },
        Churn::TooLittle { why, .. } => html! { p { (badge::tag(Tone::Neutral, "Not enough history")) } p.hint { (why) } },
        Churn::TooNew => {
            html! { p { (badge::tag(Tone::Neutral, "Too new")) } p.hint { "Known for less than 30 days: nothing can be said yet." } }
        }
        Churn::Lost => html! {
            p { (badge::tag(Tone::Bad, "Lost already")) }
            p.hint { "No activity for so long that it counts as lost, or the contract has ended." }
        },
        Churn::Known { prediction, definition, trained_at } => {
            let tone = match prediction.probability / prediction.usual.max(1e-9) {
                ratio if ratio >= 3.0 => Tone::Bad,
                ratio if ratio >= 1.5 => Tone::Warn,
                _ => Tone::Ok,
            };
            let usual = format!("usual: {}", format::percent(prediction.usual, 0));
            html! {
                p.row {
                    strong.figure { (format::percent(prediction.probability, 0)) }
                    (badge::tag(tone, &usual))
                }
                (feedback::bar(tone, prediction.probability))
                p.hint { "The chance to be lost within " (definition.horizon_days) " days: " (definition.inactive_days) " days without activity, or the end of the contract." }
                (card::kv(&prediction.parts.iter().take(PARTS).map(part).collect::<Vec<_>>()))
                p.hint { "Learnt " (format::time_ago(trained_at.0, now.0)) ". " a href="/admin/health/backtest" { "How good is it?" } }
            }
        }
    };
    Ok(card::card(Card {
        title: "Churn probability",
        help: "Learnt from customers of this house who were lost before. A figure of its own: the health score does not use it.",
        body,
        ..Card::default()
    }))
}

/// A figure, the usual one, and what the difference does. A list and no table, because the place is narrow.
fn part(part: &Part) -> (&'static str, Markup) {
    // Steps in log-odds: 0.7 is about twice the odds.
    let word = match part.contribution {
        up if up >= 0.7 => badge::tag(Tone::Bad, "▲ much likelier"),
        up if up >= 0.1 => badge::tag(Tone::Warn, "▲ likelier"),
        down if down <= -0.7 => badge::tag(Tone::Ok, "▼ much less likely"),
        down if down <= -0.1 => badge::tag(Tone::Ok, "▼ less likely"),
        _ => badge::tag(Tone::Neutral, "no effect"),
    };
    let feature = FEATURES[part.feature];
    let figures = html! {
        span title=(feature.means) { (format::decimal(part.value, 1)) }
        " " span.hint { "usual " (format::decimal(part.usual, 1)) } " " (word)
    };
    (feature.label, figures)
}

/// What is to be done for the customer.
pub async fn tasks_card(app: &App, actor: &Actor, customer: &CustomerId) -> Result<Markup> {
    let query = |state, limit| TaskQuery { state, customer: Some(customer.clone()), limit, ..TaskQuery::default() };
    let open = tasks::list(&app.db, actor, &query(TaskState::Open, 50)).await?.items;
    let done = tasks::list(&app.db, actor, &query(TaskState::Done, 5)).await?.items;
    let today = app.events.calendar().day(app.clock.now());
    let may_write = actor.can(Permission::WriteFollowUps);
    let staff = if may_write { owners::choices(&app.db, actor).await? } else { Vec::new() };
    let me = actor.member_id().map_or("", MemberId::as_str);
    Ok(card::card(Card {
        title: "Tasks",
        body: html! {
            @if open.is_empty() { p.hint { "Nothing is to be done." } }
            @if !(open.is_empty() && done.is_empty()) {
                (card::stack(html! { @for task in open.iter().chain(&done) { div { (task_line(task, today, may_write)) } } }))
            }
            @if may_write {
                details.fold {
                    summary { "Add a task" }
                    form.form method="post" action={ (address(customer)) "/tasks" } {
                        (field::text(Field { name: "title", label: "What is to be done", maxlength: Some(200), autocomplete: "off", required: true, ..Field::default() }))
                        (form::columns(html! {
                            (field::date(Field { name: "due", label: "Until", ..Field::default() }))
                            (field::select(Field { name: "assignee", label: "By", value: me, ..Field::default() }, &staff_choices(&staff, "Nobody yet")))
                        }))
                        (field::textarea(2, Field { name: "detail", label: "In more words", maxlength: Some(5000), ..Field::default() }))
                        (form::actions(button::secondary("Add task")))
                    }
                }
            }
        },
        ..Card::default()
    }))
}

fn task_line(task: &Task, today: Day, may_write: bool) -> Markup {
    let verb = if task.state == TaskState::Open { "done" } else { "reopen" };
    let button = PostButton {
        action: &format!("/admin/tasks/{}/{verb}", task.id),
        hidden: field::hidden("from", "customer"),
        button: Button { label: if verb == "done" { "Done" } else { "Reopen" }, small: true, kind: Kind::Quiet, ..Button::default() },
    };
    html! {
        div.row {
            @if task.state == TaskState::Done { s { (task.title) } } @else { strong { (task.title) } }
            (due_tag(task, today))
            @if may_write { (form::post_button(button)) }
        }
        p.hint {
            @match (&task.done_by, &task.assignee_name) {
                (Some(by), _) => { "Done by " (by) },
                (None, Some(name)) => { "For " (name) },
                (None, None) => { "For nobody yet" },
            }
            ", made by " (task.created_by)
            @if !task.detail.is_empty() { ". " (task.detail) }
        }
    }
}

/// Until when, with a word when it is over.
pub(super) fn due_tag(task: &Task, today: Day) -> Markup {
    match task.due {
        _ if task.state == TaskState::Done => badge::tag(Tone::Ok, "Done"),
        Some(due) if due < today => badge::tag(Tone::Bad, &format!("Overdue since {}", due.iso())),
        Some(due) if due == today => badge::tag(Tone::Warn, "Today"),
        Some(due) => badge::tag(Tone::Neutral, &due.iso()),
        None => Markup::default(),
    }
}

/// What staff noted.
pub async fn notes_card(app: &App, actor: &Actor, customer: &CustomerId) -> Result<Markup> {
    let notes = notes::list(&app.db, actor, customer, None, NOTES).await?;
    let now = app.clock.now();
    let may_write = actor.can(Permission::WriteFollowUps);
    Ok(card::card(Card {
        title: "Notes",
        help: "For the people who run this house. The customer never sees them.",
        body: html! {
            @if may_write {
                form.form method="post" action={ (address(customer)) "/notes" } {
                    (field::textarea(3, Field { name: "body", label: "New note", maxlength: Some(10_000), required: true, unmarked: true, ..Field::default() }))
                    (form::actions(button::secondary("Add note")))
                }
            }
            @if notes.is_empty() {
                (card::empty_state(Empty { icon: Some(icon::scroll_text()), title: "No notes yet", text: "What was said on the phone, what to remember.", ..Empty::default() }))
            }
            @if !notes.is_empty() { (card::stack(html! { @for note in &notes { (note_entry(note, actor, may_write, now)) } })) }
        },
        ..Card::default()
    }))
}

fn note_entry(note: &Note, actor: &Actor, may_write: bool, now: Timestamp) -> Markup {
    let action = |verb: &str| format!("{}/notes/{}/{verb}", address(&note.customer_id), note.id);
    let remove = action("remove");
    let id = format!("field-{}", note.id);
    html! {
        article {
            @for line in note.body.split('\n').filter(|line| !line.trim().is_empty()) { p { (line) } }
            p.hint {
                (note.author_name) ", " (format::time_ago(note.created_at.0, now.0))
                @if let Some(at) = note.edited_at { ", changed " (format::time_ago(at.0, now.0)) }
            }
            @if may_write && note.is_of(actor) {
                details {
                    summary.hint { "Change" }
                    form.form method="post" action=(action("change")) {
                        (field::textarea(3, Field { name: "body", id: &id, label: "Note", value: &note.body, maxlength: Some(10_000), required: true, unmarked: true, ..Field::default() }))
                        (form::actions(button::secondary("Save note")))
                    }
                    (form::post_button(PostButton {
                        action: &remove,
                        button: Button { label: "Remove note", small: true, kind: Kind::Quiet, ..Button::default() },
                        ..PostButton::default()
                    }))
                }
            }
        }
    }
}

/// Who shall look after the customer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerTyped {
    owner: String,
}

/// Gives the customer to somebody.
pub async fn set_owner(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>, Form(typed): Form<OwnerTyped>) -> Answer {
    customers::get(&app.db, &actor.scope(), &id).await?;
    let outcome = match chosen("owner", &typed.owner) {
        Ok(owner) => owners::set(&app.db, &app.clock, &actor, &id, owner.as_ref()).await,
        Err(error) => Err(error),
    };
    changed::follow_ups(&app);
    frame::done_or_refused(&app, &address(&id), outcome, "Saved who looks after the customer")
}

/// A note as typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteTyped {
    body: String,
}

/// Writes a note.
pub async fn add_note(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>, Form(typed): Form<NoteTyped>) -> Answer {
    let outcome = notes::add(&app.db, &app.clock, &actor, &id, &typed.body).await.map(|_| ());
    changed::follow_ups(&app);
    frame::done_or_refused(&app, &address(&id), outcome, "The note is written")
}

/// Changes a note.
pub async fn change_note(
    State(app): State<App>,
    Caller(actor): Caller,
    Path((customer, id)): Path<(CustomerId, NoteId)>,
    Form(typed): Form<NoteTyped>,
) -> Answer {
    let outcome = notes::edit(&app.db, &app.clock, &actor, &customer, &id, &typed.body).await.map(|_| ());
    changed::follow_ups(&app);
    frame::done_or_refused(&app, &address(&customer), outcome, "The note is changed")
}

/// Removes a note.
pub async fn remove_note(State(app): State<App>, Caller(actor): Caller, Path((customer, id)): Path<(CustomerId, NoteId)>) -> Answer {
    let outcome = notes::remove(&app.db, &app.clock, &actor, &customer, &id).await;
    changed::follow_ups(&app);
    frame::done_or_refused(&app, &address(&customer), outcome, "The note is removed")
}

/// A task as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskTyped {
    title: String,
    detail: String,
    assignee: String,
    due: String,
}

/// Adds a task.
pub async fn add_task(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>, Form(typed): Form<TaskTyped>) -> Answer {
    customers::get(&app.db, &actor.scope(), &id).await?;
    let outcome = match new_task(&typed) {
        Ok(new) => tasks::add(&app.db, &app.clock, &actor, &id, &new).await.map(|_| ()),
        Err(error) => Err(error),
    };
    changed::follow_ups(&app);
    frame::done_or_refused(&app, &address(&id), outcome, "The task is added")
}

fn new_task(typed: &TaskTyped) -> Result<NewTask> {
    let due = match typed.due.trim() {
        "" => None,
        text => Some(Day::parse(text).ok_or_else(|| Error::invalid("due", "must be a day such as 2026-11-30"))?),
    };
    Ok(NewTask { title: typed.title.clone(), detail: typed.detail.clone(), assignee: chosen("assignee", &typed.assignee)?, due })
}

/// A member of staff chosen in a list, or nobody.
pub(super) fn chosen(field: &'static str, text: &str) -> Result<Option<MemberId>> {
    match text {
        "" => Ok(None),
        id => MemberId::parse(id).map(Some).map_err(|_| Error::invalid(field, "must be an admin or a concierge")),
    }
}
