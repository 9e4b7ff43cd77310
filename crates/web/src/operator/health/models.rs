//! Health models: which there are, their versions, the draft, what it would do.

use std::collections::HashMap;

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::response::Response;
use insight::health::model::{Model, Rule, VersionNo, check};
use insight::health::models::{self, Listing};
use insight::health::runs::{self, Run, RunId};
use insight::health::{self, Band, Changed, DryRun, Scored, assignments};
use insight::segments;
use kit::{Error, FieldError, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::chart::{self, Bin, Histogram};
use ui::dialog::{self, Confirm};
use ui::field::{self, Field};
use ui::form::{self, PostButton};
use ui::format;
use ui::page::{Crumb, Page};
use ui::table::{Column, Row, Table, table};

use super::assigned;
use super::editor::editor;
use super::typed::{self, TypedRule};
use super::{MODELS, PLACE};
use crate::app::App;
use crate::extract::{Form, Path, Query};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;
use crate::score;

/// Lists the models.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let listed = models::list(&app.db).await?;
    let may_edit = actor.can(Permission::OperateHouse);
    let rows = listed.iter().map(row).collect();
    let assigned = assigned::card(&assigned::Shown {
        models: &listed,
        assignments: &assignments::list(&app.db).await?,
        segments: &segments::list(&app.insight, &actor).await?,
        customers: &health::customers_by_version(&app.insight, &actor.scope()).await?,
        may_edit,
    });
    let body = card::stack(html! {
        (table(Table {
            caption: "Health models",
            columns: &[Column::new("Model"), Column::new("Factors").minor(), Column::number("Versions"), Column::new("State")],
            rows,
            ..Table::default()
        }))
        (assigned)
        @if may_edit { (copy_form(&listed)) }
    });
    Ok(view.page(Page {
        title: "Health models",
        help: "What scores are made of. A model is copied, edited, tried on all customers, and published as a version; versions never change.",
        crumbs: &[Crumb::new("Health", PLACE)],
        body,
        ..Page::default()
    }))
}

fn row(model: &Listing) -> Row<'static> {
    let newest = model.versions.first().map(|version| &version.rules).or(model.draft.as_ref());
    let labels: Vec<&str> = newest.map_or(Vec::new(), |rules| rules.iter().map(|rule| rule.label.as_str()).collect());
    let cells = [
        html! { (model.name) },
        html! { span.hint { (labels.join(", ")) } },
        html! { (format::count(model.versions.len() as i64)) },
        html! { span.row { (state(model)) } },
    ];
    Row::link(format!("{MODELS}/{}", model.id), cells)
}

fn state(model: &Listing) -> Markup {
    html! {
        @if model.in_use.is_some() { (badge::tag(Tone::Ok, "In use")) }
        @if !model.segments.is_empty() { (badge::tag(Tone::Ok, &format!("For {}", kit::words::counted(model.segments.len(), "segment")))) }
        @if model.draft.is_some() { (badge::tag(Tone::Warn, "Draft")) }
        @if model.is_built_in() { (badge::tag(Tone::Neutral, "Built in")) }
    }
}

fn copy_form(models: &[Listing]) -> Markup {
    let choices: Vec<field::Choice<'_>> =
        models.iter().map(|model| field::Choice { value: &model.id, label: &model.name, disabled: false }).collect();
    card::card(Card {
        title: "Copy a model",
        hint: "The copy is a draft of your own.",
        body: html! {
            form.form method="post" action=(MODELS) {
                (form::columns(html! {
                    (field::select(Field { name: "from", label: "Copy of", required: true, ..Field::default() }, &choices))
                    (field::text(Field { name: "name", label: "Name", required: true, maxlength: Some(60), placeholder: "Agencies", ..Field::default() }))
                }))
                (form::actions(html! { (button::primary("Copy")) }))
            }
        },
        ..Card::default()
    })
}

/// Which to copy, and what to call it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    from: String,
    name: String,
}

