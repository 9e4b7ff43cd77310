//! Traefik stopped, removed, killed, or given a file that it cannot read: it comes back with every route.

use std::time::Duration;

use hosting::operations::OperationKind;
use hosting::reconcile::Edge;
use hosting::sites::Site;
use kit::exec::Command;
use kit::jobs::Reconciler;
use testkit::{EDGE, Stack, StackOptions, Tries};

use super::docker;

fn traefik() -> String {
    format!("{EDGE}-traefik")
}

async fn reconcile(stack: &Stack) -> String {
    Edge.reconcile(stack.hosting.clone()).await.unwrap()
}

/// Serial number of the certificate that Traefik has for a site.
async fn stored_certificate(stack: &Stack, site: &Site) -> serde_json::Value {
    let text = std::fs::read_to_string(stack.data.join("edge/certificates/acme.json")).unwrap();
    let stored: serde_json::Value = serde_json::from_str(&text).unwrap();
    let all = stored["letsencrypt"]["Certificates"].as_array().unwrap();
    all.iter().find(|it| it["domain"]["main"] == site.domain.as_str()).unwrap()["certificate"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn edge_comes_back_with_its_routes_and_certificates_whatever_happened_to_it() {
    let stack = Stack::start_with(StackOptions { tries: Tries::Two, ..StackOptions::default() }).await;
    let site = stack.site("Ada", "ada").await;
    let certificate = stored_certificate(&stack, &site).await;
    assert_eq!(reconcile(&stack).await, "Traefik running; 1 route, 0 repaired, 0 removed");

    // Killed: Docker starts it again.
    let process = docker(&["inspect", "--format", "{{.State.Pid}}", &traefik()]).await;
    Command::new("kill").args(["-KILL", &process]).run().await.unwrap();
    stack.until_answers(&site, "/", 200).await;
    assert_ne!(docker(&["inspect", "--format", "{{.State.Pid}}", &traefik()]).await, process);

    // Stopped by hand in the middle of a switch: Docker leaves it down; the reconciler brings it back and the switch arrives.
    let route = stack.data.join(format!("edge/dynamic/{}.yaml", site.id));
    let serving = std::fs::read_to_string(&route).unwrap();
    let stop = async {
        while std::fs::read_to_string(&route).unwrap() == serving {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        docker(&["stop", "--time", "0", &traefik()]).await;
        assert!(stack.browser(&site).get(stack.url(&site, "/")).send().await.is_err(), "Traefik is down");
        assert!(reconcile(&stack).await.starts_with("Traefik started; 1 route"));
    };
    let (stopped, ()) = tokio::join!(stack.operate(&site.id, OperationKind::Stop), stop);
    stopped.unwrap();
    let (status, body) = stack.get(&site, "/").await;
    assert!(status == 503 && body.contains("This site is stopped"), "{status} {body}");

    // An operation brings it back as well.
    docker(&["stop", "--time", "0", &traefik()]).await;
    stack.operate(&site.id, OperationKind::Start).await.unwrap();
    assert_eq!(stack.get(&site, "/").await.0, 200);

    // Removed by hand, with the page server.
    docker(&["rm", "--force", &traefik(), &format!("{EDGE}-holding")]).await;
    assert!(reconcile(&stack).await.starts_with("Traefik started; 1 route, 0 repaired"));
    stack.until_answers(&site, "/", 200).await;

    // Routes lost or changed by hand.
    std::fs::remove_file(&route).unwrap();
    assert_eq!(reconcile(&stack).await, "Traefik running; 1 route, 1 repaired, 0 removed");
    std::fs::write(&route, "http: {}").unwrap();
    assert_eq!(reconcile(&stack).await, "Traefik running; 1 route, 1 repaired, 0 removed");
    stack.until_answers(&site, "/", 200).await;
    assert_eq!(std::fs::read_to_string(&route).unwrap(), serving);

    // A stranger's file that cannot be read: Traefik keeps what it has, and takes nothing new, until the file is gone.
    let stranger = stack.data.join("edge/dynamic/app_zzzzzzzz.yaml");
    std::fs::write(&stranger, "http: [this is {{ no: configuration\n\t`").unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stack.get(&site, "/").await.0, 200, "one broken file must not drop the others");
    assert_eq!(reconcile(&stack).await, "Traefik running; 1 route, 0 repaired, 1 removed");
    assert!(!stranger.exists());
    stack.operate(&site.id, OperationKind::Stop).await.unwrap();
    stack.operate(&site.id, OperationKind::Start).await.unwrap();

    // The same while Traefik starts: it would come up with no route at all.
    std::fs::write(&stranger, "http: [this is {{ no: configuration\n\t`").unwrap();
    docker(&["restart", "--time", "0", &traefik()]).await;
    assert!(reconcile(&stack).await.ends_with("1 removed"));
    stack.until_answers(&site, "/", 200).await;

    // Nothing of this made it ask for a certificate anew: authorities count that.
    assert_eq!(stored_certificate(&stack, &site).await, certificate);
    stack.tear_down().await;
}
