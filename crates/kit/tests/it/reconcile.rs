//! Reconcilers: what they did is on record, and no failure of one run is the last run.

use std::time::Duration;

use kit::jobs::{self, Reconciler, Registry, Runner};
use kit::{Error, Result};
use tokio_util::sync::CancellationToken;

use crate::eventually;
use crate::jobs::{Notes, benches};

struct Gap {
    name: &'static str,
}

impl Reconciler<Notes> for Gap {
    const NAME: &'static str = "test.gap";
    const EVERY: Duration = Duration::from_millis(5);
    const TIMEOUT: Duration = Duration::from_millis(50);

    async fn reconcile(&self, notes: Notes) -> Result<String> {
        notes.write(self.name);
        match notes.lines().len() {
            1 => Err(Error::unavailable("docker is down")),
            2 => panic!("off the rails"),
            3 => std::future::pending().await,
            _ => {
                notes.gate.notified().await;
                Ok("3 seen, 1 closed".to_owned())
            }
        }
    }
}

#[tokio::test]
async fn a_reconciler_records_how_it_went_and_survives_failing_panicking_and_hanging() {
    for bench in benches().await {
        let registry = Registry::default().reconciler(Gap { name: "gap" });
        let runner = Runner::new(bench.test.db.clone(), bench.clock.clone(), bench.notes.clone(), registry, "one", 1);
        let stop = CancellationToken::new();
        let running = tokio::spawn(runner.run(stop.clone()));
        let recorded = async |text: &'static str| {
            eventually(text, || async {
                let states = jobs::reconcilers(&bench.test.db).await.unwrap();
                states.into_iter().find(|state| state.error.as_deref() == Some(text) || state.summary.as_deref() == Some(text))
            })
            .await
        };
        // The timeout of the third run gives time to see its record; the fourth waits to be let through.
        let hung = recorded("did not end within 50ms").await;
        assert_eq!((hung.name.as_str(), hung.summary), ("test.gap", None));
        bench.notes.gate.notify_one();
        let done = recorded("3 seen, 1 closed").await;
        assert_eq!((done.started_at, done.error), (bench.clock.now(), None), "{}", bench.test.name);
        stop.cancel();
        running.await.unwrap();
    }
}
