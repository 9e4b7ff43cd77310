//! The parts of the page: how far the variables are applied, those of the site with the form that changes them, their history, and
//! those that Innkeeper gives it.

use hosting::environment::{Applied, PlatformVariable, Variable, Version};
use kit::words::counted;
use maud::{Markup, html};
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::feedback::{self, Banner};
use ui::field::{self, Field};
use ui::form::{self, PostButton};
use ui::table::{self, Column, Row, Table};
use ui::{copy, format, icon};

use super::review;
use super::{Facts, Left};
use crate::respond::sentence;

/// With more variables than this the page leaves out the fields for new values: they are pasted.
const MANY: usize = 60;

/// How far the newest version is applied; nothing where it simply is.
pub(super) fn state(facts: &Facts) -> Markup {
    let (version, live) = (facts.overview.version, facts.overview.live_version);
    let deployment = |id: &str| {
        button::link(
            &format!("/sites/{}/deployments/{id}", facts.site().id),
            Button { label: "See the deployment", small: true, ..Button::default() },
        )
    };
    match &facts.overview.applied {
        Applied::Yes => Markup::default(),
        Applied::Underway(underway) => feedback::banner(Banner {
            tone: Tone::Accent,
            title: &format!("Version {version} is being rolled out"),
            text: "The containers are replaced beside those that serve; visitors notice nothing.",
            action: deployment(underway.id.as_str()),
        }),
        Applied::AtStart => feedback::banner(Banner {
            tone: Tone::Neutral,
            title: &format!("Version {version} takes effect when the site is started"),
            text: "The site is stopped; nothing runs with the old one.",
            ..Banner::default()
        }),
        Applied::No(ended) => {
            let reason = ended.as_ref().map(|ended| match &ended.error {
                Some(error) => sentence(error),
                None => format!("Its deployment was {}.", ended.state.as_str().replace('_', " ")),
            });
            let serves =
                if live == 0 { "The site runs without variables of its own.".to_owned() } else { format!("Version {live} serves.") };
            feedback::banner(Banner {
                tone: Tone::Bad,
                title: &format!("Version {version} is not in use"),
                text: &format!("{} {serves}", reason.unwrap_or_default()),
                action: html! {
                    @if let Some(ended) = ended { (deployment(ended.id.as_str())) }
                    @if facts.may_write {
                        (form::post_button(PostButton {
                            action: &facts.action("/again"),
                            button: Button { label: "Try again", small: true, busy: "Asking…", ..Button::default() },
                            ..PostButton::default()
                        }))
                    }
                },
            })
        }
    }
}

/// The site's own variables, and the form that changes them.
pub(super) fn own(facts: &Facts, left: &Left) -> Markup {
    let variables = &facts.overview.variables;
    let badge = match facts.overview.version {
        0 => Markup::default(),
        version => badge::tag(Tone::Neutral, &format!("Version {version}")),
    };
    card::card(Card {
        title: "Variables of your own",
        hint: "Every service of the site gets them, the database aside. They are kept sealed.",
        badge,
        id: "own",
        body: html! {
            @if facts.may_write {
                form #reveal method="post" action=(facts.action("/reveal")) { (field::hidden("version", &facts.overview.version.to_string())) }
                form.form method="post" action=(facts.action("")) autocomplete="off" { (editor(facts, left)) }
            } @else if variables.is_empty() {
                p.hint { "None so far." }
            } @else {
                ul.env-list { @for variable in variables { li.env-row { (name(variable, facts)) span.env-dots aria-label="hidden" { "••••••••" } } } }
            }
        },
        ..Card::default()
    })
}

