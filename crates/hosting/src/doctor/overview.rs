//! All sites at a glance: what of them deserves a look of its own.

use kit::Result;

use super::{Finding, look};
use crate::runtime::ServiceState;
use crate::sites::{self, CertificateState, ServiceStates, Site, SiteState};
use crate::{Hosting, operations, templates};

pub(super) async fn examine(hosting: &Hosting) -> Vec<Finding> {
    look("sites", "sites", overview(hosting)).await
}

async fn overview(hosting: &Hosting) -> Result<Vec<Finding>> {
    let mut sites = sites::known(&hosting.db).await?;
    // A branch that does not build is no fault of the house.
    sites.retain(|site| !site.is_preview());
    if sites.is_empty() {
        return Ok(vec![Finding::ok("sites", "sites", "There are no sites yet.")]);
    }
    let busy = operations::busy_sites(&hosting.db).await?;
    // One request tells of all sites.
    let states = hosting.runtime.states().await?;
    let mut findings: Vec<Finding> = sites
        .iter()
        .filter(|site| !busy.iter().any(|id| id == site.id.as_str()))
        .filter_map(|site| judge_site(site, states.get(site.id.as_str())))
        .collect();
    let well = i64::try_from(sites.len() - findings.len()).unwrap_or(i64::MAX);
    let well = if well == 1 { "1 site is".to_owned() } else { format!("{well} sites are") };
    findings.push(Finding::ok("sites", "sites", format!("{well} as they should be.")));
    Ok(findings)
}

/// A site that is not as its row says.
fn judge_site(site: &Site, states: Option<&ServiceStates>) -> Option<Finding> {
    let subject = site.domain.as_str();
    let closer = format!("`innkeeper doctor {}` looks closer, and so does its page.", site.id);
    match site.state {
        SiteState::Failed => {
            let message = format!("An operation on {subject} has failed.");
            Some(Finding::bad("sites", subject, message, format!("`innkeeper site retry {}` goes on from there. {closer}", site.id)))
        }
        SiteState::Active => {
            let wanted = templates::find(site.kind).map(|template| template.manifest.services.keys());
            let down: Vec<String> = wanted
                .into_iter()
                .flatten()
                .filter_map(|service| {
                    let state = states.and_then(|states| states.get(service)).copied().unwrap_or(ServiceState::Missing);
                    (state != ServiceState::Running).then(|| format!("{service} is {state}"))
                })
                .collect();
            if !down.is_empty() {
                return Some(Finding::bad("sites", subject, format!("Not all of {subject} runs: {}.", down.join(", ")), closer));
            }
            (site.certificate_state == CertificateState::Failed)
                .then(|| Finding::bad("sites", subject, format!("{subject} has no certificate that browsers trust."), closer))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::super::site::tests::site;
    use super::*;

    #[test]
    fn a_site_is_told_of_when_it_is_not_as_its_row_says() {
        let running = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), ServiceState::Running)).collect::<ServiceStates>();
        let all = running(&["alert", "api", "db", "www"]);
        assert_eq!(judge_site(&site(SiteState::Active), Some(&all)), None);
        let mut crashing = all.clone();
        crashing.insert("api".to_owned(), ServiceState::Restarting);
        let told = judge_site(&site(SiteState::Active), Some(&crashing)).unwrap();
        assert!(
            told.severity == Severity::Bad && told.message.contains("api is restarting") && told.advice.contains("innkeeper doctor app_")
        );
        assert!(judge_site(&site(SiteState::Active), None).unwrap().message.contains("www is missing"));
        assert_eq!(judge_site(&site(SiteState::Stopped), None), None, "a stopped site need not run");
        assert_eq!(judge_site(&site(SiteState::Failed), None).unwrap().severity, Severity::Bad);
        let untrusted = Site { certificate_state: CertificateState::Failed, ..site(SiteState::Active) };
        assert!(judge_site(&untrusted, Some(&all)).unwrap().message.contains("certificate"));
    }
}
