//! Several sites asked for at once.

use std::time::Instant;

use futures_util::future::join_all;
use hosting::operations::{self, OperationState};
use hosting::sites::{SiteFilter, SiteState};
use hosting::templates::{self, Kind};
use testkit::Stack;

use super::{WHOLE, docker, held_by_docker};

/// What an image is called while its name is taken away.
const KEPT: &str = "innkeeper-test/kept:latest";

/// Takes an image's name away, so that the next site must build it; its layers stay, which makes that quick.
async fn take_name_of(image: &str) {
    if kit::exec::Command::new("docker").args(["image", "inspect", image]).run().await.is_ok() {
        docker(&["tag", image, KEPT]).await;
        docker(&["rmi", image]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_sites_asked_for_at_once_are_all_live_and_share_one_build() {
    let stack = Stack::start().await;
    let template = tempfile::tempdir().unwrap();
    templates::find(Kind::Portfolio).unwrap().write_to(template.path()).unwrap();
    let hash = templates::context_hash(&template.path().join("alert")).unwrap();
    let image = format!("innkeeper/portfolio-alert:{hash}");
    take_name_of(&image).await;

    let started = Instant::now();
    let names = ["one", "two", "three", "four", "five; $(id) `id` \"<b>\" ${HOME} \\ 🌱"];
    let asked =
        join_all(names.iter().zip(["one", "two", "three", "four", "five"]).map(|(name, subdomain)| stack.ask_for_site(name, subdomain)))
            .await;
    let sites: Vec<_> = asked.into_iter().map(Result::unwrap).collect();
    for outcome in join_all(sites.iter().map(|site| stack.finished(&site.id))).await {
        outcome.unwrap();
    }
    eprintln!("five sites live after {:?}", started.elapsed());

    let mut built = Vec::new();
    for (site, name) in sites.iter().zip(names) {
        let site = stack.reload(&site.id).await.unwrap();
        assert_eq!(site.state, SiteState::Active);
        assert_eq!(held_by_docker(&site).await, WHOLE);
        let (operation, steps) = stack.newest(&site.id).await;
        assert_eq!(operation.state, OperationState::Done);
        built.extend(steps.into_iter().filter(|step| step.name == "build").filter_map(|step| step.detail));
        // Each of them answers for itself, with its own release and its own name.
        let answer = stack.browser(&site).get(stack.url(&site, "/")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-innkeeper-release"], site.release_id.as_str());
        assert_eq!(docker(&["exec", &site.container("api"), "printenv", "APP_NAME"]).await, name);
        assert_eq!(docker(&["exec", &site.container("api"), "printenv", "MAIL_FROM_NAME"]).await, name);
        assert_eq!(docker(&["exec", &site.container("www"), "printenv", "APP_NAME"]).await, name);
    }
    built.sort();
    assert_eq!(built[0], "1 image built", "{built:?}");
    assert!(built[1..].iter().all(|detail| detail == "all images exist"), "one image is built by one: {built:?}");
    assert_eq!(docker(&["images", "--format", "{{.Tag}}", &image]).await, hash);

    let listed = hosting::sites::list(&stack.hosting.db, &accounts::Actor::cli().scope(), &SiteFilter::default()).await.unwrap();
    assert_eq!(listed.len(), 5);
    let states = stack.hosting.runtime.states().await.unwrap();
    assert!(sites.iter().all(|site| states[site.id.as_str()].len() == 4), "{states:?}");
    assert!(operations::history(&stack.hosting.db, &accounts::Actor::cli().scope(), &sites[0].id).await.unwrap().len() == 1);
    let _ = kit::exec::Command::new("docker").args(["rmi", KEPT]).run().await;
    stack.tear_down().await;
}
