//! Writes pages made of the components, as they are on real pages, to look at them and to check them.
//!
//! `cargo run -p ui --example gallery [-- FOLDER]`, then serve the folder and open `/`.

use std::{env, fs, io, path::Path};
use ui::{
    Markup, assets,
    badge::{self, Status, Tone},
    button::{self, Button, Kind},
    card::{self, Better, Card, Delta, Empty, GridWidth, Stat},
    chart::{
        self, Axis, Bin, Cell, Changes, Columns, Factor, Given, Heat, HeatRow, Histogram, Level, Line as Curve, Mark, Part, Ring, Score,
        Sparkline, Stack, Trend, Zone,
    },
    copy,
    dialog::{self, Confirm, Dialog},
    feedback::{self, Banner, Quota, Toast},
    field::{self, Choice, Field, Password},
    form::{self, PostButton},
    format,
    gauge::{self, Gauge},
    help, html, icon,
    live::{self, Region},
    log::{self, Line, Log, Severity},
    menu,
    page::{self, Account, Bare, Brand, Crumb, Page, Problem, RailGroup, RailItem, Theme},
    sketch,
    steps::{self, Moment, State, Step},
    table::{self, Chip, Column, Pager, Row, Search, Sorted, Table, Toolbar},
    tabs::{self, Tab},
};

const NOW: i64 = 1_795_245_365_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const BRAND: Brand<'static> = Brand { name: "Innkeeper", href: "/" };

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).unwrap_or_else(|| "/tmp/ui-gallery".to_owned());
    let folder = Path::new(&folder);
    let pages: [(&str, Markup); 19] = [
        ("sign-in", sign_in()),
        ("set-up", set_up()),
        ("sites-empty", sites_empty()),
        ("sites", sites()),
        ("site-new", site_new()),
        ("provisioning", provisioning()),
        ("site", site()),
        ("site-settings", site_settings()),
        ("dialog", dialog_open()),
        ("account", account()),
        ("overview", overview()),
        ("customers", customers()),
        ("customer", customer()),
        ("jobs", jobs()),
        ("audit", audit()),
        ("problem", not_found()),
        ("error", page::error(BRAND, Theme::System, Problem { status: 500, reference: "req_0f3a9c2e", ..Problem::default() })),
        ("parts", parts()),
        ("charts", charts()),
    ];

    fs::create_dir_all(folder.join("assets"))?;
    for (name, markup) in &pages {
        fs::write(folder.join(format!("{name}.html")), &markup.0)?;
        println!("{name}: {} kB", markup.0.len() / 1000);
    }
    let index = html! { ul { @for (name, _) in &pages { li { a href={ (name) ".html" } { (name) } } } } };
    fs::write(folder.join("index.html"), page::bare(Bare { brand: BRAND, title: "Gallery", body: index, ..Bare::default() }).0)?;
    fs::write(
        folder.join("palette.json"),
        r#"[{"group":"Sites","label":"atelier-nord.example","hint":"Atelier Nord","href":"site.html"},{"group":"Sites","label":"nordlicht-shop.example","hint":"Nordlicht GmbH","href":"site.html"},{"group":"Customers","label":"Nordlicht GmbH","hint":"3 sites","href":"customer.html"},{"group":"Actions","label":"New site","href":"site-new.html"}]"#,
    )?;
    write_assets(folder)
}

/// Writes what the pages load, under the address they load it from.
fn write_assets(folder: &Path) -> io::Result<()> {
    for path in assets::paths() {
        if let Some(asset) = assets::get(path) {
            fs::write(folder.join("assets").join(path), asset.bytes)?;
        }
    }
    Ok(())
}

fn customer_rail(current: &str) -> Vec<RailGroup<'static>> {
    let item = |label: &'static str, href: &'static str, picture: Markup| RailItem::new(label, href, picture, label == current);
    vec![RailGroup {
        label: "",
        items: vec![
            item("Sites", "sites.html", icon::globe()),
            item("Performance", "parts.html", icon::gauge()),
            item("Account", "account.html", icon::user()),
        ],
    }]
}

fn operator_rail(current: &str) -> Vec<RailGroup<'static>> {
    let item = |label: &'static str, picture: Markup| {
        let href = match label {
            "Overview" => "overview.html",
            "Customers" => "customers.html",
            "Jobs" => "jobs.html",
            "Audit log" => "audit.html",
            _ => "parts.html",
        };
        RailItem::new(label, href, picture, label == current)
    };
    vec![
        RailGroup {
            label: "Today",
            items: vec![
                item("Overview", icon::layout_grid()),
                item("Live activity", icon::activity()),
                RailItem { count: Some(3), ..item("Alerts", icon::bell()) },
            ],
        },
        RailGroup {
            label: "Customers",
            items: vec![
                item("Customers", icon::briefcase()),
                item("Users", icon::users()),
                item("Health", icon::heart_pulse()),
                item("Cohorts", icon::grid()),
                item("Funnel", icon::funnel()),
            ],
        },
        RailGroup {
            label: "Sites",
            items: vec![item("Sites", icon::globe()), item("Deployments", icon::rocket()), item("Hosts", icon::server())],
        },
        RailGroup {
            label: "Business",
            items: vec![item("Performance", icon::gauge()), item("Costs", icon::coins()), item("Reports", icon::file_text())],
        },
        RailGroup { label: "Builder", items: vec![item("Prompts", icon::message_square()), item("Components", icon::blocks())] },
        RailGroup {
            label: "House",
            items: vec![item("Jobs", icon::list_checks()), item("Audit log", icon::scroll_text()), item("Settings", icon::settings())],
        },
    ]
}

fn customer_page<'a>(page: Page<'a>) -> Markup {
    page::shell(Page {
        brand: BRAND,
        account: Some(Account {
            name: "Anna Berg",
            detail: "anna@atelier-nord.example",
            links: &[("Account settings", "account.html"), ("Help", "parts.html")],
            sign_out: "/sign-out",
            ..Account::default()
        }),
        live_rooms: &["customer:cust_7f3k2m9q4x1z"],
        palette: true,
        ..page
    })
}

fn operator_page<'a>(page: Page<'a>) -> Markup {
    page::shell(Page {
        brand: BRAND,
        account: Some(Account {
            name: "Olaf Operator",
            detail: "Operator",
            links: &[("Profile", "account.html")],
            sign_out: "/sign-out",
            ..Account::default()
        }),
        live_rooms: &["operators"],
        palette: true,
        ..page
    })
}

fn sign_in() -> Markup {
    page::bare(Bare {
        brand: BRAND,
        title: "Sign in",
        text: "Good to see you again.",
        footer: html! { a href="#" { "Forgot your password?" } },
        body: html! {
            form.form method="post" action="/sign-in" {
                (form::form_error(Some("This address and password do not belong together."), &[]))
                (field::email(Field { name: "email", label: "Email", value: "anna@atelier-nord.example", required: true, autofocus: true, autocomplete: "username", ..Field::default() }))
                (field::password(Password::Current, Field { name: "password", label: "Password", required: true, ..Field::default() }))
                (button::submit(Button { label: "Sign in", kind: Kind::Primary, wide: true, busy: "Signing in…", ..Button::default() }))
            }
        },
        ..Bare::default()
    })
}

fn set_up() -> Markup {
    page::bare(Bare {
        brand: BRAND,
        title: "Set up Innkeeper",
        text: "Two minutes, then you can host the first site.",
        wide: true,
        body: html! {
            form.form method="post" action="/set-up" {
                (form::columns(html! {
                    (field::text(Field { name: "name", label: "Your name", required: true, autocomplete: "name", ..Field::default() }))
                    (field::email(Field { name: "email", label: "Email", required: true, ..Field::default() }))
                }))
                (field::password(Password::New, Field { name: "password", label: "Password", required: true, hint: "At least 12 characters. A short sentence is fine.", ..Field::default() }))
                (field::text(Field { name: "domain", label: "Domain for new sites", required: true, prefix: "*.", value: "sites.example.com", hint: "Point a wildcard DNS record of this domain to this server.", check_url: "/set-up/check", ..Field::default() }))
                (field::checkbox(true, Field { name: "demo", label: "Load sample customers", hint: "80 customers with 90 days of activity, to look around. Can be removed again.", unmarked: true, ..Field::default() }))
                (button::submit(Button { label: "Create operator account", kind: Kind::Primary, wide: true, busy: "Creating…", ..Button::default() }))
            }
        },
        ..Bare::default()
    })
}

