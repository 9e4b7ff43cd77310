//! The 90-day bar: one slot a day, and the percentage.

use hosting::probes::uptime::{Day, overall, percent_text};
use maud::{Markup, html};
use ui::badge::Tone;
use ui::chart::{self, Slot};
use ui::{card, format, icon};

const DAY_MS: i64 = 86_400_000;
/// Days with less uptime than this are shown in the colour of a failure, those with less than all of it in amber.
const BAD_BELOW: f64 = 99.0;

pub(crate) fn bar(days: &[Day]) -> Markup {
    let all = overall(days);
    html! {
        div.gap {
            p.spread {
                span { "Uptime, last " (days.len()) " days" }
                @match all {
                    Some(all) => strong.figures { (percent_text(all)) },
                    None => (card::missing("It was not watched yet")),
                }
            }
            (slots(days, all))
            details.hint.disclosure {
                summary { (icon::chevron_right()) "View as table" }
                ul {
                    @for day in days.iter().rev().filter(|day| day.watched_ms > 0) {
                        li { (format::date(day.day * DAY_MS)) ": " (day.percent().map_or_else(|| "–".to_owned(), percent_text)) (down(day)) }
                    }
                }
            }
        }
    }
}

fn slots(days: &[Day], all: Option<f64>) -> Markup {
    let label = format!("Uptime by day: {}", all.map_or_else(|| "not watched yet".to_owned(), percent_text));
    let slots = days.iter().map(|day| Slot {
        tone: tone(day),
        is_known: day.watched_ms > 0,
        title: format!("{}: {}", format::date(day.day * DAY_MS), day.percent().map_or_else(|| "not watched".to_owned(), percent_text)),
    });
    chart::slots(&slots.collect::<Vec<_>>(), &label)
}

fn tone(day: &Day) -> Tone {
    match day.percent() {
        None => Tone::Neutral,
        Some(percent) if percent < BAD_BELOW => Tone::Bad,
        Some(percent) if percent < 100.0 => Tone::Warn,
        Some(_) => Tone::Ok,
    }
}

fn down(day: &Day) -> String {
    match u64::try_from(day.down_ms).unwrap_or(0) {
        0 => String::new(),
        down => format!(", down for {}", format::duration(down)),
    }
}
