//! Tables: sorted and filtered by links, paged by keyset, scrolling sideways within themselves.

use crate::{format, icon};
use maud::{Markup, html};
use std::borrow::Cow;

/// A table with what stands above and below it.
#[derive(Debug, Clone, Default)]
pub struct Table<'a> {
    /// What the rows are; read out by screen readers.
    pub caption: &'a str,
    /// The columns.
    pub columns: &'a [Column<'a>],
    /// The rows.
    pub rows: Vec<Row<'a>>,
    /// Search, chips, CSV link: made with [`toolbar`].
    pub toolbar: Markup,
    /// Shown instead of the table when there are no rows: made with [`crate::card::empty_state`].
    pub empty: Markup,
    /// The way to the next rows.
    pub pager: Option<Pager<'a>>,
    /// Stands in a card already: no frame of its own.
    pub bare: bool,
    /// For htmx to replace it.
    pub id: &'a str,
}

/// One column.
#[derive(Debug, Clone, Default)]
pub struct Column<'a> {
    /// Its heading; an empty one is named "Actions" for screen readers.
    pub label: Cow<'a, str>,
    /// Figures stand at the right.
    pub numeric: bool,
    /// Where a click on the heading leads, and how the rows are sorted by it now.
    pub sort: Option<Sort<'a>>,
    /// Left away on narrow screens.
    pub minor: bool,
    /// As narrow as its content.
    pub tight: bool,
}

/// How a column's heading sorts.
#[derive(Debug, Clone)]
pub struct Sort<'a> {
    /// The same page, sorted by this column (or the other way round).
    pub href: Cow<'a, str>,
    /// How it is sorted now.
    pub now: Sorted,
}

/// How rows are sorted by a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sorted {
    /// Not by this column.
    #[default]
    No,
    /// Least first.
    Ascending,
    /// Most first.
    Descending,
}

impl<'a> Column<'a> {
    /// Returns a column of words.
    pub fn new(label: impl Into<Cow<'a, str>>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// Returns a column of figures.
    pub fn number(label: impl Into<Cow<'a, str>>) -> Self {
        Self { numeric: true, ..Self::new(label) }
    }

    /// Returns a column of buttons or menus, without a heading.
    pub fn actions() -> Self {
        Self { numeric: true, tight: true, ..Self::default() }
    }

    /// Makes the heading a link that sorts.
    pub fn sorted(mut self, href: impl Into<Cow<'a, str>>, now: Sorted) -> Self {
        self.sort = Some(Sort { href: href.into(), now });
        self
    }

    /// Leaves the column away on narrow screens.
    pub fn minor(mut self) -> Self {
        self.minor = true;
        self
    }
}

/// One row: as many cells as there are columns.
#[derive(Debug, Clone, Default)]
pub struct Row<'a> {
    /// Where a click on the row leads; the first cell becomes the link, so it must not hold another one.
    pub href: Option<Cow<'a, str>>,
    /// The cells.
    pub cells: Vec<Markup>,
    /// Marked, as new or chosen.
    pub marked: bool,
    /// Paler, as archived or ended.
    pub faded: bool,
}

impl<'a> Row<'a> {
    /// Returns a row.
    pub fn new(cells: impl Into<Vec<Markup>>) -> Self {
        Self { cells: cells.into(), ..Self::default() }
    }

    /// Returns a row that is a link.
    pub fn link(href: impl Into<Cow<'a, str>>, cells: impl Into<Vec<Markup>>) -> Self {
        Self { href: Some(href.into()), ..Self::new(cells) }
    }
}

/// The way to the next rows.
#[derive(Debug, Clone, Default)]
pub struct Pager<'a> {
    /// What is shown: "1–50 of 1,204" or "50 shown".
    pub text: &'a str,
    /// The page with newer rows.
    pub previous: Option<Cow<'a, str>>,
    /// The page with older rows.
    pub next: Option<Cow<'a, str>>,
}

/// Shows a table.
pub fn table(table: Table<'_>) -> Markup {
    let id = (!table.id.is_empty()).then_some(table.id);
    html! {
        div.table-block id=[id] data-bare[table.bare] {
            @if !table.toolbar.0.is_empty() { (table.toolbar) }
            @if table.rows.is_empty() {
                (table.empty)
            } @else {
                div.table-scroller tabindex="0" role="region" aria-label=(table.caption) {
                    table.table {
                        caption.visually-hidden { (table.caption) }
                        thead { tr { @for column in table.columns { (heading(column)) } } }
                        tbody { @for row in &table.rows { (body_row(table.columns, row)) } }
                    }
                }
            }
            @if let Some(pager) = table.pager.as_ref().filter(|pager| !table.rows.is_empty() || pager.previous.is_some()) { (pages(pager)) }
        }
    }
}

fn heading(column: &Column<'_>) -> Markup {
    let sorted = match column.sort.as_ref().map(|sort| sort.now) {
        Some(Sorted::Ascending) => Some("ascending"),
        Some(Sorted::Descending) => Some("descending"),
        Some(Sorted::No) => Some("none"),
        None => None,
    };
    html! {
        th scope="col" data-numeric[column.numeric] data-minor[column.minor] data-tight[column.tight] aria-sort=[sorted] {
            @match &column.sort {
                Some(sort) => a.sort-link href=(sort.href) {
                    (column.label)
                    span.sort-arrow aria-hidden="true" { @match sort.now { Sorted::Ascending => "↑", Sorted::Descending => "↓", Sorted::No => "↕" } }
                },
                None if column.label.is_empty() => span.visually-hidden { "Actions" },
                None => (column.label),
            }
        }
    }
}

