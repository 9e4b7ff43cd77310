//! Sites in words and small pictures, the same on every page.

use hosting::operations::OperationKind;
use hosting::probes::{Cause, HealthState, Reading};
use hosting::templates::{self, Kind};
use hosting::{Hosting, Site, SiteState};
use kit::words::counted;
use kit::{Error, FieldError, Timestamp};
use maud::{Markup, html};
use ui::badge::{self, Status, Tone};
use ui::{card, format, icon, table};

use super::seen::Seen;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// What a kind of site is called.
pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Adopted => "Adopted container",
        kind => templates::find(kind).map_or(kind.as_str(), |template| template.manifest.title.as_str()),
    }
}

/// The picture of a kind of site, for lists; decorative, as the kind is written beside it.
pub(crate) fn picture(kind: Kind) -> Markup {
    html! {
        @if templates::find(kind).is_some() {
            img.thumb src={ "/templates/" (kind) "/preview.svg" } width="56" height="35" alt="" loading="lazy";
        } @else {
            (icon::globe())
        }
    }
}

/// First cell of a row: picture, name, kind.
pub(crate) fn name_cell(site: &Site) -> Markup {
    html! { span.row.nowrap { (picture(site.kind)) (table::two_lines(site.name.as_str(), kind(site.kind))) } }
}

/// The address in words; a container that was here before has none of ours.
pub(crate) fn address(site: &Site) -> String {
    match site.kind {
        Kind::Adopted => kind(site.kind).to_owned(),
        _ => site.domain.to_string(),
    }
}

/// The address as a link, where there is something to see.
pub(crate) fn address_cell(hosting: &Hosting, site: &Site) -> Markup {
    match site.state {
        _ if site.kind == Kind::Adopted => card::missing("Its address was set elsewhere"),
        SiteState::Active | SiteState::Stopped => html! {
            a.link-external href=(hosting.url(site)) { (site.domain) (icon::external_link()) }
        },
        _ => html! { span.muted { (site.domain) } },
    }
}

/// When a release last went live.
pub(crate) fn deployed_cell(site: &Site, now: i64) -> Markup {
    match site.last_deployed_at {
        Some(at) => format::time_ago(at.0, now),
        None => card::missing("Never deployed"),
    }
}

/// How a site is doing, from its own state and that of its services.
pub(crate) fn status(site: &Site, seen: &Seen) -> Markup {
    let (status, word) = match site.state {
        SiteState::Provisioning => (Status::Provisioning, "Provisioning"),
        SiteState::Restoring => (Status::Provisioning, "Being restored"),
        SiteState::Deleting => (Status::Restarting, "Being deleted"),
        SiteState::Archived => (Status::Stopped, "Deleted"),
        SiteState::Failed => (Status::Error, "Failed"),
        SiteState::Stopped => (Status::Stopped, "Stopped"),
        SiteState::Active => return health(seen.state()),
    };
    badge::status_as(status, word)
}

/// A state with its colour, shape and word.
pub(crate) fn health(state: HealthState) -> Markup {
    let (status, word) = match state {
        HealthState::Provisioning => (Status::Provisioning, "Provisioning"),
        HealthState::Running => (Status::Running, "Running"),
        HealthState::Restarting => (Status::Restarting, "Restarting"),
        HealthState::Error => (Status::Error, "Error"),
        HealthState::Stopped => (Status::Stopped, "Stopped"),
        HealthState::Unknown => return badge::tag(Tone::Neutral, "Status unavailable"),
    };
    badge::status_as(status, word)
}

/// One service's state, with what is special about it.
pub(crate) fn service_status(state: HealthState, reading: &Reading) -> Markup {
    let (status, word) = match (state, reading.cause) {
        (HealthState::Error, Some(Cause::Unhealthy)) => (Status::Error, "Unhealthy"),
        (HealthState::Error, Some(Cause::Paused)) => (Status::Error, "Paused"),
        (HealthState::Stopped, Some(Cause::Removed)) => (Status::Stopped, "No container"),
        (HealthState::Stopped, Some(Cause::OutOfMemory)) => (Status::Stopped, "Out of memory"),
        (state, _) => return health(state),
    };
    badge::status_as(status, word)
}

