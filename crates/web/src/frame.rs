//! The frame around every page: who looks, where they may go, what just happened.
//!
//! A handler takes a [`View`], builds a [`ui::page::Page`] with what is its own (title, crumbs, body), and gives it to
//! [`View::page`], which adds rail, account menu, live rooms, theme and the message that the last action left.

use accounts::{Actor, Permission, Role, Theme as KeptTheme};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use kit::secrets::InstanceKey;
use maud::Markup;
use serde::{Deserialize, Serialize};
use ui::badge::Tone;
use ui::feedback::Toast;
use ui::icon;
use ui::page::{Account, Bare, Brand, Page, Problem, RailGroup, RailItem, Theme};

use crate::app::App;
use crate::request::{cookie, is_fragment};
use crate::respond::{Complaint, Failure};
use crate::routes::Caller;

/// The product's name and home.
pub const BRAND: Brand<'static> = Brand { name: "Innkeeper", href: "/" };
const FLASH: &str = "innkeeper-flash";
const FLASH_SEAL: &str = "web.flash";
/// Long enough for the page that follows, short enough not to surprise anyone later.
const FLASH_SECONDS: u32 = 30;

/// What a page needs to know about whoever looks at it.
#[derive(Debug)]
pub struct View {
    actor: Option<Actor>,
    theme: Theme,
    path: String,
    is_fragment: bool,
    flash: Option<Flash>,
    has_flash_cookie: bool,
    status: StatusCode,
    /// Customers have a page about their health.
    shows_health: bool,
}

/// A message that survives one redirect.
#[derive(Debug, Serialize, Deserialize)]
struct Flash {
    good: bool,
    title: String,
    text: String,
}

impl FromRequestParts<App> for View {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<View, Failure> {
        let actor = parts.extensions.get::<Caller>().map(|caller| caller.0.clone());
        let is_fragment = is_fragment(&parts.headers);
        let sealed = cookie(&parts.headers, FLASH).filter(|_| !is_fragment);
        Ok(View {
            is_fragment,
            flash: sealed.and_then(|sealed| open_flash(&app.key, sealed)),
            has_flash_cookie: sealed.is_some(),
            shows_health: app.config.insight.customers_see_their_health,
            ..View::of(actor, &parts.headers, parts.uri.path())
        })
    }
}

impl View {
    /// What `actor`, or somebody who is signed out, sees at `path`: a whole page. What the last action left to say waits for
    /// a page that was asked for.
    pub(crate) fn of(actor: Option<Actor>, headers: &HeaderMap, path: &str) -> View {
        let theme = match (Theme::from_cookie(cookie(headers, "theme").unwrap_or_default()), &actor) {
            (Theme::System, Some(actor)) => kept_theme(actor.theme()),
            (theme, _) => theme,
        };
        View {
            actor,
            theme,
            path: path.to_owned(),
            is_fragment: false,
            flash: None,
            has_flash_cookie: false,
            status: StatusCode::OK,
            shows_health: false,
        }
    }

