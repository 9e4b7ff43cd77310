//! The form in which a model's factors are edited: one line of fields for each, and two empty ones.

use insight::health::model::{Countable, MOST_RULES, Missing, Tries};
use maud::{Markup, html};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::field::{self, Choice, Field};
use ui::form;

use super::typed::TypedRule;
use crate::respond::Complaint;

/// What a factor may be made of, as the form names it.
const KINDS: [(&str, &str); 11] = [
    ("count", "Count: the more, the better"),
    ("penalty", "Count: the fewer, the better"),
    ("momentum", "Count against the days before"),
    ("active_days", "Days with activity"),
    ("active_weeks", "Weeks with activity"),
    ("features", "Different features used"),
    ("success", "Share that succeeded"),
    ("invoices", "Invoices paid on time"),
    ("ratings", "Ratings"),
    ("pulse", "Pulse: what staff say"),
    ("property", "A property, such as the plan"),
];

/// Shows the form with what was typed.
pub fn editor(id: &str, name: &str, rules: &[TypedRule], complaint: &Complaint) -> Markup {
    let lines = (rules.len() + 2).min(MOST_RULES);
    let names: Vec<String> = (0..lines)
        .flat_map(|place| ["label", "weight", "kind", "what", "days", "number", "only"].map(|field| format!("{place}_{field}")))
        .collect();
    let fields: Vec<&str> = std::iter::once("name").chain(names.iter().map(String::as_str)).collect();
    card::card(Card {
        title: "Draft",
        help: "Nothing changes for anybody before the draft is published. Weights are relative to each other; empty a name to remove its factor.",
        id: "draft",
        body: html! {
            form.form method="post" action={ "/admin/health/models/" (id) "/draft" } {
                (complaint.summary(&fields))
                (field::text(Field { name: "name", label: "Name of the model", value: name, error: complaint.of("name"), required: true, maxlength: Some(60), ..Field::default() }))
                @for place in 0..lines { (line(place, rules.get(place), complaint)) }
                (form::actions(html! {
                    (button::submit(Button { label: "Save draft", kind: Kind::Primary, ..Button::default() }))
                    (button::submit(Button { label: "Save and try", name: "then", value: "try", ..Button::default() }))
                }))
            }
        },
        ..Card::default()
    })
}

fn line(place: usize, rule: Option<&TypedRule>, complaint: &Complaint) -> Markup {
    let empty = TypedRule { kind: "count".to_owned(), days: "30".to_owned(), ..TypedRule::default() };
    let typed = rule.unwrap_or(&empty);
    let title = if rule.is_some() { format!("Factor {}: {}", place + 1, typed.label) } else { format!("Factor {}: new", place + 1) };
    let kinds = KINDS.map(|(value, label)| Choice { value, label, disabled: false });
    let words = |text: &str| {
        let text = text.replace('_', " ");
        text[..1].to_uppercase() + &text[1..]
    };
    let labels: Vec<(&str, String)> = Countable::ALL
        .iter()
        .map(|what| (what.as_str(), words(what.as_str())))
        .chain(Tries::ALL.iter().map(|of| (of.as_str(), words(of.as_str()))))
        .collect();
    let mut whats = vec![Choice { value: "", label: "–", disabled: false }];
    whats.extend(labels.iter().map(|(value, label)| Choice { value, label, disabled: false }));
    let missing = [(Missing::Neutral, "Neutral: 50"), (Missing::Missing, "Left out")].map(|(missing, label)| Choice {
        value: missing.as_str(),
        label,
        disabled: false,
    });
    let name = |field: &str| format!("{place}_{field}");
    let names = ["label", "weight", "kind", "what", "days", "number", "only", "missing"].map(name);
    let [label, weight, kind, what, days, number, only, gap] = &names;
    html! {
        fieldset.field {
            legend.label { (title) }
            (field::hidden(&format!("{place}_key"), &typed.key))
            (form::columns(html! {
                (field::text(Field { name: label, label: "Name", value: &typed.label, error: complaint.of(label), maxlength: Some(60), ..Field::default() }))
                (field::number(Field { name: weight, label: "Weight", value: &typed.weight, error: complaint.of(weight), unmarked: true, ..Field::default() }))
                (field::select(Field { name: kind, label: "Made of", value: &typed.kind, error: complaint.of(kind), unmarked: true, ..Field::default() }, &kinds))
                (field::select(Field { name: what, label: "Of what", value: &typed.what, error: complaint.of(what), hint: "For counts and shares.", unmarked: true, ..Field::default() }, &whats))
                (field::number(Field { name: days, label: "Days", value: &typed.days, error: complaint.of(days), unmarked: true, ..Field::default() }))
                (field::number(Field { name: number, label: "Number", value: &typed.number, error: complaint.of(number), hint: "For 100 points, or points that each takes.", ..Field::default() }))
                (field::text(Field { name: only, label: "Names", value: &typed.only, error: complaint.of(only), hint: "Key features with commas, all when empty. Of a property: plan: pro = 80, free = 30, or seats: >= 100 = 90, >= 10 = 60.", ..Field::default() }))
                (field::select(Field { name: gap, label: "Without data", value: &typed.missing, unmarked: true, ..Field::default() }, &missing))
            }))
        }
    }
}
