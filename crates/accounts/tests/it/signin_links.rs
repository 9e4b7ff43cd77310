//! One-time sign-in links.

use accounts::{Actor, Role, customers, signin_links};

use crate::house::{client, houses, kind, owner_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_link_signs_in_once() {
    for (house, _guard) in houses().await {
        let id = house.member("ada@example.test", Role::Admin).await;
        let link = signin_links::create(&house.db, &house.clock, &Actor::cli(), &id).await.unwrap();
        assert!(signin_links::check(&house.db, &house.clock, link.reveal()).await.unwrap());
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let (house, link) = (house.clone(), link.clone());
                tokio::spawn(async move { signin_links::sign_in(&house.db, &house.clock, &client(), link.reveal()).await.is_ok() })
            })
            .collect();
        let mut won = 0;
        for answer in tries {
            won += usize::from(answer.await.unwrap());
        }
        assert_eq!(won, 1, "{}", house.on);
        assert!(!signin_links::check(&house.db, &house.clock, link.reveal()).await.unwrap());
    }
}

#[tokio::test]
async fn links_run_out_and_are_made_at_the_command_line_only() {
    for (house, _guard) in houses().await {
        let id = house.member("ada@example.test", Role::Admin).await;
        let link = signin_links::create(&house.db, &house.clock, &Actor::cli(), &id).await.unwrap();
        house.later(15 * 60);
        assert_eq!(kind(&signin_links::sign_in(&house.db, &house.clock, &client(), link.reveal()).await), "not found", "{}", house.on);
        let admin = house.actor(&id).await;
        for actor in [&admin, &Actor::job("demo")] {
            assert_eq!(kind(&signin_links::create(&house.db, &house.clock, actor, &id).await), "forbidden");
        }
    }
}

#[tokio::test]
async fn a_link_opens_no_suspended_customer() {
    for (house, _guard) in houses().await {
        let customer = house.customer("Late payer").await;
        let id = house.member("owner@late.test", owner_of(&customer.id)).await;
        let link = signin_links::create(&house.db, &house.clock, &Actor::cli(), &id).await.unwrap();
        customers::suspend(&house.db, &house.clock, &Actor::cli(), &customer.id).await.unwrap();
        assert_eq!(kind(&signin_links::sign_in(&house.db, &house.clock, &client(), link.reveal()).await), "forbidden", "{}", house.on);
    }
}
