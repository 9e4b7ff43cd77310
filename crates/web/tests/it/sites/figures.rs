//! What a site takes, on its page: our gauges, or an operator's Grafana.

use kit::sql;
use kit::testing::sqlite;
use web::config::GrafanaUrl;
use web::testing::{TestApp, TestMember};

use super::{new_site, owner, settle};

async fn page(test: &TestApp, by: &TestMember, site: &str) -> web::testing::Reply {
    test.get(&format!("/sites/{site}")).by(by).send().await
}

#[tokio::test]
async fn gauges_and_usage_stand_after_site_health_and_say_why_a_figure_is_missing() {
    let test = TestApp::start().await;
    let ada = owner(&test).await;
    let site = new_site(&test, &ada, "Figures").await;
    settle(&test, &site, "active").await;
    let reply = page(&test, &ada, &site).await;
    let place = |text: &str| reply.text.find(text).unwrap_or_else(|| panic!("no {text}: {}", reply.text));
    assert!(place("Your site is ready") < place("Site Health") && place("Site Health") < place("Live figures"));
    assert!(place("Live figures") < place("Resource usage"));
    assert!(reply.text.contains("The first figures come in some seconds"), "{}", reply.text);
    assert!(reply.text.contains("View as table"));
    assert!(!reply.text.contains("<iframe") && !reply.header("content-security-policy").contains("frame-src"));
}

#[tokio::test]
async fn usage_shows_what_was_counted_and_its_limits() {
    let test = TestApp::start_on(sqlite().await, |config| {
        (config.hosting.quota_database_mb, config.hosting.quota_requests_per_day) = (1000, 50_000);
    })
    .await;
    let ada = owner(&test).await;
    let site = new_site(&test, &ada, "Figures").await;
    settle(&test, &site, "active").await;
    let (db, now) = (&test.app.db, test.app.clock.now());
    db.execute(
        sql("insert into usage_day (site_id, day, requests, server_errors, bytes_out) values ($1, $2, 48900, 3, 12400000000)")
            .bind(&site)
            .bind(now.0 / 86_400_000),
    )
    .await
    .unwrap();
    db.execute(
        sql("insert into usage_size (site_id, database_bytes, files_bytes, measured_at) values ($1, 312000000, null, $2)")
            .bind(&site)
            .bind(now),
    )
    .await
    .unwrap();
    let fragment = test.get(&format!("/sites/{site}?part=usage&layout=serving")).by(&ada).header("hx-request", "true").send().await;
    assert_eq!(fragment.status, 200);
    for text in ["312\u{a0}MB of 1.0\u{a0}GB", "48,900 of 50,000", "12\u{a0}GB", "3 of them failed", "the first figure comes soon"] {
        assert!(fragment.text.contains(text), "{text}: {}", fragment.text);
    }
    assert!(!fragment.text.contains("<html"), "{}", fragment.text);
    let figures = test.get(&format!("/sites/{site}?part=figures&layout=serving")).by(&ada).header("hx-request", "true").send().await;
    assert_eq!(figures.status, 200);
    assert_eq!(figures.text.matches("class=\"gauge\"").count(), 3, "{}", figures.text);
    let stranger = owner(&test).await;
    for part in ["usage", "figures"] {
        let refused =
            test.get(&format!("/sites/{site}?part={part}&layout=serving")).by(&stranger).header("hx-request", "true").send().await;
        assert_eq!(refused.status, 404, "{part}");
    }
}

#[tokio::test]
async fn panels_of_a_grafana_stand_instead_and_nothing_else_may_be_framed() {
    let test = TestApp::start_on(sqlite().await, |config| {
        config.grafana.url = GrafanaUrl::parse("https://grafana.example.com/metrics/").unwrap();
    })
    .await;
    let ada = owner(&test).await;
    let site = new_site(&test, &ada, "Figures").await;
    settle(&test, &site, "active").await;
    let reply = page(&test, &ada, &site).await;
    for panel in 1..=3 {
        let address = format!(
            "https://grafana.example.com/metrics/d-solo/customer-metrics/customer-metrics?orgId=1&amp;panelId={panel}&amp;theme=dark&amp;refresh=10s&amp;var-site={site}"
        );
        assert!(reply.text.contains(&format!("src=\"{address}\"")), "{address}: {}", reply.text);
    }
    assert_eq!(reply.text.matches("<iframe").count(), 3);
    assert!(!reply.text.contains("class=\"gauge\""));
    let policy = reply.header("content-security-policy");
    let frames: Vec<&str> = policy.split(';').map(str::trim).filter(|directive| directive.starts_with("frame-src")).collect();
    assert_eq!(frames, ["frame-src https://grafana.example.com"], "{policy}");
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
}