fn sites_empty() -> Markup {
    customer_page(Page {
        title: "Sites",
        help: "All your websites, and whether they are up.",
        rail: &customer_rail("Sites"),
        toasts: &[Toast::ok("Welcome, Anna")],
        body: card::card(Card {
            body: card::empty_state(Empty {
                icon: Some(icon::globe()),
                title: "No sites yet",
                text: "Choose a template and a name. Your site is online with its own address and repository in about a minute.",
                action: html! { (button::link_primary("site-new.html", "Create your first site")) (button::link_secondary("#", "How it works")) },
            }),
            ..Card::default()
        }),
        ..Page::default()
    })
}

struct Example {
    host: &'static str,
    kind: &'static str,
    status: Status,
    uptime: &'static str,
    visits: i64,
    trend: &'static [f64],
    deployed: i64,
}

const EXAMPLES: [Example; 8] = [
    Example {
        host: "atelier-nord.example",
        kind: "Portfolio",
        status: Status::Running,
        uptime: "99.98 %",
        visits: 12_480,
        trend: &[4.0, 5.0, 5.0, 6.0, 7.0, 6.5, 9.0, 11.0],
        deployed: 4 * MINUTE,
    },
    Example {
        host: "nordlicht-shop.example",
        kind: "Shop",
        status: Status::Restarting,
        uptime: "99.71 %",
        visits: 48_213,
        trend: &[9.0, 8.0, 9.5, 9.0, 7.0, 8.0, 7.5, 6.0],
        deployed: 2 * HOUR,
    },
    Example {
        host: "kaffee-und-korn.example",
        kind: "Shop",
        status: Status::Error,
        uptime: "97.40 %",
        visits: 8_904,
        trend: &[3.0, 4.0, 4.0, 3.0, 2.0, 2.0, 1.0, 1.0],
        deployed: DAY,
    },
    Example {
        host: "praxis-dr-lindgren.example",
        kind: "Business",
        status: Status::Running,
        uptime: "100 %",
        visits: 2_310,
        trend: &[2.0, 2.0, 3.0, 2.0, 2.5, 2.0, 3.0, 3.0],
        deployed: 3 * DAY,
    },
    Example {
        host: "waldwege.example",
        kind: "Blog",
        status: Status::Stopped,
        uptime: "–",
        visits: 0,
        trend: &[1.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0],
        deployed: 19 * DAY,
    },
    Example {
        host: "tischlerei-holm.example",
        kind: "Business",
        status: Status::Provisioning,
        uptime: "–",
        visits: 0,
        trend: &[],
        deployed: 0,
    },
    Example {
        host: "musikschule-am-alten-hafen-und-speicherstadt.example",
        kind: "Business",
        status: Status::Running,
        uptime: "99.95 %",
        visits: 5_127,
        trend: &[3.0, 4.0, 3.0, 4.0, 5.0, 4.0, 5.0, 6.0],
        deployed: 6 * DAY,
    },
    Example {
        host: "velo-lund.example",
        kind: "Shop",
        status: Status::Running,
        uptime: "99.99 %",
        visits: 31_650,
        trend: &[6.0, 6.0, 7.0, 7.0, 8.0, 9.0, 9.0, 10.0],
        deployed: 8 * DAY,
    },
];

fn site_rows() -> Vec<Row<'static>> {
    EXAMPLES
        .iter()
        .map(|site| {
            let unknown = site.deployed == 0;
            Row::link(
                "site.html",
                [
                    table::two_lines(site.host, site.kind),
                    badge::status(site.status),
                    if site.uptime == "–" { card::missing("Not measured while the site is down") } else { html! { (site.uptime) } },
                    if unknown { card::missing("The site is being made") } else { html! { (format::count(site.visits)) } },
                    html! { div.spark-cell { (chart::sparkline(Sparkline { values: site.trend, label: "Visits of the last 8 weeks", ..Sparkline::default() })) } },
                    if unknown { card::missing("Never deployed") } else { format::time_ago(NOW - site.deployed, NOW) },
                ],
            )
        })
        .collect()
}

fn site_columns() -> [Column<'static>; 6] {
    [
        Column::new("Site").sorted("?sort=-site", Sorted::Ascending),
        Column::new("Status").sorted("?sort=status", Sorted::No),
        Column::number("Uptime, 30 d").sorted("?sort=uptime", Sorted::No).minor(),
        Column::number("Visits, 30 d").sorted("?sort=visits", Sorted::No),
        Column { tight: true, ..Column::new("Trend").minor() },
        Column::new("Deployed").sorted("?sort=deployed", Sorted::No).minor(),
    ]
}

fn sites() -> Markup {
    let columns = site_columns();
    customer_page(Page {
        title: "Sites",
        help: "All your websites, and whether they are up.",
        summary: html! { "Four of eight sites are up. " a href="site.html" { "kaffee-und-korn.example" } " needs attention." },
        actions: button::link(
            "site-new.html",
            Button { label: "New site", kind: Kind::Primary, icon: Some(icon::plus()), ..Button::default() },
        ),
        rail: &customer_rail("Sites"),
        body: html! {
            (live::region(Region { topic: "sites", url: "/sites/fragment", body: html! {
                (table::table(Table {
                    caption: "Sites",
                    columns: &columns,
                    rows: site_rows(),
                    toolbar: table::toolbar(Toolbar {
                        search: Some(Search { action: "/sites", placeholder: "Search sites", ..Search::default() }),
                        chips: &[
                            Chip::counted("All", "?", true, 8),
                            Chip::counted("Running", "?status=running", false, 4),
                            Chip::counted("Needs attention", "?status=attention", false, 2),
                            Chip::counted("Stopped", "?status=stopped", false, 1),
                        ],
                        csv: "/sites.csv",
                        ..Toolbar::default()
                    }),
                    ..Table::default()
                }))
            }, ..Region::default() }))
        },
        ..Page::default()
    })
}

