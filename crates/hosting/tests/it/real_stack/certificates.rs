//! A certificate that the authority refuses: the site runs, the reason is told, and it comes once the reason is gone.

use std::net::Ipv4Addr;

use hosting::reconcile::{self, Certificates};
use hosting::sites::{CertificateState, SiteState};
use kit::jobs::Reconciler;
use testkit::{Stack, move_name, move_name_back};

#[tokio::test(flavor = "multi_thread")]
async fn refused_certificate_is_told_and_comes_once_its_name_points_here() {
    let stack = Stack::start().await;
    // New each time: the authority remembers for a while whom it has checked.
    let subdomain = format!("lost-{}", kit::id::random_base32(8));
    let host = format!("{subdomain}.sites.test");
    move_name(&host, Ipv4Addr::new(127, 0, 0, 2)).await;
    let started = std::time::Instant::now();
    let site = stack.site("Lost", &subdomain).await;
    eprintln!("handed over without a certificate after {:?}", started.elapsed());
    assert_eq!((site.state, site.certificate_state), (SiteState::Active, CertificateState::Failed));
    let reason = site.certificate_error.unwrap();
    eprintln!("reason: {reason}");
    let step = stack.step(&site.id, "certificate").await;
    eprintln!("step: {:?}", step.detail);
    move_name_back(&host).await;
    stack.tear_down().await;
}
