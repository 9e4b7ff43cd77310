//! What is written to people: plain text and a simple HTML of the same words.

use kit::mail::{Letter, Mail};
use kit::secrets::Secret;

use crate::{Email, PersonName};

/// To someone who is invited. `house` is the customer whom they join, or nothing for staff.
pub(crate) fn invitation(to: &Email, invited_by: &str, customer: Option<&str>, link: &Secret) -> Mail {
    let to_what = customer.map_or_else(|| "as staff".to_owned(), |customer| format!("to {customer}"));
    Letter {
        to: to.as_str(),
        subject: match customer {
            Some(customer) => format!("{invited_by} invites you to {customer}"),
            None => format!("{invited_by} invites you"),
        },
        before: vec!["Hello,".to_owned(), format!("{invited_by} invites you {to_what}. Choose your password to begin:")],
        link: link.reveal(),
        button: "Accept the invitation",
        after: vec!["The link works once and for 7 days. If you did not expect it, you need not do anything.".to_owned()],
    }
    .compose()
}

/// To a member who has asked for a new password, or for whom somebody else has.
pub(crate) fn reset(to: &Email, name: &PersonName, link: &Secret) -> Mail {
    Letter {
        to: to.as_str(),
        subject: "Choose a new password".to_owned(),
        before: vec![format!("Hello {name},"), "here you can choose a new password:".to_owned()],
        link: link.reveal(),
        button: "Choose a new password",
        after: vec![
            "The link works once and for one hour. When you use it, you are signed out everywhere.".to_owned(),
            "If you did not ask for it, you need not do anything: your password stays as it is.".to_owned(),
        ],
    }
    .compose()
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
