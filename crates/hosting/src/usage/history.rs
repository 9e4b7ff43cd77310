//! Figures over time: the last hour in memory at ten seconds, seven days on disk at one minute.
//!
//! On disk an hour of a service is one block of 60 entries of fixed size, so that a week of two hundred services takes some
//! 20 MB and a minute's writing is one statement a service.

use std::collections::BTreeMap;
use std::time::Duration;

use accounts::Scope;
use kit::db::Value;
use kit::{Db, Result, Timestamp, sql};

use super::totals::NewCounts;
use crate::sites::{self, SiteId};

/// Distance between two looks.
pub const STEP: Duration = Duration::from_secs(10);
const STEP_MS: i64 = 10_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// Looks of an hour.
const SLOTS: usize = 360;
/// Looks of a minute.
const SLOTS_A_MINUTE: usize = 6;
/// So long blocks are kept.
const KEPT_HOURS: i64 = 7 * 24;
/// Hours that wait in memory for a database that is away.
const WAITING_HOURS: i64 = 3;
/// Bytes of an entry: CPU 2, memory 4, requests 4; all bits set where there is no figure.
const ENTRY: usize = 10;

/// What is known of a minute, or of ten seconds. What is not known is missing, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample {
    /// Share of one core in percent.
    pub cpu_percent: Option<f32>,
    /// Memory in KiB, the highest that was seen.
    pub memory_kib: Option<u32>,
    /// Requests that were answered in that time.
    pub requests: Option<u32>,
}

impl Sample {
    /// Joins what several services of a site used in the same time.
    pub(super) fn beside(self, other: Sample) -> Sample {
        Sample {
            cpu_percent: joined(self.cpu_percent, other.cpu_percent, |one, other| one + other),
            memory_kib: joined(self.memory_kib, other.memory_kib, u32::saturating_add),
            requests: joined(self.requests, other.requests, u32::saturating_add),
        }
    }

    fn is_empty(&self) -> bool {
        *self == Sample::default()
    }
}

fn joined<T>(one: Option<T>, other: Option<T>, join: impl Fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(join(one, other)),
        (one, other) => one.or(other),
    }
}

/// The last hour of one service at ten seconds. Slots are numbered from 1970.
#[derive(Debug, Clone)]
pub(super) struct Ring {
    newest: i64,
    samples: Box<[Slot]>,
}

/// A [`Sample`] in 12 bytes.
#[derive(Debug, Clone, Copy)]
struct Slot {
    cpu_percent: f32,
    memory_kib: u32,
    requests: u32,
}

const NOTHING: Slot = Slot { cpu_percent: f32::NAN, memory_kib: u32::MAX, requests: u32::MAX };

impl Default for Ring {
    fn default() -> Ring {
        Ring { newest: i64::MIN, samples: vec![NOTHING; SLOTS].into() }
    }
}

impl Ring {
    /// Notes what was seen at `at`. Two looks within one slot are joined; a clock that was set back empties the ring.
    pub(super) fn put(&mut self, at: Timestamp, sample: Sample) {
        let slot = at.0.div_euclid(STEP_MS);
        if slot < self.newest || slot.saturating_sub(self.newest) >= SLOTS as i64 {
            self.samples.fill(NOTHING);
        } else {
            (self.newest + 1..=slot).for_each(|skipped| *self.slot(skipped) = NOTHING);
        }
        self.newest = slot;
        let kept = self.slot(slot);
        let before = kept.sample();
        *kept = Slot::of(Sample {
            cpu_percent: sample.cpu_percent.or(before.cpu_percent),
            memory_kib: joined(sample.memory_kib, before.memory_kib, u32::max),
            requests: joined(sample.requests, before.requests, u32::saturating_add),
        });
    }

    /// What is known of a minute (numbered from 1970).
    pub(super) fn minute(&self, minute: i64) -> Sample {
        let first = minute * SLOTS_A_MINUTE as i64;
        let known = (first..first + SLOTS_A_MINUTE as i64)
            .filter(|slot| *slot <= self.newest && self.newest - slot < SLOTS as i64)
            .map(|slot| self.samples[place(slot)].sample());
        let (mut cpu, mut looks) = (0.0, 0u8);
        let mut whole = Sample::default();
        for sample in known {
            if let Some(percent) = sample.cpu_percent {
                cpu += percent;
                looks += 1;
            }
            whole.memory_kib = joined(whole.memory_kib, sample.memory_kib, u32::max);
            whole.requests = joined(whole.requests, sample.requests, u32::saturating_add);
        }
        Sample { cpu_percent: (looks > 0).then(|| cpu / f32::from(looks)), ..whole }
    }

