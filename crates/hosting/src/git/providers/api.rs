//! What the providers' HTTP APIs have in common: one request, and what a refusal means for the person who must do something.

use std::time::Duration;

use kit::secrets::Secret;
use kit::{Error, Result};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Making a repository takes them some seconds now and then.
const LIMIT: Duration = Duration::from_secs(20);
/// More of an answer is not read.
const MAX_ANSWER: usize = 4 << 20;
/// Waits this long when told to wait, but not for how long.
const USUAL_PAUSE: Duration = Duration::from_secs(60);

/// An API and the right to use it.
pub(super) struct Api {
    pub(super) client: reqwest::Client,
    pub(super) base: String,
    pub(super) authorization: Secret,
    /// The provider's name for people.
    pub(super) name: &'static str,
    /// The setting that holds the token.
    pub(super) setting: &'static str,
    /// What the token must be allowed to do.
    pub(super) rights: &'static str,
    pub(super) accept: &'static str,
}

/// An answer that the caller looks at: what was done, or why this very request does not fit.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
    name: &'static str,
}

impl Reply {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body, or that it was refused and why.
    pub(super) fn good(self, doing: &str) -> Result<Value> {
        if self.is_good() {
            return Ok(self.body);
        }
        let why = match self.status {
            404 => "it is not there, or the token may not see it".to_owned(),
            300..400 => "it has been moved or renamed there; give it its old name back".to_owned(),
            _ => self.complaint(),
        };
        Err(Error::conflict(format!("{} does not let us {doing}: {why}", self.name)))
    }

    /// That it is done, or was not there to begin with.
    pub(super) fn gone(self, doing: &str) -> Result<()> {
        if self.status == 404 { Ok(()) } else { self.good(doing).map(|_| ()) }
    }

    /// What the provider says is wrong.
    pub(super) fn complaint(&self) -> String {
        let text = |pointer: &str| self.body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let details = self.body["errors"].as_array().into_iter().flatten();
        let details = details.filter_map(|error| error["message"].as_str().or(error.as_str()).map(str::to_owned));
        let parts: Vec<String> =
            [text("/message"), text("/error/message"), text("/error/detail")].into_iter().flatten().chain(details).collect();
        let whole: String = parts.join("; ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        if whole.is_empty() { format!("status {}", self.status) } else { whole }
    }
}

impl Api {
    /// Asks, with a body where there is one. What nobody but the operator can mend, or only time, is an error already.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply> {
        let mut authorization =
            HeaderValue::from_str(self.authorization.reveal()).map_err(|_| Error::conflict(format!("{} is no token", self.setting)))?;
        authorization.set_sensitive(true);
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .timeout(LIMIT)
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, self.accept)
            // GitHub answers nobody who does not say who asks.
            .header(USER_AGENT, "Innkeeper");
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|error| self.away(error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.away(error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER {
                return Err(Error::unavailable(format!("{} answered with more than can be read", self.name)));
            }
        }
        let reply = Reply { status: status.as_u16(), body: serde_json::from_slice(&bytes).unwrap_or(Value::Null), name: self.name };
        self.refusal(status, &headers, &reply).map_or(Ok(reply), Err)
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, reply: &Reply) -> Option<Error> {
        let Api { name, setting, rights, .. } = self;
        match status.as_u16() {
            401 => Some(Error::conflict(format!("{name} refuses the token: it is wrong, expired or revoked; set a valid {setting}"))),
            403 | 429 => Some(match pause(status, headers, reply) {
                Some(retry_after) => Error::Throttled {
                    message: format!("{name} was asked too often and wants a pause of {}", minutes(retry_after)),
                    retry_after,
                },
                None => Error::conflict(format!("{name} does not allow this to the token of {setting}; it needs {rights}")),
            }),
            500.. => Some(Error::unavailable(format!("{name} has a fault of its own (status {status}); trying again may help"))),
            _ => None,
        }
    }

    /// The address is told, which holds no secret, and nothing else of the request.
    fn away(&self, error: reqwest::Error) -> Error {
        let what = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
        Error::unavailable_because(format!("{} {what} ({}); trying again may help", self.name, self.base), error.without_url())
    }
}

/// For how long nothing more should be asked, when that is why the answer was no.
fn pause(status: StatusCode, headers: &HeaderMap, reply: &Reply) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let asked = number("retry-after").and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    if asked.is_some() {
        return asked;
    }
    let used_up = number("x-ratelimit-remaining") == Some(0);
    if used_up && let Some(until) = number("x-ratelimit-reset") {
        // Against their own clock, so that ours does not matter.
        let date = headers.get("date").and_then(|date| date.to_str().ok()).and_then(kit::Timestamp::from_http_date);
        let seconds = date.map(|now| until - now.0 / 1000);
        return Some(
            seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(USUAL_PAUSE, Duration::from_secs).min(Duration::from_secs(3600)),
        );
    }
    let says_so = reply.complaint().to_lowercase().contains("rate limit");
    (used_up || says_so || status == StatusCode::TOO_MANY_REQUESTS).then_some(USUAL_PAUSE)
}

fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds.div_ceil(60)),
    }
}
