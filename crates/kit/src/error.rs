//! One error type for all slices, sorted by what the caller can do about it.
//!
//! `web::respond` alone turns kinds into status codes and the command line turns them into exit codes.
//! [`Error`] does not implement [`std::error::Error`], so that any foreign error becomes
//! [`Error::Internal`] by `?` and loses nothing of its chain.

use std::fmt;
use std::time::Duration;

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by what the caller can do about it.
pub enum Error {
    /// It does not exist, or it is not the caller's: the two must not be told apart.
    NotFound(String),
    /// Input that names the field and what is allowed there.
    Invalid(Vec<FieldError>),
    /// The caller is known but may not do this.
    Forbidden(String),
    /// It clashes with what is there now; the message says with what.
    Conflict(String),
    /// Too many tries; the same call may succeed after `retry_after`.
    Throttled {
        /// What was done too often, for the person who did it.
        message: String,
        /// How long to wait.
        retry_after: Duration,
    },
    /// Something outside of us (Docker, Traefik, SMTP, a disk) did not do its part; trying again may help.
    Unavailable {
        /// What the person can do or wait for.
        message: String,
        /// What was seen, for the log.
        source: Option<anyhow::Error>,
    },
    /// A fault of ours. Its text is logged and never shown.
    Internal(anyhow::Error),
}

/// One field's complaint.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The field's name as the caller spelled it in the form or the JSON body.
    pub field: String,
    /// A sentence that says what is allowed.
    pub message: String,
}

impl Error {
    /// Says that `what` does not exist or is not the caller's.
    pub fn not_found(what: impl Into<String>) -> Error {
        Error::NotFound(what.into())
    }

    /// Says what is wrong with one field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Error {
        Error::Invalid(vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// Says that the caller may not do this.
    pub fn forbidden(message: impl Into<String>) -> Error {
        Error::Forbidden(message.into())
    }

    /// Says what stands in the way.
    pub fn conflict(message: impl Into<String>) -> Error {
        Error::Conflict(message.into())
    }

    /// Says that something outside did not do its part.
    pub fn unavailable(message: impl Into<String>) -> Error {
        Error::Unavailable { message: message.into(), source: None }
    }

    /// Says that something outside did not do its part, with what was seen.
    pub fn unavailable_because(message: impl Into<String>, source: impl IntoError) -> Error {
        Error::Unavailable { message: message.into(), source: Some(source.into_error().into_anyhow()) }
    }

    /// A fault of ours, described for the log.
    pub fn internal(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Error {
        Error::Internal(anyhow::Error::msg(message))
    }

    /// Whether the same call may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Unavailable { .. } | Error::Internal(_) | Error::Throttled { .. })
    }

    /// What a person may read: internal faults keep their text to the log.
    pub fn public_message(&self) -> String {
        match self {
            Error::Internal(_) => "Something went wrong on our side. It has been logged.".to_owned(),
            Error::Unavailable { message, .. } => message.clone(),
            other => other.to_string(),
        }
    }

    fn into_anyhow(self) -> anyhow::Error {
        match self {
            Error::Internal(source) => source,
            Error::Unavailable { message, source: Some(source) } => source.context(message),
            other => anyhow::Error::msg(other.to_string()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotFound(what) => write!(f, "{what} was not found"),
            Error::Invalid(fields) => {
                for (at, field) in fields.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "; " };
                    write!(f, "{comma}{}: {}", field.field, field.message)?;
                }
                Ok(())
            }
            Error::Forbidden(message) | Error::Conflict(message) => f.write_str(message),
            Error::Throttled { message, .. } => f.write_str(message),
            Error::Unavailable { message, source: Some(source) } => write!(f, "{message}: {source:#}"),
            Error::Unavailable { message, source: None } => f.write_str(message),
            Error::Internal(source) => write!(f, "{source:#}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Error::NotFound(_) => "NotFound",
            Error::Invalid(_) => "Invalid",
            Error::Forbidden(_) => "Forbidden",
            Error::Conflict(_) => "Conflict",
            Error::Throttled { .. } => "Throttled",
            Error::Unavailable { .. } => "Unavailable",
            Error::Internal(_) => "Internal",
        };
        write!(f, "{kind}({self})")
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Error {
        Error::Internal(anyhow::Error::new(error))
    }
}

/// Foreign errors and our own alike, for [`Context`].
pub trait IntoError {
    /// Converts, keeping the kind of our own errors.
    fn into_error(self) -> Error;
}

impl<E: std::error::Error + Send + Sync + 'static> IntoError for E {
    fn into_error(self) -> Error {
        Error::from(self)
    }
}

impl IntoError for Error {
    fn into_error(self) -> Error {
        self
    }
}

/// Says what was attempted when it failed: `.context("reading compose file of site `app_…`")`.
pub trait Context<T> {
    /// Adds what was attempted; the kind of our own errors stays.
    fn context(self, attempted: impl fmt::Display + Send + Sync + 'static) -> Result<T>;
}

impl<T, E: IntoError> Context<T> for std::result::Result<T, E> {
    fn context(self, attempted: impl fmt::Display + Send + Sync + 'static) -> Result<T> {
        self.map_err(|error| match error.into_error() {
            Error::Internal(source) => Error::Internal(source.context(attempted.to_string())),
            Error::Unavailable { message, source } => Error::Unavailable {
                source: Some(match source {
                    Some(source) => source.context(attempted.to_string()),
                    None => anyhow::Error::msg(attempted.to_string()),
                }),
                message,
            },
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_keeps_the_kind_and_internal_text_stays_private() {
        let io = std::io::Error::other("disk on fire");
        let error = Err::<(), _>(io).context("reading the key").unwrap_err();
        assert_eq!(error.to_string(), "reading the key: disk on fire");
        assert!(!error.public_message().contains("fire"));
        let missing = Err::<(), _>(Error::not_found("site")).context("opening").unwrap_err();
        assert_eq!(missing.to_string(), "site was not found");
    }
}
