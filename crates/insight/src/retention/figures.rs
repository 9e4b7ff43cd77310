//! The table of cohorts out of what each person did.

use events::Day;

use super::{COHORTS, Question};
use crate::funnel::Rate;

/// Somebody in a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) who: u32,
    pub(super) cohort: u8,
    /// A bit for each shown week in which they came back.
    pub(super) weeks: u32,
    pub(super) is_converted: bool,
}

impl Member {
    /// Whether they came back in this week after their first.
    pub(super) fn is_back(&self, week: usize, is_unbounded: bool) -> bool {
        let since = self.weeks.checked_shr(u32::from(self.cohort) + week as u32).unwrap_or(0);
        week == 0 || if is_unbounded { since != 0 } else { since & 1 == 1 }
    }
}

/// One week of one cohort.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// So many came back, and the week is over.
    Final(u64),
    /// So many came back so far.
    Partial(u64),
    /// The week has not begun.
    Future,
}

/// Those who began in one week.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// The first day of the week.
    pub monday: Day,
    /// How many they are.
    pub size: u64,
    /// The week is not over: more may begin in it.
    pub is_open: bool,
    /// For each week, from 0.
    pub cells: Vec<Cell>,
    /// How many of them converted by now.
    pub converted: u64,
}

/// How many came back in a week, over all cohorts for which it is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// All who came back by all who could have: large cohorts count more.
    pub weighted: Option<Rate>,
    /// The mean of the cohorts' shares.
    pub simple: Option<f64>,
}

/// `over` of the weeks are over; `monday` says when each begins.
pub(super) fn table(
    members: &[Member],
    question: &Question,
    over: usize,
    monday: impl Fn(usize) -> Day,
) -> (Vec<Cohort>, Vec<Mean>, Option<Rate>) {
    let mut sizes = [0u64; COHORTS];
    let mut converted = [0u64; COHORTS];
    let mut back = vec![vec![0u64; question.weeks + 1]; COHORTS];
    for member in members {
        let cohort = usize::from(member.cohort);
        sizes[cohort] += 1;
        converted[cohort] += u64::from(member.is_converted);
        for (week, count) in back[cohort].iter_mut().enumerate() {
            *count += u64::from(member.is_back(week, question.is_unbounded));
        }
    }
    let cohorts: Vec<Cohort> = (0..COHORTS)
        .map(|cohort| {
            let cell = |week: usize| match (cohort + week).cmp(&over) {
                std::cmp::Ordering::Less => Cell::Final(back[cohort][week]),
                std::cmp::Ordering::Equal => Cell::Partial(back[cohort][week]),
                std::cmp::Ordering::Greater => Cell::Future,
            };
            let cells = (0..=question.weeks).map(cell).collect();
            Cohort { monday: monday(cohort), size: sizes[cohort], is_open: cohort >= over, cells, converted: converted[cohort] }
        })
        .collect();
    let means = (0..=question.weeks).map(|week| mean(&cohorts, week)).collect();
    let goal = Rate::of(converted.iter().sum(), sizes.iter().sum());
    (cohorts, means, goal)
}

fn mean(cohorts: &[Cohort], week: usize) -> Mean {
    let (mut part, mut whole, mut shares) = (0, 0, Vec::new());
    for cohort in cohorts.iter().filter(|cohort| cohort.size > 0) {
        if let Cell::Final(count) = cohort.cells[week] {
            part += count;
            whole += cohort.size;
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            shares.push(count as f64 / cohort.size as f64);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "at most thirteen")]
    let simple = (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64);
    Mean { weighted: Rate::of(part, whole), simple }
}
