//! What the real client does every day.

use super::{house, house_with, noise};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clones_fetches_and_shallow_clones_in_every_version_of_the_protocol() {
    let house = house().await;
    let url = house.push_url().await;
    house.clone_into("work").await;
    for number in 0..30 {
        house.commit("work", "index.html", format!("{number}").as_bytes(), &format!("Commit {number}")).await;
    }
    house.git("work", &["push", "--quiet", "origin", "HEAD:refs/heads/many"]).await.fine();
    for version in ["0", "1", "2"] {
        let protocol = format!("protocol.version={version}");
        let folder = format!("clone-{version}");
        house.git(".", &["-c", &protocol, "clone", "--quiet", "--branch", "many", &url, &folder]).await.fine();
        assert_eq!(house.git(&folder, &["rev-list", "--count", "HEAD"]).await.fine().trim(), "31", "version {version}");
        let shallow = format!("shallow-{version}");
        house.git(".", &["-c", &protocol, "clone", "--quiet", "--depth", "2", "--branch", "many", &url, &shallow]).await.fine();
        assert_eq!(house.git(&shallow, &["rev-list", "--count", "HEAD"]).await.fine().trim(), "2", "version {version}");
        // What many such questions look like is packed by the client.
        house.git(&shallow, &["-c", &protocol, "fetch", "--quiet", "--deepen", "5"]).await.fine();
        assert_eq!(house.git(&shallow, &["rev-list", "--count", "HEAD"]).await.fine().trim(), "7", "version {version}");
        let listed = house.git(".", &["-c", &protocol, "ls-remote", &url]).await.fine();
        assert!(listed.contains("refs/heads/main") && listed.contains("HEAD"), "{listed}");
    }
    let last = house.commit("work", "index.html", b"newest", "Newest").await;
    house.git("work", &["push", "--quiet", "origin", "HEAD:refs/heads/many"]).await.fine();
    house.git("clone-2", &["fetch", "--quiet"]).await.fine();
    assert_eq!(house.git("clone-2", &["rev-parse", "origin/many"]).await.fine().trim(), last);
    // A shallow clone may push, too.
    house.commit("shallow-2", "more.html", b"more", "From a shallow clone").await;
    house.git("shallow-2", &["push", "--quiet", "origin", "HEAD:refs/heads/from-shallow"]).await.fine();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_tags_force_pushes_and_large_ones_are_stored_and_not_deployed() {
    let house = house().await;
    house.clone_into("work").await;
    let first = house.commit("work", "a.html", b"a", "On a branch").await;
    let text = house.git("work", &["push", "origin", "HEAD:refs/heads/feature/one"]).await.fine();
    assert!(text.contains("remote: Stored. Only main goes live;"), "{text}");
    assert_eq!(house.at("refs/heads/feature/one").await, Some(first.clone()));

    house.git("work", &["tag", "v1"]).await.fine();
    house.git("work", &["push", "--quiet", "origin", "v1"]).await.fine();
    assert_eq!(house.at("refs/tags/v1").await, Some(first.clone()));

    house.git("work", &["commit", "--quiet", "--amend", "--message", "Told otherwise"]).await.fine();
    house.git("work", &["push", "--quiet", "origin", "HEAD:refs/heads/feature/one"]).await.refused("rejected");
    house.git("work", &["push", "--quiet", "--force", "origin", "HEAD:refs/heads/feature/one"]).await.fine();
    assert_ne!(house.at("refs/heads/feature/one").await, Some(first));

    // Beyond the client's buffer of 1 MB: sent in chunks, after a request that only asks whether it would be let in.
    let large = house.commit("work", "large.bin", &noise(9 << 20), "Large").await;
    house.git("work", &["push", "--quiet", "origin", "HEAD:refs/heads/large"]).await.fine();
    assert_eq!(house.at("refs/heads/large").await, Some(large.clone()));

    let text = house.git("work", &["push", "origin", ":refs/heads/large", ":refs/tags/v1"]).await.fine();
    assert!(text.contains("[deleted]"), "{text}");
    assert_eq!((house.at("refs/heads/large").await, house.at("refs/tags/v1").await), (None, None));
    assert_eq!(house.count("select cast(count(*) as bigint) from deployment").await, 0);
    assert_eq!(house.count("select cast(count(*) as bigint) from site_push where state = 'stored'").await, 6);
    assert_eq!(house.count("select cast(count(*) as bigint) from site_push where state = 'begun'").await, 0);
    assert_eq!(house.count("select cast(count(*) as bigint) from audit where action = 'site.push'").await, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sites_branch_cannot_be_deleted_and_the_client_is_told_why() {
    let house = house().await;
    house.clone_into("work").await;
    let before = house.at("refs/heads/main").await;
    house.commit("work", "a.html", b"a", "Beside").await;
    let text = house.git("work", &["push", "origin", ":refs/heads/main", "HEAD:refs/heads/beside"]).await.refused("cannot be deleted");
    assert!(text.contains("remote: main is the branch that your site is made from"), "{text}");
    assert_eq!(house.at("refs/heads/main").await, before);
    assert!(house.at("refs/heads/beside").await.is_some(), "the other branch of the same push is stored");
    assert_eq!(house.count("select cast(count(*) as bigint) from site_push where state = 'refused'").await, 1);
    assert_eq!(house.count("select cast(count(*) as bigint) from deployment").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_push_at_once_and_the_repository_stays_whole() {
    let house = house_with(|config| config.hosting.push_wait_minutes = 0).await;
    for number in 0..4 {
        house.clone_into(&format!("work-{number}")).await;
        house.commit(&format!("work-{number}"), &format!("{number}.html"), &noise(300_000), &format!("Number {number}")).await;
    }
    let push = async |number: usize| {
        let folder = format!("work-{number}");
        let own = house.git(&folder, &["push", "--quiet", "origin", &format!("HEAD:refs/heads/own-{number}")]).await;
        let same = house.git(&folder, &["push", "--quiet", "origin", "HEAD:refs/heads/same"]).await;
        (own.ok, same.ok)
    };
    let (a, b, c, d) = tokio::join!(push(0), push(1), push(2), push(3));
    let outcomes = [a, b, c, d];
    assert!(outcomes.iter().all(|(own, _)| *own), "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|(_, same)| *same).count(), 1, "one is first, the others are behind it: {outcomes:?}");
    let whole = super::client(&house.bare(), &["fsck", "--strict"], house.folder.path()).run().await;
    assert!(whole.is_ok(), "{whole:?}");
}
