//! A site's containers: whether they run, how often they crashed, and what they are held to.

use kit::Result;

use super::{logs_of, start_again};
use crate::Hosting;
use crate::doctor::{Finding, look, size};
use crate::runtime::{ContainerFacts, ServiceState};
use crate::sites::{Site, SiteState};
use crate::templates::{Manifest, Service};

/// A crash may happen; a third one has a cause that stays.
const CRASHES: i64 = 3;

pub(super) async fn examine(hosting: &Hosting, site: &Site, manifest: &Manifest) -> Vec<Finding> {
    let looks = manifest.services.iter().map(|(name, service)| look("container", name.as_str(), container(hosting, site, name, service)));
    futures_util::future::join_all(looks).await.concat()
}

async fn container(hosting: &Hosting, site: &Site, name: &str, service: &Service) -> Result<Vec<Finding>> {
    let seen = hosting.runtime.container(&site.container(name)).await?;
    Ok(judge_container(site, name, service, seen.as_ref()))
}

fn judge_container(site: &Site, name: &str, service: &Service, seen: Option<&ContainerFacts>) -> Vec<Finding> {
    let state = seen.map_or(ServiceState::Missing, |seen| seen.state);
    if site.state == SiteState::Stopped {
        return vec![match state {
            ServiceState::Stopped | ServiceState::Missing => {
                Finding::ok("container", name, format!("{name} does not run, as the site is stopped."))
            }
            _ => Finding::warn(
                "container",
                name,
                format!("{name} is {state} although the site is stopped."),
                format!(
                    "Somebody started it by hand. `docker stop {}` stops it; `innkeeper site start {}` starts the whole site.",
                    site.container(name),
                    site.id
                ),
            ),
        }];
    }
    let (logs, start) = (logs_of(site, name), start_again(site));
    let Some(seen) = seen else {
        return vec![Finding::bad("container", name, format!("{name} has no container."), format!("{start}."))];
    };
    let ran_out = format!("It wanted more memory than its {}.", size(u64::try_from(seen.memory).unwrap_or(0)));
    let first = match state {
        ServiceState::Stopped if seen.out_of_memory => {
            Finding::bad("container", name, format!("{name} was ended. {ran_out}"), format!("{logs}. {start}."))
        }
        ServiceState::Stopped | ServiceState::Missing => {
            let message = format!("{name} does not run; it ended with code {}.", seen.exit_code);
            Finding::bad("container", name, message, format!("{start}. {logs}."))
        }
        ServiceState::Restarting => {
            let why = if seen.out_of_memory { format!(" {ran_out}") } else { String::new() };
            let message = format!("{name} crashes as soon as it starts, {} times so far (code {}).{why}", seen.restarts, seen.exit_code);
            Finding::bad("container", name, message, format!("{logs}. Docker tries again by itself, with growing pauses."))
        }
        ServiceState::Unhealthy => {
            let message = format!("{name} runs, and its health check fails.");
            Finding::bad("container", name, message, format!("{logs}. `docker restart {}` starts it anew.", site.container(name)))
        }
        ServiceState::Running if seen.restarts >= CRASHES => {
            let why = if seen.out_of_memory { format!(" {ran_out}") } else { String::new() };
            let message = format!("{name} runs, and has crashed {} times.{why}", seen.restarts);
            Finding::warn("container", name, message, format!("{logs}, from before the crashes, too."))
        }
        ServiceState::Running => Finding::ok("container", name, format!("{name} runs.")),
    };
    [Some(first), judge_limits(name, service, seen, &start)].into_iter().flatten().collect()
}

/// A container that may take more than its template says can starve all other sites.
fn judge_limits(name: &str, service: &Service, seen: &ContainerFacts, start: &str) -> Option<Finding> {
    let memory = service.memory.as_str();
    let differ: Vec<&str> = [
        ("memory", bytes(memory).is_some_and(|wanted| wanted != seen.memory)),
        ("CPU", nano_cpus(&service.cpus).is_some_and(|wanted| wanted != seen.nano_cpus)),
        ("processes", i64::from(service.pids) != seen.processes),
    ]
    .into_iter()
    .filter_map(|(what, differs)| differs.then_some(what))
    .collect();
    (!differ.is_empty()).then(|| {
        let message = format!("{name} has other limits of {} than its template.", differ.join(" and "));
        Finding::warn(
            "limits",
            name,
            message,
            format!("The container was changed by hand or made by another version. `docker rm --force` it; then {start}."),
        )
    })
}

