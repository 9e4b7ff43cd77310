//! Members and invitations, shown and changed from three places: a customer's own account, the operator's page of a
//! customer, and the staff page.

mod invite;

use accounts::{Actor, CustomerId, Invitation, InvitationId, Member, MemberId, Permission, Role, invitations, members};
use axum::extract::State;
use kit::{Error, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::{self, Tone};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::dialog::{self, Confirm, Dialog};
use ui::field::{self, Choice, Field};
use ui::form::{self, PostButton};
use ui::table::{self, Column, Row, Table};
use ui::{format, icon};

use crate::app::App;
use crate::changed;
use crate::extract::{Form, Path};
use crate::frame;
use crate::live::SESSIONS;
use crate::request::safe_next;
use crate::respond::Answer;
use crate::routes::{Access, Caller, Routes};

/// What can be done to members and invitations.
pub fn routes(routes: Routes) -> Routes {
    let access = Access::May(Permission::WriteMembers);
    routes
        .get("/members/invite", access, invite::form)
        .post("/members/invite", access, invite::submit)
        .post("/members/{member}/role", access, change_role)
        .post("/members/{member}/remove", access, remove)
        .post("/invitations/{invitation}/resend", access, resend)
        .post("/invitations/{invitation}/revoke", access, revoke)
}

/// Whose people are shown.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// Those of one customer.
    Customer(&'a CustomerId),
    /// Those who run the house.
    House,
}

impl Whose<'_> {
    fn invite_address(self) -> String {
        match self {
            Whose::Customer(customer) => format!("/members/invite?customer={customer}"),
            Whose::House => "/members/invite".to_owned(),
        }
    }

    /// The page that lists them, for this reader.
    pub fn page(self, actor: &Actor) -> String {
        match self {
            Whose::Customer(_) if !actor.scope().is_house() => "/account/members".to_owned(),
            Whose::Customer(customer) => format!("/admin/customers/{customer}/people"),
            Whose::House => "/admin/staff".to_owned(),
        }
    }
}

/// The people of a customer or of the house, with what may be done to them.
pub async fn section(app: &App, actor: &Actor, whose: Whose<'_>) -> Answer<Markup> {
    let (members, invitations) = match whose {
        Whose::Customer(customer) => {
            (members::of_customer(&app.db, actor, customer).await?, invitations::list(&app.db, &app.clock, actor, Some(customer)).await?)
        }
        Whose::House => {
            let all = invitations::list(&app.db, &app.clock, actor, None).await?;
            let staff = all.into_iter().filter(|invitation| invitation.role.customer().is_none()).collect();
            (members::staff(&app.db, actor).await?, staff)
        }
    };
    let now = app.clock.now();
    let back = whose.page(actor);
    let may_write = actor.can(Permission::WriteMembers);
    let rows = members
        .iter()
        .map(|member| member_row(actor, member, may_write, &back, now))
        .chain(invitations.iter().map(|invitation| invitation_row(invitation, may_write, &back)))
        .collect();
    let invite = Button { label: "Invite", small: true, icon: Some(icon::user_plus()), ..Button::default() };
    Ok(card::card(Card {
        title: "Members",
        flush: true,
        actions: html! { @if may_write { (button::link(&whose.invite_address(), invite)) } },
        body: table::table(Table {
            caption: "Members and invitations",
            bare: true,
            columns: &[Column::new("Name"), Column::new("Role"), Column::new("Last seen").minor(), Column::actions()],
            rows,
            empty: card::empty_state(card::Empty {
                icon: Some(icon::users()),
                title: "Nobody yet",
                text: "Invite the first person; they choose their password themselves.",
                ..card::Empty::default()
            }),
            ..Table::default()
        }),
        ..Card::default()
    }))
}

fn member_row(actor: &Actor, member: &Member, may_write: bool, back: &str, now: Timestamp) -> Row<'static> {
    let is_self = actor.member_id() == Some(&member.id);
    let name = if is_self { format!("{} (you)", member.name.as_str()) } else { member.name.as_str().to_owned() };
    let seen = match member.last_seen_at {
        Some(at) => format::time_ago(at.0, now.0),
        None => card::missing("Has not signed in for a while"),
    };
    Row::new([
        table::two_lines(&name, member.email.as_str()),
        role_tag(&member.role),
        seen,
        html! { @if may_write && !is_self { div.button-row { (change_role_button(member, back)) (remove_button(member, back)) } } },
    ])
}

fn invitation_row(invitation: &Invitation, may_write: bool, back: &str) -> Row<'static> {
    let id = &invitation.id;
    let by = format!("Invited by {}, valid until {}", invitation.invited_by_name, format::date_time(invitation.expires_at.0));
    let small = |label| Button { label, small: true, kind: Kind::Quiet, ..Button::default() };
    let post = |action: &str, label| form::post_button(PostButton { action, hidden: field::hidden("back", back), button: small(label) });
    Row {
        faded: true,
        ..Row::new([
            table::two_lines(invitation.email.as_str(), &by),
            html! { span.row { (role_tag(&invitation.role)) (badge::tag(Tone::Warn, "Invited")) } },
            card::missing("Has not accepted yet"),
            html! { @if may_write { div.button-row {
                (post(&format!("/invitations/{id}/resend"), "Send again"))
                (post(&format!("/invitations/{id}/revoke"), "Withdraw"))
            } } },
        ])
    }
}

