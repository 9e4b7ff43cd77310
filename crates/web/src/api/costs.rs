//! Costs of calls of language models, and the prices behind them.

use accounts::CustomerId;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use events::Day;
use insight::cost::{self, ModelSum, NewPrice, Part, PartRates, Preview, Price, PriceId, Rates, Sum, Tier, Usd, parse_rate, rate_text};
use kit::{Error, FieldError, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

use crate::api::List;
use crate::app::App;
use crate::extract::{Json, Path, Query, created};
use crate::request::RequestFacts;
use crate::respond::Answer;
use crate::routes::Caller;

/// More days are not answered at once.
const MOST_DAYS: i64 = 366;

/// Leads to the page; customers, and whoever is not signed in, to their way in.
pub async fn dashboard(Extension(facts): Extension<RequestFacts>) -> Response {
    let is_staff = facts.caller.get().is_some_and(|actor| actor.scope().is_house());
    Redirect::to(if is_staff { "/admin/costs" } else { "/" }).into_response()
}

/// Which days.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Days {
    /// The first day, such as `2026-11-01`; 29 days before the last one by default.
    from: Option<String>,
    /// The last day; today by default. Today is not over.
    to: Option<String>,
}

impl Days {
    fn parse(&self, app: &App) -> Result<(Day, Day)> {
        let day = |field: &'static str, text: &Option<String>, or: Day| match text {
            None => Ok(or),
            Some(text) => Day::parse(text).ok_or_else(|| Error::invalid(field, "must be a day, such as 2026-11-21")),
        };
        let to = day("to", &self.to, app.events.calendar().day(app.clock.now()))?;
        let from = day("from", &self.from, to.plus(-29))?;
        match (0..MOST_DAYS).contains(&(to.0.saturating_sub(from.0))) {
            true => Ok((from, to)),
            false => Err(Error::invalid("from", format!("must be {MOST_DAYS} days or fewer before `to`"))),
        }
    }
}

/// What calls sum to. Amounts are US dollars as texts, exact to a billionth.
#[derive(Debug, Serialize, ToSchema)]
pub struct CostSum {
    calls: i64,
    /// Calls that said that they failed.
    failed: i64,
    /// Calls that have no price: their cost is not in `cost_usd`.
    unpriced: i64,
    /// Calls whose cost the sender told.
    told: i64,
    input_tokens: i64,
    cache_read_tokens: i64,
    cache_write_tokens: i64,
    output_tokens: i64,
    /// `null` when there were calls and none has a price.
    #[schema(example = "12.340000000")]
    cost_usd: Option<String>,
}

impl From<Sum> for CostSum {
    fn from(sum: Sum) -> CostSum {
        CostSum {
            calls: sum.calls,
            failed: sum.failed,
            unpriced: sum.unpriced,
            told: sum.told,
            input_tokens: sum.tokens.input,
            cache_read_tokens: sum.tokens.cache_read,
            cache_write_tokens: sum.tokens.cache_write,
            output_tokens: sum.tokens.output,
            cost_usd: sum.known_cost().map(Usd::exact),
        }
    }
}

/// Costs of a range of days.
#[derive(Debug, Serialize, ToSchema)]
pub struct Costs {
    #[schema(example = "2026-10-23")]
    from: String,
    #[schema(example = "2026-11-21")]
    to: String,
    /// Whose calendar.
    time_zone: String,
    /// When the sums changed last.
    counted_at: Option<String>,
    /// Prices changed, and some days still have their costs by the prices before.
    counting_anew: bool,
    total: CostSum,
    /// Each day, those without calls too.
    days: Vec<CostOfDay>,
    /// The dearest first.
    models: Vec<CostOfModel>,
}

/// One day.
#[derive(Debug, Serialize, ToSchema)]
pub struct CostOfDay {
    day: String,
    #[serde(flatten)]
    sum: CostSum,
}

/// One model.
#[derive(Debug, Serialize, ToSchema)]
pub struct CostOfModel {
    /// May be empty.
    provider: String,
    model: String,
    #[serde(flatten)]
    sum: CostSum,
}

