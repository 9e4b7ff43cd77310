//! The first admin (case 15).

use accounts::{FirstAdmin, Role, setup};
use kit::secrets::Secret;

use crate::house::{House, PASSWORD, client, email, houses, kind, password, person};

fn admin(address: &str) -> FirstAdmin {
    FirstAdmin { name: person("Ada"), email: email(address), password: password(PASSWORD) }
}

async fn complete(house: &House, token: &str, address: &str) -> kit::Result<accounts::SignedIn> {
    setup::complete(&house.db, &house.clock, &client(), token, admin(address)).await
}

#[tokio::test]
async fn the_link_makes_the_first_admin_and_closes_the_door() {
    for (house, _guard) in houses().await {
        assert!(setup::is_open(&house.db).await.unwrap());
        let token = setup::ensure_link(&house.db, &house.clock).await.unwrap().unwrap();
        assert!(setup::check(&house.db, &house.clock, token.reveal()).await.unwrap());
        assert_eq!(kind(&complete(&house, "wrong", "eve@example.test").await), "not found");
        let signed_in = complete(&house, token.reveal(), "ada@example.test").await.unwrap();
        assert_eq!(house.authenticate(&signed_in).await.unwrap().role(), &Role::Admin, "{}", house.on);
        assert!(house.sign_in("ada@example.test", PASSWORD).await.is_ok());

        assert!(!setup::is_open(&house.db).await.unwrap());
        assert!(!setup::check(&house.db, &house.clock, token.reveal()).await.unwrap());
        assert_eq!(kind(&complete(&house, token.reveal(), "eve@example.test").await), "conflict");
        assert!(setup::ensure_link(&house.db, &house.clock).await.unwrap().is_none());
        // Not even a house that lost its admins opens again.
        house.db.execute(kit::sql("delete from member")).await.unwrap();
        assert!(setup::ensure_link(&house.db, &house.clock).await.unwrap().is_none());
        assert!(!setup::is_open(&house.db).await.unwrap());
    }
}

#[tokio::test]
async fn the_link_runs_out_and_the_next_start_makes_another() {
    for (house, _guard) in houses().await {
        let first = setup::ensure_link(&house.db, &house.clock).await.unwrap().unwrap();
        house.later(24 * 3600);
        assert_eq!(kind(&complete(&house, first.reveal(), "ada@example.test").await), "not found", "{}", house.on);
        let second = setup::ensure_link(&house.db, &house.clock).await.unwrap().unwrap();
        let third: Secret = setup::ensure_link(&house.db, &house.clock).await.unwrap().unwrap();
        assert_eq!(kind(&complete(&house, second.reveal(), "ada@example.test").await), "not found", "the third replaced it");
        assert!(complete(&house, third.reveal(), "ada@example.test").await.is_ok());
    }
}

#[tokio::test]
async fn an_admin_made_at_the_command_line_closes_the_door_too() {
    for (house, _guard) in houses().await {
        let token = setup::ensure_link(&house.db, &house.clock).await.unwrap().unwrap();
        house.member("admin@example.test", Role::Admin).await;
        assert_eq!(kind(&complete(&house, token.reveal(), "eve@example.test").await), "conflict", "{}", house.on);
        assert!(!setup::check(&house.db, &house.clock, token.reveal()).await.unwrap());
        assert!(setup::ensure_link(&house.db, &house.clock).await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_at_once_one_comes_through() {
    for (house, _guard) in houses().await {
        let token = setup::ensure_link(&house.db, &house.clock).await.unwrap().unwrap();
        let tries: Vec<_> = (0..8)
            .map(|at| {
                let (house, token) = (house.clone(), token.clone());
                tokio::spawn(async move { kind(&complete(&house, token.reveal(), &format!("admin{at}@example.test")).await) })
            })
            .collect();
        let mut won = 0;
        for answer in tries {
            match answer.await.unwrap() {
                "ok" => won += 1,
                other => assert!(["conflict", "not found"].contains(&other), "{other}"),
            }
        }
        assert_eq!(won, 1, "{}", house.on);
        assert_eq!(house.count("select cast(count(*) as bigint) from member where role = 'admin'").await, 1);
        assert_eq!(house.count("select cast(count(*) as bigint) from session").await, 1);
    }
}
