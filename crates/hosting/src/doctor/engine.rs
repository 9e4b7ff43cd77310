//! Docker and Compose: whether they answer, their versions, and what they can hold sites to.

use kit::Error;

use super::{Finding, look, said, version};
use crate::runtime::{self, EngineFacts, Runtime};

/// Older ones refuse the system calls of today's C library: programs in newer images cannot start threads.
const OLDEST_ENGINE: (u32, u32, u32) = (20, 10, 10);

pub(super) async fn examine(runtime: &Runtime) -> Vec<Finding> {
    let engine = look("docker", "Docker", async {
        Ok(match runtime.about().await {
            Ok(facts) => judge_engine(&facts),
            Err(error) => vec![judge_absence(&error)],
        })
    });
    let compose = look("compose", "Docker Compose", async {
        let version = runtime::compose_version().await;
        let reaches = match &version {
            // Without an engine it could only say what is said already.
            Ok(_) if runtime.ping().await.is_ok() => Some(runtime::try_compose().await),
            _ => None,
        };
        Ok(vec![judge_compose(version.as_deref(), reaches.as_ref().map(Result::as_ref))])
    });
    let (engine, compose) = tokio::join!(engine, compose);
    [engine, compose].concat()
}

fn judge_absence(error: &Error) -> Finding {
    Finding::bad(
        "docker",
        "Docker",
        format!("{}.", said(error)),
        "`systemctl start docker` starts it, `journalctl --unit docker` says why it stopped. Sites are down until it runs. \
         If it runs, this user may not reach its socket: run Innkeeper as root or in the group `docker`.",
    )
}

fn judge_engine(facts: &EngineFacts) -> Vec<Finding> {
    let EngineFacts { version: text, runc, cannot_limit, .. } = facts;
    let mut findings = vec![match version(text) {
        Some(found) if found < OLDEST_ENGINE => Finding::bad(
            "docker",
            "Docker",
            format!("Docker {text} answers and is too old: programs of today's images cannot start threads in it."),
            "Upgrade Docker Engine to a version that is still maintained. Containers stop during the upgrade and come back by themselves.",
        ),
        Some(_) => Finding::ok("docker", "Docker", format!("Docker {text} answers.")),
        None => Finding::warn(
            "docker",
            "Docker",
            format!("Docker answers, and its version `{text}` is not known to Innkeeper."),
            "Use Docker Engine 20.10.10 or newer; sites may work with this one, too.",
        ),
    }];
    findings.extend(runc.as_deref().and_then(judge_runc));
    if !cannot_limit.is_empty() {
        findings.push(Finding::warn(
            "docker",
            "limits",
            format!("This kernel does not let Docker limit {}: one site can take from all others.", cannot_limit.join(" and ")),
            "Switch the control groups on: on Debian, `cgroup_enable=memory swapaccount=1` on the kernel's command line, then restart the server.",
        ));
    }
    findings
}

/// Sites run other people's code, so a runc that lets it out of its container matters. A distribution's own build may be mended
/// under its old number, which cannot be told from here.
fn judge_runc(text: &str) -> Option<Finding> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let weakness = match version(text).filter(|_| is_plain)? {
        found if found < (1, 1, 12) => "CVE-2024-21626",
        found if found < (1, 2, 8) || ((1, 3, 0)..(1, 3, 3)).contains(&found) => "CVE-2025-31133",
        _ => return None,
    };
    Some(Finding::warn(
        "docker",
        "runc",
        format!("runc {text} can be made to let a program out of its container ({weakness})."),
        "Upgrade the package `containerd.io` or `runc` to 1.2.8, 1.3.3 or newer, then restart the sites one after another.",
    ))
}

