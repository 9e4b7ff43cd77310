//! The releases that are kept, and the question before one of them serves again.

use std::collections::BTreeMap;

use accounts::Actor;
use futures_util::future::join_all;
use hosting::Site;
use hosting::deployments::releases::{self, Release};
use hosting::sites::ReleaseId;
use maud::{Markup, html};
use tracing::warn;
use ui::badge::{self, Status};
use ui::button::{self, Button};
use ui::card::{self, Card};
use ui::dialog::{self, Confirm};
use ui::{field, format, icon};

use super::{Scene, words};
use crate::app::App;

/// Files that are named in a question; of more, how many there are.
const NAMED_FILES: usize = 5;

/// Releases of a site that one can go back to.
pub(super) struct Kept {
    live: Option<Release>,
    /// By the id of the dialog that asks.
    others: Vec<(String, Release)>,
    /// Which files with migrations differ from what serves; none where that could not be found out.
    migrations: BTreeMap<ReleaseId, Option<Vec<String>>>,
}

impl Kept {
    pub(super) async fn of(app: &App, actor: &Actor, site: &Site) -> kit::Result<Kept> {
        let kept = releases::kept(&app.db, &actor.scope(), &site.id).await?;
        let (live, others): (Vec<Release>, Vec<Release>) = kept.into_iter().partition(|release| release.id == site.release_id);
        let live = live.into_iter().next();
        let compared = others.iter().map(|release| async {
            let found = match &live {
                Some(live) => releases::migrations_between(&app.hosting, site, live, release).await,
                None => Ok(Vec::new()),
            };
            let found = found.inspect_err(|error| warn!(site.id = %site.id, "comparing migrations of two releases: {error}"));
            (release.id.clone(), found.ok())
        });
        let migrations = join_all(compared).await.into_iter().collect();
        let others = others.into_iter().map(|release| (format!("back-to-{}", release.id), release)).collect();
        Ok(Kept { live, others, migrations })
    }

    /// The dialog that asks before this release serves again; none for the one that serves and for those that are given up.
    pub(super) fn dialog(&self, release: &ReleaseId) -> Option<&str> {
        self.others.iter().find(|(_, other)| other.id == *release).map(|(dialog, _)| dialog.as_str())
    }

    /// The question before a release serves again.
    pub(super) fn question(&self, scene: &Scene, dialog: &str, release: &Release) -> Markup {
        let changed = self.migrations.get(&release.id).cloned().flatten();
        let commit = release.commit_hash.get(..7).unwrap_or("the first release");
        dialog::confirm_dialog(Confirm {
            id: dialog,
            title: &format!("Roll back to {commit}?"),
            text: "It takes seconds: the release is kept as it was built, nothing is built again. What serves now stays until the old release \
                   has answered, and is kept as well.",
            action: &format!("/sites/{}/rollback", scene.site.id),
            hidden: field::hidden("release_id", release.id.as_str()),
            fields: html! {
                @match changed {
                    Some(files) if files.is_empty() => {}
                    Some(files) => { (migrations(&files)) }
                    None => p.hint { "Whether database migrations lie between the two could not be found out. The database is not taken back." }
                }
                @if self.live.as_ref().is_some_and(|live| live.environment_version != release.environment_version) {
                    p.hint { "It runs with the settings that it had then, not with those of today." }
                }
            },
            button: "Roll back",
            ..Confirm::default()
        })
    }

    /// The questions before each of them serves again.
    pub(super) fn questions(&self, scene: &Scene) -> Markup {
        html! { @for (dialog, release) in &self.others { (self.question(scene, dialog, release)) } }
    }

    /// The question about one release alone.
    pub(super) fn question_about(&self, scene: &Scene, release: &ReleaseId) -> Markup {
        let found = self.others.iter().find(|(_, other)| other.id == *release);
        html! { @if let Some((dialog, release)) = found { (self.question(scene, dialog, release)) } }
    }
}

fn migrations(files: &[String]) -> Markup {
    html! {
        div.migrations-note {
            p { (icon::triangle_alert()) strong { "The database is not taken back." } }
            p { "These migrations differ between the two; the older code meets the database as it is now:" }
            ul {
                @for file in files.iter().take(NAMED_FILES) { li { code { (words::foreign(file)) } } }
                @if files.len() > NAMED_FILES { li { "and " (files.len() - NAMED_FILES) " more" } }
            }
        }
    }
}

pub(super) fn card(scene: &Scene, kept: &Kept) -> Markup {
    let live = kept.live.iter().map(|release| (None, release));
    let others = kept.others.iter().map(|(dialog, release)| (Some(dialog.as_str()), release));
    card::card(Card {
        title: "Kept releases",
        help: "Releases whose images are still here. Each can serve again within seconds.",
        body: html! {
            @if kept.live.is_none() && kept.others.is_empty() {
                p.hint { "The first release is written down with the first deployment." }
            }
            ul.kept-releases {
                @for (dialog, release) in live.chain(others) {
                    li {
                        div {
                            p {
                                @if release.commit_hash.is_empty() { "As it came" } @else { (words::commit(&release.commit_hash)) }
                                @if dialog.is_none() { " " (badge::status_as(Status::Running, "Live")) }
                            }
                            @if let Some(at) = release.live_at {
                                p.hint { @if dialog.is_none() { "Since " } @else { "Last live " } (format::time_ago(at.0, scene.now.0)) }
                            }
                        }
                        @if let Some(dialog) = dialog.filter(|_| scene.may_deploy) {
                            (button::opens_dialog(dialog, Button { label: "Roll back", small: true, ..Button::default() }))
                        }
                    }
                }
            }
            @if scene.may_deploy { (kept.questions(scene)) }
        },
        ..Card::default()
    })
}