/// Copies a model.
pub async fn copy(State(app): State<App>, Caller(actor): Caller, Form(copied): Form<Copied>) -> Answer {
    match models::copy(&app.insight, &actor, &copied.from, &copied.name).await {
        Ok(id) => Ok(frame::done(&app, &format!("{MODELS}/{id}"), "Copied. Edit the draft, try it, publish it")),
        Err(error) => frame::done_or_refused(&app, MODELS, Err(error), ""),
    }
}

/// Which try is followed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// A run; none when it is not one of this model.
    run: String,
}

/// Shows a model: its factors or its draft, what that would do, its versions.
pub async fn show(State(app): State<App>, Caller(actor): Caller, Path(id): Path<String>, view: View, Query(asked): Query<Asked>) -> Answer {
    let model = models::get(&app.db, &id).await?;
    let may_edit = actor.can(Permission::OperateHouse);
    let newest = model.versions.first().map(|version| version.rules.clone());
    let rules = model.draft.clone().or(newest).unwrap_or_default();
    let run = match RunId::parse(&asked.run) {
        Ok(run) if may_edit => runs::get(&app.insight, &actor, &run).await.ok().filter(|run| run.model.as_ref() == Some(&id)),
        _ => None,
    };
    let typed: Vec<TypedRule> = rules.iter().map(TypedRule::of).collect();
    Ok(whole(&app, &actor, view, &model, Shown { rules: &rules, typed: &typed, name: &model.name, run, complaint: &Complaint::none() }))
}

/// What stands on a model's page beside what is stored.
struct Shown<'a> {
    rules: &'a [Rule],
    typed: &'a [TypedRule],
    name: &'a str,
    run: Option<Run>,
    complaint: &'a Complaint,
}

fn whole(app: &App, actor: &Actor, view: View, model: &Listing, shown: Shown<'_>) -> Response {
    let may_edit = actor.can(Permission::OperateHouse);
    let is_editable = may_edit && !model.is_built_in();
    let tries = format!("{MODELS}/{}/try", model.id);
    let body = card::stack(html! {
        @if let Some(run) = &shown.run { div id="dry-run" { (super::runs::region(run)) } }
        @if is_editable { (editor(&model.id, shown.name, shown.typed, shown.complaint)) } @else { (factors(shown.rules)) }
        @if is_editable && model.draft.is_some() { (publishing(model)) }
        (versions(model, may_edit, app.clock.now()))
    });
    let actions = html! {
        @if may_edit && model.in_use.is_none() || model.draft.is_some() {
            (form::post_button(PostButton {
                action: &tries,
                button: Button { label: "Try on all customers", ..Button::default() },
                ..PostButton::default()
            })) }
    };
    view.complaining(shown.complaint).page(Page {
        title: &model.name,
        help: "The factors of a model, how they are worked out, and the versions that were published.",
        crumbs: &[Crumb::new("Health", PLACE), Crumb::new("Models", MODELS)],
        badge: state(model),
        actions,
        scripts: &["chart.js"],
        body,
        ..Page::default()
    })
}

