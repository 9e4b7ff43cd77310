//! Rules: the list, and each with what it would have done.

use accounts::Actor;
use alerts::channels;
use alerts::history;
use alerts::machine::State as RuleStanding;
use alerts::replay::{self, Replay};
use alerts::rules::{self, Rule, RuleId};
use axum::extract::State;
use axum::response::Response;
use kit::words::counted;
use kit::{Error, Result};
use maud::{Markup, html};
use ui::badge::Tone;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::chart::{self, Line};
use ui::dialog::{self, Confirm};
use ui::feedback::{self, Banner};
use ui::live::{self, Region};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};
use ui::{format, icon};

use super::editor::{self, Typed};
use super::one::alerts_figure;
use super::{PLACE, active, tabs, words};
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

const RULES: &str = "/admin/alerts/rules";
/// Alerts of the past on a rule's page.
const ROWS: u32 = 10;
/// Alerts that would have been, in words.
const TOLD: usize = 8;

/// Lists rules.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let found = rules::list(&app.alerts, &actor).await?;
    let standings = rules::standings(&app.alerts, &actor).await?;
    let channels = channels::list(&app.alerts, &actor).await?;
    let now = app.clock.now();
    let rows = found
        .iter()
        .map(|rule| {
            let standing = standings.iter().find(|it| it.rule_id == rule.id);
            let told: Vec<&str> = channels.iter().filter(|it| rule.says.channels.contains(&it.id)).map(|it| it.name.as_str()).collect();
            Row {
                faded: !rule.says.is_active,
                ..Row::link(
                    format!("{RULES}/{}", rule.id),
                    [
                        html! { strong { (rule.says.name) } p.hint { (rule.says.words()) } },
                        words::state(state_of(rule, standing.map(|it| it.state))),
                        html! { @match standing { Some(it) => (format::time_ago(it.since.0, now.0)), None => (card::missing("Nothing happened yet")) } },
                        words::severity(rule.says.severity),
                        html! { @if told.is_empty() { (card::missing("Shown here only")) } @else { (told.join(", ")) } },
                    ],
                )
            }
        })
        .collect();
    let table = table::table(Table {
        caption: "Rules",
        columns: &[
            Column::new("Rule"),
            Column::new("State"),
            Column::new("Since").minor(),
            Column::new("How grave").minor(),
            Column::new("Told").minor(),
        ],
        rows,
        empty: card::empty_state(Empty {
            icon: Some(icon::bell()),
            title: "No rules",
            text: "A rule compares a figure of the house with what you expect, and tells you when it is not so.",
            action: button::link_primary("/admin/alerts/rules/new", "New rule"),
        }),
        ..Table::default()
    });
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let new = Button { label: "New rule", kind: Kind::Primary, icon: Some(icon::plus()), ..Button::default() };
    Ok(view.page(Page {
        title: "Alerts",
        help: "Each rule compares a figure of the house with what you expect, four times a minute.",
        tabs: tabs(RULES),
        actions: button::link("/admin/alerts/rules/new", new),
        body: live::region(Region { topic: "alerts", url: RULES, poll: Some(60), body: table, ..Region::default() }),
        ..Page::default()
    }))
}

fn state_of(rule: &Rule, state: Option<RuleStanding>) -> RuleStanding {
    if rule.says.is_active { state.unwrap_or(RuleStanding::Normal) } else { RuleStanding::Paused }
}

/// Shows the form.
pub async fn form(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    new_page(&app, &actor, view, &Typed::new_rule(), &Complaint::none(), None).await
}

/// Makes a rule, or tries it on the last days.
pub async fn submit(State(app): State<App>, Caller(actor): Caller, view: View, Form(pairs): Form<Vec<(String, String)>>) -> Answer {
    let typed = Typed::read(pairs)?;
    let outcome = match typed.parse() {
        Ok(new) if typed.is_a_try() => match replay::replay(&app.alerts, &actor, &new).await {
            Ok(tried) => return new_page(&app, &actor, view, &typed, &Complaint::none(), Some(replay_card(&new, &tried))).await,
            Err(error) => Err(error),
        },
        Ok(new) => rules::create(&app.alerts, &actor, &new).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(rule) => {
            changed::audit(&app, None);
            Ok(frame::done(&app, &format!("{RULES}/{}", rule.id), "The rule is saved"))
        }
        Err(error) => {
            let complaint = complaint(error)?;
            new_page(&app, &actor, view.complaining(&complaint), &typed, &complaint, None).await
        }
    }
}

