//! `innkeeper doctor`.

use std::process::ExitCode;

use accounts::Actor;
use hosting::doctor::{self, Finding, Report, Severity};
use hosting::{SiteId, sites};
use kit::{Clock, Error, Result};
use serde_json::{Value, json};
use web::config::Config;

use crate::open;
use crate::output::Output;

/// Says what is wrong with the house or a site, and what to do about it.
///
/// Mends nothing by itself. Works beside a running server and without one, also when Docker does not answer. Ends with 0 when all is
/// well, 10 when something deserves a look, and 20 when something does not work; other codes mean that it could not be asked.
#[derive(clap::Args)]
pub struct Doctor {
    /// Looks at this site, and at what of the house is not well: a site's id.
    site: Option<String>,
}

impl Doctor {
    /// Runs it.
    pub async fn run(self, config: Config, output: Output) -> Result<ExitCode> {
        let id = self.site.as_deref().map(SiteId::parse).transpose()?;
        let (hosting, data) = (config.hosting.clone(), config.server.data.clone());
        let report = match open::app(config).await {
            Ok(app) => {
                let site = match &id {
                    Some(id) => Some(sites::get(&app.db, &Actor::cli().scope(), id).await?),
                    None => None,
                };
                doctor::examine(&app.hosting, site.as_ref()).await
            }
            // A disk that is full or a database that is away is what the doctor is called for.
            Err(error @ (Error::Unavailable { .. } | Error::Internal(_))) => {
                doctor::examine_closed(&Clock::System, &hosting, &data, &error).await
            }
            Err(error) => return Err(error),
        };
        output.show(&as_json(&report), |_| as_text(&report));
        Ok(exit_code(report.severity()))
    }
}

/// Apart from the codes of failures, so that a script can tell the patient's state from a doctor that did not come.
fn exit_code(severity: Severity) -> ExitCode {
    ExitCode::from(match severity {
        Severity::Ok => 0,
        Severity::Warn => 10,
        Severity::Bad => 20,
    })
}

/// The same as `GET /api/doctor` answers.
fn as_json(report: &Report) -> Value {
    json!({
        "severity": report.severity(),
        "app_id": report.site.as_ref().map(SiteId::as_str),
        "began_at": report.began_at.rfc3339(),
        "duration_ms": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        "findings": report.findings,
    })
}

fn as_text(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let Finding { check, subject, severity, message, advice } = finding;
        let word = match severity {
            Severity::Ok => "ok  ",
            Severity::Warn => "WARN",
            Severity::Bad => "BAD ",
        };
        // What programs and authorities said may hold anything: nothing in it may steer a terminal.
        text += &plain(&format!("{word}  {check:<12}  {subject}: {message}"));
        text.push('\n');
        if !advice.is_empty() {
            text += &plain(&format!("                    → {advice}"));
            text.push('\n');
        }
    }
    let (bad, warn) = (report.count(Severity::Bad), report.count(Severity::Warn));
    let verdict = match (bad, warn) {
        (0, 0) => "All is well.".to_owned(),
        (0, warn) => format!("{warn} to look at."),
        (bad, 0) => format!("{bad} not working."),
        (bad, warn) => format!("{bad} not working, {warn} to look at."),
    };
    format!("{text}\n{verdict} {} looks in {} ms.\n", report.findings.len(), report.took.as_millis())
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kit::Timestamp;

    use super::*;

    #[test]
    fn findings_are_printed_with_their_advice_below_and_cannot_steer_a_terminal() {
        let finding = |severity, message: &str, advice: &str| Finding {
            check: "route",
            subject: "ada.example".to_owned(),
            severity,
            message: message.to_owned(),
            advice: advice.to_owned(),
        };
        let report = Report {
            site: None,
            began_at: Timestamp(0),
            took: Duration::from_millis(120),
            findings: vec![finding(Severity::Bad, "It is \u{1b}[31mmissing.", "Wait."), finding(Severity::Ok, "It is there.", "")],
        };
        let text = as_text(&report);
        assert_eq!(
            text,
            "BAD   route         ada.example: It is  [31mmissing.\n                    → Wait.\nok    route         ada.example: It is there.\n\n\
             1 not working. 2 looks in 120 ms.\n"
        );
        let json = as_json(&report);
        assert_eq!((json["severity"].as_str(), json["findings"][0]["advice"].as_str()), (Some("bad"), Some("Wait.")));
    }
}
