//! Webhooks in words, for pages.

use hosting::notify::deliveries::{Delivery, DeliveryState, Try};
use hosting::notify::webhooks::{WebhookEvent, WebhookState};
use maud::Markup;
use ui::badge::{self, Status, Tone};

/// What happened.
pub fn event(event: WebhookEvent) -> &'static str {
    match event {
        WebhookEvent::Succeeded => "Succeeded",
        WebhookEvent::Failed => "Failed",
        WebhookEvent::RolledBack => "Taken back",
        WebhookEvent::Cancelled => "Cancelled",
        WebhookEvent::Test => "Test",
    }
}

/// What happened, as a sentence for those who choose.
pub fn choice(event: WebhookEvent) -> &'static str {
    match event {
        WebhookEvent::Succeeded => "A deployment succeeded: visitors get the new version",
        WebhookEvent::Failed => "A deployment failed: what was online before still is",
        WebhookEvent::RolledBack => "A new version did worse than the one before and was taken back",
        WebhookEvent::Cancelled => "Somebody stopped a deployment",
        WebhookEvent::Test => "A test",
    }
}

/// The colour of what happened.
pub fn tone(event: WebhookEvent) -> Tone {
    match event {
        WebhookEvent::Succeeded => Tone::Ok,
        WebhookEvent::Failed => Tone::Bad,
        WebhookEvent::RolledBack => Tone::Serious,
        WebhookEvent::Cancelled | WebhookEvent::Test => Tone::Neutral,
    }
}

/// Whether a webhook is sent.
pub fn state(state: WebhookState) -> Markup {
    match state {
        WebhookState::Active => badge::status_as(Status::Running, "Active"),
        WebhookState::Paused => badge::status_as(Status::Stopped, "Paused"),
        WebhookState::Stopped => badge::status_as(Status::Error, "Stopped"),
    }
}

/// How far a delivery has come.
pub fn delivery(delivery: &Delivery) -> Markup {
    match delivery.state {
        DeliveryState::Waiting if delivery.attempts > 0 => badge::status_as(Status::Restarting, "Trying again"),
        DeliveryState::Waiting => badge::status_as(Status::Provisioning, "On its way"),
        DeliveryState::Delivered => badge::status_as(Status::Running, "Delivered"),
        DeliveryState::Failed => badge::status_as(Status::Error, "Given up"),
    }
}

/// What came of a try.
pub fn answer(one: &Try) -> String {
    match (one.status, &one.error) {
        (Some(status @ 300..=399), _) => format!("answered {status}: redirects are not followed"),
        (Some(status), _) => format!("answered {status}"),
        (None, Some(error)) => error.clone(),
        (None, None) => "no answer".to_owned(),
    }
}
