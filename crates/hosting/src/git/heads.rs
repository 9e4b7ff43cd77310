//! Pushes that nobody told of: a delivery that was lost, or that came while this was down. Every two minutes each site's branch is
//! compared with what was deployed.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use kit::jobs::Reconciler;
use kit::words::counted;
use kit::{Error, Result, Tx, sql};
use tracing::warn;

use super::providers::{Place, ProviderKind};
use super::{BRANCH, pushed, repositories};
use crate::Hosting;
use crate::sites::{self, Site, SiteId, SiteState};
use crate::templates::Kind;

/// Finds pushes that nobody told of.
#[derive(Default)]
pub struct Heads {
    /// What was new in the last round: the push's own word, which may be on its way, comes first.
    seen: Mutex<HashMap<SiteId, String>>,
}

impl<C: AsRef<Hosting> + Send + 'static> Reconciler<C> for Heads {
    const NAME: &'static str = "git.heads";
    const EVERY: Duration = Duration::from_secs(120);

    async fn reconcile(&self, context: C) -> Result<String> {
        let hosting = context.as_ref().clone();
        let (mut looked, mut found, mut unknown) = (0_usize, 0_usize, 0_usize);
        let mut resting: Vec<ProviderKind> = Vec::new();
        for site in sites::known(&hosting.db).await? {
            // Previews are compared with their own branches: `previews`.
            if site.state != SiteState::Active || site.kind == Kind::Adopted || site.is_preview() {
                continue;
            }
            match self.look(&hosting, &site, &resting).await {
                Ok(was_missed) => {
                    looked += 1;
                    found += usize::from(was_missed);
                }
                Err((kind, error)) => {
                    unknown += 1;
                    // One that wants a pause gets it until the next round.
                    if matches!(error, Error::Throttled { .. }) && !resting.contains(&kind) {
                        resting.push(kind);
                    }
                    warn!(site.id = %site.id, "looking at the branch of site `{}`: {error}", site.id);
                }
            }
        }
        Ok(format!("{} looked at, {} found, {unknown} could not be asked", counted(looked, "site"), counted(found, "missed commit")))
    }
}

impl Heads {
    /// Whether a push was missed, which is deployed then.
    async fn look(&self, hosting: &Hosting, site: &Site, resting: &[ProviderKind]) -> Result<bool, (ProviderKind, Error)> {
        let repository = repositories::of_site(hosting, site).await.map_err(|error| (ProviderKind::Embedded, error))?;
        let kind = repository.provider;
        if resting.contains(&kind) {
            return Err((kind, Error::unavailable(format!("{} wants a pause", kind.title()))));
        }
        let look = async {
            let bare = hosting.repository(site);
            let place = Place { bare: &bare, repository: &repository };
            let head = hosting.providers.of(kind)?.head(place, BRANCH).await?;
            let missed = match &head {
                Some(head) if is_commit(head) => hosting.db.write(async |tx| is_missed(&tx, &site.id, head).await).await?,
                _ => false,
            };
            let Some(head) = head.filter(|_| missed) else {
                self.remember(&site.id, None);
                return Ok(false);
            };
            if self.remember(&site.id, Some(&head)).as_ref() != Some(&head) {
                return Ok(false);
            }
            pushed::enqueue_found(hosting, &site.id, BRANCH, &head).await
        };
        look.await.map_err(|error| (kind, error))
    }

    /// Notes what is new at a site; returns what was so in the last round.
    fn remember(&self, site: &SiteId, head: Option<&str>) -> Option<String> {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match head {
            Some(head) => seen.insert(site.clone(), head.to_owned()),
            None => seen.remove(site),
        }
    }
}

/// Whether a text is a commit in full.
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether the branch stands at a commit that nobody has tried to deploy since the branch came there.
///
/// Any deployment of the commit since the last push counts, however it ended: one that failed or was cancelled is not tried
/// again by itself, and a site that was taken back to an earlier release stays there until there is a new commit.
pub(crate) async fn is_missed(tx: &Tx, site: &SiteId, head: &str) -> Result<bool> {
    let (pushes,): (i64,) =
        tx.one(sql("select cast(count(*) as bigint) from deployment where site_id = $1 and kind = 'push'").bind(site)).await?;
    let tried: Option<(String,)> = tx
        .optional(
            sql("select id from deployment
                 where site_id = $1 and commit_hash = $2
                   and created_at >= (select coalesce(max(created_at), 0) from deployment where site_id = $1 and kind = 'push')
                 limit 1")
            .bind(site)
            .bind(head),
        )
        .await?;
    if tried.is_some() || pushes > 0 {
        return Ok(tried.is_none());
    }
    // Never pushed: what it was made from counts as deployed.
    let first: Option<(String,)> =
        tx.optional(sql("select commit_hash from release where site_id = $1 order by id limit 1").bind(site)).await?;
    Ok(first.is_some_and(|(commit,)| !commit.is_empty() && commit != head))
}
