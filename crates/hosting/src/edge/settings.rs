//! Traefik's own files: static configuration, Compose project, the holding page. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kit::secrets::Secret;
use kit::{Context, Result};
use serde_json::json;
use sha1::{Digest, Sha1};

use crate::compose::PUBLIC_NETWORK;
use crate::config::EdgeConfig;

/// Traefik's static configuration. The certificate resolver is called `letsencrypt` whatever server it asks.
pub fn traefik(config: &EdgeConfig) -> Result<String> {
    let mut acme = json!({
        "caServer": config.acme_directory,
        "storage": "/certificates/acme.json",
        "httpChallenge": { "entryPoint": "web" },
    });
    if !config.acme_email.is_empty() {
        acme["email"] = json!(config.acme_email);
    }
    yaml(&json!({
        "global": { "checkNewVersion": false, "sendAnonymousUsage": false },
        "log": { "level": "INFO", "noColor": true },
        "api": { "insecure": false, "dashboard": false },
        "ping": { "entryPoint": "traefik" },
        "metrics": { "prometheus": {
            "entryPoint": "traefik", "manualRouting": true, "addServicesLabels": true, "addRoutersLabels": true,
            "buckets": [0.01, 0.05, 0.1, 0.3, 1.0, 5.0],
        }},
        "entryPoints": {
            // `X_Forwarded_For` would reach PHP as the header that Traefik guards.
            "web": { "address": ":80", "http": { "aliasHeadersStrategy": "delete" } },
            "websecure": { "address": ":443", "http": { "aliasHeadersStrategy": "delete" } },
            "traefik": { "address": ":8080" },
        },
        "providers": {
            "providersThrottleDuration": "100ms",
            "file": { "directory": "/etc/traefik/dynamic", "watch": true },
        },
        "certificatesResolvers": { "letsencrypt": { "acme": acme } },
    }))
}

/// Routes of the edge itself: its API and metrics behind a password (sites share a network with Traefik), and the holding page.
pub fn own_routes(config: &EdgeConfig, api_password: &Secret) -> Result<String> {
    let hash = STANDARD.encode(Sha1::digest(api_password.reveal().as_bytes()));
    let router = |rule: &str, service: &str| json!({ "rule": rule, "entryPoints": ["traefik"], "service": service, "middlewares": ["innkeeper-api-auth"] });
    yaml(&json!({ "http": {
        "routers": {
            "innkeeper-api": router("PathPrefix(`/api`)", "api@internal"),
            "innkeeper-metrics": router("Path(`/metrics`)", "prometheus@internal"),
        },
        "middlewares": { "innkeeper-api-auth": { "basicAuth": { "users": [format!("innkeeper:{{SHA}}{hash}")], "removeHeader": true } } },
        "services": { super::HOLDING_SERVICE: { "loadBalancer": { "servers": [ { "url": format!("http://{}-holding:8080", config.project) } ] } } },
    }}))
}

