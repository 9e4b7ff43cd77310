#!/bin/bash
# Prepares the data folder on first start, then runs the server as user postgres. Understands what the official image does:
# POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_INITDB_ARGS (each also as …_FILE), POSTGRES_HOST_AUTH_METHOD, PGDATA,
# and scripts in /docker-entrypoint-initdb.d.
set -euo pipefail

read_secret_file() {
  local variable=$1 file_variable="$1_FILE"
  [ -n "${!file_variable:-}" ] || return 0
  export "$variable=$(< "${!file_variable}")"
  unset "$file_variable"
}

sql() { psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" "$@"; }

create_cluster() {
  local auth=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$auth" != trust ]; then
    echo "Error: the database is empty and POSTGRES_PASSWORD is not set." >&2
    exit 1
  fi
  # shellcheck disable=SC2086  # several arguments in one variable, as in the official image
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-unused}") ${POSTGRES_INITDB_ARGS:-} -D "$PGDATA"
  echo "host all all all $auth" >> "$PGDATA/pg_hba.conf"
  # initdb overrules postgresql.conf.sample for this one.
  echo "unix_socket_directories = '/var/run/postgresql'" >> "$PGDATA/postgresql.conf"
}

run_init_scripts() {
  local script
  for script in /docker-entrypoint-initdb.d/*; do
    echo "$0: $script"
    case $script in
      *.sh) if [ -x "$script" ]; then "$script"; else . "$script"; fi ;;
      *.sql) sql -d "$POSTGRES_DB" -f "$script" ;;
      *.sql.gz) gunzip -c "$script" | sql -d "$POSTGRES_DB" ;;
      *.sql.zst) zstd -dc "$script" | sql -d "$POSTGRES_DB" ;;
      *) echo "$0: ignored: $script" ;;
    esac
  done
}

[ "${1:0:1}" != - ] || set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"

for variable in POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB POSTGRES_INITDB_ARGS; do read_secret_file $variable; done
export PGDATA=${PGDATA:-/var/lib/postgresql/data} POSTGRES_USER=${POSTGRES_USER:-postgres}
export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chmod 700 "$PGDATA"
  find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres:postgres {} +
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  create_cluster
  # Not reachable from outside until it is complete, so that health checks over TCP see only a finished database.
  pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
  if [ "$POSTGRES_DB" != postgres ]; then
    sql -d postgres -v name="$POSTGRES_DB" <<< 'create database :"name"'
  fi
  shopt -s nullglob
  run_init_scripts
  pg_ctl -D "$PGDATA" -m fast -w stop
  echo "PostgreSQL init process complete; ready for start up."
fi
unset POSTGRES_PASSWORD
exec "$@"
