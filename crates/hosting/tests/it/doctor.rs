//! The examination of a house without sites, on the real Docker. What a site's examination finds is told by the tests of the
//! real stack, and an engine that is away by those of the command line.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use hosting::doctor::{self, Finding, Report, Severity};
use kit::sql;
use testkit::SmallDisk;

use crate::house::{House, house_in, houses};

/// The findings of a check, all of them with advice where something is wrong.
pub fn of<'a>(report: &'a Report, check: &str) -> Vec<&'a Finding> {
    for finding in &report.findings {
        assert_eq!(finding.severity == Severity::Ok, finding.advice.is_empty(), "{finding:?}");
    }
    report.findings.iter().filter(|finding| finding.check == check).collect()
}

fn worst(report: &Report, check: &str) -> Severity {
    of(report, check).iter().map(|finding| finding.severity).max().unwrap_or_else(|| panic!("nothing was said of {check}: {report:?}"))
}

/// As the command line leaves the data folder; a temporary one is open to all.
fn close(house: &House) {
    std::fs::set_permissions(house.hosting.data(), Permissions::from_mode(0o700)).unwrap();
}

async fn examine(house: &House) -> Report {
    let report = doctor::examine(&house.hosting, None).await;
    assert!(report.took < Duration::from_secs(15), "{report:?}");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn house_is_examined_beside_the_real_docker() {
    for house in houses().await {
        close(&house);
        let report = examine(&house).await;
        assert!(report.site.is_none());
        let docker = of(&report, "docker");
        assert!(docker.iter().any(|finding| finding.severity == Severity::Ok && finding.message.starts_with("Docker ")), "{docker:?}");
        assert_eq!(worst(&report, "compose"), Severity::Ok, "{:?}", of(&report, "compose"));
        assert_eq!(worst(&report, "permissions"), Severity::Ok, "{:?}", of(&report, "permissions"));
        assert_eq!(of(&report, "ports").len(), 3);
        assert!(of(&report, "database")[0].message.contains("The database answers and holds"), "{}", house.on());
        assert_eq!(of(&report, "connections").len(), usize::from(house.on() == "postgres"));
        assert_eq!((worst(&report, "jobs"), worst(&report, "mail")), (Severity::Ok, Severity::Ok));
        assert!(of(&report, "sites")[0].message.contains("no sites yet"));
        // Never served, and its authority does not exist.
        assert!(
            of(&report, "traefik")[0].message.contains("not been started") && of(&report, "reconcilers")[0].message.contains("No server")
        );
        assert!(worst(&report, "authority") == Severity::Warn && of(&report, "authority")[0].message.contains("acme.example.test"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_others_can_read_are_found() {
    let house = houses().await.remove(0);
    let data = house.hosting.data().to_owned();
    let set = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    set(&data, 0o755);
    set(&data.join("edge/api-password"), 0o640);
    let report = examine(&house).await;
    let found: Vec<(Severity, &str)> =
        of(&report, "permissions").iter().map(|finding| (finding.severity, finding.advice.as_str())).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|(severity, _)| *severity == Severity::Bad));
    assert!(found[0].1.starts_with(&format!("`chmod 700 {}`", data.display())), "{found:?}");
    assert!(found[1].1.starts_with(&format!("`chmod 600 {}/edge/api-password`", data.display())), "{found:?}");
    assert_eq!(report.severity(), Severity::Bad);
    assert_eq!(report.findings[0].severity, Severity::Bad, "the worst stands first");
    set(&data, 0o700);
    set(&data.join("edge/api-password"), 0o600);
    assert_eq!(worst(&examine(&house).await, "permissions"), Severity::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_that_gets_full_is_told_before_and_when_it_is() {
    const MIB: u32 = 1024;
    let disk = SmallDisk::mount(3072 * MIB).await;
    let house = house_in(disk.path()).await;
    let of_data = async || {
        let report = examine(&house).await;
        of(&report, "disk").into_iter().find(|finding| finding.subject == "data folder").expect("the data folder's disk").clone()
    };
    assert_eq!(of_data().await.severity, Severity::Ok);
    disk.resize(1024 * MIB).await;
    let little = of_data().await;
    assert!(little.severity == Severity::Warn && little.advice.contains("docker system df"), "{little:?}");
    disk.resize(64 * MIB).await;
    let full = of_data().await;
    assert!(full.severity == Severity::Bad && full.message.contains("Databases stop"), "{full:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_waits_or_gave_up_is_told() {
    for house in houses().await {
        let (db, clock) = (&house.hosting.db, &house.hosting.clock);
        let job = "insert into job (id, kind, payload, state, run_at, attempts, max_attempts, created_at) values ($1, 'test', '{}', $2, $3, 0, 1, 1)";
        for (id, state) in [("job_0000000000000000aa", "dead"), ("job_0000000000000000bb", "queued")] {
            db.execute(sql(job).bind(id).bind(state).bind(clock.now())).await.unwrap();
        }
        let seen = "insert into reconciler (name, started_at, duration_ms, error) values ('edge.routes', $1, 1, 'port 80 is taken')";
        db.execute(sql(seen).bind(clock.now())).await.unwrap();
        let report = examine(&house).await;
        let jobs = of(&report, "jobs");
        assert!(jobs.iter().any(|finding| finding.severity == Severity::Warn && finding.message == "1 job gave up."), "{jobs:?}");
        assert!(jobs.iter().any(|finding| finding.severity == Severity::Ok), "it has just begun to wait: {jobs:?}");
        assert!(of(&report, "reconcilers")[0].message.contains("port 80 is taken"));
        clock.advance(Duration::from_secs(3600));
        let report = examine(&house).await;
        assert_eq!(worst(&report, "jobs"), Severity::Bad, "{}", house.on());
        assert!(of(&report, "reconcilers")[0].message.contains("No server has worked for this house for 60 min"));
    }
}
