//! What a site is known to keep secret.

use super::assignment::family;
use super::{Known, entropy};
use crate::sites::Site;
use crate::{Hosting, environment, files};
use kit::{Error, Result};

/// The secrets of a site: those we made, and every value in its `.env` whose name or look says that it is one.
///
/// Fails when either cannot be read: without them a log must not be shown.
pub async fn known_of(hosting: &Hosting, site: &Site) -> Result<Known> {
    known_with(hosting, site, Vec::new()).await
}

/// The same, and what the variables (`NAME=value`) of its containers say: those of an adopted one stand nowhere else, and one that
/// was not made anew since a secret changed still has the old one.
///
/// The site's own variables come from their versions, not from the file: the containers of a release that is just being started have
/// values that the file does not have yet, and those that still run have values which it does not have any more.
pub async fn known_with(hosting: &Hosting, site: &Site, environment: Vec<String>) -> Result<Known> {
    let own = environment::ever_given(hosting, &site.id).await?;
    let (hosting, site) = (hosting.clone(), site.clone());
    // A file is read and a table is built: away from the threads that answer requests.
    let gathered = tokio::task::spawn_blocking(move || gather(&hosting, &site, &own, &environment)).await;
    gathered.map_err(|error| Error::internal(format!("reading what a site keeps secret: {error}")))?
}

fn gather(hosting: &Hosting, site: &Site, own: &[(String, String)], environment: &[String]) -> Result<Known> {
    let secrets = site.open_secrets(&hosting.key)?;
    let path = hosting.site_folder(site).join(".env");
    let file = match std::fs::read_to_string(&path) {
        Ok(file) => file,
        // The folder is made after the row, and gone while the site is archived.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(files::storage(&path, error)),
    };
    let ours = [
        &secrets.db_password,
        &secrets.jwt_secret,
        &secrets.session_secret,
        &secrets.webhook_secret,
        &secrets.owner_password,
        &secrets.preview_password,
    ];
    let values = ours.into_iter().cloned().chain(secret_values(&file));
    let values: Vec<String> = values.chain(environment.iter().flat_map(|variable| secret_values(variable))).collect();
    let own = own.iter().filter(|(name, value)| is_secret(name, value)).map(|(_, value)| value.as_str());
    Ok(Known::of(values.iter().map(String::as_str).chain(own)))
}

/// The values of an environment file that are secret-like, without their quotes.
fn secret_values(file: &str) -> impl Iterator<Item = String> {
    let variables = file.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| line.split_once('='));
    variables.filter_map(|(name, value)| {
        let value = unquote(value.trim());
        is_secret(name.trim(), &value).then_some(value)
    })
}

/// Whether the name or the look of a variable says that it is a secret.
pub fn is_secret(name: &str, value: &str) -> bool {
    let address = value.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
    is_secret_name(name) || address || entropy::looks_random(value.as_bytes())
}

/// Whether the name of a variable alone says that it is a secret.
pub fn is_secret_name(name: &str) -> bool {
    family(name.as_bytes()).is_some()
}

fn unquote(value: &str) -> String {
    if let Some(inside) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inside.to_owned();
    }
    let Some(inside) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let mut plain = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => plain.extend(characters.next().map(|next| match next {
                'n' => '\n',
                'r' => '\r',
                next => next,
            })),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_like_values_are_read_from_an_environment_file() {
        let file = "# comment\nAPP_ENV=production\nDB_PASSWORD=\"a\\\"b\\$c d\"\nMAIL_PASSWORD='x y z'\nAPI_URL=https://shop.test/api\n\
            DATABASE_URL=postgres://user:word@db/shop\nSITE_NAME=\"My Site\"\nSEED=4fK9aQ2zL8mX7bV1cN5d\nJWT_SECRET=s3cr3t\n";
        let values: Vec<String> = secret_values(file).collect();
        assert_eq!(values, ["a\"b$c d", "x y z", "postgres://user:word@db/shop", "4fK9aQ2zL8mX7bV1cN5d", "s3cr3t"]);
    }
}
