//! The price table: the house's own rows, those that come along, and the form for one.

use std::collections::HashMap;

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::response::Response;
use insight::cost::{self, Part, PartRates, Preview, Price, PriceId, WINDOW, rate, rate_text};
use kit::{Error, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::Tone;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::dialog::{self, Confirm};
use ui::feedback::{self, Banner};
use ui::field::{self, Field};
use ui::page::{Crumb, Page};
use ui::table::{Column, Row, Table, table};
use ui::{form, format, icon};

use super::typed::{self, TypedPrice, field_of};
use super::{PLACE, PRICES, short_name};
use crate::app::App;
use crate::extract::{Form, Path, Query};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// Models without a price that are listed.
const UNPRICED: usize = 20;

/// Lists all prices.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let may_edit = actor.can(Permission::OperateHouse);
    let own = cost::own(&app.db).await?;
    let (built_in, origin) = cost::built_in()?;
    let today = app.events.calendar().day(app.clock.now());
    let models = cost::by_model(&app.insight, &actor.scope(), today.plus(1 - WINDOW), today).await?;
    let unpriced: Vec<_> = models.iter().filter(|model| model.sum.unpriced > 0).take(UNPRICED).collect();
    let now = app.clock.now();
    let body = card::stack(html! {
        @if !unpriced.is_empty() {
            (card::card(Card {
                title: "Models without a price",
                hint: "What their calls of 30 days cost is not known.",
                flush: true,
                body: table(Table {
                    caption: "Models without a price",
                    columns: &[Column::new("Model"), Column::number("Unpriced calls"), Column::number("Tokens").minor(), Column::actions()],
                    rows: unpriced.iter().map(|model| Row::new([
                        html! { (short_name(&model.name)) },
                        html! { (format::count(model.sum.unpriced)) },
                        html! { (format::count(model.sum.tokens.all())) },
                        html! { @if may_edit { (button::link_secondary(&new_address(&model.name), "Add a price")) } },
                    ])).collect(),
                    bare: true,
                    ..Table::default()
                }),
                ..Card::default()
            }))
        }
        (card::card(Card {
            title: "Your own prices",
            help: "They win over those that come along. The one with the newest day that is over counts, of those whose pattern is for the model.",
            flush: true,
            body: table(Table {
                caption: "Your own prices",
                columns: &columns(true),
                rows: own.iter().map(|price| row(price, Some(now))).collect(),
                empty: card::empty_state(Empty {
                    icon: Some(icon::coins()),
                    title: "No prices of your own",
                    text: "Add one for a model that has none, or when you pay another price than the list says.",
                    action: html! { @if may_edit { (button::link_secondary("/admin/costs/prices/new", "Add a price")) } },
                }),
                bare: true,
                ..Table::default()
            }),
            ..Card::default()
        }))
        (card::card(Card {
            title: "Prices that come along",
            hint: &format!("Looked at on {}.", origin.checked),
            help: &origin.source,
            flush: true,
            body: table(Table {
                caption: "Prices that come along",
                columns: &columns(false),
                rows: built_in.iter().map(|price| row(price, None)).collect(),
                bare: true,
                ..Table::default()
            }),
            footer: html! { (origin.source) },
            ..Card::default()
        }))
    });
    Ok(view.page(Page {
        title: "Prices",
        help: "Dollars for a million tokens, by the part of the usage. A call costs what the price of its model and its day says.",
        crumbs: &[Crumb::new("Costs", PLACE)],
        actions: html! { @if may_edit { (button::link_primary("/admin/costs/prices/new", "Add a price")) } },
        body,
        ..Page::default()
    }))
}

/// The columns of a table of prices; of own ones, who changed them.
fn columns(are_own: bool) -> Vec<Column<'static>> {
    let mut columns = vec![
        Column::new("Price"),
        Column::new("Since"),
        Column::number("Input"),
        Column::number("Cache read").minor(),
        Column::number("Cache write").minor(),
        Column::number("Output"),
    ];
    if are_own {
        columns.push(Column::new("Changed").minor());
    }
    columns
}

fn row(price: &Price, now: Option<Timestamp>) -> Row<'static> {
    let dollars = |part: Part| rate(&price.rates.base, part).map_or(format::MISSING.to_owned(), |rate| format!("${}", rate_text(rate)));
    let mut cells = vec![
        html! {
            (price.label) " " span.hint.mono title=(price.pattern.as_str()) { (short(price.pattern.as_str())) }
            @for tier in &price.rates.tiers { " " span.hint { "other above " (format::count(tier.over)) " tokens" } }
        },
        html! { (price.since.iso()) },
        html! { (dollars(Part::Input)) },
        html! { (dollars(Part::CacheRead)) },
        html! { (dollars(Part::CacheWrite5m)) },
        html! { (dollars(Part::Output)) },
    ];
    if let (Some((at, by)), Some(now)) = (&price.changed, now) {
        cells.push(html! { (format::time_ago(at.0, now.0)) " by " (by) });
    }
    match &price.id {
        Some(id) => Row::link(format!("{PRICES}/{id}"), cells),
        None => Row::new(cells),
    }
}

