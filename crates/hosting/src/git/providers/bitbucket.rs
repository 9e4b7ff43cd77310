//! Bitbucket Cloud: the REST API 2.0.

use futures_util::future::BoxFuture;
use kit::secrets::Secret;
use kit::{Error, Result};
use reqwest::Method;
use serde_json::{Value, json};

use super::api::Api;
use super::settings::BitbucketConfig;
use super::transport::{self, Access};
use super::{Address, CommitStatus, NewRepository, Place, Provider, Registered, StatusState, Webhook, basic};
use crate::git::repositories::Repository;

/// Bitbucket Cloud with a token.
pub(super) struct Bitbucket {
    api: Api,
    workspace: String,
    project: String,
    private: bool,
    git: Access,
}

impl Bitbucket {
    pub(super) fn new(config: &BitbucketConfig) -> Result<Bitbucket> {
        // Access tokens are bearers; API tokens belong to an account, and go by its mail address at the API and by a fixed name
        // at git.
        let (authorization, git_user) = match config.username.as_str() {
            "" => (Secret::new(format!("Bearer {}", config.token.reveal())), "x-token-auth"),
            mail if mail.contains('@') => (basic(mail, &config.token), "x-bitbucket-api-token-auth"),
            name => (basic(name, &config.token), name),
        };
        let api = Api {
            client: kit::fetch::outside_client(None)?,
            base: config.api_url.trim_end_matches('/').to_owned(),
            authorization,
            name: "Bitbucket",
            setting: "bitbucket.token",
            rights: "the scopes repository:write, repository:admin, webhook and project",
            accept: "application/json",
        };
        let git = Access::new(&config.api_url, basic(git_user, &config.token), &config.token);
        Ok(Bitbucket { api, workspace: config.workspace.clone(), project: config.project.clone(), private: config.private, git })
    }

    async fn make(&self, new: &NewRepository) -> Result<Address> {
        let path = format!("/repositories/{}/{}", self.workspace, new.name);
        let mut wish = json!({ "scm": "git", "is_private": self.private, "description": new.mark });
        if !self.project.is_empty() {
            wish["project"] = json!({ "key": self.project });
        }
        let made = self.api.ask(Method::POST, &path, Some(&wish)).await?;
        if matches!(made.status, 400 | 409) {
            let found = self.api.ask(Method::GET, &path, None).await?;
            if found.is_good() {
                return if found.body["description"].as_str() == Some(&new.mark) {
                    self.address(&found.body)
                } else {
                    Err(Error::conflict(format!(
                        "Bitbucket has a repository `{}/{}` already that is not this site's; rename or delete it there, then try again",
                        self.workspace, new.name
                    )))
                };
            }
        }
        if made.status == 404 {
            return Err(Error::conflict(format!(
                "Bitbucket knows no workspace `{}`, or the token may not see it; check bitbucket.workspace",
                self.workspace
            )));
        }
        self.address(&made.good("make the repository")?)
    }

    fn address(&self, repository: &Value) -> Result<Address> {
        let links = repository.pointer("/links/clone").and_then(Value::as_array).into_iter().flatten();
        let clone =
            links.filter(|link| link["name"].as_str().is_some_and(|name| name.starts_with("http"))).find_map(|link| link["href"].as_str());
        let web = repository.pointer("/links/html/href").and_then(Value::as_str).unwrap_or_default();
        self.git.address(repository["full_name"].as_str().unwrap_or_default(), clone.unwrap_or_default(), web)
    }

    async fn hook(&self, full_name: &str, webhook: &Webhook) -> Result<Registered> {
        let path = format!("/repositories/{full_name}/hooks");
        let wish = json!({
            "description": "Innkeeper", "url": webhook.url, "active": true,
            "events": ["repo:push"], "secret": webhook.secret.reveal(),
        });
        let present = self.api.ask(Method::GET, &format!("{path}?pagelen=100"), None).await?.good("see its webhooks")?;
        let ours = present["values"].as_array().into_iter().flatten().find(|hook| hook["url"].as_str() == Some(&webhook.url));
        let reply = match ours.and_then(|hook| hook["uuid"].as_str()) {
            Some(id) => self.api.ask(Method::PUT, &format!("{path}/{}", in_path(id)), Some(&wish)).await?,
            None => self.api.ask(Method::POST, &path, Some(&wish)).await?,
        };
        if reply.status == 400 && reply.complaint().to_lowercase().contains("url") {
            return Ok(Registered::Unreachable(reply.complaint()));
        }
        let hook = reply.good("set its webhook")?;
        Ok(Registered::As(hook["uuid"].as_str().unwrap_or_default().to_owned()))
    }

    async fn unhook(&self, repository: &Repository, url: &str) -> Result<()> {
        let path = format!("/repositories/{}/hooks", repository.full_name);
        let reply = self.api.ask(Method::GET, &format!("{path}?pagelen=100"), None).await?;
        if reply.status == 404 {
            return Ok(());
        }
        let present = reply.good("see its webhooks")?;
        for hook in present["values"].as_array().into_iter().flatten() {
            let Some(id) = hook["uuid"].as_str() else { continue };
            // By its address as well: an interrupted try may have made one without noting its id.
            if repository.webhook_id.as_deref() == Some(id) || hook["url"].as_str() == Some(url) {
                self.api.ask(Method::DELETE, &format!("{path}/{}", in_path(id)), None).await?.gone("remove its webhook")?;
            }
        }
        Ok(())
    }
}

/// The braces of their ids are no part of a path.
fn in_path(id: &str) -> String {
    id.replace('{', "%7B").replace('}', "%7D")
}

impl Provider for Bitbucket {
    fn create<'a>(&'a self, new: &'a NewRepository) -> BoxFuture<'a, Result<Address>> {
        Box::pin(self.make(new))
    }

    fn push_first<'a>(&'a self, place: Place<'a>, commit: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(transport::push_first(self, &self.git, place, commit))
    }

    fn register_webhook<'a>(&'a self, place: Place<'a>, webhook: &'a Webhook) -> BoxFuture<'a, Result<Registered>> {
        Box::pin(self.hook(&place.repository.full_name, webhook))
    }

    fn remove_webhook<'a>(&'a self, place: Place<'a>, url: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.unhook(place.repository, url))
    }

    fn fetch<'a>(&'a self, place: Place<'a>, branch: &'a str, commit: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(transport::fetch(&self.git, place, branch, commit))
    }

    fn head<'a>(&'a self, place: Place<'a>, branch: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let path = format!("/repositories/{}/refs/branches/{branch}", place.repository.full_name);
            let reply = self.api.ask(Method::GET, &path, None).await?;
            if reply.status == 404 {
                return Ok(None);
            }
            let found = reply.good("see its branch")?;
            Ok(found["target"]["hash"].as_str().map(str::to_owned))
        })
    }

    fn set_status<'a>(&'a self, place: Place<'a>, status: &'a CommitStatus) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let state = match status.state {
                StatusState::Pending => "INPROGRESS",
                StatusState::Success => "SUCCESSFUL",
                StatusState::Failure => "FAILED",
                StatusState::Cancelled => "STOPPED",
            };
            let wish = json!({
                "key": "innkeeper", "name": "Innkeeper", "state": state, "url": status.link, "description": status.description,
            });
            let path = format!("/repositories/{}/commit/{}/statuses/build", place.repository.full_name, status.commit);
            self.api.ask(Method::POST, &path, Some(&wish)).await?.good("set the status of a commit").map(|_| ())
        })
    }
}
