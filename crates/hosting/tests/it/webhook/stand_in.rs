//! A server that speaks as GitHub's and Bitbucket Cloud's APIs do, as far as they are asked, and serves the repositories that were made
//! there by git's own smart HTTP. It can be told to fail.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hosting::{BitbucketConfig, GithubConfig};
use kit::exec::Command;
use kit::secrets::Secret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The token that it lets in. Nothing but the requests may hold it.
pub const TOKEN: &str = "ghp_sentinelSENTINEL0123456789abcdefghij";

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub body: Value,
}

/// How to answer the next request whose path ends so, instead of the right way.
#[derive(Debug, Clone)]
pub struct Failure {
    pub path_ends: &'static str,
    pub status: u16,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: Value,
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    failures: Vec<Failure>,
    descriptions: BTreeMap<String, Value>,
    hooks: BTreeMap<String, Vec<Value>>,
    /// How long git's requests are held up.
    delay: Duration,
}

/// The server; it ends with the test.
#[derive(Clone)]
pub struct StandIn {
    pub url: String,
    root: Arc<tempfile::TempDir>,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl StandIn {
    pub async fn start() -> StandIn {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stand_in = StandIn { url, root: Arc::new(tempfile::tempdir().unwrap()), state: Arc::default() };
        let serving = stand_in.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        stand_in
    }

    pub fn github(&self) -> GithubConfig {
        GithubConfig { token: Secret::new(TOKEN), organisation: "inn".to_owned(), private: true, api_url: self.url.clone() }
    }

    pub fn bitbucket(&self) -> BitbucketConfig {
        BitbucketConfig {
            workspace: "inn".to_owned(),
            username: String::new(),
            token: Secret::new(TOKEN),
            project: "WEB".to_owned(),
            private: true,
            api_url: self.url.clone(),
        }
    }

    /// Where the repository of that name is.
    pub fn bare(&self, full_name: &str) -> PathBuf {
        self.root.path().join(format!("{full_name}.git"))
    }

    pub fn fail(&self, failure: Failure) {
        self.state.lock().unwrap().failures.push(failure);
    }

    pub fn slow_down(&self, delay: Duration) {
        self.state.lock().unwrap().delay = delay;
    }

    pub fn forget(&self) {
        self.state.lock().unwrap().asked.clear();
    }

    /// What it was asked with this method at a path that ends so.
    pub fn asked(&self, method: &str, path_ends: &str) -> Vec<Asked> {
        let state = self.state.lock().unwrap();
        state.asked.iter().filter(|it| it.method == method && it.path.ends_with(path_ends)).cloned().collect()
    }

    /// The only repository that was made here.
    pub fn only_repository(&self) -> String {
        let state = self.state.lock().unwrap();
        assert_eq!(state.descriptions.len(), 1, "{:?}", state.descriptions);
        state.descriptions.keys().next().unwrap().clone()
    }

    /// Makes a repository as another person does.
    pub async fn make(&self, full_name: &str, description: &str) {
        let bare = self.bare(full_name);
        std::fs::create_dir_all(&bare).unwrap();
        let init = Command::new("git").args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(&bare);
        init.run().await.unwrap();
        for setting in ["http.receivepack", "uploadpack.allowAnySHA1InWant"] {
            Command::new("git").args(["config", setting, "true"]).dir(&bare).run().await.unwrap();
        }
        self.state.lock().unwrap().descriptions.insert(full_name.to_owned(), json!(description));
    }

    async fn serve(&self, mut stream: TcpStream) {
        let Some(request) = read(&mut stream).await else { return };
        let asked = Asked {
            method: request.method.clone(),
            path: request.path.clone(),
            body: serde_json::from_slice(&request.body).unwrap_or(Value::Null),
        };
        let failure = {
            let mut state = self.state.lock().unwrap();
            state.asked.push(asked.clone());
            let at = state.failures.iter().position(|failure| request.path.ends_with(failure.path_ends));
            at.map(|at| state.failures.remove(at))
        };
        let reply = match failure {
            Some(failure) => Reply {
                status: failure.status,
                headers: failure.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
                body: failure.body.to_string().into_bytes(),
            },
            None if request.path.starts_with("/git/") => self.git(&request).await,
            None => {
                let (status, body) = self.api(&request, &asked.body).await;
                Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
            }
        };
        let mut head = format!("HTTP/1.1 {} x\r\nconnection: close\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(&reply.body).await;
        let _ = stream.shutdown().await;
    }

    /// The repository as GitHub shows it; Bitbucket's links stand beside.
    fn shown(&self, full_name: &str) -> Value {
        let description = self.state.lock().unwrap().descriptions[full_name].clone();
        let clone = format!("{}/git/{full_name}.git", self.url);
        let with_user = clone.replacen("://", "://inn@", 1);
        json!({
            "id": 186_853_002, "full_name": full_name, "private": true, "description": description,
            "html_url": format!("{}/{full_name}", self.url), "clone_url": clone, "default_branch": "main",
            "links": {
                "html": { "href": format!("{}/{full_name}", self.url) },
                "clone": [{ "name": "https", "href": with_user }, { "name": "ssh", "href": format!("git@bitbucket.org:{full_name}.git") }],
            },
        })
    }

    async fn api(&self, request: &Request, body: &Value) -> (u16, Value) {
        if request.headers.get("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return (401, json!({ "message": "Bad credentials" }));
        }
        if !request.headers.contains_key("user-agent") {
            return (403, json!({ "message": "Request forbidden by administrative rules." }));
        }
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["orgs", "inn", "repos"]) => self.create(&format!("inn/{}", body["name"].as_str().unwrap()), body, 422, 201).await,
            ("POST", ["repositories", owner, name]) => self.create(&format!("{owner}/{name}"), body, 400, 200).await,
            ("GET", ["repos" | "repositories", owner, name]) => {
                let full_name = format!("{owner}/{name}");
                let known = self.state.lock().unwrap().descriptions.contains_key(&full_name);
                if known { (200, self.shown(&full_name)) } else { (404, json!({ "message": "Not Found" })) }
            }
            (_, ["repos" | "repositories", owner, name, "hooks", ..])
                if !self.state.lock().unwrap().descriptions.contains_key(&format!("{owner}/{name}")) =>
            {
                (404, json!({ "message": "Not Found" }))
            }
            (_, ["repos" | "repositories", owner, name, "hooks", rest @ ..]) => self.hooks(request, &format!("{owner}/{name}"), rest, body),
            ("GET", ["repos", owner, name, "git", "ref", "heads", branch]) => match self.head(&format!("{owner}/{name}"), branch).await {
                Some(sha) => (200, json!({ "ref": format!("refs/heads/{branch}"), "object": { "type": "commit", "sha": sha } })),
                None => (409, json!({ "message": "Git Repository is empty." })),
            },
            ("GET", ["repositories", owner, name, "refs", "branches", branch]) => match self.head(&format!("{owner}/{name}"), branch).await
            {
                Some(hash) => (200, json!({ "name": branch, "target": { "hash": hash } })),
                None => (404, json!({ "type": "error", "error": { "message": "Branch not found" } })),
            },
            ("POST", ["repos", _, _, "statuses", _]) | ("POST", ["repositories", _, _, "commit", _, "statuses", "build"]) => {
                (201, body.clone())
            }
            _ => (404, json!({ "message": "Not Found" })),
        }
    }

