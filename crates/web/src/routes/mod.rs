//! The table of routes: each is declared once, with who may call it, and the same line enforces it.
//!
//! ```ignore
//! routes
//!     .get("/sites", Access::May(Permission::ReadSites), list)
//!     .post("/sites", Access::May(Permission::WriteSites), create)
//!     .api(Access::May(Permission::ReadSites), routes!(api_list))
//!     .api_create(Access::May(Permission::WriteSites), routes!(api_create)) // honours Idempotency-Key
//! ```
//!
//! `routes!` is utoipa-axum's: it takes path, method and description from the handler's `#[utoipa::path]`, so the
//! OpenAPI document cannot leave a route out. [`Routes::table`] is what the role matrix test walks.

mod guard;

use std::collections::BTreeMap;

use accounts::Permission;
use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn;
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::openapi::path::{PathItem, Paths};
use utoipa::openapi::{RefOr, Schema};

use crate::app::App;

pub use guard::{BodyLimit, Caller, Remote};
pub use utoipa_axum::routes;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone; nobody is looked up.
    Public,
    /// Anyone; who is signed in, is known.
    Anyone,
    /// People who are signed out; others are led to their start page.
    SignedOut,
    /// Anyone who is signed in, or any token.
    SignedIn,
    /// Whoever has the permission, within their scope.
    May(Permission),
    /// Concierges and admins who have the permission: what is shown belongs to many customers.
    House(Permission),
    /// Programs on this machine, or with the token of the settings.
    Machines,
}

/// One route, as the matrix test and the operator see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// `GET`, `POST`, ….
    pub method: &'static str,
    /// The path with its variable parts in braces.
    pub path: String,
    /// Who may call it.
    pub access: Access,
    /// Whether `Idempotency-Key` is honoured.
    pub idempotent: bool,
}

/// What else the guard of a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Largest body, when it is not the usual one.
    pub body_bytes: Option<usize>,
    /// Whether the answer may take as long as it wants (streams, pushes, long polls).
    pub unhurried: bool,
}

/// What `routes!` makes of an API handler.
pub type ApiHandler = (Vec<(String, RefOr<Schema>)>, Paths, MethodRouter<App>);

/// All routes, with their table and their description.
#[derive(Default)]
pub struct Routes {
    router: Router<App>,
    doors: Router<App>,
    table: Vec<RouteInfo>,
    paths: Paths,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

impl Routes {
    /// A page or a fragment.
    #[must_use]
    pub fn get<H, T>(self, path: &str, access: Access, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.on("GET", path, access, Limits::default(), on(MethodFilter::GET, handler))
    }

    /// What a form posts to.
    #[must_use]
    pub fn post<H, T>(self, path: &str, access: Access, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.on("POST", path, access, Limits::default(), on(MethodFilter::POST, handler))
    }

    /// Any method, with limits of its own: streams, uploads, services that are no handlers.
    #[must_use]
    pub fn on(mut self, method: &'static str, path: &str, access: Access, limits: Limits, route: MethodRouter<App>) -> Self {
        let info = RouteInfo { method, path: path.to_owned(), access, idempotent: false };
        self.add(info, limits, route);
        self
    }

    /// A route of the API that is described by its `#[utoipa::path]`.
    #[must_use]
    pub fn api(self, access: Access, handler: ApiHandler) -> Self {
        self.described(access, false, Limits::default(), handler)
    }

    /// As [`Routes::api`], with limits of its own.
    #[must_use]
    pub fn api_within(self, access: Access, limits: Limits, handler: ApiHandler) -> Self {
        self.described(access, false, limits, handler)
    }

    /// A route of the API that creates something: `Idempotency-Key` is honoured.
    #[must_use]
    pub fn api_create(self, access: Access, handler: ApiHandler) -> Self {
        self.described(access, true, Limits::default(), handler)
    }

    /// A route for `POST` that is asked thousands of times a second: nothing stands before its handler, which sees to access, limits,
    /// headers and failures itself. The table says what it does.
    #[must_use]
    pub fn door(mut self, path: &str, access: Access, route: MethodRouter<App>) -> Self {
        self.table.push(RouteInfo { method: "POST", path: path.to_owned(), access, idempotent: false });
        self.doors = self.doors.route(path, route);
        self
    }

    /// As [`Routes::door`], for a route of the API; `otherwise` answers other methods.
    #[must_use]
    pub fn described_door<H, T>(mut self, access: Access, (schemas, paths, route): ApiHandler, otherwise: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.schemas.extend(schemas);
        let path = paths.paths.keys().next().cloned().unwrap_or_default();
        self.paths.merge(paths);
        self.door(&path, access, route.fallback(otherwise))
    }

    fn described(mut self, access: Access, idempotent: bool, limits: Limits, (schemas, paths, route): ApiHandler) -> Self {
        self.schemas.extend(schemas);
        for (path, item) in &paths.paths {
            for method in methods(item) {
                let info = RouteInfo { method, path: path.clone(), access, idempotent };
                // `routes!` is called with one handler, which has one method.
                self.add(info, limits, route.clone());
            }
        }
        self.paths.merge(paths);
        self
    }

    fn add(&mut self, info: RouteInfo, limits: Limits, route: MethodRouter<App>) {
        let guarded = {
            let info = info.clone();
            let is_any = info.method == "ANY";
            let guard = from_fn(move |request, next| guard::admit(info.clone(), limits, request, next));
            // A route that answers every method is axum's fallback, which only `layer` reaches; around the others `layer`
            // would also stand before the answer that a method does not exist.
            if is_any { route.layer(guard) } else { route.route_layer(guard) }
        };
        self.router = std::mem::take(&mut self.router).route(&info.path, guarded);
        self.table.push(info);
    }

    /// Every route.
    pub fn table(&self) -> &[RouteInfo] {
        &self.table
    }

    /// The router, with every route behind its guard, and the one of the doors.
    pub(crate) fn into_routers(self) -> (Router<App>, Router<App>) {
        (self.router, self.doors)
    }

    /// Paths and schemas of the described routes.
    pub(crate) fn description(&self) -> (Paths, BTreeMap<String, RefOr<Schema>>) {
        (self.paths.clone(), self.schemas.clone())
    }
}

fn methods(item: &PathItem) -> Vec<&'static str> {
    let all = [
        ("GET", item.get.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
        ("PATCH", item.patch.is_some()),
        ("DELETE", item.delete.is_some()),
    ];
    all.into_iter().filter(|(_, is_there)| *is_there).map(|(method, _)| method).collect()
}
