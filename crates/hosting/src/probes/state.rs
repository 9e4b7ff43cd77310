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
        // Newer engines also keep it of a child that was ended long before; who ends well has not run out of memory.
        let out_of_memory = seen.oom_killed == Some(true) && exit_code != Some(0);
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

#[cfg(test)]
mod tests {
    use bollard::models::Health;

    use super::*;

    /// 2026-01-14T10:30:00Z.
    const NOW: Timestamp = Timestamp(1_768_386_600_000);
    const YEAR_ONE: &str = "0001-01-01T00:00:00Z";

    fn inspection(status: ContainerStateStatusEnum, state: ContainerState) -> ContainerInspectResponse {
        let state = ContainerState {
            finished_at: state.finished_at.or(Some(YEAR_ONE.to_owned())),
            started_at: state.started_at.or(Some(YEAR_ONE.to_owned())),
            ..state
        };
        ContainerInspectResponse { state: Some(ContainerState { status: Some(status), ..state }), ..ContainerInspectResponse::default() }
    }

    fn running(started: &str, restarts: i64) -> ContainerInspectResponse {
        let state = ContainerState { pid: Some(4711), started_at: Some(started.to_owned()), ..ContainerState::default() };
        ContainerInspectResponse { restart_count: Some(restarts), ..inspection(ContainerStateStatusEnum::RUNNING, state) }
    }

    fn with_health(mut inspection: ContainerInspectResponse, status: HealthStatusEnum, streak: Option<i64>) -> ContainerInspectResponse {
        let state = inspection.state.as_mut().unwrap();
        state.health = Some(Health { status: Some(status), failing_streak: streak, log: None });
        inspection
    }

    fn ended(status: ContainerStateStatusEnum, code: i64, out_of_memory: bool) -> ContainerInspectResponse {
        let state = ContainerState {
            exit_code: Some(code),
            oom_killed: Some(out_of_memory),
            pid: Some(0),
            started_at: Some("2026-01-14T10:00:00Z".to_owned()),
            finished_at: Some("2026-01-14T10:29:59.5Z".to_owned()),
            ..ContainerState::default()
        };
        inspection(status, state)
    }

    #[test]
    fn running_container_is_up_since_docker_started_it() {
        let seen = read(&running("2026-01-14T10:00:00.123456789Z", 0), NOW);
        let since = Timestamp::parse_rfc3339("2026-01-14T10:00:00.123Z");
        let expected = Reading { state: HealthState::Running, since, cause: None, exit_code: None, restarts: 0, pid: Some(4711) };
        assert_eq!(seen, expected);
        assert!(seen.is_well());
    }

    #[test]
    fn every_status_of_docker_means_something() {
        use ContainerStateStatusEnum as Docker;
        for (status, state, cause) in [
            (Docker::EMPTY, HealthState::Stopped, Some(Cause::Exited)),
            (Docker::CREATED, HealthState::Stopped, Some(Cause::Exited)),
            (Docker::RUNNING, HealthState::Running, None),
            (Docker::PAUSED, HealthState::Error, Some(Cause::Paused)),
            (Docker::RESTARTING, HealthState::Restarting, Some(Cause::Looping)),
            (Docker::REMOVING, HealthState::Stopped, Some(Cause::Exited)),
            (Docker::EXITED, HealthState::Stopped, Some(Cause::Exited)),
            (Docker::DEAD, HealthState::Stopped, Some(Cause::Exited)),
        ] {
            let seen = read(&inspection(status, ContainerState::default()), NOW);
            assert_eq!((seen.state, seen.cause), (state, cause), "{status:?}");
            assert_eq!(seen.is_well(), cause.is_none(), "{status:?}: what is not well has a cause, or nobody would be told");
        }
    }

    #[test]
    fn no_state_at_all_is_no_container() {
        assert_eq!(read(&ContainerInspectResponse::default(), NOW), Reading::missing());
    }

    #[test]
    fn ended_container_says_when_and_with_which_code() {
        let seen = read(&ended(ContainerStateStatusEnum::EXITED, 137, false), NOW);
        assert_eq!((seen.cause, seen.exit_code, seen.pid), (Some(Cause::Exited), Some(137), None));
        assert_eq!(seen.since, Timestamp::parse_rfc3339("2026-01-14T10:29:59.5Z"));
    }

    #[test]
    fn lack_of_memory_is_named_whether_or_not_docker_starts_it_again() {
        for status in [ContainerStateStatusEnum::EXITED, ContainerStateStatusEnum::RESTARTING] {
            assert_eq!(read(&ended(status, 137, true), NOW).cause, Some(Cause::OutOfMemory), "{status:?}");
        }
    }

