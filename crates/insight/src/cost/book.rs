//! Which price a model has on a day: the house's own rows first, then those that Innkeeper brings along.

use std::sync::OnceLock;

use events::Day;
use kit::{Context, Db, Error, Result, Timestamp, from_row, sql};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use super::rates::{Part, PartRates, Rates, Tier, parse_rate};

/// Longer patterns, and those whose automaton takes more than this many bytes, are refused. Matching takes time in proportion to the name
/// whatever the pattern is.
const LONGEST_PATTERN: usize = 200;
const LARGEST_AUTOMATON: usize = 64 << 10;

/// One row of the price table.
#[derive(Debug, Clone)]
pub struct Price {
    /// The id of a row of the house's own; none for those that Innkeeper brings along.
    pub id: Option<String>,
    /// What it is called.
    pub label: String,
    /// What names of models it is for.
    pub pattern: Pattern,
    /// For calls from this day on.
    pub since: Day,
    /// What tokens cost.
    pub rates: Rates,
    /// Why it is there.
    pub note: String,
    /// When and by whom it was written; none for those that Innkeeper brings along.
    pub changed: Option<(Timestamp, String)>,
}

/// A regular expression over the whole name of a model, in whatever case.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Refuses what is no expression, or too large a one.
    pub fn parse(text: &str) -> Result<Pattern> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST_PATTERN || text.chars().any(char::is_control) {
            return Err(Error::invalid("pattern", format!("must have 1 to {LONGEST_PATTERN} letters")));
        }
        let build = |text: &str| {
            RegexBuilder::new(text)
                .unicode(false)
                .case_insensitive(true)
                .size_limit(LARGEST_AUTOMATON)
                .dfa_size_limit(LARGEST_AUTOMATON)
                .build()
        };
        // Alone first: `a)|(b` would be another expression within the brackets.
        let wrong = |error: regex::Error| match error {
            regex::Error::CompiledTooBig(_) => Error::invalid("pattern", "is too large an expression"),
            _ => Error::invalid("pattern", "must be a regular expression, such as `claude-opus-4[-.]5.*`"),
        };
        build(text).map_err(wrong)?;
        let regex = build(&format!("^(?:{text})$")).map_err(wrong)?;
        Ok(Pattern { text: text.to_owned(), regex })
    }

    /// An expression for this name alone.
    pub fn exactly(name: &str) -> String {
        regex::escape(name)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is for this model.
    pub fn is_for(&self, model: &str) -> bool {
        self.regex.is_match(model.as_bytes())
    }
}

/// All prices, in the order in which they are looked through.
#[derive(Debug, Clone)]
pub struct Book {
    /// Grows with each change of the house's own rows.
    pub edition: i64,
    /// Own ones first; the newest first among both.
    pub prices: Vec<Price>,
}

impl Book {
    /// As it is now.
    pub async fn load(db: &Db) -> Result<Book> {
        let (edition,): (i64,) = db.one(sql("select edition from llm_progress")).await?;
        let mut prices = own(db).await?;
        prices.extend(built_in()?.0);
        Ok(Book { edition, prices })
    }

    /// The prices that are ever for this model, in the order in which they count.
    pub fn of_model(&self, model: &str) -> Vec<&Price> {
        self.prices.iter().filter(|price| price.pattern.is_for(model)).collect()
    }

    /// The price of a model on a day.
    pub fn price(&self, model: &str, day: Day) -> Option<&Price> {
        self.prices.iter().find(|price| price.since <= day && price.pattern.is_for(model))
    }
}

/// The price of a day, of those that are for a model.
pub fn on<'a>(prices: &[&'a Price], day: Day) -> Option<&'a Price> {
    prices.iter().find(|price| price.since <= day).copied()
}

struct Row {
    id: String,
    label: String,
    pattern: String,
    since: i64,
    rates: String,
    note: String,
    changed_at: Timestamp,
    changed_by: String,
}

from_row!(Row { id, label, pattern, since, rates, note, changed_at, changed_by });

/// The house's own, the newest first.
pub async fn own(db: &Db) -> Result<Vec<Price>> {
    let rows: Vec<Row> = db
        .all(sql("select id, label, pattern, since, rates, note, changed_at, changed_by from llm_price order by since desc, id desc"))
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Price {
                pattern: Pattern::parse(&row.pattern).context("reading a price")?,
                rates: serde_json::from_str(&row.rates).context("reading a price")?,
                id: Some(row.id),
                label: row.label,
                since: Day(row.since),
                note: row.note,
                changed: Some((row.changed_at, row.changed_by)),
            })
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    checked: String,
    source: String,
    prices: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    label: String,
    pattern: String,
    since: String,
    rates: std::collections::BTreeMap<Part, String>,
    #[serde(default)]
    tiers: Vec<TierLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierLine {
    over: i64,
    rates: std::collections::BTreeMap<Part, String>,
}

/// Where the prices that Innkeeper brings along come from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// When they were looked at.
    pub checked: String,
    /// Where.
    pub source: String,
}

/// The prices that Innkeeper brings along, the newest first. Their patterns are made once: that takes longer than all else.
pub fn built_in() -> Result<(Vec<Price>, Origin)> {
    static READ: OnceLock<(Vec<Price>, Origin)> = OnceLock::new();
    match READ.get() {
        Some(read) => Ok(read.clone()),
        None => {
            let read = read_built_in()?;
            Ok(READ.get_or_init(|| read).clone())
        }
    }
}

