//! The variables that a customer gives a site: what there is, several changes at once, what they come to, and then one button that
//! applies them. Values are never on a page before somebody asks for one by name.

mod cards;
mod review;
mod typed;

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::response::Response;
use hosting::deployments::{self, Wish};
use hosting::environment::{self, Change, Changed, LineError, Overview, PlatformVariable};
use hosting::{Site, SiteId};
use kit::{Error, Result, Timestamp};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use ui::card;
use ui::live::{self, Region};
use ui::page::Page;

use self::typed::Typed;
use super::tabs::{self, SiteTab};
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path, Query};
use crate::frame::{self, View};
use crate::portal::to;
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// What the page shows.
struct Facts {
    overview: Overview,
    platform: Vec<PlatformVariable>,
    may_write: bool,
    now: Timestamp,
}

impl Facts {
    async fn gather(app: &App, actor: &Actor, id: &SiteId) -> Result<Facts> {
        let overview = environment::overview(&app.hosting, &actor.scope(), id).await?;
        let platform = environment::platform(&app.hosting, &actor.scope(), id).await?;
        let may_write = actor.can(Permission::WriteSites) && environment::can_be_changed(&overview.site);
        Ok(Facts { overview, platform, may_write, now: app.clock.now() })
    }

    fn site(&self) -> &Site {
        &self.overview.site
    }

    fn action(&self, verb: &str) -> String {
        format!("{}{verb}", page_of(&self.site().id))
    }
}

/// What a form or a button left behind.
#[derive(Default)]
struct Left {
    typed: Typed,
    complaint: Complaint,
    lines: Vec<LineError>,
    /// A variable whose value was asked for.
    shown: Option<(String, String)>,
}

fn page_of(id: &SiteId) -> String {
    format!("/sites/{id}/environment")
}

/// Which part is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    part: String,
}

/// Shows the variables, or how far they are applied.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>, Query(asked): Query<Asked>) -> Answer {
    let facts = Facts::gather(&app, &actor, &id).await?;
    if view.is_fragment() && asked.part == "state" {
        return Ok(view.fragment(cards::state(&facts)));
    }
    let left = Left { typed: Typed::blank(facts.overview.version), ..Left::default() };
    Ok(show(view, &facts, &left))
}

fn show(view: View, facts: &Facts, left: &Left) -> Response {
    let topic = format!("site:{}", facts.site().id);
    let here = to(&facts.action(""), &[("part", "state")]);
    let body = card::split(
        html! {
            (live::region(Region { topic: &topic, url: &here, body: cards::state(facts), announce: true, ..Region::default() }))
            (cards::own(facts, left))
            (cards::history(facts))
        },
        cards::platform(facts),
    );
    framed(view.complaining(&left.complaint), facts.site(), &topic, body)
}

fn framed(view: View, site: &Site, topic: &str, body: Markup) -> Response {
    view.page(Page {
        title: "Environment",
        help: "Variables that the site's own code reads. A change replaces its containers without downtime and builds nothing.",
        crumbs: &tabs::crumbs(site),
        tabs: tabs::strip(site, SiteTab::Environment),
        live_rooms: &[topic],
        body,
        ..Page::default()
    })
}

/// What is on its way from the form to the review to the deed; sealed, so that no value is in the page that asks once more.
#[derive(Serialize, Deserialize)]
enum Draft {
    Typed(Typed),
    Back { base_version: i64, version: i64 },
}

fn seal_of(actor: &Actor, id: &SiteId) -> String {
    format!("web.environment:{id}:{}", actor.member_id().map_or("", |member| member.as_str()))
}

impl Draft {
    fn seal(&self, app: &App, actor: &Actor, id: &SiteId) -> Result<String> {
        Ok(app.key.seal(&seal_of(actor, id), &serde_json::to_string(self)?))
    }

    fn open(app: &App, actor: &Actor, id: &SiteId, sealed: &str) -> Result<Draft> {
        let plain =
            app.key.open(&seal_of(actor, id), sealed).map_err(|_| Error::conflict("this form is not yours any more; begin anew"))?;
        Ok(serde_json::from_str(plain.reveal())?)
    }

    async fn change(&self, app: &App, actor: &Actor, id: &SiteId) -> Result<Change, (Error, Vec<LineError>)> {
        match self {
            Draft::Typed(typed) => typed.change(),
            Draft::Back { base_version, version } => {
                environment::restoring(&app.hosting, &actor.scope(), id, *base_version, *version).await.map_err(|error| (error, Vec::new()))
            }
        }
    }
}

