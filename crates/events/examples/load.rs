//! Sends events over HTTP as SDKs do, and says how many were taken in each second and how long each request waited.
//!
//! Bodies are made and compressed before the clock starts, so that what is measured is the server; each event has an id of its own.
//!
//! `cargo run --release -p events --example load -- --to 127.0.0.1:8080 --token … --seconds 10 --batch 100 --connections 16`
//!
//! `--rate 300` sends so many requests a second, whether or not earlier ones were answered, and times each from when it should have left;
//! without it each connection sends as soon as it has its answer. `--door` is `posthog`, `segment`, `native` (one customer's own route), `get`
//! (`--path` with `{customer}` in it), or `list`: the requests of the file `--list` in turn, each line a path and a header with a tab between.
//! Prints one JSON object; `--waits` names a file for the milliseconds of each answer. `late_p99_ms` is how late requests left: the generator's own
//! share of the waits.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use events::sample::{Chance, Many};
use flate2::Compression;
use flate2::write::GzEncoder;
use kit::{Clock, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// What was asked for on the command line.
struct Wish {
    to: String,
    token: String,
    door: String,
    path: String,
    /// Lines of `--list`.
    list: Vec<String>,
    waits: String,
    batch: u64,
    connections: usize,
    seconds: u64,
    rate: f64,
    gzip: bool,
    many: Many,
    /// The first event's number, so that several runs share no event.
    first: u64,
    requests: usize,
}

impl Wish {
    fn read(clock: &Clock) -> Wish {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let text = |name: &str, default: &str| {
            let place = words.iter().position(|word| word.strip_prefix("--") == Some(name));
            place.and_then(|place| words.get(place + 1)).cloned().unwrap_or_else(|| default.to_owned())
        };
        let figure = |name: &str, default: u64| text(name, "").parse().unwrap_or(default);
        let (batch, seconds, rate) = (figure("batch", 100).max(1), figure("seconds", 10), text("rate", "0").parse().unwrap_or(0.0));
        let guess = if rate > 0.0 { rate * seconds as f64 } else { figure("expect", 60_000) as f64 * seconds as f64 / batch as f64 };
        let requests = figure("requests", guess as u64 + 64);
        let first = figure("first", 0);
        Wish {
            to: text("to", "127.0.0.1:8080"),
            token: text("token", ""),
            door: text("door", "posthog"),
            path: text("path", "/api/customers/{customer}/health"),
            list: match text("list", "").as_str() {
                "" => Vec::new(),
                file => std::fs::read_to_string(file).expect("the list can be read").lines().map(str::to_owned).collect(),
            },
            waits: text("waits", ""),
            batch,
            connections: usize::try_from(figure("connections", 16)).unwrap_or(16),
            seconds,
            rate,
            gzip: text("gzip", "yes") == "yes",
            many: Many {
                seed: figure("seed", 1),
                customers: u32::try_from(figure("customers", 1000)).unwrap_or(1000),
                // Events of these minutes, as a live sender's are.
                events: first + requests * batch,
                days: 1,
                until: clock.now(),
            },
            first,
            requests: usize::try_from(requests).unwrap_or(usize::MAX),
        }
    }

    /// The whole request with this number, as it goes over the wire.
    fn request(&self, number: u64) -> Vec<u8> {
        let numbers = self.first + number * self.batch..self.first + (number + 1) * self.batch;
        let customer = |number: u32| self.many.customer(number);
        if self.door == "get" {
            let chosen = Chance::of(&[self.many.seed, number]).below(self.many.customers as usize);
            let path = self.path.replace("{customer}", customer(u32::try_from(chosen).unwrap_or(0)).as_str());
            return format!("GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n", self.to, self.token).into_bytes();
        }
        if self.door == "list" {
            let place = usize::try_from(self.first + number).unwrap_or(0) % self.list.len();
            let (path, header) = self.list[place].split_once('\t').expect("a tab between path and header");
            return format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{header}\r\n\r\n", self.to).into_bytes();
        }
        let parts: Vec<_> = numbers.map(|number| self.many.part(number)).collect();
        let now = self.many.until.rfc3339();
        let (path, body) = match self.door.as_str() {
            "segment" => {
                let batch: Vec<String> = parts
                    .iter()
                    .map(|part| {
                        format!(
                            r#"{{"type":"track","messageId":"node-next-{}","userId":"{}","anonymousId":null,"event":"{}","timestamp":"{}","properties":{},"context":{{"groupId":"{}","library":{{"name":"@segment/analytics-node","version":"3.1.0"}}}},"integrations":{{}}}}"#,
                            part.id, part.person, part.name, time(part.at), part.props, customer(part.customer)
                        )
                    })
                    .collect();
                ("/v1/batch".to_owned(), format!(r#"{{"writeKey":"{}","sentAt":"{now}","batch":[{}]}}"#, self.token, batch.join(",")))
            }
            "native" => {
                let batch: Vec<String> = parts
                    .iter()
                    .map(|part| {
                        format!(
                            r#"{{"id":"{}","name":"{}","person":"{}","timestamp":"{}","properties":{}}}"#,
                            part.id,
                            part.name,
                            part.person,
                            time(part.at),
                            part.props
                        )
                    })
                    .collect();
                let whose = customer(parts[0].customer);
                (format!("/api/customers/{whose}/events"), if self.batch == 1 { batch.concat() } else { format!("[{}]", batch.join(",")) })
            }
            _ => {
                let batch: Vec<String> = parts
                    .iter()
                    .map(|part| {
                        let props = part.props.strip_suffix('}').unwrap_or_default();
                        format!(
                            r#"{{"event":"{}","uuid":"{}","distinct_id":"{}","timestamp":"{}","properties":{props},"$groups":{{"customer":"{}"}}}}}}"#,
                            part.name, part.id, part.person, time(part.at), customer(part.customer)
                        )
                    })
                    .collect();
                let body = match self.batch {
                    1 => format!(r#"{{"api_key":"{}",{}"#, self.token, batch[0].trim_start_matches('{')),
                    _ => format!(
                        r#"{{"api_key":"{}","historical_migration":false,"sent_at":"{now}","batch":[{}]}}"#,
                        self.token,
                        batch.join(",")
                    ),
                };
                (if self.batch == 1 { "/capture/" } else { "/batch/" }.to_owned(), body)
            }
        };
        let (body, encoding) = match self.gzip {
            true => (compress(body.as_bytes()), "content-encoding: gzip\r\n"),
            false => (body.into_bytes(), ""),
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n{encoding}content-length: {}\r\n\r\n",
            self.to,
            self.token,
            body.len()
        );
        [head.into_bytes(), body].concat()
    }
}

fn time(at: Timestamp) -> String {
    let text = at.rfc3339();
    format!("{}.{:03}Z", text.trim_end_matches('Z'), at.0.rem_euclid(1000))
}

fn compress(body: &[u8]) -> Vec<u8> {
    // The level that the SDKs use.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(body).expect("memory takes all bytes");
    gzip.finish().expect("memory takes all bytes")
}

/// What one connection saw.
#[derive(Default)]
struct Seen {
    waits: Vec<f64>,
    late: Vec<f64>,
    answers: BTreeMap<String, u64>,
}

struct Run {
    wish: Wish,
    bodies: Vec<Vec<u8>>,
    next: AtomicUsize,
    /// One permit for each request whose time has come.
    due: Semaphore,
    start: Instant,
}

impl Run {
    /// Lets requests go at the rate. On a thread of its own: the runtime's timer goes by whole milliseconds.
    fn pace(&self) {
        for number in 0..self.bodies.len() {
            let due = Duration::from_secs_f64(number as f64 / self.wish.rate);
            if due >= Duration::from_secs(self.wish.seconds) {
                break;
            }
            if let Some(early) = due.checked_sub(self.start.elapsed()) {
                thread::sleep(early);
            }
            self.due.add_permits(1);
        }
        self.due.add_permits(self.wish.connections);
    }
}

fn main() {
    let wish = Wish::read(&Clock::System);
    let bodies: Vec<Vec<u8>> = (0..wish.requests as u64).map(|number| wish.request(number)).collect();
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    // One thread: the server shall have the other core.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the runtime starts");
    let run = Arc::new(Run { wish, bodies, next: AtomicUsize::new(0), due: Semaphore::new(0), start: Instant::now() });
    if run.wish.rate > 0.0 {
        let paced = run.clone();
        thread::spawn(move || paced.pace());
    }
    let seen = runtime.block_on(all(run.clone()));
    let took = run.start.elapsed().as_secs_f64();
    let sorted = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values
    };
    let waits = sorted(seen.iter().flat_map(|seen| seen.waits.iter().copied()).collect());
    let late = sorted(seen.iter().flat_map(|seen| seen.late.iter().copied()).collect());
    if !run.wish.waits.is_empty() {
        let lines: Vec<String> = waits.iter().map(|wait| format!("{wait:.3}")).collect();
        std::fs::write(&run.wish.waits, lines.join("\n")).expect("the waits can be written");
    }
    let mut answers: BTreeMap<String, u64> = BTreeMap::new();
    for (answer, count) in seen.into_iter().flat_map(|seen| seen.answers) {
        *answers.entry(answer).or_default() += count;
    }
    let of = |values: &[f64], share: f64| {
        let place = (values.len() as f64 * share) as usize;
        values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    let at = |share: f64| of(&waits, share);
    let good = waits.len() as f64;
    let events = if matches!(run.wish.door.as_str(), "get" | "list") { 0.0 } else { good * run.wish.batch as f64 };
    println!(
        r#"{{"seconds":{took:.2},"requests":{good},"requests_per_s":{:.0},"events":{events},"events_per_s":{:.0},"p50_ms":{:.2},"p95_ms":{:.2},"p99_ms":{:.2},"max_ms":{:.2},"late_p99_ms":{:.2},"body_bytes":{:.0},"ran_dry":{},"answers":{}}}"#,
        good / took,
        events / took,
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0),
        of(&late, 0.99),
        bytes as f64 / run.bodies.len().max(1) as f64,
        run.wish.rate <= 0.0 && run.next.load(Ordering::Relaxed) >= run.bodies.len(),
        serde_json::to_string(&answers).expect("counts serialize"),
    );
}

async fn all(run: Arc<Run>) -> Vec<Seen> {
    let tasks: Vec<_> = (0..run.wish.connections).map(|_| tokio::spawn(connection(run.clone()))).collect();
    let mut seen = Vec::new();
    for task in tasks {
        seen.push(task.await.expect("a connection does not panic"));
    }
    seen
}

/// Sends until the time is over or nothing is left to send.
async fn connection(run: Arc<Run>) -> Seen {
    let mut seen = Seen::default();
    let mut stream: Option<TcpStream> = None;
    let end = Duration::from_secs(run.wish.seconds);
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let paced = run.wish.rate > 0.0;
        if paced {
            run.due.acquire().await.expect("it is never closed").forget();
        }
        let number = run.next.fetch_add(1, Ordering::Relaxed);
        let Some(body) = run.bodies.get(number) else { return seen };
        let mut due = run.start.elapsed();
        if paced {
            due = Duration::from_secs_f64(number as f64 / run.wish.rate);
        }
        if due >= end {
            return seen;
        }
        if paced {
            seen.late.push((run.start.elapsed().saturating_sub(due)).as_secs_f64() * 1000.0);
        }
        let answer = match &mut stream {
            Some(open) => ask(open, body, &mut buffer).await,
            none => match TcpStream::connect(&run.wish.to).await {
                Ok(mut open) => {
                    let _ = open.set_nodelay(true);
                    let answer = ask(&mut open, body, &mut buffer).await;
                    *none = Some(open);
                    answer
                }
                Err(error) => Err(error),
            },
        };
        match answer {
            Ok(status) => {
                if status == "200" {
                    seen.waits.push((run.start.elapsed() - due).as_secs_f64() * 1000.0);
                }
                *seen.answers.entry(status).or_default() += 1;
            }
            Err(error) => {
                stream = None;
                *seen.answers.entry(error.kind().to_string()).or_default() += 1;
            }
        }
    }
}

/// Sends one request and reads its whole answer; returns the status.
async fn ask(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> std::io::Result<String> {
    stream.write_all(request).await?;
    buffer.clear();
    let head = loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).and_then(|value| value.trim().parse::<usize>().ok());
    let whole = head + length.unwrap_or(0);
    while buffer.len() < whole {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(text.split(' ').nth(1).unwrap_or("?").to_owned())
}
