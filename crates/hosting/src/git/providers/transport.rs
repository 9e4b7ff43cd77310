//! `git` against a provider: the token goes along in the environment, only to the provider's own address, and nowhere else.

use std::path::Path;
use std::time::Duration;

use kit::exec::Command;
use kit::secrets::Secret;
use kit::{Context, Error, Result};

use super::{Address, Place, Provider};
use crate::git::{self, BRANCH};

/// A fetch or a push may take so long.
const LIMIT: Duration = Duration::from_secs(600);
/// More than this in one fetch is given up: packed objects, in bytes.
const MAX_PACK: u64 = 1 << 30;
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Where a provider's repositories are served, and the right to them.
pub(super) struct Access {
    /// The header `Authorization`.
    authorization: Secret,
    /// What must not appear in a message.
    token: Secret,
    /// Whether addresses may be plain HTTP: for a stand-in on this host.
    plain_http: bool,
}

impl Access {
    pub(super) fn new(api_url: &str, authorization: Secret, token: &Secret) -> Access {
        Access { authorization, token: token.clone(), plain_http: api_url.starts_with("http://") }
    }

    /// Takes an address that the provider told. Names and passwords in it are left out; what is no address of the web is refused.
    pub(super) fn address(&self, full_name: &str, clone_url: &str, web_url: &str) -> Result<Address> {
        let odd = || Error::unavailable("the provider's answer does not say where the repository is");
        let is_name = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let (owner, name) = full_name.split_once('/').ok_or_else(odd)?;
        let clone_url = self.without_user(clone_url).ok_or_else(odd)?;
        if !is_name(owner) || !is_name(name) {
            return Err(odd());
        }
        // Shown as a link: nothing but an address may be one.
        let web_url = self.without_user(web_url).unwrap_or_else(|| clone_url.clone());
        Ok(Address { full_name: full_name.to_owned(), clone_url, web_url })
    }

    fn without_user(&self, url: &str) -> Option<String> {
        let (scheme, rest) = url.split_once("://")?;
        let allowed = scheme == "https" || (scheme == "http" && self.plain_http);
        let (authority, path) = rest.split_once('/')?;
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let plain = !host.is_empty() && url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains(['"', '\'', '<', '>', '\\']);
        (allowed && plain).then(|| format!("{scheme}://{host}/{path}"))
    }

    /// `git` in the bare repository, able to reach `url` and nothing else.
    fn git(&self, bare: &Path, url: &str) -> Command {
        let origin: String = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let settings = [
            // Only to this host, and redirects are not followed: the header would go along.
            (format!("http.{origin}/.extraHeader"), format!("Authorization: {}", self.authorization.reveal())),
            ("http.followRedirects".to_owned(), "false".to_owned()),
            ("protocol.allow".to_owned(), "never".to_owned()),
            (format!("protocol.{}.allow", if self.plain_http { "http" } else { "https" }), "always".to_owned()),
            // Neither asks nor remembers.
            ("credential.helper".to_owned(), String::new()),
            ("http.lowSpeedLimit".to_owned(), "1000".to_owned()),
            ("http.lowSpeedTime".to_owned(), "60".to_owned()),
        ];
        let command = git::git(bare).timeout(LIMIT).env("GIT_ASKPASS", "true").env("GIT_CONFIG_COUNT", settings.len().to_string());
        settings.into_iter().enumerate().fold(command, |command, (at, (key, value))| {
            command.env(format!("GIT_CONFIG_KEY_{at}"), key).env(format!("GIT_CONFIG_VALUE_{at}"), value)
        })
    }

    /// A failure as people may read it.
    fn failed(&self, doing: &str, error: &Error) -> Error {
        let secret = self.authorization.reveal();
        let coded = secret.split_once(' ').map_or(secret, |(_, coded)| coded);
        let seen = error.to_string().replace(self.token.reveal(), "[redacted]").replace(coded, "[redacted]");
        let lower = seen.to_lowercase();
        let any = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        // In git's words: the command, which is part of it, holds a commit whose digits may be anything.
        if any(&["authentication failed", "could not read username", "returned error: 401", "returned error: 403"]) {
            return Error::conflict(format!("{doing}: the provider refuses the token; check it and what it is allowed to do"));
        }
        if any(&["repository not found", "returned error: 404", "/' not found"]) {
            return Error::conflict(format!("{doing}: the provider has no such repository, or the token may not see it"));
        }
        if any(&["not our ref", "unadvertised object", "couldn't find remote ref"]) {
            return Error::conflict(format!("{doing}: the commit is not in the repository any more"));
        }
        Error::unavailable_because(format!("{doing} failed; trying again may help"), Error::unavailable(seen))
    }
}

