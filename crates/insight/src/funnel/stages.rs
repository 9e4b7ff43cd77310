//! The funnel of the house, from visitor to deployed site, by day.
//!
//! Two funnels that must not be mixed up. The **snapshot** says how many did each step within some days, whenever they did the others: its
//! rates can be above 100 %. The **cohort** says how many of those who came within some days got to each step since, within
//! [`WINDOW_DAYS`]. Both are kept by day, for one day and for the seven that end with it, so that they outlive the raw events.

use std::collections::HashMap;
use std::time::Duration;

use events::{Day, Events, Sight, Sweep, Who};
use kit::db::Value;
use kit::jobs::Reconciler;
use kit::words::counted;
use kit::{Error, Result, Timestamp, from_row, sql};

use super::chain::{Finder, Hit, Order, Rules};
use super::question::{Question, Range, names};
use crate::Insight;

/// What each stage is called, and the events that it is.
pub const STAGES: [(&str, &str); 6] = [
    ("Visitors", "visit | $pageview"),
    ("Requests", "request"),
    ("Emails", "email_given"),
    ("Verified", "email_verified"),
    ("Builds", "build_started"),
    ("Deployed", "deploy_succeeded"),
];
/// Who came has so many days to get to the end.
pub const WINDOW_DAYS: i64 = 14;
/// Figures of several days are of so many.
pub const WEEK: i64 = 7;
/// The first time, so many past days are worked out.
const FILL_DAYS: i64 = 90;
const DAY_MS: i64 = 86_400_000;

/// Which of the two funnels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Who did a step within the days.
    #[default]
    Snapshot,
    /// How far those got who came within the days.
    Cohort,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Snapshot => "snapshot",
            Kind::Cohort => "cohort",
        }
    }
}

/// People in each stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageDay {
    /// The day, or the last of several.
    pub day: Day,
    /// In the order of [`STAGES`].
    pub people: [i64; 6],
    /// The days, and for a cohort its window, are over; only events that come late may change it, when somebody has it worked out again.
    pub is_final: bool,
    /// When it was worked out.
    pub computed_at: Timestamp,
}

struct Row {
    day: i64,
    visitors: i64,
    requests: i64,
    emails: i64,
    verified: i64,
    builds: i64,
    deployed: i64,
    is_final: bool,
    computed_at: Timestamp,
}

from_row!(Row { day, visitors, requests, emails, verified, builds, deployed, is_final, computed_at });

/// The same steps as a funnel that can be changed and broken down.
pub fn question(days: u32) -> Question {
    Question {
        steps: STAGES.iter().map(|(_, events)| (*events).to_owned()).collect(),
        order: Order::Ordered,
        window_hours: 24 * 14,
        range: Range::Last(days),
        who: Who::People,
        breakdown: None,
    }
}

/// Figures of the days from `from` to `to`, oldest first; each of `span` days (1 or [`WEEK`]). Days that were not worked out are missing.
pub async fn days(insight: &Insight, kind: Kind, span: i64, from: Day, to: Day) -> Result<Vec<StageDay>> {
    let rows: Vec<Row> = insight
        .db()
        .all(
            sql("select day, visitors, requests, emails, verified, builds, deployed, is_final, computed_at
                 from funnel_day
                 where kind = $1 and days = $2 and day >= $3 and day <= $4
                 order by day")
            .bind(kind.as_str())
            .bind(span)
            .bind(from.0)
            .bind(to.0),
        )
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| StageDay {
            day: Day(row.day),
            people: [row.visitors, row.requests, row.emails, row.verified, row.builds, row.deployed],
            is_final: row.is_final,
            computed_at: row.computed_at,
        })
        .collect())
}

/// Works out all figures of one day from the raw events. It may be done again at any time.
pub async fn run(insight: &Insight, day: Day) -> Result<()> {
    compute(insight, day, day).await
}

/// Works out the days that are missing or may still change.
pub async fn refresh(insight: &Insight) -> Result<u64> {
    let today = insight.today();
    let newest: Option<(i64,)> = insight
        .db()
        .optional(sql("select max(day) from funnel_day where kind = 'cohort' and days = 1 having max(day) is not null"))
        .await?;
    let open: Option<(i64,)> = insight
        .db()
        .optional(
            sql("select min(day) from funnel_day where is_final = false and day >= $1 having min(day) is not null")
                .bind(today.0 - FILL_DAYS),
        )
        .await?;
    let first = match newest {
        None => today.0 - FILL_DAYS,
        Some((newest,)) => open.map_or(newest + 1, |(open,)| open.min(newest + 1)).max(today.0 - FILL_DAYS),
    };
    if first > today.0 {
        return Ok(0);
    }
    compute(insight, Day(first), today).await?;
    u64::try_from(today.0 - first + 1).map_err(|error| Error::internal(error.to_string()))
}

/// Keeps the figures of the last days fresh.
#[derive(Debug)]
pub struct Days;

impl<C: AsRef<Insight> + Send + Sync + 'static> Reconciler<C> for Days {
    const NAME: &'static str = "funnel.days";
    const EVERY: Duration = Duration::from_secs(300);

    async fn reconcile(&self, context: C) -> Result<String> {
        let insight = context.as_ref();
        let cursor = insight.events().cursor().await?;
        let seen = (cursor, insight.today());
        if *insight.0.funnel_seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) == Some(seen) {
            return Ok("no event came in".to_owned());
        }
        let days = refresh(insight).await?;
        *insight.0.funnel_seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(seen);
        insight.bus().signal("operators", "funnel");
        Ok(format!("worked out {}", counted(days, "day")))
    }
}

/// People in each stage of each day: [kind][span][day][stage].
type Counts = [[Vec<[i64; 6]>; 2]; 2];

