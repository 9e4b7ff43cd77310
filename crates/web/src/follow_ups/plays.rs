//! Plays: the list, the form, what they did.

use accounts::{Actor, MemberId, Permission};
use axum::extract::State;
use axum::response::Response;
use insight::health::Band;
use insight::owners;
use insight::plays::deliveries::{self, Delivery, DeliveryState};
use insight::plays::watch::{self, Run};
use insight::plays::{self, Actions, Assignee, Cause, MadePlay, MailAction, NewPlay, Play, PlayId, PlayState, TaskAction};
use insight::segments::{self, SegmentId};
use kit::secrets::Secret;
use kit::words::counted;
use kit::{Error, Result, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
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

/// What was typed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    name: String,
    /// `band:churning`, …, `falling_fast`, `churn`.
    cause: String,
    /// Percent, for `churn`.
    above: String,
    segment: String,
    task: String,
    due_in_days: String,
    /// `owner`, empty for nobody, or an id.
    assignee: String,
    mail_owner: String,
    mail_to: String,
    url: String,
    quiet_days: String,
    active: String,
}

impl Default for Typed {
    fn default() -> Typed {
        Typed {
            name: String::new(),
            cause: "band:churning".to_owned(),
            above: "30".to_owned(),
            segment: String::new(),
            task: String::new(),
            due_in_days: "2".to_owned(),
            assignee: "owner".to_owned(),
            mail_owner: String::new(),
            mail_to: String::new(),
            url: String::new(),
            quiet_days: "14".to_owned(),
            active: String::new(),
        }
    }
}

const ON: &str = "on";

impl Typed {
    fn new_play() -> Typed {
        Typed { active: ON.to_owned(), ..Typed::default() }
    }

    fn of(app: &App, actor: &Actor, play: &Play) -> Result<Typed> {
        let (cause, above) = match play.cause {
            Cause::Band { to } => (format!("band:{to}"), String::new()),
            Cause::FallingFast => ("falling_fast".to_owned(), String::new()),
            Cause::Churn { above } => ("churn".to_owned(), format!("{}", (above * 1000.0).round() / 10.0)),
        };
        let ticked = |is: bool| if is { ON.to_owned() } else { String::new() };
        let url = match actor.can(Permission::ManageCustomers) {
            true => play.url(&app.key)?.map(|url| url.reveal().to_owned()).unwrap_or_default(),
            false => String::new(),
        };
        let task = play.actions.task.as_ref();
        let mail = play.actions.mail.as_ref();
        Ok(Typed {
            name: play.name.clone(),
            cause,
            above,
            segment: play.segment_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            task: task.map(|task| task.title.clone()).unwrap_or_default(),
            due_in_days: task.and_then(|task| task.due_in_days).map(|days| days.to_string()).unwrap_or_default(),
            assignee: match task.map(|task| &task.assignee) {
                Some(Assignee::Member(id)) => id.to_string(),
                Some(Assignee::Nobody) => String::new(),
                Some(Assignee::Owner) | None => "owner".to_owned(),
            },
            mail_owner: ticked(mail.is_some_and(|mail| mail.owner)),
            mail_to: mail.map(|mail| mail.to.join(", ")).unwrap_or_default(),
            url,
            quiet_days: play.quiet_days.to_string(),
            active: ticked(play.state == PlayState::Active),
        })
    }

    fn parse(&self) -> Result<NewPlay> {
        crate::extract::all_or_complaints!(
            cause: self.parse_cause(),
            segment: optional(&self.segment, |text| SegmentId::parse(text).map_err(|_| Error::invalid("segment", "choose one of the segments"))),
            due_in_days: optional(&self.due_in_days, |text| number("due_in_days", text)),
            quiet_days: number("quiet_days", &self.quiet_days),
            assignee: self.parse_assignee(),
        );
        let title = self.task.trim();
        let to: Vec<String> = self.mail_to.split([',', ' ', '\n']).map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let owner = self.mail_owner == ON;
        Ok(NewPlay {
            name: self.name.clone(),
            cause,
            segment,
            actions: Actions {
                task: (!title.is_empty()).then(|| TaskAction { title: title.to_owned(), due_in_days, assignee }),
                mail: (owner || !to.is_empty()).then_some(MailAction { owner, to }),
            },
            url: Some(self.url.trim()).filter(|url| !url.is_empty()).map(str::to_owned),
            quiet_days,
            active: self.active == ON,
        })
    }

