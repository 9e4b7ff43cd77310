//! Health of all customers: how they are spread, who moved, what each factor does; and the models behind it.

mod assigned;
mod editor;
mod models;
mod runs;
mod typed;

pub use assigned::{assign, unassign};
pub use models::{copy, discard, list as models, publish, save, show as model, try_out, use_version};
pub use runs::show as run;

use accounts::{Actor, Permission, Scope};
use axum::extract::State;
use axum::response::Response;
use insight::health::{self, Band, BandsOfDay, Distribution, FactorMean, Listed, Query as Wanted, Sort};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::Tone;
use ui::button::{self, Button};
use ui::card::{self, Card, Empty, GridWidth};
use ui::chart::{self, Bin, Columns, Histogram, Stack};
use ui::form::{self, PostButton};
use ui::format;
use ui::icon;
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{Column, Row, Table, table};
use ui::tabs::{self, Tab};

use crate::app::App;
use crate::extract::Query;
use crate::frame::{self, View};
use crate::portal::to;
use crate::respond::Answer;
use crate::routes::Caller;
use crate::score;

const PLACE: &str = "/admin/health";
const MODELS: &str = "/admin/health/models";
const CSV: &str = "/admin/customers.csv";
/// So many rise and so many fall in the tables of movers.
const MOVERS: u32 = 8;
/// The chart of bands goes back so many days.
const DAYS: i64 = 30;

/// What the page shows.
struct Shown {
    bands: Distribution,
    tens: [i64; 10],
    days: Vec<BandsOfDay>,
    fell: Vec<Listed>,
    rose: Vec<Listed>,
    factors: Vec<FactorMean>,
    model: health::Model,
    /// All versions that score somebody: that of everybody, then those of segments.
    models: Vec<health::Model>,
}

/// Whose factors are shown, as it stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The number of a version; that of everybody when it is none that scores somebody.
    model: String,
}

/// Shows how all customers are.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let scope = actor.scope();
    let models = scoring(&app).await?;
    let model = models.iter().find(|model| model.no.0.to_string() == asked.model).unwrap_or(&models[0]).clone();
    let here = to(PLACE, &[("model", &asked.model)]);
    let shown = Shown {
        bands: health::distribution(&app.insight, &scope).await?,
        tens: health::tens(&app.insight, &scope).await?,
        days: health::bands_by_day(&app.insight, &scope, DAYS).await?,
        fell: movers(&app, &scope, false).await?,
        rose: movers(&app, &scope, true).await?,
        factors: health::factor_means(&app.insight, &scope, &model).await?,
        model,
        models,
    };
    let under_way = match actor.can(Permission::OperateHouse) {
        true => health::runs::recomputing(&app.insight).await?,
        false => None,
    };
    let body = card::stack(html! { @if let Some(run) = &under_way { (runs::region(run)) } (show(&shown)) });
    if view.is_fragment() {
        return Ok(view.fragment(body));
    }
    Ok(view.page(Page {
        title: "Health",
        help: "How your customers are, who is moving, and what their scores are made of. The score is not a forecast: who is likely to leave is told beside it.",
        summary: sentence(&shown.bands),
        actions: actions(&actor),
        scripts: &["chart.js"],
        body: live::region(Region { topic: "health", url: &here, body, ..Region::default() }),
        ..Page::default()
    }))
}

/// The versions that score somebody, that of everybody first.
async fn scoring(app: &App) -> kit::Result<Vec<health::Model>> {
    let mut models = vec![health::models::in_use(&app.db).await?];
    for assignment in health::assignments::list(&app.db).await? {
        if models.iter().all(|model| model.no != assignment.version) {
            models.push(health::models::version(&app.db, assignment.version).await?);
        }
    }
    Ok(models)
}

/// Has all scores computed anew; the page shows how far it is.
pub async fn recalculate(State(app): State<App>, Caller(actor): Caller) -> Answer<Response> {
    let asked = health::runs::ask_recompute(&app.insight, &actor).await.map(|_| ());
    frame::done_or_refused(&app, PLACE, asked, "All scores are computed anew")
}

