//! Whether a token may send so much now: events a second with room for a burst, and events a day.
//!
//! Counted in memory, and only of tokens that have an end. What was sent on a day is written every few seconds and read again after a
//! start, so a crash forgets seconds of it; several processes add up what they count.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accounts::SendingLimits;
use kit::{Clock, Db, Result, Timestamp, sql};
use tracing::warn;

use crate::{Calendar, Day};

/// Seconds whose events may come at once.
const BURST: f64 = 10.0;
/// How long counts wait to be written.
const GATHER: Duration = Duration::from_secs(2);
/// Nobody is told to wait longer: limits can be changed, and some SDKs wait as long as they are told.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Tokens that are counted at once; then those of past days are forgotten.
const MOST: usize = 20_000;
/// Days of counts that are kept.
const KEEP_DAYS: i64 = 30;

/// The counts of one process. Cheap to clone.
#[derive(Clone)]
pub struct Quotas(Arc<Whole>);

struct Whole {
    db: Db,
    clock: Clock,
    calendar: Calendar,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    meters: HashMap<String, Meter>,
    unsaved: HashMap<(String, Day), i64>,
    is_saving: bool,
}

struct Meter {
    /// What may be sent at once, and since when.
    left: f64,
    at: Timestamp,
    /// What was sent on a day.
    day: Day,
    sent: i64,
}

/// Why a token must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMuch {
    /// More than it may send a second.
    TooFast {
        /// When the same request fits.
        wait: Duration,
    },
    /// More than it may send on a day.
    DayIsFull {
        /// When to ask again.
        wait: Duration,
    },
}

/// Leave to send; what is dropped without [`Admission::used`] was not sent and does not count.
#[must_use]
pub struct Admission {
    counted: Option<(Quotas, String, Day, i64)>,
}

impl Quotas {
    /// Nothing is counted yet.
    pub fn new(db: &Db, clock: &Clock, calendar: &Calendar) -> Quotas {
        let counts = Mutex::default();
        Quotas(Arc::new(Whole { db: db.clone(), clock: clock.clone(), calendar: calendar.clone(), counts }))
    }

    /// Asks for leave to send so many events.
    pub async fn admit(&self, token: &str, limits: SendingLimits, events: usize) -> Result<std::result::Result<Admission, TooMuch>> {
        if limits.is_none() {
            return Ok(Ok(Admission { counted: None }));
        }
        let (now, events) = (self.0.clock.now(), i64::try_from(events).unwrap_or(i64::MAX));
        let day = self.0.calendar.day(now);
        let is_known = self.lock().meters.get(token).is_some_and(|meter| meter.day == day);
        let before = if is_known { 0 } else { sent(&self.0.db, token, day).await? };
        let mut counts = self.lock();
        if counts.meters.len() >= MOST {
            counts.meters.retain(|_, meter| meter.day == day);
        }
        let capacity = limits.per_second.map_or(f64::INFINITY, |rate| real(rate) * BURST);
        let meter = counts.meters.entry(token.to_owned()).or_insert_with(|| Meter { left: capacity, at: now, day, sent: before });
        if meter.day != day {
            (meter.day, meter.sent) = (day, before);
        }
        if let Err(too_much) = meter.charge(limits, capacity, events, now, || self.0.calendar.start(day.plus(1)).since(now)) {
            return Ok(Err(too_much));
        }
        self.count(&mut counts, token, day, events);
        Ok(Ok(Admission { counted: Some((self.clone(), token.to_owned(), day, events)) }))
    }

    /// What a token has sent today, this moment included; only of one that has an end.
    pub async fn sent_today(&self, token: &str) -> Result<i64> {
        self.save().await?;
        sent(&self.0.db, token, self.0.calendar.day(self.0.clock.now())).await
    }

