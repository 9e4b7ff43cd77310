//! `innkeeper serve`.

use std::net::SocketAddr;

use hosting::probes;
use kit::{Context, Error, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;
use web::App;
use web::config::Config;

use crate::output::Output;
use crate::{data_folder, open, work};

/// Serves pages and API, and works on what was asked for, until it is told to stop.
#[derive(clap::Args)]
pub struct Serve {
    /// Address and port to listen on (setting server.listen).
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

impl Serve {
    /// Settings that the flags override.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        self.listen.iter().map(|listen| ("server.listen", listen.to_string())).collect()
    }

    /// Serves.
    pub async fn run(self, config: Config, output: Output) -> Result<()> {
        kit::log::start(&config.log)?;
        let server = Server::start(config).await?;
        if let Some(token) = accounts::setup::ensure_link(&server.app.db, &server.app.clock).await? {
            let link = accounts::links::setup(server.app.config.server.public_url.origin(), &token);
            output.say(format!("\nNobody administers this Innkeeper yet. Open this link once, within a day:\n\n  {}\n", link.reveal()));
        }
        server.until_stopped().await
    }
}

/// A server that has its port, its data folder and its app.
pub struct Server {
    /// The app.
    pub app: App,
    listener: TcpListener,
    _lock: data_folder::DataLock,
}

impl Server {
    /// Takes port and data folder and opens the app; nothing is served yet.
    pub async fn start(config: Config) -> Result<Server> {
        let listen = config.server.listen;
        let listener = TcpListener::bind(listen).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                Error::conflict(format!("{listen} is taken by another program; stop it, or choose another address with --listen"))
            }
            _ => Error::unavailable_because(format!("{listen} cannot be listened on"), error),
        })?;
        data_folder::prepare(&config.server.data)?;
        let lock = data_folder::lock(&config)?;
        let app = open::app(config).await?;
        // Held back while no mail server was configured; there may be one now.
        app.mailer.release_held().await?;
        Ok(Server { app, listener, _lock: lock })
    }

    /// Serves and works until SIGINT or SIGTERM; then finishes requests and gives jobs back to the queue.
    pub async fn until_stopped(self) -> Result<()> {
        let stop = CancellationToken::new();
        let jobs = tokio::spawn(work::runner(&self.app).run(stop.clone()));
        let watch = tokio::spawn(probes::watch(self.app.hosting.clone(), stop.clone()));
        tokio::spawn(probes::look_from_outside(self.app.hosting.clone(), stop.clone()));
        let figures = tokio::spawn(hosting::usage::run(self.app.hosting.clone(), stop.clone()));
        let mut terminate = signal(SignalKind::terminate()).context("listening for signals")?;
        let stopping = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            info!("stopping");
            stopping.cancel();
        });
        let served = web::server::serve(self.app.clone(), self.listener, stop.clone()).await;
        stop.cancel();
        jobs.await.context("waiting for jobs to end")?;
        watch.await.context("waiting for the watch to end")?;
        figures.await.context("waiting for the figures to be written")?;
        served
    }
}
