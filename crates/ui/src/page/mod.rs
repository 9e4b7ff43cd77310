//! Whole documents: the frame around every page, the bare card for sign-in, and pages of failure.

mod bare;
mod frame;
mod problem;

use crate::{
    assets,
    feedback::{Toast, toast},
};
use maud::{DOCTYPE, Markup, html};
use std::borrow::Cow;

pub use bare::{Bare, bare};
pub use frame::shell;
pub use problem::{Problem, error, problem};

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
            svg.mark-sign viewBox="0 0 24 24" aria-hidden="true" {
                rect.mark-ground width="24" height="24" rx="6" {}
                path.mark-figure d="M6.5 18V11.2a5.5 5.5 0 0 1 11 0V18M12 18v-4.5" {}
                circle.mark-dot cx="12" cy="10.6" r="1.35" {}
            }
            span.mark-name { (brand.name) }
        }
    }
}

fn toast_area(toasts: &[Toast<'_>]) -> Markup {
    html! { div #toasts .toasts role="status" aria-live="polite" { @for message in toasts { (toast(message)) } } }
}
