//! Git over HTTP: clone, fetch and push, with the real client. A push to the site's branch is a deployment, whose progress and
//! verdict come back in the push's own output.
//!
//! Here are the addresses, who asks ([`credentials`]), bodies that come in pieces ([`body`]), and the talk with whoever pushes
//! ([`push`], [`follow`], [`words`]). The processes, and what a push says and leads to, are `hosting::git`.

mod body;
mod credentials;
mod follow;
mod push;
mod stream;
mod words;

use accounts::Permission;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hosting::git::pkt;
use hosting::git::serve::{self, Service};
use kit::Error;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use crate::app::App;
use crate::extract::{Path, Query};
use crate::request::RequestFacts;
use crate::respond::{Answer, Failure, Reason};
use crate::routes::{Access, Limits, Remote, Routes};
use body::Pieces;
use credentials::Asker;

/// What a client may ask for when it fetches: names of commits.
const LONGEST_QUESTION: u64 = 16 << 20;
/// Longest list of branches and tags that is given out.
const LONGEST_LIST: u64 = 32 << 20;
/// What a push may say around what it sends.
const AROUND: u64 = 1 << 20;

/// The three addresses of each repository. Who asks is found out here and not by the guard: Git sends other credentials than browsers
/// and programs do.
pub fn routes(routes: Routes) -> Routes {
    // How large a body may be is a matter of the settings, and is looked at while it comes.
    let limits = Limits { body_bytes: Some(usize::MAX), unhurried: true };
    routes
        .on("GET", "/git/{repository}/info/refs", Access::Public, limits, get(list))
        .on("POST", "/git/{repository}/git-upload-pack", Access::Public, limits, post(give))
        .on("POST", "/git/{repository}/git-receive-pack", Access::Public, limits, post(take))
}

/// Whether Git asks: its failures are plain text, which it shows.
pub fn asks(path: &str) -> bool {
    path.starts_with("/git/")
}

/// Which service.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    service: String,
}

/// Tells what the repository has: the first request of every clone, fetch and push.
async fn list(
    State(app): State<App>,
    facts: RequestFacts,
    Remote(client): Remote,
    Path(repository): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer {
    let asker = Asker::recognise(&app, &facts, &client, &headers).await?;
    let service = Service::parse(&asked.service).ok_or_else(|| {
        Failure::because(Reason::Malformed("this repository speaks the smart protocol only; use Git 1.6.6 or newer".to_owned()))
    })?;
    let place = asker.place(&app, &repository, permission(service)).await?;
    let protocol = serve::protocol(asked_protocol(&headers));
    let mut listed = Vec::new();
    if serve::names_itself(service, protocol) {
        listed.extend(pkt::write(format!("# service={}\n", service.name()).as_bytes()));
        listed.extend_from_slice(pkt::FLUSH);
    }
    let said = serve::list(&place.bare, service, protocol)
        .converse(async |stdin, stdout| {
            drop(stdin);
            let mut said = Vec::new();
            stdout.take(LONGEST_LIST + 1).read_to_end(&mut said).await?;
            Ok(said)
        })
        .await?;
    if said.len() as u64 > LONGEST_LIST {
        return Err(Error::unavailable("this repository has too many branches and tags").into());
    }
    listed.extend(said);
    Ok((headers_of(service, "advertisement"), listed).into_response())
}

/// Gives out what a clone or a fetch asks for.
async fn give(
    State(app): State<App>,
    facts: RequestFacts,
    Remote(client): Remote,
    Path(repository): Path<String>,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    let asker = Asker::recognise(&app, &facts, &client, &parts.headers).await?;
    let place = asker.place(&app, &repository, permission(Service::UploadPack)).await?;
    let pieces = Pieces::of(&parts.headers, Service::UploadPack, body, LONGEST_QUESTION)?;
    let turn = app.hosting.git_places.take(Service::UploadPack).await?;
    let protocol = serve::protocol(asked_protocol(&parts.headers));
    let command = serve::answer(&place.bare, Service::UploadPack, protocol, LONGEST_QUESTION);
    Ok((headers_of(Service::UploadPack, "result"), stream::of(command, pieces, turn)).into_response())
}

/// Takes in a push.
async fn take(
    State(app): State<App>,
    facts: RequestFacts,
    Remote(client): Remote,
    Path(repository): Path<String>,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    let asker = Asker::recognise(&app, &facts, &client, &parts.headers).await?;
    let place = asker.place(&app, &repository, permission(Service::ReceivePack)).await?;
    let limit = u64::from(app.hosting.config.push_limit_mb) << 20;
    let pieces = Pieces::of(&parts.headers, Service::ReceivePack, body, limit + AROUND)?;
    let body = push::receive(app, asker.actor, place, pieces, limit).await?;
    Ok((headers_of(Service::ReceivePack, "result"), body).into_response())
}

fn permission(service: Service) -> Permission {
    match service {
        Service::UploadPack => Permission::ReadSites,
        Service::ReceivePack => Permission::DeploySites,
    }
}

fn asked_protocol(headers: &HeaderMap) -> Option<&str> {
    headers.get("git-protocol")?.to_str().ok()
}

/// The type of content that Git insists on; nothing on the way may keep or hold back the answer.
fn headers_of(service: Service, what: &str) -> [(header::HeaderName, HeaderValue); 3] {
    let kind = HeaderValue::from_str(&format!("application/x-{}-{what}", service.name())).expect("letters and hyphens");
    [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache, max-age=0, must-revalidate")),
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ]
}

/// How a failure is told to Git.
pub fn plain(failure: &Failure) -> Response {
    let text = format!("{}\n", failure.detail());
    let mut response = (failure.status(), [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
    if failure.status() == axum::http::StatusCode::UNAUTHORIZED {
        let ask = HeaderValue::from_static("Basic realm=\"Innkeeper\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
    }
    response
}
