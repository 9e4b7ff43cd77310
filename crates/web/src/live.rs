//! The live channel: signals of the house, passed to whoever may hear them, over Socket.IO.
//!
//! A browser connects with its session cookie from one of our own pages, asks for rooms with `join`, and gets into those
//! that its member may see. Signals say *what changed*, never what it is now: the page fetches its fragment again
//! through the usual routes with the usual checks. Programs that listen in also get events (`deployment`), which say in a few fields
//! what happened; those go to rooms whose every member may see that. Whoever's session ends is disconnected within half a minute.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accounts::{Actor, Client, CustomerId};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, any_service};
use kit::Result;
use kit::bus::Signal;
use serde_json::json;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, HttpExtension, SocketRef};
use socketioxide::handler::ConnectHandler;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::app::App;
use crate::respond::{Failure, Reason};
use crate::routes::{Access, Caller, Limits, Remote, Routes};
use crate::{csrf, session};

/// Nobody's room: a signal there says that sessions ended, so that their connections end at once.
pub const SESSIONS: &str = "sessions";
/// Where the channel is; clients add the slash.
const PATH: &str = "/live/socket.io";
/// How often every connection's session is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Rooms that one connection may ask for at once.
const MOST_ROOMS: usize = 50;
/// A page takes no longer than this from being rendered to having joined its rooms.
const MISSED_AT_MOST: Duration = Duration::from_secs(5);
/// Signals that are kept for those who join; a busy house has fewer in five seconds.
const MOST_RECENT: usize = 4096;
/// Messages to us are lists of rooms: nothing large.
const LARGEST_MESSAGE: u64 = 16 * 1024;

/// The service behind the channel's route.
pub type Channel = MethodRouter<App>;

/// The open channel. It hears from the moment it is opened on, also what is said before it is [followed](Live::follow).
pub struct Live {
    io: SocketIo,
    recent: Arc<Recent>,
    signals: Receiver<Signal>,
}

/// What changed in the last seconds. A page is rendered before its connection is there: whoever joins hears again what they may have
/// missed in between.
#[derive(Debug, Default)]
struct Recent(Mutex<VecDeque<(Instant, Signal)>>);

impl Recent {
    fn note(&self, signal: &Signal) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while recent.len() >= MOST_RECENT || recent.front().is_some_and(|(at, _)| at.elapsed() > MISSED_AT_MOST) {
            recent.pop_front();
        }
        recent.push_back((Instant::now(), signal.clone()));
    }

    /// The topics of a room, each once.
    fn topics_of(&self, room: &str) -> BTreeSet<String> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = recent.iter().filter(|(at, signal)| signal.room == room && signal.event.is_none() && at.elapsed() <= MISSED_AT_MOST);
        fresh.map(|(_, signal)| signal.topic.clone()).collect()
    }
}

/// What is needed to recognise a connection's member again.
#[derive(Debug, Clone)]
struct Ticket {
    client: Client,
    token: Arc<str>,
}

/// Declares the channel's route; without a `channel` for the table alone.
pub fn declare(routes: Routes, channel: Option<Channel>) -> Routes {
    let route = channel.unwrap_or_else(|| any(async || ()));
    let limits = Limits { body_bytes: Some(usize::try_from(LARGEST_MESSAGE).unwrap_or(usize::MAX)), unhurried: true };
    routes.on("ANY", "/live/socket.io/", Access::SignedIn, limits, route)
}

impl Live {
    /// Opens the channel; its service goes into the router.
    pub fn open(app: &App) -> (Live, Channel) {
        let signals = app.bus.subscribe();
        let (service, io) = SocketIo::builder()
            .req_path(PATH)
            .max_payload(LARGEST_MESSAGE)
            .ws_max_message_size(usize::try_from(LARGEST_MESSAGE).unwrap_or(usize::MAX))
            .build_svc();
        let listening = app.clone();
        let recent = Arc::new(Recent::default());
        let heard = recent.clone();
        // In a middleware, which runs before the client hears that it is connected: a `join` that came earlier than its
        // handler would be dropped, and its page would wait forever.
        let listen = async move |socket: SocketRef| {
            socket.on(
                "join",
                async move |socket: SocketRef,
                            Data(rooms): Data<Vec<String>>,
                            HttpExtension(Caller(actor)): HttpExtension<Caller>,
                            ack: AckSender| {
                    for room in rooms.into_iter().take(MOST_ROOMS) {
                        match may_join(&listening, &actor, &room).await {
                            Ok(()) => {
                                socket.join(room.clone());
                                for topic in heard.topics_of(&room) {
                                    let _ = socket.emit("changed", &json!({ "topic": topic }));
                                }
                            }
                            Err(error) => debug!("a live connection may not join a room: {error}"),
                        }
                    }
                    // Whoever wants to know from when on it hears everything; gone meanwhile is no matter.
                    let _ = ack.send(&());
                },
            );
            Ok::<_, Infallible>(())
        };
        io.ns("/", (async || ()).with(listen));
        let channel = any_service(service).layer(from_fn_with_state(app.clone(), give_ticket));
        (Live { io, recent, signals }, channel)
    }

