//! Mails to people: plain text and a simple HTML of the same words.

use super::Mail;
use crate::secrets::Secret;

/// A short letter around one link.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// Address of the recipient.
    pub to: &'a str,
    /// Subject line.
    pub subject: String,
    /// Paragraphs before the link.
    pub before: Vec<String>,
    /// Where the button leads; may be a secret.
    pub link: &'a str,
    /// The words of the button.
    pub button: &'static str,
    /// Paragraphs after it.
    pub after: Vec<String>,
}

impl Letter<'_> {
    /// Both parts of the mail; whatever people chose is text in both.
    pub fn compose(self) -> Mail {
        let Letter { to, subject, before, link, button, after } = self;
        let text = [before.join("\n\n"), link.to_owned(), after.join("\n\n")].join("\n\n");
        let paragraphs = |lines: &[String]| lines.iter().map(|line| format!("<p>{}</p>\n", escaped(line))).collect::<String>();
        let html = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{subject}</title></head>\n\
             <body style=\"font-family: system-ui, sans-serif; line-height: 1.5; max-width: 36em\">\n{before}\
             <p><a href=\"{link}\">{button}</a></p>\n{after}</body></html>\n",
            subject = escaped(&subject),
            before = paragraphs(&before),
            link = escaped(link),
            after = paragraphs(&after),
        );
        Mail { to: to.to_owned(), subject, text: Secret::new(text + "\n"), html: Secret::new(html) }
    }
}

/// Text as HTML, also inside a quoted attribute; lines stay lines.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("<br>\n"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
