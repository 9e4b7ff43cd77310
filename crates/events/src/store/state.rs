//! What the writer knows of the database, so that most events need no look into it. Right as long as nobody else wrote, which the
//! turn in `event_writer` tells; then it is read anew.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kit::db::Value;
use kit::{Result, Timestamp, Tx, from_row, sql};

use super::cache::Cache;
use super::group::WriterRow;
use super::ids::Ids;
use super::people::{customers_of, names_of};
use crate::NewEvent;

/// So many names, subjects and rows of counts are kept at hand; more than one group can speak of.
const CACHED: usize = 1 << 16;
/// Words of one kind are few and all at hand. When a sender makes them up, further ones become [`OTHER`].
const MAX_WORDS: usize = 50_000;
pub(super) const OTHER: &str = "(other)";

/// The next numbers to give out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) seq: i64,
    pub(super) block: i64,
    pub(super) subject: i64,
    pub(super) word: i64,
    pub(super) run: i64,
    pub(super) changed_at: i64,
}

impl Counters {
    pub(super) async fn store(&self, tx: &Tx) -> Result<()> {
        tx.execute(
            sql("update event_writer
                 set seq = $1, block = $2, subject = $3, word = $4, run = $5, changed_at = $6
                 where one = 1")
            .bind(self.seq)
            .bind(self.block)
            .bind(self.subject)
            .bind(self.word)
            .bind(self.run)
            .bind(self.changed_at),
        )
        .await?;
        Ok(())
    }
}

/// What a word is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    Source,
    Feature,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Kind::Name => "name",
            Kind::Source => "source",
            Kind::Feature => "feature",
        }
    }
}

pub(super) struct NewWord {
    pub(super) no: i64,
    pub(super) kind: Kind,
    pub(super) word: String,
    pub(super) first_at: i64,
}

/// A customer or a person, never one who has become another.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// Which it is, or whose it is.
    pub(super) customer: Option<Arc<str>>,
    pub(super) first_at: i64,
    pub(super) last_day: i64,
}

pub(super) struct State {
    /// The turn that left the database like this.
    pub(super) turn: i64,
    /// Whether that turn's transaction is known to be kept.
    pub(super) committed: bool,
    pub(super) counters: Counters,
    pub(super) ids: Ids,
    words: [HashMap<String, i64>; 3],
    pub(super) new_words: Vec<NewWord>,
    /// Number of the subject by name.
    pub(super) people: Cache<String, i64>,
    /// Number of the subject by the customer's id; 0 when it has none yet.
    pub(super) customers: Cache<String, i64>,
    pub(super) subjects: Cache<i64, Subject>,
    /// Packed counts by subject and period.
    pub(super) periods: Cache<(i64, i64), Vec<u8>>,
}

struct PersonRow {
    name: String,
    no: i64,
    customer_id: Option<String>,
    first_at: i64,
    last_day: i64,
}

from_row!(PersonRow { name, no, customer_id, first_at, last_day });

impl State {
    pub(super) async fn load(tx: &Tx, row: &WriterRow, ids: Ids) -> Result<State> {
        let mut state = State {
            turn: row.turn,
            committed: false,
            counters: row.counters(),
            ids,
            words: Default::default(),
            new_words: Vec::new(),
            people: Cache::new(CACHED),
            customers: Cache::new(CACHED),
            subjects: Cache::new(CACHED),
            periods: Cache::new(CACHED),
        };
        state.load_words(tx, 0).await?;
        Ok(state)
    }

    /// The state after others wrote: of what cannot have changed, only what is new is read.
    pub(super) async fn refresh(mut self, tx: &Tx, row: &WriterRow) -> Result<State> {
        self.ids.refresh(tx, self.counters.block).await?;
        self.load_words(tx, self.counters.word).await?;
        self.people = Cache::new(CACHED);
        self.customers = Cache::new(CACHED);
        self.subjects = Cache::new(CACHED);
        self.forget_counts();
        self.counters = row.counters();
        Ok(self)
    }

    /// Counts are read from the database when they are needed next.
    pub(super) fn forget_counts(&mut self) {
        self.periods = Cache::new(CACHED);
    }

    async fn load_words(&mut self, tx: &Tx, from: i64) -> Result<()> {
        let rows: Vec<(String, String, i64)> = tx.all(sql("select kind, word, no from event_word where no >= $1").bind(from)).await?;
        for (kind, word, no) in rows {
            let kind = [Kind::Name, Kind::Source, Kind::Feature].into_iter().find(|it| it.as_str() == kind);
            if let Some(kind) = kind {
                self.words[kind as usize].insert(word, no);
            }
        }
        Ok(())
    }

