//! How good the churn probability was: on a day that it was not learnt from, against what really came.

use std::collections::HashMap;

use accounts::{Actor, CustomerId, Permission, customers};
use axum::extract::State;
use axum::response::Response;
use insight::churn::training::{Cut, Named};
use insight::churn::{self, CAPACITY, Definition, FEATURES, LEAST_CHURNED, Model, Report};
use kit::words::counted;
use kit::{Error, Result};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Status, Tone};
use ui::button;
use ui::card::{self, Card, Empty, Stat};
use ui::feedback;
use ui::field::{self, Field};
use ui::form;
use ui::live::{self, Region};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};
use ui::{format, icon};

use super::tone_of;
use crate::app::App;
use crate::extract::Form;
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

const PLACE: &str = "/admin/health/backtest";

/// What was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    inactive_days: String,
    horizon_days: String,
    capacity: String,
}

impl Typed {
    fn of(model: Option<&Model>) -> Typed {
        let definition = model.map_or_else(Definition::default, |model| model.definition);
        Typed {
            inactive_days: definition.inactive_days.to_string(),
            horizon_days: definition.horizon_days.to_string(),
            capacity: model.map_or(CAPACITY, |model| model.capacity).to_string(),
        }
    }

    fn parse(&self) -> Result<(Definition, u32)> {
        let number = |field: &'static str, text: &str| -> Result<u32> {
            text.trim().parse().map_err(|_| Error::invalid(field, "must be a whole number"))
        };
        crate::extract::all_or_complaints!(
            inactive_days: number("inactive_days", &self.inactive_days),
            horizon_days: number("horizon_days", &self.horizon_days),
            capacity: number("capacity", &self.capacity),
        );
        Ok((Definition { inactive_days, horizon_days }, capacity))
    }
}

/// Shows the report of the newest model.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let model = churn::newest(&app.db).await?;
    page(&app, &actor, view, model.as_ref(), &Typed::of(model.as_ref()), &Complaint::none()).await
}

/// Learns anew.
pub async fn learn(State(app): State<App>, Caller(actor): Caller, view: View, Form(typed): Form<Typed>) -> Answer {
    let asked = match typed.parse() {
        Ok((definition, capacity)) => churn::learn_soon(&app.insight, &actor, definition, capacity).await,
        Err(error) => Err(error),
    };
    match asked {
        Ok(()) => Ok(frame::done(&app, PLACE, "It is learnt anew. This page shows the result by itself.")),
        Err(error) => {
            let complaint = Complaint::from(error)?;
            let model = churn::newest(&app.db).await?;
            page(&app, &actor, view.complaining(&complaint), model.as_ref(), &typed, &complaint).await
        }
    }
}

async fn page(app: &App, actor: &Actor, view: View, model: Option<&Model>, typed: &Typed, complaint: &Complaint) -> Answer<Response> {
    let body = match model {
        Some(Model { report: Some(report), .. }) => {
            let names = names(app, actor, report).await?;
            report_cards(report, model, &names)
        }
        Some(model) => too_little(model),
        None => card::empty_state(Empty {
            icon: Some(icon::activity()),
            title: "Nothing was learnt yet",
            text: "Once a day it is learnt from customers who were lost what announces it.",
            ..Empty::default()
        }),
    };
    if view.is_fragment() {
        return Ok(view.fragment(card::stack(body)));
    }
    let is_learning = churn::is_learning(&app.insight).await?;
    let now = app.clock.now();
    Ok(view.page(Page {
        title: "Backtest",
        help: "How good the churn probability was on a day that it was not learnt from. The health score is another figure, made by rules.",
        badge: match (is_learning, model) {
            (true, _) => badge::status_as(Status::Provisioning, "Learning"),
            (false, Some(model)) if model.predictor.is_some() => badge::status_as(Status::Running, "Learnt"),
            (false, Some(_)) => badge::status_as(Status::Stopped, "Not enough history"),
            (false, None) => badge::status_as(Status::Stopped, "Not learnt yet"),
        },
        summary: html! {
            @if let Some(model) = model {
                p { "Learnt " (format::time_ago(model.trained_at.0, now.0)) " from " (counted(model.customers, "customer")) ", of whom " (format::count(model.churned)) " were lost." }
            }
        },
        crumbs: &[Crumb::new("Health", "/admin/health")],
        body: card::stack(html! {
            (live::region(Region { topic: "churn", url: PLACE, poll: Some(30), body: card::stack(body), ..Region::default() }))
            @if actor.can(Permission::ManageCustomers) { (learn_card(typed, complaint)) }
        }),
        ..Page::default()
    }))
}

fn too_little(model: &Model) -> Markup {
    card::simple(
        "Not enough history",
        html! {
            p { (model.note.as_deref().unwrap_or("What was learnt is of an older version. It is learnt anew tonight.")) }
            (feedback::progress("Lost customers to learn from", share(model.churned)))
            p.hint { (format::count(model.churned)) " of " (LEAST_CHURNED) " lost customers. Until then no probability is shown; the health score says how customers are." }
        },
    )
}

