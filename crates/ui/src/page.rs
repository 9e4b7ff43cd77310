//! Whole documents: the frame around every page, the bare card for sign-in, and pages of failure.

use crate::{
    assets,
    feedback::{Toast, toast},
    help, icon,
};
use maud::{DOCTYPE, Markup, html};
use std::borrow::Cow;

/// A page in the frame.
#[derive(Debug, Clone, Default)]
pub struct Page<'a> {
    /// The product's name and home.
    pub brand: Brand<'a>,
    /// The heading and the window's title.
    pub title: &'a str,
    /// One sentence on what the page is for, behind [?].
    pub help: &'a str,
    /// A badge beside the heading.
    pub badge: Markup,
    /// A line under the heading: state first.
    pub summary: Markup,
    /// Buttons at the right of the heading.
    pub actions: Markup,
    /// Tabs under the heading.
    pub tabs: Markup,
    /// The body brings its own `h1` (a hero): no heading is shown.
    pub own_heading: bool,
    /// The ways through the product.
    pub rail: &'a [RailGroup<'a>],
    /// Where the page stands, without the page itself.
    pub crumbs: &'a [Crumb<'a>],
    /// In the top bar: the time range.
    pub top: Markup,
    /// Whose eyes these are.
    pub account: Option<Account<'a>>,
    /// Rooms of the live channel to join; no live dot if empty.
    pub live_rooms: &'a [&'a str],
    /// Offers the command palette (`/palette.json?q=`).
    pub palette: bool,
    /// Messages about what just happened.
    pub toasts: &'a [Toast<'a>],
    /// A message above everything, such as "you look as Anna".
    pub banner: Markup,
    /// Light, dark or as the system; from the cookie `theme`.
    pub theme: Theme,
    /// Reading width (720 px) instead of 1280: for forms.
    pub narrow: bool,
    /// Further scripts by asset name, such as a chart's.
    pub scripts: &'a [&'a str],
    /// What the page is about.
    pub body: Markup,
}

/// The product's name and home.
#[derive(Debug, Clone, Default)]
pub struct Brand<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where its mark leads; `/` if empty.
    pub href: &'a str,
}

/// Colours of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Reads the value of the cookie `theme`; anything unknown is the system's.
    pub fn from_cookie(value: &str) -> Self {
        match value {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light => Some("light"),
            Self::Dark => Some("dark"),
        }
    }
}

/// Some ways through the product under a heading.
#[derive(Debug, Clone, Default)]
pub struct RailGroup<'a> {
    /// The heading; none if empty.
    pub label: &'a str,
    /// The ways.
    pub items: Vec<RailItem<'a>>,
}

/// One way through the product.
#[derive(Debug, Clone, Default)]
pub struct RailItem<'a> {
    /// Its word.
    pub label: Cow<'a, str>,
    /// Its address.
    pub href: Cow<'a, str>,
    /// Its picture.
    pub icon: Markup,
    /// Whether the page is within it.
    pub current: bool,
    /// How many things wait there.
    pub count: Option<i64>,
    /// Stands in the bottom bar of small screens; the first four do if none is marked.
    pub primary: bool,
}

impl<'a> RailItem<'a> {
    /// Returns one way through the product.
    pub fn new(label: impl Into<Cow<'a, str>>, href: impl Into<Cow<'a, str>>, icon: Markup, current: bool) -> Self {
        Self { label: label.into(), href: href.into(), icon, current, count: None, primary: false }
    }
}

/// One step of where a page stands.
#[derive(Debug, Clone)]
pub struct Crumb<'a> {
    /// Its word.
    pub label: Cow<'a, str>,
    /// Its address.
    pub href: Cow<'a, str>,
}

impl<'a> Crumb<'a> {
    /// Returns one step.
    pub fn new(label: impl Into<Cow<'a, str>>, href: impl Into<Cow<'a, str>>) -> Self {
        Self { label: label.into(), href: href.into() }
    }
}

/// Whose eyes these are, and what they can do about it.
#[derive(Debug, Clone, Default)]
pub struct Account<'a> {
    /// The person's name.
    pub name: &'a str,
    /// A second line: the mail address or the customer.
    pub detail: &'a str,
    /// Further ways, such as "Account settings".
    pub links: &'a [(&'a str, &'a str)],
    /// Where the sign-out form posts to.
    pub sign_out: &'a str,
    /// Values sent along with it, made with [`crate::field::hidden`].
    pub hidden: Markup,
}

