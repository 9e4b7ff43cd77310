//! `innkeeper site preview`.

use accounts::Actor;
use hosting::edge::PREVIEW_USER;
use hosting::git::BranchName;
use hosting::previews::{self, NewPreview};
use hosting::sites::{PreviewDatabase, Site, SiteId};
use kit::{Error, Result};
use serde_json::{Value, json};
use web::App;

use super::site::{Wait, wait_and_show, wait_for};
use crate::output::{Output, table};

/// What to do: one of --branch, --remove and --list.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Preview {
    /// The site's id.
    site: String,
    /// Makes a preview of this branch.
    #[arg(long, group = "what")]
    branch: Option<String>,
    /// Removes the preview of this branch, or the one with this id.
    #[arg(long, group = "what")]
    remove: Option<String>,
    /// Lists the previews with their passwords.
    #[arg(long, group = "what")]
    list: bool,
    /// What its database begins as: empty, or copy for a copy of the site's with all personal data in it.
    #[arg(long, default_value = "empty", conflicts_with_all = ["remove", "list"])]
    database: String,
    /// Leaves the variables out that the customer gave the site.
    #[arg(long, conflicts_with_all = ["remove", "list"])]
    without_variables: bool,
    #[command(flatten)]
    wait: Wait,
}

impl Preview {
    /// Runs it.
    pub(super) async fn run(self, app: &App, actor: &Actor, output: Output) -> Result<()> {
        let site = SiteId::parse(&self.site)?;
        if let Some(branch) = &self.branch {
            let new = NewPreview {
                branch: BranchName::parse(branch)?,
                database: PreviewDatabase::from_text(&self.database)
                    .ok_or_else(|| Error::invalid("--database", "must be one of: empty, copy"))?,
                with_variables: !self.without_variables,
            };
            let preview = previews::create(&app.hosting, actor, &site, &new).await?;
            if !self.wait.no_wait {
                wait_for(app, &preview, output).await?;
            }
            return show(app, &[previews::get(&app.db, &actor.scope(), &site, &preview.id).await?], output);
        }
        let found = previews::list(&app.db, &actor.scope(), &site).await?;
        if let Some(wanted) = &self.remove {
            let preview = found.iter().find(|preview| preview.branch() == wanted || preview.id.as_str() == wanted);
            let preview = preview.ok_or_else(|| Error::not_found("preview"))?;
            let asked = previews::remove(&app.hosting, actor, &site, &preview.id).await?;
            return wait_and_show(app, asked, self.wait, output).await;
        }
        show(app, &found, output)
    }
}

fn show(app: &App, found: &[Site], output: Output) -> Result<()> {
    let mut values: Vec<Value> = Vec::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for preview in found {
        let password = previews::password(&app.hosting, preview)?.map(|password| password.reveal().to_owned()).unwrap_or_default();
        let until = preview.preview_expires_at.map(|at| at.rfc3339());
        values.push(json!({
            "app_id": preview.id.as_str(),
            "branch": preview.branch(),
            "url": app.hosting.url(preview),
            "status": preview.state.as_str(),
            "user": PREVIEW_USER,
            "password": password,
            "expires_at": until,
        }));
        rows.push(vec![
            preview.branch().to_owned(),
            preview.state.to_string(),
            app.hosting.url(preview),
            format!("{PREVIEW_USER} / {password}"),
            until.unwrap_or_else(|| "with its branch".to_owned()),
            preview.id.to_string(),
        ]);
    }
    output.show(&values, |_| table(&["BRANCH", "STATE", "ADDRESS", "SIGN IN", "REMOVED", "ID"], &rows));
    Ok(())
}