async fn compute(insight: &Insight, first: Day, last: Day) -> Result<()> {
    let _turn = insight.heavy_turn().await;
    let events = insight.events();
    // The week that ends with the first day begins earlier; those who came on the last day may get further after it.
    let from = first.plus(1 - WEEK);
    let calendar = events.calendar().clone();
    let starts: Vec<i64> = (from.0..=last.0 + 1).map(|day| calendar.start(Day(day)).0).collect();
    let parts = gather(events, Timestamp(starts[0]), Timestamp(starts[starts.len() - 1] + WINDOW_DAYS * DAY_MS + 1)).await?;
    let counted = tokio::task::spawn_blocking(move || count(parts, &starts));
    let counts = counted.await.map_err(|error| Error::internal(error.to_string()))?;
    let now = insight.clock().now();
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for day in first.0..=last.0 {
        let place = usize::try_from(day - from.0).unwrap_or(0);
        let over = calendar.start(Day(day + 1)).0;
        for (kind, until) in [(Kind::Snapshot, over), (Kind::Cohort, over + WINDOW_DAYS * DAY_MS)] {
            for (span, days) in [(0, 1), (1, WEEK)] {
                let people = counts[kind as usize][span][place];
                let mut row: Vec<Value> = vec![kind.as_str().into(), days.into(), day.into()];
                row.extend(people.map(Value::from));
                row.extend([Value::from(until <= now.0), now.into()]);
                rows.push(row);
            }
        }
    }
    let upsert = "insert into funnel_day (kind, days, day, visitors, requests, emails, verified, builds, deployed, is_final, computed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (kind, days, day) do update set
           visitors = excluded.visitors, requests = excluded.requests, emails = excluded.emails, verified = excluded.verified,
           builds = excluded.builds, deployed = excluded.deployed, is_final = excluded.is_final, computed_at = excluded.computed_at";
    insight.db().write(async |tx| tx.execute_each(sql(upsert), rows.clone()).await).await?;
    Ok(())
}

/// The events of all stages, each list with all events of its people.
async fn gather(events: &Events, from: Timestamp, to: Timestamp) -> Result<Vec<Vec<Hit>>> {
    const PARTS: usize = 16;
    #[derive(Default)]
    struct Heap([Vec<Hit>; PARTS]);
    let mut stages: HashMap<i64, u16> = HashMap::new();
    for (no, word) in events.names().await? {
        let bits = STAGES.iter().enumerate().filter(|(_, (_, step))| names(step).any(|name| name == word));
        let bits = bits.fold(0, |bits, (stage, _)| bits | 1 << stage);
        if bits != 0 {
            stages.insert(no, bits);
        }
    }
    let roots = events.roots(Who::People).await?;
    let heaps = events
        .sweep(Sweep { from, to, with_props: false }, move |heap: &mut Heap, sight: &mut Sight<'_>| {
            sight.each(|_, head| {
                if let (Some(bits), Some(who)) = (stages.get(&head.name), roots.of(&head)) {
                    heap.0[who as usize % PARTS].push(Hit::new(who, head.seq, head.at - from.0, 0, *bits));
                }
            });
            Ok(())
        })
        .await?;
    let mut parts = vec![Vec::new(); PARTS];
    for heap in heaps {
        parts.iter_mut().zip(heap.0).for_each(|(part, mut more)| part.append(&mut more));
    }
    Ok(parts)
}

/// `starts` are the beginnings of all days, and the end of the last.
fn count(parts: Vec<Vec<Hit>>, starts: &[i64]) -> Counts {
    let days = starts.len() - 1;
    let empty = || [vec![[0; 6]; days], vec![[0; 6]; days]];
    let mut counts = [empty(), empty()];
    let moments: Vec<u64> = starts.iter().map(|start| u64::try_from(start - starts[0]).unwrap_or(0)).collect();
    let day_of = |at: u64| moments.partition_point(|start| *start <= at) - 1;
    let window = (WINDOW_DAYS * DAY_MS) as u64;
    let rules = Rules { steps: STAGES.len(), order: Order::Ordered, window, entry_end: moments[days] };
    let mut finder = Finder::new(rules);
    // Of one person: the stages of each day, and how far it got from each day; and the same of the weeks that end with each day.
    let (mut done, mut depth) = ([vec![0u16; days], vec![0u16; days]], [vec![0u16; days], vec![0u16; days]]);
    for mut hits in parts {
        hits.sort_unstable_by_key(|hit| hit.key());
        for own in hits.chunk_by(|one, other| one.who == other.who) {
            let mut touched: Vec<usize> = Vec::new();
            for hit in own.iter().filter(|hit| hit.at() < moments[days]) {
                let day = day_of(hit.at());
                done[0][day] |= hit.steps();
                touched.push(day);
            }
            finder.each_start(own, |chain| {
                let day = day_of(chain.at[0]);
                depth[0][day] |= (1 << chain.depth) - 1;
                true
            });
            touched.dedup();
            for &day in &touched {
                for end in day..(day + WEEK as usize).min(days) {
                    done[1][end] |= done[0][day];
                    depth[1][end] |= depth[0][day];
                }
            }
            for (place, marks) in [&mut done, &mut depth].into_iter().enumerate() {
                for (span, marks) in marks.iter_mut().enumerate() {
                    for &day in &touched {
                        for end in day..(day + if span == 0 { 1 } else { WEEK as usize }).min(days) {
                            let bits = std::mem::take(&mut marks[end]);
                            for (stage, people) in counts[place][span][end].iter_mut().enumerate() {
                                *people += i64::from(bits >> stage & 1);
                            }
                        }
                    }
                }
            }
        }
    }
    counts
}
