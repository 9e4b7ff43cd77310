//! Why a request as a whole is refused, and how each format's clients read that.

use accounts::Client;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use events::quota::TooMuch;
use events::warnings::Note;
use events::wire::{Door, LARGEST_BODY, MOST_EVENTS, Trouble};
use kit::Error;
use serde_json::json;
use tracing::{error, warn};

use super::keys::Closed;
use crate::app::App;

/// Whoever is told to come back waits so long, in seconds. What waits to be written is written within one.
pub const COME_BACK: u64 = 1;

/// Why a request is refused.
#[derive(Debug)]
pub enum Refused {
    /// Nothing but POST.
    Method,
    /// No key, or one that does not open.
    Key(Closed),
    /// What cannot be read; says why.
    Malformed(String),
    /// A version 1 event without its uuid, under which it would be answered.
    NoUuid,
    /// Version 1 takes no empty batch.
    EmptyBatch,
    /// An event by itself that is refused; says which trouble and why.
    Event(&'static str, String),
    /// More than 20 MB.
    TooLarge,
    /// More than 10 000 events.
    TooMany,
    /// A compression that is not known.
    Encoding,
    /// The token sends more than it may.
    TooMuch {
        /// More than what.
        why: TooMuch,
        /// The token's id.
        token: String,
    },
    /// It took too long, here or on the way.
    TooSlow,
    /// Too much is being read or waits to be written.
    Busy,
    /// What a slice says: events could not be kept.
    Error(Error),
    /// A panic.
    Fault,
}

impl Refused {
    /// The status code.
    pub fn status(&self) -> StatusCode {
        match self {
            Refused::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refused::Key(_) => StatusCode::UNAUTHORIZED,
            Refused::Malformed(_) | Refused::NoUuid | Refused::EmptyBatch | Refused::Event(..) => StatusCode::BAD_REQUEST,
            Refused::TooLarge | Refused::TooMany => StatusCode::PAYLOAD_TOO_LARGE,
            Refused::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            // Whatever kept events from being kept: they are safe with the sender, who is to send them again. Not 408, which some clients
            // take for their own fault.
            Refused::TooSlow | Refused::Busy | Refused::Error(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refused::TooMuch { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refused::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// In one word, as version 1 of PostHog calls it.
    fn code(&self) -> &'static str {
        match self {
            Refused::Method => "method_not_allowed",
            Refused::Key(_) => "invalid_api_token",
            Refused::Malformed(_) => "request_parsing_error",
            Refused::NoUuid => "missing_event_uuid",
            Refused::EmptyBatch => "empty_batch",
            Refused::Event(code, _) => code,
            Refused::TooLarge | Refused::TooMany => "payload_too_large",
            Refused::TooMuch { .. } => "rate_limited",
            Refused::Encoding => "unsupported_encoding",
            Refused::TooSlow | Refused::Busy | Refused::Error(_) => "service_unavailable",
            Refused::Fault => "internal_error",
        }
    }

    /// A sentence.
    pub fn message(&self) -> String {
        match self {
            Refused::Method => "Events are sent by POST.".to_owned(),
            Refused::Key(Closed::Unknown) => "The key must be an API token of this Innkeeper with the scope events:write.".to_owned(),
            Refused::Key(Closed::NotAllowed(why)) => why.clone(),
            Refused::Malformed(why) => crate::respond::sentence(why),
            Refused::NoUuid => "Every event needs its uuid.".to_owned(),
            Refused::EmptyBatch => "The batch has no events.".to_owned(),
            Refused::Event(_, why) => crate::respond::sentence(why),
            Refused::TooLarge => format!("A request may have at most {} MB, compressed and unpacked.", LARGEST_BODY >> 20),
            Refused::TooMany => format!("A request may have at most {MOST_EVENTS} events."),
            Refused::Encoding => "The body may be compressed by gzip, deflate or zstd.".to_owned(),
            Refused::TooMuch { why: TooMuch::TooFast { .. }, .. } => {
                "This token sends more events a second than it may. Nothing of this request was kept; please send it again later."
                    .to_owned()
            }
            Refused::TooMuch { why: TooMuch::DayIsFull { .. }, .. } => {
                "This token has sent all events that it may on a day. Nothing of this request was kept.".to_owned()
            }
            Refused::TooSlow => "It took too long. Please send it again; what was kept already counts once.".to_owned(),
            Refused::Busy => "Too many events are on their way. Nothing of this request was kept; please send it again.".to_owned(),
            Refused::Error(error) => crate::respond::sentence(&error.public_message()),
            Refused::Fault => "Something went wrong on our side. It has been logged.".to_owned(),
        }
    }

    /// In the words of the format: Segment's Python reads `code` and `message`, PostHog's `detail`, others `error`.
    pub fn answer(&self, door: Door, app: &App) -> Response {
        let uri = app.config.server.public_url.link("/api/docs");
        if door != Door::PosthogV1 {
            return self.plain(&uri);
        }
        let body = json!({ "error": self.code(), "error_description": self.message(), "error_uri": uri });
        let mut response = (self.status(), axum::Json(body)).into_response();
        self.headers(&mut response);
        // SDKs of version 1 throw away what is answered with 429.
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    }

    /// How many seconds a token that sends more than it may must wait.
    pub fn wait(&self) -> u64 {
        match self {
            Refused::TooMuch { why: TooMuch::TooFast { wait } | TooMuch::DayIsFull { wait }, .. } => wait.as_secs().max(1),
            _ => COME_BACK,
        }
    }

    /// With all the fields that some client reads.
    pub fn plain(&self, uri: &str) -> Response {
        let (code, message) = (self.code(), self.message());
        let body = json!({
            "code": code, "message": message, "detail": message, "error": code, "error_description": message, "error_uri": uri,
            "success": false,
        });
        let mut response = (self.status(), axum::Json(body)).into_response();
        self.headers(&mut response);
        response
    }

    /// What belongs into the head of the answer.
    pub fn headers(&self, response: &mut Response) {
        match self.status() {
            // A fault, too: what caused it may be over.
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::INTERNAL_SERVER_ERROR => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(COME_BACK));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(self.wait()));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
            }
            StatusCode::UNAUTHORIZED => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
    }

    /// Counts it for the operator and logs what is ours to look at.
    pub fn note(&self, app: &App, source: &'static str, client: &Client) {
        let trouble = match self {
            Refused::TooMuch { why: TooMuch::TooFast { .. }, .. } => Trouble::TooFast,
            Refused::TooMuch { why: TooMuch::DayIsFull { .. }, .. } => Trouble::DayIsFull,
            Refused::Key(_) => Trouble::NoToken,
            Refused::Malformed(_) | Refused::NoUuid | Refused::Encoding => Trouble::BadRequest,
            Refused::TooLarge | Refused::TooMany => Trouble::RequestTooLarge,
            Refused::Error(Error::Unavailable { .. }) => {
                warn!("events are turned away: {}", self.message());
                return;
            }
            Refused::Error(error) => {
                error!("events cannot be taken in: {error}");
                return;
            }
            _ => return,
        };
        let reason = format!("{} From {}.", self.message(), client.ip);
        let sender = if let Refused::TooMuch { token, .. } = self { token } else { "" };
        app.ingest().intake.warnings().note(Note { trouble, source, name: "", sender, reason: &reason, sample: "" });
    }
}
