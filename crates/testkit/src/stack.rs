//! A hosting side of a test's own, over the real Docker, Traefik and ACME server.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use accounts::customers::{self, NewCustomer};
use accounts::members::{self, NewMember};
use accounts::{Actor, Currency, CustomerId, CustomerName, Email, PersonName, Role};
use hosting::deployments::{self, Deployment, DeploymentKind, Wish};
use hosting::git::providers::ProviderKind;
use hosting::names::{SiteName, Subdomain};
use hosting::operations::{self, Operation, OperationKind, OperationState, RunOperation, Step};
use hosting::sites::{self, NewSite, Site, SiteId};
use hosting::templates::Kind;
use hosting::{BitbucketConfig, EdgeConfig, GithubConfig, Hosting, HostingConfig, Ingredients};
use kit::bus::Bus;
use kit::db::migrations;
use kit::jobs::{Registry, Runner};
use kit::secrets::InstanceKey;
use kit::{Clock, Db, Error, sql};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::Surroundings;

/// Name of the test's edge, and label of everything that belongs to it.
pub const EDGE: &str = "innkeeper-test-edge";

/// How long another program may keep a port that a stack needs.
const PORT_LIMIT: Duration = Duration::from_secs(300);

/// What a test wants different.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct StackOptions {
    /// Directory of the ACME server instead of the running one.
    pub acme_directory: Option<String>,
    /// Port of Traefik's API.
    pub api_port: Option<u16>,
    /// Sites a customer may have.
    pub sites_per_customer: Option<u32>,
    /// The data folder, which must exist; a temporary one when absent.
    pub data: Option<PathBuf>,
    /// How long a new release is watched, in seconds; not at all when 0.
    pub watch_seconds: u32,
    /// Megabytes that must be free for a deployment; not looked at when 0.
    pub min_free_mb: u32,
    /// Releases that a site keeps; five when absent.
    pub keep_releases: Option<u32>,
    /// Leaves the jobs to a [`Server`](crate::Server).
    pub idle: bool,
    /// Lets an operation fail after its first or second try, so that a test need not wait for all five.
    pub tries: Tries,
}

/// How often an operation is tried before it has failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tries {
    /// As often as in earnest.
    #[default]
    All,
    /// Once.
    One,
    /// Twice, with a second in between.
    Two,
}

/// A hosting side with a customer in it. Call [`Stack::tear_down`] at the end; a test that fails leaves its containers for a look,
/// and the next one removes them.
pub struct Stack {
    /// The hosting side.
    pub hosting: Hosting,
    /// A customer with an owner.
    pub customer: CustomerId,
    /// The data folder.
    pub data: PathBuf,
    pub(crate) surroundings: Surroundings,
    pub(crate) options: StackOptions,
    stop: CancellationToken,
    // Dropped in this order: the next stack may begin when this one's folder is gone.
    _folder: tempfile::TempDir,
    _alone: File,
}

impl Stack {
    /// Starts with the defaults.
    pub async fn start() -> Stack {
        Stack::start_with(StackOptions::default()).await
    }

    /// Starts: database, edge folder, a job runner. Traefik comes up with the first site.
    pub async fn start_with(options: StackOptions) -> Stack {
        let surroundings = Surroundings::read();
        let alone = one_at_a_time().await;
        remove_left_overs().await;
        ports_are_free(&surroundings).await;
        let folder = tempfile::Builder::new().prefix("innkeeper-test-").tempdir().expect("a temporary folder");
        let data = options.data.clone().unwrap_or_else(|| folder.path().to_owned());
        let hosting = open(&data, &surroundings, &options, Clock::System).await;
        limit_tries(&hosting.db, options.tries).await;
        let customer = add_customer(&hosting, "Test Customer").await;
        let stack =
            Stack { hosting, customer, data, surroundings, options, stop: CancellationToken::new(), _folder: folder, _alone: alone };
        if !stack.options.idle {
            stack.work();
        }
        stack
    }

    /// The same hosting side as a server finds it that was just started: the same data, nothing in memory.
    pub async fn reopen(&self) -> Hosting {
        open(&self.data, &self.surroundings, &self.options, Clock::System).await
    }

    /// The same as a server finds it that is started so much later: its clock stands there.
    pub async fn later(&self, by: Duration) -> Hosting {
        open(&self.data, &self.surroundings, &self.options, Clock::manual(self.hosting.clock.now().plus(by))).await
    }

    /// Starts a job runner, as a server does.
    fn work(&self) {
        let registry: Registry<Hosting> = Registry::default().job::<RunOperation>();
        let runner = Runner::new(self.hosting.db.clone(), self.hosting.clock.clone(), self.hosting.clone(), registry, "test", 6);
        tokio::spawn(runner.run(self.stop.clone()));
    }

