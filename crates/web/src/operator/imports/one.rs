//! One import: what is in its file, which column says what, how far it is, what became of it.

use axum::extract::State;
use events::Source;
use events::import::{Field as Says, Preview};
use events::imports::{Import, ImportId, ImportState, Order};
use kit::{Error, Result};
use maud::{Markup, html};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::feedback::{self, Banner};
use ui::field::{self, Choice, Field};
use ui::form::{self, PostButton};
use ui::live::{self, Region};
use ui::page::{Crumb, Page};
use ui::table::{self, Column, Row, Table};
use ui::{badge, format};

use super::{PLACE, number, report, state};
use crate::app::App;
use crate::extract::{Form, Path};
use crate::frame::{self, View};
use crate::respond::{Answer, Complaint};
use crate::routes::Caller;

/// Columns that can be chosen here; the API and the command line know all.
const MOST_CHOICES: usize = 60;
/// Columns of the glance at the file.
const GLANCE: usize = 8;

/// What was chosen at the form: a column or a text for each field.
#[derive(Default)]
struct Typed {
    words: Vec<String>,
    source: String,
    is_check: bool,
}

impl Typed {
    fn read(pairs: Vec<(String, String)>) -> Result<Typed> {
        let mut typed = Typed::default();
        let mut always = Vec::new();
        for (field, value) in pairs {
            match field.split_once('.') {
                Some(("column", field)) => typed.words.push(format!("{field}={value}")),
                Some(("always", field)) if !value.trim().is_empty() => {
                    always.push((format!("{field}="), format!("{field}:={}", value.trim())))
                }
                Some(("always", _)) => {}
                None if field == "source" => typed.source = value,
                None if field == "do" => typed.is_check = value == "check",
                _ => return Err(Error::invalid(field, "is not a field here")),
            }
        }
        for (beginning, word) in always {
            typed.words.retain(|known| !known.starts_with(&beginning));
            typed.words.push(word);
        }
        Ok(typed)
    }

    fn order(&self) -> Result<Order> {
        Ok(Order { mapping: self.words.clone(), source: Source::parse(&self.source)?, is_check: self.is_check })
    }

    /// What the form begins with: what was said last time, else the usual names.
    fn of(import: &Import, preview: &Preview) -> Typed {
        let usual = || preview.usual.iter().map(|(field, column)| format!("{}={column}", field.as_str())).collect();
        let words = if import.mapping.is_empty() { usual() } else { import.mapping.clone() };
        Typed { words, source: import.source.clone(), is_check: true }
    }

    fn column(&self, field: Says) -> &str {
        let beginning = format!("{}=", field.as_str());
        self.words.iter().find_map(|word| word.strip_prefix(&beginning)).unwrap_or_default()
    }

    fn always(&self, field: Says) -> &str {
        let beginning = format!("{}:=", field.as_str());
        self.words.iter().find_map(|word| word.strip_prefix(&beginning)).unwrap_or_default()
    }
}

/// Shows it.
pub async fn show(State(app): State<App>, view: View, Path(id): Path<ImportId>) -> Answer {
    page(&app, view, &id, None, &Complaint::none()).await
}

