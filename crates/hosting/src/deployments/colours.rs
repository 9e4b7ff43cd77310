//! Colours in logs: what builds say with ANSI escape sequences, as pieces of text with a style. Everything else that steers a
//! terminal is left out, so that what remains is safe to show and to print.

/// A colour of a terminal's sixteen: 0–7, and 8–15 for the bright ones.
pub type Colour = u8;

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Of the letters.
    pub colour: Option<Colour>,
    /// Behind them.
    pub background: Option<Colour>,
    /// Bold.
    pub bold: bool,
    /// Pale.
    pub dim: bool,
    /// Slanted.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
}

/// Some letters that look the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// How they look.
    pub style: Style,
    /// The letters: no control characters but tabs.
    pub text: String,
}

/// The pieces of one line. Each line begins plain: a colour that was never ended does not run down the page.
pub fn pieces(line: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut style = Style::default();
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            let rest = letters.as_str();
            let Some(sequence) = rest.strip_prefix('[') else { continue };
            // `ESC [ parameters final`: parameters are 0x30–0x3f, 0x20–0x2f stand between, the final one is 0x40–0x7e.
            let end = sequence.find(|c: char| !('\u{20}'..='\u{3f}').contains(&c)).unwrap_or(sequence.len());
            if sequence[end..].starts_with('m') {
                style = applied(style, &sequence[..end]);
            }
            let is_final = sequence[end..].starts_with(|c: char| ('\u{40}'..='\u{7e}').contains(&c));
            letters = sequence[end + usize::from(is_final)..].chars();
            continue;
        }
        if (letter.is_control() && letter != '\t') || is_invisible(letter) {
            continue;
        }
        match pieces.last_mut() {
            Some(last) if last.style == style => last.text.push(letter),
            _ => pieces.push(Piece { style, text: letter.to_string() }),
        }
    }
    pieces
}

/// The line without colours.
pub fn plain(line: &str) -> String {
    pieces(line).into_iter().map(|piece| piece.text).collect()
}

/// Marks that turn the direction of writing could make a line read as another one.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn applied(mut style: Style, parameters: &str) -> Style {
    let mut codes = parameters.split([';', ':']).map(|code| if code.is_empty() { Some(0) } else { code.parse::<u16>().ok() });
    while let Some(code) = codes.next() {
        let Some(code) = code else { return style };
        match code {
            0 => style = Style::default(),
            1 => style.bold = true,
            2 => style.dim = true,
            3 => style.italic = true,
            4 => style.underline = true,
            22 => (style.bold, style.dim) = (false, false),
            23 => style.italic = false,
            24 => style.underline = false,
            30..=37 => style.colour = u8::try_from(code - 30).ok(),
            90..=97 => style.colour = u8::try_from(code - 90 + 8).ok(),
            40..=47 => style.background = u8::try_from(code - 40).ok(),
            100..=107 => style.background = u8::try_from(code - 100 + 8).ok(),
            39 => style.colour = None,
            49 => style.background = None,
            38 | 48 => {
                let colour = extended(&mut codes);
                if code == 38 { style.colour = colour } else { style.background = colour }
            }
            _ => {}
        }
    }
    style
}

/// `5;n` of 256 colours or `2;r;g;b`, as the nearest of sixteen: pages have both themes to be readable in.
fn extended(codes: &mut impl Iterator<Item = Option<u16>>) -> Option<Colour> {
    let mut next = || codes.next().flatten();
    let (red, green, blue) = match next()? {
        5 => match next()? {
            basic @ 0..=15 => return u8::try_from(basic).ok(),
            cube @ 16..=231 => ((cube - 16) / 36 * 51, (cube - 16) / 6 % 6 * 51, (cube - 16) % 6 * 51),
            grey => {
                let level = grey.saturating_sub(232).min(23) * 10 + 8;
                (level, level, level)
            }
        },
        2 => (next()?, next()?, next()?),
        _ => return None,
    };
    let most = red.max(green).max(blue);
    let is_on = |part: u16| part > 63 && part * 2 > most;
    let colour = u8::from(is_on(red)) | u8::from(is_on(green)) << 1 | u8::from(is_on(blue)) << 2;
    Some(if most > 191 { colour | 8 } else { colour })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<(Option<Colour>, bool, String)> {
        pieces(line).into_iter().map(|piece| (piece.style.colour, piece.style.bold, piece.text)).collect()
    }

    #[test]
    fn colours_become_pieces() {
        let line = "#5 \u{1b}[1;31mERROR\u{1b}[0m: \u{1b}[38;5;10mok\u{1b}[39m \u{1b}[38;2;0;0;250mblue\u{1b}[m.";
        let told = |colour, bold, text: &str| (colour, bold, text.to_owned());
        assert_eq!(
            shown(line),
            [
                told(None, false, "#5 "),
                told(Some(1), true, "ERROR"),
                told(None, false, ": "),
                told(Some(10), false, "ok"),
                told(None, false, " "),
                told(Some(12), false, "blue"),
                told(None, false, "."),
            ]
        );
        assert_eq!(plain(line), "#5 ERROR: ok blue.");
        let underlined = pieces("\u{1b}[4;44mx\u{1b}[24;49my");
        assert!(underlined[0].style.underline && underlined[0].style.background == Some(4));
        assert_eq!(underlined[1].style, Style::default());
    }

    #[test]
    fn what_steers_a_terminal_is_left_out_and_text_is_left_alone() {
        for (line, text) in [
            ("\u{1b}[2J\u{1b}[Hcleared", "cleared"),
            ("\u{1b}]0;title\u{7}after", "]0;titleafter"),
            ("\u{1b}]8;;https://evil.test\u{1b}\\link\u{1b}]8;;\u{1b}\\", "]8;;https://evil.test\\link]8;;\\"),
            ("a\rb\u{8}c\u{0}d\u{7f}e\u{9b}31mf", "abcde31mf"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("\u{1b}[31", ""),
            ("\u{1b}[999999999999mx", "x"),
            ("\u{1b}[38;5mx", "x"),
            ("\u{1b}[38;2;9mx", "x"),
            ("\u{1b}[38;5;99999mx", "x"),
            ("\u{1b}[?25lx", "x"),
            ("\u{1b}[1\u{1b}[31mx", "x"),
            ("<script>alert(1)</script>\t&amp;", "<script>alert(1)</script>\t&amp;"),
            ("\u{202e}gnp.exe\u{2066}", "gnp.exe"),
            ("grüße 🌱", "grüße 🌱"),
            ("\u{1b}[31é", "é"),
        ] {
            assert_eq!(plain(line), text, "{line:?}");
        }
        assert_eq!(pieces("\u{1b}[31;mx")[0].style, Style::default(), "an empty parameter is a reset");
    }
}
