//! Processes: nothing survives its time limit, its pipe or its dropped future; nothing they print fills the memory.

use std::time::{Duration, Instant};

use kit::Error;
use kit::exec::Command;

use crate::eventually;

/// A text in the arguments of `sleep` by which a process of this test is found again.
fn marker() -> String {
    format!("{}.{}", 1000 + rand::random::<u16>() as u32, std::process::id())
}

async fn is_running(marker: &str) -> bool {
    Command::new("pgrep").args(["-f", &format!("^sleep {marker}")]).run().await.is_ok()
}

async fn ends(marker: &str) {
    eventually("the process is gone", || async { (!is_running(marker).await).then_some(()) }).await;
}

#[tokio::test]
async fn a_dropped_future_takes_the_whole_group_with_it() {
    let marker = marker();
    let work = Command::new("sh").arg("-c").arg(format!("sleep {marker} & sleep {marker}")).run();
    let watch = eventually("it runs", || async { is_running(&marker).await.then_some(()) });
    tokio::select! {
        ended = work => panic!("{ended:?}"),
        () = watch => {}
    }
    ends(&marker).await;
}

#[tokio::test]
async fn a_pipe_ends_when_its_first_half_runs_out_of_time() {
    let marker = marker();
    let started = Instant::now();
    let first = Command::new("sleep").arg(&marker).timeout(Duration::from_millis(200));
    let error = first.pipe_to(Command::new("cat").timeout(Duration::from_secs(30))).await.unwrap_err();
    assert!(error.to_string().contains("did not end within 200ms"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10), "the second half waited for its own limit");
    ends(&marker).await;
}

#[tokio::test]
async fn a_stream_ends_with_its_time_limit_and_hands_on_what_came_before() {
    let marker = marker();
    let mut lines = Vec::new();
    let error = Command::new("sh")
        .arg("-c")
        .arg(format!("echo one; echo two >&2; sleep {marker}"))
        .timeout(Duration::from_millis(300))
        .stream(|line| lines.push(line.to_owned()))
        .await
        .unwrap_err();
    lines.sort();
    assert_eq!(lines, ["one", "two"]);
    assert!(error.to_string().contains("did not end"), "{error}");
    ends(&marker).await;
}

#[tokio::test]
async fn endless_output_and_endless_lines_are_bounded() {
    let output = Command::new("head").args(["-c", "9000000", "/dev/zero"]).run().await.unwrap();
    assert_eq!(output.stdout.len(), 4 << 20);
    let mut longest = 0;
    Command::new("sh")
        .args(["-c", "head -c 300000 /dev/zero; echo; echo end"])
        .stream(|line| longest = longest.max(line.len()))
        .await
        .unwrap();
    assert_eq!(longest, 64 << 10);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    let error = Command::new("true").dir(&gone).run().await.unwrap_err();
    assert!(error.to_string().contains("gone is missing"), "{error}");
    let error = Command::new("no-such-program").dir(folder.path()).run().await.unwrap_err();
    assert!(error.to_string().contains("`no-such-program` is not installed"), "{error}");
}

#[tokio::test]
async fn files_serve_as_input_and_output() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump");
    Command::new("printf").arg("b\\na\\n").stdout_to_file(&path).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Command::new("sort").stdin_from_file(&path).await.unwrap().stdout, "a\nb\n");
    // A child that does not read its input is no error by itself, however much input there is.
    Command::new("true").stdin(vec![b'x'; 1 << 20]).run().await.unwrap();
    let error = Command::new("sh").args(["-c", "echo reason >&2; exit 3"]).stdout_to_file(&path).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable { .. }) && error.to_string().contains("reason"), "{error}");
}

#[tokio::test]
async fn a_conversation_streams_both_ways_at_once_and_ends_with_its_limit_or_its_talk() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    // More than any pipe holds, so that writing waits for reading.
    let echo = Command::new("cat").converse(async |mut stdin, mut stdout| {
        let write = async move {
            for _ in 0..64 {
                stdin.write_all(&[b'x'; 64 << 10]).await?;
            }
            Ok::<_, Error>(())
        };
        let read = async {
            let (mut total, mut piece) = (0, vec![0; 64 << 10]);
            loop {
                match stdout.read(&mut piece).await? {
                    0 => return Ok(total),
                    length => total += length,
                }
            }
        };
        let ((), total) = tokio::try_join!(write, read)?;
        Ok(total)
    });
    assert_eq!(echo.await.unwrap(), 4 << 20);

    let error = Command::new("sh").args(["-c", "echo reason >&2; exit 3"]).converse(async |_, _| Ok(())).await.unwrap_err();
    assert!(error.to_string().contains("reason"), "{error}");
    // What it says on standard error is bounded, and stops nobody.
    Command::new("sh").args(["-c", "head -c 9000000 /dev/zero >&2"]).converse(async |_, _| Ok(())).await.unwrap();

    let marker = marker();
    let script = format!("sleep {marker} & sleep {marker}");
    let command = || Command::new("sh").arg("-c").arg(&script).timeout(Duration::from_millis(300));
    let error = command().converse(async |_in, _out| Ok(())).await.unwrap_err();
    assert!(error.to_string().contains("did not end within"), "{error}");
    ends(&marker).await;
    let started = Instant::now();
    let talk = async |_in, _out| Err::<(), _>(Error::conflict("enough"));
    let error = command().timeout(Duration::from_secs(60)).converse(talk).await.unwrap_err();
    assert!(error.to_string().contains("enough") && started.elapsed() < Duration::from_secs(10), "{error}");
    ends(&marker).await;
}
