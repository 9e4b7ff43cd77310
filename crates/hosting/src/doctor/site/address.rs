//! A site's way to its visitors: DNS, route, certificate, and what answers in the end.

use std::net::IpAddr;
use std::time::Duration;

use kit::{Result, Timestamp};

use super::logs_of;
use crate::doctor::{Finding, blocking, look, said};
use crate::edge::{Target, wanted};
use crate::proxy::{Certificate, RouteFile, RouteTaken, Served};
use crate::sites::{Site, SiteState};
use crate::{Hosting, edge};

/// Traefik renews a month before the end.
const RENEWAL_IS_LATE: Duration = Duration::from_secs(20 * 86_400);
const ENDS_SOON: Duration = Duration::from_secs(3 * 86_400);
/// Names that are in no public DNS (RFC 6761): for tests, and for a machine of one's own.
const PRIVATE: &[&str] = &["test", "localhost", "example", "invalid"];

pub(super) async fn examine(hosting: &Hosting, site: &Site) -> Vec<Finding> {
    let route = look("route", site.domain.as_str(), route(hosting, site));
    let dns = look("dns", site.domain.as_str(), dns(hosting, site));
    let answer = look("certificate", site.domain.as_str(), answer(hosting, site));
    let (route, dns, answer) = tokio::join!(route, dns, answer);
    [dns, route, answer].concat()
}

async fn route(hosting: &Hosting, site: &Site) -> Result<Vec<Finding>> {
    let Some(target) = wanted(site.state) else { return Ok(Vec::new()) };
    let (of_file, asked) = (site.clone(), hosting.clone());
    let file = blocking(move || asked.proxy.route_file(&of_file, target)).await?;
    let taken = hosting.proxy.route_taken(site, target).await;
    let taken = taken.map_err(|error| said(&error));
    Ok(vec![judge_route(site, file, taken.as_ref().map_err(String::as_str))])
}

fn judge_route(site: &Site, file: RouteFile, taken: Result<&RouteTaken, &str>) -> Finding {
    let subject = site.domain.as_str();
    let name = format!("edge/dynamic/{}", edge::file_name(site));
    let repaired =
        "`innkeeper serve` writes it anew within 15 s. If it does not, System → Jobs tells what keeps it (reconciler `edge.routes`).";
    match (file, taken) {
        (RouteFile::Missing, _) => {
            Finding::bad("route", subject, format!("The route is missing: there is no {name} in the data folder."), repaired)
        }
        (RouteFile::Different, _) => Finding::bad("route", subject, format!("The route ({name}) is not what it should be."), repaired),
        (RouteFile::Right, Err(why)) => Finding::warn(
            "route",
            subject,
            format!("The route is written, and whether Traefik has it cannot be seen: {why}."),
            "See what is said of Traefik here.",
        ),
        (RouteFile::Right, Ok(RouteTaken::Right)) => Finding::ok("route", subject, "The route is written, and Traefik has taken it over."),
        (RouteFile::Right, Ok(RouteTaken::Refused(why))) => Finding::bad(
            "route",
            subject,
            format!("Traefik refuses the route: {why}."),
            "A file of another program in edge/dynamic may use the same names; take it away. Otherwise this is a fault of Innkeeper.",
        ),
        (RouteFile::Right, Ok(RouteTaken::Unknown | RouteTaken::Elsewhere)) => Finding::bad(
            "route",
            subject,
            "The route is written, and Traefik still goes by an older one.",
            "One unreadable file in edge/dynamic keeps Traefik from reading the others: its log (`docker logs --tail 50` of its container) names it.",
        ),
    }
}

async fn dns(hosting: &Hosting, site: &Site) -> Result<Vec<Finding>> {
    let domain = site.domain.as_str();
    if PRIVATE.iter().any(|name| domain.ends_with(&format!(".{name}"))) {
        return Ok(vec![Finding::ok("dns", domain, format!("{domain} is a name for tests, which public DNS does not know."))]);
    }
    let found: Vec<IpAddr> = match tokio::net::lookup_host((domain, 443)).await {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(_) => Vec::new(),
    };
    Ok(vec![judge_dns(domain, &found, &hosting.config.public_ip)])
}

