//! Who asks: HTTP Basic with mail address and password, or with a token in the password's place and any name.

use std::path::PathBuf;

use accounts::{Actor, Client, Permission, sessions, throttle, tokens};
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hosting::git::tokens as deploy_tokens;
use hosting::{Site, SiteId, sites};
use kit::Error;
use kit::secrets::Secret;

use crate::app::App;
use crate::request::RequestFacts;
use crate::respond::{Answer, Failure, Reason};

/// Longest header with credentials that is looked at.
const LONGEST: usize = 2048;

/// Who asks, and for which site alone if it is a deploy token.
pub struct Asker {
    /// Who asks.
    pub actor: Actor,
    only: Option<SiteId>,
}

/// A site's repository that somebody may use.
pub struct Place {
    /// The site.
    pub site: Site,
    /// Its repository.
    pub bare: PathBuf,
}

impl Asker {
    /// Finds out who asks, or why nobody is known. What is wrong about a password or a token is counted and slowed down.
    pub async fn recognise(app: &App, facts: &RequestFacts, client: &Client, headers: &HeaderMap) -> Answer<Asker> {
        let (name, secret) =
            basic(headers).ok_or_else(|| not_recognised("Sign in with your mail address and password, or with a token."))?;
        let asker = if deploy_tokens::is_one(secret.reveal()) {
            let found = deploy_tokens::authenticate(&app.db, &app.clock, client, secret.reveal()).await?;
            found.map(|(actor, site)| Asker { actor, only: Some(site) })
        } else if secret.reveal().starts_with(tokens::PREFIX) {
            let found = tokens::authenticate(&app.db, &app.clock, client, secret.reveal()).await?;
            found.map(|actor| Asker { actor, only: None })
        } else {
            match sessions::recognise(&app.db, &app.clock, client, &name, &secret).await {
                Ok(actor) => Some(Asker { actor, only: None }),
                Err(Error::Forbidden(why)) => return Err(not_recognised(&why)),
                Err(other) => return Err(other.into()),
            }
        };
        let Some(asker) = asker else {
            throttle::count_wrong_token(&app.db, &app.clock, client).await?;
            return Err(not_recognised("This token is not known, or it was revoked or has expired."));
        };
        let _ = facts.caller.set(asker.actor.clone());
        Ok(asker)
    }

    /// The repository that `{app}.git` names, for what the asker wants with it. What is another's is answered as what does not exist.
    pub async fn place(&self, app: &App, name: &str, wanted: Permission) -> Answer<Place> {
        let missing = || Error::not_found("repository");
        let id = name.strip_suffix(".git").and_then(|id| SiteId::parse(id).ok()).ok_or_else(missing)?;
        if self.only.as_ref().is_some_and(|only| *only != id) {
            return Err(missing().into());
        }
        let site = sites::get(&app.db, &self.actor.scope(), &id).await.map_err(|error| match error {
            Error::NotFound(_) => missing(),
            other => other,
        })?;
        // It has no repository of its own: pushed to by its id, the site's branch would be deployed to the preview.
        if site.is_preview() {
            return Err(missing().into());
        }
        self.actor.may(wanted).map_err(|refused| match wanted {
            Permission::DeploySites if self.only.is_some() => Error::forbidden("this deploy token may read only; it cannot push"),
            _ => refused,
        })?;
        if wanted == Permission::DeploySites
            && let Some(elsewhere) = &site.outside_url
        {
            return Err(Error::forbidden(format!("this site's repository is elsewhere; push to {elsewhere}")).into());
        }
        let bare = hosting::git::repository_of(&app.hosting, &site).ok_or_else(missing)?;
        Ok(Place { site, bare })
    }
}

fn not_recognised(why: &str) -> Failure {
    Failure::because(Reason::NotRecognised(why.to_owned()))
}

/// Name and secret of `Authorization: Basic …`.
fn basic(headers: &HeaderMap) -> Option<(String, Secret)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > LONGEST {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    // NUL is in no name and no password, and PostgreSQL takes none.
    let (name, secret) = text.split_once(':').filter(|_| !text.contains('\0'))?;
    Some((name.to_owned(), Secret::new(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        basic(&headers).map(|(name, secret)| (name, secret.reveal().to_owned()))
    }

    #[test]
    fn credentials_are_read_as_browsers_and_git_send_them() {
        let encoded = |text: &str| STANDARD.encode(text);
        assert_eq!(read(&format!("Basic {}", encoded("ada@example.test:a:b"))), Some(("ada@example.test".into(), "a:b".into())));
        assert_eq!(read(&format!("basic {}", encoded(":ink_x"))), Some((String::new(), "ink_x".into())));
        for bad in [
            "Basic".to_owned(),
            "Basic !!!".to_owned(),
            format!("Bearer {}", encoded("a:b")),
            format!("Basic {}", encoded("nocolon")),
            format!("Basic {}", encoded("a:b\0c")),
            format!("Basic {}", STANDARD.encode(b"a:\xff")),
            format!("Basic {}", encoded(&format!("a:{}", "b".repeat(4000)))),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }
}
