//! `innkeeper demo`, and the sample customers that it brings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use accounts::customers::{self, CustomerQuery, NewCustomer};
use accounts::members::{self, NewMember};
use accounts::{Actor, Currency, CustomerId, CustomerName, Email, PersonName, Role, links, signin_links};
use events::sample::loading::Order;
use hosting::names::{SiteName, Subdomain};
use hosting::operations::{self, OperationState};
use hosting::sites::{self, NewSite, Site, SiteFilter};
use hosting::templates::Kind;
use kit::{Error, Result};
use web::App;
use web::config::Config;

use super::serve::Server;
use crate::output::Output;
use crate::{open, sample};

/// The sample house of `innkeeper demo`.
const SAMPLE: Order = Order { customers: 80, days: 90, seed: 7 };
/// The first site may have to wait for base images and the template's build.
const FIRST_SITE_LIMIT: Duration = Duration::from_secs(900);

/// Serves a sample house: 80 customers with 90 days of activity, and one real site that is made before your eyes.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Demo {
    #[command(subcommand)]
    samples: Option<Samples>,
    #[command(flatten)]
    serve: ServeDemo,
}

/// Puts sample customers into a house, or takes them out.
#[derive(clap::Subcommand)]
enum Samples {
    /// Adds sample customers with their activity; the same seed gives the same customers.
    Seed {
        /// How many customers.
        #[arg(long, default_value_t = SAMPLE.customers, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        customers: u32,
        /// How many days of activity, up to now.
        #[arg(long, default_value_t = SAMPLE.days, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
        /// Another figure gives other customers.
        #[arg(long, default_value_t = SAMPLE.seed)]
        seed: u32,
    },
    /// Removes all sample customers, their events and their members; those that have a site by now stay.
    Remove,
}

#[derive(clap::Args)]
struct ServeDemo {
    /// Address and port to listen on (setting server.listen).
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Directory of the ACME server that certificates come from.
    #[arg(long, value_name = "URL")]
    acme_directory: Option<String>,
    /// PEM file with the root of the ACME server's own certificate.
    #[arg(long, value_name = "FILE")]
    acme_ca: Option<PathBuf>,
    /// PEM file with the root of the certificates that it issues.
    #[arg(long, value_name = "FILE")]
    trusted_roots: Option<PathBuf>,
    /// Ports of the sites' edge for HTTP and HTTPS.
    #[arg(long, value_name = "PORT", num_args = 2, default_values_t = [18080, 18443])]
    edge_ports: Vec<u16>,
    /// What the containers of the sites' edge are called; with another name two sample houses live side by side.
    #[arg(long, value_name = "NAME", default_value = "innkeeper-demo-edge")]
    edge_project: String,
}

impl Demo {
    /// Settings that the flags override; none when only sample customers are asked for.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        if self.samples.is_some() { Vec::new() } else { self.serve.flags() }
    }

    /// Serves the sample house, or puts sample customers into the house that there is.
    pub async fn run(self, config: Config, output: Output) -> Result<()> {
        match self.samples {
            None => self.serve.run(config, output).await,
            Some(Samples::Seed { customers, days, seed }) => {
                let app = open::app_of_command(config).await?;
                let put = sample::put(&app, Order { customers, days, seed }, progress(output)).await?;
                output.show(&put, |put| match put.was_there {
                    true => format!("the sample house of seed {seed} is there already, with {} customers", put.customers),
                    false => {
                        format!("added {} customers and {} events; `innkeeper demo remove` takes them out again", put.added, put.events)
                    }
                });
                Ok(())
            }
            Some(Samples::Remove) => {
                let app = open::app_of_command(config).await?;
                let taken = sample::take_out(&app).await?;
                output.show(&taken, |taken| {
                    let kept = match taken.kept.is_empty() {
                        true => String::new(),
                        false => format!("; kept, because they have a site: {}", taken.kept.join(", ")),
                    };
                    format!("removed {} customers and {} events{kept}", taken.customers, taken.events)
                });
                Ok(())
            }
        }
    }
}

/// Says every ten days how far the loading is.
fn progress(output: Output) -> impl FnMut(usize, usize) {
    move |done, of| {
        if done % 10 == 0 || done == of {
            output.say(format!("  {done} of {of} days"));
        }
    }
}

impl ServeDemo {
    fn flags(&self) -> Vec<(&'static str, String)> {
        let path = |path: &PathBuf| path.display().to_string();
        let mut flags = vec![
            ("server.listen", self.listen.to_string()),
            ("server.public_url", format!("http://localhost:{}", self.listen.port())),
            ("hosting.base_domain", "innkeeper.localhost".to_owned()),
            ("edge.address", "127.0.0.1".to_owned()),
            ("edge.project", self.edge_project.clone()),
            ("edge.http_port", self.edge_ports[0].to_string()),
            ("edge.https_port", self.edge_ports[1].to_string()),
            ("log.level", "warn".to_owned()),
        ];
        flags.extend(self.acme_directory.iter().map(|url| ("edge.acme_directory", url.clone())));
        flags.extend(self.acme_ca.iter().map(|file| ("edge.acme_ca", path(file))));
        flags.extend(self.trusted_roots.iter().map(|file| ("edge.trusted_roots", path(file))));
        flags
    }

