//! A disk that is full.

use std::time::Duration;

use accounts::Actor;
use hosting::operations::{self, OperationKind, StepState};
use hosting::sites::SiteState;
use kit::{Db, Error, sql};
use testkit::{SmallDisk, Stack, StackOptions, Tries};

use super::{WHOLE, held_by_docker, query};

/// Writes as much as a server does in its first days: from then on, the database's log is as long as it gets and is written over
/// again and again, also when the disk is full.
async fn age(db: &Db) {
    db.execute(sql("create table ballast (bytes blob not null)")).await.unwrap();
    for _ in 0..12 {
        db.execute(sql("insert into ballast values (randomblob(400000))")).await.unwrap();
    }
    db.execute(sql("delete from ballast")).await.unwrap();
    db.execute(sql("drop table ballast")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_is_named_nothing_is_lost_and_work_goes_on_once_there_is_room() {
    let disk = SmallDisk::mount(32 * 1024).await;
    let data = Some(disk.path().to_owned());
    let stack = Stack::start_with(StackOptions { data, tries: Tries::One, ..StackOptions::default() }).await;

    // With no room at all, nothing is promised.
    disk.fill_but(0);
    let refused = stack.ask_for_site("Refused", "refused").await;
    let Err(error @ Error::Unavailable { .. }) = refused else { panic!("{refused:?}") };
    assert!(error.public_message().contains("the disk of the data folder is full"), "{error}");
    disk.free();
    assert_eq!(
        stack.hosting.db.one::<(i64, i64)>(sql("select (select count(*) from site), (select count(*) from job)")).await.unwrap(),
        (0, 0)
    );
    age(&stack.hosting.db).await;

    // Too little for a site: its first step says so and leaves nothing.
    disk.fill_but(200);
    let site = stack.ask_for_site("Ada", "ada").await.unwrap();
    let error =
        tokio::time::timeout(Duration::from_secs(20), stack.finished(&site.id)).await.expect("it fails soon").unwrap_err().to_string();
    assert!(error.starts_with("step folder:"), "{error}");
    let shown = stack.step(&site.id, "folder").await;
    let said = "the disk of the data folder is full; free some space and try again";
    assert!(shown.state == StepState::Failed && shown.error.as_deref().is_some_and(|error| error.starts_with(said)), "{shown:?}");
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Failed);
    assert!(!stack.hosting.site_folder(&site).exists());
    // As long as it is full, trying again says the same.
    assert!(stack.retry(&site.id).await.unwrap_err().to_string().contains(said));

    disk.free();
    stack.retry(&site.id).await.unwrap();
    assert_eq!(held_by_docker(&site).await, WHOLE);
    assert_eq!(stack.get(&site, "/").await.0, 200);

    // Too little for its archive: the site is not removed before all of it is saved.
    query(&site, "create table ballast as select id, md5(random()::text) from generate_series(1, 60000) id").await;
    disk.fill_but(300);
    let error = stack.operate(&site.id, OperationKind::Delete).await.unwrap_err().to_string();
    assert!(error.starts_with("step dump:") && error.contains("a disk of this server is full"), "{error}");
    assert_eq!(held_by_docker(&site).await, WHOLE);
    let left = std::fs::read_dir(stack.hosting.archive_folder(&site)).unwrap().count();
    assert_eq!(left, 0, "half a dump is not kept");

    disk.resize(128 * 1024).await;
    stack.retry(&site.id).await.unwrap();
    assert!(held_by_docker(&site).await.is_empty());
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Archived);

    // Too little to unpack it: the archive stays.
    let room = |kib: u64| kib * 1024;
    disk.free();
    disk.fill_but(250);
    operations::request(&stack.hosting, &Actor::cli(), &site.id, OperationKind::Restore).await.unwrap();
    let error = stack.finished(&site.id).await.unwrap_err().to_string();
    assert!(error.starts_with("step unpack:") && error.contains("a disk of this server is full"), "{error}");
    assert!(!stack.hosting.site_folder(&site).exists());
    assert!(std::fs::metadata(stack.hosting.archive_folder(&site).join("database.dump")).unwrap().len() > room(100));
    disk.free();
    stack.retry(&site.id).await.unwrap();
    assert_eq!(query(&site, "select count(*) from ballast").await, "60000");
    stack.tear_down().await;
}
