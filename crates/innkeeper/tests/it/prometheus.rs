//! The dashboard's queries, run by a real Prometheus that scrapes a server with a real container and a real edge.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{House, free_port, sqlite, text};

const EDGE: &str = "innkeeper-test-prometheus";
const SITE: &str = "app_promtest";
/// Three looks of the server, ten seconds apart, and some scrapes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Prometheus of the test's own; it ends with the test.
struct Prometheus {
    child: Child,
    port: u16,
}

impl Prometheus {
    #[expect(clippy::disallowed_methods, reason = "started beside the server, and ended by hand")]
    fn start(folder: &Path, target: u16) -> Prometheus {
        let port = free_port();
        let example = std::fs::read_to_string(repository().join("monitoring/prometheus/prometheus.yml")).expect("the example");
        // As in the example, but in a hurry.
        let settings =
            example.replace("127.0.0.1:8080", &format!("127.0.0.1:{target}")).replace("scrape_interval: 10s", "scrape_interval: 1s");
        assert_ne!(settings, example);
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, settings).expect("it is written");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("series").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .spawn()
            .expect("prometheus starts: run `scripts/install.sh prometheus`");
        Prometheus { child, port }
    }

    /// Asks its HTTP API; `None` while it does not answer yet.
    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let query_text: Vec<String> = query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let address = format!("http://127.0.0.1:{}/api/v1/{path}?{}", self.port, query_text.join("&"));
        let answer = client().get(address).send().await.ok()?;
        let value: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
        // A query that it cannot read is a mistake of ours and gets no better by waiting.
        assert_ne!(value["errorType"], "bad_data", "{query:?}: {value}");
        (value["status"] == "success").then(|| value["data"].clone())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What this test has in Docker, by label; gone when dropped.
struct Containers;

impl Containers {
    fn remove() {
        for label in [format!("innkeeper.edge={EDGE}"), format!("innkeeper.instance={EDGE}")] {
            let ids = docker(&["ps", "--all", "--quiet", "--filter", &format!("label={label}")]);
            let ids: Vec<&str> = ids.split_whitespace().collect();
            if !ids.is_empty() {
                docker(&[&["rm", "--force", "--volumes"], ids.as_slice()].concat());
            }
        }
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        Containers::remove();
    }
}

#[expect(clippy::disallowed_methods, reason = "a container beside the server, as another program would start it")]
fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().expect("docker is installed");
    assert!(output.status.success(), "docker {args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn client() -> reqwest::Client {
    kit::fetch::install_tls();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().expect("a client")
}

fn dashboard() -> Value {
    let path = repository().join("monitoring/grafana/dashboards/customer-metrics.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the dashboard")).expect("it is JSON")
}

/// Panel and query, with the site put in as Grafana does.
fn queries(dashboard: &Value) -> Vec<(i64, String)> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let of_panel = |panel: &Value| {
        let id = panel["id"].as_i64().expect("an id");
        let targets = panel["targets"].as_array().expect("targets").clone();
        targets.into_iter().map(move |target| (id, target["expr"].as_str().expect("a query").replace("$site", SITE)))
    };
    panels.iter().flat_map(of_panel).collect()
}

fn site_row(customer: &str) -> String {
    format!(
        "insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets, owner_email,
                           certificate_state, certificate_attempt, created_at, updated_at)
         values ('{SITE}', '{customer}', 'portfolio', 'Figures', 'figures.sites.localhost', 'active', '1', 'rel_promtest0000000000', 0, '', 'a@b.example',
                 'pending', 0, 1, 1)"
    )
}

#[test]
fn dashboard_is_the_one_that_pages_embed() {
    let dashboard = dashboard();
    assert_eq!((&dashboard["uid"], &dashboard["title"]), (&"customer-metrics".into(), &"customer-metrics".into()));
    assert_eq!((&dashboard["style"], &dashboard["refresh"]), (&"dark".into(), &"10s".into()));
    let panels: Vec<(i64, &str)> = dashboard["panels"]
        .as_array()
        .expect("panels")
        .iter()
        .map(|panel| (panel["id"].as_i64().expect("an id"), panel["type"].as_str().expect("a type")))
        .collect();
    assert_eq!(panels, [(1, "gauge"), (2, "gauge"), (3, "stat")]);
    assert!(queries(&dashboard).iter().all(|(_, query)| query.contains(&format!("site=\"{SITE}\""))));
}

