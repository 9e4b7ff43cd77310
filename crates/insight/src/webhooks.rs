//! Sending JSON to addresses that people typed: signed, to public addresses only, judged by the answer. Who sends keeps the record.

use std::time::Duration;

use kit::Timestamp;
use kit::fetch::{Answered, Guard, NotSent, Url};
use kit::secrets::{Secret, hmac_sha256_hex};

/// Pauses between tries; after the last one a delivery is given up.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(6 * 3600),
];
/// After so many deliveries in a row that were given up, nothing more is sent there.
pub const PATIENCE: i64 = 5;
/// Characters of an answer that are kept.
const EXCERPT: usize = 500;

/// What became of a try.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// What the receiver answered.
    pub status: Option<u16>,
    /// Why nothing came back.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
    /// Whether trying again cannot help.
    pub is_hopeless: bool,
}

impl Tried {
    /// Whether the receiver took it.
    pub fn is_taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// How long to wait after the try of this number, counted from 1; none when it was the last.
pub fn pause_after(number: i64) -> Option<Duration> {
    usize::try_from(number - 1).ok().and_then(|number| PAUSES.get(number)).copied()
}

/// Tries once. The id of the delivery and the time of sending are added to the body and signed with it, so that a receiver can refuse
/// what somebody recorded and sends again later.
pub async fn try_once(
    outside: &Guard,
    (url, secret): (&Secret, &Secret),
    delivery: &str,
    mut body: serde_json::Value,
    now: Timestamp,
) -> kit::Result<Tried> {
    let event = body["event"].as_str().unwrap_or_default().to_owned();
    if let Some(fields) = body.as_object_mut() {
        fields.insert("delivery".to_owned(), delivery.into());
        fields.insert("sent_at".to_owned(), now.rfc3339().into());
    }
    let body = body.to_string().into_bytes();
    let headers = [
        ("user-agent", "Innkeeper-Webhook/1".to_owned()),
        ("x-innkeeper-event", event),
        ("x-innkeeper-delivery", delivery.to_owned()),
        ("x-innkeeper-signature-256", format!("sha256={}", hmac_sha256_hex(secret.reveal(), &body))),
    ];
    Ok(match outside.post(&Url::parse(url.reveal())?, &headers, body).await {
        Ok(Answered { status, excerpt }) => {
            let answer = readable(&String::from_utf8_lossy(&excerpt));
            Tried { status: Some(status), answer: (!answer.is_empty()).then_some(answer), is_hopeless: status == 410, ..Tried::default() }
        }
        Err(NotSent::Refused(why)) => Tried { error: Some(format!("not sent: {}", readable(&why))), is_hopeless: true, ..Tried::default() },
        Err(NotSent::Failed(why)) => Tried { error: Some(readable(&why)), ..Tried::default() },
    })
}

/// What a receiver said, on one line and without what could mislead.
fn readable(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !accounts::names::misleads(*c)).collect();
    flat.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ").chars().take(EXCERPT).collect()
}
