"""Tells a silent server that waits for a ClientHello from a merely slow one.

The one connection that is made beside the probe's own: it sends one ClientHello, hears at most the beginning of a
record, and closes. A slow server takes that for an intruder's, so it is made rarely; `SecondLooks` remembers when.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from exporter.model import Ended, Peer, Result, Security, Session
from exporter.reasons import Reason, Stage
from exporter.targets import is_literal
from exporter.wire import Tls, Wire, is_tls_record

SILENCE = 3.0
"""Seconds without a byte after which a silent end makes us look again."""
PATIENCE = 5.0
"""Seconds that the second connection has of its own, beyond the time-out of the probe."""
AGAIN = 6 * 3600.0
"""Seconds between two looks at a peer that goes on failing so."""

SILENT = frozenset({Reason.GREETING_TIMEOUT, Reason.GREETING_CLOSED})
VERDICT = Ended(
    Stage.GREETING, Reason.IMPLICIT_TLS_REQUIRED, "it is silent; on a second connection it answered a ClientHello"
)


@dataclass(frozen=True, slots=True)
class Look:
    """When a peer was looked at for the last time, and whether it spoke TLS."""

    at: float
    tls: bool = False


class SecondLooks:
    """What is remembered of peers that keep silent. Times are of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._last: dict[Peer, Look] = {}

    def due(self, result: Result, said: bytes, now: float) -> bool:
        """Whether to look at the peer of this result now.

        `said` is what came of a greeting that was not complete. A greeting, whatever it says, lets us forget.
        """
        peer, ended = result.peer, result.ended
        if result.greeting or (said and not is_tls_record(said)):
            self.forget(peer)
        if said or ended is None or ended.reason not in SILENT or not _may_need_tls(peer):
            return False
        last = self._last.get(peer)
        return result.stages.get(Stage.GREETING, 0.0) >= SILENCE and (last is None or now - last.at >= AGAIN)

    def begin(self, peer: Peer, now: float) -> None:
        """Remember that a look begins; until it tells something, the verdict of the one before stands."""
        self._last[peer] = replace(self._last.get(peer, Look(now)), at=now)

    def note(self, peer: Peer, tls: bool | None) -> None:
        """Remember what a look has told, None for nothing; unless the peer was forgotten meanwhile."""
        if tls is not None and peer in self._last:
            self._last[peer] = replace(self._last[peer], tls=tls)

    def judged(self, result: Result) -> Result:
        """The result with the verdict that stands, instead of the greeting reason."""
        if result.ended is None or result.ended.reason not in SILENT:
            return result
        last = self._last.get(result.peer)
        return replace(result, ended=VERDICT) if last and last.tls else result

    def forget(self, peer: Peer) -> None:
        """Drop a peer that is no longer probed, or has greeted."""
        self._last.pop(peer, None)


def _may_need_tls(peer: Peer) -> bool:
    """Port 25 is for greetings in clear (RFC 8314 3); a port that is to be closed is wrong in any case."""
    settings = peer.settings
    return settings.security is not Security.IMPLICIT and peer.port != 25 and settings.expect.port != "closed"


class SecondLook:
    """One look at the peer of a result. `done` is called exactly once, with the look; `on_bug` with our own mistake."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        result: Result,
        done: Callable[["SecondLook"], None],
        on_bug: Callable[[Exception], None],
    ) -> None:
        self._loop, self._first, self._done, self._on_bug = loop, result, done, on_bug
        self._wire = Wire(loop, self)
        self._timer: asyncio.TimerHandle | None = None
        self._heard = b""
        self.tls: bool | None = None
        """Whether a ClientHello was answered by a TLS record; None where there was no connection."""
        self.bug = ""
        """The exception of our own that ended it."""

    def __str__(self) -> str:
        """Say what came of it, for the transcript."""
        if self.tls is None:
            return "no second connection"
        return f"a ClientHello on a second connection was {'' if self.tls else 'not '}answered by TLS"

    def start(self) -> None:
        """Begin."""
        self._timer = self._loop.call_later(PATIENCE, self._guard, self.abort)
        self._guard(self._connect)

    def abort(self) -> None:
        """Stop at once: time is up, or the agent is shutting down."""
        if self._timer:
            self._timer.cancel()
        self._wire.close()
        done, self._done = self._done, _ignore
        done(self)

    def _guard(self, action: Callable[[], None]) -> None:
        """Whatever of ours goes wrong ends this look, and says so."""
        try:
            action()
        except Exception as error:  # noqa: BLE001 - logged there, with its traceback
            self._on_bug(error)
            self.bug = type(error).__name__
            self.abort()

    def _connect(self) -> None:
        first = self._first
        source = first.own_address if first.peer.settings.source_address else None
        try:
            self._wire.connect(first.address, first.peer.port, source)
        except OSError as error:
            self.failed(error)

    def _greet(self) -> None:
        peer = self._first.peer
        self._wire.write(client_hello(peer.settings.tls.server_name or peer.host))

    # --- what the wire tells ------------------------------------------------------------------------------------

    def connected(self, _own_address: str) -> None:
        """Send the ClientHello, and nothing else ever."""
        self.tls = False
        self._guard(self._greet)

    def received(self, data: bytes) -> None:
        """Two bytes tell a TLS record from anything else."""
        self._heard += data
        if len(self._heard) > 1:
            self.tls = is_tls_record(self._heard)
            self._guard(self.abort)

    def secured(self, session: Session) -> None:
        """Never: the wire is not asked to speak TLS."""

    def failed(self, _error: Exception) -> None:
        """It could not be opened, or the peer closed it without an answer."""
        self._guard(self.abort)


def client_hello(server_name: str) -> bytes:
    """One TLS record: the same ClientHello that a probe sends (RFC 6066 3: no name for a literal)."""
    tls = Tls(None if is_literal(server_name) else server_name)
    tls.shake_hands()
    return tls.outgoing()


def _ignore(_: SecondLook) -> None:
    """Already told."""
