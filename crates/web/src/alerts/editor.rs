//! The form of a rule.

use alerts::channels::{Channel, ChannelId};
use alerts::machine::NoData;
use alerts::metrics::{Metric, plain};
use alerts::quiet::{Quiet, minute_of_day, time_of_day};
use alerts::rules::{Condition, NewRule, Rule, Severity};
use kit::{Error, Result};
use maud::{Markup, html};
use ui::button::{self, Button, Kind};
use ui::card::{self, Card};
use ui::field::{self, Choice, Field};
use ui::form;

use crate::respond::Complaint;

const ON: &str = "on";
const TRY: &str = "try";

/// What was typed. Read from pairs: a form sends one field for each ticked channel.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    name: String,
    metric: String,
    is: String,
    value: String,
    window_minutes: String,
    hold_minutes: String,
    keep_minutes: String,
    min_samples: String,
    no_data: String,
    no_data_minutes: String,
    severity: String,
    wait_seconds: String,
    interval_minutes: String,
    repeat_minutes: String,
    quiet_from: String,
    quiet_to: String,
    quiet_weekends: String,
    active: String,
    channels: Vec<String>,
    do_: String,
}

impl Typed {
    pub(super) fn read(pairs: Vec<(String, String)>) -> Result<Typed> {
        let mut typed = Typed::default();
        for (field, value) in pairs {
            let place = match field.as_str() {
                "name" => &mut typed.name,
                "metric" => &mut typed.metric,
                "is" => &mut typed.is,
                "value" => &mut typed.value,
                "window_minutes" => &mut typed.window_minutes,
                "hold_minutes" => &mut typed.hold_minutes,
                "keep_minutes" => &mut typed.keep_minutes,
                "min_samples" => &mut typed.min_samples,
                "no_data" => &mut typed.no_data,
                "no_data_minutes" => &mut typed.no_data_minutes,
                "severity" => &mut typed.severity,
                "wait_seconds" => &mut typed.wait_seconds,
                "interval_minutes" => &mut typed.interval_minutes,
                "repeat_minutes" => &mut typed.repeat_minutes,
                "quiet_from" => &mut typed.quiet_from,
                "quiet_to" => &mut typed.quiet_to,
                "quiet_weekends" => &mut typed.quiet_weekends,
                "active" => &mut typed.active,
                "do" => &mut typed.do_,
                "channel" => {
                    typed.channels.push(value);
                    continue;
                }
                other => return Err(Error::invalid(other, "is not a field here")),
            };
            *place = value;
        }
        Ok(typed)
    }

    /// Whether it is only to be tried on the last days.
    pub(super) fn is_a_try(&self) -> bool {
        self.do_ == TRY
    }

    pub(super) fn new_rule() -> Typed {
        let rule = NewRule { condition: Condition::Above { value: 15.0 }, ..NewRule::of(Metric::ErrorRate) };
        Typed::of_says(&rule)
    }

    pub(super) fn of(rule: &Rule) -> Typed {
        Typed::of_says(&rule.says)
    }

    fn of_says(says: &NewRule) -> Typed {
        let ticked = |is: bool| if is { ON.to_owned() } else { String::new() };
        let is = match says.condition {
            Condition::Above { .. } => "above",
            Condition::AtLeast { .. } => "at_least",
            Condition::Below { .. } => "below",
            Condition::AtMost { .. } => "at_most",
            Condition::RisesBy { .. } => "rises_by",
            Condition::FallsBy { .. } => "falls_by",
        };
        Typed {
            name: says.name.clone(),
            metric: says.metric.to_string(),
            is: is.to_owned(),
            value: plain(says.condition.value()),
            window_minutes: says.window_minutes.to_string(),
            hold_minutes: says.hold_minutes.to_string(),
            keep_minutes: says.keep_minutes.to_string(),
            min_samples: says.min_samples.to_string(),
            no_data: says.no_data.to_string(),
            no_data_minutes: says.no_data_minutes.to_string(),
            severity: says.severity.to_string(),
            wait_seconds: says.wait_seconds.to_string(),
            interval_minutes: says.interval_minutes.to_string(),
            repeat_minutes: says.repeat_minutes.to_string(),
            quiet_from: says.quiet.hours.map(|(from, _)| time_of_day(from)).unwrap_or_default(),
            quiet_to: says.quiet.hours.map(|(_, to)| time_of_day(to)).unwrap_or_default(),
            quiet_weekends: ticked(says.quiet.weekends),
            active: ticked(says.is_active),
            channels: says.channels.iter().map(ToString::to_string).collect(),
            do_: String::new(),
        }
    }

