//! What a door answers when it has taken a request: exactly 200, because some SDKs send again what is answered otherwise.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use events::Outcome;
use events::intake::Answered;
use events::wire::Door;
use serde_json::{Map, Value, json};

use super::refused::Refused;

/// The answer in the words of the format.
pub fn taken(door: Door, is_single: bool, answers: &[Answered]) -> Result<Response, Refused> {
    // Who sends one event by itself is told; who sends many is not made to send all of them again.
    if is_single && let [Answered { verdict: Err(refusal), .. }] = answers {
        return Err(Refused::Event(refusal.trouble.as_str(), refusal.message()));
    }
    Ok(match door {
        Door::PosthogV1 => axum::Json(json!({ "results": verdicts(answers) })).into_response(),
        Door::SegmentBatch | Door::Segment(_) => plain(r#"{"success":true}"#),
        Door::CloudEvents => axum::Json(json!({ "results": results(answers) })).into_response(),
        Door::Native | Door::PosthogV0 | Door::PosthogAi => plain(r#"{"status":"Ok"}"#),
    })
}

fn plain(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}

/// One for each event, in their order.
fn results(answers: &[Answered]) -> Vec<Value> {
    let result = |answer: &Answered| match &answer.verdict {
        Err(refusal) => json!({ "id": answer.id, "result": "refused", "details": refusal.message() }),
        Ok(Outcome::Stored) => json!({ "id": answer.id, "result": "stored" }),
        Ok(Outcome::Duplicate) => json!({ "id": answer.id, "result": "duplicate" }),
    };
    answers.iter().map(result).collect()
}

fn verdicts(answers: &[Answered]) -> Map<String, Value> {
    let verdict = |answer: &Answered| match (&answer.verdict, answer.notes.first()) {
        (Err(refusal), _) => json!({ "result": "drop", "details": refusal.message() }),
        (Ok(Outcome::Stored), Some(note)) => json!({ "result": "warning", "details": note.words() }),
        (Ok(_), _) => json!({ "result": "ok" }),
    };
    answers.iter().map(|answer| (answer.id.clone(), verdict(answer))).collect()
}

/// Browsers of any website may send events: what counts is the key in the request, and no cookie is looked at.
pub fn allow_browsers(door: Door, asked: Option<&HeaderValue>, answer: &mut HeaderMap) {
    if door == Door::Native {
        return;
    }
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Some(asked) = asked {
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, OPTIONS"));
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    }
}
