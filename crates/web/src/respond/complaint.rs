//! What is wrong with a form, shown again with what was typed and the complaint beside its field.

use axum::http::StatusCode;
use kit::{Error, FieldError};
use maud::Markup;

use super::{Answer, Failure, sentence};

/// Complaints about a form. The empty one stands for a form that nobody has sent yet.
#[derive(Debug, Default)]
pub struct Complaint {
    status: StatusCode,
    message: Option<String>,
    fields: Vec<FieldError>,
}

impl Complaint {
    /// Nothing to complain about.
    pub fn none() -> Complaint {
        Complaint::default()
    }

    /// Takes what the person can mend at the form; anything else stays a failure.
    pub fn from(error: Error) -> Answer<Complaint> {
        match error {
            Error::Invalid(fields) => Ok(Complaint {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                message: None,
                fields: fields.into_iter().map(|error| FieldError { message: sentence(&error.message), ..error }).collect(),
            }),
            Error::Conflict(message) => {
                Ok(Complaint { status: StatusCode::CONFLICT, message: Some(sentence(&message)), fields: Vec::new() })
            }
            Error::Throttled { message, .. } => {
                Ok(Complaint { status: StatusCode::TOO_MANY_REQUESTS, message: Some(sentence(&message)), fields: Vec::new() })
            }
            other => Err(Failure::from(other)),
        }
    }

    /// As [`Complaint::from`], for what a handler's helper says.
    pub fn of_failure(failure: Failure) -> Answer<Complaint> {
        let status = failure.status();
        match failure.field_errors() {
            [] if status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE => Ok(Complaint::saying(status, &failure.detail())),
            [] => Err(failure),
            fields => Complaint::from(Error::Invalid(fields.to_vec())),
        }
    }

    /// One sentence about the form as a whole.
    pub fn saying(status: StatusCode, message: &str) -> Complaint {
        Complaint { status, message: Some(sentence(message)), fields: Vec::new() }
    }

    /// The status of the page that shows the form again.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The complaint about one field.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }

    /// The summary above the form; `shown` are the fields that the form has, others are named in words.
    pub fn summary(&self, shown: &[&str]) -> Markup {
        let (beside, elsewhere): (Vec<&FieldError>, Vec<&FieldError>) =
            self.fields.iter().partition(|error| shown.contains(&error.field.as_str()));
        let mut message = self.message.clone();
        if let Some(error) = elsewhere.first() {
            message.get_or_insert_with(|| format!("{}: {}", error.field, error.message));
        }
        let links: Vec<(&str, &str)> = beside.iter().map(|error| (error.field.as_str(), error.message.as_str())).collect();
        ui::form::form_error(message.as_deref(), &links)
    }
}
