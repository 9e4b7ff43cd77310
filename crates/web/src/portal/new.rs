//! Asking for a new site: kind, name, address, and for staff whose it will be.

use accounts::{Actor, Customer, CustomerId, CustomerOrder, CustomerQuery, customers};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use hosting::SiteState;
use hosting::names::Subdomain;
use hosting::sites::{self, AddressAnswer};
use hosting::templates::{self, Kind};
use kit::words::counted;
use kit::{Error, Result};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use ui::button::{self, Button};
use ui::card::{self, Card, Empty};
use ui::field::{self, Choice, Field};
use ui::page::{Crumb, Page};
use ui::{form, icon};

use super::asked::{self, Asked};
use super::{suggestion, words};
use crate::app::App;
use crate::extract::{Form, Json, Path, Query};
use crate::frame::View;
use crate::idempotency;
use crate::respond::{Answer, Complaint, sentence};
use crate::routes::Caller;

const FIELDS: &[&str] = &["customer", "site_type", "site_name", "subdomain"];

/// Whose site it will be, when the link says so.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Target {
    customer: String,
}

/// What is typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    site_type: String,
    site_name: String,
    subdomain: String,
    /// The address that was suggested last; one that differs was typed by hand and is left alone.
    suggested: String,
    customer: String,
    /// Names this form: sent twice, it makes one site.
    form_id: String,
}

/// Shows the form, or that no further site fits.
pub async fn form(State(app): State<App>, Caller(actor): Caller, view: View, Query(target): Query<Target>) -> Answer {
    if let Some(limit) = reached_limit(&app, &actor).await? {
        return Ok(full(view, limit));
    }
    let typed = Typed {
        site_type: templates::all().first().map(|template| template.kind.to_string()).unwrap_or_default(),
        customer: target.customer,
        form_id: kit::secrets::random_alphanumeric(20),
        ..Typed::default()
    };
    show(&app, &actor, view, &typed, &Complaint::none()).await
}

/// Takes the site into the books and leads to its page, where its steps are shown.
pub async fn create(State(app): State<App>, Caller(actor): Caller, view: View, Form(typed): Form<Typed>) -> Answer {
    let work = {
        let (app, actor, typed) = (app.clone(), actor.clone(), typed.clone());
        async move { make(&app, &actor, &typed).await }
    };
    let made = idempotency::form_once(&app, &actor, &typed.form_id, work).await;
    match made {
        Ok(address) => Ok(Redirect::to(&address).into_response()),
        Err(error) => {
            let complaint = Complaint::from(words::in_sentences(error))?;
            show(&app, &actor, view, &typed, &complaint).await
        }
    }
}

async fn make(app: &App, actor: &Actor, typed: &Typed) -> Result<String> {
    let asked = Asked {
        site_type: &typed.site_type,
        site_name: &typed.site_name,
        subdomain: &typed.subdomain,
        custom_domain: "",
        customer: &typed.customer,
    };
    let (customer, mut new) = asked::parse(&app.hosting, actor, &asked)?;
    if new.subdomain.is_none() {
        new.subdomain = suggestion::for_name(&app.hosting, new.name.as_str()).await?;
    }
    let site = sites::create(&app.hosting, actor, &customer, &new).await?;
    Ok(format!("/sites/{}", site.id))
}

/// The address field with a suggestion for the name, unless an address has been typed: then nothing changes.
pub async fn suggested_address(State(app): State<App>, view: View, Query(typed): Query<Typed>) -> Answer {
    let is_own = !typed.subdomain.is_empty() && typed.subdomain != typed.suggested;
    if is_own {
        return Ok(axum::http::StatusCode::NO_CONTENT.into_response());
    }
    let suggested = suggestion::for_name(&app.hosting, &typed.site_name).await?;
    let suggested = suggested.as_ref().map_or("", Subdomain::as_str);
    Ok(view.fragment(address_field(&app, suggested, suggested, &Complaint::none())))
}

/// The address that is asked about, under either name: fields that are checked as one types send `value`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Address {
    #[serde(alias = "value")]
    subdomain: String,
}

/// Whether an address can be had, in a sentence.
#[derive(Debug, Serialize)]
pub struct Verdict {
    ok: bool,
    message: String,
}

