//! The description of the API as a page: groups, parameters, bodies, an example for each.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;
use ui::badge::{self, Tone};
use ui::card::{self, Card};
use ui::copy;
use ui::page::Bare;
use ui::table::{self, Column, Row, Table};

use super::document;
use crate::app::App;
use crate::frame::View;
use crate::respond::problem_kinds;

const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

/// Shows everything on one page, to be searched with the browser.
pub async fn show(State(app): State<App>, view: View) -> Response {
    let document = document();
    let origin = app.config.server.public_url.origin();
    let groups = groups(document);
    let body = html! {
        p { (marked(text(&document["info"]["description"]))) }
        p {
            "Make a token under " a href="/account/tokens" { "Account → API tokens" } " and send it as "
            code { "Authorization: Bearer …" } ". The description for programs: " a href="/api/openapi.json" { "openapi.json" } "."
        }
        nav aria-label="Groups" {
            ul.chips { @for name in groups.keys() { li { a.chip href={ "#" (anchor(name)) } { (name) } } } li { a.chip href="#problems" { "Problems" } } li { a.chip href="#schemas" { "Schemas" } } }
        }
        @for (name, operations) in &groups {
            section.stack {
                h2 id=(anchor(name)) { (name) }
                (card::stack(html! { @for (path, method, operation) in operations { (operation_card(document, origin, path, method, operation)) } }))
            }
        }
        section.stack { h2 #problems { "Problems" } (problems()) }
        section.stack { h2 #schemas { "Schemas" } (schemas(document)) }
    };
    let footer = html! { a href="/" { "Back to Innkeeper" } };
    view.bare(Bare { title: "API", wide: true, body: html! { div.form { (body) } }, footer, ..Bare::default() })
}

type Operations<'a> = Vec<(&'a str, &'static str, &'a Value)>;

fn groups(document: &Value) -> BTreeMap<&str, Operations<'_>> {
    let mut groups: BTreeMap<&str, Operations<'_>> = BTreeMap::new();
    for (path, item) in fields(&document["paths"]) {
        for method in METHODS {
            if let Some(operation) = item.get(*method) {
                let tag = operation["tags"][0].as_str().unwrap_or("Other");
                groups.entry(tag).or_default().push((path, method, operation));
            }
        }
    }
    groups
}

fn operation_card(document: &Value, origin: &str, path: &str, method: &str, operation: &Value) -> Markup {
    let title = format!("{} {path}", method.to_ascii_uppercase());
    let body_schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let scope = match (operation["x-token-scope"].as_str(), operation["security"].as_array().map(Vec::len)) {
        (Some(scope), _) => badge::tag(Tone::Accent, scope),
        (None, Some(0)) => badge::tag(Tone::Neutral, "open"),
        (None, Some(1)) => badge::tag(Tone::Warn, "session only"),
        (None, _) => badge::tag(Tone::Neutral, "any token"),
    };
    card::card(Card {
        title: &title,
        id: operation["operationId"].as_str().unwrap_or_default(),
        badge: scope,
        body: html! {
            p { strong { (marked(text(&operation["summary"]))) } }
            @if let Some(more) = operation["description"].as_str() { p { (marked(more)) } }
            (parameters(operation))
            @if !body_schema.is_null() { p.hint { "Body: " (reference(body_schema)) } }
            ul {
                @for (status, response) in fields(&operation["responses"]) {
                    @if status.starts_with('2') {
                        @let schema = &response["content"]["application/json"]["schema"];
                        li { code { (status) } " " (text(&response["description"])) @if !schema.is_null() { ": " (reference(schema)) } }
                    }
                }
            }
            (copy::copy_field("Example", &example(document, origin, path, method, body_schema)))
        },
        ..Card::default()
    })
}