    fn slot(&mut self, slot: i64) -> &mut Slot {
        &mut self.samples[place(slot)]
    }
}

fn place(slot: i64) -> usize {
    usize::try_from(slot.rem_euclid(SLOTS as i64)).unwrap_or(0)
}

impl Slot {
    fn of(sample: Sample) -> Slot {
        Slot {
            cpu_percent: sample.cpu_percent.unwrap_or(f32::NAN),
            memory_kib: sample.memory_kib.unwrap_or(u32::MAX),
            requests: sample.requests.unwrap_or(u32::MAX),
        }
    }

    fn sample(self) -> Sample {
        Sample {
            cpu_percent: (!self.cpu_percent.is_nan()).then_some(self.cpu_percent),
            memory_kib: (self.memory_kib != u32::MAX).then_some(self.memory_kib),
            requests: (self.requests != u32::MAX).then_some(self.requests),
        }
    }
}

/// An hour of one service: an entry a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block(Vec<u8>);

impl Default for Block {
    fn default() -> Block {
        Block(vec![u8::MAX; 60 * ENTRY])
    }
}

impl Block {
    /// Reads a block back; what is missing of one that was cut off counts as not known.
    fn from_bytes(mut bytes: Vec<u8>) -> Block {
        bytes.resize(60 * ENTRY, u8::MAX);
        Block(bytes)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept within 16 bits")]
    fn put(&mut self, minute: usize, sample: Sample) {
        let tenths = sample.cpu_percent.map_or(u16::MAX, |percent| (percent * 10.0).round().clamp(0.0, f32::from(u16::MAX - 1)) as u16);
        let entry = &mut self.0[minute * ENTRY..(minute + 1) * ENTRY];
        entry[..2].copy_from_slice(&tenths.to_le_bytes());
        entry[2..6].copy_from_slice(&sample.memory_kib.unwrap_or(u32::MAX).to_le_bytes());
        entry[6..].copy_from_slice(&sample.requests.unwrap_or(u32::MAX).to_le_bytes());
    }

    fn get(&self, minute: usize) -> Sample {
        let entry = &self.0[minute * ENTRY..(minute + 1) * ENTRY];
        let tenths = u16::from_le_bytes([entry[0], entry[1]]);
        let long = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
        Sample {
            cpu_percent: (tenths != u16::MAX).then(|| f32::from(tenths) / 10.0),
            memory_kib: (long(2) != u32::MAX).then(|| long(2)),
            requests: (long(6) != u32::MAX).then(|| long(6)),
        }
    }
}

/// Site, service, hour since 1970.
type BlockKey = (String, String, i64);

/// What is to be written to the database: once a minute, all in one transaction.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    blocks: BTreeMap<BlockKey, Block>,
    /// The last minute that is in the blocks.
    minute: Option<i64>,
    /// The last hour for which old blocks were removed.
    swept: Option<i64>,
    counts: NewCounts,
}

impl Recorder {
    /// Reads the last hour back after a start: into `rings`, and the block that is to be continued.
    pub(super) async fn resume(db: &Db, now: Timestamp, mut ring: impl FnMut(&str, &str, Timestamp, Sample)) -> Result<Recorder> {
        let hour = now.0.div_euclid(HOUR_MS);
        let rows: Vec<(String, String, i64, Vec<u8>)> = db
            .all(
                sql("select site_id, service, hour, minutes from usage_hour where hour >= $1 and hour <= $2 order by hour")
                    .bind(hour - 1)
                    .bind(hour),
            )
            .await?;
        let mut recorder = Recorder { minute: Some(now.0.div_euclid(MINUTE_MS) - 1), ..Recorder::default() };
        for (site, service, of, bytes) in rows {
            let block = Block::from_bytes(bytes);
            for minute in 0..60 {
                let sample = block.get(minute);
                let at = Timestamp(of * HOUR_MS + minute as i64 * MINUTE_MS);
                if at > now || now.0 - at.0 >= HOUR_MS || sample.is_empty() {
                    continue;
                }
                for slot in 0..SLOTS_A_MINUTE as u32 {
                    // Whole requests, together as many as the minute had.
                    let share = |requests: u32| requests / 6 + u32::from(slot < requests % 6);
                    let at = Timestamp(at.0 + i64::from(slot) * STEP_MS);
                    ring(&site, &service, at, Sample { requests: sample.requests.map(share), ..sample });
                }
            }
            if of == hour {
                recorder.blocks.insert((site, service, of), block);
            }
        }
        Ok(recorder)
    }

