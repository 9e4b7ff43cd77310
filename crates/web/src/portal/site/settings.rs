//! What can be changed of a site (its name), and what cannot.

use maud::{Markup, html};
use ui::button::{self, Button};
use ui::card::{self, Card};
use ui::copy;
use ui::field::{self, Field};
use ui::form;
use ui::{format, icon};

use super::{Facts, Left};
use crate::portal::words;

pub(super) fn card(facts: &Facts, left: &Left) -> Markup {
    let name = left.name.as_deref().unwrap_or(facts.site.name.as_str());
    let save = Button { label: "Save", busy: "Saving…", disabled: facts.is_busy(), ..Button::default() };
    card::simple(
        "Settings",
        html! {
            form.form method="post" action=(facts.action("rename")) {
                (left.complaint.summary(&["site_name"]))
                (field::text(Field {
                    name: "site_name",
                    label: "Name",
                    value: name,
                    error: left.complaint.of("site_name"),
                    hint: "Also shown on the site: its services restart briefly with a new one.",
                    required: true,
                    maxlength: Some(80),
                    autocomplete: "off",
                    ..Field::default()
                }))
                (form::actions(button::submit(save)))
            }
        },
    )
}

pub(super) fn facts(facts: &Facts) -> Markup {
    let site = &facts.site;
    let made_of = if facts.is_adopted() { "Kind" } else { "Template" };
    let since = if facts.is_adopted() { "Adopted" } else { "Created" };
    card::card(Card {
        title: "Facts",
        actions: html! {
            @if facts.may_examine {
                (button::link(&facts.action("doctor"), Button {
                    label: "Examine",
                    icon: Some(icon::activity()),
                    small: true,
                    title: "Looks at containers, route, certificate, database and files, and says what to do",
                    ..Button::default()
                }))
            }
        },
        body: card::kv(&[
            (made_of, html! { (words::kind(site.kind)) " " (site.template_version) }),
            (since, html! { (format::date(site.created_at.0)) }),
            ("Site id", copy::copy_field("Site id", site.id.as_str())),
        ]),
        ..Card::default()
    })
}
