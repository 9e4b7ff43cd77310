#!/bin/bash
# Starts and stops the real parts that the demo and the tests talk to: dockerd, pebble, postgres, smtp.
#   scripts/services.sh up|down|status [dockerd|pebble|postgres|smtp ...]
# `up` starts what does not answer yet; `down` stops only what `up` started. Install the programs with scripts/install.sh.
# Pid files, logs and data are in $INNKEEPER_RUN_DIR (default: target/run); `env` there tells tests where everything is.
set -euo pipefail
cd "$(dirname "$0")/.."

RUN=${INNKEEPER_RUN_DIR:-$PWD/target/run}
POSTGRES_PORT=${INNKEEPER_POSTGRES_PORT:-54329}
SMTP_PORT=${INNKEEPER_SMTP_PORT:-2525}
# Where pebble finds the site it is asked to vouch for: Traefik's published ports.
HTTP_PORT=${HTTP_PORT:-18080}
HTTPS_PORT=${HTTPS_PORT:-18443}
ALL=(dockerd pebble postgres smtp)

say() { printf 'services: %s\n' "$*"; }
fail() { printf 'services: %s\n' "$*" >&2; exit 1; }
needs() { command -v "$1" >/dev/null 2>&1 || fail "\`$1\` is missing: run scripts/install.sh $2"; }
quietly() { "$@" >/dev/null 2>&1; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# A pid can be someone else's after a reboot, so a pid file counts only while it names our program.
ours() {
  local name=$1 pid
  [ -s "$RUN/$name.pid" ] || return 1
  pid=$(<"$RUN/$name.pid")
  [ -r "/proc/$pid/cmdline" ] && [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *"$(<"$RUN/$name.program")"* ]]
}

# launch NAME PROGRAM ARGUMENT...: in a session of its own, so that it outlives this script and the terminal.
launch() {
  local name=$1; shift
  printf '%s' "$(basename "$1")" >"$RUN/$name.program"
  # shellcheck disable=SC2016  # the inner bash expands these
  setsid --fork bash -c 'echo $$ >"$0"; exec "$@"' "$RUN/$name.pid" "$@" >"$RUN/$name.log" 2>&1 </dev/null
}

# wait_until NAME SECONDS COMMAND...: shows the end of the log when the program gives up or the time is over.
wait_until() {
  local name=$1 tries=$(($2 * 10)); shift 2
  for ((i = 0; i < tries; i++)); do
    quietly "$@" && return
    [ "$i" -lt 10 ] || ours "$name" || break
    sleep 0.1
  done
  tail -n 25 "$RUN/$name.log" >&2
  fail "$name did not start; its log is $RUN/$name.log"
}

stop() {
  local name=$1 pid signal=${2:-TERM}
  if ! ours "$name"; then rm -f "$RUN/$name.pid"; return; fi
  pid=$(<"$RUN/$name.pid")
  as_root kill -"$signal" "$pid"
  for ((i = 0; i < 200; i++)); do
    [ -d "/proc/$pid" ] || { rm -f "$RUN/$name.pid"; say "$name stopped"; return; }
    sleep 0.1
  done
  fail "$name (pid $pid) does not stop"
}