fn site_new() -> Markup {
    let kinds = [
        field::Card {
            value: "portfolio",
            title: "Portfolio",
            text: "Show your work.",
            picture: Some(sketch::portfolio()),
            ..field::Card::default()
        },
        field::Card {
            value: "business",
            title: "Business",
            text: "Offers, contact, opening hours.",
            picture: Some(sketch::business()),
            ..field::Card::default()
        },
        field::Card {
            value: "ecommerce",
            title: "Shop",
            text: "Goods, basket, payment.",
            picture: Some(sketch::shop()),
            ..field::Card::default()
        },
        field::Card { value: "blog", title: "Blog", text: "Articles and a feed.", picture: Some(sketch::blog()), ..field::Card::default() },
    ];
    let plans = [
        field::Card { value: "small", title: "Small", text: "1 CPU, 512 MB", note: "€9", ..field::Card::default() },
        field::Card { value: "medium", title: "Medium", text: "2 CPU, 2 GB", note: "€19", ..field::Card::default() },
        field::Card {
            value: "large",
            title: "Large",
            text: "4 CPU, 8 GB. Not on this host.",
            note: "€49",
            disabled: true,
            ..field::Card::default()
        },
    ];
    customer_page(Page {
        title: "New site",
        help: "A site gets its own containers, database, repository and address.",
        rail: &customer_rail("Sites"),
        crumbs: &[Crumb::new("Sites", "sites.html")],
        narrow: true,
        body: html! {
            form.form method="post" action="/sites" novalidate {
                (form::form_error(None, &[("name", "This address is taken."), ("email", "An address needs an @.")]))
                (card::simple("Template", field::radio_cards(Field { name: "kind", label: "What is it for?", value: "business", required: true, ..Field::default() }, &kinds)))
                (card::simple("Name and address", html! { div.form {
                    (field::text(Field { name: "title", label: "Name", value: "Tischlerei Holm & Söhne", required: true, ..Field::default() }))
                    (field::text(Field { name: "name", label: "Address", value: "holm", suffix: ".sites.example.com", required: true, error: Some("holm.sites.example.com is taken. Try tischlerei-holm."), hint: "Your own domain can be added later.", check_url: "/sites/check", ..Field::default() }))
                    (form::columns(html! {
                        (field::select(Field { name: "language", label: "Language", value: "de", required: true, ..Field::default() }, &[
                            Choice { value: "de", label: "German", ..Choice::default() }, Choice { value: "en", label: "English", ..Choice::default() }, Choice { value: "sv", label: "Swedish", ..Choice::default() }]))
                        (field::email(Field { name: "email", label: "Contact email", value: "info", required: true, error: Some("An address needs an @."), ..Field::default() }))
                    }))
                    (field::textarea(3, Field { name: "about", label: "A sentence about it", placeholder: "Furniture made to measure since 1921.", ..Field::default() }))
                } }))
                (card::simple("Size", html! { div.form {
                    (field::radio_cards(Field { name: "plan", label: "Plan", hint: "Per month, changeable at any time.", value: "small", required: true, ..Field::default() }, &plans))
                    (field::switch(true, Field { name: "backups", label: "Daily backups", hint: "Kept for 14 days.", unmarked: true, ..Field::default() }))
                } }))
                (form::actions(html! {
                    (button::submit(Button { label: "Create site", kind: Kind::Primary, busy: "Creating…", ..Button::default() }))
                    (button::link_secondary("sites.html", "Cancel"))
                }))
            }
        },
        ..Page::default()
    })
}

fn provisioning() -> Markup {
    let list = [
        Step { duration_ms: Some(120), ..Step::new(State::Done, "Reserved the name") },
        Step {
            duration_ms: Some(2_310),
            text: "3 services from template business 1.4".into(),
            ..Step::new(State::Done, "Wrote the project")
        },
        Step { duration_ms: Some(840), ..Step::new(State::Done, "Created the repository") },
        Step {
            duration_ms: Some(41_000),
            started_at: Some(NOW - 41_000),
            text: "Step 6 of 9: npm run build".into(),
            ..Step::new(State::Running, "Building images")
        },
        Step::new(State::Waiting, "Starting containers"),
        Step::new(State::Waiting, "Checking health"),
        Step::new(State::Waiting, "Opening the address"),
    ];
    let failed = [
        Step { duration_ms: Some(310), ..Step::new(State::Done, "Received 4f9c21a") },
        Step {
            duration_ms: Some(72_000),
            error: "The build of www stopped: a package could not be found. Check the names in package.json and push again; the site keeps running on the release before.".into(),
            error_detail: "#14 [build 5/7] RUN npm ci\n#14 3.412 npm error code E404\n#14 3.413 npm error 404 Not Found - GET @holm/theme\n#14 ERROR: process \"/bin/sh -c npm ci\" did not complete successfully: exit code: 1".into(),
            ..Step::new(State::Failed, "Build")
        },
        Step::new(State::Skipped, "Migrate the database"),
        Step::new(State::Waiting, "Start"),
        Step::new(State::Waiting, "Switch"),
    ];
    let lines = build_log();
    customer_page(Page {
        title: "tischlerei-holm.example",
        badge: badge::status(Status::Provisioning),
        summary: html! { "Usually done in about a minute. You can leave this page; it goes on." },
        rail: &customer_rail("Sites"),
        crumbs: &[Crumb::new("Sites", "sites.html")],
        body: card::split(
            html! {
                (card::card(Card { title: "Making your site", actions: html! { span.muted { "4 of 7" } }, body: html! { (feedback::progress("Progress", 4.0 / 7.0)) div.gap { (steps::steps(&list)) } }, ..Card::default() }))
                (card::card(Card { title: "Build log", flush: true, body: log::block(Log { label: "Build log", lines: &lines, follow: true, id: "build", ..Log::default() }), ..Card::default() }))
            },
            html! { (card::card(Card { title: "A deployment that failed", badge: badge::status_as(Status::Error, "Failed"), body: steps::steps(&failed), ..Card::default() })) },
        ),
        ..Page::default()
    })
}

fn build_log() -> Vec<Line<'static>> {
    let line = |at: &'static str, severity, text: &'static str| Line { at: at.into(), severity, text: text.into(), ..Line::default() };
    vec![
        line("07:14:02", Severity::Info, "#1 [internal] load build definition from Dockerfile"),
        line("07:14:02", Severity::Debug, "#1 transferring dockerfile: 1.21kB done"),
        line("07:14:03", Severity::Info, "#5 [build 1/7] FROM node:20-slim"),
        line("07:14:09", Severity::Info, "#9 [build 3/7] COPY package.json package-lock.json ./"),
        line(
            "07:14:11",
            Severity::Warn,
            "npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory. Use lru-cache if you want a good and tested way to coalesce async requests",
        ),
        line("07:14:31", Severity::Info, "added 412 packages in 19s"),
        line("07:14:32", Severity::Error, "Error: connect ECONNREFUSED db:3306 (tried again in 2 s)"),
        line("07:14:34", Severity::Info, "#12 [build 6/7] RUN npm run build"),
    ]
}

fn site_hero(current: &str) -> Markup {
    html! {
        div.hero {
            div {
                div.hero-line {
                    h1 { a.link-external href="https://atelier-nord.example" { "atelier-nord.example" (icon::external_link()) } }
                    span.row.nowrap {
                        (badge::status(Status::Running))
                        (help::popover("status", "Running means all services answered within the last 30 seconds."))
                    }
                }
                div.hero-facts {
                    span { "Up for 41 d 6 h" }
                    span { "99.98 % in 30 days" }
                    span { "Deployed " (format::time_ago(NOW - 4 * MINUTE, NOW)) " · " code { "4f9c21a" } }
                }
            }
            (button::row(html! {
                (form::post_button(PostButton { action: "/restart", button: Button { label: "Restart", icon: Some(icon::rotate_ccw()), busy: "Restarting…", ..Button::default() }, ..PostButton::default() }))
                (button::link("https://atelier-nord.example", Button { label: "Visit", kind: Kind::Primary, icon: Some(icon::external_link()), ..Button::default() }))
            }))
        }
        (tabs::tabs("Site", &[
            Tab::new("Overview", "site.html", current == "overview"),
            Tab { count: Some(12), ..Tab::new("Deployments", "provisioning.html", false) },
            Tab::new("Logs", "#", false), Tab::new("Domains", "#", false), Tab::new("Backups", "#", false),
            Tab::new("Settings", "site-settings.html", current == "settings"),
        ]))
    }
}

const CPU: &[f64] = &[12.0, 14.0, 13.0, 18.0, 22.0, 19.0, 16.0, 15.0, 17.0, 14.0, 21.0, 34.0, 26.0, 18.0, 15.0, 14.0];

