//! The status page of the house: how many sites are up, and whether its parts work. Names nobody.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hosting::probes::house_status::{self, HouseStatus};
use hosting::probes::status_page::PublicState;
use kit::{Error, Result, mail};
use maud::{Markup, html};
use ui::card::{self, Card};
use ui::format;
use ui::page::Theme;
use ui::public::{self, Public};

use super::{kept, private_hint, scope_of, words};
use crate::app::App;
use crate::frame::BRAND;
use crate::respond::Answer;
use crate::routes::Caller;

const PRIVATE: &str = "Others are told that there is nothing here. The setting server.status_page shows it to everyone.";

/// One part of the house.
pub(super) struct Component {
    /// In the API.
    pub key: &'static str,
    /// For people.
    pub name: &'static str,
    /// How it is.
    pub state: PublicState,
    /// The same in a word.
    pub word: &'static str,
    /// More about it.
    pub text: String,
}

/// The house as one.
pub(super) struct House {
    /// Whether everyone may read it.
    pub is_public: bool,
    /// How it is.
    pub state: PublicState,
    /// As a sentence.
    pub words: &'static str,
    /// Its parts.
    pub components: Vec<Component>,
    /// How all of it was read.
    pub status: HouseStatus,
}

/// Reads it, for everyone when the settings say so, else for the people of the house.
pub(super) async fn read(app: &App, caller: Option<&Caller>) -> Result<House> {
    let is_public = app.config.server.status_page;
    if !is_public && !scope_of(caller).is_some_and(|scope| scope.is_house()) {
        return Err(Error::not_found("status page"));
    }
    let status = house_status::read(&app.hosting).await?;
    let components = vec![sites(&status), edge(&status), new_sites(&status), mails(app).await?];
    let (state, words) = together(&components);
    Ok(House { is_public, state, words, components, status })
}

/// Shows it.
pub async fn page(State(app): State<App>, caller: Option<Extension<Caller>>) -> Answer {
    let house = read(&app, caller.as_deref()).await?;
    Ok(kept(show(&app, &house), house.is_public))
}

fn show(app: &App, house: &House) -> Response {
    public::public(Public {
        brand: BRAND,
        title: app.config.server.public_url.authority(),
        kicker: "Status",
        banner: private_hint(house.is_public, PRIVATE),
        footer: html! { "As of " (format::time_exact(house.status.as_of.0)) },
        theme: Theme::System,
        body: html! {
            (public::verdict(words::status(house.state), house.words, ""))
            (card::card(Card { title: "Components", flush: true, body: components(&house.components), ..Card::default() }))
        },
    })
    .into_response()
}

fn components(components: &[Component]) -> Markup {
    html! {
        ul.components {
            @for component in components {
                li {
                    div { p { strong { (component.name) } } p.hint { (component.text) } }
                    (words::badge(component.state, component.word))
                }
            }
        }
    }
}

fn sites(status: &HouseStatus) -> Component {
    let word = match status.all_sites {
        PublicState::Up => "All up",
        PublicState::Down => "All down",
        PublicState::Unknown => "Not known",
        _ => "Some are down",
    };
    let text = match (status.sites, status.all_sites) {
        (0, _) => "There are none yet.".to_owned(),
        (sites, PublicState::Unknown) => format!("{} sites; how they are cannot be seen at present.", format::count(count(sites))),
        (sites, _) => format!("{} of {} are up.", format::count(count(status.sites_up)), format::count(count(sites))),
    };
    Component { key: "sites", name: "Websites", state: status.all_sites, word, text }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn edge(status: &HouseStatus) -> Component {
    Component {
        key: "edge",
        name: "Entrance",
        state: status.edge,
        word: plain(status.edge),
        text: "What visitors reach the websites through.".to_owned(),
    }
}

fn new_sites(status: &HouseStatus) -> Component {
    let text = match status.new_sites {
        PublicState::Up => "New websites can be made.",
        PublicState::Unknown => "Whether they can be made is not known yet.",
        _ => "New websites have to wait at present.",
    };
    Component { key: "new_sites", name: "New websites", state: status.new_sites, word: plain(status.new_sites), text: text.to_owned() }
}

async fn mails(app: &App) -> Result<Component> {
    let (state, word, text) = if app.config.mail.host.is_empty() {
        (PublicState::Off, "Not in use", "Links are passed on by hand.")
    } else if mail::is_delayed(&app.db).await? {
        (PublicState::Degraded, "Delayed", "Some mails wait to be taken by the mail server; they are tried again.")
    } else {
        (PublicState::Up, "Works", "Invitations and links are sent.")
    };
    Ok(Component { key: "mail", name: "Mail", state, word, text: text.to_owned() })
}

fn plain(state: PublicState) -> &'static str {
    match state {
        PublicState::Up => "Works",
        PublicState::Unknown => "Not known",
        _ => "Does not work",
    }
}

/// The house is as its worst part; one that is not in use is no part of it.
fn together(components: &[Component]) -> (PublicState, &'static str) {
    let is = |state| components.iter().any(|component| component.state == state);
    if is(PublicState::Down) {
        (PublicState::Down, "Something does not work")
    } else if is(PublicState::Degraded) {
        (PublicState::Degraded, "Some things do not work as they should")
    } else if is(PublicState::Unknown) {
        (PublicState::Unknown, "Not everything can be seen at present")
    } else {
        (PublicState::Up, "Everything works")
    }
}
