//! What calls of language models cost: totals, days, models, customers, what to expect, what to do; and the prices behind it.

mod expected;
mod export;
mod prices;
mod typed;

pub use export::export;
pub use prices::{add as add_price, change as change_price, form as new_price, list as prices, remove as remove_price, show as price};

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::response::Response;
use events::Day;
use insight::cost::{self, CustomerSum, Hint, ModelSum, Overview, Sum, Usd};
use kit::{Error, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Tone};
use ui::button::{self, Button};
use ui::card::{self, Better, Card, Delta, Empty, GridWidth, Stat};
use ui::chart::{self, Columns, Stack};
use ui::dialog::{self, Dialog};
use ui::feedback::{self, Banner};
use ui::field::{self, Field};
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{Column, Row, Table, table};
use ui::{form, format, icon};

use crate::app::App;
use crate::extract::Form;
use crate::frame::{self, View};
use crate::respond::Answer;
use crate::routes::Caller;
use crate::score;

const PLACE: &str = "/admin/costs";
const PRICES: &str = "/admin/costs/prices";
const CSV: &str = "/admin/costs.csv";
/// So many models have a colour of their own in the chart; the others share one.
const COLOURS: usize = 5;
/// So many models and customers are listed.
const ROWS: usize = 12;

/// Shows it.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let overview = cost::overview(&app.insight, &actor.scope()).await?;
    let now = app.clock.now();
    let body = show(&app, &overview, now);
    if view.is_fragment() {
        return Ok(view.fragment(body));
    }
    let may_edit = actor.can(Permission::OperateHouse);
    Ok(view.page(Page {
        title: "Costs",
        help: "What calls of language models cost: llm_call and $ai_generation events, priced by the price table. US dollars.",
        actions: actions(&actor),
        scripts: &["chart.js"],
        body: html! {
            (live::region(Region { topic: "costs", url: PLACE, poll: Some(60), body, ..Region::default() }))
            @if may_edit { (budget_dialog(&overview)) }
        },
        ..Page::default()
    }))
}

fn actions(actor: &Actor) -> Markup {
    html! {
        (button::link_secondary(CSV, "CSV"))
        (button::link_secondary(PRICES, "Prices"))
        @if actor.can(Permission::OperateHouse) { (button::opens_dialog("budget", Button { label: "Budget", ..Button::default() })) }
    }
}

fn budget_dialog(overview: &Overview) -> Markup {
    let value = overview.month.budget.map(|budget| budget.exact()).unwrap_or_default();
    let value = value.trim_end_matches('0').trim_end_matches('.');
    dialog::dialog(Dialog {
        id: "budget",
        title: "Monthly budget",
        body: html! {
            form.form method="post" action="/admin/costs/budget" {
                (field::number(Field {
                    name: "budget", label: "A calendar month may cost", value, prefix: "$", hint: "Empty for no budget.", unmarked: true, ..Field::default()
                }))
                (form::actions(html! { (button::primary("Save budget")) }))
            }
        },
        open: false,
    })
}

/// What was typed as a budget.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypedBudget {
    budget: String,
}

/// Sets the monthly budget, or takes it away.
pub async fn set_budget(State(app): State<App>, Caller(actor): Caller, Form(typed): Form<TypedBudget>) -> Answer<Response> {
    let text = typed.budget.trim().replace(',', "");
    let budget = match text.as_str() {
        "" => Ok(None),
        text => Usd::parse(text).map(Some).ok_or_else(|| Error::invalid("budget", "must be an amount in dollars, such as 500")),
    };
    let outcome = match budget {
        Ok(budget) => cost::set_budget(&app.insight, &actor, budget).await,
        Err(error) => Err(error),
    };
    app.bus.signal("operators", "costs");
    frame::done_or_refused(&app, PLACE, outcome, "The budget is saved")
}

fn show(app: &App, overview: &Overview, now: Timestamp) -> Markup {
    let standing = &overview.standing;
    card::stack(html! {
        @if let Some((done, all)) = standing.recount { (recounting(done, all)) }
        @if overview.total.calls == 0 && overview.full.calls == 0 {
            (card::simple("Costs", card::empty_state(Empty {
                icon: Some(icon::coins()),
                title: "No calls of language models yet",
                text: "Send llm_call events with model, input_tokens and output_tokens, or $ai_generation events of an SDK. They are here within seconds.",
                action: button::link_secondary("/admin/events", "Events"),
            })))
        } @else {
            @if overview.total.unpriced > 0 { (unpriced(overview)) }
            (figures(overview))
            (daily(overview))
            (expected::card(overview))
            @if !overview.hints.is_empty() { (hints(&overview.hints)) }
            (card::grid(GridWidth::Wide, html! { (models(overview)) (customers(overview)) }))
            p.hint {
                "As of " (match standing.at { Some(at) => format::time_ago(at.0, now.0), None => html! { "never" } }) ". "
                (score::short(overview.days.0)) " to " (score::short(overview.days.1)) ", today included; days of " (app.events.calendar().zone_name()) "."
            }
        }
    })
}

