//! Bodies, queries and paths as typed values; what does not fit is named by its field.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kit::{Error, FieldError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::respond::{Failure, Reason};
use crate::routes::BodyLimit;

/// A JSON body, and a JSON answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

/// A JSON body that may be left out, with its content type: all of its fields may be, too.
#[derive(Debug, Clone, Copy, Default)]
pub struct MaybeJson<T>(pub T);

/// The fields of an HTML form.
#[derive(Debug, Clone, Default)]
pub struct Form<T>(pub T);

/// The query of the address.
#[derive(Debug, Clone, Default)]
pub struct Query<T>(pub T);

/// The variable parts of the path. What does not parse is answered like what does not exist.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Json<T>, Failure> {
        let is_json = content_type(request.headers()).is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
        if !is_json {
            return Err(Failure::because(Reason::UnsupportedType("application/json")));
        }
        let body = read_body(request, app).await?;
        from_json(&body).map(Json)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<App> for MaybeJson<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<MaybeJson<T>, Failure> {
        let declared = content_type(request.headers());
        let body = read_body(request, app).await?;
        match declared {
            _ if body.is_empty() => Ok(MaybeJson(T::default())),
            Some(kind) if kind == "application/json" || kind.ends_with("+json") => from_json(&body).map(MaybeJson),
            _ => Err(Failure::because(Reason::UnsupportedType("application/json"))),
        }
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Form<T>, Failure> {
        if content_type(request.headers()).as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(Failure::because(Reason::UnsupportedType("application/x-www-form-urlencoded")));
        }
        let body = read_body(request, app).await?;
        from_pairs(&body).map(Form)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query<T>, Failure> {
        from_pairs(parts.uri.query().unwrap_or_default().as_bytes()).map(Query)
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Failure> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(_) => Err(Failure::from(Error::not_found("the address"))),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A created thing: 201 with its address.
pub fn created<T: Serialize>(location: &str, value: T) -> Response {
    (StatusCode::CREATED, [(header::LOCATION, location.to_owned())], Json(value)).into_response()
}

/// Reads a body up to the limit of its route.
pub async fn read_body(request: Request, app: &App) -> Result<Bytes, Failure> {
    let limit = request.extensions().get::<BodyLimit>().map_or(app.config.server.max_body_bytes, |limit| limit.0);
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(failed) if failed.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Failure::because(Reason::TooLarge(limit))
        }
        _ => Failure::because(Reason::Malformed("the body ended too early".to_owned())),
    })
}

/// Reads JSON. Text that is no JSON is malformed; JSON that does not fit names the field.
pub fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    // PostgreSQL stores no NUL in a text, and nobody types one.
    if body.windows(6).any(|letters| letters == b"\\u0000")
        && let Some(field) = serde_json::from_slice(body).ok().and_then(|value| path_to_nul(&value))
    {
        return Err(holds_nul(field));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            unfit(&path, &plain(&inner.to_string()))
        } else {
            Failure::because(Reason::Malformed(format!("the body is not valid JSON: {inner}")))
        }
    })?;
    reader.end().map_err(|error| Failure::because(Reason::Malformed(format!("the body is not valid JSON: {error}"))))?;
    Ok(value)
}

/// Reads `a=1&b=2`.
pub fn from_pairs<T: DeserializeOwned>(text: &[u8]) -> Result<T, Failure> {
    if std::str::from_utf8(text).is_err() {
        return Err(Failure::because(Reason::Malformed("the form is not UTF-8".to_owned())));
    }
    if let Some((name, _)) = form_urlencoded::parse(text).find(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(holds_nul(name.replace('\0', "")));
    }
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text));
    serde_path_to_error::deserialize(reader).map_err(|error| unfit(&error.path().to_string(), &plain(&error.inner().to_string())))
}

fn holds_nul(field: String) -> Failure {
    Failure::fields(vec![FieldError { field, message: "must not hold NUL characters".to_owned() }])
}

/// Where the first text with a NUL stands, with dots between levels.
fn path_to_nul(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    let below =
        |step: String, value: &Value| path_to_nul(value).map(|rest| if rest.is_empty() { step.clone() } else { format!("{step}.{rest}") });
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| below(at.to_string(), item)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| below(name.clone(), value)),
        _ => None,
    }
}

/// Binds each name to its parsed value, or returns the complaints of all that do not parse at once.
macro_rules! all_or_complaints {
    ($($name:ident: $parsed:expr),* $(,)?) => {
        $(let $name = $parsed;)*
        let mut complaints: Vec<kit::FieldError> = Vec::new();
        $(match &$name {
            Ok(_) => {}
            Err(kit::Error::Invalid(fields)) => complaints.extend(fields.iter().cloned()),
            Err(_) => {}
        })*
        if !complaints.is_empty() {
            return Err(kit::Error::Invalid(complaints));
        }
        $(let $name = $name?;)*
    };
}
pub(crate) use all_or_complaints;

/// serde names an unknown or missing field in its message, not in the path.
fn unfit(path: &str, message: &str) -> Failure {
    let named = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start)?.split_once('`').map(|(name, _)| name));
    let field = match (path, named) {
        (".", Some(name)) => name.to_owned(),
        (path, Some(name)) if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
        (".", None) => "body".to_owned(),
        (path, None) => path.to_owned(),
    };
    let message = match named {
        Some(_) if message.starts_with("missing") => "is missing".to_owned(),
        Some(_) if message.starts_with("duplicate") => "is given twice".to_owned(),
        Some(_) => "is not a field here".to_owned(),
        None => message.to_owned(),
    };
    Failure::fields(vec![FieldError { field, message }])
}

/// Without the position that serde_json appends.
fn plain(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        name: String,
        #[serde(default)]
        limits: Limits,
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Limits {
        sites: u32,
    }

    fn complaint(body: &str) -> String {
        format!("{:?}", from_json::<Body>(body.as_bytes()).map(|body| (body.name, body.limits.sites)).unwrap_err())
    }

    #[test]
    fn complaints_name_the_field() {
        for (body, field) in [
            (r#"{"name":1}"#, "name"),
            (r#"{}"#, "name: is missing"),
            (r#"{"name":"a","role":"admin"}"#, "role: is not a field here"),
            (r#"{"name":"a","limits":{"sites":-1}}"#, "limits.sites"),
            (r#"{"name":"a","limits":{"site":1}}"#, "limits.site: is not a field here"),
            (r#"[]"#, "Invalid"),
            (r#"{"name":"a\u0000"}"#, "name: must not hold NUL"),
        ] {
            let text = complaint(body);
            assert!(text.contains(field) && text.contains("Invalid"), "{body}: {text}");
        }
        for body in ["", "{", "nonsense", r#"{"name":"a"} x"#] {
            assert!(complaint(body).contains("Malformed"), "{body}");
        }
    }

    #[test]
    fn forms_and_queries_do_too() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            #[expect(dead_code, reason = "only its reading is tested")]
            age: u8,
        }
        for (text, field) in [("age=x", "age"), ("", "age: is missing"), ("age=1&role=admin", "role: is not a field here")] {
            let complaint = format!("{:?}", from_pairs::<Fields>(text.as_bytes()).unwrap_err());
            assert!(complaint.contains(field), "{text}: {complaint}");
        }
        assert!(from_pairs::<Fields>(b"age=\xff").is_err());
        assert!(from_pairs::<Fields>(b"age=%00").is_err());
    }
}
