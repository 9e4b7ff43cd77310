//! The roll-out: the new release beside the old one, the route switched, the old one drained and removed.
//!
//! Which containers are which is told by their labels alone. Names are for people: `{customer}-{app}-{service}` is whoever serves,
//! and visitors are led by aliases that carry the release, so that taking over a name changes nothing for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kit::words::counted;
use kit::{Error, Result};

use super::checkout;
use super::log::{LogWriter, site_file};
use super::releases::{self, NewRelease, Release};
use crate::compose::{self, Placement, RELEASE_LABEL, SERVICE_LABEL, SITE_LABEL};
use crate::edge::Target;
use crate::env_file::{self, PublicAddress};
use crate::operations::{blocking, confirm_release, image_tags, template_of};
use crate::runtime::{Listed, beside};
use crate::sites::Site;
use crate::{Hosting, files, git};

/// How long the containers of a new release may take until all are healthy.
const HEALTHY_LIMIT: Duration = Duration::from_secs(90);
/// How long a release command may take.
const MIGRATE_LIMIT: Duration = Duration::from_secs(600);
/// Requests that were under way at the switch get so long before the old containers are asked to end.
const REQUEST_DRAIN: Duration = Duration::from_secs(2);
/// Lines of a container's log that are shown when it does not get healthy.
const LAST_WORDS: usize = 20;
/// What is ours in a site's folder: nothing of a repository is written there.
pub(crate) const RESERVED: &[&str] = &[".env", ".git", "docker-compose.yaml", site_file::NAME, site_file::OLDER, "releases"];

/// A site as it will be, and what makes it so.
#[derive(Debug, Clone)]
pub(crate) struct Next {
    /// The site, with the release that is to serve.
    pub site: Site,
    /// That release.
    pub release: Release,
    /// The site's own variables in that release.
    pub variables: Vec<(String, String)>,
}

/// Where the compose file and the environment of a release are kept.
fn release_folder(hosting: &Hosting, next: &Next) -> PathBuf {
    hosting.site_folder(&next.site).join("releases").join(next.release.id.as_str())
}

/// Writes compose file and environment of a release into its own folder, where they stay for the way back.
async fn write_files(hosting: &Hosting, next: &Next) -> Result<PathBuf> {
    let folder = release_folder(hosting, next);
    files::create_folder(&folder)?;
    let template = template_of(&next.site)?;
    let images = next.release.images()?;
    let names: Vec<&str> = next.variables.iter().map(|(name, _)| name.as_str()).collect();
    let placement = Placement { images: &images, subnet: hosting.subnet(&next.site), instance: &hosting.edge.project, variables: &names };
    let text = compose::render(&next.site, &template.manifest, &placement)?;
    files::write(&folder.join("docker-compose.yaml"), text, 0o644)?;
    let secrets = next.site.open_secrets(&hosting.key)?;
    let variables = env_file::variables(&next.site, &secrets, &PublicAddress { url: hosting.url(&next.site) });
    files::write(&folder.join(".env"), env_file::render(&variables, &next.variables), 0o600)?;
    Ok(folder)
}

/// Runs the release commands of the template (database migrations) in containers of the new release, before visitors get it.
pub(crate) async fn migrate(hosting: &Hosting, next: &Next, log: &LogWriter) -> Result<Option<String>> {
    let files = write_files(hosting, next).await?;
    let template = template_of(&next.site)?;
    remove_release(hosting, &next.site, next.release.id.as_str()).await?;
    let mut run = 0_usize;
    for (name, service) in template.manifest.services.iter().filter(|(_, service)| !service.release.is_empty()) {
        log.add("migrate", &format!("{name}: {}", service.release.join(" ")))?;
        let mut said = log.stream("migrate", "");
        let outcome =
            beside::run_once(&next.site, &hosting.site_folder(&next.site), &files, name, &service.release, MIGRATE_LIMIT, |line| {
                said.line(line);
            })
            .await;
        said.finish();
        remove_release(hosting, &next.site, next.release.id.as_str()).await?;
        verdict(hosting, outcome, &format!("the release command of {name} failed")).await?;
        run += 1;
    }
    Ok(Some(if run == 0 { "the template has no release command".to_owned() } else { format!("{} run", counted(run, "command")) }))
}

