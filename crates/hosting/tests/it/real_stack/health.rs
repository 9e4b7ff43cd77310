//! Site Health over the real Docker and Traefik: what happens to containers is seen, told and mended.

use std::time::{Duration, Instant};

use accounts::Actor;
use futures_util::future::join_all;
use hosting::Hosting;
use hosting::probes::{self, Cause, HealthState, SiteHealth, incidents, restart};
use hosting::sites::Site;
use kit::{Error, sql};
use testkit::{EngineGate, Stack, StackOptions, Tries};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{WHOLE, docker, held_by_docker};

/// How soon the board is true after a change.
const SOON: Duration = Duration::from_secs(1);
/// How long a frozen Docker is believed.
const FROZEN: Duration = Duration::from_secs(10);
/// Something to put in a service's place.
const IMAGE: &str = "debian:bookworm-slim";

/// Watches until it is dropped.
fn watch(hosting: &Hosting) -> DropGuard {
    let stop = CancellationToken::new();
    tokio::spawn(probes::watch(hosting.clone(), stop.clone()));
    tokio::spawn(probes::look_from_outside(hosting.clone(), stop.clone()));
    stop.drop_guard()
}

/// Waits until the site is as `is` says, and prints how long that took.
async fn until(hosting: &Hosting, site: &Site, limit: Duration, what: &str, is: impl Fn(&SiteHealth) -> bool) -> SiteHealth {
    let started = Instant::now();
    loop {
        let health = hosting.health(site);
        if is(&health) {
            eprintln!("{what}: seen after {:?}", started.elapsed());
            return health;
        }
        assert!(started.elapsed() <= limit, "{what}: not seen within {limit:?}: {health:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn until_running(hosting: &Hosting, site: &Site, limit: Duration, what: &str) {
    until(hosting, site, limit, what, |health| health.state == HealthState::Running).await;
}

fn cause_of(health: &SiteHealth, service: &str) -> Option<Cause> {
    health.services.iter().find(|seen| seen.service == service)?.reading.cause
}

/// Waits until the newest incident of a service has this cause and has ended, or not.
async fn until_noted(hosting: &Hosting, site: &Site, service: &str, cause: Cause, is_open: bool) -> incidents::Incident {
    let started = Instant::now();
    loop {
        let found = incidents::of_site(&hosting.db, &Actor::cli().scope(), &site.id, 50).await.unwrap();
        let newest = found.iter().find(|incident| incident.service == service).cloned();
        match newest {
            Some(incident) if incident.cause == cause && incident.ended_at.is_none() == is_open => return incident,
            // Incidents are looked through every 10 s, whatever was missed.
            _ => assert!(started.elapsed() < Duration::from_secs(15), "no incident {service} {cause}, open: {is_open}: {found:#?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Lets the site be restarted at once, as when five minutes have passed.
async fn pause_is_over(stack: &Stack) {
    stack.hosting.db.execute(sql("update site_restart set requested_at = 0")).await.unwrap();
}

/// Restarts the site or a service, and returns how that ended.
async fn restarted(stack: &Stack, site: &Site, service: Option<&str>) -> kit::Result<()> {
    pause_is_over(stack).await;
    restart::request(&stack.hosting, &Actor::cli(), &site.id, service).await?;
    stack.finished(&site.id).await
}

/// Puts a container of a test's own in the place of the service `alert`.
async fn stand_in(site: &Site, options: &[&str], command: &str) {
    let labels = [
        format!("--label=innkeeper.site={}", site.id),
        "--label=innkeeper.service=alert".to_owned(),
        format!("--label=innkeeper.instance={}", testkit::EDGE),
    ];
    let mut args = vec!["run", "--detach", "--name", "innkeeper-test-stand-in"];
    args.extend(labels.iter().map(String::as_str));
    args.extend(options);
    args.extend([IMAGE, "sh", "-c", command]);
    docker(&args).await;
}

/// Gives a container another limit of memory, and tells Docker whether to start it again.
async fn resize(container: &str, memory: &str, restart: &str) {
    docker(&["update", "--memory-reservation", "6m", "--memory", memory, "--memory-swap", memory, "--restart", restart, container]).await;
}

async fn stand_in_goes() {
    docker(&["rm", "--force", "innkeeper-test-stand-in"]).await;
}

/// Image, settings, mounts and networks of each container.
async fn settings(site: &Site) -> Vec<String> {
    let mut all = Vec::new();
    for service in ["alert", "api", "db", "www"] {
        let format = "{{.Id}} {{.Name}} {{.Image}} {{json .Config}} {{json .HostConfig}} {{range .Mounts}}{{.Name}} {{end}}{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
        all.push(docker(&["inspect", "--format", format, &site.container(service)]).await);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_containers_is_seen_told_and_mended() {
    let stack = Stack::start_with(StackOptions { tries: Tries::One, ..StackOptions::default() }).await;
    let site = stack.site("Ada", "ada").await;
    let hosting = &stack.hosting;
    let _watch = watch(hosting);
    until_running(hosting, &site, SOON * 2, "first look").await;
    let (alert, www) = (site.container("alert"), site.container("www"));

    docker(&["kill", &alert]).await;
    let seen = until(hosting, &site, SOON, "killed", |health| health.state == HealthState::Stopped).await;
    assert_eq!(seen.reason, "alert ended with an error (exit code 137)");
    assert_eq!(seen.services.iter().filter(|service| service.reading.is_well()).count(), 3, "{seen:#?}");
    let noted = until_noted(hosting, &site, "alert", Cause::Exited, true).await;
    assert_eq!(noted.detail.as_deref(), Some("ended with an error (exit code 137)"));
    docker(&["start", &alert]).await;
    until_running(hosting, &site, SOON, "started").await;
    let noted = until_noted(hosting, &site, "alert", Cause::Exited, false).await;
    assert!(noted.ended_at.unwrap() >= noted.started_at);

    docker(&["pause", &www]).await;
    let seen = until(hosting, &site, SOON, "paused", |health| health.state == HealthState::Error).await;
    assert_eq!(seen.reason, "www is paused");
    docker(&["unpause", &www]).await;
    until_running(hosting, &site, SOON, "unpaused").await;

    docker(&["rm", "--force", &alert]).await;
    let seen = until(hosting, &site, SOON, "removed", |health| cause_of(health, "alert") == Some(Cause::Removed)).await;
    assert_eq!((seen.state, seen.reason.as_str()), (HealthState::Stopped, "alert has no container"));

    // What fails in other ways stands in its place meanwhile.
    let folder = tempfile::tempdir().unwrap();
    let mount = format!("--volume={}:/told", folder.path().display());
    stand_in(&site, &["--restart=always", &mount], "test -e /told/stay && exec sleep 600; exit 3").await;
    until(hosting, &site, SOON, "loops", |health| health.state == HealthState::Restarting).await;
    let seen = until(hosting, &site, SOON * 3, "loops with a code", |health| health.reason.contains("exit code 3")).await;
    assert_eq!(seen.reason, "alert keeps ending and is started again (exit code 3)");
    until_noted(hosting, &site, "alert", Cause::Looping, true).await;
    std::fs::write(folder.path().join("stay"), "").unwrap();
    let stays = Instant::now();
    until_running(hosting, &site, Duration::from_secs(30), "stays").await;
    assert!(stays.elapsed() >= Duration::from_secs(9), "it counts as up once it has settled");
    until_noted(hosting, &site, "alert", Cause::Looping, false).await;
    stand_in_goes().await;

    stand_in(&site, &["--memory=16m", "--memory-swap=16m", "--restart=always"], "sleep 1; tail /dev/zero").await;
    until(hosting, &site, Duration::from_secs(10), "out of memory", |health| health.reason == "alert ran out of memory").await;
    until_noted(hosting, &site, "alert", Cause::OutOfMemory, true).await;
    stand_in_goes().await;

    let check = ["--health-cmd=test -e /tmp/well", "--health-interval=300ms", "--health-retries=2", "--health-timeout=5s"];
    stand_in(&site, &check, "touch /tmp/well; exec sleep 600").await;
    until_running(hosting, &site, SOON, "stands in").await;
    docker(&["exec", "innkeeper-test-stand-in", "rm", "/tmp/well"]).await;
    let seen = until(hosting, &site, Duration::from_secs(5), "unhealthy", |health| health.state == HealthState::Error).await;
    assert_eq!(seen.reason, "alert fails its health check");
    until_noted(hosting, &site, "alert", Cause::Unhealthy, true).await;
    docker(&["exec", "innkeeper-test-stand-in", "touch", "/tmp/well"]).await;
    until_running(hosting, &site, Duration::from_secs(5), "healthy again").await;
    stand_in_goes().await;
    until(hosting, &site, SOON, "removed again", |health| cause_of(health, "alert") == Some(Cause::Removed)).await;

    // Two operators at once; and the restart brings back what was removed.
    let (one, other) = (Actor::cli(), Actor::cli());
    let both = join_all([&one, &other].map(|operator| restart::request(hosting, operator, &site.id, None))).await;
    assert_eq!(both.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{both:?}");
    assert!(both.iter().any(|outcome| matches!(outcome, Err(Error::Throttled { .. }))), "{both:?}");
    stack.finished(&site.id).await.unwrap();
    assert_eq!(stack.step(&site.id, "restart").await.detail.as_deref(), Some("3 containers restarted, 1 made anew"));
    until_running(hosting, &site, SOON, "restarted").await;
    assert_eq!(held_by_docker(&site).await, WHOLE);
    assert_eq!(stack.get(&site, "/").await.0, 200);

    let before = settings(&site).await;
    restarted(&stack, &site, None).await.unwrap();
    assert_eq!(settings(&site).await, before, "the same containers, images and settings");
    until_running(hosting, &site, SOON, "restarted whole").await;
    assert_eq!(stack.get(&site, "/").await.0, 200);

    docker(&["rename", &www, "innkeeper-test-renamed"]).await;
    until(hosting, &site, SOON, "renamed", |health| {
        health.services.iter().any(|seen| seen.container.as_ref().is_some_and(|it| it.name == "innkeeper-test-renamed"))
    })
    .await;
    assert_eq!(hosting.health(&site).state, HealthState::Running, "it runs, whatever it is called");
    restarted(&stack, &site, Some("www")).await.unwrap();
    assert_eq!(stack.step(&site.id, "restart").await.detail.as_deref(), Some("1 container restarted"));
    assert_eq!(settings(&site).await, before, "it has its name back");
    stack.until_answers(&site, "/", 200).await;

    // One that cannot come back: the verdict has words, and the pause is short.
    docker(&["stop", "--time", "1", &alert]).await;
    resize(&alert, "6m", "no").await;
    let error = restarted(&stack, &site, Some("alert")).await.unwrap_err().to_string();
    assert!(error.starts_with("step restart:") && error.contains("alert is "), "{error}");
    let until_then = restart::blocked_until(hosting, &site.id).await.unwrap().expect("a short pause is left");
    let left = until_then.since(hosting.clock.now());
    assert!(left <= Duration::from_secs(30) && left > Duration::from_secs(20), "{left:?}");
    until_noted(hosting, &site, "alert", Cause::OutOfMemory, true).await;
    resize(&alert, "256m", "unless-stopped").await;
    restarted(&stack, &site, Some("alert")).await.unwrap();
    until_running(hosting, &site, SOON, "came back").await;

    // It runs, but visitors do not get to it.
    let network = docker(&["inspect", "--format", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}\n{{end}}", &www]).await;
    let public = network.lines().find(|name| !name.contains(&site.prefix())).expect("the edge's network").to_owned();
    docker(&["network", "disconnect", &public, &www]).await;
    let seen = until(hosting, &site, Duration::from_secs(65), "unreachable", |health| health.state == HealthState::Error).await;
    assert!(seen.services.iter().all(|service| service.reading.is_well()), "{seen:#?}");
    assert!(seen.reason.contains("visitors"), "{}", seen.reason);
    assert!(seen.outside.unwrap().failures >= 2);
    until_noted(hosting, &site, incidents::EDGE, Cause::NoAnswer, true).await;
    // With the name by which the edge knows it, as Compose connects it.
    let alias = hosting::compose::edge_alias(&stack.reload(&site.id).await.unwrap(), "www");
    docker(&["network", "connect", "--alias", &alias, &public, &www]).await;
    until_running(hosting, &site, Duration::from_secs(45), "reachable again").await;
    until_noted(hosting, &site, incidents::EDGE, Cause::NoAnswer, false).await;
    stack.tear_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_true_again_after_docker_or_innkeeper_was_away() {
    let stack = Stack::start().await;
    let site = stack.site("Ada", "ada").await;
    let alert = site.container("alert");
    let first = watch(&stack.hosting);
    until_running(&stack.hosting, &site, SOON * 2, "first look").await;

    // Innkeeper is away while something ends, and again while it comes back.
    drop(first);
    docker(&["kill", &alert]).await;
    let hosting = stack.reopen().await;
    assert_eq!(hosting.health(&site).state, HealthState::Unknown, "nothing is claimed before Docker was asked");
    let second = watch(&hosting);
    until(&hosting, &site, SOON, "ended while away", |health| health.state == HealthState::Stopped).await;
    until_noted(&hosting, &site, "alert", Cause::Exited, true).await;
    drop(second);
    docker(&["start", &alert]).await;
    let hosting = stack.reopen().await;
    let third = watch(&hosting);
    until_running(&hosting, &site, SOON, "started while away").await;
    until_noted(&hosting, &site, "alert", Cause::Exited, false).await;
    drop(third);

    // Docker hangs, and then stops.
    let gate = EngineGate::shut_in(&stack.data);
    gate.open();
    let hosting = stack.reopen().await;
    hosting.runtime.connect_to(gate.socket()).unwrap();
    let _watch = watch(&hosting);
    until_running(&hosting, &site, SOON, "through the gate").await;
    gate.freeze(true);
    let seen = until(&hosting, &site, FROZEN, "frozen", |health| health.state == HealthState::Unknown).await;
    assert!(seen.reason.contains("Docker"), "{}", seen.reason);
    docker(&["kill", &alert]).await;
    gate.freeze(false);
    until(&hosting, &site, SOON * 2, "thawed", |health| health.state == HealthState::Stopped).await;
    gate.shut();
    let seen = until(&hosting, &site, SOON, "stopped", |health| health.state == HealthState::Unknown).await;
    assert_eq!(seen.reason, "Docker does not answer; start the Docker service on this server");
    let open = until_noted(&hosting, &site, "alert", Cause::Exited, true).await;
    docker(&["start", &alert]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(hosting.health(&site).state, HealthState::Unknown);
    let still = until_noted(&hosting, &site, "alert", Cause::Exited, true).await;
    assert_eq!(still.id, open.id, "what cannot be seen neither begins nor ends");
    gate.open();
    until_running(&hosting, &site, SOON * 2, "Docker is back").await;
    until_noted(&hosting, &site, "alert", Cause::Exited, false).await;
    stack.tear_down().await;
}
