#!/bin/bash
# What must hold before a change is handed in, beside the tests. Shows all complaints, not only the first kind.
. "$(dirname "$0")/common.sh"

need_compiler
have shellcheck || apt_install "checks the shell scripts" shellcheck
build_frontend

failed=()
# check NAME COMMAND...
check() {
  local name=$1; shift
  say "$name"
  "$@" || failed+=("$name")
}

check "format" cargo fmt --all --check
check "lints" cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
check "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
check "types of the front end" npm --prefix frontend run --silent check
# SC1090: entry points of images read the files that they find.
check "shell scripts" shellcheck --severity=warning --exclude=SC1090 --external-sources --source-path=SCRIPTDIR \
  scripts/*.sh images/*/*.sh .ci/run

[ ${#failed[@]} = 0 ] || fail "these complain: $(printf '%s; ' "${failed[@]}" | sed 's/; $//')"
say "all is well"
