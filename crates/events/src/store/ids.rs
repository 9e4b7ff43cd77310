//! Which ids are known: what makes an event that is sent twice count once.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use kit::db::dialect::{Column, insert_rows};
use kit::{Db, Result, Tx, sql};
use sha2::{Digest, Sha256};

use super::block;

/// 128 bits of the SHA-256 of source and id: two different ids with the same ones are not found by chance nor by intent.
pub(super) type Print = u128;

pub(super) fn print_of(source: &str, id: &str) -> Print {
    let mut hash = Sha256::new();
    hash.update(source.as_bytes());
    hash.update([0]);
    hash.update(id.as_bytes());
    let hash = hash.finalize();
    u128::from_be_bytes(std::array::from_fn(|at| hash[at]))
}

/// Fingerprints are as good as random already.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum << 8 | u64::from(*byte));
    }
    #[expect(clippy::cast_possible_truncation, reason = "one half is enough")]
    fn write_u128(&mut self, print: u128) {
        self.0 = print as u64;
    }
}

type Prints = HashSet<Print, BuildHasherDefault<AsItIs>>;

/// So many of the newest are in memory; then they become a run.
const MOST_RECENT: usize = 200_000;
/// Fingerprints in one page of a run.
const PAGE: usize = 1024;
/// Bits of a filter for each fingerprint: about one in a thousand is taken for known and looked up.
const FILTER_BITS: u64 = 14;
const FILTER_PROBES: u64 = 10;
/// So many runs of one day and about one size become one.
const MERGED_AT_ONCE: usize = 4;
/// Larger ones are left as they are.
const LARGEST_MERGED: i64 = 4_000_000;

/// The ids that are known: the newest in memory, older ones in sorted runs in the database with a filter in memory for each.
pub(super) struct Ids {
    recent: Prints,
    pub(super) runs: Vec<Run>,
}

/// A sorted run of fingerprints.
pub(super) struct Run {
    pub(super) no: i64,
    /// UTC day on which the newest came.
    pub(super) day: i64,
    pub(super) events: i64,
    filter: Filter,
}

/// Says of most fingerprints that they are not among those that it was made of, and never so of those that are (a Bloom filter).
#[derive(Clone)]
pub(super) struct Filter(Vec<u8>);

impl Filter {
    fn sized(count: usize) -> Filter {
        Filter(vec![0; count.max(8) * usize::try_from(FILTER_BITS).expect("small") / 8])
    }

    #[expect(clippy::cast_possible_truncation, reason = "halves of the fingerprint, and a product's upper half")]
    fn bits(&self, print: Print) -> impl Iterator<Item = (usize, u8)> + use<> {
        let (start, step, bits) = (print as u64, (print >> 64) as u64 | 1, self.0.len() as u64 * 8);
        (0..FILTER_PROBES).map(move |probe| {
            let place = start.wrapping_add(step.wrapping_mul(probe));
            let bit = ((u128::from(place) * u128::from(bits)) >> 64) as u64;
            ((bit / 8) as usize, 1 << (bit % 8))
        })
    }

    fn add(&mut self, print: Print) {
        for (byte, bit) in self.bits(print) {
            self.0[byte] |= bit;
        }
    }

    fn may_have(&self, print: Print) -> bool {
        self.bits(print).all(|(byte, bit)| self.0[byte] & bit != 0)
    }
}

impl Ids {
    /// Reads what is known: filters of the runs, and the ids of all blocks that came after them.
    pub(super) async fn load(tx: &Tx) -> Result<Ids> {
        let mut ids = Ids { recent: Prints::default(), runs: Vec::new() };
        ids.load_runs(tx, 0).await?;
        ids.load_recent(tx).await?;
        Ok(ids)
    }

    /// Reads what others wrote: runs, and blocks from this number on.
    pub(super) async fn refresh(&mut self, tx: &Tx, from_block: i64) -> Result<()> {
        let there: HashSet<i64> = tx.all(sql("select run from event_id_run")).await?.into_iter().map(|(run,)| run).collect();
        self.runs.retain(|run| there.contains(&run.no));
        let newest = self.runs.iter().map(|run| run.no).max().unwrap_or(0);
        if self.runs.len() == there.len() {
            return self.load_blocks(tx, from_block, 0).await;
        }
        self.load_runs(tx, newest + 1).await?;
        self.load_recent(tx).await
    }

