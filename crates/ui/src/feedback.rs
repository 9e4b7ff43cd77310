//! What just happened and what is the matter: toasts, banners, progress and quota bars.

use crate::{badge::Tone, format, icon};
use maud::{Markup, html};
use std::borrow::Cow;

/// A message that passes.
#[derive(Debug, Clone, Default)]
pub struct Toast<'a> {
    /// Its colour: ok for done, bad for failed.
    pub tone: Tone,
    /// What happened.
    pub title: Cow<'a, str>,
    /// What it means or what to do.
    pub text: Cow<'a, str>,
}

impl<'a> Toast<'a> {
    /// Returns a message about something done.
    pub fn ok(title: impl Into<Cow<'a, str>>) -> Self {
        Self { tone: Tone::Ok, title: title.into(), text: Cow::Borrowed("") }
    }

    /// Returns a message about something that failed, with what to do.
    pub fn bad(title: impl Into<Cow<'a, str>>, text: impl Into<Cow<'a, str>>) -> Self {
        Self { tone: Tone::Bad, title: title.into(), text: text.into() }
    }
}

/// Shows a message that passes; failures stay until closed.
pub fn toast(toast: &Toast<'_>) -> Markup {
    html! {
        div.toast data-tone=(toast.tone.name()) data-toast {
            (tone_icon(toast.tone))
            div.toast-text { p.toast-title { (toast.title) } @if !toast.text.is_empty() { p { (toast.text) } } }
            button.toast-close.needs-js type="button" aria-label="Close message" data-toast-close { (icon::x()) }
        }
    }
}

/// Shows messages that pass, put into the page's toast area by an htmx answer (out of band).
pub fn toasts_out_of_band(toasts: &[Toast<'_>]) -> Markup {
    html! { div #toasts hx-swap-oob="beforeend" { @for message in toasts { (toast(message)) } } }
}

/// A message that stays.
#[derive(Debug, Clone, Default)]
pub struct Banner<'a> {
    /// Its colour: accent informs, warn warns, bad alarms.
    pub tone: Tone,
    /// What is the matter.
    pub title: &'a str,
    /// What it means and what to do.
    pub text: &'a str,
    /// The next step.
    pub action: Markup,
}

/// Shows a message that stays.
pub fn banner(banner: Banner<'_>) -> Markup {
    html! {
        div.banner data-tone=(banner.tone.name()) role=(if banner.tone == Tone::Bad { "alert" } else { "status" }) {
            (tone_icon(banner.tone))
            div.banner-text {
                p.banner-title { (banner.title) }
                @if !banner.text.is_empty() { p { (banner.text) } }
            }
            @if !banner.action.0.is_empty() { div.banner-action { (banner.action) } }
        }
    }
}

/// How much of an allowance is used.
#[derive(Debug, Clone, Default)]
pub struct Quota<'a> {
    /// What is used.
    pub label: &'a str,
    /// How much, in the unit of `limit`.
    pub used: f64,
    /// How much there is; without a limit the figure stands alone.
    pub limit: Option<f64>,
    /// The same in words: `312 MB of 1 GB`.
    pub text: &'a str,
    /// A line under the bar, such as when the count starts again.
    pub hint: &'a str,
}

/// Shows how much of an allowance is used: amber from 80 %, red from 95 %.
pub fn quota(quota: Quota<'_>) -> Markup {
    let share = quota.limit.filter(|limit| *limit > 0.0).map(|limit| (quota.used / limit).max(0.0));
    let tone = match share {
        Some(share) if share >= 0.95 => Tone::Bad,
        Some(share) if share >= 0.8 => Tone::Warn,
        _ => Tone::Accent,
    };
    html! {
        div.quota {
            div.quota-head {
                span.quota-label { (quota.label) }
                span.quota-text {
                    (quota.text)
                    @if let Some(share) = share { span.quota-share { (format::percent(share, 0)) } }
                }
            }
            @if let Some(share) = share { (bar(tone, share)) }
            @if !quota.hint.is_empty() { p.hint { (quota.hint) } }
        }
    }
}

/// Shows how far something has come, with a label for screen readers.
pub fn progress(label: &str, share: f64) -> Markup {
    let percent = (share.clamp(0.0, 1.0) * 100.0).round();
    html! {
        div.progress role="progressbar" aria-label=(label) aria-valuenow=(percent) aria-valuemin="0" aria-valuemax="100" {
            (bar(Tone::Accent, share))
        }
    }
}

/// Shows a share as a bar, without words: for beside the words. Shares beyond 1 fill it.
pub fn bar(tone: Tone, share: f64) -> Markup {
    let width = format!("{:.1}%", if share.is_finite() { share.clamp(0.0, 1.0) * 100.0 } else { 0.0 });
    html! {
        svg.bar data-tone=(tone.name()) width="100%" height="6" aria-hidden="true" {
            rect.bar-track width="100%" height="6" rx="3" {}
            rect.bar-fill width=(width) height="6" rx="3" {}
        }
    }
}

pub(crate) fn tone_icon(tone: Tone) -> Markup {
    match tone {
        Tone::Ok => icon::circle_check(),
        Tone::Warn | Tone::Serious => icon::triangle_alert(),
        Tone::Bad => icon::circle_alert(),
        Tone::Neutral | Tone::Accent => icon::info(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_turns_amber_then_red_and_never_overflows() {
        let shown = |used| quota(Quota { used, limit: Some(100.0), ..Quota::default() }).into_string();
        assert!(shown(40.0).contains(r#"data-tone="accent""#));
        assert!(shown(80.0).contains(r#"data-tone="warn""#));
        assert!(shown(140.0).contains(r#"data-tone="bad""#) && shown(140.0).contains(r#"width="100.0%" height="6" rx="3""#));
        assert!(shown(140.0).contains("140\u{a0}%"));
    }

    #[test]
    fn messages_are_escaped() {
        assert!(toast(&Toast::bad("<b>", "<i>")).into_string().contains("&lt;b&gt;"));
    }
}
