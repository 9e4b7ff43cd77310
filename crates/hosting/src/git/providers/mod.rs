//! Where sites' repositories are: here, at GitHub or at Bitbucket Cloud, behind one trait.
//!
//! Whatever is done may be repeated: a repository that an interrupted try has made is taken over, a webhook is changed rather than
//! made twice. Tokens travel in headers of our own requests and in the environment of `git`, nowhere else.

mod api;
mod bitbucket;
mod embedded;
mod github;
pub mod settings;
mod transport;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use kit::secrets::Secret;
use kit::{Error, Result, text_enum};

use super::repositories::Repository;
use bitbucket::Bitbucket;
use embedded::Embedded;
use github::Github;
use settings::{BitbucketConfig, GithubConfig};
pub(crate) use transport::take_over;

text_enum!(
    /// Where a repository is.
    ProviderKind {
        /// In our own data folder.
        Embedded = "embedded",
        /// At GitHub, or on a GitHub Enterprise Server.
        Github = "github",
        /// At Bitbucket Cloud.
        Bitbucket = "bitbucket",
    }
);

impl ProviderKind {
    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            ProviderKind::Embedded => "Innkeeper",
            ProviderKind::Github => "GitHub",
            ProviderKind::Bitbucket => "Bitbucket",
        }
    }
}

/// A repository that is to be.
#[derive(Debug, Clone)]
pub struct NewRepository {
    /// Its name: lower-case letters, digits and hyphens.
    pub name: String,
    /// Its description, by which it is known as ours when it is found already made.
    pub mark: String,
}

/// Where a repository was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `owner/name`.
    pub full_name: String,
    /// What `git` is given: without a name or a password.
    pub clone_url: String,
    /// What people open.
    pub web_url: String,
}

/// The webhook that a repository is to have.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where deliveries go.
    pub url: String,
    /// Signs them.
    pub secret: Secret,
}

/// What became of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// It is there, under this id.
    As(String),
    /// The provider cannot reach the address, and says so; pushes are then noticed by looking.
    Unreachable(String),
    /// None is needed: pushes come to us directly.
    NotNeeded,
}

/// How a commit fares here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusState {
    /// Its deployment waits or is at work.
    Pending,
    /// Visitors get it.
    Success,
    /// It did not go live, or was taken back.
    Failure,
    /// A person stopped it.
    Cancelled,
}

/// What is shown beside a commit.
#[derive(Debug, Clone)]
pub struct CommitStatus {
    /// The commit, in full.
    pub commit: String,
    /// How it fares.
    pub state: StatusState,
    /// In a few words.
    pub description: String,
    /// The page of the deployment.
    pub link: String,
}

/// A repository and our own copy of it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The bare repository here.
    pub bare: &'a Path,
    /// Where the site's repository is.
    pub repository: &'a Repository,
}

/// What can be asked of the place where a repository is.
pub trait Provider: Send + Sync {
    /// Makes the repository, or takes over the one that an interrupted try has made.
    fn create<'a>(&'a self, new: &'a NewRepository) -> BoxFuture<'a, Result<Address>>;
    /// Gives an empty repository its first commit; one that has commits is left as it is.
    fn push_first<'a>(&'a self, place: Place<'a>, commit: &'a str) -> BoxFuture<'a, Result<()>>;
    /// Makes the repository's webhook as it should be.
    fn register_webhook<'a>(&'a self, place: Place<'a>, webhook: &'a Webhook) -> BoxFuture<'a, Result<Registered>>;
    /// Takes away what [`Provider::register_webhook`] made; nothing to take away is no error, nor is a repository that is gone.
    fn remove_webhook<'a>(&'a self, place: Place<'a>, url: &'a str) -> BoxFuture<'a, Result<()>>;
    /// Brings exactly this commit, with its history, into the bare repository.
    fn fetch<'a>(&'a self, place: Place<'a>, branch: &'a str, commit: &'a str) -> BoxFuture<'a, Result<()>>;
    /// What a branch is at; none while it does not exist.
    fn head<'a>(&'a self, place: Place<'a>, branch: &'a str) -> BoxFuture<'a, Result<Option<String>>>;
    /// Shows how a commit fares.
    fn set_status<'a>(&'a self, place: Place<'a>, status: &'a CommitStatus) -> BoxFuture<'a, Result<()>>;
}

/// Those that are configured.
pub struct Providers {
    embedded: Embedded,
    github: Option<Github>,
    bitbucket: Option<Bitbucket>,
}

impl Providers {
    /// Checks the settings and prepares what is configured; asks nobody.
    pub fn new(chosen: ProviderKind, github: &GithubConfig, bitbucket: &BitbucketConfig) -> Result<Providers> {
        settings::validate(chosen, github, bitbucket)?;
        Ok(Providers {
            embedded: Embedded,
            github: (!github.token.is_empty()).then(|| Github::new(github)).transpose()?,
            bitbucket: (!bitbucket.token.is_empty()).then(|| Bitbucket::new(bitbucket)).transpose()?,
        })
    }

    /// The provider of a kind, if it is configured.
    pub fn of(&self, kind: ProviderKind) -> Result<&dyn Provider> {
        let found: Option<&dyn Provider> = match kind {
            ProviderKind::Embedded => Some(&self.embedded),
            ProviderKind::Github => self.github.as_ref().map(|it| it as &dyn Provider),
            ProviderKind::Bitbucket => self.bitbucket.as_ref().map(|it| it as &dyn Provider),
        };
        found.ok_or_else(|| Error::conflict(format!("{} is not configured: set {kind}.token", kind.title())))
    }
}

/// The header `Authorization` of HTTP's basic way.
fn basic(user: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.reveal()))))
}
