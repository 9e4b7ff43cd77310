//! The [?] beside a word: one or two sentences, opened by a click or a key, also without scripts.

use maud::{Markup, html};

/// Shows a [?] that explains `subject`.
pub fn popover(subject: &str, text: &str) -> Markup {
    rich(subject, html! { p { (text) } })
}

/// Shows a [?] with more than a sentence behind it.
pub fn rich(subject: &str, body: Markup) -> Markup {
    html! {
        details.help data-popover {
            summary aria-label={ "Help: " (subject) } { span aria-hidden="true" { "?" } }
            div.help-body { (body) }
        }
    }
}
