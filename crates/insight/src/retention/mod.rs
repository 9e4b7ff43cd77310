//! Who comes back: people by the week of their first start event, and how many of them did something in each week after.
//!
//! The week of somebody is that of the *first* start event that is kept, not of the first one in what is shown; week 0 is 100 % by
//! definition. A week that is not over is partial: it is shown, and in no mean. Weeks begin on Monday in the house's time zone.

mod figures;

use std::collections::HashMap;
use std::sync::Arc;

use accounts::{Actor, Page, Permission};
use events::{Day, Events, Person, Sight, Sweep, Who, catalogue};
use kit::{Error, Result, Timestamp};

use crate::funnel::Rate;
use crate::{Insight, staff};
pub use figures::{Cell, Cohort, Mean};
use figures::{Member, table};

/// So many weeks of first events are shown, this one included.
pub const COHORTS: usize = 13;
/// The last week that can be asked for.
pub const MOST_WEEKS: usize = 12;
const LONGEST_NAME: usize = 400;

/// What somebody asks for, in words that fit into an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The first of these events begins somebody's week 0; `visit | $pageview` is either.
    pub start: String,
    /// Doing one of these is coming back; empty for anything that a person did.
    pub back: String,
    /// Having done one of these since is a conversion; empty for none.
    pub goal: String,
    /// Up to and with this week, 1 to [`MOST_WEEKS`].
    pub weeks: usize,
    /// Coming back in a later week counts for the weeks before, too.
    pub is_unbounded: bool,
    /// Whom it counts.
    pub who: Who,
}

impl Default for Question {
    fn default() -> Question {
        Question {
            start: "request".to_owned(),
            back: String::new(),
            goal: "deploy_succeeded".to_owned(),
            weeks: 4,
            is_unbounded: false,
            who: Who::People,
        }
    }
}

impl Question {
    /// Names what is out of range. Fields: `start`, `back`, `goal`, `weeks`.
    pub fn validate(&self) -> Result<()> {
        for (field, text) in [("start", &self.start), ("back", &self.back), ("goal", &self.goal)] {
            if text.len() > LONGEST_NAME || text.chars().any(char::is_control) {
                return Err(Error::invalid(field, "must be names of events"));
            }
        }
        if crate::funnel::names(&self.start).next().is_none() {
            return Err(Error::invalid("start", "must be the name of an event"));
        }
        if !(1..=MOST_WEEKS).contains(&self.weeks) {
            return Err(Error::invalid("weeks", format!("must be 1 to {MOST_WEEKS}")));
        }
        Ok(())
    }
}

/// Who came back.
#[derive(Debug)]
pub struct Answer {
    /// Oldest first.
    pub cohorts: Vec<Cohort>,
    /// Over all cohorts, for each week.
    pub means: Vec<Mean>,
    /// Conversion of all cohorts whose people are shown.
    pub goal: Option<Rate>,
    /// When it was made.
    pub as_of: Timestamp,
    /// In so many milliseconds.
    pub took_ms: u64,
    /// Raw events are kept from this day on, when older ones were dropped: who began before it may look new.
    pub kept_from: Option<Day>,
    members: Vec<Member>,
}

/// The first day of a week.
pub fn monday(day: Day) -> Day {
    // 1970-01-01 was a Thursday.
    day.plus(-(day.0 + 3).rem_euclid(7))
}

/// Answers a question; at once when it was asked before and no event came in since.
pub async fn ask(insight: &Insight, actor: &Actor, question: &Question) -> Result<Arc<Answer>> {
    staff::only(actor, Permission::ReadReporting)?;
    question.validate()?;
    insight.0.retentions.answer(insight, question, |answer| answer.members.len(), make(insight, question)).await
}

/// What one person did, as far as it matters.
#[derive(Debug, Clone, Copy)]
struct Story {
    /// The first start event.
    start: i64,
    /// The last event of the goal.
    goal: i64,
    /// A bit for each shown week in which they came back.
    weeks: u32,
}

impl Default for Story {
    fn default() -> Story {
        Story { start: i64::MAX, goal: i64::MIN, weeks: 0 }
    }
}

async fn make(insight: &Insight, question: &Question) -> Result<Answer> {
    let started = std::time::Instant::now();
    let (events, now) = (insight.events(), insight.clock().now());
    let today = insight.today();
    let first = monday(today).plus(-7 * (COHORTS as i64 - 1));
    // The beginnings of all weeks, and the end of the last.
    let starts: Vec<i64> = (0..=COHORTS as i64).map(|week| events.calendar().start(first.plus(7 * week)).0).collect();
    let stories = gather(events, question, &starts).await?;
    let mut members: Vec<Member> = Vec::new();
    for (who, story) in (0u32..).zip(stories) {
        if story.start < starts[0] || story.start >= starts[COHORTS] {
            continue;
        }
        let cohort = week_of(&starts, story.start);
        members.push(Member { who, cohort: cohort as u8, weeks: story.weeks, is_converted: story.goal >= story.start });
    }
    let over = starts[1..].iter().filter(|end| **end <= now.0).count();
    let (cohorts, means, goal) = table(&members, question, over, |week| first.plus(7 * week as i64));
    Ok(Answer {
        cohorts,
        means,
        goal,
        as_of: now,
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        kept_from: events.kept_from().await?.map(|at| events.calendar().day(at)),
        members,
    })
}

