//! The customer's sites, and those deleted lately.

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use hosting::sites::{self, SiteFilter, SiteSort};
use hosting::{Site, SiteId, SiteState};
use kit::words::counted;
use maud::{Markup, html};
use serde::Deserialize;
use ui::button::{self, Button};
use ui::card::{self, Card, Empty};
use ui::field;
use ui::form::{self, PostButton};
use ui::icon;
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Chip, Column, Pager, Row, Search, Sorted, Table, Toolbar};

use super::seen::{self, Seen};
use super::{to, words};
use crate::app::App;
use crate::extract::Query;
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;

/// Rows on a page.
const ROWS: u32 = 50;

/// Which sites, in which order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    state: String,
    sort: String,
    after: String,
}

impl Asked {
    fn filter(&self) -> SiteFilter {
        SiteFilter {
            customer: None,
            state: SiteState::from_text(&self.state).filter(|state| *state != SiteState::Archived),
            search: (!self.q.trim().is_empty()).then(|| self.q.trim().to_owned()),
            sort: if self.sort == "name" { SiteSort::Name } else { SiteSort::Created },
            after: SiteId::parse(&self.after).ok(),
            limit: ROWS + 1,
        }
    }

    fn address(&self) -> String {
        to("/sites", &[("q", &self.q), ("state", &self.state), ("sort", &self.sort), ("after", &self.after)])
    }

    fn is_whole(&self) -> bool {
        self.q.trim().is_empty() && self.state.is_empty() && self.after.is_empty()
    }
}

/// What the page shows.
struct Shown {
    sites: Vec<(Site, Seen)>,
    next: Option<SiteId>,
    deleted: Vec<Site>,
    counts: Vec<(SiteState, i64)>,
    may_write: bool,
}

impl Shown {
    async fn gather(app: &App, actor: &Actor, asked: &Asked) -> kit::Result<Shown> {
        let scope = actor.scope();
        let mut found = sites::list(&app.db, &scope, &asked.filter()).await?;
        let next = super::cut(&mut found, ROWS);
        let deleted = match asked.is_whole() {
            true => sites::list(&app.db, &scope, &SiteFilter { state: Some(SiteState::Archived), ..SiteFilter::default() }).await?,
            false => Vec::new(),
        };
        let seen = seen::of_sites(app, &found).await;
        Ok(Shown {
            sites: found.into_iter().zip(seen).collect(),
            next,
            deleted,
            counts: sites::counts_by_state(&app.db, &scope).await?,
            may_write: actor.can(Permission::WriteSites),
        })
    }

    fn living(&self) -> i64 {
        self.counts.iter().filter(|(state, _)| *state != SiteState::Archived).map(|(_, count)| count).sum()
    }
}

/// Shows the list; staff are led to theirs.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    if actor.scope().is_house() {
        return Ok(Redirect::to("/admin/sites").into_response());
    }
    let shown = Shown::gather(&app, &actor, &asked).await?;
    let list = listing(&app, &asked, &shown);
    if view.is_fragment() {
        return Ok(view.fragment(list));
    }
    let actions = match shown.may_write && shown.living() > 0 {
        true => new_site_button(),
        false => Markup::default(),
    };
    Ok(view.page(Page {
        title: "Sites",
        help: "All your websites, and whether they are up.",
        actions,
        body: live::region(Region { topic: "sites", url: &asked.address(), always_poll: true, body: list, ..Region::default() }),
        ..Page::default()
    }))
}

/// The main action of both lists.
fn new_site_button() -> Markup {
    button::link("/sites/new", Button { label: "New site", kind: button::Kind::Primary, icon: Some(icon::plus()), ..Button::default() })
}

fn listing(app: &App, asked: &Asked, shown: &Shown) -> Markup {
    if asked.is_whole() && shown.living() == 0 {
        return html! { (nothing_yet(shown.may_write)) (recently_deleted(app, shown)) };
    }
    html! { (card::stack(html! { (the_table(app, asked, shown)) (recently_deleted(app, shown)) })) }
}

fn nothing_yet(may_write: bool) -> Markup {
    let action = match may_write {
        true => button::link_primary("/sites/new", "Create your first site"),
        false => Markup::default(),
    };
    card::card(Card {
        body: card::empty_state(Empty {
            icon: Some(icon::globe()),
            title: "No sites yet",
            text: "Choose a template and a name. Your site is online with its own address and repository in about a minute.",
            action,
        }),
        ..Card::default()
    })
}