    async fn load_runs(&mut self, tx: &Tx, from: i64) -> Result<()> {
        let rows: Vec<(i64, i64, i64, Vec<u8>)> =
            tx.all(sql("select run, day, events, filter from event_id_run where run >= $1 order by run").bind(from)).await?;
        self.runs.extend(rows.into_iter().map(|(no, day, events, filter)| Run { no, day, events, filter: Filter(filter) }));
        Ok(())
    }

    async fn load_recent(&mut self, tx: &Tx) -> Result<()> {
        self.recent.clear();
        let (through,): (i64,) = tx.one(sql("select coalesce(max(through_seq), 0) from event_id_run")).await?;
        self.load_blocks(tx, 0, through).await
    }

    /// Reads the ids of blocks from this number on that hold events from this `seq` on.
    async fn load_blocks(&mut self, tx: &Tx, mut no: i64, seq: i64) -> Result<()> {
        let sources: Vec<(i64, String)> = tx.all(sql("select no, word from event_word where kind = 'source'")).await?;
        let sources: HashMap<i64, String> = sources.into_iter().collect();
        loop {
            let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = tx
                .all(sql("select no, heads, ids from event_block where no >= $1 and max_seq >= $2 order by no limit 16").bind(no).bind(seq))
                .await?;
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            no = last + 1;
            for (_, heads, ids) in rows {
                for (head, id) in block::heads(&heads)?.iter().zip(block::ids(&ids)?) {
                    if head.seq >= seq {
                        self.recent.insert(print_of(sources.get(&head.source).map_or("", String::as_str), &id));
                    }
                }
            }
        }
    }

    /// Which of these are among the older ones. Filters answer for nearly all that are not.
    pub(super) async fn known_of_old(&self, tx: &Tx, prints: impl Iterator<Item = Print>) -> Result<HashSet<Print>> {
        let mut known = HashSet::new();
        if self.runs.is_empty() {
            return Ok(known);
        }
        let mut unsure: Vec<(i64, Print)> = Vec::new();
        for print in prints.filter(|print| !self.recent.contains(print)) {
            unsure.extend(self.runs.iter().filter(|run| run.filter.may_have(print)).map(|run| (run.no, print)));
        }
        unsure.sort_unstable();
        unsure.dedup();
        // In order, so that a page that is asked for several is read once.
        let mut page: Option<(i64, Vec<Print>)> = None;
        for (run, print) in unsure {
            let open = page.as_ref().is_some_and(|(of, prints)| *of == run && prints.last().is_some_and(|last| print <= *last));
            if !open {
                let body: Option<(Vec<u8>,)> = tx
                    .optional(
                        sql("select body from event_id_page where run = $1 and low <= $2 order by low desc limit 1")
                            .bind(run)
                            .bind(format!("{print:032x}")),
                    )
                    .await?;
                page = Some((run, body.map_or_else(Vec::new, |(body,)| prints_of(&body))));
            }
            if page.as_ref().is_some_and(|(_, prints)| prints.binary_search(&print).is_ok()) {
                known.insert(print);
            }
        }
        Ok(known)
    }

    /// Notes an id; false when it was noted before.
    pub(super) fn remember(&mut self, print: Print) -> bool {
        self.recent.insert(print)
    }

    /// Whether the newest are so many that they should become a run.
    pub(super) fn is_full(&self) -> bool {
        self.recent.len() >= MOST_RECENT
    }

    /// Makes a run of the newest. `through_seq` is the number after the last event that was written.
    pub(super) async fn flush(&mut self, tx: &Tx, no: i64, day: i64, through_seq: i64) -> Result<()> {
        let mut prints: Vec<Print> = self.recent.iter().copied().collect();
        prints.sort_unstable();
        let mut filter = Filter::sized(prints.len());
        for print in &prints {
            filter.add(*print);
        }
        write_pages(tx, no, prints.chunks(PAGE)).await?;
        let run = Run { no, day, events: i64::try_from(prints.len()).unwrap_or(i64::MAX), filter };
        insert_run(tx, &run, through_seq).await?;
        self.runs.push(run);
        // Memory that a burst took is given back.
        self.recent = Prints::default();
        Ok(())
    }

    pub(super) fn recent(&self) -> usize {
        self.recent.len()
    }