/// Answers while one types.
pub async fn check_address(State(app): State<App>, Query(asked): Query<Address>) -> Answer<Json<Verdict>> {
    let verdict = match verdict(&app, &asked.subdomain).await.map_err(words::in_sentences) {
        Ok(domain) => Verdict { ok: true, message: format!("{domain} is free.") },
        Err(Error::Invalid(fields)) => {
            let message = fields.first().map(|error| sentence(&error.message)).unwrap_or_default();
            Verdict { ok: false, message }
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Json(verdict))
}

async fn verdict(app: &App, text: &str) -> Result<String> {
    let subdomain = Subdomain::parse(text, &app.hosting.config.reserved_subdomains)?;
    match sites::check_address(&app.hosting, &subdomain).await? {
        AddressAnswer::Free(domain) => Ok(domain.to_string()),
        AddressAnswer::Taken(_) => Err(Error::invalid("subdomain", "is taken; please choose another one")),
    }
}

/// The picture of a template. The same for everyone, so it may be kept.
pub async fn preview(Path(kind): Path<String>) -> Answer {
    let template = Kind::from_text(&kind).and_then(templates::find).ok_or_else(|| Error::not_found("the template"))?;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        // Its own style stands in it; nothing else may.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ];
    Ok((headers, template.preview).into_response())
}

/// How many sites the actor's customer may have, when it has them.
async fn reached_limit(app: &App, actor: &Actor) -> Result<Option<u32>> {
    if actor.customer().is_none() {
        return Ok(None);
    }
    let counts = sites::counts_by_state(&app.db, &actor.scope()).await?;
    let living: i64 = counts.iter().filter(|(state, _)| *state != SiteState::Archived).map(|(_, count)| count).sum();
    let limit = app.hosting.config.sites_per_customer;
    Ok((living >= i64::from(limit)).then_some(limit))
}

fn full(view: View, limit: u32) -> Response {
    let text = format!(
        "This account may have {} and has no room for another. Delete one that is no longer needed, or ask for more.",
        counted(limit, "site")
    );
    view.page(Page {
        title: "New site",
        crumbs: &[Crumb::new("Sites", "/sites")],
        narrow: true,
        body: card::card(Card {
            body: card::empty_state(Empty {
                icon: Some(icon::layers()),
                title: "No further site fits",
                text: &text,
                action: button::link_primary("/sites", "To the sites"),
            }),
            ..Card::default()
        }),
        ..Page::default()
    })
}

async fn show(app: &App, actor: &Actor, view: View, typed: &Typed, complaint: &Complaint) -> Answer {
    let chooses_customer = actor.customer().is_none();
    let customers = match chooses_customer {
        true => customers_to_choose(app, actor, &typed.customer).await?,
        false => Vec::new(),
    };
    let (back, crumb) = match CustomerId::parse(&typed.customer) {
        Ok(customer) if chooses_customer => (format!("/admin/customers/{customer}"), Crumb::new("Customers", "/admin/customers")),
        _ => ("/sites".to_owned(), Crumb::new("Sites", "/sites")),
    };
    let body = html! {
        form.form method="post" action="/sites" {
            (complaint.summary(FIELDS))
            (field::hidden("form_id", &typed.form_id))
            @if chooses_customer { (card::simple("Customer", customer_field(&customers, &typed.customer, complaint))) }
            (card::simple("Template", kind_field(&typed.site_type, complaint)))
            (card::simple("Name and address", html! { div.form {
                // The name asks for a suggestion as one types; without scripts an empty address gets one when the form is sent.
                div hx-get="/sites/new/address" hx-trigger="input changed delay:500ms from:#field-site_name" hx-include="closest form" hx-target="#address" {
                    (field::text(Field {
                        name: "site_name",
                        label: "Name",
                        value: &typed.site_name,
                        error: complaint.of("site_name"),
                        hint: "Shown on the site and in your list.",
                        required: true,
                        maxlength: Some(80),
                        autocomplete: "off",
                        ..Field::default()
                    }))
                }
                div #address { (address_field(app, &typed.subdomain, &typed.suggested, complaint)) }
            } }))
            (form::actions(html! {
                (button::submit(Button { label: "Create site", kind: button::Kind::Primary, busy: "Creating…", ..Button::default() }))
                (button::link_secondary(&back, "Cancel"))
            }))
        }
    };
    Ok(view.complaining(complaint).page(Page {
        title: "New site",
        help: "A site gets its own containers, database, repository and address.",
        crumbs: &[crumb],
        narrow: true,
        body,
        ..Page::default()
    }))
}

fn kind_field(chosen: &str, complaint: &Complaint) -> Markup {
    let cards: Vec<field::Card<'_>> = templates::all()
        .iter()
        .map(|template| field::Card {
            value: template.kind.as_str(),
            title: &template.manifest.title,
            text: &template.manifest.summary,
            picture: Some(html! { img src={ "/templates/" (template.kind) "/preview.svg" } width="480" height="300" alt=""; }),
            ..field::Card::default()
        })
        .collect();
    let field = Field {
        name: "site_type",
        label: "What is it for?",
        value: chosen,
        error: complaint.of("site_type"),
        required: true,
        ..Field::default()
    };
    field::radio_cards(field, &cards)
}

fn address_field(app: &App, value: &str, suggested: &str, complaint: &Complaint) -> Markup {
    let suffix = format!(".{}", app.hosting.config.base_domain);
    html! {
        (field::hidden("suggested", suggested))
        (field::text(Field {
            name: "subdomain",
            label: "Address",
            value,
            suffix: &suffix,
            error: complaint.of("subdomain"),
            hint: "2 to 40 letters, digits or hyphens. Left empty, it is made from the name.",
            autocomplete: "off",
            check_url: "/sites/check-address",
            ..Field::default()
        }))
    }
}

async fn customers_to_choose(app: &App, actor: &Actor, chosen: &str) -> Answer<Vec<Customer>> {
    let scope = actor.scope();
    let query = CustomerQuery { order: CustomerOrder::Name, limit: 200, ..CustomerQuery::default() };
    let mut found = customers::list(&app.db, &scope, &query).await?.items;
    if let Ok(id) = CustomerId::parse(chosen)
        && !found.iter().any(|customer| customer.id == id)
    {
        found.insert(0, customers::get(&app.db, &scope, &id).await?);
    }
    Ok(found)
}

fn customer_field(customers: &[Customer], chosen: &str, complaint: &Complaint) -> Markup {
    let mut choices = vec![Choice { value: "", label: "Choose a customer", disabled: false }];
    choices.extend(customers.iter().map(|customer| Choice { value: customer.id.as_str(), label: customer.name.as_str(), disabled: false }));
    let field = Field {
        name: "customer",
        label: "Whose site will it be?",
        value: chosen,
        error: complaint.of("customer"),
        hint: "Its owner will sign in on the site.",
        required: true,
        ..Field::default()
    };
    field::select(field, &choices)
}
