//! Logs of containers that write what nobody wants to read.

use std::path::Path;
use std::time::{Duration, Instant};

use accounts::Actor;
use futures_util::StreamExt;
use hosting::logs::{self, Order, Recent, Severity, Wanted};
use kit::Error;
use kit::exec::Command;
use testkit::EngineGate;

use super::docker;
use super::scene::{OWN, Scene};

/// Tells the process of [`an_engine_that_goes_away`] where its gate is.
const GATE: &str = "INNKEEPER_TEST_LOGS_GATE";

/// A gigabyte in lines of 1 KB, then everything bad, then some ordinary lines. `$P` is the site's database password.
const HOSTILE: &str = r#"
line=$(perl -e 'print "GET /index.php 200 ", "o" x 1000')
yes "$line" | head -c 1000000000
echo
perl -e 'print "long ", "x" x 1048576, "\n"'
perl -e 'print "binary ", pack("C*", grep { $_ != 10 } map { $_ % 256 } 0..4095), "\n"'
printf 'ERROR: \033[31mred\033[0m \033]0;title\007\033[2Jend\n'
printf '<script>alert(1)</script>\n'
printf 'bidi \342\200\256 and no width \342\200\213.\n'
printf 'forged\r2026-01-01T00:00:00Z over it\n'
echo "plain $P"
echo "its own $ADOPTED_DB_PASSWORD, and $(printf '%s' "$ADOPTED_DB_PASSWORD" | base64 -w0)"
echo "base64 $(printf 'user:%s' "$P" | base64 -w0)"
echo "url postgres://user:$P@db/site?x=$(printf '%s' "$P" | perl -ne 's/(.)/sprintf("%%%02X", ord $1)/ge; print')"
printf 'coloured %s\033[1m%s\n' "$(printf '%s' "$P" | cut -c1-16)" "$(printf '%s' "$P" | cut -c17-)"
printf 'the end of a long line %s%s\n' "$(perl -e 'print "y" x 16350')" "$P"
echo "PHP Fatal error:  no" >&2
# The two outputs reach Docker by ways of their own: without a pause their order is chance.
sleep 1
seq 1 5 | sed 's/^/GET \/last 200 /'
"#;

