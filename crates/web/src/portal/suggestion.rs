//! An address made from a site's name: `Ada's Bäckerei` → `adas-baeckerei`.

use hosting::Hosting;
use hosting::names::Subdomain;
use hosting::sites::{self, AddressAnswer};
use kit::Result;

/// Variants that are tried when the plain one is taken or reserved.
const TRIES: usize = 5;

/// The first free address that the name suggests; none when the name has no Latin letters.
pub(crate) async fn for_name(hosting: &Hosting, name: &str) -> Result<Option<Subdomain>> {
    for candidate in candidates(name) {
        // Reserved and too short ones are passed over.
        let Ok(subdomain) = Subdomain::parse(&candidate, &hosting.config.reserved_subdomains) else { continue };
        if let AddressAnswer::Free(_) = sites::check_address(hosting, &subdomain).await? {
            return Ok(Some(subdomain));
        }
    }
    Ok(None)
}

fn candidates(name: &str) -> Vec<String> {
    let plain = label(name);
    if plain.is_empty() {
        return Vec::new();
    }
    let mut all = vec![plain.clone(), format!("{plain}-site")];
    all.extend((2..TRIES).map(|number| format!("{plain}-{number}")));
    all
}

/// Lower-case Latin letters and digits, words joined by hyphens, at most 30 characters.
fn label(name: &str) -> String {
    let mut label = String::new();
    for letter in name.trim().to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' => label.push(letter),
            // Apostrophes join what they stand between.
            '\'' | '’' => {}
            _ => match plain(letter) {
                Some(letters) => label.push_str(letters),
                None if !label.is_empty() && !label.ends_with('-') => label.push('-'),
                None => {}
            },
        }
    }
    label.truncate(30);
    label.trim_matches('-').to_owned()
}

/// The usual spelling of a letter in ASCII.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ä' | 'æ' => "ae",
        'ö' | 'œ' | 'ø' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'å' | 'á' | 'à' | 'â' | 'ã' | 'ā' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' => "d",
        'é' | 'è' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'í' | 'ì' | 'î' | 'ï' | 'ı' | 'ī' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ó' | 'ò' | 'ô' | 'õ' | 'ō' | 'ő' => "o",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ť' | 'ț' => "t",
        'ú' | 'ù' | 'û' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels() {
        for (name, expected) in [
            ("My Awesome Site", "my-awesome-site"),
            ("Ada's Bäckerei & Söhne", "adas-baeckerei-soehne"),
            ("  --x--  ", "x"),
            ("名前", ""),
            ("<script>alert(1)</script>", "script-alert-1-script"),
            ("a very long name that goes on and on and on", "a-very-long-name-that-goes-on"),
        ] {
            assert_eq!(label(name), expected, "{name}");
        }
        assert!(candidates("名前").is_empty());
        assert_eq!(candidates("Shop")[..2], ["shop".to_owned(), "shop-site".to_owned()]);
    }

    #[test]
    fn labels_are_never_refused_for_their_letters() {
        for name in ["$(rm -rf /)", "`id`", "a\u{202e}b", "'; drop table site; --", "x".repeat(200).as_str(), "A--B"] {
            let label = label(name);
            assert!(label.is_empty() || label.len() < 2 || Subdomain::parse(&label, &[]).is_ok(), "{name}: {label}");
        }
    }
}
