#!/bin/bash
# Throws made-up and malformed requests at every operation of the API, and compares the answers with its OpenAPI document.
#   scripts/schemathesis.sh BINARY
# Twice, about 15 s each: with ids that do not exist, and with those of a customer, a member and a site. The server is one of its
# own, on a folder of its own, and Docker is out of its reach on purpose: requests may create sites, and that must not take the machine.
. "$(dirname "$0")/common.sh"

VERSION=4.32.5
EXAMPLES=${EXAMPLES:-30}
SCOPES="sites:read sites:write sites:deploy customers:read customers:write members:write tokens:write events:write reporting:read guardrails:read guardrails:write admin"
CHECKS=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance

[ -x "${1:-}" ] || fail "which innkeeper binary?"
binary=$(realpath "$1")

tool=$CACHE_FOLDER/tools/schemathesis-$VERSION
if [ ! -x "$tool/bin/schemathesis" ]; then
  python3 -m pip --version >/dev/null 2>&1 || apt_install "fetches schemathesis" python3-pip
  say "schemathesis $VERSION from PyPI"
  rm -rf "$tool.part"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$tool.part" "schemathesis==$VERSION"
  mv "$tool.part" "$tool"
fi

work=$(mktemp -d)
server=
stop() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
  rm -rf "$work"
}
trap stop EXIT

# A socket that nobody listens on.
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$work/docker.sock"
unset DATABASE_URL
export DOCKER_HOST=unix://$work/docker.sock
export INNKEEPER_HOSTING__PREPARE_TEMPLATES=false INNKEEPER_LOG__LEVEL=warn INNKEEPER_LOG__FORMAT=json

innkeeper() { "$binary" --data "$work/data" --json "$@"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

innkeeper member add --role admin --name Admin --email admin@example.test >/dev/null
SCHEMATHESIS_TOKEN=$(innkeeper token create --email admin@example.test --name schemathesis --scopes "$SCOPES" | field token)
export SCHEMATHESIS_TOKEN
customer=$(innkeeper customer create --name "Atelier Nord" | field customer_uuid)
member=$(innkeeper member add --role owner --customer "$customer" --name Olga --email olga@example.test | field member)
site=$(innkeeper site create --no-wait --customer "$customer" --name Atelier --subdomain atelier | field app_id)

port=$(free_port)
"$binary" --data "$work/data" serve --listen "127.0.0.1:$port" 2>"$work/server.log" &
server=$!

# examine NAME: with the settings of `$work/NAME.toml`.
examine() {
  say "$1"
  # One worker: with two, Python 3.11 gives up in `ast.parse` now and then.
  (cd "$work" && NO_PROXY='*' no_proxy='*' PYTHONPATH=$tool timeout 100 python3 "$tool/bin/schemathesis" --config-file "$work/$1.toml" \
    run "http://127.0.0.1:$port/api/openapi.json" --wait-for-schema 30 --checks "$CHECKS" --max-examples "$EXAMPLES" --workers 1 \
    --warnings off --no-color --generation-database=none) || failed=1
}

failed=0
# The token by way of a variable: arguments can be read by everyone on the machine.
# shellcheck disable=SC2016
printf 'headers = { Authorization = "Bearer ${SCHEMATHESIS_TOKEN}" }\n' | tee "$work/ids-that-do-not-exist.toml" >"$work/ids-that-exist.toml"
printf '[parameters]\n"path.customer" = "%s"\n"query.customer" = "%s"\n"path.member" = "%s"\n"path.app_id" = "%s"\n' \
  "$customer" "$customer" "$member" "$site" >>"$work/ids-that-exist.toml"
# What only Docker can answer says that it is away, which is true here; of every other operation a 503 is a fault.
for path in /api/container/logs /api/containers/adoptable /api/containers/adopt; do
  printf '[[operations]]\ninclude-path = "%s"\nchecks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]\n' "$path"
done | tee -a "$work/ids-that-do-not-exist.toml" >>"$work/ids-that-exist.toml"
examine ids-that-do-not-exist
examine ids-that-exist

kill -0 "$server" 2>/dev/null || { failed=1; say "the server ended by itself"; }
if [ $failed != 0 ]; then
  say "the server's log, without what Docker's absence explains:"
  grep -v -i docker "$work/server.log" | tail -40 || true
fi
exit $failed
