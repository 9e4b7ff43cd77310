//! The live channel, spoken over long polling: the plainest way that Socket.IO has.

use std::time::Duration;

use accounts::Role;
use hosting::deployments::{self, DeploymentKind, Wish};
use kit::sql;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use web::testing::{TestApp, TestMember};

const PATH: &str = "/live/socket.io/?EIO=4&transport=polling";

struct Connection<'a> {
    test: &'a TestApp,
    member: &'a TestMember,
    path: String,
}

impl<'a> Connection<'a> {
    async fn open(test: &'a TestApp, member: &'a TestMember, rooms: &str) -> Connection<'a> {
        let opened = test.get(PATH).by(member).send().await;
        assert_eq!(opened.status, 200, "{}", opened.text);
        let handshake: serde_json::Value = serde_json::from_str(&opened.text[1..]).unwrap();
        let path = format!("{PATH}&sid={}", handshake["sid"].as_str().unwrap());
        let connection = Connection { test, member, path };
        connection.say("40").await;
        assert!(connection.hear().await.starts_with("40"), "connected to the namespace");
        connection.say(&format!("42[\"join\",{rooms}]")).await;
        // Joining is not answered; what it asks of the database is quick.
        tokio::time::sleep(Duration::from_millis(200)).await;
        connection
    }

    async fn say(&self, packet: &str) {
        let reply = self.test.post(&self.path).by(self.member).header("content-type", "text/plain").body(packet.to_owned()).send().await;
        assert_eq!(reply.status, 200, "{packet}: {}", reply.text);
    }

    /// The next packet that is no ping; pings are answered.
    async fn hear(&self) -> String {
        self.hear_all().await.remove(0)
    }

    /// What one poll brings, at least one packet that is no ping.
    async fn hear_all(&self) -> Vec<String> {
        loop {
            let reply = self.test.get(&self.path).by(self.member).send().await;
            let (pings, packets): (Vec<String>, Vec<String>) =
                reply.text.split('\u{1e}').map(str::to_owned).partition(|packet| packet == "2");
            // Also one that came beside something else wants its answer, or the connection ends.
            if !pings.is_empty() {
                self.say("3").await;
            }
            if !packets.is_empty() {
                return packets;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_reach_those_who_may_hear_them_and_nobody_else() {
    let test = TestApp::start().await;
    let (mine, theirs) = (test.customer("Mine").await, test.customer("Theirs").await);
    let me = test.passwordless(Role::Customer { customer: mine.clone(), standing: accounts::Standing::Owner }).await;
    let rooms = format!("[\"customer:{mine}\",\"customer:{theirs}\",\"operators\",\"sessions\",\"site:app_aaaaaaaa\"]");
    let connection = Connection::open(&test, &me, &rooms).await;
    for room in [format!("customer:{theirs}"), "operators".to_owned(), "site:app_aaaaaaaa".to_owned()] {
        test.app.bus.signal(room, "secret");
    }
    test.app.bus.signal(format!("customer:{mine}"), "sites");
    let heard = connection.hear().await;
    assert_eq!(heard, "42[\"changed\",{\"topic\":\"sites\"}]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_while_a_page_was_on_its_way_is_heard_when_it_joins() {
    let test = TestApp::start().await;
    let (mine, theirs) = (test.customer("Mine").await, test.customer("Theirs").await);
    let me = test.passwordless(Role::Customer { customer: mine.clone(), standing: accounts::Standing::Owner }).await;
    // Whoever answers has its channel open; before, there is nobody to hear a signal.
    test.get("/login").send().await;
    test.app.bus.signal(format!("customer:{theirs}"), "secret");
    for _ in 0..3 {
        test.app.bus.signal(format!("customer:{mine}"), "sites");
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let connection = Connection::open(&test, &me, &format!("[\"customer:{mine}\",\"customer:{theirs}\"]")).await;
    assert_eq!(connection.hear_all().await, ["42[\"changed\",{\"topic\":\"sites\"}]"], "once, and nothing of others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_in_the_room_of_a_site_hear_how_its_deployments_stand() {
    let test = TestApp::start().await;
    let (mine, theirs) = (test.customer("Mine").await, test.customer("Theirs").await);
    let me = test.passwordless(Role::Customer { customer: mine.clone(), standing: accounts::Standing::Member }).await;
    let they = test.passwordless(Role::Customer { customer: theirs, standing: accounts::Standing::Owner }).await;
    let actor = test.actor(&me).await;
    let new = hosting::sites::NewSite {
        kind: hosting::templates::Kind::Portfolio,
        name: hosting::names::SiteName::parse("Atelier").unwrap(),
        subdomain: None,
        custom_domain: None,
    };
    let site = hosting::sites::create(&test.app.hosting, &actor, &mine, &new).await.unwrap();
    let db = &test.app.db;
    db.execute(sql("update site_operation set state = 'done', finished_at = 1")).await.unwrap();
    db.execute(sql("update site set state = 'active'")).await.unwrap();
    let room = format!("[\"site:{}\"]", site.id);
    let (mine, stranger) = (Connection::open(&test, &me, &room).await, Connection::open(&test, &they, &room).await);
    let wish = Wish {
        kind: DeploymentKind::Push,
        branch: "main".to_owned(),
        commit: "0123456789012345678901234567890123456789".to_owned(),
        subject: "A change".to_owned(),
        author: "Ada".to_owned(),
        release: None,
    };
    let deployment = deployments::request(&test.app.hosting, &actor, &site.id, &wish).await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let packets = mine.hear_all().await;
        heard.extend(packets.into_iter().filter_map(|packet| packet.strip_prefix("42[\"deployment\",").map(str::to_owned)));
    }
    for (event, status) in heard.iter().zip(["queued", "running"]) {
        let event: serde_json::Value = serde_json::from_str(event.strip_suffix(']').unwrap()).unwrap();
        let expected = serde_json::json!({
            "app_id": site.id, "deployment_id": deployment.id, "status": status, "commit_hash": wish.commit, "at": "2026-01-14T10:30:00Z",
        });
        assert_eq!(event, expected);
    }
    // The other one asked for the same room and got nothing of it: the next thing they hear is what is said to their own.
    stranger.say(&format!("42[\"join\",[\"customer:{}\"]]", they.role.customer().unwrap())).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    test.app.bus.signal(format!("customer:{}", they.role.customer().unwrap()), "sites");
    assert_eq!(stranger.hear_all().await, ["42[\"changed\",{\"topic\":\"sites\"}]"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_hear_the_house() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let connection = Connection::open(&test, &admin, "[\"operators\"]").await;
    test.app.bus.signal("operators", "jobs");
    assert!(connection.hear().await.contains("jobs"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_takes_its_connection_along() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let connection = Connection::open(&test, &admin, "[\"operators\"]").await;
    assert_eq!(test.post("/sign-out").by(&admin).send().await.status, 303);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let reply = test.get(&connection.path).by(&admin).send().await;
    assert_eq!(reply.status, 401, "the session has ended: {}", reply.text);
    test.app.bus.signal("operators", "secret");
    let again = test.passwordless(Role::Admin).await;
    let stolen = test.get(&connection.path).by(&again).send().await;
    assert!(!stolen.text.contains("secret"), "nothing is waiting there: {}", stolen.text);
}

#[tokio::test]
async fn other_websites_cannot_connect() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let reply = test.get(PATH).header("cookie", &admin.cookie).header("origin", "https://evil.test").send().await;
    assert_eq!(reply.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_closes_connections_and_does_not_hang() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    let connection = Connection::open(&test, &admin, "[\"operators\"]").await;
    let waiting = test.get(&connection.path).by(&admin).send();
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        test.stop();
    };
    let answered = async { tokio::join!(waiting, stopping) };
    tokio::time::timeout(Duration::from_secs(10), answered).await.expect("the poll is answered");
    let refused = tokio::time::timeout(Duration::from_secs(5), async {
        while tokio::net::TcpStream::connect(test.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    refused.await.expect("the port is closed");
}

#[tokio::test]
async fn browsers_get_their_websocket_and_other_websites_do_not() {
    let test = TestApp::start().await;
    let admin = test.passwordless(Role::Admin).await;
    for (origin, status) in [(format!("http://{}", test.address), "101"), ("https://evil.test".to_owned(), "403")] {
        let mut stream = tokio::net::TcpStream::connect(test.address).await.unwrap();
        let head = format!(
            "GET /live/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {}\r\norigin: {origin}\r\ncookie: {}\r\n\
             connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            test.address, admin.cookie
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"), "{origin}");
    }
}
