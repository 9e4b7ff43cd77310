//! Badges: how a thing is doing, in colour, shape and word.

use maud::{Markup, PreEscaped, html};

/// The colour of a badge, banner, toast or bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Grey: a fact without judgement.
    #[default]
    Neutral,
    /// Indigo: ours, chosen, in work.
    Accent,
    /// Green: fine.
    Ok,
    /// Amber: passing or close to a limit.
    Warn,
    /// Orange: broken, someone should look.
    Serious,
    /// Red: down, or lost when done.
    Bad,
}

impl Tone {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Accent => "accent",
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Serious => "serious",
            Self::Bad => "bad",
        }
    }
}

/// The states a running thing can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// ● up and answering.
    Running,
    /// ■ not up.
    Stopped,
    /// ◐ on its way down and up again.
    Restarting,
    /// ▲ up but failing.
    Error,
    /// ◌ being made.
    Provisioning,
}

impl Status {
    /// Returns the word for the state.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Stopped => "Stopped",
            Self::Restarting => "Restarting",
            Self::Error => "Error",
            Self::Provisioning => "Provisioning",
        }
    }

    /// Returns the colour for the state.
    pub fn tone(self) -> Tone {
        match self {
            Self::Running => Tone::Ok,
            Self::Stopped => Tone::Bad,
            Self::Restarting => Tone::Warn,
            Self::Error => Tone::Serious,
            Self::Provisioning => Tone::Accent,
        }
    }

    fn shape(self) -> Markup {
        let drawing = match self {
            Self::Running => r#"<circle cx="5" cy="5" r="4"/>"#,
            Self::Stopped => r#"<rect x="1.25" y="1.25" width="7.5" height="7.5" rx="1"/>"#,
            Self::Restarting => {
                r#"<circle cx="5" cy="5" r="3.5" fill="none" stroke="currentColor" stroke-width="1.25"/><path d="M5 1a4 4 0 0 0 0 8z"/>"#
            }
            Self::Error => r#"<path d="M5 .8 9.6 9H.4z" stroke-linejoin="round"/>"#,
            Self::Provisioning => {
                r#"<circle cx="5" cy="5" r="3.75" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="2 1.93"/>"#
            }
        };
        PreEscaped(format!(r#"<svg class="shape" viewBox="0 0 10 10" aria-hidden="true">{drawing}</svg>"#))
    }
}

/// Shows a state: `● Running`.
pub fn status(status: Status) -> Markup {
    status_as(status, status.word())
}

/// Shows a state in the words of its subject: `● Live`, `▲ Failed`, `◌ Building`.
pub fn status_as(status: Status, word: &str) -> Markup {
    html! {
        span.badge.badge-status data-tone=(status.tone().name()) data-status=(format!("{status:?}").to_lowercase()) {
            (status.shape()) (word)
        }
    }
}

/// Shows the shape of a state alone, in the colour of its surroundings; the word must stand beside it.
pub(crate) fn shape(status: Status) -> Markup {
    status.shape()
}

/// Shows a short word in a colour: a role, a kind, a plan. The colour must not be its only meaning.
pub fn tag(tone: Tone, word: &str) -> Markup {
    html! { span.badge data-tone=(tone.name()) { (word) } }
}

/// Shows a coloured dot before a word, without a pill: for dense tables.
pub fn dot(tone: Tone, word: &str) -> Markup {
    html! { span.dot data-tone=(tone.name()) { (word) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_has_colour_shape_and_word() {
        let badge = status(Status::Error).into_string();
        assert!(badge.contains(r#"data-tone="serious""#) && badge.contains("<svg") && badge.contains("Error"));
    }

    #[test]
    fn words_are_escaped() {
        assert!(tag(Tone::Ok, "<b>").into_string().contains("&lt;b&gt;"));
    }
}
