//! Seeing what changed, and doing what plays say, once.

use std::time::Duration;

use accounts::{Actor, CustomerId, MAX_PAGE, MemberId, Permission};
use events::Day;
use kit::db::{FromRow, Row};
use kit::jobs::Reconciler;
use kit::mail::Letter;
use kit::words::counted;
use kit::{Result, Timestamp, Tx, from_row, id_type, sql};
use serde_json::json;

use super::deliveries::{self, DeliveryId};
use super::{Assignee, COLUMNS, Cause, Play, PlayId, Plays};
use crate::health::Band;
use crate::staff;
use crate::tasks::{self, NewTask, TaskId};

id_type!(
    /// A play's run for one customer.
    RunId, "run_"
);

/// News that are worked on together: one transaction.
const AT_ONCE: u32 = 200;
/// Lots of one run of the reconciler; what is left comes with the next.
const MOST_LOTS: usize = 500;

/// What a play did for a customer.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Which play.
    pub play_id: PlayId,
    /// What it is called.
    pub play_name: String,
    /// For whom.
    pub customer_id: CustomerId,
    /// What they are called.
    pub customer_name: String,
    /// Why, in a sentence.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// The task that it made, if it is still there.
    pub task_id: Option<TaskId>,
    /// How many mails it wrote.
    pub mails: i64,
    /// What it sent to its webhook.
    pub delivery_id: Option<DeliveryId>,
}

from_row!(Run { id, play_id, play_name, customer_id, customer_name, why, at, task_id, mails, delivery_id });

const RUNS: &str = "select play_run.id, play_run.play_id, play.name as play_name, play_run.customer_id, customer.name as customer_name,
       play_run.why, play_run.at, play_run.task_id, play_run.mails, play_run.delivery_id
from play_run
join play on play.id = play_run.play_id
join customer on customer.id = play_run.customer_id";

/// Runs of a play, newest first, `limit` at most, older than `before`.
pub async fn runs(plays: &Plays, actor: &Actor, play: &PlayId, before: Option<&RunId>, limit: u32) -> Result<Vec<Run>> {
    super::get(plays, actor, play).await?;
    let page = sql(RUNS).and("where play_run.play_id = $1").bind(play);
    let page = match before {
        Some(before) => page.and("and play_run.id < $2 order by play_run.id desc limit $3").bind(before),
        None => page.and("and cast($2 as text) is null order by play_run.id desc limit $3").bind(None::<String>),
    };
    plays.db.all(page.bind(limit.clamp(1, MAX_PAGE + 1))).await
}

/// What plays did for a customer since then, newest first: for the timeline.
pub async fn runs_of_customer(plays: &Plays, actor: &Actor, customer: &CustomerId, since: Timestamp) -> Result<Vec<Run>> {
    staff::only(actor, Permission::ReadCustomers)?;
    plays
        .db
        .all(
            sql(RUNS)
                .and("where play_run.customer_id = $1 and play_run.at >= $2 order by play_run.at desc limit 200")
                .bind(customer)
                .bind(since),
        )
        .await
}

/// A customer of whom plays see something else than last time.
struct News {
    customer: CustomerId,
    name: String,
    band: Option<Band>,
    score: Option<f64>,
    falls_fast: bool,
    churn: Option<f64>,
    owner: Option<MemberId>,
    owner_email: Option<String>,
    owner_name: Option<String>,
    /// What was seen last; none for a customer who was never looked at.
    seen: Option<Seen>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    band: Option<Band>,
    falling_fast: bool,
    churn: Option<f64>,
}

impl FromRow for News {
    fn from_row(row: &Row<'_>) -> Result<News> {
        let seen = match row.get::<Option<Timestamp>>("seen_at")? {
            Some(_) => {
                Some(Seen { band: row.get("seen_band")?, falling_fast: row.get("seen_falling_fast")?, churn: row.get("seen_churn")? })
            }
            None => None,
        };
        Ok(News {
            customer: row.get("customer_id")?,
            name: row.get("name")?,
            band: row.get("band")?,
            score: row.get("score")?,
            falls_fast: row.get("falls_fast")?,
            churn: row.get("probability")?,
            owner: row.get("owner_id")?,
            owner_email: row.get("owner_email")?,
            owner_name: row.get("owner_name")?,
            seen,
        })
    }
}

