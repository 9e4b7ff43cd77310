//! What a play did: its runs and what it sent.

use insight::plays::deliveries::{Delivery, DeliveryState};
use insight::plays::watch::Run;
use kit::Timestamp;
use kit::words::counted;
use maud::{Markup, html};
use ui::badge::{self, Status};
use ui::card::{self, Card, Empty};
use ui::format;
use ui::table::{self, Column, Row, Table};

pub(super) fn runs_card(runs: &[Run], now: Timestamp) -> Markup {
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

pub(super) fn deliveries_card(sent: &[Delivery], now: Timestamp) -> Markup {
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
