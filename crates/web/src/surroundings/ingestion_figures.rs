//! How events come in, for Prometheus.

use std::fmt::Write as _;

use events::wire::Trouble;
use events::{COMMIT_CLASSES, Vitals};

use super::metrics::family;

const COMMITS: &str = "innkeeper_events_commit_seconds";

/// The figures in Prometheus' text format. Counts begin with the process.
pub fn text(vitals: &Vitals, bytes_read: usize, troubles: &[(Trouble, &'static str, u64)]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "counts, far below 2^52")]
    let real = |count: u64| count as f64;
    let one = |count: u64| [(String::new(), real(count))];
    let totals = &vitals.since_start;
    let mut text = String::new();
    family(&mut text, "innkeeper_events_stored_total", "counter", "Events stored", one(totals.stored));
    family(
        &mut text,
        "innkeeper_events_duplicates_total",
        "counter",
        "Events that were sent again and counted once",
        one(totals.duplicates),
    );
    let of = |refuses: bool| {
        let some = troubles.iter().filter(move |(trouble, ..)| trouble.refuses() == refuses);
        some.map(|(trouble, source, count)| (format!(r#"reason="{trouble}",source="{source}""#), real(*count)))
    };
    family(&mut text, "innkeeper_events_refused_total", "counter", "Events and requests refused, by reason and format", of(true));
    family(
        &mut text,
        "innkeeper_events_changed_total",
        "counter",
        "Events taken otherwise than they were sent, by reason and format",
        of(false),
    );
    family(&mut text, "innkeeper_events_turned_away_total", "counter", "Batches refused because too much waited", one(vitals.refused));
    let waiting = vitals.waiting_bytes + bytes_read as u64;
    family(&mut text, "innkeeper_events_waiting_bytes", "gauge", "Bytes that are being read or wait to be written", one(waiting));
    let _ = writeln!(text, "# HELP {COMMITS} Time of a transaction that stores events\n# TYPE {COMMITS} histogram");
    let mut sum = 0;
    for (class, count) in totals.commits.iter().enumerate() {
        sum += count;
        let end = COMMIT_CLASSES.get(class).map_or_else(|| "+Inf".to_owned(), f64::to_string);
        let _ = writeln!(text, "{COMMITS}_bucket{{le=\"{end}\"}} {sum}");
    }
    let _ = writeln!(text, "{COMMITS}_sum {}\n{COMMITS}_count {sum}", totals.commit_time.as_secs_f64());
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use events::Totals;

    use super::*;

    #[test]
    fn figures_are_as_prometheus_reads_them() {
        let commits = [0, 2, 0, 1, 0, 0, 0, 0, 0, 1];
        let since_start = Totals { stored: 12, duplicates: 3, commits, commit_time: Duration::from_millis(1250) };
        let vitals = Vitals { waiting_bytes: 1024, refused: 2, since_start, ..Vitals::default() };
        let troubles = [(Trouble::MissingName, "posthog", 4), (Trouble::BadTime, "segment", 1)];
        let text = text(&vitals, 6, &troubles);
        for line in [
            "innkeeper_events_stored_total{} 12",
            "innkeeper_events_duplicates_total{} 3",
            r#"innkeeper_events_refused_total{reason="missing_name",source="posthog"} 4"#,
            r#"innkeeper_events_changed_total{reason="bad_time",source="segment"} 1"#,
            "innkeeper_events_turned_away_total{} 2",
            "innkeeper_events_waiting_bytes{} 1030",
            "# TYPE innkeeper_events_commit_seconds histogram",
            r#"innkeeper_events_commit_seconds_bucket{le="0.0025"} 0"#,
            r#"innkeeper_events_commit_seconds_bucket{le="0.005"} 2"#,
            r#"innkeeper_events_commit_seconds_bucket{le="1"} 3"#,
            r#"innkeeper_events_commit_seconds_bucket{le="+Inf"} 4"#,
            "innkeeper_events_commit_seconds_sum 1.25",
            "innkeeper_events_commit_seconds_count 4",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
        }
    }
}
