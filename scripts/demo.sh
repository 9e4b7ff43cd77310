#!/bin/bash
# A sample house on this machine: installs, starts and builds what it needs, then serves until Ctrl-C.
#   scripts/demo.sh [argument of `innkeeper demo`...], such as --listen 127.0.0.1:9090
# What it makes stays in data/demo, and the next start goes on from there; another folder: DEMO_DATA.
. "$(dirname "$0")/common.sh"

DATA=${DEMO_DATA:-data/demo}

say "1/5 what is missing on this machine"
need_compiler
scripts/install.sh docker edge images node
say "2/5 Docker, and an authority for certificates"
start_services dockerd pebble
say "3/5 Innkeeper itself (some minutes at the first time)"
build_frontend
cargo build --release --locked --package innkeeper
innkeeper=$CARGO_TARGET_DIR/release/innkeeper
say "4/5 base images for sites (a minute and a half at the first time)"
"$innkeeper" --data "$DATA" images build
say "5/5 the house"
exec "$innkeeper" --data "$DATA" demo \
  --acme-directory https://host.docker.internal:14000/dir --acme-ca "$RUN/pebble-ca.pem" --trusted-roots "$RUN/pebble-root.pem" \
  --edge-ports "$INNKEEPER_TEST_ACME_HTTP_PORT" "$INNKEEPER_TEST_ACME_HTTPS_PORT" "$@"
