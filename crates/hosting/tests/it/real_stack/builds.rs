//! Builds of what customers push, by the real engine: what goes wrong in one stays in it, and ends when nobody waits for it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use hosting::deployments::DeploymentId;
use hosting::deployments::build::images_of;
use hosting::deployments::log::LogWriter;
use hosting::reconcile::Deployments;
use hosting::sites::Site;
use hosting::templates::{self, Kind};
use hosting::{Hosting, HostingConfig};
use kit::exec::Command;
use kit::id::random_base32;
use kit::jobs::Reconciler;

use super::docker;
use crate::house::{House, real_house};

/// What these tests make in Docker carries this.
pub(super) const PROJECT: &str = "innkeeper-test-build";
/// Variable that tells a process of ours to build and wait for its death.
const TOLD: &str = "INNKEEPER_TEST_BUILD";

/// A site whose commits are built without being rolled out.
pub(super) struct Yard {
    pub(super) house: House,
    pub(super) site: Site,
    id: DeploymentId,
}

impl Yard {
    pub(super) async fn new(settings: impl Fn(&mut HostingConfig)) -> Yard {
        Yard::within(None, settings).await
    }

    /// The same in a data folder of the test's own.
    pub(super) async fn within(data: Option<&Path>, settings: impl Fn(&mut HostingConfig)) -> Yard {
        let house = real_house(PROJECT, data, settings).await;
        // What an earlier run left, which failed: it would be taken for this one's.
        Reconciler::<Hosting>::reconcile(&Deployments, house.hosting.clone()).await.unwrap();
        let (customer, actor) = house.customer("acme").await;
        let site = house.create(&actor, &customer, "ada").await.unwrap();
        Yard { house, site, id: DeploymentId::parse("deploy-20261121-170000").unwrap() }
    }

    pub(super) fn hosting(&self) -> &Hosting {
        &self.house.hosting
    }

    /// A commit's files whose service `alert` has this Dockerfile; new to the builder unless `salt` is one that it knows.
    pub(super) fn sources(&self, alert: &str, salt: &str) -> PathBuf {
        let folder = self.hosting().data().join("builds").join(random_base32(6));
        for (service, dockerfile) in [("alert", alert), ("api", "FROM scratch\nCOPY salt /"), ("www", "FROM scratch\nCOPY salt /")] {
            std::fs::create_dir_all(folder.join(service)).unwrap();
            std::fs::write(folder.join(service).join("Dockerfile"), dockerfile).unwrap();
            std::fs::write(folder.join(service).join("salt"), format!("{service} {salt}")).unwrap();
        }
        folder
    }

    pub(super) async fn build(&self, alert: &str) -> kit::Result<Vec<String>> {
        self.build_from(&self.sources(alert, &random_base32(8))).await
    }

    pub(super) async fn build_from(&self, folder: &Path) -> kit::Result<Vec<String>> {
        let template = templates::find(Kind::Portfolio).unwrap();
        let log = LogWriter::open(self.hosting(), &self.site, &self.id).await?;
        let (images, _) = images_of(self.hosting(), &self.site, template, folder, &log).await?;
        Ok(images.into_values().collect())
    }

    /// The texts of the log so far, and its size.
    fn log(&self) -> (String, usize) {
        let path = self.hosting().data().join("deployments").join(self.site.id.as_str()).join(format!("{}.log", self.id));
        let bytes = std::fs::read(path).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        (text.lines().filter_map(|line| line.splitn(3, '\t').nth(2)).collect::<Vec<_>>().join("\n"), bytes.len())
    }

