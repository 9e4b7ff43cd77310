//! Sites: the management API.

mod environment;
mod shapes;

use accounts::{Actor, Permission};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hosting::deployments;
use hosting::names::{Host, SiteName, Subdomain};
use hosting::operations::{self, OperationKind, OperationState};
use hosting::sites::{self, AddressAnswer, SiteFilter, UpdateSite};
use hosting::{Site, SiteId, SiteState};
use kit::{Error, Result};
use serde::{Deserialize, Deserializer};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, Query, all_or_complaints, created};
use crate::portal::{self, asked, seen};
use crate::respond::Answer;
use crate::routes::{Access, Caller, Routes, routes};
pub(super) use shapes::DoingStep;
use shapes::{Availability, Detail, Doing, Made, Parts, Summary};

/// Rows of a list, unless said otherwise, and at most.
const ROWS: u32 = 50;
const MOST_ROWS: u32 = 199;

/// Everything under `/api/sites`.
pub fn routes(all: Routes) -> Routes {
    let read = Access::May(Permission::ReadSites);
    let write = Access::May(Permission::WriteSites);
    all.api(read, routes!(list))
        .api_create(write, routes!(create))
        .api_create(write, routes!(create_by_verb))
        .api(write, routes!(address))
        .api(read, routes!(get))
        .api(write, routes!(change))
        .api(write, routes!(delete))
        .api(read, routes!(operation))
        .api(write, routes!(start))
        .api(write, routes!(stop))
        .api(write, routes!(restore))
        .api(write, routes!(retry))
        .api(write, routes!(discard))
        .api(read, routes!(environment::get))
        .api(write, routes!(environment::change))
        .api(read, routes!(environment::history))
}

/// A site to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSite {
    /// The template.
    #[schema(example = "portfolio")]
    site_type: String,
    /// 1 to 80 characters.
    #[schema(example = "My Awesome Site")]
    site_name: String,
    /// First label of its address, 2 to 40 letters, digits or hyphens; made up when left out.
    #[serde(default)]
    subdomain: Option<String>,
    /// The customer's own domain.
    #[serde(default)]
    custom_domain: Option<String>,
    /// Whose it will be: for staff, who have no sites of their own.
    #[serde(default)]
    customer: Option<String>,
}

/// Creates a site.
///
/// Answers at once; the site is made in steps that `GET /api/sites/{app_id}/operation` tells of.
#[utoipa::path(post, path = "/api/sites", tag = "Sites", request_body = CreateSite,
    responses((status = 201, description = "Being made", body = Made)))]
pub async fn create(State(app): State<App>, Caller(actor): Caller, Json(body): Json<CreateSite>) -> Answer<Response> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let wish = asked::Asked {
        site_type: &body.site_type,
        site_name: &body.site_name,
        subdomain: &text(&body.subdomain),
        custom_domain: &text(&body.custom_domain),
        customer: &text(&body.customer),
    };
    let (customer, new) = asked::parse(&app.hosting, &actor, &wish)?;
    let site = sites::create(&app.hosting, &actor, &customer, &new).await?;
    changed::audit(&app, Some(&customer));
    Ok(created(&format!("/api/sites/{}", site.id), Made::of(&app.hosting, &site)))
}

/// Creates a site.
///
/// The same as `POST /api/sites`.
#[utoipa::path(post, path = "/api/sites/create", tag = "Sites", request_body = CreateSite,
    responses((status = 201, description = "Being made", body = Made)))]
pub async fn create_by_verb(app: State<App>, caller: Caller, body: Json<CreateSite>) -> Answer<Response> {
    create(app, caller, body).await
}

/// Which sites.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Those in this state; all but `archived` ones if not said.
    #[param(example = "active")]
    state: Option<String>,
    /// Those whose name or address contains this.
    search: Option<String>,
    /// How many, 1 to 199; 50 if not said.
    limit: Option<u32>,
    /// Those that follow this site: the `app_id` of the last one so far.
    after: Option<String>,
}

