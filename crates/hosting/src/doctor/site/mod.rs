//! One site: its containers, its way to visitors, its database and files.

mod address;
mod containers;
mod storage;

use kit::Result;

use super::{Finding, ended, look};
use crate::operations::{self, Operation, OperationState};
use crate::sites::{Site, SiteState};
use crate::{Hosting, templates};

pub(super) async fn examine(hosting: &Hosting, site: &Site) -> Vec<Finding> {
    let state = look("state", site.domain.as_str(), state(hosting, site)).await;
    // Nothing more is there of a site that is being made or removed, or was.
    if !matches!(site.state, SiteState::Active | SiteState::Stopped) {
        return state;
    }
    let Some(template) = templates::find(site.kind) else {
        let message = format!("This Innkeeper has no template `{}`.", site.kind);
        let none = Finding::bad("state", site.domain.as_str(), message, "Run the version of Innkeeper that made the site, or a newer one.");
        return [state, vec![none]].concat();
    };
    let (containers, address, storage) = tokio::join!(
        containers::examine(hosting, site, &template.manifest),
        address::examine(hosting, site),
        storage::examine(hosting, site, &template.manifest),
    );
    [state, containers, address, storage].concat()
}

async fn state(hosting: &Hosting, site: &Site) -> Result<Vec<Finding>> {
    let last = operations::last(&hosting.db, &site.id).await?;
    Ok(vec![judge_state(site, last.as_ref())])
}

fn judge_state(site: &Site, last: Option<&Operation>) -> Finding {
    let subject = site.domain.as_str();
    let (kind, progress, error) = match last {
        Some(last) => (last.kind.as_str(), Some(last.state), last.error.as_deref().unwrap_or("no reason was recorded")),
        None => ("", None, ""),
    };
    match (site.state, progress) {
        (_, Some(OperationState::Running)) => {
            let message = format!("Something is being done to the site ({kind}); what is found meanwhile may pass by itself.");
            Finding::ok("state", subject, message)
        }
        (state, Some(OperationState::Failed)) => Finding::bad(
            "state",
            subject,
            format!("The last operation ({kind}) has failed, and the site is {state}: {}", ended(error)),
            format!("Mend the cause; then `innkeeper site retry {}` goes on from the failed step.", site.id),
        ),
        (SiteState::Stopped, _) => Finding::ok("state", subject, "The site was stopped by a person; visitors see a page that says so."),
        (SiteState::Archived, _) => Finding::ok(
            "state",
            subject,
            format!("The site is deleted; `innkeeper site restore {}` brings it back for some days.", site.id),
        ),
        (state, _) => Finding::ok("state", subject, format!("The site is {state}.")),
    }
}

/// How to see what a service said.
fn logs_of(site: &Site, service: &str) -> String {
    format!("`docker logs --tail 50 {}` shows its last words", site.container(service))
}

/// How to bring a site's containers back to what they should be.
fn start_again(site: &Site) -> String {
    format!("`innkeeper site start {}` makes and starts what is missing", site.id)
}

#[cfg(test)]
pub(super) mod tests {
    use accounts::CustomerId;
    use kit::Timestamp;

    use super::super::Severity;
    use super::*;
    use crate::names::{Host, SiteName};
    use crate::operations::{OperationId, OperationKind};
    use crate::sites::{CertificateState, ReleaseId, SiteId};
    use crate::templates::Kind;

    /// The site `app_aaaaaaaa` at ada.example.net.
    pub(in super::super) fn site(state: SiteState) -> Site {
        Site {
            id: SiteId::parse("app_aaaaaaaa").unwrap(),
            customer_id: CustomerId::parse("cust_aaaaaaaaaaaa").unwrap(),
            kind: Kind::Portfolio,
            name: SiteName::parse("Ada").unwrap(),
            domain: Host::parse("ada.example.net").unwrap(),
            custom_domain: None,
            state,
            template_version: "1".to_owned(),
            release_id: ReleaseId::parse("rel_000000000000000001").unwrap(),
            network_slot: 0,
            owner_email: "ada@example.test".to_owned(),
            certificate_state: CertificateState::Valid,
            certificate_expires_at: None,
            certificate_error: None,
            certificate_attempt: 0,
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
            last_deployed_at: None,
            archived_at: None,
            outside_url: None,
            preview_of: None,
            preview_branch: None,
            preview_database: None,
            preview_login: None,
            preview_expires_at: None,
            secrets: String::new(),
        }
    }

    #[test]
    fn a_state_is_judged_with_the_last_operation() {
        let operation = |state, error: Option<&str>| Operation {
            id: OperationId::parse("op_000000000000000001").unwrap(),
            site_id: SiteId::parse("app_aaaaaaaa").unwrap(),
            service: None,
            kind: OperationKind::Start,
            state,
            requested_by: "Ada".to_owned(),
            created_at: Timestamp(1),
            finished_at: None,
            error: error.map(str::to_owned),
        };
        let judge = |state, last: Option<Operation>| judge_state(&site(state), last.as_ref());
        assert_eq!(judge(SiteState::Active, Some(operation(OperationState::Done, None))).message, "The site is active.");
        assert!(judge(SiteState::Active, Some(operation(OperationState::Running, None))).message.contains("may pass by itself"));
        let failed = judge(SiteState::Stopped, Some(operation(OperationState::Failed, Some("Docker does not answer"))));
        assert!(failed.severity == Severity::Bad && failed.message.contains("Docker does not answer"), "{failed:?}");
        assert!(failed.advice.contains("innkeeper site retry app_aaaaaaaa"));
        assert_eq!(judge(SiteState::Stopped, None).severity, Severity::Ok);
        assert!(judge(SiteState::Archived, None).message.contains("innkeeper site restore"));
    }
}
