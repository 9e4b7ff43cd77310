//! What the command palette finds: pages, customers, sites, actions.

use accounts::{Actor, CustomerQuery, Permission, customers};
use axum::extract::State;
use hosting::sites::{self, SiteFilter};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::extract::{Json, Query};
use crate::respond::Answer;
use crate::routes::{Access, Caller, Routes};

/// Results of one kind, at most.
const MOST: u32 = 8;

/// The palette's one address.
pub fn routes(routes: Routes) -> Routes {
    routes.get("/palette.json", Access::SignedIn, search)
}

/// What was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    q: String,
}

/// One place to go.
#[derive(Debug, Serialize)]
pub struct Entry {
    label: String,
    hint: String,
    group: &'static str,
    href: String,
}

/// Finds what a person may see; an empty search gives the usual ways.
pub async fn search(State(app): State<App>, Caller(actor): Caller, Query(asked): Query<Asked>) -> Answer<Json<Vec<Entry>>> {
    let words = asked.q.trim().to_lowercase();
    let mut found = Vec::new();
    if !words.is_empty() && actor.scope().is_house() && actor.can(Permission::ReadCustomers) {
        let query = CustomerQuery { search: words.clone(), limit: MOST, ..CustomerQuery::default() };
        let page = customers::list(&app.db, &actor.scope(), &query).await?;
        found.extend(page.items.into_iter().map(|customer| Entry {
            label: customer.name.as_str().to_owned(),
            hint: customer.id.to_string(),
            group: "Customers",
            href: format!("/admin/customers/{}", customer.id),
        }));
    }
    if !words.is_empty() && actor.can(Permission::ReadSites) {
        let filter = SiteFilter { search: Some(words.clone()), limit: MOST, ..SiteFilter::default() };
        found.extend(sites::list(&app.db, &actor.scope(), &filter).await?.into_iter().map(|site| Entry {
            label: site.name.as_str().to_owned(),
            hint: crate::portal::words::address(&site),
            group: "Sites",
            href: format!("/sites/{}", site.id),
        }));
    }
    found.extend(places(&actor).into_iter().filter(|entry| entry.label.to_lowercase().contains(&words)));
    Ok(Json(found))
}

fn places(actor: &Actor) -> Vec<Entry> {
    use Permission as P;
    let house = actor.scope().is_house();
    let all = [
        ("Sites", "/sites", "Pages", P::ReadSites, true),
        ("Customers", "/admin/customers", "Pages", P::ReadCustomers, house),
        ("Staff", "/admin/staff", "Pages", P::ReadMembers, house),
        ("Costs", "/admin/costs", "Pages", P::ReadReporting, house),
        ("Prices of language models", "/admin/costs/prices", "Pages", P::ReadReporting, house),
        ("Jobs", "/admin/jobs", "Pages", P::OperateHouse, house),
        ("Mail", "/admin/mail", "Pages", P::OperateHouse, house),
        ("Audit log", "/admin/audit", "Pages", P::ReadAudit, house),
        ("Doctor", "/admin/doctor", "Pages", P::OperateHouse, house),
        ("Settings", "/admin/settings", "Pages", P::OperateHouse, house),
        ("Status page of the house", "/status", "Pages", P::ReadSites, house),
        ("Members", "/account/members", "Pages", P::ReadMembers, !house),
        ("Activity", "/account/activity", "Pages", P::ReadAudit, !house),
        ("Your account", "/account", "Pages", P::OwnAccount, true),
        ("API tokens", "/account/tokens", "Pages", P::OwnTokens, true),
        ("Sessions", "/account/sessions", "Pages", P::OwnAccount, true),
        ("API documentation", "/api/docs", "Pages", P::OwnAccount, true),
        ("New site", "/sites/new", "Actions", P::WriteSites, true),
        ("Adopt a container", "/admin/sites/adopt", "Actions", P::OperateHouse, house),
        ("New customer", "/admin/customers/new", "Actions", P::ManageCustomers, house),
        ("New API token", "/account/tokens/new", "Actions", P::OwnTokens, true),
        ("Invite a member", "/members/invite", "Actions", P::WriteMembers, true),
    ];
    all.into_iter()
        .filter(|(.., permission, shown)| *shown && actor.can(*permission))
        .map(|(label, href, group, ..)| Entry { label: label.to_owned(), hint: String::new(), group, href: href.to_owned() })
        .collect()
}
