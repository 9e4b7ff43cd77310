//! What an event says, in words for people: its picture, what happened, and the part of its properties that matters.
//!
//! Properties come from outside and may hold anything: what has another type than expected is left away, and long texts are cut.

use events::Event;
use maud::Markup;
use serde_json::{Map, Value};
use ui::badge::Tone;
use ui::{format, icon};

/// Letters of a text from outside that are shown.
const LONGEST: usize = 160;

/// How one kind of event is shown.
pub(super) struct Look {
    pub icon: Markup,
    pub tone: Tone,
    pub title: String,
}

/// Picture and words for events of a name, `count` of them.
pub(super) fn look(name: &str, count: usize) -> Look {
    let (icon, tone, one): (fn() -> Markup, Tone, &str) = match name {
        "login" => (icon::user, Tone::Neutral, "Signed in"),
        "api_call" => (icon::terminal, Tone::Neutral, "Calls of the API"),
        "feature_used" => (icon::zap, Tone::Neutral, "Used a feature"),
        "visit" | "$pageview" => (icon::eye, Tone::Neutral, "Visited"),
        "rating" => (icon::star, Tone::Accent, "Gave a rating"),
        "ticket_opened" => (icon::message_square, Tone::Warn, "Opened a ticket"),
        "ticket_closed" => (icon::message_square, Tone::Ok, "Ticket closed"),
        "invoice_issued" => (icon::file_text, Tone::Neutral, "Invoice issued"),
        "invoice_paid" => (icon::credit_card, Tone::Ok, "Invoice paid"),
        "subscription_cancelled" => (icon::circle_x, Tone::Bad, "Cancelled the subscription"),
        "build_started" => (icon::hammer, Tone::Neutral, "Build started"),
        "build_succeeded" => (icon::circle_check, Tone::Ok, "Build succeeded"),
        "build_failed" => (icon::circle_x, Tone::Serious, "Build failed"),
        "deploy_started" => (icon::rocket, Tone::Neutral, "Deployment started"),
        "deploy_succeeded" => (icon::rocket, Tone::Ok, "Deployment went live"),
        "deploy_failed" => (icon::circle_x, Tone::Serious, "Deployment failed"),
        "restart" => (icon::refresh_cw, Tone::Warn, "Restarted"),
        "error" | "$exception" => (icon::triangle_alert, Tone::Serious, "Failed"),
        "request" => (icon::inbox, Tone::Accent, "Asked for a site"),
        "email_given" => (icon::mail, Tone::Neutral, "Gave an address"),
        "email_verified" => (icon::mail, Tone::Ok, "Verified the address"),
        "llm_call" | "$ai_generation" => (icon::sparkles, Tone::Neutral, "Language model called"),
        "$identify" | "$set" | "$create_alias" => (icon::user, Tone::Neutral, "A person was described"),
        "$groupidentify" => (icon::briefcase, Tone::Neutral, "The customer was described"),
        other => (icon::activity, Tone::Neutral, other),
    };
    let name = cut(one);
    let title = match count {
        1 => name,
        count => format!("{name}, {} times", format::count(i64::try_from(count).unwrap_or(i64::MAX))),
    };
    Look { icon: icon(), tone, title }
}

/// What a run of events of one name tells beside that it happened: distinct details of its events, the newest first.
pub(super) fn detail(run: &[Event]) -> String {
    let Some(newest) = run.first() else { return String::new() };
    if newest.name == "api_call" {
        let calls: i64 = run.iter().map(|event| number(&props(event), "count").map_or(1, |count| count.clamp(1.0, 1e6) as i64)).sum();
        return format!("{} call{}", format::count(calls), if calls == 1 { "" } else { "s" });
    }
    let mut parts: Vec<String> = Vec::new();
    for event in run {
        let part = one(&event.name, &props(event));
        if !part.is_empty() && !parts.contains(&part) {
            parts.push(part);
        }
    }
    let more = parts.len().saturating_sub(4);
    parts.truncate(4);
    let mut text = parts.join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    if let Some((_, person)) =
        newest.person.as_ref().filter(|(number, _)| run.iter().all(|event| event.person.as_ref().is_some_and(|who| who.0 == *number)))
    {
        text = if text.is_empty() { cut(person) } else { format!("{text} · {}", cut(person)) };
    }
    text
}

