//! Customers: reach, lists, suspension.

use accounts::{Actor, Currency, CustomerName, CustomerOrder, CustomerQuery, NewCustomer, Scope, customers};

use crate::house::{houses, kind};

#[tokio::test]
async fn each_sees_their_own_and_staff_sees_all() {
    for (house, _guard) in houses().await {
        let (first, second) = (house.customer("First").await, house.customer("Second").await);
        let (owner, member) = house.people(&first, "first.test").await;
        for actor in [&owner, &member] {
            assert_eq!(customers::get(&house.db, &actor.scope(), &first.id).await.unwrap().members, 2, "{}", house.on);
            assert_eq!(kind(&customers::get(&house.db, &actor.scope(), &second.id).await), "not found");
            let page = customers::list(&house.db, &actor.scope(), &CustomerQuery::default()).await.unwrap();
            assert_eq!(page.items.iter().map(|it| &it.id).collect::<Vec<_>>(), [&first.id]);
            // Asking for the other one by name finds nothing either.
            let query = CustomerQuery { search: "second".to_owned(), ..CustomerQuery::default() };
            assert!(customers::list(&house.db, &actor.scope(), &query).await.unwrap().items.is_empty());
        }
        for actor in [&house.concierge().await, &house.admin().await] {
            assert_eq!(customers::get(&house.db, &actor.scope(), &second.id).await.unwrap().name.as_str(), "Second");
        }
        let unknown = accounts::CustomerId::random();
        assert_eq!(kind(&customers::get(&house.db, &Scope::house_of_job(), &unknown).await), "not found");
    }
}

#[tokio::test]
async fn only_those_who_may_change_a_customer() {
    for (house, _guard) in houses().await {
        let (own, other) = (house.customer("Own").await, house.customer("Other").await);
        let (owner, member) = house.people(&own, "own.test").await;
        let (concierge, admin) = (house.concierge().await, house.admin().await);
        let (db, clock) = (&house.db, &house.clock);
        let name = || CustomerName::parse("Renamed").unwrap();
        let usd = || Currency::parse("usd").unwrap();
        for (actor, rename_own, rename_other, manage) in [
            (&owner, "ok", "not found", "forbidden"),
            (&member, "forbidden", "forbidden", "forbidden"),
            (&concierge, "forbidden", "forbidden", "forbidden"),
            (&admin, "ok", "ok", "ok"),
            (&Actor::cli(), "ok", "ok", "ok"),
        ] {
            let who = format!("{} {:?} {}", house.on, actor.role(), actor.name());
            assert_eq!(kind(&customers::rename(db, clock, actor, &own.id, name()).await), rename_own, "{who}");
            assert_eq!(kind(&customers::rename(db, clock, actor, &other.id, name()).await), rename_other, "{who}");
            assert_eq!(kind(&customers::set_currency(db, clock, actor, &own.id, usd()).await), manage, "{who}");
            assert_eq!(kind(&customers::resume(db, clock, actor, &own.id).await), manage, "{who}");
            assert_eq!(kind(&customers::create(db, clock, actor, NewCustomer { name: name(), currency: usd() }).await), manage, "{who}");
        }
        let own = customers::get(db, &Scope::house_of_job(), &own.id).await.unwrap();
        assert_eq!((own.name.as_str(), own.currency.as_str()), ("Renamed", "USD"));
    }
}

#[tokio::test]
async fn lists_turn_pages_in_both_orders() {
    for (house, _guard) in houses().await {
        let mut made = Vec::new();
        for at in 0..7 {
            // Equal names: the id must decide.
            made.push(house.customer(["Zebra", "apple", "Mango"][at % 3]).await.id);
        }
        for order in [CustomerOrder::Created, CustomerOrder::Name] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let query = CustomerQuery { order, after, limit: 3, ..CustomerQuery::default() };
                let page = customers::list(&house.db, &Scope::house_of_job(), &query).await.unwrap();
                seen.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen.len(), 7, "{} {order:?}", house.on);
            match order {
                CustomerOrder::Created => assert!(seen.iter().rev().map(|it| &it.id).eq(made.iter())),
                CustomerOrder::Name => {
                    let names: Vec<&str> = seen.iter().map(|it| it.name.as_str()).collect();
                    assert_eq!(names, ["apple", "apple", "Mango", "Mango", "Zebra", "Zebra", "Zebra"]);
                }
            }
        }
    }
}

#[tokio::test]
async fn search_takes_every_character_literally() {
    for (house, _guard) in houses().await {
        let names = ["100% Wolle", "a_b", "axb", "Ünïque Söhne", "it's <b>!bold!</b>"];
        let mut made = Vec::new();
        for name in names {
            made.push(house.customer(name).await);
        }
        for (search, found) in [
            ("%", vec!["100% Wolle"]),
            ("_", vec!["a_b"]),
            ("!", vec!["it's <b>!bold!</b>"]),
            ("ÜNÏQUE", vec!["Ünïque Söhne"]),
            ("it's", vec!["it's <b>!bold!</b>"]),
            ("' or 1=1 --", vec![]),
            ("cust", vec![]),
            (made[1].id.as_str(), vec!["a_b"]),
            (&made[1].id.as_str()[..12], vec!["a_b"]),
        ] {
            let query = CustomerQuery { search: search.to_owned(), ..CustomerQuery::default() };
            let page = customers::list(&house.db, &Scope::house_of_job(), &query).await.unwrap();
            assert_eq!(page.items.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), found, "{} {search}", house.on);
        }
    }
}

#[tokio::test]
async fn a_suspended_customer_is_shut_out_until_it_is_resumed() {
    for (house, _guard) in houses().await {
        let (customer, other) = (house.customer("Late payer").await, house.customer("Other").await);
        let owner = house.member_with_password("owner@late.test", crate::house::owner_of(&customer.id)).await;
        let bystander = house.member("owner@other.test", crate::house::owner_of(&other.id)).await;
        let (session, bystanders) = (house.session(&owner).await, house.session(&bystander).await);
        let actor = house.authenticate(&session).await.unwrap();
        let token = crate::tokens::make(&house, &actor, "sites:read").await.unwrap();

        customers::suspend(&house.db, &house.clock, &Actor::cli(), &customer.id).await.unwrap();
        assert!(house.authenticate(&session).await.is_none(), "{}", house.on);
        assert!(crate::tokens::authenticate(&house, &token.secret).await.is_none());
        let refused = house.sign_in("owner@late.test", crate::house::PASSWORD).await.unwrap_err();
        assert!(refused.public_message().contains("suspended"), "{refused}");
        // Who does not know the password is not told.
        let wrong = house.sign_in("owner@late.test", "wrong horse battery").await.unwrap_err();
        assert!(!wrong.public_message().contains("suspended"));
        assert!(house.authenticate(&bystanders).await.is_some());

        customers::resume(&house.db, &house.clock, &Actor::cli(), &customer.id).await.unwrap();
        assert!(house.authenticate(&session).await.is_some());
        assert!(crate::tokens::authenticate(&house, &token.secret).await.is_some());
        assert!(house.sign_in("owner@late.test", crate::house::PASSWORD).await.is_ok());
    }
}
