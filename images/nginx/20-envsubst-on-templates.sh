#!/bin/sh
# Turns /etc/nginx/templates/**/*.template into /etc/nginx/conf.d/*, replacing ${NAME} of variables that exist and nothing else.
set -e
templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}

[ -n "$(find -L "$templates" -type f -name "*$suffix" 2>/dev/null)" ] || exit 0
if [ ! -w "$output" ]; then
  echo "$0: templates exist, but $output is not writable" >&2
  exit 0
fi

names=$(awk 'BEGIN { for (name in ENVIRON) if (name ~ /^[A-Za-z_][A-Za-z0-9_]*$/) printf "${%s} ", name }')
find -L "$templates" -type f -name "*$suffix" | while read -r template; do
  relative=${template#"$templates"/}
  target=$output/${relative%"$suffix"}
  mkdir -p "$(dirname "$target")"
  envsubst "$names" < "$template" > "$target"
done