/// Shows a page in the frame: the whole document.
pub fn shell(page: Page<'_>) -> Markup {
    let rooms = (!page.live_rooms.is_empty()).then(|| page.live_rooms.join(" "));
    let content = html! {
        a.skip-link href="#main" { "Skip to content" }
        div.frame {
            (rail(&page.brand, page.rail))
            div.frame-main {
                (top_bar(&page))
                (page.banner)
                main #main .main data-narrow[page.narrow] tabindex="-1" {
                    @if !page.own_heading { (heading(&page)) }
                    @if !page.tabs.0.is_empty() { (page.tabs) }
                    (page.body)
                }
            }
            (bottom_bar(page.rail))
        }
        (toast_area(page.toasts))
        @if page.palette { (palette()) }
    };
    document(Document { title: page.title, brand: page.brand.name, theme: page.theme, rooms, scripts: page.scripts }, content)
}

/// A page without the frame: sign-in, set-up, reset.
#[derive(Debug, Clone, Default)]
pub struct Bare<'a> {
    /// The product's name and home.
    pub brand: Brand<'a>,
    /// The heading and the window's title.
    pub title: &'a str,
    /// A line under the heading.
    pub text: &'a str,
    /// Wider, for set-up with more fields.
    pub wide: bool,
    /// Under the card: the other way.
    pub footer: Markup,
    /// Messages about what just happened.
    pub toasts: &'a [Toast<'a>],
    /// Light, dark or as the system.
    pub theme: Theme,
    /// What the card holds.
    pub body: Markup,
}

/// Shows a page without the frame: the whole document.
pub fn bare(page: Bare<'_>) -> Markup {
    let content = html! {
        div.bare {
            main #main .bare-main data-wide[page.wide] {
                (mark(&page.brand))
                div.bare-card {
                    h1 { (page.title) }
                    @if !page.text.is_empty() { p.bare-text { (page.text) } }
                    (page.body)
                }
                @if !page.footer.0.is_empty() { div.bare-footer { (page.footer) } }
            }
        }
        (toast_area(page.toasts))
    };
    document(Document { title: page.title, brand: page.brand.name, theme: page.theme, rooms: None, scripts: &[] }, content)
}

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

/// Shows a failure as a whole document, without the frame.
pub fn error(brand: Brand<'_>, theme: Theme, failure: Problem<'_>) -> Markup {
    let title = problem_words(failure.status).0;
    let title = if failure.title.is_empty() { title } else { failure.title };
    let content = html! { div.bare { main #main .bare-main { (mark(&brand)) (problem(failure)) } } };
    document(Document { title, brand: brand.name, theme, rooms: None, scripts: &[] }, content)
}

/// Shows a failure as the body of a page in the frame (with `own_heading`).
pub fn problem(problem: Problem<'_>) -> Markup {
    let (title, text) = problem_words(problem.status);
    html! {
        div.problem {
            p.problem-status { "Error " (problem.status) }
            h1 { (if problem.title.is_empty() { title } else { problem.title }) }
            p.problem-text { (if problem.text.is_empty() { text } else { problem.text }) }
            div.button-row {
                @if problem.actions.0.is_empty() { (crate::button::link_primary("/", "Go to the start page")) } @else { (problem.actions) }
            }
            @if !problem.reference.is_empty() { p.hint { "Reference: " code { (problem.reference) } } }
        }
    }
}

fn problem_words(status: u16) -> (&'static str, &'static str) {
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

pub(crate) struct Document<'a> {
    pub(crate) title: &'a str,
    pub(crate) brand: &'a str,
    pub(crate) theme: Theme,
    pub(crate) rooms: Option<String>,
    pub(crate) scripts: &'a [&'a str],
}

pub(crate) fn document(head: Document<'_>, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[head.theme.name()] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="same-origin";
                meta name="htmx-config" content=(HTMX_CONFIG);
                title { (head.title) @if !head.brand.is_empty() && head.brand != head.title { " · " (head.brand) } }
                link rel="icon" type="image/svg+xml" href=(assets::url("favicon.svg"));
                link rel="preload" as="font" type="font/woff2" href=(assets::url("inter-latin-wght-normal.woff2")) crossorigin;
                link rel="stylesheet" href=(assets::url("app.css"));
                script type="module" src=(assets::url("app.js")) {}
                @for script in head.scripts { script type="module" src=(assets::url(script)) {} }
            }
            body data-live-rooms=[head.rooms] { (content) }
        }
    }
}

