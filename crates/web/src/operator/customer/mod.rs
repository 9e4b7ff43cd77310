//! One customer: how it is and what happened, its sites and people, its settings.

mod happened;
mod overview;
mod people;
mod settings;
mod timeline;

pub use overview::{health_csv, show};
pub use people::show as sites_and_people;
pub use settings::{change, resume, show as settings, suspend};
pub use timeline::show as timeline;

use accounts::{Actor, Customer, CustomerId, Permission};
use maud::{Markup, html};
use ui::button;
use ui::icon;
use ui::page::{Crumb, Page};
use ui::tabs::{self, Tab};

use super::customers::state;
use crate::frame::View;
use crate::respond::Answer;

/// The parts of a customer's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Overview,
    Timeline,
    People,
    Settings,
}

impl Part {
    fn address(self, customer: &CustomerId) -> String {
        let end = match self {
            Part::Overview => "",
            Part::Timeline => "/timeline",
            Part::People => "/people",
            Part::Settings => "/settings",
        };
        format!("/admin/customers/{customer}{end}")
    }
}

/// What the parts fill in.
struct Content<'a> {
    part: Part,
    /// How the customer is, beside its name.
    badge: Markup,
    summary: Markup,
    scripts: &'a [&'a str],
    body: Markup,
}

/// A part of the page, in the head that all share.
fn page(view: View, actor: &Actor, customer: &Customer, content: Content<'_>) -> Answer {
    let room = format!("customer:{}", customer.id);
    let tab = |label: &'static str, part: Part| Tab::new(label, part.address(&customer.id), content.part == part);
    let mut parts = vec![tab("Overview", Part::Overview), tab("Timeline", Part::Timeline), tab("Sites and people", Part::People)];
    if actor.can(Permission::ManageCustomers) {
        parts.push(tab("Settings", Part::Settings));
    }
    Ok(view.page(Page {
        title: customer.name.as_str(),
        badge: html! { (content.badge) @if customer.is_suspended() { (state(customer)) } },
        summary: content.summary,
        actions: html! {
            @if actor.can(Permission::WriteSites) {
                (button::link(&format!("/sites/new?customer={}", customer.id), button::Button {
                    label: "New site", kind: button::Kind::Primary, icon: Some(icon::plus()), ..button::Button::default()
                }))
            }
        },
        tabs: tabs::tabs("Customer", &parts),
        crumbs: &[Crumb::new("Customers", "/admin/customers")],
        live_rooms: &[room.as_str()],
        scripts: content.scripts,
        body: content.body,
        ..Page::default()
    }))
}
