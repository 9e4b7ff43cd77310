//! Our own repositories: pushes come to us directly, so most of it is done already.

use futures_util::future::BoxFuture;
use kit::{Error, Result};

use super::{Address, CommitStatus, NewRepository, Place, Provider, Registered, Webhook};
use crate::git;

/// The bare repositories in the data folder.
pub(super) struct Embedded;

impl Provider for Embedded {
    fn create<'a>(&'a self, _new: &'a NewRepository) -> BoxFuture<'a, Result<Address>> {
        Box::pin(async { Err(Error::internal("an embedded repository is made with its site")) })
    }

    fn push_first<'a>(&'a self, _place: Place<'a>, _commit: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn register_webhook<'a>(&'a self, _place: Place<'a>, _webhook: &'a Webhook) -> BoxFuture<'a, Result<Registered>> {
        Box::pin(async { Ok(Registered::NotNeeded) })
    }

    fn remove_webhook<'a>(&'a self, _place: Place<'a>, _url: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn fetch<'a>(&'a self, place: Place<'a>, _branch: &'a str, commit: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match git::has_commit(place.bare, commit).await {
                true => Ok(()),
                false => Err(Error::conflict(format!("the repository has no commit {commit}; push it first"))),
            }
        })
    }

    fn head<'a>(&'a self, place: Place<'a>, branch: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(git::branch_head(place.bare, branch))
    }

    fn set_status<'a>(&'a self, _place: Place<'a>, _status: &'a CommitStatus) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}
