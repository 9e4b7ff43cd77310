//! How much room sites take: their database as PostgreSQL says, their files as the file system says. Measured in the background,
//! one site at a time, because both cost the machine more than a look at a figure.

use std::collections::HashMap;
use std::time::Duration;

use kit::exec::Command;
use kit::{Error, Result, Timestamp, sql};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::sites::{self, Site, SiteId, SiteState};
use crate::{Hosting, templates};

/// So long after a measurement the next one is due, give or take a tenth.
const AGAIN: Duration = Duration::from_secs(15 * 60);
/// Pause between two sites, and between two looks for one that is due.
const PAUSE: Duration = Duration::from_secs(5);
/// How long one measurement may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The service that holds a site's database; its files are not counted twice.
const DATABASE: &str = "db";

/// Measures until `stop`.
pub(super) async fn keep_measuring(hosting: Hosting, stop: CancellationToken) {
    let mut due: HashMap<String, Timestamp> = HashMap::new();
    while !stop.is_cancelled() {
        let step = async {
            tokio::time::sleep(PAUSE).await;
            if let Err(error) = measure_next(&hosting, &mut due).await {
                debug!("a site's size cannot be measured: {error}");
            }
        };
        tokio::select! {
            () = step => {}
            () = stop.cancelled() => break,
        }
    }
}

/// Measures the site that is due for the longest time, if one is.
async fn measure_next(hosting: &Hosting, due: &mut HashMap<String, Timestamp>) -> Result<()> {
    let now = hosting.clock.now();
    let running: HashMap<String, HashMap<String, String>> = containers(hosting);
    due.retain(|site, _| running.contains_key(site));
    let next = running.keys().map(|site| (due.get(site).copied().unwrap_or(Timestamp(0)), site)).min();
    let Some((_, site)) = next.filter(|(at, _)| *at <= now) else { return Ok(()) };
    let id = SiteId::parse(site)?;
    if !due.contains_key(site) {
        // After a start of ours: the last measurement may be young enough.
        let last: Option<(Timestamp,)> =
            hosting.db.optional(sql("select measured_at from usage_size where site_id = $1").bind(&id)).await?;
        let last = last.map(|(at,)| at.plus(AGAIN)).filter(|at| *at > now && *at < now.plus(AGAIN));
        if let Some(at) = last {
            due.insert(site.clone(), at);
            return Ok(());
        }
    }
    // Whatever comes of it: one that fails is not tried again at once.
    due.insert(site.clone(), now.plus(jittered(&id, now)));
    let site = match sites::get_any(&hosting.db, &id).await {
        Ok(site) if site.state == SiteState::Active => site,
        Ok(_) | Err(Error::NotFound(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    measure_in(hosting, &site, &running[site.id.as_str()]).await
}

/// Measures a site that runs now, whether or not it is due.
pub async fn measure(hosting: &Hosting, site: &Site) -> Result<()> {
    measure_in(hosting, site, &containers(hosting).remove(site.id.as_str()).unwrap_or_default()).await
}

/// Containers that run, by site and service.
fn containers(hosting: &Hosting) -> HashMap<String, HashMap<String, String>> {
    let mut found: HashMap<String, HashMap<String, String>> = HashMap::new();
    for (site, service, container, _) in hosting.board.running() {
        found.entry(site.to_string()).or_default().insert(service, container.id);
    }
    found
}

/// Measures one site and notes what could be measured; what could not keeps its last figure.
async fn measure_in(hosting: &Hosting, site: &Site, containers: &HashMap<String, String>) -> Result<()> {
    // Only of templates do we know where data is; in adopted containers nothing is run.
    let Some(template) = templates::find(site.kind) else { return Ok(()) };
    let database = match containers.get(DATABASE) {
        Some(container) => database_size(site, container).await.ok(),
        None => None,
    };
    let mut files = Some(0i64);
    for (name, service) in template.manifest.services.iter().filter(|(name, _)| *name != DATABASE) {
        for volume in &service.volumes {
            let size = match containers.get(name) {
                Some(container) => folder_size(container, &volume.path).await.ok(),
                None => None,
            };
            files = files.zip(size).map(|(sum, size)| sum.saturating_add(size));
        }
    }
    if database.is_none() && files.is_none() {
        return Ok(());
    }
    let at = hosting.clock.now();
    note(hosting, &site.id, database, files, at).await
}

async fn note(hosting: &Hosting, site: &SiteId, database: Option<i64>, files: Option<i64>, at: Timestamp) -> Result<()> {
    hosting
        .db
        .execute(
            sql("insert into usage_size (site_id, database_bytes, files_bytes, measured_at) values ($1, $2, $3, $4)
                 on conflict (site_id) do update
                 set database_bytes = coalesce(excluded.database_bytes, usage_size.database_bytes),
                     files_bytes = coalesce(excluded.files_bytes, usage_size.files_bytes),
                     measured_at = excluded.measured_at")
            .bind(site)
            .bind(database)
            .bind(files)
            .bind(at),
        )
        .await?;
    hosting.bus.signal(format!("site:{site}"), format!("usage:{site}"));
    Ok(())
}

async fn database_size(site: &Site, container: &str) -> Result<i64> {
    let output = Command::new("docker")
        .args(["exec", container, "psql", "--no-psqlrc", "--no-align", "--tuples-only"])
        .args(["--username", &site.database_user(), "--dbname", &site.database()])
        .args(["--command", "select pg_database_size(current_database())"])
        .timeout(PATIENCE)
        .run()
        .await?;
    whole(&output.stdout)
}

async fn folder_size(container: &str, path: &str) -> Result<i64> {
    let output = Command::new("docker").args(["exec", container, "du", "-s", "-k", path]).timeout(PATIENCE).run().await?;
    Ok(whole(output.stdout.split_whitespace().next().unwrap_or_default())?.saturating_mul(1024))
}

fn whole(text: &str) -> Result<i64> {
    text.trim().parse().map_err(|_| Error::internal(format!("no size: `{}`", text.trim())))
}

/// Differs from site to site and from time to time, so that many sites do not fall into step.
fn jittered(site: &SiteId, now: Timestamp) -> Duration {
    let seed = site.as_str().bytes().fold(now.0.unsigned_abs(), |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    AGAIN.mul_f64(0.9) + AGAIN.mul_f64(0.2).mul_f64((seed % 1000) as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_measurement_is_a_quarter_of_an_hour_away_give_or_take() {
        let mut seen = std::collections::BTreeSet::new();
        for text in ["app_aaaaaaaa", "app_bbbbbbbb", "app_cccccccc", "app_dddddddd"] {
            let jittered = jittered(&SiteId::parse(text).unwrap(), Timestamp(1_768_386_600_000));
            assert!((810..=990).contains(&jittered.as_secs()), "{jittered:?}");
            seen.insert(jittered);
        }
        assert!(seen.len() > 1);
    }

    #[test]
    fn sizes_are_read_and_anything_else_is_an_error() {
        assert_eq!(whole(" 7631663\n").unwrap(), 7_631_663);
        assert!(whole("psql: error").is_err());
        assert!(whole("").is_err());
    }
}
