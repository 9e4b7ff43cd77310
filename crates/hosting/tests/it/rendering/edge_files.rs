//! Routes of sites, and the edge's own settings.

use hosting::edge::{self, Reason, Target};
use hosting::templates::Kind;
use insta::assert_snapshot;

use crate::samples;

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
            customResponseHeaders:
              X-Innkeeper-Release: rel_000000000000000001
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
            - url: http://app_aaaaaaaa-alert-rel_000000000000000001:3001
        cust_aaaaaaaaaaaa-app_aaaaaaaa-api:
          loadBalancer:
            servers:
            - url: http://app_aaaaaaaa-api-rel_000000000000000001:80
        cust_aaaaaaaaaaaa-app_aaaaaaaa-www:
          loadBalancer:
            servers:
            - url: http://app_aaaaaaaa-www-rel_000000000000000001:4200
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

#[tokio::test]
async fn services_whose_requests_are_counted_are_those_with_a_route() {
    let site = samples::site("Ada", Kind::Portfolio).await;
    let file = edge::render(&site, Target::Containers, &samples::edge_config()).unwrap();
    assert_eq!(file.matches("loadBalancer:").count(), edge::VISITED.len(), "{file}");
    for service in edge::VISITED {
        assert!(file.contains(&format!("{}-{service}:\n      loadBalancer:", site.prefix())), "{service}: {file}");
    }
}
