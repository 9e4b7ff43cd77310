//! Innkeeper's own events: what happened in the house, told to `events` like any sender's.
//!
//! Only what is durable is told: each event's id is made from the row that it tells of, so it counts once, whatever crashes. Calls of the API have
//! no rows; they are counted in memory and told once a minute, and a crash loses at most that minute.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use accounts::{AuditRow, CustomerId, audit};
use events::{EventId, EventName, Events, Identity, NewEvent, Outcome, Source, told};
use hosting::happened::{self, Happened, Kind};
use kit::jobs::Reconciler;
use kit::words::counted;
use kit::{Db, Result, Timestamp};
use serde_json::{Value, json};
use web::App;

use crate::work::Work;

/// Rows that are read at once.
const PAGE: u32 = 500;
/// A transaction that began before the last look may have committed after it: so much is read again each time. Longer than any transaction
/// may take.
const AGAIN: Duration = Duration::from_secs(60);
/// How often it is written down how far the telling is, when nothing happens.
const NOTE_EVERY: Duration = Duration::from_secs(3600);

/// Tells what happened since it last looked.
#[derive(Default)]
pub struct TellOwnEvents {
    /// What was told within the time that is read again.
    recent: Mutex<HashSet<String>>,
}

impl Reconciler<Work> for TellOwnEvents {
    const NAME: &'static str = "events.own";
    const EVERY: Duration = Duration::from_secs(5);

    async fn reconcile(&self, work: Work) -> Result<String> {
        let app = &work.0;
        let mut told = 0;
        told += self.tell_all(app, "sign_in", Sign).await?;
        for kind in Kind::ALL {
            told += self.tell_all(app, kind.as_str(), Sites(kind)).await?;
        }
        let calls = tell_calls(app).await?;
        Ok(format!("{} told, {} of the API counted", counted(told, "event"), counted(calls, "call")))
    }
}

/// Rows that events are made of.
trait Rows {
    /// Events of one page of rows, and the moment of the last row when there may be more.
    async fn page(&self, db: &Db, from: Timestamp, to: Timestamp, limit: u32) -> Result<(Vec<NewEvent>, Option<Timestamp>)>;
}

impl TellOwnEvents {
    /// Tells all of one kind since the last time. The first time tells all that is still known, so that a house that is upgraded has a history.
    async fn tell_all(&self, app: &App, kind: &str, rows: impl Rows) -> Result<usize> {
        let now = app.clock.now();
        let through = told::through(&app.db, kind).await?;
        let mut from = through.map_or(Timestamp(0), |through| through.minus(AGAIN));
        let mut limit = PAGE;
        let mut told = 0;
        loop {
            let (events, last) = rows.page(&app.db, from, Timestamp(now.0 + 1), limit).await?;
            told += self.tell(&app.events, events).await?;
            match last {
                None => break,
                // A page full of one moment: a larger one gets past it.
                Some(last) if last == from => limit *= 2,
                Some(last) => {
                    from = last;
                    told::note(&app.db, kind, last).await?;
                }
            }
        }
        if told > 0 || through.is_none_or(|through| now.since(through) > NOTE_EVERY) {
            told::note(&app.db, kind, now).await?;
        }
        Ok(told)
    }

    async fn tell(&self, events: &Events, mut new: Vec<NewEvent>) -> Result<usize> {
        {
            let recent = self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            new.retain(|event| !recent.contains(event.id.as_str()));
        }
        if new.is_empty() {
            return Ok(0);
        }
        let ids: Vec<String> = new.iter().map(|event| event.id.as_str().to_owned()).collect();
        let outcomes = events.accept(new).await?;
        let mut recent = self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // What falls out is known to the writer as well; this only spares it the question.
        if recent.len() > 20_000 {
            recent.clear();
        }
        recent.extend(ids);
        Ok(outcomes.iter().filter(|outcome| **outcome == Outcome::Stored).count())
    }
}

/// Sign-ins of customers' people.
struct Sign;

impl Rows for Sign {
    async fn page(&self, db: &Db, from: Timestamp, to: Timestamp, limit: u32) -> Result<(Vec<NewEvent>, Option<Timestamp>)> {
        let rows = audit::between(db, "session.open", from, to, limit).await?;
        let last = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.at);
        Ok((rows.into_iter().filter_map(sign_in).collect(), last))
    }
}