impl From<ModelSum> for CostOfModel {
    fn from(model: ModelSum) -> CostOfModel {
        CostOfModel { provider: model.provider, model: model.name, sum: model.sum.into() }
    }
}

/// Shows what calls of language models cost.
///
/// They are counted within seconds after their events came in. Up to 366 days at once.
#[utoipa::path(get, path = "/api/costs", tag = "Costs", params(Days), responses((status = 200, description = "The sums", body = Costs)))]
pub async fn get(State(app): State<App>, Caller(actor): Caller, Query(asked): Query<Days>) -> Answer<Json<Costs>> {
    let (from, to) = asked.parse(&app)?;
    let days = cost::days(&app.insight, &actor.scope(), from, to).await?;
    let models = cost::by_model(&app.insight, &actor.scope(), from, to).await?;
    let standing = cost::standing(&app.insight).await?;
    let mut total = Sum::default();
    days.iter().for_each(|(_, sum)| total.add(sum));
    Ok(Json(Costs {
        from: from.iso(),
        to: to.iso(),
        time_zone: app.events.calendar().zone_name().to_owned(),
        counted_at: standing.at.map(|at| at.rfc3339()),
        counting_anew: standing.recount.is_some(),
        total: total.into(),
        days: days.into_iter().map(|(day, sum)| CostOfDay { day: day.iso(), sum: sum.into() }).collect(),
        models: models.into_iter().map(CostOfModel::from).collect(),
    }))
}

/// Shows what the calls of a customer and its people cost.
#[utoipa::path(get, path = "/api/customers/{customer}/costs", tag = "Costs", params(Days, ("customer" = String, Path, description = "Its id")),
    responses((status = 200, description = "The sum", body = CostSum)))]
pub async fn of_customer(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<CustomerId>,
    Query(asked): Query<Days>,
) -> Answer<Json<CostSum>> {
    let (from, to) = asked.parse(&app)?;
    accounts::customers::get(&app.db, &actor.scope(), &id).await?;
    Ok(Json(cost::of_customer(&app.insight, &actor.scope(), &id, from, to).await?.into()))
}

/// A price.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Price)]
pub struct ShownPrice {
    /// `null` for those that Innkeeper brings along.
    id: Option<String>,
    label: String,
    /// A regular expression over the whole name of a model, in any case.
    #[schema(example = "claude-opus-4[-.]5.*")]
    pattern: String,
    /// For calls from this day on.
    #[schema(example = "2025-11-24")]
    since: String,
    /// Dollars for a million tokens, by part: `input`, `audio_input`, `cache_read`, `cache_write_5m`, `cache_write_1h`, `output`,
    /// `reasoning`, `audio_output`. What is not named costs as the input or the output.
    rates: BTreeMap<String, String>,
    tiers: Vec<WriteTier>,
    note: String,
    changed_at: Option<String>,
    changed_by: Option<String>,
}

/// Other rates for large calls; the first tier that fits counts.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PriceTier)]
#[serde(deny_unknown_fields)]
pub struct WriteTier {
    /// For calls with more tokens than this …
    over: i64,
    /// … of these parts; of the whole input when none are named.
    #[serde(default)]
    of: Vec<String>,
    /// Dollars for a million tokens, by part.
    rates: BTreeMap<String, String>,
}

fn texts(rates: &PartRates) -> BTreeMap<String, String> {
    rates.iter().map(|(part, rate)| (part.as_str().to_owned(), rate_text(*rate))).collect()
}

impl From<Price> for ShownPrice {
    fn from(price: Price) -> ShownPrice {
        let tier = |tier: &Tier| WriteTier {
            over: tier.over,
            of: tier.of.iter().map(|part| part.as_str().to_owned()).collect(),
            rates: texts(&tier.rates),
        };
        let (changed_at, changed_by) = price.changed.map(|(at, by)| (at.rfc3339(), by)).unzip();
        ShownPrice {
            id: price.id,
            label: price.label,
            pattern: price.pattern.as_str().to_owned(),
            since: price.since.iso(),
            rates: texts(&price.rates.base),
            tiers: price.rates.tiers.iter().map(tier).collect(),
            note: price.note,
            changed_at,
            changed_by,
        }
    }
}

