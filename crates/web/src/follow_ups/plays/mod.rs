//! Plays: the list, the form, what they did.

mod done;
mod typed;

use accounts::{Actor, MemberId, Permission};
use axum::extract::State;
use axum::response::Response;
use insight::owners;
use insight::plays::deliveries;
use insight::plays::watch;
use insight::plays::{self, MadePlay, Play, PlayId, PlayState};
use insight::segments;
use kit::Result;
use kit::secrets::Secret;
use maud::{Markup, html};
use ui::badge::{self, Status, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card, Empty};
use ui::dialog::{self, Confirm};
use ui::feedback::{self, Banner};
use ui::field::{self, Choice, Field};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};
use ui::{copy, format, icon};

use crate::api::allow_sending;
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;
use done::{deliveries_card, runs_card};
use typed::{ON, Typed};

const PLACE: &str = "/admin/plays";
/// Runs and deliveries on a play's page; the API has all.
const ROWS: u32 = 25;

/// Lists plays.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let found = plays::list(&app.plays, &actor).await?;
    let now = app.clock.now();
    let may_manage = actor.can(Permission::ManageCustomers);
    let rows = found
        .iter()
        .map(|play| Row {
            faded: play.state == PlayState::Paused,
            ..Row::link(
                format!("{PLACE}/{}", play.id),
                [
                    html! { strong { (play.name) } },
                    html! { (play.cause.words()) },
                    html! { (what_it_does(play)) },
                    state(play),
                    format::time_ago(play.updated_at.0, now.0),
                ],
            )
        })
        .collect();
    let table = table::table(Table {
        caption: "Plays",
        columns: &[
            Column::new("Play"),
            Column::new("When"),
            Column::new("What it does"),
            Column::new("State"),
            Column::new("Changed").minor(),
        ],
        rows,
        empty: card::empty_state(Empty {
            icon: Some(icon::list_checks()),
            title: "No plays yet",
            text: "A play does something by itself when a customer's health changes: adds a task, sends a mail, calls a webhook.",
            action: html! { @if may_manage { (button::link_primary("/admin/plays/new", "New play")) } },
        }),
        ..Table::default()
    });
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let new = Button { label: "New play", kind: Kind::Primary, icon: Some(icon::plus()), ..Button::default() };
    Ok(view.page(Page {
        title: "Plays",
        help: "What is done when a customer's health changes, each change once.",
        crumbs: &[Crumb::new("Tasks", "/admin/tasks")],
        actions: html! { @if may_manage { (button::link("/admin/plays/new", new)) } },
        body: live::region(Region { topic: "plays", url: PLACE, poll: Some(60), body: table, ..Region::default() }),
        ..Page::default()
    }))
}

fn what_it_does(play: &Play) -> String {
    let mut parts = Vec::new();
    if let Some(task) = &play.actions.task {
        parts.push(format!("task “{}”", task.title));
    }
    if let Some(mail) = &play.actions.mail {
        parts.push(match (mail.owner, mail.to.len()) {
            (true, 0) => "mail to the owner".to_owned(),
            (true, more) => format!("mail to the owner and {more} more"),
            (false, 1) => format!("mail to {}", mail.to[0]),
            (false, more) => format!("mail to {more} addresses"),
        });
    }
    if play.has_webhook() {
        parts.push("webhook".to_owned());
    }
    parts.join(", ")
}

fn state(play: &Play) -> Markup {
    match (play.state, &play.note) {
        (PlayState::Paused, _) => badge::status_as(Status::Stopped, "Paused"),
        (PlayState::Active, Some(_)) => badge::status_as(Status::Error, "Webhook stopped"),
        (PlayState::Active, None) => badge::status_as(Status::Running, "Active"),
    }
}

/// What the lists of the form hold.
struct Lists {
    staff: Vec<(MemberId, String)>,
    segments: Vec<(String, String)>,
}

impl Lists {
    async fn load(app: &App, actor: &Actor) -> Result<Lists> {
        let segments = segments::list(&app.insight, actor).await?;
        Ok(Lists {
            staff: owners::choices(&app.db, actor).await?,
            segments: segments.into_iter().map(|segment| (segment.id.to_string(), segment.name)).collect(),
        })
    }
}

/// Shows the form.
pub async fn form(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let lists = Lists::load(&app, &actor).await?;
    Ok(new_page(view, &Typed::new_play(), &lists, &Complaint::none()))
}

