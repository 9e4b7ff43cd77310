#!/bin/sh
# Runs what is in /docker-entrypoint.d (*.sh executed, *.envsh sourced) before nginx itself starts.
set -e
if [ "$1" = nginx ] || [ "$1" = nginx-debug ]; then
  for script in /docker-entrypoint.d/*; do
    [ -x "$script" ] || continue
    case $script in
      *.envsh) . "$script" ;;
      *.sh) "$script" ;;
    esac
  done
fi
exec "$@"
