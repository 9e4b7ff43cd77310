//! A disk that is full.

use hosting::sites::SiteState;
use testkit::{SmallDisk, Stack, StackOptions, Tries};

use super::{WHOLE, held_by_docker};

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_is_named_loses_nothing_and_the_creation_goes_on_once_there_is_room() {
    let disk = SmallDisk::mount(8 * 1024).await;
    let data = Some(disk.path().to_owned());
    let stack = Stack::start_with(StackOptions { data, tries: Tries::Two, ..StackOptions::default() }).await;
    disk.fill_but(300);
    let site = stack.ask_for_site("Ada", "ada").await.unwrap();
    let error = stack.finished(&site.id).await.unwrap_err().to_string();
    eprintln!("{error}");
    eprintln!("{:?}", stack.newest(&site.id).await);
    eprintln!("{}", kit::exec::Command::new("df").arg("-k").arg(disk.path()).run().await.unwrap().stdout);
    eprintln!("{}", kit::exec::Command::new("find").arg(disk.path()).args(["-name", "innkeeper.db*", "-ls"]).run().await.unwrap().stdout);
    assert_eq!(stack.reload(&site.id).await.unwrap().state, SiteState::Failed);
    disk.free();
    stack.retry(&site.id).await.unwrap();
    assert_eq!(held_by_docker(&site).await, WHOLE);
    stack.tear_down().await;
}
