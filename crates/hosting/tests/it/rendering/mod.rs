//! What Innkeeper writes for Compose and Traefik: what must hold for every file, and below, what they look like.

mod edge_files;
mod site_files;

use std::collections::BTreeMap;

use hosting::edge::{self, Reason, Target, wanted};
use hosting::names::{Host, SiteName, Subdomain};
use hosting::sites::SiteState;
use hosting::templates::{self, Kind};
use serde_json::Value;

use crate::samples;

/// Names that shells, Compose, YAML, templates, browsers and terminals would like to read their own way.
const METACHARACTERS: &[&str] = &[
    "a; touch MARKER",
    "$(touch MARKER)",
    "`touch MARKER`",
    "a | touch MARKER",
    "a & touch MARKER",
    "a && touch MARKER",
    "a || touch MARKER",
    "> MARKER < MARKER",
    "it's",
    "say \"hi\"",
    "'\"'\"'",
    "${HOME}",
    "$HOME $$ $1 $",
    "${DB_PASSWORD}",
    "${X:-$(touch MARKER)}",
    "%s %n %%",
    "back\\slash \\n \\\" \\$ \\",
    "{{ .Env }} {{",
    "<script>alert(1)</script>",
    "🌱 Ünïcødé 名前",
    "-rf /",
    "--privileged",
    "# a comment",
    "a # comment",
    "=",
    "A=B",
    "a: b",
    "- [a, {b: c}]",
    "&anchor *alias !!tag",
    "~",
    "null",
    "true",
    "0x10",
    "1e3",
    "' or 1=1; drop table site; --",
    "../../etc/passwd",
    "*?[a-z]",
    "Host(`a`) || Host(`b`)",
    "\u{301}\u{301}\u{301}",
];

fn yaml(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap()
}

#[tokio::test]
async fn metacharacters_in_a_name_reach_the_services_unchanged() {
    for name in METACHARACTERS {
        let site = samples::site(name, Kind::Portfolio).await;
        let template = templates::find(site.kind).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("docker-compose.yaml"), samples::compose_file_of(&site, &template.manifest)).unwrap();
        std::fs::write(folder.path().join(".env"), samples::env_file_of(&site)).unwrap();

        let read: Value = serde_json::from_str(&hosting::runtime::config(&site, folder.path()).await.unwrap()).unwrap();
        for (service, variable) in [("www", "APP_NAME"), ("api", "APP_NAME"), ("api", "MAIL_FROM_NAME")] {
            let seen = read["services"][service]["environment"][variable].as_str().unwrap();
            // `config` writes a file that could be read again: it doubles the dollars.
            assert_eq!(seen.replace("$$", "$"), *name, "{service} {variable}");
        }
        assert_eq!(read["services"]["db"]["environment"]["POSTGRES_PASSWORD"], "the-db-password");
        let mut left: Vec<String> =
            std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, [".env", "docker-compose.yaml"], "{name} made a file");
    }
}

#[tokio::test]
async fn metacharacters_in_own_variables_reach_the_services_unchanged() {
    let lines = [
        "two\nlines",
        "\n",
        "a\r\nb\r",
        "\nTRUSTED=1\nDB_PASSWORD=x",
        "tab\there",
        "\u{1b}[2J\u{7f}\u{1}",
        " spaced ",
        "\u{feff}x",
        "\u{2028}",
        "",
    ];
    let values: Vec<&str> = METACHARACTERS.iter().copied().chain(lines).collect();
    let names: Vec<String> = (0..values.len()).map(|number| format!("OWN_{number}")).collect();
    let own: Vec<(String, String)> = names.iter().cloned().zip(values.iter().map(|value| (*value).to_owned())).collect();
    let site = samples::site("Ada", Kind::Portfolio).await;
    let template = templates::find(site.kind).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = samples::compose_file_with(&site, &template.manifest, &names.iter().map(String::as_str).collect::<Vec<_>>());
    std::fs::write(folder.path().join("docker-compose.yaml"), text).unwrap();
    let environment = samples::env_file_with(&site, &own);
    assert_eq!(environment.lines().count(), samples::env_file_of(&site).lines().count() + 2 + own.len(), "each is one line");
    std::fs::write(folder.path().join(".env"), environment).unwrap();

    let read: Value = serde_json::from_str(&hosting::runtime::config(&site, folder.path()).await.unwrap()).unwrap();
    for (name, value) in &own {
        for service in ["www", "api", "alert"] {
            let seen = read["services"][service]["environment"][name].as_str().unwrap();
            assert_eq!(seen.replace("$$", "$"), *value, "{service} {name}");
        }
        assert!(read["services"]["db"]["environment"].get(name).is_none(), "{name}");
    }
    assert_eq!(read["services"]["api"]["environment"]["DB_PASSWORD"], "the-db-password");
    assert!(read["services"]["api"]["environment"].get("TRUSTED").is_none());
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "a file was made");
}

