//! What the site's branch is at, and whether visitors get it.

use hosting::SiteState;
use hosting::deployments::Deployment;
use hosting::git;
use maud::{Markup, html};
use ui::badge::{self, Status, Tone};
use ui::button::{Button, Kind};
use ui::card::{self, Card};
use ui::form::{self, PostButton};
use ui::icon;

use super::{Scene, words};
use crate::app::App;

pub(super) async fn card(app: &App, scene: &Scene, serving: Option<&Deployment>) -> Markup {
    let newest = git::resolve(&app.hosting.repository(&scene.site), scene.site.branch()).await.ok();
    let is_live = newest.as_ref().is_some_and(|commit| serving.is_some_and(|it| it.commit_hash == commit.hash));
    let why_not = match (scene.site.state, &newest) {
        (SiteState::Active, Some(_)) => "",
        (SiteState::Active, None) => "The repository has no commit on its branch",
        _ => "The site does not run",
    };
    let deploy = PostButton {
        action: &scene.list(),
        button: Button {
            label: "Deploy the newest commit",
            kind: if is_live { Kind::Secondary } else { Kind::Primary },
            icon: Some(icon::rocket()),
            busy: "Asking…",
            disabled: !why_not.is_empty(),
            title: why_not,
            ..Button::default()
        },
        ..PostButton::default()
    };
    card::card(Card {
        body: html! {
            div.newest-commit {
                div {
                    p.newest-commit-where {
                        (icon::git_branch()) strong { (scene.site.branch()) }
                        @if let Some(commit) = &newest {
                            (words::commit(&commit.hash))
                            @if is_live { (badge::status_as(Status::Running, "Live")) }
                            @else if serving.is_some() { (badge::tag(Tone::Neutral, "Not live")) }
                        }
                    }
                    @match &newest {
                        Some(commit) => p.hint {
                            (words::foreign(&commit.subject))
                            @if !commit.author.is_empty() { " – " (words::foreign(&commit.author)) }
                        },
                        None => p.hint { "Nothing has been pushed to the site's branch." }
                    }
                }
                @if scene.may_deploy { (form::post_button(deploy)) }
            }
        },
        ..Card::default()
    })
}