/// `512M` as Compose reads it: 1024 to the step.
fn bytes(text: &str) -> Option<i64> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit.to_ascii_lowercase().trim_end_matches('b') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(factor)
}

/// `0.5` in billionths.
fn nano_cpus(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = format!("{part:0<9}");
    whole.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(part.get(..9)?.parse::<i64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::super::tests::site;
    use super::*;
    use crate::doctor::Severity;

    fn service() -> Service {
        Service { memory: "512M".to_owned(), cpus: "0.5".to_owned(), pids: 128, ..Service::default() }
    }

    fn facts(state: ServiceState) -> ContainerFacts {
        ContainerFacts {
            state,
            restarts: 0,
            exit_code: 0,
            out_of_memory: false,
            memory: 512 << 20,
            nano_cpus: 500_000_000,
            processes: 128,
            ports: Vec::new(),
        }
    }

    fn judge(state: SiteState, seen: Option<ContainerFacts>) -> Finding {
        let findings = judge_container(&site(state), "api", &service(), seen.as_ref());
        assert!(findings.iter().all(|finding| (finding.severity == Severity::Ok) == finding.advice.is_empty()), "{findings:?}");
        findings.into_iter().next().unwrap()
    }

    #[test]
    fn a_container_of_a_site_that_serves_must_run() {
        let active = |seen| judge(SiteState::Active, seen);
        assert_eq!(active(Some(facts(ServiceState::Running))), Finding::ok("container", "api", "api runs."));
        let missing = active(None);
        assert!(missing.severity == Severity::Bad && missing.advice.contains("innkeeper site start app_aaaaaaaa"), "{missing:?}");
        let ended = active(Some(ContainerFacts { exit_code: 137, ..facts(ServiceState::Stopped) }));
        assert!(
            ended.message.contains("code 137") && ended.advice.contains("docker logs --tail 50 cust_aaaaaaaaaaaa-app_aaaaaaaa-api"),
            "{ended:?}"
        );
        let starved = active(Some(ContainerFacts { out_of_memory: true, ..facts(ServiceState::Stopped) }));
        assert!(starved.message.contains("more memory than its 536 MB"), "{starved:?}");
        let crashing = active(Some(ContainerFacts { restarts: 7, exit_code: 1, ..facts(ServiceState::Restarting) }));
        assert!(crashing.severity == Severity::Bad && crashing.message.contains("7 times"), "{crashing:?}");
        assert_eq!(active(Some(facts(ServiceState::Unhealthy))).severity, Severity::Bad);
        assert_eq!(active(Some(ContainerFacts { restarts: 2, ..facts(ServiceState::Running) })).severity, Severity::Ok);
        assert_eq!(active(Some(ContainerFacts { restarts: 3, ..facts(ServiceState::Running) })).severity, Severity::Warn);
    }

    #[test]
    fn a_container_of_a_stopped_site_need_not_run_and_should_not() {
        let stopped = |seen| judge(SiteState::Stopped, seen).severity;
        assert_eq!([stopped(None), stopped(Some(facts(ServiceState::Stopped)))], [Severity::Ok; 2]);
        assert_eq!(stopped(Some(facts(ServiceState::Running))), Severity::Warn);
    }

    #[test]
    fn limits_are_compared_with_the_template() {
        let limits = |seen: &ContainerFacts| judge_limits("api", &service(), seen, "start it");
        assert_eq!(limits(&facts(ServiceState::Running)), None);
        let none = limits(&ContainerFacts { memory: 0, processes: 0, ..facts(ServiceState::Running) }).unwrap();
        assert!(none.severity == Severity::Warn && none.message.contains("memory and processes"), "{none:?}");
        assert!(limits(&ContainerFacts { nano_cpus: 1, ..facts(ServiceState::Running) }).unwrap().message.contains("CPU"));
        assert_eq!(
            [bytes("512M"), bytes("1g"), bytes("64kb"), bytes("7"), bytes("many")],
            [Some(512 << 20), Some(1 << 30), Some(64 << 10), Some(7), None]
        );
        assert_eq!(
            [nano_cpus("0.5"), nano_cpus("1"), nano_cpus("1.25"), nano_cpus("x")],
            [Some(500_000_000), Some(1_000_000_000), Some(1_250_000_000), None]
        );
    }
}