    #[test]
    fn paused_container_is_an_error_by_either_sign_and_keeps_its_process() {
        let state = ContainerState { paused: Some(true), pid: Some(7), ..ContainerState::default() };
        let seen = read(&inspection(ContainerStateStatusEnum::RUNNING, state), NOW);
        assert_eq!((seen.state, seen.cause, seen.pid), (HealthState::Error, Some(Cause::Paused), Some(7)));
        assert_eq!(seen.since, None, "Docker does not say since when");
    }

    #[test]
    fn only_a_check_that_failed_makes_it_unhealthy() {
        let with = |status, streak| read(&with_health(running("2026-01-14T10:00:00Z", 0), status, streak), NOW);
        for (status, streak, cause) in [
            (HealthStatusEnum::UNHEALTHY, Some(3), Some(Cause::Unhealthy)),
            (HealthStatusEnum::UNHEALTHY, None, Some(Cause::Unhealthy)),
            // Suspended checks, as after a pause.
            (HealthStatusEnum::UNHEALTHY, Some(0), None),
            (HealthStatusEnum::HEALTHY, Some(2), None),
            (HealthStatusEnum::STARTING, Some(0), None),
            (HealthStatusEnum::NONE, None, None),
        ] {
            let seen = with(status, streak);
            assert_eq!(seen.cause, cause, "{status:?} {streak:?}");
            assert_eq!(seen.state, if cause.is_some() { HealthState::Error } else { HealthState::Running });
            assert_eq!(seen.pid, Some(4711));
        }
    }

    #[test]
    fn container_that_docker_started_again_counts_once_it_has_run_for_ten_seconds() {
        let after = |started: &str| read(&running(started, 3), NOW);
        let fresh = after("2026-01-14T10:29:50.001Z");
        assert_eq!((fresh.state, fresh.cause, fresh.restarts), (HealthState::Restarting, Some(Cause::Looping), 3));
        assert_eq!(fresh.pid, Some(4711), "there are figures of it meanwhile");
        assert_eq!(after("2026-01-14T10:29:50Z").state, HealthState::Running);
        // A clock that was set back: not settled yet, and no panic.
        assert_eq!(after("2026-01-14T11:29:50Z").state, HealthState::Restarting);
        // Started by a person, however lately.
        assert_eq!(read(&running("2026-01-14T10:29:59Z", 0), NOW).state, HealthState::Running);
        // Docker's zero time says nothing, and nothing is ever waited for because of it.
        let seen = after(YEAR_ONE);
        assert_eq!((seen.state, seen.since), (HealthState::Running, None));
        let failing = with_health(running("2026-01-14T10:29:59Z", 3), HealthStatusEnum::UNHEALTHY, Some(1));
        assert_eq!(read(&failing, NOW).cause, Some(Cause::Unhealthy));
    }

    #[test]
    fn it_has_come_up_when_it_runs_and_its_check_does_not_say_otherwise() {
        let fresh = || running("2026-01-14T10:29:59Z", 0);
        assert!(has_come_up(&fresh(), NOW));
        assert!(has_come_up(&with_health(fresh(), HealthStatusEnum::HEALTHY, Some(0)), NOW));
        assert!(!has_come_up(&with_health(fresh(), HealthStatusEnum::STARTING, Some(0)), NOW));
        assert!(!has_come_up(&with_health(fresh(), HealthStatusEnum::UNHEALTHY, Some(1)), NOW));
        assert!(!has_come_up(&ended(ContainerStateStatusEnum::EXITED, 0, false), NOW));
        assert!(!has_come_up(&ContainerInspectResponse::default(), NOW));
    }

    #[test]
    fn of_two_containers_of_one_service_the_running_one_counts() {
        let up = read(&running("2026-01-14T10:00:00Z", 0), NOW);
        let down = read(&ended(ContainerStateStatusEnum::EXITED, 0, false), NOW);
        assert!(up.replaces(&down) && up.replaces(&up) && down.replaces(&down));
        assert!(!down.replaces(&up));
    }

    #[test]
    fn causes_are_told_in_words() {
        assert_eq!(reason(Cause::Exited, Some(0)), "was stopped or ended by itself (exit code 0)");
        assert_eq!(reason(Cause::Exited, Some(137)), "ended with an error (exit code 137)");
        assert_eq!(reason(Cause::Looping, Some(1)), "keeps ending and is started again (exit code 1)");
        for cause in Cause::ALL {
            assert!(!reason(*cause, None).is_empty() && !reason(*cause, None).contains("exit code"), "{cause}");
        }
    }

    #[test]
    fn uptime_reads_like_a_person_says_it() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (3600, "1h 0m"),
            (86_399, "23h 59m"),
            (86_400, "1d 0h 0m"),
            (14 * 86_400 + 6 * 3600 + 23 * 60 + 59, "14d 6h 23m"),
            (400 * 86_400, "400d 0h 0m"),
        ] {
            assert_eq!(uptime_text(Duration::from_secs(seconds)), text);
        }
        assert_eq!(uptime_text(Duration::from_millis(999)), "0s");
    }
}
