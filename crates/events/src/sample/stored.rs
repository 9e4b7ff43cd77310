//! Sample houses, imports and exports over real databases.

use std::collections::BTreeMap;

use accounts::samples::{self, NewSample};
use accounts::{Actor, Currency, CustomerName, Email, PersonName};
use kit::testing::{TestDb, databases};
use kit::{Clock, sql};

use super::loading::{self, Order};
use super::*;
use crate::import::{self, Customers, Format, Mapping, Plan};
use crate::{Config, Event, Events, Filter, Ingredients, Outcome, export};

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const ORDER: Order = Order { customers: 6, days: 8, seed: 3 };

struct Place {
    test: TestDb,
    clock: Clock,
    events: Events,
}

async fn places() -> Vec<Place> {
    let open = |test: TestDb| {
        let clock = Clock::manual(NOW);
        let config = Config {
            time_zone: "Europe/Berlin".to_owned(),
            keep_days: 400,
            remember_ids_days: 7,
            waiting_mb: 64,
            import_mb: 1,
            features: 10,
            key_features: Vec::new(),
            remove_keys: Vec::new(),
        };
        let bus = kit::bus::Bus::default();
        let events = Events::open(Ingredients { db: test.db.clone(), clock: clock.clone(), bus, config }).unwrap();
        Place { test, clock, events }
    };
    databases().await.into_iter().map(open).collect()
}

impl Place {
    async fn put(&self) -> (loading::Begun, u64) {
        let begun = loading::begin(&self.test.db, &self.clock, &self.events, ORDER).await.unwrap();
        let new = |customer: &SampleCustomer| NewSample {
            id: customer.id.clone(),
            name: CustomerName::parse(&customer.name).unwrap(),
            currency: Currency::parse(customer.currency).unwrap(),
            created_at: NOW,
            people: customer.people.iter().map(|it| (PersonName::parse(&it.name).unwrap(), Email::parse(&it.email).unwrap())).collect(),
        };
        let new: Vec<NewSample> = begun.house.customers().iter().map(new).collect();
        samples::add(&self.test.db, &self.clock, &Actor::cli(), ORDER.seed, &new).await.unwrap();
        let stored = loading::load(&self.test.db, &self.clock, &self.events, &begun, |_, _| {}).await.unwrap();
        (begun, stored)
    }

    async fn all(&self) -> Vec<Event> {
        let mut filter = Filter::default();
        let mut all: Vec<Event> = Vec::new();
        loop {
            let page = self.events.list(&Actor::cli().scope(), &filter, 1000).await.unwrap();
            let is_last = page.len() < 1000;
            all.extend(page);
            match all.last() {
                Some(last) if !is_last => filter.after = Some((last.at, last.seq)),
                _ => return all,
            }
        }
    }

