//! Costs as a file: a line for each day and model of a year, sent month by month.

use std::io;

use accounts::Scope;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use events::Day;
use futures_util::{StreamExt, stream};
use insight::cost::{self, ModelSum};
use tracing::warn;

use crate::app::App;
use crate::operator::sites::cell;
use crate::respond::Answer;
use crate::routes::Caller;

const HEADINGS: &str = "day,provider,model,calls,failed,unpriced,told,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,\
                        input_usd,cache_read_usd,cache_write_usd,output_usd,told_usd,cost_usd\r\n";
const DAYS: i64 = 365;
const STEP: i64 = 30;

/// The last 365 days, today included, oldest first.
pub async fn export(State(app): State<App>, Caller(actor): Caller) -> Answer<Response> {
    let today = app.events.calendar().day(app.clock.now());
    let first = today.plus(1 - DAYS);
    // The first part is read here, so that what fails at once is answered as a failure.
    let ready = part(&app, &actor.scope(), first, today).await?;
    let state = (app, actor.scope(), first.plus(STEP), Some(ready));
    let parts = stream::try_unfold(state, move |(app, scope, next, ready)| async move {
        let Some(text) = ready else { return Ok(None) };
        let ready = match next <= today {
            true => Some(part(&app, &scope, next, today).await.map_err(cut_short)?),
            false => None,
        };
        Ok::<_, io::Error>(Some((text, (app, scope, next.plus(STEP), ready))))
    });
    let body = Body::from_stream(stream::once(async { Ok(HEADINGS.to_owned()) }).chain(parts));
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"costs.csv\"")];
    Ok((headers, body).into_response())
}

/// The connection is cut, so that half a file is not taken for a whole one.
fn cut_short(error: kit::Error) -> io::Error {
    warn!("the export of costs was cut short: {error}");
    io::Error::other("cut short")
}

async fn part(app: &App, scope: &Scope, from: Day, last: Day) -> kit::Result<String> {
    let rows = cost::by_day_and_model(&app.insight, scope, from, from.plus(STEP - 1).min(last)).await?;
    Ok(rows.iter().map(line).collect())
}

/// A cost that is not known stays empty.
fn line((day, model): &(Day, ModelSum)) -> String {
    let sum = &model.sum;
    let figures =
        [sum.calls, sum.failed, sum.unpriced, sum.told, sum.tokens.input, sum.tokens.cache_read, sum.tokens.cache_write, sum.tokens.output];
    let costs = model.part_costs.iter().map(|cost| cost.exact()).chain([model.told_cost.exact()]);
    let mut cells = vec![day.iso(), cell(&model.provider), cell(&model.name)];
    cells.extend(figures.map(|figure| figure.to_string()));
    match sum.known_cost() {
        Some(cost) => cells.extend(costs.chain([cost.exact()])),
        None => cells.extend((0..6).map(|_| String::new())),
    }
    cells.join(",") + "\r\n"
}