fn week_of(starts: &[i64], at: i64) -> usize {
    starts.partition_point(|start| *start <= at) - 1
}

const START: u8 = 1;
const BACK: u8 = 2;
const GOAL: u8 = 4;

/// Everybody's story, by number.
async fn gather(events: &Events, question: &Question, starts: &[i64]) -> Result<Vec<Story>> {
    let kinds = kinds(events, question).await?;
    let roots = events.roots(question.who).await?;
    let weeks = starts.to_vec();
    let (from, to) = (weeks[0], weeks[weeks.len() - 1]);
    let heaps = events
        // From the beginning, because somebody's first start event may be long ago.
        .sweep(
            Sweep { from: Timestamp(i64::MIN), to: Timestamp(to), with_props: false },
            move |heap: &mut Vec<Story>, sight: &mut Sight<'_>| {
                sight.each(|_, head| {
                    let kind = usize::try_from(head.name).ok().and_then(|name| kinds.get(name)).copied().unwrap_or(0);
                    if kind == 0 || (head.at < from && kind & START == 0) {
                        return;
                    }
                    let Some(who) = roots.of(&head) else { return };
                    let place = who as usize;
                    if heap.len() <= place {
                        heap.resize(place + 1, Story::default());
                    }
                    let story = &mut heap[place];
                    if kind & START != 0 {
                        story.start = story.start.min(head.at);
                    }
                    if kind & GOAL != 0 {
                        story.goal = story.goal.max(head.at);
                    }
                    if kind & BACK != 0 && head.at >= from {
                        story.weeks |= 1 << week_of(&weeks, head.at);
                    }
                });
                Ok(())
            },
        )
        .await?;
    let mut all: Vec<Story> = Vec::new();
    for heap in heaps {
        if heap.len() > all.len() {
            all.resize(heap.len(), Story::default());
        }
        for (story, other) in all.iter_mut().zip(heap) {
            story.start = story.start.min(other.start);
            story.goal = story.goal.max(other.goal);
            story.weeks |= other.weeks;
        }
    }
    Ok(all)
}

/// What each name of an event is, by number.
async fn kinds(events: &Events, question: &Question) -> Result<Vec<u8>> {
    let words: HashMap<i64, String> = events.names().await?;
    let mut kinds = vec![0u8; words.keys().filter_map(|no| usize::try_from(*no).ok()).max().map_or(0, |most| most + 1)];
    let is_one_of = |list: &str, word: &str| crate::funnel::names(list).any(|name| name == word);
    for (no, word) in &words {
        let Some(kind) = usize::try_from(*no).ok().and_then(|no| kinds.get_mut(no)) else { continue };
        if is_one_of(&question.start, word) {
            *kind |= START;
        }
        if is_one_of(&question.goal, word) {
            *kind |= GOAL;
        }
        let is_back = match crate::funnel::names(&question.back).next() {
            None => catalogue::find(word).is_none_or(|known| known.action),
            Some(_) => is_one_of(&question.back, word),
        };
        if is_back {
            *kind |= BACK;
        }
    }
    Ok(kinds)
}

/// Some of the people of a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    All,
    /// Who came back in this week.
    Back(usize),
    /// Who converted.
    Converted,
}

/// The people behind a cell, by number, a page at a time; `after` is the number of the last one of the page before.
pub async fn people(
    insight: &Insight,
    actor: &Actor,
    question: &Question,
    (cohort, part): (Day, Part),
    after: Option<i64>,
    limit: u32,
) -> Result<Page<Person, i64>> {
    let answer = ask(insight, actor, question).await?;
    let place = answer.cohorts.iter().position(|it| it.monday == cohort).ok_or_else(|| Error::not_found("the cohort"))?;
    let limit = usize::try_from(limit.clamp(1, accounts::MAX_PAGE)).unwrap_or(1);
    let fits = |member: &&Member| {
        usize::from(member.cohort) == place
            && after.is_none_or(|after| i64::from(member.who) > after)
            && match part {
                Part::All => true,
                Part::Back(week) => member.is_back(week, question.is_unbounded),
                Part::Converted => member.is_converted,
            }
    };
    let mut numbers: Vec<i64> = answer.members.iter().filter(fits).take(limit + 1).map(|member| i64::from(member.who)).collect();
    let more = numbers.len() > limit;
    numbers.truncate(limit);
    let mut items = insight.events().people(&numbers).await?;
    items.sort_by_key(|person| person.no);
    Ok(Page { items, next: numbers.last().copied().filter(|_| more) })
}
