//! Tasks: what is to be done for customers.

use accounts::{CustomerId, MemberId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use events::Day;
use insight::tasks::{self, NewTask, Task, TaskChange, TaskId, TaskQuery, TaskState};
use kit::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::given;
use crate::api::List;
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, Query, created};
use crate::respond::Answer;
use crate::routes::Caller;

/// A task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Task)]
pub struct Shown {
    id: String,
    customer_id: String,
    customer_name: String,
    title: String,
    detail: String,
    assignee_id: Option<String>,
    assignee: Option<String>,
    /// A day of the house's calendar.
    #[schema(example = "2026-11-30")]
    due: Option<String>,
    /// Whether that day is over and it is not done.
    overdue: bool,
    /// `open` or `done`.
    #[schema(example = "open")]
    state: String,
    /// Who or which play made it.
    created_by: String,
    created_at: String,
    done_at: Option<String>,
    done_by: Option<String>,
}

impl Shown {
    fn of(app: &App, task: Task) -> Shown {
        let overdue = task.is_overdue(app.events.calendar().day(app.clock.now()));
        Shown {
            id: task.id.to_string(),
            customer_id: task.customer_id.to_string(),
            customer_name: task.customer_name,
            title: task.title,
            detail: task.detail,
            assignee_id: task.assignee_id.map(|id| id.to_string()),
            assignee: task.assignee_name,
            due: task.due.map(Day::iso),
            overdue,
            state: task.state.to_string(),
            created_by: task.created_by,
            created_at: task.created_at.rfc3339(),
            done_at: task.done_at.map(|at| at.rfc3339()),
            done_by: task.done_by,
        }
    }
}

/// A task to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTask {
    /// 1 to 200 characters.
    #[schema(example = "Ask why the builds fail")]
    title: String,
    /// In more words.
    #[serde(default)]
    detail: String,
    /// An admin or a concierge.
    #[serde(default)]
    assignee_id: Option<String>,
    /// A day of the house's calendar.
    #[serde(default)]
    #[schema(example = "2026-11-30")]
    due: Option<String>,
}

/// What changes; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeTask {
    title: Option<String>,
    detail: Option<String>,
    /// `null` for nobody.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    assignee_id: Option<Option<String>>,
    /// `null` for no day.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    due: Option<Option<String>>,
    /// `open` or `done`.
    #[schema(example = "done")]
    state: Option<String>,
}

/// Which tasks.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// `open` (those due first come first) or `done`; `open` if not said.
    state: Option<String>,
    /// Of this customer.
    customer: Option<String>,
    /// Of this admin or concierge; `me` for oneself.
    assignee: Option<String>,
    /// Only those whose day is over.
    overdue: bool,
    /// What `next` of the page before says.
    after: Option<String>,
    /// How many, 1 to 200; 50 if not said.
    limit: Option<u32>,
}

/// Lists tasks.
#[utoipa::path(get, path = "/api/tasks", tag = "Follow-ups", params(Which), responses((status = 200, description = "One page", body = List<Shown>)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller, Query(which): Query<Which>) -> Answer<Json<List<Shown>>> {
    let customer = which.customer.as_deref().map(CustomerId::parse).transpose().map_err(|_| Error::invalid("customer", "must be an id"))?;
    let assignee = match which.assignee.as_deref() {
        None => None,
        Some("me") => actor.member_id().cloned(),
        Some(text) => Some(member("assignee", text)?),
    };
    let today = app.events.calendar().day(app.clock.now());
    let query = TaskQuery {
        state: state(which.state.as_deref())?.unwrap_or(TaskState::Open),
        customer,
        assignee,
        due_before: which.overdue.then_some(today),
        after: which.after,
        limit: which.limit.unwrap_or(50),
    };
    let page = tasks::list(&app.db, &actor, &query).await?;
    Ok(Json(List { items: page.items.into_iter().map(|task| Shown::of(&app, task)).collect(), next: page.next }))
}

/// Adds a task.
#[utoipa::path(post, path = "/api/customers/{customer}/tasks", tag = "Follow-ups", params(("customer" = String, Path, description = "For whom")),
    request_body = CreateTask, responses((status = 201, description = "Added", body = Shown)))]
pub async fn create(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(customer): Path<CustomerId>,
    Json(body): Json<CreateTask>,
) -> Answer<Response> {
    let new = NewTask {
        title: body.title,
        detail: body.detail,
        assignee: body.assignee_id.as_deref().map(|text| member("assignee_id", text)).transpose()?,
        due: body.due.as_deref().map(day).transpose()?,
    };
    let task = tasks::add(&app.db, &app.clock, &actor, &customer, &new).await?;
    changed::follow_ups(&app);
    Ok(created(&format!("/api/tasks/{}", task.id), Shown::of(&app, task)))
}

/// Shows a task.
#[utoipa::path(get, path = "/api/tasks/{task}", tag = "Follow-ups", params(("task" = String, Path, description = "Its id")),
    responses((status = 200, description = "The task", body = Shown)))]
pub async fn get(State(app): State<App>, Caller(actor): Caller, Path(id): Path<TaskId>) -> Answer<Json<Shown>> {
    let task = tasks::get(&app.db, &actor, &id).await?;
    Ok(Json(Shown::of(&app, task)))
}

/// Changes a task, or says that it is done.
#[utoipa::path(patch, path = "/api/tasks/{task}", tag = "Follow-ups", params(("task" = String, Path, description = "Its id")),
    request_body = ChangeTask, responses((status = 200, description = "The task as it is now", body = Shown)))]
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<TaskId>,
    Json(body): Json<ChangeTask>,
) -> Answer<Json<Shown>> {
    let change = TaskChange {
        title: body.title,
        detail: body.detail,
        assignee: body.assignee_id.map(|given| given.as_deref().map(|text| member("assignee_id", text)).transpose()).transpose()?,
        due: body.due.map(|given| given.as_deref().map(day).transpose()).transpose()?,
        state: state(body.state.as_deref())?,
    };
    let task = tasks::change(&app.db, &app.clock, &actor, &id, &change).await?;
    changed::follow_ups(&app);
    Ok(Json(Shown::of(&app, task)))
}

/// Removes a task.
#[utoipa::path(delete, path = "/api/tasks/{task}", tag = "Follow-ups", params(("task" = String, Path, description = "Its id")),
    responses((status = 204, description = "Removed")))]
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<TaskId>) -> Answer<StatusCode> {
    tasks::remove(&app.db, &app.clock, &actor, &id).await?;
    changed::follow_ups(&app);
    Ok(StatusCode::NO_CONTENT)
}

fn member(field: &'static str, text: &str) -> Result<MemberId> {
    MemberId::parse(text).map_err(|_| Error::invalid(field, "must be the id of an admin or a concierge"))
}

fn day(text: &str) -> Result<Day> {
    Day::parse(text).ok_or_else(|| Error::invalid("due", "must be a day such as 2026-11-30"))
}

fn state(text: Option<&str>) -> Result<Option<TaskState>> {
    text.map(|text| TaskState::from_text(text).ok_or_else(|| Error::invalid("state", "must be open or done"))).transpose()
}
