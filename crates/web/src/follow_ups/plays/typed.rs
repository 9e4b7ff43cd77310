//! What was typed about a play, and what it comes to.

use accounts::{Actor, MemberId, Permission};
use insight::health::Band;
use insight::plays::{Actions, Assignee, Cause, MailAction, NewPlay, Play, PlayState, TaskAction};
use insight::segments::SegmentId;
use kit::{Error, Result};
use serde::Deserialize;

use crate::app::App;

/// What was typed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    pub(super) name: String,
    /// `band:churning`, …, `falling_fast`, `churn`.
    pub(super) cause: String,
    /// Percent, for `churn`.
    pub(super) above: String,
    pub(super) segment: String,
    pub(super) task: String,
    pub(super) due_in_days: String,
    /// `owner`, empty for nobody, or an id.
    pub(super) assignee: String,
    pub(super) mail_owner: String,
    pub(super) mail_to: String,
    pub(super) url: String,
    pub(super) quiet_days: String,
    pub(super) active: String,
}

impl Default for Typed {
    fn default() -> Typed {
        Typed {
            name: String::new(),
            cause: "band:churning".to_owned(),
            above: "30".to_owned(),
            segment: String::new(),
            task: String::new(),
            due_in_days: "2".to_owned(),
            assignee: "owner".to_owned(),
            mail_owner: String::new(),
            mail_to: String::new(),
            url: String::new(),
            quiet_days: "14".to_owned(),
            active: String::new(),
        }
    }
}

pub(super) const ON: &str = "on";

impl Typed {
    pub(super) fn new_play() -> Typed {
        Typed { active: ON.to_owned(), ..Typed::default() }
    }

    pub(super) fn of(app: &App, actor: &Actor, play: &Play) -> Result<Typed> {
        let (cause, above) = match play.cause {
            Cause::Band { to } => (format!("band:{to}"), String::new()),
            Cause::FallingFast => ("falling_fast".to_owned(), String::new()),
            Cause::Churn { above } => ("churn".to_owned(), format!("{}", (above * 1000.0).round() / 10.0)),
        };
        let ticked = |is: bool| if is { ON.to_owned() } else { String::new() };
        let url = match actor.can(Permission::ManageCustomers) {
            true => play.url(&app.key)?.map(|url| url.reveal().to_owned()).unwrap_or_default(),
            false => String::new(),
        };
        let task = play.actions.task.as_ref();
        let mail = play.actions.mail.as_ref();
        Ok(Typed {
            name: play.name.clone(),
            cause,
            above,
            segment: play.segment_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            task: task.map(|task| task.title.clone()).unwrap_or_default(),
            due_in_days: task.and_then(|task| task.due_in_days).map(|days| days.to_string()).unwrap_or_default(),
            assignee: match task.map(|task| &task.assignee) {
                Some(Assignee::Member(id)) => id.to_string(),
                Some(Assignee::Nobody) => String::new(),
                Some(Assignee::Owner) | None => "owner".to_owned(),
            },
            mail_owner: ticked(mail.is_some_and(|mail| mail.owner)),
            mail_to: mail.map(|mail| mail.to.join(", ")).unwrap_or_default(),
            url,
            quiet_days: play.quiet_days.to_string(),
            active: ticked(play.state == PlayState::Active),
        })
    }

    pub(super) fn parse(&self) -> Result<NewPlay> {
        crate::extract::all_or_complaints!(
            cause: self.parse_cause(),
            segment: optional(&self.segment, |text| SegmentId::parse(text).map_err(|_| Error::invalid("segment", "choose one of the segments"))),
            due_in_days: optional(&self.due_in_days, |text| number("due_in_days", text)),
            quiet_days: number("quiet_days", &self.quiet_days),
            assignee: self.parse_assignee(),
        );
        let title = self.task.trim();
        let to: Vec<String> = self.mail_to.split([',', ' ', '\n']).map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let owner = self.mail_owner == ON;
        Ok(NewPlay {
            name: self.name.clone(),
            cause,
            segment,
            actions: Actions {
                task: (!title.is_empty()).then(|| TaskAction { title: title.to_owned(), due_in_days, assignee }),
                mail: (owner || !to.is_empty()).then_some(MailAction { owner, to }),
            },
            url: Some(self.url.trim()).filter(|url| !url.is_empty()).map(str::to_owned),
            quiet_days,
            active: self.active == ON,
        })
    }

    fn parse_cause(&self) -> Result<Cause> {
        let wrong = || Error::invalid("cause", "choose one of the causes");
        match self.cause.as_str() {
            "falling_fast" => Ok(Cause::FallingFast),
            "churn" => {
                let text = self.above.trim().trim_end_matches('%').trim().replace(',', ".");
                let percent: f64 = text.parse().map_err(|_| Error::invalid("above", "must be a number of percent, such as 30"))?;
                match percent > 0.0 && percent < 100.0 {
                    true => Ok(Cause::Churn { above: percent / 100.0 }),
                    false => Err(Error::invalid("above", "must be between 0 and 100")),
                }
            }
            band => {
                let to = band.strip_prefix("band:").and_then(Band::from_text).ok_or_else(wrong)?;
                Ok(Cause::Band { to })
            }
        }
    }

    fn parse_assignee(&self) -> Result<Assignee> {
        match self.assignee.as_str() {
            "owner" => Ok(Assignee::Owner),
            "" => Ok(Assignee::Nobody),
            id => MemberId::parse(id).map(Assignee::Member).map_err(|_| Error::invalid("assignee", "must be an admin or a concierge")),
        }
    }
}

fn optional<T>(text: &str, parse: impl Fn(&str) -> Result<T>) -> Result<Option<T>> {
    match text.trim() {
        "" => Ok(None),
        text => parse(text).map(Some),
    }
}

fn number(field: &'static str, text: &str) -> Result<u32> {
    text.trim().parse().ok().filter(|number| *number <= 365).ok_or_else(|| Error::invalid(field, "must be 0 to 365"))
}
