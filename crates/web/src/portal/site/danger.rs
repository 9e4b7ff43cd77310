//! What takes a site from its visitors: stopping and deleting it.

use hosting::SiteState;
use kit::words::counted;
use maud::{Markup, html};
use ui::button::{Button, Kind};
use ui::dialog::{self, Confirm};
use ui::form::{self, PostButton};

use super::Facts;
use crate::app::App;

pub(super) fn zone(app: &App, facts: &Facts, is_busy: bool) -> Markup {
    if is_busy {
        return dialog::danger_zone(html! { p.pad.hint { "Something is being done to the site. Wait until it has ended." } });
    }
    dialog::danger_zone(html! {
        @if facts.site.state == SiteState::Stopped { (start(facts)) } @else { (stop(facts)) }
        (delete(app, facts))
    })
}

fn start(facts: &Facts) -> Markup {
    let button = PostButton {
        action: &facts.action("start"),
        button: Button { label: "Start", kind: Kind::Secondary, busy: "Starting…", ..Button::default() },
        ..PostButton::default()
    };
    dialog::danger_row("Stopped", "Visitors see a page that says so. Nothing is lost.", form::post_button(button))
}

fn stop(facts: &Facts) -> Markup {
    dialog::danger_action(
        "Stop the site",
        "Visitors see a page that says so, until you start it again.",
        Confirm {
            id: "stop-site",
            title: &format!("Stop {}?", facts.site.name.as_str()),
            text: "Nothing is lost: database, files and address are kept.",
            loses: &["Visitors cannot reach the site until it is started again"],
            action: &facts.action("stop"),
            button: "Stop",
            ..Confirm::default()
        },
    )
}

fn delete(app: &App, facts: &Facts) -> Markup {
    let days = counted(app.hosting.config.keep_archives_days, "day");
    let kept = format!("It can be restored for {days}; after that it is gone for good.");
    let address = format!("The address {} stops answering", facts.site.domain);
    let text = match &facts.site.outside_url {
        Some(url) => format!("{kept} The repository {url} stays where it is; pushes to it deploy nothing any more."),
        None => kept.clone(),
    };
    let repository = if facts.site.outside_url.is_some() { "The webhook of its repository" } else { "The repository with its history" };
    dialog::danger_action(
        "Delete the site",
        &kept,
        Confirm {
            id: "delete-site",
            title: &format!("Delete {}?", facts.site.name.as_str()),
            text: &text,
            loses: &[&address, "All pages, uploads, messages and the database", repository],
            type_name: facts.site.name.as_str(),
            action: &facts.action("delete"),
            button: "Delete",
            ..Confirm::default()
        },
    )
}