fn site() -> Markup {
    let lines = runtime_log();
    customer_page(Page {
        title: "atelier-nord.example",
        own_heading: true,
        rail: &customer_rail("Sites"),
        crumbs: &[Crumb::new("Sites", "sites.html")],
        toasts: &[
            Toast::ok("Deployed 4f9c21a"),
            Toast::bad("Could not send the mail", "The mail server refused the address. Check it under Account."),
        ],
        body: html! {
            (site_hero("overview"))
            (card::split(html! {
                (card::card(Card {
                    title: "Your site is ready",
                    badge: badge::tag(Tone::Ok, "New"),
                    hint: "Clone the repository, change something, push: it is live a minute later.",
                    body: card::kv(&[
                        ("Address", html! { a.link-external href="https://atelier-nord.example" { "https://atelier-nord.example" (icon::external_link()) } }),
                        ("Repository", copy::copy_field("Repository clone URL", "https://git.sites.example.com/app_k3m9x2q7.git")),
                        ("User", copy::copy_field("User", "atelier-nord")),
                        ("Password", copy::secret_field("Password", "correct-horse-battery-staple")),
                    ]),
                    ..Card::default()
                }))
                (card::card(Card {
                    title: "Site health",
                    help: "Measured every 30 seconds from this server.",
                    badge: badge::status(Status::Running),
                    actions: html! {
                        (form::post_button(PostButton { action: "/restart", button: Button { label: "Restart", small: true, available_at: Some(NOW + 42_000), title: "Restarted a moment ago", ..Button::default() }, ..PostButton::default() }))
                        (help::popover("restart", "Stops and starts the containers of this site. Visitors see a short break of about 5 seconds."))
                    },
                    flush: true,
                    body: html! {
                        div.pad {
                            (gauge::row(html! {
                                (gauge::gauge(Gauge { label: "CPU", help: "All parts of the site together.", figure: "14", unit: "%", share: Some(0.14), hint: "of one core", trend: CPU, trend_label: "CPU in the last hour", ..Gauge::default() }))
                                (gauge::gauge(Gauge { label: "Memory", figure: "431", unit: "MB", share: Some(0.84), has_limit: true, hint: "of 512 MB", trend: &[300.0, 301.0, f64::NAN, 310.0, 308.0, 402.0, 431.0], trend_label: "Memory in the last hour", ..Gauge::default() }))
                                (gauge::gauge(Gauge { label: "Requests", missing: "The edge does not tell at present", ..Gauge::default() }))
                            }))
                        }
                        (table::table(Table {
                            caption: "Services", bare: true,
                            columns: &[Column::new("Service"), Column::new("Status"), Column::new("Image").minor(), Column::number("Memory"), Column::new("Up since").minor(), Column::actions()],
                            rows: ["www", "api", "alert", "db"].iter().map(|service| Row::new([
                                html! { strong { (service) } },
                                badge::status(if *service == "alert" { Status::Restarting } else { Status::Running }),
                                html! { code { "innkeeper/" (service) ":9f2c" } },
                                html! { (format::bytes(78_000_000)) },
                                format::time_ago(NOW - 41 * DAY / 2, NOW),
                                html! { div.button-row { (button::link("#", Button { label: "Logs", kind: Kind::Quiet, small: true, ..Button::default() })) } },
                            ])).collect(),
                            ..Table::default()
                        }))
                    },
                    footer: html! { "Measured " (format::time_ago(NOW - 12_000, NOW)) },
                    ..Card::default()
                }))
                (card::card(Card {
                    flush: true,
                    body: html! {
                        div.log-part {
                            div.log-head {
                                h3 { "Recent logs" }
                                div.log-actions {
                                    (button::link("#", Button { label: "Refresh", kind: Kind::Quiet, small: true, icon: Some(icon::refresh_cw()), ..Button::default() }))
                                    (log::fold("All lines"))
                                }
                            }
                            (log::block(Log { label: "Recent logs", lines: &lines, foldable: true, ..Log::default() }))
                        }
                    },
                    ..Card::default()
                }))
            }, html! {
                (card::card(Card {
                    title: "Resource usage",
                    help: "When a limit is reached you get a mail; the site keeps running.",
                    body: html! {
                        (feedback::quota(Quota { label: "Database", used: 312.0, limit: Some(1000.0), text: "312 MB of 1 GB", ..Quota::default() }))
                        (feedback::quota(Quota { label: "Files", used: 4.3, limit: Some(5.0), text: "4.3 GB of 5 GB", ..Quota::default() }))
                        (feedback::quota(Quota { label: "Requests today", used: 48_900.0, limit: Some(50_000.0), text: "48,900 of 50,000", hint: "Counts again from 00:00 UTC." }))
                        (feedback::quota(Quota { label: "Bandwidth, November", used: 12.0, text: "12.4 GB, no limit", ..Quota::default() }))
                    },
                    ..Card::default()
                }))
                (card::card(Card {
                    title: "Activity",
                    body: steps::timeline(&[
                        Moment { icon: Some(icon::rocket()), tone: Tone::Ok, title: html! { "Deployed " code { "4f9c21a" } " by Anna Berg" }, text: "New opening hours".into(), at: NOW - 4 * MINUTE },
                        Moment { icon: Some(icon::archive()), title: html! { "Backup taken" }, text: "318 MB".into(), at: NOW - 5 * HOUR, ..Moment::default() },
                        Moment { icon: Some(icon::triangle_alert()), tone: Tone::Serious, title: html! { "api did not answer for 2 min" }, at: NOW - 2 * DAY, ..Moment::default() },
                        Moment { icon: Some(icon::user_plus()), title: html! { "Jonas Holm joined" }, at: NOW - 40 * DAY, ..Moment::default() },
                    ], NOW),
                    ..Card::default()
                }))
            }))
        },
        ..Page::default()
    })
}

fn spark(values: &[f64], tone: Tone) -> Markup {
    chart::sparkline(Sparkline { values, label: "The last hour", tone, ..Sparkline::default() })
}

fn runtime_log() -> Vec<Line<'static>> {
    let line = |at: &'static str, source: &'static str, severity, text: &'static str| Line {
        at: at.into(),
        source: source.into(),
        severity,
        text: text.into(),
        ..Line::default()
    };
    vec![
        line("07:11:40", "www", Severity::Info, "GET /works 200 12 ms"),
        line("07:11:58", "www", Severity::Info, "GET /works/3 200 9 ms"),
        line("07:12:02", "api", Severity::Info, "POST /contact 201 48 ms"),
        line("07:12:03", "alert", Severity::Debug, "ping from 3 clients"),
        line("07:13:20", "api", Severity::Warn, "slow query: 812 ms select name, price from product order by sold desc limit 40"),
        line("07:14:51", "api", Severity::Error, "mail: 550 mailbox unavailable <info@kunde.example>"),
        line("07:15:07", "www", Severity::Info, "GET / 200 7 ms"),
        line("07:16:01", "www", Severity::Info, "GET /favicon.svg 304 1 ms"),
    ]
}

fn site_settings() -> Markup {
    customer_page(Page {
        title: "atelier-nord.example",
        own_heading: true,
        rail: &customer_rail("Sites"),
        crumbs: &[Crumb::new("Sites", "sites.html")],
        banner: feedback::banner(Banner {
            tone: Tone::Warn,
            title: "Files are at 86 % of 5 GB",
            text: "Uploads stop at 100 %.",
            action: button::link_secondary("#", "Change plan"),
        }),
        body: html! {
            (site_hero("settings"))
            (card::card(Card { body: html! {
                form method="post" action="#" {
                    (form::section("General", "How the site is named here.", html! {
                        (field::text(Field { name: "title", label: "Name", value: "Atelier Nord", required: true, ..Field::default() }))
                        (field::select(Field { name: "plan", label: "Plan", value: "s", required: true, ..Field::default() }, &[Choice { value: "s", label: "Small – 1 CPU, 512 MB, €9 per month", ..Choice::default() }]))
                    }))
                    (form::section("Deploys", "What happens on a push.", html! {
                        (field::text(Field { name: "branch", label: "Branch", value: "main", required: true, ..Field::default() }))
                        (field::switch(true, Field { name: "auto", label: "Deploy on push", hint: "Otherwise a push waits for a click.", unmarked: true, ..Field::default() }))
                        (field::checkbox(false, Field { name: "migrate", label: "Run migrations before the switch", unmarked: true, ..Field::default() }))
                        (field::radios(Field { name: "fail", label: "When a deploy fails", value: "mail", required: true, ..Field::default() }, &[
                            field::Card { value: "mail", title: "Mail the author", text: "And show it here.", ..field::Card::default() },
                            field::Card { value: "none", title: "Only show it here", ..field::Card::default() },
                        ]))
                    }))
                    (form::actions(html! { (button::primary("Save changes")) span.hint { "Changes of the plan restart the site." } }))
                }
            }, ..Card::default() }))
            (dialog::danger_zone(html! {
                (dialog::danger_action("Stop the site", "Visitors see a page that says it is closed. Nothing is lost.", Confirm { id: "stop", title: "Stop atelier-nord.example?", text: "It can be started again at any time.", button: "Stop site", action: "/stop", ..Confirm::default() }))
                (dialog::danger_action("Delete the site", "Its files, database, backups and repository are removed for good.", delete_site()))
            }))
        },
        ..Page::default()
    })
}

