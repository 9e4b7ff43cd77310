//! Form fields: label, control, hint, and the error beside the field it belongs to.

use crate::icon;
use maud::{Markup, html};

/// What every field has.
#[derive(Debug, Clone, Default)]
pub struct Field<'a> {
    /// The name sent with the form; the id is made from it.
    pub name: &'a str,
    /// The label above.
    pub label: &'a str,
    /// What it holds now.
    pub value: &'a str,
    /// One sentence on what to write.
    pub hint: &'a str,
    /// What is wrong and how to mend it.
    pub error: Option<&'a str>,
    /// Must be filled in. Others are marked "optional".
    pub required: bool,
    /// Leaves away the mark "optional", for single-field forms.
    pub unmarked: bool,
    /// An example, never the only label.
    pub placeholder: &'a str,
    /// The browser's autofill key, such as `email` or `one-time-code`.
    pub autocomplete: &'a str,
    /// Which keyboard to show, such as `numeric`.
    pub inputmode: &'a str,
    /// What the browser checks before sending.
    pub pattern: &'a str,
    /// The most characters.
    pub maxlength: Option<u32>,
    /// Fixed text before the value, such as `https://`.
    pub prefix: &'a str,
    /// Fixed text after the value, such as `.example.com` or `MB`.
    pub suffix: &'a str,
    /// Asked as one types (`GET {check_url}?value=…`, answer `{"ok": bool, "message": string}`).
    pub check_url: &'a str,
    /// Takes the focus when the page opens.
    pub autofocus: bool,
    /// Shown, not changeable, not sent.
    pub disabled: bool,
    /// Another id, when a page has two fields of one name.
    pub id: &'a str,
}

/// One choice of a select.
#[derive(Debug, Clone, Default)]
pub struct Choice<'a> {
    /// What is sent.
    pub value: &'a str,
    /// What is read.
    pub label: &'a str,
    /// Cannot be chosen.
    pub disabled: bool,
}

/// One choice of a row of cards.
#[derive(Debug, Clone, Default)]
pub struct Card<'a> {
    /// What is sent.
    pub value: &'a str,
    /// Its name.
    pub title: &'a str,
    /// One sentence.
    pub text: &'a str,
    /// The picture above: an `img` or an inline SVG, 16:10.
    pub picture: Option<Markup>,
    /// An icon before the title, when there is no picture.
    pub icon: Option<Markup>,
    /// A word in the corner, such as a price.
    pub note: &'a str,
    /// Cannot be chosen; `note` says why.
    pub disabled: bool,
}

/// Whether a password is being asked for or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Password {
    /// The one that exists.
    Current,
    /// A new one, with a strength meter.
    New,
}

/// Shows a line of text.
pub fn text(field: Field<'_>) -> Markup {
    input("text", field)
}

/// Shows a field for a mail address.
pub fn email(field: Field<'_>) -> Markup {
    let autocomplete = if field.autocomplete.is_empty() { "email" } else { field.autocomplete };
    input("email", Field { autocomplete, inputmode: "email", ..field })
}

/// Shows a field for a web address.
pub fn url(field: Field<'_>) -> Markup {
    input("url", Field { inputmode: "url", ..field })
}

/// Shows a field for a whole or decimal number.
pub fn number(field: Field<'_>) -> Markup {
    input("text", Field { inputmode: "decimal", autocomplete: "off", ..field })
}

/// Shows a field for a day (`2026-11-21`).
pub fn date(field: Field<'_>) -> Markup {
    input("date", field)
}

/// Shows a field for a file; `accept` are the ends of names that the browser offers.
pub fn file(field: Field<'_>, accept: &str) -> Markup {
    let id = id(&field);
    let control = html! {
        input #(id) .input type="file" name=(field.name) accept=(accept) required[field.required] disabled[field.disabled]
            aria-invalid=[field.error.map(|_| "true")] aria-describedby=[described_by(&field, &id)];
    };
    around(&field, &id, control)
}

