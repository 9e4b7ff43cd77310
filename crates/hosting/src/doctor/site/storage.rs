//! What a site keeps: its database, its folder and secrets, its repository, its volumes and networks.

use std::path::Path;

use kit::{Error, Result};

use super::{logs_of, start_again};
use crate::doctor::books::judge_connections;
use crate::doctor::disk::{Mode, Secret, judge_mode, mode_of};
use crate::doctor::{Finding, blocking, look, said, size};
use crate::env_file::{self, PublicAddress};
use crate::environment;
use crate::runtime::{self, DatabaseFacts};
use crate::sites::{Site, SiteState};
use crate::templates::Manifest;
use crate::{Hosting, compose};

pub(super) async fn examine(hosting: &Hosting, site: &Site, manifest: &Manifest) -> Vec<Finding> {
    let database = async {
        // A stopped site's database cannot be asked, and need not be.
        if site.state != SiteState::Active || !manifest.services.contains_key("db") {
            return Vec::new();
        }
        look("database", "db", async { Ok(judge_database(site, runtime::database_facts(site).await.as_ref())) }).await
    };
    let files = look("files", "folder", files(hosting, site));
    let kept = look("volumes", "volumes", kept_by_docker(hosting, site, manifest));
    let (database, files, kept) = tokio::join!(database, files, kept);
    [database, files, kept].concat()
}

fn judge_database(site: &Site, seen: Result<&DatabaseFacts, &Error>) -> Vec<Finding> {
    match seen {
        Ok(facts) => vec![
            Finding::ok("database", "db", format!("The database answers and holds {}.", size(facts.bytes))),
            judge_connections("connections", "db", facts.connections, facts.most_connections),
        ],
        Err(error) => {
            let why = said(error);
            let advice = format!("{}. See what is said of its container here.", logs_of(site, "db"));
            vec![Finding::bad("database", "db", format!("The database does not answer: {why}."), advice)]
        }
    }
}

/// What there is of a site's files.
struct Files {
    /// Permissions and owner of `.env`.
    env: Option<Mode>,
    /// Whether `.env` says what Innkeeper would write.
    env_is_ours: bool,
    has_compose_file: bool,
    has_repository: bool,
}

async fn files(hosting: &Hosting, site: &Site) -> Result<Vec<Finding>> {
    let (folder, repository) = (hosting.site_folder(site), hosting.repository(site));
    let secrets = site.open_secrets(&hosting.key)?;
    let ours = env_file::variables(site, &secrets, &PublicAddress { url: hosting.url(site) });
    let wanted = env_file::render(&ours, &environment::of_live(hosting, site).await?);
    let seen = folder.clone();
    let files = blocking(move || {
        let env = seen.join(".env");
        Ok(Files {
            env: mode_of(&env)?,
            env_is_ours: std::fs::read_to_string(&env).is_ok_and(|found| found == wanted),
            has_compose_file: seen.join("docker-compose.yaml").is_file(),
            has_repository: repository.join("HEAD").is_file(),
        })
    })
    .await?;
    Ok(judge_files(&folder, &files))
}

fn judge_files(folder: &Path, files: &Files) -> Vec<Finding> {
    let mut findings = Vec::new();
    let shown = folder.display();
    // Only a changed name makes it write both anew.
    let again = "Change the site's name on its page, and back again: each time Innkeeper writes `.env` and `docker-compose.yaml` anew and applies them.";
    match files.env {
        None => {
            findings.push(Finding::bad("files", ".env", format!("The settings and secrets of the site are missing: {shown}/.env."), again))
        }
        Some(found) => {
            let secret = Secret { check: "files", subject: ".env", path: &folder.join(".env"), most: 0o600 };
            findings.extend(judge_mode(&secret, found, kit::disk::user()));
            if !files.env_is_ours {
                let message = format!("{shown}/.env says something else than Innkeeper would write.");
                findings.push(Finding::warn("files", ".env", message, format!("It was changed by hand, or by another version. {again}")));
            }
        }
    }
    if !files.has_compose_file {
        findings.push(Finding::bad("files", "docker-compose.yaml", format!("{shown}/docker-compose.yaml is missing."), again));
    }
    if !files.has_repository {
        let message = "The site's Git repository is missing.";
        findings.push(Finding::bad("files", "repository", message, "Bring it back from a backup of the data folder (`git/`)."));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("files", "folder", "Folder, settings and repository are there, and the secrets are closed to others."));
    }
    findings
}

