//! The examination of a real site: nothing to say when all is well; each thing that is broken is found, and the advice mends it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use hosting::doctor::{self, Finding, Severity};
use hosting::operations::OperationKind;
use hosting::reconcile::Edge;
use hosting::sites::Site;
use kit::jobs::Reconciler;
use testkit::{EDGE, Stack, StackOptions, Tries};

use super::docker;

/// What is found of the site itself. Of the house, the authority is out of reach from this side, and no server works here.
async fn found(stack: &Stack, site: &Site) -> Vec<Finding> {
    let report = doctor::examine(&stack.hosting, Some(site)).await;
    assert_eq!(report.site.as_ref(), Some(&site.id));
    let of_house = ["authority", "reconcilers", "docker", "disk", "inodes"];
    report.findings.into_iter().filter(|finding| !of_house.contains(&finding.check)).collect()
}

async fn all_is_well(stack: &Stack, site: &Site) {
    let wrong: Vec<Finding> = found(stack, site).await.into_iter().filter(|finding| finding.severity != Severity::Ok).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The one thing that is wrong, of a check and a subject.
async fn broken(stack: &Stack, site: &Site, check: &str, subject: &str) -> Finding {
    let found = found(stack, site).await;
    let finding = found.iter().find(|finding| finding.check == check && finding.subject == subject);
    let finding = finding.unwrap_or_else(|| panic!("nothing about {check} of {subject}: {found:#?}"));
    assert!(finding.severity != Severity::Ok && !finding.advice.is_empty(), "{finding:?}");
    finding.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_is_broken_is_found_and_the_advice_mends_it() {
    let stack = Stack::start_with(StackOptions { tries: Tries::Two, ..StackOptions::default() }).await;
    // As the command line leaves it; a temporary folder is open to all.
    std::fs::set_permissions(&stack.data, Permissions::from_mode(0o700)).unwrap();
    let site = stack.site("Ada", "ada").await;
    all_is_well(&stack, &site).await;
    let checks: std::collections::BTreeSet<&str> = found(&stack, &site).await.iter().map(|finding| finding.check).collect();
    let wanted = ["answer", "certificate", "connections", "container", "database", "dns", "files", "route", "state", "volumes"];
    assert_eq!(checks.into_iter().collect::<Vec<_>>(), wanted);

    // A container that was stopped by hand, and one that was removed.
    docker(&["stop", "--time", "0", &site.container("alert")]).await;
    docker(&["rm", "--force", &site.container("api")]).await;
    let ended = broken(&stack, &site, "container", "alert").await;
    assert!(ended.severity == Severity::Bad && ended.message.contains("does not run"), "{ended:?}");
    let gone = broken(&stack, &site, "container", "api").await;
    assert!(gone.advice.contains(&format!("`innkeeper site start {}`", site.id)), "{gone:?}");
    let house = doctor::examine(&stack.hosting, None).await;
    let told = house.findings.iter().find(|finding| finding.check == "sites" && finding.severity == Severity::Bad).unwrap();
    assert!(told.message.contains("alert is stopped") && told.message.contains("api is missing"), "{told:?}");
    stack.operate(&site.id, OperationKind::Start).await.unwrap();
    all_is_well(&stack, &site).await;

    // The database alone.
    docker(&["stop", "--time", "1", &site.container("db")]).await;
    let silent = broken(&stack, &site, "database", "db").await;
    assert_eq!(silent.severity, Severity::Bad, "{silent:?}");
    stack.operate(&site.id, OperationKind::Start).await.unwrap();
    all_is_well(&stack, &site).await;

    // The route.
    std::fs::remove_file(stack.data.join(format!("edge/dynamic/{}.yaml", site.id))).unwrap();
    let missing = broken(&stack, &site, "route", site.domain.as_str()).await;
    assert!(missing.message.contains("The route is missing") && missing.advice.contains("innkeeper serve"), "{missing:?}");
    Edge.reconcile(stack.hosting.clone()).await.unwrap();
    stack.until_answers(&site, "/", 200).await;
    all_is_well(&stack, &site).await;

    // The secrets.
    let env = stack.hosting.site_folder(&site).join(".env");
    std::fs::set_permissions(&env, Permissions::from_mode(0o644)).unwrap();
    let open = broken(&stack, &site, "files", ".env").await;
    assert!(open.severity == Severity::Bad && open.advice.starts_with(&format!("`chmod 600 {}`", env.display())), "{open:?}");
    std::fs::set_permissions(&env, Permissions::from_mode(0o600)).unwrap();
    let written = std::fs::read_to_string(&env).unwrap();
    std::fs::write(&env, format!("{written}\nDEBUG=1\n")).unwrap();
    assert_eq!(broken(&stack, &site, "files", ".env").await.severity, Severity::Warn);
    std::fs::write(&env, written).unwrap();

    // Traefik: what hangs on it is told, and nothing hangs.
    docker(&["stop", "--time", "0", &format!("{EDGE}-traefik")]).await;
    let down = broken(&stack, &site, "traefik", "Traefik").await;
    assert!(down.severity == Severity::Bad && down.advice.contains(&format!("docker logs --tail 50 {EDGE}-traefik")), "{down:?}");
    assert!(broken(&stack, &site, "certificate", site.domain.as_str()).await.message.starts_with("Could not look"));
    Edge.reconcile(stack.hosting.clone()).await.unwrap();
    stack.until_answers(&site, "/", 200).await;
    all_is_well(&stack, &site).await;

    // A stopped site is as it should be.
    stack.operate(&site.id, OperationKind::Stop).await.unwrap();
    let site = stack.reload(&site.id).await.unwrap();
    all_is_well(&stack, &site).await;
    stack.tear_down().await;
}