fn role_tag(role: &Role) -> Markup {
    let tone = match role.as_str() {
        "owner" | "admin" => Tone::Accent,
        _ => Tone::Neutral,
    };
    badge::tag(tone, role_word(role.as_str()))
}

/// The role as a person reads it.
pub fn role_word(role: &str) -> &'static str {
    match role {
        "owner" => "Owner",
        "member" => "Member",
        "concierge" => "Concierge",
        _ => "Admin",
    }
}

/// The roles that somebody of this customer, or of the house, may have.
fn choices(of_customer: bool) -> [Choice<'static>; 2] {
    let choice = |value: &'static str| Choice { value, label: role_word(value), ..Choice::default() };
    if of_customer { [choice("member"), choice("owner")] } else { [choice("concierge"), choice("admin")] }
}

fn change_role_button(member: &Member, back: &str) -> Markup {
    let id = format!("role-{}", member.id);
    let title = format!("Role of {}", member.name.as_str());
    let field = Field {
        name: "role",
        label: "Role",
        value: member.role.as_str(),
        required: true,
        id: &format!("field-role-{}", member.id),
        ..Field::default()
    };
    html! {
        (button::opens_dialog(&id, Button { label: "Role", small: true, kind: Kind::Quiet, ..Button::default() }))
        (dialog::dialog(Dialog {
            id: &id,
            title: &title,
            body: html! {
                form.form method="post" action={ "/members/" (member.id) "/role" } {
                    (field::hidden("back", back))
                    (field::select(field, &choices(member.role.customer().is_some())))
                    (form::actions(html! { (dialog::closing_button(&id, "Cancel")) (button::primary("Change role")) }))
                }
            },
            ..Dialog::default()
        }))
    }
}

fn remove_button(member: &Member, back: &str) -> Markup {
    let id = format!("remove-{}", member.id);
    html! {
        (button::opens_dialog(&id, Button { label: "Remove", small: true, kind: Kind::Quiet, ..Button::default() }))
        (dialog::confirm_dialog(Confirm {
            id: &id,
            title: &format!("Remove {}?", member.name.as_str()),
            text: "They can no longer sign in, and their API tokens stop working at once.",
            action: &format!("/members/{}/remove", member.id),
            hidden: field::hidden("back", back),
            button: "Remove",
            danger: true,
            ..Confirm::default()
        }))
    }
}

/// The new role of a member.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    role: String,
    back: Option<String>,
}

/// Where to go on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Back {
    back: Option<String>,
}

async fn change_role(State(app): State<App>, Caller(actor): Caller, Path(id): Path<MemberId>, Form(new): Form<NewRole>) -> Answer {
    let member = members::get(&app.db, &actor, &id).await?;
    let customer = member.role.customer().cloned();
    let role = Role::parse(&new.role, customer.clone())?;
    let outcome = members::change_role(&app.db, &app.clock, &actor, &id, role).await;
    changed::members(&app, customer.as_ref());
    app.bus.signal(SESSIONS, "changed");
    frame::done_or_refused(&app, safe_next(new.back.as_deref()), outcome, "Role changed")
}

async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<MemberId>, Form(form): Form<Back>) -> Answer {
    let member = members::get(&app.db, &actor, &id).await?;
    let outcome = members::remove(&app.db, &app.clock, &actor, &id).await;
    changed::members(&app, member.role.customer());
    app.bus.signal(SESSIONS, "ended");
    frame::done_or_refused(&app, safe_next(form.back.as_deref()), outcome, &format!("{} is removed", member.name.as_str()))
}

async fn resend(State(app): State<App>, Caller(actor): Caller, Path(id): Path<InvitationId>, Form(form): Form<Back>) -> Answer {
    let base = app.config.server.public_url.origin();
    let outcome = invitations::resend(&app.db, &app.clock, &app.mailer, &actor, base, &id).await;
    app.bus.signal("operators", "mail");
    frame::done_or_refused(&app, safe_next(form.back.as_deref()), outcome.map(|_| ()), "Invitation sent again")
}

async fn revoke(State(app): State<App>, Caller(actor): Caller, Path(id): Path<InvitationId>, Form(form): Form<Back>) -> Answer {
    let outcome = invitations::revoke(&app.db, &app.clock, &actor, &id).await;
    changed::members(&app, actor.role().customer());
    frame::done_or_refused(&app, safe_next(form.back.as_deref()), outcome, "Invitation withdrawn")
}

/// The customer whom a request is about: one's own, or the one that staff name.
pub fn customer_in_question(actor: &Actor, named: Option<&str>) -> kit::Result<Option<CustomerId>> {
    match (actor.role().customer(), named.filter(|text| !text.is_empty())) {
        (Some(own), None) => Ok(Some(own.clone())),
        (Some(own), Some(named)) if own.as_str() == named => Ok(Some(own.clone())),
        (Some(_), Some(_)) => Err(Error::not_found("the customer")),
        (None, Some(named)) => Ok(Some(CustomerId::parse(named)?)),
        (None, None) => Ok(None),
    }
}
