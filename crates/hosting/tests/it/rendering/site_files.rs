//! `docker-compose.yaml` and `.env` of a site.

use hosting::templates::{self, Kind};
use insta::assert_snapshot;

use crate::samples;

#[tokio::test]
async fn compose_file_is_what_runs_by_hand() {
    let site = samples::site("Ada", Kind::Portfolio).await;
    assert_snapshot!(samples::compose_file_of(&site, &templates::find(site.kind).unwrap().manifest), @r#"
    # Written by Innkeeper from the template `portfolio` 2. Runs by hand too: docker compose up -d
    name: cust_aaaaaaaaaaaa-app_aaaaaaaa
    services:
      alert:
        image: innkeeper/portfolio-alert:0123456789abcdef
        build:
          context: ./alert
        restart: unless-stopped
        environment:
          ALERT_INTERNAL_HOST: alert-internal-rel_000000000000000001
          ALERT_PORT: ${ALERT_PORT}
          API_INTERNAL_HOST: api-internal-rel_000000000000000001
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
            - alert-internal-rel_000000000000000001
          traefik-public:
            aliases:
            - app_aaaaaaaa-alert-rel_000000000000000001
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
          innkeeper.release: rel_000000000000000001
          innkeeper.service: alert
          innkeeper.site: app_aaaaaaaa
      api:
        image: innkeeper/portfolio-api:0123456789abcdef
        build:
          context: ./api
        restart: unless-stopped
        environment:
          ALERT_INTERNAL_HOST: alert-internal-rel_000000000000000001
          ALERT_PORT: ${ALERT_PORT}
          ALERT_URL: ${ALERT_URL}
          API_INTERNAL_HOST: api-internal-rel_000000000000000001
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
            - api-internal-rel_000000000000000001
          traefik-public:
            aliases:
            - app_aaaaaaaa-api-rel_000000000000000001
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
          innkeeper.release: rel_000000000000000001
          innkeeper.service: api
          innkeeper.site: app_aaaaaaaa
      db:
        image: postgres:16
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
        restart: unless-stopped
        environment:
          ALERT_INTERNAL_HOST: alert-internal-rel_000000000000000001
          ALERT_URL: ${ALERT_URL}
          API_INTERNAL_HOST: api-internal-rel_000000000000000001
          API_URL: ${API_URL}
          APP_DOMAIN: ${APP_DOMAIN}
          APP_NAME: ${APP_NAME}
          RELEASE_ID: ${RELEASE_ID}
        networks:
          site-internal: {}
          traefik-public:
            aliases:
            - app_aaaaaaaa-www-rel_000000000000000001
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
          innkeeper.release: rel_000000000000000001
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
