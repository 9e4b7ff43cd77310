//! The previews of a site: other branches at addresses of their own. Made, extended and removed here; each has its own page as well.

use accounts::{Actor, Permission, Scope};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use hosting::deployments::{self, Deployment};
use hosting::edge::PREVIEW_USER;
use hosting::git::{Branch, BranchName};
use hosting::previews::{self, NewPreview};
use hosting::sites::{self, PreviewDatabase};
use hosting::templates::Kind;
use hosting::{Site, SiteId, SiteState};
use kit::words::counted;
use kit::{Error, Result, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use tracing::warn;
use ui::badge::Tone;
use ui::button::{self, Button};
use ui::card::{self, Card, Empty};
use ui::dialog::{self, Confirm};
use ui::feedback::{self, Banner};
use ui::field::{self, Choice, Field};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::page::Page;
use ui::{copy, format, icon};

use super::tabs::{self, SiteTab};
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame::{self, View};
use crate::portal::seen::{self, Seen};
use crate::portal::words;
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// Branches that are offered; a preview of any other is made by the API or the command line.
const OFFERED: usize = 100;
const FIELDS: &[&str] = &["branch", "database"];
/// Seconds between looks without a socket.
const BEAT: u32 = 5;

/// What is chosen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    branch: String,
    database: String,
    variables: String,
}

/// One preview with what is shown of it.
struct Shown {
    site: Site,
    seen: Seen,
    newest: Option<Deployment>,
    password: Option<String>,
}

struct Facts {
    scope: Scope,
    site: Site,
    previews: Vec<Shown>,
    may_write: bool,
    now: Timestamp,
}

impl Facts {
    async fn gather(app: &App, actor: &Actor, id: &SiteId) -> Result<Facts> {
        let scope = actor.scope();
        let site = sites::get(&app.db, &scope, id).await?;
        if site.kind == Kind::Adopted {
            return Err(Error::not_found("the address"));
        }
        let may_write = actor.can(Permission::WriteSites);
        let found = previews::list(&app.db, &scope, id).await?;
        let seen = seen::of_sites(app, &found).await;
        let mut shown = Vec::new();
        for (site, seen) in found.into_iter().zip(seen) {
            let password = if may_write { previews::password(&app.hosting, &site)? } else { None };
            shown.push(Shown {
                newest: deployments::newest(&app.db, &scope, &site.id).await?,
                password: password.map(|password| password.reveal().to_owned()),
                site,
                seen,
            });
        }
        Ok(Facts { scope, site, previews: shown, may_write, now: app.clock.now() })
    }
}

/// Shows the previews, or the list of them alone.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>) -> Answer {
    let facts = Facts::gather(&app, &actor, &id).await?;
    if let Some(site) = &facts.site.preview_of {
        return Ok(Redirect::to(&format!("/sites/{site}/previews")).into_response());
    }
    if view.is_fragment() {
        return Ok(view.fragment(list(&app, &facts)));
    }
    let typed = Typed { database: PreviewDatabase::Empty.to_string(), variables: "on".to_owned(), ..Typed::default() };
    show(&app, &facts, view, &typed, &Complaint::none()).await
}

async fn show(app: &App, facts: &Facts, view: View, typed: &Typed, complaint: &Complaint) -> Answer {
    let id = &facts.site.id;
    let (topic, room) = (format!("previews:{id}"), format!("site:{id}"));
    let here = format!("/sites/{id}/previews");
    let region = Region { topic: &topic, url: &here, poll: Some(BEAT), body: list(app, facts), ..Region::default() };
    Ok(view.complaining(complaint).page(Page {
        title: "Previews",
        help: "Other branches of the repository at addresses of their own, behind a password, each with its own containers and database.",
        crumbs: &tabs::crumbs(&facts.site),
        live_rooms: &[room.as_str()],
        body: html! {
            (tabs::strip(&facts.site, SiteTab::Previews))
            (card::stack(html! {
                (live::region(region))
                @if facts.may_write { (new_card(app, facts, typed, complaint).await) }
            }))
        },
        ..Page::default()
    }))
}

fn list(app: &App, facts: &Facts) -> Markup {
    if facts.previews.is_empty() {
        return card::card(Card {
            body: card::empty_state(Empty {
                icon: Some(icon::git_branch()),
                title: "No previews",
                text: "Push another branch, make a preview of it, and show it to whoever gets the password. Your visitors notice nothing.",
                ..Empty::default()
            }),
            ..Card::default()
        });
    }
    card::stack(html! { @for preview in &facts.previews { (one(app, facts, preview)) } })
}

