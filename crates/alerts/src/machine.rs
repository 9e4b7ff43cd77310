//! What follows from one look at a rule: the states, and the one function that leads from one to the next.
//!
//! | seen | nothing open | an alert is open |
//! |---|---|---|
//! | over | Pending until `hold` has passed, then Alerting: **fired** | Alerting: the same alert goes on |
//! | under | Normal | Recovering until `keep` has passed, then Normal: **resolved** |
//! | nothing | as the rule says: as under, as before, NoData, or NoData and after a while **fired** | the alert stays open, unless it counts as under |
//! | failed | Error; after [`PATIENCE`] **fired**: a rule that cannot be evaluated is news | the alert stays open |
//!
//! Whoever starts when a condition is true already is told; whoever starts when all is well hears nothing.

use std::time::Duration;

use kit::{Timestamp, text_enum};

/// A rule that could not be evaluated for so long is told of.
pub const PATIENCE: Duration = Duration::from_secs(15 * 60);

text_enum!(
    /// Where a rule stands.
    State {
        /// All is well.
        Normal = "normal",
        /// The condition is true, but not for long enough.
        Pending = "pending",
        /// It is true.
        Alerting = "alerting",
        /// It was true a moment ago.
        Recovering = "recovering",
        /// There is nothing to judge.
        NoData = "no_data",
        /// The figure could not be read.
        Error = "error",
        /// A person has paused it.
        Paused = "paused",
    }
);

impl State {
    /// As people read it.
    pub fn label(self) -> &'static str {
        match self {
            State::Normal => "Normal",
            State::Pending => "Pending",
            State::Alerting => "Alerting",
            State::Recovering => "Recovering",
            State::NoData => "No data",
            State::Error => "Error",
            State::Paused => "Paused",
        }
    }
}

text_enum!(
    /// What a rule makes of having nothing to judge.
    NoData {
        /// It is as if all were well: no builds are no slow builds.
        Fine = "fine",
        /// Nothing changes.
        Keep = "keep",
        /// It is shown.
        Show = "show",
        /// It is shown, and told after a while.
        Alert = "alert",
    }
);

text_enum!(
    /// Why an alert fired.
    Cause {
        /// The condition is true.
        Over = "over",
        /// There was nothing to judge for too long.
        NoData = "no_data",
        /// The figure could not be read for too long.
        Failed = "failed",
    }
);

/// What one look saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The condition is true.
    Over,
    /// It is not.
    Under,
    /// There is nothing to judge.
    Nothing,
    /// The figure could not be read.
    Failed,
}

/// How patient a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// So long the condition must be true.
    pub hold: Duration,
    /// So long it must be false before an alert is over.
    pub keep: Duration,
    /// What nothing to judge means.
    pub no_data: NoData,
    /// With [`NoData::Alert`]: told after this long.
    pub no_data_after: Duration,
}

/// Where a rule stands for one set of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// Whether an alert is open.
    pub is_open: bool,
}

impl Standing {
    /// Where everything begins.
    pub fn fresh(now: Timestamp) -> Standing {
        Standing { state: State::Normal, since: now, is_open: false }
    }

