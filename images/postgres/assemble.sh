#!/bin/bash
# Puts /usr/lib/postgresql/16 together from the unpacked server (/server) and client (/client) packages.
set -euo pipefail
target=/usr/lib/postgresql/16
mkdir -p "$target"
cp -a /server/package/native/. "$target/"
chmod 755 "$target"/bin/*

# An npm package cannot hold symlinks; it lists them in pg-symlinks.json instead, as
# {"source": "native/lib/x.so.60.2", "target": "native/lib/x.so.60"}. Without them: "libicuuc.so.60 => not found".
tr -d '\n' < "$target/pg-symlinks.json" | grep -oE '\{[^}]*\}' | while read -r entry; do
  source=$(sed -E 's/.*"source": *"native\/([^"]*)".*/\1/' <<< "$entry")
  link=$(sed -E 's/.*"target": *"native\/([^"]*)".*/\1/' <<< "$entry")
  [ -e "$target/$link" ] || ln -s "$(basename "$source")" "$target/$link"
done

# The tools look for their libraries in ../../../pgserver.libs, seen from their own folder.
mkdir -p "$target/client/tools/bin" "$target/pgserver.libs"
cp -a /client/pgserver.libs/. "$target/pgserver.libs/"
for tool in psql pg_dump pg_dumpall pg_restore pg_isready createdb dropdb createuser dropuser pg_basebackup vacuumdb reindexdb; do
  install -m755 "/client/pgserver/pginstall/bin/$tool" "$target/client/tools/bin/"
done

sed -i "s/^#*listen_addresses.*/listen_addresses = '*'/" "$target/share/postgresql/postgresql.conf.sample"
