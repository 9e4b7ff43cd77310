//! The card *Resource usage*: what the site takes of what it should keep to.

use hosting::HostingConfig;
use hosting::usage::Totals;
use kit::Timestamp;
use maud::{Markup, html};
use ui::card::{self, Card};
use ui::feedback::{self, Quota};
use ui::format;
use ui::live::{self, Region};

use super::Facts;
use crate::app::App;
use crate::portal::to;

/// Seconds between looks: requests are added up each minute.
const BEAT: u32 = 60;
const MB: i64 = 1_000_000;
const GB: i64 = 1_000 * MB;

pub(super) fn card(app: &App, facts: &Facts, totals: &Totals) -> Markup {
    let here = to(&format!("/sites/{}", facts.site.id), &[("part", "usage"), ("layout", facts.layout().name())]);
    let topic = format!("usage:{}", facts.site.id);
    card::card(Card {
        title: "Resource usage",
        id: "usage",
        help: "What your site stores and what its visitors ask for. Nothing is cut off at a limit; talk to us when you come near one.",
        body: live::region(Region {
            topic: &topic,
            url: &here,
            poll: Some(BEAT),
            always_poll: true,
            body: inside(&app.hosting.config, totals, facts.now),
            ..Region::default()
        }),
        ..Card::default()
    })
}

/// The part that changes.
pub(super) fn inside(limits: &HostingConfig, totals: &Totals, now: Timestamp) -> Markup {
    let of_template =
        if totals.is_counted { "Measured every 15 minutes; the first figure comes soon." } else { "Not measured in adopted containers." };
    let uncounted = "Not counted: visitors do not come through Innkeeper's edge.";
    html! {
        (size("Database", totals.database_bytes, i64::from(limits.quota_database_mb) * MB, of_template))
        (size("Files", totals.files_bytes, i64::from(limits.quota_files_mb) * MB, of_template))
        (requests(totals, i64::from(limits.quota_requests_per_day), uncounted))
        (size("Bandwidth this month", totals.bytes_this_month, i64::from(limits.quota_bandwidth_gb) * GB, uncounted))
        @if let Some(at) = totals.measured_at { p.hint { "Sizes measured " (format::time_ago(at.0, now.0)) "." } }
    }
}

fn size(label: &str, used: Option<i64>, limit: i64, why_missing: &str) -> Markup {
    let written = |bytes: i64| format::bytes(bytes.unsigned_abs());
    bar(label, used, limit, &written, "", why_missing)
}

fn requests(totals: &Totals, limit: i64, why_missing: &str) -> Markup {
    let failed = match totals.server_errors_today {
        Some(errors) if errors > 0 => format!("{} of them failed. ", format::count(errors)),
        _ => String::new(),
    };
    bar("Requests today", totals.requests_today, limit, &format::count, &format!("{failed}Counts again from 00:00 UTC."), why_missing)
}

/// One figure: with a bar where there is a limit, with a reason where there is no figure.
fn bar(label: &str, used: Option<i64>, limit: i64, written: &dyn Fn(i64) -> String, hint: &str, why_missing: &str) -> Markup {
    let Some(used) = used else {
        return feedback::quota(Quota { label, text: format::MISSING, hint: why_missing, ..Quota::default() });
    };
    let text = match limit {
        0 => written(used),
        limit => format!("{} of {}", written(used), written(limit)),
    };
    #[expect(clippy::cast_precision_loss, reason = "a bar")]
    let (used, limit) = (used as f64, (limit > 0).then_some(limit as f64));
    feedback::quota(Quota { label, used, limit, text: &text, hint })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(toml: &str) -> HostingConfig {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("innkeeper.toml");
        std::fs::write(&path, format!("[hosting]\n{toml}")).unwrap();
        crate::Config::load(Some(&path), &[]).unwrap().hosting
    }

    #[test]
    fn limits_make_bars_and_no_limit_leaves_the_figure_alone() {
        let totals = Totals {
            requests_today: Some(48_900),
            server_errors_today: Some(3),
            bytes_this_month: Some(12_400_000_000),
            database_bytes: Some(312_000_000),
            files_bytes: Some(4_800_000_000),
            measured_at: Some(Timestamp(1)),
            is_counted: true,
        };
        let limits = limits("quota_database_mb = 1000\nquota_files_mb = 5000\nquota_requests_per_day = 50000\nquota_bandwidth_gb = 0");
        let shown = inside(&limits, &totals, Timestamp(60_000)).into_string();
        for text in ["312\u{a0}MB of 1.0\u{a0}GB", "4.8\u{a0}GB of 5.0\u{a0}GB", "48,900 of 50,000", "12\u{a0}GB", "3 of them failed"] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        assert_eq!(shown.matches("<svg").count(), 3, "{shown}");
        // 96 % of the files' and 98 % of the requests' limit.
        assert_eq!(shown.matches("data-tone=\"bad\"").count(), 2, "{shown}");
    }

    #[test]
    fn unknown_figures_are_dashes_with_reasons_and_never_zero() {
        let shown = inside(&limits(""), &Totals::default(), Timestamp(0)).into_string();
        assert_eq!(shown.matches('–').count(), 4, "{shown}");
        assert!(shown.contains("Not measured in adopted containers") && shown.contains("Not counted"), "{shown}");
        assert!(!shown.contains(">0<"), "{shown}");
    }
}