/// What can be mended at the form; a figure that takes too long is said there, too.
fn complaint(error: Error) -> Answer<Complaint> {
    match error {
        Error::Unavailable { message, .. } => Ok(Complaint::saying(axum::http::StatusCode::SERVICE_UNAVAILABLE, &message)),
        error => Complaint::from(error),
    }
}

async fn new_page(app: &App, actor: &Actor, view: View, typed: &Typed, complaint: &Complaint, tried: Option<Markup>) -> Answer<Response> {
    let channels = channels::list(&app.alerts, actor).await?;
    Ok(view.page(Page {
        title: "New rule",
        help: "Try it on the last 30 days before you save it.",
        crumbs: &[Crumb::new("Alerts", PLACE), Crumb::new("Rules", RULES)],
        body: card::stack(html! {
            @if let Some(tried) = tried { (tried) }
            (editor::fields("/admin/alerts/rules/new", typed, &channels, complaint))
        }),
        ..Page::default()
    }))
}

/// Shows a rule.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<RuleId>) -> Answer {
    let rule = rules::get(&app.alerts, &actor, &id).await?;
    page(&app, &actor, view, &rule, None, None).await
}

/// What a rule would have done, as a part of its page.
pub async fn replay(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<RuleId>) -> Answer {
    let rule = rules::get(&app.alerts, &actor, &id).await?;
    Ok(view.fragment(match replay::replay(&app.alerts, &actor, &rule.says).await {
        Ok(tried) => replay_card(&rule.says, &tried),
        Err(error) => feedback::banner(Banner {
            tone: Tone::Warn,
            title: "The last 30 days cannot be shown",
            text: &crate::respond::sentence(&error.public_message()),
            ..Banner::default()
        }),
    }))
}

/// Changes a rule, or tries the change on the last days.
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<RuleId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer {
    let rule = rules::get(&app.alerts, &actor, &id).await?;
    let typed = Typed::read(pairs)?;
    let outcome = match typed.parse() {
        Ok(new) if typed.is_a_try() => match replay::replay(&app.alerts, &actor, &new).await {
            Ok(tried) => {
                let none = Complaint::none();
                return page(&app, &actor, view, &rule, Some((&typed, &none)), Some(replay_card(&new, &tried))).await;
            }
            Err(error) => Err(error),
        },
        Ok(new) => rules::change(&app.alerts, &actor, &id, &new).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(rule) => {
            changed::audit(&app, None);
            Ok(frame::done(&app, &format!("{RULES}/{}", rule.id), "The rule is saved"))
        }
        Err(error) => {
            let complaint = complaint(error)?;
            page(&app, &actor, view.complaining(&complaint), &rule, Some((&typed, &complaint)), None).await
        }
    }
}

/// Removes a rule.
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<RuleId>) -> Answer {
    rules::remove(&app.alerts, &actor, &id).await?;
    changed::audit(&app, None);
    Ok(frame::done(&app, RULES, "The rule is removed"))
}

async fn page(
    app: &App,
    actor: &Actor,
    view: View,
    rule: &Rule,
    typed: Option<(&Typed, &Complaint)>,
    tried: Option<Markup>,
) -> Answer<Response> {
    let place = format!("{RULES}/{}", rule.id);
    let past = history::list(&app.alerts, actor, Some(&rule.id), None, ROWS).await?;
    let standings = rules::standings(&app.alerts, actor).await?;
    let standing = standings.into_iter().find(|it| it.rule_id == rule.id);
    let channels = channels::list(&app.alerts, actor).await?;
    let (own, none) = (Typed::of(rule), Complaint::none());
    let (typed, complaint) = typed.unwrap_or((&own, &none));
    let now = app.clock.now();
    let error = standing.as_ref().and_then(|it| it.error.clone());
    Ok(view.page(Page {
        title: &rule.says.name,
        badge: words::state(state_of(rule, standing.map(|it| it.state))),
        summary: html! { p { (rule.says.words()) "." } },
        crumbs: &[Crumb::new("Alerts", PLACE), Crumb::new("Rules", RULES)],
        body: card::stack(html! {
            @if let Some(error) = error {
                (feedback::banner(Banner { tone: Tone::Bad, title: "The figure cannot be read", text: &crate::respond::sentence(&error), ..Banner::default() }))
            }
            @match tried { Some(tried) => (tried), None => (live::lazy(&format!("{place}/replay"), card::simple("The last 30 days", live::skeleton(5)))) }
            (card::card(Card { title: "Alerts of this rule", flush: true, body: active::table_of(&past, now, None, true), ..Card::default() }))
            (editor::fields(&format!("{place}/change"), typed, &channels, complaint))
            (dialog::danger_zone(dialog::danger_action("Remove the rule", "Its alerts stay in the history.", Confirm {
                id: "remove-rule",
                title: &format!("Remove {}?", rule.says.name),
                text: "What lasts ends, and nobody is told of it. The history stays.",
                loses: &["The rule with all its settings"],
                action: &format!("{place}/remove"),
                button: "Remove",
                danger: true,
                ..Confirm::default()
            })))
        }),
        ..Page::default()
    }))
}