#[expect(clippy::cast_precision_loss, reason = "a count of customers")]
fn share(churned: i64) -> f64 {
    (churned as f64 / LEAST_CHURNED as f64).min(1.0)
}

/// What customers in the lists are called; who is gone has no name.
async fn names(app: &App, actor: &Actor, report: &Report) -> Result<HashMap<CustomerId, String>> {
    let mut names = HashMap::new();
    for named in report.missed.iter().chain(&report.false_alarms) {
        match customers::get(&app.db, &actor.scope(), &named.customer).await {
            Ok(customer) => {
                names.insert(named.customer.clone(), customer.name.as_str().to_owned());
            }
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(names)
}

fn report_cards(report: &Report, model: Option<&Model>, names: &HashMap<CustomerId, String>) -> Markup {
    html! {
        (figures(report, model))
        (lift(report))
        @if report.bands.iter().any(|band| band.customers > 0) { (bands(report)) }
        (card::grid(card::GridWidth::Wide, html! {
            (mistakes("Who was missed", "Lost, and not among those whom the team could call. The least expected come first.", &report.missed, report.missed_count, names))
            (mistakes("False alarms", "Among those to call, and still here. The surest come first.", &report.false_alarms, report.false_alarms_count, names))
        }))
        @if let Some(model) = model { (weights(model)) }
    }
}

fn figures(report: &Report, model: Option<&Model>) -> Markup {
    let two = |value: Option<f64>| value.map_or_else(|| format::MISSING.to_owned(), |value| format::decimal(value, 2));
    let three = |value: Option<f64>| value.map_or_else(|| format::MISSING.to_owned(), |value| format::decimal(value, 3));
    let percent = |value: Option<f64>| value.map_or_else(|| format::MISSING.to_owned(), |value| format::percent(value, 0));
    let red = report.red;
    let called = red.map_or(0, |red| red.called);
    let base = report.brier_of_base_rate.map_or(String::new(), |base| format!("saying the same of all: {}", format::decimal(base, 3)));
    let lost = format!("{} of {} were lost", report.churned, counted(report.customers, "customer"));
    let of_called = format!("of the {called} most likely");
    let horizon = model.map_or(0, |model| model.definition.horizon_days);
    card::card(Card {
        title: "How good it was",
        hint: &format!("Predicted as of {}, for the {horizon} days after it; learnt from earlier days alone. {lost}.", report.day),
        body: card::stats(html! {
            (card::stat(Stat { label: "Lift", figure: &two(red.and_then(|red| red.lift)), unit: "×", hint: "against calling anybody", help: "How much more often those called were lost than all customers. Three and more is good.", ..Stat::default() }))
            (card::stat(Stat { label: "Precision", figure: &percent(red.map(|red| red.precision)), hint: &of_called, help: "The share of those called who were lost.", ..Stat::default() }))
            (card::stat(Stat { label: "Recall", figure: &percent(red.and_then(|red| red.recall)), hint: "of all lost were called", help: "The share of the lost who were among those called.", ..Stat::default() }))
            (card::stat(Stat { label: "AUC", figure: &two(report.auc), hint: "0.5 is chance, 1 is perfect", help: "How often one who was lost had a higher probability than one who stayed.", ..Stat::default() }))
            (card::stat(Stat { label: "Brier score", figure: &three(report.brier), hint: &base, help: "The mean squared error of the probabilities; less is better.", ..Stat::default() }))
        }),
        ..Card::default()
    })
}

fn lift(report: &Report) -> Markup {
    let most = report.slices.iter().filter_map(|slice| slice.lift).fold(1.0_f64, f64::max);
    let row = |(number, cut): (usize, &Cut)| {
        let lift = cut.lift.unwrap_or(0.0);
        let tone = if lift >= 2.0 {
            Tone::Bad
        } else if lift >= 1.0 {
            Tone::Warn
        } else {
            Tone::Ok
        };
        let unknown = || card::missing("Nobody was lost");
        Row::new([
            html! { (number + 1) },
            html! { (format::count(i64::try_from(cut.customers).unwrap_or(i64::MAX))) },
            html! { (format::count(i64::try_from(cut.churned).unwrap_or(i64::MAX))) },
            html! { (format::percent(cut.said, 1)) },
            html! { (format::percent(cut.came, 1)) },
            cut.lift.map_or_else(unknown, |lift| html! { (format::decimal(lift, 2)) " ×" (feedback::bar(tone, lift / most)) }),
            cut.caught.map_or_else(unknown, |caught| html! { (format::percent(caught, 0)) (feedback::bar(Tone::Accent, caught)) }),
        ])
    };
    card::card(Card {
        title: "Lift curve",
        help: "All customers by their probability, cut into ten parts. Where said and came are alike, probabilities can be taken at their word.",
        flush: true,
        body: table::table(Table {
            caption: "Lift by tenth of the ranking, the riskiest first",
            bare: true,
            columns: &[
                Column::number("Tenth"),
                Column::number("Customers").minor(),
                Column::number("Lost"),
                Column::number("Said"),
                Column::number("Came"),
                Column::new("Lift"),
                Column::new("Caught so far"),
            ],
            rows: report.slices.iter().enumerate().map(row).collect(),
            ..Table::default()
        }),
        ..Card::default()
    })
}

/// What the health score said on the same day: whether it is worth something is a question of its own.
fn bands(report: &Report) -> Markup {
    let all: usize = report.bands.iter().map(|band| band.customers).sum();
    let lost: usize = report.bands.iter().map(|band| band.churned).sum();
    let rows = report
        .bands
        .iter()
        .map(|band| {
            let (tone, share) = (tone_of(band.band), part(band.churned, band.customers));
            let lift = share.zip(part(lost, all)).filter(|(_, base)| *base > 0.0).map(|(share, base)| share / base);
            Row::new([
                badge::tag(tone, band.band.label()),
                html! { (format::count(i64::try_from(band.customers).unwrap_or(i64::MAX))) },
                html! { (format::count(i64::try_from(band.churned).unwrap_or(i64::MAX))) },
                share.map_or_else(|| card::missing("Nobody was in it"), |share| html! { (format::percent(share, 1)) }),
                lift.map_or_else(|| card::missing("Nobody to compare with"), |lift| html! { (format::decimal(lift, 2)) " ×" }),
            ])
        })
        .collect();
    card::card(Card {
        title: "The health score on that day",
        help: "What the bands of the score announced, by the model that is in use now. A good score loses three times as many of its churning customers as of all.",
        flush: true,
        body: table::table(Table {
            caption: "What became of customers by band of the health score",
            bare: true,
            columns: &[
                Column::new("Band"),
                Column::number("Customers"),
                Column::number("Lost"),
                Column::number("Share"),
                Column::number("Lift"),
            ],
            rows,
            ..Table::default()
        }),
        ..Card::default()
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of customers")]
fn part(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

fn mistakes(title: &str, help: &str, listed: &[Named], count: usize, names: &HashMap<CustomerId, String>) -> Markup {
    let rows = listed
        .iter()
        .map(|named| {
            let name = names.get(&named.customer);
            let cells = [
                name.map_or_else(|| card::missing("No longer a customer"), |name| html! { strong { (name) } }),
                html! { (format::percent(named.probability, 0)) },
            ];
            match name {
                Some(_) => Row::link(format!("/admin/customers/{}", named.customer), cells),
                None => Row::new(cells),
            }
        })
        .collect();
    let hint = if count > listed.len() { format!("The first {} of {count}.", listed.len()) } else { String::new() };
    card::card(Card {
        title,
        help,
        hint: &hint,
        flush: true,
        body: table::table(Table {
            caption: title,
            bare: true,
            columns: &[Column::new("Customer"), Column::number("Probability")],
            rows,
            empty: card::empty_state(Empty { title: "Nobody", ..Empty::default() }),
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn weights(model: &Model) -> Markup {
    let Some(predictor) = &model.predictor else { return Markup::default() };
    let mut terms: Vec<_> = predictor.terms.iter().collect();
    terms.sort_by(|a, b| (b.weight * b.spread).abs().total_cmp(&(a.weight * a.spread).abs()));
    let rows = terms
        .iter()
        .map(|term| {
            let feature = FEATURES.iter().find(|feature| feature.key == term.key);
            // By how much the odds change when the figure is one spread above the usual.
            let odds = (term.weight * term.spread).exp();
            let (tone, word) = if odds >= 1.0 { (Tone::Warn, "▲ likelier") } else { (Tone::Ok, "▼ less likely") };
            Row::new([
                table::two_lines(feature.map_or(term.key.as_str(), |it| it.label), feature.map_or("", |it| it.means)),
                html! { (format::decimal(term.usual, 1)) },
                html! { (format::decimal(term.spread, 1)) },
                html! { "× " (format::decimal(odds, 2)) " " (badge::tag(tone, word)) },
            ])
        })
        .collect();
    card::card(Card {
        title: "What it looks at",
        help: "By how much the odds of being lost change when a figure is one spread above the usual, and all others stay.",
        flush: true,
        body: table::table(Table {
            caption: "What it looks at",
            bare: true,
            columns: &[Column::new("Figure"), Column::number("Usual"), Column::number("Spread").minor(), Column::new("Odds")],
            rows,
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn learn_card(typed: &Typed, complaint: &Complaint) -> Markup {
    card::simple(
        "Learn anew",
        html! {
            form.form method="post" action={ (PLACE) "/learn" } {
                (complaint.summary(&["inactive_days", "horizon_days", "capacity"]))
                (form::columns(html! {
                    (field::number(Field { name: "inactive_days", label: "Lost after", value: &typed.inactive_days, suffix: "quiet days", error: complaint.of("inactive_days"), required: true, ..Field::default() }))
                    (field::number(Field { name: "horizon_days", label: "Look ahead", value: &typed.horizon_days, suffix: "days", error: complaint.of("horizon_days"), required: true, ..Field::default() }))
                    (field::number(Field { name: "capacity", label: "The team can call", value: &typed.capacity, suffix: "customers", error: complaint.of("capacity"), required: true, ..Field::default() }))
                }))
                (form::actions(button::secondary("Learn anew")))
            }
        },
    )
}
