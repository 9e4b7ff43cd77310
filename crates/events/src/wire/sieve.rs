//! Properties in one pass: looked at, freed of what must not be kept, and written down without spaces.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{DEEPEST, MOST_KEYS, Refusal, Rules, Trouble};

/// Properties as they are kept.
#[derive(Debug, Default)]
pub struct Sifted<'a> {
    /// A JSON object.
    pub props: String,
    /// What was asked to be taken out of the top level: key and JSON.
    pub taken: Vec<(&'static str, &'a str)>,
    /// Whether something was removed.
    pub removed: bool,
}

impl<'a> Sifted<'a> {
    /// The JSON of what was taken out under this key.
    pub fn take(&self, key: &str) -> Option<&'a str> {
        self.taken.iter().find(|(taken, json)| *taken == key && *json != "null").map(|(_, json)| *json)
    }

    /// Puts one more field into the object; `json` must be a value.
    pub fn put(&mut self, key: &str, json: &str) {
        self.props.pop();
        if self.props.len() > 1 {
            self.props.push(',');
        }
        self.props.push_str(&serde_json::to_string(key).unwrap_or_default());
        self.props.push(':');
        self.props.push_str(json);
        self.props.push('}');
    }
}

/// Reads an object. What stands on its top level under a key of `take` is left out and given separately.
pub fn sift<'a>(json: &'a str, rules: &Rules, take: &'static [&'static str]) -> Result<Sifted<'a>, Refusal> {
    let field = "properties";
    if !json.trim_start().starts_with('{') {
        return Err(Refusal::of(Trouble::BadProperties, field, "must be an object"));
    }
    let mut sieve = Sieve { rules, take, out: Vec::with_capacity(json.len()), taken: Vec::new(), keys: 0, removed: false, trouble: None };
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = Part { sieve: &mut sieve, depth: 1 }.deserialize(&mut reader).and_then(|()| reader.end());
    match sieve.trouble {
        Some(Trouble::TooDeep) => return Err(Refusal::of(Trouble::TooDeep, field, format!("must have at most {DEEPEST} levels"))),
        Some(trouble) => return Err(Refusal::of(trouble, field, format!("must have at most {MOST_KEYS} keys"))),
        None => {}
    }
    if let Err(error) = read {
        return Err(Refusal::of(Trouble::Malformed, field, format!("cannot be read: {error}")));
    }
    // What was written came from text and from numbers.
    let props = String::from_utf8(sieve.out).map_err(|_| Refusal::of(Trouble::Malformed, field, "must be UTF-8"))?;
    Ok(Sifted { props, taken: sieve.taken, removed: sieve.removed })
}

struct Sieve<'r, 'a> {
    rules: &'r Rules,
    take: &'static [&'static str],
    out: Vec<u8>,
    taken: Vec<(&'static str, &'a str)>,
    keys: usize,
    removed: bool,
    trouble: Option<Trouble>,
}

impl Sieve<'_, '_> {
    /// A text without escapes in its JSON needs none in ours.
    fn plain(&mut self, text: &str) {
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    /// NUL is in no text that PostgreSQL stores, and nobody means one.
    fn escaped(&mut self, text: &str) {
        let text = if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) };
        self.value(&text);
    }

    fn value<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        serde_json::to_writer(&mut self.out, value).expect("plain values are written to memory");
    }
}

/// One value, whatever it is.
struct Part<'s, 'r, 'a> {
    sieve: &'s mut Sieve<'r, 'a>,
    depth: u32,
}

