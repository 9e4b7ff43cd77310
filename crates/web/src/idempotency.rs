//! `Idempotency-Key`: a create that is sent twice happens once.
//!
//! The first request claims (caller, key) in the database; its answer is kept for a day, sealed (it may hold a token
//! that is shown once), and given again to the same request. A different request under the same key is refused, one that
//! arrives while the first still runs is told to come back. Failures are not kept, so that they can be tried again. A
//! claim whose process died lapses after [`CLAIM`].

use std::time::Duration;

use accounts::{Actor, How};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use kit::secrets::sha256_hex;
use kit::{Clock, Db, Error, Result, Timestamp, Tx, from_row, sql};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::extract::read_body;
use crate::respond::{self, Answer};

/// Answers are given again for this long.
pub const KEEP: Duration = Duration::from_secs(86_400);
/// A claim without an answer lapses after this long: longer than any request may run.
const CLAIM: Duration = Duration::from_secs(660);
/// Larger answers are not kept; none of ours is.
const LARGEST: usize = 1 << 20;

static KEY: HeaderName = HeaderName::from_static("idempotency-key");
static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

#[derive(Debug)]
struct Kept {
    fingerprint: String,
    answer: Option<String>,
}

from_row!(Kept { fingerprint, answer });

/// The part of an answer that is given again.
#[derive(Serialize, Deserialize)]
struct Answered {
    status: u16,
    content_type: Option<String>,
    location: Option<String>,
    body: String,
}

/// Runs the request, unless the same one has been answered already.
pub async fn once(app: &App, actor: &Actor, request: Request, next: Next) -> Answer {
    let Some(key) = request.headers().get(&KEY) else { return Ok(next.run(request).await) };
    let key = key.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > 200 {
        return Err(Error::invalid("Idempotency-Key", "must be 1 to 200 visible ASCII characters").into());
    }
    // Hashed: callers put all sorts of things into keys.
    let name = sha256_hex(format!("{}\n{key}", who(actor)));
    let (parts, body) = request.into_parts();
    let kept_parts = parts.clone();
    let body = read_body(Request::from_parts(parts, body), app).await?;
    let fingerprint = sha256_hex([format!("{} {}\n", kept_parts.method, kept_parts.uri).as_bytes(), &body].concat());

    if let Some(kept) = claim(app, &name, &fingerprint).await? {
        return replay(app, &fingerprint, &kept);
    }
    // A task of its own: it runs to its end, and its answer is kept, although the caller has gone or was told to wait.
    let again = Request::from_parts(kept_parts, Body::from(body));
    let task = {
        let (app, name) = (app.clone(), name.clone());
        tokio::spawn(async move { keep(&app, &name, next.run(again).await).await })
    };
    match task.await {
        Ok(answer) => answer,
        Err(failed) => {
            free(app, &name).await?;
            match failed.try_into_panic() {
                Ok(panic) => Ok(respond::panicked(panic)),
                Err(_) => Err(Error::unavailable("the server is stopping").into()),
            }
        }
    }
}

async fn free(app: &App, name: &str) -> Result<()> {
    app.db.execute(sql("delete from idempotent_request where name = $1").bind(name)).await.map(|_| ())
}

fn who(actor: &Actor) -> String {
    let member = actor.member_id().map(ToString::to_string).unwrap_or_default();
    // Two tokens of one member are two programs, which may well count their keys alike.
    match actor.how() {
        How::Token { id, .. } => format!("{member} {id}"),
        _ => member,
    }
}

/// Claims the name, or returns what is kept under it.
async fn claim(app: &App, name: &str, fingerprint: &str) -> Result<Option<Kept>> {
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            forget_lapsed(&tx, now).await?;
            let claimed = tx
                .execute(
                    sql("insert into idempotent_request (name, fingerprint, claimed_at)
                         values ($1, $2, $3)
                         on conflict (name) do nothing")
                    .bind(name)
                    .bind(fingerprint)
                    .bind(now),
                )
                .await?;
            if claimed == 1 {
                return Ok(None);
            }
            tx.optional::<Kept>(
                sql("select fingerprint, answer
                     from idempotent_request
                     where name = $1")
                .bind(name),
            )
            .await
        })
        .await
}

