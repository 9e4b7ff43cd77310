//! The only place that starts processes: argument vectors, no shell, a cleared environment, a time limit.
//!
//! Each command leads a process group of its own, which is killed as a whole on a time-out and when the future is dropped.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command as TokioCommand};
pub use tokio::process::{ChildStdin, ChildStdout};

use crate::{Context, Error, Result};

/// Variables that a child keeps: where programs, homes and certificates are, and how the network is reached.
const KEPT: &[&str] = &[
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "DOCKER_HOST",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "PIP_INDEX_URL",
    "PIP_FIND_LINKS",
    "NPM_CONFIG_REGISTRY",
    "npm_config_registry",
];
/// How much of an output is kept; more is read and dropped, so that the child never blocks.
const MAX_OUTPUT: usize = 4 << 20;
/// Longest line that [`Command::stream`] hands on; the rest of it is dropped.
const MAX_LINE: usize = 64 << 10;

/// A process to be started.
#[derive(Debug)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
    stdin: Vec<u8>,
    timeout: Duration,
}

/// What a finished process printed, each at most 4 MiB.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, invalid UTF-8 replaced.
    pub stderr: String,
}

impl Command {
    /// A command with a limit of 60 seconds, no input, and only the kept variables.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            dir: None,
            stdin: Vec::new(),
            timeout: Duration::from_secs(60),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Command {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Command {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the child. Secrets go here or to standard input, never into an argument.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Command {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs in this folder.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Command {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    /// Kills the process group after this time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Command {
        self.timeout = timeout;
        self
    }

    /// Writes this to the child's standard input.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Command {
        self.stdin = input.into();
        self
    }

    /// The argument vector as one would type it, for logs: never contains a secret by the rule of [`Command::env`].
    pub fn display(&self) -> String {
        let mut words = vec![self.program.to_string_lossy().into_owned()];
        words.extend(self.args.iter().map(|arg| arg.to_string_lossy().into_owned()));
        words.join(" ")
    }

    /// Runs to the end; a non-zero exit is [`Error::Unavailable`] with the end of what it said.
    pub async fn run(self) -> Result<Output> {
        self.run_to(Stdio::piped()).await
    }

    /// Runs to the end with standard output going to the file at `path`, which is created or emptied, readable by the owner only.
    pub async fn stdout_to_file(self, path: &Path) -> Result<()> {
        let file = tokio::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .await
            .context(format!("creating {}", path.display()))?;
        self.run_to(Stdio::from(file.into_std().await)).await.map(|_| ())
    }

    /// Runs to the end and returns standard output as it is; `None` when it is longer than `limit` bytes, which ends the program:
    /// for output whose length others decide.
    pub async fn output_within(self, limit: usize) -> Result<Option<Vec<u8>>> {
        let description = self.display();
        let mut running = self.start(Stdio::piped())?;
        let (mut stdout, mut stderr) = (running.child.stdout.take(), running.child.stderr.take());
        let work = async {
            let out = async {
                let mut kept = Vec::new();
                let source = stdout.as_mut().expect("stdout is piped");
                source.take(limit as u64 + 1).read_to_end(&mut kept).await?;
                Ok::<_, Error>(kept)
            };
            let mut said = std::pin::pin!(read_bounded(stderr.as_mut()));
            let mut out = std::pin::pin!(out);
            // Both at once, or a talkative program would wait for ever; but who prints too much is not waited for.
            let (out, said) = tokio::select! {
                out = &mut out => {
                    let out = out?;
                    if out.len() > limit {
                        return Ok(None);
                    }
                    (out, said.await?)
                }
                said = &mut said => (out.await?, said?),
            };
            if out.len() > limit {
                return Ok(None);
            }
            let status = running.child.wait().await.context(format!("waiting for `{description}`"))?;
            check(status, &description, &said)?;
            Ok(Some(out))
        };
        match tokio::time::timeout(self.timeout, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(timed_out(&description, self.timeout)),
        }
    }

    /// Runs with standard input from the file at `path`.
    pub async fn stdin_from_file(self, path: &Path) -> Result<Output> {
        let file = tokio::fs::File::open(path).await.context(format!("opening {}", path.display()))?;
        let mut running = self.start_with(Stdio::from(file.into_std().await), Stdio::piped())?;
        running.finish(self.timeout, &self.display()).await
    }

    /// Runs both, the first one's standard output being the second one's input; both must succeed.
    pub async fn pipe_to(self, next: Command) -> Result<Output> {
        let mut first = self.start(Stdio::piped())?;
        let stdout = first.child.stdout.take().expect("stdout is piped");
        let stdout: Stdio = stdout.try_into().context("joining two processes")?;
        let mut second = next.start_with(stdout, Stdio::piped())?;
        let (describe_first, describe_second) = (self.display(), next.display());
        let (from, into) = tokio::join!(first.finish(self.timeout, &describe_first), second.finish(next.timeout, &describe_second));
        from?;
        into
    }

    /// Runs and hands on each line of both outputs as it comes.
    pub async fn stream(self, mut line: impl FnMut(&str)) -> Result<()> {
        let description = self.display();
        let mut running = self.start(Stdio::piped())?;
        let mut stdout = BufReader::new(running.child.stdout.take().expect("stdout is piped"));
        let mut stderr = BufReader::new(running.child.stderr.take().expect("stderr is piped"));
        let mut tail = Tail::default();
        let work = async {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let (mut out_open, mut err_open) = (true, true);
            while out_open || err_open {
                let read = tokio::select! {
                    read = read_line(&mut stdout, &mut out), if out_open => { out_open = read?; &mut out }
                    read = read_line(&mut stderr, &mut err), if err_open => { err_open = read?; &mut err }
                };
                if !read.is_empty() {
                    let text = String::from_utf8_lossy(read).into_owned();
                    let text = text.trim_end_matches(['\n', '\r']);
                    line(text);
                    tail.push(text);
                    read.clear();
                }
            }
            running.child.wait().await.context(format!("waiting for `{description}`"))
        };
        let status = match tokio::time::timeout(self.timeout, work).await {
            Ok(status) => status?,
            Err(_) => return Err(timed_out(&description, self.timeout)),
        };
        check(status, &description, &tail.text())
    }

    /// Runs with its standard input and output in the hands of `talk`, as streams. A non-zero exit is [`Error::Unavailable`] with the
    /// end of what it said on standard error.
    ///
    /// The process group dies when the time is up, when `talk` fails, and when the future is dropped.
    pub async fn converse<T, F>(self, talk: impl FnOnce(ChildStdin, ChildStdout) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let description = self.display();
        let mut running = self.start_with(Stdio::piped(), Stdio::piped())?;
        let stdin = running.child.stdin.take().expect("stdin is piped");
        let stdout = running.child.stdout.take().expect("stdout is piped");
        let mut stderr = running.child.stderr.take();
        let work = async {
            let (told, said) = tokio::try_join!(talk(stdin, stdout), read_bounded(stderr.as_mut()))?;
            let status = running.child.wait().await.context(format!("waiting for `{description}`"))?;
            check(status, &description, &said)?;
            Ok(told)
        };
        match tokio::time::timeout(self.timeout, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(timed_out(&description, self.timeout)),
        }
    }

    async fn run_to(self, stdout: Stdio) -> Result<Output> {
        let mut running = self.start(stdout)?;
        running.finish(self.timeout, &self.display()).await
    }

    fn start(&self, stdout: Stdio) -> Result<Running> {
        let stdin = if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() };
        let mut running = self.start_with(stdin, stdout)?;
        if let Some(mut pipe) = running.child.stdin.take() {
            let input = self.stdin.clone();
            // A child that ends early closes the pipe; its exit status tells the story.
            tokio::spawn(async move {
                let _ = pipe.write_all(&input).await;
            });
        }
        Ok(running)
    }

    fn start_with(&self, stdin: Stdio, stdout: Stdio) -> Result<Running> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
        let mut command = TokioCommand::new(&self.program);
        command.args(&self.args).env_clear().stdin(stdin).stdout(stdout).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        #[expect(clippy::disallowed_methods, reason = "a child inherits where programs and certificates are")]
        let kept = KEPT.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value)));
        command.envs(kept).envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        let child = command.spawn().map_err(|error| match (error.kind(), &self.dir) {
            (std::io::ErrorKind::NotFound, Some(dir)) if !dir.is_dir() => Error::unavailable(format!(
                "`{}` cannot be started: the folder {} is missing",
                self.program.to_string_lossy(),
                dir.display()
            )),
            (std::io::ErrorKind::NotFound, _) => {
                Error::unavailable(format!("the program `{}` is not installed", self.program.to_string_lossy()))
            }
            _ => Error::unavailable_because(format!("`{}` cannot be started", self.program.to_string_lossy()), error),
        })?;
        Ok(Running { child })
    }
}

