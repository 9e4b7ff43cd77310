//! What goes over several lines, and lines that are too long.

use hosting::redact::{self, Known, LONGEST_LINE, Redactor};

use super::draw::{BASE64, Draw};

fn key(lines: usize) -> (String, Vec<String>) {
    let mut draw = Draw::new(3);
    let body: Vec<String> = (0..lines).map(|_| draw.word(BASE64, 64)).collect();
    let (head, foot) = (["-----BEGIN PRIV", "ATE KEY-----"].concat(), ["-----END PRIV", "ATE KEY-----"].concat());
    (format!("{head}\n{}\n{foot}\n", body.join("\n")), body)
}

fn shown(text: &str) -> String {
    redact::text(&Known::none(), text)
}

#[test]
fn private_key_over_lines_is_one_placeholder() {
    let (key, _) = key(20);
    assert_eq!(shown(&format!("before\n{key}after\n")), "before\n[redacted:private-key]\nafter\n");
}

#[test]
fn private_key_behind_a_log_prefix_is_hidden() {
    let (key, body) = key(5);
    let prefixed: String = key.lines().map(|line| format!("2026-01-05T10:00:00Z api-1 | {line}\n")).collect();
    let shown = shown(&format!("{prefixed}2026-01-05T10:00:01Z api-1 | ready\n"));
    assert!(body.iter().all(|line| !shown.contains(&line[..20])), "{shown}");
    assert!(shown.ends_with("api-1 | ready\n"), "{shown}");
}

#[test]
fn private_key_without_an_end_is_hidden_and_the_log_goes_on() {
    let (key, body) = key(5);
    let cut = key.split("-----END").next().unwrap();
    let shown = shown(&format!("{cut}one stranger\ntwo strangers\nthree strangers\nthe log goes on\n"));
    assert!(body.iter().all(|line| !shown.contains(line.as_str())), "{shown}");
    assert_eq!(shown, "[redacted:private-key]\nthe log goes on\n");
}

#[test]
fn log_that_begins_inside_of_a_private_key_hides_it() {
    let (key, _) = key(5);
    let rest = key.split_once('\n').unwrap().1;
    assert!(shown(&format!("{rest}ready\n")).starts_with("[redacted:private-key]\n"));
    assert!(shown(&format!("{rest}ready\n")).ends_with("ready\n"));
}

#[test]
fn known_value_of_several_lines_is_hidden_whole_and_line_by_line() {
    let value = "first line of the secret\r\nab\r\nthird line of the secret";
    let known = Known::of([value]);
    assert_eq!(redact::text(&known, &format!("x {value} y\n")), "x [redacted:secret] y\n");
    assert_eq!(
        redact::text(&known, "api | first line of the secret\napi | third line of the secret\n"),
        "api | [redacted:secret]\napi | [redacted:secret]\n"
    );
}

#[test]
fn known_value_longer_than_a_piece_is_hidden_whole() {
    let value = Draw::new(5).word(BASE64, 10_001);
    let known = Known::of([value.as_str()]);
    assert_eq!(redact::text(&known, &format!("x {value} y")), "x [redacted:secret] y");
}

#[test]
fn line_that_is_too_long_shows_whole_words_of_its_beginning() {
    let mut line = "word ".repeat(LONGEST_LINE / 5 - 1);
    line += &"x".repeat(LONGEST_LINE);
    let all = format!("{line} password=abc\nnext\n");
    let wanted = format!("{}[redacted:long-line]\nnext\n", "word ".repeat(LONGEST_LINE / 5 - 1));
    assert_eq!(shown(&all), wanted);
    let mut redactor = Redactor::new(Known::none());
    let mut out = Vec::new();
    all.as_bytes().chunks(1000).for_each(|part| redactor.push(part, &mut out));
    redactor.finish(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
}

#[test]
fn key_that_begins_in_the_hidden_part_of_a_line_stays_hidden() {
    let (key, body) = key(5);
    let shown = shown(&format!("{} {key}ready\n", "x".repeat(LONGEST_LINE)));
    assert!(body.iter().all(|line| !shown.contains(line.as_str())), "{shown}");
    assert!(shown.ends_with("ready\n"), "{shown}");
}

#[test]
fn yaml_block_under_a_secret_name_is_hidden() {
    let text = "db:\n  password: |\n    first\n\n    second\n  host: db\n";
    assert_eq!(shown(text), "db:\n  password: |\n[redacted:secret]\n  host: db\n");
}

#[test]
fn line_that_takes_too_much_to_decide_is_hidden() {
    let line = "key=".repeat(LONGEST_LINE / 4);
    let shown = shown(&format!("{line}\nnext\n"));
    assert!(shown.ends_with("[redacted:undecided]\nnext\n") && shown.len() < line.len(), "{}", shown.len());
}

#[test]
fn finished_lines_come_out_at_once() {
    let mut redactor = Redactor::new(Known::of(["hunter2hunter2"]));
    let mut out = Vec::new();
    redactor.push(b"one\ntwo\nthr", &mut out);
    assert_eq!(out, b"one\ntwo\n");
    redactor.push(b"ee", &mut out);
    redactor.finish(&mut out);
    assert_eq!(out, b"one\ntwo\nthree");
}
