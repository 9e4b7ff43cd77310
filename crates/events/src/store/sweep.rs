//! All raw events of a range of time, for figures that need millions of them: one task reads, several threads unpack and look.

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};

use kit::{Db, Error, Result, Timestamp, sql};
use tokio::sync::mpsc;

use super::Whole;
use super::block::{Columns, Head, Props};

/// Blocks that are read with one question.
const AT_ONCE: usize = 16;
/// Blocks that wait to be unpacked; with those at work, some 4 MB.
const WAITING: usize = 32;
/// More threads would take the machine from those who send events.
const THREADS: usize = 2;

/// Which events to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// From this moment on.
    pub from: Timestamp,
    /// Before this moment.
    pub to: Timestamp,
    /// Properties are read, too, which takes several times as long.
    pub with_props: bool,
}

/// How far the events are that an answer was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    turn: i64,
    kept_from: i64,
}

pub(super) async fn cursor(db: &Db) -> Result<Cursor> {
    let (turn, kept_from) = db.one::<(i64, i64)>(sql("select turn, coalesce(kept_from, 0) from event_writer")).await?;
    Ok(Cursor { turn, kept_from })
}

/// One block under the eyes of a thread.
pub struct Sight<'a> {
    columns: &'a Columns,
    props: Option<Props>,
    range: (i64, i64),
}

impl Sight<'_> {
    /// Calls `see` with the place and the head of each event of the range.
    #[inline]
    pub fn each(&self, mut see: impl FnMut(usize, Head)) {
        let all = self.columns;
        // Slices of one length, so that no look into them is checked.
        let count = all.at.len();
        let (at, seq, subject) = (&all.at[..count], &all.seq[..count], &all.subject[..count]);
        let (person, name, source) = (&all.person[..count], &all.name[..count], &all.source[..count]);
        for place in 0..count {
            if self.range.0 <= at[place] && at[place] < self.range.1 {
                let head = Head {
                    at: at[place],
                    seq: seq[place],
                    subject: subject[place],
                    person: person[place],
                    name: name[place],
                    source: source[place],
                };
                see(place, head);
            }
        }
    }

    /// The properties of the event at this place, when the sweep reads them: a JSON object.
    pub fn props(&mut self, place: usize) -> Result<&str> {
        match &mut self.props {
            Some(props) => props.get(place),
            None => Ok("{}"),
        }
    }
}

struct Block {
    heads: Vec<u8>,
    props: Option<Vec<u8>>,
}

type Queue = Arc<Mutex<mpsc::Receiver<Block>>>;

pub(super) async fn sweep<T, F>(whole: &Whole, sweep: Sweep, see: F) -> Result<Vec<T>>
where
    T: Default + Send + 'static,
    F: Fn(&mut T, &mut Sight<'_>) -> Result<()> + Send + Sync + 'static,
{
    let _unsorted = whole.sorting.read().await;
    let db = &whole.ingredients.db;
    let blocks: Vec<(i64,)> =
        db.all(sql("select no from event_block where max_at >= $1 and min_at < $2 order by no").bind(sweep.from).bind(sweep.to)).await?;
    let (sender, queue) = mpsc::channel(WAITING);
    let (queue, see): (Queue, _) = (Arc::new(Mutex::new(queue)), Arc::new(see));
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(THREADS);
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (queue, see) = (queue.clone(), see.clone());
            tokio::task::spawn_blocking(move || look(&queue, (sweep.from.0, sweep.to.0), &*see))
        })
        .collect();
    drop(queue);
    // When this future is dropped, so is the sender, and the threads end after the blocks that wait.
    let read = feed(db, sweep, &blocks, sender).await;
    let mut made = Vec::with_capacity(threads);
    for worker in workers {
        made.push(worker.await.map_err(|error| Error::internal(error.to_string()))??);
    }
    read.map(|()| made)
}

async fn feed(db: &Db, sweep: Sweep, blocks: &[(i64,)], sender: mpsc::Sender<Block>) -> Result<()> {
    for some in blocks.chunks(AT_ONCE) {
        // Of one length, so that one statement is prepared.
        let numbers = some.iter().chain(std::iter::repeat_n(&some[some.len() - 1], AT_ONCE - some.len())).map(|(no,)| *no);
        let rows: Vec<Block> = match sweep.with_props {
            true => {
                let rows: Vec<(Vec<u8>, Vec<u8>)> = db.all(sql("select heads, props from event_block where no in").list(numbers)).await?;
                rows.into_iter().map(|(heads, props)| Block { heads, props: Some(props) }).collect()
            }
            false => {
                let rows: Vec<(Vec<u8>,)> = db.all(sql("select heads from event_block where no in").list(numbers)).await?;
                rows.into_iter().map(|(heads,)| Block { heads, props: None }).collect()
            }
        };
        if rows.len() != some.len() {
            return Err(Error::unavailable("events are being sorted by another process; please try again"));
        }
        for row in rows {
            if sender.send(row).await.is_err() {
                // All threads have failed, and say why themselves.
                return Ok(());
            }
        }
    }
    Ok(())
}

fn look<T: Default>(queue: &Queue, range: (i64, i64), see: &impl Fn(&mut T, &mut Sight<'_>) -> Result<()>) -> Result<T> {
    let (mut made, mut columns) = (T::default(), Columns::default());
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(block) = next else { return Ok(made) };
        columns.fill(&block.heads)?;
        let props = block.props.as_deref().map(Props::open).transpose()?;
        see(&mut made, &mut Sight { columns: &columns, props, range })?;
        // Whoever writes events goes first.
        std::thread::yield_now();
    }
}
