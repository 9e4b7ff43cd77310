//! The description of the API: OpenAPI 3.1 made from the handlers and the routes' access, and a page to read it.

mod page;

use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;
use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::{InfoBuilder, OpenApiBuilder};

use crate::extract::Json;
use crate::respond::{Problem, problem_kinds};
use crate::router;
use crate::routes::{Access, RouteInfo, Routes};

/// The document and the page.
pub fn routes(routes: Routes) -> Routes {
    routes.get("/api/openapi.json", Access::Public, json_document).get("/api/docs", Access::Public, page::show)
}

async fn json_document() -> Response {
    Json(document()).into_response()
}

/// The whole document.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| write(&router::described()))
}

fn write(routes: &Routes) -> Value {
    let (paths, schemas) = routes.description();
    let info = InfoBuilder::new()
        .title("Innkeeper")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Times are RFC 3339 in UTC. Lists answer `items` and `next`; send `next` back as `after` (or `before`) for the following page. \
             Failures are problem details (RFC 9457). Send `Idempotency-Key` with a create that you may have to repeat.",
        ))
        .build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .schema("Problem", Problem::schema())
        .schema("FieldProblem", crate::respond::FieldProblem::schema())
        .build();
    let document = OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build();
    let mut document = serde_json::to_value(document).expect("the document is plain data");
    document["servers"] = json!([{ "url": "/" }]);
    document["components"]["securitySchemes"] = json!({
        "token": { "type": "http", "scheme": "bearer", "description": "An API token, made under Account → API tokens." },
        "session": { "type": "apiKey", "in": "cookie", "name": "innkeeper", "description": "The cookie of a signed-in browser." },
    });
    for route in routes.table() {
        let method = route.method.to_ascii_lowercase();
        if let Some(Value::Object(operation)) = document.pointer_mut(&format!("/paths/{}/{method}", escaped(&route.path))) {
            complete(operation, route);
        }
    }
    document
}

/// What every operation has in common is written here, so that handlers describe only what is theirs.
fn complete(operation: &mut Map<String, Value>, route: &RouteInfo) {
    operation.insert("operationId".to_owned(), json!(operation_id(route)));
    operation.insert("security".to_owned(), security(route.access));
    if let Some(permission) = permission_of(route.access) {
        operation.insert("x-permission".to_owned(), json!(permission.as_str()));
        operation.insert("x-token-scope".to_owned(), json!(permission.token_scope().map(|scope| scope.as_str())));
    }
    let has_body = operation.contains_key("requestBody");
    let has_id = route.path.contains('{');
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let (true, Value::Array(parameters)) = (route.idempotent, parameters) {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Any text of up to 200 characters. The same request with the same key is answered from memory for a day.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 200 },
        }));
    }
    let Some(Value::Object(responses)) = operation.get_mut("responses") else { return };
    for (status, _, title, _) in problem_kinds() {
        let applies = match status {
            401 | 403 => !is_open(route.access),
            // Also where no id is in the path: a filter or a body may name a customer that is not the caller's.
            404 => has_id || !is_open(route.access),
            400 | 413 | 415 => has_body,
            422 => true,
            409 => route.method != "GET",
            429 | 500 | 503 => true,
            _ => false,
        };
        if applies {
            let schema = json!({ "$ref": "#/components/schemas/Problem" });
            responses
                .entry(status.to_string())
                .or_insert_with(|| json!({ "description": title, "content": { "application/problem+json": { "schema": schema } } }));
        }
    }
}

/// `get_customers_customer`: unique, and stable while method and path are.
fn operation_id(route: &RouteInfo) -> String {
    let words: Vec<&str> =
        route.path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty() && *word != "api").collect();
    format!("{}_{}", route.method.to_ascii_lowercase(), words.join("_"))
}

/// Whether nobody needs to sign in.
fn is_open(access: Access) -> bool {
    matches!(access, Access::Public | Access::Anyone)
}

/// The permission that a route asks for.
fn permission_of(access: Access) -> Option<accounts::Permission> {
    match access {
        Access::May(permission) | Access::House(permission) => Some(permission),
        _ => None,
    }
}

fn security(access: Access) -> Value {
    match (access, permission_of(access)) {
        (access, _) if is_open(access) => json!([]),
        (_, Some(permission)) if permission.token_scope().is_none() => json!([{ "session": [] }]),
        (_, Some(permission)) => {
            let scope = permission.token_scope().map(|scope| scope.as_str());
            json!([{ "token": scope.into_iter().collect::<Vec<_>>() }, { "session": [] }])
        }
        _ => json!([{ "token": [] }, { "session": [] }]),
    }
}

/// A path as one step of a JSON pointer.
fn escaped(path: &str) -> String {
    path.replace('~', "~0").replace('/', "~1")
}
