//! Parts of a page that are fetched again when something changes.

use maud::{Markup, html};

/// A part of a page with the address of its own fragment.
#[derive(Debug, Clone, Default)]
pub struct Region<'a> {
    /// The topic of the signal `changed {topic}` that makes it fetch again; several with spaces between them.
    pub topic: &'a str,
    /// Where the fragment (the inside of the region) comes from.
    pub url: &'a str,
    /// Seconds between fetches when there is no socket; 10 if none is given.
    pub poll: Option<u32>,
    /// Fetches on this beat even with a socket: for gauges, logs.
    pub always_poll: bool,
    /// Has screen readers read out what changed.
    pub announce: bool,
    /// What it holds now.
    pub body: Markup,
}

/// Shows a part that keeps itself current.
pub fn region(region: Region<'_>) -> Markup {
    html! {
        div.live-region data-live=(region.topic) data-live-url=(region.url) data-live-poll=[region.poll]
            data-live-always[region.always_poll] aria-live=[region.announce.then_some("polite")] { (region.body) }
    }
}

/// Shows a part that is fetched once the page stands, for slow figures; `body` is its placeholder.
pub fn lazy(url: &str, body: Markup) -> Markup {
    html! { div.live-region hx-get=(url) hx-trigger="load" hx-swap="outerHTML" { (body) } }
}

/// Shows a grey placeholder of some lines.
pub fn skeleton(lines: u8) -> Markup {
    html! { div.skeleton role="status" { span.visually-hidden { "Loading…" } @for _ in 0..lines { span.skeleton-line {} } } }
}