/// The customers whose scores rose or fell most within a week.
async fn movers(app: &App, scope: &Scope, rising: bool) -> kit::Result<Vec<Listed>> {
    let query = Wanted { sort: Sort::Change7, descending: rising, limit: MOVERS, ..Wanted::default() };
    let listed = health::list(&app.insight, scope, &query).await?.items;
    let change = |listed: &Listed| listed.standing.as_ref().and_then(|standing| standing.change_7).unwrap_or_default();
    Ok(listed.into_iter().filter(|listed| if rising { change(listed) >= 0.05 } else { change(listed) <= -0.05 }).collect())
}

fn actions(actor: &Actor) -> Markup {
    html! {
        (button::link_secondary("/admin/health/backtest", "Backtest"))
        (button::link_secondary(MODELS, "Models"))
        @if actor.can(Permission::OperateHouse) {
            (form::post_button(PostButton {
                action: "/admin/health/recalculate",
                button: Button { label: "Recalculate", icon: Some(icon::refresh_cw()), ..Button::default() },
                ..PostButton::default()
            }))
        }
    }
}

fn sentence(bands: &Distribution) -> Markup {
    let scored = bands.all() - bands.unknown;
    html! {
        @if scored > 0 {
            (format::percent(bands.healthy as f64 / scored as f64, 0)) " of " (kit::words::counted(scored, "customer")) " with a score are healthy, "
            (format::count(bands.at_risk)) " at risk, " (format::count(bands.churning)) " churning."
        }
    }
}

fn show(shown: &Shown) -> Markup {
    if shown.bands.all() == shown.bands.unknown {
        return card::simple(
            "Scores",
            card::empty_state(Empty {
                icon: Some(icon::activity()),
                title: "No scores yet",
                text: "A score is made of what customers do. It appears within seconds after the first events of a customer came in.",
                action: button::link_secondary("/admin/ingestion", "How to send events"),
            }),
        );
    }
    card::stack(html! {
        (card::grid(GridWidth::Wide, html! { (spread(shown)) (by_day(&shown.days)) }))
        (card::grid(GridWidth::Wide, html! {
            (moved("Fell most", "within 7 days", &shown.fell, "Nobody's score fell."))
            (moved("Rose most", "within 7 days", &shown.rose, "Nobody's score rose."))
        }))
        (factors(shown))
    })
}

fn spread(shown: &Shown) -> Markup {
    let labels: Vec<String> =
        (0..10).map(|ten| if ten == 9 { "90–100".to_owned() } else { format!("{}–{}", ten * 10, ten * 10 + 9) }).collect();
    let bins: Vec<Bin<'_>> = labels
        .iter()
        .zip(shown.tens)
        .enumerate()
        .map(|(ten, (label, count))| {
            let band = Band::of(ten as f64 * 10.0);
            Bin { label: label.as_str().into(), count, tone: tone(band), href: format!("/admin/customers?band={band}&sort=score").into() }
        })
        .collect();
    let bands = &shown.bands;
    let summary =
        format!("{} healthy, {} at risk, {} churning, {} without a score.", bands.healthy, bands.at_risk, bands.churning, bands.unknown);
    let hint = match bands.unknown {
        0 => String::new(),
        unknown => format!("{} without events, so without a score", kit::words::counted(unknown, "customer")),
    };
    card::card(Card {
        title: "Customers by score",
        help: "70 and more is healthy, 40 to below 70 at risk, below 40 churning. Click a bar for the customers of its band.",
        hint: &hint,
        body: html! {
            p.row { @for (band, count) in [(Band::Healthy, bands.healthy), (Band::AtRisk, bands.at_risk), (Band::Churning, bands.churning)] {
                span.row { (score::band(Some(band))) strong { (format::count(count)) } }
            } }
            (chart::histogram(&Histogram {
                title: "Customers by health score",
                summary: &summary,
                size: "Score",
                what: "Customers",
                bins: &bins,
                csv: CSV,
                ..Histogram::default()
            }))
        },
        ..Card::default()
    })
}

fn tone(band: Band) -> Tone {
    score::level(Some(band)).tone()
}

