//! The one task that writes events: whatever waits while the last transaction runs is the next one.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use accounts::CustomerId;
use kit::{Context, Error, Result, Timestamp, Tx, sql};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::Whole;
use super::group::{self, Batch, WriterRow, Written};
use super::ids::{Ids, print_of};
use super::state::State;
use crate::{NewEvent, Outcome};

/// A group takes no further batch once it has so many events.
const FULL_GROUP: usize = 10_000;
/// What an event takes while it waits, beside its properties.
const EVENT_BYTES: usize = 300;
/// Milliseconds of a day.
pub(super) const DAY: i64 = 86_400_000;

/// Something that the writer does between two groups, in a transaction of its own. It may run twice.
pub(super) type Chore = Box<dyn for<'a> Fn(&'a Tx, &'a mut State) -> Doing<'a> + Send + Sync>;
/// A chore under way.
pub(super) type Doing<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

enum Message {
    Events(Waiting),
    Chore { work: Chore, answer: oneshot::Sender<Result<()>> },
}

/// A batch that waits to be written.
struct Waiting {
    batch: Batch,
    whom: Whom,
}

/// Who waits for the answer.
struct Whom {
    answer: oneshot::Sender<Result<Vec<Outcome>>>,
    /// What the batch takes of the room; free again when this is dropped.
    _room: OwnedSemaphorePermit,
}

/// The way to the writer.
pub(super) struct Queue {
    room: Arc<Semaphore>,
    kilobytes: u32,
    sender: std::sync::Mutex<Option<mpsc::UnboundedSender<Message>>>,
}

impl Queue {
    pub(super) fn new(waiting_mb: u32) -> Queue {
        let kilobytes = waiting_mb.saturating_mul(1024);
        Queue { room: Arc::new(Semaphore::new(kilobytes as usize)), kilobytes, sender: std::sync::Mutex::new(None) }
    }

    /// Bytes that wait or are being written.
    pub(super) fn waiting_bytes(&self) -> u64 {
        (self.kilobytes as usize).saturating_sub(self.room.available_permits()) as u64 * 1024
    }

    /// Hands events to the writer and waits for its answer.
    pub(super) async fn accept(&self, whole: &Arc<Whole>, events: Vec<NewEvent>) -> Result<Vec<Outcome>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let bytes: usize = events.iter().map(|event| event.props.len() + EVENT_BYTES).sum();
        // A batch that is larger than all room goes alone.
        let kilobytes = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(self.kilobytes);
        let room = self.room.clone().try_acquire_many_owned(kilobytes).map_err(|_| {
            whole.vitals.refused.fetch_add(1, Ordering::Relaxed);
            Error::unavailable("too many events wait to be written; please send them again in a moment")
        })?;
        let prints = events.iter().map(|event| print_of(event.source.as_str(), event.id.as_str())).collect();
        let (answer, answered) = oneshot::channel();
        self.send(whole, Message::Events(Waiting { batch: Batch { events, prints }, whom: Whom { answer, _room: room } }));
        answered.await.map_err(|_| gone())?
    }

    /// Lets the writer do something in its turn.
    pub(super) async fn chore(&self, whole: &Arc<Whole>, work: Chore) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.send(whole, Message::Chore { work, answer });
        answered.await.map_err(|_| gone())?
    }

    /// Starts the writer when there is none, or it panicked.
    fn send(&self, whole: &Arc<Whole>, mut message: Message) {
        let mut sender = self.sender.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        loop {
            if let Some(open) = &*sender {
                match open.send(message) {
                    Ok(()) => return,
                    Err(back) => message = back.0,
                }
            }
            let (open, queue) = mpsc::unbounded_channel();
            tokio::spawn(run(Arc::downgrade(whole), queue));
            *sender = Some(open);
        }
    }
}

fn gone() -> Error {
    Error::unavailable("events cannot be written at the moment; please send them again")
}

