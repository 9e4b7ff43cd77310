//! A site and what may be seen of it, for tests of what is decided.

use accounts::CustomerId;
use kit::Timestamp;

use super::board::{Container, OutsideLook, ServiceHealth};
use super::state::{Cause, HealthState, Reading};
use crate::names::{Host, SiteName};
use crate::sites::{CertificateState, ReleaseId, Site, SiteId, SiteState};
use crate::templates::Kind;

pub(super) const NOW: Timestamp = Timestamp(1_768_386_600_000);

/// A moment some seconds before [`NOW`].
pub(super) fn ago(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 - seconds * 1000)
}

pub(super) fn site(state: SiteState) -> Site {
    Site {
        id: SiteId::parse("app_aaaaaaaa").unwrap(),
        customer_id: CustomerId::parse("cust_aaaaaaaaaaaa").unwrap(),
        kind: Kind::Portfolio,
        name: SiteName::parse("Ada").unwrap(),
        domain: Host::parse("ada.sites.test").unwrap(),
        custom_domain: None,
        state,
        template_version: "1".to_owned(),
        release_id: ReleaseId::parse("rel_000000000000000001").unwrap(),
        network_slot: 5,
        owner_email: "ada@example.test".to_owned(),
        certificate_state: CertificateState::Valid,
        certificate_expires_at: None,
        certificate_error: None,
        certificate_attempt: 0,
        created_at: ago(10_000),
        updated_at: ago(10_000),
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

pub(super) fn container(id: &str) -> Container {
    Container { id: id.to_owned(), name: format!("named-{id}"), memory_limit: 0 }
}

pub(super) fn up(since: Timestamp) -> Reading {
    Reading { state: HealthState::Running, since: Some(since), cause: None, exit_code: None, restarts: 0, pid: Some(7) }
}

pub(super) fn bad(state: HealthState, cause: Cause, since: Option<Timestamp>) -> Reading {
    Reading { state, since, cause: Some(cause), exit_code: None, restarts: 0, pid: None }
}

pub(super) fn exited(code: i64, at: Timestamp) -> Reading {
    Reading { exit_code: Some(code), ..bad(HealthState::Stopped, Cause::Exited, Some(at)) }
}

pub(super) fn service(name: &str, reading: Reading) -> ServiceHealth {
    ServiceHealth { service: name.to_owned(), container: Some(container(name)), reading }
}

/// A look from outside with `failures` in a row.
pub(super) fn look(failures: u32) -> OutsideLook {
    let problem = (failures > 0).then(|| (Cause::NoAnswer, "answers visitors with an error (status 502)".to_owned()));
    OutsideLook { at: ago(1), status: Some(200), latency: std::time::Duration::from_millis(40), problem, failures }
}