    /// Asks for a portfolio.
    pub async fn ask_for_site(&self, name: &str, subdomain: &str) -> kit::Result<Site> {
        let new = NewSite {
            kind: Kind::Portfolio,
            name: SiteName::parse(name)?,
            subdomain: Some(Subdomain::parse(subdomain, &[])?),
            custom_domain: None,
        };
        sites::create(&self.hosting, &Actor::cli(), &self.customer, &new).await
    }

    /// Makes a portfolio and waits until it is live.
    pub async fn site(&self, name: &str, subdomain: &str) -> Site {
        let site = self.ask_for_site(name, subdomain).await.expect("the site is accepted");
        self.finished(&site.id).await.unwrap_or_else(|error| panic!("the site is made: {error}"));
        self.reload(&site.id).await.expect("the site exists")
    }

    /// Asks for an operation and waits for its end.
    pub async fn operate(&self, site: &SiteId, kind: OperationKind) -> kit::Result<()> {
        operations::request(&self.hosting, &Actor::cli(), site, kind).await?;
        self.finished(site).await
    }

    /// The site as stored now.
    pub async fn reload(&self, site: &SiteId) -> kit::Result<Site> {
        sites::get(&self.hosting.db, &Actor::cli().scope(), site).await
    }

    /// The newest operation on a site, with its steps.
    pub async fn newest(&self, site: &SiteId) -> (Operation, Vec<Step>) {
        let newest = operations::newest(&self.hosting.db, &Actor::cli().scope(), site).await.expect("the site exists");
        newest.expect("a site has an operation from its first moment on")
    }

    /// One step of the newest operation on a site.
    pub async fn step(&self, site: &SiteId, name: &str) -> Step {
        let (operation, steps) = self.newest(site).await;
        steps.into_iter().find(|step| step.name == name).unwrap_or_else(|| panic!("{} has no step `{name}`", operation.kind))
    }

    /// Tries the failed operation again and waits for its end.
    pub async fn retry(&self, site: &SiteId) -> kit::Result<()> {
        operations::retry(&self.hosting, &Actor::cli(), site).await?;
        self.finished(site).await
    }

