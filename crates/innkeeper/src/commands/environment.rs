//! `innkeeper site env`: a site's own variables. Values come from standard input or a file: arguments can be read by everyone on
//! the machine, and stay in the shell's history.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use accounts::Actor;
use hosting::environment::{self, Applied, Change};
use hosting::redact;
use hosting::sites::{self, SiteId};
use kit::secrets::Secret;
use kit::{Error, FieldError, Result};
use serde_json::json;
use web::App;

use super::site::{self, Wait};
use crate::output::{Output, table};

/// No file of variables is larger.
const LARGEST_FILE: u64 = 1 << 20;

/// Lists and changes a site's own variables.
#[derive(clap::Args)]
pub struct Env {
    /// The site's id.
    site: String,
    #[command(subcommand)]
    command: EnvCommand,
}

/// What is done with them.
#[derive(clap::Subcommand)]
enum EnvCommand {
    /// Lists names, and how far the newest version is applied. Values are never shown.
    List,
    /// Sets one variable to what comes from standard input, or several that are no secrets: NAME=VALUE.
    ///
    /// `innkeeper site env app_k3v9q2m7 set STRIPE_KEY < key.txt`. One line break at the end of the input is left away.
    Set {
        /// One NAME, or NAME=VALUE as often as wanted; a name that looks secret is refused with its value.
        #[arg(required = true)]
        variables: Vec<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Removes variables.
    Unset {
        /// Their names.
        #[arg(required = true)]
        names: Vec<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Takes over the variables of a .env file; others stay as they are.
    Import {
        /// The file; `-` reads standard input.
        file: PathBuf,
        #[command(flatten)]
        wait: Wait,
    },
}

impl Env {
    /// Runs it.
    pub async fn run(self, app: &App, actor: &Actor, output: Output) -> Result<()> {
        let id = SiteId::parse(&self.site)?;
        // First, so that nobody types a secret for a site that is not there.
        sites::get(&app.db, &actor.scope(), &id).await?;
        let (set, remove, wait) = match self.command {
            EnvCommand::List => return list(app, actor, &id, output).await,
            EnvCommand::Set { variables, wait } => (read_variables(&variables, output)?, BTreeSet::new(), wait),
            EnvCommand::Unset { names, wait } => (BTreeMap::new(), names.into_iter().collect(), wait),
            EnvCommand::Import { file, wait } => (read_file(&file)?, BTreeSet::new(), wait),
        };
        let base_version = environment::overview(&app.hosting, &actor.scope(), &id).await?.version;
        let made = environment::change(&app.hosting, actor, &id, &Change { base_version, set, remove, restores: None }).await?;
        output.say(format!("version {}: {}", made.version, made.diff.in_words()));
        match &made.deployment {
            Some(deployment) if !wait.is_asked_not_to() => site::until_deployed(app, deployment, output).await?,
            Some(deployment) => output.say(format!("{} rolls it out", deployment.id)),
            None => output.say("the site takes it over when it is started"),
        }
        list(app, actor, &id, output).await
    }
}

async fn list(app: &App, actor: &Actor, id: &SiteId, output: Output) -> Result<()> {
    let seen = environment::overview(&app.hosting, &actor.scope(), id).await?;
    let status = match seen.applied {
        Applied::Yes => "applied",
        Applied::Underway(_) => "rolling_out",
        Applied::AtStart => "at_next_start",
        Applied::No(_) => "not_applied",
    };
    let names: Vec<&str> = seen.variables.iter().map(|variable| variable.name.as_str()).collect();
    let value =
        json!({ "app_id": id.as_str(), "version": seen.version, "live_version": seen.live_version, "status": status, "variables": names });
    output.show(&value, |_| {
        let since = |variable: &environment::Variable| variable.since.map(|at| at.rfc3339()).unwrap_or_default();
        let rows: Vec<Vec<String>> = seen.variables.iter().map(|variable| vec![variable.name.clone(), since(variable)]).collect();
        let words = status.replace('_', " ");
        format!("version {}: {words}\n{}", seen.version, if rows.is_empty() { String::new() } else { table(&["NAME", "SINCE"], &rows) })
    });
    Ok(())
}

/// One name whose value comes from standard input, or names with their values.
fn read_variables(variables: &[String], output: Output) -> Result<BTreeMap<String, Secret>> {
    if let [name] = variables
        && !name.contains('=')
    {
        if let Some(complaint) = environment::complaint_about_name(name) {
            return Err(Error::invalid(name, complaint));
        }
        if std::io::stdin().is_terminal() {
            output.say(format!("Type the value of {name}, then press Ctrl-D on a line of its own:"));
        }
        let value = read_all(std::io::stdin().lock(), "standard input")?;
        let value = value.strip_suffix("\r\n").or(value.strip_suffix('\n')).unwrap_or(&value);
        return Ok(BTreeMap::from([(name.clone(), Secret::new(value))]));
    }
    let mut set = BTreeMap::new();
    for variable in variables {
        let Some((name, value)) = variable.split_once('=') else {
            return Err(Error::invalid(
                variable,
                "must have its value behind `=` when several are set; a single one is read from standard input",
            ));
        };
        if redact::is_secret(name, value) {
            let why =
                "looks like a secret, and everyone on this machine can read arguments: give the name alone and the value on standard input";
            return Err(Error::invalid(name, why));
        }
        if set.insert(name.to_owned(), Secret::new(value)).is_some() {
            return Err(Error::invalid(name, "is given twice"));
        }
    }
    Ok(set)
}

fn read_file(file: &std::path::Path) -> Result<BTreeMap<String, Secret>> {
    let text = if file.as_os_str() == "-" {
        read_all(std::io::stdin().lock(), "standard input")?
    } else {
        let opened = std::fs::File::open(file).map_err(|error| Error::invalid("FILE", format!("cannot be read: {error}")))?;
        read_all(opened, "the file")?
    };
    let (found, errors) = environment::import(&text);
    if !errors.is_empty() {
        let complaint = |error: environment::LineError| FieldError { field: format!("line {}", error.line), message: error.message };
        return Err(Error::Invalid(errors.into_iter().map(complaint).collect()));
    }
    if found.is_empty() {
        return Err(Error::invalid("FILE", "has no line such as NAME=value"));
    }
    Ok(found.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
}

fn read_all(from: impl Read, what: &str) -> Result<String> {
    let mut bytes = Vec::new();
    from.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::unavailable_because(format!("{what} cannot be read"), error))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(Error::invalid("FILE", "must be 1 MB at most"));
    }
    String::from_utf8(bytes).map_err(|_| Error::invalid("FILE", "must be UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_with_secrets_are_refused() {
        let output = Output { json: true };
        let read = |variables: &[&str]| read_variables(&variables.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>(), output);
        let set = read(&["GREETING=Hi there", "COLOUR=a=b"]).unwrap();
        assert_eq!((set["GREETING"].reveal(), set["COLOUR"].reveal()), ("Hi there", "a=b"));
        for bad in
            [&["SHOP_PASSWORD=x"][..], &["DSN=postgres://u:p@h/d"], &["X=4fK9aQ2zL8mX7bV1cN5d"], &["A=1", "B"], &["A=1", "A=2"], &["lower"]]
        {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
