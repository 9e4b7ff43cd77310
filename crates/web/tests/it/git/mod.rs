//! Git over HTTP, with the real client against a running Innkeeper. No job runs: what becomes of a deployment is written into the
//! database in its place.

mod access;
mod client;
mod deploys;
mod hostile;
mod pages;

use std::path::{Path, PathBuf};
use std::time::Duration;

use accounts::{Actor, CustomerId, Label, Role};
use hosting::git::tokens::{self, TokenAccess};
use hosting::names::SiteName;
use hosting::{Site, SiteId, sites, templates};
use kit::exec::Command;
use kit::sql;
use web::Config;
use web::testing::TestApp;

/// A house with one site that has a repository.
struct House {
    test: TestApp,
    customer: CustomerId,
    site: Site,
    folder: tempfile::TempDir,
}

/// What the client said.
struct Said {
    ok: bool,
    text: String,
}

impl Said {
    #[track_caller]
    fn fine(self) -> String {
        assert!(self.ok, "{}", self.text);
        self.text
    }

    #[track_caller]
    fn refused(self, word: &str) -> String {
        assert!(!self.ok && self.text.contains(word), "ok {}, without `{word}`: {}", self.ok, self.text);
        self.text
    }
}

async fn house() -> House {
    house_with(|_| {}).await
}

async fn house_with(change: impl FnOnce(&mut Config)) -> House {
    let test = TestApp::start_on(kit::testing::sqlite().await, change).await;
    let customer = test.customer("Atelier Nord").await;
    test.passwordless(Role::Customer { customer: customer.clone(), standing: accounts::Standing::Owner }).await;
    let site = site_of(&test, &customer, "Atelier").await;
    House { test, customer, site, folder: tempfile::tempdir().unwrap() }
}

/// A site as its making leaves it, without containers.
async fn site_of(test: &TestApp, customer: &CustomerId, name: &str) -> Site {
    let hosting = &test.app.hosting;
    let new =
        sites::NewSite { kind: templates::Kind::Portfolio, name: SiteName::parse(name).unwrap(), subdomain: None, custom_domain: None };
    let site = sites::create(hosting, &Actor::cli(), customer, &new).await.unwrap();
    let folder = hosting.site_folder(&site);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("index.html"), "first").unwrap();
    hosting::git::create(&folder, &hosting.repository(&site)).await.unwrap();
    set_state(test, &site.id, "active").await;
    sites::get_any(&test.app.db, &site.id).await.unwrap()
}

async fn set_state(test: &TestApp, site: &SiteId, state: &str) {
    let db = &test.app.db;
    db.execute(sql("update site set state = $2 where id = $1").bind(site).bind(state)).await.unwrap();
    db.execute(sql("update site_operation set state = 'done' where site_id = $1").bind(site)).await.unwrap();
}

impl House {
    /// A new deploy token of the site.
    async fn token(&self, access: TokenAccess) -> String {
        self.made(access).await.secret.reveal().to_owned()
    }

    async fn made(&self, access: TokenAccess) -> tokens::MadeToken {
        let name = Label::parse("CI").unwrap();
        tokens::create(&self.test.app.hosting, &Actor::cli(), &self.site.id, &name, access).await.unwrap()
    }

    /// The address of the site's repository, with credentials.
    fn url(&self, user: &str, secret: &str) -> String {
        let escaped = |text: &str| text.replace('@', "%40").replace(' ', "%20");
        format!("http://{}:{}@{}/git/{}.git", escaped(user), escaped(secret), self.test.address, self.site.id)
    }

    async fn push_url(&self) -> String {
        self.url("ci", &self.token(TokenAccess::Push).await)
    }

    fn bare(&self) -> PathBuf {
        self.test.app.hosting.repository(&self.site)
    }

    /// Runs the client in a folder below the test's own.
    async fn git(&self, folder: &str, args: &[&str]) -> Said {
        self.git_for(folder, args, Duration::from_secs(50)).await
    }

    async fn git_for(&self, folder: &str, args: &[&str], limit: Duration) -> Said {
        let dir = self.folder.path().join(folder);
        std::fs::create_dir_all(&dir).unwrap();
        let said = client(&dir, args, self.folder.path()).timeout(limit).run().await;
        match said {
            Ok(output) => Said { ok: true, text: output.stdout + &output.stderr },
            Err(error) => Said { ok: false, text: error.to_string() },
        }
    }

    /// A clone, ready to commit in.
    async fn clone_into(&self, folder: &str) -> PathBuf {
        let url = self.push_url().await;
        self.git(".", &["clone", "--quiet", &url, folder]).await.fine();
        self.folder.path().join(folder)
    }

    async fn commit(&self, folder: &str, file: &str, content: &[u8], message: &str) -> String {
        std::fs::write(self.folder.path().join(folder).join(file), content).unwrap();
        self.git(folder, &["add", "--all"]).await.fine();
        self.git(folder, &["commit", "--quiet", "--message", message]).await.fine();
        self.git(folder, &["rev-parse", "HEAD"]).await.fine().trim().to_owned()
    }

    /// What the repository itself says a name is at.
    async fn at(&self, name: &str) -> Option<String> {
        let said = client(&self.bare(), &["rev-parse", "--verify", "--quiet", name], self.folder.path()).run().await;
        said.ok().map(|output| output.stdout.trim().to_owned())
    }

    async fn count(&self, query: &'static str) -> i64 {
        self.test.app.db.one::<(i64,)>(sql(query)).await.unwrap().0
    }
}

fn client(dir: &Path, args: &[&str], home: &Path) -> Command {
    Command::new("git")
        .args(["-c", "protocol.version=2", "-c", "init.defaultBranch=main", "-c", "credential.helper=", "-c", "safe.directory=*"])
        .args(args)
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "true")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.test")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.test")
        .env("NO_PROXY", "*")
        .env("no_proxy", "*")
        .env("LC_ALL", "C")
        .dir(dir)
}

/// Bytes that nothing packs.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
