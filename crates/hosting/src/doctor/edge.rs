//! The edge: Traefik, the ports it holds, the certificate authority, and the clock, which certificates depend on.

use kit::{Error, Result, Timestamp};

use super::{Finding, look, said, span, version};
use crate::Hosting;

/// Older ones know no `aliasHeadersStrategy`, by which visitors cannot set headers that Traefik guards (CVE-2026-88879).
const OLDEST_TRAEFIK: (u32, u32, u32) = (3, 7, 12);
/// Leases of jobs bear about 20 seconds between two clocks.
const CLOCK_WARN_MS: i64 = 10_000;
/// Beyond this, certificates that are fresh look as if they were not valid yet.
const CLOCK_BAD_MS: i64 = 300_000;

pub(super) async fn examine(hosting: &Hosting) -> Vec<Finding> {
    let traefik = look("traefik", "Traefik", async {
        let version = hosting.proxy.version().await;
        Ok(vec![judge_traefik(version.as_deref(), hosting.proxy.was_started(), &hosting.proxy.container())])
    });
    let ports = look("ports", "edge", ports(hosting));
    let authority = look("clock", "certificate authority", async {
        let seen = hosting.proxy.time_at_authority().await;
        Ok(judge_authority(&hosting.edge.acme_directory, seen, hosting.clock.now()))
    });
    let (traefik, ports, authority) = tokio::join!(traefik, ports, authority);
    [traefik, ports, authority].concat()
}

fn judge_traefik(version_text: Result<&str, &Error>, was_started: bool, container: &str) -> Finding {
    match version_text {
        Ok(text) => match version(text) {
            Some(found) if (3, 0, 0) <= found && found < OLDEST_TRAEFIK => Finding::warn(
                "traefik",
                "Traefik",
                format!("Traefik {text} answers; before 3.7.12 visitors can set headers that it should guard (CVE-2026-88879)."),
                "Get a newer image (`docker pull traefik:v3`, or `innkeeper images build`), then `docker rm --force` its container: \
                 `innkeeper serve` starts it anew within 15 s.",
            ),
            Some(found) if found < (3, 0, 0) => Finding::bad(
                "traefik",
                "Traefik",
                format!("Traefik {text} answers, and Innkeeper's settings are for version 3."),
                "Set `edge.image` to an image of Traefik 3.",
            ),
            _ => Finding::ok("traefik", "Traefik", format!("Traefik {text} answers.")),
        },
        Err(_) if !was_started => Finding::warn(
            "traefik",
            "Traefik",
            "Traefik has not been started yet.",
            "`innkeeper serve` starts it. If it runs, System → Jobs tells what keeps it (reconciler `edge.routes`).",
        ),
        Err(error) => Finding::bad(
            "traefik",
            "Traefik",
            format!("{}: no site can be reached.", said(error)),
            format!(
                "`docker logs --tail 50 {container}` says why. `innkeeper serve` starts it anew within 15 s; \
                 System → Jobs tells what keeps it from that (reconciler `edge.routes`)."
            ),
        ),
    }
}

/// A port of the edge, as found.
struct Port {
    number: u16,
    setting: &'static str,
    /// Whether Docker leads it to our Traefik.
    is_ours: bool,
    /// Whether something accepts connections there.
    accepts: bool,
}

async fn ports(hosting: &Hosting) -> Result<Vec<Finding>> {
    let edge = &hosting.edge;
    let ours = hosting.runtime.container(&hosting.proxy.container()).await?.map(|container| container.ports).unwrap_or_default();
    let wanted = [("edge.http_port", edge.http_port), ("edge.https_port", edge.https_port), ("edge.api_port", edge.api_port)];
    let knocks = wanted.map(|(setting, number)| {
        let is_ours = ours.contains(&number);
        async move { Port { number, setting, is_ours, accepts: hosting.proxy.accepts(number).await } }
    });
    let found = futures_util::future::join_all(knocks).await;
    Ok(found.iter().map(|port| judge_port(port, hosting.proxy.was_started())).collect())
}

fn judge_port(port: &Port, was_started: bool) -> Finding {
    let Port { number, setting, .. } = port;
    let subject = format!("port {number}");
    match (port.is_ours, port.accepts) {
        (true, true) => Finding::ok("ports", subject, format!("Traefik answers at port {number} ({setting}).")),
        (true, false) => Finding::bad(
            "ports",
            subject,
            format!("Docker leads port {number} to Traefik, and nothing accepts connections there."),
            "Docker's rules in the firewall were probably lost, as after a restart of the firewall: `systemctl restart docker` sets them again.",
        ),
        (false, true) => Finding::bad(
            "ports",
            subject,
            format!("Another program holds port {number} ({setting}): Traefik cannot start."),
            format!("`ss -tlnp sport = :{number}` names it. Stop it (often an Apache or nginx of the distribution), or set `{setting}`."),
        ),
        (false, false) if was_started => Finding::bad(
            "ports",
            subject,
            format!("Nothing listens at port {number} ({setting})."),
            "Traefik should; see what is said of it here. `innkeeper serve` starts it within 15 s.",
        ),
        (false, false) => Finding::ok("ports", subject, format!("Port {number} ({setting}) is free for Traefik.")),
    }
}

