//! The pushed commit as files: exactly that commit, looked at before anything is written, and nothing of it is run.
//!
//! Git writes the files without hooks and without filters: a repository's attributes can name a filter, but what it runs stands in
//! a configuration that no push can reach. Submodules and large files kept elsewhere are not fetched.

mod links;
mod listing;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use kit::words::counted;
use kit::{Context, Error, Result};

use super::rollout::RESERVED;
use crate::operations::blocking;
use crate::{files, git};
use listing::Plan;

/// A tree of so many files fits with paths of 300 bytes; a "bomb" of trees within trees does not.
const LONGEST_LISTING: usize = 16 << 20;
/// Targets of links are paths.
const LONGEST_LINKS: usize = 4 << 20;
const LIST_LIMIT: Duration = Duration::from_secs(60);

/// Writes the files of `commit` into `target`, which is emptied first. Returns what the people of the site should know.
pub(crate) async fn export(bare: &Path, commit: &str, services: &[&str], target: &Path) -> Result<Vec<String>> {
    let (plan, links) = examine(bare, commit, services).await?;
    let into = target.to_owned();
    blocking(move || {
        files::remove_folder(&into)?;
        files::create_folder(&into)
    })
    .await?;
    git::export(bare, commit, target).await.context(format!("reading commit {commit}"))?;
    let into = target.to_owned();
    let made = links.len();
    blocking(move || links.into_iter().try_for_each(|(path, leads_to)| make_link(&into.join(path), &leads_to))).await?;
    Ok(notices(&plan, made))
}

/// Whether a commit can be deployed, without writing anything; the error names the path that is in the way.
async fn examine(bare: &Path, commit: &str, services: &[&str]) -> Result<(Plan, Vec<(String, String)>)> {
    if !matches!(commit.len(), 40 | 64) || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::conflict("this deployment has no commit that could be checked out"));
    }
    if !git::has_commit(bare, commit).await {
        return Err(Error::conflict(format!("the commit {commit} is not in the site's repository")));
    }
    let listed = git::list_tree(bare, commit, LIST_LIMIT, LONGEST_LISTING).await?;
    let listed = listed.ok_or_else(|| refusal(&listing::too_many_files()))?;
    let plan = listing::plan(&listed, services).map_err(|reason| refusal(&reason))?;
    let ids: Vec<&str> = plan.links.iter().map(|(_, id)| id.as_str()).collect();
    let targets = git::blobs(bare, &ids, LONGEST_LINKS).await?.ok_or_else(|| refusal("its symbolic links are too long"))?;
    let links = plan.links.iter().zip(targets).map(|((path, _), target)| (path.clone(), target)).collect();
    let links = links::checked(links).map_err(|reason| refusal(&reason))?;
    Ok((plan, links))
}

fn refusal(reason: &str) -> Error {
    Error::conflict(format!("this commit cannot be deployed: {reason}"))
}

/// Git has written the link as a file that holds its target: nothing could be written through it.
fn make_link(path: &Path, target: &str) -> Result<()> {
    std::fs::remove_file(path).and_then(|()| std::os::unix::fs::symlink(target, path)).map_err(|error| files::storage(path, error))
}

fn notices(plan: &Plan, links: usize) -> Vec<String> {
    let mut notices = vec![format!("{}, {} KB", counted(plan.files, "file"), plan.bytes.div_ceil(1000))];
    if links > 0 {
        notices.push(format!("{} made", counted(links, "symbolic link")));
    }
    if plan.plain_links > 0 {
        let links = counted(plan.plain_links, "symbolic link");
        notices.push(format!("{links} outside of the services' folders: kept as text, nothing is built from there"));
    }
    for path in &plan.submodules {
        notices.push(format!("{path} is a submodule: it is not fetched; copy what the build needs into the repository"));
    }
    let ours = plan.at_root.iter().filter(|name| RESERVED.contains(&name.as_str()));
    for name in ours {
        notices.push(format!("{name} of the repository is ignored: Innkeeper has its own"));
    }
    for name in plan.at_root.iter().filter(|name| listing::is_compose_file(name)) {
        notices.push(format!("{name} of the repository is not used: the template says how the services run"));
    }
    notices
}
