//! How much memory the bodies of all requests may take together. Whoever comes when it is used up is told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What there is.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    taken: AtomicUsize,
}

/// What one request has of it; given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// So many bytes.
    pub fn new(most: usize) -> Budget {
        Budget { most, taken: AtomicUsize::new(0) }
    }

    /// What is taken now.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Nothing yet.
    pub fn share(self: &Arc<Budget>) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

impl Share {
    /// Another share of the same, with nothing in it.
    pub fn empty(&self) -> Share {
        self.budget.share()
    }

    /// Takes more; `false` when there is not so much left.
    pub fn grow(&mut self, more: usize) -> bool {
        let taken = self.budget.taken.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        taken.saturating_add(more) <= self.budget.most
    }

    /// Takes what is missing to have so many bytes in all.
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        self.grow(bytes.saturating_sub(self.bytes))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back_also_after_a_refusal() {
        let budget = Arc::new(Budget::new(100));
        let mut first = budget.share();
        assert!(first.grow(60) && first.grow_to(70) && first.grow_to(10));
        let mut second = budget.share();
        assert!(second.grow(30));
        assert!(!second.grow(1));
        drop(second);
        assert_eq!(budget.taken(), 70);
        drop(first);
        assert_eq!(budget.taken(), 0);
    }
}
