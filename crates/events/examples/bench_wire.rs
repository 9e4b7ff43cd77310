//! How fast requests are read: unpacked, cut into events, checked. One thread, nothing written.
//!
//! `cargo run --release -p events --example bench_wire`

use std::io::Write;
use std::time::{Duration, Instant};

use events::wire::{Door, Encoding, Envelope, Rules, Sender, unpack};
use flate2::Compression;
use flate2::write::GzEncoder;
use kit::Timestamp;
use serde_json::{Value, json};

const EVENTS: usize = 100;

fn main() {
    let sender = Sender { tenant: None, customer: None, received_at: Timestamp(1_768_392_000_000), key: None };
    let rules = Rules::removing(["password", "secret", "card_number", "api_key", "authorization", "cookie", "iban"]);
    for (name, door, body) in [("posthog", Door::PosthogV0, posthog()), ("segment", Door::SegmentBatch, segment())] {
        let text = body.to_string();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("memory takes all");
        let packed = encoder.finish().expect("memory takes all");
        println!("{name}: {} bytes for {EVENTS} events, {} packed", text.len(), packed.len());
        measure("  unpack", || unpack(&packed, Encoding::Gzip, 20 << 20, |_| true).expect("it is gzip").len());
        measure("  read", || {
            let envelope = Envelope::read(door, &text).expect("it is a batch");
            envelope.items(&text, &sender, &rules).iter().filter(|item| item.event.is_ok()).count()
        });
    }
}

fn measure(what: &str, mut work: impl FnMut() -> usize) {
    let started = Instant::now();
    let (mut times, mut sum) = (0_u32, 0);
    while started.elapsed() < Duration::from_secs(2) {
        sum += work();
        times += 1;
    }
    let each = started.elapsed().as_secs_f64() / f64::from(times);
    println!("{what}: {:.0} µs for a batch, {:.0} events/s ({sum})", each * 1e6, EVENTS as f64 / each);
}

fn posthog() -> Value {
    let events: Vec<Value> = (0..EVENTS)
        .map(|at| {
            json!({
                "event": "feature_used", "uuid": format!("01a1fc3b-5e7c-79f0-a33f-{at:012}"), "distinct_id": format!("user-{}", at % 17),
                "timestamp": "2026-01-14T11:59:59.676Z", "type": "capture", "library": "posthog-node", "library_version": "5.70.0",
                "properties": {
                    "feature": "invoices", "plan": "pro", "duration_ms": 184 + at, "path": "/invoices/2026", "ok": true,
                    "$groups": {"customer": "cust_aaaaaaaaaaaa"}, "$lib": "posthog-node", "$lib_version": "5.70.0", "$is_server": true, "$geoip_disable": true,
                },
            })
        })
        .collect();
    json!({"api_key": "ink_x", "historical_migration": false, "sent_at": "2026-01-14T12:00:00.000Z", "batch": events})
}

fn segment() -> Value {
    let events: Vec<Value> = (0..EVENTS)
        .map(|at| {
            json!({
                "type": "track", "messageId": format!("node-next-1795233112307-{at:032}"), "userId": format!("user-{}", at % 17), "anonymousId": null,
                "event": "feature_used", "timestamp": "2026-01-14T11:59:59.676Z",
                "properties": {"feature": "invoices", "plan": "pro", "duration_ms": 184 + at, "path": "/invoices/2026", "ok": true},
                "context": {"groupId": "cust_aaaaaaaaaaaa", "library": {"name": "@segment/analytics-node", "version": "3.1.0"}},
                "integrations": {}, "_metadata": {"nodeVersion": "22.20.0", "jsRuntime": "node"},
            })
        })
        .collect();
    json!({"writeKey": "ink_x", "sentAt": "2026-01-14T12:00:00.000Z", "batch": events})
}
