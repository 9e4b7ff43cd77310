//! Containers that were here before: finding, adopting and letting go.

use accounts::CustomerId;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hosting::adopt::{self, Candidate};
use hosting::names::SiteName;
use hosting::{Site, SiteId};
use kit::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::List;
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, all_or_complaints, created};
use crate::respond::Answer;
use crate::routes::Caller;

/// A container that can be adopted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Adoptable {
    #[schema(example = "customer-42-wordpress")]
    container: String,
    /// `wordpress` or `magento`.
    #[schema(example = "wordpress")]
    kind: &'static str,
    /// What stands between `customer-` and the kind: whose it is to the system that made it.
    #[schema(example = "42")]
    customer_hint: String,
}

impl From<Candidate> for Adoptable {
    fn from(found: Candidate) -> Adoptable {
        Adoptable { container: found.container, kind: found.kind, customer_hint: found.customer_hint }
    }
}

/// Lists containers that can be adopted.
///
/// Those called `customer-{id}-wordpress` or `customer-{id}-magento` that nobody has adopted. Others can be adopted by name.
#[utoipa::path(get, path = "/api/containers/adoptable", tag = "Adopted containers",
    responses((status = 200, description = "By name; there is one page", body = List<Adoptable>)))]
pub async fn adoptable(State(app): State<App>, Caller(actor): Caller) -> Answer<Json<List<Adoptable>>> {
    let found = adopt::candidates(&app.hosting, &actor).await?;
    Ok(Json(List { items: found.into_iter().map(Adoptable::from).collect(), next: None }))
}

/// A container to adopt.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptContainer {
    /// Whose it is to be.
    #[schema(example = "cust_k3v9q2m7x4bz")]
    customer: String,
    /// Its name.
    #[schema(example = "customer-42-wordpress")]
    container: String,
    /// 1 to 80 characters; the container's name when left out.
    #[schema(example = "Kaffee & Korn")]
    #[serde(default)]
    site_name: Option<String>,
}

/// A container that was adopted.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdoptedSite {
    #[schema(example = "app_k3v7q2mx")]
    app_id: String,
    #[schema(example = "Kaffee & Korn")]
    site_name: String,
    #[schema(example = "cust_k3v9q2m7x4bz")]
    customer: String,
    /// Always `adopted`.
    #[schema(example = "adopted")]
    site_type: String,
}

impl From<&Site> for AdoptedSite {
    fn from(site: &Site) -> AdoptedSite {
        AdoptedSite {
            app_id: site.id.to_string(),
            site_name: site.name.as_str().to_owned(),
            customer: site.customer_id.to_string(),
            site_type: site.kind.to_string(),
        }
    }
}

/// Adopts a container.
///
/// It gets Site Health as a site of its own; nothing is done to it.
#[utoipa::path(post, path = "/api/containers/adopt", tag = "Adopted containers", request_body = AdoptContainer,
    responses((status = 201, description = "Adopted", body = AdoptedSite)))]
pub async fn adopt(State(app): State<App>, Caller(actor): Caller, Json(body): Json<AdoptContainer>) -> Answer<Response> {
    let (customer, site_name) = parse(&body)?;
    let site = adopt::adopt(&app.hosting, &actor, &customer, &body.container, site_name).await?;
    changed::audit(&app, Some(&customer));
    Ok(created(&format!("/api/sites/{}", site.id), AdoptedSite::from(&site)))
}

fn parse(body: &AdoptContainer) -> Result<(CustomerId, Option<SiteName>)> {
    all_or_complaints!(
        customer: CustomerId::parse(&body.customer)
            .map_err(|_| Error::invalid("customer", "must be the id of a customer, such as cust_abc…")),
        site_name: body.site_name.as_deref().map(SiteName::parse).transpose(),
    );
    Ok((customer, site_name))
}

/// Lets an adopted container go.
///
/// It is not watched any more, and stays as it is.
#[utoipa::path(delete, path = "/api/containers/{app_id}", tag = "Adopted containers",
    params(("app_id" = String, Path, description = "The id that it has here")),
    responses((status = 204, description = "Let go")))]
pub async fn let_go(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SiteId>) -> Answer<StatusCode> {
    let site = adopt::let_go(&app.hosting, &actor, &id).await?;
    changed::audit(&app, Some(&site.customer_id));
    Ok(StatusCode::NO_CONTENT)
}
