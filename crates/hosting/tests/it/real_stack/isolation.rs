//! What a site cannot reach, and where its secrets are not.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use hosting::sites::Site;
use kit::exec::Command;
use testkit::{EDGE, Stack};

use super::docker;

/// Whether a TCP connection from the inside of a site's API comes about.
async fn reaches(site: &Site, host: &str, port: u16) -> bool {
    let code = "exit(@fsockopen($argv[1], (int) $argv[2], $number, $text, 2) === false ? 1 : 0);";
    Command::new("docker").args(["exec", &site.container("api"), "php", "-r", code, host, &port.to_string()]).run().await.is_ok()
}

/// Status that a request from the inside of a site's API is answered with; 0 for none.
async fn status(site: &Site, url: &str) -> String {
    let curl = [
        "exec",
        &site.container("api"),
        "curl",
        "--silent",
        "--max-time",
        "3",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        url,
    ];
    Command::new("docker").args(curl).run().await.map_or("000".to_owned(), |output| output.stdout)
}

async fn address_of(container: &str, network: &str) -> String {
    docker(&["inspect", "--format", &format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}"), container]).await
}

/// Collects the command lines of all processes on this machine, those in containers included, until told to stop.
fn watch_command_lines(stop: tokio::sync::watch::Receiver<bool>) -> std::thread::JoinHandle<BTreeSet<String>> {
    std::thread::spawn(move || {
        let mut seen = BTreeSet::new();
        let own = std::process::id().to_string();
        while !*stop.borrow() {
            for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.bytes().all(|b| b.is_ascii_digit()) && name != own {
                    // A process may be gone by now.
                    let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    seen.insert(String::from_utf8_lossy(&line).replace('\0', " "));
                }
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        seen
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn site_reaches_no_other_database_nor_the_house_and_its_secrets_are_nowhere_else() {
    let stack = Stack::start().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let watcher = watch_command_lines(stopped);
    let (ada, bob) = tokio::join!(stack.site("Ada", "ada"), stack.site("Bob", "bob"));
    stop.send(true).unwrap();
    let command_lines = watcher.join().unwrap();

    // It reaches its own database, and only that.
    assert!(reaches(&ada, "db", 5432).await);
    let own = address_of(&ada.container("db"), &format!("{}-network", ada.prefix())).await;
    let other = address_of(&bob.container("db"), &format!("{}-network", bob.prefix())).await;
    assert!(reaches(&ada, &own, 5432).await);
    assert_ne!(own, other);
    for host in [other.as_str(), &bob.container("db"), &format!("{}-network", bob.prefix())] {
        assert!(!reaches(&ada, host, 5432).await, "{host}");
    }
    assert_eq!(docker(&["exec", &ada.container("api"), "getent", "ahostsv4", "db"]).await.split_whitespace().next(), Some(own.as_str()));

    // Neither Docker, nor Traefik's settings, nor what listens on this machine's loopback.
    for container in ["api", "www", "alert", "db"].map(|service| ada.container(service)) {
        assert_eq!(docker(&["exec", &container, "find", "/run", "/var/run", "/tmp", "-name", "docker.sock"]).await, "", "{container}");
        let mounts = docker(&["inspect", "--format", "{{range .Mounts}}{{.Type}}:{{.Name}} {{end}}", &container]).await;
        assert!(
            mounts.split_whitespace().all(|mount| mount.starts_with(&format!("volume:{}", ada.prefix()))),
            "{container} mounts {mounts}"
        );
    }
    let traefik = format!("http://{EDGE}-traefik:8080");
    for path in ["/api/overview", "/api/rawdata", "/api/http/routers", "/metrics"] {
        assert_eq!(status(&ada, &format!("{traefik}{path}")).await, "401", "{path}");
    }
    let panel = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = panel.local_addr().unwrap().port();
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok());
    let gateways = docker(&[
        "network",
        "inspect",
        "--format",
        "{{range .IPAM.Config}}{{.Gateway}} {{end}}",
        "traefik-public",
        "bridge",
        &format!("{}-network", ada.prefix()),
    ])
    .await;
    for host in gateways.split_whitespace().chain(["127.0.0.1", "host.docker.internal"]) {
        assert!(!reaches(&ada, host, port).await, "{host} leads to the panel");
        assert!(!reaches(&ada, host, stack.hosting.edge.api_port).await, "{host} leads to Traefik's API");
    }

    // It runs with as little as it was promised.
    for container in ["api", "www", "alert", "db"].map(|service| ada.container(service)) {
        let status = docker(&["exec", &container, "cat", "/proc/self/status"]).await;
        for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"] {
            assert!(status.contains(line), "{container}: no `{line}` in {status}");
        }
        assert!(!status.contains("Uid:\t0\t"), "{container} runs as root");
        let wrote = Command::new("docker").args(["exec", &container, "touch", "/etc/written"]).run().await;
        assert!(wrote.is_err(), "{container} can write to its image");
        let held = docker(&[
            "inspect",
            "--format",
            "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}} {{.HostConfig.Privileged}}",
            &container,
        ])
        .await;
        let held: Vec<&str> = held.split(' ').collect();
        assert!(held[..3].iter().all(|limit| limit.parse::<i64>().unwrap() > 0) && held[3] == "false", "{container}: {held:?}");
    }

    // Its secrets are in its `.env`, which nobody else reads, and in the environment of its containers; nowhere else.
    let secrets = ada.open_secrets(&stack.hosting.key).unwrap();
    let secrets = [&secrets.db_password, &secrets.jwt_secret, &secrets.session_secret, &secrets.webhook_secret, &secrets.owner_password];
    assert!(secrets.iter().all(|secret| secret.len() >= 20));
    let env_file = stack.hosting.site_folder(&ada).join(".env");
    assert_eq!(std::fs::metadata(&env_file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(secrets.iter().all(|secret| std::fs::read_to_string(&env_file).unwrap().contains(secret.as_str())));
    assert!(command_lines.iter().any(|line| line.contains("compose") && line.contains(ada.id.as_str())), "the watcher saw the creation");
    let repository = stack.hosting.repository(&ada);
    let git = |args: &[&str]| Command::new("git").args(args).dir(&repository).run();
    let committed =
        git(&["log", "--all", "--patch", "--no-color"]).await.unwrap().stdout + &git(&["config", "--list"]).await.unwrap().stdout;
    assert!(committed.contains("diff --git"));
    let listed = git(&["ls-tree", "-r", "--name-only", "HEAD"]).await.unwrap().stdout;
    assert!(!listed.lines().any(|name| name.ends_with(".env") || name == "docker-compose.yaml"), "{listed}");
    let mut inspected = String::new();
    for container in ["api", "www", "alert", "db"].map(|service| ada.container(service)) {
        let shown = "{{json .Path}} {{json .Args}} {{json .Config.Labels}} {{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.Healthcheck}} {{json .HostConfig.LogConfig}}";
        inspected += &docker(&["inspect", "--format", shown, &container]).await;
        let image = docker(&["inspect", "--format", "{{.Image}}", &container]).await;
        inspected += &docker(&["history", "--no-trunc", &image]).await;
        inspected += &docker(&["inspect", "--format", "{{json .Config}}", &image]).await;
        let log = Command::new("docker").args(["logs", &container]).run().await.unwrap();
        inspected += &(log.stdout + &log.stderr);
    }
    let compose = std::fs::read_to_string(stack.hosting.site_folder(&ada).join("docker-compose.yaml")).unwrap();
    let (_, steps) = stack.newest(&ada.id).await;
    for secret in secrets {
        assert!(!command_lines.iter().any(|line| line.contains(secret.as_str())), "a secret was on a command line");
        assert!(!committed.contains(secret.as_str()), "a secret is in the repository");
        assert!(!inspected.contains(secret.as_str()), "a secret is in arguments, labels, images or logs");
        assert!(!compose.contains(secret.as_str()) && !format!("{steps:?}").contains(secret.as_str()));
        let found = Command::new("grep")
            .args(["--recursive", "--files-with-matches", "--binary-files=text", secret])
            .arg(&stack.data)
            .run()
            .await
            .unwrap();
        assert_eq!(found.stdout.trim(), env_file.to_str().unwrap(), "a secret is in another file");
    }
    // What only one service needs, no other one has.
    for (service, allowed) in [("www", 0), ("alert", 2)] {
        let environment = docker(&["exec", &ada.container(service), "env"]).await;
        assert_eq!(secrets.iter().filter(|secret| environment.contains(secret.as_str())).count(), allowed, "{service}");
    }
    stack.tear_down().await;
}