fn one(app: &App, facts: &Facts, shown: &Shown) -> Markup {
    let preview = &shown.site;
    let url = app.hosting.url(preview);
    let hint = shown.newest.as_ref().map(said).unwrap_or_default();
    card::card(Card {
        title: preview.branch(),
        badge: words::status(preview, &shown.seen),
        hint: &hint,
        actions: html! {
            (button::link(&format!("/sites/{}", preview.id), Button { label: "Details", small: true, ..Button::default() }))
        },
        body: html! {
            (card::kv(&[
                ("Address", html! { a.link-external href=(url) { (url) (icon::external_link()) } }),
                ("User name", copy::copy_field("User name", PREVIEW_USER)),
                ("Password", password(shown.password.as_deref())),
                ("Database", html! { (database_in_words(preview)) }),
                ("Kept until", expiry(preview, facts.now)),
            ]))
            @if facts.may_write { div.gap { (ways(app, facts, preview)) } }
        },
        ..Card::default()
    })
}

fn said(newest: &Deployment) -> String {
    match newest.subject.as_str() {
        "" => format!("Commit {}", newest.short_commit()),
        subject => format!("{} · {subject}", newest.short_commit()),
    }
}

pub(super) fn password(password: Option<&str>) -> Markup {
    match password {
        Some(password) => copy::secret_field("Password", password),
        None => card::missing("Only people who may change the site can see it"),
    }
}

pub(super) fn database_in_words(preview: &Site) -> &'static str {
    match preview.preview_database {
        Some(PreviewDatabase::Copy) => "Began as a copy of the site's, uploads included",
        _ => "Began empty",
    }
}

pub(super) fn expiry(preview: &Site, now: Timestamp) -> Markup {
    match preview.preview_expires_at {
        Some(at) => html! { (format::date(at.0)) " · " span.muted { (words::time_left(at, now)) } },
        None => html! { "Its branch is deleted" },
    }
}

fn ways(app: &App, facts: &Facts, preview: &Site) -> Markup {
    let action = |verb: &str| format!("/sites/{}/previews/{}/{verb}", facts.site.id, preview.id);
    let may_be_removed = matches!(preview.state, SiteState::Active | SiteState::Stopped | SiteState::Failed);
    let dialog = format!("remove-{}", preview.id);
    html! {
        (button::row(html! {
            @if app.config.hosting.preview_days > 0 {
                (form::post_button(PostButton {
                    action: &action("extend"),
                    button: Button { label: "Keep it longer", small: true, busy: "Keeping…", ..Button::default() },
                    ..PostButton::default()
                }))
            }
            (form::post_button(PostButton {
                action: &action("password"),
                button: Button { label: "New password", small: true, busy: "Changing…", ..Button::default() },
                ..PostButton::default()
            }))
            (button::opens_dialog(&dialog, Button {
                label: "Remove",
                kind: button::Kind::Danger,
                small: true,
                disabled: !may_be_removed,
                title: if may_be_removed { "" } else { "Something is being done to it" },
                ..Button::default()
            }))
        }))
        (dialog::confirm_dialog(Confirm {
            id: &dialog,
            title: &format!("Remove the preview of {}?", preview.branch()),
            text: "The branch stays in the repository, and the site is not touched.",
            loses: &["The preview's database and uploads", "Its address and password"],
            action: &action("remove"),
            button: "Remove",
            danger: true,
            ..Confirm::default()
        }))
    }
}

async fn new_card(app: &App, facts: &Facts, typed: &Typed, complaint: &Complaint) -> Markup {
    let limit = app.config.hosting.previews_per_site;
    let body = if facts.site.outside_url.is_some() {
        html! { p { "Previews show branches of repositories that are kept here. This site's repository is at a provider." } }
    } else if facts.site.state != SiteState::Active {
        html! { p { "The site must run before a branch of it can be given a preview." } }
    } else if facts.previews.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
        html! { p { "A site may have " (counted(limit, "preview")) " at once. Remove one that is no longer needed." } }
    } else {
        let branches = previews::branches(&app.hosting, &facts.scope, &facts.site.id, OFFERED).await;
        match branches {
            Ok(branches) => choose(app, facts, &branches, typed, complaint),
            Err(error) => {
                warn!(site.id = %facts.site.id, "reading the branches of a repository: {error}");
                html! { p { "The repository cannot be read just now. Please try again in a moment." } }
            }
        }
    };
    card::simple("New preview", body)
}

