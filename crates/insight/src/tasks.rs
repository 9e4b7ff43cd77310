//! What is to be done for a customer, by whom, until when.

use accounts::audit::{self, Entry};
use accounts::{Actor, CustomerId, MAX_PAGE, MemberId, Page, Permission, customers};
use events::Day;
use kit::db::{FromRow, Row};
use kit::{Clock, Db, Error, Result, Timestamp, Tx, id_type, sql, text_enum};
use serde_json::json;

use crate::{owners, staff};

id_type!(
    /// A task.
    TaskId, "task_"
);

text_enum!(
    /// Whether a task is done.
    TaskState {
        /// To be done.
        Open = "open",
        /// Done.
        Done = "done",
    }
);

/// Where a task without a day is sorted: after all others.
const NO_DAY: i64 = 9_999_999;
const LONGEST_TITLE: usize = 200;
const LONGEST_DETAIL: usize = 5_000;

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// For whom.
    pub customer_id: CustomerId,
    /// What they are called.
    pub customer_name: String,
    /// What is to be done, in a line.
    pub title: String,
    /// And in more words, perhaps none.
    pub detail: String,
    /// Who does it.
    pub assignee_id: Option<MemberId>,
    /// What they are called.
    pub assignee_name: Option<String>,
    /// Until when.
    pub due: Option<Day>,
    /// Whether it is done.
    pub state: TaskState,
    /// Who or which play made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was done.
    pub done_at: Option<Timestamp>,
    /// By whom.
    pub done_by: Option<String>,
}

impl FromRow for Task {
    fn from_row(row: &Row<'_>) -> Result<Task> {
        Ok(Task {
            id: row.get("id")?,
            customer_id: row.get("customer_id")?,
            customer_name: row.get("customer_name")?,
            title: row.get("title")?,
            detail: row.get("detail")?,
            assignee_id: row.get("assignee_id")?,
            assignee_name: row.get("assignee_name")?,
            due: row.get::<Option<i64>>("due_day")?.map(Day),
            state: row.get("state")?,
            created_by: row.get("created_by")?,
            created_at: row.get("created_at")?,
            done_at: row.get("done_at")?,
            done_by: row.get("done_by")?,
        })
    }
}

impl Task {
    /// Whether it should have been done before this day.
    pub fn is_overdue(&self, today: Day) -> bool {
        self.state == TaskState::Open && self.due.is_some_and(|due| due < today)
    }
}

const SELECT: &str =
    "select customer_task.id, customer_task.customer_id, customer.name as customer_name, customer_task.title, customer_task.detail,
       customer_task.assignee_id, member.name as assignee_name, customer_task.due_day, customer_task.state, customer_task.created_by,
       customer_task.created_at, customer_task.done_at, customer_task.done_by
from customer_task
join customer on customer.id = customer_task.customer_id
left join member on member.id = customer_task.assignee_id";

/// A task to be.
#[derive(Debug, Clone, Default)]
pub struct NewTask {
    /// What is to be done.
    pub title: String,
    /// In more words.
    pub detail: String,
    /// Who does it.
    pub assignee: Option<MemberId>,
    /// Until when.
    pub due: Option<Day>,
}

/// What changes; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct TaskChange {
    /// Another title.
    pub title: Option<String>,
    /// Other words.
    pub detail: Option<String>,
    /// Somebody else, or nobody.
    pub assignee: Option<Option<MemberId>>,
    /// Another day, or none.
    pub due: Option<Option<Day>>,
    /// Done, or to be done again.
    pub state: Option<TaskState>,
}

/// Which tasks: open ones by their day, done ones the other way round.
#[derive(Debug, Clone)]
pub struct TaskQuery {
    /// In which state.
    pub state: TaskState,
    /// Of this customer only.
    pub customer: Option<CustomerId>,
    /// Of this member of staff only.
    pub assignee: Option<MemberId>,
    /// Due before this day only.
    pub due_before: Option<Day>,
    /// What `next` of the page before said.
    pub after: Option<String>,
    /// How many.
    pub limit: u32,
}

impl Default for TaskQuery {
    fn default() -> TaskQuery {
        TaskQuery { state: TaskState::Open, customer: None, assignee: None, due_before: None, after: None, limit: 50 }
    }
}

