//! What surrounds every route: id, log line, figures, headers, protection from other websites, panics.

mod assets;
mod headers;
pub mod health;
mod ingestion_figures;
pub mod metrics;

use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use kit::Error;
use kit::id::random_base32;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{debug, info, warn};

use crate::app::App;
use crate::request::{Peer, REQUEST_ID, RequestFacts};
use crate::respond::{self, Failure, Reason};
use crate::routes::{Access, Routes};
use crate::{csrf, session};

/// Assets, health and figures.
pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/assets/{*path}", Access::Public, assets::serve)
        .get("/favicon.ico", Access::Public, assets::favicon)
        .get("/healthz", Access::Public, health::alive)
        .get("/readyz", Access::Public, health::ready)
        .get("/metrics", Access::Machines, metrics::show)
}

/// Puts the surroundings around the routes. The outermost comes last.
pub fn surround(router: Router<App>, app: &App) -> Router {
    router
        .fallback(async || Failure::from(Error::not_found("the address")))
        .method_not_allowed_fallback(async || Failure::because(Reason::MethodNotAllowed))
        .layer(from_fn_with_state(app.clone(), refuse_cross_site))
        .layer(CatchPanicLayer::custom(respond::panicked))
        .layer(from_fn_with_state(app.clone(), respond::render))
        // The guard of each route limits the body; this is axum's own, which would stand in the way of larger ones.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app.clone())
}

async fn refuse_cross_site(State(app): State<App>, request: Request, next: Next) -> Response {
    let has_session = session::token(&app, request.headers()).is_some();
    if csrf::is_cross_site(request.method(), request.headers(), &app.config.server.public_url, has_session) {
        return Failure::because(Reason::CrossSite).into_response();
    }
    next.run(request).await
}

/// Gives the request its facts, and the answer its headers; writes the line of the access log.
async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let peer = match request.extensions().get::<Peer>() {
        Some(peer) => peer.0.ip(),
        None => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    let id = format!("req_{}", random_base32(16));
    let facts = RequestFacts::gather(id, peer, request.headers(), &app.config.server.trusted_proxies);
    let method = request.method().clone();
    // The template, not the path: paths of reset links hold tokens.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    request.extensions_mut().insert(facts.clone());
    request.extensions_mut().insert(app.clone());

    let mut response = next.run(request).await;

    headers::protect(&app, response.headers_mut());
    let id = HeaderValue::from_str(&facts.id).expect("our ids are letters and digits");
    response.headers_mut().insert(&REQUEST_ID, id);
    let status = response.status();
    let took = started.elapsed();
    let template = route.as_deref().unwrap_or("none");
    metrics::count_request(method.as_str(), template, status, took);

    if let Some(actor) = facts.caller.get() {
        app.api_calls().note(actor, template, status.as_u16(), app.clock.now());
    }
    let caller = facts.caller.get().map(|actor| actor.member_id().map_or_else(|| actor.name().to_owned(), ToString::to_string));
    let caller = caller.unwrap_or_default();
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let code = status.as_u16();
    macro_rules! line {
        ($level:ident) => {
            $level!(
                request_id = facts.id, route = template, status = code, duration_ms, member_id = caller, client = %facts.client,
                "{method} {template} answered {code} in {duration_ms} ms"
            )
        };
    }
    match (template, status) {
        (_, status) if status.is_server_error() => line!(warn),
        ("/assets/{*path}" | "/healthz" | "/readyz" | "/metrics", _) => line!(debug),
        _ => line!(info),
    }
    response
}

#[cfg(test)]
mod tests {
    use accounts::Role;
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt;

    use super::*;
    use crate::routes::routes;
    use crate::testing::TestApp;

    async fn panics() -> Response {
        panic!("what only the log may know")
    }

    #[utoipa::path(post, path = "/api/panics", responses((status = 201)))]
    async fn creates() -> Response {
        panic!("what only the log may know")
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_a_fault_of_ours_and_the_next_request_is_served() {
        let test = TestApp::start().await;
        let admin = test.passwordless(Role::Admin).await;
        let routes = Routes::default()
            .get("/panics", Access::Public, panics)
            .get("/api/panics", Access::Public, panics)
            .api_create(Access::SignedIn, routes!(creates))
            .get("/healthz", Access::Public, health::alive);
        let router = surround(routes.into_routers().0, &test.app);
        let ask = async |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).extension(Peer(([127, 0, 0, 1], 4711).into()));
            let request = request.header("cookie", &admin.cookie).header("sec-fetch-site", "same-origin").header("idempotency-key", "k");
            let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            (status, String::from_utf8_lossy(&body).into_owned())
        };

        // Twice each: what a panic leaves behind (a lock, the claim of an `Idempotency-Key`) must not stand in the way.
        for (method, path, kind) in
            [("GET", "/panics", "Error 500"), ("GET", "/api/panics", "#problem-internal"), ("POST", "/api/panics", "#problem-internal")]
        {
            for _ in 0..2 {
                let (status, text) = ask(method, path).await;
                assert_eq!(status, 500, "{method} {path}: {text}");
                assert!(text.contains(kind) && text.contains("req_"), "{method} {path}: {text}");
                assert!(!text.contains("what only the log may know"), "{method} {path}: {text}");
            }
        }
        assert_eq!(ask("GET", "/healthz").await.0, 200);
    }
}