fn short(pattern: &str) -> String {
    match pattern.char_indices().nth(28) {
        Some((at, _)) => format!("{}…", &pattern[..at]),
        None => pattern.to_owned(),
    }
}

fn new_address(model: &str) -> String {
    format!("/admin/costs/prices/new?{}", serde_urlencoded::to_string([("model", model)]).unwrap_or_default())
}

/// For which model a price is to be.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    model: String,
}

/// What stands on the page of a price.
struct Shown<'a> {
    /// The price that is changed; none for a new one.
    price: Option<&'a Price>,
    typed: &'a TypedPrice,
    complaint: &'a Complaint,
    preview: Option<&'a Preview>,
}

/// Shows the form for a new one.
pub async fn form(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let today = app.events.calendar().day(app.clock.now());
    let typed = TypedPrice::of_model(&asked.model, today);
    Ok(page(&actor, view, &Shown { price: None, typed: &typed, complaint: &Complaint::none(), preview: None }))
}

/// Adds a price, or shows what it would change.
pub async fn add(State(app): State<App>, Caller(actor): Caller, view: View, Form(form): Form<HashMap<String, String>>) -> Answer {
    let typed = TypedPrice::read(form);
    let outcome = save(&app, &actor, &typed, None).await;
    finish(&app, &actor, view, &typed, None, outcome)
}

/// Shows one of the house's own.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<PriceId>) -> Answer {
    let price = cost::price_of(&app.insight, &actor, &id).await?;
    let typed = TypedPrice::of(&price).unwrap_or_default();
    Ok(page(&actor, view, &Shown { price: Some(&price), typed: &typed, complaint: &Complaint::none(), preview: None }))
}

/// Corrects a price, or shows what that would change.
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<PriceId>,
    Form(form): Form<HashMap<String, String>>,
) -> Answer {
    let price = cost::price_of(&app.insight, &actor, &id).await?;
    let typed = TypedPrice::read(form);
    let outcome = save(&app, &actor, &typed, Some(&id)).await;
    finish(&app, &actor, view, &typed, Some(&price), outcome)
}

/// Takes a price out.
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<PriceId>) -> Answer {
    cost::remove(&app.insight, &actor, &id).await?;
    app.bus.signal("operators", "costs");
    Ok(frame::done(&app, PRICES, "The price is taken out. Costs are counted anew"))
}

/// Keeps the price; none when only the preview was asked for, which is returned instead.
async fn save(app: &App, actor: &Actor, typed: &TypedPrice, id: Option<&PriceId>) -> kit::Result<Option<Preview>> {
    let new = typed.parse()?;
    if typed.wants_preview() {
        return cost::preview(&app.insight, actor, &new, id).await.map(Some);
    }
    match id {
        Some(id) => cost::change(&app.insight, actor, id, &new).await?,
        None => cost::add(&app.insight, actor, &new).await.map(|_| ())?,
    }
    app.bus.signal("operators", "costs");
    Ok(None)
}

fn finish(
    app: &App,
    actor: &Actor,
    view: View,
    typed: &TypedPrice,
    price: Option<&Price>,
    outcome: kit::Result<Option<Preview>>,
) -> Answer<Response> {
    match outcome {
        Ok(None) => Ok(frame::done(app, PRICES, "The price is saved. Costs are counted anew")),
        Ok(Some(preview)) => Ok(page(actor, view, &Shown { price, typed, complaint: &Complaint::none(), preview: Some(&preview) })),
        Err(error @ Error::NotFound(_)) => Err(error.into()),
        Err(error) => {
            let complaint = Complaint::from(error)?;
            Ok(page(actor, view.complaining(&complaint), &Shown { price, typed, complaint: &complaint, preview: None }))
        }
    }
}

fn page(actor: &Actor, view: View, shown: &Shown<'_>) -> Response {
    let may_edit = actor.can(Permission::OperateHouse);
    // More tiers than the form has: it would lose them.
    let is_beyond = shown.price.is_some_and(|price| TypedPrice::of(price).is_none());
    let title = shown.price.map_or("Add a price", |price| price.label.as_str());
    view.page(Page {
        title,
        help: "Dollars for a million tokens. What stays empty costs as the input or the output.",
        crumbs: &[Crumb::new("Costs", PLACE), Crumb::new("Prices", PRICES)],
        narrow: true,
        body: card::stack(html! {
            @if let Some(preview) = shown.preview { (what_changes(preview)) }
            @match shown.price {
                Some(price) if is_beyond || !may_edit => { (facts(price, is_beyond)) }
                _ => { (fields(shown)) }
            }
            @if let Some(Price { id: Some(id), .. }) = shown.price.filter(|_| may_edit) {
                (dialog::danger_zone(dialog::danger_action("Take the price out", "Calls from its day on are counted anew by what is left.", Confirm {
                    id: "remove-price",
                    title: &format!("Take {title} out?"),
                    text: "Calls from its day on are counted anew by what is left; what has no other price becomes unpriced.",
                    action: &format!("{PRICES}/{id}/remove"),
                    button: "Take out",
                    ..Confirm::default()
                })))
            }
        }),
        ..Page::default()
    })
}

