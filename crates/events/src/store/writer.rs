//! The one task that writes events: whatever waits while the last transaction runs is the next one.

use std::sync::Arc;

use accounts::CustomerId;
use kit::{Error, Result};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::Whole;
use super::group::{self, Batch, WriterRow, Written};
use super::ids::{Ids, print_of};
use super::state::State;
use crate::{NewEvent, Outcome};

/// A group takes no further batch once it has so many events.
const FULL_GROUP: usize = 10_000;
/// What an event takes while it waits, beside its texts.
const EVENT_BYTES: usize = 300;

/// A batch that waits to be written.
struct Waiting {
    batch: Batch,
    answer: oneshot::Sender<Result<Vec<Outcome>>>,
    /// Room that it takes, in KB; free again when it is written.
    _room: OwnedSemaphorePermit,
}

/// The way to the writer.
pub(super) struct Queue {
    room: Arc<Semaphore>,
    sender: std::sync::Mutex<Option<mpsc::UnboundedSender<Waiting>>>,
    kilobytes: u32,
}

impl Queue {
    pub(super) fn new(waiting_mb: u32) -> Queue {
        let kilobytes = waiting_mb.saturating_mul(1024);
        Queue { room: Arc::new(Semaphore::new(kilobytes as usize)), sender: std::sync::Mutex::new(None), kilobytes }
    }

    /// Hands events to the writer and waits for its answer.
    pub(super) async fn accept(&self, whole: &Arc<Whole>, events: Vec<NewEvent>) -> Result<Vec<Outcome>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let bytes: usize = events.iter().map(|event| event.props.len() + EVENT_BYTES).sum();
        // One batch may be larger than all room: then it goes alone.
        let kilobytes = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(self.kilobytes);
        let room = self.room.clone().try_acquire_many_owned(kilobytes).map_err(|_| overloaded())?;
        let prints = events.iter().map(|event| print_of(event.source.as_str(), event.id.as_str())).collect();
        let (answer, answered) = oneshot::channel();
        self.send(whole, Waiting { batch: Batch { events, prints }, answer, _room: room });
        answered.await.map_err(|_| Error::unavailable("events cannot be written at the moment; please send them again"))?
    }

    /// Starts the writer when there is none, or it panicked.
    fn send(&self, whole: &Arc<Whole>, mut waiting: Waiting) {
        let mut sender = self.sender.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        loop {
            if let Some(open) = &*sender {
                match open.send(waiting) {
                    Ok(()) => return,
                    Err(back) => waiting = back.0,
                }
            }
            let (open, queue) = mpsc::unbounded_channel();
            tokio::spawn(write(whole.clone(), queue));
            *sender = Some(open);
        }
    }
}

fn overloaded() -> Error {
    Error::unavailable("too many events wait to be written; please send them again in a moment")
}

async fn write(whole: Arc<Whole>, mut queue: mpsc::UnboundedReceiver<Waiting>) {
    let state = Mutex::new(None);
    while let Some(first) = queue.recv().await {
        let mut count = first.batch.events.len();
        let mut group = vec![first];
        while count < FULL_GROUP
            && let Ok(next) = queue.try_recv()
        {
            count += next.batch.events.len();
            group.push(next);
        }
        write_group(&whole, &state, group).await;
    }
}

async fn write_group(whole: &Whole, state: &Mutex<Option<State>>, group: Vec<Waiting>) {
    let (batches, answers): (Vec<Batch>, Vec<_>) = group.into_iter().map(|it| (it.batch, (it.answer, it._room))).unzip();
    match commit(whole, state, &batches).await {
        Ok(written) => {
            for ((answer, _room), outcomes) in answers.into_iter().zip(written.outcomes) {
                let _ = answer.send(Ok(outcomes));
            }
            whole.tell(&written.customers);
        }
        // One batch that cannot be written must not keep the others from it.
        Err(error) if answers.len() > 1 && !matches!(error, Error::Unavailable { .. }) => {
            for (batch, (answer, _room)) in batches.into_iter().zip(answers) {
                let outcome = commit(whole, state, std::slice::from_ref(&batch)).await;
                let _ = answer.send(outcome.map(|mut written| written.outcomes.pop().unwrap_or_default()));
            }
        }
        Err(error) => {
            tracing::warn!("events could not be written: {error}");
            let mut first = Some(error);
            for (answer, _room) in answers {
                let error =
                    first.take().unwrap_or_else(|| Error::unavailable("events cannot be written at the moment; please send them again"));
                let _ = answer.send(Err(error));
            }
        }
    }
}

/// Writes batches in one transaction. When it fails, or another process wrote meanwhile, what is known of the database is read anew.
async fn commit(whole: &Whole, state: &Mutex<Option<State>>, batches: &[Batch]) -> Result<Written> {
    let written = whole
        .ingredients
        .db
        .write_in_turn(async |tx| {
            let row = WriterRow::take(&tx).await?;
            let mut place = state.lock().await;
            let mut known = match place.take().filter(|known: &State| known.turn + 1 == row.turn) {
                Some(known) => known,
                None => State::load(&tx, &row, Ids::load(&tx).await?).await?,
            };
            known.turn = row.turn;
            let now = whole.ingredients.clock.now();
            let written = group::write(&tx, &mut known, &whole.calendar, now, batches).await?;
            *place = Some(known);
            Ok(written)
        })
        .await;
    if written.is_err() {
        *state.lock().await = None;
    }
    written
}

impl Whole {
    /// Pages that are open look again.
    fn tell(&self, customers: &[CustomerId]) {
        let bus = &self.ingredients.bus;
        bus.signal("operators", "events");
        for customer in customers.iter().take(100) {
            bus.signal(format!("customer:{customer}"), format!("customer:{customer}"));
        }
    }
}
