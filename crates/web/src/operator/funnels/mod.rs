//! Funnels over any events: asked for in the address, saved under a name, with the people behind each figure.

mod asked;
mod people;
mod result;

use accounts::{Actor, Permission};
use asked::{Asked, ORDERS};
use axum::extract::State;
use axum::response::Response;
use insight::funnel::{self, Answer as Figures, MOST_STEPS, Question, Saved, SavedId};
use kit::Error;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::Tone;
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::dialog::{self, Confirm};
use ui::feedback::{self, Banner};
use ui::field::{self, Choice, Field};
use ui::form;
use ui::format;
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};

use crate::app::App;
use crate::extract::{Form, Path, Query};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

pub use asked::address;
pub use people::{list as people, table as people_table};
pub use result::rate;

/// Where the page is.
pub const PLACE: &str = "/admin/funnels";
const PEOPLE: &str = "/admin/funnels/people";
/// So many empty places for further steps.
const FREE: usize = 2;
const WINDOWS: [(&str, &str); 6] =
    [("1", "1 hour"), ("24", "1 day"), ("168", "7 days"), ("336", "14 days"), ("720", "30 days"), ("2160", "90 days")];
const RANGES: [(&str, &str); 5] = [("7", "7 days"), ("14", "14 days"), ("30", "30 days"), ("90", "90 days"), ("365", "365 days")];

/// Shows the form, the saved funnels, and the answer when something is asked for.
pub async fn page(State(app): State<App>, Caller(actor): Caller, view: View, Query(pairs): Query<Vec<(String, String)>>) -> Answer {
    let asked = Asked::read(pairs)?;
    let saved = funnel::list(&app.insight, &actor).await?;
    let answered = match asked.is_asked() {
        true => answer(&app, &actor, &asked).await,
        false => Ok(None),
    };
    let (answered, complaint, heavy) = match answered {
        Ok(answered) => (answered, Complaint::none(), None),
        Err(Error::Unavailable { message, .. }) => (None, Complaint::none(), Some(message)),
        Err(error) => (None, Complaint::from(error)?, None),
    };
    let zone = app.events.calendar().zone_name();
    let may_write = actor.can(Permission::WriteFollowUps);
    let body = card::stack(html! {
        @if let Some(message) = &heavy { (feedback::banner(Banner { tone: Tone::Warn, title: "That was too much", text: message, ..Banner::default() })) }
        @if let Some((question, figures)) = &answered { (result::show(question, figures, zone)) }
        (form(&asked, &complaint))
        @if let (Some((question, _)), true) = (&answered, may_write) { (save_form(question)) }
        (list(&saved, may_write))
    });
    Ok(view.complaining(&complaint).page(Page {
        title: "Custom funnels",
        help: "Who did one thing, then the next. The address of an answer can be shared: it holds the whole question.",
        crumbs: &[Crumb::new("Funnel", super::funnel::PLACE)],
        scripts: &["chart.js"],
        body,
        ..Page::default()
    }))
}

/// The question that stands in the pairs of an address.
pub fn question(pairs: Vec<(String, String)>) -> kit::Result<Question> {
    Asked::read(pairs)?.question()
}

async fn answer(app: &App, actor: &Actor, asked: &Asked) -> kit::Result<Option<(Question, std::sync::Arc<Figures>)>> {
    let question = asked.question()?;
    let figures = funnel::ask(&app.insight, actor, &question).await?;
    Ok(Some((question, figures)))
}

