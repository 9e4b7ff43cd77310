//! Rules: which figure is compared with what, how patiently, and who is told.

mod store;

use std::time::Duration;

use accounts::Label;
use kit::{Error, Result, id_type, text_enum};
use serde::{Deserialize, Serialize};

use crate::channels::ChannelId;
use crate::machine::{NoData, Seen, Timing};
use crate::metrics::{Metric, Reading, plain};
use crate::quiet::Quiet;

pub use store::{Now, Rule, change, create, get, list, remove, standings};
pub(crate) use store::{all, read};

id_type!(
    /// A rule.
    RuleId, "rule_"
);

/// More rules than this a house does not have: all are looked at four times a minute.
const MOST: i64 = 100;
const MOST_CHANNELS: usize = 10;
/// A week.
const LONGEST_MINUTES: u32 = 10_080;

/// When a figure is trouble.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// More than this.
    Above {
        /// The figure.
        value: f64,
    },
    /// This or more.
    AtLeast {
        /// The figure.
        value: f64,
    },
    /// Less than this.
    Below {
        /// The figure.
        value: f64,
    },
    /// This or less.
    AtMost {
        /// The figure.
        value: f64,
    },
    /// So many percent more than one window earlier.
    RisesBy {
        /// Percent.
        value: f64,
    },
    /// So many percent less than one window earlier.
    FallsBy {
        /// Percent.
        value: f64,
    },
}

impl Condition {
    /// The figure in it.
    pub fn value(self) -> f64 {
        match self {
            Condition::Above { value }
            | Condition::AtLeast { value }
            | Condition::Below { value }
            | Condition::AtMost { value }
            | Condition::RisesBy { value }
            | Condition::FallsBy { value } => value,
        }
    }

    /// Whether it compares with the window before.
    pub fn is_relative(self) -> bool {
        matches!(self, Condition::RisesBy { .. } | Condition::FallsBy { .. })
    }

    /// Whether the larger figure is the worse one.
    pub fn is_upwards(self) -> bool {
        matches!(self, Condition::Above { .. } | Condition::AtLeast { .. } | Condition::RisesBy { .. })
    }

    /// Whether it is true; none when that cannot be said.
    pub fn is_met(self, now: Option<f64>, before: Option<f64>) -> Option<bool> {
        let now = now?;
        let change = || before.filter(|before| *before != 0.0).map(|before| (now - before) * 100.0 / before.abs());
        Some(match self {
            Condition::Above { value } => now > value,
            Condition::AtLeast { value } => now >= value,
            Condition::Below { value } => now < value,
            Condition::AtMost { value } => now <= value,
            Condition::RisesBy { value } => change()? >= value,
            Condition::FallsBy { value } => change()? <= -value,
        })
    }

    /// As a sentence goes on after the figure's name: `above 15 %`.
    pub fn words(self, metric: Metric) -> String {
        let with_unit = |value| metric.with_unit(value);
        match self {
            Condition::Above { value } => format!("above {}", with_unit(value)),
            Condition::AtLeast { value } => format!("at least {}", with_unit(value)),
            Condition::Below { value } => format!("below {}", with_unit(value)),
            Condition::AtMost { value } => format!("at most {}", with_unit(value)),
            Condition::RisesBy { value } => format!("up by {} % on the window before", plain(value)),
            Condition::FallsBy { value } => format!("down by {} % on the window before", plain(value)),
        }
    }
}

text_enum!(
    /// How grave it is.
    Severity {
        /// Somebody should look.
        Warning = "warning",
        /// Somebody should look now.
        Critical = "critical",
    }
);

text_enum!(
    /// Whether a rule is looked at.
    RuleState {
        /// It is.
        Active = "active",
        /// A person has paused it.
        Paused = "paused",
    }
);

/// What a rule says, as it is made or changed.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRule {
    /// What it is called.
    pub name: String,
    /// Which figure.
    pub metric: Metric,
    /// When it is trouble.
    pub condition: Condition,
    /// Over how many minutes the figure is made.
    pub window_minutes: u32,
    /// So many minutes it must be true.
    pub hold_minutes: u32,
    /// So many minutes it must be false again.
    pub keep_minutes: u32,
    /// With fewer samples nothing is judged.
    pub min_samples: u32,
    /// What nothing to judge means.
    pub no_data: NoData,
    /// With [`NoData::Alert`]: told after so many minutes.
    pub no_data_minutes: u32,
    /// How grave it is.
    pub severity: Severity,
    /// The first message of a group waits so many seconds for others.
    pub wait_seconds: u32,
    /// Messages with news are so many minutes apart.
    pub interval_minutes: u32,
    /// What is still true is said again after so many minutes; 0 for never.
    pub repeat_minutes: u32,
    /// When nobody is told.
    pub quiet: Quiet,
    /// Who is told, beside the live channel.
    pub channels: Vec<ChannelId>,
    /// Whether it is looked at.
    pub is_active: bool,
}