fn by_day(days: &[BandsOfDay]) -> Markup {
    let labels: Vec<String> = days.iter().map(|day| score::short(day.day)).collect();
    let counts = |pick: fn(&Distribution) -> i64| -> Vec<f64> { days.iter().map(|day| pick(&day.bands) as f64).collect() };
    let (churning, at_risk, healthy) = (counts(|bands| bands.churning), counts(|bands| bands.at_risk), counts(|bands| bands.healthy));
    let summary = match (days.first(), days.last()) {
        (Some(first), Some(last)) => format!("Churning: {} on the first day, {} on the last.", first.bands.churning, last.bands.churning),
        _ => String::new(),
    };
    card::card(Card {
        title: "Bands by day",
        help: "How many customers were in each band at the end of each day.",
        body: html! {
            @if days.len() < 2 { p.hint { "The first two days are not over yet." } } @else {
                div.by-band { (chart::columns(&Columns {
                    title: "Customers in each band by day",
                    summary: &summary,
                    labels: &labels,
                    stacks: &[
                        Stack { name: "Churning", values: &churning },
                        Stack { name: "At risk", values: &at_risk },
                        Stack { name: "Healthy", values: &healthy },
                    ],
                    ..Columns::default()
                })) }
            }
        },
        ..Card::default()
    })
}

fn moved(title: &str, hint: &str, listed: &[Listed], none: &str) -> Markup {
    let row = |listed: &Listed| {
        let standing = listed.standing.as_ref();
        let cells = [
            html! { (listed.customer.name.as_str()) },
            score::cell(standing),
            score::change_of(standing, |standing| standing.change_7),
            score::moved_by(standing),
        ];
        Row::link(format!("/admin/customers/{}", listed.customer.id), cells)
    };
    card::card(Card {
        title,
        hint,
        flush: true,
        body: table(Table {
            caption: title,
            columns: &[Column::new("Customer"), Column::new("Health"), Column::number("Change"), Column::new("Moved it most").minor()],
            rows: listed.iter().map(row).collect(),
            empty: html! { p.card-note.hint { (none) } },
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}

/// A tab for each model, when there are several.
fn model_tabs(shown: &Shown) -> Markup {
    if shown.models.len() < 2 {
        return Markup::default();
    }
    let tab = |model: &health::Model| {
        let href = to(PLACE, &[("model", &model.no.0.to_string())]) + "#factors";
        (model.name.clone(), href, model.no == shown.model.no)
    };
    let tabs: Vec<(String, String, bool)> = shown.models.iter().map(tab).collect();
    let tabs: Vec<Tab<'_>> = tabs.iter().map(|(label, href, current)| Tab::new(label.as_str(), href.as_str(), *current)).collect();
    tabs::segmented("Model", &tabs)
}

fn factors(shown: &Shown) -> Markup {
    let row = |factor: &FactorMean| {
        Row::new([
            html! { strong { (factor.rule.label) } },
            html! { span.hint { (health::formula(&factor.rule.measure)) } },
            html! { (format::percent(factor.share, 0)) },
            match factor.mean {
                Some(mean) => html! { (format::decimal(mean, 0)) },
                None => card::missing("No customer has a score for it"),
            },
            chart::tendency(factor.contribution, "No customer has a score for it"),
            html! { (format::count(factor.weak)) },
        ])
    };
    let model = &shown.model;
    let hint = format!("Model {}, version {}. Means over the customers whom it scores.", model.name, model.version);
    card::card(Card {
        title: "Factors",
        help: "What each factor of the model does to scores on average: 50 is neutral, so a factor below 50 takes points away.",
        hint: &hint,
        actions: model_tabs(shown),
        id: "factors",
        flush: true,
        body: table(Table {
            caption: "Factors",
            columns: &[
                Column::new("Factor"),
                Column::new("Made of").minor(),
                Column::number("Weight"),
                Column::number("Mean score"),
                Column::number("Points"),
                Column::number("Below 40").minor(),
            ],
            rows: shown.factors.iter().map(row).collect(),
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}