#[tokio::test]
async fn own_variables_replace_what_is_only_proposed() {
    let site = samples::site("Ada", Kind::Portfolio).await;
    let text = samples::env_file_with(&site, &[("MAIL_HOST".to_owned(), "smtp.example".to_owned())]);
    assert_eq!(text.lines().filter(|line| line.starts_with("MAIL_HOST=")).collect::<Vec<_>>(), ["MAIL_HOST=smtp.example"]);
}

#[tokio::test]
async fn a_name_appears_in_no_rendered_file_but_the_environment() {
    for name in METACHARACTERS.iter().filter(|name| name.len() > 4) {
        let site = samples::site(name, Kind::Portfolio).await;
        let compose = samples::compose_file_of(&site, &templates::find(site.kind).unwrap().manifest);
        let route = edge::render(&site, Target::Containers, &samples::edge_config()).unwrap();
        let plain = samples::site("plain", Kind::Portfolio).await;
        assert_eq!(compose, samples::compose_file_of(&plain, &templates::find(site.kind).unwrap().manifest), "{name}");
        assert_eq!(route, edge::render(&plain, Target::Containers, &samples::edge_config()).unwrap(), "{name}");
    }
}

#[test]
fn line_breaks_and_invisible_characters_never_become_a_name() {
    for bad in
        ["a\nTRUSTED=1", "a\rb", "a\r\nb", "a\0b", "a\u{2028}b", "a\u{85}b", "a\u{1b}[2Jb", "a\u{202e}b", "a\tb", "a\u{7f}b", "a\u{feff}b"]
    {
        assert!(SiteName::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn no_name_of_a_host_can_end_its_rule() {
    for bad in [
        "a.test`) || Host(`b.test",
        "a.test`",
        "`",
        "a.test) || HostRegexp(`.*`",
        "a.test\") #",
        "a.test\n",
        "{a}.test",
        "*.test",
        "a b.test",
        "a.test,b.test",
        "a.test@file",
        "a.test/path",
        "a.test:80",
        "user@a.test",
        "127.0.0.1",
        "[::1]",
        "a..test",
        ".test",
        "-a.test",
        "a_.test",
        "$(id).test",
        "a.test#",
        "a.test?x",
        "a\\.test",
        "http://a.test",
    ] {
        let host = Host::parse(bad);
        // Surrounding blanks are trimmed; nothing else that is wrong gets in.
        assert!(host.is_err() || host.as_ref().is_ok_and(|host| host.as_str() == bad.trim()), "{bad:?} became {host:?}");
        assert!(Subdomain::parse(bad, &[]).is_err(), "{bad:?}");
    }
}

#[test]
fn whatever_character_is_in_a_host_or_subdomain_what_parses_is_plain() {
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    let mut parsed = 0;
    for c in ('\0'..='\u{2fff}').chain('\u{fe00}'..='\u{ffff}').chain('\u{1f300}'..='\u{1f5ff}').chain('\u{e0000}'..='\u{e01ef}') {
        for text in [format!("a{c}b.test"), format!("{c}.test"), format!("a.test{c}")] {
            if let Ok(host) = Host::parse(&text) {
                assert!(plain(host.as_str()), "{text:?} became {host:?}");
                assert_eq!(Host::parse(host.as_str()).unwrap(), host);
                parsed += 1;
            }
        }
        if let Ok(label) = Subdomain::parse(&format!("a{c}b"), &[]) {
            assert!(plain(label.as_str()) && !label.as_str().contains('.'), "{c:?} became {label:?}");
            assert_eq!(Subdomain::parse(label.as_str(), &[]).unwrap(), label);
        }
    }
    assert!(parsed > 1000, "{parsed}");
}

#[tokio::test]
async fn every_service_of_every_template_is_hardened() {
    assert!(!templates::all().is_empty());
    for template in templates::all() {
        let site = samples::site("Ada", template.kind).await;
        let file = yaml(&samples::compose_file_of(&site, &template.manifest));
        let services = file["services"].as_object().unwrap();
        assert_eq!(services.keys().collect::<Vec<_>>(), template.manifest.services.keys().collect::<Vec<_>>());
        for (name, service) in services {
            let at = format!("{} {name}", template.kind);
            assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{at}");
            assert_eq!(service["security_opt"], serde_json::json!(["no-new-privileges:true"]), "{at}");
            let limits = &service["deploy"]["resources"]["limits"];
            assert!(limits["pids"].as_u64().is_some_and(|pids| (1..=512).contains(&pids)), "{at}: {limits}");
            assert!(limits["memory"].as_str().is_some_and(|memory| memory.ends_with(['M', 'G'])), "{at}: {limits}");
            assert!(
                limits["cpus"].as_str().and_then(|cpus| cpus.parse::<f64>().ok()).is_some_and(|cpus| cpus > 0.0 && cpus <= 2.0),
                "{at}: {limits}"
            );
            assert_eq!(service["read_only"], template.manifest.services[name].read_only, "{at}");
            assert_eq!(service["read_only"], true, "{at}: nothing that ships needs to write outside of its volumes");
            assert_eq!(service["logging"]["options"]["max-size"], "10m", "{at}");
            assert_eq!(service["init"], true, "{at}");
            assert!(service.get("cap_add").is_none(), "{at}: {}", service["cap_add"]);
            for forbidden in [
                "privileged",
                "ports",
                "expose",
                "devices",
                "pid",
                "ipc",
                "network_mode",
                "userns_mode",
                "cgroup_parent",
                "extra_hosts",
                "dns",
                "sysctls",
                "volumes_from",
                "env_file",
                "extends",
                "command",
                "entrypoint",
                "links",
                "external_links",
                "runtime",
                "group_add",
            ] {
                assert!(service.get(forbidden).is_none(), "{at} has `{forbidden}`");
            }
            for volume in service["volumes"].as_array().into_iter().flatten() {
                let (source, _) = volume.as_str().unwrap().split_once(':').unwrap();
                assert!(file["volumes"].get(source).is_some(), "{at}: {volume} is no volume of the site's own");
            }
            let allowed = ["site-internal", "traefik-public"];
            let networks: Vec<&String> = service["networks"].as_object().unwrap().keys().collect();
            assert!(networks.iter().all(|network| allowed.contains(&network.as_str())), "{at}: {networks:?}");
            let public = networks.iter().any(|network| *network == "traefik-public");
            assert_eq!(public, template.manifest.services[name].port.is_some(), "{at}: only what the edge reaches is on its network");
        }
        for volume in file["volumes"].as_object().unwrap().values() {
            assert!(volume.get("driver_opts").is_none() && volume.get("external").is_none(), "{volume}");
        }
    }
}

#[test]
fn every_state_has_its_route() {
    let table: BTreeMap<&str, Option<Target>> = SiteState::ALL.iter().map(|state| (state.as_str(), wanted(*state))).collect();
    let starting = Some(Target::Holding(Reason::Starting));
    let stopped = Some(Target::Holding(Reason::Stopped));
    let expected = BTreeMap::from([
        ("provisioning", starting),
        ("active", Some(Target::Containers)),
        ("stopped", stopped),
        ("failed", stopped),
        ("deleting", None),
        ("archived", None),
        ("restoring", starting),
    ]);
    assert_eq!(table, expected);
}

#[tokio::test]
async fn another_attempt_at_a_certificate_makes_another_route_file() {
    let mut site = samples::site("Ada", Kind::Portfolio).await;
    let config = samples::edge_config();
    for target in [Target::Containers, Target::Holding(Reason::Starting)] {
        let mut seen = Vec::new();
        for attempt in 0..50 {
            site.certificate_attempt = attempt;
            let text = edge::render(&site, target, &config).unwrap();
            assert!(!seen.contains(&text), "attempt {attempt}");
            seen.push(text);
            let routers = yaml(seen.last().unwrap())["http"]["routers"].clone();
            let priority = |name: &str| routers[format!("{}-{name}", site.prefix())]["priority"].as_i64();
            if target == Target::Containers {
                // Whatever the attempt, the longer path wins.
                assert!(priority("api") > priority("alert") && priority("alert") > priority("www"), "{routers}");
            }
        }
        site.certificate_attempt = 0;
    }
}
