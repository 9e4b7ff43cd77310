//! Values to take along: with a copy button, and secrets that show themselves on demand.

use crate::icon;
use maud::{Markup, html};

/// Shows a value in monospace with a button that copies it.
pub fn copy_field(label: &str, value: &str) -> Markup {
    html! {
        div.copy-field {
            code.copy-value tabindex="0" role="textbox" aria-readonly="true" aria-label=(label) { (value) }
            (copy_button(label, value))
        }
    }
}

/// Shows a secret as dots until it is asked for, with a button to copy it.
///
/// The secret is in the page: use it for what the reader may know anyway.
pub fn secret_field(label: &str, value: &str) -> Markup {
    html! {
        div.copy-field {
            details.secret {
                summary aria-label=(label) title="Show or hide" { span.secret-dots aria-hidden="true" { "••••••••••••" } (icon::eye()) (icon::eye_off()) }
                code.copy-value tabindex="0" { (value) }
            }
            (copy_button(label, value))
        }
    }
}

/// Shows a value that is given out only now, such as a new token, with the warning to keep it.
pub fn secret_once(label: &str, value: &str) -> Markup {
    html! {
        div.secret-once role="status" {
            p { (icon::key_round()) span { strong { (label) } " – copy it now, it is not shown again." } }
            (copy_field(label, value))
        }
    }
}

/// Shows the copy button alone.
pub fn copy_button(label: &str, value: &str) -> Markup {
    html! {
        button.button.button-quiet.button-icon.button-small.needs-js type="button" data-copy=(value) aria-label={ "Copy " (label) } title="Copy" {
            (icon::copy()) (icon::check())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_dots_and_escaped() {
        let field = secret_field("Password", "a\"b<c").into_string();
        assert!(field.contains("<details class=\"secret\"><summary") && field.contains("a&quot;b&lt;c"));
    }
}
