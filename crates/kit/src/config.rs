//! Layers of configuration: compiled-in defaults, a TOML file, the environment, flags. Later ones win.
//!
//! A wrong key or value stops the start and is named together with where it came from and what is allowed.

use std::path::Path;

use figment::providers::{Env, Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;

use crate::{Error, FieldError, Result};

/// Reads a typed configuration.
///
/// `defaults` is TOML that holds every key. Variables are called `{env_prefix}SECTION__KEY`
/// (`INNKEEPER_EDGE__HTTP_PORT`) and have the type that the defaults have there; names in `not_configuration` are left
/// alone.
pub fn load<T: DeserializeOwned>(
    defaults: &str,
    file: Option<&Path>,
    env_prefix: &str,
    not_configuration: &[&str],
    flags: impl Provider,
) -> Result<T> {
    let mut figment = Figment::from(Toml::string(defaults));
    if let Some(file) = file {
        if !file.is_file() {
            return Err(Error::invalid("--config", format!("the file {} does not exist", file.display())));
        }
        figment = figment.merge(Toml::file_exact(file));
    }
    let defaults = Toml::string(defaults).data().map_err(|error| Error::internal(format!("the default configuration: {error}")))?;
    let env = TypedEnv {
        env: Env::prefixed(env_prefix).ignore(not_configuration).split("__"),
        defaults: defaults.into_values().next().unwrap_or_default().into(),
    };
    figment = figment.merge(env).merge(flags);
    figment.extract().map_err(|errors| {
        Error::Invalid(
            errors
                .into_iter()
                .map(|error| {
                    let source = match (&error.metadata, error.path.is_empty()) {
                        (Some(metadata), _) => match &metadata.source {
                            Some(source) => format!(" (in {source})"),
                            None => format!(" (in {})", metadata.name),
                        },
                        (None, _) => String::new(),
                    };
                    let field = match &error.kind {
                        figment::error::Kind::UnknownField(name, _) if !error.path.ends_with(std::slice::from_ref(name)) => {
                            [error.path.as_slice(), std::slice::from_ref(name)].concat().join(".")
                        }
                        _ => error.path.join("."),
                    };
                    let message = match &error.kind {
                        // The kind would quote what was found.
                        _ if is_secret(&field) => format!("cannot be read as what it has to be{source}"),
                        kind => format!("{kind}{source}"),
                    };
                    FieldError { field, message }
                })
                .collect(),
        )
    })
}

/// The environment, read by the types of the defaults: where those have a text, `12345` is one, too.
struct TypedEnv {
    env: Env,
    defaults: Value,
}

impl Provider for TypedEnv {
    fn metadata(&self) -> Metadata {
        self.env.metadata()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut data = self.env.data()?;
        for (key, text) in self.env.iter() {
            if !matches!(self.defaults.find_ref(key.as_str()), Some(Value::String(..))) {
                continue;
            }
            let (sections, name) = key.as_str().rsplit_once('.').unwrap_or(("", key.as_str()));
            for dict in data.values_mut() {
                let section =
                    sections.split('.').filter(|section| !section.is_empty()).try_fold(dict, |dict, section| match dict.get_mut(section) {
                        Some(Value::Dict(_, inner)) => Some(inner),
                        _ => None,
                    });
                if let Some(value) = section.and_then(|section| section.get_mut(name)) {
                    *value = Value::String(value.tag(), text.clone());
                }
            }
        }
        Ok(data)
    }
}

fn is_secret(field: &str) -> bool {
    ["password", "secret", "token", "key"].iter().any(|ending| field.ends_with(ending))
}

/// A setting given as text by a flag: a number, `true`, a list or a table where it is written exactly so, else the
/// text itself. `0123` and `1e3` stay text: nothing is lost.
pub fn value_of(text: &str) -> Value {
    let parsed: Value = text.parse().expect("any text parses as some value");
    let exact = match &parsed {
        Value::Num(_, number) => {
            number.to_i128().is_some_and(|it| it.to_string() == text) || number.to_u128().is_some_and(|it| it.to_string() == text)
        }
        _ => true,
    };
    if exact { parsed } else { Value::from(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use figment::providers::Serialized;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        edge: Edge,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Edge {
        http_port: u16,
    }

    const DEFAULTS: &str = "[edge]\nhttp_port = 80\n";

    fn none() -> Serialized<std::collections::BTreeMap<String, String>> {
        Serialized::defaults(std::collections::BTreeMap::new())
    }

    #[test]
    fn texts_become_numbers_only_when_nothing_is_lost() {
        assert!(matches!(value_of("18080"), Value::Num(..)));
        for text in ["0123", "1e3", "1.50", "hunter2", ""] {
            assert_eq!(value_of(text).into_string().as_deref(), Some(text));
        }
    }

    #[test]
    fn file_overrides_defaults_and_wrong_keys_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("innkeeper.toml");
        std::fs::write(&path, "[edge]\nhttp_port = 8081\n").unwrap();
        let settings: Settings = load(DEFAULTS, Some(&path), "KIT_TEST_NONE_", &[], none()).unwrap();
        assert_eq!(settings.edge.http_port, 8081);

        std::fs::write(&path, "[edge]\nhtp_port = 8081\n").unwrap();
        let error = load::<Settings>(DEFAULTS, Some(&path), "KIT_TEST_NONE_", &[], none()).unwrap_err().to_string();
        assert!(error.contains("edge.htp_port") && error.contains("http_port"), "{error}");

        std::fs::write(&path, "[edge]\nhttp_port = \"many\"\n").unwrap();
        let error = load::<Settings>(DEFAULTS, Some(&path), "KIT_TEST_NONE_", &[], none()).unwrap_err().to_string();
        assert!(error.contains("edge.http_port") && error.contains("innkeeper.toml"), "{error}");
    }

    #[test]
    fn variables_take_the_type_of_the_default_and_secrets_are_not_quoted() {
        #[derive(Debug, serde::Deserialize)]
        struct Settings {
            mail: Mail,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Mail {
            port: u16,
            password: String,
        }
        let defaults = "[mail]\nport = 25\npassword = ''\n";
        #[expect(clippy::result_large_err, reason = "figment's error is what its closure returns")]
        figment::Jail::expect_with(|jail| {
            jail.set_env("KIT_TEST_TYPED_MAIL__PORT", "2525");
            jail.set_env("KIT_TEST_TYPED_MAIL__PASSWORD", "0012345");
            let settings: Settings = load(defaults, None, "KIT_TEST_TYPED_", &[], none()).unwrap();
            assert_eq!((settings.mail.port, settings.mail.password.as_str()), (2525, "0012345"));

            jail.create_file("innkeeper.toml", "[mail]\npassword = 987654321\n")?;
            let file = jail.directory().join("innkeeper.toml");
            let error = load::<Settings>(defaults, Some(&file), "KIT_TEST_NONE_", &[], none()).unwrap_err().to_string();
            assert!(error.contains("mail.password") && !error.contains("987654321"), "{error}");
            Ok(())
        });
    }
}
