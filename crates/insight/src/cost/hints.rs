//! What to do about costs, by rule, each with its arithmetic. Pure.

use events::Day;

use super::book::Book;
use super::overview::Overview;
use super::rates::{self, Part};
use super::sums::{ModelSum, Sum, together};
use super::{Usd, WINDOW};

/// What is worth less than this within 30 days is not told, …
const LEAST: Usd = Usd(1_000_000_000);
/// … and so is what is a smaller part of all costs.
const LEAST_SHARE: f64 = 0.02;

/// Something to do, or to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// In a few words.
    pub title: String,
    /// Why, with the figures that it comes from.
    pub text: String,
    /// What it would save within 30 days, where that can be said.
    pub saves: Option<Usd>,
}

/// All that there is to say, what saves most first.
pub(super) fn of(overview: &Overview, book: &Book) -> Vec<Hint> {
    let mut hints: Vec<Hint> = Vec::new();
    for model in &overview.models {
        hints.extend(cache(overview, book, model));
    }
    hints.extend(cheaper_model(overview, book));
    hints.sort_by_key(|hint| std::cmp::Reverse(hint.saves));
    let mut news: Vec<Hint> = [budget(overview), yesterday(overview), per_build(overview)].into_iter().flatten().collect();
    news.extend(hints);
    news
}

fn is_worth(saves: Usd, of: Usd) -> bool {
    saves >= LEAST && saves.dollars() >= LEAST_SHARE * of.dollars()
}

/// Input that could be read from the cache.
fn cache(overview: &Overview, book: &Book, model: &ModelSum) -> Option<Hint> {
    let price = book.price(&model.name, overview.days.1)?;
    let (fresh, cached) = (*price.rates.base.get(&Part::Input)?, *price.rates.base.get(&Part::CacheRead)?);
    let tokens = model.sum.tokens;
    let all = tokens.input + tokens.cache_read + tokens.cache_write;
    // Of calls whose costs were told nobody knows what they would have cost.
    if cached >= fresh || model.sum.told > 0 || all == 0 || tokens.cache_read as f64 >= 0.5 * all as f64 {
        return None;
    }
    let more = all / 2 - tokens.cache_read;
    let saves = Usd(i64::try_from(i128::from(more.min(tokens.input)) * i128::from(fresh - cached) / 1000).ok()?);
    is_worth(saves, overview.total.cost).then(|| Hint {
        title: format!("Read more of {}’s input from the cache", model.name),
        text: format!(
            "{} of {} input tokens were read from the cache. If it were half, {} tokens more would cost ${} instead of ${} a million: {saves} less in 30 days.",
            share(tokens.cache_read, all),
            millions(all),
            millions(more.min(tokens.input)),
            rates::rate_text(cached),
            rates::rate_text(fresh),
        ),
        saves: Some(saves),
    })
}

/// Calls of the dearest model that a cheaper one in use could do.
fn cheaper_model(overview: &Overview, book: &Book) -> Option<Hint> {
    let dear = overview.models.iter().find(|model| model.sum.told == 0 && model.sum.unpriced == 0)?;
    if dear.sum.cost.dollars() < 0.4 * overview.total.cost.dollars() {
        return None;
    }
    let cost_by = |name: &str| -> Option<Usd> {
        let rates = &book.price(name, overview.days.1)?.rates.base;
        let tokens = dear.sum.tokens;
        let parts = [
            (Part::Input, tokens.input),
            (Part::CacheRead, tokens.cache_read),
            (Part::CacheWrite5m, tokens.cache_write),
            (Part::Output, tokens.output),
        ];
        let picos: i128 = parts
            .into_iter()
            .map(|(part, tokens)| rates::rate(rates, part).map(|rate| i128::from(rate) * i128::from(tokens)))
            .sum::<Option<i128>>()?;
        Some(Usd(i64::try_from(picos / 1000).ok()?))
    };
    let others = overview.models.iter().filter(|model| model.name != dear.name && model.sum.calls * 20 >= overview.total.calls);
    let (other, cost) = others.filter_map(|model| Some((model, cost_by(&model.name)?))).min_by_key(|(_, cost)| *cost)?;
    let saves = Usd((dear.sum.cost - cost).0 / 10);
    is_worth(saves, overview.total.cost).then(|| Hint {
        title: format!("Let {} do what it can", other.name),
        text: format!(
            "{} is {} of all costs. The same tokens would cost {cost} with {} instead of {}: each tenth of its calls that the cheaper model can do saves {saves} in 30 days.",
            dear.name,
            share(dear.sum.cost.0, overview.total.cost.0),
            other.name,
            dear.sum.cost,
        ),
        saves: Some(saves),
    })
}

