//! Colours of a text, taken out of it with their places: what is redacted is the text alone, so that no colour in the middle of a
//! secret hides it, and who shows the text may put them back.

use super::clean::Cleaner;

/// Longest parameters of a colour: `38;2;255;255;255;48;2;255;255;255` has 34.
const LONGEST: usize = 40;

/// A line without anything that steers a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bare {
    /// Its text.
    pub text: String,
    /// Switches of colour (`ESC [ … m`) and the byte of the text before which each stood.
    pub colours: Vec<(usize, String)>,
}

/// The lines of `text`: it may hold several, since a carriage return ends one as well.
pub fn bare_lines(text: &str) -> Vec<Bare> {
    let bytes = text.as_bytes();
    let (mut cleaner, mut clean, mut colours) = (Cleaner::default(), Vec::with_capacity(bytes.len()), Vec::new());
    let mut done = 0;
    for start in memchr::memchr_iter(0x1b, bytes) {
        if start < done {
            continue;
        }
        let Some(length) = colour(&bytes[start..]) else { continue };
        cleaner.push(&bytes[done..start], &mut clean);
        let at = clean.len();
        // Through the same cleaner: what it holds for something else stays something else.
        cleaner.push(&bytes[start..start + length], &mut clean);
        if clean.len() == at {
            colours.push((at, text[start..start + length].to_owned()));
        }
        done = start + length;
    }
    cleaner.push(&bytes[done..], &mut clean);
    cleaner.finish(&mut clean);
    let clean = String::from_utf8(clean).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let mut lines = Vec::new();
    let mut colours = colours.into_iter().peekable();
    let mut start = 0;
    for line in clean.split('\n') {
        let mut own = Vec::new();
        while let Some((at, code)) = colours.next_if(|(at, _)| *at <= start + line.len()) {
            own.push((at - start, code));
        }
        lines.push(Bare { text: line.to_owned(), colours: own });
        start += line.len() + 1;
    }
    lines
}

/// Length of the colour that `bytes` begins with.
fn colour(bytes: &[u8]) -> Option<usize> {
    let parameters = bytes.strip_prefix(b"\x1b[")?;
    let length = parameters.iter().take(LONGEST + 1).position(|byte| !(byte.is_ascii_digit() || *byte == b';'))?;
    (parameters[length] == b'm').then_some(length + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> Vec<(String, Vec<(usize, String)>)> {
        bare_lines(text).into_iter().map(|line| (line.text, line.colours)).collect()
    }

    #[test]
    fn colours_are_taken_out_and_all_else_that_steers_a_terminal_is_gone() {
        let colour = |at, code: &str| (at, format!("\u{1b}[{code}m"));
        assert_eq!(bare("\u{1b}[91mno\u{1b}[0m!"), [("no!".to_owned(), vec![colour(0, "91"), colour(2, "0")])]);
        assert_eq!(bare("hun\u{1b}[1mter2"), [("hunter2".to_owned(), vec![colour(3, "1")])]);
        assert_eq!(bare("a\u{1b}[2Jb\u{1b}[mc\u{7}"), [("abc".to_owned(), vec![colour(2, "")])]);
        let two = [("10%".to_owned(), vec![]), ("20%".to_owned(), vec![colour(0, "1")])];
        assert_eq!(bare("10%\r\u{1b}[1m20%"), two);
        // Within the title of a window it is no colour of the text, and nothing comes out of it.
        assert_eq!(bare("x\u{1b}]0;t\u{1b}[31mt\u{7}y")[0].0, "xty");
        assert_eq!(bare(&format!("a\u{1b}[{}mb", "1;".repeat(60)))[0], ("ab".to_owned(), vec![]));
    }
}
