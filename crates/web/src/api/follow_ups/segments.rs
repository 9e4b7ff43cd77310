//! Segments: saved filters.

use accounts::CustomerId;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use insight::segments::{self, Expression, NewSegment, Segment, SegmentId};
use kit::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::api::List;
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, Query, created};
use crate::respond::Answer;
use crate::routes::Caller;

/// Names of those whom a dry run finds.
const FIRST: usize = 20;

/// A segment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Segment)]
pub struct Shown {
    id: String,
    name: String,
    /// The tree of conditions.
    #[schema(value_type = Object)]
    expression: Value,
    /// The same as a sentence.
    #[schema(example = "health score is below 40 and plan is “pro”")]
    words: String,
    /// How many customers are in it; `null` before somebody counted.
    members: Option<i64>,
    counted_at: Option<String>,
    created_by: String,
    created_at: String,
    updated_at: String,
}

impl Shown {
    fn of(segment: Segment) -> Result<Shown> {
        Ok(Shown {
            id: segment.id.to_string(),
            name: segment.name,
            words: segment.expression.words(&|_| None),
            expression: serde_json::to_value(&segment.expression)?,
            members: segment.members,
            counted_at: segment.counted_at.map(|at| at.rfc3339()),
            created_by: segment.created_by,
            created_at: segment.created_at.rfc3339(),
            updated_at: segment.updated_at.rfc3339(),
        })
    }
}

/// A segment to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteSegment {
    /// Unique in any case.
    #[schema(example = "Losing the large ones")]
    name: String,
    /// `{"all": […]}`, `{"any": […]}`, `{"not": …}` or `{"where": {"fact": …, "is": …, "value": …}}`. Facts: `name`, `band`, `score`,
    /// `change_7`, `change_30`, `slope`, `falling_fast`, `coverage`, `churn`, `owner` (an id, or `nobody`), `plan`, `site_kind`, `sites`,
    /// `suspended`, `age_days`, `currency`, `factor.…`, `property.…`. Comparisons: `below`, `at_most`, `above`, `at_least`, `is`, `is_not`,
    /// `contains`, `one_of`, `known`, `unknown`.
    #[schema(value_type = Object, example = json!({"all": [{"where": {"fact": "score", "is": "below", "value": 40}}, {"where": {"fact": "plan", "is": "is", "value": "pro"}}]}))]
    expression: Value,
}

/// What changes; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeSegment {
    name: Option<String>,
    /// As when it is created.
    #[schema(value_type = Option<Object>)]
    expression: Option<Value>,
}

/// What to count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountSegment {
    /// As when a segment is created.
    #[schema(value_type = Object)]
    expression: Value,
}

/// What a dry run found.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountedSegment {
    /// How many customers it finds.
    customers: usize,
    /// The first of them.
    first: Vec<MemberOfSegment>,
    /// The expression as a sentence.
    words: String,
}

/// A customer in a segment.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberOfSegment {
    id: String,
    name: String,
}

impl From<(CustomerId, String)> for MemberOfSegment {
    fn from((id, name): (CustomerId, String)) -> MemberOfSegment {
        MemberOfSegment { id: id.to_string(), name }
    }
}

/// Lists segments by name.
#[utoipa::path(get, path = "/api/segments", tag = "Segments", responses((status = 200, description = "All of them", body = List<Shown>)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller) -> Answer<Json<List<Shown>>> {
    let items = segments::list(&app.insight, &actor).await?.into_iter().map(Shown::of).collect::<Result<_>>()?;
    Ok(Json(List { items, next: None }))
}

/// Saves a segment; there may be 100.
#[utoipa::path(post, path = "/api/segments", tag = "Segments", request_body = WriteSegment,
    responses((status = 201, description = "Saved", body = Shown)))]