/// Shows a field for a password, with a button that reveals it.
pub fn password(kind: Password, field: Field<'_>) -> Markup {
    let id = id(&field);
    let autocomplete = match kind {
        Password::Current => "current-password",
        Password::New => "new-password",
    };
    let control = html! {
        div.input-group data-reveal {
            input #(id) .input type="password" name=(field.name) autocomplete=(autocomplete) required[field.required]
                value=[filled(field.value)] autofocus[field.autofocus] spellcheck="false" maxlength=[field.maxlength]
                aria-invalid=[field.error.map(|_| "true")] aria-describedby=[described_by(&field, &id)]
                data-strength=[(kind == Password::New).then(|| format!("{id}-strength"))];
            button.input-button.needs-js type="button" aria-label={ "Show " (field.label.to_lowercase()) } aria-pressed="false" data-reveal-button {
                (icon::eye()) (icon::eye_off())
            }
        }
        @if kind == Password::New {
            div #{ (id) "-strength" } .strength.needs-js data-score="0" {
                span.strength-bar {} span.strength-bar {} span.strength-bar {} span.strength-bar {}
                output.strength-word aria-live="polite" {}
            }
        }
    };
    around(&field, &id, control)
}

/// Shows a field for longer text.
pub fn textarea(rows: u32, field: Field<'_>) -> Markup {
    let id = id(&field);
    let control = html! {
        textarea #(id) .input name=(field.name) rows=(rows) placeholder=[filled(field.placeholder)] required[field.required]
            disabled[field.disabled] maxlength=[field.maxlength] aria-invalid=[field.error.map(|_| "true")]
            aria-describedby=[described_by(&field, &id)] { "\n" (field.value) }
    };
    around(&field, &id, control)
}

/// Shows a list to choose one from.
pub fn select(field: Field<'_>, choices: &[Choice<'_>]) -> Markup {
    let id = id(&field);
    let control = html! {
        select #(id) .input.select name=(field.name) required[field.required] disabled[field.disabled]
            aria-invalid=[field.error.map(|_| "true")] aria-describedby=[described_by(&field, &id)] {
            @for choice in choices {
                option value=(choice.value) selected[choice.value == field.value] disabled[choice.disabled] { (choice.label) }
            }
        }
    };
    around(&field, &id, control)
}

/// Shows cards with pictures to choose one from.
pub fn radio_cards(field: Field<'_>, cards: &[Card<'_>]) -> Markup {
    let id = id(&field);
    html! {
        fieldset.field.cards-field aria-describedby=[described_by(&field, &id)] {
            legend.label { (field.label) (optional(&field)) }
            (hint(&field, &id))
            div.radio-cards data-pictures[cards.iter().any(|card| card.picture.is_some())] {
                @for card in cards {
                    label.radio-card {
                        input type="radio" name=(field.name) value=(card.value) checked[card.value == field.value]
                            required[field.required] disabled[card.disabled || field.disabled];
                        @if let Some(picture) = &card.picture { span.radio-card-picture { (picture) } }
                        span.radio-card-text {
                            span.radio-card-title {
                                @if let Some(icon) = &card.icon { (icon) }
                                (card.title)
                                @if !card.note.is_empty() { span.radio-card-note { (card.note) } }
                            }
                            @if !card.text.is_empty() { span.radio-card-hint { (card.text) } }
                        }
                    }
                }
            }
            (error(&field, &id))
        }
    }
}

/// Shows a plain list of radio buttons: `text` of a card is the hint beside the choice.
pub fn radios(field: Field<'_>, cards: &[Card<'_>]) -> Markup {
    let id = id(&field);
    html! {
        fieldset.field aria-describedby=[described_by(&field, &id)] {
            legend.label { (field.label) (optional(&field)) }
            (hint(&field, &id))
            div.radios {
                @for card in cards {
                    label.check {
                        input type="radio" name=(field.name) value=(card.value) checked[card.value == field.value]
                            required[field.required] disabled[card.disabled || field.disabled];
                        span.check-text {
                            span { (card.title) }
                            @if !card.text.is_empty() { span.hint { (card.text) } }
                        }
                    }
                }
            }
            (error(&field, &id))
        }
    }
}

/// Shows a box to tick; sends `on`, or the field's value if it has one.
pub fn checkbox(checked: bool, field: Field<'_>) -> Markup {
    tick("check", None, checked, &field)
}

/// Shows a switch: a checkbox for settings that are on or off.
pub fn switch(checked: bool, field: Field<'_>) -> Markup {
    tick("check check-switch", Some("switch"), checked, &field)
}

/// Puts a value into the form without showing it.
pub fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

fn tick(class: &str, role: Option<&str>, checked: bool, field: &Field<'_>) -> Markup {
    let id = id(field);
    html! {
        div.field {
            label class=(class) {
                input #(id) type="checkbox" role=[role] name=(field.name) value=[filled(field.value)] checked[checked] required[field.required]
                    disabled[field.disabled] aria-invalid=[field.error.map(|_| "true")] aria-describedby=[described_by(field, &id)];
                span.check-text {
                    span { (field.label) }
                    (hint(field, &id))
                }
            }
            (error(field, &id))
        }
    }
}

