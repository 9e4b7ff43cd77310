//! A site's whole life: made, stopped, started, renamed, deleted, restored.

use hosting::operations::OperationKind;
use hosting::sites::SiteState;
use testkit::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn site_lives_over_https_and_comes_back_after_deletion() {
    let stack = Stack::start().await;
    let started = std::time::Instant::now();
    let site = stack.site("Ada's \"Shop\" & <b>Co</b> $(id) `id` ${HOME} %s \\ 🌱", "ada").await;
    eprintln!("live after {:?}", started.elapsed());
    assert_eq!(site.state, SiteState::Active);

    let (status, body) = stack.get(&site, "/").await;
    assert_eq!(status, 200);
    assert!(body.contains("<html"), "{body}");
    assert!(!body.contains("<b>Co</b>"), "the name is not escaped: {body}");
    let (status, profile) = stack.get(&site, "/api/health").await;
    assert_eq!(status, 200, "{profile}");
    let (status, polling) = stack.get(&site, "/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(status, 200, "{polling}");
    assert!(polling.contains("sid"), "{polling}");
    let (_, other) = stack.get(&site, "/apiary").await;
    assert!(!other.contains("problem"), "/apiary must not reach the API: {other}");

    stack.operate(&site.id, OperationKind::Stop).await.unwrap();
    let (status, body) = stack.get(&site, "/any/page").await;
    assert_eq!(status, 503);
    assert!(body.contains("This site is stopped"), "{body}");

    stack.operate(&site.id, OperationKind::Start).await.unwrap();
    assert_eq!(stack.get(&site, "/").await.0, 200);

    stack.operate(&site.id, OperationKind::Delete).await.unwrap();
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Archived);
    assert!(stack.hosting.runtime.remains_of(&site.id).await.unwrap().is_empty());
    assert!(!stack.hosting.site_folder(&site).exists());
    assert!(!stack.hosting.repository(&site).exists());

    stack.operate(&site.id, OperationKind::Restore).await.unwrap();
    let (status, body) = stack.get(&site, "/").await;
    assert_eq!(status, 200, "{body}");
    assert!(!stack.hosting.archive_folder(&site).exists());
    stack.tear_down().await;
}
