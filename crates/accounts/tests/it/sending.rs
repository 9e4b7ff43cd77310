//! Which tokens may send events, and how much.

use accounts::tokens::{self, NewToken};
use accounts::{Actor, Label, SendingLimits, TokenScopes, sending};
use kit::{Error, sql};

use crate::house::{House, houses, kind};

async fn make(house: &House, actor: &Actor, scopes: &str, limits: SendingLimits) -> kit::Result<tokens::NewlyMade> {
    let new = NewToken { name: Label::parse("x").unwrap(), scopes: TokenScopes::parse(scopes).unwrap(), expires_at: None, limits };
    tokens::create(&house.db, &house.clock, actor, actor.member_id().unwrap(), new).await
}

#[tokio::test]
async fn the_house_sees_who_sends_and_says_how_much() {
    for (house, _guard) in houses().await {
        let (none, admin) = (SendingLimits::default(), house.admin().await);
        let own = house.customer("Own").await;
        let (owner, _) = house.people(&own, "own.test").await;
        make(&house, &owner, "sites:read", none).await.unwrap();
        let small = make(&house, &owner, "events:write", SendingLimits::new(Some(5), None).unwrap()).await.unwrap();
        let free = make(&house, &admin, "events:write tokens:write", none).await.unwrap();
        let refused = make(&house, &owner, "sites:read", SendingLimits::new(Some(5), None).unwrap()).await;
        assert_eq!(kind(&refused), "invalid");
        let listed = sending::senders(&house.db, &house.clock, &admin, 10).await.unwrap();
        let mut shown: Vec<_> =
            listed.iter().map(|sender| (&sender.id, sender.limits.per_second, sender.owner.ends_with("for Own"))).collect();
        // Neither was used, and both were made in the same millisecond.
        shown.sort_by_key(|(_, _, is_of_own)| *is_of_own);
        assert_eq!(shown, [(&free.id, None, false), (&small.id, Some(5), true)], "{}", house.on);
        assert!(matches!(sending::senders(&house.db, &house.clock, &owner, 10).await, Err(Error::Forbidden(_))));

        let limits = SendingLimits::parse(" 7 ", "900").unwrap();
        assert!(matches!(sending::limit(&house.db, &house.clock, &owner, &small.id, none).await, Err(Error::Forbidden(_))));
        sending::limit(&house.db, &house.clock, &admin, &small.id, limits).await.unwrap();
        assert_eq!(sending::limits(&house.db, &small.id).await.unwrap(), limits);
        for (second, day) in [("0", ""), ("-1", ""), ("x", ""), ("", "1.5"), ("9999999", "")] {
            assert!(SendingLimits::parse(second, day).is_err(), "{second} {day}");
        }
        // What a token makes may send no more than itself.
        sending::limit(&house.db, &house.clock, &admin, &free.id, limits).await.unwrap();
        let program = tokens::authenticate(&house.db, &house.clock, &crate::house::client(), free.secret.reveal()).await.unwrap().unwrap();
        let made = make(&house, &program, "events:write", SendingLimits::new(None, Some(10)).unwrap()).await.unwrap();
        assert_eq!(sending::limits(&house.db, &made.id).await.unwrap(), SendingLimits::new(Some(7), Some(10)).unwrap());
    }
}

#[tokio::test]
async fn the_list_looks_at_no_other_tokens() {
    for (house, _guard) in houses().await {
        let question = "select id from api_token where api_token.sends_events
                        order by coalesce(api_token.last_used_at, 0) desc, api_token.id desc limit 20";
        let plan: String = if house.db.is_postgres() {
            house
                .db
                .write(async |tx| {
                    // A small table is read as a whole even when there is an index.
                    tx.execute(sql("set local enable_seqscan = off")).await?;
                    tx.execute(sql("set local enable_sort = off")).await?;
                    let lines: Vec<(String,)> = tx.all(sql("explain").and(question)).await?;
                    Ok(lines.into_iter().map(|(line,)| line).collect::<Vec<_>>().join("\n"))
                })
                .await
                .unwrap()
        } else {
            let lines: Vec<(i64, i64, i64, String)> = house.db.all(sql("explain query plan").and(question)).await.unwrap();
            lines.into_iter().map(|line| line.3).collect::<Vec<_>>().join("\n")
        };
        assert!(plan.contains("api_token_that_sends") && !plan.contains("Sort") && !plan.contains("TEMP B-TREE"), "{}: {plan}", house.on);
    }
}