impl Which {
    fn parse(&self) -> Result<SiteFilter> {
        all_or_complaints!(
            state: match &self.state {
                Some(text) => SiteState::from_text(text).map(Some).ok_or_else(|| {
                    let known: Vec<&str> = SiteState::ALL.iter().map(|state| state.as_str()).collect();
                    Error::invalid("state", format!("must be one of: {}", known.join(", ")))
                }),
                None => Ok(None),
            },
            limit: match self.limit.unwrap_or(ROWS) {
                limit @ 1..=MOST_ROWS => Ok(limit),
                _ => Err(Error::invalid("limit", format!("must be 1 to {MOST_ROWS}"))),
            },
            after: match &self.after {
                Some(text) => SiteId::parse(text).map(Some).map_err(|_| no_such_site_to_go_on_from()),
                None => Ok(None),
            },
        );
        let search = self.search.clone().filter(|text| !text.trim().is_empty());
        // One more than shown tells whether there is a next page.
        Ok(SiteFilter { state, search, after, limit: limit + 1, ..SiteFilter::default() })
    }

    fn next_page(&self, after: &SiteId) -> String {
        let limit = self.limit.map(|limit| limit.to_string()).unwrap_or_default();
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let (state, search) = (text(&self.state), text(&self.search));
        portal::to("/api/sites", &[("state", &state), ("search", &search), ("limit", &limit), ("after", after.as_str())])
    }
}

fn no_such_site_to_go_on_from() -> Error {
    Error::invalid("after", "must be the app_id of a site of the list")
}

/// Lists sites, newest first.
///
/// A plain array; while there is more, the header `Link` names the next page (`rel="next"`).
#[utoipa::path(get, path = "/api/sites", tag = "Sites", params(Which),
    responses((status = 200, description = "One page", body = Vec<Summary>,
        headers(("Link" = String, description = "The next page, `rel=\"next\"`; not there on the last one")))))]
