//! A server: started twice, killed, stopped, without Docker.

use std::time::Duration;

use crate::process::{House, free_port, sqlite, text, until_none};

fn get(url: &str) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        kit::fetch::install_tls();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().expect("a client");
        let answer = client.get(url).send().await.expect("the server answers");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    })
}

#[test]
fn first_start_prints_a_set_up_link_and_serves_without_docker() {
    let house = House::new();
    let server = house.serve();
    let (status, ready) = get(&server.url("/readyz"));
    assert_eq!(status, 200, "{ready}");
    assert!(ready.contains("\"docker\":\"unavailable\""), "{ready}");
    assert_eq!(get(&server.url("/healthz")).0, 200);
    let log = server.log();
    assert!(log.contains("/setup/"), "{log}");
    let token = log.split("/setup/").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a token");
    assert_eq!(get(&server.url(&format!("/setup/{token}"))).0, 200);
    let (status, _) = get(&server.url("/setup/wrong-token"));
    assert!(status >= 400, "{status}");
}

#[test]
fn second_server_on_one_data_folder_is_refused() {
    let house = House::new();
    let _first = house.serve();
    let output = house.run(&["serve", "--listen", &format!("127.0.0.1:{}", free_port())]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("another innkeeper") && said.contains("--data"), "{said}");
}

#[test]
fn taken_port_is_named_and_nothing_is_made() {
    let house = House::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = house.run(&["serve", "--listen", &address]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
    assert!(!house.data.exists());
}

#[test]
fn kill_loses_nothing_and_the_next_start_goes_on() {
    let house = House::new();
    let customer = house.json(&["customer", "create", "--name", "Kept"]);
    for _ in 0..5 {
        house.serve().kill();
    }
    assert_eq!(house.json(&["customer", "list"]).matches("cust_").count(), 1, "{customer}");
    let server = house.serve();
    assert_eq!(get(&server.url("/readyz")).0, 200);
}

#[test]
fn stopping_is_graceful_and_quick() {
    let house = House::new();
    let server = house.serve();
    assert_eq!(get(&server.url("/healthz")).0, 200);
    let (well, took) = server.stop();
    assert!(well && took < Duration::from_secs(10), "{well} {took:?}");
    let server = house.serve();
    assert_eq!(get(&server.url("/healthz")).0, 200);
}

#[test]
fn what_has_expired_is_swept_away_without_anyone_asking() {
    let house = House::new();
    house.json(&["migrate"]);
    sqlite(
        &house.data,
        "insert into idempotent_request (name, fingerprint, answer, claimed_at) values ('old', 'x', 'sealed', 1);
         insert into throttle (name, hits, last_at, blocked_until) values ('old', 1, 1, 1)",
    );
    let _server = house.serve();
    until_none(&house.data, "select count(*) from idempotent_request");
    until_none(&house.data, "select count(*) from throttle");
}

#[test]
fn commands_go_by_the_addresses_of_the_server_beside_them() {
    let house = House::new();
    let customer = house.json(&["customer", "create", "--name", "Ada"]);
    let id = customer.split('"').find(|word| word.starts_with("cust_")).expect("an id").to_owned();
    house.json(&["member", "add", "--email", "ada@example.test", "--name", "Ada", "--customer", &id]);
    let server = house.serve_with(&[
        ("INNKEEPER_SERVER__PUBLIC_URL", "https://panel.example.test"),
        ("INNKEEPER_HOSTING__BASE_DOMAIN", "sites.example.test"),
        ("INNKEEPER_EDGE__HTTPS_PORT", "8443"),
    ]);
    let link = || house.json(&["member", "link", "ada@example.test"]);
    assert!(link().contains("\"https://panel.example.test/sign-in/link/"), "{}", link());
    let site = house.json(&["site", "create", "--customer", &id, "--name", "x", "--subdomain", "ada", "--no-wait"]);
    assert!(site.contains("\"https://ada.sites.example.test:8443\""), "{site}");
    assert!(site.contains("\"https://panel.example.test/git/"), "{site}");

    server.kill();
    assert!(link().contains("\"http://127.0.0.1:8080/sign-in/link/"), "nobody serves: {}", link());
}