fn parameters(operation: &Value) -> Markup {
    let Some(parameters) = operation["parameters"].as_array().filter(|all| !all.is_empty()) else { return Markup::default() };
    let rows = parameters
        .iter()
        .map(|parameter| {
            Row::new([
                html! { code { (text(&parameter["name"])) } },
                html! { (text(&parameter["in"])) @if parameter["required"] == true { ", required" } },
                marked(text(&parameter["description"])),
            ])
        })
        .collect();
    table::table(Table {
        caption: "Parameters",
        bare: true,
        columns: &[Column::new("Parameter"), Column::new("Where"), Column::new("Meaning")],
        rows,
        ..Table::default()
    })
}

fn problems() -> Markup {
    let rows = problem_kinds()
        .iter()
        .map(|(status, name, title, meaning)| {
            Row::new([
                html! { code id={ "problem-" (name) } { (status) } },
                html! { code { "/api/docs#problem-" (name) } },
                table::two_lines(title, meaning),
            ])
        })
        .collect();
    table::table(Table {
        caption: "Problems",
        columns: &[Column::new("Status"), Column::new("Type").minor(), Column::new("Meaning")],
        rows,
        ..Table::default()
    })
}

fn schemas(document: &Value) -> Markup {
    let cards = html! {
        @for (name, schema) in fields(&document["components"]["schemas"]) {
            (card::card(Card {
                title: name,
                id: &schema_anchor(name),
                flush: true,
                body: html! { @if let Some(words) = schema["description"].as_str() { p.pad { (marked(words)) } } (properties(name, schema)) },
                ..Card::default()
            }))
        }
    };
    card::stack(cards)
}

fn properties(name: &str, schema: &Value) -> Markup {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let rows = fields(&schema["properties"])
        .map(|(field, kind)| {
            let need = if required.contains(&field) { "" } else { " (optional)" };
            Row::new([html! { code { (field) } }, html! { (reference(kind)) (need) }, marked(text(&kind["description"]))])
        })
        .collect();
    table::table(Table {
        caption: name,
        bare: true,
        columns: &[Column::new("Field"), Column::new("Type"), Column::new("Meaning")],
        rows,
        ..Table::default()
    })
}

/// A type in words; named ones are links.
fn reference(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return html! { a.in-text href={ "#" (schema_anchor(name)) } { (name) } };
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return html! { @for (at, choice) in choices.iter().enumerate() { @if at > 0 { " or " } (reference(choice)) } };
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => html! { "list of " (reference(&schema["items"])) },
        Value::String(kind) => html! { (kind) },
        Value::Array(kinds) => html! { (kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")) },
        _ => html! { "any" },
    }
}

fn example(document: &Value, origin: &str, path: &str, method: &str, body: &Value) -> String {
    let mut command = format!("curl -H \"Authorization: Bearer $TOKEN\" {origin}{path}");
    if method != "get" {
        command += &format!(" -X {}", method.to_ascii_uppercase());
    }
    if !body.is_null() {
        command += &format!(" -H \"Content-Type: application/json\" -d '{}'", sample(document, body));
    }
    command
}

/// A value that fits, from the examples of the fields that must be there.
fn sample(document: &Value, schema: &Value) -> Value {
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if let Some(path) = schema["$ref"].as_str() {
        return document.pointer(path.trim_start_matches('#')).map_or(Value::Null, |target| sample(document, target));
    }
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match schema["type"].as_str() {
        Some("object") => fields(&schema["properties"])
            .filter(|(name, _)| required.is_empty() || required.contains(name))
            .map(|(name, kind)| (name.to_owned(), sample(document, kind)))
            .collect(),
        Some("array") => Value::Array(vec![sample(document, &schema["items"])]),
        Some("integer") => 1.into(),
        Some("boolean") => true.into(),
        _ => "…".into(),
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Text with `code` in it, as it stands in doc comments.
fn marked(text: &str) -> Markup {
    html! { @for (at, part) in text.split('`').enumerate() { @if at % 2 == 1 { code { (part) } } @else { (part) } } }
}

fn anchor(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

fn schema_anchor(name: &str) -> String {
    format!("schema-{name}")
}
