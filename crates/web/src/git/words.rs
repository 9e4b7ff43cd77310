//! What the output of a push says: the deployment step by step, in lines of text. Pure.

use hosting::deployments::log::LogLine;
use hosting::deployments::{Deployment, DeploymentState, Place};
use hosting::git::look;
use hosting::operations::{self, Step, StepState};
use kit::Timestamp;
use ui::format;

/// Letters of a line.
const LETTERS: usize = 160;
/// Lines of the log that are shown; the page has them all.
const MOST_LOG_LINES: usize = 1500;

/// What was said so far.
pub struct Talk {
    /// Where the log is read on.
    pub log_from: u64,
    link: String,
    address: String,
    greeted: bool,
    ahead: Option<u32>,
    begun: Vec<i64>,
    ended: Vec<i64>,
    log_lines: usize,
}

impl Talk {
    /// Begins; `link` leads to the deployment's page, `address` to the site.
    pub fn new(link: String, address: String) -> Talk {
        Talk { log_from: 0, link, address, greeted: false, ahead: None, begun: Vec::new(), ended: Vec::new(), log_lines: 0 }
    }

    /// What is new.
    pub fn say(&mut self, deployment: &Deployment, place: Option<Place>, steps: &[Step], log: &[LogLine], now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.greeted {
            self.greeted = true;
            let subject = readable(&deployment.subject);
            lines.push(String::new());
            lines.push(format!("Deploying {} {subject}", deployment.short_commit()).trim_end().to_owned());
            lines.push(format!("  {}", self.link));
        }
        if let Some(place) = place
            && self.ahead != Some(place.ahead)
            && place.ahead > 0
        {
            self.ahead = Some(place.ahead);
            lines.push(waiting(place, now));
        }
        let mut rest = log.iter().peekable();
        for step in steps {
            if step.state != StepState::Waiting && !self.begun.contains(&step.position) {
                self.begun.push(step.position);
                lines.push(format!("-> {}", operations::title(&step.name)));
            }
            while let Some(line) = rest.next_if(|line| line.step == step.name) {
                self.add_log(line, &mut lines);
            }
            if matches!(step.state, StepState::Done | StepState::Failed) && !self.ended.contains(&step.position) {
                self.ended.push(step.position);
                lines.extend(end_of(step));
            }
        }
        for line in rest {
            self.add_log(line, &mut lines);
        }
        if deployment.state.is_over() {
            lines.extend(self.verdict(deployment));
        }
        lines
    }

    fn add_log(&mut self, line: &LogLine, lines: &mut Vec<String>) {
        // Says what our own last lines say.
        if line.step == "verdict" {
            return;
        }
        self.log_lines += 1;
        match self.log_lines {
            count if count < MOST_LOG_LINES => lines.push(format!("   | {}", readable(&line.text))),
            MOST_LOG_LINES => lines.push(format!("   | … all of it: {}", self.link)),
            _ => {}
        }
    }

    fn verdict(&self, deployment: &Deployment) -> Vec<String> {
        let why = deployment.error.as_deref().map(readable).unwrap_or_default();
        let took = deployment.duration_seconds().map(|seconds| format!(" after {}", plain(seconds * 1000))).unwrap_or_default();
        let by = deployment.cancelled_by.as_deref().map(readable).unwrap_or_default();
        let said = match deployment.state {
            DeploymentState::Success => format!("Live{took}: {}", self.address),
            DeploymentState::RolledBack => "It was live, did worse than the release before, and was taken back.".to_owned(),
            DeploymentState::Failed => format!("NOT LIVE: {why}"),
            DeploymentState::Cancelled => format!("NOT LIVE: cancelled by {by}"),
            DeploymentState::Superseded => "Not deployed: something newer was asked for while it waited.".to_owned(),
            DeploymentState::Queued | DeploymentState::Running => return Vec::new(),
        };
        let mut lines = vec![String::new(), said];
        if matches!(deployment.state, DeploymentState::Failed | DeploymentState::Cancelled) {
            lines.push("What served before still serves. Your commit is stored.".to_owned());
            lines.push(format!("  {}", self.link));
        }
        lines.push(String::new());
        lines
    }

