//! Redaction against a corpus of our own and against chance.

mod carriers;
mod draw;
mod lookalikes;
mod positives;
mod properties;
mod rules;
mod site;
mod stream;

use hosting::redact::{self, Known};

use carriers::CARRIERS;
use draw::Draw;
use lookalikes::LOOKALIKES;
use positives::{Class, PLACES, VENDORS, survives};

const EACH: usize = 25;

/// Of each class: how many of how many are hidden, and one that is not.
fn hidden(class: &Class) -> (usize, usize, Option<String>) {
    let (name, make) = class;
    let mut draw = Draw::new(name.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte)));
    let (mut hidden, mut all, mut missed) = (0, 0, None);
    for _ in 0..EACH {
        let positive = make(&mut draw);
        for (carrier, carry) in CARRIERS {
            let line = carry(&positive.text);
            let shown = redact::text(&Known::none(), &line);
            all += 1;
            if survives(&positive.secret, &shown) {
                missed = Some(format!("{name} in {carrier}: {line}became {shown}"));
            } else {
                hidden += 1;
            }
        }
    }
    (hidden, all, missed)
}

#[test]
fn corpus_is_as_large_as_it_should_be() {
    assert!(VENDORS.len() >= 20 && LOOKALIKES.len() >= 20 && CARRIERS.len() >= 8 && EACH >= 20);
}

#[test]
fn at_least_99_of_100_secrets_of_each_class_are_hidden() {
    let mut report = String::new();
    for class in VENDORS.iter().chain(PLACES) {
        let (hidden, all, missed) = hidden(class);
        if hidden * 100 < all * 99 {
            report += &format!("{hidden} of {all}; {}\n", missed.unwrap_or_default());
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn at_most_1_of_1000_clean_lines_is_altered() {
    let mut draw = Draw::new(11);
    let (mut altered, mut all, mut examples) = (0, 0, String::new());
    for (name, make) in LOOKALIKES {
        for _ in 0..EACH {
            let text = make(&mut draw);
            for (carrier, carry) in CARRIERS {
                let lines = carry(&text);
                let shown = redact::text(&Known::none(), &lines);
                all += lines.lines().count();
                if shown.contains("[redacted:") {
                    altered += 1;
                    if !examples.contains(&format!("{name} ")) {
                        examples += &format!("{name} in {carrier}: {lines}became {shown}");
                    }
                }
            }
        }
    }
    assert!(altered * 1000 <= all, "{altered} of {all}\n{examples}");
}
