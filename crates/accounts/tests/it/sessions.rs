//! Sign-in and sessions.

use std::time::{Duration, Instant};

use accounts::{Role, members, passwords, sessions};
use kit::secrets::Secret;
use kit::sql;

use crate::house::{PASSWORD, client_at, email, houses, kind, owner_of, password};

#[tokio::test]
async fn the_right_password_signs_in_whatever_the_case_of_the_address() {
    for (house, _guard) in houses().await {
        let id = house.member_with_password("Ada@Example.TEST", Role::Admin).await;
        for typed in ["ada@example.test", " ADA@EXAMPLE.TEST "] {
            let signed_in = house.sign_in(typed, PASSWORD).await.unwrap();
            let actor = house.authenticate(&signed_in).await.unwrap();
            assert_eq!((actor.member_id(), actor.role()), (Some(&id), &Role::Admin), "{}", house.on);
        }
        // The database holds no token, and its column is no token either.
        let signed_in = house.sign_in("ada@example.test", PASSWORD).await.unwrap();
        let (stored,): (String,) =
            house.db.one(sql("select token_hash from session where id = $1").bind(&signed_in.session)).await.unwrap();
        assert_ne!(stored, signed_in.token.reveal());
        assert!(sessions::authenticate(&house.db, &house.clock, &client_at("192.0.2.1"), &stored).await.unwrap().is_none());
        for nonsense in ["", "x", "' or 1=1 --", "\0"] {
            assert!(sessions::authenticate(&house.db, &house.clock, &client_at("192.0.2.1"), nonsense).await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn all_wrong_sign_ins_answer_alike() {
    for (house, _guard) in houses().await {
        house.member_with_password("known@example.test", Role::Admin).await;
        house.member("without-password@example.test", Role::Admin).await;
        let mut answers = Vec::new();
        let tries = [
            ("known@example.test", "wrong horse battery"),
            ("unknown@example.test", "wrong horse battery"),
            ("without-password@example.test", "wrong horse battery"),
            ("without-password@example.test", ""),
            ("no address", "wrong horse battery"),
            ("known@example.test", &"x".repeat(100_000)),
        ];
        for (at, (address, password)) in tries.into_iter().enumerate() {
            let before = passwords::hashes_computed();
            answers.push(format!("{:?}", house.sign_in_from(&format!("192.0.2.{at}"), address, password).await.unwrap_err()));
            // The same work, so that the time tells nothing either. (One process a test: see nextest.)
            assert_eq!(passwords::hashes_computed() - before, 1, "{} {address}", house.on);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{} {answers:?}", house.on);
        assert!(answers[0].starts_with("Forbidden("));
    }
}

/// Prints figures for docs/performance.md: `cargo nextest run -p accounts --run-ignored only --no-capture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn figures_of_signing_in() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    let (house, _guard) = houses().await.remove(0);
    house.member_with_password("known@example.test", Role::Admin).await;
    println!("resident before: {} MB", resident());
    let begun = Instant::now();
    for _ in 0..20 {
        house.sign_in("known@example.test", PASSWORD).await.unwrap();
    }
    println!("one sign-in: {:?}", begun.elapsed() / 20);
    for (who, address) in [("known", "known@example.test"), ("unknown", "unknown@example.test")] {
        let mut times = Vec::new();
        for at in 0..25 {
            house.later(3600);
            let begun = Instant::now();
            house.sign_in_from(&format!("203.0.113.{at}"), address, "wrong horse battery").await.unwrap_err();
            times.push(begun.elapsed());
        }
        times.sort();
        println!("wrong password, {who} address: median {:?}", times[12]);
    }
    let begun = Instant::now();
    let tries: Vec<_> = (0..40)
        .map(|at| {
            let house = house.clone();
            tokio::spawn(async move {
                house.sign_in_from(&format!("198.51.100.{at}"), &format!("person{at}@example.test"), "wrong horse battery").await
            })
        })
        .collect();
    for answer in tries {
        answer.await.unwrap().unwrap_err();
    }
    println!("forty at once: {:?}, resident after: {} MB", begun.elapsed(), resident());
    let signed_in = house.sign_in("known@example.test", PASSWORD).await.unwrap();
    let begun = Instant::now();
    for _ in 0..2000 {
        house.authenticate(&signed_in).await.unwrap();
    }
    println!("authenticating a cookie: {:?}", begun.elapsed() / 2000);
    tokio::time::sleep(Duration::from_secs(12)).await;
    println!("resident when idle again: {} MB", resident());
}

#[tokio::test]
async fn sessions_end_when_idle_and_when_old() {
    const DAY: u64 = 86_400;
    for (house, _guard) in houses().await {
        let id = house.member("ada@example.test", Role::Admin).await;
        let (idle, busy) = (house.session(&id).await, house.session(&id).await);
        for _ in 0..5 {
            house.later(6 * DAY - 1);
            assert!(house.authenticate(&busy).await.is_some(), "{}", house.on);
        }
        assert!(house.authenticate(&idle).await.is_none());
        house.later(10);
        assert!(house.authenticate(&busy).await.is_none(), "older than 30 days");
        assert_eq!(accounts::sweep(&house.db, &house.clock).await.unwrap(), 2);
        assert_eq!(house.count("select cast(count(*) as bigint) from session").await, 0);
    }
}

#[tokio::test]
async fn last_seen_is_written_once_a_minute() {
    for (house, _guard) in houses().await {
        let id = house.member("ada@example.test", Role::Admin).await;
        let signed_in = house.session(&id).await;
        let begun = house.clock.now();
        let seen = async || house.count("select last_seen_at from session").await;
        house.later(59);
        house.authenticate(&signed_in).await.unwrap();
        assert_eq!(seen().await, begun.0, "{}", house.on);
        house.later(1);
        house.authenticate(&signed_in).await.unwrap();
        assert_eq!(seen().await, begun.0 + 60_000);
    }
}

#[tokio::test]
async fn members_see_and_end_their_own_sessions_only() {
    for (house, _guard) in houses().await {
        let (ada, eve) = (house.member("ada@example.test", Role::Admin).await, house.member("eve@example.test", Role::Admin).await);
        let (here, there, eves) = (house.session(&ada).await, house.session(&ada).await, house.session(&eve).await);
        let (actor, eve) = (house.authenticate(&here).await.unwrap(), house.authenticate(&eves).await.unwrap());
        let list = sessions::list(&house.db, &house.clock, &actor).await.unwrap();
        assert_eq!(list.len(), 2, "{}", house.on);
        assert!(list.iter().all(|session| session.current == (session.id == here.session) && session.user_agent == "Firefox"));

        assert_eq!(kind(&sessions::revoke(&house.db, &house.clock, &eve, &there.session).await), "not found");
        assert!(house.authenticate(&there).await.is_some());
        sessions::revoke(&house.db, &house.clock, &actor, &there.session).await.unwrap();
        assert!(house.authenticate(&there).await.is_none());
        assert!(house.authenticate(&here).await.is_some());

        let third = house.session(&ada).await;
        sessions::sign_out_everywhere(&house.db, &house.clock, &actor).await.unwrap();
        assert!(house.authenticate(&here).await.is_none() && house.authenticate(&third).await.is_none());
        assert!(house.authenticate(&eves).await.is_some());
        sessions::sign_out(&house.db, &house.clock, &eve).await.unwrap();
        assert!(house.authenticate(&eves).await.is_none());
    }
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    for (house, _guard) in houses().await {
        let customer = house.customer("Bakery").await;
        house.member_with_password("ada@example.test", owner_of(&customer.id)).await;
        let (here, there) =
            (house.sign_in("ada@example.test", PASSWORD).await.unwrap(), house.sign_in("ada@example.test", PASSWORD).await.unwrap());
        let actor = house.authenticate(&here).await.unwrap();
        let new = || password("another long phrase");
        let wrong = members::change_password(&house.db, &house.clock, &actor, &Secret::new("wrong horse battery"), new()).await;
        assert_eq!(kind(&wrong), "invalid", "{}", house.on);
        assert!(house.authenticate(&there).await.is_some());

        members::change_password(&house.db, &house.clock, &actor, &Secret::new(PASSWORD), new()).await.unwrap();
        assert!(house.authenticate(&here).await.is_some());
        assert!(house.authenticate(&there).await.is_none());
        assert_eq!(kind(&house.sign_in("ada@example.test", PASSWORD).await), "forbidden");
        assert!(house.sign_in("ada@example.test", "another long phrase").await.is_ok());
    }
}

#[tokio::test]
async fn the_address_changes_with_the_password_and_voids_what_was_sent_to_the_old_one() {
    for (house, _guard) in houses().await {
        let id = house.member_with_password("ada@example.test", Role::Concierge).await;
        house.member("taken@example.test", Role::Admin).await;
        let signed_in = house.sign_in("ada@example.test", PASSWORD).await.unwrap();
        let actor = house.authenticate(&signed_in).await.unwrap();
        accounts::resets::request(&house.db, &house.clock, &house.mailer, &client_at("192.0.2.1"), crate::house::BASE, "ada@example.test")
            .await
            .unwrap();
        let change = async |to: &str, password: Option<&str>| {
            let password = password.map(Secret::new);
            members::change_email(&house.db, &house.clock, &actor, &id, email(to), password.as_ref()).await
        };
        assert_eq!(kind(&change("new@example.test", None).await), "invalid", "{}", house.on);
        assert_eq!(kind(&change("new@example.test", Some("wrong horse battery")).await), "invalid");
        assert_eq!(kind(&change("TAKEN@example.test", Some(PASSWORD)).await), "conflict");
        change("New@example.test", Some(PASSWORD)).await.unwrap();
        assert_eq!(house.count("select cast(count(*) as bigint) from password_reset").await, 0);
        assert!(house.sign_in("new@example.test", PASSWORD).await.is_ok());
        assert_eq!(kind(&house.sign_in("ada@example.test", PASSWORD).await), "forbidden");
    }
}

#[tokio::test]
async fn an_outdated_hash_is_renewed_by_signing_in() {
    // "correct horse battery" at 1 MiB and one pass.
    for (house, _guard) in houses().await {
        house.member_with_password("ada@example.test", Role::Admin).await;
        house.db.execute(sql("update member set password_hash = $1").bind(weak_hash())).await.unwrap();
        let signed_in = house.sign_in("ada@example.test", PASSWORD).await.unwrap();
        let (stored,): (String,) = house.db.one(sql("select password_hash from member")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{} {stored}", house.on);
        assert!(house.sign_in("ada@example.test", PASSWORD).await.is_ok());
        assert!(house.authenticate(&signed_in).await.is_some());
    }
}

fn weak_hash() -> String {
    use argon2::password_hash::PasswordHasher;
    use argon2::{Algorithm, Argon2, Params, Version};
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(1024, 1, 1, None).unwrap());
    weak.hash_password(PASSWORD.as_bytes()).unwrap().to_string()
}

/// A session that was opened while the password was being changed elsewhere must not survive the change.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sign_in_that_races_a_reset_does_not_survive_it() {
    for (house, _guard) in houses().await {
        for round in 0..4 {
            let address = format!("ada{round}@example.test");
            house.member_with_password(&address, Role::Admin).await;
            accounts::resets::request(&house.db, &house.clock, &house.mailer, &client_at("192.0.2.1"), crate::house::BASE, &address)
                .await
                .unwrap();
            let token = crate::house::token_in(&house.mail_to(&address).await.unwrap(), accounts::links::RESET);
            let old = tokio::spawn({
                let (house, address) = (house.clone(), address.clone());
                async move { house.sign_in_from("203.0.113.1", &address, PASSWORD).await }
            });
            accounts::resets::complete(&house.db, &house.clock, &client_at("192.0.2.1"), &token, password("another long phrase"))
                .await
                .unwrap();
            if let Ok(signed_in) = old.await.unwrap() {
                assert!(house.authenticate(&signed_in).await.is_none(), "{}", house.on);
            }
            house.later(3600);
        }
    }
}

/// Handlers need it, and only the compiler can tell.
#[tokio::test]
async fn futures_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let (house, _guard) = houses().await.remove(0);
    let client = client_at("192.0.2.1");
    let secret = Secret::new("x");
    let future = sessions::sign_in(&house.db, &house.clock, &client, "a", &secret);
    is_send(&future);
    let future = accounts::resets::request(&house.db, &house.clock, &house.mailer, &client, "", "a");
    is_send(&future);
    let future = accounts::invitations::accept(&house.db, &house.clock, &client, "", crate::house::person("x"), password(PASSWORD));
    is_send(&future);
    let actor = accounts::Actor::cli();
    let customer = accounts::CustomerId::random();
    let future = accounts::customers::suspend(&house.db, &house.clock, &actor, &customer);
    is_send(&future);
}
