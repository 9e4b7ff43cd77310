//! Puts colours back into lines that were redacted without them. Pure.

use std::collections::VecDeque;

use crate::redact::Bare;

/// Lines that may have gone into the redaction and not come out.
const MOST_WAITING: usize = 512;
/// Switches of colour that hold on over the end of a line.
const MOST_ACTIVE: usize = 8;
const RESET: &str = "\u{1b}[0m";

/// Remembers the colours of lines until their redacted text comes. Each painted line stands for itself: it begins with what is in
/// force and ends without colour.
#[derive(Default)]
pub(super) struct Painter {
    waiting: VecDeque<Bare>,
    active: Vec<String>,
}

impl Painter {
    /// A line went into the redaction.
    pub(super) fn expect(&mut self, line: Bare) {
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(line);
    }

    /// The next line that came out of it, with its colours.
    ///
    /// Lines come out in order, and some do not come out at all. One that is as it was is found again; of one that differs, only
    /// the colours before and after what was hidden have a place.
    pub(super) fn paint(&mut self, redacted: &str) -> String {
        if let Some(place) = self.waiting.iter().position(|line| line.text == redacted) {
            for hidden in self.waiting.drain(..place) {
                hidden.colours.iter().for_each(|(_, code)| switch(&mut self.active, code));
            }
        }
        let Some(line) = self.waiting.pop_front() else { return self.with(redacted, &[]) };
        let (before, after) = in_common(line.text.as_bytes(), redacted.as_bytes());
        let colours: Vec<(usize, &str)> = line
            .colours
            .iter()
            .map(|(at, code)| {
                let from_end = line.text.len() - at;
                let place = if *at <= before { *at } else { redacted.len() - from_end.min(after) };
                (redacted.floor_char_boundary(place), code.as_str())
            })
            .collect();
        self.with(redacted, &colours)
    }

    fn with(&mut self, text: &str, colours: &[(usize, &str)]) -> String {
        let mut out: String = self.active.concat();
        let mut done = 0;
        for (at, code) in colours {
            let at = (*at).max(done);
            out.push_str(&text[done..at]);
            out.push_str(code);
            switch(&mut self.active, code);
            done = at;
        }
        out.push_str(&text[done..]);
        if !self.active.is_empty() {
            out.push_str(RESET);
        }
        out
    }
}

fn switch(active: &mut Vec<String>, code: &str) {
    let parameters = &code[2..code.len() - 1];
    if matches!(parameters, "" | "0" | "00") || active.len() == MOST_ACTIVE {
        active.clear();
    }
    if !matches!(parameters, "" | "0" | "00") {
        active.push(code.to_owned());
    }
}

/// Lengths of what two texts have in common at their beginnings and, apart from that, at their ends.
fn in_common(one: &[u8], other: &[u8]) -> (usize, usize) {
    let before = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let after = one[before..].iter().rev().zip(other[before..].iter().rev()).take_while(|(a, b)| a == b).count();
    (before, after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::bare_lines;

    fn painted(lines: &[&str], redacted: &[&str]) -> Vec<String> {
        let mut painter = Painter::default();
        lines.iter().flat_map(|line| bare_lines(line)).for_each(|line| painter.expect(line));
        redacted.iter().map(|line| painter.paint(line).replace('\u{1b}', "^")).collect()
    }

    #[test]
    fn colours_come_back_where_they_were() {
        assert_eq!(painted(&["a \u{1b}[31mred\u{1b}[0m b"], &["a red b"]), ["a ^[31mred^[0m b"]);
        assert_eq!(painted(&["plain"], &["plain"]), ["plain"]);
        // Over the end of a line, as Docker's builder does with what was said to standard error.
        let lines = ["\u{1b}[91mok", "\u{1b}[0mRemoving"];
        assert_eq!(painted(&lines, &["ok", "Removing"]), ["^[91mok^[0m", "^[91m^[0mRemoving"]);
    }

    #[test]
    fn colours_do_not_tell_where_in_a_secret_they_stood() {
        let line = "\u{1b}[1mpw\u{1b}[0m hun\u{1b}[32mter\u{1b}[33m2 end\u{1b}[0m.";
        assert_eq!(painted(&[line], &["pw [redacted:secret] end."]), ["^[1mpw^[0m [redacted:secret]^[32m^[33m end^[0m."]);
    }

    #[test]
    fn lines_that_never_come_out_do_not_shift_the_colours_of_others() {
        let lines = ["\u{1b}[31mBEGIN", "MIIE\u{1b}[0m", "END", "\u{1b}[32mnext\u{1b}[0m"];
        assert_eq!(painted(&lines, &["[redacted:private-key]", "next"])[1], "^[32mnext^[0m");
        assert_eq!(painted(&[], &["unexpected"]), ["unexpected"]);
    }
}
