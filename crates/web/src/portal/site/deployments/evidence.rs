//! What the watch saw of a release: why it was taken back, or kept.

use hosting::deployments::Deployment;
use maud::{Markup, html};
use serde_json::Value;
use ui::card::{self, Card};

/// Rows that are shown; evidence is small.
const ROWS: usize = 30;

/// Why, in one sentence.
pub(super) fn reason(deployment: &Deployment) -> Option<String> {
    Some(parsed(deployment)?.get("reason")?.as_str()?.to_owned())
}

/// The figures behind the verdict.
pub(super) fn card(deployment: &Deployment) -> Markup {
    let Some(evidence) = parsed(deployment) else { return Markup::default() };
    let mut rows = Vec::new();
    flatten("", &evidence, &mut rows);
    rows.retain(|(name, _)| !matches!(name.as_str(), "Verdict" | "Reason"));
    rows.truncate(ROWS);
    if rows.is_empty() {
        return Markup::default();
    }
    let shown: Vec<(&str, Markup)> = rows.iter().map(|(name, value)| (name.as_str(), html! { (value) })).collect();
    card::card(Card {
        title: "What the watch saw",
        help: "For a while after it went live, a release is compared with the one before.",
        body: card::kv(&shown),
        ..Card::default()
    })
}

fn parsed(deployment: &Deployment) -> Option<Value> {
    serde_json::from_str(deployment.evidence.as_deref()?).ok()
}

/// Names and values of an object, those of objects within it too: `{"old": {"error_rate": 0.1}}` is "Old error rate", 0.1.
fn flatten(before: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        let name = format!("{before} {}", name.replace('_', " ")).trim().to_owned();
        let text = match value {
            Value::Object(_) => {
                flatten(&name, value, rows);
                continue;
            }
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Number(number) if number.is_f64() => ui::format::decimal(number.as_f64().unwrap_or_default(), 3),
            other => other.to_string(),
        };
        let mut letters = name.chars();
        rows.push((letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect(), text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_of_any_shape_becomes_rows() {
        let value =
            serde_json::json!({ "verdict": "rolled_back", "old": { "error_rate": 0.01, "restarts": 0 }, "new_paths": ["<b>"], "x": null });
        let mut rows = Vec::new();
        flatten("", &value, &mut rows);
        let row = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert!(rows.contains(&row("Old error rate", "0.010")) && rows.contains(&row("Old restarts", "0")), "{rows:?}");
        assert!(rows.contains(&row("New paths", "[\"<b>\"]")), "{rows:?}");
        flatten("", &Value::String("no object".to_owned()), &mut rows);
    }
}
