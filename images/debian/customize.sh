#!/bin/sh
# Finishes the file system in $1 before it is packed. Run by mmdebstrap as its last hook.
set -eu
root=$1

# Package lists and apt's indexes are rebuilt by the first `apt-get update`.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin
find "$root/var/log" -type f -delete

# Builds trust whom the host trusts: behind an inspecting proxy `npm install` would fail otherwise.
install -m644 "$HOST_CA" "$root/etc/ssl/host-ca.crt"

# An image layer needs no fsync after each file, and a build starts no services.
echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cat > "$root/etc/apt/apt.conf.d/90image" <<'END'
APT::Install-Recommends "false";
Acquire::Languages "none";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin"; };
END

# These belong to the machine that made the image.
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