fn recounting(done: usize, all: usize) -> Markup {
    let share = if all == 0 { 1.0 } else { done as f64 / all as f64 };
    feedback::banner(Banner {
        tone: Tone::Accent,
        title: "Costs are counted anew",
        text: &format!("Prices or days changed: {done} of {all} days are done. The others show what they cost by the prices before."),
        action: html! { (feedback::progress("Days counted anew", share)) },
    })
}

fn unpriced(overview: &Overview) -> Markup {
    let names: Vec<&str> = overview.models.iter().filter(|model| model.sum.unpriced > 0).map(|model| model.name.as_str()).collect();
    let more = if names.len() > 3 { format!(" and {} more", names.len() - 3) } else { String::new() };
    let text = format!(
        "{} of {} in 30 days have no price, so what they cost is in no figure here: {}{more}.",
        format::count(overview.total.unpriced),
        kit::words::counted(overview.total.calls, "call"),
        names.iter().take(3).map(|name| short_name(name)).collect::<Vec<_>>().join(", "),
    );
    feedback::banner(Banner {
        tone: Tone::Warn,
        title: "Some calls are unpriced",
        text: &text,
        action: button::link_secondary(PRICES, "Add prices"),
    })
}

/// Names of models may be long; the whole name is in the table of prices.
fn short_name(name: &str) -> String {
    match name.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name.to_owned(),
    }
}

/// A cost in words; "–" when none is known.
fn known(sum: &Sum) -> String {
    sum.known_cost().map(|cost| cost.to_string()).unwrap_or_default()
}

fn figures(overview: &Overview) -> Markup {
    let (month, total) = (&overview.month, &overview.total);
    let of_day = |day: Day| {
        overview.by_day.iter().filter(|(it, _)| *it == day).fold(Sum::default(), |mut sum, (_, model)| {
            sum.add(&model.sum);
            sum
        })
    };
    let today = of_day(overview.days.1);
    let unknown = if total.unpriced > 0 { "; unpriced calls not in it" } else { "" };
    let delta = (overview.full.unpriced == 0 && overview.before.unpriced == 0)
        .then(|| Delta::between(overview.full.cost.dollars(), overview.before.cost.dollars(), Better::Down))
        .flatten();
    let per_build = (overview.builds > 0 && total.known_cost().is_some()).then(|| Usd(total.cost.0 / overview.builds).to_string());
    let month_hint = match (&month.at_end, month.budget) {
        (Some(at_end), Some(budget)) => format!("{} expected at its end, of {budget}", Usd::of_dollars(at_end.mean)),
        (Some(at_end), None) => format!("{} expected at its end", Usd::of_dollars(at_end.mean)),
        (None, Some(budget)) => format!("of {budget}"),
        (None, None) => String::new(),
    };
    card::stats(html! {
        (card::stat(Stat {
            label: "30 days",
            figure: &known(total),
            delta,
            hint: &format!("30 full days against the 30 before{unknown}"),
            help: "From 29 days ago until now. The change compares full days only, because today is not over.",
            ..Stat::default()
        }))
        (card::stat(Stat { label: "Today so far", figure: &known(&today), hint: &kit::words::counted(today.calls, "call"), ..Stat::default() }))
        (card::stat(Stat {
            label: "This month so far",
            figure: &month.so_far.to_string(),
            hint: &month_hint,
            help: "Since the first of the month, and what the forecast adds until its last day.",
            ..Stat::default()
        }))
        (card::stat(Stat {
            label: "Per successful build",
            figure: &per_build.unwrap_or_default(),
            hint: &match overview.builds {
                0 => "no build succeeded in 30 days".to_owned(),
                builds => format!("{} / {}", total.cost, kit::words::counted(builds, "build")),
            },
            help: "All costs of 30 days by the builds that succeeded in them: failed builds are paid for, too.",
            ..Stat::default()
        }))
    })
}

fn dollars(figure: f64) -> String {
    if figure == 0.0 { "$0".to_owned() } else { Usd::of_dollars(figure).to_string() }
}

