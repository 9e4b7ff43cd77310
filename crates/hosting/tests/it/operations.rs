//! Operations as the store keeps them: which are allowed when, one at a time, and how they end. What they do to Docker is told
//! by the tests of the real stack.

use std::time::Duration;

use accounts::Actor;
use futures_util::future::join_all;
use hosting::names::SiteName;
use hosting::operations::{self, OperationKind, OperationState, StepState};
use hosting::sites::{self, SiteState, UpdateSite};
use kit::jobs::{self, Attempt, Job};
use kit::{Clock, Error, Result, sql};

use crate::house::{House, houses};

/// Which operations a site in each state can be asked for.
const ALLOWED: &[(SiteState, &[OperationKind])] = &[
    (SiteState::Provisioning, &[]),
    (SiteState::Active, &[OperationKind::Start, OperationKind::Stop, OperationKind::Reconfigure, OperationKind::Delete]),
    (SiteState::Stopped, &[OperationKind::Start, OperationKind::Delete]),
    (SiteState::Failed, &[OperationKind::Discard]),
    (SiteState::Deleting, &[]),
    (SiteState::Archived, &[OperationKind::Restore]),
    (SiteState::Restoring, &[]),
];

#[tokio::test]
async fn operations_are_allowed_by_state_and_restoring_only_after_deletion() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        assert_eq!(ALLOWED.len(), SiteState::ALL.len());
        let site = house.create(&actor, &ada, "ada").await.unwrap();
        for (state, allowed) in ALLOWED {
            for kind in OperationKind::ALL {
                house.settle(&site.id, *state).await;
                let outcome = operations::request(&house.hosting, &actor, &site.id, *kind).await;
                if allowed.contains(kind) {
                    assert!(outcome.is_ok(), "{} {state} {kind}: {outcome:?}", house.on());
                } else {
                    assert!(matches!(outcome, Err(Error::Conflict(_))), "{} {state} {kind}: {outcome:?}", house.on());
                    let now = sites::get_any(&house.hosting.db, &site.id).await.unwrap();
                    assert_eq!((now.state, now.network_slot), (*state, site.network_slot), "{kind} was refused and changed the site");
                }
            }
        }
    }
}

#[tokio::test]
async fn of_operations_asked_for_at_once_one_begins() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = house.create(&actor, &ada, "ada").await.unwrap();
        for _ in 0..5 {
            house.settle(&site.id, SiteState::Active).await;
            let before = running(&house).await;
            assert_eq!(before, 0);
            let kinds = [OperationKind::Stop, OperationKind::Delete, OperationKind::Start, OperationKind::Reconfigure, OperationKind::Stop];
            let outcomes = join_all(kinds.iter().map(|kind| operations::request(&house.hosting, &actor, &site.id, *kind))).await;
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{}: {outcomes:?}", house.on());
            for error in outcomes.into_iter().filter_map(Result::err) {
                // Busy, or already in the state that the first one brought it to.
                assert!(
                    matches!(&error, Error::Conflict(message) if message.contains("busy") || message.contains("cannot be asked")),
                    "{}: {error:?}",
                    house.on()
                );
            }
            assert_eq!(running(&house).await, 1);
        }
    }
}

async fn running(house: &House) -> i64 {
    house.test.count("select cast(count(*) as bigint) from site_operation where state = 'running'").await
}

#[tokio::test]
async fn renaming_a_busy_site_is_refused_whole() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = house.create(&actor, &ada, "ada").await.unwrap();
        house.settle(&site.id, SiteState::Active).await;
        operations::request(&house.hosting, &actor, &site.id, OperationKind::Stop).await.unwrap();
        let change = UpdateSite { name: Some(SiteName::parse("Other").unwrap()), custom_domain: None };
        let refused = sites::update(&house.hosting, &actor, &site.id, &change).await;
        assert!(matches!(&refused, Err(Error::Conflict(message)) if message.contains("busy")), "{}: {refused:?}", house.on());
        assert_eq!(sites::get_any(&house.hosting.db, &site.id).await.unwrap().name.as_str(), "A site");
    }
}

