//! A push from its first byte to its verdict. From the moment Git begins to store it, it goes on by itself, whether somebody still
//! listens or not.

use accounts::Actor;
use axum::body::Body;
use hosting::git::pkt::{self, Packet, Reader};
use hosting::git::pushes::{self, Outcome, PushId};
use hosting::git::receive::{Head, Report};
use hosting::git::serve::{self, Service};
use kit::exec::ChildStdout;
use kit::{Error, Result};
use tokio::io::AsyncReadExt;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{debug, warn};

use super::body::Pieces;
use super::credentials::Place;
use super::stream::{self, Out};
use super::{follow, words};
use crate::app::App;
use crate::respond::Answer;

/// A push that is about to be stored.
struct Push {
    app: App,
    actor: Actor,
    place: Place,
    head: Head,
    /// The bytes of the request that were read to know its head.
    read: Vec<u8>,
    begun: Vec<PushId>,
    limit: u64,
}

/// Takes a push in; the body tells what becomes of it.
pub async fn receive(app: App, actor: Actor, place: Place, mut pieces: Pieces, limit: u64) -> Answer<Body> {
    let (head, read) = read_head(&mut pieces).await?;
    let turn = app.hosting.git_places.take(Service::ReceivePack).await?;
    let begun = pushes::begin(&app.hosting, &actor, &place.site, &head.updates).await?;
    let (out, body) = stream::pair();
    let push = Push { app, actor, place, head, read, begun, limit };
    tokio::spawn(async move { push.run(pieces, turn, &out).await });
    Ok(body)
}

async fn read_head(pieces: &mut Pieces) -> Result<(Head, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(head) = Head::parse(&read)? {
            return Ok((head, read));
        }
        match pieces.next().await? {
            Some(piece) => read.extend_from_slice(&piece),
            None => return Err(Error::invalid("body", "ended before it said what is pushed")),
        }
    }
}

/// What Git answered, but for the packet that ends the answer.
#[derive(Default)]
struct Answered {
    report: Report,
    ended: bool,
}

impl Push {
    async fn run(self, mut pieces: Pieces, turn: OwnedSemaphorePermit, out: &Out) {
        let mut answered = Answered::default();
        let command = serve::answer(&self.place.bare, Service::ReceivePack, None, self.limit);
        let (side_band, read) = (self.head.side_band, &self.read);
        let heard = &mut answered;
        let talk = async |stdin, stdout| {
            let (told, ()) = tokio::join!(hear(stdout, side_band, heard, out), stream::feed(stdin, read, &mut pieces));
            told
        };
        if let Err(error) = command.converse(talk).await {
            debug!(site.id = %self.place.site.id, "a push to site `{}` ended badly: {error}", self.place.site.id);
        }
        drop(turn);
        if !self.head.updates.is_empty() {
            let outcome = pushes::settle(&self.app.hosting, &self.actor, &self.place.site, &self.begun, &answered.report).await;
            // Whoever went is not waited for; what was asked for goes on.
            let _ = self.tell(&answered.report, outcome, out).await;
        }
        match (answered.ended, side_band) {
            (true, true) => drop(out.write(pkt::FLUSH).await),
            (false, true) => out.break_off().await,
            _ => {}
        }
        if !self.head.updates.is_empty() {
            pushes::tidy(&self.app.hosting, &self.place.site).await;
        }
    }

    /// Tells whoever pushed what their push led to, where their client shows it.
    async fn tell(&self, report: &Report, outcome: Result<Outcome>, out: &Out) -> Result<()> {
        let (site, app) = (&self.place.site, &self.app);
        let outcome = outcome.inspect_err(|error| warn!(site.id = %site.id, "a push to site `{}` was not settled: {error}", site.id));
        if !self.head.side_band {
            return Ok(());
        }
        let site_branch = self.head.updates.iter().find(|update| update.is_of_the_site());
        if let Some(update) = site_branch
            && update.removes()
            && report.of(&update.reference).is_err()
        {
            return say(out, &words::no_removal()).await;
        }
        match outcome {
            Ok(Outcome::Nothing)
                if site_branch.is_none() && self.head.updates.iter().any(|update| report.of(&update.reference).is_ok()) =>
            {
                say(out, &words::not_deployed()).await
            }
            Ok(Outcome::Nothing) => Ok(()),
            Ok(Outcome::StoredOnly(why)) => say(out, &words::stored_only(&why, &deployments(app, site))).await,
            Ok(Outcome::Deployment(id)) => follow::deployment(app, &self.actor, site, &id, out).await,
            Err(_) => say(out, &words::unsettled(&deployments(app, site))).await,
        }
    }
}

fn deployments(app: &App, site: &hosting::Site) -> String {
    app.config.server.public_url.link(&format!("/sites/{}/deployments", site.id))
}

/// Writes lines that Git shows after `remote: `.
pub async fn say(out: &Out, lines: &[String]) -> Result<()> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    match text.is_empty() {
        true => Ok(()),
        false => out.write(pkt::progress(&text)).await,
    }
}

/// Passes on what Git answers, listening to its report. A client that has gone is no reason to stop: Git may be storing.
async fn hear(mut stdout: ChildStdout, side_band: bool, answered: &mut Answered, out: &Out) -> Result<()> {
    let mut reader = Reader::default();
    let mut is_gone = false;
    let mut piece = vec![0; 16 << 10];
    loop {
        let length = stdout.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        let mut onward = Vec::new();
        if side_band {
            reader.feed(&piece[..length], |packet| match packet {
                Packet::Data(data) => {
                    if let Some(report) = data.strip_prefix(&[1]) {
                        answered.report.feed(report);
                    }
                    onward.extend(pkt::write(data));
                }
                // Held back until everything is said.
                Packet::Flush => answered.ended = true,
                Packet::Mark => {}
            })?;
        } else {
            answered.report.feed(&piece[..length]);
            onward.extend_from_slice(&piece[..length]);
        }
        if !is_gone && !onward.is_empty() {
            is_gone = out.write(onward).await.is_err();
        }
    }
}
