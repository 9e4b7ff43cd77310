//! A new webhook, and what a form about one holds.

use axum::extract::State;
use axum::response::Response;
use hosting::notify::webhooks::{self, MadeWebhook, NewWebhook, WebhookEvent, WebhookEvents};
use hosting::{Site, SiteId};
use kit::{Error, Result, Timestamp};
use maud::{Markup, html};
use ui::button;
use ui::card::{self, Card};
use ui::copy;
use ui::field::{self, Field};
use ui::form;
use ui::format;
use ui::page::Page;

use super::{crumbs, list_of, page_of, site_of, words};
use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame::View;
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// What was typed. Read from pairs: a form sends one field for each ticked event.
pub(super) struct Typed {
    pub url: String,
    pub events: Vec<String>,
}

impl Typed {
    pub fn read(pairs: Vec<(String, String)>) -> Result<Typed> {
        let mut typed = Typed { url: String::new(), events: Vec::new() };
        for (field, value) in pairs {
            match field.as_str() {
                "url" => typed.url = value,
                "event" => typed.events.push(value),
                other => return Err(Error::invalid(other, "is not a field here")),
            }
        }
        Ok(typed)
    }

    pub fn events(&self) -> Result<WebhookEvents> {
        WebhookEvents::parse(self.events.iter().map(String::as_str))
    }
}

/// The fields of a webhook.
pub(super) fn fields(typed: &Typed, complaint: &Complaint) -> Markup {
    html! {
        (field::url(Field {
            name: "url", label: "Address", value: &typed.url, placeholder: "https://example.com/hooks/deployments",
            hint: "Gets a POST with JSON. Only public addresses; redirects are not followed.",
            error: complaint.of("url"), autocomplete: "off", maxlength: Some(2000), required: true, ..Field::default()
        }))
        fieldset #field-events tabindex="-1" {
            legend.label { "When it is sent" }
            @if let Some(error) = complaint.of("events") { p.field-error { (error) } }
            div.form { @for event in WebhookEvent::CHOICES { (event_box(*event, typed)) } }
        }
    }
}

fn event_box(event: WebhookEvent, typed: &Typed) -> Markup {
    let checked = typed.events.iter().any(|ticked| ticked == event.as_str());
    let id = format!("field-event-{}", event.as_str().replace('.', "-"));
    let label = words::choice(event);
    field::checkbox(checked, Field { name: "event", value: event.as_str(), label, hint: event.as_str(), id: &id, ..Field::default() })
}

/// Shows the form.
pub async fn form(State(app): State<App>, Caller(actor): Caller, view: View, Path(id): Path<SiteId>) -> Answer {
    let site = site_of(&app, &actor, &id).await?;
    let usual = [WebhookEvent::Succeeded, WebhookEvent::Failed, WebhookEvent::RolledBack];
    let typed = Typed { url: String::new(), events: usual.map(|event| event.as_str().to_owned()).to_vec() };
    Ok(show(view, &site, &typed, &Complaint::none()))
}

/// Adds a webhook and shows its secret, this once.
pub async fn create(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<SiteId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer {
    let site = site_of(&app, &actor, &id).await?;
    let typed = Typed::read(pairs)?;
    let outcome = match typed.events() {
        Ok(events) => webhooks::create(&app.hosting, &actor, &id, &NewWebhook { url: typed.url.clone(), events }).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(made) => {
            changed::audit(&app, Some(&site.customer_id));
            Ok(show_secret(view, &site, &made, &made.webhook.host(&app.key)?, app.clock.now()))
        }
        Err(error) => {
            let complaint = Complaint::from(error)?;
            Ok(show(view, &site, &typed, &complaint))
        }
    }
}

fn show(view: View, site: &Site, typed: &Typed, complaint: &Complaint) -> Response {
    let list = list_of(&site.id);
    view.complaining(complaint).page(Page {
        title: "New webhook",
        crumbs: &crumbs(site, &list),
        narrow: true,
        body: html! {
            form.form method="post" action=(list) {
                (complaint.summary(&["url", "events"]))
                (card::simple("Webhook", html! { div.form { (fields(typed, complaint)) } }))
                (form::actions(html! { (button::primary("Add webhook")) (button::link_secondary(&list, "Cancel")) }))
            }
        },
        ..Page::default()
    })
}

/// Shows a new secret, this once.
pub(super) fn show_secret(view: View, site: &Site, made: &MadeWebhook, host: &str, now: Timestamp) -> Response {
    let list = list_of(&site.id);
    view.page(Page {
        title: "Copy its secret now",
        crumbs: &crumbs(site, &list),
        narrow: true,
        body: card::card(Card {
            title: host,
            body: html! {
                p {
                    "Each message carries the header " code { "X-Innkeeper-Signature-256" } ": an HMAC-SHA-256 of its body with this secret. "
                    "Check it, so that nobody else can tell your program about deployments."
                }
                @if let Some(until) = made.webhook.old_secret_until.filter(|_| made.webhook.signs_with_old_secret(now)) {
                    p {
                        "Until " (format::date_time(until.0)) " UTC the secret before it signs as well, in " code { "X-Innkeeper-Signature-256-Old" }
                        ": accept either of them until your program knows the new one. What it refuses meanwhile is sent again later."
                    }
                }
                (copy::secret_once("Secret", made.secret.reveal()))
                (button::link_primary(&page_of(&site.id, &made.webhook.id), "Done"))
            },
            ..Card::default()
        }),
        ..Page::default()
    })
}
