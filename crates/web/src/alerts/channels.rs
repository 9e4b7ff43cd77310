//! Channels: where alerts are sent to.

use accounts::Actor;
use alerts::channels::{self, Channel, ChannelId, ChannelKind, MadeChannel, NewChannel};
use alerts::messages;
use axum::extract::State;
use axum::response::Response;
use kit::Result;
use kit::secrets::Secret;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Status, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Empty};
use ui::dialog::{self, Confirm};
use ui::feedback::{self, Banner};
use ui::field::{self, Field};
use ui::form::{self, PostButton};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};
use ui::{copy, format, icon};

use super::{PLACE, tabs};
use crate::api::allow_sending;
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

const CHANNELS: &str = "/admin/alerts/channels";
const ON: &str = "on";

/// Lists channels.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let found = channels::list(&app.alerts, &actor).await?;
    let now = app.clock.now();
    let mut rows = Vec::new();
    for channel in &found {
        rows.push(Row::link(
            format!("{CHANNELS}/{}", channel.id),
            [
                html! { strong { (channel.name) } },
                html! { @match channel.kind { ChannelKind::Mail => "Mail", ChannelKind::Webhook => "Webhook" } },
                html! { (channel.target(&app.key)?) },
                state(channel),
                format::time_ago(channel.updated_at.0, now.0),
            ],
        ));
    }
    let new = Button { label: "New channel", kind: Kind::Primary, icon: Some(icon::plus()), ..Button::default() };
    Ok(view.page(Page {
        title: "Alerts",
        help: "Where alerts are sent to. Programs that listen on the live channel hear all of them.",
        tabs: tabs(CHANNELS),
        actions: button::link("/admin/alerts/channels/new", new),
        body: table::table(Table {
            caption: "Channels",
            columns: &[
                Column::new("Channel"),
                Column::new("How").minor(),
                Column::new("To"),
                Column::new("State"),
                Column::new("Changed").minor(),
            ],
            rows,
            empty: card::empty_state(Empty {
                icon: Some(icon::bell()),
                title: "No channels",
                text: "Without a channel alerts are shown here, and nobody is told.",
                action: button::link_primary("/admin/alerts/channels/new", "New channel"),
            }),
            ..Table::default()
        }),
        ..Page::default()
    }))
}

fn state(channel: &Channel) -> Markup {
    match (&channel.note, channel.failures) {
        (Some(_), _) => badge::status_as(Status::Error, "Switched off"),
        (None, 0) => badge::status_as(Status::Running, "On"),
        (None, _) => badge::status_as(Status::Restarting, "On, last one failed"),
    }
}

/// What was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    name: String,
    /// `mail` or `webhook`.
    kind: String,
    to_admins: String,
    addresses: String,
    url: String,
}

impl Typed {
    fn of(app: &App, channel: &Channel) -> Result<Typed> {
        Ok(Typed {
            name: channel.name.clone(),
            kind: channel.kind.to_string(),
            to_admins: if channel.to_admins { ON.to_owned() } else { String::new() },
            addresses: channel.addresses.join(", "),
            url: channel.url(&app.key)?.map(|url| url.reveal().to_owned()).unwrap_or_default(),
        })
    }

    fn parse(&self) -> NewChannel {
        let addresses = self.addresses.split([',', ' ', '\n']).map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
        NewChannel {
            name: self.name.clone(),
            kind: if self.kind == "webhook" { ChannelKind::Webhook } else { ChannelKind::Mail },
            to_admins: self.to_admins == ON,
            addresses,
            url: self.url.trim().to_owned(),
        }
    }
}

/// Shows the form.
pub async fn form(view: View) -> Answer {
    Ok(new_page(view, &Typed { kind: "mail".to_owned(), to_admins: ON.to_owned(), ..Typed::default() }, &Complaint::none()))
}

/// Makes a channel.
pub async fn submit(State(app): State<App>, Caller(actor): Caller, view: View, Form(typed): Form<Typed>) -> Answer {
    match channels::create(&app.alerts, &actor, &typed.parse()).await {
        Ok(made) => saved(&app, view, made),
        Err(error) => {
            let complaint = Complaint::from(error)?;
            Ok(new_page(view.complaining(&complaint), &typed, &complaint))
        }
    }
}

/// Leads to the list, or shows the secret of a webhook this once.
fn saved(app: &App, view: View, made: MadeChannel) -> Answer<Response> {
    changed::audit(app, None);
    match &made.secret {
        None => Ok(frame::done(app, CHANNELS, "The channel is saved")),
        Some(secret) => page(app, view, &made.channel, None, Some(secret)),
    }
}

fn new_page(view: View, typed: &Typed, complaint: &Complaint) -> Response {
    view.page(Page {
        title: "New channel",
        help: "Rules name the channels through which they tell.",
        crumbs: &[Crumb::new("Alerts", PLACE), Crumb::new("Channels", CHANNELS)],
        narrow: true,
        body: card::simple("Channel", fields("/admin/alerts/channels/new", typed, None, complaint)),
        ..Page::default()
    })
}