/// Begins a check or the import.
pub async fn start(
    State(app): State<App>,
    Caller(actor): Caller,
    view: View,
    Path(id): Path<ImportId>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer {
    let typed = Typed::read(pairs)?;
    let outcome = match typed.order() {
        Ok(order) => app.imports.start(&actor, &id, &order).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(frame::done(
            &app,
            &format!("{PLACE}/{id}"),
            if typed.is_check { "The file is being checked" } else { "The import has begun" },
        )),
        Err(error) => {
            let complaint = Complaint::of_failure(error.into())?;
            page(&app, view, &id, Some(typed), &complaint).await
        }
    }
}

/// Ends what is under way.
pub async fn cancel(State(app): State<App>, Caller(actor): Caller, Path(id): Path<ImportId>) -> Answer {
    let outcome = app.imports.cancel(&actor, &id).await;
    frame::done_or_refused(&app, &format!("{PLACE}/{id}"), outcome, "Ended. What was stored stays.")
}

/// Throws it away.
pub async fn discard(State(app): State<App>, Path(id): Path<ImportId>) -> Answer {
    let outcome = app.imports.discard(&id).await;
    frame::done_or_refused(&app, PLACE, outcome, "Thrown away. Events that were imported stay.")
}

async fn page(app: &App, view: View, id: &ImportId, typed: Option<Typed>, complaint: &Complaint) -> Answer {
    let import = app.imports.get(id).await?;
    let may_begin = !import.state.is_at_work() && import.state != ImportState::Done;
    let preview = if may_begin { app.imports.preview(&import).await? } else { None };
    let parts = html! {
        (standing(&import))
        @if let Some(result) = import.report.as_ref().filter(|report| !import.state.is_at_work() && report.rows > 0) { (report::show(&import, result)) }
        @match &preview {
            Some(preview) => {
                @let typed = typed.unwrap_or_else(|| Typed::of(&import, preview));
                (mapping(&import, preview, &typed, complaint))
                (glance(preview, &typed))
            }
            None if may_begin => (feedback::banner(Banner {
                tone: badge::Tone::Warn, title: "The file is not here any more", text: "Files are kept for seven days. Send it again to import it.", ..Banner::default()
            })),
            None => {}
        }
    };
    if view.is_fragment() {
        return Ok(view.fragment(card::stack(parts)));
    }
    let (topic, here) = (format!("import:{id}"), format!("{PLACE}/{id}"));
    Ok(view.complaining(complaint).page(Page {
        title: &import.file,
        crumbs: &[Crumb::new("Ingestion", "/admin/ingestion"), Crumb::new("Import", PLACE)],
        body: live::region(Region { topic: &topic, url: &here, announce: true, body: card::stack(parts), ..Region::default() }),
        ..Page::default()
    }))
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a file, for a bar")]
fn standing(import: &Import) -> Markup {
    let here = format!("{PLACE}/{}", import.id);
    let post = |action: &str, label| {
        let action = format!("{here}/{action}");
        form::post_button(PostButton {
            action: &action,
            button: Button { label, kind: Kind::Secondary, small: true, ..Button::default() },
            ..PostButton::default()
        })
    };
    let share = import.read_bytes as f64 / import.bytes.max(1) as f64;
    let rows = import.report.as_ref().map_or(0, |report| report.rows);
    card::card(Card {
        title: "State",
        actions: html! { @if import.state.is_at_work() { (post("cancel", "End it")) } @else { (post("discard", "Throw away")) } },
        body: html! {
            p { (state(import)) " " span.hint { (format::bytes(import.bytes)) ", sent by " (import.created_by) " " (format::time_exact(import.created_at.0)) } }
            @if import.state.is_at_work() {
                (feedback::progress("How far it is", share))
                p { (format::percent(share, 0)) " of the file, " (number(rows)) " rows" }
            }
            @if let Some(trouble) = &import.trouble { p.field-error { (crate::respond::sentence(trouble)) } }
            @if import.restarts > 0 && !import.is_check {
                p.hint { "It was interrupted and went on by itself. Up to 1,000 of its own events may be counted as known before; none is stored twice." }
            }
        },
        ..Card::default()
    })
}

/// A field in words, whether it is needed, and whether it can be the same in all rows.
fn words(field: Says) -> (&'static str, &'static str, bool) {
    match field {
        Says::Name => ("What happened", "Needed", true),
        Says::At => ("When", "Needed: RFC 3339, a date, or seconds or milliseconds since 1970", false),
        Says::Person => ("Who", "As your own programs call them", true),
        Says::Customer => ("Customer", "Its id or its name", true),
        Says::Id => ("Id", "Unique in this source; without it the row's place in the file counts", false),
        Says::Properties => ("Properties", "A JSON object; all other columns become properties anyway", false),
    }
}

fn mapping(import: &Import, preview: &Preview, typed: &Typed, complaint: &Complaint) -> Markup {
    let columns = preview.columns.iter().take(MOST_CHOICES).map(|name| Choice { value: name, label: name, ..Choice::default() });
    let choices: Vec<Choice<'_>> =
        std::iter::once(Choice { value: "", label: "Not in the file", ..Choice::default() }).chain(columns).collect();
    card::card(Card {
        title: "Which column says what",
        help: "Columns that are chosen for nothing become properties of the events.",
        body: html! {
            form.form method="post" action={ (PLACE) "/" (import.id) "/start" } {
                (complaint.summary(&["source"]))
                @for says in Says::ALL {
                    @let (label, hint, may_be_same) = words(says);
                    @let (column, always) = (format!("column.{}", says.as_str()), format!("always.{}", says.as_str()));
                    (form::columns(html! {
                        (field::select(Field { name: &column, label, hint, value: typed.column(says), unmarked: true, ..Field::default() }, &choices))
                        @if may_be_same {
                            (field::text(Field { name: &always, label: "Or the same in all rows", value: typed.always(says), unmarked: true, autocomplete: "off", ..Field::default() }))
                        }
                    }))
                }
                @if preview.columns.len() > MOST_CHOICES { p.hint { "The file has more columns than can be chosen here; the API and the command line know all." } }
                (field::text(Field {
                    name: "source", label: "Source", value: &typed.source, error: complaint.of("source"), required: true, autocomplete: "off",
                    hint: "What the events' source is called. Ids are unique within it.", ..Field::default()
                }))
                (form::actions(html! {
                    (button::submit(Button { label: "Check", kind: Kind::Secondary, name: "do", value: "check", ..Button::default() }))
                    (button::submit(Button { label: "Import", kind: Kind::Primary, name: "do", value: "import", ..Button::default() }))
                }))
            }
        },
        ..Card::default()
    })
}

/// The first rows, as they stand in the file.
fn glance(preview: &Preview, typed: &Typed) -> Markup {
    let shown = &preview.columns[..preview.columns.len().min(GLANCE)];
    let columns: Vec<Column<'_>> = shown.iter().map(|name| Column::new(name.as_str())).collect();
    let cell = |text: &String| html! { @if text.is_empty() { (card::missing("Empty")) } @else { (text) } };
    let rows = preview.rows.iter().map(|row| match row.len() == preview.columns.len() {
        true => Row::new(row.iter().take(GLANCE).map(cell).collect::<Vec<_>>()),
        false => Row::new(
            std::iter::once(html! { span.field-error { (row.join(" ")) } })
                .chain((1..shown.len()).map(|_| Markup::default()))
                .collect::<Vec<_>>(),
        ),
    });
    let says = |name: &str| Says::ALL.into_iter().find(|field| typed.column(*field) == name).map(|field| words(field).0);
    let mapped: Vec<String> = shown.iter().filter_map(|name| Some(format!("{name} says {}", says(name)?.to_lowercase()))).collect();
    let more = preview.columns.len().saturating_sub(GLANCE);
    let hint = match (mapped.is_empty(), more) {
        (true, 0) => String::new(),
        (false, 0) => mapped.join(", ") + ".",
        (_, more) => {
            format!("{}{more} further columns are not shown.", if mapped.is_empty() { String::new() } else { mapped.join(", ") + ". " })
        }
    };
    card::card(Card {
        title: "The first rows",
        hint: &hint,
        flush: true,
        body: table::table(Table {
            caption: "The first rows of the file",
            columns: &columns,
            rows: rows.collect(),
            bare: true,
            ..Table::default()
        }),
        ..Card::default()
    })
}