/// Reads the form and shows what it comes to; or the form again, with what is wrong or with more lines.
pub async fn review(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<SiteId>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Answer {
    let typed = Typed::read(fields);
    if typed.wants_more {
        let facts = Facts::gather(&app, &actor, &id).await?;
        return Ok(show(view, &facts, &Left { typed: typed.with_more_rows(), ..Left::default() }));
    }
    ask_once_more(&app, &actor, view, &id, Draft::Typed(typed)).await
}

/// The version to go back to, and the one that was shown as the newest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Back {
    version: i64,
    base_version: i64,
}

/// Shows what going back to an earlier version comes to.
pub async fn back(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>, Form(back): Form<Back>) -> Answer {
    let draft = Draft::Back { base_version: back.base_version, version: back.version };
    ask_once_more(&app, &actor, view, &id, draft).await
}

async fn ask_once_more(app: &App, actor: &Actor, view: View, id: &SiteId, draft: Draft) -> Answer {
    let planned = match draft.change(app, actor, id).await {
        Ok(change) => environment::planned(&app.hosting, &actor.scope(), id, &change).await.map_err(|error| (error, Vec::new())),
        Err(error) => Err(error),
    };
    match planned {
        Ok(diff) => {
            let facts = Facts::gather(app, actor, id).await?;
            let body = review::card(&facts, &draft, &diff, &draft.seal(app, actor, id)?);
            let topic = format!("site:{id}");
            Ok(framed(view, facts.site(), &topic, body))
        }
        Err((error, lines)) => complain(app, actor, view, id, draft, error, lines).await,
    }
}

/// The form with what was typed and what is wrong with it, on top of the version that is the newest now.
async fn complain(app: &App, actor: &Actor, view: View, id: &SiteId, draft: Draft, error: Error, lines: Vec<LineError>) -> Answer {
    let complaint = Complaint::from(error)?;
    let facts = Facts::gather(app, actor, id).await?;
    let version = facts.overview.version;
    let typed = match draft {
        Draft::Typed(typed) => Typed { base_version: version, ..typed },
        Draft::Back { .. } => Typed::blank(version),
    };
    Ok(show(view, &facts, &Left { typed, complaint, lines, shown: None }))
}

/// What was reviewed, and whether to go on typing instead.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewed {
    draft: String,
    #[serde(default)]
    edit: String,
}

/// Applies what was reviewed, or leads back to the form as it was typed.
pub async fn apply(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<SiteId>,
    Form(reviewed): Form<Reviewed>,
) -> Answer {
    // Another customer's site is not there, whatever was sent.
    hosting::sites::get(&app.db, &actor.scope(), &id).await?;
    let draft = match Draft::open(&app, &actor, &id, &reviewed.draft) {
        Ok(draft) => draft,
        Err(error) => return frame::done_or_refused(&app, &page_of(&id), Err(error), ""),
    };
    if let (Draft::Typed(typed), false) = (&draft, reviewed.edit.is_empty()) {
        let facts = Facts::gather(&app, &actor, &id).await?;
        return Ok(show(view, &facts, &Left { typed: typed.clone(), ..Left::default() }));
    }
    let made = match draft.change(&app, &actor, &id).await {
        Ok(change) => environment::change(&app.hosting, &actor, &id, &change).await.map_err(|error| (error, Vec::new())),
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => {
            let site = hosting::sites::get(&app.db, &actor.scope(), &id).await?;
            changed::audit(&app, Some(&site.customer_id));
            Ok(frame::done(&app, &page_of(&id), &told(&made)))
        }
        Err((error, lines)) => complain(&app, &actor, view, &id, draft, error, lines).await,
    }
}

fn told(made: &Changed) -> String {
    match &made.deployment {
        Some(_) => format!("Version {} is being rolled out", made.version),
        None => format!("Version {} is saved for the next start", made.version),
    }
}

/// Rolls the newest version out once more.
pub async fn again(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer {
    let outcome = deployments::request(&app.hosting, &actor, &id, &Wish::new_settings()).await;
    frame::done_or_refused(&app, &page_of(&id), outcome.map(|_| ()), "Rolling out the newest version")
}

/// Whose value is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    name: String,
    version: i64,
}

/// Shows one value, and writes down who looked.
pub async fn reveal(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<SiteId>,
    Form(wanted): Form<Wanted>,
) -> Answer {
    let value = environment::reveal(&app.hosting, &actor, &id, wanted.version, &wanted.name).await?;
    let site = hosting::sites::get(&app.db, &actor.scope(), &id).await?;
    changed::audit(&app, Some(&site.customer_id));
    if view.is_fragment() {
        return Ok(view.fragment(cards::revealed(&wanted.name, value.reveal())));
    }
    let facts = Facts::gather(&app, &actor, &id).await?;
    let typed = Typed::blank(facts.overview.version);
    Ok(show(view, &facts, &Left { typed, shown: Some((wanted.name, value.reveal().to_owned())), ..Left::default() }))
}
