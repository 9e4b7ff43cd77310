//! Where one is signed in.

use accounts::{SessionId, sessions};
use axum::extract::State;
use maud::html;
use ui::badge::{self, Tone};
use ui::button::{Button, Kind};
use ui::card::{self, Card};
use ui::form::{self, PostButton};
use ui::format;
use ui::page::Page;
use ui::table::{self, Column, Row, Table};

use super::tabs;
use crate::app::App;
use crate::extract::Path;
use crate::frame::{self, View};
use crate::live::SESSIONS;
use crate::respond::Answer;
use crate::routes::Caller;
use crate::session;

/// Lists them.
pub async fn list(State(app): State<App>, Caller(actor): Caller, view: View) -> Answer {
    let now = app.clock.now();
    let rows = sessions::list(&app.db, &app.clock, &actor)
        .await?
        .into_iter()
        .map(|session| {
            let sign_out = PostButton {
                action: &format!("/account/sessions/{}/revoke", session.id),
                button: Button { label: "Sign out", kind: Kind::Quiet, small: true, ..Button::default() },
                ..PostButton::default()
            };
            Row::new([
                html! { span.row { (browser(&session.user_agent)) @if session.current { (badge::tag(Tone::Ok, "This browser")) } } },
                html! { span.mono { (session.ip) } },
                format::time_ago(session.last_seen_at.0, now.0),
                html! { @if !session.current { div.button-row { (form::post_button(sign_out)) } } },
            ])
        })
        .collect();
    let everywhere = PostButton {
        action: "/account/sessions/sign-out-everywhere",
        button: Button { label: "Sign out everywhere", small: true, ..Button::default() },
        ..PostButton::default()
    };
    let tabs = tabs(&actor, "/account/sessions");
    Ok(view.page(Page {
        title: "Sessions",
        help: "Every browser in which you are signed in. Sign out those that you do not know, and change your password.",
        tabs,
        body: card::card(Card {
            title: "Where you are signed in",
            flush: true,
            actions: form::post_button(everywhere),
            body: table::table(Table {
                caption: "Sessions",
                bare: true,
                columns: &[Column::new("Browser"), Column::new("Address").minor(), Column::new("Last seen"), Column::actions()],
                rows,
                ..Table::default()
            }),
            ..Card::default()
        }),
        ..Page::default()
    }))
}

/// Ends one of them.
pub async fn revoke(State(app): State<App>, Caller(actor): Caller, Path(id): Path<SessionId>) -> Answer {
    sessions::revoke(&app.db, &app.clock, &actor, &id).await?;
    app.bus.signal(SESSIONS, "ended");
    Ok(frame::done(&app, "/account/sessions", "Signed out there"))
}

/// Ends all of them, this one too.
pub async fn sign_out_everywhere(State(app): State<App>, Caller(actor): Caller) -> Answer {
    sessions::sign_out_everywhere(&app.db, &app.clock, &actor).await?;
    app.bus.signal(SESSIONS, "ended");
    Ok(session::end(&app, "/sign-in"))
}

/// "Firefox on Linux": what people recognise of a user agent; the whole of it says nothing to them.
fn browser(user_agent: &str) -> String {
    let find = |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name);
    // The order matters: Edge and Opera also say Chrome, Chrome also says Safari.
    let program =
        find(&[("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"), ("curl", "curl")]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(program), None) => program.to_owned(),
        _ => "Unknown browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn browsers_are_recognised() {
        assert_eq!(browser("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"), "Firefox on Linux");
        assert_eq!(
            browser("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML) Chrome/140.0 Safari/537.36 Edg/140.0"),
            "Edge on Windows"
        );
        assert_eq!(browser("<script>"), "Unknown browser");
    }
}
