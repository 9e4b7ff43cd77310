//! Buttons and links that look like buttons.

use maud::{Markup, html};

/// What a button weighs on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// The one thing to do next; at most one per card.
    Primary,
    /// Any other action.
    #[default]
    Secondary,
    /// Destroys something.
    Danger,
    /// Looks like text, for actions within a table row or beside a heading.
    Quiet,
}

/// What a button shows and how it behaves.
#[derive(Debug, Clone, Default)]
pub struct Button<'a> {
    /// The word on it; with `icon_only` it is read out instead.
    pub label: &'a str,
    /// Its weight.
    pub kind: Kind,
    /// A picture before the word.
    pub icon: Option<Markup>,
    /// Shows the picture alone.
    pub icon_only: bool,
    /// Lower, for table rows and card heads.
    pub small: bool,
    /// Spans the width of its form.
    pub wide: bool,
    /// The word shown from the click until the answer; the label with "…" if empty.
    pub busy: &'a str,
    /// Cannot be pressed; `title` should say why.
    pub disabled: bool,
    /// A hint on hover.
    pub title: &'a str,
    /// The name sent with the form.
    pub name: &'a str,
    /// The value sent with the form.
    pub value: &'a str,
    /// The id of the form it submits, when it stands outside.
    pub form: &'a str,
    /// Sends the form without checking its fields.
    pub no_validate: bool,
    /// Disabled until this moment (unix ms) with a countdown: a cooldown.
    pub available_at: Option<i64>,
}

/// Shows a button that submits its form.
pub fn submit(button: Button<'_>) -> Markup {
    let name = (!button.name.is_empty()).then_some(button.name);
    let value = (!button.name.is_empty()).then_some(button.value);
    let form = (!button.form.is_empty()).then_some(button.form);
    html! {
        button type="submit" class=(classes(&button)) name=[name] value=[value] form=[form]
            formnovalidate[button.no_validate] disabled[button.disabled || button.available_at.is_some()]
            title=[title(&button)] aria-label=[aria_label(&button)]
            data-busy=[(!button.busy.is_empty()).then_some(button.busy)]
            data-countdown=[button.available_at] { (inside(&button)) }
    }
}

/// Shows the button that sends a form and says so: `primary("Save")`.
pub fn primary(label: &str) -> Markup {
    submit(Button { label, kind: Kind::Primary, ..Button::default() })
}

/// Shows a lesser button that submits its form.
pub fn secondary(label: &str) -> Markup {
    submit(Button { label, ..Button::default() })
}

/// Shows a submit button that destroys something.
pub fn danger(label: &str) -> Markup {
    submit(Button { label, kind: Kind::Danger, ..Button::default() })
}

/// Shows a link that looks like a button.
pub fn link(href: &str, button: Button<'_>) -> Markup {
    html! {
        a href=(href) class=(classes(&button)) title=[title(&button)] aria-label=[aria_label(&button)] { (inside(&button)) }
    }
}

/// Shows the link to a page's main action: `link_primary("/sites/new", "New site")`.
pub fn link_primary(href: &str, label: &str) -> Markup {
    link(href, Button { label, kind: Kind::Primary, ..Button::default() })
}

/// Shows a link that looks like a lesser button.
pub fn link_secondary(href: &str, label: &str) -> Markup {
    link(href, Button { label, ..Button::default() })
}

/// Shows a button that opens the dialog with this id.
pub fn opens_dialog(dialog: &str, button: Button<'_>) -> Markup {
    html! {
        button type="button" class=(classes(&button)) data-dialog=(dialog) commandfor=(dialog) command="show-modal"
            disabled[button.disabled || button.available_at.is_some()] title=[title(&button)] aria-label=[aria_label(&button)]
            data-countdown=[button.available_at] { (inside(&button)) }
    }
}

/// Sets buttons side by side.
pub fn row(buttons: Markup) -> Markup {
    html! { div.button-row { (buttons) } }
}

fn inside(button: &Button<'_>) -> Markup {
    html! {
        @if let Some(icon) = &button.icon { (icon) }
        @if !button.icon_only { span.button-label { (button.label) } }
    }
}

fn classes(button: &Button<'_>) -> String {
    let kind = match button.kind {
        Kind::Primary => "button-primary",
        Kind::Secondary => "button-secondary",
        Kind::Danger => "button-danger",
        Kind::Quiet => "button-quiet",
    };
    let mut classes = format!("button {kind}");
    for (on, class) in [(button.small, " button-small"), (button.wide, " button-wide"), (button.icon_only, " button-icon")] {
        if on {
            classes += class;
        }
    }
    classes
}

fn title<'a>(button: &Button<'a>) -> Option<&'a str> {
    match (button.title, button.icon_only) {
        ("", true) => Some(button.label),
        ("", false) => None,
        (title, _) => Some(title),
    }
}

fn aria_label<'a>(button: &Button<'a>) -> Option<&'a str> {
    button.icon_only.then_some(button.label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icon;

    #[test]
    fn icon_buttons_are_named() {
        let button = submit(Button { label: "Copy", icon: Some(icon::copy()), icon_only: true, ..Button::default() });
        assert!(button.into_string().contains(r#"aria-label="Copy""#));
    }

    #[test]
    fn labels_and_values_are_escaped() {
        let button = submit(Button { label: "<i>", name: "x", value: "\"><script>", ..Button::default() }).into_string();
        assert!(button.contains("&lt;i&gt;") && button.contains("&quot;&gt;&lt;script&gt;"));
    }
}
