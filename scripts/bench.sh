#!/bin/bash
# Measures what docs/performance.md promises and prints each figure beside its limit: scripts/bench.sh [NAME...]
# A name is a file of benches/ without its ending; by default all but build_time, and that one too with ALL=1.
# Run it on a machine that does nothing else. It fails when a limit is missed.
. "$(dirname "$0")/common.sh"

if [ $# = 0 ]; then
  set -- redact idle_memory create_site site_page twenty_sites watch_idle health_status health_restart health_live deploy_time deploy_load hundred_pushes ingest events_live customer_health
  [ -z "${ALL:-}" ] || set -- "$@" build_time
fi
for name in "$@"; do [ -f "benches/$name.py" ] || fail "there is no benchmark \`$name\`: benches/*.py"; done

need_compiler
scripts/install.sh docker edge images node
start_services dockerd pebble postgres
build_frontend
if [ -z "${BENCH_BINARY:-}" ]; then
  cargo build --release --locked --package innkeeper
  BENCH_BINARY=$CARGO_TARGET_DIR/release/innkeeper
fi
export BENCH_BINARY
# The load generator and what fills databases, beside the binary.
cargo build --release --locked --package events --examples
"$BENCH_BINARY" images build
# What Innkeeper's intake is measured beside; without it, that line is left out.
if [ -z "${BASELINE_PYTHON:-}" ] && [[ " $* " == *" ingest "* ]]; then
  python3 -m venv target/baseline && target/baseline/bin/pip install --quiet -r benches/baseline/requirements.txt \
    && export BASELINE_PYTHON=$PWD/target/baseline/bin/python || say "no baseline: its packages cannot be installed"
fi

status=0
table=$(mktemp)
trap 'rm -f "$table"' EXIT
for name in "$@"; do
  say "$name"
  python3 -B "benches/$name.py" | tee -a "$table" || status=1
done
printf '\n%-52s %12s %12s %6s\n' name figure limit ratio
cat "$table"
printf '%s, %s cores, load %s\n' "$(date -u +%F)" "$(nproc)" "$(cut -d' ' -f1-3 /proc/loadavg)"
exit $status
