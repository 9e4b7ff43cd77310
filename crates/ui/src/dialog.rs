//! Dialogs that ask before something is lost, and the danger zone they belong to.
//!
//! Without scripts (and without the browser's own `command` attribute) the dialog's content stands open in
//! the page, so the action stays reachable.

use crate::{
    button::{self, Button, Kind},
    field, icon,
};
use maud::{Markup, html};

/// A question before an action.
#[derive(Debug, Clone, Default)]
pub struct Confirm<'a> {
    /// The dialog's id, unique on the page; a [`button::opens_dialog`] names it.
    pub id: &'a str,
    /// The question: "Delete acme.example?".
    pub title: &'a str,
    /// What happens, in a sentence.
    pub text: &'a str,
    /// What is lost, one thing per line.
    pub loses: &'a [&'a str],
    /// The exact name that must be typed (sent as `confirm_name`); no typing if empty.
    pub type_name: &'a str,
    /// Where the form posts to.
    pub action: &'a str,
    /// Values sent along, made with [`crate::field::hidden`].
    pub hidden: Markup,
    /// Further fields.
    pub fields: Markup,
    /// The word on the button: "Delete site".
    pub button: &'a str,
    /// Whether the button is red.
    pub danger: bool,
}

/// Shows the dialog that asks before an action; it stands in the page closed.
pub fn confirm_dialog(confirm: Confirm<'_>) -> Markup {
    let name_id = format!("{}-name", confirm.id);
    html! {
        dialog.dialog id=(confirm.id) aria-labelledby={ (confirm.id) "-title" } closedby="any" {
            form method="post" action=(confirm.action) {
                (confirm.hidden)
                div.dialog-body {
                    h2.dialog-title #{ (confirm.id) "-title" } { (confirm.title) }
                    @if !confirm.text.is_empty() { p { (confirm.text) } }
                    @if !confirm.loses.is_empty() {
                        ul.dialog-loses { @for loss in confirm.loses { li { (icon::x()) span { (loss) } } } }
                    }
                    (confirm.fields)
                    @if !confirm.type_name.is_empty() {
                        div.field {
                            label.label for=(name_id) { "Type " strong.typed-name { (confirm.type_name) } " to confirm" }
                            input #(name_id) .input name="confirm_name" autocomplete="off" autocapitalize="off" spellcheck="false" required
                                pattern=(literal_pattern(confirm.type_name)) title={ "Exactly: " (confirm.type_name) } data-confirm-name=(confirm.type_name);
                        }
                    }
                }
                div.dialog-actions {
                    (closing_button(confirm.id, "Cancel"))
                    (button::submit(Button { label: confirm.button, kind: if confirm.danger { Kind::Danger } else { Kind::Primary }, ..Button::default() }))
                }
            }
        }
    }
}

/// A dialog that holds anything, such as a form to add a member.
#[derive(Debug, Clone, Default)]
pub struct Dialog<'a> {
    /// The dialog's id, unique on the page.
    pub id: &'a str,
    /// Its heading.
    pub title: &'a str,
    /// What it holds: usually a form with [`crate::form::actions`] and a [`closing_button`].
    pub body: Markup,
    /// Stands open when the page comes: for a form that came back with errors.
    pub open: bool,
}

/// Shows a dialog that holds anything; it stands in the page closed unless `open`.
pub fn dialog(dialog: Dialog<'_>) -> Markup {
    html! {
        dialog.dialog id=(dialog.id) aria-labelledby={ (dialog.id) "-title" } data-dialog-open[dialog.open] open[dialog.open] {
            div.dialog-body {
                div.dialog-head {
                    h2.dialog-title #{ (dialog.id) "-title" } { (dialog.title) }
                    button.button.button-quiet.button-icon.button-small.needs-js type="button" aria-label="Close" data-dialog-close commandfor=(dialog.id) command="close" { (icon::x()) }
                }
                (dialog.body)
            }
        }
    }
}

/// Shows the button that closes its dialog.
pub fn closing_button(dialog: &str, label: &str) -> Markup {
    html! {
        button.button.button-secondary.needs-js type="button" data-dialog-close commandfor=(dialog) command="close" { (label) }
    }
}

/// Frames rows of actions that destroy something.
pub fn danger_zone(rows: Markup) -> Markup {
    html! {
        section.card.danger-zone data-flush {
            header.card-head { div.card-heading { h2 { "Danger zone" } } }
            div.card-body { (rows) }
        }
    }
}

/// Shows one action of the danger zone: what it does, and the button that asks.
pub fn danger_row(title: &str, text: &str, action: Markup) -> Markup {
    html! {
        div.danger-row {
            div { p.danger-title { (title) } p.hint { (text) } }
            (action)
        }
    }
}

/// Shows a danger row whose button opens its confirming dialog.
pub fn danger_action(title: &str, text: &str, confirm: Confirm<'_>) -> Markup {
    let opens = Button { label: confirm.button, kind: Kind::Danger, ..Button::default() };
    danger_row(
        title,
        text,
        html! { div { (button::opens_dialog(confirm.id, opens)) (confirm_dialog(Confirm { danger: true, ..confirm })) } },
    )
}

/// Shows a form value for a confirming dialog; the same as [`field::hidden`].
pub fn hidden(name: &str, value: &str) -> Markup {
    field::hidden(name, value)
}

/// Turns a name into a pattern that matches it and nothing else. Browsers compile patterns with the `v`
/// flag, where more characters than usual must be escaped; all that are neither letter nor digit are written by code point.
fn literal_pattern(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_alphanumeric() { letter.to_string() } else { format!("\\u{{{:x}}}", u32::from(letter)) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_name_is_escaped_in_page_and_pattern() {
        let dialog = confirm_dialog(Confirm { id: "d", title: "Delete <b>?", type_name: "a.b<", ..Confirm::default() }).into_string();
        assert!(dialog.contains("Delete &lt;b&gt;?"));
        assert!(dialog.contains(r"a\u{2e}b\u{3c}"));
    }

    #[test]
    fn asking_button_names_its_dialog() {
        let row = danger_action("Delete", "All is lost.", Confirm { id: "delete-site", button: "Delete site", ..Confirm::default() })
            .into_string();
        assert!(row.contains(r#"data-dialog="delete-site""#) && row.contains(r#"<dialog class="dialog" id="delete-site""#));
    }
}
