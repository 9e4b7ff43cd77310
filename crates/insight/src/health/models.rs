//! The models of the house: copied, edited as a draft, published as a version, put to use.
//!
//! A published version is never changed, so that every score of the past can name the one that made it.

use accounts::audit::{self, Entry};
use accounts::{Actor, Permission};
use kit::{Db, Error, Result, Timestamp, Tx, from_row, sql};
use serde_json::json;

use super::assignments::{self, Assignment};
use super::model::{self, Model, Rule, VersionNo};
use crate::Insight;

/// A model in a list.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Which it was copied from; those without come with Innkeeper and cannot be edited.
    pub copied_from: Option<String>,
    /// The factors while they are edited.
    pub draft: Option<Vec<Rule>>,
    /// Its published versions, newest first.
    pub versions: Vec<Model>,
    /// The version in use, when it is one of these.
    pub in_use: Option<VersionNo>,
    /// Segments whose customers are scored by one of these.
    pub segments: Vec<Assignment>,
}

impl Listing {
    /// Whether it scores anybody.
    pub fn scores_anybody(&self) -> bool {
        self.in_use.is_some() || !self.segments.is_empty()
    }

    /// Whether it comes with Innkeeper.
    pub fn is_built_in(&self) -> bool {
        self.copied_from.is_none()
    }
}

struct ModelRow {
    id: String,
    name: String,
    copied_from: Option<String>,
    draft: Option<String>,
}

from_row!(ModelRow { id, name, copied_from, draft });

struct VersionRow {
    no: i64,
    model_id: String,
    name: String,
    version: i64,
    rules: String,
    note: String,
    published_at: Timestamp,
    published_by: String,
}

from_row!(VersionRow { no, model_id, name, version, rules, note, published_at, published_by });

impl VersionRow {
    fn model(self) -> Result<Model> {
        Ok(Model {
            model: self.model_id,
            name: self.name,
            no: VersionNo(self.no),
            version: self.version,
            rules: serde_json::from_str(&self.rules)?,
            published_at: self.published_at,
            published_by: self.published_by,
            note: self.note,
        })
    }
}

const VERSIONS: &str = "select health_version.no, health_version.model_id, health_model.name, health_version.version, health_version.rules,
       health_version.note, health_version.published_at, health_version.published_by
from health_version join health_model on health_model.id = health_version.model_id";

/// The version by which scores are made now.
pub async fn in_use(db: &Db) -> Result<Model> {
    let newest = sql(VERSIONS).and("where health_version.no = (select version_no from health_use order by at desc limit 1)");
    db.one::<VersionRow>(newest).await?.model()
}

/// One published version.
pub async fn version(db: &Db, no: VersionNo) -> Result<Model> {
    let row: Option<VersionRow> = db.optional(sql(VERSIONS).and("where health_version.no = $1").bind(no.0)).await?;
    row.ok_or_else(|| Error::not_found("the version"))?.model()
}

/// All published versions, oldest first: for the names of marks in charts.
pub async fn versions(db: &Db) -> Result<Vec<Model>> {
    db.all::<VersionRow>(sql(VERSIONS).and("order by health_version.no")).await?.into_iter().map(VersionRow::model).collect()
}

/// All models with their versions, in the order of their names.
pub async fn list(db: &Db) -> Result<Vec<Listing>> {
    let models: Vec<ModelRow> = db.all(sql("select id, name, copied_from, draft from health_model order by lower(name), id")).await?;
    let (used, mut all, assigned) = (in_use(db).await?, versions(db).await?, assignments::list(db).await?);
    all.reverse();
    let listing = |row: ModelRow| {
        let versions: Vec<Model> = all.iter().filter(|version| version.model == row.id).cloned().collect();
        Ok(Listing {
            segments: assigned.iter().filter(|one| versions.iter().any(|version| version.no == one.version)).cloned().collect(),
            in_use: (used.model == row.id).then_some(used.no),
            id: row.id,
            name: row.name,
            copied_from: row.copied_from,
            draft: row.draft.map(|draft| serde_json::from_str(&draft)).transpose()?,
            versions,
        })
    };
    models.into_iter().map(listing).collect()
}