    /// Removes what this made in Docker.
    pub(super) async fn clear(&self) {
        let images = docker(&["images", "--quiet", "--no-trunc", "--filter", &format!("label=innkeeper.image={PROJECT}")]).await;
        for image in images.lines().collect::<std::collections::BTreeSet<_>>() {
            let _ = Command::new("docker").args(["rmi", "--force", image]).run().await;
        }
        for _ in 0..20 {
            let filter = format!("label=innkeeper.stage={PROJECT}");
            let stages = docker(&["images", "--quiet", "--filter", "dangling=true", "--filter", &filter]).await;
            for stage in stages.lines() {
                let _ = Command::new("docker").args(["rmi", stage]).run().await;
            }
            if stages.is_empty() {
                return;
            }
        }
    }
}

/// Containers of builds of ours, by the control groups that they are in.
pub(super) fn containers_at_work() -> Vec<String> {
    let mut found = Vec::new();
    for group in groups() {
        let Ok(entries) = std::fs::read_dir(&group) else { continue };
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        found.extend(names.filter(|name| name.len() == 64));
    }
    found
}

fn groups() -> Vec<PathBuf> {
    let root = if Path::new("/sys/fs/cgroup/pids").is_dir() { "/sys/fs/cgroup/pids" } else { "/sys/fs/cgroup" };
    let prefix = format!("innkeeper.build.{}.", PROJECT.replace('-', "_"));
    let entries = std::fs::read_dir(root).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).map(|entry| entry.path()).collect()
}

pub(super) async fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

/// Whether the command line of a process of the host begins with what stands behind the `^`.
fn pgrep(pattern: &str) -> bool {
    let wanted = pattern.trim_start_matches('^').replace(' ', "\0");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|entry| std::fs::read_to_string(entry.path().join("cmdline")).is_ok_and(|line| line.starts_with(&wanted)))
}