fn judge_dns(domain: &str, found: &[IpAddr], public_ip: &str) -> Finding {
    let base = domain.split_once('.').map_or(domain, |(_, base)| base);
    let target = if public_ip.is_empty() { "this server's address" } else { public_ip };
    let advice =
        format!("Make a record at the domain's name server: `*.{base}. A {target}`. It may take an hour until it is known everywhere.");
    if found.is_empty() {
        return Finding::bad("dns", domain, format!("DNS knows no address of {domain}."), advice);
    }
    let list = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let Ok(wanted) = public_ip.parse::<IpAddr>() else {
        let message = format!("{domain} leads to {list}. Whether that is this server cannot be told: `hosting.public_ip` is not set.");
        return Finding::ok("dns", domain, message);
    };
    let elsewhere: Vec<&IpAddr> = found.iter().filter(|address| **address != wanted).collect();
    let same_kind = elsewhere.iter().any(|address| address.is_ipv4() == wanted.is_ipv4());
    if !found.contains(&wanted) {
        Finding::bad("dns", domain, format!("{domain} leads to {list}, and this server is {wanted}."), advice)
    } else if same_kind {
        let message = format!("{domain} leads to {list}: only some visitors come to this server ({wanted}).");
        Finding::bad("dns", domain, message, "Remove the records that lead elsewhere.")
    } else if !elsewhere.is_empty() {
        let message = format!("{domain} leads to {list}; besides {wanted} that is an address of the other kind, which cannot be judged.");
        let advice = "Many visitors and the certificate authority prefer IPv6: remove the AAAA record unless it is this server's.";
        Finding::warn("dns", domain, message, advice)
    } else {
        Finding::ok("dns", domain, format!("{domain} leads to this server ({wanted})."))
    }
}

async fn answer(hosting: &Hosting, site: &Site) -> Result<Vec<Finding>> {
    let seen = crate::previews::look(hosting, site, "/").await?;
    let refusal = match &seen.certificate {
        Ok(_) => None,
        Err(untrusted) => hosting.proxy.refusal_of(&site.domain, None).await.or_else(|| Some(untrusted.clone())),
    };
    let certificate = judge_certificate(site, &seen.certificate, refusal.as_deref(), hosting.clock.now());
    Ok([Some(certificate), judge_answer(site, &seen)].into_iter().flatten().collect())
}

fn judge_certificate(site: &Site, seen: &Result<Certificate, String>, refusal: Option<&str>, now: Timestamp) -> Finding {
    let subject = site.domain.as_str();
    let certificate = match seen {
        Ok(certificate) => certificate,
        Err(untrusted) => {
            let why = refusal.unwrap_or(untrusted);
            let advice = "Usually its DNS record does not lead here yet, or port 80 is closed to the world. Innkeeper asks again every ten minutes; \
                          authorities count failed orders, so mend the cause first.";
            return Finding::bad("certificate", subject, format!("There is no certificate that browsers trust: {why}."), advice);
        }
    };
    let left = certificate.expires_at.since(now);
    let until = certificate.expires_at;
    let advice = "Traefik should have renewed it a month before its end: `docker logs` of its container says why it did not. Often the domain no longer \
                  leads here, or port 80 is closed.";
    let message = format!("The certificate is good until {until}, and should have been renewed.");
    if left < ENDS_SOON {
        Finding::bad("certificate", subject, message, advice)
    } else if left < RENEWAL_IS_LATE {
        Finding::warn("certificate", subject, message, advice)
    } else {
        Finding::ok("certificate", subject, format!("The certificate is trusted and good until {until}."))
    }
}