/// One model with its versions.
pub async fn get(db: &Db, id: &str) -> Result<Listing> {
    list(db).await?.into_iter().find(|listing| listing.id == id).ok_or_else(|| Error::not_found("the model"))
}

/// Copies the newest version (or the draft of a model without one) to a new model's draft, which is its own from then on.
pub async fn copy(insight: &Insight, actor: &Actor, from: &str, name: &str) -> Result<String> {
    actor.may(Permission::OperateHouse)?;
    let name = parse_name(name)?;
    let origin = get(insight.db(), from).await?;
    let newest = origin.versions.first().map(|version| version.rules.clone());
    let rules = newest.or(origin.draft).ok_or_else(|| Error::conflict("the model has no factors yet"))?;
    let (rules, id) = (serde_json::to_string(&rules)?, format!("own_{}", kit::id::random_base32(8)));
    let now = insight.clock().now();
    insight
        .db()
        .write(async |tx| {
            tx.execute(
                sql("insert into health_model (id, name, copied_from, draft, created_at, created_by) values ($1, $2, $3, $4, $5, $6)")
                    .bind(&id)
                    .bind(&name)
                    .bind(from)
                    .bind(&rules)
                    .bind(now)
                    .bind(actor.name()),
            )
            .await?;
            tell(&tx, insight, actor, "health_model.copy", &id, json!({ "from": from, "name": name })).await
        })
        .await?;
    Ok(id)
}

/// Keeps `rules` as the model's draft. Models that come with Innkeeper are copied instead.
pub async fn save_draft(insight: &Insight, actor: &Actor, id: &str, name: &str, rules: &[Rule]) -> Result<()> {
    actor.may(Permission::OperateHouse)?;
    let name = parse_name(name)?;
    model::check(rules)?;
    let draft = serde_json::to_string(rules)?;
    insight
        .db()
        .write(async |tx| {
            require_own(&tx, id).await?;
            tx.execute(sql("update health_model set name = $2, draft = $3 where id = $1").bind(id).bind(&name).bind(&draft)).await?;
            tell(&tx, insight, actor, "health_model.edit", id, json!({ "name": name })).await
        })
        .await
}

