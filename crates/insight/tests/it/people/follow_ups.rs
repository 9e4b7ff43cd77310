//! Owners, notes, tasks.

use accounts::{Actor, AuditQuery, Role, Standing, audit, members};
use insight::tasks::{self, NewTask, TaskChange, TaskQuery, TaskState};
use insight::{notes, owners};
use kit::Error;

use super::house::{House, houses, member};

async fn outsider(house: &House, customer: &accounts::CustomerId) -> Actor {
    house.actor("Olga Owner", Role::Customer { customer: customer.clone(), standing: Standing::Owner }).await
}

#[tokio::test]
async fn a_customer_has_one_owner_of_the_house() {
    for house in houses().await {
        let customer = house.customer("Kaffee & Korn").await;
        let (ada, cora) = (house.actor("Ada", Role::Admin).await, house.actor("Cora", Role::Concierge).await);
        let olga = outsider(&house, &customer).await;
        assert!(owners::of(&house.db, &cora, &customer).await.unwrap().is_none());
        owners::set(&house.db, &house.clock, &cora, &customer, Some(member(&ada))).await.unwrap();
        owners::set(&house.db, &house.clock, &ada, &customer, Some(member(&cora))).await.unwrap();
        let owner = owners::of(&house.db, &ada, &customer).await.unwrap().unwrap();
        assert_eq!((&owner.member_id, owner.name.as_str()), (member(&cora), "Cora"), "{}", house.on);
        let names: Vec<String> = owners::choices(&house.db, &cora).await.unwrap().into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["Ada", "Cora"], "members of customers are no choice");

        let of_a_customer = owners::set(&house.db, &house.clock, &ada, &customer, Some(member(&olga))).await;
        assert!(matches!(of_a_customer, Err(Error::Invalid(_))), "{of_a_customer:?}");
        assert!(matches!(owners::set(&house.db, &house.clock, &olga, &customer, None).await, Err(Error::Forbidden(_))));
        assert!(matches!(owners::of(&house.db, &olga, &customer).await, Err(Error::Forbidden(_))));
        let nobody = accounts::CustomerId::random();
        assert!(matches!(owners::set(&house.db, &house.clock, &ada, &nobody, None).await, Err(Error::NotFound(_))));

        // The customer's own people do not read in their log who looks after them.
        let own = audit::list(&house.db, &olga, &AuditQuery::default()).await.unwrap().items;
        assert!(own.iter().all(|row| !row.action.starts_with("customer.owner")), "{own:?}");
        let all =
            audit::list(&house.db, &ada, &AuditQuery { action: Some("customer.owner".into()), ..AuditQuery::default() }).await.unwrap();
        assert_eq!(all.items.len(), 2);

        members::remove(&house.db, &house.clock, &ada, member(&cora)).await.unwrap();
        assert!(owners::of(&house.db, &ada, &customer).await.unwrap().is_none(), "who leaves looks after nobody");
    }
}

#[tokio::test]
async fn notes_are_the_houses_own_and_changed_by_their_authors() {
    for house in houses().await {
        let (customer, other) = (house.customer("Kaffee & Korn").await, house.customer("Byte").await);
        let (ada, cora, cleo) =
            (house.actor("Ada", Role::Admin).await, house.actor("Cora", Role::Concierge).await, house.actor("Cleo", Role::Concierge).await);
        let olga = outsider(&house, &customer).await;
        let hostile = "line\r\n<script>alert(1)</script> '; drop table customer_note; --";
        let note = notes::add(&house.db, &house.clock, &cora, &customer, &format!("  {hostile}\n")).await.unwrap();
        assert_eq!(note.body, hostile.replace("\r\n", "\n"), "{}", house.on);
        house.later(1);
        let second = notes::add(&house.db, &house.clock, &cleo, &customer, "second").await.unwrap();
        notes::add(&house.db, &house.clock, &cleo, &other, "of another").await.unwrap();
        let listed = notes::list(&house.db, &ada, &customer, None, 10).await.unwrap();
        assert_eq!(listed.iter().map(|note| &note.id).collect::<Vec<_>>(), [&second.id, &note.id]);
        assert_eq!(notes::list(&house.db, &ada, &customer, Some(&second.id), 10).await.unwrap().len(), 1);
        let range = (note.created_at, second.created_at);
        assert_eq!(notes::between(&house.db, &ada, &customer, range, 10).await.unwrap().len(), 1);

        for (text, is_right) in
            [("", false), (" \n ", false), ("a\u{1b}[2J", false), (&"ä".repeat(10_001), false), (&"ä".repeat(10_000), true)]
        {
            let outcome = notes::add(&house.db, &house.clock, &cora, &customer, text).await;
            assert_eq!(outcome.is_ok(), is_right, "{outcome:?}");
        }
        assert!(matches!(notes::edit(&house.db, &house.clock, &cleo, &customer, &note.id, "x").await, Err(Error::Forbidden(_))));
        assert!(matches!(notes::remove(&house.db, &house.clock, &cleo, &customer, &note.id).await, Err(Error::Forbidden(_))));
        assert!(matches!(notes::edit(&house.db, &house.clock, &cora, &other, &note.id, "x").await, Err(Error::NotFound(_))));
        let edited = notes::edit(&house.db, &house.clock, &cora, &customer, &note.id, "better").await.unwrap();
        assert!(edited.body == "better" && edited.edited_at.is_some());
        notes::remove(&house.db, &house.clock, &ada, &customer, &note.id).await.unwrap();
        for outcome in [
            notes::list(&house.db, &olga, &customer, None, 10).await.map(|_| ()),
            notes::add(&house.db, &house.clock, &olga, &customer, "x").await.map(|_| ()),
        ] {
            assert!(matches!(outcome, Err(Error::Forbidden(_))));
        }
        // The author leaves, the note and the name stay.
        members::remove(&house.db, &house.clock, &ada, member(&cleo)).await.unwrap();
        let listed = notes::list(&house.db, &cora, &customer, None, 10).await.unwrap();
        let left = listed.iter().find(|note| note.id == second.id).unwrap();
        assert_eq!((left.author_id.as_ref(), left.author_name.as_str()), (None, "Cleo"));
        assert!(!left.is_of(&cora) && left.is_of(&ada));
    }
}

