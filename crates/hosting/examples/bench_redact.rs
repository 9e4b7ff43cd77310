//! How fast redaction is on one core: `cargo run --release -p hosting --example bench_redact`. `--check` fails when a limit is missed.
//!
//! Each figure is the median of several rounds over the same text, in MB of 1,000,000 bytes, in portions as a program reads them.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Instant;

use hosting::redact::{Known, Redactor};

const ROUNDS: usize = 9;
/// So much text a round.
const BYTES: usize = 32_000_000;
const PORTION: usize = 64 * 1024;
/// MB/s of logs in which nothing is secret, with the known values of a site.
const CLEAN: f64 = 150.0;
/// MB/s when every line holds a keyword.
const KEYWORDS: f64 = 30.0;

fn main() -> ExitCode {
    let check = std::env::args().any(|arg| arg == "--check");
    let values: Vec<String> = (1..=6).map(|at| format!("{:0>32}", 0x9e37_79b9_7f4a_7c15_u128.pow(3) / at)).collect();
    let known = Known::of(values.iter().map(String::as_str));
    let mut missed = false;
    for (name, text, known, limit) in [
        ("redaction, clean log, shapes only", clean_log(), Known::none(), CLEAN),
        ("redaction, clean log, with known values", clean_log(), known.clone(), CLEAN),
        ("redaction, every line holds a keyword", keyword_log(), known.clone(), KEYWORDS),
        ("redaction, every line holds a secret", secret_log(), known, KEYWORDS),
    ] {
        let figure = measure(&known, text.as_bytes());
        missed |= figure < limit;
        let verdict = if figure < limit { "MISSED" } else { "ok" };
        println!("{name:<52} {:>12} {:>12} {:>6.2}  {verdict}", format!("{figure:.0} MB/s"), format!("≥ {limit} MB/s"), figure / limit);
    }
    if check && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn measure(known: &Known, text: &[u8]) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let mut redactor = Redactor::new(known.clone());
            let mut out = Vec::with_capacity(2 * PORTION);
            let started = Instant::now();
            for portion in text.chunks(PORTION) {
                redactor.push(portion, &mut out);
                std::hint::black_box(&out);
                out.clear();
            }
            redactor.finish(&mut out);
            text.len() as f64 / 1e6 / started.elapsed().as_secs_f64()
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

/// What sites log on a good day: requests, with and without a referrer, structured lines, a database's remarks.
fn clean_log() -> String {
    repeat(|text, at| match at % 6 {
        0 | 1 => writeln!(
            text,
            "203.0.113.{} - - [05/Jan/2026:10:{:02}:07 +0000] \"GET /assets/index-{at:08x}.js HTTP/1.1\" 200 {} \"-\" \"Mozilla/5.0 (X11; Linux x86_64) Firefox/133.0\"",
            at % 250,
            at % 60,
            at * 37 % 90_000
        ),
        2 => writeln!(
            text,
            "198.51.100.{} - - [05/Jan/2026:10:{:02}:09 +0000] \"GET /orders?page={} HTTP/2.0\" 200 {} \"https://shop.example.com/\" \"Mozilla/5.0 (Macintosh)\"",
            at % 250,
            at % 60,
            at % 90,
            at * 17 % 9000
        ),
        3 => writeln!(
            text,
            "{{\"level\":\"info\",\"time\":17675{at:08},\"msg\":\"order placed\",\"order\":{at},\"ms\":{},\"items\":[{},{}]}}",
            at % 90,
            at % 7,
            at % 11
        ),
        4 => writeln!(
            text,
            "2026-01-05 10:00:00.{:03} UTC [{}] LOG:  checkpoint complete: wrote {} buffers (0.3%)",
            at % 1000,
            at % 300,
            at % 4000
        ),
        _ => writeln!(text, "time=2026-01-05T10:00:00Z level=info component=mailer msg=\"sent receipt\" order={at} took={}ms", at % 300),
    })
}

/// Lines that talk of tokens, keys and passwords without giving one away.
fn keyword_log() -> String {
    repeat(|text, at| match at % 5 {
        0 => writeln!(
            text,
            "203.0.113.{} - - [05/Jan/2026:10:00:07 +0000] \"POST /oauth/token HTTP/1.1\" 200 {} \"-\" \"okhttp/4.12\"",
            at % 250,
            at % 900
        ),
        1 => writeln!(text, "{{\"level\":\"info\",\"msg\":\"cache miss\",\"cache_key\":\"user:{at}:profile\",\"ms\":{}}}", at % 90),
        2 => writeln!(
            text,
            "time=2026-01-05T10:00:00Z level=info msg=\"completion\" max_tokens=4096 prompt_tokens={} total_tokens={at}",
            at % 900
        ),
        3 => writeln!(text, "2026-01-05T10:00:00Z user {at} changed the password; old sessions ended, api keys stay valid"),
        _ => {
            writeln!(text, "2026-01-05 10:00:00 UTC [{}] ERROR:  duplicate key value violates unique constraint \"orders_pkey\"", at % 300)
        }
    })
}

/// The worst case: something to hide on every line.
fn secret_log() -> String {
    repeat(|text, at| match at % 4 {
        0 => writeln!(text, "GET /callback?token={:032x}&state=7 HTTP/1.1 200 {}", at as u128 * 0x9e37_79b9, at % 900),
        1 => writeln!(text, "connecting to postgres://shop:pw{at}@db:5432/shop with pool of {}", at % 20),
        2 => writeln!(text, "{{\"level\":\"debug\",\"user\":\"ada\",\"password\":\"pw{at}\",\"remember\":true}}"),
        _ => writeln!(text, "Authorization: Bearer {:032x}", at as u128 * 0x7f4a_7c15),
    })
}

fn repeat(line: impl Fn(&mut String, usize) -> std::fmt::Result) -> String {
    let mut text = String::with_capacity(BYTES + 1000);
    for at in 0.. {
        if text.len() >= BYTES {
            break;
        }
        line(&mut text, at).expect("a string takes all");
    }
    text
}
