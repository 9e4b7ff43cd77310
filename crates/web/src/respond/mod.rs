//! The only place that knows status codes: what went wrong becomes problem details (RFC 9457) or a page.
//!
//! Handlers return [`Failure`], which puts itself into the answer's extensions; [`render`] gives it its form once it
//! is known who asked. Internal faults are logged here and never shown.

mod complaint;
mod problem;

use std::any::Any;
use std::sync::Arc;

use accounts::Actor;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use kit::{Error, FieldError};
use tracing::{error, warn};
use ui::{button, html};

pub use complaint::Complaint;
pub use problem::{FieldProblem, Problem, problem_kinds};

use crate::app::App;
use crate::frame::View;
use crate::git;
use crate::request::{RequestFacts, is_fragment};
use crate::session;

/// The result of a handler.
pub type Answer<T = Response> = Result<T, Failure>;

/// Why a request was not answered as asked.
#[derive(Debug, Clone)]
pub struct Failure(Arc<Reason>);

/// What went wrong, in the words of HTTP where our own errors have none.
#[derive(Debug)]
pub enum Reason {
    /// Anything that a slice says.
    Error(Error),
    /// Nobody is signed in, or the token is unknown.
    SignInNeeded,
    /// Credentials that Git sent are not good; says why.
    NotRecognised(String),
    /// The body or the query cannot be read at all.
    Malformed(String),
    /// Larger than this route allows.
    TooLarge(usize),
    /// Another content type is needed.
    UnsupportedType(&'static str),
    /// The route has no such method.
    MethodNotAllowed,
    /// Another website made this request.
    CrossSite,
    /// It took too long.
    TimedOut,
}

impl Failure {
    /// Wraps a reason.
    pub fn because(reason: Reason) -> Failure {
        Failure(Arc::new(reason))
    }

    /// Says which fields do not fit.
    pub fn fields(fields: Vec<FieldError>) -> Failure {
        Failure::from(Error::Invalid(fields))
    }

