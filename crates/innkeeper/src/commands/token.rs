//! `innkeeper token`.

use std::time::Duration;

use accounts::tokens::{self, NewToken};
use accounts::{Actor, Email, Label, SendingLimits, TokenScopes, members};
use kit::Result;
use serde_json::json;
use web::config::Config;

use crate::open;
use crate::output::Output;

/// API tokens.
#[derive(clap::Subcommand)]
pub enum TokenCommand {
    /// Makes a token that acts as a member; it is shown this once.
    Create {
        /// The member's e-mail address.
        #[arg(long)]
        email: String,
        /// What it is for.
        #[arg(long)]
        name: String,
        /// What it may do, such as "sites:read sites:write".
        #[arg(long)]
        scopes: String,
        /// Ends after so many days; never when left out.
        #[arg(long)]
        days: Option<u16>,
        /// So many events it may send a second; without an end, if not said.
        #[arg(long)]
        events_per_second: Option<i64>,
        /// So many events it may send a day; without an end, if not said.
        #[arg(long)]
        events_per_day: Option<i64>,
    },
}

impl TokenCommand {
    /// Runs it.
    pub async fn run(self, config: Config, output: Output) -> Result<()> {
        let TokenCommand::Create { email, name, scopes, days, events_per_second, events_per_day } = self;
        let app = open::app_of_command(config).await?;
        let actor = Actor::cli();
        let member = members::by_email(&app.db, &actor, &Email::parse(&email)?).await?;
        let expires_at = days.map(|days| app.clock.now().plus(Duration::from_secs(u64::from(days) * 86_400)));
        let new = NewToken {
            name: Label::parse(&name)?,
            scopes: TokenScopes::parse(&scopes)?,
            expires_at,
            limits: SendingLimits::new(events_per_second, events_per_day)?,
        };
        let made = tokens::create(&app.db, &app.clock, &actor, &member.id, new).await?;
        output.show(&json!({ "token_id": made.id.as_str(), "token": made.secret.reveal() }), |_| made.secret.reveal().to_owned());
        Ok(())
    }
}
