//! What a Dockerfile may ask for. Pure: text in; the images it is built from out, or what is refused, why, and on which line.
//!
//! A build runs in containers of the host's engine. It must not take in other customers' images, nothing that the engine would
//! fetch from where a container cannot reach, and must not dress up as a part of Innkeeper by labels.

use std::collections::BTreeMap;

use super::dockerfile::{Dockerfile, Instruction, parse};

/// A larger Dockerfile is none.
pub(super) const LONGEST: usize = 256 << 10;
/// Labels that mean something to those who look at containers: ours, the edge's, and Compose's.
pub(super) const RESERVED_LABELS: &[&str] = &["innkeeper.", "traefik.", "com.docker.compose."];

/// What is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub line: usize,
    pub reason: String,
}

/// A Dockerfile that may be built.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Images from elsewhere that it takes in, with the line, each once.
    pub images: Vec<(usize, String)>,
    /// What people should know.
    pub notices: Vec<String>,
    /// The text with one line of ours at the beginning of each stage.
    pub text: String,
}

/// Judges a Dockerfile. `stage_line` is put at the beginning of each stage of the text that is built.
pub(super) fn judge(text: &str, stage_line: &str) -> Result<Allowed, Refusal> {
    if text.len() > LONGEST {
        return Err(refuse(1, format!("a Dockerfile may have {} KB at most", LONGEST >> 10)));
    }
    let file = parse(text);
    let mut judge = Judge { escape: file.escape, ..Judge::default() };
    if let Some((line, syntax)) = &file.syntax {
        judge.syntax(*line, syntax)?;
    }
    if let Some(line) = file.doubtful {
        return Err(refuse(line, "the line ends in two escape characters, which versions of Docker read differently"));
    }
    for instruction in &file.instructions {
        judge.instruction(instruction)?;
    }
    if judge.stages.is_empty() {
        return Err(refuse(1, "it has no FROM".to_owned()));
    }
    Ok(Allowed { images: judge.images, notices: judge.notices, text: with_stage_lines(text, &file, stage_line) })
}

/// Judges what an image asks for when something is built from it (`ONBUILD`).
pub(super) fn judge_trigger(trigger: &str) -> Result<(), String> {
    let file = parse(trigger);
    let mut judge = Judge { escape: file.escape, ..Judge::default() };
    for instruction in &file.instructions {
        // Nothing of its own stages is known here, so that any `--from` is refused.
        if instruction.name == "FROM" || instruction.flags.iter().any(|flag| flag.starts_with("--from")) {
            return Err(format!("`{}` in a trigger of the image", instruction.name));
        }
        judge.instruction(instruction).map_err(|refusal| refusal.reason)?;
    }
    Ok(())
}

/// Whether a label is one that only Innkeeper, Compose and the edge give. Those that our own base images carry are harmless.
pub(super) fn is_reserved_label(key: &str) -> bool {
    let key = key.to_lowercase();
    let base = key == "innkeeper.base" || key.starts_with("innkeeper.base.");
    !base && RESERVED_LABELS.iter().any(|reserved| key.starts_with(reserved))
}

fn refuse(line: usize, reason: impl Into<String>) -> Refusal {
    Refusal { line, reason: reason.into() }
}

#[derive(Default)]
struct Judge {
    escape: char,
    /// Arguments before the first stage, with their defaults.
    arguments: BTreeMap<String, String>,
    /// Names of stages, lower case, in order; empty for one without.
    stages: Vec<String>,
    images: Vec<(usize, String)>,
    notices: Vec<String>,
}

impl Judge {
    fn syntax(&mut self, line: usize, syntax: &str) -> Result<(), Refusal> {
        let plain = syntax.strip_prefix("docker.io/").unwrap_or(syntax);
        if plain == "docker/dockerfile" || plain.starts_with("docker/dockerfile:") {
            self.notices.push(format!("line {line}: `# syntax` is ignored: Docker's own builder is used, not BuildKit"));
            return Ok(());
        }
        Err(refuse(line, format!("`# syntax={}` would fetch a program that reads the Dockerfile; remove the line", short(syntax))))
    }