// Named like the tests that one at a time may run of: it starts a Traefik, too.
mod real_stack {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_query_of_the_dashboard_has_a_result() {
        let house = House::new();
        let made: Value = serde_json::from_str(&house.json(&["customer", "create", "--name", "Figures"])).expect("JSON");
        let customer = made["customer_uuid"].as_str().expect("an id");
        sqlite(&house.data, &site_row(customer));
        Containers::remove();
        let _containers = Containers;
        let label = |name: &str, value: &str| format!("--label=innkeeper.{name}={value}");
        docker(&[
            "run",
            "--detach",
            "--memory=64m",
            &format!("--name={customer}-{SITE}-www"),
            &label("instance", EDGE),
            &label("site", SITE),
            &label("service", "www"),
            "--entrypoint=sleep",
            "nginx:stable",
            "300",
        ]);
        let server = house.serve_with(&settings());
        let prometheus = Prometheus::start(house.data.parent().expect("a folder"), server.port);

        let started = Instant::now();
        let mut open = queries(&dashboard());
        assert_eq!(open.len(), 4);
        while !open.is_empty() {
            assert!(started.elapsed() < PATIENCE, "no result of {open:?}: {}", server.log());
            tokio::time::sleep(Duration::from_millis(250)).await;
            let mut still_open = Vec::new();
            for (panel, query) in open {
                let result = prometheus.ask("query", &[("query", &query)]).await;
                let value = result.as_ref().and_then(|result| result["result"][0]["value"][1].as_str()?.parse::<f64>().ok());
                match value {
                    Some(value) => {
                        assert!(value.is_finite() && value >= 0.0, "{query}: {value}");
                        assert!(panel != 2 || (10_000.0..=67_108_864.0).contains(&value), "{query}: {value}");
                        eprintln!("panel {panel}: {query} = {value}, after {:?}", started.elapsed());
                    }
                    None => still_open.push((panel, query)),
                }
            }
            open = still_open;
        }
        // What the variable `site` offers to choose from.
        let offered = prometheus.ask("label/site/values", &[("match[]", "innkeeper_site_up")]).await;
        assert_eq!(offered, Some(serde_json::json!([SITE])));

        sqlite(&house.data, &format!("update site set state = 'archived', archived_at = 1 where id = '{SITE}'"));
        let figures = client().get(server.url("/metrics")).send().await.expect("it answers").text().await.expect("a body");
        assert!(figures.contains("innkeeper_uptime_seconds") && !figures.contains(SITE), "{figures}");
        let (ended_well, _) = server.stop();
        assert!(ended_well);
    }

    #[expect(clippy::disallowed_methods, reason = "where Docker is on the test's machine")]
    fn settings() -> Vec<(&'static str, String)> {
        let docker = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        vec![
            ("DOCKER_HOST", docker),
            ("HOME", std::env::var("HOME").unwrap_or_default()),
            ("INNKEEPER_EDGE__PROJECT", EDGE.to_owned()),
            ("INNKEEPER_EDGE__ADDRESS", "127.0.0.1".to_owned()),
            ("INNKEEPER_EDGE__HTTP_PORT", free_port().to_string()),
            ("INNKEEPER_EDGE__HTTPS_PORT", free_port().to_string()),
            ("INNKEEPER_EDGE__API_PORT", free_port().to_string()),
            // Nobody listens there: no certificate is asked of anyone.
            ("INNKEEPER_EDGE__ACME_DIRECTORY", "http://127.0.0.1:9/directory".to_owned()),
            ("INNKEEPER_HOSTING__PREPARE_TEMPLATES", "false".to_owned()),
        ]
    }
}
