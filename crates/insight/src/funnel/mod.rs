//! Funnels over any events: who did one thing, then the next.
//!
//! [`chain`] has the definitions, [`gather`] the reading, [`figures`] the sums. Answers are exact: they are made of the raw events, and kept
//! only as long as no event came in since.

mod chain;
mod figures;
mod gather;
mod question;
mod saved;
pub mod stages;

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use accounts::{Actor, Page, Permission};
use events::{Day, Person};
use kit::{Error, Result, Timestamp};

use crate::{Insight, staff};
use chain::{NOT_REACHED, Rules};
use figures::{Plan, Reach, Reaches};
use gather::Gathered;

pub use chain::{MOST_STEPS, Order};
pub use figures::Rate;
pub(crate) use question::names;
pub use question::{Attribution, Breakdown, Question, Range};
pub use saved::{Saved, SavedId, get, list, remove, save};

/// So many values of a breakdown are told, those of the most people.
const VALUES: usize = 20;

/// How one step went.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Which events it is.
    pub name: String,
    /// Whether such an event ever came in.
    pub is_known: bool,
    /// So many got here.
    pub people: u64,
    /// Of those who did the first step.
    pub of_first: Option<Rate>,
    /// Of those who did the step before.
    pub of_previous: Option<Rate>,
    /// Half of them took at most so long from the step before, in milliseconds.
    pub median_ms: Option<u64>,
    /// And nine tenths.
    pub p90_ms: Option<u64>,
}

/// Those who entered on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayOfEntry {
    /// The day.
    pub day: Day,
    /// So many entered.
    pub entered: u64,
    /// So many of them did all steps.
    pub finished: u64,
    /// Its people may still get further.
    pub is_converting: bool,
}

/// Those of one value of a breakdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueRow {
    /// The value.
    pub value: Value,
    /// So many did each step.
    pub people: Vec<u64>,
}

/// A value of a breakdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// As senders wrote it.
    Word(String),
    /// The event has no such property.
    None,
    /// The step that gives the value was not reached.
    NotReached,
}

/// A funnel's figures.
#[derive(Debug)]
pub struct Answer {
    /// The first day of entry.
    pub from: Day,
    /// The last one.
    pub to: Day,
    /// When it was made.
    pub as_of: Timestamp,
    /// In so many milliseconds.
    pub took_ms: u64,
    /// The steps.
    pub steps: Vec<Step>,
    /// So many entered less than a window ago and may still get further.
    pub converting: u64,
    /// By day of entry.
    pub days: Vec<DayOfEntry>,
    /// By value, the most people first; empty without a breakdown.
    pub values: Vec<ValueRow>,
    /// So many further values are not told.
    pub more_values: usize,
    reaches: Reaches,
    words: Vec<String>,
}

/// Some of the people of a funnel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// The step, from 1.
    pub step: usize,
    /// Who did the step before and not this one, rather than who did this one.
    pub is_dropped: bool,
    /// Only those of this value of the breakdown; an empty one is those without.
    pub value: Option<String>,
}

/// Ends work on other threads when nobody waits for it any more.
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Answers a question; at once when it was asked before and no event came in since.
pub async fn ask(insight: &Insight, actor: &Actor, question: &Question) -> Result<Arc<Answer>> {
    staff::only(actor, Permission::ReadReporting)?;
    question.validate()?;
    let people = |answer: &Answer| answer.reaches.all.len() + answer.reaches.by_value.as_ref().map_or(0, Vec::len);
    insight.0.funnels.answer(insight, question, people, make(insight, question)).await
}

async fn make(insight: &Insight, question: &Question) -> Result<Answer> {
    let started = std::time::Instant::now();
    let (events, now) = (insight.events(), insight.clock().now());
    let calendar = events.calendar();
    let (from, to) = question.range.moments(calendar, now);
    let Gathered { parts, values, is_known } = gather::gather(events, question, from, to).await?;
    let window = u64::try_from(question.window_ms()).unwrap_or(0);
    let entry_end = u64::try_from(to.0 - from.0).unwrap_or(0);
    let rules = Rules { steps: question.steps.len(), order: question.order, window, entry_end };
    let plan = Plan { rules, attribution: question.breakdown.as_ref().map(|breakdown| breakdown.attribution) };
    let mut reaches = reach(parts, plan).await?;
    let took: Vec<Option<(u64, u64)>> = (0..rules.steps).map(|step| reaches.took(step)).collect();
    reaches.sort();
    let people = depths(&reaches.all, rules.steps);
    let steps = (0..rules.steps)
        .map(|step| Step {
            name: question.steps[step].clone(),
            is_known: is_known[step],
            people: people[step],
            of_first: Rate::of(people[step], people[0]),
            of_previous: if step == 0 { None } else { Rate::of(people[step], people[step - 1]) },
            median_ms: took[step].map(|(median, _)| median),
            p90_ms: took[step].map(|(_, p90)| p90),
        })
        .collect();
    let (first, last) = question.range.days(calendar.day(now));
    let open_from = u64::try_from(now.0 - question.window_ms() - from.0).unwrap_or(0);
    let is_converting = |reach: &&Reach| reach.entry >= open_from && usize::from(reach.depth) < rules.steps;
    let converting = reaches.all.iter().filter(is_converting).count() as u64;
    let mut days: Vec<DayOfEntry> = (first.0..=last.0.min(calendar.day(now).0))
        .map(|day| {
            let is_converting = calendar.start(Day(day + 1)).0 + question.window_ms() > now.0;
            DayOfEntry { day: Day(day), entered: 0, finished: 0, is_converting }
        })
        .collect();
    let starts: Vec<u64> = days.iter().map(|day| u64::try_from(calendar.start(day.day).0 - from.0).unwrap_or(0)).collect();
    for reach in &reaches.all {
        // Senders' clocks may be ahead: what they date later than today is today's.
        if let Some(day) = starts.partition_point(|start| *start <= reach.entry).checked_sub(1).and_then(|place| days.get_mut(place)) {
            day.entered += 1;
            day.finished += u64::from(usize::from(reach.depth) == rules.steps);
        }
    }
    let (rows, more_values) = match question.breakdown {
        Some(_) => by_value(reaches.by_value.as_ref().unwrap_or(&reaches.all), rules.steps, &values),
        None => (Vec::new(), 0),
    };
    Ok(Answer {
        from: first,
        to: last,
        as_of: now,
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        steps,
        converting,
        days,
        values: rows,
        more_values,
        reaches,
        words: values,
    })
}

