"""Policies over HTTPS, from web servers that strangers chose (RFC 8461 3.3): everything they may do is bounded.

Connects to addresses that were looked at first, and only where the certificate is valid for mta-sts.DOMAIN; follows no
redirect, sends no cookie, knows no proxy. Never raises for what a server did: that is a problem, with its reason.
"""

import asyncio
import ipaddress
import ssl
from collections.abc import Collection, Iterable, Sequence

from exporter.model import Policy, Problem
from exporter.peer_text import excerpt
from exporter.reasons import Reason, Severity, Stage
from exporter.resolve import Resolver
from exporter.sts.errors import InvalidError, RefusedError
from exporter.sts.policy import parse
from exporter.sts.stream import TlsStream
from exporter.wire import TlsError

PATIENCE = 30.0
"""Seconds for everything, from DNS to the last byte; RFC 8461 3.3 suggests a minute."""
MOST_ADDRESSES = 8
AT_ONCE, DOUBTFUL_AT_ONCE = 80, 20
"""Fetches under way: of all policies, and of those that failed last time. These wait for each other, not for all."""
SPACING = 0.05
"""Seconds from the start of one to that of the next: a handshake takes milliseconds, and so many probes wait for it."""
MOST_WAITING = 1000
"""Fetches that wait for room; more are turned away, to come again."""
NAT64, LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48")


class Fetcher:
    """Fetches the policies of mail domains, few at a time. `load` before."""

    def __init__(
        self, resolver: Resolver, *, allow_private: bool = False, port: int = 443, patience: float = PATIENCE
    ) -> None:
        self.allow_private = allow_private
        self._resolver, self._port, self._patience = resolver, port, patience
        self._contexts: dict[str | None, ssl.SSLContext] = {}
        self._lanes = {False: asyncio.Semaphore(AT_ONCE), True: asyncio.Semaphore(DOUBTFUL_AT_ONCE)}
        self._waiting = {False: 0, True: 0}
        self._next = 0.0

    def load(self, ca_files: Iterable[str | None], keep: Collection[str | None] = ()) -> None:
        """Read these trust anchors anew; None: the system's. Those to `keep` stay as they are.

        Takes long: call it in a thread.

        Raises:
            OSError: one cannot be read.
        """
        kept = {ca_file: context for ca_file, context in self._contexts.items() if ca_file in keep}
        self._contexts = kept | {ca_file: _context(ca_file) for ca_file in set(ca_files)}

    def has_room(self, *, doubtful: bool) -> bool:
        """Whether one more may wait for its turn. `doubtful`: the last attempt failed."""
        return self._waiting[doubtful] < MOST_WAITING

    async def fetch(self, domain: str, ca_file: str | None, *, doubtful: bool = False) -> Policy | Problem:
        """Fetch the policy of a domain, as soon as there is room."""
        self._waiting[doubtful] += 1
        try:
            await self._lanes[doubtful].acquire()
            await self._pace()
        finally:
            self._waiting[doubtful] -= 1
        try:
            return await self._attempt(f"mta-sts.{domain}", ca_file)
        finally:
            self._lanes[doubtful].release()

    async def _pace(self) -> None:
        now = asyncio.get_running_loop().time()
        self._next = max(now, self._next + SPACING)
        await asyncio.sleep(self._next - now)

    async def _attempt(self, host: str, ca_file: str | None) -> Policy | Problem:
        try:
            async with asyncio.timeout(self._patience):
                body = await self._body(host, ca_file)
        except ssl.SSLCertVerificationError as error:
            return _problem(Reason.STS_WEBPKI_INVALID, f"{host}: {excerpt(error.verify_message)}")
        except TimeoutError:
            return _problem(Reason.STS_POLICY_FETCH_ERROR, f"{host}: no whole answer within {self._patience:.3g} s")
        except (RefusedError, TlsError, OSError) as error:
            return _problem(Reason.STS_POLICY_FETCH_ERROR, f"{host}: {_said(error)}")
        except InvalidError as error:
            return _problem(Reason.STS_POLICY_INVALID, f"the policy of {host}: {error}")
        try:
            return parse(body)
        except ValueError as error:
            return _problem(Reason.STS_POLICY_INVALID, f"the policy of {host}: {error}")

    async def _body(self, host: str, ca_file: str | None) -> bytes:
        """The text of a policy.

        Raises:
            RefusedError: it is not to be had as RFC 8461 3.3 asks.
            InvalidError: it is not of the type that RFC 8461 3.2 asks for.
            OSError, TimeoutError, TlsError: the network or TLS failed.
        """
        from exporter.sts.http import get  # h11 comes with it

        stream = await self._connect(host, ca_file)
        try:
            return await get(host, stream)
        finally:
            stream.abort()

    async def _connect(self, host: str, ca_file: str | None) -> TlsStream:
        """Connect to the first address that answers. A certificate that is not valid is not valid on any of them."""
        addresses = await self._addresses(host)
        failed: OSError | TlsError = OSError()
        for address in addresses:
            try:
                async with asyncio.timeout(self._patience / len(addresses)):
                    return await TlsStream.open(address, self._port, self._trusting(ca_file), host)
            except ssl.SSLCertVerificationError:
                raise
            except (OSError, TlsError) as error:
                failed = error
        raise failed

    async def _addresses(self, host: str) -> Sequence[str]:
        """Where the web server is. Only what the whole world can reach, unless private addresses are allowed."""
        found = await self._resolver.addresses(host, mode="dns", family="any")
        if not found.addresses:
            raise RefusedError(found.problem.detail if found.problem else "it has no address")
        usable = [each for each in found.addresses if (addressed if self.allow_private else public)(each)]
        if not usable:
            listed = ", ".join(found.addresses[:MOST_ADDRESSES])
            raise RefusedError(f"{listed} is not public: not connected (mta_sts.allow_private)")
        return usable[:MOST_ADDRESSES]

    def _trusting(self, ca_file: str | None) -> ssl.SSLContext:
        if ca_file not in self._contexts:  # of a configuration that has just gone
            self._contexts[ca_file] = _context(ca_file)
        return self._contexts[ca_file]


def public(address: str) -> bool:
    """Whether the whole world can reach an address; one that holds an IPv4 address counts as that (RFC 4038, 6052)."""
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.is_site_local or ip in LOCAL_NAT64:
            return False
        nat64 = ipaddress.IPv4Address(ip.packed[12:]) if ip in NAT64 else None
        ip = ip.ipv4_mapped or ip.sixtofour or nat64 or ip
    return ip.is_global and addressed(str(ip))


def addressed(address: str) -> bool:
    """Whether it is the address of one machine, and of none that merely this link knows."""
    ip = ipaddress.ip_address(address)
    return not (ip.is_multicast or ip.is_unspecified or ip.is_link_local)


def _context(ca_file: str | None) -> ssl.SSLContext:
    """Verify as for a web server; whatever stands in a ca_file is an anchor, as for mail servers."""
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.hostname_checks_common_name = False  # RFC 8461 3.3: a DNS-ID
    return context


def _said(error: Exception) -> str:
    """What went wrong, in a few words."""
    match error:
        case RefusedError():
            return str(error)
        case TlsError():
            return f"TLS failed ({error.reason})"
        case ssl.SSLError():
            return f"TLS failed ({excerpt(error.reason or 'the connection was closed').lower().replace('_', ' ')})"
        case ConnectionResetError():
            return "it reset the connection"
    return excerpt(getattr(error, "strerror", None) or "it cannot be connected to")


def _problem(reason: Reason, detail: str) -> Problem:
    return Problem(reason, Stage.POLICY, Severity.WARNING, detail)
