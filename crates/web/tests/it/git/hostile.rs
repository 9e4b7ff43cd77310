//! What people try: paths, names, hooks, packs without end, bombs.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use flate2::Compression;
use flate2::write::GzEncoder;
use hosting::git::tokens::TokenAccess;
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{house, house_with, noise};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_path_leads_out_of_the_three_addresses() {
    let house = house().await;
    let token = house.token(TokenAccess::Push).await;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("x:{token}"));
    let id = house.site.id.as_str();
    for path in [
        "/git/../../etc.git/info/refs?service=git-upload-pack".to_owned(),
        "/git/..%2f..%2fetc.git/info/refs?service=git-upload-pack".to_owned(),
        format!("/git/{id}.git%00/info/refs?service=git-upload-pack"),
        format!("/git/{id}.git/config"),
        format!("/git/{id}.git/HEAD"),
        format!("/git/{id}.git/objects/info/packs"),
        format!("/git/{id}.git/../{id}.git/config"),
        format!("/git/{id}/info/refs?service=git-upload-pack"),
        format!("/git/{id}.git.git/info/refs?service=git-upload-pack"),
        format!("/git//{id}.git/info/refs?service=git-upload-pack"),
        format!("/git/{}.git/info/refs?service=git-upload-pack", id.to_uppercase()),
        "/git/.git/info/refs?service=git-upload-pack".to_owned(),
        "/git/-c.git/info/refs?service=git-upload-pack".to_owned(),
    ] {
        // By hand: clients tidy such paths up.
        let mut stream = tokio::net::TcpStream::connect(house.test.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
        assert!(!answer.contains("[core]"), "{path}: {answer}");
    }
    let asked = |service: &str| {
        house.test.get(&format!("/git/{id}.git/info/refs{service}")).header("authorization", &format!("Basic {credentials}"))
    };
    for service in ["", "?service=", "?service=git-upload-archive", "?service=upload-pack;id", "?service=--help"] {
        assert_eq!(asked(service).send().await.status, 400, "{service}");
    }
    let odd = asked("?service=git-upload-pack").header("git-protocol", "version=2 $(id)").send().await;
    assert!(odd.status == 200 && odd.text.contains("# service=git-upload-pack"), "what is no version is not passed on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_branches_and_tags_can_be_pushed_and_their_names_are_harmless() {
    let house = house().await;
    house.clone_into("work").await;
    house.commit("work", "a.html", b"a", "a").await;
    for reference in ["refs/innkeeper/x", "refs/notes/commits", "refs/hidden", "refs/remotes/origin/x", "refs/pull/1/head"] {
        let text = house.git("work", &["push", "origin", &format!("HEAD:{reference}")]).await.refused("hidden ref");
        assert!(text.contains("remote rejected"), "{text}");
        assert_eq!(house.at(reference).await, None);
    }
    let marker = house.folder.path().join("marker");
    let nasty = format!("$(touch${{IFS}}{})", marker.display());
    for name in ["--upload-pack=x", "$(id);`id`|&", "a'b\"c", "名前🌱", "%00%0a", nasty.as_str()] {
        let said = house.git("work", &["push", "origin", &format!("HEAD:refs/heads/{name}")]).await;
        assert!(said.ok || said.text.contains("invalid refspec") || said.text.contains("not a valid"), "{name}: {}", said.text);
    }
    assert!(!marker.exists());
    // Names that Git's own client would not send, by hand.
    let url = format!("/git/{}.git/git-receive-pack", house.site.id);
    let head = house.at("refs/heads/main").await.unwrap();
    for reference in ["refs/heads/../../config", "refs/heads/a..b", "config", "HEAD", "refs/heads/x.lock", "refs/heads/", "../../x"] {
        let body = [
            hosting::git::pkt::write(format!("{} {head} {reference}\0report-status\n", "0".repeat(40)).as_bytes()),
            b"0000".to_vec(),
            empty_pack(),
        ]
        .concat();
        let reply = push_by_hand(&house, &url, body, None).await;
        assert!(reply.status == 200 && reply.text.contains(&format!("ng {reference}")), "{reference}: {} {}", reply.status, reply.text);
    }
    assert!(std::fs::read_to_string(house.bare().join("config")).unwrap().contains("[core]"));
}

/// A pack of no objects.
fn empty_pack() -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    pack.extend([0x02, 0x9d, 0x08, 0x82, 0x3b, 0xd8, 0xa8, 0xea, 0xb5, 0x10, 0xad, 0x6a, 0xc7, 0x5c, 0x82, 0x3c, 0xfd, 0x3e, 0xd3, 0x1e]);
    pack
}

