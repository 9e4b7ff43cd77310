//! What people ask of deployments, on both databases: which one serves, the way back, the history. Nothing is carried out.

use std::time::Duration;

use accounts::Actor;
use hosting::deployments::releases;
use hosting::deployments::{self, BackTo, Deployment, DeploymentKind, DeploymentState, Wish};
use hosting::sites::{ReleaseId, Site, SiteId, SiteState};
use kit::{Error, sql};

use crate::house::{House, houses};

async fn site(house: &House, subdomain: &str) -> (Site, Actor) {
    let (customer, actor) = house.customer(subdomain).await;
    let site = house.create(&actor, &customer, subdomain).await.unwrap();
    (house.settle(&site.id, SiteState::Active).await, actor)
}

async fn release(house: &House, site: &SiteId) -> ReleaseId {
    house.hosting.clock.advance(Duration::from_secs(1));
    let id = ReleaseId::new(&house.hosting.clock);
    let insert = "insert into release (id, site_id, commit_hash, images, environment_version, template_version, created_at, live_at)
                  values ($1, $2, 'abc', '{}', 0, '1', $3, $3)";
    house.hosting.db.execute(sql(insert).bind(&id).bind(site).bind(house.hosting.clock.now())).await.unwrap();
    id
}

/// Asks for a deployment and lets it have made `release` live.
async fn deployed(house: &House, actor: &Actor, site: &SiteId, release: &ReleaseId) -> Deployment {
    let wish = Wish { kind: DeploymentKind::Manual, commit: "abc".to_owned(), ..Wish::new_settings() };
    let asked = deployments::request(&house.hosting, actor, site, &wish).await.unwrap();
    serves(house, &asked, release).await;
    asked
}

async fn serves(house: &House, deployment: &Deployment, release: &ReleaseId) {
    house.hosting.clock.advance(Duration::from_secs(1));
    let now = house.hosting.clock.now();
    for statement in [
        sql("update deployment set state = 'success', served_at = $2, finished_at = $2, release_id = $3 where id = $1")
            .bind(&deployment.id)
            .bind(now)
            .bind(release),
        sql("update site set release_id = $2 where id = $1").bind(&deployment.site_id).bind(release),
        sql("update site_operation set state = 'done', finished_at = $2 where site_id = $1").bind(&deployment.site_id).bind(now),
    ] {
        house.hosting.db.execute(statement).await.unwrap();
    }
}

#[tokio::test]
async fn the_newest_deployment_of_what_serves_is_the_live_one() {
    for house in houses().await {
        let (site, actor) = site(&house, "ada").await;
        assert!(deployments::serving(&house.hosting.db, &site).await.unwrap().is_none(), "{}", house.on());
        let (one, two) = (release(&house, &site.id).await, release(&house, &site.id).await);
        let first = deployed(&house, &actor, &site.id, &one).await;
        let second = deployed(&house, &actor, &site.id, &two).await;
        let live = async || {
            let site = hosting::sites::get_any(&house.hosting.db, &site.id).await.unwrap();
            deployments::serving(&house.hosting.db, &site).await.unwrap().map(|it| it.id)
        };
        assert_eq!(live().await, Some(second.id.clone()), "{}", house.on());

        // Back, and back again: each time what served before.
        let back = deployments::go_back(&house.hosting, &actor, &site.id, &BackTo::Before).await.unwrap();
        assert_eq!((back.kind, back.release_id.as_ref(), back.state), (DeploymentKind::Rollback, Some(&one), DeploymentState::Running));
        let (operation, steps) = deployments::work_of(&house.hosting.db, &actor.scope(), &back).await.unwrap().unwrap();
        assert_eq!((operation.site_id, steps[0].name.as_str()), (site.id.clone(), "prepare"));
        serves(&house, &back, &one).await;
        assert_eq!(live().await, Some(back.id.clone()), "not the first one, which made it live before: {}", house.on());
        let forth = deployments::go_back(&house.hosting, &actor, &site.id, &BackTo::Before).await.unwrap();
        assert_eq!(forth.release_id, Some(two.clone()), "{}", house.on());
        serves(&house, &forth, &two).await;
        let named = deployments::go_back(&house.hosting, &actor, &site.id, &BackTo::Deployment(first.id.clone())).await.unwrap();
        assert_eq!(named.release_id, Some(one), "{}", house.on());

        let history = deployments::history(&house.hosting.db, &actor.scope(), &site.id, None, 10).await.unwrap();
        let ids: Vec<_> = history.iter().map(|it| it.id.clone()).collect();
        assert_eq!(ids, [named.id, forth.id, back.id, second.id.clone(), first.id.clone()], "{}", house.on());
        let older = deployments::history(&house.hosting.db, &actor.scope(), &site.id, Some(&second.id), 10).await.unwrap();
        assert_eq!(older.iter().map(|it| it.id.clone()).collect::<Vec<_>>(), [first.id], "{}", house.on());
    }
}

#[tokio::test]
async fn nobody_goes_back_to_what_is_not_theirs_or_not_kept() {
    for house in houses().await {
        let (site, actor) = site(&house, "ada").await;
        let (other, stranger) = self::site(&house, "bob").await;
        let none = deployments::go_back(&house.hosting, &actor, &site.id, &BackTo::Before).await;
        assert!(matches!(&none, Err(Error::Conflict(message)) if message.contains("no earlier release")), "{none:?}");
        let (one, two) = (release(&house, &site.id).await, release(&house, &site.id).await);
        let foreign = release(&house, &other.id).await;
        let theirs = deployed(&house, &stranger, &other.id, &foreign).await;
        let mine = deployed(&house, &actor, &site.id, &two).await;
        house.hosting.db.execute(sql("update release set retired_at = 1 where id = $1").bind(&one)).await.unwrap();
        for (by, to) in [
            (&actor, BackTo::Release(one)),
            (&actor, BackTo::Release(foreign)),
            (&actor, BackTo::Deployment(theirs.id.clone())),
            (&stranger, BackTo::Release(two.clone())),
            (&stranger, BackTo::Deployment(mine.id.clone())),
            (&stranger, BackTo::Before),
        ] {
            let outcome = deployments::go_back(&house.hosting, by, &site.id, &to).await;
            assert!(matches!(outcome, Err(Error::NotFound(_))), "{to:?} on {}: {outcome:?}", house.on());
        }
        let live = deployments::go_back(&house.hosting, &actor, &site.id, &BackTo::Release(two)).await;
        assert!(matches!(live, Err(Error::Conflict(_))), "{live:?}");
        assert!(deployments::work_of(&house.hosting.db, &stranger.scope(), &mine).await.is_err());
        let (scope, operation) = (stranger.scope(), mine.operation_id.clone().unwrap());
        let found = hosting::operations::find_with_steps(&house.hosting.db, &scope, &other.id, &operation).await.unwrap();
        assert!(found.is_none(), "an operation of another site: {}", house.on());
        let kept = releases::kept(&house.hosting.db, &actor.scope(), &site.id).await.unwrap();
        assert_eq!(kept.len(), 1, "{}", house.on());
    }
}