#[tokio::test]
async fn operation_that_gave_up_says_why_and_goes_on_from_its_step_when_retried() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = house.create(&actor, &ada, "ada").await.unwrap();
        let scope = actor.scope();
        let (operation, _) = operations::newest(&house.hosting.db, &scope, &site.id).await.unwrap().unwrap();
        for (position, state) in [(0, "done"), (1, "running")] {
            let mark = sql("update site_step set state = $3 where operation_id = $1 and position = $2")
                .bind(&operation.id)
                .bind(position)
                .bind(state);
            house.hosting.db.execute(mark).await.unwrap();
        }
        let job = operations::RunOperation { operation_id: operation.id.clone() };
        let again = operations::RunOperation { operation_id: operation.id.clone() };
        Job::<hosting::Hosting>::gave_up(job, house.hosting.clone(), "the disk is full".to_owned()).await.unwrap();

        let (operation, steps) = operations::newest(&house.hosting.db, &scope, &site.id).await.unwrap().unwrap();
        assert_eq!((operation.state, operation.error.as_deref()), (OperationState::Failed, Some("the disk is full")));
        assert_eq!((steps[0].state, steps[1].state, steps[2].state), (StepState::Done, StepState::Failed, StepState::Waiting));
        assert_eq!(steps[1].error.as_deref(), Some("the disk is full"));
        assert_eq!(sites::get_any(&house.hosting.db, &site.id).await.unwrap().state, SiteState::Failed);

        // A late worker of the operation does nothing to it.
        let attempt = Attempt { id: kit::jobs::JobId::new(&Clock::System), number: 1, last: false };
        Job::<hosting::Hosting>::run(again, house.hosting.clone(), attempt).await.unwrap();
        assert_eq!(sites::get_any(&house.hosting.db, &site.id).await.unwrap().state, SiteState::Failed);

        // Its job is still being put away: an operation that nobody works on would run forever.
        let early = operations::retry(&house.hosting, &actor, &site.id).await;
        assert!(matches!(&early, Err(Error::Conflict(message)) if message.contains("try again in a moment")), "{}: {early:?}", house.on());
        assert_eq!(running(&house).await, 0);

        house.hosting.db.execute(sql("update job set state = 'dead'")).await.unwrap();
        let retried = operations::retry(&house.hosting, &actor, &site.id).await.unwrap();
        assert_eq!(retried.state, SiteState::Provisioning);
        let (operation, steps) = operations::newest(&house.hosting.db, &scope, &site.id).await.unwrap().unwrap();
        assert_eq!((operation.state, operation.error), (OperationState::Running, None));
        assert_eq!(steps[0].state, StepState::Done, "what is done stays done");
        assert_eq!(house.test.count("select cast(count(*) as bigint) from job where state = 'queued'").await, 1);
        let twice = operations::retry(&house.hosting, &Actor::cli(), &site.id).await;
        assert!(matches!(twice, Err(Error::Conflict(_))), "{}: {twice:?}", house.on());
    }
}

#[tokio::test]
async fn retry_is_refused_while_nothing_has_failed() {
    for house in houses().await {
        let (ada, actor) = house.customer("ada").await;
        let site = house.create(&actor, &ada, "ada").await.unwrap();
        for state in SiteState::ALL {
            house.settle(&site.id, *state).await;
            let refused = operations::retry(&house.hosting, &actor, &site.id).await;
            assert!(matches!(refused, Err(Error::Conflict(_))), "{} {state}: {refused:?}", house.on());
        }
    }
}

#[tokio::test]
async fn steps_of_every_operation_have_words_for_people() {
    for kind in OperationKind::ALL {
        assert!(!kind.steps().is_empty(), "{kind}");
        let mut seen = Vec::new();
        for step in kind.steps() {
            assert!(!seen.contains(step), "{kind} has two steps `{step}`");
            seen.push(step);
            assert!(operations::title(step) != "Work", "{kind} {step} has no title");
        }
    }
}

#[tokio::test]
async fn jobs_tell_which_site_they_are_about_within_the_scope() {
    for house in houses().await {
        let db = &house.hosting.db;
        let (ada, ada_actor) = house.customer("ada").await;
        let (bob, bob_actor) = house.customer("bob").await;
        let hers = house.create(&ada_actor, &ada, "ada").await.unwrap();
        house.hosting.clock.advance(Duration::from_millis(1));
        let his = house.create(&bob_actor, &bob, "bob").await.unwrap();
        house.settle(&his.id, SiteState::Active).await;
        house.hosting.clock.advance(Duration::from_millis(1));
        operations::request(&house.hosting, &bob_actor, &his.id, OperationKind::Stop).await.unwrap();
        db.execute(sql("insert into job (id, kind, payload, state, run_at, attempts, max_attempts, created_at)
             values ('job_000000000000000000', 'mail.send', '{}', 'queued', 1, 0, 8, 1)"))
            .await
            .unwrap();
        let listed = jobs::list(db, None, None).await.unwrap();
        assert_eq!(listed.len(), 4);

        let told = async |scope| {
            let subjects = operations::subjects_of(db, &scope, &listed).await.unwrap();
            let told = listed.iter().map(|job| subjects.get(&job.id).map(|subject| (subject.kind, subject.site_id.clone())));
            told.collect::<Vec<_>>()
        };
        let (making_hers, making_his) = ((OperationKind::Create, hers.id.clone()), (OperationKind::Create, his.id.clone()));
        let stopping = (OperationKind::Stop, his.id.clone());
        let all = told(Actor::cli().scope()).await;
        assert_eq!(all, [Some(stopping), Some(making_his), Some(making_hers.clone()), None], "{}", house.on());
        assert_eq!(told(ada_actor.scope()).await, [None, None, Some(making_hers), None], "{}", house.on());
        assert!(operations::subjects_of(db, &Actor::cli().scope(), &[]).await.unwrap().is_empty());

        db.execute(sql("delete from site where id = $1").bind(&his.id)).await.unwrap();
        assert_eq!(told(Actor::cli().scope()).await.iter().flatten().count(), 1, "{}: a site that left no trace", house.on());
    }
}
