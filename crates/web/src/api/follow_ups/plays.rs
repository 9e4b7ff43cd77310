//! Plays: what is done when a customer's health changes.

use accounts::{Actor, MemberId, Permission};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use insight::plays::deliveries::{self, Delivery, DeliveryId};
use insight::plays::watch::{self, Run, RunId};
use insight::plays::{self, Actions, Assignee, Cause, MailAction, NewPlay, Play, PlayId, PlayState, TaskAction};
use insight::segments::SegmentId;
use kit::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::{List, allow_sending};
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, Query, created};
use crate::respond::Answer;
use crate::routes::Caller;

/// A play. The secret of its webhook is not shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Play)]
pub struct Shown {
    id: String,
    name: String,
    cause: CauseJson,
    /// For customers of this segment only.
    segment_id: Option<String>,
    task: Option<TaskJson>,
    mail: Option<MailJson>,
    /// Where the webhook is sent to; its host alone for those who may not change it.
    url: Option<String>,
    /// Why the webhook was stopped by itself; saving the play sends it again.
    note: Option<String>,
    /// Not again for the same customer within so many days.
    quiet_days: i64,
    active: bool,
    created_by: String,
    created_at: String,
    updated_at: String,
}

/// What a play waits for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlayCause)]
pub struct CauseJson {
    /// `band` (comes into another band), `falling_fast` or `churn` (the probability reaches a figure).
    #[schema(example = "band")]
    on: String,
    /// For `band`: `healthy`, `at_risk` or `churning`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "churning")]
    to: Option<String>,
    /// For `churn`: 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    above: Option<f64>,
}

/// The task that a play makes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlayTask)]
pub struct TaskJson {
    #[schema(example = "Call them")]
    title: String,
    /// 0 to 365; `null` for no day.
    #[serde(default)]
    #[schema(example = 2)]
    due_in_days: Option<u32>,
    /// `owner` (whoever looks after the customer), `nobody`, or the id of an admin or a concierge.
    #[schema(example = "owner")]
    assignee: String,
}

/// The mails that a play sends.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlayMail)]
pub struct MailJson {
    /// To whoever looks after the customer.
    #[serde(default)]
    owner: bool,
    /// And to these addresses, 5 at most.
    #[serde(default)]
    to: Vec<String>,
}

/// A play to be, or what one becomes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WritePlay {
    #[schema(example = "Call who churns")]
    name: String,
    cause: CauseJson,
    /// For customers of this segment only.
    #[serde(default)]
    segment_id: Option<String>,
    #[serde(default)]
    task: Option<TaskJson>,
    #[serde(default)]
    mail: Option<MailJson>,
    /// Gets a POST with JSON. Public addresses only; redirects are not followed.
    #[serde(default)]
    #[schema(example = "https://example.com/hooks/health")]
    url: Option<String>,
    /// Not again for the same customer within so many days; 14 if not said.
    #[serde(default)]
    quiet_days: Option<u32>,
    /// Whether it runs; it does if not said.
    #[serde(default)]
    active: Option<bool>,
}

/// The play, and the secret of its webhook if it has just got one: in this answer and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadePlay {
    #[serde(flatten)]
    play: Shown,
    /// Signs each delivery: `X-Innkeeper-Signature-256` is `sha256=` and the HMAC-SHA-256 of the body in hex.
    secret: Option<String>,
}

/// What a play did for a customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlayRun)]
pub struct ShownRun {
    id: String,
    customer_id: String,
    customer_name: String,
    #[schema(example = "The band went from At risk to Churning. The score is 38.2.")]
    why: String,
    at: String,
    /// The task that it made, if it is still there.
    task_id: Option<String>,
    /// How many mails it wrote.
    mails: i64,
    /// What it sent to its webhook.
    delivery_id: Option<String>,
}

/// A delivery of a play's webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlayDelivery)]
pub struct ShownDelivery {
    /// What the receiver sees as `X-Innkeeper-Delivery`.
    id: String,
    test: bool,
    /// `waiting`, `delivered` or `failed`.
    #[schema(example = "delivered")]
    state: String,
    attempts: i64,
    created_at: String,
    next_at: Option<String>,
    finished_at: Option<String>,
    /// What the receiver answered last.
    status: Option<i64>,
    /// Why nothing came back.
    error: Option<String>,
    /// The beginning of the answer.
    answer: Option<String>,
}