/// No styles written into the page, nothing evaluated: what the content security policy asks for. An answer 422
/// is a form that came back with errors, so it is shown.
const HTMX_CONFIG: &str = r#"{"includeIndicatorStyles":false,"allowEval":false,"allowScriptTags":false,"selfRequestsOnly":true,"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},{"code":"422","swap":true},{"code":"[45]..","swap":false,"error":true}],"historyCacheSize":0,"refreshOnHistoryMiss":true,"scrollBehavior":"auto"}"#;

pub(crate) fn mark(brand: &Brand<'_>) -> Markup {
    html! {
        a.mark href=(if brand.href.is_empty() { "/" } else { brand.href }) aria-label=(brand.name) {
            svg.mark-sign viewBox="0 0 24 24" aria-hidden="true" focusable="false" {
                rect.mark-ground width="24" height="24" rx="6" {}
                path.mark-figure d="M6.5 18V11.2a5.5 5.5 0 0 1 11 0V18M12 18v-4.5" {}
                circle.mark-dot cx="12" cy="10.6" r="1.35" {}
            }
            span.mark-name { (brand.name) }
        }
    }
}

fn rail(brand: &Brand<'_>, groups: &[RailGroup<'_>]) -> Markup {
    html! {
        aside.rail {
            div.rail-head { (mark(brand)) }
            nav.rail-nav aria-label="Main" { (rail_groups(groups)) }
        }
    }
}

