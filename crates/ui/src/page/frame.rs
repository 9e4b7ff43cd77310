//! The frame: rail, top bar, and on small screens the bar at the bottom.

use super::{Account, Brand, Document, Page, RailGroup, RailItem, Theme, document, mark, toast_area};
use crate::{help, icon};
use maud::{Markup, html};

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
    use super::super::Crumb;
    use super::*;
    use crate::feedback::Toast;

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
}
