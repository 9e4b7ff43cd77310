//! Tabs as plain links: each has its own address.

use maud::{Markup, html};
use std::borrow::Cow;

/// One tab.
#[derive(Debug, Clone, Default)]
pub struct Tab<'a> {
    /// Its word.
    pub label: Cow<'a, str>,
    /// Its address.
    pub href: Cow<'a, str>,
    /// Whether it is the one shown.
    pub current: bool,
    /// How many things are in it.
    pub count: Option<i64>,
}

impl<'a> Tab<'a> {
    /// Returns a tab that is `current` or not.
    pub fn new(label: impl Into<Cow<'a, str>>, href: impl Into<Cow<'a, str>>, current: bool) -> Self {
        Self { label: label.into(), href: href.into(), current, count: None }
    }
}

/// Shows tabs; `label` names them for screen readers.
pub fn tabs(label: &str, tabs: &[Tab<'_>]) -> Markup {
    html! {
        nav.tabs aria-label=(label) {
            @for tab in tabs {
                a.tab href=(tab.href) aria-current=[tab.current.then_some("page")] {
                    (tab.label)
                    @if let Some(count) = tab.count { span.tab-count { (crate::format::count(count)) } }
                }
            }
        }
    }
}

/// Shows a small set of choices that change what is shown, such as a time range.
pub fn segmented(label: &str, tabs: &[Tab<'_>]) -> Markup {
    html! {
        nav.segmented aria-label=(label) {
            @for tab in tabs { a href=(tab.href) aria-current=[tab.current.then_some("true")] { (tab.label) } }
        }
    }
}
