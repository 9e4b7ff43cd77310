//! Customers.

use accounts::{Currency, Customer, CustomerId, CustomerName, CustomerOrder, CustomerQuery, NewCustomer, customers};
use axum::extract::State;
use axum::response::Response;
use kit::Error;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::List;
use crate::app::App;
use crate::changed;
use crate::extract::{Json, Path, Query, created};
use crate::live::SESSIONS;
use crate::respond::Answer;
use crate::routes::Caller;

/// A customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Customer)]
pub struct Shown {
    #[schema(example = "cust_k3v9q2m7x4bz")]
    id: String,
    name: String,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
    created_at: String,
    /// Since when nobody of the customer may sign in.
    suspended_at: Option<String>,
    /// How many people belong to it.
    members: i64,
}

impl From<Customer> for Shown {
    fn from(customer: Customer) -> Shown {
        Shown {
            id: customer.id.to_string(),
            name: customer.name.as_str().to_owned(),
            currency: customer.currency.as_str().to_owned(),
            created_at: customer.created_at.rfc3339(),
            suspended_at: customer.suspended_at.map(|at| at.rfc3339()),
            members: customer.members,
        }
    }
}

/// Which customers.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Those whose name or id contains this.
    search: String,
    /// `created` (newest first) or `name`.
    #[param(example = "created")]
    order: Option<String>,
    /// What `next` of the page before says.
    after: Option<String>,
    /// How many, 1 to 200; 50 if not said.
    limit: Option<u32>,
}

/// A customer to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCustomer {
    #[schema(example = "Atelier Nord")]
    name: String,
    /// ISO 4217; `EUR` if not said.
    #[schema(example = "EUR")]
    currency: Option<String>,
}

/// What changes; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeCustomer {
    name: Option<String>,
    /// Admins only.
    currency: Option<String>,
    /// Admins only: whether its people are kept out.
    suspended: Option<bool>,
}

/// Lists customers.
///
/// Members see their own, staff see all.
#[utoipa::path(get, path = "/api/customers", tag = "Customers", params(Which),
    responses((status = 200, description = "One page", body = List<Shown>)))]
pub async fn list(State(app): State<App>, Caller(actor): Caller, Query(which): Query<Which>) -> Answer<Json<List<Shown>>> {
    let order = match which.order.as_deref() {
        None | Some("created") => CustomerOrder::Created,
        Some("name") => CustomerOrder::Name,
        Some(_) => return Err(Error::invalid("order", "must be created or name").into()),
    };
    let after = match &which.after {
        Some(text) => Some(CustomerId::parse(text).map_err(|_| Error::invalid("after", "must be what `next` said"))?),
        None => None,
    };
    let query = CustomerQuery { search: which.search, order, after, limit: which.limit.unwrap_or(50) };
    let page = customers::list(&app.db, &actor.scope(), &query).await?;
    Ok(Json(List { items: page.items.into_iter().map(Shown::from).collect(), next: page.next.map(String::from) }))
}

/// Creates a customer.
#[utoipa::path(post, path = "/api/customers", tag = "Customers", request_body = CreateCustomer,
    responses((status = 201, description = "Created", body = Shown)))]
pub async fn create(State(app): State<App>, Caller(actor): Caller, Json(body): Json<CreateCustomer>) -> Answer<Response> {
    let new = parse(&body)?;
    let customer = customers::create(&app.db, &app.clock, &actor, new).await?;
    changed::customer(&app, &customer.id);
    Ok(created(&format!("/api/customers/{}", customer.id), Shown::from(customer)))
}

/// Shows one customer.
#[utoipa::path(get, path = "/api/customers/{customer}", tag = "Customers", params(("customer" = String, Path, description = "Its id")),
    responses((status = 200, description = "The customer", body = Shown)))]
pub async fn get(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer<Json<Shown>> {
    let customer = customers::get(&app.db, &actor.scope(), &id).await?;
    Ok(Json(customer.into()))
}

/// Changes a customer.
///
/// Owners may change the name, admins everything.
#[utoipa::path(patch, path = "/api/customers/{customer}", tag = "Customers", params(("customer" = String, Path, description = "Its id")),
    request_body = ChangeCustomer, responses((status = 200, description = "The customer as it is now", body = Shown)))]
pub async fn change(
    State(app): State<App>,
    Caller(actor): Caller,
    Path(id): Path<CustomerId>,
    Json(body): Json<ChangeCustomer>,
) -> Answer<Json<Shown>> {
    customers::get(&app.db, &actor.scope(), &id).await?;
    let name = body.name.as_deref().map(CustomerName::parse).transpose()?;
    let currency = body.currency.as_deref().map(Currency::parse).transpose()?;
    if let Some(currency) = currency {
        customers::set_currency(&app.db, &app.clock, &actor, &id, currency).await?;
    }
    match body.suspended {
        Some(true) => customers::suspend(&app.db, &app.clock, &actor, &id).await?,
        Some(false) => customers::resume(&app.db, &app.clock, &actor, &id).await?,
        None => {}
    }
    if let Some(name) = name {
        customers::rename(&app.db, &app.clock, &actor, &id, name).await?;
    }
    changed::customer(&app, &id);
    app.bus.signal(SESSIONS, "changed");
    let customer = customers::get(&app.db, &actor.scope(), &id).await?;
    Ok(Json(customer.into()))
}

fn parse(body: &CreateCustomer) -> kit::Result<NewCustomer> {
    crate::extract::all_or_complaints!(
        name: CustomerName::parse(&body.name),
        currency: Currency::parse(body.currency.as_deref().unwrap_or("EUR")),
    );
    Ok(NewCustomer { name, currency })
}
