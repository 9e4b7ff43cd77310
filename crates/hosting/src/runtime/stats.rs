//! What a container takes, as the Engine API says: the way for an Innkeeper that cannot see the kernel's files.

use std::time::Duration;

use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use kit::{Error, Result};

use super::{Runtime, unreachable_engine};
use crate::usage::{Reading, without_idle_cache};

/// The engine takes long where it looks for other figures, too.
const PATIENCE: Duration = Duration::from_secs(5);

impl Runtime {
    /// CPU time and memory of one container, from one look without a second to compare with.
    pub async fn usage(&self, container: &str) -> Result<Reading> {
        let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
        let mut answer = Box::pin(self.engine()?.stats(container, Some(options)));
        let stats = tokio::time::timeout(PATIENCE, answer.next())
            .await
            .map_err(|_| Error::unavailable("Docker takes too long to answer"))?
            .ok_or_else(|| Error::unavailable("Docker answers without figures"))?
            .map_err(unreachable_engine)?;
        let cpu_ns = stats.cpu_stats.and_then(|cpu| cpu.cpu_usage?.total_usage);
        let memory = stats.memory_stats.and_then(|memory| {
            let named = |name: &str| memory.stats.as_ref()?.get(name).copied();
            // v1 has both, and there the total counts.
            Some(without_idle_cache(memory.usage?, named("total_inactive_file").or_else(|| named("inactive_file"))))
        });
        match (cpu_ns, memory) {
            (Some(cpu_ns), Some(memory_bytes)) => Ok(Reading { cpu_ns, memory_bytes }),
            _ => Err(Error::not_found("the container")),
        }
    }
}