fn choose(app: &App, facts: &Facts, branches: &[Branch], typed: &Typed, complaint: &Complaint) -> Markup {
    let has_one = |branch: &Branch| facts.previews.iter().any(|shown| shown.site.branch() == branch.name.as_str());
    let free: Vec<(&Branch, String)> = branches
        .iter()
        .filter(|branch| !has_one(branch))
        .map(|branch| (branch, format!("{} · {}", branch.name, format::ago(branch.at.0, facts.now.0))))
        .collect();
    if free.is_empty() {
        let clone = format!("git clone {}", app.hosting.repository_url(&facts.site));
        return html! {
            p { "There is no branch yet that could be shown. Make one and push it:" }
            div.gap { (copy::copy_field("Clone the repository", &clone)) }
            div.gap { (copy::copy_field("Push another branch", "git switch -c my-idea && git push origin my-idea")) }
        };
    }
    let mut choices = vec![Choice { value: "", label: "Choose a branch", disabled: false }];
    choices.extend(free.iter().map(|(branch, label)| Choice { value: branch.name.as_str(), label, disabled: false }));
    let more = branches.len() >= OFFERED;
    let hint = if more { "The 100 with the newest commits. Any other by the API or the command line." } else { "Newest commit first." };
    html! {
        form.form method="post" action={ "/sites/" (facts.site.id) "/previews" } {
            (complaint.summary(FIELDS))
            (field::select(
                Field { name: "branch", label: "Branch", value: &typed.branch, error: complaint.of("branch"), hint, required: true, ..Field::default() },
                &choices,
            ))
            (field::radios(
                Field { name: "database", label: "Database", value: &typed.database, error: complaint.of("database"), required: true, ..Field::default() },
                &[
                    field::Card { value: "empty", title: "Empty", text: "As that of a new site. Nobody's data is in it.", ..field::Card::default() },
                    field::Card {
                        value: "copy",
                        title: "A copy of the site's, uploads included",
                        text: "Personal data of visitors and customers is copied too: choose this only if everyone who gets the password may see it.",
                        ..field::Card::default()
                    },
                ],
            ))
            (field::checkbox(typed.variables == "on", Field {
                name: "variables",
                label: "With the site's own variables",
                value: "on",
                hint: "They may hold keys to other services: what the preview does with them there is real. Innkeeper's passwords and secrets are never shared.",
                unmarked: true,
                ..Field::default()
            }))
            (form::actions(button::submit(Button {
                label: "Make the preview",
                kind: button::Kind::Primary,
                busy: "Asking…",
                ..Button::default()
            })))
        }
    }
}

/// Makes one, or shows the form again.
pub async fn create(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>, Form(typed): Form<Typed>) -> Answer {
    let outcome = match parse(&typed.branch, &typed.database, typed.variables == "on") {
        Ok(new) => previews::create(&app.hosting, &actor, &id, &new).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(preview) => {
            changed::audit(&app, Some(&preview.customer_id));
            Ok(frame::done(&app, &format!("/sites/{id}/previews"), "The preview is being made"))
        }
        Err(error) => {
            // Another customer's site is not there, whatever was chosen.
            let facts = Facts::gather(&app, &actor, &id).await?;
            let complaint = Complaint::from(in_sentences(error))?;
            show(&app, &facts, view, &typed, &complaint).await
        }
    }
}

/// A wish as it comes in, from the form or the API.
pub(crate) fn parse(branch: &str, database: &str, with_variables: bool) -> Result<NewPreview> {
    crate::extract::all_or_complaints!(
        branch: BranchName::parse(branch.trim()),
        database: PreviewDatabase::from_text(database).ok_or_else(|| Error::invalid("database", "must be one of: empty, copy")),
    );
    Ok(NewPreview { branch, database, with_variables })
}

fn in_sentences(error: Error) -> Error {
    let Error::Invalid(mut fields) = error else { return error };
    for field in &mut fields {
        if field.field == "branch" {
            field.message = format!("the branch {}", field.message);
        }
    }
    Error::Invalid(fields)
}

/// Removes one.
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path((id, preview)): Path<(SiteId, SiteId)>) -> Answer {
    let outcome = previews::remove(&app.hosting, &actor, &id, &preview).await;
    settle(&app, &id, outcome, "The preview is being removed")
}

/// Lets one stay.
pub async fn extend(State(app): State<App>, Caller(actor): Caller, Path((id, preview)): Path<(SiteId, SiteId)>) -> Answer {
    let outcome = previews::extend(&app.hosting, &actor, &id, &preview).await;
    let days = counted(app.config.hosting.preview_days, "day");
    settle(&app, &id, outcome, &format!("The preview stays for {days} from now"))
}

/// Changes the password of one.
pub async fn renew_password(State(app): State<App>, Caller(actor): Caller, Path((id, preview)): Path<(SiteId, SiteId)>) -> Answer {
    let outcome = previews::renew_password(&app.hosting, &actor, &id, &preview).await;
    settle(&app, &id, outcome, "The preview has a new password; the old one no longer works")
}

fn settle(app: &App, id: &SiteId, outcome: Result<Site>, title: &str) -> Answer {
    if let Ok(site) = &outcome {
        changed::audit(app, Some(&site.customer_id));
    }
    frame::done_or_refused(app, &format!("/sites/{id}/previews"), outcome.map(|_| ()), title)
}

/// Says of each page of a preview that it is about one; nothing for other sites.
pub(super) fn banner(site: &Site) -> Markup {
    let Some(parent) = &site.preview_of else { return Markup::default() };
    feedback::banner(Banner {
        tone: Tone::Accent,
        title: &format!("Preview of {}, branch {}", site.name.as_str(), site.branch()),
        text: "It has containers, a database and secrets of its own. What you do here does not touch the site.",
        action: button::link(&format!("/sites/{parent}/previews"), Button { label: "All previews", small: true, ..Button::default() }),
    })
}