impl News {
    /// Why a play of this cause runs now; `None` when it does not.
    fn calls_for(&self, cause: Cause) -> Option<String> {
        // Who is seen for the first time has not changed.
        let seen = self.seen?;
        match cause {
            Cause::Band { to } => {
                let came = self.band == Some(to) && seen.band != Some(to);
                let before = seen.band.map_or("unknown", Band::label);
                // Cut off, not rounded: 69.96 must not read as 70 beside “At risk”.
                let score = self.score.map_or(String::new(), |score| format!(" The score is {:.1}.", (score * 10.0).floor() / 10.0));
                came.then(|| format!("The band went from {before} to {}.{score}", to.label()))
            }
            Cause::FallingFast => (self.falls_fast && !seen.falling_fast).then(|| "The score falls by more than a point a day.".to_owned()),
            Cause::Churn { above } => {
                let now = self.churn.filter(|churn| *churn >= above)?;
                let was_below = seen.churn.is_none_or(|churn| churn < above);
                was_below.then(|| format!("The churn probability reached {:.0} %.", now * 100.0))
            }
        }
    }
}

/// What one look did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Customers of whom there were news.
    pub news: usize,
    /// Plays that ran.
    pub ran: usize,
}

/// Looks for news and does what plays say of them.
pub async fn look(plays: &Plays) -> Result<Looked> {
    let active: Vec<Play> = plays.db.all(sql(COLUMNS).and("where state = 'active' order by id")).await?;
    let mut looked = Looked::default();
    if active.is_empty() {
        // The first play that is made begins with how things are then.
        plays.db.execute(sql("delete from play_seen")).await?;
        return Ok(looked);
    }
    for _ in 0..MOST_LOTS {
        let (news, ran) = plays.db.write(async |tx| look_once(&tx, plays, &active).await).await?;
        looked.news += news;
        looked.ran += ran;
        if news < AT_ONCE as usize {
            break;
        }
    }
    if looked.ran > 0 {
        plays.bus.signal("operators", "plays");
        plays.bus.signal("operators", "tasks");
    }
    Ok(looked)
}