    /// The next runs that should become one.
    pub(super) fn next_merge(&self) -> Option<Vec<i64>> {
        let mut alike: HashMap<(i64, u32), Vec<i64>> = HashMap::new();
        for run in self.runs.iter().filter(|run| run.events < LARGEST_MERGED) {
            let size = (run.events.max(1)).ilog(4);
            alike.entry((run.day, size)).or_default().push(run.no);
        }
        alike.into_values().find(|runs| runs.len() >= MERGED_AT_ONCE)
    }

    /// Puts a merged run in the place of those that it was made of.
    pub(super) async fn replace(&mut self, tx: &Tx, old: &[i64], no: i64, filter: Filter) -> Result<()> {
        let of_old: Vec<&Run> = self.runs.iter().filter(|run| old.contains(&run.no)).collect();
        let run =
            Run { no, day: of_old.iter().map(|run| run.day).max().unwrap_or(0), events: of_old.iter().map(|run| run.events).sum(), filter };
        let (through,): (i64,) = tx.one(sql("select max(through_seq) from event_id_run where run in").list(old.iter().copied())).await?;
        insert_run(tx, &run, through).await?;
        self.drop_runs(tx, old).await?;
        self.runs.push(run);
        Ok(())
    }

    /// Forgets runs of which even the newest ids are too old, except the last: it says how far runs reach.
    pub(super) async fn forget_before(&mut self, tx: &Tx, day: i64) -> Result<usize> {
        let last: Option<(i64,)> = tx.optional(sql("select run from event_id_run order by through_seq desc, run desc limit 1")).await?;
        let old: Vec<i64> =
            self.runs.iter().filter(|run| run.day < day && last.is_none_or(|(last,)| last != run.no)).map(|run| run.no).collect();
        self.drop_runs(tx, &old).await?;
        Ok(old.len())
    }

    async fn drop_runs(&mut self, tx: &Tx, old: &[i64]) -> Result<()> {
        for run in old {
            tx.execute(sql("delete from event_id_page where run = $1").bind(*run)).await?;
            tx.execute(sql("delete from event_id_run where run = $1").bind(*run)).await?;
        }
        self.runs.retain(|run| !old.contains(&run.no));
        Ok(())
    }
}

async fn insert_run(tx: &Tx, run: &Run, through_seq: i64) -> Result<()> {
    tx.execute(
        sql("insert into event_id_run (run, day, events, through_seq, filter) values ($1, $2, $3, $4, $5)")
            .bind(run.no)
            .bind(run.day)
            .bind(run.events)
            .bind(through_seq)
            .bind(run.filter.0.clone()),
    )
    .await?;
    Ok(())
}

async fn write_pages(tx: &Tx, run: i64, pages: impl Iterator<Item = &[Print]>) -> Result<()> {
    let rows = pages
        .map(|page| {
            let low = page.first().map_or_else(String::new, |low| format!("{low:032x}"));
            let body: Vec<u8> = page.iter().flat_map(|print| print.to_be_bytes()).collect();
            vec![run.into(), low.into(), body.into()]
        })
        .collect();
    insert_rows(tx, "event_id_page (run, low, body)", &[Column::Int, Column::Text, Column::Blob], "", rows).await?;
    Ok(())
}

fn prints_of(body: &[u8]) -> Vec<Print> {
    body.as_chunks().0.iter().map(|bytes| Print::from_be_bytes(*bytes)).collect()
}

/// Writes the pages of one run made of several, a few at a time; nobody looks at them before [`Ids::replace`].
pub(super) async fn merge_pages(db: &Db, old: &[i64], no: i64) -> Result<Filter> {
    let (total,): (i64,) =
        db.one(sql("select cast(coalesce(sum(events), 0) as bigint) from event_id_run where run in").list(old.iter().copied())).await?;
    let mut filter = Filter::sized(usize::try_from(total).unwrap_or(0));
    let mut sources: Vec<Source> = old.iter().map(|run| Source { run: *run, after: String::new(), prints: Vec::new() }).collect();
    let mut merged: Vec<Print> = Vec::new();
    // What an earlier try left.
    db.execute(sql("delete from event_id_page where run = $1").bind(no)).await?;
    loop {
        for source in &mut sources {
            source.fill(db).await?;
        }
        sources.retain(|source| !source.prints.is_empty());
        // Up to here all sources are at hand.
        let Some(limit) = sources.iter().filter_map(|source| source.prints.last().copied()).min() else { break };
        for source in &mut sources {
            let count = source.prints.partition_point(|print| *print <= limit);
            merged.extend(source.prints.drain(..count));
        }
        if merged.len() >= PAGE * 64 {
            write_merged(db, no, &mut merged, &mut filter, PAGE).await?;
        }
    }
    write_merged(db, no, &mut merged, &mut filter, 1).await?;
    Ok(filter)
}

