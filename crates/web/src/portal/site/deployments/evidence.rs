//! What the watch saw of a release: why it was taken back, or kept.

use hosting::deployments::Deployment;
use hosting::deployments::watch::{Answers, Evidence};
use maud::{Markup, html};
use serde_json::Value;
use ui::card::{self, Card};
use ui::format;

/// Why, in one sentence.
pub(super) fn reason(deployment: &Deployment) -> Option<String> {
    // Read by itself: an older version may have written other figures beside it.
    let evidence: Value = serde_json::from_str(deployment.evidence.as_deref()?).ok()?;
    Some(evidence.get("reason")?.as_str()?.to_owned())
}

/// The figures behind the verdict.
pub(super) fn card(deployment: &Deployment) -> Markup {
    let evidence = deployment.evidence.as_deref().and_then(|text| serde_json::from_str::<Evidence>(text).ok());
    let Some(evidence) = evidence else { return Markup::default() };
    card::card(Card {
        title: "What the watch saw",
        help: "For a while after it went live, a release is compared with the one before: failed answers (status 500 and above), and containers \
               that had to be started again.",
        body: card::kv(&[
            ("Failed answers before", answers(evidence.old)),
            ("Failed answers since", answers(evidence.new)),
            ("Restarts since", html! { (format::count(evidence.restarts)) }),
            ("Seen until", format::time_exact(evidence.as_of.0)),
        ]),
        ..Card::default()
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn answers(answers: Answers) -> Markup {
    let figure = |count: u64| format::count(i64::try_from(count).unwrap_or(i64::MAX));
    if answers.requests == 0 {
        return card::missing("There were no requests");
    }
    let share = answers.server_errors as f64 / answers.requests as f64;
    html! { (figure(answers.server_errors)) " of " (figure(answers.requests)) span.hint { " (" (format::percent(share, 1)) ")" } }
}
