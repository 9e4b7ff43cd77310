//! A vertical timeline of steps: what is done, what is running, what failed and why.

use crate::{format, icon};
use maud::{Markup, html};
use std::borrow::Cow;

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Not begun.
    #[default]
    Waiting,
    /// In work.
    Running,
    /// Finished well.
    Done,
    /// Finished badly.
    Failed,
    /// Left out, as nothing was to be done.
    Skipped,
}

/// One step.
#[derive(Debug, Clone, Default)]
pub struct Step<'a> {
    /// What is done.
    pub title: Cow<'a, str>,
    /// How far it is.
    pub state: State,
    /// How long it took or has been running.
    pub duration_ms: Option<u64>,
    /// When it began (unix ms): the browser counts on while it runs.
    pub started_at: Option<i64>,
    /// One line on what is going on or came out.
    pub text: Cow<'a, str>,
    /// What went wrong and what to do, for a failed step.
    pub error: Cow<'a, str>,
    /// The raw words of the failure, shown on demand.
    pub error_detail: Cow<'a, str>,
    /// More, such as a log or a link.
    pub body: Markup,
}

impl<'a> Step<'a> {
    /// Returns a step in a state.
    pub fn new(state: State, title: impl Into<Cow<'a, str>>) -> Self {
        Self { title: title.into(), state, ..Self::default() }
    }
}

/// Shows steps below each other.
pub fn steps(steps: &[Step<'_>]) -> Markup {
    html! { ol.steps { @for step in steps { (one(step)) } } }
}

fn one(step: &Step<'_>) -> Markup {
    let (name, word) = match step.state {
        State::Waiting => ("waiting", "Waiting"),
        State::Running => ("running", "Running"),
        State::Done => ("done", "Done"),
        State::Failed => ("failed", "Failed"),
        State::Skipped => ("skipped", "Skipped"),
    };
    html! {
        li.step data-state=(name) aria-current=[(step.state == State::Running).then_some("step")] {
            span.step-mark aria-hidden="true" {
                @match step.state {
                    State::Done => (icon::check()),
                    State::Failed => (icon::x()),
                    State::Running => span.spinner {},
                    State::Waiting | State::Skipped => {}
                }
            }
            div.step-content {
                div.step-head {
                    span.step-title { (step.title) }
                    span.visually-hidden { ": " (word) }
                    @if let Some(duration) = step.duration_ms {
                        span.step-time data-count-up=[step.started_at.filter(|_| step.state == State::Running)] { (format::duration(duration)) }
                    } @else if step.state == State::Skipped {
                        span.step-time { "skipped" }
                    }
                }
                @if !step.text.is_empty() { p.step-text { (step.text) } }
                @if !step.error.is_empty() {
                    div.step-error {
                        p { (step.error) }
                        @if !step.error_detail.is_empty() {
                            details { summary { "Show details" } pre tabindex="0" role="region" aria-label="Details of the failure" { (step.error_detail) } }
                        }
                    }
                }
                (step.body)
            }
        }
    }
}

/// One thing on a timeline of events.
#[derive(Debug, Clone, Default)]
pub struct Moment<'a> {
    /// A picture of its kind.
    pub icon: Option<Markup>,
    /// The colour of the picture.
    pub tone: crate::badge::Tone,
    /// What happened, with links.
    pub title: Markup,
    /// More about it.
    pub text: Cow<'a, str>,
    /// When (unix ms).
    pub at: i64,
}

/// Shows events below each other, newest first as given: an activity feed or a customer's history.
pub fn timeline(moments: &[Moment<'_>], now: i64) -> Markup {
    html! {
        ol.timeline {
            @for moment in moments {
                li.moment data-tone=(moment.tone.name()) {
                    span.moment-mark aria-hidden="true" { @if let Some(icon) = &moment.icon { (icon) } }
                    div.moment-content {
                        div.moment-title { (moment.title) }
                        @if !moment.text.is_empty() { p.hint { (moment.text) } }
                    }
                    span.moment-time { (format::time_ago(moment.at, now)) }
                }
            }
        }
    }
}

/// Shows events below each other under the days they happened on, newest first as given: long histories. `day` names the day of a moment.
pub fn timeline_by_day(moments: &[Moment<'_>], now: i64, day: impl Fn(i64) -> String) -> Markup {
    let days: Vec<String> = moments.iter().map(|moment| day(moment.at)).collect();
    html! {
        @for (place, name) in days.iter().enumerate() {
            @if place == 0 || days[place - 1] != *name {
                @let until = days[place..].iter().position(|other| other != name).map_or(days.len(), |length| place + length);
                section.timeline-day {
                    h3.timeline-date { (name) }
                    (timeline(&moments[place..until], now))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_step_shows_error_and_escaped_detail() {
        let step = Step { error: "Build failed.".into(), error_detail: "<none>".into(), ..Step::new(State::Failed, "Build") };
        let shown = steps(&[step]).into_string();
        assert!(shown.contains(r#"data-state="failed""#) && shown.contains("Build failed.") && shown.contains("&lt;none&gt;"));
    }

    #[test]
    fn each_day_has_one_heading_and_all_its_moments() {
        let moment = |at: i64| Moment { title: html! { "At " (at) }, at, ..Moment::default() };
        let shown = timeline_by_day(&[moment(29), moment(21), moment(11)], 30, |at| format!("<Day {}>", at / 10)).into_string();
        assert_eq!((shown.matches("timeline-date").count(), shown.matches("class=\"moment\"").count()), (2, 3), "{shown}");
        assert!(shown.contains("&lt;Day 2&gt;") && shown.contains("At 11"));
    }
}