fn form(asked: &Asked, complaint: &Complaint) -> Markup {
    let usual = |text: &str, usual: &str| if text.is_empty() { usual.to_owned() } else { text.to_owned() };
    let (window, days) = (usual(&asked.window, "336"), usual(&asked.days, "30"));
    // What stands in the address and is none of the usual ones can be chosen, too.
    let choices = |list: &[(&'static str, &'static str)], value: &str, own: &str| -> Vec<(String, String)> {
        let mut choices: Vec<(String, String)> = list.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect();
        if !list.iter().any(|(known, _)| *known == value) {
            choices.insert(0, (value.to_owned(), format!("{value} {own}")));
        }
        choices
    };
    let (windows, ranges) = (choices(&WINDOWS, &window, "hours"), choices(&RANGES, &days, "days"));
    let orders: Vec<(String, String)> = ORDERS.iter().map(|(value, label, _)| ((*value).to_owned(), (*label).to_owned())).collect();
    let whose: Vec<(String, String)> =
        [("people", "People"), ("customers", "Customers")].map(|(value, label)| (value.to_owned(), label.to_owned())).into();
    let mut attributions: Vec<(String, String)> =
        [("first", "The first step"), ("last", "The last step reached"), ("all", "All steps alike")]
            .map(|(value, label)| (value.to_owned(), label.to_owned()))
            .into();
    attributions.extend((1..=asked.steps.len()).map(|step| (step.to_string(), format!("Step {step}"))));
    let select = |name: &str, label: &str, value: &str, choices: &[(String, String)]| {
        let choices: Vec<Choice<'_>> = choices.iter().map(|(value, label)| Choice { value, label, ..Choice::default() }).collect();
        field::select(Field { name, label, value, unmarked: true, error: complaint.of(name), ..Field::default() }, &choices)
    };
    let text = |name: &str, label: &str, value: &str, placeholder: &str| {
        field::text(Field {
            name,
            label,
            value,
            placeholder,
            unmarked: true,
            autocomplete: "off",
            maxlength: Some(400),
            ..Field::default()
        })
    };
    card::card(Card {
        title: "Ask",
        help: "A step is the name of an event, such as `request`, or several with `|` between them. Steps that are left empty do not count.",
        body: html! {
            form.form method="get" action=(PLACE) {
                (complaint.summary(&["window", "days", "order", "who"]))
                (form::columns(html! {
                    @for place in 0..(asked.steps.len() + FREE).clamp(3, MOST_STEPS) {
                        @let number = place + 1;
                        (text(&format!("step{number}"), &format!("Step {number}"), asked.steps.get(place).map_or("", String::as_str), if place == 0 { "visit | $pageview" } else { "" }))
                    }
                }))
                (form::columns(html! {
                    (select("order", "Order", &usual(&asked.order, "ordered"), &orders))
                    (select("window", "From the first to the last step", &window, &windows))
                    (select("days", "Who entered within", &days, &ranges))
                    (field::date(Field { name: "from", label: "Or from", value: &asked.from, unmarked: true, error: complaint.of("from"), ..Field::default() }))
                    (field::date(Field { name: "to", label: "To", value: &asked.to, unmarked: true, error: complaint.of("to"), ..Field::default() }))
                    (select("who", "Count", &usual(&asked.who, "people"), &whose))
                    (text("by", "Break down by property", &asked.by, "referrer"))
                    (select("of", "Whose value counts", &usual(&asked.of, "first"), &attributions))
                }))
                (form::actions(html! {
                    (button::submit(Button { label: "Show", kind: Kind::Primary, ..Button::default() }))
                    @if asked.is_asked() { (button::link_secondary(PLACE, "Start over")) }
                }))
            }
        },
        ..Card::default()
    })
}

fn save_form(question: &Question) -> Markup {
    card::card(Card {
        title: "Save",
        hint: "Under a name that is there already, this funnel takes the place of the other.",
        body: html! {
            form.form method="post" action={ (PLACE) "/save" } {
                (field::hidden("query", &asked::query(question)))
                (field::text(Field { name: "name", label: "Name", required: true, autocomplete: "off", maxlength: Some(80), ..Field::default() }))
                (form::actions(button::submit(Button { label: "Save", kind: Kind::Secondary, ..Button::default() })))
            }
        },
        ..Card::default()
    })
}

fn list(saved: &[Saved], may_write: bool) -> Markup {
    let row = |it: &Saved| {
        let dialog = format!("remove-{}", it.id);
        Row::link(
            format!("{PLACE}?{}", it.query),
            [
                html! { strong { (it.name) } },
                html! { (it.created_by) },
                html! { (format::date(it.created_at.0)) },
                html! { @if may_write {
                    (button::opens_dialog(&dialog, Button { label: "Remove", kind: Kind::Secondary, small: true, ..Button::default() }))
                    (dialog::confirm_dialog(Confirm {
                        id: &dialog,
                        title: &format!("Remove {}?", it.name),
                        text: "Only the saved question goes.",
                        action: &format!("{PLACE}/saved/{}/remove", it.id),
                        button: "Remove",
                        ..Confirm::default()
                    }))
                } },
            ],
        )
    };
    let house = Row::link(
        address(&funnel::stages::question(30)),
        [
            html! { strong { "From visitor to deployed site" } },
            html! { "Innkeeper" },
            card::missing("It comes with Innkeeper"),
            Markup::default(),
        ],
    );
    card::card(Card {
        title: "Saved funnels",
        flush: true,
        body: table::table(Table {
            caption: "Saved funnels",
            columns: &[Column::new("Funnel"), Column::new("Saved by").minor(), Column::new("When").minor(), Column::actions()],
            rows: std::iter::once(house).chain(saved.iter().map(row)).collect(),
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}

/// What is saved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    name: String,
    query: String,
}

/// Saves a funnel.
pub async fn save(State(app): State<App>, Caller(actor): Caller, Form(typed): Form<Typed>) -> Answer<Response> {
    // Written anew, so that nothing else is kept than a question.
    let question = question(form_urlencoded::parse(typed.query.as_bytes()).into_owned().collect())?;
    let query = asked::query(&question);
    let place = format!("{PLACE}?{query}");
    let outcome = funnel::save(&app.insight, &actor, &typed.name, &query).await.map(|_| ());
    frame::done_or_refused(&app, &place, outcome, "The funnel is saved")
}

/// Removes a saved funnel.
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SavedId>) -> Answer<Response> {
    funnel::remove(&app.insight, &actor, &id).await?;
    Ok(frame::done(&app, PLACE, "The funnel is removed"))
}