pub async fn create(State(app): State<App>, Caller(actor): Caller, Json(body): Json<WriteSegment>) -> Answer<Response> {
    let new = NewSegment { name: body.name, expression: expression(&body.expression)? };
    let segment = segments::create(&app.insight, &app, &actor, &new).await?;
    changed::follow_ups(&app);
    Ok(created(&format!("/api/segments/{}", segment.id), Shown::of(segment)?))
}

/// Counts whom a segment would find, and saves nothing.
#[utoipa::path(post, path = "/api/segments/count", tag = "Segments", request_body = CountSegment,
    responses((status = 200, description = "What it finds", body = CountedSegment)))]
pub async fn count(State(app): State<App>, Caller(actor): Caller, Json(body): Json<CountSegment>) -> Answer<Json<CountedSegment>> {
    let expression = expression(&body.expression)?;
    let (customers, first) = segments::count(&app.insight, &app, &actor, &expression, FIRST).await?;
    let first = first.into_iter().map(MemberOfSegment::from).collect();
    Ok(Json(CountedSegment { customers, first, words: expression.words(&|_| None) }))
}

/// Shows a segment.
#[utoipa::path(get, path = "/api/segments/{segment}", tag = "Segments", params(("segment" = String, Path, description = "Its id")),
    responses((status = 200, description = "The segment", body = Shown)))]
pub async fn get(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SegmentId>) -> Answer<Json<Shown>> {
    let segment = segments::get(&app.insight, &actor, &id).await?;
    Ok(Json(Shown::of(segment)?))
}

/// Changes a segment.
#[utoipa::path(patch, path = "/api/segments/{segment}", tag = "Segments", params(("segment" = String, Path, description = "Its id")),
    request_body = ChangeSegment, responses((status = 200, description = "The segment as it is now", body = Shown)))]
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<SegmentId>,
    Json(body): Json<ChangeSegment>,
) -> Answer<Json<Shown>> {
    let before = segments::get(&app.insight, &actor, &id).await?;
    let expression = body.expression.as_ref().map(expression).transpose()?.unwrap_or(before.expression);
    let new = NewSegment { name: body.name.unwrap_or(before.name), expression };
    let segment = segments::change(&app.insight, &app, &actor, &id, &new).await?;
    changed::follow_ups(&app);
    Ok(Json(Shown::of(segment)?))
}

/// Removes a segment that no play is for.
#[utoipa::path(delete, path = "/api/segments/{segment}", tag = "Segments", params(("segment" = String, Path, description = "Its id")),
    responses((status = 204, description = "Removed")))]
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SegmentId>) -> Answer<StatusCode> {
    segments::remove(&app.insight, &actor, &id).await?;
    changed::follow_ups(&app);
    Ok(StatusCode::NO_CONTENT)
}

/// Which customers.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// What `next` of the page before says.
    after: Option<String>,
    /// How many, 1 to 200; 50 if not said.
    limit: Option<u32>,
}

/// Lists the customers in a segment by id; who is in it is looked at again each minute.
#[utoipa::path(get, path = "/api/segments/{segment}/customers", tag = "Segments",
    params(("segment" = String, Path, description = "Its id"), Which), responses((status = 200, description = "One page", body = List<MemberOfSegment>)))]
pub async fn customers(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<SegmentId>,
    Query(which): Query<Which>,
) -> Answer<Json<List<MemberOfSegment>>> {
    let no_such = |_| Error::invalid("after", "must be what `next` said");
    let after = which.after.as_deref().map(CustomerId::parse).transpose().map_err(no_such)?;
    let page = segments::members(&app.insight, &actor, &id, after.as_ref(), which.limit.unwrap_or(50)).await?;
    let items = page.items.into_iter().map(MemberOfSegment::from).collect();
    Ok(Json(List { items, next: page.next.map(String::from) }))
}

fn expression(value: &Value) -> Result<Expression> {
    // Through text, so that too deep a tree is a complaint and no overflow.
    Expression::parse(&value.to_string())
}
