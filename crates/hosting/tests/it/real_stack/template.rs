//! Each template's own tests, against a site of it behind the real edge.

use std::path::Path;
use std::time::Duration;

use kit::exec::Command;
use testkit::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn portfolio_passes_its_own_tests_behind_the_edge() {
    let stack = Stack::start().await;
    let site = stack.site("Greta \"Ink\" <b>Berg</b>", "greta").await;
    let secrets = site.open_secrets(&stack.hosting.key).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let playwright = root.join("e2e/node_modules/playwright-core/index.mjs");
    assert!(playwright.is_file(), "run `npm --prefix e2e ci` first: the template is also driven in a browser");
    let output = Command::new("node")
        .args(["--test", "--test-reporter=tap"])
        .arg(root.join("templates/portfolio/tests/site.test.mjs"))
        .env("BASE_URL", stack.hosting.url(&site))
        .env("CONNECT_TO", stack.hosting.url(&site).replace(&format!("https://{}", site.domain), "127.0.0.1"))
        .env("OWNER_EMAIL", &site.owner_email)
        .env("OWNER_PASSWORD", &secrets.owner_password)
        .env("RELEASE_ID", site.release_id.as_str())
        .env("PLAYWRIGHT", &playwright)
        .timeout(Duration::from_secs(180))
        .run()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let summary = output.stdout;
    assert!(summary.contains("# fail 0") && summary.contains("# skipped 0"), "{summary}");
    assert!(!summary.contains("# pass 0"), "{summary}");
    stack.tear_down().await;
}
