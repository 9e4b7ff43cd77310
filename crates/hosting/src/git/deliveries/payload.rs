//! What the bodies of deliveries say: GitHub's `push`, Bitbucket Cloud's `repo:push`, and the plain form with `ref` and `after`.
//! Only what is needed is read; the rest may be anything.

use kit::{Error, Result};
use serde::Deserialize;

use crate::git::BRANCH;
use crate::git::heads::is_commit;
use crate::git::providers::ProviderKind;

/// The body of a delivery, of any of the known forms.
#[derive(Debug, Clone, Deserialize)]
pub struct Payload {
    repository: Option<RepositoryPart>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    before: Option<String>,
    after: Option<String>,
    #[serde(default)]
    deleted: bool,
    push: Option<BitbucketPush>,
}

#[derive(Debug, Clone, Deserialize)]
struct RepositoryPart {
    full_name: Option<String>,
    clone_url: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct BitbucketPush {
    #[serde(default)]
    changes: Vec<BitbucketChange>,
}

#[derive(Debug, Clone, Deserialize)]
struct BitbucketChange {
    new: Option<BitbucketRef>,
    old: Option<BitbucketRef>,
}

#[derive(Debug, Clone, Deserialize)]
struct BitbucketRef {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    target: Option<BitbucketTarget>,
}

#[derive(Debug, Clone, Deserialize)]
struct BitbucketTarget {
    hash: String,
}

/// By which names a repository is told.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    pub(super) full_name: String,
    pub(super) clone_url: Option<String>,
}

/// What a delivery says, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// The site's branch is at a new commit.
    Push(Push),
    /// Nothing is to be done, and why.
    Nothing(String),
}

/// A push to the site's branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Push {
    pub(super) branch: String,
    pub(super) commit: String,
    pub(super) before: Option<String>,
}

impl Payload {
    /// Which repository it is about.
    pub(super) fn repository(&self) -> Result<Addresses> {
        let part = self.repository.as_ref();
        let full_name = part.and_then(|part| part.full_name.clone());
        let clone_url = part.and_then(|part| part.clone_url.clone());
        if full_name.is_none() && clone_url.is_none() {
            return Err(Error::invalid("repository.full_name", "is missing: it says whose delivery this is"));
        }
        Ok(Addresses { full_name: full_name.unwrap_or_default(), clone_url })
    }

    /// What happened, by the event that the sender names.
    pub(super) fn said(&self, provider: Option<ProviderKind>, event: &str) -> Result<Said> {
        match (provider, event) {
            (Some(ProviderKind::Github), "ping") | (Some(ProviderKind::Bitbucket), "diagnostics:ping") => {
                nothing("pong: the secret is right")
            }
            (Some(ProviderKind::Github), "push") => self.plain(),
            (Some(ProviderKind::Bitbucket), "repo:push") => self.bitbucket(),
            (Some(_), other) => nothing(&format!("the event `{}` is of no use here; only pushes are", other.escape_default())),
            (None, _) => self.plain(),
        }
    }

    fn plain(&self) -> Result<Said> {
        let reference = self.reference.as_deref().ok_or_else(|| Error::invalid("ref", "is missing: such as refs/heads/main"))?;
        let after = self.after.as_deref().ok_or_else(|| Error::invalid("after", "is missing: the commit that was pushed"))?;
        if let Some(why) = why_not(reference) {
            return nothing(&why);
        }
        if self.deleted || is_nothing(after) {
            return nothing(DELETED);
        }
        push("after", after, self.before.as_deref())
    }

    fn bitbucket(&self) -> Result<Said> {
        let push_part = self.push.as_ref().ok_or_else(|| Error::invalid("push", "is missing"))?;
        let mut why = "nothing was pushed".to_owned();
        // The last one of several: that is where the branch is.
        for change in push_part.changes.iter().rev() {
            let Some(changed) = change.new.as_ref().or(change.old.as_ref()) else { continue };
            let reference = format!("refs/{}/{}", if changed.kind == "branch" { "heads" } else { "tags" }, changed.name);
            if let Some(reason) = why_not(&reference) {
                why = reason;
                continue;
            }
            let Some(new) = &change.new else { return nothing(DELETED) };
            let hash = new.target.as_ref().map(|target| target.hash.as_str()).unwrap_or_default();
            let before = change.old.as_ref().and_then(|old| old.target.as_ref()).map(|target| target.hash.as_str());
            return push("push.changes.new.target.hash", hash, before);
        }
        nothing(&why)
    }
}

const DELETED: &str = "the branch was deleted; the site stays as it is";

fn nothing(why: &str) -> Result<Said> {
    Ok(Said::Nothing(why.to_owned()))
}

/// Why a reference is not the one that is deployed.
fn why_not(reference: &str) -> Option<String> {
    let shown = |name: &str| name.chars().take(100).collect::<String>().escape_default().to_string();
    match (reference.strip_prefix("refs/heads/"), reference.strip_prefix("refs/tags/")) {
        (Some(BRANCH), _) => None,
        (Some(branch), _) => Some(format!("only the branch {BRANCH} is deployed, and this is {}", shown(branch))),
        (_, Some(tag)) => Some(format!("only the branch {BRANCH} is deployed, and this is the tag {}", shown(tag))),
        _ => Some(format!("only the branch {BRANCH} is deployed, and this is {}", shown(reference))),
    }
}