fn read_built_in() -> Result<(Vec<Price>, Origin)> {
    let file: File = serde_json::from_str(include_str!("prices.json")).context("reading the prices that come along")?;
    let mut prices = file.prices.into_iter().map(price).collect::<Result<Vec<Price>>>()?;
    prices.sort_by_key(|price| std::cmp::Reverse(price.since));
    Ok((prices, Origin { checked: file.checked, source: file.source }))
}

fn price(line: Line) -> Result<Price> {
    let rates = |texts: std::collections::BTreeMap<Part, String>| -> Result<PartRates> {
        let rate =
            |(part, text): (Part, String)| Ok((part, parse_rate(&text).ok_or_else(|| Error::internal(format!("no price: {text}")))?));
        texts.into_iter().map(rate).collect()
    };
    let tiers = line.tiers.into_iter().map(|tier| Ok(Tier { over: tier.over, of: Vec::new(), rates: rates(tier.rates)? }));
    Ok(Price {
        id: None,
        pattern: Pattern::parse(&line.pattern)?,
        since: Day::parse(&line.since).ok_or_else(|| Error::internal(format!("no day: {}", line.since)))?,
        rates: Rates { base: rates(line.rates)?, tiers: tiers.collect::<Result<_>>()? },
        label: line.label,
        note: String::new(),
        changed: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prices_that_come_along_are_sound_and_each_model_has_one() {
        let (prices, origin) = built_in().unwrap();
        assert!(Day::parse(&origin.checked).is_some() && origin.source.contains("Langfuse"));
        for price in &prices {
            price.rates.check().unwrap();
        }
        let book = Book { edition: 0, prices };
        let label = |model: &str| {
            let found = book.of_model(model);
            assert!(found.len() < 2, "{model}: {:?}", found.iter().map(|price| &price.label).collect::<Vec<_>>());
            found.first().map_or("", |price| price.label.as_str())
        };
        for (model, wanted) in [
            ("claude-opus-4-5", "Claude Opus 4.5"),
            ("claude-opus-4-5-20251101", "Claude Opus 4.5"),
            ("anthropic/claude-opus-4.5", "Claude Opus 4.5"),
            ("us.anthropic.claude-opus-4-5-20251101-v1:0", "Claude Opus 4.5"),
            ("claude-opus-4-20250514", "Claude Opus 4"),
            ("claude-opus-4@20250514", "Claude Opus 4"),
            ("claude-haiku-3-5", "Claude Haiku 3.5"),
            ("claude-3-5-haiku-latest", "Claude Haiku 3.5"),
            ("Claude-3-7-Sonnet-20250219", "Claude Sonnet 3.7"),
            ("gpt-5-mini", "GPT-5 mini"),
            ("gpt-5-2025-08-07", "GPT-5"),
            ("openai/gpt-5.1", "GPT-5.1"),
            ("gpt-5x1", ""),
            ("gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite"),
            ("gemini-3-pro-preview", "Gemini 3 Pro"),
            ("my-own-model", ""),
            ("", ""),
        ] {
            assert_eq!(label(model), wanted, "{model}");
        }
        let opus = book.of_model("claude-opus-4-5")[0];
        assert_eq!(
            [opus.rates.base[&Part::Input], opus.rates.base[&Part::Output], opus.rates.base[&Part::CacheRead]],
            [5_000_000, 25_000_000, 500_000]
        );
        let haiku = book.of_model("claude-haiku-3-5")[0];
        assert_eq!([haiku.rates.base[&Part::Input], haiku.rates.base[&Part::Output]], [800_000, 4_000_000]);
    }

    #[test]
    fn own_rows_win_and_days_decide() {
        let price = |id: Option<&str>, since: &str, pattern: &str| Price {
            id: id.map(str::to_owned),
            label: format!("{since} {pattern}"),
            pattern: Pattern::parse(pattern).unwrap(),
            since: Day::parse(since).unwrap(),
            rates: Rates { base: PartRates::new(), tiers: Vec::new() },
            note: String::new(),
            changed: None,
        };
        let prices = vec![
            price(Some("b"), "2026-06-01", "m-.*"),
            price(Some("a"), "2026-01-01", "m-1"),
            price(None, "2026-03-01", "m-[12]"),
            price(None, "2025-01-01", "m-1"),
        ];
        let book = Book { edition: 0, prices };
        let of = |model: &str, day: &str| on(&book.of_model(model), Day::parse(day).unwrap()).map(|price| price.label.as_str());
        assert_eq!(of("M-1", "2026-06-01"), Some("2026-06-01 m-.*"));
        assert_eq!(of("m-1", "2026-05-31"), Some("2026-01-01 m-1"), "own, though another is newer");
        assert_eq!(of("m-1", "2025-12-31"), Some("2025-01-01 m-1"));
        assert_eq!(of("m-2", "2026-02-28"), None, "not yet");
        assert_eq!(of("m-3", "2026-02-28"), None);
    }

    #[test]
    fn patterns_are_bounded() {
        let begun = std::time::Instant::now();
        let evil = Pattern::parse("(a+)+b").unwrap();
        assert!(!evil.is_for(&"a".repeat(200)));
        for bad in ["", "(", "a)|(b", "((((a{100}){100}){100}){100})", &"a".repeat(201), "a\nb"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
        assert!(begun.elapsed().as_secs() < 2);
        assert!(Pattern::parse("a|b").unwrap().is_for("B") && !Pattern::parse("a|b").unwrap().is_for("ab"), "the whole name");
    }
}
