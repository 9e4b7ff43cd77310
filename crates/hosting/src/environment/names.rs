//! What a variable may be called and hold.
//!
//! A name ends up in a file that Compose reads on this server before the site's containers exist, and in the environment of every
//! process in them. So beside the shape of a name it matters who else reads it.

use std::collections::BTreeMap;

use kit::secrets::Secret;
use kit::{Error, FieldError, Result};

/// Most characters of a name.
const LONGEST_NAME: usize = 64;
/// Most bytes of a value. Linux takes 128 KB for one variable, its name included.
pub const MAX_VALUE: usize = 32 * 1024;
/// Most variables of a site.
pub(super) const MOST: usize = 200;
/// Most bytes of all names and values together.
pub(super) const MOST_BYTES: usize = 256 * 1024;

/// What Innkeeper sets and what depends on it: other values would cut the site off from its database or address.
const OURS: &[&str] = &[
    "CUSTOMER_UUID",
    "APP_ID",
    "APP_DOMAIN",
    "RELEASE_ID",
    "APP_ENV",
    "APP_NAME",
    "WWW_URL",
    "API_URL",
    "ALERT_URL",
    "ALERT_PORT",
    "DB_HOST",
    "DB_PORT",
    "DB_NAME",
    "DB_USER",
    "DB_PASSWORD",
    "JWT_SECRET",
    "SESSION_SECRET",
    "SITE_OWNER_EMAIL",
    "SITE_OWNER_PASSWORD",
    "CORS_ORIGIN",
    "STORAGE_PATH",
    "REPO_WEBHOOK_SECRET",
];

/// What Innkeeper only proposes: a site's own value takes its place.
pub(super) const PROPOSED: &[&str] =
    &["MAIL_HOST", "MAIL_PORT", "MAIL_USERNAME", "MAIL_PASSWORD", "MAIL_FROM_ADDRESS", "MAIL_FROM_NAME", "LOG_LEVEL", "UPLOAD_MAX_SIZE"];

/// Where the services of one release find each other.
const HOST_SUFFIX: &str = "_INTERNAL_HOST";

/// Read by Docker and Compose themselves, on the server: `COMPOSE_FILE` in a site's `.env` would make Compose read another file.
const OF_DOCKER: &[&str] = &["COMPOSE_", "DOCKER_", "BUILDKIT_", "BUILDX_"];

/// Read by the loader, the allocator or a server's start script before any code of the site runs.
const OF_LOADERS: &[&str] = &["LD_", "DYLD_", "GLIBC_", "MALLOC_", "BASH_", "APACHE_", "NGINX_"];

/// Single names that make a shell or an interpreter load other code, or say where the process is and who it runs as.
const OF_PROCESSES: &[&str] = &[
    // the shell
    "PATH",
    "HOME",
    "ENV",
    "IFS",
    "PWD",
    "OLDPWD",
    "CDPATH",
    "SHELL",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "PROMPT_COMMAND",
    "USER",
    "LOGNAME",
    "HOSTNAME",
    "TMPDIR",
    "GCONV_PATH",
    "LOCPATH",
    "NLSPATH",
    // interpreters
    "NODE_OPTIONS",
    "NODE_PATH",
    "PHPRC",
    "PHP_INI_DIR",
    "PHP_INI_SCAN_DIR",
    "PERL5LIB",
    "PERL5OPT",
    "PERL5DB",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "RUBYLIB",
    "RUBYOPT",
    "CLASSPATH",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "OPENSSL_CONF",
    "OPENSSL_MODULES",
    "OPENSSL_ENGINES",
];

/// What is wrong with a name; nothing for a good one.
pub fn complaint_about_name(name: &str) -> Option<String> {
    let first = name.bytes().next();
    let fits = name.len() <= LONGEST_NAME
        && first.is_some_and(|first| first.is_ascii_uppercase() || first == b'_')
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    Some(if name.is_empty() {
        "must have a name".to_owned()
    } else if !fits || name.bytes().all(|b| b == b'_') {
        format!("must be called with capital letters, digits and `_`, beginning with no digit, {LONGEST_NAME} characters at most")
    } else if OURS.contains(&name) || name.ends_with(HOST_SUFFIX) {
        "is set by Innkeeper and cannot be replaced; choose another name".to_owned()
    } else if starts(OF_DOCKER) {
        "steers Docker on this server and cannot be set; choose another name".to_owned()
    } else if starts(OF_LOADERS) || OF_PROCESSES.contains(&name) {
        "changes how programs are started and cannot be set; choose another name".to_owned()
    } else {
        return None;
    })
}

