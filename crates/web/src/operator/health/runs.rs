//! Work on all customers, followed: how far it is, and what came out.

use axum::extract::State;
use insight::health::runs::{self, Outcome, Run, RunId, RunKind, RunState};
use maud::{Markup, html};
use ui::badge::Tone;
use ui::card::{self, Card};
use ui::feedback;
use ui::format;
use ui::live::{self, Region};
use ui::page::{Crumb, Page};

use super::models::dry_run;
use super::{MODELS, PLACE};
use crate::app::App;
use crate::extract::Path;
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;

/// Shows one run; as a fragment inside of the page that asked for it.
pub async fn show(State(app): State<App>, Caller(actor): Caller, Path(id): Path<RunId>, view: View) -> Answer {
    let run = runs::get(&app.insight, &actor, &id).await?;
    let body = state(&run);
    if view.is_fragment() {
        return Ok(view.fragment(body));
    }
    let back = run.model.as_ref().map_or(PLACE.to_owned(), |model| format!("{MODELS}/{model}"));
    Ok(view.page(Page {
        title: title(&run),
        crumbs: &[Crumb::new("Health", PLACE)],
        summary: html! { "Asked for by " (run.asked_by) " " (format::time_ago(run.asked_at.0, app.clock.now().0)) ". " a href=(back) { "Back" } },
        scripts: &["chart.js"],
        body: region(&run),
        ..Page::default()
    }))
}

/// The run in a part of a page that follows it.
pub fn region(run: &Run) -> Markup {
    let url = format!("/admin/health/runs/{}", run.id);
    // What is over does not change any more.
    let topic = if run.is_over() { "" } else { "health-runs" };
    live::region(Region { topic, url: &url, poll: Some(2), announce: true, body: state(run), ..Region::default() })
}

fn title(run: &Run) -> &'static str {
    match run.kind {
        RunKind::Recompute => "Computing all scores",
        RunKind::DryRun => "Trying the draft on all customers",
    }
}

fn state(run: &Run) -> Markup {
    if let Some(Outcome::DryRun(found)) = &run.outcome {
        return dry_run(found);
    }
    #[expect(clippy::cast_precision_loss, reason = "numbers of customers")]
    let share = if run.total > 0 { run.done as f64 / run.total as f64 } else { 0.0 };
    let body = match (&run.state, &run.outcome) {
        (_, Some(Outcome::Recomputed(done))) => html! {
            p { "Done: " (kit::words::counted(done.customers, "customer")) " in " (format::count(i64::try_from(done.took_ms).unwrap_or(i64::MAX))) " ms." }
        },
        (RunState::Failed, _) => html! {
            p { "It was given up. Nothing is lost; scores are kept fresh anyway, and it can be asked for again." }
            @if let Some(error) = &run.error { p.hint { (error) } }
        },
        (RunState::Waiting, _) => html! { p { "Waits for a free worker." } (feedback::bar(Tone::Accent, 0.0)) },
        _ => html! {
            p { (format::count(run.done)) " of " (kit::words::counted(run.total, "customer")) "." }
            (feedback::bar(Tone::Accent, share))
        },
    };
    card::card(Card { title: title(run), id: "run", body, ..Card::default() })
}