    async fn create(&self, full_name: &str, body: &Value, taken: u16, made: u16) -> (u16, Value) {
        if self.state.lock().unwrap().descriptions.contains_key(full_name) {
            let message = "Repository creation failed.";
            return (taken, json!({ "message": message, "errors": [{ "message": "name already exists on this account" }] }));
        }
        self.make(full_name, body["description"].as_str().unwrap()).await;
        (made, self.shown(full_name))
    }

    fn hooks(&self, request: &Request, full_name: &str, rest: &[&str], body: &Value) -> (u16, Value) {
        let is_bitbucket = request.path.starts_with("/repositories/");
        let mut state = self.state.lock().unwrap();
        let hooks = state.hooks.entry(full_name.to_owned()).or_default();
        match (request.method.as_str(), rest) {
            ("GET", []) if is_bitbucket => (200, json!({ "values": hooks })),
            ("GET", []) => (200, json!(hooks)),
            ("POST", []) => {
                let mut hook = body.clone();
                hook["id"] = json!(hooks.len() + 1);
                hook["uuid"] = json!(format!("{{hook-{}}}", hooks.len() + 1));
                hooks.push(hook.clone());
                (201, hook)
            }
            ("PATCH" | "PUT", [id]) => {
                let id = id.replace("%7B", "{").replace("%7D", "}");
                let found = hooks.iter_mut().find(|hook| hook["id"].as_u64() == id.parse::<u64>().ok() || hook["uuid"] == json!(id));
                let Some(hook) = found else { return (404, json!({ "message": "Not Found" })) };
                for (name, value) in body.as_object().unwrap() {
                    hook[name] = value.clone();
                }
                (200, hook.clone())
            }
            ("DELETE", [id]) => {
                let id = id.replace("%7B", "{").replace("%7D", "}");
                let before = hooks.len();
                hooks.retain(|hook| hook["id"].as_u64() != id.parse::<u64>().ok() && hook["uuid"] != json!(id));
                if hooks.len() < before { (204, Value::Null) } else { (404, json!({ "message": "Not Found" })) }
            }
            _ => (404, Value::Null),
        }
    }

