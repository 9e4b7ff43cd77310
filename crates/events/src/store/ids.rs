//! Which ids are known: what makes an event that is sent twice count once.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use kit::{Result, Tx, sql};
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

/// The ids that are known.
pub(super) struct Ids {
    recent: Prints,
}

impl Ids {
    /// Reads them from the blocks.
    pub(super) async fn load(tx: &Tx) -> Result<Ids> {
        let mut recent = Prints::default();
        let sources: Vec<(i64, String)> = tx.all(sql("select no, word from event_word where kind = 'source'")).await?;
        let sources: std::collections::HashMap<i64, String> = sources.into_iter().collect();
        let mut after = -1i64;
        loop {
            let rows: Vec<(i64, Vec<u8>, Vec<u8>)> =
                tx.all(sql("select no, heads, ids from event_block where no > $1 order by no limit 16").bind(after)).await?;
            let Some((last, ..)) = rows.last() else { break };
            after = *last;
            for (_, heads, ids) in rows {
                for (head, id) in block::heads(&heads)?.iter().zip(block::ids(&ids)?) {
                    recent.insert(print_of(sources.get(&head.source).map_or("", String::as_str), &id));
                }
            }
        }
        Ok(Ids { recent })
    }

    /// Which of these are among the older ones.
    #[expect(clippy::unused_async, reason = "older ones are in the database")]
    pub(super) async fn known_of_old(&mut self, _tx: &Tx, _prints: impl Iterator<Item = Print>) -> Result<HashSet<Print>> {
        Ok(HashSet::new())
    }

    /// Notes an id; false when it was noted before.
    pub(super) fn remember(&mut self, print: Print) -> bool {
        self.recent.insert(print)
    }
}
