//! `innkeeper member`.

use std::io::Read;

use accounts::members::{self, NewMember};
use accounts::{Actor, CustomerId, Email, Password, PersonName, Role, signin_links};
use kit::secrets::Secret;
use kit::{Context, Result};
use serde_json::json;
use web::config::Config;

use crate::open;
use crate::output::Output;

/// Adds people, and lets them in when they cannot get in otherwise.
#[derive(clap::Subcommand)]
pub enum MemberCommand {
    /// Adds a person and prints a link that signs them in once, unless --password-stdin gives them a password.
    Add {
        /// E-mail address.
        #[arg(long)]
        email: String,
        /// Name.
        #[arg(long)]
        name: String,
        /// owner, member, concierge or admin.
        #[arg(long, default_value = "owner")]
        role: String,
        /// The customer's id; for owner and member.
        #[arg(long)]
        customer: Option<String>,
        /// Read a password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Prints a link that signs a person in once, within 15 minutes.
    ///
    /// It begins with the address of the server that runs on this data folder; while none does, with the setting server.public_url.
    Link {
        /// E-mail address.
        email: String,
    },
}

impl MemberCommand {
    /// Runs it.
    pub async fn run(self, config: Config, output: Output) -> Result<()> {
        let app = open::app_of_command(config).await?;
        let actor = Actor::cli();
        let (id, needs_link) = match self {
            MemberCommand::Add { email, name, role, customer, password_stdin } => {
                let password = if password_stdin {
                    let mut line = String::new();
                    std::io::stdin().read_to_string(&mut line).context("reading the password")?;
                    Some(Password::parse(&Secret::new(line.trim_end_matches(['\n', '\r'])))?)
                } else {
                    None
                };
                let customer = customer.map(|id| CustomerId::parse(&id)).transpose()?;
                let needs_link = password.is_none();
                let new = NewMember {
                    name: PersonName::parse(&name)?,
                    email: Email::parse(&email)?,
                    role: Role::parse(&role, customer)?,
                    password,
                };
                (members::add(&app.db, &app.clock, &actor, new).await?, needs_link)
            }
            MemberCommand::Link { email } => (members::by_email(&app.db, &actor, &Email::parse(&email)?).await?.id, true),
        };
        let link = if needs_link {
            let token = signin_links::create(&app.db, &app.clock, &actor, &id).await?;
            Some(accounts::links::sign_in(app.config.server.public_url.origin(), &token).reveal().to_owned())
        } else {
            None
        };
        output.show(&json!({ "member": id.as_str(), "sign_in_link": link }), |_| match &link {
            Some(link) => format!("{id}\nsigns in once, within 15 minutes: {link}"),
            None => id.to_string(),
        });
        Ok(())
    }
}