/// A failure of a container is a verdict and not tried again; only a Docker that cannot be asked is.
async fn verdict<T>(hosting: &Hosting, outcome: Result<T>, what: &str) -> Result<T> {
    match outcome {
        Ok(value) => Ok(value),
        Err(error) => {
            hosting.runtime.ping().await?;
            tracing::info!("{what}: {error}");
            Err(Error::conflict(format!("{what}: {}", without_the_command(&error.public_message()))))
        }
    }
}

/// What a command of ours said when it failed. Customers read it: the command itself names folders of the server, and nobody but
/// whoever runs that can do something with it.
fn without_the_command(message: &str) -> String {
    let rest = message.strip_prefix('`').unwrap_or_default();
    if let Some((_, said)) = rest.split_once("` failed (") {
        return said.replacen("): ", ": ", 1).trim_end_matches([':', ' ']).to_owned();
    }
    rest.split_once("` did not end").map_or_else(|| message.to_owned(), |(_, limit)| format!("it did not end{limit}"))
}

/// Starts the containers of the new release beside those that serve, and waits until each passes its health check.
pub(crate) async fn start_beside(hosting: &Hosting, next: &Next, log: &LogWriter) -> Result<Option<String>> {
    let files = write_files(hosting, next).await?;
    let template = template_of(&next.site)?;
    // What an interrupted try left behind.
    remove_release(hosting, &next.site, next.release.id.as_str()).await?;
    let present = containers_of(hosting, &next.site).await?;
    let scales: BTreeMap<&str, usize> = template
        .manifest
        .built_services()
        .map(|name| (name, 1 + present.iter().filter(|it| service_of(it) == Some(name)).count()))
        .collect();
    let started = beside::up_beside(&next.site, &hosting.site_folder(&next.site), &files, &scales).await;
    verdict(hosting, started, "the containers did not start").await?;
    let new = of_release(&containers_of(hosting, &next.site).await?, next.release.id.as_str());
    if let Some(name) = scales.keys().find(|name| !new.contains_key(**name)) {
        return Err(Error::unavailable(format!("Docker made no container for {name}")));
    }
    let healthy = beside::await_healthy_in(&hosting.runtime, &next.site, &template.manifest, &new, HEALTHY_LIMIT).await;
    if healthy.is_err() {
        tell_last_words(&next.site, &new, log).await;
    }
    verdict(hosting, healthy, "the new release does not get healthy").await?;
    log.add("start_beside", &format!("{} healthy", counted(new.len(), "container")))?;
    Ok(Some(format!("{} healthy beside the old ones", counted(new.len(), "container"))))
}

async fn tell_last_words(site: &Site, containers: &BTreeMap<String, String>, log: &LogWriter) {
    for (service, id) in containers {
        let Ok(lines) = beside::last_lines(id, LAST_WORDS).await else { continue };
        let mut said = log.stream("start_beside", &format!("{service} | "));
        lines.lines().for_each(|line| said.line(line));
    }
    tracing::debug!(site.id = %site.id, "a new release did not get healthy");
}

/// Sends visitors to the new release, and waits until the edge has answered with it.
pub(crate) async fn switch(hosting: &Hosting, next: &Next, log: &LogWriter) -> Result<String> {
    hosting.proxy.ensure_running().await?;
    let started = tokio::time::Instant::now();
    hosting.proxy.route(&next.site, Target::Containers).await?;
    log.add("switch", "the edge has taken over the route")?;
    let answered = confirm_release(hosting, &next.site).await;
    verdict(hosting, answered, "the new release is healthy, but does not answer through the edge").await?;
    Ok(format!("the edge answers with the new release after {} ms", started.elapsed().as_millis()))
}

/// Leads visitors to what the database says serves.
pub(crate) async fn switch_back(hosting: &Hosting, site: &Site) -> Result<()> {
    hosting.proxy.route(site, Target::Containers).await
}

