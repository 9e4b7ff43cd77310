//! Files that are brought in through the pages and the API.

use accounts::Actor;
use events::Source;
use events::imports::{self, Import, ImportId, ImportState, Imports, Order, RunImport};
use kit::bus::Bus;
use kit::jobs::{Attempt, Job, JobId};
use kit::{Error, sql};
use std::time::Duration;

use crate::house::House;

struct Desk {
    house: House,
    imports: Imports,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn both() -> Vec<Desk> {
        House::both().await.into_iter().map(Desk::of).collect()
    }

    fn of(house: House) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let imports = Imports::open(imports::Ingredients {
            db: house.test.db.clone(),
            clock: house.clock.clone(),
            bus: Bus::default(),
            events: house.events.clone(),
            folder: folder.path().join("imports"),
        });
        Desk { house, imports, folder }
    }

    async fn send(&self, name: &str, content: &str) -> kit::Result<Import> {
        let mut upload = self.imports.upload(&Actor::cli(), name, None).await?;
        for piece in content.as_bytes().chunks(700) {
            upload.write(piece).await?;
        }
        upload.finish().await
    }

    async fn start(&self, id: &ImportId, mapping: &[&str], is_check: bool) -> kit::Result<()> {
        let mapping = mapping.iter().map(|word| (*word).to_owned()).collect();
        self.imports.start(&Actor::cli(), id, &Order { mapping, source: Source::parse("import").unwrap(), is_check }).await
    }

    /// What the runner does with the queued job.
    async fn work(&self, id: &ImportId) -> Import {
        let attempt = Attempt { id: JobId::new(&self.house.clock), number: 1, last: false };
        RunImport { import_id: id.clone() }.run(self.imports.clone(), attempt).await.unwrap();
        self.house.test.db.execute(sql("update job set state = 'done'")).await.unwrap();
        self.imports.get(id).await.unwrap()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("imports")).map_or(0, |entries| entries.count())
    }
}

#[tokio::test]
async fn a_file_is_looked_at_checked_and_imported() {
    for desk in Desk::both().await {
        let rows: String = (0..2_500).map(|row| format!("login;2026-03-0{};u{};Ada\n", row % 3, row % 7)).collect();
        let import = desk.send("C:\\visits.csv", &format!("what;when;who;company\n{rows}")).await.unwrap();
        assert_eq!((import.file.as_str(), import.state, desk.files()), ("visits.csv", ImportState::Ready, 1));
        let preview = desk.imports.preview(&import).await.unwrap().unwrap();
        assert_eq!(preview.columns, ["what", "when", "who", "company"]);
        assert_eq!(preview.rows[1], ["login", "2026-03-01", "u1", "Ada"]);
        let error = desk.start(&import.id, &[], true).await.unwrap_err();
        assert!(error.to_string().contains("name=column"), "{error}");
        let mapping = ["name=what", "time=when", "person=who", "customer=company", "id="];

        desk.start(&import.id, &mapping, true).await.unwrap();
        let checked = desk.work(&import.id).await;
        let report = checked.report.clone().unwrap();
        assert_eq!((checked.state, checked.is_check, report.rows), (ImportState::Ready, true, 2_500));
        assert_eq!((report.stored, report.refused), (1_666, 834), "there is no 0th of March");
        assert_eq!((report.problems.len(), report.problems[0].line), (100, 2));
        assert_eq!(desk.house.all().await.len(), 0, "a check stores nothing");

        desk.start(&import.id, &mapping, false).await.unwrap();
        let done = desk.work(&import.id).await;
        let report = done.report.clone().unwrap();
        assert_eq!((done.state, report.stored, report.duplicates, report.refused), (ImportState::Done, 1_666, 0, 834));
        assert_eq!((done.read_bytes, desk.files()), (done.bytes, 0));
        let all = desk.house.all().await;
        assert!(all.len() == 1_666 && all.iter().all(|event| event.customer.as_ref() == Some(&desk.house.ada)));
        // It is done: nothing begins again, and a lost job finds nothing to do.
        assert!(matches!(desk.start(&import.id, &mapping, false).await, Err(Error::Conflict(_))));
        assert_eq!(desk.work(&import.id).await.finished_at, done.finished_at);
        // The same file again counts once.
        desk.house.clock.advance(Duration::from_secs(1));
        let again = desk.send("visits.csv", &format!("what;when;who;company\n{rows}")).await.unwrap();
        desk.start(&again.id, &mapping, false).await.unwrap();
        let report = desk.work(&again.id).await.report.unwrap();
        assert_eq!((report.stored, report.duplicates), (0, 1_666));
        assert_eq!(desk.imports.list(10).await.unwrap().iter().map(|import| &import.id).collect::<Vec<_>>(), [&again.id, &import.id]);
    }
}