fn delete_site() -> Confirm<'static> {
    Confirm {
        id: "delete-site",
        title: "Delete atelier-nord.example?",
        text: "This cannot be undone. It is gone within a minute:",
        loses: &["312 MB of database and 4.3 GB of files", "14 backups", "The repository with 231 commits"],
        type_name: "atelier-nord.example",
        action: "/sites/app_k3m9x2q7/delete",
        button: "Delete site",
        danger: true,
        ..Confirm::default()
    }
}

fn dialog_open() -> Markup {
    customer_page(Page {
        title: "Dialogs",
        rail: &customer_rail("Sites"),
        body: html! {
            (button::opens_dialog("delete-site", Button { label: "Delete site", kind: Kind::Danger, ..Button::default() }))
            (dialog::confirm_dialog(delete_site()))
        },
        ..Page::default()
    })
}

fn account() -> Markup {
    let invite = Dialog {
        id: "invite",
        title: "Invite a member",
        body: html! {
            form.form method="post" action="#" {
                (field::email(Field { name: "email", label: "Email", required: true, ..Field::default() }))
                (field::select(Field { name: "role", label: "Role", required: true, value: "member", ..Field::default() }, &[Choice { value: "member", label: "Member", ..Choice::default() }, Choice { value: "owner", label: "Owner", ..Choice::default() }]))
                (form::actions(html! { (dialog::closing_button("invite", "Cancel")) (button::primary("Send invitation")) }))
            }
        },
        ..Dialog::default()
    };
    let remove = |label| html! { div.button-row { (form::post_button(PostButton { action: "#", button: Button { label, kind: Kind::Quiet, small: true, ..Button::default() }, ..PostButton::default() })) } };
    customer_page(Page {
        title: "Account",
        help: "Who may sign in, with what, and from where.",
        rail: &customer_rail("Account"),
        tabs: tabs::tabs(
            "Account",
            &[Tab::new("Members and access", "#", true), Tab::new("Profile", "#", false), Tab::new("Billing", "#", false)],
        ),
        body: html! {
            (card::card(Card {
                title: "Members", flush: true,
                actions: html! { (button::opens_dialog("invite", Button { label: "Invite", small: true, icon: Some(icon::user_plus()), ..Button::default() })) (dialog::dialog(invite)) },
                body: table::table(Table {
                    caption: "Members", bare: true,
                    columns: &[Column::new("Name"), Column::new("Role"), Column::new("Last seen").minor(), Column::actions()],
                    rows: vec![
                        Row::new([table::two_lines("Anna Berg (you)", "anna@atelier-nord.example"), badge::tag(Tone::Accent, "Owner"), html! { "now" }, html! {}]),
                        Row::new([table::two_lines("Jonas Holm", "jonas@atelier-nord.example"), badge::tag(Tone::Neutral, "Member"), format::time_ago(NOW - 3 * HOUR, NOW), menu::menu("Actions for Jonas Holm", html! { (menu::link("#", "Change role")) (menu::post("#", html! {}, "Send sign-in link")) (menu::opens_dialog("invite", "Remove from account")) })]),
                        Row { faded: true, ..Row::new([table::two_lines("mia@atelier-nord.example", "Invited, valid for 6 days"), badge::tag(Tone::Warn, "Invited"), card::missing("Has not accepted yet"), remove("Withdraw")]) },
                    ],
                    ..Table::default()
                }),
                ..Card::default()
            }))
            (card::card(Card {
                title: "API tokens", help: "For scripts and CI. A token can do only what its scopes say.", flush: true,
                actions: button::link_secondary("#", "New token"),
                body: html! {
                    div.pad { (copy::secret_once("Token ci-deploy", "ik_live_8s7d6f5g4h3j2k1l0q9w8e7r6t5y4u3i")) }
                    (table::table(Table {
                        caption: "API tokens", bare: true,
                        columns: &[Column::new("Name"), Column::new("Scopes"), Column::new("Last used").minor(), Column::new("Expires").minor(), Column::actions()],
                        rows: vec![
                            Row { marked: true, ..Row::new([html! { strong { "ci-deploy" } }, html! { (badge::tag(Tone::Neutral, "sites:deploy")) }, card::missing("Never used"), html! { (format::date(NOW + 90 * DAY)) }, remove("Revoke")]) },
                            Row::new([html! { strong { "warehouse" } }, html! { span.row { (badge::tag(Tone::Neutral, "reporting:read")) (badge::tag(Tone::Neutral, "events:write")) } }, format::time_ago(NOW - 9 * MINUTE, NOW), html! { "Never" }, remove("Revoke")]),
                        ],
                        ..Table::default()
                    }))
                },
                ..Card::default()
            }))
            (card::card(Card {
                title: "Sessions", hint: "Where you are signed in.", flush: true,
                body: table::table(Table {
                    caption: "Sessions", bare: true,
                    columns: &[Column::new("Browser"), Column::new("Address").minor(), Column::new("Last seen"), Column::actions()],
                    rows: vec![
                        Row::new([html! { span.row { "Firefox on Linux" (badge::tag(Tone::Ok, "This one")) } }, html! { span.mono { "192.0.2.14" } }, html! { "now" }, html! {}]),
                        Row::new([html! { "Safari on iPhone" }, html! { span.mono { "198.51.100.7" } }, format::time_ago(NOW - 2 * DAY, NOW), remove("Sign out")]),
                    ],
                    ..Table::default()
                }),
                ..Card::default()
            }))
        },
        ..Page::default()
    })
}