fn the_table(app: &App, asked: &Asked, shown: &Shown) -> Markup {
    let now = app.clock.now().0;
    let by_name = asked.sort == "name";
    let sorted_by = |sort: &str| to("/sites", &[("q", &asked.q), ("state", &asked.state), ("sort", sort)]);
    let columns = [
        Column::new("Site").sorted(sorted_by("name"), if by_name { Sorted::Ascending } else { Sorted::No }),
        Column::new("Status"),
        Column::new("Address").minor(),
        Column::new("Deployed").minor(),
        Column::new("Created").sorted(sorted_by(""), if by_name { Sorted::No } else { Sorted::Descending }).minor(),
    ];
    let rows = shown.sites.iter().map(|(site, services)| {
        Row::link(
            format!("/sites/{}", site.id),
            [
                words::name_cell(site),
                words::status(site, services),
                words::address_cell(&app.hosting, site),
                words::deployed_cell(site, now),
                ui::format::time_ago(site.created_at.0, now),
            ],
        )
    });
    let text = format!("{} shown", counted(shown.sites.len(), "site"));
    let next = shown.next.as_ref();
    let next =
        next.map(|after| to("/sites", &[("q", &asked.q), ("state", &asked.state), ("sort", &asked.sort), ("after", after.as_str())]));
    let first = (!asked.after.is_empty()).then(|| sorted_by(&asked.sort));
    table::table(Table {
        caption: "Sites",
        columns: &columns,
        rows: rows.collect(),
        toolbar: table::toolbar(Toolbar {
            search: Some(Search {
                action: "/sites",
                value: &asked.q,
                placeholder: "Search sites",
                hidden: html! {
                    @for (name, value) in [("state", &asked.state), ("sort", &asked.sort)] {
                        @if !value.is_empty() { (field::hidden(name, value)) }
                    }
                },
                ..Search::default()
            }),
            chips: &chips(asked, shown),
            ..Toolbar::default()
        }),
        empty: card::empty_state(Empty {
            icon: Some(icon::search()),
            title: "Nothing fits",
            text: "No site has this in its name or address, or is in this state.",
            action: button::link_secondary("/sites", "Show all sites"),
        }),
        pager: (next.is_some() || first.is_some()).then(|| Pager {
            text: &text,
            previous: first.map(Into::into),
            next: next.map(Into::into),
        }),
        ..Table::default()
    })
}

/// A chip for each state that some site is in.
fn chips(asked: &Asked, shown: &Shown) -> Vec<Chip<'static>> {
    let filtered_by = |state: &str| to("/sites", &[("q", &asked.q), ("state", state), ("sort", &asked.sort)]);
    let mut chips = vec![Chip::counted("All", filtered_by(""), asked.state.is_empty(), shown.living())];
    for state in SiteState::ALL.iter().filter(|state| **state != SiteState::Archived) {
        let count = shown.counts.iter().find(|(counted, _)| counted == state).map_or(0, |(_, count)| *count);
        let active = asked.state == state.as_str();
        if count > 0 || active {
            chips.push(Chip::counted(words::state_filter(*state), filtered_by(state.as_str()), active, count));
        }
    }
    chips
}

fn recently_deleted(app: &App, shown: &Shown) -> Markup {
    if shown.deleted.is_empty() {
        return Markup::default();
    }
    let now = app.clock.now();
    let columns = [Column::new("Site"), Column::new("Deleted").minor(), Column::new("Can be restored"), Column::actions()];
    let rows = shown.deleted.iter().map(|site| {
        let until = words::restorable_until(&app.hosting, site);
        Row {
            faded: true,
            ..Row::link(
                format!("/sites/{}", site.id),
                [
                    table::two_lines(site.name.as_str(), site.domain.as_str()),
                    site.archived_at.map_or_else(Markup::default, |at| ui::format::time_ago(at.0, now.0)),
                    html! { (words::time_left(until, now)) },
                    match shown.may_write {
                        true => restore_button(site),
                        false => Markup::default(),
                    },
                ],
            )
        }
    });
    card::card(Card {
        title: "Recently deleted",
        help: "Deleted sites are kept for a while with their database and files. After that they are gone for good.",
        flush: true,
        body: table::table(Table {
            caption: "Recently deleted sites",
            columns: &columns,
            rows: rows.collect(),
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn restore_button(site: &Site) -> Markup {
    let title = format!("Restore {}", site.name.as_str());
    form::post_button(PostButton {
        action: &format!("/sites/{}/restore", site.id),
        button: Button {
            label: "Restore", icon: Some(icon::undo()), small: true, busy: "Restoring…", title: &title, ..Button::default()
        },
        ..PostButton::default()
    })
}