async fn run(whole: std::sync::Weak<Whole>, mut queue: mpsc::UnboundedReceiver<Message>) {
    let state = Mutex::new(None);
    let mut next = None;
    loop {
        let Some(message) = (match next.take() {
            Some(message) => Some(message),
            None => queue.recv().await,
        }) else {
            return;
        };
        // Held while something is done only: when all handles are dropped, so is the queue's other end.
        let Some(whole) = whole.upgrade() else { return };
        match message {
            Message::Chore { work, answer } => {
                let _ = answer.send(do_chore(&whole, &state, &work).await);
            }
            Message::Events(first) => {
                let mut count = first.batch.events.len();
                let mut group = vec![first];
                while count < FULL_GROUP {
                    match queue.try_recv() {
                        Ok(Message::Events(more)) => {
                            count += more.batch.events.len();
                            group.push(more);
                        }
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                write_group(&whole, &state, group).await;
            }
        }
    }
}

async fn write_group(whole: &Arc<Whole>, state: &Mutex<Option<State>>, group: Vec<Waiting>) {
    let (batches, waiting): (Vec<Batch>, Vec<Whom>) = group.into_iter().map(|it| (it.batch, it.whom)).unzip();
    let batches: Arc<[Batch]> = batches.into();
    let begun = Instant::now();
    match commit(whole, state, &batches).await {
        Ok(written) => {
            whole.vitals.note(whole.ingredients.clock.now(), &written.outcomes, begun.elapsed());
            for (whom, outcomes) in waiting.into_iter().zip(written.outcomes) {
                let _ = whom.answer.send(Ok(outcomes));
            }
            whole.tell(&written.customers);
        }
        Err(error) => {
            tracing::warn!("events could not be written: {error}");
            if waiting.len() == 1 || matches!(error, Error::Unavailable { .. }) {
                let mut first = Some(error);
                for whom in waiting {
                    let _ = whom.answer.send(Err(first.take().unwrap_or_else(gone)));
                }
                return;
            }
            // One batch that cannot be written must not keep the others from it.
            for (at, whom) in waiting.into_iter().enumerate() {
                let outcome = commit(whole, state, &batches[at..=at]).await;
                let _ = whom.answer.send(outcome.map(|mut written| written.outcomes.pop().unwrap_or_default()));
            }
        }
    }
}

/// Writes batches in one transaction. When it fails, what is known of the database is read anew by the next.
async fn commit(whole: &Whole, state: &Mutex<Option<State>>, batches: &[Batch]) -> Result<Written> {
    let written = whole
        .ingredients
        .db
        .write_in_turn(async |tx| {
            let mut place = state.lock().await;
            let mut known = begin(whole, &tx, place.take()).await?;
            let now = whole.ingredients.clock.now();
            let written = group::write(&tx, &mut known, &whole.calendar, now, batches).await?;
            if known.ids.is_full() {
                let no = known.counters.run;
                known.counters.run += 1;
                known.ids.flush(&tx, no, now.0.div_euclid(DAY), known.counters.seq).await?;
            }
            known.counters.store(&tx).await?;
            *place = Some(known);
            Ok(written)
        })
        .await;
    end(state, written.is_ok()).await;
    written.context("writing events")
}

async fn do_chore(whole: &Whole, state: &Mutex<Option<State>>, work: &Chore) -> Result<()> {
    let done = whole
        .ingredients
        .db
        .write_in_turn(async |tx| {
            let mut place = state.lock().await;
            let mut known = begin(whole, &tx, place.take()).await?;
            work(&tx, &mut known).await?;
            known.counters.store(&tx).await?;
            *place = Some(known);
            Ok(())
        })
        .await;
    end(state, done.is_ok()).await;
    done
}

/// Waits for the turn and makes sure that what is known is what the database holds.
async fn begin(whole: &Whole, tx: &Tx, known: Option<State>) -> Result<State> {
    let row = WriterRow::take(tx).await?;
    let mut state = match known.filter(|known| known.committed) {
        Some(known) if known.turn + 1 == row.turn => known,
        // Another process wrote.
        Some(known) => known.refresh(tx, &row).await?,
        None => State::load(tx, &row, Ids::load(tx).await?).await?,
    };
    (state.turn, state.committed) = (row.turn, false);
    let zone = whole.calendar.zone_name();
    if row.time_zone != zone {
        if !row.time_zone.is_empty() {
            tracing::info!("the time zone was {} and is {zone}: the counts of days are made anew", row.time_zone);
            super::recount::all(tx, &whole.calendar, row.kept_from.map(Timestamp)).await?;
            state.forget_counts();
        }
        tx.execute(sql("update event_writer set time_zone = $1 where one = 1").bind(zone)).await?;
    }
    Ok(state)
}

async fn end(state: &Mutex<Option<State>>, committed: bool) {
    let mut place = state.lock().await;
    match &mut *place {
        Some(known) if committed => known.committed = true,
        _ => *place = None,
    }
}

impl Whole {
    /// Pages that are open look again. Of very many customers at once only some are told: pages look by themselves, too.
    pub(super) fn tell(&self, customers: &[CustomerId]) {
        const MOST: usize = 100;
        let bus = &self.ingredients.bus;
        bus.signal("operators", "events");
        for customer in customers.iter().take(MOST) {
            let room = format!("customer:{customer}");
            bus.signal(room.clone(), room);
        }
    }
}