fn overview() -> Markup {
    let days = [31.0, 34.0, 30.0, 38.0, 41.0, 22.0, 20.0, 39.0, 44.0, 43.0, 47.0, 51.0, 28.0, 49.0];
    operator_page(Page {
        title: "Overview",
        help: "Is everything all right, what changed, what to do next.",
        rail: &operator_rail("Overview"),
        top: tabs::segmented("Time range", &[Tab::new("24 h", "#", false), Tab::new("7 d", "#", true), Tab::new("30 d", "#", false)]),
        summary: html! { "One site is down and two customers slid into the red since yesterday." },
        body: html! {
            (card::stats(html! {
                (card::stat(Stat { label: "Active users", figure: "37", hint: "in the last 5 minutes", ..Stat::default() }))
                (card::stat(Stat { label: "Building now", figure: "2", hint: "of 4 slots", href: "#", ..Stat::default() }))
                (card::stat(Stat { label: "Queue depth", figure: "0", hint: "oldest: none", ..Stat::default() }))
                (card::stat(Stat { label: "Sites down", figure: "1", delta: Some(Delta { text: "+1".into(), trend: card::Trend::Up, good: Some(false) }), hint: "since 06:52", href: "#", ..Stat::default() }))
            }))
            (card::stats(html! {
                (card::stat(Stat { label: "Users today", figure: "1,204", delta: Delta::between(1204.0, 1100.0, Better::Up), hint: "against last Saturday", picture: spark(&days, Tone::Accent), ..Stat::default() }))
                (card::stat(Stat { label: "Deploys today", figure: "49", delta: Delta::between(49.0, 52.0, Better::Neither), hint: "3 failed", picture: spark(&days, Tone::Accent), ..Stat::default() }))
                (card::stat(Stat { label: "Spend today", figure: "€41.80", delta: Delta::between(41.8, 35.2, Better::Down), hint: "forecast €1,190", picture: spark(&days, Tone::Warn), help: "Costs of AI models, by the price of the day.", ..Stat::default() }))
                (card::stat(Stat { label: "Satisfaction", hint: "No answers yet this week", ..Stat::default() }))
            }))
            (card::split(html! {
                (card::card(Card {
                    title: "Sites that need attention", flush: true, actions: html! { a href="#" { "All sites" } },
                    body: table::table(Table { caption: "Sites that need attention", bare: true,
                        columns: &[Column::new("Site"), Column::new("Status"), Column::new("Reason"), Column::new("Since").minor()],
                        rows: vec![
                            Row::link("#", [table::two_lines("kaffee-und-korn.example", "Kaffee & Korn"), badge::status(Status::Error), html! { "api answers 502" }, format::time_ago(NOW - 24 * MINUTE, NOW)]),
                            Row::link("#", [table::two_lines("waldwege.example", "Waldwege e. V."), badge::status(Status::Stopped), html! { "Invoice overdue" }, format::time_ago(NOW - 19 * DAY, NOW)]),
                        ], ..Table::default() }),
                    ..Card::default()
                }))
                (card::card(Card { title: "Health of customers", body: chart::distribution("Customers by health", &[("Healthy", 58, Tone::Ok), ("At risk", 16, Tone::Warn), ("Churning", 6, Tone::Bad)]), ..Card::default() }))
            }, html! {
                (card::card(Card { title: "Live activity", body: steps::timeline(&[
                    Moment { icon: Some(icon::rocket()), tone: Tone::Ok, title: html! { a href="#" { "velo-lund.example" } " deployed" }, at: NOW - 12_000, ..Moment::default() },
                    Moment { icon: Some(icon::user_plus()), tone: Tone::Accent, title: html! { "New prospect from Lund" }, text: "Wants a shop for bicycles".into(), at: NOW - 3 * MINUTE },
                    Moment { icon: Some(icon::triangle_alert()), tone: Tone::Serious, title: html! { a href="#" { "kaffee-und-korn.example" } " fails" }, at: NOW - 24 * MINUTE, ..Moment::default() },
                    Moment { icon: Some(icon::credit_card()), title: html! { "Nordlicht GmbH paid €49.00" }, at: NOW - HOUR, ..Moment::default() },
                ], NOW), ..Card::default() }))
            }))
        },
        ..Page::default()
    })
}

fn customers() -> Markup {
    let names = [
        ("Nordlicht GmbH", "hello@nordlicht.example", 86, Tone::Ok, 3, 4_900, "Logins rose", [5.0, 6.0, 6.0, 7.0, 8.0]),
        ("Atelier Nord", "anna@atelier-nord.example", 78, Tone::Ok, 1, 900, "Steady", [7.0, 7.0, 8.0, 7.5, 7.8]),
        ("Kaffee & Korn", "info@kaffee-und-korn.example", 41, Tone::Warn, 2, 2_800, "Support tickets rose", [8.0, 7.0, 6.0, 5.0, 4.0]),
        ("Waldwege e. V.", "vorstand@waldwege.example", 18, Tone::Bad, 1, 900, "Invoice overdue", [6.0, 5.0, 3.0, 2.0, 1.8]),
        ("Praxis Dr. Lindgren", "praxis@lindgren.example", 72, Tone::Ok, 1, 1_900, "Steady", [7.0, 7.0, 7.0, 7.0, 7.2]),
        (
            "Musikschule am Alten Hafen und in der Speicherstadt",
            "buero@musikschule.example",
            64,
            Tone::Warn,
            1,
            1_900,
            "Fewer logins",
            [8.0, 7.5, 7.0, 6.8, 6.4],
        ),
        ("Velo Lund AB", "kontakt@velo-lund.example", 91, Tone::Ok, 4, 19_600, "API traffic rose", [7.0, 8.0, 8.5, 9.0, 9.1]),
        ("<script>alert('Bobby')</script>", "bobby@tables.example", 55, Tone::Warn, 1, 900, "Steady", [5.0, 5.0, 5.5, 5.0, 5.5]),
    ];
    let rows = names
        .iter()
        .map(|(name, mail, score, tone, sites, revenue, moved, trend)| {
            Row::link("customer.html", [
                table::two_lines(name, mail),
                html! { span.row { (chart::ring(Ring { share: Some(f64::from(*score) / 100.0), figure: &score.to_string(), label: "Health", tone: *tone, ..Ring::default() }))
                    (badge::tag(*tone, match tone { Tone::Ok => "Healthy", Tone::Warn => "At risk", _ => "Churning" })) } },
                html! { div.spark-cell { (spark(trend, *tone)) } },
                html! { (moved) },
                html! { (sites) },
                html! { (format::money(*revenue, "EUR")) },
                format::time_ago(NOW - i64::from(100 - score) * HOUR, NOW),
            ])
        })
        .collect();
    operator_page(Page {
        title: "Customers",
        help: "Everybody you host for, worst health first.",
        rail: &operator_rail("Customers"),
        actions: button::link("#", Button { label: "New customer", kind: Kind::Primary, icon: Some(icon::plus()), ..Button::default() }),
        body: table::table(Table {
            caption: "Customers",
            columns: &[
                Column::new("Customer").sorted("?", Sorted::No),
                Column::new("Health").sorted("?", Sorted::Descending),
                Column { tight: true, ..Column::new("30 days").minor() },
                Column::new("What moved it").minor(),
                Column::number("Sites").sorted("?", Sorted::No),
                Column::number("Per month").sorted("?", Sorted::No),
                Column::new("Last seen").sorted("?", Sorted::No).minor(),
            ],
            rows,
            toolbar: table::toolbar(Toolbar {
                search: Some(Search { action: "/admin/customers", placeholder: "Search customers", ..Search::default() }),
                chips: &[
                    Chip::counted("All", "?", true, 80),
                    Chip::counted("Healthy", "?", false, 58),
                    Chip::counted("At risk", "?", false, 16),
                    Chip::counted("Churning", "?", false, 6),
                ],
                csv: "/admin/customers.csv",
                ..Toolbar::default()
            }),
            pager: Some(Pager { text: "1–8 of 80", previous: None, next: Some("?after=x".into()) }),
            ..Table::default()
        }),
        ..Page::default()
    })
}

fn customer() -> Markup {
    operator_page(Page {
        title: "Kaffee & Korn",
        badge: badge::tag(Tone::Warn, "At risk"),
        rail: &operator_rail("Customers"),
        crumbs: &[Crumb::new("Customers", "customers.html")],
        actions: html! { (button::link_secondary("#", "Look as customer")) (button::link_primary("#", "Add note")) },
        banner: feedback::banner(Banner {
            tone: Tone::Accent,
            title: "You look as Anna Berg",
            text: "What you do is recorded under your name.",
            action: button::link_secondary("#", "Stop"),
        }),
        body: html! {
            (card::split(html! {
                (card::card(Card { title: "Health", help: "Model account, version 3.", body: html! {
                    div.row {
                        (chart::ring(Ring { share: Some(0.41), figure: "41", label: "Health score", tone: Tone::Warn, large: true }))
                        div { p { strong { "Down 12 points in 30 days" } } p.hint { "Support tickets moved it most." } }
                    }
                    div.gap {
                        (feedback::quota(Quota { label: "Logins", used: 9.0, limit: Some(25.0), text: "3 in 30 days → 9 of 25 points", ..Quota::default() }))
                        (feedback::quota(Quota { label: "Support", used: 4.0, limit: Some(20.0), text: "6 tickets open → 4 of 20 points", ..Quota::default() }))
                    }
                }, ..Card::default() }))
            }, html! {
                (card::card(Card { title: "Facts", body: card::kv(&[
                    ("Customer", html! { span.mono { "cust_7f3k2m9q4x1z" } }), ("Since", html! { (format::date(NOW - 400 * DAY)) }),
                    ("Revenue", html! { (format::money(2_800, "EUR")) " per month" }), ("Owner", html! { a href="#" { "Karin Korn" } }),
                ]), ..Card::default() }))
            }))
        },
        ..Page::default()
    })
}

