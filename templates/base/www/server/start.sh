#!/bin/sh
# Writes what differs per site to /tmp, then serves. Values come from people: everything is escaped for where it goes.
set -eu
umask 022
mkdir -p /tmp/site /tmp/nginx
rm -f /tmp/nginx/api.sock

# config.json. JSON inside and outside of HTML, so `<`, `>` and `&` are escaped as well.
awk '
  function json(name,   text, out, i, c) {
    text = ENVIRON[name]; out = ""
    for (i = 1; i <= length(text); i++) {
      c = substr(text, i, 1)
      if (c == "\\" || c == "\"") out = out "\\" c
      else if (c in code && code[c] < 32 || c == "<" || c == ">" || c == "&" || c == "\177") out = out sprintf("\\u%04x", code[c])
      else out = out c
    }
    return "\"" out "\""
  }
  BEGIN {
    for (i = 1; i < 128; i++) code[sprintf("%c", i)] = i
    print "{\"name\":" json("APP_NAME") ",\"domain\":" json("APP_DOMAIN") ",\"apiUrl\":" json("API_URL") ",\"alertUrl\":" json("ALERT_URL") "}"
  }' </dev/null >/tmp/site/config.json

# The parts of nginx.conf that depend on the environment; only plain characters get through.
plain() { printf %s "$1" | tr -cd 'A-Za-z0-9._:-' | cut -c1-200; }
release=$(plain "${RELEASE_ID:-}")
{
  [ -z "$release" ] || echo "add_header X-Innkeeper-Release \"$release\" always;"
} >/tmp/site/release.conf
api=$(plain "${API_INTERNAL_HOST:-api-internal}")
resolver=$(awk '/^nameserver/ { print ($2 ~ /:/) ? "[" $2 "]" : $2; exit }' /etc/resolv.conf)
{
  echo "resolver ${resolver:-127.0.0.11} valid=2s ipv6=off;"
  echo "resolver_timeout 1s;"
  echo "map \$host \$site_api { default \"http://$api\"; }"
} >/tmp/site/upstream.conf

exec nginx -c /etc/site/nginx.conf -g 'daemon off;'