async fn push_by_hand(house: &super::House, path: &str, body: Vec<u8>, encoding: Option<&str>) -> web::testing::Reply {
    let token = house.token(TokenAccess::Push).await;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("x:{token}"));
    let kind =
        if path.ends_with("upload-pack") { "application/x-git-upload-pack-request" } else { "application/x-git-receive-pack-request" };
    let mut ask =
        house.test.ask(Method::POST, path).header("authorization", &format!("Basic {credentials}")).header("content-type", kind).body(body);
    if let Some(encoding) = encoding {
        ask = ask.header("content-encoding", encoding);
    }
    ask.send().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_never_run() {
    let house = house_with(|config| config.hosting.push_wait_minutes = 0).await;
    house.clone_into("work").await;
    let marker = house.folder.path().join("hook-ran");
    let script = format!("#!/bin/sh\ntouch {}\n", marker.display());
    let hooks = house.bare().join("hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for hook in ["pre-receive", "update", "post-receive", "post-update", "reference-transaction", "proc-receive", "pre-auto-gc"] {
        let path = hooks.join(hook);
        std::fs::write(&path, &script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        // And as files of the commit, under the names that Git looks for.
        std::fs::create_dir_all(house.folder.path().join("work/hooks")).unwrap();
        std::fs::write(house.folder.path().join("work/hooks").join(hook), &script).unwrap();
    }
    house.commit("work", "index.html", b"new", "With hooks").await;
    house.git("work", &["push", "--quiet", "origin", "main"]).await.fine();
    assert!(!marker.exists(), "a hook ran");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_over_the_limit_is_refused_in_words_and_leaves_nothing() {
    let house = house_with(|config| config.hosting.push_limit_mb = 2).await;
    house.clone_into("work").await;
    let before = house.at("refs/heads/main").await;
    house.commit("work", "large.bin", &noise(5 << 20), "Too large").await;
    house.git("work", &["push", "origin", "main"]).await.refused("exceeds maximum allowed size");
    assert_eq!(house.at("refs/heads/main").await, before);
    assert_eq!(house.count("select cast(count(*) as bigint) from deployment").await, 0);
    assert_eq!(house.count("select cast(count(*) as bigint) from site_push where state = 'refused'").await, 1);
    let left = std::fs::read_dir(house.bare().join("objects")).unwrap().flatten();
    assert_eq!(left.filter(|entry| entry.file_name().to_string_lossy().starts_with("tmp_objdir")).count(), 0);
    // And the next one goes well.
    house.git("work", &["reset", "--quiet", "--hard", "origin/main"]).await.fine();
    house.commit("work", "small.html", b"small", "Small").await;
    house.git("work", &["push", "--quiet", "origin", "HEAD:refs/heads/small"]).await.fine();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_and_nonsense_are_answered_and_not_unpacked() {
    let house = house_with(|config| config.hosting.push_limit_mb = 1).await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..300 {
        bomb.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 400_000);
    let paths = ["git-upload-pack", "git-receive-pack"].map(|service| format!("/git/{}.git/{service}", house.site.id));
    for path in &paths {
        let started = std::time::Instant::now();
        let reply = push_by_hand(&house, path, bomb.clone(), Some("gzip")).await;
        assert!(started.elapsed().as_secs() < 20, "{path}");
        assert!(!reply.text.contains("refs/"), "{path}: {}", reply.text);
    }
    let head = house.at("refs/heads/main").await.unwrap();
    let command = |reference: &str| {
        hosting::git::pkt::write(format!("{} {head} {reference}\0report-status side-band-64k\n", "0".repeat(40)).as_bytes())
    };
    for (body, expected) in [
        (b"".to_vec(), 422),
        (b"0000".to_vec(), 200),
        (b"zzzz".to_vec(), 422),
        (b"0003".to_vec(), 422),
        (vec![b'0'; 3], 422),
        (noise(100_000), 422),
        ([command("refs/heads/a"), b"0000".to_vec(), b"this is no pack".to_vec()].concat(), 200),
        ((0..300).flat_map(|number| command(&format!("refs/heads/{number}"))).chain(b"0000".to_vec()).collect(), 422),
    ] {
        let short = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let reply = push_by_hand(&house, &paths[1], body, None).await;
        assert_eq!(reply.status.as_u16(), expected, "{short}: {}", reply.text);
    }
    assert_eq!(house.at("refs/heads/a").await, None);
    let other = house.test.post(&paths[1]).header("content-type", "text/plain").body("0000").send().await;
    assert_eq!(other.status, 401);
}
