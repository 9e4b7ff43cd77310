//! Raw events as a file.

use accounts::CustomerId;
use axum::extract::State;
use axum::response::Response;
use events::Filter;
use kit::{Error, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::extract::Query;
use crate::operator::events::export::{Form, send};
use crate::respond::Answer;
use crate::routes::Caller;

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// `csv` or `parquet`; `csv`, if not said.
    format: Option<String>,
    /// Of this customer, its people included.
    customer: Option<String>,
    /// Of this person, by number.
    person: Option<i64>,
    /// Of these names, with commas between them.
    name: Option<String>,
    /// Of this source.
    source: Option<String>,
    /// From this moment on.
    #[param(example = "2026-11-01T00:00:00Z")]
    since: Option<String>,
    /// Before this moment.
    until: Option<String>,
}

impl Which {
    fn filter(self) -> kit::Result<Filter> {
        let moment = |field: &str, text: Option<String>| match text {
            None => Ok(None),
            Some(text) => Timestamp::parse_rfc3339(&text)
                .map(Some)
                .ok_or_else(|| Error::invalid(field, "must be a moment such as 2026-11-01T00:00:00Z")),
        };
        crate::extract::all_or_complaints!(
            customer: match self.customer.as_deref() {
                None => Ok(None),
                Some(text) => CustomerId::parse(text).map(Some).map_err(|_| Error::invalid("customer", "must be a customer's id")),
            },
            from: moment("since", self.since),
            to: moment("until", self.until),
        );
        let names = self.name.unwrap_or_default();
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Ok(Filter { customer, person: self.person, names, source: self.source, from, to, after: None })
    }
}

/// Exports raw events, newest first.
///
/// The file is sent while it is read; one that cannot be finished ends with a broken connection.
#[utoipa::path(get, path = "/api/events/export", tag = "Events", params(Which),
    responses((status = 200, description = "The file", content_type = "text/csv", body = String)))]
pub async fn export(State(app): State<App>, Caller(actor): Caller, Query(mut which): Query<Which>) -> Answer<Response> {
    let form = which.format.take().map_or(Ok(Form::Csv), |text| Form::parse(&text))?;
    Ok(send(&app, &actor, which.filter()?, form).await?)
}
