//! The pages of one site, side by side.

use hosting::Site;
use maud::{Markup, html};
use ui::page::Crumb;
use ui::tabs::{self, Tab};

use super::previews;

/// A page of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SiteTab {
    /// State, health, settings.
    Overview,
    /// What was deployed, and the way back.
    Deployments,
    /// The site's own variables.
    Environment,
    /// Where to push, and with what.
    Repository,
    /// Other branches, with addresses of their own.
    Previews,
    /// Who is told of what.
    Notifications,
}

const ALL: &[(SiteTab, &str, &str)] = &[
    (SiteTab::Overview, "Overview", ""),
    (SiteTab::Deployments, "Deployments", "/deployments"),
    (SiteTab::Environment, "Environment", "/environment"),
    (SiteTab::Repository, "Repository", "/repository"),
    (SiteTab::Previews, "Previews", "/previews"),
    (SiteTab::Notifications, "Notifications", "/notifications"),
];

/// A preview has no repository, previews and people to tell of its own.
const OF_A_PREVIEW: &[SiteTab] = &[SiteTab::Overview, SiteTab::Deployments, SiteTab::Environment];

/// The strip of tabs, `current` marked.
pub(super) fn strip(site: &Site, current: SiteTab) -> Markup {
    let has = |tab: SiteTab| !site.is_preview() || OF_A_PREVIEW.contains(&tab);
    let shown: Vec<Tab<'_>> = ALL
        .iter()
        .filter(|(tab, ..)| has(*tab))
        .map(|(tab, label, path)| Tab::new(*label, format!("/sites/{}{path}", site.id), *tab == current))
        .collect();
    html! {
        // The overview says it above everything.
        @if current != SiteTab::Overview { (previews::banner(site)) }
        (tabs::tabs("Pages of this site", &shown))
    }
}

/// The way back from a page below the overview.
pub(super) fn crumbs(site: &Site) -> Vec<Crumb<'_>> {
    let mut crumbs = vec![Crumb::new("Sites", "/sites"), Crumb::new(site.name.as_str(), format!("/sites/{}", site.shown()))];
    if site.is_preview() {
        crumbs.push(Crumb::new("Previews", format!("/sites/{}/previews", site.shown())));
        crumbs.push(Crumb::new(site.branch(), format!("/sites/{}", site.id)));
    }
    crumbs
}
