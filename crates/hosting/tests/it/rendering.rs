//! What Innkeeper writes for Compose and Traefik: snapshots of the files, and what must hold for each of them.

use std::collections::BTreeMap;

use hosting::edge::{self, Reason, Target, wanted};
use hosting::names::{Host, SiteName, Subdomain};
use hosting::sites::SiteState;
use hosting::templates::{self, Kind};
use insta::assert_snapshot;
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

#[tokio::test]
async fn compose_file_is_what_runs_by_hand() {
    let site = samples::site("Ada", Kind::Portfolio).await;
    assert_snapshot!(samples::compose_file_of(&site, &templates::find(site.kind).unwrap().manifest), @r#"
    # Written by Innkeeper from the template `portfolio` 1. Runs by hand too: docker compose up -d
    name: cust_aaaaaaaaaaaa-app_aaaaaaaa
    services:
      alert:
        image: innkeeper/portfolio-alert:0123456789abcdef
        build:
          context: ./alert
        container_name: cust_aaaaaaaaaaaa-app_aaaaaaaa-alert
        restart: unless-stopped
        environment:
          ALERT_PORT: ${ALERT_PORT}
          APP_ID: ${APP_ID}
          CORS_ORIGIN: ${CORS_ORIGIN}
          JWT_SECRET: ${JWT_SECRET}
          RELEASE_ID: ${RELEASE_ID}
          SESSION_SECRET: ${SESSION_SECRET}
          WWW_URL: ${WWW_URL}
        networks:
          site-internal:
            aliases:
            - alert-internal
          traefik-public: {}
        healthcheck:
          test:
          - CMD
          - node
          - health.js
          interval: 60s
          timeout: 5s
          retries: 3
          start_period: 30s
        deploy:
          resources:
            limits:
              cpus: '0.5'
              memory: 256M
              pids: 64
            reservations:
              cpus: '0.1'
              memory: 64M
        cap_drop:
        - ALL
        security_opt:
        - no-new-privileges:true
        read_only: true
        tmpfs:
        - /tmp
        init: true
        logging:
          driver: json-file
          options:
            max-file: '3'
            max-size: 10m
        labels:
          innkeeper.customer: cust_aaaaaaaaaaaa
          innkeeper.instance: innkeeper-edge
          innkeeper.service: alert
          innkeeper.site: app_aaaaaaaa
      api:
        image: innkeeper/portfolio-api:0123456789abcdef
        build:
          context: ./api
        container_name: cust_aaaaaaaaaaaa-app_aaaaaaaa-api
        restart: unless-stopped
        environment:
          ALERT_PORT: ${ALERT_PORT}
          ALERT_URL: ${ALERT_URL}
          API_URL: ${API_URL}
          APP_DOMAIN: ${APP_DOMAIN}
          APP_ENV: ${APP_ENV}
          APP_ID: ${APP_ID}
          APP_NAME: ${APP_NAME}
          CORS_ORIGIN: ${CORS_ORIGIN}
          DB_HOST: ${DB_HOST}
          DB_NAME: ${DB_NAME}
          DB_PASSWORD: ${DB_PASSWORD}
          DB_PORT: ${DB_PORT}
          DB_USER: ${DB_USER}
          JWT_SECRET: ${JWT_SECRET}
          LOG_LEVEL: ${LOG_LEVEL}
          MAIL_FROM_ADDRESS: ${MAIL_FROM_ADDRESS}
          MAIL_FROM_NAME: ${MAIL_FROM_NAME}
          MAIL_HOST: ${MAIL_HOST}
          MAIL_PASSWORD: ${MAIL_PASSWORD}
          MAIL_PORT: ${MAIL_PORT}
          MAIL_USERNAME: ${MAIL_USERNAME}
          RELEASE_ID: ${RELEASE_ID}
          SESSION_SECRET: ${SESSION_SECRET}
          SITE_OWNER_EMAIL: ${SITE_OWNER_EMAIL}
          SITE_OWNER_PASSWORD: ${SITE_OWNER_PASSWORD}
          STORAGE_PATH: ${STORAGE_PATH}
          UPLOAD_MAX_SIZE: ${UPLOAD_MAX_SIZE}
          WWW_URL: ${WWW_URL}
        networks:
          site-internal:
            aliases:
            - api-internal
          traefik-public: {}
        volumes:
        - storage:/var/www/html/storage
        healthcheck:
          test:
          - CMD
          - curl
          - -fsS
          - -o
          - /dev/null
          - http://127.0.0.1/health
          interval: 60s
          timeout: 5s
          retries: 3
          start_period: 30s
        deploy:
          resources:
            limits:
              cpus: '0.5'
              memory: 512M
              pids: 128
            reservations:
              cpus: '0.25'
              memory: 128M
        cap_drop:
        - ALL
        security_opt:
        - no-new-privileges:true
        read_only: true
        tmpfs:
        - /tmp
        init: true
        logging:
          driver: json-file
          options:
            max-file: '3'
            max-size: 10m
        labels:
          innkeeper.customer: cust_aaaaaaaaaaaa
          innkeeper.instance: innkeeper-edge
          innkeeper.service: api
          innkeeper.site: app_aaaaaaaa
      db:
        image: postgres:16
        container_name: cust_aaaaaaaaaaaa-app_aaaaaaaa-db
        restart: unless-stopped
        user: 999:999
        environment:
          POSTGRES_DB: ${DB_NAME}
          POSTGRES_INITDB_ARGS: --no-sync
          POSTGRES_PASSWORD: ${DB_PASSWORD}
          POSTGRES_USER: ${DB_USER}
        networks:
          site-internal: {}
        volumes:
        - db_data:/var/lib/postgresql/data
        healthcheck:
          test:
          - CMD-SHELL
          - pg_isready -q -h 127.0.0.1 -U "$$POSTGRES_USER" -d "$$POSTGRES_DB"
          interval: 60s
          timeout: 5s
          retries: 3
          start_period: 30s
        deploy:
          resources:
            limits:
              cpus: '1.0'
              memory: 512M
              pids: 128
            reservations:
              cpus: '0.25'
              memory: 128M
        cap_drop:
        - ALL
        security_opt:
        - no-new-privileges:true
        read_only: true
        tmpfs:
        - /tmp
        - /var/run/postgresql:uid=999,gid=999,mode=0775
        init: true
        logging:
          driver: json-file
          options:
            max-file: '3'
            max-size: 10m
        labels:
          innkeeper.customer: cust_aaaaaaaaaaaa
          innkeeper.instance: innkeeper-edge
          innkeeper.service: db
          innkeeper.site: app_aaaaaaaa
      www:
        image: innkeeper/portfolio-www:0123456789abcdef
        build:
          context: ./www
        container_name: cust_aaaaaaaaaaaa-app_aaaaaaaa-www
        restart: unless-stopped
        environment:
          ALERT_URL: ${ALERT_URL}
          API_URL: ${API_URL}
          APP_DOMAIN: ${APP_DOMAIN}
          APP_NAME: ${APP_NAME}
          RELEASE_ID: ${RELEASE_ID}
        networks:
          site-internal: {}
          traefik-public: {}
        healthcheck:
          test:
          - CMD
          - curl
          - -fsS
          - -o
          - /dev/null
          - http://127.0.0.1:4200/healthz
          interval: 60s
          timeout: 5s
          retries: 3
          start_period: 30s
        deploy:
          resources:
            limits:
              cpus: '0.5'
              memory: 512M
              pids: 128
            reservations:
              cpus: '0.25'
              memory: 256M
        cap_drop:
        - ALL
        security_opt:
        - no-new-privileges:true
        read_only: true
        tmpfs:
        - /tmp
        init: true
        logging:
          driver: json-file
          options:
            max-file: '3'
            max-size: 10m
        labels:
          innkeeper.customer: cust_aaaaaaaaaaaa
          innkeeper.instance: innkeeper-edge
          innkeeper.service: www
          innkeeper.site: app_aaaaaaaa
    networks:
      site-internal:
        name: cust_aaaaaaaaaaaa-app_aaaaaaaa-network
        driver: bridge
        ipam:
          config:
          - subnet: 10.213.0.80/28
        labels:
          innkeeper.customer: cust_aaaaaaaaaaaa
          innkeeper.instance: innkeeper-edge
          innkeeper.site: app_aaaaaaaa
      traefik-public:
        external: true
    volumes:
      db_data:
        name: cust_aaaaaaaaaaaa-app_aaaaaaaa-db-data
        driver: local
        labels:
          innkeeper.customer: cust_aaaaaaaaaaaa
          innkeeper.instance: innkeeper-edge
          innkeeper.site: app_aaaaaaaa
      storage:
        name: cust_aaaaaaaaaaaa-app_aaaaaaaa-storage
        driver: local
        labels:
          innkeeper.customer: cust_aaaaaaaaaaaa
          innkeeper.instance: innkeeper-edge
          innkeeper.site: app_aaaaaaaa
    "#);
}

#[tokio::test]
async fn environment_file_holds_what_the_seed_lists() {
    let site = samples::site("Ada's \"Shop\" $(id) `id` ${HOME} \\ 🌱", Kind::Portfolio).await;
    assert_snapshot!(samples::env_file_of(&site), @r#"
    # Written by Innkeeper. Change settings there: this file is replaced.

    # Site identity
    CUSTOMER_UUID=cust_aaaaaaaaaaaa
    APP_ID=app_aaaaaaaa
    APP_DOMAIN=ada.sites.test
    RELEASE_ID=rel_000000000000000001

    # Application
    APP_ENV=production
    APP_NAME="Ada's \"Shop\" \$(id) `id` \${HOME} \\ 🌱"

    # Addresses
    WWW_URL=https://ada.sites.test
    API_URL=https://ada.sites.test/api
    ALERT_URL=https://ada.sites.test
    ALERT_PORT=3001

    # Database
    DB_HOST=db
    DB_PORT=5432
    DB_NAME=site_app_aaaaaaaa
    DB_USER=user_app_aaaaaaaa
    DB_PASSWORD=the-db-password

    # Security
    JWT_SECRET=the-jwt-secret
    SESSION_SECRET=the-session-secret

    # First sign-in of the owner on the site itself
    SITE_OWNER_EMAIL=ada@example.test
    SITE_OWNER_PASSWORD=the-owner-password

    # CORS
    CORS_ORIGIN=https://ada.sites.test

    # Storage
    UPLOAD_MAX_SIZE=10M
    STORAGE_PATH=/var/www/html/storage

    # Logging
    LOG_LEVEL=info

    # Git repository webhook
    REPO_WEBHOOK_SECRET=the-webhook-secret

    # E-mail (optional)
    MAIL_HOST=
    MAIL_PORT=587
    MAIL_USERNAME=
    MAIL_PASSWORD=
    MAIL_FROM_ADDRESS=noreply@ada.sites.test
    MAIL_FROM_NAME="Ada's \"Shop\" \$(id) `id` \${HOME} \\ 🌱"
    "#);
}

#[tokio::test]
async fn route_file_sends_visitors_to_the_containers() {
    let site = samples::site("Ada", Kind::Portfolio).await;
    assert_snapshot!(edge::render(&site, Target::Containers, &samples::edge_config()).unwrap(), @r"
    # Written by Innkeeper for app_aaaaaaaa; changes are replaced.
    http:
      middlewares:
        cust_aaaaaaaaaaaa-app_aaaaaaaa-api-stripprefix:
          stripPrefix:
            prefixes:
            - /api
        cust_aaaaaaaaaaaa-app_aaaaaaaa-headers:
          headers:
            stsSeconds: 31536000
        cust_aaaaaaaaaaaa-app_aaaaaaaa-https-redirect:
          redirectScheme:
            permanent: true
            scheme: https
        cust_aaaaaaaaaaaa-app_aaaaaaaa-unavailable:
          errors:
            query: /unavailable
            service: innkeeper-holding@file
            status:
            - 502-504
      routers:
        cust_aaaaaaaaaaaa-app_aaaaaaaa-alert:
          entryPoints:
          - websecure
          middlewares:
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-headers
          priority: 2000
          rule: Host(`ada.sites.test`) && (Path(`/socket.io`) || PathPrefix(`/socket.io/`))
          service: cust_aaaaaaaaaaaa-app_aaaaaaaa-alert
          tls:
            certResolver: letsencrypt
        cust_aaaaaaaaaaaa-app_aaaaaaaa-api:
          entryPoints:
          - websecure
          middlewares:
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-headers
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-api-stripprefix
          priority: 3000
          rule: Host(`ada.sites.test`) && (Path(`/api`) || PathPrefix(`/api/`))
          service: cust_aaaaaaaaaaaa-app_aaaaaaaa-api
          tls:
            certResolver: letsencrypt
        cust_aaaaaaaaaaaa-app_aaaaaaaa-www:
          entryPoints:
          - websecure
          middlewares:
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-headers
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-unavailable
          priority: 1000
          rule: Host(`ada.sites.test`)
          service: cust_aaaaaaaaaaaa-app_aaaaaaaa-www
          tls:
            certResolver: letsencrypt
        cust_aaaaaaaaaaaa-app_aaaaaaaa-www-http:
          entryPoints:
          - web
          middlewares:
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-https-redirect
          priority: 10
          rule: Host(`ada.sites.test`)
          service: noop@internal
      services:
        cust_aaaaaaaaaaaa-app_aaaaaaaa-alert:
          loadBalancer:
            servers:
            - url: http://cust_aaaaaaaaaaaa-app_aaaaaaaa-alert:3001
        cust_aaaaaaaaaaaa-app_aaaaaaaa-api:
          loadBalancer:
            servers:
            - url: http://cust_aaaaaaaaaaaa-app_aaaaaaaa-api:80
        cust_aaaaaaaaaaaa-app_aaaaaaaa-www:
          loadBalancer:
            servers:
            - url: http://cust_aaaaaaaaaaaa-app_aaaaaaaa-www:4200
    ");
}

#[tokio::test]
async fn route_file_of_a_starting_site_shows_the_page_that_says_so() {
    let site = samples::site("Ada", Kind::Portfolio).await;
    assert_snapshot!(edge::render(&site, Target::Holding(Reason::Starting), &samples::edge_config()).unwrap(), @r"
    # Written by Innkeeper for app_aaaaaaaa; changes are replaced.
    http:
      middlewares:
        cust_aaaaaaaaaaaa-app_aaaaaaaa-headers:
          headers:
            stsSeconds: 31536000
        cust_aaaaaaaaaaaa-app_aaaaaaaa-holding:
          replacePath:
            path: /starting
        cust_aaaaaaaaaaaa-app_aaaaaaaa-https-redirect:
          redirectScheme:
            permanent: true
            scheme: https
      routers:
        cust_aaaaaaaaaaaa-app_aaaaaaaa-www:
          entryPoints:
          - websecure
          middlewares:
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-headers
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-holding
          priority: 1000
          rule: Host(`ada.sites.test`)
          service: innkeeper-holding@file
          tls:
            certResolver: letsencrypt
        cust_aaaaaaaaaaaa-app_aaaaaaaa-www-http:
          entryPoints:
          - web
          middlewares:
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-https-redirect
          priority: 10
          rule: Host(`ada.sites.test`)
          service: noop@internal
    ");
}

#[tokio::test]
async fn route_file_of_a_stopped_site_at_another_port_and_attempt() {
    let mut site = samples::site("Ada", Kind::Portfolio).await;
    site.certificate_attempt = 3;
    let config = hosting::EdgeConfig { https_port: 8443, hsts_seconds: 0, ..samples::edge_config() };
    assert_snapshot!(edge::render(&site, Target::Holding(Reason::Stopped), &config).unwrap(), @r"
    # Written by Innkeeper for app_aaaaaaaa; changes are replaced.
    http:
      middlewares:
        cust_aaaaaaaaaaaa-app_aaaaaaaa-headers:
          headers: {}
        cust_aaaaaaaaaaaa-app_aaaaaaaa-holding:
          replacePath:
            path: /stopped
        cust_aaaaaaaaaaaa-app_aaaaaaaa-https-redirect:
          redirectScheme:
            permanent: true
            port: '8443'
            scheme: https
      routers:
        cust_aaaaaaaaaaaa-app_aaaaaaaa-www:
          entryPoints:
          - websecure
          middlewares:
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-headers
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-holding
          priority: 1003
          rule: Host(`ada.sites.test`)
          service: innkeeper-holding@file
          tls:
            certResolver: letsencrypt
        cust_aaaaaaaaaaaa-app_aaaaaaaa-www-http:
          entryPoints:
          - web
          middlewares:
          - cust_aaaaaaaaaaaa-app_aaaaaaaa-https-redirect
          priority: 10
          rule: Host(`ada.sites.test`)
          service: noop@internal
    ");
}

#[test]
fn traefik_is_told_where_its_routes_and_certificates_come_from() {
    let config = hosting::EdgeConfig { acme_email: "ops@example.test".to_owned(), ..samples::edge_config() };
    assert_snapshot!(edge::settings::traefik(&config).unwrap(), @r"
    # Written by Innkeeper; changes are replaced.
    api:
      dashboard: false
      insecure: false
    certificatesResolvers:
      letsencrypt:
        acme:
          caServer: https://acme.example.test/dir
          email: ops@example.test
          httpChallenge:
            entryPoint: web
          storage: /certificates/acme.json
    entryPoints:
      traefik:
        address: :8080
      web:
        address: :80
        http:
          aliasHeadersStrategy: delete
      websecure:
        address: :443
        http:
          aliasHeadersStrategy: delete
    global:
      checkNewVersion: false
      sendAnonymousUsage: false
    log:
      level: INFO
      noColor: true
    metrics:
      prometheus:
        addRoutersLabels: true
        addServicesLabels: true
        buckets:
        - 0.01
        - 0.05
        - 0.1
        - 0.3
        - 1.0
        - 5.0
        entryPoint: traefik
        manualRouting: true
    ping:
      entryPoint: traefik
    providers:
      file:
        directory: /etc/traefik/dynamic
        watch: true
      providersThrottleDuration: 100ms
    ");
}

#[test]
fn edge_publishes_its_api_on_the_loopback_only() {
    let text = edge::settings::compose(&samples::edge_config(), "/data/edge", "nginx:stable", "0123456789abcdef").unwrap();
    assert_snapshot!(text, @r"
    # Written by Innkeeper; changes are replaced.
    name: innkeeper-edge
    networks:
      traefik-public:
        external: true
    services:
      holding:
        cap_drop:
        - ALL
        command:
        - nginx
        - -g
        - daemon off;
        container_name: innkeeper-edge-holding
        deploy:
          resources:
            limits:
              cpus: '0.25'
              memory: 64M
              pids: 32
        entrypoint: []
        image: nginx:stable
        labels:
          innkeeper.edge: innkeeper-edge
          innkeeper.service: holding
          innkeeper.settings: 0123456789abcdef
        logging:
          driver: json-file
          options:
            max-file: '3'
            max-size: 10m
        networks:
        - traefik-public
        read_only: true
        restart: always
        security_opt:
        - no-new-privileges:true
        tmpfs:
        - /tmp
        - /run
        - /var/lib/nginx:uid=33,gid=33
        - /var/log/nginx:uid=33,gid=33
        - /var/cache/nginx:uid=33,gid=33
        user: 33:33
        volumes:
        - /data/edge/holding/nginx.conf:/etc/nginx/nginx.conf:ro
        - /data/edge/holding/pages:/pages:ro
      traefik:
        cap_add:
        - NET_BIND_SERVICE
        cap_drop:
        - ALL
        command:
        - --configFile=/etc/traefik/traefik.yaml
        container_name: innkeeper-edge-traefik
        environment: {}
        extra_hosts:
        - host.docker.internal:host-gateway
        image: traefik:v3
        labels:
          innkeeper.edge: innkeeper-edge
          innkeeper.service: traefik
          innkeeper.settings: 0123456789abcdef
        logging:
          driver: json-file
          options:
            max-file: '3'
            max-size: 10m
        networks:
        - traefik-public
        ports:
        - 0.0.0.0:80:80
        - 0.0.0.0:443:443
        - 127.0.0.1:8099:8080
        read_only: true
        restart: always
        security_opt:
        - no-new-privileges:true
        tmpfs:
        - /tmp
        ulimits:
          nofile: 20000
        volumes:
        - /data/edge/traefik.yaml:/etc/traefik/traefik.yaml:ro
        - /data/edge/dynamic:/etc/traefik/dynamic:ro
        - /data/edge/certificates:/certificates
    ");
}

#[test]
fn api_of_traefik_asks_for_a_password_and_keeps_only_its_hash() {
    let text = edge::settings::own_routes(&samples::edge_config(), &kit::secrets::Secret::new("the-api-password")).unwrap();
    assert!(!text.contains("the-api-password"));
    assert_snapshot!(text, @r"
    # Written by Innkeeper; changes are replaced.
    http:
      middlewares:
        innkeeper-api-auth:
          basicAuth:
            removeHeader: true
            users:
            - innkeeper:{SHA}jTNMPanmvmx79vuzhNpi+ipNRi4=
      routers:
        innkeeper-api:
          entryPoints:
          - traefik
          middlewares:
          - innkeeper-api-auth
          rule: PathPrefix(`/api`)
          service: api@internal
        innkeeper-metrics:
          entryPoints:
          - traefik
          middlewares:
          - innkeeper-api-auth
          rule: Path(`/metrics`)
          service: prometheus@internal
      services:
        innkeeper-holding:
          loadBalancer:
            servers:
            - url: http://innkeeper-edge-holding:8080
    ");
}
