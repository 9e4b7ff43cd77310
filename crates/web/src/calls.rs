//! How often customers call the API: counted in memory, minute by minute, for whoever makes events of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use accounts::{Actor, CustomerId, How};
use kit::Timestamp;

/// So many counts are kept while nobody takes them; more are not counted.
const MAX: usize = 100_000;
const MINUTE: i64 = 60_000;

/// Calls that were not taken yet.
#[derive(Default)]
pub struct ApiCalls(Mutex<BTreeMap<(i64, CustomerId), u64>>);

/// Calls of one customer in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    /// Whose.
    pub customer: CustomerId,
    /// When the minute began.
    pub minute: Timestamp,
    /// How many.
    pub count: u64,
}

impl ApiCalls {
    /// Counts a call by an API token of a customer. Sending events is no use of the API, and what failed on our side is not theirs.
    pub(crate) fn note(&self, actor: &Actor, route: &str, status: u16, now: Timestamp) {
        let Some(customer) = actor.customer() else { return };
        if !matches!(actor.how(), How::Token { .. }) || !route.starts_with("/api/") || route.ends_with("/events") || status >= 500 {
            return;
        }
        self.add(now.0.div_euclid(MINUTE), customer, 1);
    }

    fn add(&self, minute: i64, customer: &CustomerId, count: u64) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() < MAX {
            *calls.entry((minute, customer.clone())).or_default() += count;
        }
    }

    /// Takes out what was counted in minutes that are over.
    pub fn take_whole_minutes(&self, now: Timestamp) -> Vec<Calls> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let current = now.0.div_euclid(MINUTE);
        let over: Vec<(i64, CustomerId)> = calls.keys().take_while(|(minute, _)| *minute < current).cloned().collect();
        over.into_iter()
            .filter_map(|key| calls.remove(&key).map(|count| Calls { minute: Timestamp(key.0 * MINUTE), customer: key.1, count }))
            .collect()
    }

    /// Puts back what could not be told.
    pub fn put_back(&self, taken: Vec<Calls>) {
        for calls in taken {
            self.add(calls.minute.0.div_euclid(MINUTE), &calls.customer, calls.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use accounts::{Role, Standing};

    use crate::testing::TestApp;

    #[tokio::test]
    async fn calls_of_customers_with_tokens_are_counted_by_the_minute() {
        let test = TestApp::start().await;
        let customer = test.customer("Ada & Co").await;
        let owner = test.member(Role::Customer { customer: customer.clone(), standing: Standing::Owner }).await;
        let admin = test.member(Role::Admin).await;
        let (theirs, ours) = (test.token(&owner, "sites:read").await, test.token(&admin, "sites:read").await);
        for _ in 0..3 {
            test.get("/api/sites").token(&theirs).send().await;
        }
        // The house's own calls, pages of people, and what does not exist are no use of the API by a customer.
        test.get("/api/sites").token(&ours).send().await;
        test.get("/api/sites").by(&owner).send().await;
        test.get("/nowhere").token(&theirs).send().await;
        let calls = test.app.api_calls();
        let now = test.app.clock.now();
        assert_eq!(calls.take_whole_minutes(now), [], "the minute is not over");
        let later = now.plus(Duration::from_secs(60));
        let taken = calls.take_whole_minutes(later);
        assert_eq!(taken.iter().map(|calls| (calls.customer.clone(), calls.count)).collect::<Vec<_>>(), [(customer, 3)]);
        assert_eq!(taken[0].minute.0 % 60_000, 0);
        calls.put_back(taken.clone());
        assert_eq!(calls.take_whole_minutes(later), taken, "what could not be told is told later");
        assert_eq!(calls.take_whole_minutes(later), []);
    }
}