/// Writes whole pages, at least of so many; what is left over stays.
async fn write_merged(db: &Db, no: i64, merged: &mut Vec<Print>, filter: &mut Filter, least: usize) -> Result<()> {
    merged.sort_unstable();
    merged.dedup();
    let count = if least == 1 { merged.len() } else { merged.len() / PAGE * PAGE };
    let ready: Vec<Print> = merged.drain(..count).collect();
    for print in &ready {
        filter.add(*print);
    }
    let ready = &ready;
    db.write(async |tx| write_pages(&tx, no, ready.chunks(PAGE)).await).await
}

/// A run that is read from its start to its end.
struct Source {
    run: i64,
    after: String,
    prints: Vec<Print>,
}

impl Source {
    async fn fill(&mut self, db: &Db) -> Result<()> {
        if !self.prints.is_empty() {
            return Ok(());
        }
        let pages: Vec<(String, Vec<u8>)> = db
            .all(
                sql("select low, body from event_id_page where run = $1 and low > $2 order by low limit 16")
                    .bind(self.run)
                    .bind(&self.after),
            )
            .await?;
        for (low, body) in pages {
            self.prints.extend(prints_of(&body));
            self.after = low;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_know_all_of_theirs_and_few_others() {
        let prints: Vec<Print> = (0..10_000).map(|at| print_of("api", &format!("id-{at}"))).collect();
        let mut filter = Filter::sized(prints.len());
        prints.iter().for_each(|print| filter.add(*print));
        assert!(prints.iter().all(|print| filter.may_have(*print)));
        let wrong = (0..100_000).filter(|at| filter.may_have(print_of("api", &format!("other-{at}")))).count();
        assert!(wrong < 400, "{wrong} of 100 000 are taken for known");
    }

    #[tokio::test]
    async fn runs_are_merged_and_lose_nothing() {
        for test in kit::testing::databases().await {
            let prints = |run: usize| (0..2500).map(move |at| print_of("api", &format!("{run}-{at}")));
            let mut ids = test.db.write(async |tx| Ids::load(&tx).await).await.unwrap();
            let place = tokio::sync::Mutex::new(&mut ids);
            for run in 0..5 {
                test.db
                    .write(async |tx| {
                        let mut ids = place.lock().await;
                        assert!(prints(run).all(|print| ids.remember(print)));
                        ids.flush(&tx, run as i64 + 1, 20_000, run as i64 * 100).await
                    })
                    .await
                    .unwrap();
            }
            let old = ids.next_merge().unwrap();
            assert_eq!(old.len(), 5);
            let filter = merge_pages(&test.db, &old, 9).await.unwrap();
            let place = tokio::sync::Mutex::new(&mut ids);
            test.db.write(async |tx| place.lock().await.replace(&tx, &old, 9, filter.clone()).await).await.unwrap();
            assert!(ids.next_merge().is_none());
            assert_eq!((ids.runs.len(), ids.runs[0].events), (1, 12_500));
            assert_eq!(test.count("select cast(count(*) as bigint) from event_id_page").await, 13);
            // As it is in memory, and as it is read back.
            let loaded = test.db.write(async |tx| Ids::load(&tx).await).await.unwrap();
            for ids in [&ids, &loaded] {
                let all = || (0..5).flat_map(prints);
                let others = (0..5000).map(|at| print_of("other", &format!("{at}")));
                let known = test.db.write(async |tx| ids.known_of_old(&tx, all().chain(others.clone())).await).await.unwrap();
                assert!(known.len() == 12_500 && all().all(|print| known.contains(&print)), "{}", known.len());
            }
        }
    }

    #[test]
    fn ids_belong_to_their_source() {
        assert_ne!(print_of("a", "b"), print_of("b", "a"));
        assert_ne!(print_of("ab", "c"), print_of("a", "bc"));
    }
}