fn is_nothing(commit: &str) -> bool {
    !commit.is_empty() && commit.bytes().all(|byte| byte == b'0')
}

fn push(field: &str, commit: &str, before: Option<&str>) -> Result<Said> {
    if !is_commit(commit) {
        return Err(Error::invalid(field, "must be a commit in full: 40 or 64 lower-case hex digits"));
    }
    // A branch that is new comes from nowhere.
    let before = before.filter(|before| is_commit(before) && !is_nothing(before)).map(str::to_owned);
    Ok(Said::Push(Push { branch: BRANCH.to_owned(), commit: commit.to_owned(), before }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
    const B: &str = "709d658dc5b6d6afcd46049c2f332ee3f515a67d";

    fn said(provider: Option<ProviderKind>, event: &str, body: &str) -> Result<Said> {
        serde_json::from_str::<Payload>(body).unwrap().said(provider, event)
    }

    fn plain(body: &str) -> Result<Said> {
        said(None, "", body)
    }

    #[test]
    fn plain_pushes_are_read_and_all_else_has_its_reason() {
        let main = format!(r#"{{"ref":"refs/heads/main","after":"{A}","before":"{B}","repository":{{"full_name":"a/b"}}}}"#);
        let push = Push { branch: "main".to_owned(), commit: A.to_owned(), before: Some(B.to_owned()) };
        assert_eq!(plain(&main).unwrap(), Said::Push(push.clone()));
        assert_eq!(said(Some(ProviderKind::Github), "push", &main).unwrap(), Said::Push(push));
        let zeros = "0".repeat(40);
        for (body, reason) in [
            (format!(r#"{{"ref":"refs/heads/other","after":"{A}"}}"#), "only the branch main"),
            (format!(r#"{{"ref":"refs/heads/main/x","after":"{A}"}}"#), "only the branch main"),
            (format!(r#"{{"ref":"refs/tags/main","after":"{A}"}}"#), "the tag main"),
            (format!(r#"{{"ref":"main","after":"{A}"}}"#), "only the branch main"),
            (format!(r#"{{"ref":"refs/heads/main","after":"{zeros}"}}"#), "deleted"),
            (format!(r#"{{"ref":"refs/heads/main","after":"{A}","deleted":true}}"#), "deleted"),
            (format!(r#"{{"ref":"refs/heads/\u001b[31m<script>","after":"{A}"}}"#), "\\u{1b}[31m<script>"),
        ] {
            let Ok(Said::Nothing(why)) = plain(&body) else { panic!("{body}") };
            assert!(why.contains(reason), "{body}: {why}");
        }
        for body in [
            r#"{"after":"6113728f27ae82c7b1a177c8d03f9e96e0adf246"}"#,
            r#"{"ref":"refs/heads/main"}"#,
            r#"{"ref":"refs/heads/main","after":"abc123"}"#,
            r#"{"ref":"refs/heads/main","after":"--upload-pack=touch /tmp/x; exit 0 ....."}"#,
            r#"{"ref":"refs/heads/main","after":""}"#,
        ] {
            assert!(matches!(plain(body), Err(Error::Invalid(_))), "{body}");
        }
    }

    #[test]
    fn of_several_changes_the_last_of_the_branch_counts() {
        let branch =
            |name: &str, hash: &str| format!(r#"{{"type":"branch","name":"{name}","target":{{"type":"commit","hash":"{hash}"}}}}"#);
        let tag = format!(r#"{{"type":"tag","name":"v1","target":{{"hash":"{A}"}}}}"#);
        let changes = |list: &[String]| format!(r#"{{"push":{{"changes":[{}]}}}}"#, list.join(","));
        let change = |new: &str, old: &str| format!(r#"{{"new":{new},"old":{old},"closed":false,"forced":false}}"#);
        let read = |list: &[String]| said(Some(ProviderKind::Bitbucket), "repo:push", &changes(list)).unwrap();
        let pushed = |commit: &str, before: Option<&str>| {
            Said::Push(Push { branch: "main".to_owned(), commit: commit.to_owned(), before: before.map(str::to_owned) })
        };
        assert_eq!(read(&[change(&branch("main", A), &branch("main", B))]), pushed(A, Some(B)));
        assert_eq!(read(&[change(&branch("main", A), "null"), change(&tag, "null")]), pushed(A, None));
        assert_eq!(read(&[change(&branch("main", A), "null"), change(&branch("main", B), &branch("main", A))]), pushed(B, Some(A)));
        for (list, reason) in [
            (vec![change("null", &branch("main", A))], "deleted"),
            (vec![change(&branch("other", A), "null")], "only the branch"),
            (vec![change(&tag, "null")], "the tag v1"),
            (vec![], "nothing was pushed"),
        ] {
            let Said::Nothing(why) = read(&list) else { panic!("{list:?}") };
            assert!(why.contains(reason), "{why}");
        }
    }

    #[test]
    fn other_events_are_of_no_use() {
        for (provider, event, reason) in [
            (ProviderKind::Github, "ping", "pong"),
            (ProviderKind::Github, "issues", "`issues` is of no use"),
            (ProviderKind::Github, "", "of no use"),
            (ProviderKind::Bitbucket, "repo:fork", "of no use"),
            (ProviderKind::Bitbucket, "push", "of no use"),
        ] {
            let Ok(Said::Nothing(why)) = said(Some(provider), event, "{}") else { panic!("{event}") };
            assert!(why.contains(reason), "{event}: {why}");
        }
    }
}
