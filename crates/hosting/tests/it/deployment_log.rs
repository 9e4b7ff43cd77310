//! The log of a deployment: bounded, redacted, read while it grows.

use futures_util::StreamExt;
use hosting::deployments::log::{self, LogWriter};
use hosting::deployments::{self, DeploymentKind, Until, Wish, follow};
use hosting::sites::SiteState;
use kit::sql;

use crate::house::{House, small_house};

async fn running(house: &House) -> (hosting::Site, deployments::Deployment, accounts::Actor) {
    let (customer, actor) = house.customer("acme").await;
    let site = house.create(&actor, &customer, "ada").await.unwrap();
    house.settle(&site.id, SiteState::Active).await;
    let wish = Wish {
        kind: DeploymentKind::Push,
        branch: "main".to_owned(),
        commit: "ab".repeat(20),
        subject: String::new(),
        author: String::new(),
        release: None,
    };
    let deployment = deployments::request(&house.hosting, &actor, &site.id, &wish).await.unwrap();
    (site, deployment, actor)
}

#[tokio::test]
async fn lines_are_followed_from_any_byte_until_the_deployment_is_over() {
    let house = small_house().await;
    let (site, deployment, actor) = running(&house).await;
    let (hosting, scope, id) = (&house.hosting, actor.scope(), &deployment.id);
    let writer = LogWriter::open(hosting, &site, id).await.unwrap();
    writer.add("checkout", "one\ntwo").unwrap();
    let (_, lines, next) = log::read(hosting, &scope, id, 0).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert!(log::read(hosting, &scope, id, next).await.unwrap().1.is_empty());
    assert!(log::read(hosting, &scope, id, u64::MAX).await.unwrap().1.is_empty());

    let life = std::time::Duration::from_secs(20);
    let mut follow = Box::pin(follow(hosting, &scope, id, next, Until::LastLine, life).await.unwrap());
    let later = writer.clone();
    let end = hosting.clone();
    let (deployment_id, operation) = (id.clone(), deployment.operation_id.clone().unwrap());
    let writes = tokio::spawn(async move {
        let mut said = later.stream("build", "www | ");
        said.line("pw hunter\u{1b}[31m and \u{1b}[0m\u{1b}[2Jmore");
        drop(said);
        end.db.execute(sql("update deployment set state = 'failed' where id = $1").bind(&deployment_id)).await.unwrap();
        // It is over only when its operation is.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        later.add("verdict", "failed").unwrap();
        end.db.execute(sql("update site_operation set state = 'failed' where id = $1").bind(&operation)).await.unwrap();
        end.bus.signal("x", format!("deployment-log:{deployment_id}"));
    });
    let mut seen = Vec::new();
    while let Some(chunk) = follow.next().await {
        seen.extend(chunk.unwrap().lines.into_iter().map(|line| format!("{}: {}", line.step, line.text)));
    }
    writes.await.unwrap();
    assert_eq!(seen, ["build: www | pw hunter\u{1b}[31m and \u{1b}[0mmore", "verdict: failed"]);

    // Half a line, as a crash leaves it, spoils no other.
    let path = hosting.data().join("deployments").join(site.id.as_str()).join(format!("{id}.log"));
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{whole}17")).unwrap();
    LogWriter::open(hosting, &site, id).await.unwrap().add("again", "and on").unwrap();
    let (_, lines, _) = log::read(hosting, &scope, id, 0).await.unwrap();
    assert_eq!(lines.last().map(|line| line.text.as_str()), Some("and on"));
    let (_, stranger) = house.customer("other").await;
    assert!(matches!(log::read(hosting, &stranger.scope(), id, 0).await, Err(kit::Error::NotFound(_))));
}

#[tokio::test]
async fn a_flood_is_cut_in_the_middle_and_secrets_over_lines_stay_hidden() {
    let house = small_house().await;
    let (site, deployment, actor) = running(&house).await;
    let (hosting, scope, id) = (&house.hosting, actor.scope(), &deployment.id);
    let secret = site.open_secrets(&hosting.key).unwrap().session_secret;
    let writer = LogWriter::open(hosting, &site, id).await.unwrap();
    for flood in 0..20 {
        let mut said = writer.stream("build", "");
        said.line("-----BEGIN PRIVATE KEY-----");
        said.line("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj");
        said.line("-----END PRIVATE KEY-----");
        for number in 0..20_000 {
            said.line(&format!("{flood} {number} {secret} {}", "x".repeat(40)));
        }
        said.finish();
        assert_eq!(said.last_words().last().unwrap().split(' ').nth(1), Some("19999"));
    }
    writer.add("verdict", "the verdict").unwrap();
    let (_, lines, size) = log::read(hosting, &scope, id, 0).await.unwrap();
    assert!(size <= (8 << 20) + (64 << 10), "{size}");
    let text: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert!(!text.iter().any(|line| line.contains(&secret) || line.contains("MIIE")));
    assert_eq!(text[1].split(' ').next(), Some("0"), "{}", text[1]);
    assert!(text.iter().any(|line| line.contains(" lines left out here (")));
    assert_eq!(text.last(), Some(&"the verdict"));
}
