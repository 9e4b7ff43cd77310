# What test.sh, demo.sh, lint.sh and bench.sh share: where things are, and building what they start. Sourced, not run.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Downloads, built tools and base images: everything in it can be deleted and comes back.
export CACHE_FOLDER=${INNKEEPER_CACHE:-${CACHE_FOLDER:-$HOME/.cache/innkeeper}}
# Innkeeper takes each INNKEEPER_ variable for a setting and refuses what it does not know.
unset INNKEEPER_CACHE
RUN=${INNKEEPER_RUN_DIR:-$PWD/target/run}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE_FOLDER/target}
export INNKEEPER_HOSTING__IMAGE_CACHE=${INNKEEPER_HOSTING__IMAGE_CACHE:-$CACHE_FOLDER/images}
export PATH="$CACHE_FOLDER/tools/bin:$PATH"

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*"; }
fail() { say "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# apt_install WHY PACKAGE...
apt_install() {
  local why=$1; shift
  have apt-get || fail "please install $*: $why"
  say "$* from the distribution: $why"
  local root=(); [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" apt-get -o DPkg::Lock::Timeout=300 -qq update
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    -qq -y --no-install-recommends install "$@" >/dev/null
}

# Rust comes with no linker, and SQLite and ring are C.
need_compiler() {
  have cargo || fail "cargo is missing: install Rust 1.95 or newer with rustup"
  have cc || apt_install "links programs and compiles SQLite" gcc libc6-dev
}

# npm_ci FOLDER: fetches the packages of a lock file once.
npm_ci() {
  local wanted; wanted=$(sha256sum <"$1/package-lock.json")
  [ "$(cat "$1/node_modules/.lock-hash" 2>/dev/null)" = "$wanted" ] && return
  say "npm packages of $1"
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm --prefix "$1" ci --no-audit --no-fund --loglevel=error
  printf '%s\n' "$wanted" >"$1/node_modules/.lock-hash"
}

# pip_install FOLDER: fetches the packages of its requirements.txt once, into FOLDER/python.
pip_install() {
  local wanted; wanted=$(sha256sum <"$1/requirements.txt")
  [ "$(cat "$1/python/.lock-hash" 2>/dev/null)" = "$wanted" ] && return
  python3 -m pip --version >/dev/null 2>&1 || apt_install "fetches packages for Python" python3-pip
  say "Python packages of $1"
  rm -rf "$1/python"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --no-compile --target "$1/python" \
    -r "$1/requirements.txt"
  printf '%s\n' "$wanted" >"$1/python/.lock-hash"
}

# Builds frontend/dist when one of its sources is newer.
build_frontend() {
  scripts/install.sh node
  npm_ci frontend
  local newer=()
  if [ -f frontend/dist/manifest.json ]; then
    mapfile -t newer < <(find frontend/src frontend/*.mjs frontend/package-lock.json -newer frontend/dist/manifest.json)
    [ ${#newer[@]} -gt 0 ] || return 0
  fi
  say "scripts and styles"
  npm --prefix frontend run --silent build
}

# start_services [NAME...]: the real parts, and the variables that say where they are.
start_services() {
  scripts/services.sh up "$@"
  # shellcheck source=/dev/null
  . "$RUN/env"
}

# cargo_tool NAME VERSION [ARGUMENT...]: a program of the Rust package registry, built once, quickly rather than well.
cargo_tool() {
  local name=$1 version=$2; shift 2
  have "$name" && return
  say "$name $version from its sources: takes a minute or two, once"
  CARGO_PROFILE_DEV_DEBUG=0 cargo install "$name" --version "$version" --locked --debug --root "$CACHE_FOLDER/tools" \
    --target-dir "$CACHE_FOLDER/tools/target" --quiet "$@"
  rm -rf "$CACHE_FOLDER/tools/target"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
