//! A page without the frame, for whoever is not signed in.

use super::{Brand, Document, Theme, document, mark, toast_area};
use crate::feedback::Toast;
use maud::{Markup, html};

/// A page without the frame: sign-in, set-up, reset.
#[derive(Debug, Clone, Default)]
pub struct Bare<'a> {
    /// The product's name and home.
    pub brand: Brand<'a>,
    /// The heading and the window's title.
    pub title: &'a str,
    /// A line under the heading.
    pub text: &'a str,
    /// Wider, for set-up with more fields.
    pub wide: bool,
    /// Under the card: the other way.
    pub footer: Markup,
    /// Messages about what just happened.
    pub toasts: &'a [Toast<'a>],
    /// Light, dark or as the system.
    pub theme: Theme,
    /// What the card holds.
    pub body: Markup,
}

/// Shows a page without the frame: the whole document.
pub fn bare(page: Bare<'_>) -> Markup {
    let content = html! {
        div.bare {
            main #main .bare-main data-wide[page.wide] {
                (mark(&page.brand))
                div.bare-card {
                    h1 { (page.title) }
                    @if !page.text.is_empty() { p.bare-text { (page.text) } }
                    (page.body)
                }
                @if !page.footer.0.is_empty() { div.bare-footer { (page.footer) } }
            }
        }
        (toast_area(page.toasts))
    };
    document(Document { title: page.title, brand: page.brand.name, theme: page.theme, rooms: None, scripts: &[] }, content)
}
