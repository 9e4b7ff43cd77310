//! `innkeeper customer`.

use accounts::customers::{self, CustomerOrder, CustomerQuery, NewCustomer};
use accounts::{Actor, Currency, CustomerId, CustomerName};
use kit::Result;
use serde_json::json;
use web::config::Config;

use crate::open;
use crate::output::{Output, table};

/// Makes, lists and changes customers.
#[derive(clap::Subcommand)]
pub enum CustomerCommand {
    /// Makes a customer.
    Create {
        /// The customer's name.
        #[arg(long)]
        name: String,
        /// Currency of their money, ISO 4217.
        #[arg(long, default_value = "EUR")]
        currency: String,
    },
    /// Lists customers, newest first.
    List {
        /// Part of the name or the id.
        #[arg(long)]
        search: Option<String>,
    },
    /// Shows one customer.
    Show {
        /// The customer's id.
        customer: String,
    },
    /// Keeps a customer's members and tokens out; sites go on running.
    Suspend {
        /// The customer's id.
        customer: String,
    },
    /// Lets them in again.
    Resume {
        /// The customer's id.
        customer: String,
    },
}

impl CustomerCommand {
    /// Runs it.
    pub async fn run(self, config: Config, output: Output) -> Result<()> {
        let app = open::app_of_command(config).await?;
        let actor = Actor::cli();
        let id = match self {
            CustomerCommand::Create { name, currency } => {
                let new = NewCustomer { name: CustomerName::parse(&name)?, currency: Currency::parse(&currency)? };
                customers::create(&app.db, &app.clock, &actor, new).await?.id
            }
            CustomerCommand::List { search } => {
                let mut query =
                    CustomerQuery { search: search.unwrap_or_default(), order: CustomerOrder::Created, ..CustomerQuery::default() };
                let mut found = Vec::new();
                loop {
                    let page = customers::list(&app.db, &actor.scope(), &query).await?;
                    found.extend(page.items);
                    query.after = page.next;
                    if query.after.is_none() {
                        break;
                    }
                }
                let values: Vec<_> = found.iter().map(as_json).collect();
                output.show(&values, |_| {
                    let rows: Vec<Vec<String>> = found
                        .iter()
                        .map(|it| vec![it.id.to_string(), it.members.to_string(), it.created_at.rfc3339(), it.name.to_string()])
                        .collect();
                    table(&["CUSTOMER", "MEMBERS", "CREATED", "NAME"], &rows)
                });
                return Ok(());
            }
            CustomerCommand::Show { customer } => CustomerId::parse(&customer)?,
            CustomerCommand::Suspend { customer } => {
                let id = CustomerId::parse(&customer)?;
                customers::suspend(&app.db, &app.clock, &actor, &id).await?;
                id
            }
            CustomerCommand::Resume { customer } => {
                let id = CustomerId::parse(&customer)?;
                customers::resume(&app.db, &app.clock, &actor, &id).await?;
                id
            }
        };
        let customer = customers::get(&app.db, &actor.scope(), &id).await?;
        output.show(&as_json(&customer), |_| {
            let state = if customer.is_suspended() { "suspended" } else { "active" };
            format!("{}  {}  {state}", customer.id, customer.name)
        });
        Ok(())
    }
}

fn as_json(customer: &customers::Customer) -> serde_json::Value {
    json!({
        "customer_uuid": customer.id.as_str(),
        "name": customer.name.to_string(),
        "currency": customer.currency.to_string(),
        "members": customer.members,
        "suspended": customer.is_suspended(),
        "created_at": customer.created_at.rfc3339(),
    })
}