/// What is wrong with a value; nothing for a good one. Line breaks are fine.
pub fn complaint_about_value(value: &str) -> Option<String> {
    if value.contains('\0') {
        return Some("must not hold NUL characters".to_owned());
    }
    (value.len() > MAX_VALUE).then(|| format!("must be {} KB at most", MAX_VALUE / 1024))
}

/// Refuses what is too much altogether.
pub(super) fn check_size(values: &BTreeMap<String, Secret>) -> Result<()> {
    if values.len() > MOST {
        return Err(Error::invalid("set", format!("must not make more than {MOST} variables; these would be {}", values.len())));
    }
    let bytes: usize = values.iter().map(|(name, value)| name.len() + value.reveal().len()).sum();
    if bytes > MOST_BYTES {
        return Err(Error::invalid("set", format!("must not make more than {} KB of variables altogether", MOST_BYTES / 1024)));
    }
    Ok(())
}

/// Refuses names and values that may not be, each complaint under `set.NAME`.
pub(super) fn check(set: &BTreeMap<String, Secret>) -> Result<()> {
    let complaints: Vec<FieldError> = set
        .iter()
        .filter_map(|(name, value)| {
            let message = complaint_about_name(name).or_else(|| complaint_about_value(value.reveal()))?;
            Some(FieldError { field: format!("set.{name}"), message })
        })
        .collect();
    if complaints.is_empty() { Ok(()) } else { Err(Error::Invalid(complaints)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_taken_and_those_that_others_read_are_not() {
        let longest = "A".repeat(64);
        for good in ["A", "STRIPE_KEY", "_PRIVATE", "S3_BUCKET2", "MAIL_HOST", "LOG_LEVEL", "NODE_ENV", "PATHS", "HTTP_PROXY", &longest] {
            assert_eq!(complaint_about_name(good), None, "{good}");
        }
        let too_long = "A".repeat(65);
        for (bad, why) in [
            ("", "must have a name"),
            ("a", "capital letters"),
            ("1A", "capital letters"),
            ("_", "capital letters"),
            ("__", "capital letters"),
            (&too_long, "capital letters"),
            ("A B", "capital letters"),
            ("A\nB", "capital letters"),
            ("A=B", "capital letters"),
            ("A-B", "capital letters"),
            ("A.B", "capital letters"),
            ("A: {b: c}", "capital letters"),
            ("${A}", "capital letters"),
            ("A$(touch MARKER)", "capital letters"),
            ("A'", "capital letters"),
            ("<<", "capital letters"),
            ("&A", "capital letters"),
            ("ÄPFEL", "capital letters"),
            ("A\u{0}", "capital letters"),
            ("A\u{200b}", "capital letters"),
            ("ＡＢＣ", "capital letters"),
            ("DB_PASSWORD", "set by Innkeeper"),
            ("RELEASE_ID", "set by Innkeeper"),
            ("API_INTERNAL_HOST", "set by Innkeeper"),
            ("ANY_INTERNAL_HOST", "set by Innkeeper"),
            ("COMPOSE_FILE", "steers Docker"),
            ("COMPOSE_PROJECT_NAME", "steers Docker"),
            ("DOCKER_HOST", "steers Docker"),
            ("LD_PRELOAD", "how programs are started"),
            ("PATH", "how programs are started"),
            ("NODE_OPTIONS", "how programs are started"),
            ("PHP_INI_SCAN_DIR", "how programs are started"),
            ("BASH_ENV", "how programs are started"),
            ("BASH_FUNC_LS", "how programs are started"),
        ] {
            let complaint = complaint_about_name(bad).unwrap_or_default();
            assert!(complaint.contains(why), "{bad:?}: {complaint:?}");
        }
    }

    #[test]
    fn values_hold_anything_but_nul_up_to_their_size() {
        let longest = "é".repeat(MAX_VALUE / 2);
        for good in ["", "two\nlines", "$(id) `id` ${X}", "\u{1b}[2J", &longest] {
            assert_eq!(complaint_about_value(good), None, "{good:?}");
        }
        assert!(complaint_about_value("a\0b").is_some());
        assert!(complaint_about_value(&format!("{longest}x")).is_some());
    }

    #[test]
    fn what_is_ours_is_what_the_file_says() {
        assert!(OURS.iter().all(|name| !PROPOSED.contains(name)));
    }
}