/// Pushes `commit` as the first one of the site's branch; one that has commits is left as it is.
pub(super) async fn push_first(provider: &dyn Provider, access: &Access, place: Place<'_>, commit: &str) -> Result<()> {
    if provider.head(place, BRANCH).await?.is_some() {
        return Ok(());
    }
    let url = &place.repository.clone_url;
    let pushed = access.git(place.bare, url).args(["push", "--quiet", "--", url, &format!("{commit}:refs/heads/{BRANCH}")]).run().await;
    pushed.map_err(|error| access.failed("pushing the first commit", &error)).map(|_| ())
}

/// Brings exactly `commit` into the bare repository, where it is kept under a name of ours until the branch has it.
pub(super) async fn fetch(access: &Access, place: Place<'_>, branch: &str, commit: &str) -> Result<()> {
    if git::has_commit(place.bare, commit).await {
        return Ok(());
    }
    let outcome = bounded(access, place, &format!("+{commit}:refs/innkeeper/pushed")).await;
    let outcome = match outcome {
        // A server that hands out branches only; what matters is whether the commit came along.
        Err(error) if matches!(error, Error::Conflict(_)) && error.to_string().contains("not in the repository") => {
            match bounded(access, place, &format!("+refs/heads/{branch}:refs/innkeeper/pushed")).await {
                Ok(()) if git::has_commit(place.bare, commit).await => Ok(()),
                Ok(()) => Err(error),
                Err(other) => Err(other),
            }
        }
        other => other,
    };
    if outcome.is_err() {
        remove_half_packs(place.bare);
    }
    outcome
}

/// Fetches, and gives up when more comes than may.
async fn bounded(access: &Access, place: Place<'_>, refspec: &str) -> Result<()> {
    let url = &place.repository.clone_url;
    let fetch = access
        .git(place.bare, url)
        .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance", "--", url])
        .arg(refspec)
        .run();
    let before = packed(place.bare);
    tokio::select! {
        fetched = fetch => fetched.map_err(|error| access.failed("fetching the pushed commit", &error)).map(|_| ()),
        // Dropping the fetch kills its whole process group.
        () = grows_beyond(place.bare, before + MAX_PACK) => {
            Err(Error::conflict(format!("the push brings more than {} MB; this is more than a site may have", MAX_PACK >> 20)))
        }
    }
}

async fn grows_beyond(bare: &Path, limit: u64) {
    while packed(bare) <= limit {
        tokio::time::sleep(LOOK).await;
    }
}

/// What packs take, half ones counted.
fn packed(bare: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(bare.join("objects/pack")) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn remove_half_packs(bare: &Path) {
    let Ok(entries) = std::fs::read_dir(bare.join("objects/pack")) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("tmp_")) {
        let _ = std::fs::remove_file(entry.path());
    }
}

/// Lets the branch here stand at what was fetched.
pub(crate) async fn take_over(bare: &Path, branch: &str, commit: &str) -> Result<()> {
    git::git(bare)
        .args(["update-ref", &format!("refs/heads/{branch}"), commit])
        .run()
        .await
        .context("noting what the branch is at")
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_user_and_others_are_refused() {
        let access = Access::new("https://api.bitbucket.org/2.0", Secret::new("Basic x"), &Secret::new("x"));
        let taken = access.address("inn/site", "https://inn@bitbucket.org/inn/site.git", "https://bitbucket.org/inn/site").unwrap();
        assert_eq!(taken.clone_url, "https://bitbucket.org/inn/site.git");
        for (name, clone) in [
            ("inn/site", "http://bitbucket.org/inn/site.git"),
            ("inn/site", "ext::sh -c touch% /tmp/x"),
            ("inn/site", "file:///etc"),
            ("inn/site", "--upload-pack=touch"),
            ("inn/site", "https://bitbucket.org/in n/site.git"),
            ("inn/site", "https:///site.git"),
            ("inn/../x", "https://bitbucket.org/inn/site.git"),
            ("site", "https://bitbucket.org/inn/site.git"),
            ("-inn/site", "https://bitbucket.org/inn/site.git"),
        ] {
            assert!(access.address(name, clone, "").is_err(), "{name} {clone}");
        }
        let script = access.address("inn/site", "https://bitbucket.org/inn/site.git", "javascript:alert(1)").unwrap();
        assert_eq!(script.web_url, script.clone_url);
    }
}
