//! The session cookie.

use accounts::SignedIn;
use accounts::sessions::LIFE;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::app::App;
use crate::request::cookie;

/// The cookie's name. `__Host-` makes browsers refuse it without TLS, from subdomains and with another path.
pub fn cookie_name(app: &App) -> &'static str {
    if app.config.server.public_url.is_https() { "__Host-innkeeper" } else { "innkeeper" }
}

/// The token that the browser sent.
pub fn token<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    cookie(headers, cookie_name(app)).filter(|token| !token.is_empty())
}

/// Leads a person who has just signed in to `next`, which must be a path of ours.
pub fn begin(app: &App, signed_in: &SignedIn, next: &str) -> Response {
    let max_age = LIFE.as_secs();
    with_cookie(app, signed_in.token.reveal(), &format!("Max-Age={max_age}"), Redirect::to(next).into_response())
}

/// Forgets the session in the browser and leads to `next`.
pub fn end(app: &App, next: &str) -> Response {
    let mut response = with_cookie(app, "", "Max-Age=0", Redirect::to(next).into_response());
    // Pages of the session must not come back by the browser's back button.
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    response
}

fn with_cookie(app: &App, value: &str, life: &str, mut response: Response) -> Response {
    let secure = if app.config.server.public_url.is_https() { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; {life}{secure}", cookie_name(app));
    let cookie = HeaderValue::from_str(&text).expect("tokens are letters and digits");
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}