fn editor(facts: &Facts, left: &Left) -> Markup {
    let variables = &facts.overview.variables;
    let rows = (1..).zip(&left.typed.rows);
    let fields: Vec<String> = variables
        .iter()
        .map(|variable| format!("value.{}", variable.name))
        .chain((1..=left.typed.rows.len()).flat_map(|row| [format!("name.{row}"), format!("new.{row}")]))
        .chain(["pasted".to_owned()])
        .collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    html! {
        (left.complaint.summary(&fields))
        (field::hidden("base_version", &left.typed.base_version.to_string()))
        @if !variables.is_empty() {
            ul.env-list { @for variable in variables { (own_row(facts, left, variable, variables.len() <= MANY)) } }
            @if variables.len() > MANY {
                p.hint { "To change one of so many, write NAME=value into the box below." }
            }
        }
        fieldset.env-new {
            legend.label { "New variables" }
            @for (number, (name, value)) in rows { (new_row(number, name, value, left)) }
            p.hint { "Capital letters, digits and _. A value may have several lines." }
        }
        details.env-paste open[!left.typed.pasted.is_empty()] {
            summary { "Paste a .env file" }
            (field::textarea(6, Field {
                name: "pasted",
                label: "Lines such as NAME=value",
                value: &left.typed.pasted,
                error: left.complaint.of("pasted"),
                hint: "Names that exist get the new value; others stay as they are. Nothing in it is carried out: $NAME stays $NAME.",
                unmarked: true,
                ..Field::default()
            }))
            @if !left.lines.is_empty() {
                ul.env-lines {
                    @for error in &left.lines {
                        li { @if error.line > 0 { strong { "Line " (error.line) ": " } } (error.message) }
                    }
                }
            }
        }
        (form::actions(html! {
            (button::submit(Button { label: "Review changes", kind: Kind::Primary, busy: "Reading…", ..Button::default() }))
            (button::submit(Button { label: "More lines", name: "more", value: "yes", kind: Kind::Quiet, ..Button::default() }))
            span.hint { "Applied without downtime and without a build, after you have seen what changes." }
        }))
    }
}

fn name(variable: &Variable, facts: &Facts) -> Markup {
    html! {
        span.env-name {
            code { (variable.name) }
            @if let Some(since) = variable.since { span.hint { (format::time_ago(since.0, facts.now.0)) } }
        }
    }
}

fn own_row(facts: &Facts, left: &Left, variable: &Variable, with_field: bool) -> Markup {
    let key = &variable.name;
    let field = format!("value.{key}");
    let typed = left.typed.values.get(key).map(String::as_str).unwrap_or_default();
    let error = left.complaint.of(&field);
    let described = error.map(|_| format!("field-{field}-error"));
    let shown = left.shown.as_ref().filter(|(name, _)| name == key);
    html! {
        li.env-row {
            (name(variable, facts))
            div.env-value #{ "env-" (key) } {
                @match shown {
                    Some((_, value)) => (revealed(key, value)),
                    None => {
                        span.env-dots aria-hidden="true" { "••••••••" }
                        // Of a form of its own: a line break typed in a field must not ask for a secret.
                        button.button.button-quiet.button-small type="submit" form="reveal" name="name" value=(key)
                            aria-label={ "Show " (key) } hx-post=(facts.action("/reveal")) hx-target={ "#env-" (key) } {
                            (icon::eye()) span.button-label { "Show" }
                        }
                    }
                }
            }
            @if with_field {
                div.env-field {
                    textarea.input #{ "field-" (field) } name=(field) rows="1" placeholder="New value" aria-label={ "New value of " (key) }
                        spellcheck="false" aria-invalid=[error.map(|_| "true")] aria-describedby=[described] { "\n" (typed) }
                    @if let Some(error) = error {
                        span.field-error #{ "field-" (field) "-error" } { (icon::circle_alert()) span { (error) } }
                    }
                }
            }
            label.check.env-remove {
                input type="checkbox" name="remove" value=(key) aria-label={ "Remove " (key) } checked[left.typed.removed.contains(key)];
                span { "Remove" }
            }
        }
    }
}

fn new_row(number: usize, name: &str, value: &str, left: &Left) -> Markup {
    let (name_field, value_field) = (format!("name.{number}"), format!("new.{number}"));
    html! {
        div.env-new-row {
            (field::text(Field {
                name: &name_field,
                label: &format!("Name {number}"),
                value: name,
                error: left.complaint.of(&name_field),
                placeholder: "STRIPE_KEY",
                autocomplete: "off",
                unmarked: true,
                ..Field::default()
            }))
            (field::textarea(1, Field {
                name: &value_field,
                label: &format!("Value {number}"),
                value,
                error: left.complaint.of(&value_field),
                unmarked: true,
                ..Field::default()
            }))
        }
    }
}