impl Shown {
    fn of(app: &App, actor: &Actor, play: Play) -> Result<Shown> {
        let url = match actor.can(Permission::ManageCustomers) {
            true => play.url(&app.key)?.map(|url| url.reveal().to_owned()),
            false => play.host(&app.key)?,
        };
        Ok(Shown {
            id: play.id.to_string(),
            cause: cause_json(play.cause),
            segment_id: play.segment_id.as_ref().map(ToString::to_string),
            task: play.actions.task.as_ref().map(|task| TaskJson {
                title: task.title.clone(),
                due_in_days: task.due_in_days,
                assignee: assignee_text(&task.assignee),
            }),
            mail: play.actions.mail.as_ref().map(|mail| MailJson { owner: mail.owner, to: mail.to.clone() }),
            url,
            note: play.note.clone(),
            quiet_days: play.quiet_days,
            active: play.state == PlayState::Active,
            created_by: play.created_by.clone(),
            created_at: play.created_at.rfc3339(),
            updated_at: play.updated_at.rfc3339(),
            name: play.name,
        })
    }
}

impl WritePlay {
    fn parse(self) -> Result<NewPlay> {
        let task = match self.task {
            Some(task) => Some(TaskAction { title: task.title, due_in_days: task.due_in_days, assignee: assignee(&task.assignee)? }),
            None => None,
        };
        let wrong = |_| Error::invalid("segment_id", "must be the id of a segment");
        Ok(NewPlay {
            name: self.name,
            cause: cause(&self.cause)?,
            segment: self.segment_id.as_deref().map(SegmentId::parse).transpose().map_err(wrong)?,
            actions: Actions { task, mail: self.mail.map(|mail| MailAction { owner: mail.owner, to: mail.to }) },
            url: self.url,
            quiet_days: self.quiet_days.unwrap_or(14),
            active: self.active.unwrap_or(true),
        })
    }
}

fn cause_json(cause: Cause) -> CauseJson {
    match cause {
        Cause::Band { to } => CauseJson { on: "band".into(), to: Some(to.as_str().to_owned()), above: None },
        Cause::FallingFast => CauseJson { on: "falling_fast".into(), to: None, above: None },
        Cause::Churn { above } => CauseJson { on: "churn".into(), to: None, above: Some(above) },
    }
}

fn cause(json: &CauseJson) -> Result<Cause> {
    let text = serde_json::to_string(json)?;
    serde_json::from_str(&text).map_err(|_| {
        Error::invalid("cause", "must be on `band` with `to` (healthy, at_risk, churning), on `falling_fast`, or on `churn` with `above`")
    })
}

fn assignee_text(assignee: &Assignee) -> String {
    match assignee {
        Assignee::Owner => "owner".to_owned(),
        Assignee::Nobody => "nobody".to_owned(),
        Assignee::Member(id) => id.to_string(),
    }
}

/// Reads `owner`, `nobody` or an id.
pub(crate) fn assignee(text: &str) -> Result<Assignee> {
    Ok(match text {
        "owner" => Assignee::Owner,
        "nobody" => Assignee::Nobody,
        id => Assignee::Member(
            MemberId::parse(id).map_err(|_| Error::invalid("task", "must be for owner, nobody or an admin or a concierge"))?,
        ),
    })
}

/// Lists plays by name.
#[utoipa::path(get, path = "/api/plays", tag = "Plays", responses((status = 200, description = "All of them", body = List<Shown>)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller) -> Answer<Json<List<Shown>>> {
    let found = plays::list(&app.plays, &actor).await?;
    let items = found.into_iter().map(|play| Shown::of(&app, &actor, play)).collect::<Result<_>>()?;
    Ok(Json(List { items, next: None }))
}

/// Makes a play; there may be 50.
#[utoipa::path(post, path = "/api/plays", tag = "Plays", request_body = WritePlay,
    responses((status = 201, description = "Made; a webhook's secret is shown this once", body = MadePlay)))]
pub async fn create(State(app): State<App>, Caller(actor): Caller, Json(body): Json<WritePlay>) -> Answer<Response> {
    let made = plays::create(&app.plays, &actor, &body.parse()?).await?;
    changed::follow_ups(&app);
    let play = Shown::of(&app, &actor, made.play)?;
    let location = format!("/api/plays/{}", play.id);
    Ok(created(&location, MadePlay { play, secret: made.secret.map(|secret| secret.reveal().to_owned()) }))
}

/// Shows a play.
#[utoipa::path(get, path = "/api/plays/{play}", tag = "Plays", params(("play" = String, Path, description = "Its id")),
    responses((status = 200, description = "The play", body = Shown)))]
pub async fn get(State(app): State<App>, Caller(actor): Caller, Path(id): Path<PlayId>) -> Answer<Json<Shown>> {
    let play = plays::get(&app.plays, &actor, &id).await?;
    Ok(Json(Shown::of(&app, &actor, play)?))
}