    /// Adds what visitors did, to the day of `at`.
    pub(super) fn count(&mut self, site: &SiteId, at: Timestamp, counts: super::Counts) {
        self.counts.add(site, at, counts);
    }

    /// Minutes that have ended since the last call, oldest first: at most an hour of them.
    pub(super) fn ended_minutes(&mut self, now: Timestamp) -> std::ops::Range<i64> {
        let current = now.0.div_euclid(MINUTE_MS);
        // A clock that was set back: the minutes come again.
        let from = self.minute.filter(|last| *last < current).map_or(current, |last| last + 1).max(current - 59);
        self.minute = Some(current - 1);
        from..current
    }

    /// Takes an ended minute of a service into its block.
    pub(super) fn note(&mut self, site: &str, service: &str, minute: i64, sample: Sample) {
        if sample.is_empty() {
            return;
        }
        let place = usize::try_from(minute.rem_euclid(60)).unwrap_or(0);
        let block = self.blocks.entry((site.to_owned(), service.to_owned(), minute.div_euclid(60))).or_default();
        block.put(place, sample);
    }

    /// Writes everything that is new. What cannot be written is kept for the next time, for some hours.
    pub(super) async fn save(&mut self, db: &Db, now: Timestamp) -> Result<()> {
        let hour = now.0.div_euclid(HOUR_MS);
        let sweep = self.swept != Some(hour);
        if self.blocks.is_empty() && self.counts.is_empty() && !sweep {
            return Ok(());
        }
        self.blocks.retain(|(_, _, of), _| *of > hour - WAITING_HOURS);
        let (blocks, counts) = (&self.blocks, &self.counts);
        db.write(async |tx| {
            let known: Vec<(String,)> = tx.all(sql("select id from site")).await?;
            let is_known = |site: &str| known.iter().any(|(id,)| id == site);
            let rows: Vec<Vec<Value>> = blocks
                .iter()
                .filter(|((site, _, _), _)| is_known(site))
                .map(|((site, service, hour), block)| vec![site.into(), service.into(), (*hour).into(), block.0.clone().into()])
                .collect();
            tx.execute_each(
                sql("insert into usage_hour (site_id, service, hour, minutes) values ($1, $2, $3, $4)
                     on conflict (site_id, service, hour) do update set minutes = excluded.minutes"),
                rows,
            )
            .await?;
            counts.save(&tx, &is_known).await?;
            if sweep {
                tx.execute(sql("delete from usage_hour where hour < $1").bind(hour - KEPT_HOURS)).await?;
            }
            Ok(())
        })
        .await?;
        self.swept = Some(hour);
        self.counts = NewCounts::default();
        // An hour that has ended is complete with the minute that was just written.
        let last = self.minute.map_or(hour, |minute| (minute + 1).div_euclid(60));
        self.blocks.retain(|(_, _, of), _| *of >= last);
        Ok(())
    }

    /// Drops what is kept of sites that are gone.
    pub(super) fn keep(&mut self, is_known: impl Fn(&str) -> bool) {
        self.blocks.retain(|(site, _, _), _| is_known(site));
    }
}

/// A site at one moment of its history: all its services together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minute {
    /// When the minute began.
    pub at: Timestamp,
    /// What is known of it.
    pub sample: Sample,
}

