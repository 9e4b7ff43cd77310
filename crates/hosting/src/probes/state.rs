//! What an inspection of a container means: pure.

use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, HealthStatusEnum};
use kit::{Timestamp, text_enum};

text_enum!(
    /// How a service or a site is, for people. Declared from best to worst: a site is as its worst service is.
    HealthState {
        /// Being made, brought back or removed; containers come and go.
        Provisioning = "provisioning",
        /// It runs, and nothing says that it does not work.
        Running = "running",
        /// It is being started again.
        Restarting = "restarting",
        /// Something is wrong with it although it is there: its health check fails, it is paused, or it does not answer.
        Error = "error",
        /// It does not run.
        Stopped = "stopped",
        /// Docker cannot be asked.
        Unknown = "unknown",
    }
);

text_enum!(
    /// Why a service or a site is not well.
    Cause {
        /// It ended by itself or was stopped.
        Exited = "exited",
        /// It wanted more memory than it may have.
        OutOfMemory = "out_of_memory",
        /// Its health check fails.
        Unhealthy = "unhealthy",
        /// It is started again and again.
        Looping = "looping",
        /// Somebody froze it.
        Paused = "paused",
        /// Its container is gone.
        Removed = "removed",
        /// It runs, but visitors get no answer or an error.
        NoAnswer = "no_answer",
        /// It runs, but browsers refuse its certificate.
        Certificate = "certificate",
    }
);

/// A container that was started again by Docker counts as up once it has run for this long, as Docker itself sees it.
pub(super) const SETTLED: Duration = Duration::from_secs(10);

/// What was read of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// How it is.
    pub state: HealthState,
    /// Since when it is so, where Docker knows.
    pub since: Option<Timestamp>,
    /// Why it is not well.
    pub cause: Option<Cause>,
    /// The exit code, where that is the reason.
    pub exit_code: Option<i64>,
    /// How often Docker started it again by itself.
    pub restarts: i64,
    /// Process id of its first process on the host, while it runs.
    pub pid: Option<i64>,
}

impl Reading {
    /// A service without a container.
    pub fn missing() -> Reading {
        Reading { state: HealthState::Stopped, since: None, cause: Some(Cause::Removed), exit_code: None, restarts: 0, pid: None }
    }

    /// Of two containers of one service, as there are while one takes the other's place, the one that runs counts.
    pub(super) fn replaces(&self, other: &Reading) -> bool {
        self.pid.is_some() || other.pid.is_none()
    }

    /// Whether it works, as far as can be seen from here.
    pub fn is_well(&self) -> bool {
        self.state == HealthState::Running
    }
}

/// Reads an inspection. `now` tells whether a container that Docker started again has settled.
pub(crate) fn read(inspection: &ContainerInspectResponse, now: Timestamp) -> Reading {
    let restarts = inspection.restart_count.unwrap_or(0);
    let Some(seen) = &inspection.state else { return Reading::missing() };
    let started = seen.started_at.as_deref().and_then(parse_time);
    let finished = seen.finished_at.as_deref().and_then(parse_time);
    let status = seen.status.unwrap_or(ContainerStateStatusEnum::EMPTY);
    let exit_code = seen.exit_code;
    let reading = |state, since, cause| Reading { state, since, cause, exit_code: None, restarts, pid: None };
    let ended = |state| {
        let out_of_memory = seen.oom_killed == Some(true);
        let cause = match (out_of_memory, state) {
            (true, _) => Cause::OutOfMemory,
            (false, HealthState::Restarting) => Cause::Looping,
            _ => Cause::Exited,
        };
        Reading { exit_code, ..reading(state, finished, Some(cause)) }
    };
    if seen.paused == Some(true) || status == ContainerStateStatusEnum::PAUSED {
        // Docker does not record since when.
        return Reading { pid: seen.pid, ..reading(HealthState::Error, None, Some(Cause::Paused)) };
    }
    match status {
        ContainerStateStatusEnum::RESTARTING => ended(HealthState::Restarting),
        ContainerStateStatusEnum::RUNNING => {
            let settled = restarts == 0 || started.is_none_or(|at| now.since(at) >= SETTLED);
            let (state, cause) = match () {
                () if fails_its_check(seen) => (HealthState::Error, Some(Cause::Unhealthy)),
                () if !settled => (HealthState::Restarting, Some(Cause::Looping)),
                () => (HealthState::Running, None),
            };
            Reading { pid: seen.pid, ..reading(state, started, cause) }
        }
        _ => ended(HealthState::Stopped),
    }
}

/// Whether a container that was started runs and, where it has a health check, has passed it.
pub(super) fn has_come_up(inspection: &ContainerInspectResponse, now: Timestamp) -> bool {
    let Some(seen) = &inspection.state else { return false };
    let is_starting = seen.health.as_ref().and_then(|health| health.status) == Some(HealthStatusEnum::STARTING);
    read(inspection, now).pid.is_some_and(|pid| pid > 0) && !is_starting && !fails_its_check(seen)
}

/// Docker also calls a container unhealthy whose checks it has suspended, as after a pause, until the next one: none has failed then.
fn fails_its_check(seen: &ContainerState) -> bool {
    let health = seen.health.as_ref();
    let status = health.and_then(|health| health.status);
    status == Some(HealthStatusEnum::UNHEALTHY) && health.and_then(|health| health.failing_streak).is_none_or(|streak| streak > 0)
}

/// RFC 3339 as Docker writes it; its zero time (year 1) is none.
fn parse_time(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).filter(|time| time.0 > 0)
}

/// Why it is not well, in words for people. `service` is what it is about.
pub fn reason(cause: Cause, exit_code: Option<i64>) -> String {
    match (cause, exit_code) {
        (Cause::Exited, Some(0)) => "was stopped or ended by itself (exit code 0)".to_owned(),
        (Cause::Exited, Some(code)) => format!("ended with an error (exit code {code})"),
        (Cause::Exited, None) => "does not run".to_owned(),
        (Cause::OutOfMemory, _) => "ran out of memory".to_owned(),
        (Cause::Unhealthy, _) => "fails its health check".to_owned(),
        (Cause::Looping, Some(code)) => format!("keeps ending and is started again (exit code {code})"),
        (Cause::Looping, None) => "was just started again after it ended".to_owned(),
        (Cause::Paused, _) => "is paused".to_owned(),
        (Cause::Removed, _) => "has no container".to_owned(),
        (Cause::NoAnswer, _) => "runs but does not answer visitors".to_owned(),
        (Cause::Certificate, _) => "has no certificate that browsers trust".to_owned(),
    }
}

/// `14d 6h 23m`: days, hours and minutes; seconds only below one minute.
pub fn uptime_text(up: Duration) -> String {
    let seconds = up.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m"),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h {minutes}m"),
    }
}