    /// Answers with another status than 200.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> View {
        self.status = status;
        self
    }

    /// Answers with the status of a form that is shown again.
    #[must_use]
    pub fn complaining(self, complaint: &Complaint) -> View {
        let status = complaint.status();
        self.with_status(status)
    }

    /// Whether htmx asks for a part of a page.
    pub fn is_fragment(&self) -> bool {
        self.is_fragment
    }

    /// A page in the frame; what it leaves empty of rail, account, rooms and theme is filled in.
    pub fn page(self, page: Page<'_>) -> Response {
        let Some(actor) = &self.actor else { return self.finish(ui::page::shell(Page { brand: BRAND, theme: self.theme, ..page })) };
        let rail = rail(actor, &self.path, self.shows_health);
        let own_room = match actor.role().customer() {
            Some(customer) => format!("customer:{customer}"),
            None => "operators".to_owned(),
        };
        let rooms: Vec<&str> = std::iter::once(own_room.as_str()).chain(page.live_rooms.iter().copied()).collect();
        let detail = actor.email().map(|email| email.as_str().to_owned()).unwrap_or_default();
        let toasts = self.toasts();
        let markup = ui::page::shell(Page {
            brand: BRAND,
            rail: &rail,
            account: Some(Account {
                name: actor.name(),
                detail: &detail,
                links: &[("Your account", "/account"), ("API", "/api/docs")],
                sign_out: "/sign-out",
                ..Account::default()
            }),
            live_rooms: &rooms,
            palette: true,
            toasts: &toasts,
            theme: self.theme,
            ..page
        });
        self.finish(markup)
    }

    /// A bare card: sign-in and what leads to it.
    pub fn bare(self, bare: Bare<'_>) -> Response {
        let toasts = self.toasts();
        let markup = ui::page::bare(Bare { brand: BRAND, theme: self.theme, toasts: &toasts, ..bare });
        self.finish(markup)
    }

    /// What cannot be shown: in the frame for whoever is signed in, so that they find their way on.
    pub(crate) fn problem(self, problem: Problem<'_>) -> Response {
        if self.actor.is_none() {
            let markup = ui::page::error(BRAND, self.theme, problem);
            return self.finish(markup);
        }
        self.page(Page { title: problem.heading(), own_heading: true, body: ui::page::problem(problem), ..Page::default() })
    }

    /// The inside of a live region.
    pub fn fragment(self, markup: Markup) -> Response {
        self.finish(markup)
    }

    fn toasts(&self) -> Vec<Toast<'static>> {
        self.flash
            .iter()
            .map(|flash| Toast {
                tone: if flash.good { Tone::Ok } else { Tone::Bad },
                title: flash.title.clone().into(),
                text: flash.text.clone().into(),
            })
            .collect()
    }

    fn finish(&self, markup: Markup) -> Response {
        let mut response = (self.status, markup).into_response();
        if self.has_flash_cookie {
            let gone = HeaderValue::from_static("innkeeper-flash=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
            response.headers_mut().append(header::SET_COOKIE, gone);
        }
        response
    }
}

/// Leads on after an action that went well, with a message for the next page.
pub fn done(app: &App, next: &str, title: &str) -> Response {
    flash(app, next, &Flash { good: true, title: title.to_owned(), text: String::new() })
}

/// Leads on after an action that was refused, with the reason for the next page.
pub fn refused(app: &App, next: &str, title: &str, text: &str) -> Response {
    flash(app, next, &Flash { good: false, title: title.to_owned(), text: text.to_owned() })
}

/// As [`done`] when it went well; says what the person can mend, as [`refused`], when not.
pub fn done_or_refused(app: &App, next: &str, outcome: kit::Result<()>, title: &str) -> Result<Response, Failure> {
    use kit::Error;
    match outcome {
        Ok(()) => Ok(done(app, next, title)),
        Err(error @ (Error::Conflict(_) | Error::Invalid(_) | Error::Throttled { .. } | Error::Unavailable { .. })) => {
            Ok(refused(app, next, "That did not work", &crate::respond::sentence(&error.public_message())))
        }
        Err(error) => Err(error.into()),
    }
}

/// Leaves a message about something that went wrong to the page that follows `response`, whatever leads there.
pub fn with_failure(app: &App, response: Response, title: &str, text: &str) -> Response {
    with_flash(app, response, &Flash { good: false, title: title.to_owned(), text: text.to_owned() })
}

fn flash(app: &App, next: &str, flash: &Flash) -> Response {
    with_flash(app, Redirect::to(next).into_response(), flash)
}

fn with_flash(app: &App, mut response: Response, flash: &Flash) -> Response {
    let sealed = app.key.seal(FLASH_SEAL, &serde_json::to_string(flash).expect("a message is plain data"));
    let secure = if app.config.server.public_url.is_https() { "; Secure" } else { "" };
    let text = format!("{FLASH}={sealed}; Path=/; Max-Age={FLASH_SECONDS}; HttpOnly; SameSite=Lax{secure}");
    let value = HeaderValue::from_str(&text).expect("a seal is base64");
    response.headers_mut().append(header::SET_COOKIE, value);
    response
}

