//! Signals inside the process: "this changed", heard by the live channel and by whoever waits.
//!
//! A signal carries no data; the hearer reads the database again. Lost signals therefore cost freshness, never truth. Beside them
//! there are events for programs that listen in, which say in a few fields what happened: nothing that not everyone in the room may
//! know.

use tokio::sync::broadcast;

/// "What `topic` names has changed"; goes to everyone in `room`.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Who may hear it: `customer:cust_…`, `site:app_…`, `operators`.
    pub room: String,
    /// What changed, as pages name it: `sites`, `site:app_…`, `jobs`. Empty for an event.
    pub topic: String,
    /// What happened, for programs; none for a mere signal.
    pub event: Option<Event>,
}

/// Something that happened, said in a few fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name, such as `deployment`.
    pub name: &'static str,
    /// The fields.
    pub data: serde_json::Value,
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
        self.send(Signal { room: room.into(), topic: topic.into(), event: None });
    }

    /// Tells programs in `room` what happened.
    pub fn tell(&self, room: impl Into<String>, name: &'static str, data: serde_json::Value) {
        self.send(Signal { room: room.into(), topic: String::new(), event: Some(Event { name, data }) });
    }

    fn send(&self, signal: Signal) {
        // No hearer is not an error: nobody is looking.
        let _ = self.sender.send(signal);
    }

    /// Hears all signals from now on; a slow hearer misses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<Signal> {
        self.sender.subscribe()
    }
}
