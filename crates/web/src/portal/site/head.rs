//! The head of a site's page: which site, how it is, since when.

use hosting::SiteState;
use hosting::operations::OperationState;
use hosting::probes::HealthState;
use maud::{Markup, html};
use ui::button::{self, Button, Kind};
use ui::form::{self, PostButton};
use ui::{format, help, icon};

use super::Facts;
use crate::portal::words;

const MEANING: &str = "Running means that the containers of all services run and their health checks agree.";

pub(super) fn head(facts: &Facts) -> Markup {
    let site = &facts.site;
    let answers = matches!(site.state, SiteState::Active | SiteState::Stopped) && !facts.is_adopted();
    html! {
        div.hero {
            div {
                div.hero-line {
                    h1 {
                        @if answers {
                            a.link-external href=(facts.url) { (site.domain) (icon::external_link()) }
                        } @else if facts.is_adopted() {
                            (site.name.as_str())
                        } @else {
                            (site.domain)
                        }
                    }
                    span.row.nowrap { (words::status(site, &facts.seen)) (help::popover("status", MEANING)) }
                }
                div.hero-facts {
                    span { @if !facts.is_adopted() { (site.name.as_str()) " · " } (words::kind(site.kind)) }
                    @if let Some(since) = since(facts) { span { (since) } }
                    @if let Some(at) = site.last_deployed_at { span { "Deployed " (format::time_ago(at.0, facts.now.0)) } }
                    @if let (SiteState::Active, Some(why), Some(_)) = (site.state, facts.seen.unknown(), &facts.customer) { span { (why) } }
                }
            }
            (button::row(buttons(facts)))
        }
    }
}

/// Since when it is as it is: the end of the last thing that was done to it.
fn since(facts: &Facts) -> Option<Markup> {
    let (operation, _) = facts.newest.as_ref().filter(|(operation, _)| operation.state == OperationState::Done)?;
    let at = operation.finished_at?.0;
    let word = match facts.site.state {
        SiteState::Active if facts.seen.state() == HealthState::Running => "Started",
        SiteState::Stopped => "Stopped",
        SiteState::Archived => "Deleted",
        _ => return None,
    };
    Some(html! { (word) " " (format::time_ago(at, facts.now.0)) })
}

fn buttons(facts: &Facts) -> Markup {
    match facts.site.state {
        _ if facts.is_adopted() => Markup::default(),
        SiteState::Active => {
            button::link(&facts.url, Button { label: "Visit", kind: Kind::Primary, icon: Some(icon::external_link()), ..Button::default() })
        }
        SiteState::Stopped if facts.may_write => form::post_button(PostButton {
            action: &facts.action("start"),
            button: Button {
                label: "Start",
                kind: Kind::Primary,
                icon: Some(icon::play()),
                busy: "Starting…",
                disabled: facts.is_busy(),
                title: if facts.is_busy() { "Something is being done to the site" } else { "" },
                ..Button::default()
            },
            ..PostButton::default()
        }),
        _ => Markup::default(),
    }
}
