//! The answer to a funnel.

use events::Who;
use insight::funnel::{Answer, Question, Rate, Step, Value, ValueRow};
use maud::{Markup, html};
use ui::badge::{self, Tone};
use ui::card::{self, Card};
use ui::chart::{self, Columns, Stack};
use ui::table::{self, Column, Row, Table};
use ui::{feedback, format};

use super::PEOPLE;
use super::asked::with;
use crate::score;

/// A share, and the range in which it lies with 95 %.
pub fn rate(rate: Option<Rate>) -> Markup {
    match rate {
        Some(rate) => html! {
            (format::percent(rate.share, 1))
            br; span.hint.nowrap { (format::percent(rate.low, 1)) "–" (format::percent(rate.high, 1)) }
        },
        None => card::missing("Nobody was there"),
    }
}

/// Shows the whole answer.
pub(super) fn show(question: &Question, answer: &Answer, zone: &str) -> Markup {
    html! {
        (steps(question, answer, zone))
        (days(answer))
        @if question.breakdown.is_some() { (values(question, answer)) }
    }
}

fn who(question: &Question) -> &'static str {
    match question.who {
        Who::People => "People",
        Who::Customers => "Customers",
    }
}

fn steps(question: &Question, answer: &Answer, zone: &str) -> Markup {
    let first = answer.steps.first().map_or(0, |step| step.people);
    let row = |(place, step): (usize, &Step)| {
        let number = (place + 1).to_string();
        let to_people = |more: &[(&str, &str)]| with(PEOPLE, question, more);
        let dropped = place.checked_sub(1).map(|before| answer.steps[before].people - step.people);
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let share = if first == 0 { 0.0 } else { step.people as f64 / first as f64 };
        Row::new([
            html! {
                strong { (number) ". " (step.name) }
                @if !step.is_known { " " (badge::tag(Tone::Warn, "Never came in")) }
            },
            html! {
                @if step.people == 0 { "0" } @else { a href=(to_people(&[("step", &number)])) { (count(step.people)) } }
                (feedback::bar(Tone::Accent, share))
            },
            rate(step.of_first),
            if place == 0 { card::missing("It is the first step") } else { rate(step.of_previous) },
            match dropped {
                None => card::missing("It is the first step"),
                Some(0) => html! { "0" },
                Some(dropped) => html! { a href=(to_people(&[("step", &number), ("dropped", "yes")])) { (count(dropped)) } },
            },
            took(place, step.median_ms),
            took(place, step.p90_ms),
        ])
    };
    let range = format!("Entered {} to {}, by the calendar of {zone}", score::long(answer.from), score::long(answer.to));
    card::card(Card {
        title: "Steps",
        help: "Of somebody's chains of steps the longest counts, and of equally long ones the earliest. The window runs from the first step; later steps may come after the days that are shown.",
        hint: &range,
        badge: html! { @if answer.converting > 0 { (badge::tag(Tone::Neutral, &format!("{} still converting", format::count(i64::try_from(answer.converting).unwrap_or(i64::MAX))))) } },
        flush: true,
        body: table::table(Table {
            caption: "Steps of the funnel",
            columns: &[
                Column::new("Step"),
                Column::number(who(question)),
                Column::number("Of the first"),
                Column::number("Of the step before"),
                Column::number("Dropped").minor(),
                Column::number("Half took at most").minor(),
                Column::number("9 of 10 took at most").minor(),
            ],
            rows: answer.steps.iter().enumerate().map(row).collect(),
            bare: true,
            ..Table::default()
        }),
        footer: html! { "As of " (format::date_time(answer.as_of.0)) ", worked out in " (format::count(i64::try_from(answer.took_ms).unwrap_or(i64::MAX))) " ms. Ranges are where a share lies with 95 %." },
        ..Card::default()
    })
}

fn count(people: u64) -> String {
    format::count(i64::try_from(people).unwrap_or(i64::MAX))
}

fn took(place: usize, millis: Option<u64>) -> Markup {
    match millis {
        Some(millis) => html! { span.nowrap { (format::duration(millis)) } },
        None if place == 0 => card::missing("It is the first step"),
        None => card::missing("Nobody got here"),
    }
}

fn days(answer: &Answer) -> Markup {
    let labels: Vec<String> = answer.days.iter().map(|day| score::short(day.day)).collect();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let (finished, others): (Vec<f64>, Vec<f64>) =
        answer.days.iter().map(|day| (day.finished as f64, (day.entered - day.finished) as f64)).unzip();
    let (entered, done): (u64, u64) = answer.days.iter().fold((0, 0), |(entered, done), day| (entered + day.entered, done + day.finished));
    card::card(Card {
        title: "By day of entry",
        help: "Days that are hatched may still convert: the window of those who entered then is not over.",
        body: chart::columns(&Columns {
            title: "Who entered on each day, and who did all steps",
            summary: &format!("{} entered, {} did all steps.", count(entered), count(done)),
            labels: &labels,
            stacks: &[Stack { name: "Did all steps", values: &finished }, Stack { name: "Did not", values: &others }],
            unfinished_from: answer.days.iter().position(|day| day.is_converting),
            ..Columns::default()
        }),
        ..Card::default()
    })
}

fn values(question: &Question, answer: &Answer) -> Markup {
    let by = question.breakdown.as_ref().map_or("", |breakdown| breakdown.by.as_str());
    let mut columns = vec![Column::new(by.to_owned())];
    columns.extend((1..=question.steps.len()).map(|step| Column::number(format!("Step {step}"))));
    columns.push(Column::number("Did all steps"));
    let row = |row: &ValueRow| {
        let key = match &row.value {
            Value::Word(word) => format!("={word}"),
            Value::None => "none".to_owned(),
            Value::NotReached => String::new(),
        };
        let mut cells = vec![match &row.value {
            Value::Word(word) => html! { (word) },
            Value::None => card::missing("Without this property"),
            Value::NotReached => html! { span.hint { "Step not reached" } },
        }];
        cells.extend(row.people.iter().zip(1..).map(|(people, step): (&u64, usize)| {
            html! { @if *people == 0 || key.is_empty() { (count(*people)) } @else { a href=(with(PEOPLE, question, &[("step", &step.to_string()), ("value", &key)])) { (count(*people)) } } }
        }));
        cells.push(rate(Rate::of(row.people.last().copied().unwrap_or(0), row.people.first().copied().unwrap_or(0))));
        Row::new(cells)
    };
    let more = match answer.more_values {
        0 => Markup::default(),
        more => html! { (format::count(i64::try_from(more).unwrap_or(i64::MAX))) " further values with fewer people are not shown." },
    };
    card::card(Card {
        title: "Breakdown",
        flush: true,
        body: table::table(Table {
            caption: "Breakdown",
            columns: &columns,
            rows: answer.values.iter().map(row).collect(),
            empty: html! { p.card-note.hint { "Nobody entered." } },
            bare: true,
            ..Table::default()
        }),
        footer: more,
        ..Card::default()
    })
}
