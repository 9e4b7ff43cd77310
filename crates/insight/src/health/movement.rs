//! What moved a score, and what would move it most.

use events::Day;

/// The way from one day's score to another's, factor by factor.
#[derive(Debug, Clone, PartialEq)]
pub struct Movement {
    /// The earlier day.
    pub since: Day,
    /// Its score as it was shown then.
    pub before: f64,
    /// The score now.
    pub after: f64,
    /// Each factor's part, largest first. With `other` they sum to `after − before`.
    pub parts: Vec<MovedBy>,
    /// What is not behaviour: another version of the model since, and events of those days that came late.
    pub other: f64,
}

/// What one factor did to the score.
#[derive(Debug, Clone, PartialEq)]
pub struct MovedBy {
    /// The factor's key.
    pub key: String,
    /// Its name.
    pub label: String,
    /// The factor's score then.
    pub before: Option<f64>,
    /// And now.
    pub after: Option<f64>,
    /// Points that the whole score moved by it.
    pub change: f64,
}

/// What would help most.
#[derive(Debug, Clone, PartialEq)]
pub struct NextAction {
    /// The factor's key.
    pub key: String,
    /// Its name.
    pub label: String,
    /// Points that the whole score would gain.
    pub gain: f64,
    /// What to do, in a sentence.
    pub text: String,
}