async fn look_once(tx: &Tx, plays: &Plays, active: &[Play]) -> Result<(usize, usize)> {
    let all_news: Vec<News> = tx
        .all(
            sql("select health_now.customer_id, customer.name, health_now.band, health_now.score, health_now.falls_fast,
                        churn_score.probability, customer_owner.member_id as owner_id, member.email as owner_email, member.name as owner_name,
                        play_seen.at as seen_at, play_seen.band as seen_band, play_seen.falling_fast as seen_falling_fast,
                        play_seen.churn as seen_churn
                 from health_now
                 join customer on customer.id = health_now.customer_id
                 left join churn_score on churn_score.customer_id = health_now.customer_id
                 left join customer_owner on customer_owner.customer_id = health_now.customer_id
                 left join member on member.id = customer_owner.member_id
                 left join play_seen on play_seen.customer_id = health_now.customer_id
                 where play_seen.customer_id is null
                    or play_seen.band is distinct from health_now.band
                    or play_seen.falling_fast <> health_now.falls_fast
                    or play_seen.churn is distinct from churn_score.probability
                 limit $1")
            .bind(AT_ONCE),
        )
        .await?;
    let now = plays.clock.now();
    let mut ran = 0;
    for news in &all_news {
        for play in active {
            let Some(why) = news.calls_for(play.cause) else { continue };
            if is_for(tx, play, news).await? && !is_quiet(tx, play, news, now).await? {
                run(tx, plays, play, news, &why).await?;
                ran += 1;
            }
        }
        tx.execute(
            sql("insert into play_seen (customer_id, band, falling_fast, churn, at) values ($1, $2, $3, $4, $5)
                 on conflict (customer_id) do update
                 set band = excluded.band, falling_fast = excluded.falling_fast, churn = excluded.churn, at = excluded.at")
            .bind(&news.customer)
            .bind(news.band)
            .bind(news.falls_fast)
            .bind(news.churn)
            .bind(now),
        )
        .await?;
    }
    Ok((all_news.len(), ran))
}

async fn is_for(tx: &Tx, play: &Play, news: &News) -> Result<bool> {
    let Some(segment) = &play.segment_id else { return Ok(true) };
    let found: Option<(CustomerId,)> = tx
        .optional(
            sql("select customer_id from segment_member where segment_id = $1 and customer_id = $2").bind(segment).bind(&news.customer),
        )
        .await?;
    Ok(found.is_some())
}

/// Whether the play ran for this customer a little while ago, as when a score goes to and fro over an edge.
async fn is_quiet(tx: &Tx, play: &Play, news: &News, now: Timestamp) -> Result<bool> {
    let since = now.minus(Duration::from_secs(86_400 * u64::try_from(play.quiet_days).unwrap_or(0)));
    let found: Option<(RunId,)> = tx
        .optional(
            sql("select id from play_run where customer_id = $1 and play_id = $2 and at > $3 limit 1")
                .bind(&news.customer)
                .bind(&play.id)
                .bind(since),
        )
        .await?;
    Ok(found.is_some())
}

async fn run(tx: &Tx, plays: &Plays, play: &Play, news: &News, why: &str) -> Result<()> {
    let now = plays.clock.now();
    let today = plays.calendar.day(now);
    let task = match &play.actions.task {
        Some(action) => {
            let assignee = match &action.assignee {
                Assignee::Owner => news.owner.clone(),
                Assignee::Member(member) => still_here(tx, member).await?,
                Assignee::Nobody => None,
            };
            let due = action.due_in_days.map(|days| Day(today.0 + i64::from(days)));
            let new = NewTask { title: action.title.clone(), detail: why.to_owned(), assignee, due };
            Some(tasks::insert(tx, &plays.clock, &news.customer, &new, &format!("play “{}”", play.name)).await?)
        }
        None => None,
    };
    let mails = mail(tx, plays, play, news, why).await?;
    let delivery = match play.has_webhook() && play.note.is_none() {
        true => Some(deliveries::add(tx, plays, &play.id, &body(plays, play, news, why), false).await?),
        false => None,
    };
    tx.execute(
        sql(
            "insert into play_run (id, play_id, customer_id, why, at, task_id, mails, delivery_id) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(RunId::new(&plays.clock))
        .bind(&play.id)
        .bind(&news.customer)
        .bind(why)
        .bind(now)
        .bind(task)
        .bind(mails)
        .bind(delivery),
    )
    .await
    .map(|_| ())
}

async fn still_here(tx: &Tx, member: &MemberId) -> Result<Option<MemberId>> {
    let found: Option<(MemberId,)> =
        tx.optional(sql("select id from member where id = $1 and role in ('admin', 'concierge')").bind(member)).await?;
    Ok(found.map(|(id,)| id))
}

/// Writes the mails and says how many.
async fn mail(tx: &Tx, plays: &Plays, play: &Play, news: &News, why: &str) -> Result<i64> {
    let Some(action) = &play.actions.mail else { return Ok(0) };
    let owner = news.owner_email.as_deref().filter(|_| action.owner);
    let others = action.to.iter().map(String::as_str).filter(|address| owner != Some(*address));
    let mut written = 0;
    for address in owner.into_iter().chain(others) {
        let greeting = match (&news.owner_name, Some(address) == owner) {
            (Some(name), true) => format!("Hello {name},"),
            _ => "Hello,".to_owned(),
        };
        let letter = Letter {
            to: address,
            subject: format!("{}: {}", line(&news.name), play.name),
            before: vec![greeting, format!("about the customer {}: {why}", line(&news.name))],
            link: &page_of(plays, &news.customer),
            button: "See the customer",
            after: vec![format!("The play “{}” sent this.", play.name)],
        };
        plays.mailer.queue(tx, &letter.compose()).await?;
        written += 1;
    }
    Ok(written)
}

/// What the webhook says. Fields are added, never changed: programs of others read them.
fn body(plays: &Plays, play: &Play, news: &News, why: &str) -> serde_json::Value {
    json!({
        "event": "play.ran",
        "play": { "id": play.id, "name": play.name },
        "customer": { "id": news.customer, "name": news.name, "url": page_of(plays, &news.customer) },
        "why": why,
        "health": {
            "score": news.score,
            "band": news.band,
            "band_before": news.seen.and_then(|seen| seen.band),
            "falling_fast": news.falls_fast,
        },
        "churn_probability": news.churn,
        "owner": news.owner_name,
        "at": plays.clock.now().rfc3339(),
    })
}

fn page_of(plays: &Plays, customer: &CustomerId) -> String {
    format!("{}/admin/customers/{customer}", plays.public_url.trim_end_matches('/'))
}

/// A customer's name on one line of a subject.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(80).collect()
}

/// Looks for news again and again.
#[derive(Debug, Default)]
pub struct Watch;

impl<C: AsRef<Plays> + Clone + Send + Sync + 'static> Reconciler<C> for Watch {
    const NAME: &'static str = "insight.plays";
    const EVERY: Duration = Duration::from_secs(30);

    async fn reconcile(&self, context: C) -> Result<String> {
        let looked = look(context.as_ref()).await?;
        Ok(format!("news of {}, {}", counted(looked.news, "customer"), counted(looked.ran, "play")))
    }
}