fn facts(price: &Price, is_beyond: bool) -> Markup {
    let rates = |rates: &PartRates| html! { ul.plain { @for (part, rate) in rates { li { (part.label()) ": $" (rate_text(*rate)) } } } };
    html! {
        @if is_beyond {
            (feedback::banner(Banner { tone: Tone::Accent, title: "Changed by the API", text: "This price has tiers that the form does not show.", ..Banner::default() }))
        }
        (card::simple("Price", card::kv(&[
            ("Models", html! { span.mono { (price.pattern.as_str()) } }),
            ("Since", html! { (price.since.iso()) }),
            ("A million tokens", rates(&price.rates.base)),
            ("Note", html! { @if price.note.is_empty() { (card::missing("No note was written")) } @else { (price.note) } }),
        ])))
        @for tier in &price.rates.tiers { (card::simple(&format!("Above {} tokens", format::count(tier.over)), rates(&tier.rates))) }
    }
}

fn what_changes(preview: &Preview) -> Markup {
    let (from, to) = preview.days;
    let change = preview.after - preview.before;
    let text = format!(
        "{} of {} to {}{} would be priced by it{}: {} by the table as it is, {} then, {change} of difference. {} that have no price now would have one; {} whose cost was told stay as they are.",
        kit::words::counted(preview.calls, "call"),
        from.iso(),
        to.iso(),
        if preview.is_whole { "" } else { " (the newest days; older ones are counted anew as well)" },
        if preview.models.is_empty() {
            String::new()
        } else {
            format!(" ({})", preview.models.iter().map(|name| short_name(name)).collect::<Vec<_>>().join(", "))
        },
        preview.before,
        preview.after,
        preview.newly_priced,
        preview.told,
    );
    feedback::banner(Banner { tone: Tone::Accent, title: "What it would change. Nothing is saved yet", text: &text, ..Banner::default() })
}

fn fields(shown: &Shown<'_>) -> Markup {
    let (typed, complaint) = (shown.typed, shown.complaint);
    let action = match shown.price.and_then(|price| price.id.as_deref()) {
        Some(id) => format!("{PRICES}/{id}/change"),
        None => format!("{PRICES}/new"),
    };
    let sides = |side: &str| -> Vec<String> { Part::ALL.iter().map(|part| field_of(side, *part)).collect() };
    let (base, tier) = (sides("rates"), sides("tier"));
    let known: Vec<&str> = typed::FIELDS.into_iter().chain(base.iter().chain(&tier).map(String::as_str)).collect();
    let rates = |names: &[String], required: bool| {
        html! {
            @for pair in names.iter().zip(Part::ALL).collect::<Vec<_>>().chunks(2) {
                (form::columns(html! { @for (name, part) in pair {
                    (field::number(Field {
                        name, label: part.label(), value: typed.get(name), error: complaint.of(name), prefix: "$",
                        required: required && matches!(part, Part::Input | Part::Output), ..Field::default()
                    }))
                } }))
            }
        }
    };
    html! {
        form.form method="post" action=(action) {
            (complaint.summary(&known))
            (card::simple("Models", html! { div.form {
                (field::text(Field { name: "label", label: "Name", value: typed.get("label"), error: complaint.of("label"), required: true, maxlength: Some(80), autocomplete: "off", ..Field::default() }))
                (field::text(Field { name: "pattern", label: "Models", value: typed.get("pattern"), error: complaint.of("pattern"), required: true, maxlength: Some(200), autocomplete: "off", placeholder: "my-model-.*", hint: "A regular expression over the whole name, in any case.", ..Field::default() }))
                (field::date(Field { name: "since", label: "For calls from this day on", value: typed.get("since"), error: complaint.of("since"), required: true, ..Field::default() }))
                (field::text(Field { name: "note", label: "Note", value: typed.get("note"), error: complaint.of("note"), maxlength: Some(500), autocomplete: "off", ..Field::default() }))
            } }))
            (card::card(Card { title: "A million tokens cost", hint: "In US dollars.", body: html! { div.form { (rates(&base, true)) } }, ..Card::default() }))
            (card::card(Card { title: "Large calls", hint: "Some providers ask more for all tokens of a call with much input.", body: html! { div.form {
                (field::number(Field { name: "tier_over", label: "With more input tokens than", value: typed.get("tier_over"), error: complaint.of("tier_over"), placeholder: "200000", ..Field::default() }))
                (rates(&tier, false))
            } }, ..Card::default() }))
            (form::actions(html! {
                (button::primary("Save and count anew"))
                (button::submit(Button { label: "What would change", kind: Kind::Secondary, name: "then", value: "preview", busy: "Working it out…", ..Button::default() }))
                (button::link_secondary(PRICES, "Cancel"))
            }))
        }
    }
}