fn judge_compose(version_text: Result<&str, &Error>, reaches: Option<Result<&(), &Error>>) -> Finding {
    let text = match version_text {
        Ok(text) => text,
        Err(error) => {
            return Finding::bad(
                "compose",
                "Docker Compose",
                format!("The Compose plugin does not answer: {}.", said(error)),
                "Install it: `apt install docker-compose-plugin` or `docker-compose-v2`. No site can be made, started or stopped without it.",
            );
        }
    };
    match (version(text), reaches) {
        (Some(found), _) if found < (2, 0, 0) => Finding::bad(
            "compose",
            "Docker Compose",
            format!("Compose {text} is too old."),
            "Install Compose 2 or newer as a plugin of `docker`.",
        ),
        (_, Some(Err(error))) => Finding::bad(
            "compose",
            "Docker Compose",
            format!("Compose {text} cannot work with this Docker: {}.", said(error)),
            "Upgrade the Compose plugin; an old one does not know the options that Innkeeper uses, or speaks an older language than the engine.",
        ),
        (_, Some(Ok(()))) => Finding::ok("compose", "Docker Compose", format!("Compose {text} works with this Docker.")),
        (_, None) => Finding::ok("compose", "Docker Compose", format!("Compose {text} is installed.")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    fn facts(version: &str) -> EngineFacts {
        EngineFacts {
            version: version.to_owned(),
            runc: None,
            root: "/var/lib/docker".into(),
            cannot_limit: Vec::new(),
            groups_by_systemd: false,
            unified_groups: false,
        }
    }

    #[test]
    fn an_engine_is_judged_by_its_version_and_what_it_can_limit() {
        let one = |facts: &EngineFacts| judge_engine(facts).remove(0);
        assert_eq!(one(&facts("20.10.24+dfsg1")), Finding::ok("docker", "Docker", "Docker 20.10.24+dfsg1 answers."));
        assert_eq!(one(&facts("29.1.0")).severity, Severity::Ok);
        assert_eq!(one(&facts("20.10.9")).severity, Severity::Bad);
        assert_eq!(one(&facts("dev")).severity, Severity::Warn);
        let weak = judge_engine(&EngineFacts { cannot_limit: vec!["memory", "CPU"], ..facts("28.2.2") });
        assert_eq!(weak.len(), 2);
        assert!(weak[1].severity == Severity::Warn && weak[1].message.contains("memory and CPU"), "{weak:?}");
    }

    #[test]
    fn an_engine_that_is_away_is_bad_and_says_how_to_start_it() {
        let finding = judge_absence(&Error::unavailable("Docker does not answer; start the Docker service on this server"));
        assert!(finding.severity == Severity::Bad && finding.advice.contains("systemctl start docker"), "{finding:?}");
    }

    #[test]
    fn a_runc_that_lets_programs_out_is_named_unless_a_distribution_may_have_mended_it() {
        for (version, weakness) in [
            ("1.1.11", Some("CVE-2024-21626")),
            ("1.1.12", Some("CVE-2025-31133")),
            ("1.2.6", Some("CVE-2025-31133")),
            ("1.2.8", None),
            ("1.3.2", Some("CVE-2025-31133")),
            ("1.3.3", None),
            ("1.4.0", None),
            ("1.1.5+ds1", None),
        ] {
            let found = judge_runc(version);
            assert_eq!(found.is_some(), weakness.is_some(), "{version}");
            assert!(found.is_none_or(|finding| finding.message.contains(weakness.unwrap()) && !finding.advice.is_empty()), "{version}");
        }
    }

    #[test]
    fn compose_is_judged_by_whether_it_works() {
        let broken = Error::unavailable("unknown flag: --progress");
        assert_eq!(judge_compose(Ok("5.6.1"), Some(Ok(&()))).severity, Severity::Ok);
        assert_eq!(judge_compose(Ok("2.24.0"), None).severity, Severity::Ok);
        assert_eq!(judge_compose(Ok("1.29.2"), None).severity, Severity::Bad);
        let refused = judge_compose(Ok("2.3.0"), Some(Err(&broken)));
        assert!(refused.severity == Severity::Bad && refused.message.contains("unknown flag"), "{refused:?}");
        let absent = judge_compose(Err(&broken), None);
        assert!(absent.severity == Severity::Bad && absent.advice.contains("docker-compose-plugin"), "{absent:?}");
    }
}
