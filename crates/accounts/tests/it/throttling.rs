//! Pauses after wrong tries.

use accounts::{Role, passwords, throttle};
use kit::Error;

use crate::house::{House, PASSWORD, houses, kind};

async fn wait_of(house: &House, ip: &str, address: &str) -> Option<u64> {
    match house.sign_in_from(ip, address, "wrong horse battery").await {
        Err(Error::Throttled { retry_after, .. }) => Some(retry_after.as_secs()),
        Err(Error::Forbidden(_)) => None,
        other => panic!("{other:?}"),
    }
}

/// Case 14: what is guessed at once must not be more than what is guessed one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_wrong_sign_ins_at_once_compare_five_passwords() {
    for (house, _guard) in houses().await {
        house.member_with_password("ada@example.test", Role::Admin).await;
        let before = passwords::hashes_computed();
        let tries: Vec<_> = (0..20)
            .map(|at| {
                let house = house.clone();
                // From twenty addresses: the account alone must hold.
                tokio::spawn(async move {
                    kind(&house.sign_in_from(&format!("198.51.100.{at}"), "ada@example.test", "wrong horse battery").await)
                })
            })
            .collect();
        let mut answers = Vec::new();
        for answer in tries {
            answers.push(answer.await.unwrap());
        }
        let of = |what: &str| answers.iter().filter(|answer| **answer == what).count();
        assert!(of("forbidden") <= 5 && of("forbidden") >= 1, "{} {answers:?}", house.on);
        assert_eq!(of("forbidden") + of("throttled") + of("unavailable"), 20, "{} {answers:?}", house.on);
        assert!(passwords::hashes_computed() - before <= 5, "{}", house.on);
        // The right password has to wait as well.
        assert_eq!(kind(&house.sign_in("ada@example.test", PASSWORD).await), "throttled");
        house.later(1);
        assert_eq!(kind(&house.sign_in("ada@example.test", PASSWORD).await), "ok");
    }
}

#[tokio::test]
async fn pauses_grow_and_waiting_ends_them() {
    for (house, _guard) in houses().await {
        // An unknown address is counted like a known one.
        for at in 0..5 {
            assert_eq!(wait_of(&house, &format!("198.51.100.{at}"), "nobody@example.test").await, None, "{}", house.on);
        }
        for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(wait_of(&house, "203.0.113.9", "Nobody@Example.test").await, Some(pause));
            // Refused tries do not count, so nobody can be kept out by a flood.
            assert_eq!(wait_of(&house, "203.0.113.9", "nobody@example.test").await, Some(pause));
            house.later(pause);
            assert_eq!(wait_of(&house, &format!("198.51.100.{}", 100 + pause % 100), "nobody@example.test").await, None, "after {pause} s");
            if pause == 900 {
                house.later(0);
            }
        }
        house.later(24 * 3600);
        assert_eq!(wait_of(&house, "198.51.100.1", "nobody@example.test").await, None);
        assert_eq!(wait_of(&house, "198.51.100.2", "nobody@example.test").await, None);
    }
}

#[tokio::test]
async fn one_address_cannot_try_many_accounts() {
    for (house, _guard) in houses().await {
        for at in 0..5 {
            assert_eq!(wait_of(&house, "203.0.113.7", &format!("person{at}@example.test")).await, None);
        }
        assert_eq!(wait_of(&house, "203.0.113.7", "person9@example.test").await, Some(1), "{}", house.on);
        assert_eq!(wait_of(&house, "::ffff:203.0.113.7", "person9@example.test").await, Some(1));
        assert_eq!(wait_of(&house, "203.0.113.8", "person9@example.test").await, None);
    }
}

/// Someone with an account of their own must not wash their address clean with it.
#[tokio::test]
async fn signing_in_oneself_does_not_forgive_guesses_at_others() {
    for (house, _guard) in houses().await {
        house.member_with_password("eve@example.test", Role::Admin).await;
        for at in 0..4 {
            wait_of(&house, "203.0.113.7", &format!("person{at}@example.test")).await;
            house.sign_in_from("203.0.113.7", "eve@example.test", PASSWORD).await.unwrap();
        }
        assert_eq!(wait_of(&house, "203.0.113.7", "person5@example.test").await, None, "the fifth");
        assert_eq!(wait_of(&house, "203.0.113.7", "person6@example.test").await, Some(1), "{}", house.on);
    }
}

#[tokio::test]
async fn success_forgives_the_account() {
    for (house, _guard) in houses().await {
        house.member_with_password("ada@example.test", Role::Admin).await;
        for round in 0..3 {
            for at in 0..4 {
                assert_eq!(wait_of(&house, &format!("198.51.{round}.{at}"), "ada@example.test").await, None);
            }
            house.sign_in("ada@example.test", PASSWORD).await.unwrap();
        }
        assert_eq!(
            house.count("select cast(count(*) as bigint) from throttle where name like 'sign-in:account:%'").await,
            0,
            "{}",
            house.on
        );
    }
}

/// Guessing the current password from a borrowed browser is guessing too.
#[tokio::test]
async fn the_current_password_cannot_be_guessed_in_a_session() {
    for (house, _guard) in houses().await {
        house.member_with_password("ada@example.test", Role::Admin).await;
        let signed_in = house.sign_in("ada@example.test", PASSWORD).await.unwrap();
        let actor = house.authenticate(&signed_in).await.unwrap();
        let mut answers = Vec::new();
        for _ in 0..7 {
            let wrong = kit::secrets::Secret::new("wrong horse battery");
            let new = crate::house::password("another long phrase");
            answers.push(kind(&accounts::members::change_password(&house.db, &house.clock, &actor, &wrong, new).await));
        }
        assert_eq!(answers, ["invalid", "invalid", "invalid", "invalid", "invalid", "throttled", "throttled"], "{}", house.on);
    }
}

#[tokio::test]
async fn a_clock_set_back_locks_nobody_out() {
    for (house, _guard) in houses().await {
        let key = throttle::Key::account("sign-in", "ada@example.test");
        let hit = async |clock: &kit::Clock| house.db.write(async |tx| throttle::hit(&tx, clock, &key, &throttle::SIGN_IN).await).await;
        let ahead = kit::Clock::manual(kit::Timestamp(house.clock.now().0 + 365 * 86_400_000));
        for _ in 0..5 {
            hit(&ahead).await.unwrap();
        }
        assert_eq!(kind(&hit(&ahead).await), "throttled");
        assert_eq!(kind(&hit(&house.clock).await), "ok", "{}", house.on);
    }
}

#[tokio::test]
async fn counters_are_swept_when_they_no_longer_count() {
    for (house, _guard) in houses().await {
        wait_of(&house, "203.0.113.7", "nobody@example.test").await;
        let rows = "select cast(count(*) as bigint) from throttle";
        assert_eq!(house.count(rows).await, 2, "{}", house.on);
        accounts::sweep(&house.db, &house.clock).await.unwrap();
        assert_eq!(house.count(rows).await, 2);
        house.later(24 * 3600);
        accounts::sweep(&house.db, &house.clock).await.unwrap();
        assert_eq!(house.count(rows).await, 0);
        // The table is no list of addresses.
        assert_eq!(house.count("select cast(count(*) as bigint) from throttle where name like '%nobody%' or name like '%203%'").await, 0);
    }
}
