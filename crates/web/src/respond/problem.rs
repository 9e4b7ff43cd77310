//! Problem details for programs, as RFC 9457 describes them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Failure;

/// What went wrong, for a program and for whoever reads its log (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem; the API's page explains each.
    #[serde(rename = "type")]
    #[schema(example = "/api/docs#problem-invalid")]
    pub kind: String,
    /// The kind in words.
    #[schema(example = "Some fields do not fit")]
    pub title: &'static str,
    /// The status code of the answer.
    #[schema(example = 422)]
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The path that was asked.
    pub instance: String,
    /// Names this request in our logs.
    pub request_id: String,
    /// Which fields do not fit, and what is allowed there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// One field's complaint.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The field, with dots between levels.
    #[schema(example = "email")]
    pub field: String,
    /// What is allowed there.
    #[schema(example = "must be an e-mail address")]
    pub message: String,
}

/// Status, name, title and explanation of every kind of problem.
pub fn problem_kinds() -> &'static [(u16, &'static str, &'static str, &'static str)] {
    &[
        (400, "malformed", "The request cannot be read", "The body is no JSON, or a parameter cannot be decoded."),
        (401, "sign-in", "Sign-in needed", "There is no session and no valid token."),
        (403, "forbidden", "Not allowed", "You are known but may not do this; a token may lack a scope."),
        (404, "not-found", "Not found", "It does not exist, or it is not yours: the two look the same."),
        (405, "method", "Method not allowed", "The address does not answer that method; `Allow` lists those it does."),
        (409, "conflict", "Conflict", "It clashes with what is there now; `detail` says with what."),
        (413, "too-large", "Too large", "The body is larger than this address takes."),
        (415, "content-type", "Unsupported content type", "Send the body in the content type that `detail` names."),
        (422, "invalid", "Some fields do not fit", "`errors` names each field and what is allowed there."),
        (429, "throttled", "Too many tries", "Wait for the seconds that `Retry-After` gives."),
        (500, "internal", "A fault of ours", "It has been logged under `request_id`."),
        (503, "unavailable", "Unavailable for a moment", "Something we depend on does not answer; try again after `Retry-After` seconds."),
    ]
}

impl Problem {
    /// Describes `failure` of the request `request_id` to `path`.
    pub fn of(failure: &Failure, request_id: &str, path: &str) -> Problem {
        let status = failure.status();
        let (name, title) = problem_kinds()
            .iter()
            .find(|(code, ..)| *code == status.as_u16())
            .map_or(("internal", "A fault of ours"), |(_, name, title, _)| (name, title));
        Problem {
            kind: format!("/api/docs#problem-{name}"),
            title,
            status: status.as_u16(),
            detail: failure.detail(),
            instance: path.to_owned(),
            request_id: request_id.to_owned(),
            errors: failure
                .field_errors()
                .iter()
                .map(|error| FieldProblem { field: error.field.clone(), message: error.message.clone() })
                .collect(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("a problem is plain data");
        let kind = HeaderValue::from_static("application/problem+json");
        (status, [(header::CONTENT_TYPE, kind)], body).into_response()
    }
}
