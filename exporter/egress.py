"""Is a port blocked from here? Judged over hosts and networks, so that one dead host or firewall is never "blocked".

Counts votes as results come, so that a verdict costs the same for ten endpoints and ten thousand. Pure: no I/O.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from ipaddress import ip_address, ip_network
from itertools import islice
from typing import NamedTuple

from exporter.model import Peer, Result
from exporter.reasons import Reason

BLOCKING = frozenset(
    {
        Reason.CONNECTION_TIMEOUT,
        Reason.CONNECTION_REFUSED,
        Reason.NETWORK_UNREACHABLE,
        Reason.CONNECTION_PROHIBITED,
    }
)
"""How a firewall on the way out answers."""
MANY_HOSTS, MANY_NETWORKS = 10, 5
"""So many hosts in so many networks do not fail together by chance, even if nothing else connects."""
PREFIX = {4: 24, 6: 48}
"""What counts as one network."""


class Reach(IntEnum):
    """Where an address is. Only the farthest that vote count: nobody blocks loopback."""

    LOOPBACK = 0
    PRIVATE = 1
    PUBLIC = 2


class Way(NamedTuple):
    """What may be blocked: a port in an address family (4 or 6)."""

    port: int
    family: int


@dataclass(frozen=True, slots=True)
class Vote:
    """Whether one peer could be connected to, and how not."""

    way: Way
    reach: Reach
    host: str
    network: str
    reason: Reason | None
    """None: it connected."""


@dataclass(slots=True)
class Count:
    """The votes of one way and reach."""

    connected: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    networks: Counter[str] = field(default_factory=Counter)

    def add(self, vote: Vote, step: int) -> None:
        """Take a vote in (step 1) or back (step -1)."""
        if vote.reason is None:
            self.connected += step
            return
        for counter, key in ((self.failed, vote.reason), (self.hosts, vote.host), (self.networks, vote.network)):
            counter[key] += step
            if not counter[key]:
                del counter[key]

    @property
    def any(self) -> bool:
        """Whether anybody votes here."""
        return bool(self.connected or self.failed)


def vote_of(peer: Peer, result: Result) -> Vote | None:
    """The vote of a result; None where it has none: nothing was connected to, or the port is meant to be closed."""
    if result.connected is None or not result.address or peer.settings.expect.port == "closed":
        return None
    reason = None if result.connected else (result.ended.reason if result.ended else None)
    if not result.connected and reason not in BLOCKING:
        return None
    return ballot(peer.host, result.address, peer.port, reason)


def ballot(host: str, address: str, port: int, reason: Reason | None) -> Vote:
    """A vote on the way to an address."""
    family, reach, network = _place(address)
    return Vote(Way(port, family), reach, host, network, reason)


@lru_cache(maxsize=1 << 16)
def _place(address: str) -> tuple[int, Reach, str]:
    """The family of an address, how far away it is, and its network."""
    ip = ip_address(address)
    reach = Reach.LOOPBACK if ip.is_loopback else Reach.PUBLIC if ip.is_global else Reach.PRIVATE
    return ip.version, reach, str(ip_network(f"{address}/{PREFIX[ip.version]}", strict=False))


class Egress:
    """The votes of this moment and what they say."""

    def __init__(self, *, min_hosts: int = 3, min_networks: int = 2) -> None:
        self._min_hosts, self._min_networks = min_hosts, min_networks
        self._votes: dict[Peer, Vote] = {}
        self._counts: dict[tuple[Way, Reach], Count] = {}
        self._judged: dict[Way, bool | None] = {}
        self._unjudged = False
        """A way looks blocked since a vote went, and none has come since."""

    def require(self, *, min_hosts: int, min_networks: int) -> None:
        """Ask for so many hosts and networks from now on."""
        self._min_hosts, self._min_networks = min_hosts, min_networks

    def cast(self, voter: Peer, vote: Vote | None) -> bool:
        """Take in the vote of a voter in the place of its last one; None takes that back. True if `judge` is due."""
        old = self._votes.get(voter)
        if vote == old:
            return self._unjudged and vote is not None
        if old:
            del self._votes[voter]
            self._counts[old.way, old.reach].add(old, -1)
        if vote:
            self._votes[voter] = vote
            self._counts.setdefault((vote.way, vote.reach), Count()).add(vote, 1)
        return True

    def judge(self, *, vote_came: bool = True) -> list[tuple[Way, bool | None]]:
        """Judge all ways: a connection on one port may say something about another. Returns what has changed.

        A vote that goes is no news: a reload takes them back one after the other. So no port begins to look blocked
        before the next vote.
        """
        self._unjudged, changed = False, []
        for way in {*self.ways(), *self._judged}:
            blocked = self.blocked(way)
            if self._judged.get(way) is blocked:
                continue
            if blocked and not vote_came:
                self._unjudged = True
                continue
            self._judged[way] = blocked
            changed.append((way, blocked))
        return changed

    def excuses(self, voter: Peer) -> bool:
        """Whether the way of a voter looked blocked when last judged, and its vote is one of those that decide."""
        vote = self._votes.get(voter)
        return vote is not None and self._judged.get(vote.way) is True and self.counts(voter)

    def ways(self) -> list[Way]:
        """The ways that anybody votes on."""
        return sorted({way for (way, _), count in self._counts.items() if count.any})

    def voters(self, way: Way) -> list[Peer]:
        """Who votes on a way, also those that do not count now."""
        return [voter for voter, vote in self._votes.items() if vote.way == way]

    def all_voters(self, start: int = 0, stop: int | None = None) -> list[Peer]:
        """Who votes, on whatever way; some of them, in the order in which they voted otherwise last."""
        return list(islice(self._votes, start, stop))

    def counts(self, voter: Peer) -> bool:
        """Whether a voter is among those that decide."""
        vote = self._votes.get(voter)
        return vote is not None and vote.reach is self._farthest(vote.way)

    def _farthest(self, way: Way) -> Reach | None:
        return next((r for r in reversed(Reach) if (count := self._counts.get((way, r))) and count.any), None)

    def blocked(self, way: Way) -> bool | None:
        """Whether the way looks blocked from here: False once anybody connected, None where it cannot be told."""
        reach = self._farthest(way)
        if reach is None:
            return None
        count = self._counts[way, reach]
        if count.connected:
            return False
        hosts, networks = len(count.hosts), len(count.networks)
        if len(count.failed) != 1 or hosts < self._min_hosts or networks < self._min_networks:
            return None
        elsewhere = any(
            other.connected
            for (other_way, other_reach), other in self._counts.items()
            if other_way.family == way.family and other_way.port != way.port and other_reach is reach
        )
        return True if elsewhere or (hosts >= MANY_HOSTS and networks >= MANY_NETWORKS) else None
