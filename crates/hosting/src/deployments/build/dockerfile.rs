//! A Dockerfile as Docker's own builder reads it: instructions with the lines they stand on. Pure.
//!
//! Read well enough to know what an instruction asks for, and in doubt the way that asks for more: the builder reads the same text
//! afterwards, and nothing must get past us that it understands.

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The line on which it ends.
    pub last_line: usize,
    /// Its name in capital letters.
    pub name: String,
    /// `--flag` and `--flag=value` right behind the name.
    pub flags: Vec<String>,
    /// All that follows.
    pub rest: String,
}

/// A Dockerfile, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dockerfile {
    /// What `# syntax=` asks for, with its line.
    pub syntax: Option<(usize, String)>,
    /// The character that escapes and continues lines.
    pub escape: char,
    /// A line of which versions of Docker differ on whether it goes on.
    pub doubtful: Option<usize>,
    pub instructions: Vec<Instruction>,
}

/// Takes a Dockerfile apart.
pub(super) fn parse(text: &str) -> Dockerfile {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (syntax, escape) = directives(text);
    let mut instructions = Vec::new();
    let mut begun: Option<(usize, String)> = None;
    let (mut last_line, mut doubtful) = (0, None);
    for (number, line) in (1..).zip(text.split('\n')) {
        last_line = number;
        let line = line.trim_end_matches('\r');
        let is_comment = line.trim_start().starts_with('#');
        // Comments and empty lines are left out, also in the middle of an instruction.
        if is_comment || line.trim().is_empty() {
            continue;
        }
        let trimmed = if begun.is_none() { line.trim_start() } else { line };
        // To some versions, two of them at the end are one that means itself.
        if doubtful.is_none() && trimmed.trim_end_matches([' ', '\t']).ends_with(&[escape, escape].iter().collect::<String>()) {
            doubtful = Some(number);
        }
        let (part, goes_on) = match trimmed.trim_end_matches([' ', '\t']).strip_suffix(escape) {
            Some(part) => (part, true),
            None => (trimmed, false),
        };
        let (start, mut whole) = begun.take().unwrap_or((number, String::new()));
        whole.push_str(part);
        if goes_on {
            begun = Some((start, whole));
        } else {
            instructions.push(instruction(start, number, &whole));
        }
    }
    instructions.extend(begun.map(|(start, whole)| instruction(start, last_line, &whole)));
    Dockerfile { syntax, escape, doubtful, instructions }
}

/// The builder takes directives from the comments before anything else; we take them from all comments at the top, whatever is
/// between them.
fn directives(text: &str) -> (Option<(usize, String)>, char) {
    let (mut syntax, mut escape) = (None, '\\');
    for (number, line) in (1..).zip(text.split('\n')) {
        let Some(comment) = line.trim().strip_prefix('#') else {
            if line.trim().is_empty() {
                continue;
            }
            break;
        };
        let Some((name, value)) = comment.split_once('=') else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "syntax" if syntax.is_none() => syntax = Some((number, value.to_owned())),
            "escape" if value == "`" => escape = '`',
            _ => {}
        }
    }
    (syntax, escape)
}

fn instruction(line: usize, last_line: usize, whole: &str) -> Instruction {
    let whole = whole.trim();
    let (name, mut rest) = whole.split_once(|c: char| c.is_whitespace()).unwrap_or((whole, ""));
    let mut flags = Vec::new();
    loop {
        rest = rest.trim_start();
        if !rest.starts_with("--") {
            break;
        }
        let (flag, after) = rest.split_once(|c: char| c.is_whitespace()).unwrap_or((rest, ""));
        rest = after;
        if flag == "--" {
            break;
        }
        flags.push(flag.to_owned());
    }
    Instruction { line, last_line, name: name.to_ascii_uppercase(), flags, rest: rest.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, usize, String, String)> {
        let read = parse(text).instructions.into_iter();
        read.map(|it| (it.line, it.last_line, format!("{} {}", it.name, it.flags.join(" ")).trim().to_owned(), it.rest)).collect()
    }

    fn row(line: usize, last: usize, name: &str, rest: &str) -> (usize, usize, String, String) {
        (line, last, name.to_owned(), rest.to_owned())
    }

    #[test]
    fn instructions_are_read_as_the_builder_reads_them() {
        let text =
            "# a comment\nFROM debian AS base\r\n\nrun apt-get update \\\n# within\n\n   && true\n COPY --from=base --chown=1:1 a b\n";
        assert_eq!(
            read(text),
            [
                row(2, 2, "FROM", "debian AS base"),
                row(4, 7, "RUN", "apt-get update    && true"),
                row(8, 8, "COPY --from=base --chown=1:1", "a b")
            ]
        );
        assert_eq!(read("FR\\\nOM innkeeper/x"), [row(1, 2, "FROM", "innkeeper/x")], "a name over two lines");
        assert_eq!(read("FROM a\\"), [row(1, 1, "FROM", "a")]);
        assert_eq!(read("# escape=`\nFROM a`\n/b\\\nRUN x"), [row(2, 3, "FROM", "a/b\\"), row(4, 4, "RUN", "x")]);
        assert_eq!(read("\u{feff}FROM a"), [row(1, 1, "FROM", "a")]);
    }

    #[test]
    fn directives_are_found() {
        assert_eq!(parse("# syntax = evil.test/x:1\nFROM a").syntax, Some((1, "evil.test/x:1".to_owned())));
        assert_eq!(parse("#escape=`\n#SYNTAX=x\nFROM a").syntax, Some((2, "x".to_owned())));
        assert_eq!(parse("FROM a\n# syntax=x").syntax, None);
    }
}