/// Makes a play.
pub async fn submit(State(app): State<App>, Caller(actor): Caller, view: View, Form(typed): Form<Typed>) -> Answer {
    let made = match typed.parse() {
        Ok(new) => plays::create(&app.plays, &actor, &new).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => {
            changed::follow_ups(&app);
            saved(&app, &actor, view, made).await
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            let lists = Lists::load(&app, &actor).await?;
            Ok(new_page(view.complaining(&complaint), &typed, &lists, &complaint))
        }
    }
}

/// Leads to the play, or shows the secret of its webhook this once.
async fn saved(app: &App, actor: &Actor, view: View, made: MadePlay) -> Answer<Response> {
    match &made.secret {
        None => Ok(frame::done(app, &format!("{PLACE}/{}", made.play.id), "The play is saved")),
        Some(secret) => page(app, actor, view, &made.play, None, Some(secret)).await,
    }
}

fn new_page(view: View, typed: &Typed, lists: &Lists, complaint: &Complaint) -> Response {
    view.complaining(complaint).page(Page {
        title: "New play",
        help: "Who is so already when the play is made, is left alone: a play waits for changes.",
        crumbs: &[Crumb::new("Tasks", "/admin/tasks"), Crumb::new("Plays", PLACE)],
        narrow: true,
        body: fields("/admin/plays/new", typed, lists, complaint),
        ..Page::default()
    })
}

fn fields(action: &str, typed: &Typed, lists: &Lists, complaint: &Complaint) -> Markup {
    let choice = |value, label| Choice { value, label, ..Choice::default() };
    let causes = [
        choice("band:churning", "The band becomes “Churning”"),
        choice("band:at_risk", "The band becomes “At risk”"),
        choice("band:healthy", "The band becomes “Healthy”"),
        choice("falling_fast", "The score begins to fall fast"),
        choice("churn", "The churn probability reaches …"),
    ];
    let mut who = vec![choice("owner", "Whoever looks after the customer"), choice("", "Nobody yet")];
    who.extend(lists.staff.iter().map(|(id, name)| choice(id.as_str(), name)));
    let mut segments = vec![choice("", "All customers")];
    segments.extend(lists.segments.iter().map(|(id, name)| choice(id, name)));
    let known = ["name", "cause", "above", "segment", "task", "due_in_days", "assignee", "mail", "url", "quiet_days"];
    html! {
        form.form method="post" action=(action) {
            (complaint.summary(&known))
            (card::simple("When", html! { div.form {
                (field::text(Field { name: "name", label: "Name", value: &typed.name, error: complaint.of("name"), maxlength: Some(80), autocomplete: "off", required: true, ..Field::default() }))
                (form::columns(html! {
                    (field::select(Field { name: "cause", label: "When", value: &typed.cause, error: complaint.of("cause"), required: true, ..Field::default() }, &causes))
                    (field::number(Field { name: "above", label: "… this many percent", value: &typed.above, error: complaint.of("above"), suffix: "%", unmarked: true, ..Field::default() }))
                }))
                (form::columns(html! {
                    (field::select(Field { name: "segment", label: "For", value: &typed.segment, error: complaint.of("segment"), unmarked: true, ..Field::default() }, &segments))
                    (field::number(Field { name: "quiet_days", label: "Not again for the same customer within", value: &typed.quiet_days, error: complaint.of("quiet_days"), suffix: "days", required: true, ..Field::default() }))
                }))
            } }))
            (card::card(Card { title: "Then", hint: "One of these at least.", body: html! { div.form {
                (field::text(Field { name: "task", label: "Add the task", value: &typed.task, error: complaint.of("task"), maxlength: Some(150), autocomplete: "off", placeholder: "Call them", ..Field::default() }))
                (form::columns(html! {
                    (field::number(Field { name: "due_in_days", label: "Due within", value: &typed.due_in_days, error: complaint.of("due_in_days"), suffix: "days", ..Field::default() }))
                    (field::select(Field { name: "assignee", label: "For", id: "field-assignee", value: &typed.assignee, error: complaint.of("assignee"), unmarked: true, ..Field::default() }, &who))
                }))
                (field::checkbox(typed.mail_owner == ON, Field { name: "mail_owner", label: "Send a mail to whoever looks after the customer", ..Field::default() }))
                (field::text(Field { name: "mail_to", id: "field-mail", label: "Send a mail to", value: &typed.mail_to, error: complaint.of("mail"), hint: "Addresses, with commas; 5 at most.", autocomplete: "off", ..Field::default() }))
                (field::url(Field { name: "url", label: "Call the webhook", value: &typed.url, error: complaint.of("url"), hint: "Gets a signed POST with JSON. Public addresses only.", autocomplete: "off", ..Field::default() }))
                (field::switch(typed.active == ON, Field { name: "active", label: "The play runs", ..Field::default() }))
            } }, ..Card::default() }))
            (form::actions(html! { (button::primary("Save play")) (button::link_secondary(PLACE, "Cancel")) }))
        }
    }
}

