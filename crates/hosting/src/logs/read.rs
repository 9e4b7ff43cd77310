//! Reads the end of a container's log within hard limits of bytes and time, and joins the engine's pieces into lines.

use std::pin::pin;
use std::time::Duration;

use bollard::container::LogOutput;
use futures_util::StreamExt;
use kit::{Error, Result, Timestamp};

use crate::runtime::{Runtime, Writer};

/// How long the engine may take for one service.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes that are taken from the engine for one service.
const BUDGET: usize = 8 * 1024 * 1024;
/// Pieces that fit into the budget however long they are: a piece has at most 16 KiB and its time.
const SURELY_FIT: usize = 450;
/// A terminal's log comes without frames, and is searched for line ends as it grows: less of it is asked for.
const OF_A_TERMINAL: usize = 200;
/// Pieces asked for where lines are wanted: some lines consist of several.
const PIECES_A_LINE: usize = 4;
const LEAST_PIECES: usize = 400;
/// Bytes that are kept of a line. More than is shown, so that a secret at the end of what is shown is whole.
pub(super) const KEPT: usize = 16 * 1024;
/// A line that began among the first pieces of a cut log may have begun before them.
const PERHAPS_CUT: usize = 8;

/// Where a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// Standard output, or a terminal.
    Out,
    /// Standard error.
    Err,
}

/// One line as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    /// When it began, as Docker wrote it: all have the same length and sort as text.
    pub stamp: String,
    /// The same.
    pub at: Timestamp,
    /// Where it was written to.
    pub source: Source,
    /// Its bytes, up to [`KEPT`].
    pub bytes: Vec<u8>,
    /// How many more it had.
    pub left_out: usize,
    /// Whether its end was seen.
    pub is_finished: bool,
}

/// Looks at a container before its log is read.
pub(super) async fn look(runtime: &Runtime, container: &str) -> Result<Writer> {
    tokio::time::timeout(PATIENCE, runtime.writer(container)).await.map_err(|_| slow())?
}

/// The last lines of a container, oldest first: `lines` of them, if there are so many within the limits.
pub(super) async fn tail(runtime: &Runtime, container: &str, writer: &Writer, lines: usize, since: Option<Timestamp>) -> Result<Vec<Raw>> {
    let read = async {
        let most = if writer.has_terminal { OF_A_TERMINAL } else { usize::MAX };
        let pieces = lines.saturating_mul(PIECES_A_LINE).max(LEAST_PIECES).min(most);
        let mut found = collect(runtime, container, pieces, since).await?;
        if found.is_none() {
            found = collect(runtime, container, pieces.min(SURELY_FIT), since).await?;
        }
        found.ok_or_else(|| Error::conflict("its log has larger lines than can be shown"))
    };
    let mut found = tokio::time::timeout(PATIENCE, read).await.map_err(|_| slow())??;
    found.drain(..found.len().saturating_sub(lines));
    Ok(found)
}

fn slow() -> Error {
    Error::unavailable("Docker takes too long to answer")
}

/// Reads so many pieces; `None` when they are more than the budget allows.
async fn collect(runtime: &Runtime, container: &str, pieces: usize, since: Option<Timestamp>) -> Result<Option<Vec<Raw>>> {
    let mut stream = pin!(runtime.log(container, pieces, since)?);
    let mut joined = Joined::default();
    let mut bytes = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        bytes += piece.as_ref().len();
        if bytes > BUDGET {
            return Ok(None);
        }
        let source = if matches!(piece, LogOutput::StdErr { .. }) { Source::Err } else { Source::Out };
        joined.add(source, piece.as_ref());
    }
    let is_cut = joined.pieces >= pieces;
    Ok(Some(joined.finish(is_cut)))
}

/// Joins pieces into lines.
#[derive(Default)]
struct Joined {
    pieces: usize,
    open: [Option<(usize, Raw)>; 2],
    /// With the number of the piece in which each began.
    lines: Vec<(usize, Raw)>,
}