    pub(super) fn parse(&self) -> Result<NewRule> {
        crate::extract::all_or_complaints!(
            metric: Metric::from_text(&self.metric).ok_or_else(|| Error::invalid("metric", "choose one of the figures")),
            value: real("value", &self.value),
            window_minutes: number("window_minutes", &self.window_minutes),
            hold_minutes: number("hold_minutes", &self.hold_minutes),
            keep_minutes: number("keep_minutes", &self.keep_minutes),
            min_samples: number("min_samples", &self.min_samples),
            no_data: NoData::from_text(&self.no_data).ok_or_else(|| Error::invalid("no_data", "choose one of the meanings")),
            no_data_minutes: number("no_data_minutes", &self.no_data_minutes),
            severity: Severity::from_text(&self.severity).ok_or_else(|| Error::invalid("severity", "choose one")),
            wait_seconds: number("wait_seconds", &self.wait_seconds),
            interval_minutes: number("interval_minutes", &self.interval_minutes),
            repeat_minutes: number("repeat_minutes", &self.repeat_minutes),
            hours: self.quiet_hours(),
            channels: self.parse_channels(),
        );
        let condition = match self.is.as_str() {
            "above" => Condition::Above { value },
            "at_least" => Condition::AtLeast { value },
            "below" => Condition::Below { value },
            "at_most" => Condition::AtMost { value },
            "rises_by" => Condition::RisesBy { value },
            "falls_by" => Condition::FallsBy { value },
            _ => return Err(Error::invalid("is", "choose one of the comparisons")),
        };
        Ok(NewRule {
            name: self.name.clone(),
            metric,
            condition,
            window_minutes,
            hold_minutes,
            keep_minutes,
            min_samples,
            no_data,
            no_data_minutes,
            severity,
            wait_seconds,
            interval_minutes,
            repeat_minutes,
            quiet: Quiet { hours, weekends: self.quiet_weekends == ON },
            channels,
            is_active: self.active == ON,
        })
    }

    fn quiet_hours(&self) -> Result<Option<(u32, u32)>> {
        match (self.quiet_from.trim(), self.quiet_to.trim()) {
            ("", "") => Ok(None),
            (from, to) => Ok(Some((minute_of_day("quiet_from", from)?, minute_of_day("quiet_to", to)?))),
        }
    }

    fn parse_channels(&self) -> Result<Vec<ChannelId>> {
        let parse = |id: &String| ChannelId::parse(id).map_err(|_| Error::invalid("channels", "choose channels of the list"));
        self.channels.iter().map(parse).collect()
    }
}

fn number(field: &'static str, text: &str) -> Result<u32> {
    text.trim().parse().map_err(|_| Error::invalid(field, "must be a whole number"))
}

fn real(field: &'static str, text: &str) -> Result<f64> {
    text.trim().replace(',', ".").parse().map_err(|_| Error::invalid(field, "must be a number"))
}

