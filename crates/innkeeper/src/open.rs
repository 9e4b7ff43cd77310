//! Builds the [`App`] from the settings: the one place that joins all parts.

use events::Events;
use hosting::{Hosting, Ingredients};
use insight::Insight;
use kit::bus::Bus;
use kit::db::migrations;
use kit::mail::Mailer;
use kit::secrets::InstanceKey;
use kit::{Clock, Db, Result};
use tracing::info;
use web::App;
use web::app::Parts;
use web::config::Config;

use crate::data_folder;

/// Opens the database only.
pub async fn database(config: &Config) -> Result<Db> {
    data_folder::prepare(&config.server.data)?;
    let url = config.database.url.reveal();
    if url.is_empty() {
        Db::open_sqlite(&config.server.data.join("innkeeper.db"))
    } else {
        Db::open_postgres(url, config.database.max_connections).await
    }
}

/// Opens everything for a command, which goes by the addresses of the server that runs beside it.
pub async fn app_of_command(config: Config) -> Result<App> {
    app(data_folder::as_served(config)?).await
}

/// Opens everything and brings the schema up to date. Asks nothing of Docker.
pub async fn app(config: Config) -> Result<App> {
    let db = database(&config).await?;
    for migration in db.migrate(&migrations()).await? {
        info!("applied migration {migration}");
    }
    let clock = Clock::System;
    let key = InstanceKey::load_or_create(&config.server.data.join("secrets/instance.key"))?;
    let bus = Bus::default();
    let mailer = Mailer::new(&config.mail, db.clone(), clock.clone(), key.clone())?;
    let hosting = Hosting::open(Ingredients {
        db: db.clone(),
        clock: clock.clone(),
        key: key.clone(),
        bus: bus.clone(),
        config: config.hosting.clone(),
        edge: config.edge.clone(),
        github: config.github.clone(),
        bitbucket: config.bitbucket.clone(),
        public_url: config.server.public_url.to_string(),
        data: config.server.data.clone(),
    })?;
    let events =
        Events::open(events::Ingredients { db: db.clone(), clock: clock.clone(), bus: bus.clone(), config: config.events.clone() })?;
    let imports = events::Imports::open(events::imports::Ingredients {
        db: db.clone(),
        clock: clock.clone(),
        bus: bus.clone(),
        events: events.clone(),
        folder: config.server.data.join("imports"),
    });
    let insight = Insight::open(insight::Ingredients { db: db.clone(), clock: clock.clone(), bus: bus.clone(), events: events.clone() });
    let plays = insight::plays::Plays::open(insight::plays::Ingredients {
        db: db.clone(),
        clock: clock.clone(),
        bus: bus.clone(),
        key: key.clone(),
        mailer: mailer.clone(),
        outside: hosting.outside.clone(),
        calendar: events.calendar().clone(),
        public_url: config.server.public_url.to_string(),
    });
    let alerts = alerts::Alerts::open(alerts::Ingredients {
        db: db.clone(),
        clock: clock.clone(),
        bus: bus.clone(),
        key: key.clone(),
        mailer: mailer.clone(),
        outside: hosting.outside.clone(),
        insight: insight.clone(),
        events: events.clone(),
        data: config.server.data.clone(),
        public_url: config.server.public_url.to_string(),
    });
    let started_at = clock.now();
    Ok(App::new(Parts { config, db, clock, key, bus, mailer, hosting, events, imports, insight, plays, alerts, started_at }))
}