fn jobs() -> Markup {
    let row = |id: &str, name: &str, state: (Status, &str), tries: &str, at: i64, took: Option<u64>| {
        Row::link(
            "#",
            [
                html! { span.mono { (id) } },
                html! { strong { (name) } },
                badge::status_as(state.0, state.1),
                html! { (tries) },
                format::time_ago(NOW - at, NOW),
                took.map_or_else(|| card::missing("Not finished"), |took| html! { (format::duration(took)) }),
            ],
        )
    };
    operator_page(Page {
        title: "Jobs",
        help: "Work the house does by itself: what waits, runs, failed and gave up.",
        rail: &operator_rail("Jobs"),
        summary: html! { "Two jobs gave up. Look at the reason, mend it, then run them again." },
        body: html! {
            (card::stats(html! {
                (card::stat(Stat { label: "Waiting", figure: "14", hint: "oldest 8 s", ..Stat::default() }))
                (card::stat(Stat { label: "Running", figure: "3", hint: "of 8 workers", ..Stat::default() }))
                (card::stat(Stat { label: "Done, 24 h", figure: "18,402", delta: Delta::between(18402.0, 17950.0, Better::Neither), ..Stat::default() }))
                (card::stat(Stat { label: "Gave up", figure: "2", delta: Some(Delta { text: "+2".into(), trend: card::Trend::Up, good: Some(false) }), hint: "since yesterday", ..Stat::default() }))
            }))
            (table::table(Table {
                caption: "Jobs",
                columns: &[Column::new("Job").minor(), Column::new("Name"), Column::new("State"), Column::number("Tries").minor(), Column::new("Queued").sorted("?", Sorted::Descending), Column::number("Took").minor()],
                rows: vec![
                    row("job_01h9x", "deploy.run", (Status::Provisioning, "Running"), "1", 41_000, None),
                    row("job_01h9w", "backup.take", (Status::Running, "Done"), "1", 4 * MINUTE, Some(18_200)),
                    row("job_01h9v", "mail.send", (Status::Error, "Gave up"), "8", 2 * HOUR, Some(30_000)),
                    row("job_01h9u", "health.score", (Status::Running, "Done"), "1", 5 * HOUR, Some(912)),
                    row("job_01h9t", "certificate.watch", (Status::Restarting, "Trying again"), "3", 6 * HOUR, None),
                ],
                toolbar: table::toolbar(Toolbar { chips: &[Chip::new("All", "?", false), Chip::counted("Waiting", "?", false, 14), Chip::counted("Gave up", "?", true, 2)], ..Toolbar::default() }),
                pager: Some(Pager { text: "5 shown", previous: Some("?".into()), next: Some("?".into()) }),
                ..Table::default()
            }))
        },
        ..Page::default()
    })
}

fn audit() -> Markup {
    let entries = [
        (4 * MINUTE, "Anna Berg", "site.deploy", "atelier-nord.example", "192.0.2.14"),
        (24 * MINUTE, "Olaf Operator", "customer.impersonate", "Kaffee & Korn", "198.51.100.7"),
        (3 * HOUR, "Token ci-deploy", "site.restart", "velo-lund.example", "203.0.113.80"),
        (9 * HOUR, "Jonas Holm", "member.invite", "mia@atelier-nord.example", "192.0.2.14"),
        (2 * DAY, "Olaf Operator", "settings.change", "mail.from", "198.51.100.7"),
    ];
    operator_page(Page {
        title: "Audit log",
        help: "Who did what, when and from where. Entries cannot be changed.",
        rail: &operator_rail("Audit log"),
        body: table::table(Table {
            caption: "Audit log",
            columns: &[
                Column::new("When").sorted("?", Sorted::Descending),
                Column::new("Who"),
                Column::new("What"),
                Column::new("On").minor(),
                Column::new("From").minor(),
            ],
            rows: entries
                .iter()
                .map(|(at, who, what, on, from)| {
                    Row::new([
                        format::time_ago(NOW - at, NOW),
                        html! { strong { (who) } },
                        html! { code { (what) } },
                        html! { (on) },
                        html! { span.mono { (from) } },
                    ])
                })
                .collect(),
            toolbar: table::toolbar(Toolbar {
                search: Some(Search { action: "#", placeholder: "Search who, what, on", ..Search::default() }),
                csv: "/audit.csv",
                ..Toolbar::default()
            }),
            pager: Some(Pager { text: "5 of 12,480", previous: None, next: Some("?".into()) }),
            ..Table::default()
        }),
        ..Page::default()
    })
}

fn not_found() -> Markup {
    customer_page(Page {
        title: "Not found",
        own_heading: true,
        rail: &customer_rail("Sites"),
        body: page::problem(Problem {
            status: 404,
            actions: html! { (button::link_primary("sites.html", "All sites")) (button::link_secondary("#", "Ask for help")) },
            ..Problem::default()
        }),
        ..Page::default()
    })
}

fn parts() -> Markup {
    let tones = [Tone::Neutral, Tone::Accent, Tone::Ok, Tone::Warn, Tone::Serious, Tone::Bad];
    let all = [Status::Running, Status::Stopped, Status::Restarting, Status::Error, Status::Provisioning];
    customer_page(Page {
        title: "Parts",
        help: "Everything on one page.",
        rail: &customer_rail("Performance"),
        body: card::stack(html! {
            (card::simple("Badges", html! { div.row { @for status in all { (badge::status(status)) } @for tone in tones { (badge::tag(tone, tone_word(tone))) } @for tone in tones { (badge::dot(tone, tone_word(tone))) } } }))
            (card::simple("Buttons", html! { div.row {
                @for kind in [Kind::Primary, Kind::Secondary, Kind::Danger, Kind::Quiet] {
                    (button::submit(Button { label: "Save", kind, ..Button::default() })) (button::submit(Button { label: "Save", kind, small: true, icon: Some(icon::check()), ..Button::default() })) (button::submit(Button { label: "Save", kind, disabled: true, ..Button::default() }))
                }
                (button::submit(Button { label: "More", icon: Some(icon::ellipsis()), icon_only: true, ..Button::default() }))
            } }))
            @for tone in tones { (feedback::banner(Banner { tone, title: "A message that stays", text: "What it means and what to do.", action: html! {} })) }
            (card::grid(GridWidth::Medium, html! {
                (card::simple("Pictures", html! { div.row {
                    (chart::ring(Ring { share: Some(0.72), figure: "72", label: "Health", tone: Tone::Ok, ..Ring::default() }))
                    (chart::ring(Ring { share: Some(0.41), figure: "41", label: "Health", tone: Tone::Warn, large: true }))
                    (chart::ring(Ring { label: "Health", ..Ring::default() }))
                    div.spark-cell { (chart::spark_bars(CPU, "CPU", Tone::Accent)) }
                    div.spark-cell { (chart::sparkline(Sparkline { values: &[1.0, 2.0, f64::NAN, 4.0, 3.0, 5.0], label: "With a gap", tone: Tone::Ok, ..Sparkline::default() })) }
                } }))
                (card::simple("Loading", live::skeleton(3)))
                (card::simple("Nothing", log::block(Log { label: "Log", ..Log::default() })))
            }))
            (card::simple("Icons", html! { div.row { @for (name, picture) in icon::all() { span title=(name) { (picture) } } } }))
        }),
        ..Page::default()
    })
}

/// Bands of a health score.
const BANDS: [Zone<'static>; 3] = [
    Zone { name: "Healthy", from: 70.0, to: 100.0, tone: Tone::Ok },
    Zone { name: "At risk", from: 40.0, to: 70.0, tone: Tone::Warn },
    Zone { name: "Churning", from: 0.0, to: 40.0, tone: Tone::Bad },
];

