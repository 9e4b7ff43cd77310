//! Where questions that read very many events are answered: one at a time, not for ever, and at once when nothing came in since.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::{Cursor, Day};
use kit::{Error, Result};

use crate::Insight;

/// Longer nobody waits for an answer.
const LIMIT: Duration = Duration::from_secs(20);
/// So many answers are kept.
const KEPT: usize = 12;
/// Together they may be of so many people: about 50 MB.
const KEPT_PEOPLE: usize = 3_000_000;

/// The answers of one kind that were given.
pub(crate) struct Desk<Q, A>(Mutex<VecDeque<Kept<Q, A>>>);

struct Kept<Q, A> {
    /// "The last 30 days" are others tomorrow.
    key: (Q, Day),
    cursor: Cursor,
    answer: Arc<A>,
    people: usize,
}

impl<Q, A> Default for Desk<Q, A> {
    fn default() -> Desk<Q, A> {
        Desk(Mutex::default())
    }
}

impl<Q: PartialEq + Clone, A> Desk<Q, A> {
    /// The answer to a question: the one that was given, or the one that `make` makes, which is of so many people.
    pub(crate) async fn answer(
        &self,
        insight: &Insight,
        question: &Q,
        people: impl Fn(&A) -> usize,
        make: impl Future<Output = Result<A>>,
    ) -> Result<Arc<A>> {
        let limited = tokio::time::timeout(LIMIT, async {
            let key = (question.clone(), insight.today());
            if let Some(answer) = self.find(&key, insight.events().cursor().await?) {
                return Ok(answer);
            }
            let _turn = insight.heavy_turn().await;
            // Somebody may have asked the same meanwhile. The cursor is older than what is read: what comes in between makes it stale.
            let cursor = insight.events().cursor().await?;
            if let Some(answer) = self.find(&key, cursor) {
                return Ok(answer);
            }
            let answer = Arc::new(make.await?);
            self.keep(Kept { key, cursor, people: people(&answer), answer: answer.clone() });
            Ok(answer)
        });
        limited.await.map_err(|_| {
            Error::unavailable(format!("this took more than {} seconds; choose fewer days or rarer events", LIMIT.as_secs()))
        })?
    }

    fn find(&self, key: &(Q, Day), cursor: Cursor) -> Option<Arc<A>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|it| it.cursor == cursor);
        kept.iter().find(|it| it.key == *key).map(|it| it.answer.clone())
    }

    fn keep(&self, new: Kept<Q, A>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(new);
        let mut people = 0;
        let fit = kept.iter().take_while(|it| {
            people += it.people;
            people <= KEPT_PEOPLE
        });
        let fit = fit.count().clamp(1, KEPT);
        kept.truncate(fit);
    }
}