/// Finds everybody's chains on as many threads as reading took.
async fn reach(parts: Vec<Vec<chain::Hit>>, plan: Plan) -> Result<Reaches> {
    let lists = Arc::new(Mutex::new(parts));
    let cancel = Cancel(Arc::default());
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(2);
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (lists, is_cancelled) = (lists.clone(), cancel.0.clone());
            tokio::task::spawn_blocking(move || figures::work(&lists, plan, &is_cancelled))
        })
        .collect();
    let mut all = Reaches::default();
    for worker in workers {
        all = all.join(worker.await.map_err(|error| Error::internal(error.to_string()))??);
    }
    Ok(all)
}

/// How many did each step.
fn depths<'a>(reaches: impl IntoIterator<Item = &'a Reach>, steps: usize) -> Vec<u64> {
    let mut people = vec![0; steps];
    for reach in reaches {
        people[..usize::from(reach.depth).min(steps)].iter_mut().for_each(|count| *count += 1);
    }
    people
}

fn by_value(reaches: &[Reach], steps: usize, words: &[String]) -> (Vec<ValueRow>, usize) {
    let mut rows: HashMap<u16, Vec<u64>> = HashMap::new();
    for reach in reaches {
        let people = rows.entry(reach.value).or_insert_with(|| vec![0; steps]);
        people[..usize::from(reach.depth).min(steps)].iter_mut().for_each(|count| *count += 1);
    }
    let mut rows: Vec<ValueRow> = rows.into_iter().map(|(value, people)| ValueRow { value: word(value, words), people }).collect();
    rows.sort_by(|one, other| other.people.cmp(&one.people).then_with(|| one.value.text().cmp(other.value.text())));
    let more = rows.len().saturating_sub(VALUES);
    rows.truncate(VALUES);
    (rows, more)
}

fn word(value: u16, words: &[String]) -> Value {
    match value {
        0 => Value::None,
        NOT_REACHED => Value::NotReached,
        value => words.get(usize::from(value)).map_or(Value::None, |word| Value::Word(word.clone())),
    }
}

impl Value {
    /// As it stands in an address: empty for none.
    pub fn text(&self) -> &str {
        match self {
            Value::Word(word) => word,
            Value::None | Value::NotReached => "",
        }
    }
}

/// The people behind a figure, by number, a page at a time; `after` is the number of the last one of the page before.
pub async fn people(
    insight: &Insight,
    actor: &Actor,
    question: &Question,
    cell: &Cell,
    after: Option<i64>,
    limit: u32,
) -> Result<Page<Person, i64>> {
    staff::only(actor, Permission::ReadReporting)?;
    if cell.step == 0 || cell.step > question.steps.len() || (cell.is_dropped && cell.step == 1) {
        return Err(Error::not_found("the step"));
    }
    let answer = ask(insight, actor, question).await?;
    let limit = usize::try_from(limit.clamp(1, accounts::MAX_PAGE)).unwrap_or(1);
    let fits = |reach: &&Reach| {
        let depth = usize::from(reach.depth);
        let is_there = if cell.is_dropped { depth + 1 == cell.step } else { depth >= cell.step };
        is_there && after.is_none_or(|after| i64::from(reach.who) > after) && fits_value(&answer, reach, cell.value.as_deref())
    };
    let reaches = match (&cell.value, &answer.reaches.by_value) {
        (Some(_), Some(by_value)) => by_value,
        _ => &answer.reaches.all,
    };
    let mut numbers: Vec<i64> = reaches.iter().filter(fits).take(limit + 1).map(|reach| i64::from(reach.who)).collect();
    let more = numbers.len() > limit;
    numbers.truncate(limit);
    let mut items = insight.events().people(&numbers).await?;
    items.sort_by_key(|person| person.no);
    Ok(Page { items, next: numbers.last().copied().filter(|_| more) })
}

fn fits_value(answer: &Answer, reach: &Reach, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| match reach.value {
        0 => wanted.is_empty(),
        NOT_REACHED => false,
        value => answer.words.get(usize::from(value)).is_some_and(|word| word == wanted),
    })
}