fn factors(rules: &[Rule]) -> Markup {
    let all: f64 = rules.iter().map(|rule| rule.weight).sum();
    let row = |rule: &Rule| {
        let without = if rule.missing == insight::health::Missing::Neutral { "neutral: 50" } else { "left out" };
        Row::new([
            html! { strong { (rule.label) } },
            html! { (health::formula(&rule.measure)) },
            html! { (format::percent(if all > 0.0 { rule.weight / all } else { 0.0 }, 0)) },
            html! { (without) },
        ])
    };
    card::card(Card {
        title: "Factors",
        flush: true,
        body: table(Table {
            caption: "Factors",
            columns: &[Column::new("Factor"), Column::new("Made of"), Column::number("Weight"), Column::new("Without data").minor()],
            rows: rules.iter().map(row).collect(),
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn publishing(model: &Listing) -> Markup {
    let text = match model.scores_anybody() {
        true => "Scores are made by it from now on, and charts mark the day.",
        false => "Scores are made by it once you put it to use.",
    };
    card::card(Card {
        title: "Publish",
        hint: text,
        body: html! {
            form.form method="post" action={ (MODELS) "/" (model.id) "/publish" } {
                (field::text(Field { name: "note", label: "What is new, and why", maxlength: Some(500), ..Field::default() }))
                (form::actions(html! {
                    (button::primary("Publish version"))
                    (button::opens_dialog("discard", Button { label: "Discard draft", kind: Kind::Quiet, ..Button::default() }))
                }))
            }
            (dialog::confirm_dialog(Confirm {
                id: "discard",
                title: "Discard the draft?",
                text: "Published versions stay. A model without any goes with its draft.",
                action: &format!("{MODELS}/{}/discard", model.id),
                button: "Discard draft",
                danger: true,
                ..Confirm::default()
            }))
        },
        ..Card::default()
    })
}

fn versions(model: &Listing, may_use: bool, now: Timestamp) -> Markup {
    let row = |version: &Model| {
        let is_used = model.in_use == Some(version.no);
        let is_assigned = model.segments.iter().any(|assigned| assigned.version == version.no);
        let when = match version.published_at.0 {
            0 => html! { "With Innkeeper" },
            at => format::time_ago(at, now.0),
        };
        Row::new([
            html! { "Version " (version.version) },
            html! { @if version.note.is_empty() { (card::missing("No note was written")) } @else { (version.note) } },
            html! { (when) },
            html! { (version.published_by) },
            html! {
                @if is_assigned { (badge::tag(Tone::Ok, "For segments")) " " }
                @if is_used { (badge::tag(Tone::Ok, "In use")) }
                @else if may_use {
                    (form::post_button(PostButton {
                        action: &format!("/admin/health/versions/{}/use", version.no.0),
                        button: Button { label: "Use", small: true, ..Button::default() },
                        ..PostButton::default()
                    }))
                }
            },
        ])
    };
    card::card(Card {
        title: "Versions",
        flush: true,
        body: table(Table {
            caption: "Versions",
            columns: &[Column::new("Version"), Column::new("Note"), Column::new("Published"), Column::new("By").minor(), Column::actions()],
            rows: model.versions.iter().map(row).collect(),
            empty: html! { p.card-note.hint { "Nothing is published yet." } },
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}

/// Shows what a draft would do.
pub fn dry_run(run: &DryRun) -> Markup {
    let labels: Vec<String> =
        (0..10).map(|ten| if ten == 9 { "90–100".to_owned() } else { format!("{}–{}", ten * 10, ten * 10 + 9) }).collect();
    let bins: Vec<Bin<'_>> = labels
        .iter()
        .zip(run.tens_after)
        .enumerate()
        .map(|(ten, (label, count))| {
            let tone = score::level(Some(Band::of(ten as f64 * 10.0))).tone();
            Bin { label: label.as_str().into(), count, tone, ..Bin::default() }
        })
        .collect();
    let moving: i64 = run.moves.iter().map(|(.., number)| number).sum();
    let whose = match run.scored {
        Scored::Own => "Of those whom this model scores now",
        Scored::AllOnTrial => "If it scored everybody",
    };
    let hint = format!("{whose}: {} would change band. Nothing was changed.", kit::words::counted(moving, "customer"));
    let band = |band: Option<Band>| band.map_or("No score", Band::label);
    let row = |changed: &Changed| {
        let points = |points: Option<f64>| html! { (chart::score_cell(points, score::level(points.map(Band::of)), points.map_or("", |points| Band::of(points).label()), score::UNHEARD)) };
        let cells = [
            html! { (changed.name) },
            points(changed.before),
            points(changed.after),
            chart::tendency(changed.before.zip(changed.after).map(|(before, after)| after - before), score::UNHEARD),
        ];
        Row::link(format!("/admin/customers/{}", changed.customer), cells)
    };
    card::card(Card {
        title: "What it would do",
        help: "Customers scored by the version that scores them now, and by these factors, as of now. Of a model in use only those whom it scores: everybody but the segments with a model of their own, or the customers of its segments.",

        hint: &hint,
        body: html! {
            (chart::histogram(&Histogram {
                title: "Customers by score, after and before",
                summary: &hint,
                size: "Score",
                what: "After",
                bins: &bins,
                before: Some((&run.tens_before, "Before")),
                ..Histogram::default()
            }))
            @if !run.moves.is_empty() {
                ul.plain { @for (from, to, number) in &run.moves { li { strong { (format::count(*number)) } " from " (band(*from)) " to " (band(*to)) } } }
            }
            (table(Table {
                caption: "Who would change most",
                columns: &[Column::new("Customer"), Column::new("Now"), Column::new("By the draft"), Column::number("Change")],
                rows: run.changed.iter().map(row).collect(),
                empty: html! { p.hint { "No score would change." } },
                bare: true,
                ..Table::default()
            }))
        },
        ..Card::default()
    })
}

/// Keeps the draft; shows the form again when something does not fit.
pub async fn save(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    view: View,
    Form(form): Form<HashMap<String, String>>,
) -> Answer {
    let model = models::get(&app.db, &id).await?;
    let typed = typed::read(&form);
    let name = form.get("name").map_or("", String::as_str);
    let saved = async {
        let rules = typed::rules(&typed)?;
        check(&rules)?;
        models::save_draft(&app.insight, &actor, &id, name, &rules).await
    };
    match saved.await {
        Ok(()) if form.get("then").is_some_and(|then| then == "try") => tried(&app, &actor, &id, "Draft saved").await,
        Ok(()) => Ok(frame::done(&app, &format!("{MODELS}/{id}"), "Draft saved")),
        Err(Error::Invalid(fields)) => {
            let fields = fields.into_iter().map(|error| FieldError { field: typed::field_of(&error.field), ..error }).collect();
            let complaint = Complaint::from(Error::Invalid(fields))?;
            let shown = Shown { rules: &[], typed: &typed, name, run: None, complaint: &complaint };
            Ok(whole(&app, &actor, view, &model, shown))
        }
        Err(error) => frame::done_or_refused(&app, &format!("{MODELS}/{id}"), Err(error), ""),
    }
}

/// Has the draft, or the newest version, tried on all customers.
pub async fn try_out(State(app): State<App>, Caller(actor): Caller, Path(id): Path<String>) -> Answer {
    tried(&app, &actor, &id, "It is being tried").await
}

/// Leads to the page that follows a try.
async fn tried(app: &App, actor: &Actor, id: &str, title: &str) -> Answer {
    match runs::ask_dry_run(&app.insight, actor, id).await {
        Ok(run) => Ok(frame::done(app, &format!("{MODELS}/{id}?run={run}#dry-run"), title)),
        Err(error) => frame::done_or_refused(app, &format!("{MODELS}/{id}"), Err(error), ""),
    }
}

/// Why a version is published.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Note {
    note: String,
}

/// Publishes the draft.
pub async fn publish(State(app): State<App>, Caller(actor): Caller, Path(id): Path<String>, Form(note): Form<Note>) -> Answer {
    let published = models::publish(&app.insight, &actor, &id, &note.note).await;
    let title = published.as_ref().map_or(String::new(), |version| format!("Published version {}", version.version));
    if published.is_ok() {
        runs::ask_recompute(&app.insight, &actor).await?;
    }
    frame::done_or_refused(&app, &format!("{MODELS}/{id}"), published.map(|_| ()), &title)
}

/// Throws the draft away.
pub async fn discard(State(app): State<App>, Caller(actor): Caller, Path(id): Path<String>) -> Answer {
    let outcome = models::discard_draft(&app.insight, &actor, &id).await;
    let is_left = models::get(&app.db, &id).await.is_ok();
    let next = if is_left { format!("{MODELS}/{id}") } else { MODELS.to_owned() };
    frame::done_or_refused(&app, &next, outcome, "The draft is gone")
}

/// Makes scores by this version from now on.
pub async fn use_version(State(app): State<App>, Caller(actor): Caller, Path(no): Path<i64>) -> Answer {
    let model = models::version(&app.db, VersionNo(no)).await?;
    let outcome = models::use_version(&app.insight, &actor, VersionNo(no)).await;
    if outcome.is_ok() {
        runs::ask_recompute(&app.insight, &actor).await?;
    }
    let title = format!("Scores are made by {}, version {}", model.name, model.version);
    frame::done_or_refused(&app, &format!("{MODELS}/{}", model.model), outcome, &title)
}
