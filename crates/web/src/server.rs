//! Accepts connections, and stops without cutting anyone off.
//!
//! axum's own `serve` waits for ever for a request's head and for the last answer; this one does not.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use kit::Result;
use kit::words::counted;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::{debug, info, warn};

use crate::app::App;
use crate::live::Live;
use crate::request::Peer;
use crate::router;

/// The head of a request must be here after so long: slow senders would otherwise hold connections open. hyper counts from the end of
/// the answer before, so an idle connection is closed after it too; clients and proxies open another one then.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause when no connection can be accepted (no file handles left), instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is cancelled; then lets running requests finish for as long as the settings say.
pub async fn serve(app: App, listener: TcpListener, stop: CancellationToken) -> Result<()> {
    let (live, channel) = Live::open(&app);
    let router = router::build(&app, channel);
    let live_connections = live.connections();
    let following = tokio::spawn(live.follow(app.clone(), stop.clone()));
    if let Ok(address) = listener.local_addr() {
        info!("serving {} on {address}", app.config.server.public_url);
    }
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Answers are small and should leave at once.
                let _ = stream.set_nodelay(true);
                connections.spawn(attend(stream, Peer(peer), router.clone(), stop.clone()));
            }
            Err(error) => {
                warn!("accepting a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    live_connections.close().await;
    connections.close();
    let patience = app.config.server.shutdown_timeout();
    if tokio::time::timeout(patience, connections.wait()).await.is_err() {
        warn!(connections = connections.len(), "stopping with {} still busy", counted(connections.len(), "connection"));
    }
    following.abort();
    Ok(())
}

async fn attend(stream: TcpStream, peer: Peer, router: Router, stop: CancellationToken) {
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.map(Body::new)
    });
    let service = TowerToHyperService::new(service.map_err(|never: Infallible| match never {}));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        debug!("a connection ended: {error}");
    }
}
