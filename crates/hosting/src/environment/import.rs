//! Reads a pasted `.env` file, as Compose, dotenv libraries and shells write them. Nothing in it is carried out: `$NAME` and
//! `$(command)` stay what they are.

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Which one, from 1.
    pub line: usize,
    /// Why.
    pub message: String,
}

/// Names and values in the order of the text, and what could not be read. A name is checked, a value is not.
pub fn parse(text: &str) -> (Vec<(String, String)>, Vec<LineError>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let (mut found, mut errors): (Vec<(usize, String, String)>, Vec<LineError>) = (Vec::new(), Vec::new());
    let (mut rest, mut number) = (text.as_str(), 0);
    while !rest.is_empty() {
        number += 1;
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            rest = after;
            continue;
        }
        let begun = number;
        let mut complain = |message: String| errors.push(LineError { line: begun, message });
        let Some((name, value)) = rest.split_once('=').filter(|(name, _)| !name.contains('\n')) else {
            complain("must look like NAME=value".to_owned());
            rest = after;
            continue;
        };
        let name = name.trim().strip_prefix("export ").unwrap_or(name.trim()).trim();
        match read_value(value) {
            Ok((value, left)) => {
                number += rest[..rest.len() - left.len()].trim_end_matches('\n').matches('\n').count();
                rest = left;
                if let Some(message) = super::complaint_about_name(name) {
                    // What was pasted as a name may be a secret; it is told only where it could be a name.
                    let is_shown = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && name.len() <= 64;
                    complain(if is_shown { format!("{name} {message}") } else { message });
                } else if let Some((first, ..)) = found.iter().find(|(_, other, _)| other == name) {
                    complain(format!("{name} is given twice, first in line {first}"));
                } else {
                    found.push((begun, name.to_owned(), value));
                }
            }
            Err(message) => {
                complain(message.to_owned());
                rest = after;
            }
        }
    }
    (found.into_iter().map(|(_, name, value)| (name, value)).collect(), errors)
}

/// Reads a value up to the end of its line; what follows is returned beside it.
fn read_value(text: &str) -> Result<(String, &str), &'static str> {
    let text = text.trim_start_matches([' ', '\t']);
    let (value, after) = match text.chars().next() {
        Some('\'') => text[1..].split_once('\'').map(|(value, after)| (value.to_owned(), after)).ok_or("has a quote that is not closed")?,
        Some('"') => read_double(&text[1..])?,
        _ => {
            let (line, after) = text.split_once('\n').unwrap_or((text, ""));
            let end =
                line.match_indices('#').find(|(at, _)| *at == 0 || line[..*at].ends_with([' ', '\t'])).map_or(line.len(), |(at, _)| at);
            return Ok((line[..end].trim_end().to_owned(), after));
        }
    };
    let (line, after) = after.split_once('\n').unwrap_or((after, ""));
    let left = line.trim();
    if left.is_empty() || left.starts_with('#') { Ok((value, after)) } else { Err("has something after its closing quote") }
}

fn read_double(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c @ ('"' | '\\' | '$' | '`'))) => value.push(c),
                Some((_, c)) => value.extend(['\\', c]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("has a quote that is not closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_all_kinds_are_read() {
        let text = "\u{feff}# comment\r\n\r\nA=1\r\nexport B = two words # said\nC='it # $HOME'\nD=\"a\\nb \\\"q\\\" \\$X \\x\"  # end\n\
            E=\nF=a#b\n  G=\"-----BEGIN\nmiddle=1\n-----END\"\nH=postgres://u:p@h/d?x=1\nI='two\nlines'\nJ=last";
        let (found, errors) = parse(text);
        assert_eq!(errors, []);
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "it # $HOME"),
            ("D", "a\nb \"q\" $X \\x"),
            ("E", ""),
            ("F", "a#b"),
            ("G", "-----BEGIN\nmiddle=1\n-----END"),
            ("H", "postgres://u:p@h/d?x=1"),
            ("I", "two\nlines"),
            ("J", "last"),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn each_line_that_cannot_be_read_is_told_with_its_number() {
        let text = "A=\"1\n2\"\nno sign\nlower=1\nA=2\nB='x' y\nPATH=/x\n=1\nC=\"open\nD=4\n";
        let (found, errors) = parse(text);
        let told: Vec<(usize, &str)> = errors.iter().map(|error| (error.line, error.message.as_str())).collect();
        let shape = "must be called with capital letters, digits and `_`, beginning with no digit, 64 characters at most";
        assert_eq!(
            told,
            [
                (3, "must look like NAME=value"),
                (4, format!("lower {shape}").as_str()),
                (5, "A is given twice, first in line 1"),
                (6, "has something after its closing quote"),
                (7, "PATH changes how programs are started and cannot be set; choose another name"),
                (8, "must have a name"),
                (9, "has a quote that is not closed"),
            ]
        );
        assert_eq!(found, [("A".to_owned(), "1\n2".to_owned()), ("D".to_owned(), "4".to_owned())]);
    }
}
