//! Requests to where strangers say: real receivers that behave badly, and names that lead elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kit::fetch::{Allowed, Guard, Lookup, NotSent, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that answers each request with `answer`, and counts those who came.
async fn receiver(answer: impl Into<Vec<u8>>) -> (SocketAddr, Arc<AtomicUsize>) {
    let (answer, came) = (answer.into(), Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = came.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let answer = answer.clone();
            tokio::spawn(async move {
                read_request(&mut stream).await;
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    (address, came)
}

/// Reads to the end of a request that says its length.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ").and_then(|it| it.parse().ok()));
            if body.len() >= length.unwrap_or(0_usize) {
                return text;
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(length) => read.extend_from_slice(&buffer[..length]),
        }
    }
}

fn strict() -> Guard {
    Guard::new(Vec::new(), &[], None)
}

fn lenient() -> Guard {
    Guard::new(vec![Allowed::parse("127.0.0.1").unwrap()], &[], None)
}

async fn post(guard: &Guard, url: &str) -> Result<(u16, String), NotSent> {
    let answered = guard.post(&Url::parse(url).unwrap(), &[("x-test", "yes".to_owned())], b"{\"a\":1}".to_vec()).await?;
    Ok((answered.status, String::from_utf8_lossy(&answered.excerpt).into_owned()))
}

fn refusal(outcome: Result<(u16, String), NotSent>) -> String {
    match outcome {
        Err(NotSent::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

fn failure(outcome: Result<(u16, String), NotSent>) -> String {
    match outcome {
        Err(NotSent::Failed(why)) => why,
        other => panic!("did not fail: {other:?}"),
    }
}

/// A DNS that gives the answers in turn, and the last one for ever.
fn dns(answers: &'static [&'static [&'static str]]) -> (Lookup, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let lookup: Lookup = Arc::new(move |_name| {
        let turn = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let found: Vec<IpAddr> = answers[turn].iter().map(|text| text.parse().unwrap()).collect();
        Box::pin(async move { Ok(found) })
    });
    (lookup, asked)
}

#[tokio::test]
async fn a_request_arrives_whole_and_its_answer_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        let long = format!("HTTP/1.1 201 Created\r\ncontent-length: 5000\r\n\r\n{}", "z".repeat(5000));
        stream.write_all(long.as_bytes()).await.unwrap();
        request
    });
    assert_eq!(post(&lenient(), &url).await, Ok((201, "z".repeat(1024))));
    let request = heard.await.unwrap();
    assert!(request.starts_with("POST /hook?x=1 HTTP/1.1\r\n") && request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
    assert!(request.contains("x-test: yes") && request.contains("content-type: application/json"), "{request}");
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_however_they_are_written() {
    let (address, came) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let port = address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00::1]",
        "10.0.0.1",
        "172.17.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "224.0.0.1",
        "255.255.255.255",
        "localhost",
        "LOCALHOST.",
        "localhost.",
        "a.localhost",
    ] {
        let url = format!("http://{host}:{port}/");
        let why = refusal(post(&strict(), &url).await);
        assert!(why.contains("leads to") || why.contains("this server itself"), "{host}: {why}");
    }
    assert_eq!(came.load(Ordering::SeqCst), 0, "nothing may reach the receiver");
    // The receiver is there: with the operator's word for it, it is reached.
    assert_eq!(post(&lenient(), &format!("http://127.1:{port}/")).await, Ok((200, String::new())));
}