impl Joined {
    fn add(&mut self, source: Source, piece: &[u8]) {
        let number = self.pieces;
        self.pieces += 1;
        // A piece without a time is the rest of something that broke off.
        let Some((stamp, at, text)) = split_time(piece) else { return };
        for part in text.split_inclusive(|byte| *byte == b'\n') {
            let (part, is_finished) = match part.strip_suffix(b"\n") {
                Some(part) => (part, true),
                None => (part, false),
            };
            let begin = || Raw { stamp: stamp.to_owned(), at, source, bytes: Vec::new(), left_out: 0, is_finished: false };
            let (_, line) = self.open[source as usize].get_or_insert_with(|| (number, begin()));
            let room = part.len().min(KEPT - line.bytes.len());
            line.bytes.extend_from_slice(&part[..room]);
            line.left_out += part.len() - room;
            if is_finished && let Some((began, line)) = self.open[source as usize].take() {
                self.lines.push((began, Raw { is_finished, ..line }));
            }
        }
    }

    fn finish(mut self, is_cut: bool) -> Vec<Raw> {
        self.lines.extend(self.open.into_iter().flatten());
        // What may be the second half of a line may begin with the second half of a secret.
        for source in [Source::Out, Source::Err] {
            let first = self.lines.iter().position(|(_, line)| line.source == source);
            if let Some(first) = first.filter(|first| is_cut && self.lines[*first].0 < PERHAPS_CUT) {
                self.lines.remove(first);
            }
        }
        let mut lines: Vec<Raw> = self.lines.into_iter().map(|(_, line)| line).collect();
        // Lines stand where they ended; a long one began before others that ended earlier.
        lines.sort_by(|one, other| one.stamp.cmp(&other.stamp));
        lines
    }
}

/// Docker's time, and what follows it: `2026-11-21T13:00:00.123456789Z text`.
fn split_time(piece: &[u8]) -> Option<(&str, Timestamp, &[u8])> {
    let space = piece.iter().take(40).position(|byte| *byte == b' ')?;
    let stamp = std::str::from_utf8(&piece[..space]).ok()?;
    let at = Timestamp::parse_rfc3339(stamp)?;
    Some((stamp, at, &piece[space + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(number: usize, text: &str) -> Vec<u8> {
        format!("2026-11-21T13:00:00.{number:09}Z {text}").into_bytes()
    }

    fn texts(lines: &[Raw]) -> Vec<String> {
        lines.iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect()
    }

    #[test]
    fn pieces_become_lines_with_the_time_of_their_first() {
        let mut joined = Joined::default();
        for (number, (source, text)) in [
            (Source::Out, "first\n"),
            (Source::Out, "long, "),
            (Source::Err, "between\n"),
            (Source::Out, "and its end\n"),
            (Source::Out, "2026-11-21T13:00:00Z not a time of Docker's\n"),
            (Source::Err, "unfinished"),
        ]
        .into_iter()
        .enumerate()
        {
            joined.add(source, &piece(number, text));
        }
        joined.add(Source::Out, b"no time\n");
        let lines = joined.finish(false);
        assert_eq!(texts(&lines), ["first", "long, and its end", "between", "2026-11-21T13:00:00Z not a time of Docker's", "unfinished"]);
        assert_eq!(lines[1].stamp, "2026-11-21T13:00:00.000000001Z");
        assert_eq!(lines.iter().map(|line| line.is_finished).collect::<Vec<_>>(), [true, true, true, true, false]);
    }

    #[test]
    fn a_line_of_a_megabyte_keeps_its_beginning_and_says_how_much_is_missing() {
        let mut joined = Joined::default();
        for number in 0..64 {
            joined.add(Source::Out, &piece(number, &"x".repeat(16 * 1024)));
        }
        joined.add(Source::Out, &piece(64, "\n"));
        let lines = joined.finish(false);
        assert_eq!((lines.len(), lines[0].bytes.len(), lines[0].left_out), (1, KEPT, 63 * 16 * 1024));
    }

    #[test]
    fn what_may_be_half_a_line_is_left_away() {
        let lines = |is_cut| {
            let mut joined = Joined::default();
            joined.add(Source::Out, &piece(0, "half of a secret\n"));
            (1..20).for_each(|number| joined.add(Source::Out, &piece(number, "whole\n")));
            joined.add(Source::Err, &piece(20, "the only error\n"));
            texts(&joined.finish(is_cut))
        };
        assert_eq!(lines(false).len(), 21);
        let cut = lines(true);
        assert_eq!((cut.len(), cut.last().map(String::as_str)), (20, Some("the only error")));
        assert!(!cut.contains(&"half of a secret".to_owned()));
    }
}
