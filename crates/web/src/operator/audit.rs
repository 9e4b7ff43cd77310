//! Who did what, when and from where.

use accounts::{Actor, AuditId, AuditQuery, AuditRow, CustomerId, audit};
use axum::extract::State;
use kit::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use ui::card::{self, Empty};
use ui::live::{self, Region};
use ui::page::Page;
use ui::table::{self, Column, Pager, Row, Search, Table, Toolbar};
use ui::{format, icon};

use crate::account;
use crate::app::App;
use crate::extract::Query;
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Caller;

/// Which rows, as they stand in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    action: String,
    customer: String,
    before: String,
}

/// The whole log, for admins.
pub async fn house(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let page = Page { title: "Audit log", help: "Who did what, when and from where. Entries cannot be changed.", ..Page::default() };
    show(&app, &actor, view, "/admin/audit", &asked, page).await
}

/// What concerns one's own customer, for its owners.
pub async fn own(State(app): State<App>, Caller(actor): Caller, view: View, Query(asked): Query<Asked>) -> Answer {
    let page = Page {
        title: "Activity",
        help: "Who did what, when and from where, in your account and on your sites. Entries cannot be changed.",
        tabs: account::tabs(&actor, "/account/activity"),
        ..Page::default()
    };
    show(&app, &actor, view, "/account/activity", &asked, page).await
}

async fn show(app: &App, actor: &Actor, view: View, place: &str, asked: &Asked, page_of: Page<'_>) -> Answer {
    let query = AuditQuery {
        customer: CustomerId::parse(&asked.customer).ok(),
        action: Some(asked.action.trim().to_owned()).filter(|action| !action.is_empty()),
        before: AuditId::parse(&asked.before).ok(),
        ..AuditQuery::default()
    };
    let page = audit::list(&app.db, actor, &query).await?;
    let address = |before: &str| {
        let pairs = [("action", asked.action.as_str()), ("customer", asked.customer.as_str()), ("before", before)];
        let pairs: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        format!("{place}?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
    };
    let now = app.clock.now();
    let text = format!("{} shown", page.items.len());
    let table = table::table(Table {
        caption: "Audit log",
        columns: &[Column::new("When"), Column::new("Who"), Column::new("What"), Column::new("On").minor(), Column::new("From").minor()],
        rows: page.items.iter().map(|entry| row(entry, now)).collect(),
        toolbar: table::toolbar(Toolbar {
            search: Some(Search {
                action: place,
                name: "action",
                value: &asked.action,
                placeholder: "Action, such as member.invite",
                ..Search::default()
            }),
            ..Toolbar::default()
        }),
        empty: card::empty_state(Empty {
            icon: Some(icon::scroll_text()),
            title: "Nothing here",
            text: "No entry fits.",
            ..Empty::default()
        }),
        pager: Some(Pager { text: &text, previous: None, next: page.next.as_ref().map(|id| address(id.as_str()).into()) }),
        ..Table::default()
    });
    if view.is_fragment() {
        return Ok(view.fragment(table));
    }
    let here = address(&asked.before);
    let body = live::region(Region { topic: "audit", url: &here, body: table, ..Region::default() });
    Ok(view.page(Page { body, ..page_of }))
}

fn row(entry: &AuditRow, now: Timestamp) -> Row<'static> {
    let how = match entry.how.as_str() {
        "token" => "by API token",
        "job" => "by itself",
        "link" => "by link",
        _ => "",
    };
    let detail = match &entry.detail {
        serde_json::Value::Object(fields) if !fields.is_empty() => entry.detail.to_string(),
        _ => String::new(),
    };
    Row::new([
        format::time_ago(entry.at.0, now.0),
        who(&entry.actor_name, how),
        html! { (deed(&entry.action)) @if !detail.is_empty() { details { summary.hint { "Details" } p.mono { (detail) } } } },
        html! { span.mono { (entry.subject) } },
        html! { @match &entry.ip { Some(ip) => span.mono { (ip) }, None => (card::missing("Not over the network")) } },
    ])
}

/// What was done, in words where there are some; the code stays, as one searches for it.
fn deed(action: &str) -> Markup {
    let words = match action {
        "session.open" => "Signed in",
        "session.end" => "Signed out",
        "session.end_all" => "Signed out everywhere",
        "setup.complete" => "Set Innkeeper up",
        "signin_link.create" => "Made a sign-in link",
        "member.add" => "Added a member",
        "member.rename" => "Changed a name",
        "member.email" => "Changed an e-mail address",
        "member.password" => "Changed a password",
        "member.reset" => "Reset a password",
        "member.role" => "Changed a role",
        "member.remove" => "Removed a member",
        "invitation.create" => "Invited somebody",
        "invitation.resend" => "Sent an invitation again",
        "invitation.revoke" => "Withdrew an invitation",
        "invitation.accept" => "Accepted an invitation",
        "token.create" => "Made an API token",
        "token.revoke" => "Revoked an API token",
        "customer.create" => "Created a customer",
        "customer.rename" => "Renamed a customer",
        "customer.currency" => "Changed a currency",
        "customer.suspend" => "Suspended a customer",
        "customer.resume" => "Let a customer in again",
        "site.create" => "Created a site",
        "site.update" => "Changed a site",
        "site.start" => "Started a site",
        "site.stop" => "Stopped a site",
        "site.retry" => "Tried again",
        "site.delete" => "Deleted a site",
        "site.restore" => "Restored a site",
        "site.discard" => "Gave a site up",
        "site.reveal" => "Looked at a site's password",
        "site.environment" => "Changed the variables of a site",
        "site.environment_reveal" => "Looked at the value of a variable",
        "site.webhook_add" => "Added a webhook",
        "site.webhook_change" => "Changed a webhook",
        "site.webhook_secret" => "Gave a webhook another secret",
        "site.webhook_pause" => "Paused a webhook",
        "site.webhook_resume" => "Resumed a webhook",
        "site.webhook_remove" => "Removed a webhook",
        "health_model.copy" => "Copied a health model",
        "health_model.edit" => "Edited a health model",
        "health_model.discard" => "Discarded a draft of a health model",
        "health_model.publish" => "Published a health model",
        "health_model.use" => "Put a health model to use",
        "mail.show" => "Opened an unsent mail",
        other => return html! { code { (other) } },
    };
    table::two_lines(words, action)
}

fn who(name: &str, how: &str) -> Markup {
    if how.is_empty() {
        html! { strong { (name) } }
    } else {
        table::two_lines(name, how)
    }
}
