//! Imports of files of events.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use events::Source;
use events::import::{Format, Report};
use events::imports::{Import, ImportId, Order};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::List;
use crate::app::App;
use crate::extract::{Json, Path, Query, created};
use crate::respond::Answer;
use crate::routes::Caller;
use crate::uploads;

/// An import.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import)]
pub struct Shown {
    #[schema(example = "imp_0d8b2m5k7q9x3w1z4r")]
    id: String,
    /// What the file was called.
    file: String,
    /// `csv` or `ndjson`.
    format: &'static str,
    bytes: u64,
    /// `ready`, `checking`, `running`, `done`, `cancelled` or `failed`.
    state: &'static str,
    /// As it was said when it was started.
    mapping: Vec<String>,
    source: String,
    created_at: String,
    created_by: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    /// Bytes read so far.
    read_bytes: u64,
    /// How often it went on after an interruption.
    restarts: u32,
    /// Of the last check or import; `null` before the first.
    report: Option<ShownReport>,
    /// Why it could not go on.
    trouble: Option<String>,
}

/// What became of the rows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportReport)]
pub struct ShownReport {
    /// Of a check: nothing was stored, `stored` is what would be.
    is_check: bool,
    rows: u64,
    stored: u64,
    duplicates: u64,
    refused: u64,
    /// The first hundred refused rows.
    problems: Vec<RowProblem>,
    /// How many events there are of each name (the first 50 names).
    names: BTreeMap<String, u64>,
    from: Option<String>,
    to: Option<String>,
    /// Which column said what.
    columns: BTreeMap<String, String>,
}

/// A row that is no event.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowProblem {
    line: u64,
    message: String,
}

impl From<Import> for Shown {
    fn from(import: Import) -> Shown {
        let is_check = import.is_check;
        Shown {
            id: import.id.to_string(),
            file: import.file,
            format: import.format.as_str(),
            bytes: import.bytes,
            state: import.state.as_str(),
            mapping: import.mapping,
            source: import.source,
            created_at: import.created_at.rfc3339(),
            created_by: import.created_by,
            started_at: import.started_at.map(|at| at.rfc3339()),
            finished_at: import.finished_at.map(|at| at.rfc3339()),
            read_bytes: import.read_bytes,
            restarts: import.restarts,
            report: import.report.map(|report| shown(report, is_check)),
            trouble: import.trouble,
        }
    }
}

fn shown(report: Report, is_check: bool) -> ShownReport {
    let problems = report.problems.into_iter().map(|problem| RowProblem { line: problem.line, message: problem.message });
    ShownReport {
        is_check,
        rows: report.rows,
        stored: report.stored,
        duplicates: report.duplicates,
        refused: report.refused,
        problems: problems.collect(),
        names: report.names,
        from: report.from.map(|at| at.rfc3339()),
        to: report.to.map(|at| at.rfc3339()),
        columns: report.columns,
    }
}

/// What the file is called, and what it is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Named {
    /// The file's name.
    #[param(example = "visits.csv")]
    file: String,
    /// `csv` or `ndjson`; by default what the name ends in.
    format: Option<String>,
}

/// What is to be done with the file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StartImport)]
pub struct Started {
    /// `field=column`, `field:=text` for what is the same in all rows, `field=` for what the file does not say; of `name`, `time`, `person`,
    /// `customer`, `id`, `properties`. What is not said is found by the usual names.
    #[serde(default)]
    #[schema(example = json!(["name=action", "time=when", "customer=company"]))]
    mapping: Vec<String>,
    /// What the events' source is called; `import`, if not said.
    source: Option<String>,
    /// Only say what would happen.
    #[serde(default)]
    check: bool,
}

/// Lists the newest imports.
#[utoipa::path(get, path = "/api/imports", tag = "Events", responses((status = 200, description = "The newest 50", body = List<Shown>)))]
pub async fn list(State(app): State<App>) -> Answer<Json<List<Shown>>> {
    let found = app.imports.list(50).await?;
    Ok(Json(List { items: found.into_iter().map(Shown::from).collect(), next: None }))
}

/// Sends a file.
///
/// The body is the file as it is. Nothing is stored of it before it is started; it is kept for seven days.
#[utoipa::path(post, path = "/api/imports", tag = "Events", params(Named),
    request_body(content = String, content_type = "text/csv", description = "CSV with a head, or one JSON object a line"),
    responses((status = 201, description = "It is here", body = Shown)))]
pub async fn send(State(app): State<App>, Caller(actor): Caller, Query(named): Query<Named>, request: Request) -> Answer<Response> {
    let format = named.format.as_deref().map(Format::parse).transpose()?;
    let import = uploads::keep(&app, &actor, &named.file, format, request.into_body()).await?;
    Ok(created(&format!("/api/imports/{}", import.id), Shown::from(import)))
}

/// Shows an import, and how far it is.
#[utoipa::path(get, path = "/api/imports/{import}", tag = "Events", params(("import" = String, Path, description = "Its id")),
    responses((status = 200, description = "The import", body = Shown)))]
pub async fn get(State(app): State<App>, Path(id): Path<ImportId>) -> Answer<Json<Shown>> {
    Ok(Json(app.imports.get(&id).await?.into()))
}

/// Starts a check or an import.
#[utoipa::path(post, path = "/api/imports/{import}/start", tag = "Events", params(("import" = String, Path, description = "Its id")),
    request_body = Started, responses((status = 202, description = "It has begun; ask for the import to see how far it is", body = Shown)))]
pub async fn start(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<ImportId>,
    Json(body): Json<Started>,
) -> Answer<(StatusCode, Json<Shown>)> {
    let source = Source::parse(body.source.as_deref().unwrap_or("import"))?;
    let order = Order { mapping: body.mapping, source, is_check: body.check };
    app.imports.start(&actor, &id, &order).await?;
    Ok((StatusCode::ACCEPTED, Json(app.imports.get(&id).await?.into())))
}

/// Ends a check or an import; what was stored stays.
#[utoipa::path(post, path = "/api/imports/{import}/cancel", tag = "Events", params(("import" = String, Path, description = "Its id")),
    responses((status = 200, description = "Ended", body = Shown)))]
pub async fn cancel(State(app): State<App>, Caller(actor): Caller, Path(id): Path<ImportId>) -> Answer<Json<Shown>> {
    app.imports.cancel(&actor, &id).await?;
    Ok(Json(app.imports.get(&id).await?.into()))
}

/// Throws an import and its file away; its events stay.
#[utoipa::path(delete, path = "/api/imports/{import}", tag = "Events", params(("import" = String, Path, description = "Its id")),
    responses((status = 204, description = "Thrown away")))]
pub async fn discard(State(app): State<App>, Path(id): Path<ImportId>) -> Answer<StatusCode> {
    app.imports.discard(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