fn rail_groups(groups: &[RailGroup<'_>]) -> Markup {
    html! {
        @for group in groups {
            div.rail-group {
                @if !group.label.is_empty() { p.rail-label { (group.label) } }
                ul { @for item in &group.items { li { (rail_link("rail-link", item)) } } }
            }
        }
    }
}

fn rail_link(class: &str, item: &RailItem<'_>) -> Markup {
    html! {
        a class=(class) href=(item.href) aria-current=[item.current.then_some("page")] {
            (item.icon) span.rail-word { (item.label) }
            @if let Some(count) = item.count.filter(|count| *count > 0) { span.rail-count { (count) } }
        }
    }
}

fn bottom_bar(groups: &[RailGroup<'_>]) -> Markup {
    const PLACES: usize = 4;
    let all = || groups.iter().flat_map(|group| &group.items);
    let marked = all().any(|item| item.primary);
    let shown: Vec<_> = all().filter(|item| item.primary || !marked).take(PLACES).collect();
    let rest_is_current = all().any(|item| item.current) && !shown.iter().any(|item| item.current);
    html! {
        @if !shown.is_empty() {
            nav.bottom-bar aria-label="Main, short" {
                @for item in &shown { (rail_link("bottom-link", item)) }
                @if all().count() > shown.len() {
                    details.bottom-more data-popover {
                        summary.bottom-link data-current[rest_is_current] { (icon::menu()) span.rail-word { "More" } }
                        div.bottom-sheet { (rail_groups(groups)) }
                    }
                }
            }
        }
    }
}

fn top_bar(page: &Page<'_>) -> Markup {
    html! {
        header.top {
            div.top-mark { (mark(&page.brand)) }
            nav.crumbs aria-label="Breadcrumb" {
                ol {
                    @for crumb in page.crumbs { li { a href=(crumb.href) { (crumb.label) } } }
                    li { span aria-current="page" { (page.title) } }
                }
            }
            div.top-end {
                (page.top)
                @if !page.live_rooms.is_empty() {
                    span.live-dot.needs-js role="status" data-live-dot data-state="connecting" { span.live-dot-mark aria-hidden="true" {} span.live-dot-word { "Connecting" } }
                }
                @if page.palette {
                    button.palette-open.needs-js type="button" data-palette-open aria-haspopup="dialog" aria-label="Search" { (icon::search()) span.palette-open-word { "Search" } kbd { "Ctrl K" } }
                }
                @if let Some(account) = &page.account { (account_menu(account, page.theme)) }
            }
        }
    }
}

fn account_menu(account: &Account<'_>, theme: Theme) -> Markup {
    let initials: String =
        account.name.split_whitespace().filter_map(|word| word.chars().next()).take(2).flat_map(char::to_uppercase).collect();
    html! {
        details.account data-popover {
            summary aria-label={ "Account menu of " (account.name) } { span.avatar aria-hidden="true" { (initials) } }
            div.account-menu {
                div.account-who { p.account-name { (account.name) } @if !account.detail.is_empty() { p.hint { (account.detail) } } }
                @if !account.links.is_empty() { ul.account-links { @for (label, href) in account.links { li { a.menu-item href=(href) { (label) } } } } }
                fieldset.theme-switch.needs-js data-theme-switch {
                    legend { "Theme" }
                    div.theme-choices {
                        @for (value, label, icon, own) in [
                            ("system", "System", icon::monitor(), Theme::System),
                            ("light", "Light", icon::sun(), Theme::Light),
                            ("dark", "Dark", icon::moon(), Theme::Dark),
                        ] {
                            label title=(label) { input type="radio" name="theme" value=(value) checked[own == theme] aria-label=(label); (icon) }
                        }
                    }
                }
                @if !account.sign_out.is_empty() {
                    form method="post" action=(account.sign_out) { (account.hidden) button.menu-item type="submit" { (icon::log_out()) span.button-label { "Sign out" } } }
                }
            }
        }
    }
}

fn heading(page: &Page<'_>) -> Markup {
    html! {
        div.page-head {
            div.page-heading {
                h1 { (page.title) }
                @if !page.help.is_empty() { (help::popover(page.title, page.help)) }
                (page.badge)
            }
            @if !page.actions.0.is_empty() { div.page-actions { (page.actions) } }
            @if !page.summary.0.is_empty() { div.page-summary { (page.summary) } }
        }
    }
}

fn toast_area(toasts: &[Toast<'_>]) -> Markup {
    html! { div #toasts .toasts role="status" aria-live="polite" { @for message in toasts { (toast(message)) } } }
}

fn palette() -> Markup {
    html! {
        dialog.palette #palette aria-label="Search" data-palette {
            div.palette-head {
                (icon::search())
                input.palette-input type="text" placeholder="Jump to a customer, site, page or action" aria-label="Search" autocomplete="off" spellcheck="false"
                    role="combobox" aria-expanded="false" aria-controls="palette-list" aria-autocomplete="list";
                kbd { "Esc" }
            }
            div.palette-list #palette-list role="listbox" aria-label="Results" {}
            p.palette-none hidden { "Nothing found. Try another word." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_in_every_place_of_the_frame() {
        let evil = "</title><script>\"'&";
        let links = [(evil, "/x")];
        let page = shell(Page {
            brand: Brand { name: evil, href: "/" },
            title: evil,
            help: evil,
            rail: &[RailGroup { label: evil, items: vec![RailItem::new(evil, evil, icon::house(), true)] }],
            crumbs: &[Crumb::new(evil, evil)],
            account: Some(Account { name: evil, detail: evil, links: &links, sign_out: evil, hidden: Markup::default() }),
            live_rooms: &[evil],
            toasts: &[Toast::ok(evil)],
            ..Page::default()
        })
        .into_string();
        assert!(!page.contains("<script>") && page.matches("</title>").count() == 1);
    }

    #[test]
    fn pages_hold_no_inline_script_or_style() {
        let page = shell(Page { title: "Sites", palette: true, live_rooms: &["a"], account: Some(Account::default()), ..Page::default() })
            .into_string();
        assert!(!page.contains(" style=") && !page.contains(" onclick") && page.matches("<script").count() == 1);
        assert!(page.starts_with("<!DOCTYPE html>"));
    }

    #[test]
    fn failures_say_what_to_do() {
        for status in [403, 404, 429, 500, 503] {
            let page = error(Brand::default(), Theme::System, Problem { status, reference: "req_1", ..Problem::default() }).into_string();
            assert!(page.contains(&format!("Error {status}")) && page.contains("req_1"));
        }
    }
}
