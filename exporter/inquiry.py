"""What DNS says of a host and port, as long as a probe may wait for it: its addresses, and its TLSA records.

The agent, /probe and the command line ask here, so that all three judge alike.
"""

import asyncio
from collections.abc import Sequence

from exporter.model import Ended, Lookup, Peer, Settings, Tlsa
from exporter.reasons import Reason, Stage
from exporter.resolve import MX_NOT_SIGNED, NOT_TESTABLE, Addresses, Resolver
from exporter.targets import name_of, speaks_tls

DNS_SHARE = 1 / 3
"""The part of a probe's time-out that may be spent on DNS: slow name servers must not fail healthy mail servers."""


async def inquire(
    resolver: Resolver, peer: Peer, patience: float, *, known: tuple[str, ...] = (), tlsa: Tlsa | None = None
) -> tuple[Addresses, Tlsa]:
    """Ask, and wait for so many seconds.

    Args:
        resolver: whom to ask.
        peer: of whom.
        patience: DNS_SHARE of the time-out of a probe.
        known: the addresses to probe where there is no answer in time.
        tlsa: what to say of TLSA records; None: ask for them, too.
    """
    name, late = name_of(peer), f"no answer within {patience:.3g} s"
    answer, found = Addresses(known, _timeout(f"{peer.host}: {late}")), tlsa or Tlsa()
    try:
        async with asyncio.timeout(patience):
            answer = await resolver.addresses(name.host, mode=name.resolve, family=name.family)
            if tlsa is None:
                found = Tlsa(problem=_timeout(f"TLSA of {peer.host}:{peer.port}: {late}"), remembered=True)
                found = await resolver.tlsa(peer.host, peer.port, answer)
    except TimeoutError:
        pass  # with what there is then
    return answer, found


def ignored_tlsa(resolver: Resolver, settings: Settings, *, named: bool) -> Tlsa | None:
    """Say why TLSA records of a port do not matter (RFC 7672 2.2.1); None where they may.

    Args:
        resolver: whether it is trusted decides.
        settings: those of the port.
        named: its host is named by the user, or by MX records for which DNSSEC vouches.
    """
    if not resolver.trusted:
        return NOT_TESTABLE
    if not speaks_tls(settings):
        return Tlsa()
    return None if named else MX_NOT_SIGNED


def lookup_of(
    resolver: Resolver,
    settings: Settings,
    told: tuple[Addresses, Tlsa],
    waited: float,
    *,
    max_addresses: int,
    next_hops: Sequence[str] = (),
) -> Lookup:
    """What a probe is to know of the answers of DNS.

    Args:
        resolver: who answered.
        settings: those of the port.
        told: what it answered.
        waited: seconds that the probe waited for that.
        max_addresses: how many addresses of a name are endpoints.
        next_hops: the mail domains whose MX records name the host securely.
    """
    answer, tlsa = told
    left_out = max(0, len(answer.addresses) - max_addresses) if settings.addresses != "any" else 0
    return Lookup(waited, answer.problem, left_out, resolver.unavailable, tlsa, tuple(next_hops))


def _timeout(detail: str) -> Ended:
    return Ended(Stage.DNS, Reason.DNS_TIMEOUT, detail)
