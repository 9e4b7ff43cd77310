//! What a webhook says. Fields are added, never changed: programs of others read them. Pure.

use serde_json::{Value, json};

use super::readable;
use super::webhooks::WebhookEvent;
use crate::Hosting;
use crate::deployments::Deployment;
use crate::sites::Site;

/// About a deployment.
pub(super) fn of_deployment(hosting: &Hosting, site: &Site, event: WebhookEvent, deployment: &Deployment) -> Value {
    let time = |at: Option<kit::Timestamp>| at.map(kit::Timestamp::rfc3339);
    let page = format!("{}/sites/{}/deployments/{}", hosting.public_url.trim_end_matches('/'), site.id, deployment.id);
    json!({
        "event": event,
        "site": of_site(hosting, site),
        "deployment": {
            "id": deployment.id,
            "kind": deployment.kind,
            "state": deployment.state,
            "branch": deployment.branch,
            "commit": deployment.commit_hash,
            "subject": deployment.subject,
            "author": deployment.author,
            "requested_by": deployment.requested_by,
            "error": deployment.error,
            "url": page,
            "created_at": deployment.created_at.rfc3339(),
            "started_at": time(deployment.started_at),
            "served_at": time(deployment.served_at),
            "finished_at": time(deployment.finished_at),
            "duration_seconds": deployment.duration_seconds(),
        },
    })
}

/// About nothing.
pub(super) fn of_test(hosting: &Hosting, site: &Site) -> Value {
    json!({ "event": WebhookEvent::Test, "site": of_site(hosting, site), "deployment": null })
}

fn of_site(hosting: &Hosting, site: &Site) -> Value {
    json!({ "app_id": site.id, "name": readable(site.name.as_str(), 80), "url": hosting.url(site) })
}