/// Shows the form.
pub(super) fn fields(action: &str, typed: &Typed, channels: &[Channel], complaint: &Complaint) -> Markup {
    let choice = |value, label| Choice { value, label, ..Choice::default() };
    let metrics: Vec<(String, String)> = Metric::ALL
        .iter()
        .map(|metric| {
            let about = metric.about();
            (metric.to_string(), if about.unit.is_empty() { about.label.to_owned() } else { format!("{} ({})", about.label, about.unit) })
        })
        .collect();
    let metrics: Vec<Choice<'_>> = metrics.iter().map(|(value, label)| choice(value.as_str(), label.as_str())).collect();
    let comparisons = [
        choice("above", "is above"),
        choice("at_least", "is at least"),
        choice("below", "is below"),
        choice("at_most", "is at most"),
        choice("rises_by", "rises by (percent, on the window before)"),
        choice("falls_by", "falls by (percent, on the window before)"),
    ];
    let meanings = [
        choice("fine", "All is well: no builds are no slow builds"),
        choice("keep", "Nothing changes"),
        choice("show", "Show it, and keep open what is open"),
        choice("alert", "Alert after a while"),
    ];
    let graveness = [choice("warning", "Warning"), choice("critical", "Critical")];
    let known = [
        "name",
        "metric",
        "is",
        "value",
        "window_minutes",
        "hold_minutes",
        "keep_minutes",
        "min_samples",
        "no_data",
        "no_data_minutes",
        "severity",
        "wait_seconds",
        "interval_minutes",
        "repeat_minutes",
        "quiet_from",
        "quiet_to",
        "channels",
    ];
    let amount = |name: &'static str, label: &'static str, value: &str, suffix: &'static str, hint: &'static str| {
        field::number(Field { name, label, value, suffix, hint, error: complaint.of(name), required: true, ..Field::default() })
    };
    html! {
        form.form method="post" action=(action) {
            (complaint.summary(&known))
            (card::simple("When", html! { div.form {
                (form::columns(html! {
                    (field::text(Field { name: "name", label: "Name", value: &typed.name, error: complaint.of("name"), maxlength: Some(60), autocomplete: "off", required: true, ..Field::default() }))
                    (field::select(Field { name: "severity", label: "How grave", value: &typed.severity, error: complaint.of("severity"), required: true, ..Field::default() }, &graveness))
                }))
                (form::columns(html! {
                    (field::select(Field { name: "metric", label: "Figure", value: &typed.metric, error: complaint.of("metric"), required: true, ..Field::default() }, &metrics))
                    (field::select(Field { name: "is", label: "Comparison", value: &typed.is, error: complaint.of("is"), required: true, ..Field::default() }, &comparisons))
                    (amount("value", "Limit", &typed.value, "", ""))
                }))
                (form::columns(html! {
                    (amount("window_minutes", "Window", &typed.window_minutes, "min", "Over how long figures of a window are made."))
                    (amount("hold_minutes", "True for", &typed.hold_minutes, "min", "0 alerts at once."))
                    (amount("keep_minutes", "False for", &typed.keep_minutes, "min", "Until it is over: what goes to and fro is one alert."))
                }))
                (amount("min_samples", "At least so many", &typed.min_samples, "samples", "Of shares and percentiles: with fewer builds nothing is judged."))
                (form::columns(html! {
                    (field::select(Field { name: "no_data", label: "Nothing to judge means", value: &typed.no_data, error: complaint.of("no_data"), required: true, ..Field::default() }, &meanings))
                    (amount("no_data_minutes", "… after", &typed.no_data_minutes, "min", ""))
                }))
                (field::switch(typed.active == ON, Field { name: "active", label: "The rule is looked at", ..Field::default() }))
            } }))
            (card::card(Card { title: "Who is told", hint: "Beside this page and the live channel, which always know.", body: html! { div.form {
                fieldset.field {
                    legend.label { "Channels" }
                    @if let Some(error) = complaint.of("channels") { p.field-error { (error) } }
                    @for channel in channels {
                        (field::checkbox(typed.channels.iter().any(|id| *id == channel.id.to_string()), Field {
                            name: "channel", id: &format!("field-{}", channel.id), value: channel.id.as_str(), label: &channel.name,
                            hint: if channel.note.is_some() { "Switched off after repeated failures." } else { "" }, ..Field::default()
                        }))
                    }
                    @if channels.is_empty() { p.hint { "There are no channels." } }
                }
                (form::columns(html! {
                    (amount("wait_seconds", "Wait for others", &typed.wait_seconds, "s", "Before the first message."))
                    (amount("interval_minutes", "Between messages", &typed.interval_minutes, "min", ""))
                    (amount("repeat_minutes", "Say it again after", &typed.repeat_minutes, "min", "0 for never."))
                }))
                (form::columns(html! {
                    (field::text(Field { name: "quiet_from", label: "Quiet from", value: &typed.quiet_from, error: complaint.of("quiet_from"), placeholder: "22:00", autocomplete: "off", ..Field::default() }))
                    (field::text(Field { name: "quiet_to", label: "Quiet until", value: &typed.quiet_to, error: complaint.of("quiet_to"), placeholder: "07:00", autocomplete: "off", hint: "By the time zone of the house. What lasts is told then.", ..Field::default() }))
                }))
                (field::checkbox(typed.quiet_weekends == ON, Field { name: "quiet_weekends", label: "Quiet on Saturdays and Sundays", ..Field::default() }))
            } }, ..Card::default() }))
            (form::actions(html! {
                (button::primary("Save rule"))
                (button::submit(Button { label: "Try on the last 30 days", name: "do", value: TRY, kind: Kind::Secondary, busy: "Looking…", ..Button::default() }))
                (button::link_secondary("/admin/alerts/rules", "Cancel"))
            }))
        }
    }
}