/// A cookie that somebody made up shows nothing.
fn open_flash(key: &InstanceKey, sealed: &str) -> Option<Flash> {
    serde_json::from_str(key.open(FLASH_SEAL, sealed).ok()?.reveal()).ok()
}

fn kept_theme(theme: KeptTheme) -> Theme {
    match theme {
        KeptTheme::System => Theme::System,
        KeptTheme::Light => Theme::Light,
        KeptTheme::Dark => Theme::Dark,
    }
}

/// Where somebody may go. What their role does not allow is not there.
fn rail(actor: &Actor, path: &str, shows_health: bool) -> Vec<RailGroup<'static>> {
    type Entry = (&'static str, &'static str, fn() -> Markup, Permission);
    let operators: &[(&str, &[Entry])] = &[
        ("Today", &[("Alerts", "/admin/alerts", icon::bell, Permission::OperateHouse)]),
        (
            "Customers",
            &[
                ("Customers", "/admin/customers", icon::users, Permission::ReadCustomers),
                ("Health", "/admin/health", icon::heart_pulse, Permission::ReadCustomers),
                ("Segments", "/admin/segments", icon::funnel, Permission::ReadCustomers),
                ("Tasks", "/admin/tasks", icon::circle_check, Permission::ReadCustomers),
                ("Plays", "/admin/plays", icon::zap, Permission::ReadCustomers),
                ("Funnel", "/admin/funnel", icon::trending_up, Permission::ReadReporting),
                ("Cohorts", "/admin/cohorts", icon::grid, Permission::ReadReporting),
                ("Events", "/admin/events", icon::radio, Permission::ReadReporting),
                ("Staff", "/admin/staff", icon::user, Permission::ReadMembers),
            ],
        ),
        ("Sites", &[("Sites", "/admin/sites", icon::globe, Permission::ReadSites)]),
        ("Business", &[("Costs", "/admin/costs", icon::coins, Permission::ReadReporting)]),
        (
            "System",
            &[
                ("Jobs", "/admin/jobs", icon::list_checks, Permission::OperateHouse),
                ("Ingestion", "/admin/ingestion", icon::plug, Permission::OperateHouse),
                ("Mail", "/admin/mail", icon::mail, Permission::OperateHouse),
                ("Audit log", "/admin/audit", icon::scroll_text, Permission::ReadAudit),
                ("Doctor", "/admin/doctor", icon::activity, Permission::OperateHouse),
                ("Settings", "/admin/settings", icon::settings, Permission::OperateHouse),
            ],
        ),
    ];
    let customers: &[(&str, &[Entry])] = &[
        (
            "",
            &[("Sites", "/sites", icon::globe, Permission::ReadSites), ("Health", "/health", icon::heart_pulse, Permission::ReadCustomers)],
        ),
        (
            "Account",
            &[
                ("Members", "/account/members", icon::users, Permission::ReadMembers),
                ("API tokens", "/account/tokens", icon::key_round, Permission::OwnTokens),
                ("Your account", "/account", icon::user, Permission::OwnAccount),
            ],
        ),
    ];
    let groups = if matches!(actor.role(), Role::Customer { .. }) { customers } else { operators };
    let is_current = |href: &str| match href {
        "/account" => path == href || path.starts_with("/account/sessions") || path == "/account/activity",
        "/admin/sites" => path == href || path.starts_with("/sites"),
        // The funnels over other events are reached from the house's own.
        "/admin/funnel" => path == href || path.starts_with("/admin/funnels"),
        href => path == href || path.strip_prefix(href).is_some_and(|rest| rest.starts_with('/')),
    };
    groups
        .iter()
        .map(|(label, entries)| RailGroup {
            label,
            items: entries
                .iter()
                .filter(|(_, href, _, permission)| actor.can(*permission) && (shows_health || *href != "/health"))
                .map(|(label, href, icon, _)| RailItem::new(*label, *href, icon(), is_current(href)))
                .collect(),
        })
        .filter(|group: &RailGroup<'_>| !group.items.is_empty())
        .collect()
}
