//! The sample house: customers and activity to look around in, put in and taken out again.

use accounts::samples::{self, NewSample};
use accounts::{Actor, Currency, CustomerName, Email, PersonName};
use events::sample::SampleCustomer;
use events::sample::loading::{self, Order};
use hosting::sites::{self, SiteFilter};
use kit::{Result, Timestamp};
use web::App;

/// What was put in.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Put {
    /// The seed of the house.
    pub seed: u32,
    /// How many customers it has.
    pub customers: usize,
    /// How many of them were added now.
    pub added: u64,
    /// How many events were stored now.
    pub events: u64,
    /// Whether it had been there, wholly, before.
    pub was_there: bool,
}

/// Puts a sample house in, or what is missing of it; `seen` hears of days done, of all.
pub async fn put(app: &App, order: Order, seen: impl FnMut(usize, usize)) -> Result<Put> {
    let begun = loading::begin(&app.db, &app.clock, &app.events, order).await?;
    let customers = begun.house.customers();
    let new: Vec<NewSample> = customers.iter().map(|customer| new_sample(app, customer)).collect::<Result<_>>()?;
    let added = samples::add(&app.db, &app.clock, &Actor::cli(), order.seed, &new).await?;
    let stored = match begun.is_loaded {
        true => 0,
        false => loading::load(&app.db, &app.clock, &app.events, &begun, seen).await?,
    };
    Ok(Put { seed: order.seed, customers: customers.len(), added, events: stored, was_there: begun.is_loaded })
}

fn new_sample(app: &App, customer: &SampleCustomer) -> Result<NewSample> {
    let came: Timestamp = app.events.calendar().start(customer.joined);
    let people = customer.people.iter().map(|person| Ok((PersonName::parse(&person.name)?, Email::parse(&person.email)?)));
    Ok(NewSample {
        id: customer.id.clone(),
        name: CustomerName::parse(&customer.name)?,
        currency: Currency::parse(customer.currency)?,
        created_at: came,
        people: people.collect::<Result<_>>()?,
    })
}

/// What was taken out.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Taken {
    /// How many customers.
    pub customers: usize,
    /// How many events.
    pub events: u64,
    /// Names of sample customers that stay, because they have a site by now.
    pub kept: Vec<String>,
}

/// Takes all sample houses out: their events, what was counted of them, their customers and members. A customer that has a site has become
/// real and stays with all its history. May be interrupted and run again.
pub async fn take_out(app: &App) -> Result<Taken> {
    let actor = Actor::cli();
    let mut taken = Taken::default();
    let mut leaving = Vec::new();
    for id in samples::list(&app.db, &actor).await? {
        let filter = SiteFilter { customer: Some(id.clone()), ..SiteFilter::default() };
        if sites::list(&app.db, &actor.scope(), &filter).await?.is_empty() {
            leaving.push(id);
        } else {
            taken.kept.push(accounts::customers::get(&app.db, &actor.scope(), &id).await?.name.to_string());
            samples::keep(&app.db, &actor, &id).await?;
        }
    }
    taken.events = app.events.forget(&leaving, events::sample::SOURCE).await?;
    if taken.events > 0 {
        insight::cost::recount_all(&app.insight).await?;
    }
    for id in &leaving {
        taken.customers += usize::from(samples::remove(&app.db, &app.clock, &actor, id).await?);
    }
    loading::end(&app.db).await?;
    Ok(taken)
}
