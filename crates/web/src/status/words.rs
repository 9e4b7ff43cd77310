//! States and outages in words for everyone.

use hosting::probes::status_page::{Outage, PublicIncident, PublicState};
use kit::Timestamp;
use maud::Markup;
use ui::badge::{self, Status, Tone};
use ui::format;

/// The badge's colour and shape; none when nobody can tell.
pub(super) fn status(state: PublicState) -> Option<Status> {
    match state {
        PublicState::Up => Some(Status::Running),
        PublicState::Working => Some(Status::Restarting),
        PublicState::Degraded => Some(Status::Error),
        PublicState::Down => Some(Status::Stopped),
        PublicState::Off | PublicState::Unknown => None,
    }
}

/// A state with its colour, shape and word.
pub(super) fn badge(state: PublicState, word: &str) -> Markup {
    match status(state) {
        Some(status) => badge::status_as(status, word),
        None => badge::tag(Tone::Neutral, word),
    }
}

/// How a site is, as a sentence, and what that means.
pub(super) fn of_site(state: PublicState) -> (&'static str, &'static str) {
    match state {
        PublicState::Up => ("Everything works", ""),
        PublicState::Working => ("Being worked on", "It should be back in a moment."),
        PublicState::Degraded => ("Something is wrong", "Parts of the site may not work."),
        PublicState::Down => ("The site is down", "It cannot be reached at present."),
        PublicState::Off => ("Switched off", "The people behind the site have switched it off for now."),
        PublicState::Unknown => ("The state is not known", "It cannot be measured at present; the site itself may well be up."),
    }
}

/// What an outage was like.
pub(super) fn of_outage(outage: Outage) -> &'static str {
    match outage {
        Outage::Restart => "The site was started again",
        Outage::Partial => "Parts of the site did not work",
        Outage::Insecure => "Browsers warned about the site's certificate",
        Outage::Unreachable => "The site could not be reached",
    }
}

/// What an outage is like that lasts.
pub(super) fn of_lasting_outage(outage: Outage) -> &'static str {
    match outage {
        Outage::Restart => "The site is being started again",
        Outage::Partial => "Parts of the site do not work",
        Outage::Insecure => "Browsers warn about the site's certificate",
        Outage::Unreachable => "The site cannot be reached",
    }
}

/// How long an outage lasted, or has lasted by `now`.
pub(super) fn length(incident: &PublicIncident, now: Timestamp) -> String {
    let until = incident.ended_at.unwrap_or(now);
    format::duration(u64::try_from(until.since(incident.started_at).as_millis()).unwrap_or(u64::MAX))
}