impl<'a> DeserializeSeed<'a> for Part<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Part<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.sieve.out.extend_from_slice(b"null");
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.sieve.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.sieve.value(&value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.sieve.value(&value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.sieve.value(&value);
        Ok(())
    }

    fn visit_borrowed_str<E>(self, value: &'a str) -> Result<(), E> {
        self.sieve.plain(value);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.sieve.escaped(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        if self.depth > DEEPEST || self.sieve.trouble.is_some() {
            self.sieve.trouble.get_or_insert(Trouble::TooDeep);
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        self.sieve.out.push(b'[');
        let mut first = true;
        loop {
            let before = self.sieve.out.len();
            if !first {
                self.sieve.out.push(b',');
            }
            if list.next_element_seed(Part { sieve: self.sieve, depth: self.depth + 1 })?.is_none() {
                self.sieve.out.truncate(before);
                break;
            }
            first = false;
        }
        self.sieve.out.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        if self.depth > DEEPEST || self.sieve.trouble.is_some() {
            self.sieve.trouble.get_or_insert(Trouble::TooDeep);
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        self.sieve.out.push(b'{');
        let mut first = true;
        while let Some(key) = map.next_key_seed(Key)? {
            self.sieve.keys += 1;
            if self.sieve.keys > MOST_KEYS {
                self.sieve.trouble.get_or_insert(Trouble::TooManyKeys);
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if self.depth == 1
                && let Some(taken) = self.sieve.take.iter().find(|name| **name == key)
            {
                let json: &'a RawValue = map.next_value()?;
                self.sieve.taken.push((taken, json.get()));
                continue;
            }
            if self.sieve.rules.removes(&key) {
                self.sieve.removed = true;
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if !first {
                self.sieve.out.push(b',');
            }
            first = false;
            match &key {
                Cow::Borrowed(key) => self.sieve.plain(key),
                Cow::Owned(key) => self.sieve.escaped(key),
            }
            self.sieve.out.push(b':');
            map.next_value_seed(Part { sieve: self.sieve, depth: self.depth + 1 })?;
        }
        self.sieve.out.push(b'}');
        Ok(())
    }
}

/// A key, borrowed when its JSON has no escapes.
struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Cow<'a, str>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn rules() -> Rules {
        Rules::removing(["password"])
    }

    fn props(json: &str) -> String {
        sift(json, &rules(), &[]).unwrap().props
    }

    #[test]
    fn what_is_kept_is_the_same_without_spaces() {
        assert_eq!(
            props(r#" { "a" : [ 1 , -2, 3.5, true, null, "x\ny" ] , "b" : {} , "c": [] } "#),
            r#"{"a":[1,-2,3.5,true,null,"x\ny"],"b":{},"c":[]}"#
        );
        assert_eq!(props(r#"{"":"\"</script>"}"#), r#"{"":"\"</script>"}"#);
        assert_eq!(props("{\"nul\":\"a\\u0000b\"}"), "{\"nul\":\"a\u{fffd}b\"}");
    }

    #[test]
    fn secrets_are_removed_at_any_level_and_what_is_asked_for_is_taken_out() {
        let sifted =
            sift(r#"{"a":1,"Password":"x","in":[{"pass_word":{"deep":1},"b":2}],"$set":{"plan":"pro"}}"#, &rules(), &["$set"]).unwrap();
        assert_eq!(sifted.props, r#"{"a":1,"in":[{"b":2}]}"#);
        assert!(sifted.removed);
        assert_eq!(sifted.take("$set"), Some(r#"{"plan":"pro"}"#));
        assert_eq!(sift(r#"{"in":{"$set":1}}"#, &rules(), &["$set"]).unwrap().props, r#"{"in":{"$set":1}}"#);
    }

    #[test]
    fn attacks_are_named_and_never_crash() {
        let trouble = |json: &str| sift(json, &rules(), &[]).map(|sifted| sifted.props).map_err(|refusal| refusal.trouble);
        let deep = |levels: usize| format!("{}{}", "{\"a\":".repeat(levels), "1") + &"}".repeat(levels);
        assert!(trouble(&deep(24)).is_ok());
        assert_eq!(trouble(&deep(25)), Err(Trouble::TooDeep));
        assert_eq!(trouble(&deep(200_000)), Err(Trouble::TooDeep));
        assert_eq!(trouble(&format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000))), Err(Trouble::TooDeep));
        let many = |keys: usize| format!("{{{}}}", (0..keys).map(|key| format!("\"k{key}\":0")).collect::<Vec<_>>().join(","));
        assert!(trouble(&many(1000)).is_ok());
        assert_eq!(trouble(&many(1001)), Err(Trouble::TooManyKeys));
        assert_eq!(trouble(&many(200_000)), Err(Trouble::TooManyKeys));
        for json in ["", "null", "[]", "1", "\"x\"", "nonsense"] {
            assert_eq!(trouble(json), Err(Trouble::BadProperties), "{json}");
        }
        for json in ["{", "{\"a\":}", "{\"a\":1}x", "{\"a\":1e999}", "{\"a\":\"\\ud800\"}"] {
            assert_eq!(trouble(json), Err(Trouble::Malformed), "{json}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e15..1e15).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("[^\0]*", inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_object_reads_back_as_it_was(values in proptest::collection::btree_map("[a-z\"\\\\é]{0,6}", json(), 0..6)) {
            let object = Value::Object(values.into_iter().collect());
            let text = serde_json::to_string_pretty(&object).unwrap();
            let kept = sift(&text, &Rules::default(), &[]).unwrap().props;
            let expected = object.to_string().replace("\\u0000", "\u{fffd}");
            prop_assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), serde_json::from_str::<Value>(&expected).unwrap());
        }
    }
}
