//! Signals inside the process: "this changed", heard by the live channel and by whoever waits.
//!
//! A signal carries no data; the hearer reads the database again. Lost signals therefore cost freshness, never truth.

use tokio::sync::broadcast;

/// "What `topic` names has changed"; goes to everyone in `room`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Who may hear it: `customer:cust_…`, `site:app_…`, `operators`.
    pub room: String,
    /// What changed, as pages name it: `sites`, `site:app_…`, `jobs`.
    pub topic: String,
}

/// Signals of one process, to any number of hearers.
#[derive(Debug, Clone)]
pub struct Bus {
    sender: broadcast::Sender<Signal>,
}

impl Default for Bus {
    fn default() -> Bus {
        Bus { sender: broadcast::channel(1024).0 }
    }
}

impl Bus {
    /// Tells everyone in `room` that `topic` changed.
    pub fn signal(&self, room: impl Into<String>, topic: impl Into<String>) {
        // No hearer is not an error: nobody is looking.
        let _ = self.sender.send(Signal { room: room.into(), topic: topic.into() });
    }

    /// Hears all signals from now on; a slow hearer misses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<Signal> {
        self.sender.subscribe()
    }
}
