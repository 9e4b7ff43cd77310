//! What was read lately, in bounded memory.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Keeps at least the `most` entries that were used last, and at most twice as many.
pub(super) struct Cache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    most: usize,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    pub(super) fn new(most: usize) -> Cache<K, V> {
        Cache { young: HashMap::new(), old: HashMap::new(), most }
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        if !self.young.contains_key(key) {
            let (key, value) = self.old.remove_entry(key)?;
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.most {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.young.values_mut().chain(self.old.values_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut cache = Cache::new(10);
        for at in 0..100 {
            cache.insert(at, at);
            assert_eq!(cache.get(&0), Some(&mut 0));
        }
        assert_eq!(cache.get(&95), Some(&mut 95));
        assert_eq!(cache.get(&50), None);
        assert!(cache.young.len() + cache.old.len() <= 20);
    }
}
