//! What was learnt, as it is kept.

use accounts::CustomerId;
use events::Day;
use kit::db::{FromRow, Row};
use kit::{Db, Error, Result, Timestamp, sql};

use super::Model;

const COLUMNS: &str = "select id, trained_at, definition, capacity, customers, churned, predictor, report, note from churn_model";
/// Models that are kept: a year of days.
const KEPT: i64 = 400;

impl FromRow for Model {
    fn from_row(row: &Row<'_>) -> Result<Model> {
        let malformed = |error: serde_json::Error| Error::internal(format!("a stored model is malformed: {error}"));
        let definition: String = row.get("definition")?;
        let (predictor, report): (Option<String>, Option<String>) = (row.get("predictor")?, row.get("report")?);
        Ok(Model {
            id: row.get("id")?,
            trained_at: row.get("trained_at")?,
            definition: serde_json::from_str(&definition).map_err(malformed)?,
            capacity: u32::try_from(row.get::<i64>("capacity")?).unwrap_or(super::CAPACITY),
            customers: row.get("customers")?,
            churned: row.get("churned")?,
            // One of an older version is as none: tomorrow's is learnt anew.
            predictor: predictor.and_then(|text| serde_json::from_str(&text).ok()),
            report: report.and_then(|text| serde_json::from_str(&text).ok()),
            note: row.get("note")?,
        })
    }
}

/// The newest model; none before somebody tried to learn one.
pub async fn newest(db: &Db) -> Result<Option<Model>> {
    db.optional(sql(COLUMNS).and("order by trained_at desc, id desc limit 1")).await
}

/// The newest models, newest first, `limit` at most.
pub async fn history_of_models(db: &Db, limit: u32) -> Result<Vec<Model>> {
    db.all(sql(COLUMNS).and("order by trained_at desc, id desc limit $1").bind(limit)).await
}

/// Writes down what was learnt, and forgets what was learnt long ago.
pub(super) async fn insert(db: &Db, model: &Model) -> Result<()> {
    db.write(async |tx| {
        tx.execute(
            sql("insert into churn_model (id, trained_at, definition, capacity, customers, churned, predictor, report, note)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 on conflict (id) do nothing")
            .bind(&model.id)
            .bind(model.trained_at)
            .bind(serde_json::to_string(&model.definition)?)
            .bind(model.capacity)
            .bind(model.customers)
            .bind(model.churned)
            .bind(model.predictor.as_ref().map(serde_json::to_string).transpose()?)
            .bind(model.report.as_ref().map(serde_json::to_string).transpose()?)
            .bind(model.note.as_ref()),
        )
        .await?;
        let old: Option<(Timestamp,)> =
            tx.optional(sql("select trained_at from churn_model order by trained_at desc, id desc limit 1 offset $1").bind(KEPT)).await?;
        if let Some((old,)) = old {
            tx.execute(sql("delete from churn_model where trained_at <= $1").bind(old)).await?;
        }
        Ok(())
    })
    .await
}

/// Writes the probabilities of some customers; `None` for those of whom none can be said.
pub(super) async fn write_scores(db: &Db, scores: &[(CustomerId, Option<f64>)], day: Day, now: Timestamp) -> Result<()> {
    db.write(async |tx| {
        for (customer, probability) in scores {
            match probability {
                Some(probability) => {
                    tx.execute(
                        sql("insert into churn_score (customer_id, probability, day, at)
                             select id, $2, $3, $4 from customer where id = $1
                             on conflict (customer_id) do update
                             set probability = excluded.probability, day = excluded.day, at = excluded.at")
                        .bind(customer)
                        .bind(*probability)
                        .bind(day.0)
                        .bind(now),
                    )
                    .await?
                }
                None => tx.execute(sql("delete from churn_score where customer_id = $1").bind(customer)).await?,
            };
        }
        Ok(())
    })
    .await
}

/// Forgets all probabilities: there is nothing that they could be explained with.
pub(super) async fn clear_scores(db: &Db) -> Result<()> {
    db.execute(sql("delete from churn_score")).await.map(|_| ())
}

/// Customers by id with the day on which they were shut out, `limit` at most.
pub(super) async fn customers(db: &Db, after: Option<&CustomerId>, limit: u32) -> Result<Vec<(CustomerId, Option<Timestamp>)>> {
    db.all(
        sql("select id, suspended_at from customer where id > $1 order by id limit $2")
            .bind(after.map_or("", CustomerId::as_str))
            .bind(limit),
    )
    .await
}