pub async fn list(State(app): State<App>, Caller(actor): Caller, Query(which): Query<Which>) -> Answer<Response> {
    let filter = which.parse()?;
    let mut found = sites::list(&app.db, &actor.scope(), &filter).await.map_err(|error| match error {
        Error::NotFound(_) => no_such_site_to_go_on_from(),
        other => other,
    })?;
    let next = portal::cut(&mut found, filter.limit - 1);
    let shown: Vec<Summary> = found.iter().map(|site| Summary::of(&app.hosting, site)).collect();
    let mut response = Json(shown).into_response();
    if let Some(after) = next {
        let link = format!("<{}>; rel=\"next\"", which.next_page(&after));
        let link = HeaderValue::from_str(&link).map_err(Error::from)?;
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Shows one site.
#[utoipa::path(get, path = "/api/sites/{app_id}", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The site", body = Detail)))]
pub async fn get(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Json<Detail>> {
    let site = sites::get(&app.db, &actor.scope(), &id).await?;
    Ok(Json(detail(&app, &actor, &site).await?))
}

async fn detail(app: &App, actor: &Actor, site: &Site) -> Result<Detail> {
    let scope = actor.scope();
    let history = operations::history(&app.db, &scope, &site.id).await?;
    let newest = operations::newest(&app.db, &scope, &site.id).await?;
    let is_busy = newest.as_ref().is_some_and(|(operation, _)| operation.state == OperationState::Running);
    let seen = seen::of_site(app, site, is_busy);
    let deployed = deployments::history(&app.db, &scope, &site.id, None, 20).await?;
    let first_commit = shapes::first_commit(&app.hosting, site, &deployed).await;
    let parts = Parts { site, seen: &seen, history: &history, newest: newest.as_ref(), deployed: &deployed, first_commit };
    Ok(Detail::of(&app.hosting, parts))
}

/// What changes; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeSite {
    /// 1 to 80 characters.
    #[schema(example = "New Site Name")]
    site_name: Option<String>,
    /// The customer's own domain; `null` drops it.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "mybusiness.example")]
    custom_domain: Option<Option<String>>,
}

/// Tells `null` from nothing.
fn given<'de, D: Deserializer<'de>>(value: D) -> std::result::Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Changes name or own domain.
#[utoipa::path(patch, path = "/api/sites/{app_id}", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    request_body = ChangeSite, responses((status = 200, description = "The site as it is now", body = Detail)))]
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<SiteId>,
    Json(body): Json<ChangeSite>,
) -> Answer<Json<Detail>> {
    sites::get(&app.db, &actor.scope(), &id).await?;
    let site = sites::update(&app.hosting, &actor, &id, &parse(&body)?).await?;
    changed::audit(&app, Some(&site.customer_id));
    Ok(Json(detail(&app, &actor, &site).await?))
}

fn parse(body: &ChangeSite) -> Result<UpdateSite> {
    all_or_complaints!(
        name: body.site_name.as_deref().map(SiteName::parse).transpose(),
        custom_domain: body.custom_domain.as_ref().map(|own| own.as_deref().map(Host::parse).transpose()).transpose(),
    );
    Ok(UpdateSite { name, custom_domain })
}

/// Deletes a site.
///
/// Its folder, repository and database are archived first; `POST …/restore` brings it back while the archive is kept.
#[utoipa::path(delete, path = "/api/sites/{app_id}", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    responses((status = 202, description = "Being deleted", body = Doing)))]
pub async fn delete(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Response> {
    request(&app, &actor, &id, OperationKind::Delete).await
}

/// Brings a deleted site back.
#[utoipa::path(post, path = "/api/sites/{app_id}/restore", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    responses((status = 202, description = "Being restored", body = Doing)))]
pub async fn restore(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Response> {
    request(&app, &actor, &id, OperationKind::Restore).await
}

/// Starts a stopped site.
#[utoipa::path(post, path = "/api/sites/{app_id}/start", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    responses((status = 202, description = "Being started", body = Doing)))]
pub async fn start(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Response> {
    request(&app, &actor, &id, OperationKind::Start).await
}

/// Stops a site; visitors see a page that says so.
#[utoipa::path(post, path = "/api/sites/{app_id}/stop", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    responses((status = 202, description = "Being stopped", body = Doing)))]
pub async fn stop(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Response> {
    request(&app, &actor, &id, OperationKind::Stop).await
}

/// Gives up a site whose making failed; nothing of it is left.
#[utoipa::path(post, path = "/api/sites/{app_id}/discard", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    responses((status = 202, description = "Being removed", body = Doing)))]
pub async fn discard(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Response> {
    request(&app, &actor, &id, OperationKind::Discard).await
}

/// Tries what failed again, from the failed step.
#[utoipa::path(post, path = "/api/sites/{app_id}/retry", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    responses((status = 202, description = "Being tried again", body = Doing)))]
pub async fn retry(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Response> {
    let site = operations::retry(&app.hosting, &actor, &id).await?;
    accepted(&app, &actor, &site).await
}

/// Shows what is being done to a site, or was done last, with its steps.
#[utoipa::path(get, path = "/api/sites/{app_id}/operation", tag = "Sites", params(("app_id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The newest operation", body = Doing)))]
pub async fn operation(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<Json<Doing>> {
    Ok(Json(doing(&app, &actor, &id).await?))
}

async fn doing(app: &App, actor: &Actor, id: &SiteId) -> Result<Doing> {
    let newest = operations::newest(&app.db, &actor.scope(), id).await?;
    newest.map(|(operation, steps)| Doing::of(&operation, &steps)).ok_or_else(|| Error::not_found("an operation"))
}

async fn request(app: &App, actor: &Actor, id: &SiteId, kind: OperationKind) -> Answer<Response> {
    let site = operations::request(&app.hosting, actor, id, kind).await?;
    accepted(app, actor, &site).await
}

async fn accepted(app: &App, actor: &Actor, site: &Site) -> Answer<Response> {
    changed::audit(app, Some(&site.customer_id));
    let location = format!("/api/sites/{}/operation", site.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(doing(app, actor, &site.id).await?)).into_response())
}

/// The address that is asked about.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// First label of the address.
    #[param(example = "mysite")]
    subdomain: String,
}

/// Tells whether an address can be had.
///
/// A reserved or malformed one is answered with 422.
#[utoipa::path(get, path = "/api/sites/address", tag = "Sites", params(Wanted),
    responses((status = 200, description = "Whether it is free", body = Availability)))]
pub async fn address(State(app): State<App>, Query(wanted): Query<Wanted>) -> Answer<Json<Availability>> {
    let subdomain = Subdomain::parse(&wanted.subdomain, &app.hosting.config.reserved_subdomains)?;
    let (domain, available) = match sites::check_address(&app.hosting, &subdomain).await? {
        AddressAnswer::Free(domain) => (domain, true),
        AddressAnswer::Taken(domain) => (domain, false),
    };
    Ok(Json(Availability { domain: domain.to_string(), available }))
}
