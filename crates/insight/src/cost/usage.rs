//! What a call of a language model used, read from what senders write: `llm_call` in our own words, `$ai_generation` in PostHog's.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::Usd;
use super::rates::{PARTS, Part};

/// The names of the events that are calls of language models.
pub const EVENTS: &[&str] = &["llm_call", GENERATION];
const GENERATION: &str = "$ai_generation";

/// More tokens than any call has: such a figure is none.
const MOST_TOKENS: i64 = 1_000_000_000;
/// A call that is said to cost more is not believed.
pub(super) const MOST_DOLLARS: f64 = 1_000.0;
/// The longest name of a model or provider.
const LONGEST: usize = 200;
/// What a model is called that nobody named.
pub const UNNAMED: &str = "(unnamed)";

const MODEL: &[&str] = &["model", "$ai_model"];
const PROVIDER: &[&str] = &["provider", "$ai_provider"];
const FRAMEWORK: &[&str] = &["$ai_framework"];
const INPUT: &[&str] = &["input_tokens", "prompt_tokens", "$ai_input_tokens"];
const OUTPUT: &[&str] = &["output_tokens", "completion_tokens", "$ai_output_tokens"];
const CACHE_READ: &[&str] = &["cache_read_tokens", "cache_read_input_tokens", "$ai_cache_read_input_tokens"];
const CACHE_WRITE: &[&str] = &["cache_write_tokens", "cache_creation_input_tokens", "$ai_cache_creation_input_tokens"];
const CACHE_WRITE_5M: &[&str] = &["cache_write_5m_tokens", "$ai_cache_creation_5m_input_tokens"];
const CACHE_WRITE_1H: &[&str] = &["cache_write_1h_tokens", "$ai_cache_creation_1h_input_tokens"];
const REASONING: &[&str] = &["reasoning_tokens", "$ai_reasoning_tokens"];
const AUDIO_INPUT: &[&str] = &["audio_input_tokens"];
const AUDIO_OUTPUT: &[&str] = &["audio_output_tokens"];
const EXCLUSIVE: &[&str] = &["input_excludes_cache", "$ai_cache_reporting_exclusive"];
const COST: &[&str] = &["cost_usd", "total_cost_usd", "$ai_total_cost_usd"];
const OK: &[&str] = &["ok"];
const IS_ERROR: &[&str] = &["is_error", "$ai_is_error"];
const ALL: &[&[&str]] = &[
    MODEL,
    PROVIDER,
    FRAMEWORK,
    INPUT,
    OUTPUT,
    CACHE_READ,
    CACHE_WRITE,
    CACHE_WRITE_5M,
    CACHE_WRITE_1H,
    REASONING,
    AUDIO_INPUT,
    AUDIO_OUTPUT,
    EXCLUSIVE,
    COST,
    OK,
    IS_ERROR,
];

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who runs the model, in small letters; may be empty.
    pub provider: String,
    /// Which model, as the sender writes it.
    pub model: String,
    /// Whether it says that it failed.
    pub failed: bool,
    /// Tokens by part, each token in one part alone; none when the call says nothing of them.
    pub usage: Option<Usage>,
    /// What the sender says that it cost.
    pub told: Option<Usd>,
}

/// Tokens by [`Part`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage(pub [i64; PARTS]);

impl Usage {
    /// Tokens of one part.
    pub fn of(&self, part: Part) -> i64 {
        self.0[part as usize]
    }

    /// All tokens.
    pub fn all(&self) -> i64 {
        self.0.iter().sum()
    }
}

/// Reads the properties of an event of [`EVENTS`]. What is missing or makes no sense counts as missing.
pub fn read(event: &str, props: &str) -> Call {
    let wanted: Wanted = serde_json::from_str(props).unwrap_or_default();
    let model = wanted.word(MODEL).unwrap_or_else(|| UNNAMED.to_owned());
    let provider = wanted.word(PROVIDER).unwrap_or_default().to_lowercase();
    let is_generation = event == GENERATION;
    let failed = wanted.flag(OK) == Some(false) || wanted.flag(IS_ERROR) == Some(true);
    let usage = usage(&wanted, is_generation, &provider, &model.to_lowercase());
    let told = wanted.number(COST).filter(|dollars| (0.0..=MOST_DOLLARS).contains(dollars)).map(Usd::of_dollars);
    Call { provider, model, failed, usage, told }
}

