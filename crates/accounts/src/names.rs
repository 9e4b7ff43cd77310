//! Texts that people type, each parsed once at the edge into a type that cannot be wrong.

use std::fmt;

use kit::db::{FromValue, Value};
use kit::{Error, Result};
use serde::Serialize;

/// Declares a text that is made by its own `parse` only, and trusted when it comes from the database.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&$name> for Value {
            fn from(name: &$name) -> Value {
                Value::Text(name.0.clone())
            }
        }

        impl FromValue for $name {
            fn from_value(value: Value) -> Result<$name> {
                String::from_value(value).map($name)
            }
        }
    };
}

checked_text!(
    /// A mail address in lower case, its domain in ASCII: what is equal here is the same mailbox to us.
    Email
);
checked_text!(
    /// What a customer is called: 1–100 characters.
    CustomerName
);
checked_text!(
    /// What a person is called: 1–100 characters.
    PersonName
);
checked_text!(
    /// What a token is called by its owner: 1–60 characters.
    Label
);
checked_text!(
    /// An ISO 4217 code.
    Currency
);

impl Email {
    /// Parses `local@domain`. Field: `email`.
    ///
    /// The local part is ASCII without quotes, which every mail server takes and no two look-alikes share. Case is
    /// dropped everywhere: mailboxes that differ in case only do not exist in practice, sign-ups that do so by mistake do.
    pub fn parse(text: &str) -> Result<Email> {
        let wrong = || Error::invalid("email", "Enter a mail address such as ada@example.com.");
        let (local, domain) = text.trim().rsplit_once('@').ok_or_else(wrong)?;
        let local_is_plain = local.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b));
        let dots_are_inside = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        if local.is_empty() || local.len() > 64 || !local_is_plain || !dots_are_inside {
            return Err(wrong());
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| wrong())?;
        let is_a_name = domain.contains('.') && !domain.ends_with('.') && domain.split('.').all(|label| !label.is_empty());
        if !is_a_name || local.len() + 1 + domain.len() > 254 {
            return Err(wrong());
        }
        Ok(Email(format!("{}@{domain}", local.to_ascii_lowercase())))
    }
}

impl CustomerName {
    /// Parses a name; inner white space becomes single spaces. Field: `name`.
    pub fn parse(text: &str) -> Result<CustomerName> {
        readable(text, 100).map(CustomerName)
    }

    /// The name as it is searched and ordered.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl PersonName {
    /// Parses a name; inner white space becomes single spaces. Field: `name`.
    pub fn parse(text: &str) -> Result<PersonName> {
        readable(text, 100).map(PersonName)
    }
}

impl Label {
    /// Parses a label; inner white space becomes single spaces. Field: `name`.
    pub fn parse(text: &str) -> Result<Label> {
        readable(text, 60).map(Label)
    }
}

impl Currency {
    /// Parses an ISO 4217 code in either case. Field: `currency`.
    pub fn parse(text: &str) -> Result<Currency> {
        let code = text.trim().to_ascii_uppercase();
        match CURRENCIES.split_ascii_whitespace().any(|known| known == code) {
            true => Ok(Currency(code)),
            false => Err(Error::invalid("currency", "Enter a currency code such as EUR, USD or GBP.")),
        }
    }
}

/// The codes of ISO 4217 for money in use; funds, metals and test codes are left out.
const CURRENCIES: &str = "\
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP \
    CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR \
    IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU \
    MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG \
    SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV \
    WST XAF XCD XOF XPF YER ZAR ZMW ZWG";

/// Whether a character changes what a reader believes to see: controls, line separators, direction overrides, invisible ones.
///
/// The joiners U+200C and U+200D stay allowed: Persian, Indic scripts and emoji need them.
pub fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

fn readable(text: &str, longest: usize) -> Result<String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = name.chars().count();
    if length == 0 || length > longest {
        return Err(Error::invalid("name", format!("Enter a name of 1 to {longest} characters.")));
    }
    if name.chars().any(misleads) {
        return Err(Error::invalid("name", "Leave out invisible and control characters."));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_mailbox_are_equal() {
        for (typed, stored) in [
            ("ada@example.com", "ada@example.com"),
            ("  Ada.Lovelace+News@EXAMPLE.com ", "ada.lovelace+news@example.com"),
            ("o'neil@example.co.uk", "o'neil@example.co.uk"),
            ("info@Bücher.example", "info@xn--bcher-kva.example"),
            ("info@xn--bcher-kva.example", "info@xn--bcher-kva.example"),
        ] {
            assert_eq!(Email::parse(typed).unwrap().as_str(), stored);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example",
            "ada@.com",
            "ada@example..com",
            "ada@example.com.",
            ".ada@example.com",
            "a..b@example.com",
            "ada lovelace@example.com",
            "\"ada\"@example.com",
            "ada@exa mple.com",
            "ada@example.com\r\nBcc: eve@example.com",
            "a\0da@example.com",
            "ada,eve@example.com",
            "<ada@example.com>",
            "adı@example.com",
            "ada@-x-.com",
            "ada@exam_ple.com/..",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
        assert!(Email::parse(&format!("{}@example.com", "a".repeat(65))).is_err());
    }

    #[test]
    fn names_keep_markup_and_lose_only_what_misleads() {
        assert_eq!(CustomerName::parse("  Byte \t <Bakery>  & 'Söhne' ").unwrap().as_str(), "Byte <Bakery> & 'Söhne'");
        assert_eq!(PersonName::parse("👩‍💻 نازنین").unwrap().as_str(), "👩‍💻 نازنین");
        for text in ["", "   ", "a\0b", "evil\u{202e}exe", "a\u{200b}b", "\u{1b}[31mred"] {
            assert!(PersonName::parse(text).is_err(), "{text:?}");
        }
        assert!(PersonName::parse(&"ä".repeat(100)).is_ok());
        assert!(PersonName::parse(&"ä".repeat(101)).is_err());
    }

    #[test]
    fn currencies_are_known_codes() {
        assert_eq!(Currency::parse(" eur").unwrap().as_str(), "EUR");
        for text in ["", "EU", "EURO", "ABC", "XXX", "E R"] {
            assert!(Currency::parse(text).is_err(), "{text}");
        }
    }
}
