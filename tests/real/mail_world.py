"""A small world of mail in a network namespace: name server, policy host, and mail servers on ports 25, 465 and 587.

    python -m tests.real.mail_world DIRECTORY

It writes ca.pem into the directory. The name server says of every answer that DNSSEC vouches for it. What is wrong
with which host stands in HOSTS, what is said of which domain in ZONE. Everything has an address of its own, so that
an agent sees what it would see outside.
"""

import asyncio
import contextlib
import hashlib
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.zone
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exporter.simulated.certificates import DAY, Credentials, Kind, Zoo
from exporter.simulated.healthy import SmtpServer, saying
from exporter.simulated.server import Server as MailServer
from exporter.simulated.tls import server_context
from tests.real.namespaces import Namespace
from tests.real.processes import Server, running

HEALTHY, EXPIRING, EXPIRED = Kind(), Kind(starts=-80 * DAY, ends=10 * DAY), Kind(starts=-91 * DAY, ends=-1 * DAY)


@dataclass(frozen=True, slots=True)
class Host:
    """A mail server: where it is, on which ports, and its certificate."""

    addresses: tuple[str, ...]
    ports: tuple[int, ...]
    certificate: Kind = HEALTHY
    broken: bool = False
    """It fails to start TLS."""
    software: str = "Postfix"


HOSTS = {
    "mail.example.com": Host(("198.51.100.10", "2001:db8:a::10"), (25, 465, 587)),
    "mx2.example.com": Host(("198.51.100.11", "2001:db8:a::11"), (25,), EXPIRING),
    "mx.example.net": Host(("203.0.113.20", "2001:db8:b::20"), (25, 587), broken=True, software="Exim 4.98"),
    "mail.example.org": Host(("203.0.113.30",), (25, 465, 587), EXPIRED),
}
DEAD = "198.51.100.77"
"""Nobody answers there."""
POLICY_HOST, POLICY_ADDRESS = "mta-sts.example.com", "198.51.100.40"
POLICY = "version: STSv1\r\nmode: enforce\r\nmx: *.example.com\r\nmax_age: 604800\r\n"
"""What example.com promises (RFC 8461 3.2). That of example.net is not to be had."""

ZONE = """
$ORIGIN .
$TTL 60
@ SOA ns.example.com. hostmaster.example.com. 1 3600 600 86400 25
@ NS ns.example.com.
example.com MX 10 mail.example.com.
example.com MX 20 mx2.example.com.
_smtp._tls.example.com TXT "v=TLSRPTv1; rua=mailto:tls@example.com"
_mta-sts.example.com TXT "v=STSv1; id=20261101"
mta-sts.example.com A 198.51.100.40
_mta-sts.example.net TXT "v=STSv1; id=20250101"
example.net MX 10 mx.example.net.
_smtp._tls.example.net TXT "v=TLSRPTv1; rua=mailto:tls@example.net"
example.org MX 10 mail.example.org.
silent.example.org MX 0 .
dead.example.org MX 10 dead.example.org.
dead.example.org A 198.51.100.77
"""

DOMAINS = ["example.com", "example.net", "example.org", "silent.example.org", "dead.example.org", "lapsed.example"]
TARGETS: list[dict[str, object]] = [
    {"name": "our mail", "host": "mail.example.com", "ports": [25, 465, 587], "labels": {"team": "mail"}},
    {"name": "partner", "host": "mx.example.net", "ports": [25, 587]},
    {"name": "newsletters", "host": "mail.example.org", "ports": [465, 587]},
    {"name": "domains", "domains": DOMAINS, "interval": "2s"},
]
"""What an agent is to probe there."""
WATCHED = 20
"""How many endpoints that is."""