/// Charts with axes, as the pages about customers use them.
fn charts() -> Markup {
    let days: Vec<String> = (0..90)
        .map(|day| format::date(NOW - (89 - day) * DAY).rsplit_once('\u{a0}').map_or(String::new(), |(day, _)| day.to_owned()))
        .collect();
    let health: Vec<f64> = (0..90)
        .map(|day| if (20..24).contains(&day) { f64::NAN } else { 78.0 - f64::from(day) * 0.25 + f64::from(day % 7) * 1.4 })
        .collect();
    let wave = |base: f64, size: f64| -> Vec<f64> { (0..30).map(|day| base + size * f64::from((day * 7) % 11) / 11.0).collect() };
    let (sonnet, haiku, images) = (wave(12.0, 9.0), wave(4.0, 3.0), wave(1.0, 4.0));
    let spend: Vec<f64> = (0..30).map(|day| 20.0 + f64::from((day * 5) % 9)).collect();
    let low: Vec<f64> = (0..30).map(|day| if day < 22 { f64::NAN } else { spend[day] - 2.0 - (day - 22) as f64 * 0.6 }).collect();
    let high: Vec<f64> = (0..30).map(|day| if day < 22 { f64::NAN } else { spend[day] + 2.0 + (day - 22) as f64 * 0.6 }).collect();
    let bins: Vec<Bin<'_>> = [1, 2, 1, 4, 6, 9, 11, 18, 21, 7]
        .into_iter()
        .enumerate()
        .map(|(place, count)| Bin {
            label: format!("{}–{}", place * 10, if place == 9 { 100 } else { place * 10 + 9 }).into(),
            count,
            tone: match place {
                0..4 => Tone::Bad,
                4..7 => Tone::Warn,
                _ => Tone::Ok,
            },
            href: "customers.html".into(),
        })
        .collect();
    let weeks: Vec<std::borrow::Cow<'_, str>> = (0..5).map(|week| format!("Week {week}").into()).collect();
    let cohorts = [
        HeatRow {
            label: "12 Oct".into(),
            size: Some(18),
            cells: [1.0, 0.61, 0.5, 0.44, 0.39].map(Cell::Final).into(),
            ..HeatRow::default()
        },
        HeatRow {
            label: "19 Oct".into(),
            size: Some(24),
            cells: vec![Cell::Final(1.0), Cell::Final(0.54), Cell::Final(0.42), Cell::Partial(0.21), Cell::Future],
            ..HeatRow::default()
        },
        HeatRow {
            label: "26 Oct".into(),
            size: Some(0),
            cells: vec![Cell::Unknown, Cell::Unknown, Cell::Partial(0.0), Cell::Future, Cell::Future],
            ..HeatRow::default()
        },
    ];
    operator_page(Page {
        title: "Charts",
        help: "Charts with axes: read out under the pointer and by arrow keys.",
        rail: &operator_rail("Health"),
        scripts: &["chart.js"],
        body: html! {
            (card::card(Card { title: "Health", flush: true, body: html! {
                div.health-summary {
                    (chart::score(&Score { score: Some(56.83), level: Level::Middling, word: "At risk", label: "Health score", ..Score::default() }))
                    (chart::changes(&Changes { since: "30 days ago", before: 68.2, now: 56.83, parts: vec![
                        Part { name: "Sign-ins".into(), points: -7.5, text: "6 in 30 days, 12 before".into() },
                        Part { name: "Support".into(), points: -5.2, text: "4 tickets, 1 before".into() },
                        Part { name: "Invoices".into(), points: 1.33, text: "2 of 3 on time, 1 of 2 before".into() },
                    ] }))
                }
                (chart::factors(&sample_factors()))
            }, ..Card::default() }))
            (card::grid(GridWidth::Wide, html! {
                (card::simple("Health over 90 days", chart::trend(&Trend {
                    title: "Health over 90 days", summary: "From 78 to 57, falling.", labels: &days,
                    lines: &[Curve { name: "Health", values: &health, expected_from: None }], zones: &BANDS, axis: Some(Axis::fixed(0.0, 100.0, 20.0)),
                    marks: &[Mark { at: 40, label: "v2".into(), text: "Model version 2".into(), is_version: true }, Mark { at: 75, label: "Outage".into(), ..Mark::default() }],
                    csv: "?csv", ..Trend::default()
                })))
                (card::simple("Customers by score", chart::histogram(&Histogram { title: "Customers by health score", summary: "Most are healthy.", size: "Score", what: "Customers", bins: &bins, ..Histogram::default() })))
                (card::simple("Cost by day", chart::columns(&Columns {
                    title: "Cost by day and model", summary: "About 25 euros a day.", labels: &days[60..],
                    stacks: &[Stack { name: "claude-sonnet", values: &sonnet }, Stack { name: "claude-haiku", values: &haiku }, Stack { name: "images", values: &images }],
                    unfinished_from: Some(29), limit: Some((26.0, "Budget")), figure: |euros| format!("€{}", format::decimal(euros, 0)), ..Columns::default()
                })))
                (card::simple("Forecast", chart::trend(&Trend {
                    title: "Cost with forecast", summary: "Expected to stay.", labels: &days[60..],
                    lines: &[Curve { name: "Cost", values: &spend, expected_from: Some(22) }, Curve { name: "A year ago", values: &haiku, expected_from: None }],
                    band: Some((&low, &high)), band_name: "80 % of cases", ..Trend::default()
                })))
            }))
            (card::card(Card { title: "Who came back", flush: true, body: chart::heat(&Heat { caption: "Customers who came back, by week", rows_are: "Cohort", sizes_are: "Customers", columns: &weeks, rows: &cohorts }), ..Card::default() }))
            (card::grid(GridWidth::Medium, html! {
                (card::simple("Levels", html! { div.row {
                    (chart::level(Level::Good, "Healthy")) (chart::level(Level::Middling, "At risk")) (chart::level(Level::Poor, "Churning")) (chart::level(Level::Unknown, "Not known"))
                    (chart::score_cell(Some(41.0), Level::Middling, "At risk", "")) (chart::score_cell(None, Level::Unknown, "", "No events yet"))
                    (chart::tendency(Some(-12.0), "")) (chart::tendency(Some(3.2), "")) (chart::tendency(Some(0.0), "")) (chart::tendency(None, "One day old"))
                } }))
                (card::simple("Unknown", chart::score(&Score { label: "Health score", missing: "Nothing was heard of this customer yet.", ..Score::default() })))
                (card::simple("By day", steps::timeline_by_day(&[
                    Moment { icon: Some(icon::rocket()), tone: Tone::Ok, title: html! { "Deployed " a href="#" { "nordlicht-shop.example" } }, at: NOW - HOUR, ..Moment::default() },
                    Moment { icon: Some(icon::user()), title: html! { "Signed in" }, text: "anna@acme.example".into(), at: NOW - 3 * HOUR, ..Moment::default() },
                    Moment { icon: Some(icon::triangle_alert()), tone: Tone::Bad, title: html! { "Invoice 2026-11 is late" }, at: NOW - 2 * DAY, ..Moment::default() },
                ], NOW, format::date)))
            }))
        },
        ..Page::default()
    })
}

fn sample_factors() -> [Factor<'static>; 6] {
    let factor = |name: &'static str, seen: &'static str, score: f64, weight: f64| Factor {
        name: name.into(),
        seen: seen.into(),
        given: Given::Scored(score),
        weight: Some(weight),
        points: Some(weight * score),
        contribution: Some(weight * (score - 50.0)),
        ..Factor::default()
    };
    [
        factor("Sign-ins", "10 in 30 days, 20 are full marks", 50.0, 0.25),
        factor("Features", "6 of 10 used in 90 days", 60.0, 0.25),
        factor("Support", "4 tickets in 90 days", 60.0, 0.2),
        factor("Invoices", "2 of 3 paid on time", 66.67, 0.2),
        factor("API calls", "1,204 in 30 days, 1,806 in the 30 before", 40.0, 0.1),
        Factor { name: "Satisfaction".into(), seen: "no ratings in 90 days".into(), ..Factor::default() },
    ]
}

fn tone_word(tone: Tone) -> &'static str {
    match tone {
        Tone::Neutral => "Neutral",
        Tone::Accent => "Accent",
        Tone::Ok => "Healthy",
        Tone::Warn => "At risk",
        Tone::Serious => "Failing",
        Tone::Bad => "Down",
    }
}
