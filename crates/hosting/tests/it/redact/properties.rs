//! What holds for any input.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hosting::redact::{Known, Redactor};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Redacts `input` in pieces that end at `cuts`.
fn redact(known: &Known, input: &[u8], cuts: &[Index]) -> Vec<u8> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
    ends.sort_unstable();
    let mut redactor = Redactor::new(known.clone());
    let (mut out, mut start) = (Vec::new(), 0);
    for end in ends.into_iter().chain([input.len()]) {
        redactor.push(&input[start..end], &mut out);
        start = end;
    }
    redactor.finish(&mut out);
    out
}

/// A value and the forms it is printed in, each with what must not be seen of it. Written apart from what the crate does.
fn forms(value: &str, before: &str, after: &str) -> Vec<(String, String)> {
    let json = serde_json::to_string(value).unwrap();
    let json = &json[1..json.len() - 1];
    let escape = |keep: &str, upper: bool| -> String {
        let byte = |byte: u8| match (byte.is_ascii_alphanumeric() || keep.as_bytes().contains(&byte), upper) {
            (true, _) => (byte as char).to_string(),
            (false, true) => format!("%{byte:02X}"),
            (false, false) => format!("%{byte:02x}"),
        };
        value.bytes().map(byte).collect()
    };
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms: Vec<String> = vec![value.to_owned(), json.to_owned(), json.replace('/', "\\/"), hex.to_uppercase(), hex];
    forms.extend([escape("-._~", true), escape("-._~", false), escape("-_.!~*'()", true), escape("-._*", true).replace("%20", "+")]);
    let mut forms: Vec<(String, String)> = forms.into_iter().map(|form| (form.clone(), form)).collect();
    for engine in [&STANDARD, &URL_SAFE_NO_PAD] {
        let whole = engine.encode(format!("{before}{value}{after}"));
        let first = (before.len() * 8).div_ceil(6);
        let last = (before.len() + value.len()) * 8 / 6;
        forms.push((whole.clone(), whole[first..last].to_owned()));
    }
    forms
}

/// Pieces of which texts are made that are hard to cut.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let fixed: Vec<&[u8]> = vec![
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\x1b[31m",
        b"\x1b]0;t\x07",
        b"\x1b",
        b"password=",
        b"\"token\": \"",
        b"\"",
        b"Authorization: Bearer ",
        b"-----BEGIN PRIVATE KEY-----",
        b"-----END PRIVATE KEY-----",
        b"postgres://u:",
        b"@db/x",
        b"%3D",
        b"\\\"",
        b"\xff",
        b"\xc3",
        b"\xbc",
        b"\xe2\x80",
        b"Known-Value-1",
        b"Known",
        b"-Value-1",
        b"two\nLines-Of",
        b"two\n",
        b"Lines-Of",
        b"S25vd24t",
        b"=",
    ];
    prop_oneof![
        4 => select(fixed).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..20),
        1 => "[A-Za-z0-9+/]{1,70}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_known_value_survives(
        value in "[ -~é-ü]{5,30}[A-Z]",
        before in "[ -~]{0,5}",
        after in "[ -~]{0,5}",
        cuts in vec(any::<Index>(), 0..6),
    ) {
        let known = Known::of([value.as_str()]);
        for (form, secret) in forms(&value, &before, &after) {
            let input = format!("line before\n. {form} .\nline after\n");
            let shown = String::from_utf8(redact(&known, input.as_bytes(), &cuts)).unwrap();
            prop_assert!(!shown.contains(&secret), "{secret} in {shown}");
            prop_assert!(shown.starts_with("line before\n") && shown.ends_with("line after\n"), "{shown}");
        }
    }

    #[test]
    fn cuts_change_nothing(fragments in vec(fragment(), 0..40), cuts in vec(any::<Index>(), 1..12)) {
        let known = Known::of(["Known-Value-1", "two\nLines-Of"]);
        let input = fragments.concat();
        let whole = redact(&known, &input, &[]);
        let cut = redact(&known, &input, &cuts);
        prop_assert_eq!(String::from_utf8_lossy(&cut), String::from_utf8_lossy(&whole));
    }

    #[test]
    fn output_is_text_without_control_characters(input in vec(fragment(), 0..40)) {
        let shown = String::from_utf8(redact(&Known::none(), &input.concat(), &[]));
        prop_assert!(shown.is_ok());
        prop_assert!(shown.unwrap().chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
    }

    #[test]
    fn no_bytes_make_it_panic(input in vec(any::<u8>(), 0..600), value in ".{6,40}", cuts in vec(any::<Index>(), 0..4)) {
        let known = Known::of([value.as_str()]);
        redact(&known, &input, &cuts);
    }
}