#[tokio::test]
async fn names_are_judged_by_the_address_that_is_connected_to() {
    let (address, came) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let url = format!("http://rebind.example:{}/", address.port());
    for (answers, what) in [
        (&[&["127.0.0.1"] as &[&str]] as &'static [&'static [&'static str]], "this machine"),
        (&[&["10.1.2.3", "::1"]], "a private network"),
        (&[&["169.254.169.254"]], "the local link"),
        (&[&["::ffff:127.0.0.1"]], "disguise"),
    ] {
        let (lookup, asked) = dns(answers);
        let why = refusal(post(&strict().with_lookup(lookup), &url).await);
        assert!(why.starts_with("rebind.example: ") && why.contains(what), "{why}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);

    // Public when it is asked first, inner when it is asked again: it is asked once, and that answer is what is connected to. The
    // operator's exception stands for a public address here.
    let (lookup, asked) = dns(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let guard = lenient().with_lookup(lookup);
    assert_eq!(post(&guard, &url).await.map(|(status, _)| status), Ok(200));
    assert_eq!((asked.load(Ordering::SeqCst), came.load(Ordering::SeqCst)), (1, 1));
    let why = refusal(post(&guard, &url).await);
    assert!(why.contains("127.0.0.2 leads to this machine"), "{why}");
    assert_eq!(came.load(Ordering::SeqCst), 1, "no connection of before is used again");

    // An inner address among public ones is left out.
    let (lookup, _) = dns(&[&["127.0.0.2", "127.0.0.1"]]);
    assert_eq!(post(&lenient().with_lookup(lookup), &url).await.map(|(status, _)| status), Ok(200));
    let (lookup, _) = dns(&[&[]]);
    assert!(failure(post(&strict().with_lookup(lookup), &url).await).contains("no address"));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (inner, came) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret").await;
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let answer = format!("HTTP/1.1 {status}\r\nlocation: http://{inner}/admin\r\ncontent-length: 0\r\n\r\n");
        let (outer, _) = receiver(answer).await;
        let answered = post(&lenient(), &format!("http://{outer}/")).await.unwrap();
        assert_eq!((answered.0.to_string().as_str(), answered.1.as_str()), (&status[..3], ""));
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);
}

#[tokio::test]
#[expect(clippy::result_large_err, reason = "figment's error, in its own test helper")]
async fn an_environment_that_names_a_proxy_changes_nothing() {
    // The proxy would resolve the name by itself, so it must not be asked, whatever the name of the environment's variable.
    let (proxy, came) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    figment::Jail::expect_with(|jail| {
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            jail.set_env(name, format!("http://{proxy}"));
        }
        jail.set_env("no_proxy", "");
        let why = std::thread::scope(|scope| {
            let posting = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let (lookup, _) = dns(&[&["10.0.0.1"]]);
                runtime.block_on(post(&strict().with_lookup(lookup), "http://inner.example/"))
            });
            refusal(posting.join().unwrap())
        });
        assert!(why.contains("10.0.0.1 leads to a private network"), "{why}");
        Ok(())
    });
    assert_eq!(came.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn receivers_that_behave_badly_cost_ten_seconds_at_most() {
    let guard = lenient();
    // Hangs up at once.
    let (address, _) = receiver("").await;
    assert!(failure(post(&guard, &format!("http://{address}/")).await).starts_with("no proper answer"));
    // Speaks no HTTP.
    let (address, _) = receiver("220 smtp.example ESMTP\r\n").await;
    assert!(failure(post(&guard, &format!("http://{address}/")).await).starts_with("no proper answer"));
    // Says more than is read: headers, then a body without end.
    let headers: String = (0..500).map(|number| format!("x-{number}: y\r\n")).collect();
    let (address, _) = receiver(format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).await;
    assert!(failure(post(&guard, &format!("http://{address}/")).await).starts_with("no proper answer"));
    let (address, _) = receiver([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &vec![b'x'; 64 << 20]].concat()).await;
    let begun = Instant::now();
    assert_eq!(post(&guard, &format!("http://{address}/")).await, Ok((200, "x".repeat(1024))));
    assert!(begun.elapsed() < Duration::from_secs(3));
    // Closed: nobody listens.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(failure(post(&guard, &format!("http://{free}/")).await).starts_with("no connection"));
    // Breaks off within its body: the status counts.
    let (address, _) = receiver("HTTP/1.1 500 Oh\r\ncontent-length: 100\r\n\r\nhalf").await;
    assert_eq!(post(&guard, &format!("http://{address}/")).await, Ok((500, "half".to_owned())));
}

#[tokio::test]
async fn receivers_that_hang_or_drip_are_left() {
    let guard = lenient();
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let drips = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (silent, dripping) = (hanging.local_addr().unwrap(), drips.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = drips.accept().await.unwrap();
        read_request(&mut stream).await;
        for letter in b"HTTP/1.1 200 OK\r\nx-slow: yes and it goes on and on".iter().cycle() {
            if stream.write_all(&[*letter]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    let begun = Instant::now();
    let [silent, dripping] = [silent, dripping].map(|address| format!("http://{address}/"));
    let (hung, dripped) = tokio::join!(post(&guard, &silent), post(&guard, &dripping));
    for outcome in [hung, dripped] {
        assert_eq!(failure(outcome), "no complete answer within 10 seconds");
    }
    assert!((9..13).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn addresses_are_refused_where_they_are_typed() {
    let guard = strict();
    for good in ["https://example.com", " https://example.com/a?b=c ", "http://example.com:8080/x", "https://93.184.216.34/"] {
        guard.parse(good).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    let long = format!("https://example.com/{}", "a".repeat(2000));
    for bad in [
        "",
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "gopher://example.com",
        "javascript:alert(1)",
        "https://",
        "https://user:pw@example.com/",
        "https://user@example.com/",
        "https://example.com/#x",
        "http://example.com:22/",
        "http://example.com:25/",
        "http://example.com:0/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://[::1]/",
        "http://2130706433/",
        "http://localhost./",
        "http://169.254.169.254/latest/meta-data/",
        "https://exa mple.com/",
        &long,
    ] {
        assert!(guard.parse(bad).is_err(), "{bad}");
    }
}