/// Shows a play.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<PlayId>) -> Answer {
    let play = plays::get(&app.plays, &actor, &id).await?;
    page(&app, &actor, view, &play, None, None).await
}

/// Changes a play.
pub async fn change(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<PlayId>, Form(typed): Form<Typed>) -> Answer {
    let play = plays::get(&app.plays, &actor, &id).await?;
    let made = match typed.parse() {
        Ok(new) => plays::change(&app.plays, &actor, &id, &new).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => {
            changed::follow_ups(&app);
            saved(&app, &actor, view, made).await
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            page(&app, &actor, view.complaining(&complaint), &play, Some((&typed, &complaint)), None).await
        }
    }
}

/// Removes a play.
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<PlayId>) -> Answer {
    plays::remove(&app.plays, &actor, &id).await?;
    changed::follow_ups(&app);
    Ok(frame::done(&app, PLACE, "The play is removed"))
}

/// Sends a test to a play's webhook.
pub async fn test(State(app): State<App>, Caller(actor): Caller, Path(id): Path<PlayId>) -> Answer {
    plays::get(&app.plays, &actor, &id).await?;
    let outcome = match allow_sending(&app, &actor) {
        Ok(()) => deliveries::test(&app.plays, &actor, &id).await.map(|_| ()),
        Err(error) => Err(error),
    };
    app.bus.signal("operators", "plays");
    frame::done_or_refused(&app, &format!("{PLACE}/{id}"), outcome, "The test is on its way")
}

async fn page(
    app: &App,
    actor: &Actor,
    view: View,
    play: &Play,
    tried: Option<(&Typed, &Complaint)>,
    secret: Option<&Secret>,
) -> Answer<Response> {
    let place = format!("{PLACE}/{}", play.id);
    let runs = watch::runs(&app.plays, actor, &play.id, None, ROWS).await?;
    let sent = deliveries::list(&app.plays, actor, &play.id, None, ROWS).await?;
    let now = app.clock.now();
    let done = html! { (runs_card(&runs, now)) @if play.has_webhook() || !sent.is_empty() { (deliveries_card(&sent, now)) } };
    if view.is_fragment() {
        return Ok(view.fragment(card::stack(done)));
    }
    let may_manage = actor.can(Permission::ManageCustomers);
    let own = Typed::of(app, actor, play)?;
    let none = Complaint::none();
    let (typed, complaint) = tried.unwrap_or((&own, &none));
    let lists = Lists::load(app, actor).await?;
    let test = PostButton {
        action: &format!("{place}/test"),
        button: Button { label: "Send a test", busy: "Sending…", ..Button::default() },
        ..PostButton::default()
    };
    let host = play.host(&app.key)?;
    Ok(view.page(Page {
        title: &play.name,
        badge: state(play),
        summary: html! { p { (play.cause.words()) ": " (what_it_does(play)) "." @if let Some(host) = &host { " The webhook goes to " (host) "." } } },
        crumbs: &[Crumb::new("Tasks", "/admin/tasks"), Crumb::new("Plays", PLACE)],
        actions: html! { @if may_manage && play.has_webhook() { (form::post_button(test)) } },
        body: card::stack(html! {
            @if let Some(secret) = secret {
                (card::simple("The webhook's secret", html! {
                    p { "Shown this once. Each delivery carries " span.mono { "X-Innkeeper-Signature-256: sha256=…" } ", the HMAC-SHA-256 of its body with this secret." }
                    (copy::copy_field("Secret", secret.reveal()))
                }))
            }
            @if let Some(note) = &play.note {
                (feedback::banner(Banner { tone: Tone::Bad, title: "The webhook was stopped", text: &format!("{note} Save the play to try again."), ..Banner::default() }))
            }
            (live::region(Region { topic: "plays", url: &place, poll: Some(60), body: card::stack(done), ..Region::default() }))
            @if may_manage {
                (fields(&format!("{place}/change"), typed, &lists, complaint))
                (dialog::danger_zone(dialog::danger_action("Remove the play", "Tasks that it made stay.", Confirm {
                    id: "remove-play",
                    title: &format!("Remove {}?", play.name),
                    text: "Tasks that it made stay.",
                    loses: &["The record of what it did", "The record of what was sent to its webhook"],
                    action: &format!("{place}/remove"),
                    button: "Remove",
                    ..Confirm::default()
                })))
            }
        }),
        ..Page::default()
    }))
}
