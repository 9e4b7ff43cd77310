//! Sites: what they are, who may see them, and the rows behind it. What happens to them is in [`crate::operations`].

mod store;

use std::collections::BTreeMap;

use accounts::CustomerId;
use kit::secrets::{InstanceKey, Secret, random_alphanumeric};
use kit::{Error, Result, Timestamp, from_row, id_type, text_enum};
use serde::{Deserialize, Serialize};

use crate::git;
use crate::names::{Host, SiteName};
pub use crate::previews::PreviewDatabase;
use crate::templates::Kind;

pub use store::{
    AddressAnswer, NewSite, SiteFilter, SiteSort, UpdateSite, check_address, counts_by_state, create, get, get_any, kinds_by_customer,
    known, list, update,
};
pub(crate) use store::{
    COLUMNS, every, exists, forget, free_network_slot, get_in, get_with_work, insert_adopted, move_to_free_network, record_certificate,
    record_deployed, record_deployed_in, refuse_beyond_quota, save_secrets, set_release, set_state, take_network_slot,
};

id_type!(
    /// One hosted website.
    SiteId, "app_", random 8
);

id_type!(
    /// One release of a site.
    ReleaseId, "rel_"
);

text_enum!(
    /// Where a site is in its life.
    SiteState {
        /// Being made; its steps are shown.
        Provisioning = "provisioning",
        /// Serving.
        Active = "active",
        /// Stopped by a person; visitors see a page that says so.
        Stopped = "stopped",
        /// Making or restoring it failed; it can be tried again or given up.
        Failed = "failed",
        /// Being archived and removed.
        Deleting = "deleting",
        /// Removed, and kept for a while so that it can be restored.
        Archived = "archived",
        /// Being brought back from its archive.
        Restoring = "restoring",
    }
);

text_enum!(
    /// What is known of a site's certificate.
    CertificateState {
        /// Not asked for yet, or the answer is awaited.
        Pending = "pending",
        /// Served, trusted and in date.
        Valid = "valid",
        /// The authority refused, or what is served is not trusted.
        Failed = "failed",
    }
);

/// One site, as stored.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its id, `app_…`.
    pub id: SiteId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// From which template.
    pub kind: Kind,
    /// Its name, free text.
    pub name: SiteName,
    /// The address we gave it.
    pub domain: Host,
    /// The customer's own domain: claimed, and routed only once its ownership is proven.
    pub custom_domain: Option<Host>,
    /// Where it is in its life.
    pub state: SiteState,
    /// The template's version it was made from.
    pub template_version: String,
    /// What it serves.
    pub release_id: ReleaseId,
    /// Which 16 addresses of the pool are its network.
    pub network_slot: i64,
    /// Who signs in on the site itself.
    pub owner_email: String,
    /// What is known of its certificate.
    pub certificate_state: CertificateState,
    /// Until when the certificate is good.
    pub certificate_expires_at: Option<Timestamp>,
    /// Why there is no certificate.
    pub certificate_error: Option<String>,
    /// How often a certificate was asked for anew; changes the route file, which makes Traefik ask again.
    pub certificate_attempt: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its row last changed.
    pub updated_at: Timestamp,
    /// When a release of it last went live.
    pub last_deployed_at: Option<Timestamp>,
    /// When it was deleted.
    pub archived_at: Option<Timestamp>,
    /// Where its repository is cloned from, when that is at a provider and not here.
    pub outside_url: Option<String>,
    /// The site whose branch it shows, when it is a preview.
    pub preview_of: Option<SiteId>,
    /// Which branch of that site's repository it shows.
    pub preview_branch: Option<String>,
    /// What the preview's database began as.
    pub preview_database: Option<PreviewDatabase>,
    /// Hash of the password at the preview's door, as Traefik reads it.
    pub preview_login: Option<String>,
    /// When the preview is removed by itself.
    pub preview_expires_at: Option<Timestamp>,
    /// Sealed [`SiteSecrets`].
    pub(crate) secrets: String,
}

from_row!(Site {
    id,
    customer_id,
    kind,
    name,
    domain,
    custom_domain,
    state,
    template_version,
    release_id,
    network_slot,
    owner_email,
    certificate_state,
    certificate_expires_at,
    certificate_error,
    certificate_attempt,
    created_at,
    updated_at,
    last_deployed_at,
    archived_at,
    outside_url,
    preview_of,
    preview_branch,
    preview_database,
    preview_login,
    preview_expires_at,
    secrets,
});

/// What a site keeps secret, with the lengths of the seed's environment file.
#[derive(Clone, Serialize, Deserialize)]
pub struct SiteSecrets {
    /// Password of its database user, 32 characters.
    pub db_password: String,
    /// Signs its sessions' tokens, 64 characters.
    pub jwt_secret: String,
    /// Shared by its services, 64 characters.
    pub session_secret: String,
    /// Signs deliveries of its repository's webhook, 64 characters. Empty until the repository exists.
    pub webhook_secret: String,
    /// First password of the owner on the site, 20 characters.
    pub owner_password: String,
    /// Password at the door of a preview, 20 characters. Empty for what is none.
    #[serde(default)]
    pub preview_password: String,
}

impl SiteSecrets {
    /// Fresh ones; the webhook's follows with its repository.
    pub fn generate() -> SiteSecrets {
        SiteSecrets {
            db_password: random_alphanumeric(32),
            jwt_secret: random_alphanumeric(64),
            session_secret: random_alphanumeric(64),
            webhook_secret: String::new(),
            owner_password: random_alphanumeric(20),
            preview_password: String::new(),
        }
    }

    pub(crate) fn seal(&self, key: &InstanceKey, site: &SiteId) -> Result<String> {
        Ok(key.seal(&format!("site.secrets:{site}"), &serde_json::to_string(self)?))
    }
}

impl std::fmt::Debug for SiteSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SiteSecrets(••••••)")
    }
}

impl Site {
    /// Opens the sealed secrets; fails rather than returning empty ones.
    pub fn open_secrets(&self, key: &InstanceKey) -> Result<SiteSecrets> {
        let plain: Secret = key.open(&format!("site.secrets:{}", self.id), &self.secrets)?;
        serde_json::from_str(plain.reveal()).map_err(|_| Error::internal("the sealed secrets of a site are not readable"))
    }

    /// Whether it shows a branch of another site.
    pub fn is_preview(&self) -> bool {
        self.preview_of.is_some()
    }

    /// The site whose repository it shows: its own, or that of the site that it is a preview of.
    pub fn shown(&self) -> &SiteId {
        self.preview_of.as_ref().unwrap_or(&self.id)
    }

    /// The branch whose pushes it follows.
    pub fn branch(&self) -> &str {
        self.preview_branch.as_deref().unwrap_or(git::BRANCH)
    }

    /// Names its containers, routers and volumes: `{customer}-{app}`.
    pub fn prefix(&self) -> String {
        format!("{}-{}", self.customer_id, self.id)
    }

    /// Container of a service: `{customer}-{app}-{service}`.
    pub fn container(&self, service: &str) -> String {
        format!("{}-{service}", self.prefix())
    }

    /// Name of its database, `site_app_…`.
    pub fn database(&self) -> String {
        format!("site_{}", self.id)
    }

    /// User of its database, `user_app_…`.
    pub fn database_user(&self) -> String {
        format!("user_{}", self.id)
    }
}

/// The state of each service: `running`, `stopped`, ….
pub type ServiceStates = BTreeMap<String, crate::runtime::ServiceState>;