async fn kept_by_docker(hosting: &Hosting, site: &Site, manifest: &Manifest) -> Result<Vec<Finding>> {
    let mut missing = Vec::new();
    for volume in manifest.services.values().flat_map(|service| &service.volumes) {
        let name = compose::volume_name(site, &volume.name);
        if !hosting.runtime.has_volume(&name).await? {
            missing.push(Missing::Volume(name));
        }
    }
    for name in [compose::network_name(site), compose::PUBLIC_NETWORK.to_owned()] {
        if !hosting.runtime.has_network(&name).await? {
            missing.push(Missing::Network(name));
        }
    }
    Ok(judge_kept(site, &missing))
}

/// Something of a site that Docker should have.
enum Missing {
    Volume(String),
    Network(String),
}

fn judge_kept(site: &Site, missing: &[Missing]) -> Vec<Finding> {
    if missing.is_empty() {
        return vec![Finding::ok("volumes", "volumes", "All volumes and networks of the site are there.")];
    }
    let judge = |missing: &Missing| match missing {
        Missing::Volume(name) => {
            let advice =
                "What was in it is gone from this server: bring it back from a backup before the site starts again with an empty one.";
            Finding::bad("volumes", name, format!("The volume {name} is missing."), advice)
        }
        Missing::Network(name) => {
            Finding::bad("network", name, format!("The network {name} is missing."), format!("{}.", start_again(site)))
        }
    };
    missing.iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::site;
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn a_database_answers_and_has_connections_left() {
        let active = site(SiteState::Active);
        let facts = |connections| DatabaseFacts { bytes: 8_000_000, connections, most_connections: 100 };
        let well = judge_database(&active, Ok(&facts(4)));
        assert_eq!(well[0].message, "The database answers and holds 8.0 MB.");
        assert_eq!(well[1].message, "4 of 100 connections are in use.");
        assert_eq!(judge_database(&active, Ok(&facts(75)))[1].severity, Severity::Warn);
        assert_eq!(judge_database(&active, Ok(&facts(95)))[1].severity, Severity::Bad);
        let down = judge_database(&active, Err(&Error::unavailable("the database system is starting up")));
        assert!(down[0].severity == Severity::Bad && down[0].message.contains("starting up") && down[0].advice.contains("-db"), "{down:?}");
    }

    #[test]
    fn files_are_there_and_secrets_closed() {
        let user = kit::disk::user();
        let whole =
            || Files { env: Some(Mode { bits: 0o600, owner: user }), env_is_ours: true, has_compose_file: true, has_repository: true };
        let judge = |files: &Files| judge_files(Path::new("/data/sites/x"), files);
        assert_eq!(judge(&whole()).iter().map(|finding| finding.severity).collect::<Vec<_>>(), [Severity::Ok]);
        let open = judge(&Files { env: Some(Mode { bits: 0o644, owner: user }), ..whole() });
        assert!(open[0].severity == Severity::Bad && open[0].advice.starts_with("`chmod 600 /data/sites/x/.env`"), "{open:?}");
        assert_eq!(judge(&Files { env_is_ours: false, ..whole() })[0].severity, Severity::Warn);
        let bare = judge(&Files { env: None, env_is_ours: false, has_compose_file: false, has_repository: false });
        assert_eq!(bare.iter().map(|finding| finding.subject.as_str()).collect::<Vec<_>>(), [".env", "docker-compose.yaml", "repository"]);
        assert!(bare.iter().all(|finding| finding.severity == Severity::Bad && !finding.advice.is_empty()));
    }

    #[test]
    fn missing_volumes_and_networks_are_named() {
        let active = site(SiteState::Active);
        assert_eq!(judge_kept(&active, &[])[0].severity, Severity::Ok);
        let told = judge_kept(&active, &[Missing::Volume("x-db-data".to_owned()), Missing::Network("x-network".to_owned())]);
        assert!(told[0].message.contains("x-db-data") && told[0].advice.contains("backup"), "{told:?}");
        assert!(told[1].check == "network" && told[1].advice.contains("innkeeper site start"), "{told:?}");
        assert!(told.iter().all(|finding| finding.severity == Severity::Bad));
    }
}
