"""Knot signs and serves zones, Unbound validates them, on loopback of the network namespace one is in. Not a test.

A zone is signed by Knot as it is served, or here: then its signatures may be of last year, or of other records.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.dnssec
import dns.message
import dns.name
import dns.query
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

from tests.patience import PATIENCE
from tests.real.knot import KNOTD, configuration, reload_zone
from tests.real.processes import Server, running, wait_until

PORTS = {"Knot": 5300, "Unbound": 53}
UNBOUND = shutil.which("unbound", path="/usr/sbin")

Spoil = Callable[[str], str]


@dataclass(frozen=True)
class Zone:
    """A zone's text, and what becomes of it. `spoil` changes it after it was signed."""

    text: str
    signed: bool = True
    anchor: str = ""
    """The zone whose key is configured for it; its own where empty."""
    expired: bool = False
    spoil: Spoil | None = None

    @property
    def by_knot(self) -> bool:
        """Whether Knot signs it."""
        return self.signed and not self.expired and self.spoil is None


KEYS = """
keystore:
  - id: files
    backend: pem
    config: {directory}/keys
policy:
  - id: one-key
    algorithm: ecdsap256sha256
    single-type-signing: on
    keystore: files
"""

RESOLVER = """
server:
  interface: 127.0.0.1@{port}
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  num-threads: 1
  do-not-query-localhost: no
  module-config: "validator iterator"
  trust-anchor-file: "{directory}/anchors"
  local-zone: "test." nodefault
  ede: yes
  rrset-roundrobin: no
  cache-max-ttl: 1
  cache-max-negative-ttl: 1
remote-control:
  control-enable: no
"""


def write(directory: Path, name: str, zone: Zone) -> str:
    """Write a zone to its file, signed here where Knot does not; return its key as an anchor, or nothing."""
    text, key = (zone.text, "") if zone.by_knot or not zone.signed else _sign(name, zone)
    (directory / f"{name}.zone").write_text(text)
    return key


def _sign(name: str, zone: Zone) -> tuple[str, str]:
    """The zone with signatures and its key."""
    made = dns.zone.from_text(zone.text, name)
    key = ec.generate_private_key(ec.SECP256R1())
    public = dns.dnssec.make_dnskey(key.public_key(), "ECDSAP256SHA256", 257)
    since = datetime.now(UTC) - timedelta(days=365 if zone.expired else 1)
    dns.dnssec.sign_zone(made, keys=[(key, public)], inception=since, expiration=since + timedelta(days=30))
    text = made.to_text(relativize=False)
    return zone.spoil(text) if zone.spoil else text, f"{name}. 60 IN DNSKEY {public.to_text()}\n"


@contextlib.contextmanager
def run_dnssec(directory: Path, zones: Mapping[str, Zone]) -> Iterator[Server]:
    """Serve the zones; the resolver is on 127.0.0.1, port 53."""
    (directory / "keys").mkdir(mode=0o700)
    keys = {name: write(directory, name, zone) for name, zone in zones.items()}
    knot, resolver = (Server(name, directory / name, {name: port}) for name, port in PORTS.items())
    signing = "    dnssec-signing: on\n    dnssec-policy: one-key\n"
    served = "".join(f"  - domain: {name}\n{signing if zone.by_knot else ''}" for name, zone in zones.items())
    for one in (knot, resolver):
        one.directory.mkdir()
    (knot.directory / "conf").write_text(configuration(directory, PORTS["Knot"], KEYS) + served)
    with running(knot, [str(KNOTD), "-c", knot.directory / "conf"]):
        keys |= {name: _key_of(name, knot) for name, zone in zones.items() if zone.by_knot}
        anchors = [keys[zone.anchor].replace(zone.anchor, name, 1) if zone.anchor else keys[name]
                   for name, zone in zones.items() if zone.signed]  # fmt: skip
        (directory / "anchors").write_text("".join(anchors))
        stubs = "".join(f"stub-zone:\n  name: {name}\n  stub-addr: 127.0.0.1@{PORTS['Knot']}\n" for name in zones)
        (resolver.directory / "conf").write_text(RESOLVER.format(directory=directory, port=PORTS["Unbound"]) + stubs)
        with running(resolver, [str(UNBOUND), "-c", resolver.directory / "conf"]):
            yield resolver


def publish(directory: Path, name: str, text: str) -> None:
    """Serve another text of a zone that Knot signs; its serial must be a later one."""
    (directory / f"{name}.zone").write_text(text)
    reload_zone(directory / "Knot" / "conf", name)


def _key_of(name: str, knot: Server) -> str:
    """The key of a zone that Knot signs, once it has."""

    def asked() -> dns.rrset.RRset | None:
        response = dns.query.udp(dns.message.make_query(name, "DNSKEY"), "127.0.0.1", 5, PORTS["Knot"])
        return response.get_rrset(response.answer, dns.name.from_text(name), dns.rdataclass.IN, dns.rdatatype.DNSKEY)

    found = wait_until(asked, PATIENCE, knot.log)
    assert found
    return f"{found.to_text()}\n"