impl NewRule {
    /// What a rule of a figure is at first.
    pub fn of(metric: Metric) -> NewRule {
        let about = metric.about();
        NewRule {
            name: String::new(),
            metric,
            condition: Condition::Above { value: 0.0 },
            window_minutes: if about.window.is_empty() { 5 } else { 60 },
            hold_minutes: 0,
            keep_minutes: 5,
            min_samples: if about.has_samples { 5 } else { 0 },
            no_data: NoData::Fine,
            no_data_minutes: 60,
            severity: Severity::Warning,
            wait_seconds: if about.is_labelled { 30 } else { 0 },
            interval_minutes: 5,
            repeat_minutes: 240,
            quiet: Quiet::default(),
            channels: Vec::new(),
            is_active: true,
        }
    }

    /// How patient it is.
    pub fn timing(&self) -> Timing {
        let minutes = |count: u32| Duration::from_secs(u64::from(count) * 60);
        Timing {
            hold: minutes(self.hold_minutes),
            keep: minutes(self.keep_minutes),
            no_data: self.no_data,
            no_data_after: minutes(self.no_data_minutes),
        }
    }

    /// Over how long the figure is made.
    pub fn window(&self) -> Duration {
        Duration::from_secs(u64::from(self.window_minutes) * 60)
    }

    /// What a reading means for it, with the reading of one window earlier.
    pub fn judge(&self, now: &Reading, before: Option<&Reading>) -> Seen {
        // Too few to judge is no trouble: a single failed build is not 100 % of anything.
        if now.samples.is_some_and(|samples| samples > 0 && samples < i64::from(self.min_samples)) {
            return Seen::Under;
        }
        match self.condition.is_met(now.value, before.and_then(|before| before.value)) {
            Some(true) => Seen::Over,
            Some(false) => Seen::Under,
            None => Seen::Nothing,
        }
    }

    /// The rule in a sentence.
    pub fn words(&self) -> String {
        let about = self.metric.about();
        let mut words = format!("{} {}", about.label, self.condition.words(self.metric));
        if !about.window.is_empty() || self.condition.is_relative() {
            words += &format!(", over {}", minutes_in_words(self.window_minutes));
        }
        if self.hold_minutes > 0 {
            words += &format!(", for {}", minutes_in_words(self.hold_minutes));
        }
        words
    }

    /// Whether the same looks would lead to the same alerts.
    fn judges_like(&self, other: &NewRule) -> bool {
        (self.metric, self.condition, self.window_minutes, self.min_samples)
            == (other.metric, other.condition, other.window_minutes, other.min_samples)
    }
}

/// `5 minutes`, `1 hour`, `4 hours`.
pub fn minutes_in_words(minutes: u32) -> String {
    match minutes {
        minutes if minutes > 0 && minutes % 1440 == 0 => kit::words::counted(minutes / 1440, "day"),
        minutes if minutes > 0 && minutes % 60 == 0 => kit::words::counted(minutes / 60, "hour"),
        minutes => kit::words::counted(minutes, "minute"),
    }
}

/// Checks all that needs no database.
pub(crate) fn checked(new: &NewRule) -> Result<NewRule> {
    let name = Label::parse(&new.name).map_err(|error| renamed(error, "name"))?.to_string();
    let within = |field: &'static str, minutes: u32, least: u32| match (least..=LONGEST_MINUTES).contains(&minutes) {
        true => Ok(()),
        false => Err(Error::invalid(field, format!("must be {least} to {LONGEST_MINUTES} minutes"))),
    };
    within("window_minutes", new.window_minutes, 1)?;
    within("hold_minutes", new.hold_minutes, 0)?;
    within("keep_minutes", new.keep_minutes, 0)?;
    within("no_data_minutes", new.no_data_minutes, 0)?;
    within("interval_minutes", new.interval_minutes, 1)?;
    within("repeat_minutes", new.repeat_minutes, 0)?;
    if new.min_samples > 1_000_000 {
        return Err(Error::invalid("min_samples", "must be 0 to 1000000"));
    }
    if new.wait_seconds > 3600 {
        return Err(Error::invalid("wait_seconds", "must be 0 to 3600 seconds"));
    }
    let value = new.condition.value();
    if !value.is_finite() || value.abs() > 1e15 || (new.condition.is_relative() && value <= 0.0) {
        return Err(Error::invalid("value", "must be a number; a change in percent must be above 0"));
    }
    if new.condition.is_relative() && new.metric.about().is_labelled {
        return Err(Error::invalid("condition", "must be a limit: what is not in trouble has no figure to compare with"));
    }
    if new.quiet.hours.is_some_and(|(from, to)| from >= 1440 || to >= 1440 || from == to) {
        return Err(Error::invalid("quiet_from", "must be two different times of day"));
    }
    if new.channels.len() > MOST_CHANNELS {
        return Err(Error::invalid("channels", format!("may be {MOST_CHANNELS} at most")));
    }
    Ok(NewRule { name, ..new.clone() })
}

/// The same complaint about the field of our form.
pub(crate) fn renamed(error: Error, field: &'static str) -> Error {
    match error {
        Error::Invalid(fields) => Error::invalid(field, fields.into_iter().next().map_or(String::new(), |first| first.message)),
        other => other,
    }
}
