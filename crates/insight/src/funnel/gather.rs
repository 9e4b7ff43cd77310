//! Reads the events that matter to a question, and puts those of one person together.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use events::{Events, Sight, Sweep};
use kit::{Error, Result, Timestamp};

use super::chain::{Hit, MOST_VALUES, Order};
use super::question::{Question, names};

/// People are spread over so many lists, which are worked on one by one.
const PARTS: usize = 64;
/// More events than these would take more than 400 MB.
const MOST_HITS: usize = 24 << 20;

/// Lists of events, each with all events of its people.
pub(super) struct Gathered {
    pub(super) parts: Vec<Vec<Hit>>,
    /// Words of the values of a breakdown by number; 0 is none.
    pub(super) values: Vec<String>,
    /// Whether each step's events are known at all.
    pub(super) is_known: Vec<bool>,
}

/// What one thread gathers.
struct Heap(Vec<Vec<Hit>>);

impl Default for Heap {
    fn default() -> Heap {
        Heap(vec![Vec::new(); PARTS])
    }
}

pub(super) async fn gather(events: &Events, question: &Question, from: Timestamp, entry_end: Timestamp) -> Result<Gathered> {
    let numbers: HashMap<String, i64> = events.names().await?.into_iter().map(|(no, word)| (word, no)).collect();
    let is_known = question.steps.iter().map(|step| names(step).any(|name| numbers.contains_key(name))).collect();
    let steps = Steps::of(question, &numbers);
    let roots = events.roots(question.who).await?;
    let keeps_others = question.order == Order::Strict;
    let found = AtomicUsize::new(0);
    let values = Mutex::new(Values::default());
    let property = question.breakdown.as_ref().map(|breakdown| breakdown.by.clone());
    let sweep =
        Sweep { from, to: Timestamp(entry_end.0.saturating_add(question.window_ms()).saturating_add(1)), with_props: property.is_some() };
    let shared = std::sync::Arc::new((steps, roots, found, values));
    let (seen, by) = (shared.clone(), property);
    let heaps = events
        .sweep(sweep, move |heap: &mut Heap, sight: &mut Sight<'_>| {
            let (steps, roots, found, values) = &*seen;
            let mut hits: Vec<(usize, Hit)> = Vec::new();
            sight.each(|place, head| {
                let bits = steps.bits(head.name);
                if bits == 0 && !keeps_others {
                    return;
                }
                let Some(who) = roots.of(&head) else { return };
                hits.push((place, Hit::new(who, head.seq, head.at - from.0, 0, bits)));
            });
            if found.fetch_add(hits.len(), Ordering::Relaxed) > MOST_HITS {
                return Err(Error::invalid("steps", format!("are more than {MOST_HITS} events; choose fewer days or rarer events")));
            }
            for (place, mut hit) in hits {
                if let Some(by) = &by
                    && hit.steps() != 0
                {
                    let value = value_of(sight.props(place)?, by);
                    hit = hit.with_value(values.lock().unwrap_or_else(PoisonError::into_inner).number(value)?);
                }
                heap.0[hit.who as usize % PARTS].push(hit);
            }
            Ok(())
        })
        .await?;
    let mut parts = vec![Vec::new(); PARTS];
    for heap in heaps {
        for (part, mut more) in parts.iter_mut().zip(heap.0) {
            if part.is_empty() {
                *part = more;
            } else {
                part.append(&mut more);
            }
        }
    }
    let values = std::mem::take(&mut *shared.3.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Gathered { parts, values: values.words, is_known })
}

/// Which steps each name is, by number.
struct Steps(Vec<u16>);

impl Steps {
    fn of(question: &Question, numbers: &HashMap<String, i64>) -> Steps {
        let mut bits = Vec::new();
        for (step, text) in question.steps.iter().enumerate() {
            for no in names(text).filter_map(|name| usize::try_from(*numbers.get(name)?).ok()) {
                if bits.len() <= no {
                    bits.resize(no + 1, 0);
                }
                bits[no] |= 1 << step;
            }
        }
        Steps(bits)
    }

    #[inline]
    fn bits(&self, name: i64) -> u16 {
        usize::try_from(name).ok().and_then(|name| self.0.get(name)).copied().unwrap_or(0)
    }
}

/// Words of values, numbered as they come; 0 is none.
struct Values {
    words: Vec<String>,
    numbers: HashMap<String, u16>,
}

impl Default for Values {
    fn default() -> Values {
        Values { words: vec![String::new()], numbers: HashMap::new() }
    }
}

impl Values {
    fn number(&mut self, value: Option<String>) -> Result<u16> {
        let Some(value) = value else { return Ok(0) };
        if let Some(number) = self.numbers.get(&value) {
            return Ok(*number);
        }
        if self.words.len() > MOST_VALUES {
            let message = format!("has more than {MOST_VALUES} different values; choose another property");
            return Err(Error::invalid("breakdown", message));
        }
        let number = u16::try_from(self.words.len()).unwrap_or(u16::MAX);
        self.words.push(value.clone());
        self.numbers.insert(value, number);
        Ok(number)
    }
}

/// A property as a word: texts, numbers, yes and no; none of anything else.
fn value_of(props: &str, by: &str) -> Option<String> {
    /// Longer values are cut.
    const LETTERS: usize = 100;
    let props: serde_json::Value = serde_json::from_str(props).ok()?;
    match props.get(by)? {
        serde_json::Value::String(text) if !text.is_empty() => Some(text.chars().take(LETTERS).collect()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::value_of;

    #[test]
    fn values_are_words_and_nothing_else() {
        let of = |props: &str| value_of(props, "a");
        assert_eq!([of(r#"{"a":"x"}"#), of(r#"{"a":1.5}"#), of(r#"{"a":true}"#)], ["x", "1.5", "true"].map(|it| Some(it.to_owned())));
        assert_eq!([of(r#"{"a":""}"#), of(r#"{"a":null}"#), of(r#"{"a":[1]}"#), of("no json"), of(r#"{"b":1}"#)], [const { None }; 5]);
        assert_eq!(of(&format!(r#"{{"a":"{}"}}"#, "ß".repeat(300))).unwrap().chars().count(), 100);
    }
}
