//! The log of a deployment: its last lines in the page, growing while one looks, all of it as a file.

use std::convert::Infallible;
use std::time::Duration;

use accounts::Actor;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use futures_util::StreamExt;
use hosting::SiteId;
use hosting::deployments::colours::{self, Style};
use hosting::deployments::log::{self as stored, LogLine};
use hosting::deployments::{self, Deployment, DeploymentId, DeploymentState, Growth, Until};
use kit::Result;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use tracing::warn;
use ui::card::{self, Card};
use ui::log::{self, Log};
use ui::{field, format, icon};

use super::one;
use crate::app::App;
use crate::extract::{Path, Query};
use crate::lasting::while_let_in;
use crate::portal::to;
use crate::respond::Answer;
use crate::routes::Caller;

/// Lines of the page, so that it comes at once, and on demand.
const LINES: usize = 120;
const MOST_LINES: usize = 2000;
/// Letters of all lines of the first page, and of one line.
const LETTERS: usize = 16_000;
const LETTERS_OF_LINE: usize = 2000;
/// One stream lasts so long; whoever still looks asks again, and is checked again.
const LIFE: Duration = Duration::from_secs(60);

/// Which lines.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    lines: String,
}

/// The log with its tools. It is not part of what is fetched again: it grows.
pub(super) async fn card(app: &App, actor: &Actor, deployment: &Deployment, here: &str, asked: &Asked, is_busy: bool) -> Result<Markup> {
    let (_, all, next) = stored::read(&app.hosting, &actor.scope(), &deployment.id, 0).await?;
    let search = asked.q.trim().to_lowercase();
    let total = all.len();
    let found: Vec<&LogLine> = all.iter().filter(|line| search.is_empty() || fits(line, &search)).collect();
    let many = asked.lines == "many";
    let shown = newest(&found, if many || !search.is_empty() { (MOST_LINES, usize::MAX) } else { (LINES, LETTERS) });
    let left_out = found.len() - shown.len();
    let lines: Vec<log::Line<'_>> = shown.iter().map(|line| as_shown(line)).collect();
    let file = format!("{here}/log.txt");
    let stream = format!("{here}/log/follow");
    let nothing = match (search.is_empty(), deployment.state) {
        (false, _) => "No line contains that.",
        (true, DeploymentState::Queued) => "The log begins when its turn has come.",
        (true, DeploymentState::Running) => "Nothing has been said yet.",
        _ => "Nothing was said.",
    };
    Ok(card::card(Card {
        title: "Log",
        help: "What each step said. Passwords and keys are taken out before anything is kept.",
        id: "log",
        flush: true,
        actions: html! {
            button type="button" class="button button-quiet button-small needs-js" aria-pressed="true" data-log-wrap="deployment-log" {
                span.button-label { "Wrap lines" }
            }
            a.button.button-quiet.button-small href=(file) download { (icon::download()) span.button-label { "Download" } }
        },
        body: html! {
            div.log-part {
                form.search.log-search role="search" method="get" action={ (here) "#log" } {
                    (icon::search())
                    @if many { (field::hidden("lines", "many")) }
                    input.input type="search" name="q" value=(asked.q.trim()) placeholder="Search the log" aria-label="Search the log"
                        data-log-filter="deployment-log-lines";
                }
                @if left_out > 0 {
                    p.log-note.log-note-quiet {
                        span { (format::count(i64::try_from(left_out).unwrap_or(i64::MAX))) " earlier lines are not shown. " }
                        @if many || !search.is_empty() { a href=(file) download { "Download all of it" } }
                        @else { a href={ (to(here, &[("lines", "many")])) "#log" } { "Show more" } }
                    }
                }
                @if !search.is_empty() {
                    p.log-note.log-note-quiet role="status" {
                        span { (found.len()) " of " (total) " lines contain “" (asked.q.trim()) "”. " } a href={ (here) "#log" } { "Show all" }
                    }
                }
                (log::block(Log { label: "Log of the deployment", lines: &lines, growing: true, follow: is_busy, empty: nothing, id: "deployment-log", ..Log::default() }))
                @if is_busy {
                    div hidden data-log-stream=(stream) data-log-from=(next) data-log-into="deployment-log-lines" {}
                    noscript { p.log-foot { a href={ (here) "#log" } { "Look again" } } }
                }
                p.log-foot { span.hint { "Times are UTC." } }
            }
        },
        ..Card::default()
    }))
}

/// The last lines, for what stands first when it failed.
pub(super) async fn last(app: &App, actor: &Actor, deployment: &Deployment, lines: usize) -> Result<Vec<log::Line<'static>>> {
    let (_, all, _) = stored::read(&app.hosting, &actor.scope(), &deployment.id, 0).await?;
    // The verdict stands above them in words.
    let said: Vec<&LogLine> = all.iter().filter(|line| line.step != "verdict").collect();
    Ok(newest(&said, (lines, LETTERS)).iter().map(|line| as_shown(line)).collect())
}

/// The last lines that are not too many and not too long together.
fn newest<'a>(lines: &[&'a LogLine], (most, letters): (usize, usize)) -> Vec<&'a LogLine> {
    let mut left = letters;
    let mut taken: Vec<&LogLine> = lines
        .iter()
        .rev()
        .take(most)
        .take_while(|line| {
            let takes = line.text.len().min(LETTERS_OF_LINE);
            let fits = takes <= left;
            left = left.saturating_sub(takes);
            fits
        })
        .copied()
        .collect();
    taken.reverse();
    taken
}

fn fits(line: &LogLine, search: &str) -> bool {
    colours::plain(&line.text).to_lowercase().contains(search) || line.step.contains(search)
}

