//! Section `[insight]` of the configuration.

use serde::{Deserialize, Serialize};

/// Section `[insight]`: what is made of events, and who may see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Customers have a page with their own health score and what it is made of. Churn, notes and tasks are never theirs to see.
    pub customers_see_their_health: bool,
}
