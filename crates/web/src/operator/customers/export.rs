//! The list of customers as a file: all pages of it, sent as they are read.

use std::io;

use accounts::{MAX_PAGE, Scope};
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use insight::health::{self, Listed, Query as HealthQuery, Standing};
use tracing::warn;

use super::Asked;
use crate::app::App;
use crate::extract::Query;
use crate::operator::sites::cell;
use crate::respond::Answer;
use crate::routes::Caller;

const HEADINGS: &str = "customer_id,name,suspended,created_at,members,score,band,coverage,change_7_days,change_30_days,slope_per_day,falls_fast,\
                        moved_by,moved_by_points,last_seen\r\n";

/// The same customers as on the page.
pub async fn export(State(app): State<App>, Caller(actor): Caller, Query(asked): Query<Asked>) -> Answer<Response> {
    let query = HealthQuery { after: None, ..asked.query(MAX_PAGE) };
    // The first page is read here, so that what fails at once is answered as a failure.
    let first = part(&app, &actor.scope(), query).await?;
    let state = (app, actor.scope(), Some(first));
    let parts = stream::try_unfold(state, async |(app, scope, ready)| {
        let Some((text, next)) = ready else { return Ok(None) };
        let ready = match next {
            Some(query) => Some(part(&app, &scope, query).await.map_err(cut_short)?),
            None => None,
        };
        Ok::<_, io::Error>(Some((text, (app, scope, ready))))
    });
    let headings = stream::once(async { Ok(HEADINGS.to_owned()) });
    let body = Body::from_stream(headings.chain(parts));
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"customers.csv\"")];
    Ok((headers, body).into_response())
}

/// The connection is cut, so that half a file is not taken for a whole one.
fn cut_short(error: kit::Error) -> io::Error {
    warn!("the export of customers was cut short: {error}");
    io::Error::other("cut short")
}

/// The lines of one page, and what to ask for the next.
async fn part(app: &App, scope: &Scope, query: HealthQuery) -> kit::Result<(String, Option<HealthQuery>)> {
    let page = health::list(&app.insight, scope, &query).await?;
    let text = page.items.iter().map(line).collect();
    Ok((text, page.next.map(|after| HealthQuery { after: Some(after), ..query })))
}

/// What is not known stays empty.
fn line(listed: &Listed) -> String {
    let (customer, standing) = (&listed.customer, listed.standing.as_ref());
    let figure = |pick: fn(&Standing) -> Option<f64>, places: usize| {
        standing.and_then(pick).map(|figure| format!("{figure:.places$}")).unwrap_or_default()
    };
    let moved_by = standing.and_then(|standing| standing.moved_by.as_ref());
    let cells = [
        customer.id.to_string(),
        cell(customer.name.as_str()),
        customer.suspended_at.map(|at| at.rfc3339()).unwrap_or_default(),
        customer.created_at.rfc3339(),
        customer.members.to_string(),
        figure(|standing| standing.points, 2),
        standing.and_then(|standing| standing.band).map(|band| band.to_string()).unwrap_or_default(),
        figure(|standing| Some(standing.coverage), 3),
        figure(|standing| standing.change_7, 2),
        figure(|standing| standing.change_30, 2),
        figure(|standing| standing.slope, 3),
        standing.map(|standing| if standing.falls_fast { "yes" } else { "no" }.to_owned()).unwrap_or_default(),
        moved_by.map(|(_, label, _)| cell(label)).unwrap_or_default(),
        moved_by.map(|(_, _, change)| format!("{change:.2}")).unwrap_or_default(),
        standing.and_then(|standing| standing.last_day).map(events::Day::iso).unwrap_or_default(),
    ];
    cells.join(",") + "\r\n"
}