fn usage(wanted: &Wanted, is_generation: bool, provider: &str, model: &str) -> Option<Usage> {
    let (input, output) = (wanted.tokens(INPUT), wanted.tokens(OUTPUT));
    if input.is_none() && output.is_none() {
        return None;
    }
    let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
    let part = |names| wanted.tokens(names).unwrap_or(0);
    let cache_read = part(CACHE_READ);
    let (write_5m, write_1h) = (part(CACHE_WRITE_5M), part(CACHE_WRITE_1H));
    // The sum of both, where it is told; what it does not say of is of the usual kind.
    let cache_write = part(CACHE_WRITE).max(write_5m + write_1h);
    let write_5m = cache_write - write_1h;
    let cached = cache_read + cache_write;
    // Each token is paid for once. Most senders count cached tokens among the input, those of Anthropic beside it.
    let is_beside = wanted.flag(EXCLUSIVE).unwrap_or_else(|| {
        let is_anthropic = provider.contains("anthropic") || model.contains("anthropic") || model.starts_with("claude");
        let is_gateway = provider == "gateway" && wanted.word(FRAMEWORK).is_some_and(|framework| framework.eq_ignore_ascii_case("vercel"));
        is_generation && is_anthropic && !is_gateway
    });
    let fresh = if is_beside || cached > input { input } else { input - cached };
    let audio_input = part(AUDIO_INPUT).min(fresh);
    let reasoning = part(REASONING);
    let is_gemini = is_generation && (provider.contains("google") || provider.contains("gemini") || model.starts_with("gemini"));
    let said = if is_gemini || reasoning > output { output } else { output - reasoning };
    let audio_output = part(AUDIO_OUTPUT).min(said);
    let mut usage = Usage::default();
    for (part, tokens) in [
        (Part::Input, fresh - audio_input),
        (Part::AudioInput, audio_input),
        (Part::CacheRead, cache_read),
        (Part::CacheWrite5m, write_5m),
        (Part::CacheWrite1h, write_1h),
        (Part::Output, said - audio_output),
        (Part::Reasoning, reasoning),
        (Part::AudioOutput, audio_output),
    ] {
        usage.0[part as usize] = tokens;
    }
    Some(usage)
}