/// Replaces a play.
///
/// With another address its webhook gets another secret.
#[utoipa::path(put, path = "/api/plays/{play}", tag = "Plays", params(("play" = String, Path, description = "Its id")),
    request_body = WritePlay, responses((status = 200, description = "The play as it is now", body = MadePlay)))]
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<PlayId>,
    Json(body): Json<WritePlay>,
) -> Answer<Json<MadePlay>> {
    let made = plays::change(&app.plays, &actor, &id, &body.parse()?).await?;
    changed::follow_ups(&app);
    let play = Shown::of(&app, &actor, made.play)?;
    Ok(Json(MadePlay { play, secret: made.secret.map(|secret| secret.reveal().to_owned()) }))
}

/// Removes a play; tasks that it made stay.
#[utoipa::path(delete, path = "/api/plays/{play}", tag = "Plays", params(("play" = String, Path, description = "Its id")),
    responses((status = 204, description = "Removed")))]
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<PlayId>) -> Answer<StatusCode> {
    plays::remove(&app.plays, &actor, &id).await?;
    changed::follow_ups(&app);
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test to a play's webhook, also when it is paused.
///
/// Answers before it is sent. At most 20 times a minute, with all that is sent by hand.
#[utoipa::path(post, path = "/api/plays/{play}/test", tag = "Plays", params(("play" = String, Path, description = "Its id")),
    responses((status = 202, description = "On its way", body = ShownDelivery)))]
pub async fn test(State(app): State<App>, Caller(actor): Caller, Path(id): Path<PlayId>) -> Answer<(StatusCode, Json<ShownDelivery>)> {
    plays::get(&app.plays, &actor, &id).await?;
    allow_sending(&app, &actor)?;
    let made = deliveries::test(&app.plays, &actor, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery(made))))
}

/// Which rows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Those before this one.
    before: Option<String>,
    /// How many, 1 to 200; 50 if not said.
    limit: Option<u32>,
}

/// Lists what a play did, newest first.
#[utoipa::path(get, path = "/api/plays/{play}/runs", tag = "Plays", params(("play" = String, Path, description = "Its id"), Which),
    responses((status = 200, description = "One page", body = List<ShownRun>)))]
pub async fn runs(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<PlayId>,
    Query(which): Query<Which>,
) -> Answer<Json<List<ShownRun>>> {
    let limit = which.limit.unwrap_or(50).clamp(1, accounts::MAX_PAGE);
    let before = which.before.as_deref().map(RunId::parse).transpose().map_err(no_such_row)?;
    let mut found = watch::runs(&app.plays, &actor, &id, before.as_ref(), limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(List { items: found.into_iter().map(run).collect(), next }))
}

/// Lists the deliveries of a play's webhook, newest first.
#[utoipa::path(get, path = "/api/plays/{play}/deliveries", tag = "Plays", params(("play" = String, Path, description = "Its id"), Which),
    responses((status = 200, description = "One page", body = List<ShownDelivery>)))]
pub async fn deliveries(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<PlayId>,
    Query(which): Query<Which>,
) -> Answer<Json<List<ShownDelivery>>> {
    let limit = which.limit.unwrap_or(50).clamp(1, accounts::MAX_PAGE);
    let before = which.before.as_deref().map(DeliveryId::parse).transpose().map_err(no_such_row)?;
    let mut found = deliveries::list(&app.plays, &actor, &id, before.as_ref(), limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(List { items: found.into_iter().map(delivery).collect(), next }))
}

fn no_such_row(_: Error) -> Error {
    Error::invalid("before", "must be the id of a row of the list")
}

fn run(run: Run) -> ShownRun {
    ShownRun {
        id: run.id.to_string(),
        customer_id: run.customer_id.to_string(),
        customer_name: run.customer_name,
        why: run.why,
        at: run.at.rfc3339(),
        task_id: run.task_id.map(|id| id.to_string()),
        mails: run.mails,
        delivery_id: run.delivery_id.map(|id| id.to_string()),
    }
}

fn delivery(delivery: Delivery) -> ShownDelivery {
    ShownDelivery {
        id: delivery.id.to_string(),
        test: delivery.is_test,
        state: delivery.state.to_string(),
        attempts: delivery.attempts,
        created_at: delivery.created_at.rfc3339(),
        next_at: delivery.next_at.map(|at| at.rfc3339()),
        finished_at: delivery.finished_at.map(|at| at.rfc3339()),
        status: delivery.status,
        error: delivery.error,
        answer: delivery.answer,
    }
}
