//! Whole forms: the error summary, sections, and forms that are one button.

use crate::{
    button::{self, Button},
    icon,
};
use maud::{Markup, html};

/// A form that is a single button, such as "Restart".
#[derive(Debug, Clone, Default)]
pub struct PostButton<'a> {
    /// Where it posts to.
    pub action: &'a str,
    /// Values sent along, made with [`crate::field::hidden`].
    pub hidden: Markup,
    /// The button.
    pub button: Button<'a>,
}

/// Shows a form that is a single button.
pub fn post_button(post: PostButton<'_>) -> Markup {
    html! { form.post-button method="post" action=(post.action) { (post.hidden) (button::submit(post.button)) } }
}

/// Shows what is wrong with a form as a whole, above its fields; nothing when nothing is wrong.
///
/// `fields` are pairs of field name and message, and become links to the fields.
pub fn form_error(message: Option<&str>, fields: &[(&str, &str)]) -> Markup {
    html! {
        @if message.is_some() || !fields.is_empty() {
            div.form-error role="alert" tabindex="-1" data-focus {
                (icon::circle_alert())
                div {
                    p.form-error-title {
                        @match (message, fields.len()) {
                            (Some(message), _) => (message),
                            (None, 1) => "One field needs another look.",
                            (None, many) => { (many) " fields need another look." }
                        }
                    }
                    @if !fields.is_empty() {
                        ul { @for (name, message) in fields { li { a href={ "#field-" (name) } { (message) } } } }
                    }
                }
            }
        }
    }
}

/// Groups fields under a heading, beside a sentence that explains them.
pub fn section(title: &str, text: &str, fields: Markup) -> Markup {
    html! {
        section.form-section {
            div.form-section-head { h2 { (title) } @if !text.is_empty() { p.hint { (text) } } }
            div.form-section-fields { (fields) }
        }
    }
}

/// Sets fields side by side where there is room.
pub fn columns(fields: Markup) -> Markup {
    html! { div.form-columns { (fields) } }
}

/// Shows the last line of a form: the button, then the way out.
pub fn actions(buttons: Markup) -> Markup {
    html! { div.form-actions { (buttons) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_links_to_fields_and_is_absent_when_all_is_well() {
        assert_eq!(form_error(None, &[]).into_string(), "");
        let summary = form_error(None, &[("host", "Taken <already>.")]).into_string();
        assert!(summary.contains(r##"href="#field-host""##) && summary.contains("Taken &lt;already&gt;."));
    }
}
