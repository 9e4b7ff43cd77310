//! Sites in words and small pictures, the same on every page.

use hosting::operations::OperationKind;
use hosting::runtime::ServiceState;
use hosting::templates::{self, Kind};
use hosting::{Hosting, Site, SiteState};
use kit::words::counted;
use kit::{Error, FieldError, Timestamp};
use maud::{Markup, html};
use ui::badge::{self, Status, Tone};
use ui::{card, format, icon, table};

use super::services::Services;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// What a kind of site is called.
pub(crate) fn kind(kind: Kind) -> &'static str {
    templates::find(kind).map_or(kind.as_str(), |template| template.manifest.title.as_str())
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

/// The address as a link, where there is something to see.
pub(crate) fn address_cell(hosting: &Hosting, site: &Site) -> Markup {
    match site.state {
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
pub(crate) fn status(site: &Site, services: &Services) -> Markup {
    let (status, word) = match site.state {
        SiteState::Provisioning => (Status::Provisioning, "Being made"),
        SiteState::Restoring => (Status::Provisioning, "Being restored"),
        SiteState::Deleting => (Status::Restarting, "Being deleted"),
        SiteState::Archived => (Status::Stopped, "Deleted"),
        SiteState::Failed => (Status::Error, "Failed"),
        SiteState::Stopped => (Status::Stopped, "Stopped"),
        SiteState::Active => match services {
            Services::Unknown(_) => return badge::tag(Tone::Neutral, "Status unavailable"),
            Services::Changing(_) => (Status::Restarting, "Restarting"),
            Services::Known(states) => health(states.values().copied()),
        },
    };
    badge::status_as(status, word)
}

/// The whole is as well as its least well part.
fn health(states: impl Iterator<Item = ServiceState> + Clone) -> (Status, &'static str) {
    let any = |wanted: &[ServiceState]| states.clone().any(|state| wanted.contains(&state));
    if any(&[ServiceState::Unhealthy, ServiceState::Stopped, ServiceState::Missing]) {
        (Status::Error, "Error")
    } else if any(&[ServiceState::Restarting]) {
        (Status::Restarting, "Restarting")
    } else {
        (Status::Running, "Running")
    }
}

/// One service's state.
pub(crate) fn service_status(state: ServiceState) -> Markup {
    let (status, word) = match state {
        ServiceState::Running => (Status::Running, "Running"),
        ServiceState::Unhealthy => (Status::Error, "Unhealthy"),
        ServiceState::Restarting => (Status::Restarting, "Restarting"),
        ServiceState::Stopped => (Status::Stopped, "Stopped"),
        ServiceState::Missing => (Status::Stopped, "No container"),
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
        _ => "Part of the template",
    }
}

/// A state in a filter chip.
pub(crate) fn state_filter(state: SiteState) -> &'static str {
    match state {
        SiteState::Provisioning => "Being made",
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
        OperationKind::Start => "Starting the site",
        OperationKind::Stop => "Stopping the site",
        OperationKind::Reconfigure => "Applying the settings",
        OperationKind::Delete => "Deleting the site",
        OperationKind::Restore => "Bringing the site back",
        OperationKind::Discard => "Removing every trace",
    }
}

/// What was done, in a history.
pub(crate) fn deed(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "Created",
        OperationKind::Start => "Started",
        OperationKind::Stop => "Stopped",
        OperationKind::Reconfigure => "Settings applied",
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
    fn the_least_well_service_decides() {
        use ServiceState::*;
        for (states, word) in [
            (&[Running, Running][..], "Running"),
            (&[Running, Restarting], "Restarting"),
            (&[Restarting, Unhealthy], "Error"),
            (&[Running, Missing], "Error"),
        ] {
            assert_eq!(health(states.iter().copied()).1, word);
        }
    }

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