/// Throws the draft away. A model that was never published goes with it.
pub async fn discard_draft(insight: &Insight, actor: &Actor, id: &str) -> Result<()> {
    actor.may(Permission::OperateHouse)?;
    insight
        .db()
        .write(async |tx| {
            require_own(&tx, id).await?;
            tx.execute(sql("update health_model set draft = null where id = $1").bind(id)).await?;
            tx.execute(
                sql("delete from health_model
                     where id = $1
                       and not exists (select 1 from health_version where health_version.model_id = health_model.id)
                       and not exists (select 1 from health_model copy where copy.copied_from = health_model.id)")
                .bind(id),
            )
            .await?;
            tell(&tx, insight, actor, "health_model.discard", id, json!({})).await
        })
        .await
}

/// Publishes the draft as the model's next version. Where the model is in use, for everybody or for segments, the new version is from now
/// on. Scores follow within seconds.
pub async fn publish(insight: &Insight, actor: &Actor, id: &str, note: &str) -> Result<Model> {
    actor.may(Permission::OperateHouse)?;
    let note = note.trim();
    if note.chars().count() > 500 || note.chars().any(|letter| letter.is_control() && letter != '\n') {
        return Err(Error::invalid("note", "must have up to 500 letters"));
    }
    let now = insight.clock().now();
    let no = insight
        .db()
        .write(async |tx| {
            let draft = require_own(&tx, id).await?.draft.ok_or_else(|| Error::conflict("there is no draft to publish"))?;
            model::check(&serde_json::from_str::<Vec<Rule>>(&draft)?)?;
            let (no, version): (i64, i64) = tx
                .one(
                    sql("select cast(coalesce(max(no), 0) + 1 as bigint),
                                cast(coalesce(max(case when model_id = $1 then version end), 0) + 1 as bigint)
                         from health_version")
                    .bind(id),
                )
                .await?;
            tx.execute(
                sql("insert into health_version (no, model_id, version, rules, note, published_at, published_by)
                     values ($1, $2, $3, $4, $5, $6, $7)")
                .bind(no)
                .bind(id)
                .bind(version)
                .bind(&draft)
                .bind(note)
                .bind(now)
                .bind(actor.name()),
            )
            .await?;
            tx.execute(sql("update health_model set draft = null where id = $1").bind(id)).await?;
            let assigned = tx
                .execute(
                    sql("update health_assignment set version_no = $1 where version_no in (select no from health_version where model_id = $2)")
                        .bind(no)
                        .bind(id),
                )
                .await?;
            let (used,): (String,) = tx
                .one(sql("select model_id from health_version where no = (select version_no from health_use order by at desc limit 1)"))
                .await?;
            if used == id {
                put_to_use(&tx, insight, actor, VersionNo(no)).await?;
            } else if assigned > 0 {
                choice_changed(&tx, insight, actor).await?;
            }
            tell(&tx, insight, actor, "health_model.publish", id, json!({ "version": version, "note": note })).await?;
            Ok(no)
        })
        .await?;
    version(insight.db(), VersionNo(no)).await
}

/// Scores are made by this version from now on.
pub async fn use_version(insight: &Insight, actor: &Actor, no: VersionNo) -> Result<()> {
    actor.may(Permission::OperateHouse)?;
    let model = version(insight.db(), no).await?;
    insight
        .db()
        .write(async |tx| {
            put_to_use(&tx, insight, actor, no).await?;
            let detail = json!({ "name": model.name, "version": model.version });
            tell(&tx, insight, actor, "health_model.use", &model.model, detail).await
        })
        .await
}

async fn put_to_use(tx: &Tx, insight: &Insight, actor: &Actor, no: VersionNo) -> Result<()> {
    // A clock that was set back must not make an older choice the newest.
    let (last,): (i64,) = tx.one(sql("select at from health_use order by at desc limit 1")).await?;
    tx.execute(
        sql("insert into health_use (at, version_no, used_by) values ($1, $2, $3)")
            .bind(insight.clock().now().0.max(last + 1))
            .bind(no.0)
            .bind(actor.name()),
    )
    .await
    .map(|_| ())
}

/// Notes that customers of some segment are scored by another version: the version of everybody is put to use once more.
pub(super) async fn choice_changed(tx: &Tx, insight: &Insight, actor: &Actor) -> Result<()> {
    let (no,): (i64,) = tx.one(sql("select version_no from health_use order by at desc limit 1")).await?;
    put_to_use(tx, insight, actor, VersionNo(no)).await
}

async fn require_own(tx: &Tx, id: &str) -> Result<ModelRow> {
    let row: Option<ModelRow> = tx.optional(sql("select id, name, copied_from, draft from health_model where id = $1").bind(id)).await?;
    let row = row.ok_or_else(|| Error::not_found("the model"))?;
    match row.copied_from {
        Some(_) => Ok(row),
        None => Err(Error::conflict("this model comes with Innkeeper; copy it and edit the copy")),
    }
}

fn parse_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 60 || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "must have 1 to 60 letters"));
    }
    Ok(name.to_owned())
}

async fn tell(tx: &Tx, insight: &Insight, actor: &Actor, action: &'static str, id: &str, detail: serde_json::Value) -> Result<()> {
    audit::record(tx, insight.clock(), actor, Entry { action, customer: None, subject: id, detail }).await
}
