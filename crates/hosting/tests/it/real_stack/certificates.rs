//! A certificate that the authority refuses: the site runs, the reason is told, and it comes once the reason is gone.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

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
    let started = Instant::now();
    let site = stack.site("Lost", &subdomain).await;
    eprintln!("handed over without a certificate after {:?}", started.elapsed());
    assert_eq!((site.state, site.certificate_state), (SiteState::Active, CertificateState::Failed));
    let reason = site.certificate_error.clone().unwrap();
    assert!(
        reason.starts_with(&format!("the certificate authority cannot reach {host}: its DNS record must point to this server")),
        "{reason}"
    );
    assert!(reason.contains("connection refused"), "{reason}");
    let step = stack.step(&site.id, "certificate").await;
    assert!(step.detail.is_some_and(|detail| detail.contains(&reason) && detail.contains("keeps trying")));
    let took = step.finished_at.unwrap().since(step.started_at.unwrap());
    assert!(took < Duration::from_secs(20), "nobody waits for what was refused: {took:?}");

    // Looking again changes nothing while the name is wrong, and loses nothing of the reason.
    Certificates::default().reconcile(stack.hosting.clone()).await.unwrap();
    let site = stack.reload(&site.id).await.unwrap();
    assert_eq!((site.certificate_state, site.certificate_error.as_deref()), (CertificateState::Failed, Some(reason.as_str())));

    move_name_back(&host).await;
    reconcile::ask_again(&stack.hosting, &site).await.unwrap();
    let started = Instant::now();
    let reconciler = Certificates::default();
    loop {
        let said = reconciler.reconcile(stack.hosting.clone()).await.unwrap();
        let site = stack.reload(&site.id).await.unwrap();
        if site.certificate_state == CertificateState::Valid {
            assert_eq!((said.as_str(), site.certificate_error), ("1 certificate valid, 0 missing", None));
            assert!(site.certificate_expires_at.is_some_and(|at| at > stack.hosting.clock.now()));
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "no certificate: {:?}", site.certificate_error);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(stack.get(&site, "/").await.0, 200);
    stack.tear_down().await;
}