/// A price to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WritePrice {
    label: String,
    /// A regular expression over the whole name of a model, in any case.
    #[schema(example = "my-model-.*")]
    pattern: String,
    /// For calls from this day on.
    #[schema(example = "2026-11-21")]
    since: String,
    /// Dollars for a million tokens as texts, by part; `input` and `output` must be there.
    #[schema(example = json!({"input": "0.80", "output": "4"}))]
    rates: BTreeMap<String, String>,
    #[serde(default)]
    tiers: Vec<WriteTier>,
    #[serde(default)]
    note: String,
}

/// A price whose effect is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewPrice {
    price: WritePrice,
    /// The id of the price in whose place it would be.
    #[serde(default)]
    instead: Option<String>,
}

fn part(name: &str) -> Option<Part> {
    Part::ALL.into_iter().find(|part| part.as_str() == name)
}

fn rates(field: &str, texts: BTreeMap<String, String>, wrong: &mut Vec<FieldError>) -> PartRates {
    let mut rates = PartRates::new();
    for (name, text) in texts {
        match (part(&name), parse_rate(&text)) {
            (Some(part), Some(rate)) => {
                rates.insert(part, rate);
            }
            (None, _) => wrong.push(FieldError { field: field.to_owned(), message: "names a part that there is not".to_owned() }),
            (_, None) => wrong.push(FieldError {
                field: format!("{field}.{name}"),
                message: "must be dollars for a million tokens, such as \"0.80\"".to_owned(),
            }),
        }
    }
    rates
}

impl WritePrice {
    fn parse(self) -> Result<NewPrice> {
        let mut wrong = Vec::new();
        let since = Day::parse(&self.since);
        if since.is_none() {
            wrong.push(FieldError { field: "since".to_owned(), message: "must be a day, such as 2026-11-21".to_owned() });
        }
        let base = rates("rates", self.rates, &mut wrong);
        let mut tiers = Vec::new();
        for tier in self.tiers {
            let of: Option<Vec<Part>> = tier.of.iter().map(|name| part(name)).collect();
            if of.is_none() {
                wrong.push(FieldError { field: "tiers.of".to_owned(), message: "names a part that there is not".to_owned() });
            }
            tiers.push(Tier { over: tier.over, of: of.unwrap_or_default(), rates: rates("tiers.rates", tier.rates, &mut wrong) });
        }
        match since {
            Some(since) if wrong.is_empty() => {
                Ok(NewPrice { label: self.label, pattern: self.pattern, since, rates: Rates { base, tiers }, note: self.note })
            }
            _ => Err(Error::Invalid(wrong)),
        }
    }
}

/// What a price would change, of the newest 31 days at most.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PricePreview)]
pub struct ShownPreview {
    from: String,
    to: String,
    /// Whether these are all days that would change.
    is_whole: bool,
    /// Calls that would be priced by it.
    calls: i64,
    /// Of these, calls whose cost was told: they stay.
    told: i64,
    /// Of these, calls that have no price now and would have one.
    newly_priced: i64,
    before_usd: String,
    after_usd: String,
    /// Ten at most.
    models: Vec<String>,
}

impl From<Preview> for ShownPreview {
    fn from(preview: Preview) -> ShownPreview {
        ShownPreview {
            from: preview.days.0.iso(),
            to: preview.days.1.iso(),
            is_whole: preview.is_whole,
            calls: preview.calls,
            told: preview.told,
            newly_priced: preview.newly_priced,
            before_usd: preview.before.exact(),
            after_usd: preview.after.exact(),
            models: preview.models,
        }
    }
}