    fn count(&self, counts: &mut Counts, token: &str, day: Day, events: i64) {
        *counts.unsaved.entry((token.to_owned(), day)).or_default() += events;
        if !counts.is_saving {
            counts.is_saving = true;
            let quotas = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(GATHER).await;
                if let Err(error) = quotas.save().await {
                    warn!("what tokens have sent could not be written and waits for the next time: {error}");
                }
            });
        }
    }

    async fn save(&self) -> Result<()> {
        let unsaved: Vec<((String, Day), i64)> = {
            let mut counts = self.lock();
            counts.is_saving = false;
            counts.unsaved.drain().collect()
        };
        if unsaved.is_empty() {
            return Ok(());
        }
        let written = self.0.db.write(async |tx| {
            let mut sums = Vec::with_capacity(unsaved.len());
            for ((token, day), events) in &unsaved {
                // One that was revoked meanwhile is left out.
                let query = sql("insert into token_sent (token_id, day, events)
                                 select id, $2, $3 from api_token where id = $1
                                 on conflict (token_id, day) do update set events = token_sent.events + excluded.events");
                tx.execute(query.bind(token.as_str()).bind(day.0).bind(*events)).await?;
                let query = sql("select events from token_sent where token_id = $1 and day = $2").bind(token.as_str()).bind(day.0);
                sums.push(tx.optional::<(i64,)>(query).await?.map_or(0, |(sum,)| sum));
            }
            Ok(sums)
        });
        let written = written.await;
        let mut counts = self.lock();
        let Counts { meters, unsaved: waiting, .. } = &mut *counts;
        match written {
            Ok(sums) => {
                // What other processes have counted is in it.
                for (((token, day), _), sum) in unsaved.into_iter().zip(sums) {
                    if let Some(meter) = meters.get_mut(&token).filter(|meter| meter.day == day) {
                        meter.sent = sum + waiting.get(&(token, day)).copied().unwrap_or(0);
                    }
                }
                Ok(())
            }
            Err(error) => {
                for (key, events) in unsaved {
                    *waiting.entry(key).or_default() += events;
                }
                Err(error)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    /// A request that is larger than the burst goes when nothing was sent for a while, and is paid for afterwards.
    fn charge(
        &mut self,
        limits: SendingLimits,
        capacity: f64,
        events: i64,
        now: Timestamp,
        day_ends: impl Fn() -> Duration,
    ) -> std::result::Result<(), TooMuch> {
        if limits.per_day.is_some_and(|most| self.sent.saturating_add(events) > most) {
            return Err(TooMuch::DayIsFull { wait: day_ends().clamp(Duration::from_secs(1), LONGEST_WAIT) });
        }
        if let Some(rate) = limits.per_second {
            self.left = (self.left + now.since(self.at).as_secs_f64() * real(rate)).min(capacity);
            self.at = now;
            let wanted = real(events).min(capacity);
            if wanted > self.left {
                let seconds = ((wanted - self.left) / real(rate)).ceil().max(1.0);
                return Err(TooMuch::TooFast { wait: Duration::from_secs_f64(seconds).min(LONGEST_WAIT) });
            }
            self.left -= real(events);
        }
        self.sent += events;
        Ok(())
    }
}

impl Admission {
    /// It was sent.
    pub fn used(mut self) {
        self.counted = None;
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let Some((quotas, token, day, events)) = self.counted.take() else { return };
        let mut counts = quotas.lock();
        if let Some(meter) = counts.meters.get_mut(&token) {
            meter.left += real(events);
            meter.sent -= if meter.day == day { events } else { 0 };
        }
        *counts.unsaved.entry((token, day)).or_default() -= events;
    }
}

/// Forgets what was sent long ago; returns how many rows.
pub async fn sweep(db: &Db, today: Day) -> Result<u64> {
    db.execute(sql("delete from token_sent where day < $1").bind(today.plus(-KEEP_DAYS).0)).await
}

async fn sent(db: &Db, token: &str, day: Day) -> Result<i64> {
    let query = sql("select events from token_sent where token_id = $1 and day = $2").bind(token).bind(day.0);
    Ok(db.optional::<(i64,)>(query).await?.map_or(0, |(events,)| events))
}

#[expect(clippy::cast_precision_loss, reason = "counts of events, far below 2^52")]
fn real(count: i64) -> f64 {
    count as f64
}