/// Tasks, a page at a time.
pub async fn list(db: &Db, actor: &Actor, query: &TaskQuery) -> Result<Page<Task, String>> {
    staff::only(actor, Permission::ReadCustomers)?;
    let limit = query.limit.clamp(1, MAX_PAGE);
    let after = match &query.after {
        Some(text) => Some(cursor(text)?),
        None => None,
    };
    let is_open = query.state == TaskState::Open;
    // Plain equations, so that each combination is served by an index.
    let statement = sql(SELECT)
        .and("where customer_task.state = $1")
        .and(if query.customer.is_some() { "and customer_task.customer_id = $2" } else { "and cast($2 as text) is null" })
        .and(if query.assignee.is_some() { "and customer_task.assignee_id = $3" } else { "and cast($3 as text) is null" })
        .and(if query.due_before.is_some() { "and customer_task.sort_day < $4" } else { "and cast($4 as bigint) is null" })
        .and(match (&after, is_open) {
            (None, _) => "and cast($5 as bigint) is null and cast($6 as text) is null",
            (Some(_), true) => "and (customer_task.sort_day, customer_task.id) > ($5, $6)",
            (Some(_), false) => "and (customer_task.sort_day, customer_task.id) < ($5, $6)",
        })
        .and(if is_open {
            "order by customer_task.sort_day, customer_task.id limit $7"
        } else {
            "order by customer_task.sort_day desc, customer_task.id desc limit $7"
        })
        .bind(query.state)
        .bind(query.customer.as_ref())
        .bind(query.assignee.as_ref())
        .bind(query.due_before.map(|day| day.0))
        .bind(after.as_ref().map(|(day, _)| *day))
        .bind(after.as_ref().map(|(_, id)| id))
        .bind(limit + 1);
    let mut items: Vec<Task> = db.all(statement).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|task| format!("{}:{}", task.due.map_or(NO_DAY, |day| day.0), task.id));
    Ok(Page { items, next })
}

fn cursor(text: &str) -> Result<(i64, TaskId)> {
    let wrong = || Error::invalid("after", "must be what `next` said");
    let (day, id) = text.split_once(':').ok_or_else(wrong)?;
    Ok((day.parse().map_err(|_| wrong())?, TaskId::parse(id).map_err(|_| wrong())?))
}