/// Lets the old containers finish what they are at, gives the new ones the names, and removes the old.
pub(crate) async fn drain(hosting: &Hosting, site: &Site, log: &LogWriter) -> Result<Option<String>> {
    let template = template_of(site)?;
    take_names(hosting, site).await?;
    let old = strays(&containers_of(hosting, site).await?, site, &template.manifest);
    if old.is_empty() {
        return Ok(Some("nothing was left to drain".to_owned()));
    }
    let begun = tokio::time::Instant::now();
    let limit = Duration::from_secs(hosting.config.drain_seconds.into());
    tokio::time::sleep(REQUEST_DRAIN.min(limit)).await;
    let ends = old.iter().map(|container| async {
        let service = service_of(container).and_then(|name| template.manifest.services.get(name));
        // Sockets stay open for as long as their clients like: they get the whole time.
        if let Some(port) = service.filter(|service| service.long_connections).and_then(|service| service.port) {
            while begun.elapsed() < limit && beside::open_connections(&hosting.runtime, &container.id, port).await.unwrap_or(0) > 0 {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
        beside::stop_and_remove(&container.id).await
    });
    for outcome in futures_util::future::join_all(ends).await {
        outcome?;
    }
    hosting.board.look_again.notify_one();
    log.add("drain", &format!("{} of the old release removed", counted(old.len(), "container")))?;
    Ok(Some(format!("{} ended after {} s", counted(old.len(), "old container"), begun.elapsed().as_secs())))
}

/// Containers of a site, those of commands that run once left out.
async fn containers_of(hosting: &Hosting, site: &Site) -> Result<Vec<Listed>> {
    let mut found = hosting.runtime.containers(Some(&format!("{SITE_LABEL}={}", site.id))).await?;
    found.retain(|container| container.labels.get(compose::ONE_OFF_LABEL).is_none_or(|value| value != "True"));
    Ok(found)
}

fn service_of(container: &Listed) -> Option<&str> {
    container.labels.get(SERVICE_LABEL).map(String::as_str)
}

/// The containers of a release by service.
///
/// When an Innkeeper is killed, the `docker compose` that it had started goes on, and may make a second container beside that of the
/// next try. Whoever asks is told of the same one.
fn of_release(all: &[Listed], release: &str) -> BTreeMap<String, String> {
    let ours = all.iter().filter(|it| it.labels.get(RELEASE_LABEL).is_some_and(|label| label == release));
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (service, container) in ours.filter_map(|it| Some((service_of(it)?.to_owned(), &it.id))) {
        let first = found.entry(service).or_insert_with(|| container.clone());
        if container < first {
            first.clone_from(container);
        }
    }
    found
}

/// Containers of built services that do not serve: of another release, or a second one of the release that does. Those from before
/// releases had labels stay until one with a label has taken their place.
fn strays(all: &[Listed], site: &Site, manifest: &crate::templates::Manifest) -> Vec<Listed> {
    let live = of_release(all, site.release_id.as_str());
    let is_stray = |container: &&Listed| {
        let Some(service) = service_of(container).filter(|name| manifest.built_services().any(|built| built == *name)) else {
            return false;
        };
        match container.labels.get(RELEASE_LABEL) {
            Some(release) => release != site.release_id.as_str() || live.get(service) != Some(&container.id),
            None => live.contains_key(service),
        }
    };
    all.iter().filter(is_stray).cloned().collect()
}

/// Gives the containers that serve the names by which people know them; one that has its name keeps it.
pub(crate) async fn take_names(hosting: &Hosting, site: &Site) -> Result<()> {
    let template = template_of(site)?;
    let all = containers_of(hosting, site).await?;
    let strays = strays(&all, site, &template.manifest);
    let serving = all.iter().filter(|it| !strays.iter().any(|stray| stray.id == it.id));
    for container in serving {
        let Some(service) = service_of(container) else { continue };
        let wanted = site.container(service);
        if container.name == wanted {
            continue;
        }
        if let Some(holder) = strays.iter().find(|stray| stray.name == wanted) {
            let release = holder.labels.get(RELEASE_LABEL).map_or("first", String::as_str);
            hosting.runtime.rename(&holder.id, &format!("{wanted}-{release}")).await?;
        }
        hosting.runtime.rename(&container.id, &wanted).await?;
    }
    hosting.board.look_again.notify_one();
    Ok(())
}

/// Removes everything of one release that must not serve: containers, also of commands that run once.
async fn remove_release(hosting: &Hosting, site: &Site, release: &str) -> Result<()> {
    let all = hosting.runtime.containers(Some(&format!("{SITE_LABEL}={}", site.id))).await?;
    for container in all.iter().filter(|it| it.labels.get(RELEASE_LABEL).is_some_and(|label| label == release)) {
        beside::remove(&container.id).await?;
    }
    Ok(())
}

/// Whether a site has containers that neither serve nor belong to what is at work, as far as a list of containers tells.
pub(crate) fn has_leftovers(listed: &[Listed], site: &Site) -> Result<bool> {
    let own: Vec<Listed> = listed.iter().filter(|it| it.labels.get(SITE_LABEL).is_some_and(|id| id == site.id.as_str())).cloned().collect();
    if own.is_empty() {
        return Ok(false);
    }
    let is_one_off = own.iter().any(|it| it.labels.get(compose::ONE_OFF_LABEL).is_some_and(|value| value == "True"));
    Ok(is_one_off || !strays(&own, site, &template_of(site)?.manifest).is_empty())
}

/// Removes every container of a site that is not of the release that serves; returns how many there were.
pub(crate) async fn remove_all_but_live(hosting: &Hosting, site: &Site) -> Result<usize> {
    let template = template_of(site)?;
    let all = hosting.runtime.containers(Some(&format!("{SITE_LABEL}={}", site.id))).await?;
    let is_one_off = |it: &&Listed| it.labels.get(compose::ONE_OFF_LABEL).is_some_and(|value| value == "True");
    let one_offs: Vec<Listed> = all.iter().filter(is_one_off).cloned().collect();
    let others: Vec<Listed> = all.iter().filter(|it| !is_one_off(it)).cloned().collect();
    let strays: Vec<Listed> = strays(&others, site, &template.manifest).into_iter().chain(one_offs).collect();
    for container in &strays {
        beside::remove(&container.id).await?;
    }
    if !strays.is_empty() {
        take_names(hosting, site).await?;
    }
    Ok(strays.len())
}

/// Makes the site's folder describe what serves: compose file, environment and the sources of its commit.
pub(crate) async fn update_folder(hosting: &Hosting, next: &Next, sources: &Path) -> Result<()> {
    let folder = hosting.site_folder(&next.site);
    let files = write_files(hosting, next).await?;
    let bare = hosting.repository(&next.site);
    let commit = next.release.commit_hash.clone();
    if !commit.is_empty() {
        if !sources.is_dir() {
            let services: Vec<&str> = template_of(&next.site)?.manifest.built_services().collect();
            checkout::export(&bare, &commit, &services, sources).await?;
        }
        let wanted = git::root_names(&bare, &commit).await?;
        let (from, into) = (sources.to_owned(), folder.clone());
        blocking(move || take_over(&from, &into, &wanted)).await?;
        git::follow(&folder, &commit).await?;
    }
    for (name, mode) in [("docker-compose.yaml", 0o644), (".env", 0o600)] {
        let text = std::fs::read(files.join(name)).map_err(|error| files::storage(&files.join(name), error))?;
        files::write(&folder.join(name), text, mode)?;
    }
    Ok(())
}

/// Moves what `from` holds into `folder` and removes what is not `wanted` any more, ours left alone. Can be interrupted and
/// repeated: what was moved is in place.
fn take_over(from: &Path, folder: &Path, wanted: &[String]) -> Result<()> {
    let is_ours = |name: &str| RESERVED.contains(&name) || name.starts_with(".taken-over-");
    for entry in std::fs::read_dir(from).map_err(|error| files::storage(from, error))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_ours(&name) {
            continue;
        }
        let (target, aside) = (folder.join(&name), folder.join(format!(".taken-over-{name}")));
        remove_any(&aside)?;
        if std::fs::symlink_metadata(&target).is_ok() {
            std::fs::rename(&target, &aside).map_err(|error| files::storage(&target, error))?;
        }
        std::fs::rename(entry.path(), &target).map_err(|error| files::storage(&target, error))?;
        remove_any(&aside)?;
    }
    for entry in std::fs::read_dir(folder).map_err(|error| files::storage(folder, error))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(".taken-over-") || !(is_ours(&name) || wanted.contains(&name)) {
            remove_any(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_any(path: &Path) -> Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => files::remove_folder(path),
        Ok(_) => std::fs::remove_file(path).map_err(|error| files::storage(path, error)),
        Err(_) => Ok(()),
    }
}

/// Records what a site serves that has no release on record: right after it was made, or from before there were releases.
pub(crate) async fn record_first_release(hosting: &Hosting, site: &Site) -> Result<()> {
    let template = template_of(site)?;
    let images = image_tags(site, template, &hosting.site_folder(site)).await?;
    let commit = match git::BranchName::parse(site.branch()) {
        Ok(branch) => git::branch(&hosting.repository(site), &branch).await.ok().flatten().map(|branch| branch.commit).unwrap_or_default(),
        Err(_) => String::new(),
    };
    // What changes variables makes a release of its own: without one on record, it serves without any.
    let new = NewRelease { commit: &commit, images: &images, environment_version: 0, template_version: &site.template_version };
    hosting
        .db
        .write(async |tx| {
            releases::record(&tx, &hosting.clock, &site.id, &site.release_id, &new).await?;
            releases::went_live(&tx, &hosting.clock, &site.release_id).await
        })
        .await
}

#[cfg(test)]
mod tests {
    use kit::exec::Command;

    use super::*;

    #[test]
    fn of_two_containers_of_one_release_the_same_one_serves_whoever_asks() {
        let container = |id: &str, service: &str, release: &str| Listed {
            id: id.to_owned(),
            name: format!("{service}-{id}"),
            labels: [(SERVICE_LABEL, service), (RELEASE_LABEL, release)].map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        };
        let mut all =
            vec![container("b", "www", "new"), container("a", "www", "new"), container("0", "www", "old"), container("c", "api", "new")];
        let wanted = BTreeMap::from([("www".to_owned(), "a".to_owned()), ("api".to_owned(), "c".to_owned())]);
        assert_eq!(of_release(&all, "new"), wanted);
        all.reverse();
        assert_eq!(of_release(&all, "new"), wanted);
    }

    #[test]
    fn a_folder_takes_over_what_a_commit_holds_and_keeps_what_is_ours() {
        let place = tempfile::tempdir().unwrap();
        let (from, into) = (place.path().join("from"), place.path().join("into"));
        for (path, text) in
            [("from/www/new", "n"), ("from/README", "2"), ("from/.env", "theirs"), ("into/www/old", "o"), ("into/api/x", "x")]
        {
            std::fs::create_dir_all(place.path().join(path).parent().unwrap()).unwrap();
            std::fs::write(place.path().join(path), text).unwrap();
        }
        for (path, text) in [("into/.env", "ours"), ("into/docker-compose.yaml", "ours"), ("into/.taken-over-www", "half")] {
            std::fs::write(place.path().join(path), text).unwrap();
        }
        let wanted = ["www".to_owned(), "README".to_owned(), ".env".to_owned()];
        take_over(&from, &into, &wanted).unwrap();
        // Again, as after a crash in the middle.
        take_over(&from, &into, &wanted).unwrap();
        let mut names: Vec<String> = std::fs::read_dir(&into).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, [".env", "README", "docker-compose.yaml", "www"]);
        assert_eq!(std::fs::read_to_string(into.join(".env")).unwrap(), "ours");
        assert!(into.join("www/new").is_file() && !into.join("www/old").exists());
    }

    #[tokio::test]
    async fn what_a_command_said_is_told_without_its_arguments() {
        let said = |outcome: Result<kit::exec::Output>| without_the_command(&outcome.unwrap_err().public_message());
        let failed = said(Command::new("env").args(["sh", "-c", "echo no way today >&2; exit 3", "/srv/innkeeper"]).run().await);
        assert_eq!(failed, "exit status: 3: no way today");
        assert_eq!(said(Command::new("false").arg("/srv/innkeeper").run().await), "exit status: 1");
        let late = said(Command::new("sleep").arg("20").timeout(Duration::from_millis(100)).run().await);
        assert_eq!(late, "it did not end within 100ms and was stopped");
        for other in ["Docker does not answer", "`", "`x` is not there", ""] {
            assert_eq!(without_the_command(other), other);
        }
    }
}
