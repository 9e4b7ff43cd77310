//! What is written to people: plain text and a simple HTML of the same words.

use kit::mail::Mail;
use kit::secrets::Secret;

use crate::{Email, PersonName};

/// To someone who is invited. `house` is the customer whom they join, or nothing for staff.
pub(crate) fn invitation(to: &Email, invited_by: &str, customer: Option<&str>, link: &Secret) -> Mail {
    let to_what = customer.map_or_else(|| "as staff".to_owned(), |customer| format!("to {customer}"));
    compose(Letter {
        to,
        subject: match customer {
            Some(customer) => format!("{invited_by} invites you to {customer}"),
            None => format!("{invited_by} invites you"),
        },
        before: vec!["Hello,".to_owned(), format!("{invited_by} invites you {to_what}. Choose your password to begin:")],
        link,
        button: "Accept the invitation",
        after: vec!["The link works once and for 7 days. If you did not expect it, you need not do anything.".to_owned()],
    })
}

/// To a member who has asked for a new password, or for whom somebody else has.
pub(crate) fn reset(to: &Email, name: &PersonName, link: &Secret) -> Mail {
    compose(Letter {
        to,
        subject: "Choose a new password".to_owned(),
        before: vec![format!("Hello {name},"), "here you can choose a new password:".to_owned()],
        link,
        button: "Choose a new password",
        after: vec![
            "The link works once and for one hour. When you use it, you are signed out everywhere.".to_owned(),
            "If you did not ask for it, you need not do anything: your password stays as it is.".to_owned(),
        ],
    })
}

struct Letter<'a> {
    to: &'a Email,
    subject: String,
    before: Vec<String>,
    link: &'a Secret,
    button: &'static str,
    after: Vec<String>,
}

fn compose(letter: Letter<'_>) -> Mail {
    let link = letter.link.reveal();
    let text = [letter.before.join("\n\n"), link.to_owned(), letter.after.join("\n\n")].join("\n\n");
    let paragraphs = |lines: &[String]| lines.iter().map(|line| format!("<p>{}</p>\n", escaped(line))).collect::<String>();
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{subject}</title></head>\n\
         <body style=\"font-family: system-ui, sans-serif; line-height: 1.5; max-width: 36em\">\n{before}\
         <p><a href=\"{link}\">{button}</a></p>\n{after}</body></html>\n",
        subject = escaped(&letter.subject),
        before = paragraphs(&letter.before),
        link = escaped(link),
        button = letter.button,
        after = paragraphs(&letter.after),
    );
    Mail { to: letter.to.to_string(), subject: letter.subject, text: Secret::new(text + "\n"), html: Secret::new(html) }
}

/// Text as HTML, also inside a quoted attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_chose_is_text_in_both_parts() {
        let to = Email::parse("new@example.test").unwrap();
        let link = Secret::new("https://innkeeper.test/invitation/abc?x=1&y=\"2\"");
        let mail = invitation(&to, "Eve <script>alert(1)</script>", Some("A & B \"Söhne\""), &link);
        let html = mail.html.reveal();
        assert!(!html.contains("<script>") && html.contains("Eve &lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(html.contains("A &amp; B &quot;Söhne&quot;"));
        assert!(html.contains("href=\"https://innkeeper.test/invitation/abc?x=1&amp;y=&quot;2&quot;\""));
        assert!(mail.text.reveal().contains("A & B \"Söhne\"") && mail.text.reveal().contains(link.reveal()));
        assert_eq!(mail.to, "new@example.test");
    }
}
