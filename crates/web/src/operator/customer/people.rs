//! A customer's sites and people.

use accounts::{CustomerId, Permission, customers};
use axum::extract::State;
use maud::{Markup, html};
use serde::Deserialize;
use ui::card;
use ui::live::{self, Region};

use super::{Content, Part, page};
use crate::app::App;
use crate::extract::{Path, Query};
use crate::frame::View;
use crate::operator::sites;
use crate::people::{self, Whose};
use crate::respond::Answer;
use crate::routes::Caller;

/// Which part is asked for again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    part: String,
}

/// Shows sites and people, or the one of them that has changed.
pub async fn show(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<CustomerId>,
    Query(asked): Query<Asked>,
) -> Answer {
    let customer = customers::get(&app.db, &actor.scope(), &id).await?;
    let may_see_sites = actor.can(Permission::ReadSites);
    let may_see_people = actor.can(Permission::ReadMembers);
    if view.is_fragment() && asked.part == "sites" {
        return Ok(view.fragment(sites::of_customer(&app, &actor, &id).await?));
    }
    let people = match may_see_people {
        true => people::section(&app, &actor, Whose::Customer(&id)).await?,
        false => Markup::default(),
    };
    if view.is_fragment() {
        return Ok(view.fragment(people));
    }
    let sites = match may_see_sites {
        true => sites::of_customer(&app, &actor, &id).await?,
        false => Markup::default(),
    };
    let here = Part::People.address(&id);
    let sites_here = format!("{here}?part=sites");
    let body = card::stack(html! {
        @if may_see_sites { (live::region(Region { topic: "sites", url: &sites_here, always_poll: true, body: sites, ..Region::default() })) }
        @if may_see_people { (live::region(Region { topic: "members", url: &here, body: people, ..Region::default() })) }
    });
    let content = Content { part: Part::People, badge: Markup::default(), summary: Markup::default(), scripts: &[], body };
    page(view, &actor, &customer, content)
}