fn fields(action: &str, typed: &Typed, kept: Option<ChannelKind>, complaint: &Complaint) -> Markup {
    let kinds = [
        field::Card {
            value: "mail",
            title: "Mail",
            text: "To admins, or to addresses.",
            icon: Some(icon::mail()),
            ..field::Card::default()
        },
        field::Card {
            value: "webhook",
            title: "Webhook",
            text: "A signed POST with JSON.",
            icon: Some(icon::webhook()),
            ..field::Card::default()
        },
    ];
    html! {
        form.form method="post" action=(action) {
            (complaint.summary(&["name", "kind", "addresses", "url"]))
            (field::text(Field { name: "name", label: "Name", value: &typed.name, error: complaint.of("name"), maxlength: Some(60), autocomplete: "off", required: true, ..Field::default() }))
            @if kept.is_none() {
                (field::radio_cards(Field { name: "kind", label: "How", value: &typed.kind, error: complaint.of("kind"), required: true, ..Field::default() }, &kinds))
            }
            @if kept != Some(ChannelKind::Webhook) {
                (field::checkbox(typed.to_admins == ON, Field { name: "to_admins", label: "Mails go to all admins", ..Field::default() }))
                (field::text(Field { name: "addresses", label: "Mails go to", value: &typed.addresses, error: complaint.of("addresses"), hint: "Addresses, with commas; 10 at most.", autocomplete: "off", ..Field::default() }))
            }
            @if kept != Some(ChannelKind::Mail) {
                (field::url(Field { name: "url", label: "Address of the webhook", value: &typed.url, error: complaint.of("url"), hint: "Public addresses only. With another address it gets another secret.", autocomplete: "off", ..Field::default() }))
            }
            (form::actions(html! { (button::primary("Save channel")) (button::link_secondary(CHANNELS, "Cancel")) }))
        }
    }
}

/// Shows a channel.
pub async fn show(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<ChannelId>) -> Answer {
    let channel = channels::get(&app.alerts, &actor, &id).await?;
    page(&app, view, &channel, None, None)
}

fn page(app: &App, view: View, channel: &Channel, tried: Option<(&Typed, &Complaint)>, secret: Option<&Secret>) -> Answer<Response> {
    let place = format!("{CHANNELS}/{}", channel.id);
    let (own, none) = (Typed::of(app, channel)?, Complaint::none());
    let (typed, complaint) = tried.unwrap_or((&own, &none));
    let test = PostButton {
        action: &format!("{place}/test"),
        button: Button { label: "Send a test", busy: "Sending…", ..Button::default() },
        ..PostButton::default()
    };
    let target = channel.target(&app.key)?;
    Ok(view.page(Page {
        title: &channel.name,
        badge: state(channel),
        summary: html! { p { "Sends to " (target) "." } },
        crumbs: &[Crumb::new("Alerts", PLACE), Crumb::new("Channels", CHANNELS)],
        actions: form::post_button(test),
        narrow: true,
        body: card::stack(html! {
            @if let Some(secret) = secret {
                (card::simple("The webhook's secret", html! {
                    p { "Shown this once. Each delivery carries " span.mono { "X-Innkeeper-Signature-256: sha256=…" } ", the HMAC-SHA-256 of its body with this secret." }
                    (copy::copy_field("Secret", secret.reveal()))
                }))
            }
            @if let Some(note) = &channel.note {
                (feedback::banner(Banner { tone: Tone::Bad, title: "The channel was switched off", text: &format!("{note} Save it to switch it on again."), ..Banner::default() }))
            }
            (card::simple("Channel", fields(&format!("{place}/change"), typed, Some(channel.kind), complaint)))
            (dialog::danger_zone(dialog::danger_action("Remove the channel", "Rules tell nobody through it any more.", Confirm {
                id: "remove-channel",
                title: &format!("Remove {}?", channel.name),
                text: "What it sent stays on record.",
                loses: &["The channel with its addresses or its secret"],
                action: &format!("{place}/remove"),
                button: "Remove",
                danger: true,
                ..Confirm::default()
            })))
        }),
        ..Page::default()
    }))
}

/// Changes a channel.
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<ChannelId>,
    Form(typed): Form<Typed>,
) -> Answer {
    let channel = channels::get(&app.alerts, &actor, &id).await?;
    match channels::change(&app.alerts, &actor, &id, &typed.parse()).await {
        Ok(made) => saved(&app, view, made),
        Err(error) => {
            let complaint = Complaint::from(error)?;
            page(&app, view.complaining(&complaint), &channel, Some((&typed, &complaint)), None)
        }
    }
}

/// Removes a channel.
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<ChannelId>) -> Answer {
    channels::remove(&app.alerts, &actor, &id).await?;
    changed::audit(&app, None);
    Ok(frame::done(&app, CHANNELS, "The channel is removed"))
}

/// Sends a test through a channel.
pub async fn test(State(app): State<App>, Caller(actor): Caller, Path(id): Path<ChannelId>) -> Answer {
    let outcome = send_test(&app, &actor, &id).await;
    app.bus.signal("operators", "alerts");
    frame::done_or_refused(&app, "/admin/alerts/deliveries", outcome, "The test is on its way")
}

async fn send_test(app: &App, actor: &Actor, id: &ChannelId) -> Result<()> {
    channels::get(&app.alerts, actor, id).await?;
    allow_sending(app, actor)?;
    messages::test(&app.alerts, actor, id).await.map(|_| ())
}
