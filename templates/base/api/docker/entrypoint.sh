#!/bin/sh
# Brings the database up to date, then serves. `php bin/migrate.php` alone is the release command.
set -e
if [ "$1" = "apache2-foreground" ]; then
  php bin/migrate.php
fi
exec "$@"