/// A started process; its whole group dies with this value unless it ended by itself.
struct Running {
    child: Child,
}

impl Running {
    async fn finish(&mut self, timeout: Duration, description: &str) -> Result<Output> {
        let (mut stdout, mut stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let work = async {
            let (out, err) = tokio::join!(read_bounded(stdout.as_mut()), read_bounded(stderr.as_mut()));
            let status = self.child.wait().await.context(format!("waiting for `{description}`"))?;
            Ok::<_, Error>((status, Output { stdout: out?, stderr: err? }))
        };
        let Ok(outcome) = tokio::time::timeout(timeout, work).await else {
            // At once, and not when dropped: another process of a pipe may be waiting for this one.
            self.kill_group();
            return Err(timed_out(description, timeout));
        };
        let (status, output) = outcome?;
        let said = if output.stderr.trim().is_empty() { &output.stdout } else { &output.stderr };
        check(status, description, said)?;
        Ok(output)
    }

    fn kill_group(&self) {
        // None once it was waited for: its number may be another process's by then.
        if let Some(group) = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).unwrap_or(0))) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_group();
    }
}

fn timed_out(description: &str, timeout: Duration) -> Error {
    Error::unavailable(format!("`{description}` did not end within {timeout:?} and was stopped"))
}

fn check(status: ExitStatus, description: &str, said: &str) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let mut tail = Tail::default();
    said.lines().for_each(|line| tail.push(line));
    Err(Error::unavailable(format!("`{description}` failed ({status}): {}", tail.text())))
}