/// Lists prices: the house's own, which win, then those that come along; the newest first among both.
#[utoipa::path(get, path = "/api/costs/prices", tag = "Costs", responses((status = 200, description = "All of them", body = List<ShownPrice>)))]
pub async fn list_prices(State(app): State<App>) -> Answer<Json<List<ShownPrice>>> {
    let mut all = cost::own(&app.db).await?;
    all.extend(cost::built_in()?.0);
    Ok(Json(List { items: all.into_iter().map(ShownPrice::from).collect(), next: None }))
}

/// Adds a price. Calls from its day on are counted anew, which is done within minutes.
#[utoipa::path(post, path = "/api/costs/prices", tag = "Costs", request_body = WritePrice,
    responses((status = 201, description = "Added", body = ShownPrice)))]
pub async fn add_price(State(app): State<App>, Caller(actor): Caller, Json(body): Json<WritePrice>) -> Answer<Response> {
    let id = cost::add(&app.insight, &actor, &body.parse()?).await?;
    app.bus.signal("operators", "costs");
    let price = cost::price_of(&app.insight, &actor, &id).await?;
    Ok(created(&format!("/api/costs/prices/{id}"), ShownPrice::from(price)))
}

/// Works out what a price would change, and changes nothing.
#[utoipa::path(post, path = "/api/costs/prices/preview", tag = "Costs", request_body = PreviewPrice,
    responses((status = 200, description = "What it would change", body = ShownPreview)))]
pub async fn preview_price(State(app): State<App>, Caller(actor): Caller, Json(body): Json<PreviewPrice>) -> Answer<Json<ShownPreview>> {
    let instead =
        body.instead.as_deref().map(PriceId::parse).transpose().map_err(|_| Error::invalid("instead", "must be the id of a price"))?;
    Ok(Json(cost::preview(&app.insight, &actor, &body.price.parse()?, instead.as_ref()).await?.into()))
}

/// Corrects a price. Calls from the earlier of its days on are counted anew.
#[utoipa::path(put, path = "/api/costs/prices/{price}", tag = "Costs", params(("price" = String, Path, description = "Its id")), request_body = WritePrice,
    responses((status = 200, description = "Corrected", body = ShownPrice)))]
pub async fn change_price(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<PriceId>,
    Json(body): Json<WritePrice>,
) -> Answer<Json<ShownPrice>> {
    cost::change(&app.insight, &actor, &id, &body.parse()?).await?;
    app.bus.signal("operators", "costs");
    Ok(Json(cost::price_of(&app.insight, &actor, &id).await?.into()))
}

/// Takes a price out. Calls from its day on are counted anew by what is left.
#[utoipa::path(delete, path = "/api/costs/prices/{price}", tag = "Costs", params(("price" = String, Path, description = "Its id")),
    responses((status = 204, description = "Taken out")))]
pub async fn remove_price(State(app): State<App>, Caller(actor): Caller, Path(id): Path<PriceId>) -> Answer<StatusCode> {
    cost::remove(&app.insight, &actor, &id).await?;
    app.bus.signal("operators", "costs");
    Ok(StatusCode::NO_CONTENT)
}

/// A monthly budget.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// What a calendar month may cost, in dollars; `null` for no budget.
    #[schema(example = "500")]
    monthly_usd: Option<String>,
}

/// Sets the monthly budget, or takes it away.
#[utoipa::path(put, path = "/api/costs/budget", tag = "Costs", request_body = Budget, responses((status = 200, description = "As it is now", body = Budget)))]
pub async fn set_budget(State(app): State<App>, Caller(actor): Caller, Json(body): Json<Budget>) -> Answer<Json<Budget>> {
    let amount =
        |text: &str| Usd::parse(text).ok_or_else(|| Error::invalid("monthly_usd", "must be an amount in dollars, such as \"500\""));
    let budget = body.monthly_usd.as_deref().map(amount).transpose()?;
    cost::set_budget(&app.insight, &actor, budget).await?;
    app.bus.signal("operators", "costs");
    Ok(Json(Budget { monthly_usd: budget.map(Usd::exact) }))
}
