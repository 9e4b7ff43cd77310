//! A menu behind "…": the actions of a table row or card that are not needed often.

use crate::{
    button::{self, Button, Kind},
    icon,
};
use maud::{Markup, html};

/// Shows "…" with actions behind it; `label` says of what, such as "Actions for Jonas Holm".
pub fn menu(label: &str, items: Markup) -> Markup {
    html! {
        details.menu data-popover {
            summary.button.button-quiet.button-icon.button-small aria-label=(label) { (icon::ellipsis()) }
            div.menu-list { (items) }
        }
    }
}

/// Shows an action that is a link.
pub fn link(href: &str, label: &str) -> Markup {
    html! { a.menu-item href=(href) { (label) } }
}

/// Shows an action that posts; `hidden` are values made with [`crate::field::hidden`].
pub fn post(action: &str, hidden: Markup, label: &str) -> Markup {
    html! {
        form method="post" action=(action) { (hidden) button.menu-item type="submit" { span.button-label { (label) } } }
    }
}

/// Shows an action that opens a dialog; the dialog itself stands outside the menu.
pub fn opens_dialog(dialog: &str, label: &str) -> Markup {
    html! { div.menu-danger { (button::opens_dialog(dialog, Button { label, kind: Kind::Quiet, wide: true, ..Button::default() })) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn menu_is_named_and_escaped() {
        let shown = menu("Actions for <b>", link("/x", "<i>")).into_string();
        assert!(shown.contains("Actions for &lt;b&gt;") && shown.contains("&lt;i&gt;"));
    }
}
