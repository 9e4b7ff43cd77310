//! What a program prints, on its way into the log: redacted as one stream, painted again, bounded.

use std::collections::VecDeque;

use kit::Timestamp;
use kit::words::counted;
use tracing::warn;

use super::LogWriter;
use super::colour::Painter;
use super::writer::{HEAD, MOST};
use crate::redact::{Redactor, bare_lines};

/// So much of the end is kept of what came after the beginning was full.
const TAIL: usize = 512 << 10;
/// Last words that are remembered for a message.
const LAST_WORDS: usize = 5;

/// One program's output. What it holds back is written when it is dropped, also in the middle of the work.
pub struct LogStream {
    log: LogWriter,
    step: String,
    prefix: String,
    redactor: Option<Redactor>,
    painter: Painter,
    out: Vec<u8>,
    tail: VecDeque<(Timestamp, String)>,
    tail_bytes: usize,
    left_out_lines: u64,
    left_out_bytes: u64,
    last_words: VecDeque<String>,
}

impl LogStream {
    pub(super) fn new(log: LogWriter, step: &str, prefix: &str) -> LogStream {
        LogStream {
            redactor: Some(Redactor::new(log.known())),
            log,
            step: step.to_owned(),
            prefix: prefix.to_owned(),
            painter: Painter::default(),
            out: Vec::new(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            left_out_lines: 0,
            left_out_bytes: 0,
            last_words: VecDeque::new(),
        }
    }

    /// Takes one line as it was printed.
    pub fn line(&mut self, line: &str) {
        for bare in bare_lines(line) {
            let Some(redactor) = &mut self.redactor else { return };
            redactor.push(bare.text.as_bytes(), &mut self.out);
            redactor.push(b"\n", &mut self.out);
            self.painter.expect(bare);
        }
        self.give_out();
    }

    /// The last lines that say something, redacted, without colours.
    pub fn last_words(&self) -> Vec<&str> {
        self.last_words.iter().map(String::as_str).collect()
    }

    /// Writes what was held back, and says what was left out.
    pub fn finish(&mut self) {
        let Some(redactor) = self.redactor.take() else { return };
        redactor.finish(&mut self.out);
        if !self.out.is_empty() && self.out.last() != Some(&b'\n') {
            self.out.push(b'\n');
        }
        self.give_out();
        let room = usize::try_from(MOST.saturating_sub(self.log.length())).unwrap_or(usize::MAX);
        while self.tail_bytes > room {
            self.forget_oldest();
        }
        if self.left_out_lines > 0 {
            let (lines, kilobytes) = (self.left_out_lines, self.left_out_bytes / 1000);
            self.write(&format!("… {} left out here ({kilobytes} KB) …", counted_lines(lines)));
        }
        let tail = std::mem::take(&mut self.tail);
        let outcome = self.log.append(&self.step, tail.iter().map(|(at, line)| (*at, line.as_str())));
        outcome.unwrap_or_else(|error| warn!("writing a deployment's log: {error}"));
    }

    fn give_out(&mut self) {
        let Some(end) = memchr::memrchr(b'\n', &self.out) else { return };
        let out = std::mem::take(&mut self.out);
        for line in String::from_utf8_lossy(&out[..end]).split('\n') {
            if !line.trim().is_empty() {
                if self.last_words.len() == LAST_WORDS {
                    self.last_words.pop_front();
                }
                self.last_words.push_back(line.chars().take(400).collect());
            }
            let painted = self.painter.paint(line);
            self.keep(format!("{}{painted}", self.prefix));
        }
        self.out = out;
        self.out.drain(..=end);
    }

    fn keep(&mut self, line: String) {
        if self.tail.is_empty() && self.left_out_lines == 0 {
            if self.log.length() < HEAD {
                return self.write(&line);
            }
            self.write("… this is much output: from here on only its end is kept …");
        }
        self.tail_bytes += line.len();
        self.tail.push_back((self.log.now(), line));
        while self.tail_bytes > TAIL {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, line)) = self.tail.pop_front() else { return };
        self.tail_bytes -= line.len();
        self.left_out_lines += 1;
        self.left_out_bytes += line.len() as u64 + 1;
    }

    fn write(&self, line: &str) {
        // A full disk must not stop what is being logged: it says so by itself soon enough.
        let outcome = self.log.append(&self.step, [(self.log.now(), line)]);
        outcome.unwrap_or_else(|error| warn!("writing a deployment's log: {error}"));
    }
}

fn counted_lines(lines: u64) -> String {
    counted(lines, "line")
}

impl Drop for LogStream {
    fn drop(&mut self) {
        self.finish();
    }
}