/// What a rule would have done.
fn replay_card(says: &alerts::rules::NewRule, tried: &Replay) -> Markup {
    let labels: Vec<String> = tried.points.iter().map(|(at, _)| day_and_hour(at.0)).collect();
    let values: Vec<f64> = tried.points.iter().map(|(_, value)| value.unwrap_or(f64::NAN)).collect();
    let limits = vec![says.condition.value(); values.len()];
    let figure = Line { name: says.metric.about().label, values: &values, expected_from: None };
    let limit = Line { name: "Limit", values: &limits, expected_from: None };
    let lines = if says.condition.is_relative() { vec![figure] } else { vec![figure, limit] };
    let sentence = match tried.fired {
        0 => "It would not have fired.".to_owned(),
        many => format!("It would have fired {}.", if many == 1 { "once".to_owned() } else { counted(many, "time") }),
    };
    card::card(Card {
        title: "The last 30 days",
        help: "The rule's figure as it was, led through the same states, looked at every five minutes. Of stretches of some hours the worst figure is drawn.",
        body: html! {
            p {
                @match tried.now { Some(now) => { "Now " (says.metric.with_unit(now)) ". " }, None => "Nothing to judge now. " }
                strong { (sentence) } " " @match tried.known_from {
                None => "Nothing is known of this figure in that time.",
                Some(from) if from > tried.from => { "Nothing is known of the figure before " (format::date_time(from.0)) "." },
                    Some(_) => "",
                }
            }
            (chart::trend(&chart::Trend {
                title: says.metric.about().label,
                summary: &format!("{} over the last 30 days. {sentence}", says.metric.about().label),
                place: "From (UTC)",
                labels: &labels,
                lines: &lines,
                figure: alerts_figure,
                height: 200,
                ..chart::Trend::default()
            }))
            @if tried.fired > 0 {
                ul {
                    @for alert in tried.alerts.iter().take(TOLD) {
                        li {
                            (format::date_time(alert.fired_at.0)) ", "
                            @match alert.ended_at { Some(end) => { "for " (format::duration(u64::try_from(end.since(alert.fired_at).as_millis()).unwrap_or(0))) }, None => "and it would last" }
                            @if let Some(value) = alert.value { ", at " (says.metric.with_unit(value)) }
                            @if let Some(site) = alert.labels.get("site") { " (" span.mono { (site) } ")" }
                        }
                    }
                    @if tried.fired > TOLD { li { "and " (tried.fired - TOLD) " before" } }
                }
            }
            p.hint { (format::date_time(tried.from.0)) " to " (format::date_time(tried.to.0)) }
        },
        ..Card::default()
    })
}

fn day_and_hour(unix_ms: i64) -> String {
    let date = format::date(unix_ms);
    let day = date.rsplit_once('\u{a0}').map_or(date.as_str(), |(day, _)| day);
    format!("{day}, {}", &format::clock(unix_ms)[..5])
}

/// What a rule is of, for the menus of other pages.
pub(super) async fn choices(app: &App, actor: &Actor) -> Result<Vec<(String, String)>> {
    Ok(rules::list(&app.alerts, actor).await?.into_iter().map(|rule| (rule.id.to_string(), rule.says.name)).collect())
}