/// Deletes answers that are no longer given and claims that have lapsed, and returns how many. Each keyed request does so as well;
/// this is for a house where no further one comes.
pub async fn sweep(db: &Db, clock: &Clock) -> Result<u64> {
    let now = clock.now();
    db.write(async |tx| forget_lapsed(&tx, now).await).await
}

async fn forget_lapsed(tx: &Tx, now: Timestamp) -> Result<u64> {
    let answers = tx.execute(sql("delete from idempotent_request where claimed_at < $1").bind(now.minus(KEEP))).await?;
    let claims = tx
        .execute(
            sql("delete from idempotent_request
                 where answer is null and claimed_at < $1")
            .bind(now.minus(CLAIM)),
        )
        .await?;
    Ok(answers + claims)
}

fn replay(app: &App, fingerprint: &str, kept: &Kept) -> Answer {
    if kept.fingerprint != fingerprint {
        return Err(Error::invalid("Idempotency-Key", "was used for another request; use a new key for each").into());
    }
    let Some(sealed) = &kept.answer else {
        return Err(Error::conflict("the first request with this Idempotency-Key is still running; ask again in a moment").into());
    };
    let opened = app.key.open("web.idempotent", sealed)?;
    let answered: Answered = serde_json::from_str(opened.reveal()).map_err(Error::from)?;
    let mut response = Response::new(Body::from(answered.body));
    *response.status_mut() = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::OK);
    for (name, value) in [(header::CONTENT_TYPE, answered.content_type), (header::LOCATION, answered.location)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(&REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// Keeps a good answer; frees the name after a failure.
async fn keep(app: &App, name: &str, response: Response) -> Answer {
    if !response.status().is_success() {
        free(app, name).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST).await.map_err(Error::from)?;
    let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
    let answered = Answered {
        status: parts.status.as_u16(),
        content_type: text(header::CONTENT_TYPE),
        location: text(header::LOCATION),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let sealed = app.key.seal("web.idempotent", &serde_json::to_string(&answered).map_err(Error::from)?);
    app.db.execute(sql("update idempotent_request set answer = $2 where name = $1").bind(name).bind(sealed)).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// How often, and how many times, a form that was sent twice looks whether its first sending is through.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: usize = 100;

/// Runs what a form asks for, once for each `form_id` of a caller: sent twice, it leads to the same address both times.
pub async fn form_once<W>(app: &App, actor: &Actor, form_id: &str, work: W) -> Result<String>
where
    W: Future<Output = Result<String>> + Send + 'static,
{
    if form_id.is_empty() {
        return work.await;
    }
    let name = sha256_hex(format!("form\n{}\n{form_id}", who(actor)));
    for _ in 0..LOOKS {
        match claim(app, &name, "form").await? {
            None => return run_form(app, name, work).await,
            Some(Kept { answer: Some(sealed), .. }) => return Ok(app.key.open("web.form", &sealed)?.reveal().to_owned()),
            Some(_) => tokio::time::sleep(LOOK).await,
        }
    }
    Err(Error::conflict("this form was sent already and is still being worked on; look again in a moment"))
}

/// In a task of its own: a browser that sends twice hangs up on its first request.
async fn run_form(app: &App, name: String, work: impl Future<Output = Result<String>> + Send + 'static) -> Result<String> {
    let app = app.clone();
    let task = tokio::spawn(async move {
        match work.await {
            Ok(address) => {
                let sealed = app.key.seal("web.form", &address);
                app.db.execute(sql("update idempotent_request set answer = $2 where name = $1").bind(&name).bind(sealed)).await?;
                Ok(address)
            }
            Err(error) => {
                free(&app, &name).await?;
                Err(error)
            }
        }
    });
    task.await.map_err(|failed| Error::internal(format!("the task of a form ended: {failed}")))?
}
