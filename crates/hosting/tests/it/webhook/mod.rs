//! Webhooks and providers: what deliveries are answered, what becomes of them, and what providers are asked, against a stand-in that
//! speaks as GitHub and Bitbucket Cloud do and serves real repositories to the real `git`.

mod deliveries;
mod missed;
mod providers;
mod stand_in;

use std::path::Path;

use hosting::deployments::status::TellProvider;
use hosting::git::pushed::DeployPushed;
use hosting::sites::{Site, SiteState};
use hosting::{Hosting, git};
use kit::exec::Command;
use kit::jobs::Registry;
use kit::sql;

use crate::house::House;

/// The jobs that are tested here.
fn jobs() -> Registry<Hosting> {
    Registry::default().job::<DeployPushed>().job::<TellProvider>()
}

/// A site in the books, serving, with its embedded repository and a webhook secret.
async fn active_site(house: &House, name: &str) -> Site {
    let (customer, actor) = house.customer(name).await;
    let made = house.create(&actor, &customer, &format!("{name}-site")).await.unwrap();
    let folder = house.hosting.site_folder(&made);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("index.html"), "first").unwrap();
    git::create(&folder, &house.hosting.repository(&made)).await.unwrap();
    let site = house.settle(&made.id, SiteState::Active).await;
    // What the last step of making a site records.
    let head = git::head(&house.hosting.repository(&site)).await.unwrap();
    let release = sql("insert into release (id, site_id, commit_hash, images, environment_version, template_version, created_at)
                       values ($1, $2, $3, '{}', 0, '1', 1)");
    house.hosting.db.execute(release.bind(&site.release_id).bind(&site.id).bind(head)).await.unwrap();
    set_secret(house, &site, SECRET).await;
    hosting::sites::get_any(&house.hosting.db, &site.id).await.unwrap()
}

/// What signs the deliveries of [`active_site`].
const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01";

async fn set_secret(house: &House, site: &Site, secret: &str) {
    let mut secrets = site.open_secrets(&house.hosting.key).unwrap();
    secrets.webhook_secret = secret.to_owned();
    let sealed = house.hosting.key.seal(&format!("site.secrets:{}", site.id), &serde_json::to_string(&secrets).unwrap());
    house.hosting.db.execute(sql("update site set secrets = $2 where id = $1").bind(&site.id).bind(sealed)).await.unwrap();
}

/// `git` as a person runs it.
fn git_in(folder: &Path) -> Command {
    Command::new("git")
        .args(["-c", "user.name=Ada <b>Lovelace</b>", "-c", "user.email=ada@example.test", "-c", "init.defaultBranch=main"])
        .args(["-c", "protocol.file.allow=always"])
        .dir(folder)
}

/// Adds a commit to the branch `main` of a bare repository; returns its hash.
async fn commit_to(bare: &Path, message: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    git_in(folder.path()).args(["clone", "--quiet"]).arg(bare).arg("work").run().await.unwrap();
    let work = folder.path().join("work");
    std::fs::write(work.join("index.html"), message).unwrap();
    git_in(&work).args(["add", "--all"]).run().await.unwrap();
    git_in(&work).args(["commit", "--quiet", "--message", message]).run().await.unwrap();
    git_in(&work).args(["push", "--quiet", "--force", "origin", "HEAD:refs/heads/main"]).run().await.unwrap();
    git_in(&work).args(["rev-parse", "HEAD"]).run().await.unwrap().stdout.trim().to_owned()
}

/// Puts the branch `main` of a bare repository at a commit.
async fn force_to(bare: &Path, commit: &str) {
    git_in(bare).args(["update-ref", "refs/heads/main", commit]).run().await.unwrap();
}

/// Kind, state and commit of a site's deployments, oldest first.
async fn deployments_of(house: &House, site: &Site) -> Vec<(String, String, String)> {
    let query = sql("select kind, state, commit_hash from deployment where site_id = $1 order by created_at, id").bind(&site.id);
    house.hosting.db.all(query).await.unwrap()
}
