"""What DNS says of a host and port, as long as a probe may wait for it: its addresses, and its TLSA records."""

import asyncio

from exporter.model import Ended, Peer, Tlsa
from exporter.reasons import Reason, Stage
from exporter.resolve import Addresses, Resolver
from exporter.targets import name_of

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


def _timeout(detail: str) -> Ended:
    return Ended(Stage.DNS, Reason.DNS_TIMEOUT, detail)
