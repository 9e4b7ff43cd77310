//! What was wrong with events that came in: counted by day, kind, source and name, with the newest of each as a sample.
//!
//! Counted in memory and written every few seconds, so that a million bad events cost a few rows. What a crash loses are seconds of it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kit::{Clock, Db, Result, Timestamp, from_row, sql};
use tracing::warn;

use crate::wire::Trouble;
use crate::{Calendar, Day};

/// How long warnings wait for others before they are written.
const GATHER: Duration = Duration::from_secs(2);
/// Different kinds, sources and names of one day; beyond, names are left out.
const MOST_PER_DAY: usize = 1000;
/// Longest name, reason and sample that is kept.
const LONGEST: [usize; 3] = [200, 300, 2000];
/// Days for which warnings are kept.
const KEEP_DAYS: i64 = 30;

/// The list of what was wrong. Cheap to clone.
#[derive(Clone)]
pub struct Warnings(Arc<Whole>);

struct Whole {
    db: Db,
    clock: Clock,
    calendar: Calendar,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    waiting: HashMap<Key, Tally>,
    /// What was noted today, written or not: its number has an end.
    known: HashSet<Key>,
    today: Option<Day>,
    is_flushing: bool,
    /// Since the start; as many as there are troubles and formats.
    totals: HashMap<(Trouble, &'static str), u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    day: Day,
    trouble: Trouble,
    source: &'static str,
    name: String,
}

#[derive(Debug, Clone)]
struct Tally {
    events: i64,
    last_at: Timestamp,
    sender: String,
    reason: String,
    sample: String,
}

/// Something that is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Note<'a> {
    /// In one word.
    pub trouble: Trouble,
    /// By which format it came.
    pub source: &'static str,
    /// What happened; empty where it is not known.
    pub name: &'a str,
    /// The token's id; empty where there is none.
    pub sender: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The event as it was sent; nothing that must not be kept.
    pub sample: &'a str,
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    /// The day.
    pub day: Day,
    /// What is wrong.
    pub trouble: Trouble,
    /// By which format they came.
    pub source: String,
    /// What happened; empty where it is not known.
    pub name: String,
    /// How many.
    pub events: i64,
    /// When the newest came.
    pub last_at: Timestamp,
    /// The token that sent the newest; empty where there is none.
    pub sender: String,
    /// Why the newest was refused or changed.
    pub reason: String,
    /// The newest as it was sent; may be empty.
    pub sample: String,
}

struct Row {
    day: i64,
    kind: String,
    source: String,
    name: String,
    events: i64,
    last_at: Timestamp,
    sender: String,
    reason: String,
    sample: String,
}

from_row!(Row { day, kind, source, name, events, last_at, sender, reason, sample });

impl Warnings {
    /// An empty list over what the database has.
    pub fn new(db: Db, clock: Clock, calendar: Calendar) -> Warnings {
        Warnings(Arc::new(Whole { db, clock, calendar, noted: Mutex::default() }))
    }

    /// Counts something; it is written soon.
    pub fn note(&self, note: Note<'_>) {
        let now = self.0.clock.now();
        let day = self.0.calendar.day(now);
        let mut noted = self.lock();
        *noted.totals.entry((note.trouble, note.source)).or_default() += 1;
        if noted.today != Some(day) {
            noted.known.clear();
            noted.today = Some(day);
        }
        let [name, reason, sample] =
            [(note.name, LONGEST[0]), (note.reason, LONGEST[1]), (note.sample, LONGEST[2])].map(|(text, most)| short(text, most));
        let mut key = Key { day, trouble: note.trouble, source: note.source, name };
        if !noted.known.contains(&key) {
            if noted.known.len() >= MOST_PER_DAY {
                key.name = String::new();
            }
            noted.known.insert(key.clone());
        }
        let tally = noted.waiting.entry(key).or_insert_with(|| Tally {
            events: 0,
            last_at: now,
            sender: String::new(),
            reason: String::new(),
            sample: String::new(),
        });
        tally.events += 1;
        // The newest that can be shown.
        if !sample.is_empty() || tally.sample.is_empty() {
            *tally = Tally { events: tally.events, last_at: now, sender: note.sender.to_owned(), reason, sample };
        }
        if !noted.is_flushing {
            noted.is_flushing = true;
            let warnings = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(GATHER).await;
                if let Err(error) = warnings.write().await {
                    warn!("warnings about events could not be written and wait for the next ones: {error}");
                }
            });
        }
    }

    /// How many of each kind came by which format since the start, sorted.
    pub fn since_start(&self) -> Vec<(Trouble, &'static str, u64)> {
        let mut totals: Vec<_> = self.lock().totals.iter().map(|((trouble, source), count)| (*trouble, *source, *count)).collect();
        totals.sort_by_key(|(trouble, source, _)| (trouble.as_str(), *source));
        totals
    }

    /// Writes what waits.
    pub async fn write(&self) -> Result<()> {
        let waiting: Vec<(Key, Tally)> = {
            let mut noted = self.lock();
            noted.is_flushing = false;
            noted.waiting.drain().collect()
        };
        if waiting.is_empty() {
            return Ok(());
        }
        let oldest = self.0.calendar.day(self.0.clock.now()).plus(-KEEP_DAYS);
        let written = self
            .0
            .db
            .write(async |tx| {
                for (key, tally) in &waiting {
                    tx.execute(upsert(key, tally)).await?;
                }
                tx.execute(sql("delete from ingestion_warning where day < $1").bind(oldest.0)).await
            })
            .await;
        if let Err(error) = written {
            let mut noted = self.lock();
            for (key, tally) in waiting {
                let kept = noted.waiting.entry(key).or_insert_with(|| Tally { events: 0, ..tally.clone() });
                kept.events += tally.events;
            }
            return Err(error);
        }
        Ok(())
    }

    /// What was wrong since a day, newest first, this moment included. At most `limit` rows.
    pub async fn list(&self, since: Day, limit: u32) -> Result<Vec<Warning>> {
        self.write().await?;
        let rows: Vec<Row> = self
            .0
            .db
            .all(
                sql("select day, kind, source, name, events, last_at, sender, reason, sample
                     from ingestion_warning
                     where day >= $1
                     order by last_at desc, kind, source, name
                     limit $2")
                .bind(since.0)
                .bind(limit),
            )
            .await?;
        // One that an older or newer version knows is left out.
        let known = rows.into_iter().filter_map(|row| {
            let trouble = Trouble::from_text(&row.kind)?;
            let Row { day, source, name, events, last_at, sender, reason, sample, .. } = row;
            Some(Warning { day: Day(day), trouble, source, name, events, last_at, sender, reason, sample })
        });
        Ok(known.collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.0.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn upsert(key: &Key, tally: &Tally) -> kit::db::Sql {
    sql("insert into ingestion_warning (day, kind, source, name, events, last_at, sender, reason, sample)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (day, kind, source, name) do update
         set events = ingestion_warning.events + excluded.events,
           last_at = excluded.last_at,
           sender = excluded.sender,
           reason = excluded.reason,
           sample = case when excluded.sample = '' then ingestion_warning.sample else excluded.sample end")
    .bind(key.day.0)
    .bind(key.trouble)
    .bind(key.source)
    .bind(key.name.as_str())
    .bind(tally.events)
    .bind(tally.last_at)
    .bind(tally.sender.as_str())
    .bind(tally.reason.as_str())
    .bind(tally.sample.as_str())
}

/// Cut to its longest, without NUL, which PostgreSQL does not store.
fn short(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].replace('\0', "\u{fffd}")
}