/// The last lines of an output, for messages.
#[derive(Default)]
struct Tail(std::collections::VecDeque<String>);

impl Tail {
    fn push(&mut self, line: &str) {
        if self.0.len() == 12 {
            self.0.pop_front();
        }
        self.0.push_back(line.chars().take(400).collect());
    }

    fn text(&self) -> String {
        self.0.iter().map(String::as_str).collect::<Vec<_>>().join("\n").trim().to_owned()
    }
}

async fn read_bounded(source: Option<&mut (impl tokio::io::AsyncRead + Unpin)>) -> Result<String> {
    let Some(source) = source else { return Ok(String::new()) };
    let mut kept = Vec::new();
    (&mut *source).take(MAX_OUTPUT as u64).read_to_end(&mut kept).await?;
    tokio::io::copy(source, &mut tokio::io::sink()).await?;
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

/// Reads up to the end of a line into `line`; false at the end of the stream. Safe to drop between polls.
async fn read_line(source: &mut (impl tokio::io::AsyncBufRead + Unpin), line: &mut Vec<u8>) -> Result<bool> {
    loop {
        let available = source.fill_buf().await?;
        if available.is_empty() {
            return Ok(false);
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(available.len(), |end| end + 1);
        let room = MAX_LINE.saturating_sub(line.len());
        line.extend_from_slice(&available[..used.min(room)]);
        source.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn runs_streams_and_reports_failures() {
        let output = Command::new("cat").stdin("hello").run().await.unwrap();
        assert_eq!(output.stdout, "hello");
        let mut lines = Vec::new();
        Command::new("printf").arg("a\\nb").stream(|line| lines.push(line.to_owned())).await.unwrap();
        assert_eq!(lines, ["a", "b"]);
        let error = Command::new("ls").arg("/does/not/exist").run().await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        let error = Command::new("no-such-program").run().await.unwrap_err();
        assert!(error.to_string().contains("not installed"));
        let output = Command::new("printf").arg("x\\ny\\n").pipe_to(Command::new("wc").arg("-l")).await.unwrap();
        assert_eq!(output.stdout.trim(), "2");
    }

    #[tokio::test]
    async fn time_limit_kills_the_whole_group() {
        let marker = format!("{}.{}", 97, std::process::id());
        let started = std::time::Instant::now();
        // `env` execs nothing else: sh is used here to have a grandchild, with a text of our own.
        let command = Command::new("sh").arg("-c").arg(format!("sleep {marker} & wait")).timeout(Duration::from_millis(300));
        assert!(command.run().await.unwrap_err().to_string().contains("did not end"));
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(100)).await;
        let left = Command::new("pgrep").args(["-f", &format!("^sleep {marker}")]).run().await;
        assert!(left.is_err(), "the grandchild still runs: {left:?}");
    }

    #[tokio::test]
    async fn environment_of_the_panel_does_not_reach_a_child() {
        let output = Command::new("env").env("GIVEN", "1").run().await.unwrap();
        assert!(output.stdout.contains("GIVEN=1"));
        assert!(!output.stdout.contains("CARGO_"), "{}", output.stdout);
    }
}
