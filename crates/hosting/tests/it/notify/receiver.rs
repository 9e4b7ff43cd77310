//! A program that receives webhooks, as its author would write it: checks the signature by itself.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub head: String,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        let line = |line: &'_ str| line.split_once(": ").is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        self.head.lines().find(|it| line(it)).and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn is_signed_with(&self, secret: &str) -> bool {
        self.is_signed_in("X-Innkeeper-Signature-256", secret)
    }

    pub fn is_signed_in(&self, header: &str, secret: &str) -> bool {
        self.header(header) == format!("sha256={}", hmac_by_hand(secret.as_bytes(), self.body.as_bytes()))
    }
}

/// RFC 2104 in its own words: `H(K ⊕ opad, H(K ⊕ ipad, text))`. On purpose not by the crate that signs.
fn hmac_by_hand(key: &[u8], text: &[u8]) -> String {
    let mut block = [0_u8; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub struct Receiver {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    at_once: Arc<AtomicUsize>,
}

impl Receiver {
    /// Answers with these in turn, and with the last one for ever, each after `delay`.
    pub async fn start(answers: &'static [&'static str], delay: Duration) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Receiver { address: listener.local_addr().unwrap(), received: Arc::default(), at_once: Arc::default() };
        let (received, at_once, open) = (receiver.received.clone(), receiver.at_once.clone(), Arc::new(AtomicUsize::new(0)));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (received, at_once, open) = (received.clone(), at_once.clone(), open.clone());
                tokio::spawn(async move {
                    at_once.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let answer = move |turn: usize| answers[turn.min(answers.len() - 1)];
                    serve(stream, &received, answer, delay).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        receiver
    }

    pub async fn ok() -> Receiver {
        Receiver::start(&["HTTP/1.1 204 No Content\r\n\r\n"], Duration::ZERO).await
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?token=in-the-address", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The most requests that were open at the same time.
    pub fn at_once(&self) -> usize {
        self.at_once.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, received: &Mutex<Vec<Received>>, answer: impl Fn(usize) -> &'static str, delay: Duration) {
    let mut read = Vec::new();
    let request = loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let request = Received { head: head.to_owned(), body: body.to_owned() };
            if body.len() >= request.header("content-length").parse().unwrap_or(0) {
                break request;
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => read.extend_from_slice(&buffer[..length]),
        }
    };
    let turn = {
        let mut all = received.lock().unwrap();
        all.push(request);
        all.len() - 1
    };
    tokio::time::sleep(delay).await;
    let _ = stream.write_all(answer(turn).as_bytes()).await;
}
