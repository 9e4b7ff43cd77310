//! Forgotten passwords (case 14).

use accounts::{Role, resets};

use crate::house::{BASE, House, PASSWORD, client, client_at, houses, kind, password, token_in};

async fn request(house: &House, ip: &str, address: &str) -> kit::Result<()> {
    resets::request(&house.db, &house.clock, &house.mailer, &client_at(ip), BASE, address).await
}

async fn token(house: &House, address: &str) -> String {
    // Mails of one moment have no order.
    house.later(1);
    request(house, "192.0.2.1", address).await.unwrap();
    token_in(&house.mail_to(address).await.unwrap(), &format!("{BASE}{}", accounts::links::RESET))
}

async fn complete(house: &House, token: &str) -> kit::Result<accounts::MemberId> {
    resets::complete(&house.db, &house.clock, &client(), token, password("another long phrase")).await
}

#[tokio::test]
async fn the_mails_link_replaces_the_password_and_ends_all_sessions() {
    for (house, _guard) in houses().await {
        let id = house.member_with_password("ada@example.test", Role::Admin).await;
        let session = house.sign_in("ada@example.test", PASSWORD).await.unwrap();
        let (first, second) = (token(&house, "ada@example.test").await, token(&house, "ada@example.test").await);
        assert!(resets::check(&house.db, &house.clock, &first).await.unwrap());
        assert_eq!(complete(&house, &second).await.unwrap(), id);
        assert!(house.authenticate(&session).await.is_none(), "{}", house.on);
        assert_eq!(kind(&house.sign_in("ada@example.test", PASSWORD).await), "forbidden");
        assert!(house.sign_in("ada@example.test", "another long phrase").await.is_ok());
        // Neither it nor its siblings work again.
        for used in [&first, &second] {
            assert!(!resets::check(&house.db, &house.clock, used).await.unwrap());
            assert_eq!(kind(&complete(&house, used).await), "not found");
        }
    }
}

#[tokio::test]
async fn asking_tells_nothing_about_who_is_a_member() {
    for (house, _guard) in houses().await {
        house.member("ada@example.test", Role::Admin).await;
        let mut answers: Vec<Vec<String>> = Vec::new();
        for (ip, address) in [("192.0.2.1", "ada@example.test"), ("192.0.2.2", "nobody@example.test")] {
            let mut these = Vec::new();
            for _ in 0..5 {
                let begun = std::time::Instant::now();
                these.push(format!("{:?}", request(&house, ip, address).await));
                assert!(begun.elapsed() >= std::time::Duration::from_millis(250));
            }
            answers.push(these);
        }
        assert_eq!(answers[0], answers[1], "{}", house.on);
        assert_eq!(house.count("select cast(count(*) as bigint) from mail").await, 3, "the fourth had to wait");
        assert!(house.mail_to("nobody@example.test").await.is_none());
    }
}

#[tokio::test]
async fn links_run_out_after_an_hour() {
    for (house, _guard) in houses().await {
        house.member("ada@example.test", Role::Admin).await;
        let token = token(&house, "ada@example.test").await;
        house.later(3600);
        assert!(!resets::check(&house.db, &house.clock, &token).await.unwrap());
        assert_eq!(kind(&complete(&house, &token).await), "not found", "{}", house.on);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_link_works_once_under_parallel_use() {
    for (house, _guard) in houses().await {
        house.member("ada@example.test", Role::Admin).await;
        let token = token(&house, "ada@example.test").await;
        let tries: Vec<_> = (0..6)
            .map(|_| {
                let (house, token) = (house.clone(), token.clone());
                tokio::spawn(async move { complete(&house, &token).await.is_ok() })
            })
            .collect();
        let mut won = 0;
        for answer in tries {
            won += usize::from(answer.await.unwrap());
        }
        assert_eq!(won, 1, "{}", house.on);
    }
}

/// Whoever was shut out by someone else's guesses gets in again by mail.
#[tokio::test]
async fn a_reset_ends_the_pause_of_the_account() {
    for (house, _guard) in houses().await {
        house.member_with_password("ada@example.test", Role::Admin).await;
        for at in 0..5 {
            house.sign_in_from(&format!("198.51.100.{at}"), "ada@example.test", "wrong horse battery").await.unwrap_err();
        }
        assert_eq!(kind(&house.sign_in("ada@example.test", PASSWORD).await), "throttled");
        let token = token(&house, "ada@example.test").await;
        complete(&house, &token).await.unwrap();
        assert_eq!(kind(&house.sign_in("ada@example.test", "another long phrase").await), "ok", "{}", house.on);
    }
}
