#!/bin/bash
# Installs what the tests need, starts the real parts they talk to, and runs them: scripts/test.sh [PART...]
#   rust      cargo nextest: all crates, against Docker, Traefik, pebble, PostgreSQL, Prometheus and a mail server; and each template's own
#             tests against a site of it
#   browser   e2e/: journeys, accessibility, budgets in Chromium
#   api       schemathesis against the OpenAPI document
# All parts by default. A part that fails does not keep the others from running; nothing is skipped silently.
. "$(dirname "$0")/common.sh"

NEXTEST=0.9.151
PARTS=(rust browser api)
[ $# -gt 0 ] || set -- "${PARTS[@]}"
for part in "$@"; do
  [[ " ${PARTS[*]} " == *" $part "* ]] || fail "unknown part \`$part\`: ${PARTS[*]}"
done

table=()
failures=()
failed=0
verdict=

# phase NAME COMMAND...: in a subshell that stops at the first failing command, with a line for the table at the end.
phase() {
  local name=$1 log=$RUN/phase.log started=$SECONDS status; shift
  printf '\n== %s\n' "$name"
  mkdir -p "$RUN"; : >"$log"
  # Not `if (...)`: inside of a condition `set -e` has no effect. Not `| tee`: a process that a test left behind would keep the pipe open.
  (set -e; "$@") >"$log" 2>&1 &
  tail -n +1 -f -s 0.2 --pid=$! "$log"
  set +e; wait $!; status=$?; set -e
  verdict=ok
  if [ $status != 0 ]; then
    verdict="FAILED ($status)"; failed=1
    # As nextest, Playwright and schemathesis name what failed.
    failures+=("$(grep -aE '^ *(FAIL|TIMEOUT|SIGABRT|SIGSEGV) \[|^ +[0-9]+\) |^ +tests/.* › |^_+ .* _+$' "$log" | sort -u | tail -n 20)")
  fi
  table+=("$(printf '%-12s %5d s  %s' "$name" $((SECONDS - started)) "$verdict")")
}

report() {
  printf '\n== times\n'
  printf '%s\n' "${table[@]}"
  printf '%-12s %5d s\n' total "$SECONDS"
  # Last, because whoever reads of a failure often sees the end of the log only.
  [ $failed = 0 ] || printf '\n== failed\n%s\n' "$(printf '%s\n' "${failures[@]}")"
}

# Like `phase`; without what it makes no test makes sense.
prepare() {
  phase "$@"
  [ "$verdict" = ok ] || { report; exit 1; }
}

install_all() {
  need_compiler
  scripts/install.sh all
  cargo_tool cargo-nextest "$NEXTEST" --no-default-features --features default-no-update
}

front_end() {
  build_frontend
  # Tests of templates drive a browser, too, with the packages of the browser tests.
  npm_ci e2e
  # Tests of the doors for events send with the real clients of others.
  npm_ci crates/web/tests/sdks
  pip_install crates/web/tests/sdks
}

build() {
  # One build for all parts: the program has the same features as in the tests, so that nothing is compiled twice.
  cargo build --workspace --all-targets --locked
}

images() { "$binary" images build; }

part_rust() { timeout 40m cargo nextest run --workspace --locked --no-fail-fast; }

part_browser() { timeout 15m npm --prefix e2e test; }

part_api() { timeout 5m scripts/schemathesis.sh "$binary"; }

binary=$CARGO_TARGET_DIR/debug/innkeeper
prepare install install_all
prepare "front end" front_end
prepare services scripts/services.sh up
# shellcheck source=/dev/null
. "$RUN/env"
prepare build build
prepare images images
for part in "$@"; do phase "$part" "part_$part"; done
report
exit $failed