fn input(kind: &str, field: Field<'_>) -> Markup {
    let id = id(&field);
    let control = html! {
        input #(id) .input type=(kind) name=(field.name) value=[filled(field.value)] placeholder=[filled(field.placeholder)]
            autocomplete=[filled(field.autocomplete)] inputmode=[filled(field.inputmode)] pattern=[filled(field.pattern)]
            maxlength=[field.maxlength] required[field.required] disabled[field.disabled] autofocus[field.autofocus]
            aria-invalid=[field.error.map(|_| "true")] aria-describedby=[described_by(&field, &id)]
            data-check-url=[filled(field.check_url)];
    };
    let control = if field.prefix.is_empty() && field.suffix.is_empty() {
        control
    } else {
        html! {
            div.input-group {
                @if !field.prefix.is_empty() { span.input-affix #{ (id) "-prefix" } { (field.prefix) } }
                (control)
                @if !field.suffix.is_empty() { span.input-affix #{ (id) "-suffix" } { (field.suffix) } }
            }
        }
    };
    around(&field, &id, control)
}

fn around(field: &Field<'_>, id: &str, control: Markup) -> Markup {
    html! {
        div.field {
            label.label for=(id) { (field.label) (optional(field)) }
            (control)
            (error(field, id))
            (hint(field, id))
        }
    }
}

fn optional(field: &Field<'_>) -> Markup {
    html! { @if !field.required && !field.unmarked { span.optional { "optional" } } }
}

fn hint(field: &Field<'_>, id: &str) -> Markup {
    html! { @if !field.hint.is_empty() { span.hint #{ (id) "-hint" } { (field.hint) } } }
}

/// The place for the error is always there when the field is checked live, so that it is read out.
fn error(field: &Field<'_>, id: &str) -> Markup {
    html! {
        @if let Some(error) = field.error {
            span.field-error #{ (id) "-error" } data-field-answer { (icon::circle_alert()) span { (error) } }
        } @else if !field.check_url.is_empty() {
            span.field-error #{ (id) "-error" } data-field-answer role="status" hidden {}
        }
    }
}

fn described_by(field: &Field<'_>, id: &str) -> Option<String> {
    let parts = [
        (field.error.is_some() || !field.check_url.is_empty(), "error"),
        (!field.hint.is_empty(), "hint"),
        (!field.prefix.is_empty(), "prefix"),
        (!field.suffix.is_empty(), "suffix"),
    ];
    let ids: Vec<String> = parts.iter().filter(|(there, _)| *there).map(|(_, part)| format!("{id}-{part}")).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

fn id(field: &Field<'_>) -> String {
    if field.id.is_empty() { format!("field-{}", field.name) } else { field.id.to_owned() }
}

fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_belongs_to_its_field() {
        let field = text(Field {
            name: "host",
            label: "Address",
            value: "a b",
            hint: "Letters and digits.",
            error: Some("No spaces, please."),
            ..Field::default()
        })
        .into_string();
        assert!(field.contains(r#"aria-invalid="true""#));
        assert!(field.contains(r#"aria-describedby="field-host-error field-host-hint""#));
        assert!(field.contains(r#"id="field-host-error""#) && field.contains("No spaces, please."));
    }

    #[test]
    fn values_are_escaped_everywhere() {
        let evil = "\"><script>alert('x')</script>&";
        let field = || Field {
            name: "n",
            label: evil,
            value: evil,
            hint: evil,
            error: Some(evil),
            placeholder: evil,
            prefix: evil,
            ..Field::default()
        };
        let choice = [Choice { value: evil, label: evil, disabled: false }];
        let card = [Card { value: evil, title: evil, text: evil, note: evil, ..Card::default() }];
        for markup in [
            text(field()),
            password(Password::New, field()),
            textarea(3, field()),
            select(field(), &choice),
            radio_cards(field(), &card),
            checkbox(true, field()),
        ] {
            assert!(!markup.into_string().contains("<script"));
        }
    }

    #[test]
    fn leading_line_break_of_a_textarea_survives() {
        let area = textarea(3, Field { name: "n", value: "\nsecond", ..Field::default() }).into_string();
        assert!(area.contains(">\n\nsecond</textarea>"));
    }
}