    /// Makes a webhook as another person does.
    pub fn hook(&self, full_name: &str, url: &str) {
        let mut state = self.state.lock().unwrap();
        let hook = json!({ "id": 77, "uuid": "{hook-77}", "url": url, "config": { "url": url } });
        state.hooks.entry(full_name.to_owned()).or_default().push(hook);
    }

    /// Changes webhooks of a repository.
    pub fn change_hooks(&self, full_name: &str, change: impl Fn(&mut Value)) {
        self.state.lock().unwrap().hooks.get_mut(full_name).unwrap().iter_mut().for_each(change);
    }

    /// Removes a repository with all that hung on it.
    pub fn remove(&self, full_name: &str) {
        let mut state = self.state.lock().unwrap();
        state.descriptions.remove(full_name);
        state.hooks.remove(full_name);
    }

    /// The webhooks of a repository.
    pub fn hooks_of(&self, full_name: &str) -> Vec<Value> {
        self.state.lock().unwrap().hooks.get(full_name).cloned().unwrap_or_default()
    }

    async fn head(&self, full_name: &str, branch: &str) -> Option<String> {
        let rev = Command::new("git").args(["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")]).dir(self.bare(full_name));
        rev.run().await.ok().map(|output| output.stdout.trim().to_owned())
    }

    /// git's own CGI does the rest.
    async fn git(&self, request: &Request) -> Reply {
        let delay = self.state.lock().unwrap().delay;
        tokio::time::sleep(delay).await;
        let users = ["x-access-token", "x-token-auth"];
        let allowed = users
            .iter()
            .any(|user| request.headers.get("authorization") == Some(&format!("Basic {}", STANDARD.encode(format!("{user}:{TOKEN}")))));
        if !allowed {
            let headers = vec![("www-authenticate".to_owned(), "Basic realm=\"stand-in\"".to_owned())];
            return Reply { status: 401, headers, body: Vec::new() };
        }
        let out = tempfile::NamedTempFile::new().unwrap();
        let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
        Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", self.root.path())
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", request.path.strip_prefix("/git").unwrap())
            .env("REQUEST_METHOD", &request.method)
            .env("QUERY_STRING", &request.query)
            .env("CONTENT_TYPE", header("content-type"))
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
            .env("GIT_PROTOCOL", header("git-protocol"))
            .env("REMOTE_USER", "inn")
            .env("REMOTE_ADDR", "127.0.0.1")
            .stdin(request.body.clone())
            .stdout_to_file(out.path())
            .await
            .unwrap();
        let answer = std::fs::read(out.path()).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let mut reply = Reply { status: 200, headers: Vec::new(), body: answer[end + 4..].to_vec() };
        for line in String::from_utf8_lossy(&answer[..end]).lines() {
            let (name, value) = line.split_once(':').unwrap();
            match name {
                "Status" => reply.status = value.trim()[..3].parse().unwrap(),
                _ => reply.headers.push((name.to_owned(), value.trim().to_owned())),
            }
        }
        reply
    }
}

/// Reads a request whole, its body by length or in chunks.
async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut rest = bytes.split_off(end + 4);
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        loop {
            while !rest.windows(2).any(|two| two == b"\r\n") {
                if stream.read_buf(&mut rest).await.ok()? == 0 {
                    return None;
                }
            }
            let line = rest.windows(2).position(|two| two == b"\r\n")?;
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
            while rest.len() < line + 4 + size {
                if stream.read_buf(&mut rest).await.ok()? == 0 {
                    return None;
                }
            }
            body.extend_from_slice(&rest[line + 2..line + 2 + size]);
            rest.drain(..line + 4 + size);
            if size == 0 {
                break;
            }
        }
    } else {
        let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        while rest.len() < length {
            if stream.read_buf(&mut rest).await.ok()? == 0 {
                return None;
            }
        }
        body = rest;
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}