/// One value, after it was asked for.
pub(super) fn revealed(name: &str, value: &str) -> Markup {
    let label = format!("Value of {name}");
    html! {
        div.env-shown {
            @if value.is_empty() {
                (card::missing("Empty"))
            } @else if value.contains('\n') {
                pre.env-lines-shown tabindex="0" aria-label=(label) { (value) }
                (copy::copy_button(&label, value))
            } @else {
                (copy::copy_field(&label, value))
            }
            p.hint { "That it was shown is kept in the activity log." }
        }
    }
}

/// Who changed what, and the ways back.
pub(super) fn history(facts: &Facts) -> Markup {
    let versions = &facts.overview.history;
    if versions.is_empty() {
        return Markup::default();
    }
    let columns = [Column::new("Version"), Column::new("Changes"), Column::new("By").minor(), Column::new("When"), Column::actions()];
    card::card(Card {
        title: "History",
        help: "Every change is a version. Going back to one makes a new version with the old values.",
        flush: true,
        body: table::table(Table {
            caption: "History",
            columns: if facts.may_write { &columns } else { &columns[..4] },
            rows: versions.iter().map(|version| version_row(facts, version)).collect(),
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn version_row(facts: &Facts, version: &Version) -> Row<'static> {
    let is_live = version.version == facts.overview.live_version;
    let number = html! {
        span.row.nowrap { strong { (version.version) } @if is_live { (badge::tag(Tone::Ok, "In use")) } }
    };
    let changes = match version.changes() {
        Ok(diff) => html! {
            div.cell-text { (review::names(&diff)) @if let Some(back) = version.restores { p.hint { "The values of version " (back) } } }
        },
        Err(_) => card::missing("Not readable"),
    };
    let mut cells = vec![number, changes, html! { (version.created_by) }, format::time_ago(version.created_at.0, facts.now.0)];
    if facts.may_write {
        cells.push(way_back(facts, version));
    }
    Row::new(cells)
}

fn way_back(facts: &Facts, version: &Version) -> Markup {
    if version.version == facts.overview.version {
        return Markup::default();
    }
    if !version.is_kept {
        return card::missing("Its values are no longer kept");
    }
    form::post_button(PostButton {
        action: &facts.action("/back"),
        hidden: html! {
            (field::hidden("version", &version.version.to_string()))
            (field::hidden("base_version", &facts.overview.version.to_string()))
        },
        button: Button {
            label: "Go back to this",
            title: &format!("Shows what going back to version {} changes", version.version),
            small: true,
            icon: Some(icon::undo()),
            ..Button::default()
        },
    })
}

/// What Innkeeper gives the site.
pub(super) fn platform(facts: &Facts) -> Markup {
    let row = |variable: &PlatformVariable| {
        let replaced = facts.overview.variables.iter().any(|own| own.name == variable.name);
        html! {
            dt { code { (variable.name) } }
            dd {
                @match &variable.value {
                    _ if replaced => span.hint { "replaced by your own" },
                    Some(value) if value.is_empty() => span.hint { "empty" },
                    Some(value) => code { (value) },
                    None => span.env-dots aria-label="hidden" { "••••••••" },
                }
            }
        }
    };
    let (proposed, fixed): (Vec<_>, Vec<_>) = facts.platform.iter().partition(|variable| variable.may_be_replaced);
    card::card(Card {
        title: "Set by Innkeeper",
        help: "What the template's services need. Those below may be replaced by a variable of your own with the same name.",
        body: html! {
            dl.env-platform { @for variable in fixed { (row(variable)) } }
            details.env-paste {
                summary { (counted(u64::try_from(proposed.len()).unwrap_or(0), "proposal")) " that you can replace" }
                dl.env-platform { @for variable in &proposed { (row(variable)) } }
            }
        },
        ..Card::default()
    })
}