fn as_shown(line: &LogLine) -> log::Line<'static> {
    log::Line {
        at: format::clock(line.at.0).into(),
        moment: Some(line.at.0),
        source: step(&line.step).to_owned().into(),
        pieces: pieces(&line.text),
        ..log::Line::default()
    }
}

/// Steps as short words: they stand before each line.
fn step(name: &str) -> &str {
    match name {
        "start_beside" => "start",
        name => name,
    }
}

fn pieces(text: &str) -> Vec<log::Piece> {
    let mut left = LETTERS_OF_LINE;
    let mut shown = Vec::new();
    for piece in colours::pieces(text) {
        let text: String = piece.text.chars().take(left).collect();
        left -= text.chars().count();
        shown.push(log::Piece { class: class(piece.style), text });
        if left == 0 {
            shown.push(log::Piece { class: String::new(), text: " …".to_owned() });
            break;
        }
    }
    shown
}

/// Classes of the style sheet: `ansi-1`, `ansi-on-4`, `ansi-bold`, ….
fn class(style: Style) -> String {
    let mut classes = Vec::new();
    classes.extend(style.colour.map(|colour| format!("ansi-{colour}")));
    classes.extend(style.background.map(|colour| format!("ansi-on-{colour}")));
    for (is_on, name) in [(style.bold, "bold"), (style.dim, "dim"), (style.italic, "italic"), (style.underline, "underline")] {
        if is_on {
            classes.push(format!("ansi-{name}"));
        }
    }
    classes.join(" ")
}

/// A log as text, without colours.
pub(crate) fn as_text(lines: &[LogLine]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&format!("{} {:<12} {}\n", line.at.rfc3339(), line.step, colours::plain(&line.text)));
    }
    text
}

/// Gives the whole log as a text file.
pub async fn download(State(app): State<App>, Caller(actor): Caller, Path((site, id)): Path<(SiteId, DeploymentId)>) -> Answer {
    one::of_site(&app, &actor, &site, &id).await?;
    let (_, lines, _) = stored::read(&app.hosting, &actor.scope(), &id, 0).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        // An id is letters, digits and `-`.
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.txt\"")),
    ];
    Ok((headers, as_text(&lines)).into_response())
}

/// From where on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Following {
    from: u64,
}

/// Sends new lines as they come, a JSON object each time, until nothing more will come, for a minute at most.
pub async fn follow(
    State(app): State<App>,
    Caller(actor): Caller,
    Path((site, id)): Path<(SiteId, DeploymentId)>,
    Query(asked): Query<Following>,
) -> Answer {
    one::of_site(&app, &actor, &site, &id).await?;
    let grown = deployments::follow(&app.hosting, &actor.scope(), &id, asked.from, Until::LastLine, LIFE).await?;
    let beats = while_let_in(&app, &actor, grown).filter_map(async |growth| match growth {
        Ok(growth) => Some(Ok::<_, Infallible>(beat(&growth))),
        Err(error) => {
            // The connection ends; whoever still looks asks again, and is told.
            warn!("a log that is followed cannot be read: {error}");
            None
        }
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(beats)).into_response())
}

#[derive(Serialize)]
struct Beat {
    lines: Vec<BeatLine>,
    next: u64,
    over: bool,
}

#[derive(Serialize)]
struct BeatLine {
    at: String,
    clock: String,
    step: String,
    /// Class and letters of each piece.
    pieces: Vec<(String, String)>,
}

fn beat(growth: &Growth) -> String {
    let line = |line: &LogLine| BeatLine {
        at: format::iso(line.at.0),
        clock: format::clock(line.at.0),
        step: step(&line.step).to_owned(),
        pieces: pieces(&line.text).into_iter().map(|piece| (piece.class, piece.text)).collect(),
    };
    let beat = Beat { lines: growth.lines.iter().map(line).collect(), next: growth.next, over: growth.is_last };
    let mut text = serde_json::to_string(&beat).expect("lines are plain data");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use kit::Timestamp;

    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine { at: Timestamp(1_768_386_600_000), step: "build".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn hostile_lines_are_text_in_colours() {
        let hostile = "\u{1b}[31m</span><script>alert(1)</script>\u{1b}[0m\u{1b}]8;;javascript:alert(1)\u{7} \"'&";
        let shown = log::line(&as_shown(&line(hostile))).into_string();
        assert!(shown.contains("<span class=\"ansi-1\">&lt;/span&gt;&lt;script&gt;alert(1)&lt;/script&gt;</span>"), "{shown}");
        assert!(!shown.contains('\u{1b}') && !shown.contains("<script"), "{shown}");
        let style = Style { colour: Some(12), background: Some(0), bold: true, dim: true, italic: true, underline: true };
        assert_eq!(class(style), "ansi-12 ansi-on-0 ansi-bold ansi-dim ansi-italic ansi-underline");
        assert_eq!(as_text(&[line(hostile)]).matches('\u{1b}').count(), 0);
    }

    #[test]
    fn the_first_page_is_small_however_much_was_said() {
        let long = line(&"x".repeat(60_000));
        let shown = log::line(&as_shown(&long)).into_string();
        assert!(shown.len() < 3000 && shown.contains('…'), "{}", shown.len());
        let many: Vec<LogLine> = (0..5000).map(|n| line(&format!("{n} {}", "y".repeat(1500)))).collect();
        let many: Vec<&LogLine> = many.iter().collect();
        let taken = newest(&many, (LINES, LETTERS));
        assert!((5..LINES).contains(&taken.len()) && taken.last().unwrap().text.starts_with("4999 "), "{}", taken.len());
        assert!(newest(&many, (3, LETTERS))[0].text.starts_with("4997 "));
        assert!(newest(&[], (3, LETTERS)).is_empty());
    }
}