    /// Passes signals on and disconnects whoever is no longer signed in, until `stop`.
    pub async fn follow(mut self, app: App, stop: CancellationToken) {
        let mut look = tokio::time::interval(LOOK_AGAIN);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => self.disconnect_the_signed_out(&app).await,
                signal = next(&mut self.signals) => match signal {
                    Some(Heard::Signal(signal)) if signal.room == SESSIONS => self.disconnect_the_signed_out(&app).await,
                    Some(Heard::Signal(signal)) => self.pass_on(&signal).await,
                    Some(Heard::Missed) => self.everything_changed().await,
                    None => return,
                },
            }
        }
    }

    /// The connections, to be closed at the end; browsers come back when the next process is up.
    pub fn connections(&self) -> SocketIo {
        self.io.clone()
    }

    async fn pass_on(&self, signal: &Signal) {
        // Before it is sent: who joins meanwhile hears it twice rather than never.
        self.recent.note(signal);
        let room = self.io.to(signal.room.clone());
        let sent = match &signal.event {
            Some(event) => room.emit(event.name, &event.data).await,
            None => room.emit("changed", &json!({ "topic": signal.topic })).await,
        };
        if let Err(error) = sent {
            // A full or closing connection; its browser fetches again when it comes back.
            debug!("passing on a signal: {error}");
        }
    }

    async fn everything_changed(&self) {
        if let Err(error) = self.io.emit("changed", &json!({ "topic": "*" })).await {
            debug!("passing on that everything changed: {error}");
        }
    }

    async fn disconnect_the_signed_out(&self, app: &App) {
        for socket in self.io.sockets() {
            let Some(ticket) = socket.req_parts().extensions.get::<Ticket>().cloned() else { continue };
            match accounts::sessions::authenticate(&app.db, &app.clock, &ticket.client, &ticket.token).await {
                Ok(Some(_)) => {}
                Ok(None) => {
                    let _ = socket.disconnect();
                }
                Err(error) => warn!("looking at a live connection's session: {error}"),
            }
        }
    }
}

enum Heard {
    Signal(Signal),
    /// Too many at once: what they were is unknown.
    Missed,
}

async fn next(signals: &mut Receiver<Signal>) -> Option<Heard> {
    match signals.recv().await {
        Ok(signal) => Some(Heard::Signal(signal)),
        Err(RecvError::Lagged(_)) => Some(Heard::Missed),
        Err(RecvError::Closed) => None,
    }
}

/// Browsers do not hold sockets to the rule of the same origin, so it is applied here.
async fn give_ticket(State(app): State<App>, Remote(client): Remote, mut request: Request, next: Next) -> Response {
    if csrf::is_same_origin(request.headers(), &app.config.server.public_url) == Some(false) {
        return Failure::because(Reason::CrossSite).into_response();
    }
    let Some(token) = session::token(&app, request.headers()) else {
        return Failure::because(Reason::SignInNeeded).into_response();
    };
    let ticket = Ticket { client, token: token.into() };
    request.extensions_mut().insert(ticket);
    next.run(request).await
}

/// Whether the member may hear what happens in a room; an unknown room is like one of somebody else's.
async fn may_join(app: &App, actor: &Actor, room: &str) -> Result<()> {
    let unknown = || kit::Error::not_found("the room");
    match room.split_once(':') {
        None if room == "operators" && actor.scope().is_house() => Ok(()),
        Some(("customer", id)) => actor.scope().allows(&CustomerId::parse(id)?),
        Some(("site", id)) => {
            let id = hosting::SiteId::parse(id)?;
            hosting::sites::get(&app.db, &actor.scope(), &id).await.map(|_| ())
        }
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use accounts::Role;
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt;

    use super::*;
    use crate::testing::{TestApp, TestMember};

    /// A browser without a network between: what it says arrives in the very moment in which it hears something.
    struct Browser {
        router: Router,
        member: TestMember,
        actor: Actor,
    }

    impl Browser {
        async fn ask(&self, method: &str, query: &str, body: String) -> String {
            let request = Request::builder()
                .method(method)
                .uri(format!("/live/socket.io/?EIO=4&transport=polling{query}"))
                .header("cookie", &self.member.cookie)
                .extension(Remote(Client::new([127, 0, 0, 1].into(), "test")))
                .extension(Caller(self.actor.clone()))
                .body(Body::from(body))
                .unwrap();
            let response = self.router.clone().oneshot(request).await.unwrap();
            let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        }

        async fn joins_as_soon_as_it_is_connected(self) -> String {
            let opened = self.ask("GET", "", String::new()).await;
            let handshake: serde_json::Value = serde_json::from_str(&opened[1..]).unwrap();
            let session = format!("&sid={}", handshake["sid"].as_str().unwrap());
            self.ask("POST", &session, "40".to_owned()).await;
            assert!(self.hear(&session).await.starts_with("40"), "connected to the namespace");
            self.ask("POST", &session, "420[\"join\",[\"operators\"]]".to_owned()).await;
            self.hear(&session).await
        }

        /// The next packet that is no ping.
        async fn hear(&self, session: &str) -> String {
            loop {
                let packets = self.ask("GET", session, String::new()).await;
                if let Some(packet) = packets.split('\u{1e}').find(|packet| *packet != "2") {
                    return packet.to_owned();
                }
            }
        }
    }

    /// On one thread the order is always the same: the browser is woken by the news that it is connected, and its `join` is there before
    /// anything that the server begins after sending them.
    #[tokio::test(flavor = "current_thread")]
    async fn a_join_is_heard_however_early_it_comes() {
        let test = TestApp::start().await;
        let member = test.passwordless(Role::Admin).await;
        let actor = test.actor(&member).await;
        let (_live, channel) = Live::open(&test.app);
        let router = Router::new().route("/live/socket.io/", channel).with_state(test.app.clone());
        // A task of its own: the test's is only looked at once all others have had their turn.
        let joining = tokio::spawn(Browser { router, member, actor }.joins_as_soon_as_it_is_connected());
        let answer = tokio::time::timeout(Duration::from_secs(5), joining).await.expect("the join was dropped").unwrap();
        assert!(answer.starts_with("430["), "{answer}");
    }
}
