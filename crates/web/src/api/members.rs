//! Members and invitations.

use accounts::{Email, Invitation, InvitationId, Member, MemberId, NewInvitation, Role, invitations, members};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, Query, created};
use crate::live::SESSIONS;
use crate::people::customer_in_question;
use crate::respond::Answer;
use crate::routes::Caller;

/// A person who signs in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub struct ShownMember {
    id: String,
    name: String,
    email: String,
    /// `owner`, `member`, `concierge` or `admin`.
    role: &'static str,
    customer_id: Option<String>,
    created_at: String,
    last_seen_at: Option<String>,
}

/// An open invitation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub struct ShownInvitation {
    id: String,
    email: String,
    role: &'static str,
    customer_id: Option<String>,
    invited_by: String,
    created_at: String,
    expires_at: String,
}

/// Everyone who is in or invited.
#[derive(Debug, Serialize, ToSchema)]
pub struct People {
    members: Vec<ShownMember>,
    invitations: Vec<ShownInvitation>,
}

impl From<Member> for ShownMember {
    fn from(member: Member) -> ShownMember {
        ShownMember {
            id: member.id.to_string(),
            name: member.name.as_str().to_owned(),
            email: member.email.as_str().to_owned(),
            role: member.role.as_str(),
            customer_id: member.role.customer().map(ToString::to_string),
            created_at: member.created_at.rfc3339(),
            last_seen_at: member.last_seen_at.map(|at| at.rfc3339()),
        }
    }
}

impl From<Invitation> for ShownInvitation {
    fn from(invitation: Invitation) -> ShownInvitation {
        ShownInvitation {
            id: invitation.id.to_string(),
            email: invitation.email.as_str().to_owned(),
            role: invitation.role.as_str(),
            customer_id: invitation.role.customer().map(ToString::to_string),
            invited_by: invitation.invited_by_name.to_string(),
            created_at: invitation.created_at.rfc3339(),
            expires_at: invitation.expires_at.rfc3339(),
        }
    }
}

/// Whose people.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Whose {
    /// A customer; one's own, or the staff, if not said.
    customer: Option<String>,
}

/// Whom to invite as what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    #[schema(example = "ada@example.com")]
    email: String,
    /// `owner` or `member` of a customer; `concierge` or `admin` of the staff.
    #[schema(example = "member")]
    role: String,
    /// One's own, if not said.
    customer_id: Option<String>,
}

/// The invitation that was sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sent {
    invitation_id: String,
}

/// What changes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMember {
    /// Of a customer's people `owner` or `member`, of the staff `concierge` or `admin`.
    role: String,
}

/// Lists members and open invitations.
#[utoipa::path(get, path = "/api/members", tag = "Members", params(Whose),
    responses((status = 200, description = "Everyone", body = People)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller, Query(whose): Query<Whose>) -> Answer<Json<People>> {
    let customer = customer_in_question(&actor, whose.customer.as_deref())?;
    let members = match &customer {
        Some(customer) => members::of_customer(&app.db, &actor, customer).await?,
        None => members::staff(&app.db, &actor).await?,
    };
    let mut invitations = invitations::list(&app.db, &app.clock, &actor, customer.as_ref()).await?;
    invitations.retain(|invitation| invitation.role.customer() == customer.as_ref());
    Ok(Json(People {
        members: members.into_iter().map(ShownMember::from).collect(),
        invitations: invitations.into_iter().map(ShownInvitation::from).collect(),
    }))
}

/// Invites somebody.
///
/// They get a mail with a link and choose their password themselves.
#[utoipa::path(post, path = "/api/members", tag = "Members", request_body = Invite,
    responses((status = 201, description = "Invited", body = Sent)))]
pub async fn invite(State(app): State<App>, Caller(actor): Caller, Json(body): Json<Invite>) -> Answer<Response> {
    let customer = match body.role.as_str() {
        "concierge" | "admin" => None,
        _ => customer_in_question(&actor, body.customer_id.as_deref())?,
    };
    let new = parse(&body, customer.clone())?;
    let base = app.config.server.public_url.origin();
    let invited = invitations::create(&app.db, &app.clock, &app.mailer, &actor, base, new).await?;
    changed::members(&app, customer.as_ref());
    app.bus.signal("operators", "mail");
    Ok(created("/api/members", Sent { invitation_id: invited.id.to_string() }))
}

/// Changes a member's role.
#[utoipa::path(patch, path = "/api/members/{member}", tag = "Members", params(("member" = String, Path, description = "Their id")),
    request_body = ChangeMember, responses((status = 200, description = "The member as they are now", body = ShownMember)))]
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<MemberId>,
    Json(body): Json<ChangeMember>,
) -> Answer<Json<ShownMember>> {
    let customer = members::get(&app.db, &actor, &id).await?.role.customer().cloned();
    let role = Role::parse(&body.role, customer.clone())?;
    members::change_role(&app.db, &app.clock, &actor, &id, role).await?;
    changed::members(&app, customer.as_ref());
    app.bus.signal(SESSIONS, "changed");
    Ok(Json(members::get(&app.db, &actor, &id).await?.into()))
}

/// Removes a member.
///
/// Their sessions and tokens end at once.
#[utoipa::path(delete, path = "/api/members/{member}", tag = "Members", params(("member" = String, Path, description = "Their id")),
    responses((status = 204, description = "Removed")))]
pub async fn remove(State(app): State<App>, Caller(actor): Caller, Path(id): Path<MemberId>) -> Answer<StatusCode> {
    let customer = members::get(&app.db, &actor, &id).await?.role.customer().cloned();
    members::remove(&app.db, &app.clock, &actor, &id).await?;
    changed::members(&app, customer.as_ref());
    app.bus.signal(SESSIONS, "ended");
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraws an invitation.
#[utoipa::path(delete, path = "/api/invitations/{invitation}", tag = "Members",
    params(("invitation" = String, Path, description = "Its id")), responses((status = 204, description = "Withdrawn")))]
pub async fn withdraw(State(app): State<App>, Caller(actor): Caller, Path(id): Path<InvitationId>) -> Answer<StatusCode> {
    invitations::revoke(&app.db, &app.clock, &actor, &id).await?;
    changed::members(&app, actor.role().customer());
    Ok(StatusCode::NO_CONTENT)
}

fn parse(body: &Invite, customer: Option<accounts::CustomerId>) -> kit::Result<NewInvitation> {
    crate::extract::all_or_complaints!(
        email: Email::parse(&body.email),
        role: Role::parse(&body.role, customer),
    );
    Ok(NewInvitation { email, role })
}
