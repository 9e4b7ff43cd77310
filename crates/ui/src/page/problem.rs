//! What cannot be shown, and what to do now: within the frame, or as a document of its own.

use super::{Brand, Document, Theme, document, mark};
use maud::{Markup, html};

/// Something that cannot be shown, and what to do now.
#[derive(Debug, Clone, Default)]
pub struct Problem<'a> {
    /// The status, such as 404; it picks words for what is left empty.
    pub status: u16,
    /// What happened.
    pub title: &'a str,
    /// What it means and what to do.
    pub text: &'a str,
    /// The next steps, as buttons.
    pub actions: Markup,
    /// To tell the operator when asking for help.
    pub reference: &'a str,
}

impl<'a> Problem<'a> {
    /// Returns what happened, in the words of the status where there are no others: also the title of the window.
    pub fn heading(&self) -> &'a str {
        if self.title.is_empty() { words(self.status).0 } else { self.title }
    }

    fn advice(&self) -> &'a str {
        if self.text.is_empty() { words(self.status).1 } else { self.text }
    }
}

/// Shows a failure as a whole document, without the frame.
pub fn error(brand: Brand<'_>, theme: Theme, failure: Problem<'_>) -> Markup {
    let title = failure.heading();
    let content = html! { div.bare { main #main .bare-main { (mark(&brand)) (problem(failure)) } } };
    document(Document { title, brand: brand.name, theme, rooms: None, scripts: &[] }, content)
}

/// Shows a failure as the body of a page in the frame (with `own_heading`).
pub fn problem(problem: Problem<'_>) -> Markup {
    html! {
        div.problem {
            p.problem-status { "Error " (problem.status) }
            h1 { (problem.heading()) }
            p.problem-text { (problem.advice()) }
            div.button-row {
                @if problem.actions.0.is_empty() { (crate::button::link_primary("/", "Go to the start page")) } @else { (problem.actions) }
            }
            @if !problem.reference.is_empty() { p.hint { "Reference: " code { (problem.reference) } } }
        }
    }
}

fn words(status: u16) -> (&'static str, &'static str) {
    match status {
        400 | 422 => ("This request cannot be read", "Something in the address or the form is not as expected. Go back and try again."),
        401 => ("Please sign in", "Your session has ended. Sign in again to go on where you were."),
        403 => ("You may not do this", "Your role does not allow it. Ask the owner of the account to do it, or to change your role."),
        404 => (
            "There is nothing here",
            "The page may have moved, or the thing it was about has been deleted. Check the address, or start from the front.",
        ),
        409 => ("Someone was faster", "This has changed since you opened it. Go back, look at the new state and try again."),
        413 => ("That is too large", "Send a smaller file."),
        429 => ("Too many tries", "Wait a minute, then try again."),
        502..=504 => {
            ("Not available right now", "A part of the service is not answering. It usually comes back within a minute; try again.")
        }
        _ => (
            "Something went wrong on our side",
            "It has been noted. Try again; if it happens once more, tell your operator the reference below.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_what_to_do() {
        for status in [403, 404, 429, 500, 503] {
            let page = error(Brand::default(), Theme::System, Problem { status, reference: "req_1", ..Problem::default() }).into_string();
            assert!(page.contains(&format!("Error {status}")) && page.contains("req_1"));
        }
    }
}
