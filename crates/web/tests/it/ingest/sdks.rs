//! The real clients, unmodified, with host and key set. Their first try is taken in, and its answer is lost on the way: what they send again
//! must not count twice.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use events::Event;
use kit::exec::Command;
use serde_json::Value;
use tokio::net::TcpListener;
use web::testing::START;

use super::House;

/// Stands before Innkeeper, passes everything on, and loses the first answers.
struct Lossy {
    address: String,
    requests: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Passing {
    to: String,
    client: reqwest::Client,
    requests: Arc<AtomicUsize>,
    lose: usize,
}

impl Lossy {
    async fn before(house: &House, lose: usize) -> Lossy {
        let requests = Arc::new(AtomicUsize::new(0));
        let passing = Passing {
            to: format!("http://{}", house.test.address),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            requests: requests.clone(),
            lose,
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass_on).with_state(passing);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Lossy { address, requests }
    }
}

async fn pass_on(State(passing): State<Passing>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 32 << 20).await.unwrap();
    let target = format!("{}{}", passing.to, parts.uri.path_and_query().unwrap());
    let mut headers = parts.headers;
    headers.remove("host");
    let answer = passing.client.request(parts.method, target).headers(headers).body(body).send().await.unwrap();
    let (status, body) = (answer.status(), answer.bytes().await.unwrap());
    if passing.requests.fetch_add(1, Ordering::SeqCst) < passing.lose {
        return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")], r#"{"code":"x","message":"x","detail":"x"}"#).into_response();
    }
    (StatusCode::from_u16(status.as_u16()).unwrap(), [("content-type", "application/json")], body).into_response()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdks")
}

async fn run(house: &House, host: &str, program: &str, sdk: &str, mode: &str) -> Value {
    let script = folder().join(if program == "node" { "send.mjs" } else { "send.py" });
    for needed in ["node_modules/posthog-node", "python/posthog"] {
        assert!(folder().join(needed).exists(), "`scripts/test.sh` installs the clients into {}", folder().display());
    }
    let output = Command::new(program)
        .arg(&script)
        .arg(sdk)
        .env("HOST", host)
        .env("KEY", &house.key)
        .env("CUSTOMER", house.customer.as_str())
        .env("PYTHONPATH", folder().join("python"))
        .env("POSTHOG_CAPTURE_MODE", mode)
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .timeout(Duration::from_secs(90))
        .run()
        .await
        .unwrap_or_else(|error| panic!("{program} {sdk} {mode}: {error}"));
    let last = output.stdout.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("{program} {sdk}: {}\n{}", output.stdout, output.stderr))
}

/// Ten times a feature, by one person, for one customer, at the right time although the client's clock is months ahead of ours.
fn check_features(house: &House, all: &[Event]) {
    let used: Vec<&Event> = all.iter().filter(|event| event.name == "feature_used").collect();
    let mut features: Vec<String> =
        used.iter().map(|event| serde_json::from_str::<Value>(&event.props).unwrap()["feature"].as_str().unwrap().to_owned()).collect();
    features.sort();
    let expected: Vec<String> = (0..10).map(|number| format!("f{number}")).collect();
    assert_eq!(features, expected);
    for event in &used {
        assert_eq!(event.customer.as_ref(), Some(&house.customer));
        // PostHog's client for Python puts the earlier name of an alias first; they are one person either way.
        assert_eq!(event.person.as_ref().map(|(no, _)| no), used[0].person.as_ref().map(|(no, _)| no));
        assert!(matches!(event.person.as_ref().map(|(_, name)| name.as_str()), Some("ada" | "ada-before")), "{:?}", event.person);
        assert!(!event.props.contains("hunter2"), "{}", event.props);
        let off = (event.at.0 - START.0).abs();
        assert!(off < 60_000, "off by {off} ms");
    }
}

async fn tell_the_story(program: &str, sdk: &str, mode: &str, lose: usize) {
    let house = House::open().await;
    let lossy = Lossy::before(&house, lose).await;
    let told = run(&house, &lossy.address, program, sdk, mode).await;
    // Clients of version 1 read that one event was not taken, and say so to whoever uses them; the others cannot know.
    match told["errors"].as_array().expect("a list").as_slice() {
        [] => assert_ne!(mode, "v1", "{program} {sdk}"),
        [dropped] => assert!(mode == "v1" && dropped.to_string().contains("1 "), "{program} {sdk} {mode}: {dropped}"),
        many => panic!("{program} {sdk} {mode}: {many:?}"),
    }
    assert!(lossy.requests.load(Ordering::SeqCst) > lose, "it was sent again");
    let all = house.events().await;
    check_features(&house, &all);
    let mut others: Vec<&str> = all.iter().map(|event| event.name.as_str()).filter(|name| *name != "feature_used").collect();
    others.sort_unstable();
    let described = if (program, sdk) == ("python3", "posthog") { "$set" } else { "$identify" };
    let mut expected = vec!["$create_alias", "$groupidentify", described];
    if sdk == "segment" {
        expected.push("$pageview");
    }
    expected.sort_unstable();
    assert_eq!(others, expected, "{program} {sdk} {mode}");
    let source = if sdk == "segment" { "segment" } else { "posthog" };
    // What is refused has no place where it would be remembered: it is complained about each time it is sent.
    let complaints = house.complaints().await;
    assert!(complaints.contains(&format!("junk_person {source} junk {}", lose + 1)), "{complaints:?}");
    assert!(complaints.contains(&format!("removed_keys {source} feature_used 10")), "{complaints:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posthog_for_node_is_taken_in_and_counted_once() {
    tell_the_story("node", "posthog", "", 0).await;
    tell_the_story("node", "posthog", "", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posthog_for_node_by_version_one_is_taken_in_and_counted_once() {
    tell_the_story("node", "posthog", "v1", 0).await;
    tell_the_story("node", "posthog", "v1", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posthog_for_python_is_taken_in_and_counted_once() {
    tell_the_story("python3", "posthog", "", 0).await;
    tell_the_story("python3", "posthog", "", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posthog_for_python_by_version_one_is_taken_in_and_counted_once() {
    tell_the_story("python3", "posthog", "v1", 0).await;
    tell_the_story("python3", "posthog", "v1", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segment_for_node_is_taken_in_and_counted_once() {
    tell_the_story("node", "segment", "", 0).await;
    tell_the_story("node", "segment", "", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segment_for_python_is_taken_in_and_counted_once() {
    tell_the_story("python3", "segment", "", 0).await;
    tell_the_story("python3", "segment", "", 2).await;
}
