//! Prices of the house's own: what they change, from which day on, and what is counted anew.

use accounts::{Actor, Client, Email, NewMember, PersonName, Role, Standing, members, sessions, signin_links};
use events::Day;
use insight::cost::{self, NewPrice, Part, PriceId, Rates, Tier, Usd, parse_rate};
use kit::testing::databases;
use serde_json::json;

use crate::house::House;

fn rates(input: &str, output: &str) -> Rates {
    Rates { base: [(Part::Input, parse_rate(input).unwrap()), (Part::Output, parse_rate(output).unwrap())].into(), tiers: Vec::new() }
}

fn price(pattern: &str, since: Day, rates: Rates) -> NewPrice {
    NewPrice { label: format!("Price of {pattern}"), pattern: pattern.to_owned(), since, rates, note: String::new() }
}

/// A call of a million tokens of input a day, for ten days; one of them is told to have cost $7.
async fn house_with_calls(house: &House, model: &str) {
    let customer = house.customer("Ada").await;
    let call = |ago: i64| {
        let mut props = json!({ "model": model, "input_tokens": 1_000_000, "output_tokens": 0 });
        if ago == 3 {
            props["cost_usd"] = json!(7);
        }
        house.event(&customer, ago, "llm_call", props)
    };
    house.accept((0..10).map(call).collect()).await;
    cost::count_all(&house.insight).await.unwrap();
}

/// What the last ten days cost, in dollars, the newest first; none where it is not known.
async fn dollars(house: &House) -> Vec<Option<f64>> {
    cost::count_all(&house.insight).await.unwrap();
    let days = cost::days(&house.insight, &house.scope(), house.today().plus(-9), house.today()).await.unwrap();
    days.into_iter().rev().map(|(_, sum)| sum.known_cost().map(Usd::dollars)).collect()
}

fn same(of: f64) -> Vec<Option<f64>> {
    let mut days = vec![Some(of); 10];
    days[3] = Some(7.0);
    days
}

#[tokio::test]
async fn a_price_counts_from_its_day_on_and_a_corrected_one_at_once() {
    for test in databases().await {
        let house = House::on(test);
        let ada = Actor::cli();
        house_with_calls(&house, "claude-opus-4-5").await;
        assert_eq!(dollars(&house).await, same(5.0), "{}", house.test.name);
        // Dearer from five days ago on.
        let new = price("claude-opus.*", house.today().plus(-4), rates("15", "75"));
        let preview = cost::preview(&house.insight, &ada, &new, None).await.unwrap();
        assert_eq!((preview.calls, preview.told, preview.newly_priced, preview.is_whole), (5, 1, 0, true));
        assert_eq!((preview.before, preview.after), (Usd(20_000_000_000), Usd(60_000_000_000)));
        assert_eq!(preview.models, ["claude-opus-4-5"]);
        let id = cost::add(&house.insight, &ada, &new).await.unwrap();
        let standing = cost::standing(&house.insight).await.unwrap();
        assert_eq!(standing.recount, Some((0, 5)), "it says that prices are being applied");
        let mut expected = same(5.0);
        [0, 1, 2, 4].into_iter().for_each(|ago| expected[ago] = Some(15.0));
        assert_eq!(dollars(&house).await, expected);
        assert_eq!(cost::standing(&house.insight).await.unwrap().recount, None);
        // It was a typing error, and was so since eight days ago.
        let right = price("claude-opus.*", house.today().plus(-7), rates("1.5", "7.5"));
        let preview = cost::preview(&house.insight, &ada, &right, Some(&id)).await.unwrap();
        assert_eq!((preview.before, preview.after), (Usd(75_000_000_000), Usd(10_500_000_000)));
        cost::change(&house.insight, &ada, &id, &right).await.unwrap();
        let mut expected = same(5.0);
        [0, 1, 2, 4, 5, 6, 7].into_iter().for_each(|ago| expected[ago] = Some(1.5));
        assert_eq!(dollars(&house).await, expected);
        // Without it, the one that comes along is back.
        cost::remove(&house.insight, &ada, &id).await.unwrap();
        assert_eq!(dollars(&house).await, same(5.0));
        assert!(cost::remove(&house.insight, &ada, &id).await.is_err() && cost::price_of(&house.insight, &ada, &id).await.is_err());
    }
}

