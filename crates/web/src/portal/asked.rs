//! A wish for a site as it comes in, from the form or the API, turned into what hosting takes: all complaints at once.

use accounts::{Actor, CustomerId};
use hosting::Hosting;
use hosting::names::{Host, SiteName, Subdomain};
use hosting::sites::NewSite;
use hosting::templates::{self, Kind};
use kit::{Error, Result};

use crate::extract::all_or_complaints;

/// A new site, as asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    /// The template.
    pub site_type: &'a str,
    /// The name.
    pub site_name: &'a str,
    /// First label of the address; generated when empty.
    pub subdomain: &'a str,
    /// The customer's own domain, or nothing.
    pub custom_domain: &'a str,
    /// Whose it will be; for staff.
    pub customer: &'a str,
}

/// Parses all of it.
pub(crate) fn parse(hosting: &Hosting, actor: &Actor, asked: &Asked<'_>) -> Result<(CustomerId, NewSite)> {
    all_or_complaints!(
        customer: whose(actor, asked.customer),
        kind: kind(asked.site_type),
        name: SiteName::parse(asked.site_name),
        subdomain: given(asked.subdomain, |text| Subdomain::parse(text, &hosting.config.reserved_subdomains)),
        custom_domain: given(asked.custom_domain, Host::parse),
    );
    Ok((customer, NewSite { kind, name, subdomain, custom_domain }))
}

/// The actor's own customer; staff, who have none, name one. Somebody else's is refused by the scope, as unknown.
fn whose(actor: &Actor, named: &str) -> Result<CustomerId> {
    match (named.trim(), actor.customer()) {
        ("", Some(own)) => Ok(own.clone()),
        ("", None) => Err(Error::invalid("customer", "choose the customer whose site it will be")),
        (named, None) => {
            CustomerId::parse(named).map_err(|_| Error::invalid("customer", "must be the id of a customer, such as cust_abc…"))
        }
        (named, Some(_)) => CustomerId::parse(named),
    }
}

fn kind(text: &str) -> Result<Kind> {
    Kind::from_text(text).filter(|kind| templates::find(*kind).is_some()).ok_or_else(|| {
        let carried: Vec<&str> = templates::all().iter().map(|template| template.kind.as_str()).collect();
        Error::invalid("site_type", format!("must be one of: {}", carried.join(", ")))
    })
}

fn given<T>(text: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
    match text.trim() {
        "" => Ok(None),
        text => parse(text).map(Some),
    }
}