/// The event of a sign-in; none for the house's own people, whose doings are not counted.
fn sign_in(row: AuditRow) -> Option<NewEvent> {
    let (customer, member) = (row.customer_id?, row.member_id?);
    let mut traits = serde_json::Map::new();
    traits.insert("customer_id".to_owned(), json!(customer.as_str()));
    traits.insert("name".to_owned(), json!(row.actor_name));
    let props = json!({ "method": row.detail.get("by").and_then(Value::as_str).unwrap_or("session") });
    let mut event = event(row.id.as_str().to_owned(), "login", &customer, row.at, props);
    event.person = Some(member.as_str().to_owned());
    event.identity = Identity::Person { set: traits, set_once: serde_json::Map::new(), anonymous: None };
    Some(event)
}

/// One kind of what happens to sites.
struct Sites(Kind);

impl Rows for Sites {
    async fn page(&self, db: &Db, from: Timestamp, to: Timestamp, limit: u32) -> Result<(Vec<NewEvent>, Option<Timestamp>)> {
        let rows = happened::between(db, self.0, from, to, limit).await?;
        let last = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.at);
        Ok((rows.iter().map(|row| of_site(self.0, row)).collect(), last))
    }
}

fn of_site(kind: Kind, row: &Happened) -> NewEvent {
    let name = match (kind, row.went_well) {
        (Kind::BuildStarted, _) => "build_started",
        (Kind::BuildEnded, true) => "build_succeeded",
        (Kind::BuildEnded, false) => "build_failed",
        (Kind::DeployStarted, _) => "deploy_started",
        (Kind::DeployEnded, true) => "deploy_succeeded",
        (Kind::DeployEnded, false) => "deploy_failed",
        (Kind::Restarted, true) => "restart",
        (Kind::Restarted, false) | (Kind::Failed, _) => "error",
    };
    let mut props = json!({ "site": row.site_id.as_str() });
    if let Some(props) = props.as_object_mut() {
        let (key, reference) = match kind {
            Kind::Failed => ("service", "incident"),
            Kind::Restarted => ("service", "operation"),
            Kind::DeployStarted | Kind::DeployEnded => ("kind", "deployment"),
            Kind::BuildStarted | Kind::BuildEnded => ("kind", "operation"),
        };
        props.insert(key.to_owned(), json!(row.detail));
        props.insert(reference.to_owned(), json!(row.of_what));
        if let Some(began_at) = row.began_at.filter(|began_at| *began_at != row.at) {
            props.insert("duration_ms".to_owned(), json!(row.at.since(began_at).as_millis()));
        }
    }
    // Deployments are numbered within their site; what is tried again has another time.
    event(format!("{}:{}:{}:{}", row.site_id, row.of_what, kind.as_str(), row.at.0), name, &row.customer_id, row.at, props)
}

/// Tells how often each customer called the API, minute by minute. When it cannot be told, it is counted on.
async fn tell_calls(app: &App) -> Result<u64> {
    let calls = app.api_calls().take_whole_minutes(app.clock.now());
    let events: Vec<NewEvent> = calls
        .iter()
        .map(|calls| {
            // The count is no row: another instance, or this one after a restart within the minute, has another id.
            let id = format!("calls:{}:{}:{}", kit::id::random_base32(8), calls.customer, calls.minute.0 / 60_000);
            event(id, "api_call", &calls.customer, calls.minute, json!({ "count": calls.count }))
        })
        .collect();
    if !events.is_empty()
        && let Err(error) = app.events.accept(events).await
    {
        app.api_calls().put_back(calls);
        return Err(error);
    }
    Ok(calls.iter().map(|calls| calls.count).sum())
}

fn event(id: String, name: &str, customer: &CustomerId, at: Timestamp, props: Value) -> NewEvent {
    NewEvent {
        id: EventId::parse(&id).expect("ids of rows are short"),
        source: Source::parse(told::SOURCE).expect("the source is a word"),
        name: EventName::parse(name).expect("our names are words"),
        person: None,
        customer: Some(customer.clone()),
        at,
        props: props.to_string(),
        identity: Identity::None,
    }
}

#[cfg(test)]
mod tests;