#[tokio::test]
async fn what_has_no_price_is_unknown_until_it_has_one() {
    for test in databases().await {
        let house = House::on(test);
        house_with_calls(&house, "our-own").await;
        let mut expected = vec![None; 10];
        expected[3] = Some(7.0);
        assert_eq!(dollars(&house).await, expected, "{}", house.test.name);
        let overview = cost::overview(&house.insight, &house.scope()).await.unwrap();
        assert_eq!((overview.total.unpriced, overview.total.cost), (9, Usd(7_000_000_000)));
        let mut tiered = rates("1", "2");
        tiered.tiers = vec![Tier { over: 500_000, of: Vec::new(), rates: rates("3", "2").base }];
        let new = price("our-own", Day::parse("2020-01-01").unwrap(), tiered);
        assert_eq!(cost::preview(&house.insight, &Actor::cli(), &new, None).await.unwrap().newly_priced, 9);
        cost::add(&house.insight, &Actor::cli(), &new).await.unwrap();
        assert_eq!(dollars(&house).await, same(3.0));
    }
}

#[tokio::test]
async fn only_operators_change_prices_and_budgets() {
    for test in databases().await {
        let house = House::on(test);
        let customer = house.customer("Ada").await;
        let new = price("x", house.today(), rates("1", "2"));
        let people = [Role::Concierge, Role::Customer { customer, standing: Standing::Owner }];
        for (number, role) in people.into_iter().enumerate() {
            let person = actor(&house, number, role).await;
            assert!(cost::add(&house.insight, &person, &new).await.is_err());
            assert!(cost::preview(&house.insight, &person, &new, None).await.is_err());
            assert!(cost::set_budget(&house.insight, &person, Some(Usd(1))).await.is_err());
            assert!(cost::change(&house.insight, &person, &PriceId::new(&house.clock), &new).await.is_err());
        }
        let ada = Actor::cli();
        for (pattern, since, given) in
            [("(", "2026-01-01", rates("1", "2")), ("x", "1999-01-01", rates("1", "2")), ("x", "2026-01-01", rates("10001", "2"))]
        {
            let wrong = price(pattern, Day::parse(since).unwrap(), given);
            assert!(cost::add(&house.insight, &ada, &wrong).await.is_err(), "{pattern} {since}");
        }
        cost::set_budget(&house.insight, &ada, Some(Usd(500_000_000_000))).await.unwrap();
        assert_eq!(cost::standing(&house.insight).await.unwrap().monthly_budget, Some(Usd(500_000_000_000)));
        cost::set_budget(&house.insight, &ada, None).await.unwrap();
        assert!(cost::set_budget(&house.insight, &ada, Some(Usd(-1))).await.is_err());
    }
}

async fn actor(house: &House, number: usize, role: Role) -> Actor {
    let email = Email::parse(&format!("p{number}@example.test")).unwrap();
    let new = NewMember { name: PersonName::parse("P").unwrap(), email, role, password: None };
    let (db, clock) = (&house.test.db, &house.clock);
    let id = members::add(db, clock, &Actor::cli(), new).await.unwrap();
    let client = Client::new([127, 0, 0, 1].into(), "test");
    let link = signin_links::create(db, clock, &Actor::cli(), &id).await.unwrap();
    let signed_in = signin_links::sign_in(db, clock, &client, link.reveal()).await.unwrap();
    sessions::authenticate(db, clock, &client, signed_in.token.reveal()).await.unwrap().unwrap()
}
