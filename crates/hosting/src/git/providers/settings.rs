//! Sections `[github]` and `[bitbucket]` of the configuration.

use kit::secrets::Secret;
use kit::{Error, FieldError, Result};
use serde::{Deserialize, Serialize};

use super::ProviderKind;

/// Section `[github]`: where new repositories are made, and with which token.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubConfig {
    /// A fine-grained or classic personal access token; empty for none.
    pub token: Secret,
    /// The organisation that owns the repositories; empty: the token's own account.
    pub organisation: String,
    /// Whether new repositories are private.
    pub private: bool,
    /// The API, also of a GitHub Enterprise Server.
    pub api_url: String,
}

/// Section `[bitbucket]`: where new repositories are made, and with which token.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitbucketConfig {
    /// The workspace that owns the repositories.
    pub workspace: String,
    /// Whose token it is: the mail address of an API token's account; empty for an access token of the workspace.
    pub username: String,
    /// An API token or a workspace access token; empty for none.
    pub token: Secret,
    /// Key of the project that new repositories belong to; empty: the workspace's own choice.
    pub project: String,
    /// Whether new repositories are private.
    pub private: bool,
    /// The API.
    pub api_url: String,
}

/// Checks what the types do not say; `chosen` is where new sites' repositories are made.
pub fn validate(chosen: ProviderKind, github: &GithubConfig, bitbucket: &BitbucketConfig) -> Result<()> {
    let mut wrong = Vec::new();
    let mut complain = |field: &str, message: &str| wrong.push(FieldError { field: field.to_owned(), message: message.to_owned() });
    let uses_github = !github.token.is_empty() || chosen == ProviderKind::Github;
    let uses_bitbucket = !bitbucket.token.is_empty() || chosen == ProviderKind::Bitbucket;
    for (used, field, url) in [(uses_github, "github.api_url", &github.api_url), (uses_bitbucket, "bitbucket.api_url", &bitbucket.api_url)]
    {
        if used && !is_plain_url(url) {
            complain(field, "must be the https:// address of the API, without a name or a password in it");
        }
    }
    if chosen == ProviderKind::Github && github.token.is_empty() {
        complain("github.token", "is needed, because hosting.repositories is `github`");
    }
    if chosen == ProviderKind::Bitbucket && bitbucket.token.is_empty() {
        complain("bitbucket.token", "is needed, because hosting.repositories is `bitbucket`");
    }
    if uses_bitbucket && bitbucket.workspace.is_empty() {
        complain("bitbucket.workspace", "is needed with a token");
    }
    for (field, token) in [("github.token", &github.token), ("bitbucket.token", &bitbucket.token)] {
        if !token.reveal().bytes().all(|byte| byte.is_ascii_graphic()) {
            complain(field, "must be one word");
        }
    }
    for (field, name) in [("github.organisation", &github.organisation), ("bitbucket.workspace", &bitbucket.workspace)] {
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            complain(field, "must be a name as in addresses: letters, digits, `-`, `_` and `.`");
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
}

/// Plain HTTP is for stand-ins on this host only: a token must not cross a network unencrypted.
fn is_plain_url(url: &str) -> bool {
    let is_local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].iter().any(|start| url.starts_with(start));
    let plain = !url.contains('@') && !url.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    plain && (url.starts_with("https://") || is_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(chosen: ProviderKind, github: &GithubConfig, bitbucket: &BitbucketConfig) -> Vec<String> {
        match validate(chosen, github, bitbucket) {
            Err(Error::Invalid(fields)) => fields.into_iter().map(|field| field.field).collect(),
            other => other.map(|()| Vec::new()).unwrap(),
        }
    }

    #[test]
    fn what_is_chosen_needs_a_token_and_a_token_needs_tls() {
        let (no_github, no_bitbucket) = (GithubConfig::default(), BitbucketConfig::default());
        assert!(complaints(ProviderKind::Embedded, &no_github, &no_bitbucket).is_empty());
        assert_eq!(complaints(ProviderKind::Github, &no_github, &no_bitbucket), ["github.api_url", "github.token"]);
        assert_eq!(
            complaints(ProviderKind::Bitbucket, &no_github, &no_bitbucket),
            ["bitbucket.api_url", "bitbucket.token", "bitbucket.workspace"]
        );
        let with = |url: &str| GithubConfig { token: Secret::new("t"), api_url: url.to_owned(), ..GithubConfig::default() };
        for good in ["https://api.github.com", "https://git.example.com/api/v3", "http://127.0.0.1:4711"] {
            assert!(complaints(ProviderKind::Github, &with(good), &no_bitbucket).is_empty(), "{good}");
        }
        for bad in
            ["", "http://api.github.com", "ftp://x", "https://me:secret@api.github.com", "https://a b", "http://127.0.0.1.evil.test:1"]
        {
            assert_eq!(complaints(ProviderKind::Github, &with(bad), &no_bitbucket), ["github.api_url"], "{bad}");
        }
        let odd = GithubConfig { organisation: "../x".to_owned(), token: Secret::new("a\r\nX: y"), ..with("https://api.github.com") };
        assert_eq!(complaints(ProviderKind::Embedded, &odd, &no_bitbucket), ["github.token", "github.organisation"]);
    }
}
