//! Log lines in monospace, coloured by how grave they are.

use crate::{format, icon};
use maud::{Markup, html};
use std::borrow::Cow;

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Severity {
    /// For developers.
    Debug,
    /// The usual.
    #[default]
    Info,
    /// Odd.
    Warn,
    /// Broken.
    Error,
}

/// One line.
#[derive(Debug, Clone, Default)]
pub struct Line<'a> {
    /// The time as it is to be shown, usually [`crate::format::clock`].
    pub at: Cow<'a, str>,
    /// The same in unix milliseconds, for the day and the full time on hover.
    pub moment: Option<i64>,
    /// Where it comes from, such as a service.
    pub source: Cow<'a, str>,
    /// How grave it is.
    pub severity: Severity,
    /// The words.
    pub text: Cow<'a, str>,
    /// The words in colours, where there are any: stands in place of `text`.
    pub pieces: Vec<Piece>,
}

/// Some letters of a line that look the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    /// Classes of the style sheet, such as `ansi-1 ansi-bold`; none for plain ones.
    pub class: String,
    /// The letters.
    pub text: String,
}

/// Some lines of a log.
#[derive(Debug, Clone, Default)]
pub struct Log<'a> {
    /// What the log is of; read out by screen readers.
    pub label: &'a str,
    /// The lines, oldest first.
    pub lines: &'a [Line<'a>],
    /// Shows this many of the last lines until opened.
    pub collapsed: Option<usize>,
    /// Shows the first five lines until the [`fold`] beside it is opened: for logs whose newest line stands first.
    pub foldable: bool,
    /// What to say when there are no lines.
    pub empty: &'a str,
    /// Stays at the newest line as lines are added.
    pub follow: bool,
    /// Lines will be added: there is a place for them from the first.
    pub growing: bool,
    /// For an address of its own, and for htmx to add lines to (`{id}-lines`).
    pub id: &'a str,
}

/// Shows a log.
pub fn block(log: Log<'_>) -> Markup {
    let id = (!log.id.is_empty()).then_some(log.id);
    if log.lines.is_empty() && !log.growing {
        return html! { div.log id=[id] { p.log-empty { (if log.empty.is_empty() { "No lines yet." } else { log.empty }) } } };
    }
    match log.collapsed.filter(|shown| *shown < log.lines.len()) {
        None => html! { div.log id=[id] { (scroller(&log, log.lines)) } },
        Some(shown) => {
            let (earlier, last) = log.lines.split_at(log.lines.len() - shown);
            html! {
                div.log id=[id] {
                    details.log-more {
                        summary { "Show " (earlier.len()) " earlier lines" }
                        (scroller(&log, earlier))
                    }
                    (scroller(&log, last))
                }
            }
        }
    }
}

/// Opens and closes the [`Log::foldable`] log that stands in the same `.log-part`; works without scripts.
pub fn fold(label: &str) -> Markup {
    html! {
        details.log-fold { summary.button.button-quiet.button-small { span.button-label { (label) } (icon::chevron_down()) } }
    }
}

/// Shows one line, for a stream of them.
pub fn line(line: &Line<'_>) -> Markup {
    let severity = match line.severity {
        Severity::Debug => "debug",
        Severity::Info => "info",
        Severity::Warn => "warn",
        Severity::Error => "error",
    };
    html! {
        div.log-line data-severity=(severity) {
            @match line.moment {
                Some(moment) => time.log-at datetime=(format::iso(moment)) title=(format::date_time(moment)) { (line.at) },
                None if !line.at.is_empty() => span.log-at { (line.at) },
                None => {},
            }
            @if !line.source.is_empty() { span.log-source { (line.source) } }
            // Never by colour alone; the usual needs no word.
            @if line.severity != Severity::Info { span.log-level { (severity) } }
            span.log-text {
                @if line.pieces.is_empty() { (line.text) }
                @for piece in &line.pieces {
                    @if piece.class.is_empty() { (piece.text) } @else { span class=(piece.class) { (piece.text) } }
                }
            }
        }
    }
}

fn scroller(log: &Log<'_>, lines: &[Line<'_>]) -> Markup {
    let id = (!log.id.is_empty() && log.collapsed.is_none()).then(|| format!("{}-lines", log.id));
    html! {
        div.log-lines id=[id] data-empty=[log.growing.then_some(log.empty)] data-foldable[log.foldable] role="log" aria-label=(log.label) aria-live="off" tabindex="0" data-follow[log.follow] {
            @for one in lines { (line(one)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_escaped_and_earlier_ones_folded() {
        let lines: Vec<Line<'_>> = (0..8).map(|n| Line { text: format!("<line {n}>").into(), ..Line::default() }).collect();
        let shown = block(Log { lines: &lines, collapsed: Some(5), ..Log::default() }).into_string();
        assert!(shown.contains("Show 3 earlier lines") && shown.contains("&lt;line 7&gt;"));
    }

    #[test]
    fn coloured_pieces_are_escaped_and_a_growing_log_has_its_place() {
        let piece = |class: &str, text: &str| Piece { class: class.to_owned(), text: text.to_owned() };
        let one = Line { pieces: vec![piece("", "<b>"), piece("ansi-1", "</span><script>")], ..Line::default() };
        let shown = line(&one).into_string();
        assert!(shown.contains("&lt;b&gt;<span class=\"ansi-1\">&lt;/span&gt;&lt;script&gt;</span>"), "{shown}");
        let empty = block(Log { growing: true, id: "log", empty: "Nothing yet.", ..Log::default() }).into_string();
        assert!(empty.contains("id=\"log-lines\" data-empty=\"Nothing yet.\""), "{empty}");
    }

    #[test]
    fn what_is_grave_says_so_in_words() {
        let with =
            |severity| line(&Line { at: "13:00:00".into(), moment: Some(1_795_266_000_000), severity, ..Line::default() }).into_string();
        assert!(with(Severity::Error).contains("<span class=\"log-level\">error</span>"));
        assert!(with(Severity::Error).contains("datetime=\"2026-11-21T13:00:00Z\""));
        assert!(!with(Severity::Info).contains("log-level"));
    }
}
