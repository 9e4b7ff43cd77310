//! Customers.

use accounts::{Currency, Customer, CustomerId, CustomerName, NewCustomer, customers};
use axum::extract::State;
use axum::response::Response;
use insight::health::{self, Band, Listed, Query as Wanted, Sort, Standing};
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
    /// How it is, for staff; `null` while nothing was computed.
    health: Option<HealthInShort>,
}

/// How a customer is, as lists have it: not older than some seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthInShort {
    /// 0 to 100; `null` while no event has come.
    score: Option<f64>,
    /// `healthy`, `at_risk` or `churning`.
    band: Option<&'static str>,
    /// `green`, `yellow` or `red`.
    color: Option<&'static str>,
    change_7d: Option<f64>,
    change_30d: Option<f64>,
    /// Points a day, fitted through the last 28 days.
    slope: Option<f64>,
    falling_fast: bool,
    /// The factor that moved it most within 7 days.
    moved_by: Option<MovedMost>,
    /// Share of the weights, 0 to 1, that comes from data.
    coverage: f64,
    /// Fewer than 30 days of events.
    is_new: bool,
    /// The last day on which something happened.
    last_day: Option<String>,
}

/// The factor that moved a score most.
#[derive(Debug, Serialize, ToSchema)]
pub struct MovedMost {
    key: String,
    label: String,
    change: f64,
}

impl From<Standing> for HealthInShort {
    fn from(standing: Standing) -> HealthInShort {
        HealthInShort {
            score: standing.points,
            band: standing.band.map(Band::as_str),
            color: standing.band.map(super::health::color),
            change_7d: standing.change_7,
            change_30d: standing.change_30,
            slope: standing.slope,
            falling_fast: standing.falls_fast,
            moved_by: standing.moved_by.map(|(key, label, change)| MovedMost { key, label, change }),
            coverage: standing.coverage,
            is_new: standing.is_new,
            last_day: standing.last_day.map(|day| day.iso()),
        }
    }
}

impl From<Listed> for Shown {
    fn from(listed: Listed) -> Shown {
        Shown { health: listed.standing.map(HealthInShort::from), ..Shown::from(listed.customer) }
    }
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
            health: None,
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
    /// `created` (newest first) or `name`; for staff also `score` (worst first), `change_7d`, `change_30d`, `slope`, `moved` (by what
    /// moved it most; largest fall first) or `last_day` (latest first). Those without a value come last.
    #[param(example = "created")]
    order: Option<String>,
    /// `asc` or `desc`, when it shall be the other way round.
    direction: Option<String>,
    /// Those in this band, or in these: `healthy`, `at_risk`, `churning`, with commas. For staff.
    band: Option<String>,
    /// Those that fall fast. For staff.
    falling_fast: bool,
    /// Those of this segment. For staff.
    segment: Option<String>,
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
    let page = health::list(&app.insight, &actor.scope(), &wanted(which)?).await?;
    Ok(Json(List { items: page.items.into_iter().map(Shown::from).collect(), next: page.next }))
}

fn wanted(which: Which) -> kit::Result<Wanted> {
    let (sort, usual) = match which.order.as_deref() {
        None | Some("created") => (Sort::Created, true),
        Some("name") => (Sort::Name, false),
        Some("score") => (Sort::Score, false),
        Some("change_7d") => (Sort::Change7, false),
        Some("change_30d") => (Sort::Change30, false),
        Some("slope") => (Sort::Slope, false),
        Some("moved") => (Sort::MovedBy, false),
        Some("last_day") => (Sort::LastDay, true),
        Some(_) => return Err(Error::invalid("order", "must be created, name, score, change_7d, change_30d, slope, moved or last_day")),
    };
    let descending = match which.direction.as_deref() {
        None => usual,
        Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(Error::invalid("direction", "must be asc or desc")),
    };
    let band = |word: &str| Band::from_text(word).ok_or_else(|| Error::invalid("band", "must be healthy, at_risk or churning"));
    let bands = which.band.iter().flat_map(|bands| bands.split(',')).map(band).collect::<kit::Result<_>>()?;
    Ok(Wanted {
        search: which.search,
        bands,
        falls_fast: which.falling_fast,
        segment: which.segment,
        sort,
        descending,
        after: which.after,
        limit: which.limit.unwrap_or(50),
    })
}

/// Creates a customer.
#[utoipa::path(post, path = "/api/customers", tag = "Customers", request_body = CreateCustomer,
    responses((status = 201, description = "Created", body = Shown)))]
pub async fn create(State(app): State<App>, Caller(actor): Caller, Json(body): Json<CreateCustomer>) -> Answer<Response> {
    let new = parse(&body)?;
    let customer = customers::create(&app.db, &app.clock, &actor, new).await?;
    insight::health::renew(&app.insight, &customer.id).await;
    changed::customer(&app, &customer.id);
    Ok(created(&format!("/api/customers/{}", customer.id), Shown::from(customer)))
}

/// Shows one customer.
#[utoipa::path(get, path = "/api/customers/{customer}", tag = "Customers", params(("customer" = String, Path, description = "Its id")),
    responses((status = 200, description = "The customer", body = Shown)))]
pub async fn get(State(app): State<App>, Caller(actor): Caller, Path(id): Path<CustomerId>) -> Answer<Json<Shown>> {
    let customer = customers::get(&app.db, &actor.scope(), &id).await?;
    let standing = health::standings(&app.insight, &actor.scope(), std::slice::from_ref(&id)).await?.into_iter().next();
    Ok(Json(Listed { customer, standing: standing.map(|(_, standing)| standing) }.into()))
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
