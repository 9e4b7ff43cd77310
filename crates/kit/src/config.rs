//! Layers of configuration: compiled-in defaults, a TOML file, the environment, flags. Later ones win.
//!
//! A wrong key or value stops the start and is named together with where it came from and what is allowed.

use std::path::Path;

use figment::providers::{Env, Format, Toml};
use figment::{Figment, Provider};
use serde::de::DeserializeOwned;

use crate::{Error, FieldError, Result};

/// Reads a typed configuration.
///
/// `defaults` is TOML that holds every key. Variables are called `{env_prefix}SECTION__KEY`
/// (`INNKEEPER_EDGE__HTTP_PORT`); names in `not_configuration` are left alone.
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
    let env = Env::prefixed(env_prefix).ignore(not_configuration).split("__");
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
                    FieldError { field, message: format!("{}{source}", error.kind) }
                })
                .collect(),
        )
    })
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
}