/// A site's history minute by minute, oldest first; minutes without any figure are left out. Goes back seven days.
pub async fn history(db: &Db, scope: &Scope, site: &SiteId, from: Timestamp, to: Timestamp) -> Result<Vec<Minute>> {
    let site = sites::get(db, scope, site).await?.id;
    let rows: Vec<(i64, Vec<u8>)> = db
        .all(
            sql("select hour, minutes from usage_hour where site_id = $1 and hour >= $2 and hour <= $3 order by hour, service")
                .bind(&site)
                .bind(from.0.div_euclid(HOUR_MS))
                .bind(to.0.div_euclid(HOUR_MS)),
        )
        .await?;
    let mut minutes: BTreeMap<i64, Sample> = BTreeMap::new();
    for (hour, bytes) in rows {
        let block = Block::from_bytes(bytes);
        for minute in 0..60 {
            let at = hour * HOUR_MS + minute as i64 * MINUTE_MS;
            let sample = block.get(minute);
            if at >= from.0 && at <= to.0 && !sample.is_empty() {
                let kept = minutes.entry(at).or_default();
                *kept = kept.beside(sample);
            }
        }
    }
    Ok(minutes.into_iter().map(|(at, sample)| Minute { at: Timestamp(at), sample }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu: f32, memory: u32, requests: u32) -> Sample {
        Sample { cpu_percent: Some(cpu), memory_kib: Some(memory), requests: Some(requests) }
    }

    fn at(slot: i64) -> Timestamp {
        Timestamp(slot * STEP_MS + 5_000)
    }

    #[test]
    fn minute_is_average_cpu_highest_memory_and_all_requests() {
        let mut ring = Ring::default();
        ring.put(at(600), sample(10.0, 100, 1));
        ring.put(at(601), sample(20.0, 300, 2));
        ring.put(at(605), Sample { requests: Some(4), ..Sample::default() });
        ring.put(at(606), sample(90.0, 900, 9));
        assert_eq!(ring.minute(100), sample(15.0, 300, 7));
        assert_eq!(ring.minute(101), sample(90.0, 900, 9));
        assert_eq!(ring.minute(99), Sample::default());
        assert_eq!(ring.minute(102), Sample::default());
    }

    #[test]
    fn two_looks_in_one_slot_lose_no_request() {
        let mut ring = Ring::default();
        ring.put(Timestamp(6_000_001), sample(10.0, 500, 1));
        ring.put(Timestamp(6_009_999), Sample { cpu_percent: None, memory_kib: Some(400), requests: Some(2) });
        assert_eq!(ring.minute(100), sample(10.0, 500, 3));
    }

    #[test]
    fn hour_that_is_over_is_forgotten_and_a_gap_stays_a_gap() {
        let mut ring = Ring::default();
        ring.put(at(600), sample(1.0, 1, 1));
        ring.put(at(600 + 300), sample(2.0, 2, 2));
        assert_eq!(ring.minute(100), sample(1.0, 1, 1));
        assert_eq!(ring.minute(120), Sample::default());
        ring.put(at(600 + 361), sample(3.0, 3, 3));
        assert_eq!(ring.minute(100), Sample::default());
        ring.put(at(60_000), sample(4.0, 4, 4));
        assert_eq!(ring.minute(150), Sample::default());
        // Set back: what is ahead of the clock is not the past.
        ring.put(at(50_000), sample(5.0, 5, 5));
        assert_eq!(ring.minute(10_000), Sample::default());
        assert_eq!(ring.minute(50_000 / 6), sample(5.0, 5, 5));
    }

    #[test]
    fn blocks_keep_figures_gaps_and_extremes() {
        let mut block = Block::default();
        assert_eq!(block.0.len(), 600);
        assert_eq!(block.get(0), Sample::default());
        block.put(0, sample(12.34, 0, 0));
        block.put(59, sample(1e9, 7, u32::MAX - 1));
        block.put(30, Sample { memory_kib: Some(5), ..Sample::default() });
        let again = Block::from_bytes(block.0.clone());
        assert_eq!(again.get(0), sample(12.3, 0, 0));
        assert_eq!(again.get(59), sample(6553.4, 7, u32::MAX - 1));
        assert_eq!(again.get(30), Sample { memory_kib: Some(5), ..Sample::default() });
        assert_eq!(again.get(1), Sample::default());
        // Little-endian on every machine.
        assert_eq!(&block.0[..6], [123, 0, 0, 0, 0, 0]);
        assert_eq!(Block::from_bytes(vec![1, 0]).get(59), Sample::default());
    }

    #[test]
    fn minutes_that_ended_are_told_once_and_never_more_than_an_hour() {
        let mut recorder = Recorder { minute: Some(99), ..Recorder::default() };
        let mut ended = |minute: i64| recorder.ended_minutes(Timestamp(minute * MINUTE_MS + 1));
        assert_eq!(ended(100), 100..100);
        assert_eq!(ended(101), 100..101);
        assert_eq!(ended(101), 101..101);
        assert_eq!(ended(104), 101..104);
        assert_eq!(ended(1000), 941..1000);
        assert_eq!(ended(900), 900..900);
        assert_eq!(ended(901), 900..901);
    }
}
