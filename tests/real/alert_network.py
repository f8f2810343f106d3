"""What the alert walk watches, on a network of its own: mail servers, names and an uplink that fail on demand.

The client watches from one end of a cable; Postfix serves at the other. Nothing here knows an alert.
"""

import contextlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from exporter.simulated.certificates import Zoo
from tests.real.conftest import NewDirectory
from tests.real.knot import reload_zone, run_knot
from tests.real.namespaces import Namespace, cable
from tests.real.postfix import LISTENERS, reload_postfix, run_listeners
from tests.real.processes import Server

PORTS = {25: "healthy", 465: "submissions", 587: "submission"}
MAIL, POOL = "198.51.100.10", "203.0.113.20"
MX = ("198.51.100.11", "198.51.100.12", "203.0.113.13")
OWN = ("198.51.100.99/24", "203.0.113.99/24")
"""Addresses of the client."""
DEAD_NETWORK = "203.0.113.128/25"
"""The server has these addresses, and nobody listens there."""
AT_ONCE = "-o smtpd_error_sleep_time=0"
FAILING = {
    2525: f"smtpd {AT_ONCE} -o smtpd_client_restrictions=$busy -o smtpd_delay_reject=no",
    2526: f"{LISTENERS['submission']} {AT_ONCE} -o smtpd_tls_cert_file=/nonexistent",
}
"""What an overloaded server does: it greets with 450, or has no resources for TLS. Both take no time, and after neither
the agent waits longer, as it would after 421: a scrape each second sees both."""
BUSY = "check_client_access static:{450 4.3.2 All server ports are busy}"
OF_MAIL = {**{port: LISTENERS[name] for port, name in PORTS.items()}, **FAILING}
EVERY_SECOND = {"interval": "1s", "timeout": "1s", "connect_timeout": "500ms", "confirm_interval": "off"}
TEAM = {"labels": {"team": "mail"}}
TARGETS: list[dict[str, object]] = [
    {"host": "mail.lab.test", "name": "corporate mail", "ports": [25, 465, 587], **TEAM},
    {"domain": "lab.test", "interval": "1s", **TEAM},
    {"host": "pool.lab.test", "ports": [25], "interval": "2500ms", **TEAM},
]
"""The agent keeps an answer of DNS for 5 s at least: it probes an address of the pool twice before it asks again."""
ENDPOINTS = 7
ROTATION_SECONDS = 2

ZONE = """
$ORIGIN lab.test.
$TTL 1
@ SOA ns1 hostmaster {serial} 3600 600 86400 1
@ NS ns1
ns1 A 127.0.0.1
mail A 198.51.100.10
@ MX 10 mx1
@ MX 10 mx2
@ MX 20 mx3
mx1 A 198.51.100.11
mx2 A 198.51.100.12
mx3 A 203.0.113.13
pool A {pool}
"""


class Names:
    """The name server, on the client's loopback; the address of pool.lab.test may change all the time."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._serial = directory, itertools.count(2)
        self._rotation, self._fixed = threading.Thread(), threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with run_knot(self._directory, ZONE.format(serial=1, pool=POOL)):
            try:
                yield
            finally:
                self._fixed.set()

    def rotate(self) -> None:
        """Name another dead address every two seconds."""
        self._fixed.clear()
        self._rotation = threading.Thread(target=self._rotate)
        self._rotation.start()

    def fix(self) -> None:
        """Name the one that serves, and no other from now on."""
        self._fixed.set()
        self._rotation.join()
        self._publish(POOL)

    def _rotate(self) -> None:
        for last in itertools.cycle(range(129, 255)):
            self._publish(f"203.0.113.{last}")
            if self._fixed.wait(ROTATION_SECONDS):
                return

    def _publish(self, pool: str) -> None:
        (self._directory / "lab.test.zone").write_text(ZONE.format(serial=next(self._serial), pool=pool))
        reload_zone(self._directory / "conf", "lab.test")


class Network:
    """A client and, behind its uplink, the hosts of TARGETS."""

    def __init__(self, client: Namespace, server: Namespace, dovecot: Server, new_directory: NewDirectory) -> None:
        self._client, self._server, self._dovecot, self._new_directory = client, server, dovecot, new_directory
        self.names, self.zoo = Names(new_directory("knot")), Zoo(names=("mail.lab.test",))
        self._good = self.zoo.good.pem_file.read_bytes()
        self._mail = contextlib.ExitStack()

    @contextlib.contextmanager
    def running(self) -> Iterator["Network"]:
        """Run all of it, and be at the client's end."""
        self._server.ip(f"route add local {DEAD_NETWORK} dev lo")
        others = [f"{address}:25" for address in (*MX, POOL)]
        with (
            self.zoo,
            Zoo() as zoo,
            self._server.entered(),
            self._postfix(zoo, [(each, LISTENERS["healthy"]) for each in others]),
            self._client.entered(),
            self.names.running(),
            self._mail,
        ):
            self.start()
            yield self

    def _postfix(self, zoo: Zoo, listeners: Sequence[tuple[str, str]]) -> contextlib.AbstractContextManager[Server]:
        ports = {listener: int(listener.rpartition(":")[2]) for listener, _ in listeners}
        server = Server("Postfix", self._new_directory("postfix"), ports)
        zoo["good"]  # made when first asked for
        sasl = self._dovecot.directory / "auth"
        return run_listeners(server, zoo.directory, listeners, smtpd_sasl_path=sasl, busy=BUSY)

    def start(self) -> None:
        """Start Postfix on all ports of mail.lab.test."""
        listeners = [(f"{MAIL}:{port}", what) for port, what in OF_MAIL.items()]
        with self._server.entered():
            self._running = self._mail.enter_context(self._postfix(self.zoo, listeners))

    def stop(self) -> None:
        """Stop it."""
        self._mail.close()

    def show_expired(self) -> None:
        """Give mail.lab.test an expired certificate."""
        self._show(self.zoo.expired.pem_file.read_bytes())

    def show_good(self) -> None:
        """Give it a good one again."""
        self._show(self._good)

    def _show(self, certificate: bytes) -> None:
        self.zoo.good.pem_file.write_bytes(certificate)
        reload_postfix(self._running)

    def drop_25(self) -> None:
        """Drop what comes in to port 25 of mail.lab.test."""
        self._server.filter("input", [f"ip daddr {MAIL} tcp dport 25 drop"])

    def fail_in_turn(self) -> None:
        """Fail on port 587 of mail.lab.test at the greeting, in TLS, at the greeting, and so on."""
        self._server.redirect(587, *FAILING)

    def refuse(self, *hosts: str) -> None:
        """Refuse connections to port 25 of these addresses."""
        self._server.filter("input", [f"ip daddr {{ {', '.join(hosts)} }} tcp dport 25 reject with tcp reset"])

    def let_in(self) -> None:
        """Let everybody in everywhere."""
        self._server.filter("input", [])

    def lose_uplink(self) -> None:
        """Drop whatever leaves the client. Its name server goes on: what the agent keeps of DNS has no pace."""
        self._client.filter("output", ["oifname c drop"])

    def mend_uplink(self) -> None:
        """Let it out again."""
        self._client.filter("output", [])


@contextlib.contextmanager
def network(dovecot: Server, new_directory: NewDirectory) -> Iterator[Network]:
    """Make such a network, and be at the client's end until the end of the block."""
    addresses = [f"{address}/24" for address in (MAIL, *MX, POOL)]
    with cable(addresses, OWN) as (client, server), Network(client, server, dovecot, new_directory).running() as made:
        yield made
