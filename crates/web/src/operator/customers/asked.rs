//! Which customers, in which order, as it stands in the address.

use insight::health::{Band, Query, Sort};
use serde::Deserialize;
use ui::table::Sorted;

use crate::portal::to;

/// Search, filters, order and page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub q: String,
    /// A band; all of them when empty.
    pub band: String,
    /// `yes` for those that fall fast.
    pub falling: String,
    /// A saved segment.
    pub segment: String,
    pub sort: String,
    /// `asc` or `desc`; each column has one that is usual.
    pub order: String,
    pub after: String,
}

/// A column that rows can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By {
    word: &'static str,
    sort: Sort,
    /// What one wants to see first: the worst score, the newest customer.
    descending: bool,
}

pub const NAME: By = By { word: "name", sort: Sort::Name, descending: false };
pub const SCORE: By = By { word: "score", sort: Sort::Score, descending: false };
pub const WEEK: By = By { word: "7d", sort: Sort::Change7, descending: false };
pub const MONTH: By = By { word: "30d", sort: Sort::Change30, descending: false };
pub const TREND: By = By { word: "trend", sort: Sort::Slope, descending: false };
pub const MOVED: By = By { word: "moved", sort: Sort::MovedBy, descending: false };
pub const SEEN: By = By { word: "seen", sort: Sort::LastDay, descending: true };
pub const SINCE: By = By { word: "since", sort: Sort::Created, descending: true };
const ALL: [By; 8] = [NAME, SCORE, TREND, WEEK, MONTH, MOVED, SEEN, SINCE];

impl Asked {
    /// What the slice is asked for.
    pub fn query(&self, limit: u32) -> Query {
        let by = self.by();
        Query {
            search: self.q.trim().to_owned(),
            bands: self.band().into_iter().collect(),
            falls_fast: self.is_falling(),
            segment: Some(self.segment.clone()).filter(|segment| !segment.is_empty()),
            sort: by.sort,
            descending: self.is_descending(by),
            after: Some(self.after.clone()).filter(|after| !after.is_empty()),
            limit,
        }
    }

    pub fn band(&self) -> Option<Band> {
        Band::from_text(&self.band)
    }

    pub fn is_falling(&self) -> bool {
        self.falling == "yes"
    }

    /// Whether nothing is filtered.
    pub fn is_whole(&self) -> bool {
        self.q.trim().is_empty() && self.band.is_empty() && self.falling.is_empty() && self.segment.is_empty() && self.after.is_empty()
    }

    /// The same list, with some of it changed.
    pub fn address(&self, place: &str, change: impl FnOnce(&mut Asked)) -> String {
        let mut asked = Asked { after: String::new(), ..self.clone() };
        change(&mut asked);
        let pairs = [
            ("q", asked.q.trim()),
            ("band", &asked.band),
            ("falling", &asked.falling),
            ("segment", &asked.segment),
            ("sort", &asked.sort),
            ("order", &asked.order),
            ("after", &asked.after),
        ];
        to(place, &pairs)
    }

    /// The list sorted by a column: the usual way round first, then the other.
    pub fn sorted_by(&self, place: &str, by: By) -> String {
        let is_now = self.by() == by;
        let descending = if is_now { !self.is_descending(by) } else { by.descending };
        self.address(place, |asked| {
            asked.sort = by.word.to_owned();
            asked.order = if descending == by.descending { String::new() } else { word(descending).to_owned() };
        })
    }

    /// How the list is sorted by a column now.
    pub fn sorted(&self, by: By) -> Sorted {
        match (self.by() == by, self.is_descending(by)) {
            (false, _) => Sorted::No,
            (true, true) => Sorted::Descending,
            (true, false) => Sorted::Ascending,
        }
    }

    /// The worst first, if nothing is said: that is who needs something.
    fn by(&self) -> By {
        ALL.into_iter().find(|by| by.word == self.sort).unwrap_or(SCORE)
    }

    fn is_descending(&self, by: By) -> bool {
        match self.order.as_str() {
            "asc" => false,
            "desc" => true,
            _ => by.descending,
        }
    }
}

fn word(descending: bool) -> &'static str {
    if descending { "desc" } else { "asc" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_sorts_the_usual_way_then_the_other() {
        let asked = Asked { q: "a&b".to_owned(), after: "x".to_owned(), ..Asked::default() };
        assert_eq!(asked.sorted(SCORE), Sorted::Ascending, "the worst first");
        assert_eq!(asked.sorted_by("/c", SEEN), "/c?q=a%26b&sort=seen");
        let seen = Asked { sort: "seen".to_owned(), ..Asked::default() };
        assert_eq!(seen.sorted(SEEN), Sorted::Descending);
        assert_eq!(seen.sorted_by("/c", SEEN), "/c?sort=seen&order=asc");
        assert_eq!(Asked { order: "asc".to_owned(), ..seen }.sorted_by("/c", SEEN), "/c?sort=seen");
    }

    #[test]
    fn what_nobody_offers_is_the_usual_list() {
        let asked = Asked { sort: "; drop table".to_owned(), order: "sideways".to_owned(), band: "purple".to_owned(), ..Asked::default() };
        let query = asked.query(50);
        assert_eq!((query.sort, query.descending, query.bands.len(), query.after), (Sort::Score, false, 0, None));
    }
}
