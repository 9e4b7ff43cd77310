//! All routes in one place: one line for each surface.

use axum::Router;

use crate::app::App;
use crate::live::{self, Channel};
use crate::routes::{RouteInfo, Routes};
use crate::{account, alerts, api, entry, follow_ups, git, ingest, openapi, operator, palette, portal, status, surroundings};

/// Declares every route.
fn declare() -> Routes {
    let routes = Routes::default();
    let routes = surroundings::routes(routes);
    let routes = entry::routes(routes);
    let routes = account::routes(routes);
    let routes = operator::routes(routes);
    let routes = follow_ups::routes(routes);
    let routes = alerts::routes(routes);
    let routes = portal::routes(routes);
    let routes = palette::routes(routes);
    let routes = status::routes(routes);
    let routes = api::routes(routes);
    let routes = git::routes(routes);
    let routes = ingest::routes(routes);
    openapi::routes(routes)
}

/// The table of all routes: method, path, who may call it.
pub fn routes() -> Vec<RouteInfo> {
    live::declare(declare(), None).table().to_vec()
}

/// The described routes, for the OpenAPI document.
pub(crate) fn described() -> Routes {
    declare()
}

/// The service that answers requests.
pub(crate) fn build(app: &App, channel: Channel) -> Router {
    let (router, doors) = live::declare(declare(), Some(channel)).into_routers();
    surroundings::surround(router, app).merge(ingest::surround(doors, app))
}