    /// The status code.
    pub fn status(&self) -> StatusCode {
        match &*self.0 {
            Reason::Error(Error::NotFound(_)) => StatusCode::NOT_FOUND,
            Reason::Error(Error::Invalid(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            Reason::Error(Error::Forbidden(_)) | Reason::CrossSite => StatusCode::FORBIDDEN,
            Reason::Error(Error::Conflict(_)) => StatusCode::CONFLICT,
            Reason::Error(Error::Throttled { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Reason::Error(Error::Unavailable { .. }) | Reason::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Reason::Error(Error::Internal(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Reason::SignInNeeded | Reason::NotRecognised(_) => StatusCode::UNAUTHORIZED,
            Reason::Malformed(_) => StatusCode::BAD_REQUEST,
            Reason::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::UnsupportedType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Reason::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// A sentence for whoever asked.
    pub fn detail(&self) -> String {
        match &*self.0 {
            Reason::Error(error) => sentence(&error.public_message()),
            Reason::SignInNeeded => "Sign in, or send a valid token as `Authorization: Bearer …`.".to_owned(),
            Reason::Malformed(why) | Reason::NotRecognised(why) => sentence(why),
            Reason::TooLarge(limit) => format!("The body may hold at most {} here.", ui::format::bytes(*limit as u64)),
            Reason::UnsupportedType(wanted) => format!("Send the body as `Content-Type: {wanted}`."),
            Reason::MethodNotAllowed => "This address does not answer that method.".to_owned(),
            Reason::CrossSite => "The request came from another website and was refused. Open the page again and retry.".to_owned(),
            Reason::TimedOut => "It took too long and was given up. Try again in a moment.".to_owned(),
        }
    }

    fn field_errors(&self) -> &[FieldError] {
        match &*self.0 {
            Reason::Error(Error::Invalid(fields)) => fields,
            _ => &[],
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match &*self.0 {
            Reason::Error(Error::Throttled { retry_after, .. }) => Some(retry_after.as_secs().max(1)),
            Reason::Error(Error::Unavailable { .. }) | Reason::TimedOut => Some(5),
            _ => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::because(Reason::Error(error))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Upper-case first letter, full stop at the end: errors of slices are written without.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut whole: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    if !whole.ends_with(['.', '!', '?']) {
        whole.push('.');
    }
    whole
}

/// Gives failures their form: problem details for programs, a page for people, a redirect to sign-in.
pub async fn render(State(app): State<App>, facts: RequestFacts, request: Request, next: Next) -> Response {
    let asked = Asked { facts, method: request.method().clone(), uri: request.uri().clone(), headers: request.headers().clone() };
    let mut response = next.run(request).await;
    let Some(failure) = response.extensions_mut().remove::<Failure>() else { return response };
    log(&failure, &asked);
    let mut rendered = asked.render(&app, &failure).await;
    // What the route itself set stays, such as `Allow`.
    for (name, value) in response.headers() {
        if name != header::CONTENT_LENGTH && name != header::CONTENT_TYPE {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    if let Some(seconds) = failure.retry_after_seconds() {
        rendered.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if failure.status() == StatusCode::UNAUTHORIZED && !rendered.headers().contains_key(header::WWW_AUTHENTICATE) {
        rendered.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    rendered
}

/// Answers a panic like any other fault of ours, after logging what it said.
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Failure::from(Error::internal(format!("panic: {}", text.unwrap_or("without a text")))).into_response()
}

fn log(failure: &Failure, asked: &Asked) {
    match &*failure.0 {
        Reason::Error(error @ Error::Internal(_)) => error!(request_id = asked.facts.id, "answering with an internal error: {error}"),
        Reason::Error(error @ Error::Unavailable { .. }) => warn!(request_id = asked.facts.id, "something outside is unavailable: {error}"),
        Reason::TimedOut => warn!(request_id = asked.facts.id, "a request was given up after its time limit"),
        Reason::CrossSite => warn!(request_id = asked.facts.id, "a request made by another website was refused"),
        _ => {}
    }
}

/// What of a request decides the form of a failure. Looked at only when there is one.
struct Asked {
    facts: RequestFacts,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Asked {
    async fn render(&self, app: &App, failure: &Failure) -> Response {
        let path = self.uri.path();
        if git::asks(path) {
            return git::plain(failure);
        }
        if is_for_programs(path) || prefers_json(&self.headers) {
            return Problem::of(failure, &self.facts.id, path).into_response();
        }
        if is_fragment(&self.headers) {
            return (failure.status(), html! { p role="alert" { (failure.detail()) } }).into_response();
        }
        if matches!(*failure.0, Reason::SignInNeeded) {
            return Redirect::to(&self.sign_in_address()).into_response();
        }
        let text = match failure.status() {
            // The message may name what an id stood for; a page says no more than that it is not there.
            StatusCode::NOT_FOUND => String::new(),
            _ => failure.detail(),
        };
        View::of(self.viewer(app).await, &self.headers, path).with_status(failure.status()).problem(ui::page::Problem {
            status: failure.status().as_u16(),
            text: &text,
            reference: &self.facts.id,
            actions: button::link_secondary("/", "To the start page"),
            ..ui::page::Problem::default()
        })
    }

    /// Who looks at a page of failure: whom the guard recognised, or, where no guard stands (an address that does not exist, a way
    /// in), whose session it is.
    async fn viewer(&self, app: &App) -> Option<Actor> {
        if let Some(actor) = self.facts.caller.get() {
            return Some(actor.clone());
        }
        let token = session::token(app, &self.headers)?;
        // Without the database there is no frame; what went wrong is said all the same.
        accounts::sessions::authenticate(&app.db, &app.clock, &self.facts.remote(&self.headers), token).await.ok().flatten()
    }

    fn sign_in_address(&self) -> String {
        let target = self.uri.path_and_query().map_or("/", |target| target.as_str());
        // Only a page can be gone to afterwards; a form is filled in again.
        let next = if self.method == Method::GET && target != "/" { target } else { "" };
        match next {
            "" => "/sign-in".to_owned(),
            next => format!("/sign-in?{}", serde_urlencoded::to_string([("next", next)]).unwrap_or_default()),
        }
    }
}

/// Addresses that programs ask: they get problem details whatever they accept.
fn is_for_programs(path: &str) -> bool {
    let machine = ["/palette.json", "/metrics", "/healthz", "/readyz"];
    (path.starts_with("/api/") && !path.starts_with("/api/docs")) || path.starts_with("/live/") || machine.contains(&path)
}

fn prefers_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("json") && !accept.contains("text/html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_sentences() {
        assert_eq!(sentence("customer was not found"), "Customer was not found.");
        assert_eq!(sentence("Really?"), "Really?");
        assert_eq!(sentence("ä"), "Ä.");
    }
}