    /// The number of a word, which is new when nobody used it before.
    pub(super) fn word(&mut self, kind: Kind, word: &str, now: Timestamp) -> i64 {
        if let Some(no) = self.words[kind as usize].get(word) {
            return *no;
        }
        if self.words[kind as usize].len() >= MAX_WORDS && word != OTHER {
            return self.word(kind, OTHER, now);
        }
        let no = self.counters.word;
        self.counters.word += 1;
        self.words[kind as usize].insert(word.to_owned(), no);
        self.new_words.push(NewWord { no, kind, word: word.to_owned(), first_at: now.0 });
        no
    }

    /// Reads who is not at hand of all whom the events speak of. Whoever is not found then does not exist.
    pub(super) async fn look_up(&mut self, tx: &Tx, events: &[&NewEvent]) -> Result<()> {
        let (mut names, mut customers, mut subjects) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for event in events {
            for name in names_of(event) {
                match self.people.get(name).copied() {
                    Some(no) if self.subjects.get(&no).is_none() => {
                        names.insert(name.to_owned());
                    }
                    Some(_) => {}
                    None => {
                        names.insert(name.to_owned());
                    }
                }
            }
            for id in customers_of(event) {
                match self.customers.get(id).copied() {
                    Some(0) => {}
                    Some(no) => {
                        if self.subjects.get(&no).is_none() {
                            subjects.insert(id.to_owned());
                        }
                    }
                    None => {
                        customers.insert(id.to_owned());
                    }
                }
            }
        }
        customers.extend(subjects);
        for list in padded(names.into_iter().map(Value::Text).collect()) {
            let rows: Vec<PersonRow> = tx
                .all(
                    sql("select subject_name.name, subject.no, subject.customer_id, subject.first_at, subject.last_day
                         from subject_name join subject on subject.no = subject_name.subject
                         where subject_name.name in")
                    .list(list),
                )
                .await?;
            for row in rows {
                let subject = Subject { customer: row.customer_id.map(Into::into), first_at: row.first_at, last_day: row.last_day };
                self.people.insert(row.name, row.no);
                self.subjects.insert(row.no, subject);
            }
        }
        for list in padded(customers.into_iter().map(Value::Text).collect()) {
            type Found = (String, Option<i64>, Option<i64>, Option<i64>);
            let rows: Vec<Found> = tx
                .all(
                    sql("select customer.id, subject.no, subject.first_at, subject.last_day
                         from customer left join subject on subject.customer_id = customer.id and subject.kind = 'customer'
                         where customer.id in")
                    .list(list),
                )
                .await?;
            for (id, no, first_at, last_day) in rows {
                if let (Some(no), Some(first_at), Some(last_day)) = (no, first_at, last_day) {
                    self.subjects.insert(no, Subject { customer: Some(id.as_str().into()), first_at, last_day });
                }
                self.customers.insert(id, no.unwrap_or(0));
            }
        }
        Ok(())
    }

    /// Reads counts that are not at hand.
    pub(super) async fn look_up_periods(&mut self, tx: &Tx, wanted: Vec<(i64, i64)>) -> Result<()> {
        let mut by_period: HashMap<i64, Vec<Value>> = HashMap::new();
        for (subject, period) in wanted {
            by_period.entry(period).or_default().push(subject.into());
        }
        for (period, subjects) in by_period {
            for list in padded(subjects) {
                let rows: Vec<(i64, Vec<u8>)> =
                    tx.all(sql("select subject, body from subject_days where period = $1 and subject in").bind(period).list(list)).await?;
                for (subject, body) in rows {
                    self.periods.insert((subject, period), body);
                }
            }
        }
        Ok(())
    }
}

/// Cuts a list into pieces of few lengths, so that few statements are prepared: the last value fills them up.
pub(super) fn padded(mut values: Vec<Value>) -> Vec<Vec<Value>> {
    const LENGTHS: [usize; 4] = [1, 8, 64, 512];
    let mut pieces = Vec::new();
    while !values.is_empty() {
        let mut piece: Vec<Value> = values.drain(..values.len().min(512)).collect();
        let length = LENGTHS.into_iter().find(|length| *length >= piece.len()).unwrap_or(piece.len());
        if let Some(last) = piece.last().cloned() {
            piece.resize(length, last);
        }
        pieces.push(piece);
    }
    pieces
}
