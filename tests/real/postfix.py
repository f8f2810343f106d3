"""One Postfix with many listeners, each right or wrong in one way. `LISTENERS` is the table.

It runs from a folder into which Debian's package was unpacked, with a configuration of its own; needs root.
"""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from exporter.simulated.certificates import Zoo
from tests.real.processes import PACKAGES, Server, free_ports, running

PACKAGE = PACKAGES / "postfix"

LISTENERS: Mapping[str, str] = {
    "healthy": "smtpd",
    "submission": "smtpd -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes",
    "submissions": "smtpd -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes",
    "no_starttls": "smtpd -o smtpd_tls_security_level=none",
    "stripped": "smtpd -o smtpd_discard_ehlo_keywords=starttls,pipelining,chunking",
    "expired": "smtpd -o smtpd_tls_cert_file=$certificates/expired.pem",
    "not_yet_valid": "smtpd -o smtpd_tls_cert_file=$certificates/not_yet_valid.pem",
    "wrong_host": "smtpd -o smtpd_tls_cert_file=$certificates/wrong_host.pem",
    "self_signed": "smtpd -o smtpd_tls_cert_file=$certificates/self_signed.pem",
    "no_intermediate": "smtpd -o smtpd_tls_cert_file=$certificates/no_intermediate.pem",
    "tls12_only": "smtpd -o smtpd_tls_protocols=TLSv1.2",
    "tls10_only": "smtpd -o smtpd_tls_protocols=TLSv1 -o tls_medium_cipherlist=ALL:@SECLEVEL=0",
    "slow": "smtpd -o { smtpd_client_restrictions = sleep 1, permit } -o smtpd_delay_reject=no",
    "rejecting": "smtpd -o smtpd_client_restrictions=reject -o smtpd_delay_reject=no",
    "auth_in_clear": "smtpd -o smtpd_sasl_auth_enable=yes",
    "postscreen": "postscreen",
    "postscreen_limit": "postscreen -o postscreen_client_connection_count_limit=1 -o postscreen_greet_wait=60s",
    "behind_tls": "smtpd -o smtpd_tls_security_level=none -o smtpd_sasl_auth_enable=yes",
    "p521": "smtpd -o tls_eecdh_auto_curves=secp521r1",
    "p521_tls12": "smtpd -o tls_eecdh_auto_curves=secp521r1 -o smtpd_tls_protocols=TLSv1.2",
    "x448": "smtpd -o tls_eecdh_auto_curves=X448",
}
"""Listener -> the program behind it and its options. `slow` greets after 1 s, `postscreen` after a teaser and 2 s;
`postscreen_limit` takes one connection from an address; `behind_tls` is for a TLS proxy before it."""

MAIN = """
compatibility_level = 3.6
queue_directory = $directory/spool
data_directory = $directory/data
meta_directory = $config_directory
command_directory = $package/usr/sbin
daemon_directory = $package/usr/lib/postfix/sbin
shlib_directory = $package/usr/lib/postfix
import_environment = MAIL_CONFIG LANG=C LD_LIBRARY_PATH=$shlib_directory
maillog_file = /dev/stdout
myhostname = mail.example.test
mydestination =
alias_maps =
relay_domains = example.test
relay_transport = discard:
default_transport = error:5.7.1 nothing leaves this machine
inet_interfaces = loopback-only
inet_protocols = all
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_cert_file = $certificates/good.pem
smtpd_tls_loglevel = 1
smtpd_sasl_type = dovecot
smtpd_sasl_security_options = noanonymous
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
postscreen_greet_wait = 2s
postscreen_greet_ttl = 1s
postscreen_greet_action = enforce
postscreen_cache_map =
postscreen_access_list =
"""

SERVICES = """
postlog  unix-dgram n - n - 1 postlogd
smtpd    pass - - n - - smtpd
dnsblog  unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
tlsmgr   unix - - n 1000? 1 tlsmgr
anvil    unix - - n - 1 anvil
rewrite  unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
cleanup  unix n - n - 0 cleanup
qmgr     unix n - n 300 1 qmgr
discard  unix - - n - - discard
error    unix - - n - - error
retry    unix - - n - - error
bounce   unix - - n - 0 bounce
defer    unix - - n - 0 bounce
trace    unix - - n - 0 bounce
verify   unix - - n - 1 verify
"""

OF_POSTFIX = (
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "flush",
    "hold",
    "incoming",
    "private",
    "saved",
    "trace",
)
OF_POSTDROP = ("maildrop", "public")


@contextlib.contextmanager
def run_postfix(
    directory: Path, zoo: Zoo, sasl_socket: Path, ports: Mapping[str, int] | None = None
) -> Iterator[Server]:
    """Run Postfix in a directory that all its users may enter. `healthy` listens on ::1 as well.

    All listeners have free ports, or only those of `ports` have these.
    """
    for kind in ("good", "expired", "not_yet_valid", "wrong_host", "self_signed", "no_intermediate"):
        zoo[kind]  # made when first asked for
    server = Server("Postfix", directory, ports or free_ports(tuple(LISTENERS)))
    listeners = [(f"127.0.0.1:{port}", LISTENERS[name]) for name, port in server.ports.items()]
    listeners.append((f"[::1]:{server.port('healthy')}", LISTENERS["healthy"]))
    with run_listeners(server, zoo.directory, listeners, smtpd_sasl_path=sasl_socket):
        yield server


@contextlib.contextmanager
def run_listeners(
    server: Server, certificates: Path, listeners: Sequence[tuple[str, str]], **own: object
) -> Iterator[Server]:
    """Run Postfix with these listeners: an address with its port, and the program with its options."""
    configuration = _configure(server, {"certificates": certificates, **own}, listeners)
    _make_queues(server.directory)
    master: list[str | Path] = [PACKAGE / "usr/lib/postfix/sbin/master", "-c", configuration, "-d"]
    with running(server, master, environment(configuration)):
        yield server


def reload_postfix(server: Server) -> None:
    """Have it read its configuration and certificates anew, as `postfix reload` does."""
    master = server.directory / "spool/pid/master.pid"
    os.kill(int(master.read_text()), signal.SIGHUP)


def environment(configuration: Path) -> dict[str, str]:
    """Where Postfix's programs find their configuration and libraries."""
    return {"MAIL_CONFIG": str(configuration), "LD_LIBRARY_PATH": str(PACKAGE / "usr/lib/postfix")}


def _configure(server: Server, more: Mapping[str, object], listeners: Sequence[tuple[str, str]]) -> Path:
    configuration = server.directory / "etc"
    configuration.mkdir()
    own = {"directory": server.directory, "package": PACKAGE, **more}
    main = configuration / "main.cf"
    main.write_text("".join(f"{key} = {value}\n" for key, value in own.items()) + MAIN)
    os.utime(main, (0, 0))  # while main.cf is new, Postfix waits for it to be written to its end
    services = [
        f"{address} inet n - n - {1 if what.startswith('postscreen') else '-'} {what}\n" for address, what in listeners
    ]
    (configuration / "master.cf").write_text("".join(services) + SERVICES)
    return configuration


def _make_queues(directory: Path) -> None:
    """Make what `postfix post-install` would make, which we do not run."""
    for name in (*OF_POSTFIX, *OF_POSTDROP, "pid"):
        (directory / "spool" / name).mkdir(parents=True)
    (directory / "data").mkdir()
    for name in OF_POSTFIX:
        shutil.chown(directory / "spool" / name, "postfix")
    for name in OF_POSTDROP:
        shutil.chown(directory / "spool" / name, "postfix", "postdrop")
    shutil.chown(directory / "data", "postfix")
