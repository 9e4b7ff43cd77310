//! Stands before every handler: finds out who asks, and lets in whom the route's declaration allows.

use accounts::{Actor, Client};
use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http_body_util::Limited;
use kit::Error;

use super::{Access, Limits, RouteInfo};
use crate::app::App;
use crate::request::{RequestFacts, bearer};
use crate::respond::{Answer, Failure, Reason};
use crate::{idempotency, session};

/// The largest body that this route takes; read by the extractors.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

/// Who asks. Only on routes that need someone.
#[derive(Debug, Clone)]
pub struct Caller(pub Actor);

/// Where the request comes from, for what slices write down.
#[derive(Debug, Clone)]
pub struct Remote(pub Client);

/// Lets a request through to its handler, or says why not.
pub(super) async fn admit(route: RouteInfo, limits: Limits, request: Request, next: Next) -> Response {
    match admitted(&route, limits, request, next).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn admitted(route: &RouteInfo, limits: Limits, mut request: Request, next: Next) -> Answer {
    let app = request.extensions().get::<App>().cloned().ok_or_else(|| Error::internal("a route outside of the router"))?;
    let facts = facts(request.extensions())?.clone();

    let limit = limits.body_bytes.unwrap_or(app.config.server.max_body_bytes);
    if declared_length(request.headers()).is_some_and(|length| length > limit as u64) {
        return Err(Failure::because(Reason::TooLarge(limit)));
    }
    request.extensions_mut().insert(BodyLimit(limit));

    let client = facts.remote(request.headers());
    let actor = authenticate(&app, &client, route, request.headers()).await?;
    if let Some(actor) = &actor {
        let _ = facts.caller.set(actor.clone());
    }
    if let Some(elsewhere) = check(&app, route.access, actor.as_ref(), &facts, request.headers())? {
        return Ok(elsewhere);
    }
    request.extensions_mut().insert(Remote(client));
    if let Some(actor) = actor.clone() {
        request.extensions_mut().insert(Caller(actor));
    }
    let request = request.map(|body| Body::new(Limited::new(body, limit)));

    let run = async {
        match (&actor, route.idempotent) {
            (Some(actor), true) => idempotency::once(&app, actor, request, next).await,
            _ => Ok(next.run(request).await),
        }
    };
    if limits.unhurried {
        return run.await;
    }
    match tokio::time::timeout(app.config.server.request_timeout(), run).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::because(Reason::TimedOut)),
    }
}

/// A token on the API, a session anywhere. A page never looks at tokens: a browser does not send them.
async fn authenticate(app: &App, client: &Client, route: &RouteInfo, headers: &HeaderMap) -> Answer<Option<Actor>> {
    if matches!(route.access, Access::Public | Access::Machines) {
        return Ok(None);
    }
    if let Some(token) = bearer(headers) {
        return match is_api(&route.path) {
            true => Ok(accounts::tokens::authenticate(&app.db, &app.clock, client, token).await?),
            false => Ok(None),
        };
    }
    match session::token(app, headers) {
        Some(token) => Ok(accounts::sessions::authenticate(&app.db, &app.clock, client, token).await?),
        None => Ok(None),
    }
}

/// Applies the declaration. `Some` answers in the handler's place.
fn check(app: &App, access: Access, actor: Option<&Actor>, facts: &RequestFacts, headers: &HeaderMap) -> Answer<Option<Response>> {
    let signed_in = || actor.ok_or_else(|| Failure::because(Reason::SignInNeeded));
    match access {
        Access::Public | Access::Anyone => {}
        Access::SignedOut if actor.is_some() => return Ok(Some(Redirect::to("/").into_response())),
        Access::SignedOut => {}
        Access::SignedIn => {
            signed_in()?;
        }
        Access::May(permission) => signed_in()?.may(permission)?,
        Access::House(permission) => {
            let actor = signed_in()?;
            actor.may(permission)?;
            if !actor.scope().is_house() {
                return Err(Error::forbidden("this belongs to the people who run Innkeeper").into());
            }
        }
        Access::Machines => {
            let token = &app.config.server.metrics_token;
            let knows_token = !token.is_empty() && bearer(headers).is_some_and(|sent| kit::secrets::constant_time_eq(sent, token.reveal()));
            if !facts.from_this_host && !knows_token {
                return Err(
                    Error::forbidden("only programs on this machine, or with the token `server.metrics_token`, may read this").into()
                );
            }
        }
    }
    Ok(None)
}

fn is_api(path: &str) -> bool {
    path.starts_with("/api/")
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn facts(extensions: &axum::http::Extensions) -> Answer<&RequestFacts> {
    extensions.get::<RequestFacts>().ok_or_else(|| Error::internal("a request without its facts").into())
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Caller> {
        // The guard has answered already where nobody is signed in; this is for a route declared `Public` by mistake.
        parts.extensions.get::<Caller>().cloned().ok_or_else(|| Failure::because(Reason::SignInNeeded))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Remote {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Remote> {
        parts.extensions.get::<Remote>().cloned().ok_or_else(|| Error::internal("a request that passed no guard").into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestFacts {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<RequestFacts> {
        Ok(facts(&parts.extensions)?.clone())
    }
}