def records(made: dict[str, Credentials]) -> Iterator[str]:
    """The addresses of all hosts, and TLSA records for port 25 of two: one that fits, and one of a key long gone."""
    for name, host in HOSTS.items():
        yield from (f"{name} {'AAAA' if ':' in each else 'A'} {each}" for each in host.addresses)
    key = made["mail.example.com"].certificate.public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    yield f"_25._tcp.mail.example.com TLSA 3 1 1 {digest}"
    yield f"_25._tcp.mx2.example.com TLSA 3 1 1 {'00' * 32}"


class NameServer(asyncio.DatagramProtocol):
    """Answers from a zone, over UDP."""

    transport: asyncio.DatagramTransport

    def __init__(self, zone: dns.zone.Zone) -> None:
        self.zone = zone

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query, recursion_available=True)
        answer.flags |= dns.flags.AD
        name, kind = query.question[0].name, query.question[0].rdtype
        if found := self.zone.get_rrset(name, kind):
            answer.answer.append(found)
        else:
            exists = any(each == name or each.is_subdomain(name) for each in self.zone)
            answer.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
            soa = self.zone.get_rrset("@", dns.rdatatype.SOA)
            assert soa
            answer.authority.append(soa)
        self.transport.sendto(answer.to_wire(), addr)


def script(name: str, host: Host, port: int, credentials: Credentials) -> SmtpServer:
    """What the server of a host does on a port."""
    failing = {"STARTTLS": saying("454 4.7.0 TLS not available due to local problem")} if host.broken else {}
    auth = () if port == 25 else ("PLAIN", "LOGIN")
    banner = f"{name} ESMTP {host.software}"
    return SmtpServer(credentials, name=name, banner=banner, implicit=port == 465, auth=auth, on=failing)


@contextlib.asynccontextmanager
async def serving_policy(credentials: Credentials) -> AsyncIterator[None]:
    """Serve the policy over HTTPS."""

    async def policy(_: web.Request) -> web.Response:
        return web.Response(text=POLICY)

    application = web.Application()
    application.router.add_get("/.well-known/mta-sts.txt", policy)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, POLICY_ADDRESS, 443, ssl_context=server_context(credentials)).start()
        yield
    finally:
        await runner.cleanup()


async def live(directory: Path) -> None:
    """Run all of it until the process is ended. It listens on port 53 of TCP once all is there."""
    async with contextlib.AsyncExitStack() as stack:
        zoos = {name: stack.enter_context(Zoo(names=(name,))) for name in HOSTS}
        made = {name: zoo.issue(HOSTS[name].certificate) for name, zoo in zoos.items()}
        for name, host in HOSTS.items():
            for address in host.addresses:
                for port in host.ports:
                    server = MailServer(script(name, host, port, made[name]), host=address, port=port, remember=1)
                    await stack.enter_async_context(server)
        policies = stack.enter_context(Zoo(names=(POLICY_HOST,)))
        await stack.enter_async_context(serving_policy(policies.good))
        trusted = [zoo.ca_file.read_text() for zoo in (*zoos.values(), policies)]
        (directory / "ca.pem").write_text("".join(trusted))
        zone = dns.zone.from_text(ZONE + "\n".join(records(made)) + "\n", origin=".", relativize=False)
        loop = asyncio.get_running_loop()
        names = NameServer(zone)
        names.transport, _ = await loop.create_datagram_endpoint(lambda: names, local_addr=("127.0.0.1", 53))
        listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 53)
        await listener.serve_forever()


@contextlib.contextmanager
def run_mail_world(network: Namespace, directory: Path) -> Iterator[Server]:
    """Run it in the network one is in, which gets its addresses."""
    addresses = [POLICY_ADDRESS, *(each for host in HOSTS.values() for each in host.addresses)]
    network.ip(*(f"address add {each} dev lo{' nodad' if ':' in each else ''}" for each in addresses),
               f"route add blackhole {DEAD}")  # fmt: skip
    command = (sys.executable, "-m", "tests.real.mail_world", directory)
    listens = Server("mail world", directory, {"dns": 53})
    with running(listens, command, environment={"PYTHONPATH": str(Path(__file__).parents[2])}) as server:
        yield server


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1])))