port_answers() { timeout 2 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1"; }

dockerd_answers() { timeout 5 docker version --format '{{.Server.Version}}'; }

dockerd_up() {
  needs docker docker
  needs dockerd docker
  if [ -d /run/systemd/system ]; then
    as_root systemctl start docker
  else
    mount_cgroups
    # A pid file of a daemon that is gone stops the next one from starting.
    if [ -f /var/run/docker.pid ] && ! [ -d "/proc/$(cat /var/run/docker.pid)" ]; then as_root rm -f /var/run/docker.pid; fi
    local options=()
    # Containers cannot reach a name server on the host's loopback; dockerd would use public ones instead.
    if grep -q '^nameserver 127\.' /etc/resolv.conf && [ -s /run/systemd/resolve/resolv.conf ]; then
      local server
      for server in $(awk '$1 == "nameserver" { print $2 }' /run/systemd/resolve/resolv.conf); do options+=(--dns "$server"); done
    fi
    # Old kernels lack nf_tables: then the other back end of iptables works.
    if ! quietly as_root iptables -t nat -nL && quietly as_root iptables-legacy -t nat -nL; then
      as_root update-alternatives --set iptables "$(command -v iptables-legacy)"
    fi
    if [ "$(id -u)" = 0 ]; then launch dockerd dockerd "${options[@]}"; else launch dockerd sudo dockerd "${options[@]}"; fi
  fi
  wait_until dockerd 60 test -S /var/run/docker.sock
  [ -w /var/run/docker.sock ] || fail "dockerd runs, but you may not use it: run as root, or join the group docker and sign in again"
  wait_until dockerd 60 dockerd_answers
}

mount_cgroups() {
  grep -q ' /sys/fs/cgroup' /proc/mounts && return
  needs cgroupfs-mount docker
  as_root cgroupfs-mount
}

# Pebble without its name server would answer, and validate nothing.
pebble_answers() {
  curl -fs --noproxy '*' --max-time 2 --cacert "$RUN/pebble-ca.pem" https://localhost:14000/dir && port_answers 8055
}

pebble_up() {
  needs pebble edge
  needs pebble-challtestsrv edge
  pebble_down
  [ -s "$RUN/pebble/api.pem" ] || make_pebble_certificate
  cat >"$RUN/pebble/pebble.json" <<END
{ "pebble": {
  "listenAddress": "0.0.0.0:14000", "managementListenAddress": "127.0.0.1:15000",
  "certificate": "$RUN/pebble/api.pem", "privateKey": "$RUN/pebble/api.key",
  "httpPort": $HTTP_PORT, "tlsPort": $HTTPS_PORT, "ocspResponderURL": "", "externalAccountBindingRequired": false } }
END
  # Every name is this machine, so that pebble's HTTP-01 check arrives at our own Traefik.
  launch challtestsrv pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 "" \
    -dns01 127.0.0.1:8053 -management 127.0.0.1:8055 -http01 "" -https01 "" -tlsalpn01 ""
  wait_until challtestsrv 10 port_answers 8055
  # By default pebble sleeps before each check and refuses some requests on purpose.
  PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 launch pebble pebble -config "$RUN/pebble/pebble.json" -dnsserver 127.0.0.1:8053
  wait_until pebble 15 pebble_answers
  # Pebble signs with a new root after every start.
  curl -fsS --noproxy '*' --cacert "$RUN/pebble-ca.pem" https://localhost:15000/roots/0 >"$RUN/pebble-root.pem"
}

# Debian's pebble has no certificate for its own API. It is asked for from the host and from containers.
make_pebble_certificate() {
  mkdir -p "$RUN/pebble"
  (
    cd "$RUN/pebble"
    names=DNS:localhost,DNS:host.docker.internal,DNS:pebble,IP:127.0.0.1,IP:172.17.0.1
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=pebble API, tests only" -keyout ca.key -out ../pebble-ca.pem
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout api.key -out api.csr
    openssl x509 -req -in api.csr -CA ../pebble-ca.pem -CAkey ca.key -CAcreateserial -days 3650 \
      -extfile <(echo "subjectAltName=$names") -out api.pem
  ) >"$RUN/pebble/openssl.log" 2>&1 || { cat "$RUN/pebble/openssl.log" >&2; fail "could not make pebble's certificate"; }
}

pebble_down() { stop pebble; stop challtestsrv; }

postgres_bin() { find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1; }
postgres_answers() { psql -h 127.0.0.1 -p "$POSTGRES_PORT" -U innkeeper -d innkeeper -Atc 'select 1'; }

postgres_up() {
  local bin; bin=$(postgres_bin)
  [ -n "$bin" ] || fail "no PostgreSQL server: run scripts/install.sh postgres"
  # The server refuses to run as root.
  local user=() data=$RUN/postgres
  if [ "$(id -u)" = 0 ]; then
    user=(setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/tmp)
    data=$(folder_for_postgres)
  fi
  if [ ! -s "$data/PG_VERSION" ]; then
    (cd / && "${user[@]}" "$bin/initdb" -D "$data" -U innkeeper --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync) >"$RUN/initdb.log" 2>&1 \
      || { cat "$RUN/initdb.log" >&2; fail "initdb failed"; }
  fi
  # Test data need not survive a power cut.
  (cd / && launch postgres "${user[@]}" "$bin/postgres" -D "$data" -p "$POSTGRES_PORT" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=256MB)
  printf postgres >"$RUN/postgres.program"
  wait_until postgres 30 quietly psql -h 127.0.0.1 -p "$POSTGRES_PORT" -U innkeeper -d postgres -Atc 'select 1'
  postgres_answers >/dev/null 2>&1 \
    || psql -q -h 127.0.0.1 -p "$POSTGRES_PORT" -U innkeeper -d postgres -c 'create database innkeeper'
}

# The folder as user postgres can reach it: where it may not pass through $RUN's parents, the data lives in /var/lib/postgresql.
folder_for_postgres() {
  install -d -o postgres -g postgres -m 700 "$RUN/postgres"
  if setpriv --reuid=postgres --regid=postgres --init-groups test -w "$RUN/postgres"; then
    echo "$RUN/postgres"
  else
    local elsewhere; elsewhere=/var/lib/postgresql/innkeeper-$(printf '%s' "$RUN" | sha256sum | cut -c1-8)
    install -d -o postgres -g postgres -m 700 "$elsewhere"
    echo "$elsewhere"
  fi
}

postgres_down() { stop postgres INT; }

smtp_answers() { timeout 2 bash -c "exec 3<>/dev/tcp/127.0.0.1/$SMTP_PORT && read -r -u 3 line && [[ \$line == 220* ]]"; }

smtp_up() {
  quietly /usr/bin/python3 -c 'import aiosmtpd' || fail "aiosmtpd is missing: run scripts/install.sh smtp"
  launch smtp /usr/bin/python3 "$PWD/scripts/smtp_sink.py" 127.0.0.1 "$SMTP_PORT" "$RUN/mail"
  printf smtp_sink.py >"$RUN/smtp.program"
  wait_until smtp 15 smtp_answers
}

write_env() {
  cat >"$RUN/.env.part" <<END
# Written by scripts/services.sh: where tests find the real parts. Read it with \`. env\`.
export INNKEEPER_TEST_POSTGRES_URL=postgres://innkeeper@127.0.0.1:$POSTGRES_PORT/innkeeper
export INNKEEPER_TEST_SMTP=127.0.0.1:$SMTP_PORT
export INNKEEPER_TEST_MAIL_DIR='$RUN/mail'
# From a container: https://host.docker.internal:14000/dir, with host.docker.internal=host-gateway.
export INNKEEPER_TEST_ACME_DIRECTORY=https://localhost:14000/dir
# Whom to trust when talking to the directory, and whom the issued certificates lead to.
export INNKEEPER_TEST_ACME_CA='$RUN/pebble-ca.pem'
export INNKEEPER_TEST_ACME_ROOT='$RUN/pebble-root.pem'
# The ports at which pebble looks for the sites it checks.
export INNKEEPER_TEST_ACME_HTTP_PORT=$HTTP_PORT
export INNKEEPER_TEST_ACME_HTTPS_PORT=$HTTPS_PORT
END
  mv "$RUN/.env.part" "$RUN/env"
}

up() {
  local name=$1
  if quietly "${name}_answers"; then
    if ours "$name"; then say "$name runs"; else say "$name runs already, not started by us"; fi
    return
  fi
  "${name}_up"
  say "$name started"
}

down() {
  local name=$1
  if declare -F "${name}_down" >/dev/null; then "${name}_down"; else stop "$name"; fi
}

status() {
  local name=$1 state=stopped
  if quietly "${name}_answers"; then
    state="running, not started by us"
    if ours "$name"; then state="running, pid $(<"$RUN/$name.pid")"; fi
  fi
  say "$name: $state"
}

action=${1:-}
[ $# = 0 ] || shift
case $action in
  up | down | status) ;;
  *) fail "what to do? up, down or status, then any of: ${ALL[*]}" ;;
esac
[ $# -gt 0 ] || set -- "${ALL[@]}"
for name in "$@"; do
  [[ " ${ALL[*]} " == *" $name "* ]] || fail "unknown service \`$name\`: ${ALL[*]}"
done

mkdir -p "$RUN/mail" "$RUN/pebble"
# Two callers must not start the same thing. The lock is not handed on to what is started.
exec 9>"$RUN/.lock"
flock -w 180 9 || fail "another services.sh has been busy for three minutes"
for name in "$@"; do "$action" "$name" 9>&-; done
[ "$action" != up ] || write_env