    fn to(self, state: State, now: Timestamp) -> Standing {
        if self.state == state { self } else { Standing { state, since: now, ..self } }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// An alert begins.
    Fired(Cause),
    /// It is over.
    Resolved,
}

/// What follows from one look.
pub fn step(before: Standing, seen: Seen, timing: &Timing, now: Timestamp) -> (Standing, Option<News>) {
    match seen {
        Seen::Over => over(before, timing, now),
        Seen::Under => under(before, timing, now),
        Seen::Failed => waits(before, State::Error, Some(PATIENCE), Cause::Failed, now),
        Seen::Nothing => match timing.no_data {
            NoData::Fine => under(before, timing, now),
            NoData::Keep => (before, None),
            NoData::Show => waits(before, State::NoData, None, Cause::NoData, now),
            NoData::Alert => waits(before, State::NoData, Some(timing.no_data_after), Cause::NoData, now),
        },
    }
}

fn over(before: Standing, timing: &Timing, now: Timestamp) -> (Standing, Option<News>) {
    if before.is_open {
        return (before.to(State::Alerting, now), None);
    }
    let pending = before.to(State::Pending, now);
    match now.since(pending.since) >= timing.hold {
        true => (Standing { is_open: true, ..pending.to(State::Alerting, now) }, Some(News::Fired(Cause::Over))),
        false => (pending, None),
    }
}

fn under(before: Standing, timing: &Timing, now: Timestamp) -> (Standing, Option<News>) {
    if !before.is_open {
        return (before.to(State::Normal, now), None);
    }
    let recovering = before.to(State::Recovering, now);
    match now.since(recovering.since) >= timing.keep {
        true => (Standing { is_open: false, ..recovering.to(State::Normal, now) }, Some(News::Resolved)),
        false => (recovering, None),
    }
}

/// Nothing can be said: what is open stays open, because unknown is not well.
fn waits(before: Standing, state: State, patience: Option<Duration>, cause: Cause, now: Timestamp) -> (Standing, Option<News>) {
    let after = before.to(state, now);
    match patience {
        Some(patience) if !after.is_open && now.since(after.since) >= patience => {
            (Standing { is_open: true, ..after }, Some(News::Fired(cause)))
        }
        _ => (after, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Trace = (&'static str, (u64, u64, NoData, u64), &'static str);

    /// One trace: the rule's patience (hold, keep in minutes; what no data means, after how long), then looks a minute apart. A look is
    /// written as what it saw (`+` over, `-` under, `?` nothing, `!` failed), what state follows, and `*` when it fired or `.` when it
    /// was resolved.
    const TRACES: &[Trace] = &[
        ("fires at once and is over at once", (0, 0, NoData::Fine, 0), "-normal +alerting* +alerting -normal. -normal"),
        ("a start in trouble is told, a start in peace is not", (0, 0, NoData::Fine, 0), "+alerting* -normal."),
        ("waits for its hold", (2, 0, NoData::Fine, 0), "+pending +pending +alerting* -normal."),
        ("a short spike is nobody's business", (2, 0, NoData::Fine, 0), "+pending +pending -normal +pending -normal"),
        ("to and fro is one alert", (0, 3, NoData::Fine, 0), "+alerting* -recovering +alerting -recovering -recovering +alerting"),
        ("over after the keep", (0, 2, NoData::Fine, 0), "+alerting* -recovering -recovering -normal. -normal"),
        ("nothing counts as fine", (0, 0, NoData::Fine, 0), "?normal +alerting* ?normal."),
        ("nothing changes nothing", (1, 0, NoData::Keep, 0), "?normal +pending ?pending +alerting* ?alerting -normal."),
        (
            "nothing is shown, and what is open stays open",
            (0, 0, NoData::Show, 0),
            "?no_data ?no_data +alerting* ?no_data ?no_data -normal.",
        ),
        ("what is open goes on after nothing", (0, 0, NoData::Show, 0), "+alerting* ?no_data +alerting -normal."),
        ("a pending one begins anew after nothing", (2, 0, NoData::Show, 0), "+pending +pending ?no_data +pending +pending +alerting*"),
        ("nothing is told after a while", (0, 0, NoData::Alert, 2), "?no_data ?no_data ?no_data* ?no_data -normal."),
        ("nothing that becomes trouble is one alert", (0, 0, NoData::Alert, 1), "?no_data ?no_data* +alerting -normal."),
        ("a failed look is no verdict", (0, 0, NoData::Fine, 0), "-normal !error -normal +alerting* !error +alerting -normal."),
        ("a failed look ends nothing", (0, 5, NoData::Fine, 0), "+alerting* -recovering !error -recovering"),
        (
            "a rule that cannot be evaluated is told after a quarter of an hour, once",
            (0, 0, NoData::Fine, 0),
            "!error !error !error !error !error !error !error !error !error !error !error !error !error !error !error !error* !error -normal.",
        ),
    ];

    #[test]
    fn traces_go_as_the_table_says() {
        for (name, (hold, keep, no_data, after), trace) in TRACES {
            let minutes = |count: u64| Duration::from_secs(count * 60);
            let timing = Timing { hold: minutes(*hold), keep: minutes(*keep), no_data: *no_data, no_data_after: minutes(*after) };
            let mut now = Timestamp(1_000_000);
            let mut standing = Standing::fresh(now);
            for (at, look) in trace.split(' ').enumerate() {
                let seen = match look.as_bytes()[0] {
                    b'+' => Seen::Over,
                    b'-' => Seen::Under,
                    b'?' => Seen::Nothing,
                    _ => Seen::Failed,
                };
                let was_open = standing.is_open;
                let (after, news) = step(standing, seen, &timing, now);
                let mark = match news {
                    Some(News::Fired(_)) => "*",
                    Some(News::Resolved) => ".",
                    None => "",
                };
                assert_eq!(format!("{}{mark}", after.state), look[1..], "{name}, look {at}");
                // Whatever happens: an alert begins only where none is open, and ends only where one is.
                assert_eq!(
                    after.is_open,
                    match news {
                        Some(News::Fired(_)) => true,
                        Some(News::Resolved) => false,
                        None => was_open,
                    },
                    "{name}"
                );
                standing = after;
                now = now.plus(minutes(1));
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_back_fires_nothing_early() {
        let timing = Timing { hold: Duration::from_secs(60), keep: Duration::ZERO, no_data: NoData::Fine, no_data_after: Duration::ZERO };
        let (pending, _) = step(Standing::fresh(Timestamp(100_000)), Seen::Over, &timing, Timestamp(100_000));
        let (still, news) = step(pending, Seen::Over, &timing, Timestamp(40_000));
        assert_eq!((still.state, news), (State::Pending, None));
    }
}