/// What a service is for.
pub(crate) fn service_purpose(name: &str) -> &'static str {
    match name {
        "www" => "The pages that visitors see",
        "api" => "Content, forms and sign-in",
        "alert" => "Live messages",
        "db" => "Database",
        "wordpress" => "WordPress",
        "magento" => "Magento",
        "container" => "The container",
        _ => "Part of the template",
    }
}

/// A state in a filter chip.
pub(crate) fn state_filter(state: SiteState) -> &'static str {
    match state {
        SiteState::Provisioning => "Provisioning",
        SiteState::Active => "Active",
        SiteState::Stopped => "Stopped",
        SiteState::Failed => "Failed",
        SiteState::Deleting => "Being deleted",
        SiteState::Archived => "Deleted",
        SiteState::Restoring => "Being restored",
    }
}

/// What is being done, as a heading.
pub(crate) fn doing(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "Making the site",
        OperationKind::Preview => "Making the preview",
        OperationKind::Start => "Starting the site",
        OperationKind::Stop => "Stopping the site",
        OperationKind::Reconfigure => "Applying the settings",
        OperationKind::Restart => "Restarting",
        OperationKind::Deploy => "Deploying",
        OperationKind::Rollout => "Rolling out",
        OperationKind::Delete => "Deleting the site",
        OperationKind::Restore => "Bringing the site back",
        OperationKind::Discard => "Removing every trace",
    }
}

/// What was done, in a history.
pub(crate) fn deed(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "Created",
        OperationKind::Preview => "Made",
        OperationKind::Start => "Started",
        OperationKind::Stop => "Stopped",
        OperationKind::Reconfigure => "Settings applied",
        OperationKind::Restart => "Restarted",
        OperationKind::Deploy => "Deployed",
        OperationKind::Rollout => "Rolled out",
        OperationKind::Delete => "Deleted",
        OperationKind::Restore => "Restored",
        OperationKind::Discard => "Given up",
    }
}

/// Until when a deleted site can be brought back.
pub(crate) fn restorable_until(hosting: &Hosting, site: &Site) -> Timestamp {
    let deleted_at = site.archived_at.unwrap_or(site.updated_at);
    deleted_at.plus(std::time::Duration::from_secs(u64::from(hosting.config.keep_archives_days) * 86_400))
}

/// The time left until a moment, in begun days: right after a deletion it is all of them.
pub(crate) fn time_left(until: Timestamp, now: Timestamp) -> String {
    let left = until.0 - now.0;
    match left {
        ..=0 => "no time left".to_owned(),
        1..DAY_MS => "less than a day left".to_owned(),
        _ => format!("{} left", counted((left + DAY_MS - 1) / DAY_MS, "day")),
    }
}

/// Complaints of slices follow the name of a field in JSON; beside a field of a page they are whole sentences.
pub(crate) fn in_sentences(error: Error) -> Error {
    let Error::Invalid(fields) = error else { return error };
    let whole = |error: FieldError| {
        let subject = match error.field.as_str() {
            "site_name" => "the name",
            "subdomain" => "this address",
            "site_type" => "the template",
            "container" => "this container",
            _ => return error,
        };
        match error.message.starts_with("must ") || error.message.starts_with("is ") {
            true => FieldError { message: format!("{subject} {}", error.message), ..error },
            false => error,
        }
    };
    Error::Invalid(fields.into_iter().map(whole).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_left_are_counted_as_they_begin() {
        let now = Timestamp(1_800_000_000_000);
        let left = |ms: i64| time_left(Timestamp(now.0 + ms), now);
        assert_eq!(left(7 * DAY_MS), "7 days left");
        assert_eq!(left(7 * DAY_MS - 1), "7 days left");
        assert_eq!(left(DAY_MS + 1), "2 days left");
        assert_eq!(left(DAY_MS), "1 day left");
        assert_eq!(left(1), "less than a day left");
        assert_eq!(left(-1), "no time left");
    }
}
