//! Streams that end with the right to read them.

use accounts::{Actor, lasting};
use futures_util::{Stream, StreamExt};
use tracing::warn;

use crate::app::App;

/// Passes a stream on as long as its reader would be let in again: before each piece it is looked whether their session or token still
/// stands. The streams of this house beat at least once a second, so that is how long somebody reads on at most.
pub fn while_let_in<S: Stream>(app: &App, actor: &Actor, stream: S) -> impl Stream<Item = S::Item> + use<S> {
    let (app, actor) = (app.clone(), actor.clone());
    stream.take_while(move |_| {
        let (app, actor) = (app.clone(), actor.clone());
        async move { is_let_in(&app, &actor).await }
    })
}

/// Whoever cannot be looked up is not let in: they ask again, and are told.
pub async fn is_let_in(app: &App, actor: &Actor) -> bool {
    let looked = lasting::is_let_in(&app.db, &app.clock, actor).await;
    looked.unwrap_or_else(|error| {
        warn!("whether a reader is still let in cannot be looked up: {error}");
        false
    })
}
