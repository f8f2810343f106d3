"""Peers whose addresses DNS named until lately: what is known of them waits for an hour, because they may return.

Pools and failovers name the same addresses again and again. An address that started from zero each time would never
have failed three times in a row, and would log in anew each time. Bounded; knows no DNS and no clock.
"""

from collections.abc import Callable

from exporter.model import Peer
from exporter.state import State

REMEMBERED = 3600.0
"""Seconds from the moment an address leaves."""
MOST, MOST_OF_HOST = 2000, 100
"""Peers remembered, of all hosts and of one. Each takes at most 8 kB, most of it conversations that failed."""


class FormerPeers:
    """The states of peers that have left. `forget` is called with each that is remembered no longer."""

    def __init__(self, forget: Callable[[Peer], None]) -> None:
        self._forget = forget
        self._left: dict[Peer, tuple[float, State]] = {}
        """When each left, the longest ago first, and what is known of it."""
        self._of_host: dict[str, dict[Peer, None]] = {}

    def __contains__(self, peer: Peer) -> bool:
        """Whether a peer is remembered."""
        return peer in self._left

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._left)

    def keep(self, state: State, now: float) -> None:
        """Remember a peer that leaves now, on a monotonic clock; where there are too many, drop who left first."""
        self._expire(now)
        of_host = self._of_host.setdefault(state.peer.host, {})
        if len(of_host) >= MOST_OF_HOST:
            self.drop(next(iter(of_host)))
        elif len(self._left) >= MOST:
            self.drop(next(iter(self._left)))
        self._left[state.peer] = now, state.without_result
        self._of_host.setdefault(state.peer.host, {})[state.peer] = None

    def take(self, peer: Peer, now: float) -> State | None:
        """Return what is known of a peer that returns; None where it left too long ago."""
        self._expire(now)
        return self._pop(peer) if peer in self._left else None

    def drop(self, peer: Peer) -> None:
        """Forget a peer."""
        self._pop(peer)
        self._forget(peer)

    def drop_all(self, host: str, which: Callable[[Peer], bool]) -> None:
        """Forget those of the peers of a host that a target no longer has."""
        for peer in [each for each in self._of_host.get(host, ()) if which(each)]:
            self.drop(peer)

    def _pop(self, peer: Peer) -> State:
        _, state = self._left.pop(peer)
        del self._of_host[peer.host][peer]
        if not self._of_host[peer.host]:
            del self._of_host[peer.host]
        return state

    def _expire(self, now: float) -> None:
        while self._left and now - next(iter(self._left.values()))[0] > REMEMBERED:
            self.drop(next(iter(self._left)))