    /// How many events of each name are counted by the day.
    async fn counted(&self) -> BTreeMap<String, i64> {
        let rows: Vec<(String, i64)> = self
            .test
            .db
            .all(sql("select event_word.word, cast(sum(event_day.events) as bigint)
                      from event_day join event_word on event_word.no = event_day.name group by event_word.word"))
            .await
            .unwrap();
        rows.into_iter().collect()
    }
}

fn names(events: &[Event]) -> BTreeMap<String, i64> {
    let mut names = BTreeMap::new();
    for event in events {
        *names.entry(event.name.clone()).or_default() += 1;
    }
    names
}

fn event(id: &str, source: &str, person: &str, customer: Option<&CustomerId>) -> NewEvent {
    NewEvent {
        id: EventId::parse(id).unwrap(),
        source: Source::parse(source).unwrap(),
        name: EventName::parse("login").unwrap(),
        person: Some(person.to_owned()),
        customer: customer.cloned(),
        at: Timestamp(NOW.0 - 1000),
        props: r#"{"x":"<b>"}"#.to_owned(),
        identity: Identity::None,
    }
}

#[tokio::test]
async fn a_house_is_loaded_once_however_often_it_is_begun() {
    for place in places().await {
        let (begun, stored) = place.put().await;
        assert!(stored > 200, "{}: {stored}", place.test.name);
        assert_eq!(place.all().await.len() as u64, stored, "{}", place.test.name);
        assert!(loading::begin(&place.test.db, &place.clock, &place.events, ORDER).await.unwrap().is_loaded);

        // As after a crash three days before the end: an hour later, and another order is asked for.
        let back = place.events.calendar().day(NOW).plus(-3);
        place.test.db.execute(sql("update sample_house set through_day = $1, loaded_at = null").bind(back.0)).await.unwrap();
        place.clock.advance(std::time::Duration::from_secs(3600));
        let again = loading::begin(&place.test.db, &place.clock, &place.events, Order { customers: 99, ..ORDER }).await.unwrap();
        assert_eq!((again.through, again.is_loaded), (Some(back), false));
        assert_eq!(again.house.customers().len(), begun.house.customers().len(), "a house stays what it was begun as");
        assert_eq!(loading::load(&place.test.db, &place.clock, &place.events, &again, |_, _| {}).await.unwrap(), 0);
        assert_eq!(place.counted().await, names(&place.all().await), "{}", place.test.name);
    }
}

#[tokio::test]
async fn samples_go_without_a_trace_and_nothing_else_does() {
    for place in places().await {
        let (db, actor) = (&place.test.db, Actor::cli());
        let (begun, stored) = place.put().await;
        let new = accounts::NewCustomer { name: CustomerName::parse("Real").unwrap(), currency: Currency::parse("EUR").unwrap() };
        let real = accounts::customers::create(db, &place.clock, &actor, new).await.unwrap().id;
        let sampled: Vec<CustomerId> = begun.house.customers().iter().map(|customer| customer.id.clone()).collect();
        let (kept, leaving) = sampled.split_first().unwrap();
        let outcomes = place
            .events
            .accept(vec![
                event("1", "api", "someone", Some(&real)),
                event("2", "posthog", "stranger", None),
                // A real sender's event of a customer that goes, and somebody of theirs at a customer that stays.
                event("3", "api", "guest", Some(&leaving[0])),
                event("4", "api", &begun.house.customers()[1].people[0].email, Some(&real)),
            ])
            .await
            .unwrap();
        assert_eq!(outcomes, [Outcome::Stored; 4]);
        let today = place.events.calendar().day(NOW);
        let before = place.events.history(&actor.scope(), &real, today.plus(-9), today).await.unwrap();
        let kept_before = place.events.history(&actor.scope(), kept, today.plus(-9), today).await.unwrap();

        let gone = place.events.forget(leaving, SOURCE).await.unwrap();
        let left = place.all().await;
        assert_eq!(left.len() as u64, stored + 4 - gone, "{}", place.test.name);
        assert!(left.iter().all(|event| event.source != SOURCE || event.customer.as_ref() == Some(kept)), "{}", place.test.name);
        let others: Vec<&str> = left.iter().filter(|event| event.source != SOURCE).map(|event| event.id.as_str()).collect();
        assert_eq!(others.len(), 3, "{}: {others:?}", place.test.name);
        assert_eq!(place.counted().await, names(&left), "{}: counts by day are those of the events that are left", place.test.name);
        assert_eq!(place.events.history(&actor.scope(), &real, today.plus(-9), today).await.unwrap(), before);
        assert_eq!(place.events.history(&actor.scope(), kept, today.plus(-9), today).await.unwrap(), kept_before);
        assert_eq!(place.events.forget(leaving, SOURCE).await.unwrap(), 0, "again, nothing is left to forget");

        samples::keep(db, &actor, kept).await.unwrap();
        for id in leaving {
            assert!(samples::remove(db, &place.clock, &actor, id).await.unwrap());
        }
        assert!(!samples::remove(db, &place.clock, &actor, &real).await.unwrap(), "without the mark nothing is removed");
        loading::end(db).await.unwrap();
        assert_eq!(place.test.count("select cast(count(*) as bigint) from customer").await, 2);
        assert_eq!(place.test.count("select cast(count(*) as bigint) from sample_house").await, 0);
        let people = "select cast(count(*) as bigint) from subject where kind = 'person' and customer_id is null";
        // Whom real senders named stays, also who did nothing but at a customer that is gone.
        assert_eq!(place.test.count(people).await, 3, "{}: someone, stranger, guest", place.test.name);

        // The writer knows that it has to read anew, and the same house may come again.
        place.clock.advance(std::time::Duration::from_secs(1));
        let (_, again) = place.put().await;
        assert!(again > stored * 9 / 10, "{}: {again} of {stored}", place.test.name);
        assert_eq!(place.counted().await, names(&place.all().await), "{}", place.test.name);
    }
}

#[tokio::test]
async fn what_is_exported_is_imported_as_it_was_and_once() {
    for place in places().await {
        let (begun, stored) = place.put().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.csv");
        let written = export::csv(&place.events, &Actor::cli().scope(), &Filter::default(), std::fs::File::create(&file).unwrap(), |_| {})
            .await
            .unwrap();
        assert_eq!(written, stored, "{}", place.test.name);
        let mut customers = Customers::default();
        for customer in begun.house.customers() {
            customers.add(&customer.id, &customer.name);
        }
        // Its own columns are known by their names; the number and source of the first time are properties then.
        let mapping = Mapping::parse(&[]).unwrap();
        let source = Source::parse("import").unwrap();
        let mut plan = Plan { file, format: Format::Csv, mapping, source, is_dry_run: true };
        let dry = import::run(&place.events, &plan, customers.clone(), import::Report::default(), |_| {}).await.unwrap();
        assert_eq!((dry.rows, dry.stored, dry.refused), (stored, stored, 0), "{}: {:?}", place.test.name, dry.problems);
        assert_eq!(place.all().await.len() as u64, stored, "a dry run stores nothing");
        plan.is_dry_run = false;
        let mut last = 0;
        let first = import::run(&place.events, &plan, customers.clone(), import::Report::default(), |progress: import::Progress| {
            last = progress.read
        })
        .await
        .unwrap();
        assert_eq!((first.stored, first.duplicates), (stored, 0), "{}", place.test.name);
        assert_eq!(last, std::fs::metadata(&plan.file).unwrap().len(), "the bar ends full");
        let second = import::run(&place.events, &plan, customers, import::Report::default(), |_| {}).await.unwrap();
        assert_eq!((second.stored, second.duplicates), (0, stored), "{}", place.test.name);
        let all = place.all().await;
        let mut by_source: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for event in &all {
            let what = (event.at, event.id.as_str(), event.name.as_str(), event.person.clone(), event.customer.clone());
            by_source.entry(&event.source).or_default().push(what);
        }
        let [imported, sampled] = ["import", SOURCE].map(|source| {
            let mut events = by_source[source].clone();
            events.sort();
            events
        });
        assert_eq!(imported, sampled, "{}", place.test.name);
    }
}

#[tokio::test]
async fn a_parquet_file_holds_what_the_list_shows() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    for place in places().await {
        let (_, stored) = place.put().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.parquet");
        let out = std::fs::File::create(&file).unwrap();
        let written = export::parquet(&place.events, &Actor::cli().scope(), &Filter::default(), out, |_| {}).await.unwrap();
        assert_eq!(written, stored);
        let reader = SerializedFileReader::new(std::fs::File::open(&file).unwrap()).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap()).collect();
        let all = place.all().await;
        assert_eq!(rows.len(), all.len(), "{}", place.test.name);
        for (row, event) in rows.iter().zip(&all) {
            assert_eq!(row.get_string(0).unwrap(), &event.id);
            assert_eq!(row.get_timestamp_millis(3).unwrap(), event.at.0);
            assert_eq!(row.get_string(4).ok(), event.person.as_ref().map(|(_, name)| name));
            assert_eq!(row.get_string(5).ok().map(String::as_str), event.customer.as_ref().map(CustomerId::as_str));
            assert_eq!(row.get_long(6).unwrap(), event.seq);
            assert_eq!(row.get_string(7).unwrap(), &event.props);
        }
    }
}
