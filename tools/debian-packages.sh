#!/bin/bash
# The Debian packages that `make test` needs, or only those named (`make bench`): says nothing where all is there;
# otherwise installs it, as root.
# Mail servers conflict with one another under apt, and servers that are installed start with the machine. So both are
# unpacked into .cache/mta/NAME: no maintainer script runs, only their libraries and system accounts are added.
# Where it is not root, or there is no apt, it says what is missing, and fails when CI=true.
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

install=(
  chromium curl dovecot-core dovecot-submissiond gnutls-bin iproute2 knot m4 mmdebstrap monitoring-plugins-basic
  nftables openssl podman prometheus prometheus-alertmanager prometheus-blackbox-exporter runc systemd unbound
)
declare -A unpack=(
  [courier]='courier-authlib courier-base courier-mta' [exim]='exim4-base exim4-daemon-light' [haproxy]=haproxy
  [nginx]='libnginx-mod-mail nginx' [opensmtpd]=opensmtpd [postfix]=postfix [redis]='redis-server redis-tools'
  [sendmail]='sendmail-bin sendmail-cf' [stunnel]=stunnel4
)
declare -A binary=(
  [courier]=usr/lib/courier/courier/modules/esmtp/courieresmtpd [exim]=usr/sbin/exim4 [haproxy]=usr/sbin/haproxy
  [nginx]=usr/sbin/nginx [opensmtpd]=usr/sbin/smtpd [postfix]=usr/lib/postfix/sbin/smtpd [redis]=usr/bin/redis-server
  [sendmail]=usr/libexec/sendmail/sendmail [stunnel]=usr/bin/stunnel4
)
accounts=(courier postfix Debian-exim opensmtpd opensmtpq) # compiled in, or named in main.cf
groups=(postdrop)
mta=.cache/mta
if [[ $# != 0 ]]; then install=("$@") unpack=() accounts=() groups=(); fi

missing_packages() {
  for package in "${install[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

runs() { # runs SERVER: its program is unpacked, and every library it wants is there
  local libraries
  libraries=$(LD_LIBRARY_PATH=$mta/$1/usr/lib:$mta/$1/usr/lib/$1 ldd "$mta/$1/${binary[$1]}" 2>/dev/null) && [[ $libraries != *'not found'* ]]
}

missing_servers() {
  for server in "${!unpack[@]}"; do runs "$server" || echo "$server"; done
}

missing_accounts() {
  for account in "${accounts[@]}"; do getent passwd "$account" >/dev/null || echo "$account"; done
  for group in "${groups[@]}"; do getent group "$group" >/dev/null || echo "$group"; done
}

missing() { missing_packages; missing_servers; missing_accounts; }

apt_get() { # with the package lists at hand, and with fresh ones only where these do not serve
  local quiet=(apt-get -qq -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root)
  "${quiet[@]}" "$@" </dev/null >/dev/null 2>&1 && return
  "${quiet[@]}" update </dev/null && "${quiet[@]}" "$@" </dev/null >/dev/null
}

forbid_services() { # nothing that is installed here may start a service
  local policy=/usr/sbin/policy-rc.d
  [[ -e $policy ]] && return
  trap "rm -f $policy" EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
}

libraries_of() { # the libraries that these depend on, whatever they are called in this release
  apt-cache depends --no-recommends --no-suggests "$@" | sed -nE 's/^ *\|?(Pre)?Depends: ((lib|lua-).*)/\2/p'
}

unpack_servers() { # unpack_servers SERVER...
  local packages=() debs server package
  for server; do packages+=(${unpack[$server]}); done
  debs=$(mktemp -d)
  (cd "$debs" && apt_get download "${packages[@]}")
  apt_get install -y --no-install-recommends netbase $(libraries_of "${packages[@]}")
  for server; do
    rm -rf "${mta:?}/$server"
    mkdir -p "$mta/$server"
    for package in ${unpack[$server]}; do dpkg-deb -x "$debs/$package"_*.deb "$mta/$server"; done
  done
  rm -r "$debs"
}

add_accounts() {
  for group in "${groups[@]}"; do getent group "$group" >/dev/null || groupadd -r "$group"; done
  for account in "${accounts[@]}"; do
    getent passwd "$account" >/dev/null || useradd -r -U -M -d /nonexistent -s /usr/sbin/nologin "$account"
  done
}

needed=$(missing | sort | tr '\n' ' ')
[[ -z $needed ]] && exit
if [[ $EUID != 0 ]] || ! command -v apt-get >/dev/null; then
  echo "tools: MISSING, and only root on Debian or Ubuntu can install it: $needed" >&2
  echo "tools: what needs it will NOT run; with CI=true this is an error" >&2
  if [[ ${CI:-} == true ]]; then exit 1; else exit 0; fi
fi
echo "tools: $needed"
forbid_services
mapfile -t packages < <(missing_packages)
[[ ${#packages[@]} == 0 ]] || apt_get install -y --no-install-recommends "${packages[@]}"
mapfile -t servers < <(missing_servers)
[[ ${#servers[@]} == 0 ]] || unpack_servers "${servers[@]}"
add_accounts
needed=$(missing | sort | tr '\n' ' ')
[[ -z $needed ]] || { echo "tools: still missing: $needed" >&2; exit 1; }