    fn parse_cause(&self) -> Result<Cause> {
        let wrong = || Error::invalid("cause", "choose one of the causes");
        match self.cause.as_str() {
            "falling_fast" => Ok(Cause::FallingFast),
            "churn" => {
                let text = self.above.trim().trim_end_matches('%').trim().replace(',', ".");
                let percent: f64 = text.parse().map_err(|_| Error::invalid("above", "must be a number of percent, such as 30"))?;
                match percent > 0.0 && percent < 100.0 {
                    true => Ok(Cause::Churn { above: percent / 100.0 }),
                    false => Err(Error::invalid("above", "must be between 0 and 100")),
                }
            }
            band => {
                let to = band.strip_prefix("band:").and_then(Band::from_text).ok_or_else(wrong)?;
                Ok(Cause::Band { to })
            }
        }
    }

    fn parse_assignee(&self) -> Result<Assignee> {
        match self.assignee.as_str() {
            "owner" => Ok(Assignee::Owner),
            "" => Ok(Assignee::Nobody),
            id => MemberId::parse(id).map(Assignee::Member).map_err(|_| Error::invalid("assignee", "must be an admin or a concierge")),
        }
    }
}

fn optional<T>(text: &str, parse: impl Fn(&str) -> Result<T>) -> Result<Option<T>> {
    match text.trim() {
        "" => Ok(None),
        text => parse(text).map(Some),
    }
}

fn number(field: &'static str, text: &str) -> Result<u32> {
    text.trim().parse().ok().filter(|number| *number <= 365).ok_or_else(|| Error::invalid(field, "must be 0 to 365"))
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

fn runs_card(runs: &[Run], now: Timestamp) -> Markup {
    let rows = runs
        .iter()
        .map(|run| {
            let mails = usize::try_from(run.mails).unwrap_or(0);
            let did: Vec<String> = [
                run.task_id.as_ref().map(|_| "a task".to_owned()),
                (mails > 0).then(|| counted(mails, "mail")),
                run.delivery_id.as_ref().map(|_| "the webhook".to_owned()),
            ]
            .into_iter()
            .flatten()
            .collect();
            Row::link(
                format!("/admin/customers/{}", run.customer_id),
                [
                    html! { strong { (run.customer_name) } },
                    html! { (run.why) },
                    if did.is_empty() {
                        card::missing("Nobody to send to, or the task is gone")
                    } else {
                        html! { (did.join(", ")) }
                    },
                    format::time_ago(run.at.0, now.0),
                ],
            )
        })
        .collect();
    card::card(Card {
        title: "What it did",
        flush: true,
        body: table::table(Table {
            caption: "What it did",
            bare: true,
            columns: &[Column::new("Customer"), Column::new("Why"), Column::new("What"), Column::new("When").minor()],
            rows,
            empty: card::empty_state(Empty { title: "Nothing yet", text: "It waits for a change.", ..Empty::default() }),
            ..Table::default()
        }),
        ..Card::default()
    })
}

fn deliveries_card(sent: &[Delivery], now: Timestamp) -> Markup {
    let rows = sent
        .iter()
        .map(|delivery| {
            let (status, word) = match delivery.state {
                DeliveryState::Waiting if delivery.attempts > 0 => (Status::Restarting, "Trying again"),
                DeliveryState::Waiting => (Status::Provisioning, "On its way"),
                DeliveryState::Delivered => (Status::Running, "Delivered"),
                DeliveryState::Failed => (Status::Error, "Failed"),
            };
            Row::new([
                table::two_lines(if delivery.is_test { "Test" } else { "Play" }, delivery.id.as_str()),
                badge::status_as(status, word),
                html! {
                    @match (delivery.status, &delivery.error) {
                        (Some(status), _) => { (status) @if let Some(answer) = &delivery.answer { p.hint.mono { (answer) } } },
                        (None, Some(error)) => span.mono { (error) },
                        (None, None) => (card::missing("Nothing came back yet")),
                    }
                },
                html! { (delivery.attempts) },
                format::time_ago(delivery.created_at.0, now.0),
            ])
        })
        .collect();
    card::card(Card {
        title: "Deliveries",
        flush: true,
        body: table::table(Table {
            caption: "Deliveries to the webhook",
            bare: true,
            columns: &[
                Column::new("Delivery"),
                Column::new("State"),
                Column::new("Answer"),
                Column::number("Tries").minor(),
                Column::new("When").minor(),
            ],
            rows,
            empty: card::empty_state(Empty { title: "Nothing was sent yet", ..Empty::default() }),
            ..Table::default()
        }),
        ..Card::default()
    })
}