/// The Compose project of the edge.
pub fn compose(config: &EdgeConfig, folder: &str, holding_image: &str, settings_hash: &str) -> Result<String> {
    let published = |port: u16, inside: u16| format!("{}:{port}:{inside}", bracketed(config.address));
    let mut traefik_volumes = vec![
        json!(format!("{folder}/traefik.yaml:/etc/traefik/traefik.yaml:ro")),
        // The folder, never a file: a bind-mounted file keeps showing the old inode after a rename.
        json!(format!("{folder}/dynamic:/etc/traefik/dynamic:ro")),
        json!(format!("{folder}/certificates:/certificates")),
    ];
    let mut environment = json!({});
    if !config.acme_ca.as_os_str().is_empty() {
        traefik_volumes.push(json!(format!("{folder}/acme-ca.pem:/etc/traefik/acme-ca.pem:ro")));
        environment["LEGO_CA_CERTIFICATES"] = json!("/etc/traefik/acme-ca.pem");
    }
    let logging = json!({ "driver": "json-file", "options": { "max-size": "10m", "max-file": "3" } });
    let labels =
        |service: &str| json!({ "innkeeper.edge": config.project, "innkeeper.service": service, "innkeeper.settings": settings_hash });
    yaml(&json!({
        "name": config.project,
        "services": {
            "traefik": {
                "image": config.image,
                "container_name": format!("{}-traefik", config.project),
                "command": ["--configFile=/etc/traefik/traefik.yaml"],
                "restart": "always",
                "ports": [
                    published(config.http_port, 80),
                    published(config.https_port, 443),
                    format!("127.0.0.1:{}:8080", config.api_port),
                ],
                "environment": environment,
                "extra_hosts": ["host.docker.internal:host-gateway"],
                "networks": [PUBLIC_NETWORK],
                "volumes": traefik_volumes,
                "cap_drop": ["ALL"],
                "cap_add": ["NET_BIND_SERVICE"],
                "security_opt": ["no-new-privileges:true"],
                "read_only": true,
                "tmpfs": ["/tmp"],
                "ulimits": { "nofile": 20000 },
                "logging": logging,
                "labels": labels("traefik"),
            },
            "holding": {
                "image": holding_image,
                "container_name": format!("{}-holding", config.project),
                "restart": "always",
                "user": "33:33",
                "networks": [PUBLIC_NETWORK],
                "volumes": [
                    format!("{folder}/holding/nginx.conf:/etc/nginx/nginx.conf:ro"),
                    format!("{folder}/holding/pages:/pages:ro"),
                ],
                "command": ["nginx", "-g", "daemon off;"],
                "entrypoint": [],
                "cap_drop": ["ALL"],
                "security_opt": ["no-new-privileges:true"],
                "read_only": true,
                "tmpfs": ["/tmp", "/run", "/var/lib/nginx:uid=33,gid=33", "/var/log/nginx:uid=33,gid=33", "/var/cache/nginx:uid=33,gid=33"],
                "deploy": { "resources": { "limits": { "cpus": "0.25", "memory": "64M", "pids": 32 } } },
                "logging": logging,
                "labels": labels("holding"),
            },
        },
        "networks": { PUBLIC_NETWORK: { "external": true } },
    }))
}

fn bracketed(address: std::net::IpAddr) -> String {
    match address {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn yaml(value: &serde_json::Value) -> Result<String> {
    let text = serde_yaml_ng::to_string(value).context("rendering the edge's settings")?;
    Ok(format!("# Written by Innkeeper; changes are replaced.\n{text}"))
}

/// Configuration of the server of holding pages: every path answers 503 with a page that says why.
pub const HOLDING_NGINX: &str = "\
worker_processes 1;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  types { text/html html; }
  default_type text/html;
  charset utf-8;
  server_tokens off;
  server {
    listen 8080;
    root /pages;
    error_page 503 /page$uri.html;
    add_header Retry-After 5 always;
    add_header Cache-Control no-store always;
    add_header X-Content-Type-Options nosniff always;
    add_header Content-Security-Policy \"default-src 'none'; style-src 'unsafe-inline'\" always;
    location /page/ { internal; try_files $uri /page/unavailable.html; }
    location / { return 503; }
  }
}
";

/// The holding pages by name: title, sentence, and whether it tries again by itself.
pub fn holding_pages() -> Vec<(&'static str, String)> {
    let page = |title: &str, sentence: &str, refresh: bool| {
        let refresh = if refresh { "<meta http-equiv=\"refresh\" content=\"4\">" } else { "" };
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">{refresh}\
             <title>{title}</title><style>:root{{color-scheme:light dark}}body{{margin:0;min-height:100vh;display:grid;place-items:center;\
             font:16px/1.5 system-ui,sans-serif;background:light-dark(#fbfaf8,#15171c);color:light-dark(#22242b,#eceef2)}}main{{max-width:26rem;\
             padding:2rem;text-align:center}}h1{{font-size:1.75rem;margin:0 0 .5rem}}p{{margin:0;color:light-dark(#555a66,#b4b9c4)}}</style></head>\
             <body><main><h1>{title}</h1><p>{sentence}</p></main></body></html>"
        )
    };
    vec![
        ("starting", page("This site is starting", "It will be here in a moment. This page tries again by itself.", true)),
        ("stopped", page("This site is stopped", "Its owner has switched it off for now. Please come back later.", false)),
        (
            "unavailable",
            page("This site is taking a short break", "It does not answer at the moment. This page tries again by itself.", true),
        ),
    ]
}