/// The properties that are asked for; all others are skipped unread, however large they are. Of one that comes twice, the last counts.
#[derive(Default)]
struct Wanted(HashMap<&'static str, Value>);

impl Wanted {
    fn get<'a>(&'a self, names: &[&str]) -> Option<&'a Value> {
        names.iter().find_map(|name| self.0.get(*name).filter(|value| !value.is_null()))
    }

    fn number(&self, names: &[&str]) -> Option<f64> {
        match self.get(names)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
        .filter(|number| number.is_finite())
    }

    fn tokens(&self, names: &[&str]) -> Option<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "within the range")]
        self.number(names).filter(|number| (0.0..=MOST_TOKENS as f64).contains(number)).map(|number| number.round() as i64)
    }

    fn flag(&self, names: &[&str]) -> Option<bool> {
        match self.get(names)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn word(&self, names: &[&str]) -> Option<String> {
        let text = self.get(names)?.as_str()?.trim();
        (!text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control)).then(|| text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Wanted, D::Error> {
        struct Few;
        impl<'de> Visitor<'de> for Few {
            type Value = Wanted;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wanted, A::Error> {
                let mut found = HashMap::new();
                while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    match ALL.iter().flat_map(|names| names.iter()).find(|name| **name == key) {
                        Some(name) => {
                            found.insert(*name, map.next_value::<Value>()?);
                        }
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Wanted(found))
            }
        }
        deserializer.deserialize_map(Few)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parts(event: &str, props: Value) -> [i64; PARTS] {
        read(event, &props.to_string()).usage.unwrap().0
    }

    #[test]
    fn cached_tokens_are_in_one_part_alone() {
        // Input (text, audio), cache (read, 5 minutes, an hour), output (said, reasoning, audio).
        let ours = json!({ "input_tokens": 1000, "cache_read_tokens": 300, "cache_write_tokens": 200, "output_tokens": 50, "reasoning_tokens": 20 });
        assert_eq!(parts("llm_call", ours), [500, 0, 300, 200, 0, 30, 20, 0]);
        let anthropic = json!({ "$ai_provider": "anthropic", "$ai_model": "claude-opus-4-5", "$ai_input_tokens": 1000,
            "$ai_cache_read_input_tokens": 300, "$ai_cache_creation_input_tokens": 200, "$ai_cache_creation_1h_input_tokens": 50, "$ai_output_tokens": 5 });
        assert_eq!(parts("$ai_generation", anthropic.clone()), [1000, 0, 300, 150, 50, 5, 0, 0]);
        let mut told = anthropic.clone();
        told["$ai_cache_reporting_exclusive"] = json!(false);
        assert_eq!(parts("$ai_generation", told), [500, 0, 300, 150, 50, 5, 0, 0]);
        let mut gateway = anthropic;
        gateway["$ai_provider"] = json!("gateway");
        gateway["$ai_framework"] = json!("vercel");
        assert_eq!(parts("$ai_generation", gateway), [500, 0, 300, 150, 50, 5, 0, 0]);
        let openai = json!({ "$ai_provider": "openai", "$ai_model": "gpt-5", "$ai_input_tokens": 1000, "$ai_cache_read_input_tokens": 400,
            "$ai_output_tokens": 90, "$ai_reasoning_tokens": 40 });
        assert_eq!(parts("$ai_generation", openai), [600, 0, 400, 0, 0, 50, 40, 0]);
        let gemini = json!({ "$ai_provider": "google", "$ai_model": "gemini-2.5-pro", "$ai_input_tokens": 10, "$ai_output_tokens": 9, "$ai_reasoning_tokens": 4 });
        assert_eq!(parts("$ai_generation", gemini), [10, 0, 0, 0, 0, 9, 4, 0]);
        // More cached than there was input: it was counted beside it, whatever the sender says otherwise.
        assert_eq!(parts("llm_call", json!({ "input_tokens": 10, "cache_read_tokens": 300 })), [10, 0, 300, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn what_makes_no_sense_is_missing() {
        let call = |props: &str| read("llm_call", props);
        assert_eq!(call("no json"), Call { provider: String::new(), model: UNNAMED.to_owned(), failed: false, usage: None, told: None });
        assert_eq!(call(r#"{"model":"a\u0000b","input_tokens":-5}"#), call("{}"));
        for bad in ["1e300", "-1", "\"NaN\"", "\"inf\"", "[1]", "{\"a\":1}", "true", "1001"] {
            assert_eq!(call(&format!(r#"{{"cost_usd":{bad}}}"#)).told, None, "{bad}");
        }
        assert_eq!(call(r#"{"input_tokens":"12","input_tokens":"7","cost_usd":"0.25"}"#).usage.unwrap().all(), 7, "the last counts");
        assert_eq!(call(r#"{"cost_usd":0.1}"#).told, Some(Usd(100_000_000)));
        assert!(call(r#"{"ok":false}"#).failed && read("$ai_generation", r#"{"$ai_is_error":"true"}"#).failed);
    }

    proptest! {
        #[test]
        fn no_token_is_lost_or_counted_twice(input in 0..5000i64, output in 0..5000i64, read_tokens in 0..3000i64, write in 0..3000i64,
            hour in 0..3000i64, reasoning in 0..3000i64, audio in 0..9000i64, beside in any::<bool>())
        {
            let props = json!({ "model": "m", "input_tokens": input, "output_tokens": output, "cache_read_tokens": read_tokens, "cache_write_tokens": write,
                "cache_write_1h_tokens": hour, "reasoning_tokens": reasoning, "audio_input_tokens": audio, "audio_output_tokens": audio,
                "input_excludes_cache": beside });
            let usage = read("llm_call", &props.to_string()).usage.unwrap();
            prop_assert!(usage.0.iter().all(|tokens| *tokens >= 0));
            let cached = read_tokens + write.max(hour);
            let all_input = if beside || cached > input { input + cached } else { input };
            let all_output = if reasoning > output { output + reasoning } else { output };
            prop_assert_eq!(usage.all(), all_input + all_output);
            prop_assert_eq!(usage.of(Part::CacheRead), read_tokens);
            prop_assert_eq!(usage.of(Part::CacheWrite5m) + usage.of(Part::CacheWrite1h), write.max(hour));
        }
    }
}
