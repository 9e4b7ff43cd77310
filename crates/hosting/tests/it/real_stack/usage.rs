//! Figures of real containers and of the real edge.

use std::time::Duration;

use accounts::Actor;
use hosting::usage::{self, Roots, ServiceFigures, Watcher};
use testkit::Stack;
use tokio_util::sync::CancellationToken;

use super::{docker, query};

/// `12.3%` or `3.4MiB / 512MiB` as `docker stats` prints them, in percent and bytes.
fn parse(text: &str) -> f64 {
    let text = text.split('/').next().unwrap_or_default().trim();
    let end = text.find(|c: char| c.is_alphabetic() || c == '%').unwrap();
    let factor = match &text[end..] {
        "%" | "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        other => panic!("unit {other}"),
    };
    text[..end].parse::<f64>().unwrap() * factor
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_those_of_docker_stats_and_each_request_counts() {
    let stack = Stack::start().await;
    let site = stack.site("Figures", "figures").await;
    let hosting = &stack.hosting;
    let stop = CancellationToken::new();
    let watch = tokio::spawn(hosting::probes::watch(hosting.clone(), stop.clone()));
    for _ in 0..100 {
        if hosting.board.running().len() == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(hosting.board.running().len(), 4);

    // Busy for as long as is looked at: half a core, by its limit.
    let alert = site.container("alert");
    docker(&["exec", "--detach", &alert, "timeout", "12", "sh", "-c", "while :; do :; done"]).await;
    let mut watcher = Watcher::resume(hosting, Roots::default()).await;
    watcher.go_round(hosting).await;
    for _ in 0..20 {
        assert_eq!(stack.get(&site, "/").await.0, 200);
    }
    let shown = docker(&["stats", "--no-stream", "--format", "{{.Name}} {{.CPUPerc}} {{.MemUsage}}"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    watcher.go_round(hosting).await;

    let figures = hosting.figures.of(&site.id, hosting.clock.now());
    assert_eq!(figures.services.len(), 4, "{figures:?}");
    for ServiceFigures { service, cpu_percent, memory_bytes, memory_limit } in &figures.services {
        let line = shown.lines().find(|line| line.starts_with(&format!("{} ", site.container(service)))).unwrap();
        let mut words = line.splitn(3, ' ').skip(1);
        let (cpu, memory) = (parse(words.next().unwrap()), parse(words.next().unwrap()));
        let (our_cpu, our_memory) = (cpu_percent.unwrap(), memory_bytes.unwrap() as f64);
        eprintln!("{service}: CPU {our_cpu:.1} % (docker stats {cpu:.1} %), memory {our_memory} B (docker stats {memory} B)");
        assert!((our_memory - memory).abs() <= memory * 0.1 + 2e6, "{service}: memory {our_memory} and {memory}");
        assert!(memory_limit.is_some_and(|limit| limit >= 256 << 20), "{service}: {memory_limit:?}");
        if service == "alert" {
            assert!(cpu > 20.0 && (our_cpu - cpu).abs() <= cpu * 0.35, "{service}: CPU {our_cpu} and {cpu}");
        }
    }
    assert!(figures.requests_per_second.is_some_and(|rate| rate > 0.0), "{figures:?}");
    let series = usage::series(hosting).await.unwrap();
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].requests_total, Some(20));

    // The engine's own word, the way for those who cannot see the kernel's files.
    for (_, service, container, _) in hosting.board.running() {
        let reading = hosting.runtime.usage(&container.id).await.unwrap();
        let ours = figures.services.iter().find(|it| it.service == service).unwrap().memory_bytes.unwrap() as f64;
        assert!((reading.memory_bytes as f64 - ours).abs() <= ours * 0.2 + 4e6, "{service}: {reading:?} and {ours}");
        assert!(reading.cpu_ns > 0);
    }
    let mut blind = Watcher::resume(hosting, Roots { proc: "/nonexistent".into(), cgroup: "/nonexistent".into() }).await;
    blind.go_round(hosting).await;
    assert!(hosting.figures.of(&site.id, hosting.clock.now()).memory_bytes.is_some(), "asked of the engine");

    usage::measure(hosting, &site).await.unwrap();
    let totals = usage::totals(&hosting.db, &Actor::cli().scope(), &site.id, hosting.clock.now()).await.unwrap();
    let database: i64 = query(&site, "select pg_database_size(current_database())").await.parse().unwrap();
    let measured = totals.database_bytes.unwrap();
    assert!((measured - database).abs() < 1_000_000, "{measured} and {database}");
    assert!(totals.files_bytes.is_some_and(|bytes| bytes > 0), "{totals:?}");

    stop.cancel();
    watch.await.unwrap();
    stack.tear_down().await;
}
