//! GitHub, also as a GitHub Enterprise Server: the REST API of version 2022-11-28.

use futures_util::future::BoxFuture;
use kit::secrets::Secret;
use kit::{Error, Result};
use reqwest::Method;
use serde_json::{Value, json};

use super::api::{Api, Reply};
use super::settings::GithubConfig;
use super::transport::{self, Access};
use super::{Address, CommitStatus, NewRepository, Place, Provider, Registered, StatusState, Webhook, basic};
use crate::git::repositories::Repository;

/// GitHub with a token.
pub(super) struct Github {
    api: Api,
    organisation: String,
    private: bool,
    git: Access,
}

impl Github {
    pub(super) fn new(config: &GithubConfig) -> Result<Github> {
        let api = Api {
            client: kit::fetch::outside_client(None)?,
            base: config.api_url.trim_end_matches('/').to_owned(),
            authorization: Secret::new(format!("Bearer {}", config.token.reveal())),
            name: "GitHub",
            setting: "github.token",
            rights: "the permissions Administration, Contents, Webhooks and Commit statuses (read and write); \
                     a classic token the scopes repo and admin:repo_hook",
            accept: "application/vnd.github+json",
        };
        let git = Access::new(&config.api_url, basic("x-access-token", &config.token), &config.token);
        Ok(Github { api, organisation: config.organisation.clone(), private: config.private, git })
    }

    async fn make(&self, new: &NewRepository) -> Result<Address> {
        let path = if self.organisation.is_empty() { "/user/repos".to_owned() } else { format!("/orgs/{}/repos", self.organisation) };
        let wish = json!({ "name": new.name, "description": new.mark, "private": self.private, "auto_init": false });
        let made = self.api.ask(Method::POST, &path, Some(&wish)).await?;
        if made.status == 422
            && let Some(found) = self.find(new).await?
        {
            return if found["description"].as_str() == Some(&new.mark) {
                self.address(&found)
            } else {
                Err(Error::conflict(format!(
                    "GitHub has a repository `{}` already that is not this site's; rename or delete it there, then try again",
                    found["full_name"].as_str().unwrap_or(&new.name)
                )))
            };
        }
        if made.status == 404 {
            return Err(Error::conflict(format!(
                "GitHub knows no organisation `{}`, or the token may not make repositories there; check github.organisation",
                self.organisation
            )));
        }
        self.address(&made.good("make the repository")?)
    }

    /// The repository of that name, if there is one.
    async fn find(&self, new: &NewRepository) -> Result<Option<Value>> {
        let owner = if self.organisation.is_empty() {
            let me = self.api.ask(Method::GET, "/user", None).await?.good("see whose token it is")?;
            me["login"].as_str().unwrap_or_default().to_owned()
        } else {
            self.organisation.clone()
        };
        let found = self.api.ask(Method::GET, &format!("/repos/{owner}/{}", new.name), None).await?;
        Ok(found.is_good().then_some(found.body))
    }

    fn address(&self, repository: &Value) -> Result<Address> {
        let text = |name: &str| repository[name].as_str().unwrap_or_default();
        self.git.address(text("full_name"), text("clone_url"), text("html_url"))
    }

    async fn hook(&self, full_name: &str, webhook: &Webhook) -> Result<Registered> {
        let config = json!({ "url": webhook.url, "content_type": "json", "secret": webhook.secret.reveal(), "insecure_ssl": "0" });
        let path = format!("/repos/{full_name}/hooks");
        let present = self.api.ask(Method::GET, &format!("{path}?per_page=100"), None).await?.good("see its webhooks")?;
        let ours = present.as_array().into_iter().flatten().find(|hook| hook["config"]["url"].as_str() == Some(&webhook.url));
        let reply = match ours.and_then(|hook| hook["id"].as_u64()) {
            Some(id) => {
                let change = json!({ "active": true, "events": ["push"], "config": config });
                self.api.ask(Method::PATCH, &format!("{path}/{id}"), Some(&change)).await?
            }
            None => {
                let wish = json!({ "name": "web", "active": true, "events": ["push"], "config": config });
                self.api.ask(Method::POST, &path, Some(&wish)).await?
            }
        };
        registered(reply)
    }

    async fn unhook(&self, repository: &Repository, url: &str) -> Result<()> {
        let path = format!("/repos/{}/hooks", repository.full_name);
        let reply = self.api.ask(Method::GET, &format!("{path}?per_page=100"), None).await?;
        if reply.status == 404 {
            return Ok(());
        }
        let present = reply.good("see its webhooks")?;
        for hook in present.as_array().into_iter().flatten() {
            let Some(id) = hook["id"].as_u64() else { continue };
            // By its address as well: an interrupted try may have made one without noting its id.
            if repository.webhook_id.as_deref() == Some(id.to_string().as_str()) || hook["config"]["url"].as_str() == Some(url) {
                self.api.ask(Method::DELETE, &format!("{path}/{id}"), None).await?.gone("remove its webhook")?;
            }
        }
        Ok(())
    }
}

fn registered(reply: Reply) -> Result<Registered> {
    // "url is not supported because it isn't reachable over the public Internet (localhost)"
    if reply.status == 422 && reply.complaint().contains("reachable") {
        return Ok(Registered::Unreachable(reply.complaint()));
    }
    let hook = reply.good("set its webhook")?;
    Ok(Registered::As(hook["id"].as_u64().map(|id| id.to_string()).unwrap_or_default()))
}

impl Provider for Github {
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
            let path = format!("/repos/{}/git/ref/heads/{branch}", place.repository.full_name);
            let reply = self.api.ask(Method::GET, &path, None).await?;
            // 409: the repository is empty.
            if reply.status == 404 || reply.status == 409 {
                return Ok(None);
            }
            let found = reply.good("see its branch")?;
            Ok(found["object"]["sha"].as_str().map(str::to_owned))
        })
    }

    fn set_status<'a>(&'a self, place: Place<'a>, status: &'a CommitStatus) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let state = match status.state {
                StatusState::Pending => "pending",
                StatusState::Success => "success",
                StatusState::Failure => "failure",
                StatusState::Cancelled => "error",
            };
            // They refuse longer descriptions.
            let description: String = status.description.chars().take(140).collect();
            let wish = json!({ "state": state, "target_url": status.link, "description": description, "context": "innkeeper" });
            let path = format!("/repos/{}/statuses/{}", place.repository.full_name, status.commit);
            self.api.ask(Method::POST, &path, Some(&wish)).await?.good("set the status of a commit").map(|_| ())
        })
    }
}
