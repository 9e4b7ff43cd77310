//! What people read about deployments. Whatever others wrote is a text among ours: in quotes, cut to a line, never a link of its own.

use kit::mail::{Letter, Mail};
use kit::words::counted;

use super::preferences::Recipient;
use super::readable;
use crate::Hosting;
use crate::deployments::watch::Evidence;
use crate::deployments::{Deployment, DeploymentKind};
use crate::sites::Site;

/// What all mails about a site say of it.
pub(super) struct Facts {
    name: String,
    url: String,
    page: String,
    account: String,
}

impl Facts {
    pub(super) fn of(hosting: &Hosting, site: &Site) -> Facts {
        let panel = hosting.public_url.trim_end_matches('/');
        Facts {
            name: readable(site.name.as_str(), 80),
            url: hosting.url(site),
            page: format!("{panel}/sites/{}/deployments", site.id),
            account: format!("{panel}/account#notifications"),
        }
    }

    fn letter(&self, to: &Recipient, subject: String, said: Vec<String>, link: &str, button: &'static str) -> Mail {
        let mut before = vec![format!("Hello {},", to.name)];
        before.extend(said);
        let after = vec![format!("Which of these mails you get is your own choice: {}", self.account)];
        Letter { to: &to.email, subject, before, link, button, after }.compose()
    }

    fn link(&self, deployment: &Deployment) -> String {
        format!("{}/{}", self.page, deployment.id)
    }
}

/// One line of somebody else's text.
fn line(text: &str, longest: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match flat.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &flat[..end]),
        None => flat,
    }
}

/// What was to be made live, in words.
fn what(deployment: &Deployment) -> String {
    let kind = match deployment.kind {
        DeploymentKind::Push | DeploymentKind::Manual => "Commit",
        DeploymentKind::Settings => "Changed settings, commit",
        DeploymentKind::Rollback | DeploymentKind::AutomaticRollback => "Back to commit",
    };
    let commit = if deployment.commit_hash.is_empty() { "of the template" } else { deployment.short_commit() };
    let mut text = format!("{kind} {commit}");
    if !deployment.subject.is_empty() {
        text.push_str(&format!(" “{}”", line(&deployment.subject, 120)));
    }
    if !deployment.author.is_empty() {
        text.push_str(&format!(" by {}", line(&deployment.author, 60)));
    }
    if !deployment.branch.is_empty() {
        text.push_str(&format!(", branch {}", line(&deployment.branch, 60)));
    }
    text
}

fn why(deployment: &Deployment) -> String {
    match deployment.error.as_deref().filter(|error| !error.is_empty()) {
        Some(error) => format!("Why: {}", line(error, 500)),
        None => "The log of the deployment says why.".to_owned(),
    }
}

pub(super) fn failed(facts: &Facts, to: &Recipient, deployment: &Deployment) -> Mail {
    let said = vec![
        format!("a deployment of {} failed. Visitors notice nothing: what was online before still is.", facts.name),
        what(deployment),
        why(deployment),
    ];
    facts.letter(to, format!("{}: a deployment failed", facts.name), said, &facts.link(deployment), "See the deployment")
}

/// Several failed shortly after each other; `last` is the newest of them.
pub(super) fn failures(facts: &Facts, to: &Recipient, last: &Deployment, many: usize) -> Mail {
    let said = vec![
        format!(
            "since the last mail {} of {} failed. Visitors notice nothing: what was online before still is.",
            counted(many, "more deployment"),
            facts.name
        ),
        format!("The newest of them: {}", what(last)),
        why(last),
    ];
    facts.letter(to, format!("{}: {many} more deployments failed", facts.name), said, &facts.page, "See the deployments")
}

pub(super) fn succeeded(facts: &Facts, to: &Recipient, deployment: &Deployment) -> Mail {
    let said = vec![format!("a new version of {} is online at {}.", facts.name, facts.url), what(deployment)];
    facts.letter(to, format!("{}: a new version is online", facts.name), said, &facts.link(deployment), "See the deployment")
}

pub(super) fn rolled_back(facts: &Facts, to: &Recipient, deployment: &Deployment) -> Mail {
    let evidence = deployment.evidence.as_deref().and_then(|text| serde_json::from_str::<Evidence>(text).ok());
    let said = vec![
        format!(
            "the new version of {} did worse than the one before, so it was taken back. Visitors get the version from before it.",
            facts.name
        ),
        what(deployment),
        match evidence {
            Some(evidence) => format!("Why: {}", line(&evidence.reason, 500)),
            None => why(deployment),
        },
    ];
    facts.letter(to, format!("{}: a new version was taken back", facts.name), said, &facts.link(deployment), "See what happened")
}
