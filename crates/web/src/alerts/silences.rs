//! Silences: the list, and the form for a new one.

use std::collections::BTreeMap;
use std::time::Duration;

use accounts::Actor;
use alerts::silences::{self, NewSilence, Silence, SilenceId};
use axum::extract::State;
use axum::response::Response;
use kit::{Error, Result, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use ui::button::{self, Button, Kind};
use ui::card::{self, Empty};
use ui::field::{self, Choice, Field};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Column, Row, Table};
use ui::{format, icon};

use super::{rules, tabs};
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path, Query};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

const SILENCES: &str = "/admin/alerts/silences";
/// How long a silence may last: value, words, hours.
const LENGTHS: &[(&str, &str, u64)] =
    &[("1", "1 hour", 1), ("4", "4 hours", 4), ("24", "1 day", 24), ("72", "3 days", 72), ("168", "1 week", 168), ("720", "30 days", 720)];

/// What was typed, or stands in the address that led here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    rule: String,
    severity: String,
    site: String,
    customer: String,
    comment: String,
    hours: String,
}

impl Typed {
    fn parse(&self) -> Result<NewSilence> {
        let length = LENGTHS.iter().find(|(value, ..)| *value == self.hours);
        let (_, _, hours) = length.ok_or_else(|| Error::invalid("hours", "choose one of the times"))?;
        let pairs = [("rule", &self.rule), ("severity", &self.severity), ("site", &self.site), ("customer", &self.customer)];
        let given = pairs.into_iter().filter(|(_, value)| !value.trim().is_empty());
        let matchers: BTreeMap<String, String> = given.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        Ok(NewSilence { matchers, comment: self.comment.clone(), lasts: Duration::from_secs(hours * 3600) })
    }
}

/// Lists silences.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View, Query(typed): Query<Typed>) -> Answer {
    let typed = Typed { hours: if typed.hours.is_empty() { "4".to_owned() } else { typed.hours }, ..typed };
    page(&app, &actor, view, &typed, &Complaint::none()).await
}

/// Silences for a while.
pub async fn submit(State(app): State<App>, Caller(actor): Caller, view: View, Form(typed): Form<Typed>) -> Answer {
    let made = match typed.parse() {
        Ok(new) => silences::create(&app.alerts, &actor, &new).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(_) => {
            changed::audit(&app, None);
            Ok(frame::done(&app, SILENCES, "It is silent now"))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            page(&app, &actor, view.complaining(&complaint), &typed, &complaint).await
        }
    }
}

/// Ends a silence.
pub async fn end(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SilenceId>) -> Answer {
    silences::end(&app.alerts, &actor, &id).await?;
    changed::audit(&app, None);
    Ok(frame::done(&app, SILENCES, "The silence is over"))
}

async fn page(app: &App, actor: &Actor, view: View, typed: &Typed, complaint: &Complaint) -> Answer<Response> {
    let found = silences::list(&app.alerts, actor).await?;
    let rules = rules::choices(app, actor).await?;
    let table = table_of(&found, &rules, app.clock.now());
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    Ok(view.page(Page {
        title: "Alerts",
        help: "For a while nobody is told of some alerts. They fire and are shown all the same; what lasts when a silence ends is told then.",
        tabs: tabs(SILENCES),
        body: card::split(
            live::region(Region { topic: "alerts", url: SILENCES, poll: Some(60), body: table, ..Region::default() }),
            card::simple("New silence", fields(typed, &rules, complaint)),
        ),
        ..Page::default()
    }))
}

fn fields(typed: &Typed, rules: &[(String, String)], complaint: &Complaint) -> Markup {
    let choice = |value, label| Choice { value, label, ..Choice::default() };
    let mut of_rules = vec![choice("", "All rules")];
    of_rules.extend(rules.iter().map(|(id, name)| choice(id.as_str(), name.as_str())));
    let graveness = [choice("", "All"), choice("warning", "Warnings"), choice("critical", "Critical ones")];
    let lengths: Vec<Choice<'_>> = LENGTHS.iter().map(|(value, label, _)| choice(value, label)).collect();
    html! {
        form.form method="post" action=(SILENCES) {
            (complaint.summary(&["rule", "severity", "site", "customer", "comment", "hours"]))
            (field::select(Field { name: "rule", label: "Rule", value: &typed.rule, error: complaint.of("rule"), unmarked: true, ..Field::default() }, &of_rules))
            (field::select(Field { name: "severity", label: "How grave", value: &typed.severity, error: complaint.of("severity"), unmarked: true, ..Field::default() }, &graveness))
            (field::text(Field { name: "site", label: "Site", value: &typed.site, error: complaint.of("site"), placeholder: "app_…", autocomplete: "off", hint: "Of alerts that are about single sites.", ..Field::default() }))
            (field::text(Field { name: "customer", label: "Customer", value: &typed.customer, error: complaint.of("customer"), placeholder: "cust_…", autocomplete: "off", ..Field::default() }))
            (field::select(Field { name: "hours", label: "For", value: &typed.hours, error: complaint.of("hours"), required: true, ..Field::default() }, &lengths))
            (field::text(Field { name: "comment", label: "Why", value: &typed.comment, error: complaint.of("comment"), maxlength: Some(300), autocomplete: "off", required: true, ..Field::default() }))
            (form::actions(button::primary("Silence")))
        }
    }
}

fn table_of(found: &[Silence], rules: &[(String, String)], now: Timestamp) -> Markup {
    let rows = found
        .iter()
        .map(|silence| {
            let end = PostButton {
                action: &format!("{SILENCES}/{}/end", silence.id),
                button: Button { label: "End", kind: Kind::Quiet, small: true, ..Button::default() },
                ..PostButton::default()
            };
            Row::new([
                html! { strong { (of_what(silence, rules)) } p.hint { (silence.comment) } },
                html! { (silence.created_by) },
                format::time_ago(silence.starts_at.0, now.0),
                format::time_exact(silence.ends_at.0),
                html! { div.button-row { (form::post_button(end)) } },
            ])
        })
        .collect();
    table::table(Table {
        caption: "Silences",
        columns: &[Column::new("What"), Column::new("By").minor(), Column::new("Since").minor(), Column::new("Until"), Column::actions()],
        rows,
        empty: card::empty_state(Empty {
            icon: Some(icon::bell()),
            title: "Nothing is silenced",
            text: "Silence what you know about already: a site under maintenance, a rule that you are mending.",
            ..Empty::default()
        }),
        ..Table::default()
    })
}

fn of_what(silence: &Silence, rules: &[(String, String)]) -> String {
    if silence.matchers.is_empty() {
        return "Everything".to_owned();
    }
    let name = |(name, value): (&String, &String)| match name.as_str() {
        "rule" => rules.iter().find(|(id, _)| id == value).map_or_else(|| format!("rule {value}"), |(_, name)| name.clone()),
        name => format!("{name} {value}"),
    };
    silence.matchers.iter().map(name).collect::<Vec<_>>().join(", ")
}
