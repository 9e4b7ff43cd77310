//! The built binary with a data folder of the test's own.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A data folder and how to run the binary on it. Docker is out of reach unless a test asks for it.
pub struct House {
    /// The data folder.
    pub data: PathBuf,
    _folder: tempfile::TempDir,
}

impl House {
    /// An empty data folder.
    pub fn new() -> House {
        let folder = tempfile::tempdir().expect("a temporary folder");
        House { data: folder.path().join("data"), _folder: folder }
    }

    /// The binary, with the environment of the test's machine cut down to what it needs.
    #[expect(clippy::disallowed_methods, reason = "the binary is what is tested")]
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
        // Nobody listens there: no test asks a real certificate authority anything.
        command.env("INNKEEPER_EDGE__ACME_DIRECTORY", "http://127.0.0.1:9/directory");
        command.arg("--data").arg(&self.data).stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).output().expect("the binary starts")
    }

    /// Runs to the end with `input` on standard input.
    pub fn filter(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command()
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        // One that fails early reads nothing.
        let _ = child.stdin.take().expect("a pipe").write_all(input);
        child.wait_with_output().expect("the binary ends")
    }

    /// Runs to the end, must succeed, and answers in JSON.
    pub fn json(&self, args: &[&str]) -> String {
        let output = self.run(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Starts a server and waits until it answers.
    pub fn serve(&self) -> Server {
        self.serve_with::<&str>(&[])
    }

    /// The same with further variables.
    pub fn serve_with<Value: AsRef<std::ffi::OsStr>>(&self, variables: &[(&str, Value)]) -> Server {
        let port = free_port();
        let log = self.data.with_extension("log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log file");
        let child = self
            .command()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the server starts");
        let server = Server { child, port, log };
        server.wait_until_it_answers();
        server
    }
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub port: u16,
    log: PathBuf,
}

impl Server {
    fn wait_until_it_answers(&self) {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server did not answer within 20 s: {}", self.log());
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Kills it without warning.
    pub fn kill(mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop and returns whether it ended well, and after how long.
    pub fn stop(mut self) -> (bool, Duration) {
        let started = Instant::now();
        let pid = self.child.id().to_string();
        #[expect(clippy::disallowed_methods, reason = "a signal from outside, as an operator sends it")]
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(sent.success());
        let status = self.child.wait().expect("it ends");
        (status.success(), started.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port()
}

/// Output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until a query that counts says 0.
pub fn until_none(data: &Path, query: &str) {
    let connection = rusqlite::Connection::open(data.join("innkeeper.db")).expect("the database opens");
    let count = || connection.query_row(query, [], |row| row.get::<_, i64>(0)).expect("the query runs");
    let started = Instant::now();
    while count() != 0 {
        assert!(started.elapsed() < Duration::from_secs(20), "still there after 20 s: {query}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes into the database file as another program would.
pub fn sqlite(data: &Path, statement: &str) {
    let connection = rusqlite::Connection::open(data.join("innkeeper.db")).expect("the database opens");
    connection.execute_batch(statement).expect("the statement runs");
}