/// How many tasks are open, and how many of them should have been done before this day; of one member of staff, or of all.
pub async fn open_counts(db: &Db, actor: &Actor, assignee: Option<&MemberId>, today: Day) -> Result<(i64, i64)> {
    staff::only(actor, Permission::ReadCustomers)?;
    db.one(
        sql("select cast(count(*) as bigint), cast(coalesce(sum(case when sort_day < $1 then 1 else 0 end), 0) as bigint)
             from customer_task
             where state = 'open'")
        .and(if assignee.is_some() { "and assignee_id = $2" } else { "and cast($2 as text) is null" })
        .bind(today.0)
        .bind(assignee),
    )
    .await
}

/// One task.
pub async fn get(db: &Db, actor: &Actor, id: &TaskId) -> Result<Task> {
    staff::only(actor, Permission::ReadCustomers)?;
    let found: Option<Task> = db.optional(sql(SELECT).and("where customer_task.id = $1").bind(id)).await?;
    found.ok_or_else(|| Error::not_found("the task"))
}

/// Adds a task. Fields: `title`, `detail`, `assignee`, `due`.
pub async fn add(db: &Db, clock: &Clock, actor: &Actor, customer: &CustomerId, new: &NewTask) -> Result<Task> {
    staff::only(actor, Permission::WriteFollowUps)?;
    customers::get(db, &actor.scope(), customer).await?;
    let new = NewTask {
        title: staff::text("title", &new.title.replace(['\n', '\t'], " "), (1, LONGEST_TITLE))?,
        detail: staff::text("detail", &new.detail, (0, LONGEST_DETAIL))?,
        ..new.clone()
    };
    check_day(new.due)?;
    db.write(async |tx| {
        if let Some(assignee) = &new.assignee {
            owners::require_staff(&tx, assignee, "assignee").await?;
        }
        let id = insert(&tx, clock, customer, &new, actor.name()).await?;
        told(&tx, clock, actor, "task.add", customer, &id).await?;
        tx.one(sql(SELECT).and("where customer_task.id = $1").bind(&id)).await
    })
    .await
}

/// Writes the row. The texts are checked.
pub(crate) async fn insert(tx: &Tx, clock: &Clock, customer: &CustomerId, new: &NewTask, created_by: &str) -> Result<TaskId> {
    let id = TaskId::new(clock);
    tx.execute(
        sql("insert into customer_task (id, customer_id, title, detail, assignee_id, due_day, sort_day, state, created_by, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9)")
        .bind(&id)
        .bind(customer)
        .bind(&new.title)
        .bind(&new.detail)
        .bind(new.assignee.as_ref())
        .bind(new.due.map(|day| day.0))
        .bind(new.due.map_or(NO_DAY, |day| day.0))
        .bind(created_by)
        .bind(clock.now()),
    )
    .await?;
    Ok(id)
}

/// Changes a task. Fields: `title`, `detail`, `assignee`, `due`.
pub async fn change(db: &Db, clock: &Clock, actor: &Actor, id: &TaskId, change: &TaskChange) -> Result<Task> {
    staff::only(actor, Permission::WriteFollowUps)?;
    let title = change.title.as_ref().map(|text| staff::text("title", &text.replace(['\n', '\t'], " "), (1, LONGEST_TITLE))).transpose()?;
    let detail = change.detail.as_ref().map(|text| staff::text("detail", text, (0, LONGEST_DETAIL))).transpose()?;
    check_day(change.due.flatten())?;
    db.write(async |tx| {
        let found: Option<Task> = tx.optional(sql(SELECT).and("where customer_task.id = $1").bind(id)).await?;
        let before = found.ok_or_else(|| Error::not_found("the task"))?;
        if let Some(Some(assignee)) = &change.assignee {
            owners::require_staff(&tx, assignee, "assignee").await?;
        }
        let due = change.due.unwrap_or(before.due);
        let state = change.state.unwrap_or(before.state);
        // Who did it first, did it.
        let (done_at, done_by) = match (before.state, state) {
            (TaskState::Open, TaskState::Done) => (Some(clock.now()), Some(actor.name().to_owned())),
            (TaskState::Done, TaskState::Done) => (before.done_at, before.done_by.clone()),
            (_, TaskState::Open) => (None, None),
        };
        tx.execute(
            sql("update customer_task
                 set title = $2, detail = $3, assignee_id = $4, due_day = $5, sort_day = $6, state = $7, done_at = $8, done_by = $9
                 where id = $1")
            .bind(id)
            .bind(title.as_ref().unwrap_or(&before.title))
            .bind(detail.as_ref().unwrap_or(&before.detail))
            .bind(change.assignee.as_ref().unwrap_or(&before.assignee_id).as_ref())
            .bind(due.map(|day| day.0))
            .bind(due.map_or(NO_DAY, |day| day.0))
            .bind(state)
            .bind(done_at)
            .bind(done_by),
        )
        .await?;
        let action = match (before.state, state) {
            (TaskState::Open, TaskState::Done) => "task.done",
            (TaskState::Done, TaskState::Open) => "task.reopen",
            _ => "task.change",
        };
        told(&tx, clock, actor, action, &before.customer_id, id).await?;
        tx.one(sql(SELECT).and("where customer_task.id = $1").bind(id)).await
    })
    .await
}

/// Removes a task.
pub async fn remove(db: &Db, clock: &Clock, actor: &Actor, id: &TaskId) -> Result<Task> {
    staff::only(actor, Permission::WriteFollowUps)?;
    db.write(async |tx| {
        let found: Option<Task> = tx.optional(sql(SELECT).and("where customer_task.id = $1").bind(id)).await?;
        let before = found.ok_or_else(|| Error::not_found("the task"))?;
        tx.execute(sql("delete from customer_task where id = $1").bind(id)).await?;
        told(&tx, clock, actor, "task.remove", &before.customer_id, id).await?;
        Ok(before)
    })
    .await
}

/// Years 1970 to 9999: what pages can show.
fn check_day(day: Option<Day>) -> Result<()> {
    match day {
        Some(day) if !(0..2_932_897).contains(&day.0) => Err(Error::invalid("due", "must be a day such as 2026-11-21")),
        _ => Ok(()),
    }
}

/// The log says that there was a task, not what it said.
async fn told(tx: &Tx, clock: &Clock, actor: &Actor, action: &'static str, customer: &CustomerId, id: &TaskId) -> Result<()> {
    let detail = json!({ "customer_id": customer });
    audit::record(tx, clock, actor, Entry { action, customer: None, subject: id.as_str(), detail }).await
}