fn body_row(columns: &[Column<'_>], row: &Row<'_>) -> Markup {
    html! {
        tr data-linked[row.href.is_some()] data-marked[row.marked] data-faded[row.faded] {
            @for (place, (column, cell)) in columns.iter().zip(&row.cells).enumerate() {
                td data-numeric[column.numeric] data-minor[column.minor] data-tight[column.tight] {
                    @match row.href.as_ref().filter(|_| place == 0) {
                        Some(href) => a.row-link href=(href) { (cell) },
                        None => (cell),
                    }
                }
            }
        }
    }
}

fn pages(pager: &Pager<'_>) -> Markup {
    html! {
        nav.pager aria-label="Pages" {
            span.pager-text { (pager.text) }
            // With neither there is one page, and nothing to turn.
            @if pager.previous.is_some() || pager.next.is_some() { span.pager-links {
                (page_link(pager.previous.as_deref(), "prev", html! { (icon::arrow_left()) "Newer" }))
                (page_link(pager.next.as_deref(), "next", html! { "Older" (icon::arrow_right()) }))
            } }
        }
    }
}

fn page_link(href: Option<&str>, rel: &str, inside: Markup) -> Markup {
    html! {
        @match href {
            Some(href) => a.button.button-secondary.button-small rel=(rel) href=(href) { (inside) },
            None => span.button.button-secondary.button-small aria-disabled="true" { (inside) },
        }
    }
}

/// A filter that is on or off, as a link.
#[derive(Debug, Clone, Default)]
pub struct Chip<'a> {
    /// Its word.
    pub label: Cow<'a, str>,
    /// The page with the filter changed.
    pub href: Cow<'a, str>,
    /// Whether it is on.
    pub active: bool,
    /// How many rows it leaves.
    pub count: Option<i64>,
}

impl<'a> Chip<'a> {
    /// Returns a chip without a count.
    pub fn new(label: impl Into<Cow<'a, str>>, href: impl Into<Cow<'a, str>>, active: bool) -> Self {
        Self { label: label.into(), href: href.into(), active, count: None }
    }

    /// Returns a chip with a count.
    pub fn counted(label: impl Into<Cow<'a, str>>, href: impl Into<Cow<'a, str>>, active: bool, count: i64) -> Self {
        Self { count: Some(count), ..Self::new(label, href, active) }
    }
}

/// What stands above a table.
#[derive(Debug, Clone, Default)]
pub struct Toolbar<'a> {
    /// A search field.
    pub search: Option<Search<'a>>,
    /// Filters.
    pub chips: &'a [Chip<'a>],
    /// Where the rows come as CSV.
    pub csv: &'a str,
    /// Anything else, at the right.
    pub actions: Markup,
}

/// A search field above a table: a form that gets the same page.
#[derive(Debug, Clone, Default)]
pub struct Search<'a> {
    /// The page.
    pub action: &'a str,
    /// The parameter; `q` if empty.
    pub name: &'a str,
    /// What is being searched for.
    pub value: &'a str,
    /// What can be searched for: "Search customers".
    pub placeholder: &'a str,
    /// Filters to keep, made with [`crate::field::hidden`].
    pub hidden: Markup,
}

/// Shows what stands above a table.
pub fn toolbar(toolbar: Toolbar<'_>) -> Markup {
    html! {
        div.toolbar {
            @if let Some(search) = &toolbar.search {
                form.search role="search" method="get" action=(search.action) {
                    (search.hidden) (icon::search())
                    input.input type="search" name=(if search.name.is_empty() { "q" } else { search.name }) value=(search.value)
                        placeholder=(search.placeholder) aria-label=(search.placeholder);
                }
            }
            @if !toolbar.chips.is_empty() { (chips(toolbar.chips)) }
            div.toolbar-end {
                (toolbar.actions)
                @if !toolbar.csv.is_empty() {
                    a.button.button-secondary.button-small href=(toolbar.csv) download { (icon::download()) span.button-label { "CSV" } }
                }
            }
        }
    }
}

/// Shows filters as links.
pub fn chips(chips: &[Chip<'_>]) -> Markup {
    html! {
        ul.chips aria-label="Filters" {
            @for chip in chips {
                li { a.chip href=(chip.href) aria-current=[chip.active.then_some("true")] {
                    (chip.label) @if let Some(count) = chip.count { span.chip-count { (format::count(count)) } }
                } }
            }
        }
    }
}

/// Two lines in a cell: the name, and what makes it clear which one.
pub fn two_lines(first: &str, second: &str) -> Markup {
    html! { span.two-lines { span.two-lines-first { (first) } span.two-lines-second { (second) } } }
}

/// Sets running text in a cell, as paragraphs that break into lines; other cells keep to one.
pub fn text(paragraphs: Markup) -> Markup {
    html! { div.cell-text { (paragraphs) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_cell_links_and_names_are_escaped() {
        let columns = [Column::new("Site").sorted("?sort=site", Sorted::Ascending), Column::number("Visits")];
        let rows = vec![Row::link("/sites/1?a=1&b=2", [html! { ("<script>") }, html! { "12" }])];
        let shown = table(Table { caption: "Sites", columns: &columns, rows, ..Table::default() }).into_string();
        assert!(shown.contains(r#"<a class="row-link" href="/sites/1?a=1&amp;b=2">&lt;script&gt;</a>"#));
        assert!(shown.contains(r#"aria-sort="ascending""#));
    }

    #[test]
    fn empty_table_shows_its_next_step() {
        let shown = table(Table { empty: html! { "No sites yet" }, ..Table::default() }).into_string();
        assert!(shown.contains("No sites yet") && !shown.contains("<table"));
    }
}
