//! Whether those who were let in still would be.

use accounts::sessions::{self, IDLE};
use accounts::{Actor, customers, lasting, members, tokens};
use kit::secrets::Secret;
use kit::{Timestamp, sql};

use crate::house::{House, PASSWORD, client, houses, member_of, owner_of};
use crate::tokens::{authenticate, make, make_until};

async fn lasts(house: &House, actor: &Actor) -> bool {
    lasting::is_let_in(&house.db, &house.clock, actor).await.unwrap()
}

#[tokio::test]
async fn a_session_lets_in_until_it_ends_and_only_as_what_the_member_was() {
    for (house, _guard) in houses().await {
        let (admin, own) = (house.admin().await, house.customer("Own").await);
        let id = house.member("ada@own.test", owner_of(&own.id)).await;
        let (one, two) = (house.actor(&id).await, house.actor(&id).await);
        assert!(lasts(&house, &one).await && lasts(&house, &two).await, "{}", house.on);
        sessions::sign_out(&house.db, &house.clock, &one).await.unwrap();
        assert_eq!((lasts(&house, &one).await, lasts(&house, &two).await), (false, true), "{}", house.on);

        customers::suspend(&house.db, &house.clock, &admin, &own.id).await.unwrap();
        assert!(!lasts(&house, &two).await, "the customer is suspended");
        customers::resume(&house.db, &house.clock, &admin, &own.id).await.unwrap();
        assert!(lasts(&house, &two).await);
        house.member("second@own.test", owner_of(&own.id)).await;
        members::change_role(&house.db, &house.clock, &admin, &id, member_of(&own.id)).await.unwrap();
        assert!(!lasts(&house, &two).await, "what was shown may no longer be for them");

        let three = house.actor(&id).await;
        assert!(lasts(&house, &three).await);
        house.clock.advance(IDLE);
        assert!(!lasts(&house, &three).await, "{}", house.on);
        let four = house.actor(&id).await;
        members::remove(&house.db, &house.clock, &Actor::cli(), &id).await.unwrap();
        assert!(!lasts(&house, &four).await, "{}", house.on);
        assert!(lasts(&house, &Actor::cli()).await && lasts(&house, &Actor::job("test")).await);
    }
}

#[tokio::test]
async fn a_token_lets_in_until_it_ends_or_is_revoked_and_a_password_as_long_as_its_member() {
    for (house, _guard) in houses().await {
        let own = house.customer("Own").await;
        let id = house.member_with_password("ada@own.test", owner_of(&own.id)).await;
        let owner = house.actor(&id).await;
        let made = make(&house, &owner, "sites:read").await.unwrap();
        let ending = make_until(&house, &owner, "sites:read", Some(Timestamp(house.clock.now().0 + 60_000))).await.unwrap();
        let (for_ever, for_a_minute) =
            (authenticate(&house, &made.secret).await.unwrap(), authenticate(&house, &ending.secret).await.unwrap());
        let secret = Secret::new(PASSWORD);
        let by_password = sessions::recognise(&house.db, &house.clock, &client(), "ada@own.test", &secret).await.unwrap();
        assert!(lasts(&house, &for_ever).await && lasts(&house, &for_a_minute).await && lasts(&house, &by_password).await);
        house.later(60);
        assert_eq!((lasts(&house, &for_ever).await, lasts(&house, &for_a_minute).await), (true, false), "{}", house.on);
        tokens::revoke(&house.db, &house.clock, &owner, &made.id).await.unwrap();
        assert!(!lasts(&house, &for_ever).await && lasts(&house, &by_password).await, "{}", house.on);
        let suspended = sql("update customer set suspended_at = 1 where id = $1").bind(&own.id);
        house.db.execute(suspended).await.unwrap();
        assert!(!lasts(&house, &by_password).await, "{}", house.on);
    }
}