/// The month will cost more than it may.
fn budget(overview: &Overview) -> Option<Hint> {
    let (budget, at_end) = (overview.month.budget?, overview.month.at_end?);
    let over = Usd::of_dollars(at_end.mean) - budget;
    (over > Usd(0)).then(|| Hint {
        title: "The month will cost more than its budget".to_owned(),
        text: format!(
            "{} so far, {} expected at its end: {over} more than the budget of {budget}. In 80 of 100 cases it is {} to {}.",
            overview.month.so_far,
            Usd::of_dollars(at_end.mean),
            Usd::of_dollars(at_end.low_80),
            Usd::of_dollars(at_end.high_80),
        ),
        saves: None,
    })
}

/// Yesterday was dearer than such days are.
fn yesterday(overview: &Overview) -> Option<Hint> {
    let day = overview.days.1.plus(-1);
    let of = |day: Day| overview.by_day.iter().filter(move |(it, _)| *it == day).map(|(_, model)| model);
    let sum = |day: Day| of(day).map(|model| model.sum.cost).sum::<Usd>();
    let weeks: Vec<Usd> = (1..=4).map(|week| sum(day.plus(-7 * week))).collect();
    // A house that is new has no usual day.
    if weeks.iter().any(|cost| *cost == Usd(0)) {
        return None;
    }
    let usual = Usd(weeks.iter().copied().sum::<Usd>().0 / 4);
    let more = sum(day) - usual;
    if more < LEAST || more.dollars() < 0.5 * usual.dollars() {
        return None;
    }
    let weekly: Vec<ModelSum> = together((1..=4).flat_map(|week| of(day.plus(-7 * week))));
    let before = |name: &str| weekly.iter().filter(|model| model.name == name).map(|model| model.sum.cost.0).sum::<i64>() / 4;
    let (driver, by) = together(of(day))
        .into_iter()
        .map(|model| (model.sum.cost.0 - before(&model.name), model.name))
        .max()
        .map(|(by, name)| (name, Usd(by)))?;
    Some(Hint {
        title: "Yesterday was dearer than usual".to_owned(),
        text: format!("{}, and {usual} on the same weekday of the four weeks before: {more} more. Of these {by} are {driver}’s.", sum(day)),
        saves: None,
    })
}

/// Builds that succeed became dearer.
fn per_build(overview: &Overview) -> Option<Hint> {
    let each = |sum: &Sum, builds: i64| (builds >= 10 && sum.unpriced == 0).then(|| Usd(sum.cost.0 / builds));
    let (now, before) = (each(&overview.full, overview.builds_before.0)?, each(&overview.before, overview.builds_before.1)?);
    (now.dollars() > 1.25 * before.dollars() && before > Usd(0)).then(|| Hint {
        title: "Each successful build costs more".to_owned(),
        text: format!(
            "{} / {} builds = {now} on the last {WINDOW} full days; {} / {} builds = {before} on the {WINDOW} days before.",
            overview.full.cost, overview.builds_before.0, overview.before.cost, overview.builds_before.1,
        ),
        saves: None,
    })
}

fn share(part: i64, of: i64) -> String {
    format!("{:.0} %", 100.0 * part as f64 / of.max(1) as f64)
}

fn millions(tokens: i64) -> String {
    match tokens {
        few if few < 100_000 => few.to_string(),
        many => format!("{:.1} million", many as f64 / 1e6),
    }
}