    /// Waits for the end of the newest operation; its error when it failed. At most 10 minutes (images may have to be built).
    pub async fn finished(&self, site: &SiteId) -> kit::Result<()> {
        for _ in 0..12_000 {
            let newest = match operations::newest(&self.hosting.db, &Actor::cli().scope(), site).await {
                // A discarded site takes its operations with it.
                Err(Error::NotFound(_)) => return Ok(()),
                newest => newest?,
            };
            match newest {
                Some((operation, steps)) if operation.state == OperationState::Done => {
                    report(&operation, &steps);
                    return Ok(());
                }
                Some((operation, steps)) if operation.state == OperationState::Failed => {
                    let step = steps.iter().find(|step| step.error.is_some());
                    let at = step.map_or("?", |step| step.name.as_str());
                    return Err(Error::unavailable(format!("step {at}: {}", operation.error.unwrap_or_default())));
                }
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        panic!("an operation on {site} did not end within 10 minutes");
    }

    /// Puts files on a branch of a site's repository, as a push of one commit does, and returns the commit. Deploys nothing.
    pub async fn commit(&self, site: &Site, branch: &str, files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let git = |args: &[&str]| {
            let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test"];
            kit::exec::Command::new("git").args(identity).args(args.iter().copied()).dir(folder.path()).run()
        };
        let bare = self.hosting.repository(site).to_string_lossy().into_owned();
        git(&["clone", "--quiet", &bare, "."]).await.expect("the repository is cloned");
        git(&["checkout", "--quiet", "-B", branch]).await.expect("the branch is taken");
        for (path, contents) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
            std::fs::write(path, contents).expect("a file");
        }
        git(&["add", "--all", "--force"]).await.expect("files are added");
        git(&["commit", "--quiet", "--allow-empty", "--message", "A <b>change</b>"]).await.expect("a commit");
        git(&["push", "--quiet", "--force", "origin", branch]).await.expect("it is pushed");
        git(&["rev-parse", "HEAD"]).await.expect("the commit").stdout.trim().to_owned()
    }

    /// Asks for the deployment of a commit, as a push does.
    pub async fn ask_to_deploy(&self, site: &Site, commit: &str) -> kit::Result<Deployment> {
        let wish = Wish {
            kind: DeploymentKind::Push,
            branch: "main".to_owned(),
            commit: commit.to_owned(),
            subject: "A <b>change</b>".to_owned(),
            author: "Ada".to_owned(),
            release: None,
        };
        deployments::request(&self.hosting, &Actor::cli(), &site.id, &wish).await
    }

    /// Waits until a deployment has its verdict and nothing is at work on its site any more; at most 5 minutes.
    pub async fn deployed(&self, asked: &Deployment) -> Deployment {
        for _ in 0..6000 {
            let scope = Actor::cli().scope();
            let deployment = deployments::get(&self.hosting.db, &scope, &asked.id).await.expect("the deployment exists");
            let (operation, steps) = self.newest(&deployment.site_id).await;
            if deployment.state.is_over() && operation.state != OperationState::Running {
                report(&operation, &steps);
                return deployment;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("deployment {} did not end within 5 minutes", asked.id);
    }

    /// Deploys a commit and waits for the verdict.
    pub async fn deploy(&self, site: &Site, commit: &str) -> Deployment {
        let asked = self.ask_to_deploy(site, commit).await.expect("the deployment is accepted");
        self.deployed(&asked).await
    }

    /// A browser of sorts: trusts the test authority, keeps cookies out, follows nothing, and finds `site` on this machine.
    pub fn browser(&self, site: &Site) -> reqwest::Client {
        let root = std::fs::read(&self.surroundings.acme_root).expect("the root of the test authority");
        kit::fetch::install_tls();
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(15))
            .resolve(site.domain.as_str(), loopback(self.surroundings.https_port))
            .tls_certs_only([reqwest::Certificate::from_pem(&root).expect("a PEM file")])
            .build()
            .expect("a client")
    }

    /// Address of a path of a site over HTTPS.
    pub fn url(&self, site: &Site, path: &str) -> String {
        format!("{}{path}", self.hosting.url(site))
    }

    /// Address of a path of a site over plain HTTP.
    pub fn plain_url(&self, site: &Site, path: &str) -> String {
        format!("http://{}:{}{path}", site.domain, self.surroundings.http_port)
    }

    /// Waits until a page of a site answers with a status, at most 20 s: for what heals by itself.
    pub async fn until_answers(&self, site: &Site, path: &str, status: u16) {
        let mut seen = String::new();
        for _ in 0..200 {
            match self.browser(site).get(self.url(site, path)).send().await {
                Ok(answer) if answer.status().as_u16() == status => return,
                Ok(answer) => seen = answer.status().to_string(),
                Err(error) => seen = format!("{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{path} of {} does not answer {status} within 20 s: {seen}", site.domain);
    }

    /// Status and body of a page of a site.
    pub async fn get(&self, site: &Site, path: &str) -> (u16, String) {
        let answer = self.browser(site).get(self.url(site, path)).send().await.expect("the edge answers");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    /// Removes all sites' containers and the edge.
    pub async fn tear_down(self) {
        self.stop.cancel();
        remove_left_overs().await;
    }
}

/// Prints how long each step took: what a slow run is looked at for.
fn report(operation: &Operation, steps: &[Step]) {
    let took = |step: &Step| step.finished_at.zip(step.started_at).map_or(0, |(end, start)| end.since(start).as_millis());
    let steps: Vec<String> = steps.iter().map(|step| format!("{} {} ms", step.name, took(step))).collect();
    eprintln!("{}: {}", operation.kind, steps.join(", "));
}

/// Opens a hosting side on the folder `data` with the test's edge, as a server does.
pub(crate) async fn open(data: &Path, surroundings: &Surroundings, options: &StackOptions, clock: Clock) -> Hosting {
    let db = Db::open_sqlite(&data.join("innkeeper.db")).expect("SQLite opens");
    db.migrate(&migrations()).await.expect("migrations run");
    Hosting::open(Ingredients {
        db,
        clock,
        key: InstanceKey::load_or_create(&data.join("instance.key")).expect("the instance key"),
        bus: Bus::default(),
        config: HostingConfig {
            base_domain: "sites.test".to_owned(),
            public_ip: String::new(),
            repositories: ProviderKind::Embedded,
            sites_per_customer: options.sites_per_customer.unwrap_or(50),
            parallel_operations: 6,
            parallel_deployments: 2,
            keep_releases: options.keep_releases.unwrap_or(5),
            drain_seconds: 2,
            watch_seconds: options.watch_seconds,
            webhook_allow_private: Vec::new(),
            build_minutes: 20,
            min_free_mb: options.min_free_mb,
            previews_per_site: 3,
            preview_days: 7,
            keep_archives_days: 7,
            reserved_subdomains: Vec::new(),
            network_pool: "10.214.0.0/16".to_owned(),
            prepare_templates: false,
            restart_pause_seconds: 300,
            image_cache: image_cache(),
            push_limit_mb: 50,
            push_wait_minutes: 30,
            quota_database_mb: 0,
            quota_files_mb: 0,
            quota_requests_per_day: 0,
            quota_bandwidth_gb: 0,
        },
        edge: EdgeConfig {
            project: EDGE.to_owned(),
            address: Ipv4Addr::LOCALHOST.into(),
            http_port: surroundings.http_port,
            https_port: surroundings.https_port,
            api_port: options.api_port.unwrap_or(18099),
            acme_email: String::new(),
            acme_directory: options.acme_directory.clone().unwrap_or_else(|| surroundings.acme_directory.clone()),
            acme_ca: surroundings.acme_ca.clone(),
            trusted_roots: surroundings.acme_root.clone(),
            hsts_seconds: 31_536_000,
            image: "traefik:v3".to_owned(),
        },
        github: GithubConfig::default(),
        bitbucket: BitbucketConfig::default(),
        public_url: "http://127.0.0.1:8080".to_owned(),
        data: data.to_owned(),
    })
    .expect("the hosting side opens")
}

/// A trigger, because it also holds for what another process enqueues.
async fn limit_tries(db: &Db, tries: Tries) {
    let trigger = match tries {
        Tries::All => return,
        Tries::One => "create trigger few_tries after insert on job begin update job set max_attempts = 1 where id = new.id; end",
        Tries::Two => "create trigger few_tries after insert on job begin update job set max_attempts = 2 where id = new.id; end",
    };
    db.execute(sql(trigger)).await.expect("the trigger is made");
}

/// Waits for the end of other stacks on this machine: all of them share the ports at which the ACME server looks.
async fn one_at_a_time() -> File {
    let lock = File::create(std::env::temp_dir().join("innkeeper-test-stack.lock")).expect("the lock file of the stacks");
    let waiting = lock.try_clone().expect("the lock file");
    let locked = tokio::task::spawn_blocking(move || waiting.lock()).await.expect("the lock is waited for");
    locked.expect("the lock file of the stacks");
    lock
}

/// Waits for whoever else on this machine lets the ACME server look at them, such as the browser tests.
async fn ports_are_free(surroundings: &Surroundings) {
    for port in [surroundings.http_port, surroundings.https_port] {
        let until = tokio::time::Instant::now() + PORT_LIMIT;
        while let Err(error) = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            assert!(tokio::time::Instant::now() < until, "port {port} is needed for tests and stays taken: {error}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Where base images are cached between runs, if the environment names a place.
fn image_cache() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "the test environment names its cache")]
    let cache = std::env::var_os("INNKEEPER_HOSTING__IMAGE_CACHE");
    cache.map(PathBuf::from).unwrap_or_default()
}

/// Adds a customer with an owner.
pub async fn add_customer(hosting: &Hosting, name: &str) -> CustomerId {
    let actor = Actor::cli();
    let new = NewCustomer { name: CustomerName::parse(name).expect("a name"), currency: Currency::parse("EUR").expect("a currency") };
    let customer = customers::create(&hosting.db, &hosting.clock, &actor, new).await.expect("the customer is made").id;
    let new = NewMember {
        name: PersonName::parse("Olga Owner").expect("a name"),
        email: Email::parse(&format!("owner@{}.example", customer.as_str().replace('_', "-"))).expect("an address"),
        role: Role::parse("owner", Some(customer.clone())).expect("a role"),
        password: None,
    };
    members::add(&hosting.db, &hosting.clock, &actor, new).await.expect("the owner is added");
    customer
}

/// Removes what a stack, also one of an earlier run that failed, left in Docker: only what carries the test network's or the test edge's label.
async fn remove_left_overs() {
    let docker = || kit::exec::Command::new("docker");
    let edge = docker().args(["ps", "--all", "--quiet", "--filter", "label=innkeeper.edge=innkeeper-test-edge"]).run().await;
    let Ok(edge) = edge else { panic!("Docker does not answer: run `scripts/services.sh up dockerd`") };
    let mut old = edge.stdout;
    let label = ["--quiet", "--filter", "label=innkeeper.instance=innkeeper-test-edge"];
    old += &docker().args(["ps", "--all"]).args(label).run().await.expect("containers are listed").stdout;
    let ids: Vec<&str> = old.split_whitespace().collect();
    if !ids.is_empty() {
        docker().args(["rm", "--force", "--volumes"]).args(ids).run().await.expect("old containers go");
    }
    for what in ["volume", "network"] {
        let old = docker().args([what, "ls"]).args(label).run().await.expect("they are listed").stdout;
        for id in old.split_whitespace() {
            docker().args([what, "rm", id]).run().await.expect("old volumes and networks go");
        }
    }
}
