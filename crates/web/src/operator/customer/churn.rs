//! How likely a customer is lost: beside its health, never instead of it.

use accounts::{Actor, CustomerId};
use insight::churn::features::FEATURES;
use insight::churn::training::{Part, Prediction};
use insight::churn::{self, Churn};
use kit::words::counted;
use maud::{Markup, html};
use ui::badge::Tone;
use ui::card::{self, Card};
use ui::chart::{self, Pull};
use ui::format;

use crate::app::App;

/// Reasons that are shown; the others pull less.
const REASONS: usize = 5;

/// Shows the probability with what speaks for and against it, or why there is none.
pub(super) async fn card(app: &App, actor: &Actor, customer: &CustomerId) -> kit::Result<Markup> {
    let churn = churn::of_customer(&app.insight, &actor.scope(), customer).await?;
    let help = "How many of a hundred customers like this one were lost, learnt from this house's own past. It looks ahead; the health score tells \
                how things are now.";
    Ok(card::card(Card { title: "Churn risk", help, body: body(&churn, app.clock.now().0), ..Card::default() }))
}

fn body(churn: &Churn, now: i64) -> Markup {
    match churn {
        Churn::Known { prediction, definition, trained_at } => html! {
            p.row {
                span.figure { (format::percent(prediction.probability, 0)) }
                span.hint { "to be lost within " (counted(definition.horizon_days, "day")) "; " (format::percent(prediction.usual, 0)) " is usual" }
            }
            (reasons(prediction))
            p.hint { "Lost: the contract ends, or nothing is done for " (counted(definition.inactive_days, "day")) ". Learnt " (format::time_ago(trained_at.0, now)) "." }
        },
        Churn::TooLittle { churned, why } => html! {
            p { strong { "Not enough history." } }
            p.hint { (counted(*churned, "customer")) " lost so far. " (why) }
        },
        Churn::NotYet => html! { p { strong { "Not enough history." } } p.hint { "Nothing was learnt from the past yet." } },
        Churn::TooNew => {
            html! { p { strong { "Too new." } } p.hint { "A customer is known for less than thirty days: there is nothing to tell it by." } }
        }
        Churn::Lost => html! { p { strong { "Lost already." } } p.hint { "The contract has ended, or nothing was done for long." } },
    }
}

fn reasons(prediction: &Prediction) -> Markup {
    let pulls: Vec<Pull<'_>> =
        prediction.parts.iter().filter(|part| part.contribution.abs() >= 0.005).take(REASONS).filter_map(pull).collect();
    html! { @if !pulls.is_empty() { (chart::pulls(&pulls)) } }
}

fn pull(part: &Part) -> Option<Pull<'static>> {
    let feature = FEATURES.get(part.feature)?;
    let (tone, word) = if part.contribution > 0.0 { (Tone::Bad, "likelier") } else { (Tone::Ok, "less likely") };
    let against = if part.value > part.usual { "more than usual" } else { "less than usual" };
    Some(Pull { name: feature.label.into(), text: against.into(), strength: part.contribution, tone, word: word.into() })
}

#[cfg(test)]
mod tests {
    use insight::churn::features::Definition;
    use kit::Timestamp;

    use super::*;

    #[test]
    fn what_is_not_known_is_said_and_no_figure_is_shown() {
        for churn in [Churn::NotYet, Churn::TooNew, Churn::Lost, Churn::TooLittle { churned: 3, why: "50 are needed.".to_owned() }] {
            let shown = body(&churn, 0).into_string();
            assert!(!shown.contains('%') && shown.contains("<strong>"), "{shown}");
        }
    }

    #[test]
    fn reasons_say_which_way_they_pull() {
        let part = |feature: usize, value: f64, contribution: f64| Part { feature, value, usual: 5.0, contribution };
        let prediction =
            Prediction { probability: 0.314, usual: 0.08, parts: vec![part(0, 20.0, 1.4), part(1, 9.0, -0.2), part(999, 1.0, 0.1)] };
        let shown = body(&Churn::Known { prediction, definition: Definition::default(), trained_at: Timestamp(0) }, 0).into_string();
        assert!(shown.contains("31\u{a0}%") && shown.contains("likelier") && shown.contains("less likely"), "{shown}");
    }
}
