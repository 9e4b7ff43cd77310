//! Which keys must not be kept.

use std::collections::HashSet;

/// Longer keys are none of the list.
const LONGEST: usize = 40;

/// Keys whose values are thrown away wherever they stand.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    remove: HashSet<String>,
}

impl Rules {
    /// Keys by their letters and digits alone: `api_key` also removes `API-Key` and `apiKey`.
    pub fn removing<'a>(keys: impl IntoIterator<Item = &'a str>) -> Rules {
        let plain = |key: &str| {
            let letters = key.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| char::from(byte.to_ascii_lowercase()));
            letters.collect::<String>()
        };
        Rules { remove: keys.into_iter().map(plain).filter(|key| !key.is_empty() && key.len() <= LONGEST).collect() }
    }

    /// Whether the value of this key must not be kept.
    pub fn removes(&self, key: &str) -> bool {
        // On the stack: this is asked for every key of every event.
        let mut plain = [0_u8; LONGEST];
        let mut length = 0;
        for byte in key.bytes() {
            if byte.is_ascii_alphanumeric() {
                let Some(place) = plain.get_mut(length) else { return false };
                *place = byte.to_ascii_lowercase();
                length += 1;
            } else if !byte.is_ascii() {
                return false;
            }
        }
        length > 0 && std::str::from_utf8(&plain[..length]).is_ok_and(|plain| self.remove.contains(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_however_they_are_spelled() {
        let rules = Rules::removing(["password", "api_key", ""]);
        for key in ["password", "Password", "PASS-WORD", "$password", "apiKey", "api key", "X"] {
            assert_eq!(rules.removes(key), key != "X", "{key}");
        }
        for key in ["", "_", "passwords", "password_hint", "pässword", &"a".repeat(100)] {
            assert!(!rules.removes(key), "{key}");
        }
    }
}