/// What a visitor gets; nothing to say when the certificate kept the question from being asked.
fn judge_answer(site: &Site, seen: &Served) -> Option<Finding> {
    if seen.certificate.is_err() {
        return None;
    }
    let subject = site.domain.as_str();
    let milliseconds = seen.latency.as_millis();
    let serves = matches!(wanted(site.state), Some(Target::Containers));
    Some(match (seen.status, serves) {
        (None, _) => {
            Finding::bad("answer", subject, "The edge takes the question and gives no answer.", format!("{}.", logs_of(site, "www")))
        }
        (Some(503), false) if site.state == SiteState::Stopped => {
            Finding::ok("answer", subject, "Visitors see the page that says that the site is stopped.")
        }
        (Some(status), false) => {
            let message = format!("The site is stopped, and visitors get an answer with status {status}.");
            Finding::warn("answer", subject, message, "The route still leads to the containers; see what is said of it here.")
        }
        (Some(status @ (200..400)), true) if seen.release.as_deref() == Some(site.release_id.as_str()) => {
            Finding::ok("answer", subject, format!("Visitors get an answer (status {status}) after {milliseconds} ms."))
        }
        (Some(200..400), true) => Finding::warn(
            "answer",
            subject,
            format!("What answers is release {}, not {}.", seen.release.as_deref().unwrap_or("without a name"), site.release_id),
            format!(
                "Something else answers for this address, or its containers are of an older release: `innkeeper site start {}` makes them anew.",
                site.id
            ),
        ),
        (Some(status), true) => Finding::bad(
            "answer",
            subject,
            format!("Visitors get an answer with status {status}."),
            format!("{}; so do those of the site's other services.", logs_of(site, "www")),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::site;
    use super::*;
    use crate::doctor::Severity;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn a_route_must_be_written_and_taken_over() {
        let judge = |file, taken: Result<&RouteTaken, &str>| judge_route(&site(SiteState::Active), file, taken);
        assert_eq!(judge(RouteFile::Right, Ok(&RouteTaken::Right)).severity, Severity::Ok);
        let missing = judge(RouteFile::Missing, Ok(&RouteTaken::Unknown));
        assert!(missing.severity == Severity::Bad && missing.message.contains("edge/dynamic/app_aaaaaaaa.yaml"), "{missing:?}");
        assert_eq!(judge(RouteFile::Different, Ok(&RouteTaken::Right)).severity, Severity::Bad);
        assert!(judge(RouteFile::Right, Ok(&RouteTaken::Refused("no such service".to_owned()))).message.contains("no such service"));
        for taken in [RouteTaken::Unknown, RouteTaken::Elsewhere] {
            assert_eq!(judge(RouteFile::Right, Ok(&taken)).severity, Severity::Bad);
        }
        assert_eq!(judge(RouteFile::Right, Err("Traefik does not answer")).severity, Severity::Warn);
    }

    #[test]
    fn a_domain_must_lead_here_and_nowhere_else() {
        let judge = |found: &[&str], own: &str| {
            let found: Vec<IpAddr> = found.iter().map(|address| address.parse().unwrap()).collect();
            judge_dns("ada.example.net", &found, own)
        };
        assert_eq!(judge(&["203.0.113.10"], "203.0.113.10").severity, Severity::Ok);
        let unknown = judge(&[], "203.0.113.10");
        assert!(unknown.severity == Severity::Bad && unknown.advice.contains("`*.example.net. A 203.0.113.10`"), "{unknown:?}");
        assert_eq!(judge(&["198.51.100.1"], "203.0.113.10").severity, Severity::Bad);
        assert_eq!(judge(&["203.0.113.10", "198.51.100.1"], "203.0.113.10").severity, Severity::Bad, "half of the visitors go astray");
        assert_eq!(judge(&["203.0.113.10", "2001:db8::1"], "203.0.113.10").severity, Severity::Warn);
        let unset = judge(&["203.0.113.10"], "");
        assert!(unset.severity == Severity::Ok && unset.message.contains("is not set"), "{unset:?}");
    }

    #[test]
    fn a_certificate_is_trusted_and_renewed_in_time() {
        let now = Timestamp(1_768_386_600_000);
        let good = |days: i64| Ok(Certificate { expires_at: Timestamp(now.0 + days * DAY_MS), issuer: String::new() });
        let judge = |seen: &Result<Certificate, String>, refusal| judge_certificate(&site(SiteState::Active), seen, refusal, now);
        assert_eq!([90, 20].map(|days| judge(&good(days), None).severity), [Severity::Ok; 2]);
        assert_eq!([19, 3].map(|days| judge(&good(days), None).severity), [Severity::Warn; 2]);
        assert_eq!([2, -1].map(|days| judge(&good(days), None).severity), [Severity::Bad; 2]);
        let refused = judge(&Err("unknown issuer".to_owned()), Some("the certificate authority finds no address"));
        assert!(refused.severity == Severity::Bad && refused.message.contains("finds no address") && refused.advice.contains("port 80"));
        assert!(judge(&Err("unknown issuer".to_owned()), None).message.contains("unknown issuer"));
    }

    #[test]
    fn what_answers_is_the_site_s_own_release() {
        let judge = |state, status, release: Option<&str>| {
            let certificate = Ok(Certificate { expires_at: Timestamp(0), issuer: String::new() });
            let served = Served { certificate, status, release: release.map(str::to_owned), latency: Duration::from_millis(12) };
            judge_answer(&site(state), &served).unwrap()
        };
        let own = Some("rel_000000000000000001");
        assert_eq!(judge(SiteState::Active, Some(200), own).message, "Visitors get an answer (status 200) after 12 ms.");
        assert_eq!(judge(SiteState::Active, Some(200), Some("rel_other")).severity, Severity::Warn);
        assert_eq!(judge(SiteState::Active, Some(200), None).severity, Severity::Warn);
        assert_eq!([Some(502), Some(404), None].map(|status| judge(SiteState::Active, status, own).severity), [Severity::Bad; 3]);
        assert_eq!(judge(SiteState::Stopped, Some(503), None).severity, Severity::Ok);
        assert_eq!(judge(SiteState::Stopped, Some(200), own).severity, Severity::Warn);
        let untrusted = Served { certificate: Err("x".to_owned()), status: None, release: None, latency: Duration::ZERO };
        assert_eq!(judge_answer(&site(SiteState::Active), &untrusted), None);
    }
}
