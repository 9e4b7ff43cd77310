use hosting::SiteId;

use super::*;

const NOW: Timestamp = Timestamp(1_795_266_060_000);

fn line(severity: Severity, text: &str) -> Line {
    Line {
        at: Timestamp(1_795_266_000_000),
        stamp: "2026-11-21T13:00:00.000000001Z".to_owned(),
        service: "www".to_owned(),
        severity,
        text: text.to_owned(),
    }
}

fn recent(lines: Vec<Line>) -> Recent {
    let services: Vec<String> = ["alert", "api", "db", "www"].map(str::to_owned).to_vec();
    Recent { lines, read: services.clone(), services, unreadable: Vec::new() }
}

fn shown_at(place: Place, asked: Asked, seen: &Seen) -> String {
    let site = SiteId::parse("app_aaaaaaaa").unwrap();
    inside(&Shown { site: &site, asked: &asked, seen, place, now: NOW }).into_string()
}

fn part(asked: Asked, recent: Recent) -> String {
    shown_at(Place::Part, asked, &Seen::Lines(recent))
}

#[test]
fn what_a_container_writes_is_never_markup() {
    let nasty = "<script>alert(1)</script>\" onmouseover=\"x <img src=x onerror=alert(1)>";
    let page = part(Asked { q: nasty.to_owned(), ..Asked::default() }, recent(vec![line(Severity::Error, nasty)]));
    for raw in ["<script", "<img", "\" onmouseover"] {
        assert!(!page.contains(raw), "{raw}: {page}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("<span class=\"log-level\">error</span>"), "colour alone says nothing to some");
}

#[test]
fn the_part_is_folded_to_five_lines_and_has_the_seeds_buttons() {
    let many = part(Asked::default(), recent((0..50).map(|_| line(Severity::Info, "GET / 200")).collect()));
    assert!(many.contains("Recent logs") && many.contains("Refresh") && many.contains("All 50 lines"));
    assert!(many.contains("<details class=\"log-fold\">") && many.contains("data-foldable"));
    assert!(many.contains("href=\"/sites/app_aaaaaaaa/logs.txt\"") && many.contains("Open in full"));
    assert!(!many.contains("Follow"), "that is for admins, on the page");
    let few = part(Asked::default(), recent(vec![line(Severity::Info, "GET / 200")]));
    assert!(!few.contains("log-fold"));
}

#[test]
fn filters_are_links_that_keep_each_other() {
    let asked = Asked { q: "a&b".to_owned(), service: "db".to_owned(), order: "errors".to_owned(), ..Asked::default() };
    let page = part(asked, recent(vec![line(Severity::Warn, "odd a&b")]));
    let at = |name: &str| page.find(&format!(">{name}</a>")).unwrap_or_else(|| panic!("no filter {name}: {page}"));
    assert!(at("All") < at("www") && at("www") < at("api") && at("api") < at("alert") && at("alert") < at("db"));
    assert!(page.contains("href=\"/sites/app_aaaaaaaa/logs?q=a%26b&amp;service=api&amp;order=errors\""), "{page}");
    assert!(page.contains("href=\"/sites/app_aaaaaaaa/logs?q=a%26b&amp;service=db\""), "errors first is switched off: {page}");
    assert!(page.contains("name=\"service\" value=\"db\""));
    assert!(page.contains("href=\"/sites/app_aaaaaaaa/logs.txt?q=a%26b&amp;service=db&amp;order=errors\""));
}

#[test]
fn an_empty_log_is_good_news_only_when_it_was_read() {
    assert!(part(Asked::default(), recent(Vec::new())).contains("No recent errors - your site is running smoothly!"));
    let searched = part(Asked { q: "zebra".to_owned(), ..Asked::default() }, recent(Vec::new()));
    assert!(searched.contains("No line contains “zebra”.") && !searched.contains("smoothly"));
    let nothing_runs = part(Asked::default(), Recent { read: Vec::new(), ..recent(Vec::new()) });
    assert!(nothing_runs.contains("Nothing of this site runs here") && !nothing_runs.contains("smoothly"));
    let unread = Recent { unreadable: vec![("db".to_owned(), "its container is gone".to_owned())], ..recent(Vec::new()) };
    let unread = part(Asked::default(), unread);
    assert!(unread.contains("<b>db</b> could not be read: Its container is gone.") && !unread.contains("smoothly"));
    let by_errors = Asked { order: "errors".to_owned(), ..Asked::default() };
    assert!(part(by_errors.clone(), recent(vec![line(Severity::Info, "GET / 200")])).contains("running smoothly!"));
    assert!(!part(by_errors, recent(vec![line(Severity::Warn, "GET / 404")])).contains("running smoothly!"));
}

#[test]
fn what_cannot_be_read_offers_to_try_again() {
    let seen = Seen::Unavailable("Docker does not answer; start the Docker service on this server".to_owned());
    let page = shown_at(Place::Part, Asked { service: "db".to_owned(), ..Asked::default() }, &seen);
    assert!(page.contains("Logs unavailable") && page.contains("Docker does not answer;"));
    assert!(page.contains("Try again") && page.contains("href=\"/sites/app_aaaaaaaa/logs?service=db\""));
}

#[test]
fn only_those_who_may_are_offered_to_follow() {
    let seen = Seen::Lines(recent(vec![line(Severity::Info, "GET / 200")]));
    let page = |may_follow| shown_at(Place::Page { may_follow }, Asked { service: "www".to_owned(), ..Asked::default() }, &seen);
    assert!(page(true).contains("data-log-follow=\"/sites/app_aaaaaaaa/logs/follow?service=www\""));
    assert!(!page(false).contains("data-log-follow"));
    assert!(page(false).contains("500 lines") && !page(false).contains("log-fold") && !page(false).contains("hx-boost=\"true\""));
}

#[tokio::test]
async fn the_file_is_plain_text_to_be_saved() {
    let recent = Recent { unreadable: vec![("db".to_owned(), "gone".to_owned())], ..recent(vec![line(Severity::Error, "<b>no</b>")]) };
    let file = as_file(&SiteId::parse("app_aaaaaaaa").unwrap(), &recent);
    assert_eq!(file.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(file.headers()["content-disposition"], "attachment; filename=\"logs-app_aaaaaaaa.txt\"");
    let text = axum::body::to_bytes(file.into_body(), 10_000).await.unwrap();
    assert_eq!(text, "# db could not be read: gone\n2026-11-21T13:00:00.000000001Z www   error <b>no</b>\n");
}

#[test]
fn a_beat_of_the_stream_is_one_line() {
    let text = beat(Followed { lines: vec![line(Severity::Warn, "two\nlines")], problem: String::new() });
    assert_eq!(text.matches('\n').count(), 1);
    assert_eq!(
        text,
        "{\"lines\":[{\"at\":\"2026-11-21T13:00:00.000000001Z\",\"clock\":\"13:00:00\",\"service\":\"www\",\"severity\":\"warn\",\"text\":\"two\\nlines\"}],\"problem\":\"\"}\n"
    );
}