/// Whether a process with this in its command line runs on the host.
async fn runs(pattern: &str) -> bool {
    Command::new("pgrep").args(["-f", pattern]).run().await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_build_says_is_logged_without_secrets_and_in_colour() {
    let yard = Yard::new(|_| {}).await;
    let secrets = yard.site.open_secrets(&yard.hosting().key).unwrap();
    let (one, two) = secrets.jwt_secret.split_at(30);
    // Packed, so that it is in one piece nowhere but on the screen of a terminal.
    let coloured = base64::engine::general_purpose::STANDARD.encode(format!("{one}\u{1b}[31m{two}\n"));
    let failing = format!(
        "FROM debian:bookworm-slim\nRUN printf '\\033[32mgreen\\033[0m\\033[2J\\n' && echo pw={} && echo {coloured} | base64 -d >&2\nRUN echo last words {} && exit 3",
        secrets.db_password, secrets.session_secret
    );
    let error = yard.build(&failing).await.unwrap_err();
    assert!(matches!(error, kit::Error::Conflict(_)), "a verdict, not to be tried again: {error}");
    let message = error.public_message();
    assert!(message.starts_with("alert could not be built: ") && message.contains("non-zero code: 3"), "{message}");
    let (log, _) = yard.log();
    for secret in [&secrets.db_password, &secrets.jwt_secret, &secrets.session_secret] {
        assert!(!log.contains(secret.as_str()) && !message.contains(secret.as_str()), "{log}");
        assert!(!log.replace('\u{1b}', "").contains(secret.as_str()));
    }
    assert!(!log.contains(one) && !log.contains(two), "half a secret: {log}");
    assert!(log.contains("alert | \u{1b}[32mgreen\u{1b}[0m\n") && log.contains("pw=[redacted:"), "{log}");
    assert!(!log.contains("innkeeper.stage") && !log.contains("DEPRECATED"), "{log}");

    // What did not change is not built again, and a change at the end goes on from the builder's cache.
    let sources = yard.sources("FROM debian:bookworm-slim\nCOPY . /x\nRUN echo once > /once\nRUN echo a", "salt-of-this-test");
    yard.build_from(&sources).await.unwrap();
    let begun = Instant::now();
    yard.build_from(&sources).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1));
    let (log, _) = yard.log();
    assert!(log.ends_with("alert: unchanged, not built again\napi: unchanged, not built again\nwww: unchanged, not built again"), "{log}");
    yard.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_of_output_is_bounded_and_its_end_is_kept() {
    let yard = Yard::new(|_| {}).await;
    let mut signals = yard.hosting().bus.subscribe();
    let heard = tokio::spawn(async move {
        let mut count = 0;
        while let Ok(signal) = signals.recv().await {
            count += usize::from(signal.topic.starts_with("deployment-log:"));
            if signal.topic == "end" {
                break;
            }
        }
        count
    });
    let begun = Instant::now();
    // A gigabyte without the end of a line, and more lines than are kept.
    let line = "0123456789".repeat(20);
    let flood = format!("head -c 1000000000 /dev/zero | tr '\\0' x; echo; yes '{line}' | head -c 30000000; echo; echo the very end");
    yard.build(&format!("FROM debian:bookworm-slim\nRUN {flood}")).await.unwrap();
    let took = begun.elapsed();
    yard.hosting().bus.signal("x", "end");
    let signals = heard.await.unwrap();
    let (log, size) = yard.log();
    eprintln!("1 GB in {took:?}, log of {size} bytes, {signals} signals");
    assert!(size < 8 << 20, "{size}");
    assert!(
        log.contains("left out here") && log.contains("alert | the very end\n") && log.contains("Step 1/"),
        "{}",
        &log[log.len() - 500..]
    );
    assert!(signals as f64 <= took.as_secs_f64() * 4.5 + 10.0, "{signals}");
    yard.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_processes_of_a_build_are_bounded() {
    let yard = Yard::new(|_| {}).await;
    let error = yard.build("FROM debian:bookworm-slim\nRUN tail /dev/zero").await.unwrap_err().public_message();
    assert!(error.contains("more than 2 GB of memory"), "{error}");

    let bomb = yard.build("FROM debian:bookworm-slim\nRUN bash -c ':(){ :|:& };:; sleep 5'; pkill sleep; true");
    let mut most = 0;
    let watch = async {
        loop {
            for group in groups() {
                let current = std::fs::read_to_string(group.join("pids.current")).unwrap_or_default();
                most = most.max(current.trim().parse::<u32>().unwrap_or(0));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let outcome = tokio::select! { outcome = bomb => outcome, () = watch => unreachable!("it watches for ever") };
    eprintln!("at most {most} processes; the bomb: {outcome:?}");
    assert!((500..=1024).contains(&most), "{most} processes");
    until("its processes are gone", Duration::from_secs(20), || containers_at_work().is_empty()).await;
    until("its group is gone", Duration::from_secs(10), || groups().is_empty()).await;
    yard.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_ends_when_it_is_cancelled_and_when_its_time_is_over() {
    let yard = std::sync::Arc::new(Yard::new(|config| config.build_minutes = 1).await);
    let at_work = yard.clone();
    let build = tokio::spawn(async move { at_work.build("FROM debian:bookworm-slim\nRUN sleep 97531 & sleep 97532").await });
    until("the container runs", Duration::from_secs(60), || !containers_at_work().is_empty()).await;
    until("its program runs", Duration::from_secs(20), || pgrep("^sleep 97532")).await;
    build.abort();
    let _ = build.await;
    let took = until("the container is gone", Duration::from_secs(10), || containers_at_work().is_empty()).await;
    eprintln!("cancelled within {took:?}");
    assert!(!runs("^sleep 9753[12]").await && !runs("docker build .*innkeeper/portfolio-alert").await);
    until("its group is gone", Duration::from_secs(10), || groups().is_empty()).await;

    let begun = Instant::now();
    let error = yard.build("FROM debian:bookworm-slim\nRUN sleep 97533").await.unwrap_err();
    assert!(matches!(error, kit::Error::Conflict(_)), "{error}");
    assert_eq!(error.public_message(), "alert could not be built: it did not end within 1 minutes and was stopped");
    assert!((60..75).contains(&begun.elapsed().as_secs()));
    until("the container is gone", Duration::from_secs(10), || containers_at_work().is_empty()).await;
    assert!(!runs("^sleep 97533").await);
    yard.clear().await;
}

/// The other process of the next test; nothing in an ordinary run.
#[tokio::test(flavor = "multi_thread")]
async fn builds_until_killed() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to do")]
    if std::env::var(TOLD).is_ok() {
        let yard = Yard::new(|_| {}).await;
        let _ = yard.build("FROM debian:bookworm-slim\nRUN sleep 97534\nRUN sleep 97535").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_innkeeper_was_killed_is_ended_at_the_next_start() {
    let yard = Yard::new(|_| {}).await;
    let child = Command::new("setsid")
        .args(["--fork", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "real_stack::builds::builds_until_killed", "--nocapture"])
        .env(TOLD, "1");
    let child = tokio::spawn(child.stream(|_| {}));
    until("the other process builds", Duration::from_secs(60), || !containers_at_work().is_empty()).await;
    until("its container runs", Duration::from_secs(20), || pgrep("^sleep 97534")).await;
    // As long as it lives, its build is its own.
    Reconciler::<Hosting>::reconcile(&Deployments, yard.hosting().clone()).await.unwrap();
    assert_eq!(containers_at_work().len(), 1);
    let name = groups()[0].file_name().unwrap().to_string_lossy().into_owned();
    let process = name.split('.').nth(3).unwrap().to_owned();
    Command::new("kill").args(["-KILL", &process]).run().await.unwrap();
    child.abort();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(containers_at_work().len(), 1, "nobody has ended it yet");
    let line = Reconciler::<Hosting>::reconcile(&Deployments, yard.hosting().clone()).await.unwrap();
    assert!(line.contains("1 orphaned build"), "{line}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    Reconciler::<Hosting>::reconcile(&Deployments, yard.hosting().clone()).await.unwrap();
    assert_eq!(containers_at_work(), Vec::<String>::new());
    assert!(groups().is_empty() && !runs("^sleep 9753[45]").await && !runs("docker build .*innkeeper/portfolio-alert").await);
    yard.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dockerfile_must_not_do_is_refused_before_the_engine_sees_it() {
    let yard = Yard::new(|_| {}).await;
    for (dockerfile, line, reason) in [
        ("FROM innkeeper/portfolio-api:x", 1, "belongs to a site"),
        ("FROM debian:bookworm-slim\nRUN --mount=type=bind,target=/x ls", 2, "RUN --mount"),
        ("FROM debian:bookworm-slim\nRUN --network=host true", 2, "RUN --network"),
        ("FROM debian:bookworm-slim\nADD http://127.0.0.1:8080/ /x", 2, "ADD of an address"),
        ("FROM no-such-image-of-anybody:1", 1, "could not be fetched"),
    ] {
        let error = yard.build(dockerfile).await.unwrap_err();
        let message = error.public_message();
        assert!(matches!(error, kit::Error::Conflict(_)), "{error}");
        assert!(message.starts_with(&format!("alert/Dockerfile, line {line}: ")) && message.contains(reason), "{message}");
    }
    // An image that hides in a trigger, or in labels, what a Dockerfile must not say.
    let bad = format!("innkeeper-test-bad-{}", random_base32(6));
    for (text, reason) in [
        ("FROM debian:bookworm-slim\nONBUILD COPY --from=innkeeper/portfolio-api:x / /x\n", "trigger"),
        ("FROM debian:bookworm-slim\nLABEL innkeeper.site=app_00000000\n", "label innkeeper.site"),
    ] {
        let build = Command::new("docker").args(["build", "--tag", &bad, "-"]).env("DOCKER_BUILDKIT", "0").stdin(text);
        build.run().await.unwrap();
        let message = yard.build(&format!("FROM {bad}\nRUN true")).await.unwrap_err().public_message();
        assert!(message.contains(reason), "{message}");
        docker(&["rmi", &bad]).await;
    }
    yard.clear().await;
}
