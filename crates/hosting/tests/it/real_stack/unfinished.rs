//! Creations that fail: what is said, that nothing half-made is left, and that they can be tried again or given up.

use accounts::Actor;
use hosting::operations::OperationKind;
use hosting::sites::{self, AddressAnswer, Site, SiteState};
use kit::{Error, sql};
use testkit::{Stack, StackOptions, Tries};

use super::{WHOLE, docker, held_by_docker};

#[tokio::test(flavor = "multi_thread")]
async fn taken_port_of_the_edge_is_named_and_the_creation_goes_on_when_it_is_free() {
    let stack = Stack::start_with(StackOptions { tries: Tries::One, ..StackOptions::default() }).await;
    let port = stack.hosting.edge.https_port;
    let other_program = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let site = stack.ask_for_site("Ada", "ada").await.unwrap();
    let error = stack.finished(&site.id).await.unwrap_err().to_string();
    assert!(error.starts_with("step address:"), "{error}");
    let shown = stack.step(&site.id, "address").await.error.unwrap();
    for word in ["taken by another program", &port.to_string(), "edge.http_port", "edge.https_port", "edge.api_port"] {
        assert!(shown.contains(word), "no `{word}` in: {shown}");
    }
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Failed);
    assert!(held_by_docker(&site).await.is_empty());
    assert_eq!(route_file(&stack, &site), None, "no route before the edge runs");

    drop(other_program);
    stack.retry(&site.id).await.unwrap();
    assert_eq!(held_by_docker(&site).await, WHOLE);
    assert_eq!(stack.get(&site, "/").await.0, 200);
    stack.tear_down().await;
}

fn route_file(stack: &Stack, site: &Site) -> Option<String> {
    std::fs::read_to_string(stack.data.join(format!("edge/dynamic/{}.yaml", site.id))).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn given_up_site_leaves_no_trace() {
    let stack = Stack::start_with(StackOptions { tries: Tries::One, ..StackOptions::default() }).await;
    let site = stack.ask_for_site("Ada", "ada").await.unwrap();
    // Somebody else's container with the name that one of the site's must have.
    let stranger = docker(&["create", "--name", &site.container("www"), "debian:bookworm-slim", "true"]).await;
    let error = stack.finished(&site.id).await.unwrap_err().to_string();
    assert!(error.starts_with("step start:"), "{error}");
    let shown = stack.step(&site.id, "start").await.error.unwrap();
    assert!(shown.contains("the containers did not start") && shown.contains("is already in use"), "{shown}");
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Failed);
    assert!(route_file(&stack, &site).is_some() && stack.hosting.repository(&site).exists());
    assert!(!held_by_docker(&site).await.is_empty(), "it got far enough to leave something");
    stack.until_answers(&site, "/", 503).await;
    let refused = hosting::operations::request(&stack.hosting, &Actor::cli(), &site.id, OperationKind::Delete).await;
    assert!(matches!(&refused, Err(Error::Conflict(message)) if message.contains("give it up instead")), "{refused:?}");

    stack.operate(&site.id, OperationKind::Discard).await.unwrap();
    assert!(matches!(stack.reload(&site.id).await, Err(Error::NotFound(_))));
    assert!(held_by_docker(&site).await.is_empty());
    assert_eq!(route_file(&stack, &site), None);
    let left = kit::exec::Command::new("grep")
        .args(["--recursive", "--files-with-matches", site.id.as_str()])
        .arg(stack.data.join("edge/dynamic"));
    assert!(left.run().await.is_err(), "no route speaks of it");
    let named = kit::exec::Command::new("find").arg(&stack.data).args(["-name", &format!("*{}*", site.id)]).run().await.unwrap().stdout;
    assert_eq!(named, "");
    assert!(!stack.data.join("sites").join(site.customer_id.as_str()).exists(), "the customer's folder goes with the last site");
    for table in ["select count(*) from site", "select count(*) from site_operation", "select count(*) from site_step"] {
        assert_eq!(stack.hosting.db.one::<(i64,)>(sql(table)).await.unwrap(), (0,), "{table}");
    }
    let subdomain = hosting::names::Subdomain::parse("ada", &[]).unwrap();
    assert!(matches!(sites::check_address(&stack.hosting, &subdomain).await.unwrap(), AddressAnswer::Free(_)));
    // What is not ours is left alone.
    assert_eq!(docker(&["inspect", "--format", "{{.Id}}", &site.container("www")]).await, stranger);
    docker(&["rm", &stranger]).await;
    stack.tear_down().await;
}