    fn instruction(&mut self, it: &Instruction) -> Result<(), Refusal> {
        // The builder takes quotes off, and `--fr"om=…"` would be another flag to it than to us.
        if let Some(flag) = it.flags.iter().find(|flag| flag.contains(['"', '\'', self.escape])) {
            return Err(refuse(it.line, format!("write {} without quotes", short(flag))));
        }
        match it.name.as_str() {
            "FROM" => self.from(it),
            "ARG" if self.stages.is_empty() => {
                self.argument(&it.rest);
                Ok(())
            }
            "RUN" => self.run(it),
            "COPY" => self.copy(it),
            "ADD" => add(it),
            "LABEL" => label(it),
            "ONBUILD" => {
                let inner = parse(&it.rest).instructions.into_iter().next();
                match inner {
                    Some(inner) => self.instruction(&Instruction { line: it.line, last_line: it.last_line, ..inner }),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn argument(&mut self, rest: &str) {
        for word in words(rest, self.escape) {
            // Without a value, or with one that is not understood, an earlier default counts no longer.
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            match self.expanded(value) {
                Ok(value) if !value.is_empty() => self.arguments.insert(name.to_owned(), value),
                _ => self.arguments.remove(name),
            };
        }
    }

    fn from(&mut self, it: &Instruction) -> Result<(), Refusal> {
        let mut parts = it.rest.split_whitespace();
        let image = parts.next().unwrap_or_default();
        let image = self.expanded(image).map_err(|reason| refuse(it.line, reason))?;
        let name = parts.next().filter(|word| word.eq_ignore_ascii_case("as")).and_then(|_| parts.next());
        if !(image == "scratch" || self.stages.iter().any(|stage| !stage.is_empty() && *stage == image.to_lowercase())) {
            self.image(it.line, &image)?;
        }
        self.stages.push(name.unwrap_or_default().to_lowercase());
        Ok(())
    }

    fn run(&self, it: &Instruction) -> Result<(), Refusal> {
        if let Some(flag) = it.flags.first() {
            let name = flag.split('=').next().unwrap_or_default();
            let reason = match name {
                "--mount" => "would mount something into the build; copy what it needs with COPY",
                "--network" => "would change the build's network; it has the usual one",
                "--security" => "would lift the build's isolation",
                _ => "is not allowed here",
            };
            return Err(refuse(it.line, format!("RUN {} {reason}", short(name))));
        }
        here_document(it)
    }

    fn copy(&mut self, it: &Instruction) -> Result<(), Refusal> {
        here_document(it)?;
        for flag in &it.flags {
            let Some(from) = flag.strip_prefix("--from=") else { continue };
            if from.contains('$') || from.contains(['"', '\'', self.escape]) {
                return Err(refuse(it.line, "COPY --from must name a stage or an image, without variables"));
            }
            // The stage in which it stands is not built yet: its name would be taken for an image's.
            let done = &self.stages[..self.stages.len().saturating_sub(1)];
            let is_stage = done.iter().any(|stage| !stage.is_empty() && *stage == from.to_lowercase())
                || from.parse::<usize>().is_ok_and(|number| number < done.len());
            if !is_stage {
                self.image(it.line, from)?;
            }
        }
        Ok(())
    }

    /// Takes in an image by its name.
    fn image(&mut self, line: usize, image: &str) -> Result<(), Refusal> {
        let plain = image.to_lowercase();
        let plain = ["https://", "http://"].iter().fold(plain.as_str(), |name, scheme| name.strip_prefix(scheme).unwrap_or(name));
        let plain = ["docker.io/", "index.docker.io/", "registry-1.docker.io/", "library/"]
            .iter()
            .fold(plain, |name, prefix| name.strip_prefix(prefix).unwrap_or(name));
        if plain == "innkeeper" || plain.starts_with("innkeeper/") || plain.contains("/innkeeper/") {
            return Err(refuse(line, format!("the image {} belongs to a site; build from a public image", short(image))));
        }
        // The engine takes such a name also for the beginning of an image's id, and there are other people's images.
        let is_id = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id || plain.starts_with("sha256:") || plain.starts_with("sha256@") {
            return Err(refuse(
                line,
                format!("{} could be the id of an image; name the image with a tag, as in {}:latest", short(image), short(image)),
            ));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@');
        if plain.is_empty() || !image.chars().all(fits) || image.starts_with('-') || image.len() > 300 {
            return Err(refuse(line, format!("`{}` is no name of an image", short(image))));
        }
        if !self.images.iter().any(|(_, known)| known == image) {
            self.images.push((line, image.to_owned()));
        }
        Ok(())
    }

    /// Replaces arguments by their defaults. What cannot be replaced is refused: the builder would know more than we do.
    fn expanded(&self, word: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = word;
        while let Some(at) = rest.find(['$', '"', '\'', self.escape]) {
            out.push_str(&rest[..at]);
            if !rest[at..].starts_with('$') {
                if rest[at..].starts_with(self.escape) {
                    return Err(format!("`{}` is not understood; write the image's name plainly", short(word)));
                }
                rest = &rest[at + 1..];
                continue;
            }
            let after = &rest[at + 1..];
            let (name, default, then) = match after.strip_prefix('{') {
                Some(inside) => {
                    let Some(end) = inside.find('}') else { return Err(format!("`{}` is not closed", short(word))) };
                    let (name, default) = match inside[..end].split_once(":-") {
                        Some((name, default)) => (name, Some(default)),
                        None => (&inside[..end], None),
                    };
                    (name, default, &inside[end + 1..])
                }
                None => {
                    let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
                    (&after[..end], None, &after[end..])
                }
            };
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let default = default.filter(|default| !default.contains(['$', '{', '"', '\'', self.escape]));
            let value = self.arguments.get(name).map(String::as_str).filter(|value| !value.is_empty()).or(default);
            let Some(value) = value.filter(|_| is_name) else {
                return Err(format!(
                    "`{}` names an image by a variable that has no default here; give ARG {} one",
                    short(word),
                    short(name)
                ));
            };
            out.push_str(value);
            rest = then;
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn add(it: &Instruction) -> Result<(), Refusal> {
    here_document(it)?;
    let mut sources: Vec<&str> = it.rest.split_whitespace().collect();
    sources.pop();
    // The engine itself would fetch it, from where it stands: it sees what a container does not.
    let remote = ["://", "git@"];
    if it.flags.iter().chain([&it.rest]).any(|text| remote.iter().any(|mark| text.contains(mark))) {
        return Err(refuse(it.line, "ADD of an address is not allowed; fetch it with RUN curl or wget"));
    }
    if sources.iter().any(|source| source.contains('$')) {
        return Err(refuse(it.line, "ADD with a variable in its source is not allowed; use COPY"));
    }
    Ok(())
}

fn label(it: &Instruction) -> Result<(), Refusal> {
    let plain: String = it.rest.chars().filter(|c| !matches!(c, '"' | '\'' | '\\' | '`')).collect::<String>().to_lowercase();
    for word in plain.split_whitespace() {
        if word.split('=').next().unwrap_or_default().contains('$') {
            return Err(refuse(it.line, "LABEL with a variable in its name is not allowed"));
        }
        if is_reserved_label(word) || word.starts_with("innkeeper.") {
            return Err(refuse(it.line, format!("LABEL {} is reserved", short(word.split('=').next().unwrap_or_default()))));
        }
    }
    Ok(())
}

/// Docker's own builder has no here-documents: an old one takes their lines for instructions, a new one refuses them.
fn here_document(it: &Instruction) -> Result<(), Refusal> {
    let is_one = |word: &str| {
        let after = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<");
        after.is_some_and(|name| {
            let name = name.strip_prefix('-').unwrap_or(name).trim_start_matches(['"', '\'']);
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        })
    };
    if it.rest.split_whitespace().any(is_one) {
        return Err(refuse(it.line, "here-documents (<<) need BuildKit, which is not used; join commands with && or copy a script"));
    }
    Ok(())
}

/// Words as a shell would split them, quotes taken off.
fn words(text: &str, escape: char) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => (quote, begun) = (Some(c), true),
            (None, c) if c == escape => word.extend(letters.next()),
            (None, c) if c.is_whitespace() => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (_, c) => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Puts a line behind each FROM.
fn with_stage_lines(text: &str, file: &Dockerfile, stage_line: &str) -> String {
    let mut out = String::with_capacity(text.len() + 200);
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        out.push_str(line);
        if file.instructions.iter().any(|it| it.name == "FROM" && it.last_line == number) {
            if !line.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(stage_line);
            out.push('\n');
        }
    }
    out
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(text: &str) -> Vec<String> {
        judge(text, "LABEL x=y")
            .unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"))
            .images
            .into_iter()
            .map(|(_, image)| image)
            .collect()
    }

    #[test]
    fn ordinary_dockerfiles_are_allowed() {
        assert_eq!(
            images("FROM node:22-alpine AS build\nRUN npm ci\nFROM nginx:stable\nCOPY --from=build /app /x\nCOPY --from=0 a b"),
            ["node:22-alpine", "nginx:stable"]
        );
        assert_eq!(
            images("ARG V=22\nARG BASE=\"node:${V}\"\nFROM --platform=linux/amd64 ${BASE}-alpine\nFROM $BASE"),
            ["node:22-alpine", "node:22"]
        );
        assert_eq!(
            images("FROM ${BASE:-debian:12}\nFROM scratch\nCOPY --from=ghcr.io/a/b@sha256:aa /x /y"),
            ["debian:12", "ghcr.io/a/b@sha256:aa"]
        );
        assert_eq!(
            images(
                "FROM a:1 AS Build\nFROM build\nLABEL maintainer=\"me\" version=1\nADD app.tar /x\nADD --chown=1:1 a b\nONBUILD RUN true\nRUN x << 3\nENV A=$B"
            ),
            ["a:1"]
        );
        assert_eq!(
            images("# syntax=docker/dockerfile:1.7\nFROM php:8.2-apache\nRUN cat <<<hello\nHEALTHCHECK CMD true"),
            ["php:8.2-apache"]
        );
        assert_eq!(images("FROM cafe:latest\nFROM deadbeef.example/x"), ["cafe:latest", "deadbeef.example/x"]);
    }

    #[test]
    fn what_reaches_out_of_the_build_is_refused_with_line_and_reason() {
        for (text, line, reason) in [
            ("FROM innkeeper/portfolio-www:0123", 1, "belongs to a site"),
            ("FROM docker.io/innkeeper/portfolio-www:0123", 1, "belongs to a site"),
            ("FROM index.docker.io/Innkeeper/x", 1, "belongs to a site"),
            ("ARG I=innkeeper\nFROM ${I}/portfolio-api:x", 2, "belongs to a site"),
            ("ARG A=inn\nARG B=${A}keeper/x\nFROM $B", 3, "belongs to a site"),
            ("ARG A=\"inn\"keeper/x\nFROM \"$A\"", 2, "belongs to a site"),
            ("FROM ${X:-innkeeper/x:1}", 1, "belongs to a site"),
            ("FROM inn\\\nkeeper/x", 1, "belongs to a site"),
            ("# escape=`\nFROM inn`\nkeeper/x", 2, "belongs to a site"),
            ("FROM a:1\nCOPY --from=innkeeper/portfolio-api:1 /app /x", 2, "belongs to a site"),
            ("FROM a:1\nCOPY --chown=1 --from=innkeeper/portfolio-api:1 /app /x", 2, "belongs to a site"),
            ("FROM a:1\nONBUILD COPY --from=innkeeper/x /app /x", 2, "belongs to a site"),
            ("FROM a:1\nARG X=innkeeper/x\nCOPY --from=$X /app /x", 3, "without variables"),
            ("FROM a:1\nCOPY --from=7 /app /x", 2, "could be the id"),
            ("FROM ab", 1, "could be the id"),
            ("FROM 05b54f127acc", 1, "could be the id"),
            ("FROM sha256:05b54f", 1, "could be the id"),
            ("FROM ${NOTHING}", 1, "no default"),
            ("FROM a$", 1, "no default"),
            ("FROM ${X:+innkeeper/x}", 1, "no default"),
            ("FROM ${X-innkeeper/x}", 1, "no default"),
            ("ARG A=x\nFROM ${A:-\\}}", 2, "no name of an image"),
            ("FROM --mount=x -x", 1, "no name of an image"),
            ("FROM a;b", 1, "no name of an image"),
            ("FROM a:1\nRUN --mount=type=bind,from=innkeeper/x,target=/x ls", 2, "RUN --mount would mount"),
            ("FROM a:1\nRUN --mount=type=secret,id=x ls", 2, "RUN --mount would mount"),
            ("FROM a:1\nRUN   --network=host curl x", 2, "RUN --network would change"),
            ("FROM a:1\nrun --security=insecure x", 2, "RUN --security would lift"),
            ("FROM a:1\nRUN \\\n  --device=x ls", 2, "RUN --device is not allowed"),
            ("FROM a:1\nONBUILD RUN --mount=type=ssh ls", 2, "RUN --mount"),
            ("# syntax=evil.test/frontend\nFROM a:1", 1, "would fetch a program"),
            ("# escape=`\n# syntax=docker/dockerfile-upstream:master\nFROM a:1", 2, "would fetch a program"),
            ("FROM a:1\nADD http://169.254.169.254/latest/meta-data /x", 2, "ADD of an address"),
            ("FROM a:1\nADD --chown=1 [\"https://a.test/x\", \"/x\"]", 2, "ADD of an address"),
            ("FROM a:1\nADD git@github.com:a/b.git /x", 2, "ADD of an address"),
            ("FROM a:1\nENV U=http:/\nADD $U/127.0.0.1/ /x", 3, "ADD with a variable"),
            ("FROM a:1\nONBUILD ADD ftp://x/y /x", 2, "ADD of an address"),
            ("FROM a:1\nLABEL innkeeper.site=app_x", 2, "is reserved"),
            ("FROM a:1\nLABEL a=b \"innkeeper.base\"=1", 2, "is reserved"),
            ("FROM a:1\nLABEL a=b \\\n  tra\"efik.enable\"=true", 2, "is reserved"),
            ("FROM a:1\nLABEL com.docker.compose.project x", 2, "is reserved"),
            ("FROM a:1\nENV K=innkeeper.site\nLABEL $K=x", 3, "variable in its name"),
            ("FROM a:1\nRUN <<EOF\necho\nEOF", 2, "here-documents"),
            ("FROM a:1\nRUN cat <<-'EOF' > /x\nEOF", 2, "here-documents"),
            ("FROM a:1\nCOPY <<EOF /x\nEOF", 2, "here-documents"),
            ("FROM a:1\nCOPY --fr\"om=innkeeper/x\" a b", 2, "without quotes"),
            ("FROM a:1\nCOPY --fr\\om=innkeeper/x a b", 2, "without quotes"),
            ("FROM a:1 AS ab\nCOPY --from=ab a b", 2, "could be the id"),
            ("FROM a:1\nRUN x \\\\\nFROM innkeeper/x", 2, "two escape characters"),
            ("ARG P=foo\nARG P\nFROM ${P}innkeeper/x", 3, "no default"),
            ("", 1, "no FROM"),
            ("RUN x", 1, "no FROM"),
        ] {
            let refusal = judge(text, "").expect_err(text);
            assert!(refusal.line == line && refusal.reason.contains(reason), "{text:?}: {refusal:?}");
        }
        assert!(judge(&format!("FROM a:1\n{}", "#".repeat(LONGEST)), "").is_err());
    }

    #[test]
    fn triggers_of_an_image_are_judged_as_if_they_stood_here() {
        assert_eq!(judge_trigger("RUN npm install"), Ok(()));
        assert_eq!(judge_trigger("COPY . /app"), Ok(()));
        for bad in ["COPY --from=node:22 /a /b", "ADD http://x/ /y", "RUN --mount=type=bind x", "LABEL innkeeper.site=x", "FROM x:1"] {
            assert!(judge_trigger(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_stage_gets_a_line_of_ours() {
        let text = judge("FROM a:1 \\\n AS x\nRUN y\nFROM b:1", "LABEL s=1").unwrap().text;
        assert_eq!(text, "FROM a:1 \\\n AS x\nLABEL s=1\nRUN y\nFROM b:1\nLABEL s=1\n");
    }
}