fn judge_authority(directory: &str, seen: Result<Option<Timestamp>>, now: Timestamp) -> Vec<Finding> {
    let host = directory.split('/').nth(2).unwrap_or(directory);
    let reached = || Finding::ok("authority", host, format!("The certificate authority {host} answers."));
    match seen {
        Ok(Some(there)) => vec![reached(), judge_clock(now.0.saturating_sub(there.0), host)],
        Ok(None) => vec![reached(), Finding::unseen("clock", "clock", "the certificate authority does not say what time it is")],
        Err(error) => vec![Finding::warn(
            "authority",
            host,
            format!(
                "The certificate authority {host} cannot be reached from this server, so the clock could not be compared either: {}.",
                said(&error)
            ),
            "Certificates that are there go on working; new ones do not come. Look at this server's way out: name servers, firewall, proxy, \
             and `edge.acme_directory`.",
        )],
    }
}

/// The Date header is cut to seconds, and the answer was under way: what is less than that says nothing.
fn judge_clock(offset_ms: i64, host: &str) -> Finding {
    let off = span(std::time::Duration::from_millis(offset_ms.unsigned_abs()));
    let way = if offset_ms < 0 { "behind" } else { "ahead of" };
    let message = format!("This server's clock is {off} {way} that of {host}.");
    let advice = "`timedatectl set-ntp true` keeps it right. A wrong clock makes good certificates look bad, and sessions end too early or too late.";
    match offset_ms.abs() {
        0..CLOCK_WARN_MS => Finding::ok("clock", "clock", format!("This server's clock agrees with that of {host}.")),
        CLOCK_WARN_MS..CLOCK_BAD_MS => Finding::warn("clock", "clock", message, advice),
        _ => Finding::bad("clock", "clock", message, advice),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    #[test]
    fn traefik_is_judged_by_its_answer_and_version() {
        let judge = |version: Result<&str, &Error>, was_started| judge_traefik(version, was_started, "innkeeper-edge-traefik");
        assert_eq!(judge(Ok("3.7.15"), true).severity, Severity::Ok);
        assert_eq!(judge(Ok("v3.8.0"), true).severity, Severity::Ok);
        assert_eq!(judge(Ok("3.7.11"), true).severity, Severity::Warn);
        assert_eq!(judge(Ok("2.11.60"), true).severity, Severity::Bad);
        let gone = Error::unavailable("Traefik does not answer");
        let down = judge(Err(&gone), true);
        assert!(down.severity == Severity::Bad && down.advice.contains("docker logs --tail 50 innkeeper-edge-traefik"), "{down:?}");
        assert_eq!(judge(Err(&gone), false).severity, Severity::Warn, "a house that never served");
    }

    #[test]
    fn a_port_is_ours_free_or_taken() {
        let judge =
            |is_ours, accepts, was_started| judge_port(&Port { number: 443, setting: "edge.https_port", is_ours, accepts }, was_started);
        assert_eq!(judge(true, true, true).severity, Severity::Ok);
        assert!(judge(true, false, true).advice.contains("systemctl restart docker"));
        let taken = judge(false, true, false);
        assert!(taken.severity == Severity::Bad && taken.message.contains("Another program") && taken.advice.contains("edge.https_port"));
        assert_eq!(judge(false, false, true).severity, Severity::Bad);
        assert_eq!(judge(false, false, false).severity, Severity::Ok);
    }

    #[test]
    fn the_clock_is_compared_with_the_authority_s() {
        let at = |offset: i64| {
            judge_authority("https://ca.test/dir", Ok(Some(Timestamp(1_000_000_000))), Timestamp(1_000_000_000 + offset)).remove(1)
        };
        assert_eq!([at(0), at(-9_999), at(9_999)].map(|finding| finding.severity), [Severity::Ok; 3]);
        let behind = at(-60_000);
        assert!(behind.severity == Severity::Warn && behind.message.contains("60 s behind that of ca.test"), "{behind:?}");
        assert!(at(400_000).severity == Severity::Bad && at(400_000).message.contains("ahead of"));
        let silent = judge_authority("https://ca.test/dir", Ok(None), Timestamp(0));
        assert_eq!(silent.iter().map(|finding| finding.severity).collect::<Vec<_>>(), [Severity::Ok, Severity::Warn]);
        let away =
            judge_authority("https://ca.test/dir", Err(Error::unavailable("the certificate authority does not answer")), Timestamp(0));
        assert!(
            away[0].severity == Severity::Warn
                && away[0].message.contains("authority ca.test cannot be reached")
                && away[0].advice.contains("edge.acme_directory")
        );
    }
}
