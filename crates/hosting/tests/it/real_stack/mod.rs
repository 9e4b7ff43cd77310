//! The real thing. Named so that one of these runs at a time (see `.config/nextest.toml`).

mod adopted;
mod archive;
mod builds;
mod certificates;
mod crash;
mod deploy;
mod disk;
mod doctor;
mod edge;
mod engine;
mod environment;
mod health;
mod isolation;
mod kept;
mod leftovers;
mod life;
mod logs;
mod many;
mod memory;
mod previews;
mod room;
mod scene;
mod slow;
mod template;
mod unfinished;
mod usage;

use hosting::sites::Site;
use kit::exec::Command;

/// What a [`testkit::Server`]'s process does; nothing in an ordinary run.
#[tokio::test(flavor = "multi_thread")]
async fn server() {
    testkit::serve_if_told().await;
}

/// What `docker` with these arguments prints.
async fn docker(args: &[&str]) -> String {
    Command::new("docker").args(args).run().await.unwrap().stdout.trim().to_owned()
}

/// Answer of the site's own database.
async fn query(site: &Site, sql: &str) -> String {
    let (container, user, database) = (site.container("db"), site.database_user(), site.database());
    docker(&[
        "exec",
        &container,
        "psql",
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
        "--username",
        &user,
        "--dbname",
        &database,
        "--command",
        sql,
    ])
    .await
}

/// What Docker holds of a site, sorted: `container …`, `network …`, `volume …`.
async fn held_by_docker(site: &Site) -> Vec<String> {
    let filter = format!("label=innkeeper.site={}", site.id);
    let mut held = Vec::new();
    for (what, list) in [
        ("container", ["ps", "--all", "--format", "{{.Names}}"].as_slice()),
        ("network", ["network", "ls", "--format", "{{.Name}}"].as_slice()),
        ("volume", ["volume", "ls", "--format", "{{.Name}}"].as_slice()),
    ] {
        let names = docker(&[list, ["--filter", &filter].as_slice()].concat()).await;
        held.extend(names.lines().map(|name| format!("{what} {}", name.trim_start_matches(&site.prefix()).trim_start_matches('-'))));
    }
    held.sort();
    held
}

/// What a portfolio that runs has in Docker.
const WHOLE: [&str; 7] =
    ["container alert", "container api", "container db", "container www", "network network", "volume db-data", "volume storage"];
