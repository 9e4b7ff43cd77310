//! Mail against a real SMTP server, a refusing one, none, and one that comes up later.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kit::exec::Command;
use kit::jobs::{self, JobState, Registry, Runner};
use kit::mail::{self, Mail, MailConfig, MailId, MailRow, MailSecurity, MailState, Mailer, SendMail};
use kit::secrets::{InstanceKey, Secret};
use kit::testing::{TestDb, databases, sqlite};
use kit::{Clock, Error, Timestamp, sql};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::eventually;

#[expect(clippy::disallowed_methods, reason = "the test environment names its server")]
fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `scripts/services.sh up smtp` and source target/run/env"))
}

struct Post {
    test: TestDb,
    clock: Clock,
    key: InstanceKey,
    mailer: Mailer,
}

fn config(server: Option<&str>) -> MailConfig {
    let (host, port) = server.map_or(("", 25), |server| server.rsplit_once(':').map(|(host, port)| (host, port.parse().unwrap())).unwrap());
    MailConfig {
        host: host.to_owned(),
        port,
        security: MailSecurity::None,
        username: String::new(),
        password: Secret::default(),
        from: "Innkeeper <keeper@inn.test>".to_owned(),
    }
}

impl Post {
    fn new(test: TestDb, server: Option<&str>) -> Post {
        let (clock, key) = (Clock::manual(Timestamp(1_700_000_000_000)), InstanceKey::ephemeral());
        let mailer = Mailer::new(&config(server), test.db.clone(), clock.clone(), key.clone()).unwrap();
        Post { test, clock, key, mailer }
    }

    /// The same installation with another server in its configuration.
    fn with_server(self, server: Option<&str>) -> Post {
        let mailer = Mailer::new(&config(server), self.test.db.clone(), self.clock.clone(), self.key.clone()).unwrap();
        Post { mailer, ..self }
    }

    async fn queue(&self, to: &str, subject: &str) -> MailId {
        let mail = Mail {
            to: to.to_owned(),
            subject: subject.to_owned(),
            text: Secret::new("Open https://inn.test/set-up#0123456789 within the hour."),
            html: Secret::new("<p>Open <a href=\"https://inn.test/set-up#0123456789\">this link</a>.</p>"),
        };
        self.test.db.write(async |tx| self.mailer.queue(&tx, &mail).await).await.unwrap()
    }

    async fn work(&self) {
        let registry = Registry::default().job::<SendMail>();
        let runner = Runner::new(self.test.db.clone(), self.clock.clone(), self.mailer.clone(), registry, "one", 2);
        runner.run_until_idle().await.unwrap();
    }

    async fn work_to_the_end(&self) {
        for _ in 0..8 {
            self.work().await;
            self.clock.advance(Duration::from_secs(200));
        }
    }

    async fn row(&self, id: &MailId) -> MailRow {
        mail::outbox(&self.test.db, None).await.unwrap().into_iter().find(|row| row.id == *id).unwrap()
    }

    async fn body(&self, id: &MailId) -> Option<String> {
        self.test.db.one::<(Option<String>,)>(sql("select body from mail where id = $1").bind(id)).await.unwrap().0
    }
}

fn stranger() -> String {
    format!("{}@example.test", kit::id::random_base32(12))
}

/// The mail that arrived for this address, as the server kept it.
async fn arrived(folder: &Path, to: &str) -> String {
    eventually("the mail arrives", || async {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files
            .filter(|path| path.extension().is_some_and(|ending| ending == "eml"))
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .find(|mail| mail.contains(&format!("X-Envelope-To: {to}")))
    })
    .await
}

#[tokio::test]
async fn a_mail_arrives_whole_and_its_body_is_emptied() {
    let folder = PathBuf::from(setting("INNKEEPER_TEST_MAIL_DIR"));
    for test in databases().await {
        let post = Post::new(test, Some(&setting("INNKEEPER_TEST_SMTP")));
        let to = stranger();
        let id = post.queue(&to, "Grüße, ☃\r\nBcc: evil@example.test").await;
        assert_eq!((post.row(&id).await.state, post.row(&id).await.sent_at), (MailState::Queued, None));
        let sealed = post.body(&id).await.unwrap();
        assert!(!sealed.contains("0123456789"), "the link lies open in the database");

        post.clock.advance(Duration::from_secs(3));
        post.work().await;
        let row = post.row(&id).await;
        assert_eq!((row.state, row.attempts, row.error), (MailState::Sent, 1, None), "{}", post.test.name);
        assert_eq!(row.sent_at, Some(post.clock.now()));
        assert_eq!(post.body(&id).await, None);

        let mail = arrived(&folder, &to).await;
        assert!(mail.contains("X-Envelope-From: keeper@inn.test"), "{mail}");
        assert!(mail.contains(&format!("Message-ID: <{id}@inn.test>")), "{mail}");
        assert!(mail.contains("Date: Tue, 14 Nov 2023 22:13:23 +0000"), "{mail}");
        assert!(mail.contains("text/plain") && mail.contains("text/html") && mail.contains("https://inn.test/set-up#0123456789"), "{mail}");
        assert!(!mail.lines().any(|line| line.starts_with("Bcc")), "a subject became a header: {mail}");
        // Running it again, as after a crash before the job was recorded, sends nothing.
        post.test.db.execute(sql("update job set state = 'queued'")).await.unwrap();
        post.work().await;
        assert_eq!(post.row(&id).await.attempts, 1);
    }
}