fn one(name: &str, props: &Map<String, Value>) -> String {
    let say = |key: &str| text(props, key);
    let first = |keys: &[&str]| keys.iter().find_map(|key| say(key)).unwrap_or_default();
    match name {
        "feature_used" => first(&["feature"]),
        "login" => first(&["method"]),
        "ticket_opened" | "ticket_closed" => match (say("ticket"), say("subject")) {
            (Some(ticket), Some(subject)) => format!("{ticket}: {subject}"),
            (ticket, subject) => ticket.or(subject).unwrap_or_default(),
        },
        "invoice_issued" | "invoice_paid" => {
            let amount =
                number(props, "amount").filter(|amount| amount.abs() < 9e15).zip(say("currency").filter(|currency| currency.len() <= 8));
            let amount = amount.map(|(amount, currency)| format::money(amount.round() as i64, &currency));
            [Some(first(&["invoice", "invoice_id"])).filter(|invoice| !invoice.is_empty()), amount]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", ")
        }
        "rating" => match (number(props, "rating"), number(props, "nps")) {
            (Some(rating), _) => format!("{} of 5", format::decimal(rating, 0)),
            (None, Some(nps)) => format!("{} of 10", format::decimal(nps, 0)),
            (None, None) => String::new(),
        },
        "error" | "restart" | "$exception" => {
            [say("service"), say("cause").or_else(|| say("by"))].into_iter().flatten().collect::<Vec<_>>().join(": ")
        }
        "build_failed" | "deploy_failed" => first(&["cause", "error", "reason"]),
        "build_started" | "build_succeeded" | "deploy_started" | "deploy_succeeded" => first(&["site", "site_type", "domain"]),
        "subscription_cancelled" => first(&["reason"]),
        "llm_call" | "$ai_generation" => first(&["model", "$ai_model"]),
        "visit" | "$pageview" => first(&["path", "$pathname", "$current_url"]),
        _ => String::new(),
    }
}

fn props(event: &Event) -> Map<String, Value> {
    serde_json::from_str(&event.props).unwrap_or_default()
}

fn text(props: &Map<String, Value>, key: &str) -> Option<String> {
    let text = match props.get(key)? {
        Value::String(text) => cut(text.trim()),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn number(props: &Map<String, Value>, key: &str) -> Option<f64> {
    match props.get(key)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use kit::Timestamp;

    use super::*;

    fn event(name: &str, props: &str) -> Event {
        let id = String::new();
        Event {
            seq: 1,
            at: Timestamp(1),
            id,
            source: "api".into(),
            name: name.into(),
            person: Some((7, "ada".into())),
            customer: None,
            props: props.into(),
        }
    }

    #[test]
    fn a_run_tells_each_detail_once_and_calls_together() {
        let used = |feature: &str| event("feature_used", &format!("{{\"feature\":\"{feature}\"}}"));
        assert_eq!(detail(&[used("export"), used("search"), used("export")]), "export, search · ada");
        assert_eq!(detail(&[event("api_call", "{\"count\":1200}"), event("api_call", "{}")]), "1,201 calls");
        assert_eq!(look("feature_used", 3).title, "Used a feature, 3 times");
        assert_eq!(detail(&[event("invoice_paid", "{\"invoice\":\"R-1\",\"amount\":4900,\"currency\":\"EUR\"}")]), "R-1, €49.00 · ada");
    }

    #[test]
    fn properties_of_any_kind_are_survived() {
        for props in ["", "[]", "null", "{\"feature\":{\"a\":1}}", "{\"amount\":1e308,\"currency\":[],\"count\":\"x\",\"rating\":\"NaN\"}"]
        {
            for name in ["feature_used", "invoice_paid", "api_call", "rating", "ticket_opened", "<script>"] {
                assert!(!detail(&[event(name, props)]).contains("NaN"), "{name} {props}");
            }
        }
        let long = format!("{{\"subject\":\"{}\"}}", "ä".repeat(5_000));
        assert!(detail(&[event("ticket_opened", &long)]).chars().count() < 200);
        assert!(look(&"x".repeat(200), 1).title.chars().count() <= LONGEST + 1);
    }
}