    /// When the token or the member is no more.
    pub fn ends_with_the_right_to_it(&self) -> Vec<String> {
        vec![
            String::new(),
            "What you signed in with is not valid any more, so this ends here; the deployment goes on:".to_owned(),
            format!("  {}", self.link),
        ]
    }

    /// After the longest wait.
    pub fn goes_on_without_us(&self) -> Vec<String> {
        vec![
            String::new(),
            "This takes long; the deployment goes on without your push waiting for it:".to_owned(),
            format!("  {}", self.link),
        ]
    }
}

fn waiting(place: Place, now: Timestamp) -> String {
    let others = if place.ahead == 1 { "1 other comes".to_owned() } else { format!("{} others come", place.ahead) };
    match place.expected_start {
        Some(at) if at > now => format!("Waiting for its turn: {others} first, about {}", plain(u64::try_from(at.0 - now.0).unwrap_or(0))),
        _ => format!("Waiting for its turn: {others} first"),
    }
}

fn end_of(step: &Step) -> Option<String> {
    let took = step.finished_at?.since(step.started_at?);
    let took = plain(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let detail = step.detail.as_deref().map(readable).filter(|detail| !detail.is_empty());
    Some(match (step.state, detail) {
        (StepState::Failed, _) => format!("   failed after {took}"),
        (_, Some(detail)) => format!("   done in {took}: {detail}"),
        (_, None) => format!("   done in {took}"),
    })
}

/// Other branches and tags.
pub fn not_deployed() -> Vec<String> {
    vec![
        String::new(),
        format!("Stored. Only {} goes live; a preview of this branch follows by itself.", hosting::git::BRANCH),
        String::new(),
    ]
}

/// The site's branch cannot be removed.
pub fn no_removal() -> Vec<String> {
    let branch = hosting::git::BRANCH;
    vec![
        String::new(),
        format!("{branch} is the branch that your site is made from. It cannot be deleted; push another state to it instead."),
    ]
}

/// Stored, but not deployed.
pub fn stored_only(why: &str, link: &str) -> Vec<String> {
    let why = readable(why);
    vec![
        String::new(),
        format!("Stored, but not deployed: {why}."),
        "Once that has changed it is deployed by itself within some minutes, or at once on".to_owned(),
        format!("  {link}"),
        String::new(),
    ]
}

/// Stored, and something of ours went wrong.
pub fn unsettled(link: &str) -> Vec<String> {
    vec![
        String::new(),
        "Your push is stored, but its deployment could not be begun just now. It is tried again by itself.".to_owned(),
        format!("  {link}"),
        String::new(),
    ]
}

/// A duration with plain spaces: terminals may not know others.
fn plain(milliseconds: u64) -> String {
    format::duration(milliseconds).replace('\u{a0}', " ")
}

/// What others wrote, as one line that a terminal shows and does not obey.
fn readable(text: &str) -> String {
    look::readable(text, LETTERS)
}

#[cfg(test)]
mod tests {
    use hosting::SiteId;
    use hosting::deployments::{DeploymentId, DeploymentKind};

    use super::*;

    fn deployment(state: DeploymentState) -> Deployment {
        Deployment {
            id: DeploymentId::parse("deploy-20260114-103000").unwrap(),
            site_id: SiteId::parse("app_aaaaaaaa").unwrap(),
            kind: DeploymentKind::Push,
            state,
            branch: "main".to_owned(),
            commit_hash: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            subject: "New \u{1b}[31mface\nof it".to_owned(),
            author: "Ada".to_owned(),
            requested_by: "Ada".to_owned(),
            environment_version: 0,
            release_id: None,
            previous_release_id: None,
            operation_id: None,
            created_at: Timestamp(0),
            started_at: Some(Timestamp(1_000)),
            served_at: None,
            finished_at: state.is_over().then_some(Timestamp(75_000)),
            error: None,
            cancelled_by: None,
            watched_until: None,
            evidence: None,
        }
    }

    fn step(position: i64, name: &str, state: StepState) -> Step {
        let (started_at, finished_at) = (Some(Timestamp(0)), Some(Timestamp(1_500)));
        Step { position, name: name.to_owned(), state, started_at, finished_at, detail: None, error: None }
    }

    fn line(step: &str, text: &str) -> LogLine {
        LogLine { at: Timestamp(0), step: step.to_owned(), text: text.to_owned() }
    }

    fn talk() -> Talk {
        Talk::new("https://panel.test/d".to_owned(), "https://site.test".to_owned())
    }

    #[test]
    fn everything_is_said_once_and_in_order() {
        let mut talk = talk();
        let place = |ahead, in_ms| Some(Place { ahead, expected_start: Some(Timestamp(in_ms)) });
        let queued = deployment(DeploymentState::Queued);
        let first = talk.say(&queued, place(2, 90_000), &[], &[], Timestamp(0));
        assert_eq!(
            first,
            [
                "",
                "Deploying 0123456 New face of it",
                "  https://panel.test/d",
                "Waiting for its turn: 2 others come first, about 1 min 30 s"
            ]
        );
        assert!(talk.say(&queued, place(2, 80_000), &[], &[], Timestamp(0)).is_empty());
        assert_eq!(talk.say(&queued, place(1, 0), &[], &[], Timestamp(5)), ["Waiting for its turn: 1 other comes first"]);

        let running = deployment(DeploymentState::Running);
        let steps = [step(0, "checkout", StepState::Done), step(1, "build", StepState::Running), step(2, "switch", StepState::Waiting)];
        let said = talk.say(&running, None, &steps, &[line("build", "one"), line("build", "two")], Timestamp(0));
        assert_eq!(said, ["-> Check out the commit", "   done in 1.5 s", "-> Build the images", "   | one", "   | two"]);
        let steps = [step(0, "checkout", StepState::Done), step(1, "build", StepState::Failed), step(2, "switch", StepState::Waiting)];
        let failed = Deployment { error: Some("no space\nleft".to_owned()), ..deployment(DeploymentState::Failed) };
        let said = talk.say(&failed, None, &steps, &[line("verdict", "failed")], Timestamp(0));
        assert_eq!(
            said,
            [
                "   failed after 1.5 s",
                "",
                "NOT LIVE: no space left",
                "What served before still serves. Your commit is stored.",
                "  https://panel.test/d",
                ""
            ]
        );
    }

    #[test]
    fn every_end_has_its_words() {
        for (state, words) in [
            (DeploymentState::Success, "Live after 1 min 14 s: https://site.test"),
            (DeploymentState::Superseded, "something newer"),
            (DeploymentState::RolledBack, "taken back"),
            (DeploymentState::Cancelled, "cancelled by"),
        ] {
            let said = talk().say(&deployment(state), None, &[], &[], Timestamp(0)).join("\n");
            assert!(said.contains(words), "{state}: {said}");
        }
    }

    #[test]
    fn a_log_without_end_has_one_here() {
        let mut talk = talk();
        let lines: Vec<LogLine> = (0..5000).map(|number| line("build", &format!("line {number} {}", "x".repeat(10_000)))).collect();
        let said = talk.say(&deployment(DeploymentState::Running), None, &[step(0, "build", StepState::Running)], &lines, Timestamp(0));
        assert!(said.len() < MOST_LOG_LINES + 10 && said.iter().all(|line| line.chars().count() < LETTERS + 10));
        assert!(said.last().unwrap().contains("all of it: https://panel.test/d"));
        assert!(talk.say(&deployment(DeploymentState::Running), None, &[], &lines, Timestamp(0)).is_empty());
    }
}
