//! What staff write about customers is theirs alone: a customer's own people never read it.

use accounts::{Actor, Permission};
use kit::{Error, Result};

/// Passes for people of the house who may read, and for those who may write: a token that only writes is shown what it wrote.
pub(crate) fn reading_or(actor: &Actor, permission: Permission) -> Result<()> {
    only(actor, if actor.can(permission) { permission } else { Permission::ReadCustomers })
}

/// Passes for people of the house with the permission.
pub(crate) fn only(actor: &Actor, permission: Permission) -> Result<()> {
    actor.may(permission)?;
    match actor.scope().is_house() {
        true => Ok(()),
        false => Err(Error::forbidden("this belongs to the people who run Innkeeper")),
    }
}

/// A text of people: trimmed, 1 to `most` characters (or 0, if it may be empty), with line breaks at most as control characters.
pub(crate) fn text(field: &'static str, text: &str, (least, most): (usize, usize)) -> Result<String> {
    let text = text.trim().replace("\r\n", "\n");
    let length = text.chars().count();
    if length < least || length > most {
        let range =
            if least == 0 { format!("must have {most} characters at most") } else { format!("must have {least} to {most} characters") };
        return Err(Error::invalid(field, range));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Error::invalid(field, "must not hold control characters"));
    }
    Ok(text)
}
