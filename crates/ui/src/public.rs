//! Pages for everyone, such as a status page: what they are about stands first, our name last.

use crate::badge::{self, Status, Tone};
use crate::page::{Brand, Document, Theme, document, mark};
use maud::{Markup, html};

/// A page without the frame, of reading width.
#[derive(Debug, Clone, Default)]
pub struct Public<'a> {
    /// The product's name and home, at the foot.
    pub brand: Brand<'a>,
    /// What the page is about: its heading.
    pub title: &'a str,
    /// What kind of page it is, above the heading: "Status".
    pub kicker: &'a str,
    /// A message above everything, such as that only some may read it.
    pub banner: Markup,
    /// At the foot: when it was so.
    pub footer: Markup,
    /// Light, dark or as the system.
    pub theme: Theme,
    /// What the page is about.
    pub body: Markup,
}

/// Shows a page for everyone: the whole document.
pub fn public(page: Public<'_>) -> Markup {
    let content = html! {
        a.skip-link href="#main" { "Skip to content" }
        div.public {
            (page.banner)
            header.public-head {
                @if !page.kicker.is_empty() { p.public-kicker { (page.kicker) } }
                h1 { (page.title) }
            }
            main #main tabindex="-1" { (page.body) }
            footer.public-foot { div { (page.footer) } (mark(&page.brand)) }
        }
    };
    let title = if page.kicker.is_empty() { page.title.to_owned() } else { format!("{} – {}", page.title, page.kicker) };
    document(Document { title: &title, brand: page.brand.name, theme: page.theme, rooms: None, scripts: &[] }, content)
}

/// How everything is, in large letters: the first thing one sees.
pub fn verdict(status: Option<Status>, words: &str, text: &str) -> Markup {
    let tone = status.map_or(Tone::Neutral, Status::tone);
    html! {
        div.verdict data-tone=(tone.name()) {
            @if let Some(status) = status { (badge::shape(status)) }
            div { p.verdict-words { (words) } @if !text.is_empty() { p.verdict-text { (text) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_in_heading_and_title() {
        let page = public(Public { title: "<b>Ada</b>", kicker: "Status", ..Public::default() }).into_string();
        assert!(page.contains("<h1>&lt;b&gt;Ada&lt;/b&gt;</h1>") && page.contains("<title>&lt;b&gt;Ada&lt;/b&gt; – Status"), "{page}");
    }

    #[test]
    fn a_verdict_has_colour_shape_and_words() {
        let shown = verdict(Some(Status::Stopped), "It is down", "").into_string();
        assert!(shown.contains(r#"data-tone="bad""#) && shown.contains("<svg") && shown.contains("It is down"), "{shown}");
        assert!(!verdict(None, "Nobody can tell", "").into_string().contains("<svg"));
    }
}