#[tokio::test]
async fn tasks_are_listed_by_their_day_and_done_once() {
    for house in houses().await {
        let (customer, other) = (house.customer("Kaffee & Korn").await, house.customer("Byte").await);
        let (ada, cora) = (house.actor("Ada", Role::Admin).await, house.actor("Cora", Role::Concierge).await);
        let olga = outsider(&house, &customer).await;
        let today = house.today();
        let mut ids = Vec::new();
        for (title, due, of, assignee) in [
            ("no day", None, &customer, None),
            ("tomorrow", Some(today.plus(1)), &customer, Some(&cora)),
            ("yesterday", Some(today.plus(-1)), &other, Some(&ada)),
            ("today", Some(today), &customer, Some(&ada)),
        ] {
            let new = NewTask { title: title.into(), due, assignee: assignee.map(|it| member(it).clone()), ..NewTask::default() };
            ids.push(tasks::add(&house.db, &house.clock, &cora, of, &new).await.unwrap().id);
        }
        let titles = async |query: TaskQuery| -> Vec<String> {
            // A page at a time, so that the cursor is part of it.
            let (mut titles, mut after) = (Vec::new(), None);
            loop {
                let page = tasks::list(&house.db, &ada, &TaskQuery { after: after.clone(), limit: 1, ..query.clone() }).await.unwrap();
                titles.extend(page.items.into_iter().map(|task| task.title));
                after = page.next;
                if after.is_none() {
                    return titles;
                }
            }
        };
        assert_eq!(titles(TaskQuery::default()).await, ["yesterday", "today", "tomorrow", "no day"], "{}", house.on);
        assert_eq!(titles(TaskQuery { customer: Some(customer.clone()), ..TaskQuery::default() }).await, ["today", "tomorrow", "no day"]);
        assert_eq!(titles(TaskQuery { assignee: Some(member(&ada).clone()), ..TaskQuery::default() }).await, ["yesterday", "today"]);
        assert_eq!(titles(TaskQuery { due_before: Some(today), ..TaskQuery::default() }).await, ["yesterday"]);
        assert_eq!(tasks::open_counts(&house.db, &ada, None, today).await.unwrap(), (4, 1));
        assert_eq!(tasks::open_counts(&house.db, &ada, Some(member(&cora)), today).await.unwrap(), (1, 0));

        let done = TaskChange { state: Some(TaskState::Done), ..TaskChange::default() };
        let first = tasks::change(&house.db, &house.clock, &cora, &ids[3], &done).await.unwrap();
        house.later(1);
        let again = tasks::change(&house.db, &house.clock, &ada, &ids[3], &done).await.unwrap();
        assert_eq!((again.done_by.as_deref(), again.done_at), (Some("Cora"), first.done_at), "who did it first, did it");
        assert_eq!(titles(TaskQuery { state: TaskState::Done, ..TaskQuery::default() }).await, ["today"]);
        let open = TaskChange { state: Some(TaskState::Open), due: Some(None), assignee: Some(None), ..TaskChange::default() };
        let reopened = tasks::change(&house.db, &house.clock, &ada, &ids[3], &open).await.unwrap();
        assert_eq!((reopened.done_at, reopened.done_by, reopened.due, reopened.assignee_id), (None, None, None, None));
        assert_eq!(reopened.title, "today", "what is left out stays");

        for bad in [
            NewTask::default(),
            NewTask { title: "x".repeat(201), ..NewTask::default() },
            NewTask { title: "a\u{0}b".into(), ..NewTask::default() },
            NewTask { title: "x".into(), assignee: Some(member(&olga).clone()), ..NewTask::default() },
            NewTask { title: "x".into(), due: Some(events::Day(-1)), ..NewTask::default() },
        ] {
            let outcome = tasks::add(&house.db, &house.clock, &ada, &customer, &bad).await;
            assert!(matches!(outcome, Err(Error::Invalid(_))), "{outcome:?}");
        }
        assert!(matches!(tasks::get(&house.db, &olga, &ids[0]).await, Err(Error::Forbidden(_))));
        assert!(matches!(tasks::change(&house.db, &house.clock, &olga, &ids[0], &done).await, Err(Error::Forbidden(_))));
        let bad_cursor = TaskQuery { after: Some("1:task_x' or 1=1".into()), ..TaskQuery::default() };
        assert!(matches!(tasks::list(&house.db, &ada, &bad_cursor).await, Err(Error::Invalid(_))));
        tasks::remove(&house.db, &house.clock, &ada, &ids[0]).await.unwrap();
        assert!(matches!(tasks::get(&house.db, &ada, &ids[0]).await, Err(Error::NotFound(_))));
        members::remove(&house.db, &house.clock, &ada, member(&cora)).await.unwrap();
        assert!(tasks::get(&house.db, &ada, &ids[1]).await.unwrap().assignee_id.is_none(), "the task stays when its assignee leaves");
    }
}
