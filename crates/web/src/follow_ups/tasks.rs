//! All tasks: mine or everybody's, open or done.

use accounts::Permission;
use axum::extract::State;
use insight::tasks::{self, Task, TaskChange, TaskId, TaskQuery, TaskState};
use kit::words::counted;
use maud::html;
use serde::Deserialize;
use ui::badge::{self, Status};
use ui::button::{Button, Kind};
use ui::card::{self, Empty};
use ui::field;
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Chip, Column, Pager, Row, Table, Toolbar};
use ui::{format, icon};

use super::customer::due_tag;
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path, Query};
use crate::frame::{self, View};
use crate::respond::Answer;
use crate::routes::Caller;

const PLACE: &str = "/admin/tasks";

/// Which tasks, as they stand in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// Empty for open ones, `done`.
    show: String,
    /// Empty for everybody's, `me`.
    of: String,
    after: String,
}

impl Asked {
    fn address(show: &str, of: &str, after: &str) -> String {
        let pairs = [("show", show), ("of", of), ("after", after)];
        let pairs: Vec<(&str, &str)> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        match pairs.is_empty() {
            true => PLACE.to_owned(),
            false => format!("{PLACE}?{}", serde_urlencoded::to_string(pairs).unwrap_or_default()),
        }
    }
}

/// Lists tasks, those due first come first.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let is_mine = asked.of == "me";
    let state = if asked.show == "done" { TaskState::Done } else { TaskState::Open };
    let today = app.events.calendar().day(app.clock.now());
    let query = TaskQuery {
        state,
        assignee: actor.member_id().filter(|_| is_mine).cloned(),
        after: (!asked.after.is_empty()).then(|| asked.after.clone()),
        ..TaskQuery::default()
    };
    let page = tasks::list(&app.db, &actor, &query).await?;
    let (open, overdue) = tasks::open_counts(&app.db, &actor, None, today).await?;
    let (my_open, my_overdue) = match actor.member_id() {
        Some(me) => tasks::open_counts(&app.db, &actor, Some(me), today).await?,
        None => (0, 0),
    };
    let may_write = actor.can(Permission::WriteFollowUps);
    let rows = page.items.iter().map(|task| row(task, &app, may_write)).collect();
    let chips = [
        Chip::counted("Everybody's", Asked::address("", "", ""), state == TaskState::Open && !is_mine, open),
        Chip::counted("Mine", Asked::address("", "me", ""), state == TaskState::Open && is_mine, my_open),
        Chip::new("Done", Asked::address("done", if is_mine { "me" } else { "" }, ""), state == TaskState::Done),
    ];
    let text = format!("{} shown", page.items.len());
    let next = page.next.as_deref().map(|after| Asked::address(&asked.show, &asked.of, after).into());
    let table = table::table(Table {
        caption: "Tasks",
        columns: &[
            Column::new("Task"),
            Column::new("Customer"),
            Column::new("Until"),
            Column::new("By"),
            Column::new("Made").minor(),
            Column::actions(),
        ],
        rows,
        toolbar: table::toolbar(Toolbar { chips: &chips, ..Toolbar::default() }),
        empty: card::empty_state(Empty {
            icon: Some(icon::list_checks()),
            title: "No tasks here",
            text: "Add one on a customer's page, or make a play that adds them by itself.",
            ..Empty::default()
        }),
        pager: Some(Pager { text: &text, previous: None, next }),
        ..Table::default()
    });
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let (late, whose) = if is_mine { (my_overdue, "of yours ") } else { (overdue, "") };
    let here = Asked::address(&asked.show, &asked.of, &asked.after);
    Ok(view.page(Page {
        title: "Tasks",
        help: "What is to be done for customers. Plays add tasks by themselves when a customer's health changes.",
        badge: match late {
            0 => badge::status_as(Status::Running, "Nothing overdue"),
            many => badge::status_as(Status::Error, &format!("{} {whose}overdue", counted(many, "task"))),
        },
        actions: ui::button::link("/admin/plays", Button { label: "Plays", ..Button::default() }),
        body: live::region(Region { topic: "follow-ups", url: &here, poll: Some(60), body: table, ..Region::default() }),
        ..Page::default()
    }))
}

fn row(task: &Task, app: &App, may_write: bool) -> Row<'static> {
    let now = app.clock.now();
    let today = app.events.calendar().day(now);
    let is_open = task.state == TaskState::Open;
    let button = |verb: &str, label: &'static str| {
        form::post_button(PostButton {
            action: &format!("{PLACE}/{}/{verb}", task.id),
            hidden: field::hidden("from", ""),
            button: Button { label, small: true, kind: if verb == "done" { Kind::Secondary } else { Kind::Quiet }, ..Button::default() },
        })
    };
    Row {
        faded: !is_open,
        ..Row::new([
            html! { strong { (task.title) } @if !task.detail.is_empty() { p.hint { (task.detail) } } },
            html! { a href={ "/admin/customers/" (task.customer_id) } { (task.customer_name) } },
            if task.due.is_some() || !is_open { due_tag(task, today) } else { card::missing("No day was set") },
            match (&task.done_by, &task.assignee_name) {
                (Some(by), _) => html! { (by) },
                (None, Some(name)) => html! { (name) },
                (None, None) => card::missing("Nobody yet"),
            },
            html! { (format::time_ago(task.created_at.0, now.0)) p.hint { (task.created_by) } },
            html! {
                @if may_write {
                    div.button-row {
                        @if is_open { (button("done", "Done")) } @else { (button("reopen", "Reopen")) }
                        (button("remove", "Remove"))
                    }
                }
            },
        ])
    }
}

/// From which page a button was pressed: `customer`, or the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct From {
    from: String,
}

/// Says that a task is done.
pub async fn done(app: State<App>, caller: Caller, id: Path<TaskId>, from: Form<From>) -> Answer {
    set(app, caller, id, from, TaskState::Done, "Done").await
}

/// Says that a task is to be done again.
pub async fn reopen(app: State<App>, caller: Caller, id: Path<TaskId>, from: Form<From>) -> Answer {
    set(app, caller, id, from, TaskState::Open, "The task is open again").await
}

async fn set(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<TaskId>,
    Form(from): Form<From>,
    state: TaskState,
    title: &str,
) -> Answer {
    let change = TaskChange { state: Some(state), ..TaskChange::default() };
    let task = tasks::change(&app.db, &app.clock, &actor, &id, &change).await?;
    changed::follow_ups(&app);
    Ok(frame::done(&app, &way_back(&task, &from), title))
}

/// Removes a task.
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<TaskId>, Form(from): Form<From>) -> Answer {
    let task = tasks::remove(&app.db, &app.clock, &actor, &id).await?;
    changed::follow_ups(&app);
    Ok(frame::done(&app, &way_back(&task, &from), "The task is removed"))
}

fn way_back(task: &Task, from: &From) -> String {
    match from.from.as_str() {
        "customer" => format!("/admin/customers/{}", task.customer_id),
        _ => PLACE.to_owned(),
    }
}