#[tokio::test]
async fn an_import_is_ended_and_what_was_stored_stays() {
    for desk in Desk::both().await {
        let rows: String = (0..15_000).map(|row| format!("{{\"event\":\"login\",\"time\":1772000000,\"n\":{row}}}\n")).collect();
        let import = desk.send("a.ndjson", &rows).await.unwrap();
        desk.start(&import.id, &[], false).await.unwrap();
        assert!(matches!(desk.imports.discard(&import.id).await, Err(Error::Conflict(_))), "not while it is under way");
        let working = tokio::spawn({
            let (imports, id, clock) = (desk.imports.clone(), import.id.clone(), desk.house.clock.clone());
            async move { RunImport { import_id: id }.run(imports, Attempt { id: JobId::new(&clock), number: 1, last: false }).await }
        });
        while desk.imports.get(&import.id).await.unwrap().report.is_none_or(|report| report.stored == 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        desk.imports.cancel(&Actor::cli(), &import.id).await.unwrap();
        // Before the first job has stopped, no second one begins beside it.
        assert!(matches!(desk.start(&import.id, &[], false).await, Err(Error::Conflict(_))));
        working.await.unwrap().unwrap();
        let ended = desk.imports.get(&import.id).await.unwrap();
        let stored = desk.house.all().await.len();
        assert_eq!(ended.state, ImportState::Cancelled);
        assert!((1_000..15_000).contains(&stored), "{stored}");
        assert!(matches!(desk.imports.cancel(&Actor::cli(), &import.id).await, Err(Error::Conflict(_))));
        // Begun once more it goes through, and finds the first ones known.
        desk.house.test.db.execute(sql("update job set state = 'done'")).await.unwrap();
        desk.start(&import.id, &[], false).await.unwrap();
        let report = desk.work(&import.id).await.report.unwrap();
        assert_eq!((report.duplicates as usize, report.rows), (stored, 15_000));
        assert_eq!(desk.house.all().await.len(), 15_000);
        desk.imports.discard(&import.id).await.unwrap();
        assert!(matches!(desk.imports.get(&import.id).await, Err(Error::NotFound(_))));
        assert_eq!(desk.house.all().await.len(), 15_000);
    }
}

#[tokio::test]
async fn files_that_are_none_leave_nothing_and_say_why() {
    for desk in Desk::both().await {
        for (name, content, says) in [
            ("a.csv", "", "not empty"),
            ("a.xlsx", "x", "csv or ndjson"),
            ("a.csv", "PK\u{3}\u{4}\0\0\u{1},x\n", "column names"),
            ("a.csv", &"x".repeat(3 << 20), "at most 1 MB"),
            ("big.csv", &format!("event,time\n{}", "x".repeat(1 << 20)), "at most 1 MB"),
        ] {
            let error = desk.send(name, content).await.unwrap_err();
            assert!(matches!(error, Error::Invalid(_)) && error.to_string().contains(says), "{name}: {error}");
        }
        assert_eq!((desk.files(), desk.imports.list(10).await.unwrap().len()), (0, 0));
        // One whose file is gone when the job comes.
        let import = desk.send("a.csv", "event,time\nlogin,2026-03-01\n").await.unwrap();
        desk.start(&import.id, &[], false).await.unwrap();
        std::fs::remove_dir_all(desk.folder.path().join("imports")).unwrap();
        let failed = desk.work(&import.id).await;
        assert!(
            failed.state == ImportState::Failed && failed.trouble.as_ref().is_some_and(|why| why.contains("not here any more")),
            "{failed:?}"
        );
        assert_eq!(desk.imports.preview(&failed).await.unwrap(), None);
        assert!(matches!(desk.start(&import.id, &[], false).await, Err(Error::Conflict(_))));
    }
}

#[tokio::test]
async fn files_wait_for_a_week_and_only_some_of_them() {
    for desk in Desk::both().await {
        let mut ids = Vec::new();
        for _ in 0..10 {
            ids.push(desk.send("a.csv", "event,time\nlogin,2026-03-01\n").await.unwrap().id);
        }
        assert!(matches!(desk.send("a.csv", "event,time\n").await, Err(Error::Conflict(_))), "ten wait");
        desk.start(&ids[0], &[], false).await.unwrap();
        assert_eq!(desk.imports.sweep().await.unwrap(), 0);
        desk.house.clock.advance(Duration::from_secs(8 * 86_400));
        assert_eq!(desk.imports.sweep().await.unwrap(), 9);
        let left = desk.imports.list(20).await.unwrap();
        assert_eq!((left.len(), &left[0].id, desk.files()), (1, &ids[0], 1), "one that is under way stays");
        assert_eq!(desk.work(&ids[0]).await.state, ImportState::Done);
    }
}
