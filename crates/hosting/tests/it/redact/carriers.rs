//! How a text ends up in a log.

/// One way of logging.
pub type Carrier = (&'static str, fn(&str) -> String);

/// Each gives a line, or several, with the text in it.
pub const CARRIERS: &[Carrier] = &[
    ("plain", |text| format!("2026-01-05T10:00:00Z worker-1 | connecting: {text}\n")),
    ("json", |text| format!("{{\"level\":\"info\",\"msg\":\"sent {}\",\"pid\":12}}\n", json(text))),
    ("logfmt", |text| format!("time=2026-01-05T10:00:00Z level=info msg=\"sent {}\" pid=12\n", json(text))),
    ("access log", |text| {
        let agent = text.replace('\\', "\\x5C").replace('"', "\\x22").replace('\n', "\\x0A");
        format!("203.0.113.9 - - [05/Jan/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 512 \"-\" \"probe/1.0 {agent}\"\n")
    }),
    ("stack trace", |text| {
        format!(
            "Error: request failed: {text}\n    at Client.connect (/app/node_modules/pg/lib/client.js:132:17)\n    at async main (/app/server.js:9:3)\n"
        )
    }),
    ("set -x", |text| format!("+ deploy --note '{}'\n+ true\n", text.replace('\'', "'\\''"))),
    ("url-encoded", |text| format!("POST /hook body=payload%3D{}\n", percent(text))),
    ("coloured, CRLF", |text| {
        let text = text.replace('\n', "\r\n");
        let middle = text.len() / 2;
        format!("\x1b[32mINFO\x1b[0m {}\x1b[1;33m{}\x1b[0m\r\n", &text[..middle], &text[middle..])
    }),
];

fn json(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn percent(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if keep(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}
