//! `innkeeper site adopt` and `let-go`: containers that were here before.

use accounts::{Actor, CustomerId};
use hosting::adopt;
use hosting::names::SiteName;
use hosting::sites::SiteId;
use kit::{Error, Result};
use serde_json::json;
use web::App;

use super::site::show;
use crate::output::{Output, table};

/// Which container, or a look at what there is.
#[derive(clap::Args)]
pub struct Adopt {
    /// Only list containers called customer-{id}-wordpress or customer-{id}-magento that nobody has adopted.
    #[arg(long, conflicts_with_all = ["customer", "container", "name"])]
    scan: bool,
    /// Whose it is to be: a customer's id.
    #[arg(long, required_unless_present = "scan")]
    customer: Option<String>,
    /// Its name in Docker, such as customer-42-wordpress.
    #[arg(long, required_unless_present = "scan")]
    container: Option<String>,
    /// What its people see; the container's name when left out.
    #[arg(long)]
    name: Option<String>,
}

impl Adopt {
    pub(super) async fn run(self, app: &App, actor: &Actor, output: Output) -> Result<()> {
        let (Some(customer), Some(container)) = (&self.customer, &self.container) else { return scan(app, actor, output).await };
        let customer = CustomerId::parse(customer).map_err(|_| Error::invalid("--customer", "must be the id of a customer"))?;
        let name = self.name.as_deref().map(SiteName::parse).transpose()?;
        let site = adopt::adopt(&app.hosting, actor, &customer, container, name).await?;
        show(app, &site, output).await
    }
}

async fn scan(app: &App, actor: &Actor, output: Output) -> Result<()> {
    let found = adopt::candidates(&app.hosting, actor).await?;
    output.show(&found, |_| {
        if found.is_empty() {
            return "no container called customer-{id}-wordpress or customer-{id}-magento waits to be adopted".to_owned();
        }
        let row = |it: &adopt::Candidate| vec![it.container.clone(), it.kind.to_owned(), it.customer_hint.clone()];
        table(&["CONTAINER", "KIND", "ID IN ITS NAME"], &found.iter().map(row).collect::<Vec<_>>())
    });
    Ok(())
}

/// Forgets an adopted container.
pub(super) async fn let_go(app: &App, actor: &Actor, site: &str, output: Output) -> Result<()> {
    let site = adopt::let_go(&app.hosting, actor, &SiteId::parse(site)?).await?;
    output
        .show(&json!({ "app_id": site.id.as_str(), "status": "let go" }), |_| format!("{} is let go; its container is as it was", site.id));
    Ok(())
}