/// An SMTP server that says these replies to RCPT TO, one a connection, and hangs up.
async fn grumpy_server(replies: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for reply in replies {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = converse(stream, reply).await;
        }
    });
    address
}

async fn converse(mut stream: TcpStream, reply: &str) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    write.write_all(b"220 grumpy\r\n").await?;
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match line.get(..4) {
            Some("RCPT") => reply,
            Some("QUIT") => "221 bye",
            _ => "250 fine",
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_recipient_is_failed_at_once_and_says_why() {
    for test in databases().await {
        let server = grumpy_server(&["550 no such mailbox someone@example.test"]).await;
        let post = Post::new(test, Some(&server.to_string()));
        let id = post.queue("someone@example.test", "Welcome").await;
        post.work().await;
        let row = post.row(&id).await;
        assert_eq!((row.state, row.attempts), (MailState::Failed, 1), "{}", post.test.name);
        assert!(row.error.unwrap().contains("no such mailbox"));
        // Jobs and their errors go to the log, which names no addresses.
        let job = jobs::list(&post.test.db, Some(JobState::Dead), None).await.unwrap().remove(0);
        assert!(!job.error.unwrap().contains("someone"));
        assert!(post.mailer.unsent_text(&id).await.unwrap().reveal().contains("0123456789"));
    }
}

#[tokio::test]
async fn a_busy_server_and_a_refused_sign_in_are_tried_again() {
    for test in databases().await {
        let server = grumpy_server(&["451 come back later", "535 who are you", "250 fine"]).await;
        let post = Post::new(test, Some(&server.to_string()));
        let id = post.queue(&stranger(), "Welcome").await;
        for (attempts, error) in [(1, "come back later"), (2, "who are you")] {
            post.work().await;
            let row = post.row(&id).await;
            assert_eq!((row.state, row.attempts), (MailState::Queued, attempts), "{}", post.test.name);
            assert!(row.error.unwrap().contains(error));
            assert!(post.body(&id).await.is_some());
            post.clock.advance(Duration::from_secs(10));
        }
    }
}

#[tokio::test]
async fn an_address_that_is_none_fails_and_stops_nothing() {
    let post = Post::new(sqlite().await, Some(&setting("INNKEEPER_TEST_SMTP")));
    let (bad, good) = (post.queue("a@b, c@d", "Two at once").await, post.queue(&stranger(), "Fine").await);
    post.work().await;
    assert_eq!((post.row(&bad).await.state, post.row(&good).await.state), (MailState::Failed, MailState::Sent));
}

#[tokio::test]
async fn mail_waits_for_a_server_that_is_down_and_goes_out_when_it_is_up() {
    for test in databases().await {
        let folder = tempfile::tempdir().unwrap();
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let post = Post::new(test, Some(&address.to_string()));
        let to = stranger();
        let id = post.queue(&to, "Welcome").await;
        post.work().await;
        let row = post.row(&id).await;
        assert_eq!((row.state, row.attempts), (MailState::Queued, 1), "{}", post.test.name);
        assert!(row.error.is_some());

        let sink = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/smtp_sink.py");
        let server = Command::new("/usr/bin/python3")
            .args([Path::new(sink), Path::new("127.0.0.1"), Path::new(&address.port().to_string()), folder.path()])
            .stream(|_| {});
        let sending = async {
            eventually("the server is up", || async { TcpStream::connect(address).await.ok() }).await;
            post.clock.advance(Duration::from_secs(2));
            post.work().await;
        };
        tokio::select! {
            ended = server => panic!("the server ended: {ended:?}"),
            () = sending => {}
        }
        let row = post.row(&id).await;
        assert_eq!((row.state, row.attempts, row.error), (MailState::Sent, 2, None), "{}", post.test.name);
        assert!(arrived(folder.path(), &to).await.contains("Welcome"));
    }
}

#[tokio::test]
async fn mail_that_nobody_takes_is_failed_in_the_end_and_an_operator_can_try_again() {
    for test in databases().await {
        let post = Post::new(test, Some("127.0.0.1:1"));
        let id = post.queue(&stranger(), "Welcome").await;
        post.work_to_the_end().await;
        let row = post.row(&id).await;
        assert_eq!((row.state, row.attempts), (MailState::Failed, 8), "{}", post.test.name);

        let post = post.with_server(Some(&setting("INNKEEPER_TEST_SMTP")));
        let dead = jobs::list(&post.test.db, Some(JobState::Dead), None).await.unwrap().remove(0);
        jobs::retry(&post.test.db, &post.clock, &dead.id).await.unwrap();
        post.work().await;
        assert_eq!((post.row(&id).await.state, post.body(&id).await), (MailState::Sent, None));
    }
}

#[tokio::test]
async fn without_a_server_mail_is_held_and_can_be_read_and_released() {
    for test in databases().await {
        let post = Post::new(test, None);
        let to = stranger();
        let id = post.queue(&to, "Welcome").await;
        post.work().await;
        assert_eq!((post.row(&id).await.state, post.row(&id).await.attempts), (MailState::Held, 0), "{}", post.test.name);
        assert!(post.mailer.unsent_text(&id).await.unwrap().reveal().starts_with("Open https://inn.test/set-up"));
        assert_eq!(post.mailer.release_held().await.unwrap(), 0, "there is still no server");

        let post = post.with_server(Some(&setting("INNKEEPER_TEST_SMTP")));
        assert_eq!(post.mailer.release_held().await.unwrap(), 1);
        post.work().await;
        assert_eq!(post.row(&id).await.state, MailState::Sent);
        assert!(matches!(post.mailer.unsent_text(&id).await.unwrap_err(), Error::NotFound(_)));
        assert_eq!(post.mailer.release_held().await.unwrap(), 0);

        // Queued with a server, and then the server is taken out of the configuration.
        let id = post.queue(&to, "Welcome").await;
        let post = post.with_server(None);
        post.work().await;
        assert_eq!(post.row(&id).await.state, MailState::Held);
    }
}

#[tokio::test]
async fn old_mail_is_forgotten() {
    for test in databases().await {
        let post = Post::new(test, None);
        let old = post.queue(&stranger(), "Old").await;
        post.clock.advance(Duration::from_millis(1));
        let limit = post.clock.now();
        let new = post.queue(&stranger(), "New").await;
        assert_eq!(mail::forget_older_than(&post.test.db, limit).await.unwrap(), 1);
        let left: Vec<MailId> = mail::outbox(&post.test.db, None).await.unwrap().into_iter().map(|row| row.id).collect();
        assert_eq!(left, std::slice::from_ref(&new), "{}", post.test.name);
        assert!(mail::outbox(&post.test.db, Some(&new)).await.unwrap().is_empty());
        assert!(old < new);
    }
}

#[tokio::test]
async fn a_wrong_sender_is_named() {
    let test = sqlite().await;
    let wrong = MailConfig { from: "nobody".to_owned(), ..config(None) };
    let error = Mailer::new(&wrong, test.db.clone(), Clock::System, InstanceKey::ephemeral()).map(|_| ()).unwrap_err();
    assert!(error.to_string().starts_with("mail.from"), "{error}");
}

#[tokio::test]
async fn what_did_not_get_out_is_counted() {
    for test in databases().await {
        let post = Post::new(test, None);
        let db = &post.test.db;
        assert_eq!(mail::backlog(db, Timestamp(0)).await.unwrap(), mail::Backlog::default(), "{}", post.test.name);
        for (id, state, created_at) in [
            ("a", "sent", 1),
            ("b", "held", 2),
            ("c", "held", 3),
            ("d", "failed", 4),
            ("e", "failed", 5),
            ("f", "queued", 7),
            ("g", "queued", 6),
        ] {
            let row = sql("insert into mail (id, recipient, subject, state, attempts, created_at) values ($1, 'a', 'b', $2, 1, $3)");
            db.execute(row.bind(id).bind(state).bind(Timestamp(created_at))).await.unwrap();
        }
        let found = mail::backlog(db, Timestamp(4)).await.unwrap();
        assert_eq!(found, mail::Backlog { held: 2, failed: 1, waiting_since: Some(Timestamp(6)) }, "{}", post.test.name);
    }
}