/// Columns by day, stacked by model.
fn daily(overview: &Overview) -> Markup {
    let days: Vec<Day> = (overview.days.0.0..=overview.days.1.0).map(Day).collect();
    let labels: Vec<String> = days.iter().map(|day| score::short(*day)).collect();
    let priced: Vec<&ModelSum> = overview.models.iter().filter(|model| model.sum.known_cost().is_some()).collect();
    let (own, others) = priced.split_at(priced.len().min(COLOURS));
    let cost = |day: Day, is_of: &dyn Fn(&ModelSum) -> bool| -> f64 {
        overview.by_day.iter().filter(|(it, model)| *it == day && is_of(model)).map(|(_, model)| model.sum.cost).sum::<Usd>().dollars()
    };
    let is_one = |one: &ModelSum, other: &ModelSum| one.name == other.name && one.provider == other.provider;
    let mut names: Vec<String> = own.iter().map(|model| short_name(&model.name)).collect();
    let mut values: Vec<Vec<f64>> =
        own.iter().map(|model| days.iter().map(|day| cost(*day, &|other| is_one(model, other))).collect()).collect();
    if !others.is_empty() {
        names.push(format!("{} more", others.len()));
        values.push(days.iter().map(|day| cost(*day, &|one| others.iter().any(|other| is_one(other, one)))).collect());
    }
    let stacks: Vec<Stack<'_>> = names.iter().zip(&values).map(|(name, values)| Stack { name, values }).collect();
    let summary = format!("{} in 30 days. The last column is today, which is not over.", overview.total.cost);
    let month_days = (overview.month.to.0 - overview.month.from.0 + 1).max(1);
    let limit = overview.month.budget.map(|budget| (budget.dollars() / month_days as f64, "Budget a day"));
    card::card(Card {
        title: "Costs by day",
        help: "What the calls of each day cost, by model. Unpriced calls are in no column.",
        hint: "The last column is today, which is not over.",
        body: chart::columns(&Columns {
            title: "Costs by day and model",
            summary: &summary,
            labels: &labels,
            stacks: &stacks,
            unfinished_from: Some(days.len().saturating_sub(1)),
            limit,
            figure: dollars,
            csv: CSV,
            ..Columns::default()
        }),
        ..Card::default()
    })
}

fn hints(hints: &[Hint]) -> Markup {
    card::card(Card {
        title: "What to do about it",
        help: "Written by rules from the figures of 30 days; each says what it was worked out from.",
        body: html! {
            ul.plain.stack { @for hint in hints {
                li {
                    p { strong { (hint.title) } @if let Some(saves) = hint.saves { " " (badge::tag(Tone::Ok, &format!("saves {saves}"))) } }
                    p.hint { (hint.text) }
                }
            } }
        },
        ..Card::default()
    })
}

/// The cost of a sum, with what is not in it.
fn cost_cell(sum: &Sum) -> Markup {
    html! {
        @match sum.known_cost() { Some(cost) => (cost), None => (card::missing("No call has a price")) }
        @if sum.unpriced > 0 { " " (badge::tag(Tone::Warn, "unpriced")) }
        @if sum.told > 0 { " " (badge::tag(Tone::Neutral, "told")) }
    }
}

fn models(overview: &Overview) -> Markup {
    let all = overview.total.cost.dollars();
    let row = |model: &ModelSum| {
        let share = if all > 0.0 { format::percent(model.sum.cost.dollars() / all, 0) } else { format::MISSING.to_owned() };
        let tokens = model.sum.tokens;
        Row::new([
            html! { strong { (short_name(&model.name)) } @if !model.provider.is_empty() { " " span.hint { (short_name(&model.provider)) } } },
            html! { (format::count(model.sum.calls)) },
            html! { span title=(format!("{} new, {} from the cache, {} to the cache, {} out", tokens.input, tokens.cache_read, tokens.cache_write, tokens.output)) { (format::count(tokens.all())) } },
            cost_cell(&model.sum),
            html! { (share) },
        ])
    };
    let more = overview.models.len().saturating_sub(ROWS);
    card::card(Card {
        title: "By model",
        help: "“Told” are calls whose cost the sender told: it wins over the price table. “Unpriced” are calls without a price: their cost is unknown.",
        flush: true,
        body: table(Table {
            caption: "Costs by model, 30 days",
            columns: &[
                Column::new("Model"),
                Column::number("Calls").minor(),
                Column::number("Tokens").minor(),
                Column::number("Cost"),
                Column::number("Share"),
            ],
            rows: overview.models.iter().take(ROWS).map(row).collect(),
            empty: html! { p.card-note.hint { "No calls in 30 days." } },
            bare: true,
            ..Table::default()
        }),
        footer: html! { @if more > 0 { (kit::words::counted(more, "more model")) " in the CSV" } },
        ..Card::default()
    })
}

fn customers(overview: &Overview) -> Markup {
    let row = |it: &CustomerSum| {
        Row::link(
            format!("/admin/customers/{}", it.customer),
            [html! { (it.name) }, html! { (format::count(it.sum.calls)) }, cost_cell(&it.sum)],
        )
    };
    let mut rows: Vec<Row<'_>> = overview.customers.iter().take(ROWS).map(row).collect();
    if overview.nobodys.calls > 0 {
        let nobodys = &overview.nobodys;
        rows.push(Row { faded: true, ..Row::new([html! { "No customer" }, html! { (format::count(nobodys.calls)) }, cost_cell(nobodys)]) });
    }
    card::card(Card {
        title: "By customer",
        help: "The customer that a call names, else the customer of the person who made it. Up to a minute old.",
        flush: true,
        body: table(Table {
            caption: "Costs by customer, 30 days",
            columns: &[Column::new("Customer"), Column::number("Calls").minor(), Column::number("Cost")],
            rows,
            empty: html! { p.card-note.hint { "No calls in 30 days." } },
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}
