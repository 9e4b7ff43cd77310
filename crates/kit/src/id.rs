//! Identifiers: each its own type, one line each, readable by prefix.
//!
//! Two shapes: short random ones for names that people see (`cust_`, `app_`), and time-ordered ones for
//! rows that are listed newest first.

use rand::RngExt;

use crate::time::Timestamp;

/// RFC 4648 base32 in lower case: no `0`, `1`, `8`, `9`, so nothing is misread over the phone.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// RFC 4648 "extended hex": sorts as text in the order of the number.
const BASE32_HEX: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// `length` random base32 characters (5 bits each).
pub fn random_base32(length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(BASE32[rng.random_range(0..32)])).collect()
}

/// A figure from 0 up to 1, to spread what would otherwise happen at once.
pub fn random_fraction() -> f64 {
    rand::rng().random_range(0.0..1.0)
}

/// 9 characters of time (good until year 3084) and 9 random ones: sorts by time as text.
pub fn time_ordered(now: Timestamp) -> String {
    let millis = u64::try_from(now.0).unwrap_or(0);
    let mut text: String = (0..9).rev().map(|digit| char::from(BASE32_HEX[((millis >> (digit * 5)) & 31) as usize])).collect();
    let mut rng = rand::rng();
    text.extend((0..9).map(|_| char::from(BASE32_HEX[rng.random_range(0..32)])));
    text
}

/// Declares an id type: `id_type!(SiteId, "app_", random 8)` or `id_type!(JobId, "job_")` (time-ordered).
#[macro_export]
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, random $length:literal) => {
        $crate::id_type!(@common $(#[$doc])* $name, $prefix, $length, $length);
        impl $name {
            /// A new random id.
            pub fn random() -> $name {
                $name(format!("{}{}", $prefix, $crate::id::random_base32($length)))
            }
        }
    };
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $crate::id_type!(@common $(#[$doc])* $name, $prefix, 18, 18);
        impl $name {
            /// A new id that sorts after those made earlier.
            pub fn new(clock: &$crate::Clock) -> $name {
                $name(format!("{}{}", $prefix, $crate::id::time_ordered(clock.now())))
            }
        }
    };
    (@common $(#[$doc:meta])* $name:ident, $prefix:literal, $min:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every id of this type begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Parses the prefix and exactly as many lower-case letters and digits as we give out.
            ///
            /// Anything else is answered like an id that does not exist.
            pub fn parse(text: &str) -> $crate::Result<$name> {
                let rest = text.strip_prefix($prefix).filter(|rest| {
                    ($min..=$max).contains(&rest.len())
                        && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                });
                match rest {
                    Some(_) => Ok($name(text.to_owned())),
                    None => Err($crate::Error::not_found(concat!("id `", $prefix, "…`"))),
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> std::result::Result<$name, String> {
                $name::parse(&text).map_err(|error| error.to_string())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl From<&$name> for $crate::db::Value {
            fn from(id: &$name) -> $crate::db::Value {
                $crate::db::Value::Text(id.0.clone())
            }
        }

        impl From<$name> for $crate::db::Value {
            fn from(id: $name) -> $crate::db::Value {
                $crate::db::Value::Text(id.0)
            }
        }

        impl $crate::db::FromValue for $name {
            fn from_value(value: $crate::db::Value) -> $crate::Result<$name> {
                let text = String::from_value(value)?;
                $name::parse(&text).map_err(|_| $crate::Error::internal(format!("stored id `{text}` is malformed")))
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;

    id_type!(ThingId, "thing_");
    id_type!(NameId, "name_", random 8);

    #[test]
    fn ids_sort_by_time_and_parse_strictly() {
        let clock = Clock::manual(Timestamp(1_700_000_000_000));
        let first = ThingId::new(&clock);
        clock.advance(std::time::Duration::from_millis(1));
        assert!(ThingId::new(&clock) > first);
        assert_eq!(ThingId::parse(first.as_str()).unwrap(), first);
        let name = NameId::random();
        assert_eq!(name.as_str().len(), 13);
        for bad in ["", "name_", "name_ABCDEFGH", "name_abcdefg", "name_abcdefghi", "name_abcd/fgh", "thing_abcdefgh"] {
            assert!(NameId::parse(bad).is_err(), "{bad}");
        }
    }
}
