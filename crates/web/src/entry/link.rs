//! One-time sign-in links, which the command line makes for someone who cannot get in by any other way.

use accounts::signin_links;
use axum::extract::State;
use maud::html;
use ui::page::Bare;

use super::{spent, to_sign_in, wide_button};
use crate::app::App;
use crate::extract::Path;
use crate::frame::View;
use crate::respond::Answer;
use crate::routes::Remote;
use crate::session;

/// Shows a button: opening the link alone signs nobody in.
pub async fn form(State(app): State<App>, view: View, Path(token): Path<String>) -> Answer {
    if !signin_links::check(&app.db, &app.clock, &token).await? {
        return Ok(refuse(view));
    }
    Ok(view.bare(Bare {
        title: "Sign in",
        text: "This link signs you in once, in this browser.",
        body: html! { form.form method="post" action={ "/sign-in/link/" (token) } { (wide_button("Sign in", "Signing in…")) } },
        ..Bare::default()
    }))
}

/// Signs in and uses the link up.
pub async fn submit(State(app): State<App>, Remote(client): Remote, view: View, Path(token): Path<String>) -> Answer {
    if !signin_links::check(&app.db, &app.clock, &token).await? {
        return Ok(refuse(view));
    }
    let signed_in = signin_links::sign_in(&app.db, &app.clock, &client, &token).await?;
    Ok(session::begin(&app, &signed_in, "/"))
}

fn refuse(view: View) -> axum::response::Response {
    spent(view, "This link is no longer good", "It was used already, or it is too old.", to_sign_in())
}