    async fn run(self, config: Config, output: Output) -> Result<()> {
        kit::log::start(&config.log)?;
        let server = Server::start(config).await?;
        let app = server.app.clone();
        let serving = tokio::spawn(server.until_stopped());
        let people = populate(&app).await?;
        let base = app.config.server.public_url.origin().to_owned();
        output
            .say(format!("\nInnkeeper is up: {base}  ({} sample customers)\n\nMaking a site for {}:", SAMPLE.customers, people.owner_name));
        let site = first_site(&app, &people.customer, output).await?;
        let admin = sign_in_link(&app, &base, &people.admin).await?;
        let owner = sign_in_link(&app, &base, &people.owner).await?;
        // `make demo` runs what it has built, which is not in PATH.
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("innkeeper"));
        output.say(format!(
            "\nThe site is live:          {}\nSign in as its owner:      {owner}\nSign in as the operator:   {admin}\n\
             (each link works once, within 15 minutes; `{} --data {} member link {}` prints a new one)\n",
            app.hosting.url(&site),
            program.display(),
            app.config.server.data.display(),
            people.admin
        ));
        if !app.config.edge.trusted_roots.as_os_str().is_empty() {
            output.say(format!(
                "The certificate is from the test authority of this machine: your browser trusts it once it knows {}.\n",
                app.config.edge.trusted_roots.display()
            ));
        }
        output.say("Stop with Ctrl-C.");
        serving.await.map_err(|error| Error::internal(format!("the server ended: {error}")))?
    }
}

struct People {
    customer: CustomerId,
    owner: Email,
    owner_name: &'static str,
    admin: Email,
}

async fn sign_in_link(app: &App, base: &str, email: &Email) -> Result<String> {
    let member = members::by_email(&app.db, &Actor::cli(), email).await?;
    let token = signin_links::create(&app.db, &app.clock, &Actor::cli(), &member.id).await?;
    Ok(links::sign_in(base, &token).reveal().to_owned())
}

/// Fills an empty house, and adds the sample customers to one that has none of them.
async fn populate(app: &App) -> Result<People> {
    const OWNER: &str = "Anna Berg";
    let actor = Actor::cli();
    let (owner, admin) = (Email::parse("anna@berg-studio.example")?, Email::parse("operator@innkeeper.example")?);
    let is_new = customers::list(&app.db, &actor.scope(), &CustomerQuery { limit: 1, ..CustomerQuery::default() }).await?.items.is_empty();
    if is_new {
        let id = add_customer(app, "Berg Studio", "EUR").await?;
        add_member(app, OWNER, &owner, Role::parse("owner", Some(id))?).await?;
        add_member(app, "Operator", &admin, Role::parse("admin", None)?).await?;
        add_member(app, "Conny Cierge", &Email::parse("concierge@innkeeper.example")?, Role::parse("concierge", None)?).await?;
    }
    let found = members::by_email(&app.db, &actor, &owner).await?;
    let customer = found
        .role
        .customer()
        .cloned()
        .ok_or_else(|| Error::conflict("this data folder is not a sample house; give demo another --data"))?;
    // Only now that this is known to be a sample house. Also one of an earlier version, and one whose loading was interrupted.
    sample::put(app, SAMPLE, |_, _| {}).await?;
    Ok(People { customer, owner, owner_name: OWNER, admin })
}

async fn add_customer(app: &App, name: &str, currency: &str) -> Result<CustomerId> {
    let new = NewCustomer { name: CustomerName::parse(name)?, currency: Currency::parse(currency)? };
    Ok(customers::create(&app.db, &app.clock, &Actor::cli(), new).await?.id)
}

async fn add_member(app: &App, name: &str, email: &Email, role: Role) -> Result<()> {
    let new = NewMember { name: PersonName::parse(name)?, email: email.clone(), role, password: None };
    members::add(&app.db, &app.clock, &Actor::cli(), new).await.map(|_| ())
}

/// Makes the sample site, or takes the one that an earlier start made, and waits until it is live.
async fn first_site(app: &App, customer: &CustomerId, output: Output) -> Result<Site> {
    let actor = Actor::cli();
    let scope = actor.scope();
    let filter = SiteFilter { customer: Some(customer.clone()), ..SiteFilter::default() };
    let site = match sites::list(&app.db, &scope, &filter).await?.into_iter().next_back() {
        Some(site) => site,
        None => {
            let new = NewSite {
                kind: Kind::Portfolio,
                name: SiteName::parse("Anna Berg, Illustrator")?,
                subdomain: Some(Subdomain::parse("anna-berg", &[])?),
                custom_domain: None,
            };
            sites::create(&app.hosting, &actor, customer, &new).await?
        }
    };
    let started = tokio::time::Instant::now();
    let mut told = 0;
    while started.elapsed() < FIRST_SITE_LIMIT {
        let Some((operation, steps)) = operations::newest(&app.db, &scope, &site.id).await? else { break };
        for step in steps.iter().skip(told).filter(|step| step.finished_at.is_some() && step.error.is_none()) {
            told += 1;
            let detail = step.detail.as_deref().map(|detail| format!(" – {detail}")).unwrap_or_default();
            output.say(format!("  ✓ {}{detail}", operations::title(&step.name)));
        }
        match operation.state {
            OperationState::Done => return sites::get(&app.db, &scope, &site.id).await,
            OperationState::Failed => {
                operations::retry(&app.hosting, &actor, &site.id).await?;
                let error = operation.error.unwrap_or_default();
                output.say(format!("  … trying again after: {error}"));
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            OperationState::Running => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    Err(Error::unavailable(format!("the sample site was not live within {} s; its page says why", FIRST_SITE_LIMIT.as_secs())))
}