/// Every form in which the password may stand in a log.
fn assert_no_secret(recent: &Recent, password: &str) {
    use base64::Engine;
    let in_base64 = base64::engine::general_purpose::STANDARD.encode(format!("user:{password}"));
    // Whatever stands before it, these letters come out of its middle.
    let middle = &in_base64[8..in_base64.len() - 8];
    let percent: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for line in &recent.lines {
        for secret in [password, middle, &percent, &password[..16], &password[16..], OWN, "bWFya2V0IGRheQ"] {
            assert!(!line.text.contains(secret), "{}", line.text);
        }
        assert!(line.text.len() <= 4200, "{} bytes", line.text.len());
        assert!(!line.text.chars().any(|letter| letter.is_control() && letter != '\t'), "{:?}", line.text);
        assert!(!line.text.contains(['\u{202e}', '\u{200b}', '\u{2028}']), "{:?}", line.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_logs_are_read_within_limits_and_without_secrets() {
    let scene = Scene::begin().await;
    let password = scene.password();
    let began = Instant::now();
    scene.run("www", &[], HOSTILE).await;
    scene.run("api", &[], "i=0; while [ $i -lt 600 ]; do echo \"tick $i\"; i=$((i+1)); sleep 0.1; done").await;
    scene.run("db", &["--log-driver", "none"], "echo unseen").await;
    // As containers made here keep it, so that the beginning is gone.
    let rotation = ["--log-opt", "max-size=10m", "--log-opt", "max-file=3"];
    scene.run("rotated", &rotation, "seq 1 1000000 | sed 's/$/ of a log that is cut off at 30 MB/'").await;
    scene.run("alert", &["--tty"], &format!("printf 'on a terminal \\033[1m%s\\n' \"$P\"; {}", "perl -e 'print \"z\" x 3000000'")).await;
    docker(&["wait", &scene.site.container("www")]).await;
    eprintln!("1 GB of log was written in {} ms", began.elapsed().as_millis());
    docker(&["wait", &scene.site.container("rotated")]).await;
    scene.until_seen(5).await;
    let before = resident_peak();

    for (what, wanted) in [
        ("last 50 of www", Wanted { service: Some("www".to_owned()), ..Wanted::default() }),
        ("last 500 of all", Wanted { lines: 500, ..Wanted::default() }),
        ("errors first of all", Wanted { order: Order::ErrorsFirst, ..Wanted::default() }),
        ("a search in all", Wanted { search: "INDEX.php".to_owned(), lines: 500, ..Wanted::default() }),
    ] {
        let began = Instant::now();
        let recent = scene.recent(wanted).await.unwrap();
        let took = began.elapsed();
        eprintln!("{what}: {} lines in {} ms", recent.lines.len(), took.as_millis());
        assert!(took < Duration::from_secs(5), "{what} took {took:?}");
        assert!(!recent.lines.is_empty(), "{what}");
        assert_no_secret(&recent, &password);
    }

    let grown = resident_peak() - before;
    eprintln!("{} MB of memory were taken", grown / 1_000_000);
    assert!(grown < 100_000_000, "{grown} bytes: much of the log was held at once");
    let rotated = scene.recent(Wanted { service: Some("rotated".to_owned()), ..Wanted::default() }).await.unwrap();
    assert_eq!((rotated.lines.len(), rotated.lines[0].text.split(' ').next()), (50, Some("1000000")));

    let www = scene.recent(Wanted { service: Some("www".to_owned()), order: Order::OldestFirst, ..Wanted::default() }).await.unwrap();
    let has = |text: &str| assert!(www.lines.iter().any(|line| line.text.contains(text)), "no {text} in {:#?}", www.lines);
    assert_eq!(www.lines.len(), 50);
    assert!(www.lines.last().unwrap().text.ends_with("GET /last 200 5"));
    for text in [
        "long xxx",
        "more bytes⟩",
        "binary ",
        "unprintable characters⟩",
        "ERROR: red end",
        "<script>alert(1)</script>",
        "bidi ⟨U+202E⟩",
        "forged⟨CR⟩2026",
    ] {
        has(text);
    }
    assert!(www.lines.iter().filter(|line| line.text.contains("[redacted:")).count() >= 4, "{:#?}", www.lines);

    let errors = scene.recent(Wanted { order: Order::ErrorsFirst, ..Wanted::default() }).await.unwrap();
    assert_eq!((errors.lines[0].severity, errors.lines[0].service.as_str()), (Severity::Error, "www"));
    assert_eq!(errors.lines[0].text, "PHP Fatal error:  no");
    assert_eq!(errors.unreadable, [("db".to_owned(), "its log is kept where Docker cannot read it".to_owned())]);
    let guess = Wanted { search: password[..20].to_owned(), ..Wanted::default() };
    assert!(scene.recent(guess).await.unwrap().lines.is_empty(), "a secret can be searched for");
    let terminal = scene.recent(Wanted { service: Some("alert".to_owned()), ..Wanted::default() }).await.unwrap();
    assert!(!terminal.lines.is_empty());

    followed(&scene).await;
    scene.end().await;
}

/// The most that this process has held at once, in bytes.
fn resident_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Only what is new, in order, without a gap also where one stream ends and the next begins.
async fn followed(scene: &Scene) {
    let scope = Actor::cli().scope();
    let follow = async |after| {
        let stream = logs::follow(&scene.house.hosting, &scope, &scene.site.id, Some("api".to_owned()), after).await.unwrap();
        let mut stream = std::pin::pin!(stream);
        let mut lines = Vec::new();
        for _ in 0..4 {
            let beat = stream.next().await.expect("it lasts a minute");
            assert_eq!(beat.problem, "");
            lines.extend(beat.lines);
        }
        lines
    };
    let first = follow(None).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let then = follow(first.last().map(|line| line.stamp.clone())).await;
    let ticks: Vec<u32> = first.iter().chain(&then).map(|line| line.text.strip_prefix("tick ").unwrap().parse().unwrap()).collect();
    assert!(ticks.len() > 40, "{ticks:?}");
    assert!(ticks.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ticks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_unavailable_while_the_engine_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    // The engine's address comes from the environment, so a process of its own is needed.
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "real_stack::logs::an_engine_that_goes_away", "--nocapture"])
        .env(GATE, folder.path().display().to_string())
        .env("DOCKER_HOST", format!("unix://{}", folder.path().join("docker.sock").display()))
        .timeout(Duration::from_secs(60));
    let output = child.run().await.unwrap();
    assert!(output.stdout.contains("all of it was seen"), "{}", output.stdout);
}

/// What the process of the test above does; nothing in an ordinary run.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_goes_away() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to do")]
    let Some(folder) = std::env::var_os(GATE) else { return };
    let gate = EngineGate::shut_in(Path::new(&folder));
    gate.open();
    let scene = Scene::begin().await;
    scene.run("www", &[], "echo here").await;
    scene.until_seen(1).await;
    assert_eq!(scene.recent(Wanted::default()).await.unwrap().lines.len(), 1);
    gate.shut();
    let began = Instant::now();
    let gone = scene.recent(Wanted::default()).await;
    assert!(matches!(gone, Err(Error::Unavailable { .. })), "{gone:?}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    gate.open();
    scene.until_seen(1).await;
    assert_eq!(scene.recent(Wanted::default()).await.unwrap().lines.len(), 1);
    scene.end().await;
    println!("all of it was seen");
}
