//! A build of the builder: its calls of language models, its end, and the deployment that follows.

use kit::Timestamp;
use serde_json::json;

use super::chance::Chance;
use super::words::MODELS;
use super::{MINUTE, Made, Who, after};

/// What is to be built.
pub(super) struct Build<'a> {
    pub(super) who: Who<'a>,
    pub(super) site_type: &'a str,
    pub(super) industry: &'a str,
    /// With which probability it succeeds.
    pub(super) succeeds: f64,
}

/// Tells of one build; returns when its site was live, if it came to that.
pub(super) fn one(build: &Build<'_>, start: Timestamp, chance: &mut Chance, made: &mut Made) -> Option<Timestamp> {
    let about = |extra: serde_json::Value| {
        let mut props = json!({ "site_type": build.site_type, "industry": build.industry });
        if let (Some(props), serde_json::Value::Object(extra)) = (props.as_object_mut(), extra) {
            props.extend(extra);
        }
        props
    };
    let reused = chance.happens(0.35);
    made.tell("build_started", start, build.who, about(json!({ "library_reused": reused })));
    let mut at = start;
    for step in 0..2 + chance.count(2.0) {
        let (provider, model, input, output) = match (step, reused) {
            // Understanding the request, and changing what the library has, are for the small model.
            (0, _) | (_, true) => MODELS[1].0,
            _ => *chance.weighted(MODELS),
        };
        let spread = 0.5 + chance.fraction() * 1.2;
        let (input, output) = ((input as f64 * spread) as i64, (output as f64 * spread) as i64);
        let cached = if chance.happens(0.4) { input / 2 } else { 0 };
        let millis = 400 + output * 9 + chance.between(0, 2_000);
        at = after(at, millis);
        // The names of PostHog for the one, the plain ones of Innkeeper for the other: both are known.
        if chance.happens(0.15) {
            let props = json!({
                "$ai_provider": provider, "$ai_model": model, "$ai_input_tokens": input, "$ai_output_tokens": output,
                "$ai_cache_read_input_tokens": cached, "$ai_latency": millis as f64 / 1000.0,
            });
            made.tell("$ai_generation", at, build.who, props);
        } else {
            let props = json!({
                "provider": provider, "model": model, "input_tokens": input, "output_tokens": output, "cache_read_tokens": cached,
                "duration_ms": millis, "prompt": if step == 0 { "brief" } else { "page" }, "prompt_version": 1 + chance.below(3), "ok": true,
            });
            made.tell("llm_call", at, build.who, about(props));
        }
    }
    let seconds = (at.0 - start.0) / 1000;
    if !chance.happens(build.succeeds) {
        let cause = chance.pick(&["model timed out", "page does not compile", "image missing"]);
        made.tell("build_failed", at, build.who, about(json!({ "cause": cause, "duration_s": seconds })));
        return None;
    }
    made.tell("build_succeeded", at, build.who, about(json!({ "duration_s": seconds })));
    if !chance.happens(0.8) {
        return None;
    }
    let deploy = after(at, chance.between(MINUTE / 2, 20 * MINUTE));
    made.tell("deploy_started", deploy, build.who, about(json!({})));
    let end = after(deploy, chance.between(4_000, 40_000));
    if chance.happens(0.95) {
        made.tell("deploy_succeeded", end, build.who, about(json!({ "duration_ms": end.0 - deploy.0 })));
        return Some(end);
    }
    made.tell("deploy_failed", end, build.who, about(json!({ "cause": "health check did not pass" })));
    None
}
