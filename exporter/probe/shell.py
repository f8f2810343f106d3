"""Performs one script on one wire, by callbacks: no task, no future, one timer. Times every stage when bytes arrive.

It knows commands, not SMTP; what an error means stands in `failures`. An exception of our own ends this conversation
as `internal_error` and nobody else's.
"""

import asyncio
import errno
import logging
from collections.abc import Callable, Generator, Sequence
from typing import Any

from exporter.model import Ended, Peer, Reply, Security, Session, Verdict
from exporter.probe import failures
from exporter.probe.attempts import DELAY_SHARE, MOST_ADDRESSES, Attempt
from exporter.probe.lag import LoopAwayError, LoopLag
from exporter.probe.redaction import Redactor
from exporter.probe.stopwatch import Stopwatch
from exporter.probe.transcript import Transcript
from exporter.reasons import Reason, Stage, Untestable
from exporter.smtp.commands import Command, Connect, Handshake, Hear, Judge, Password, Quit, Say
from exporter.smtp.reply import MalformedReplyError, ReplyParser, ReplyTooLongError
from exporter.wire import EarlyDataError, HandshakeError, Wire, has_route

log = logging.getLogger(__name__)

QUIT_PATIENCE = 2.0
"""Seconds to wait for 221 (contract 5, QUIT)."""
CLOSE_PATIENCE = 0.5
"""Seconds to read and drop what still comes after our FIN: unread bytes would make the kernel send a reset."""

_LATER = object()
"""What performing a command gives when its answer comes by a callback."""


class Shell:
    """One conversation from connect to close. `done` is called exactly once, with the shell."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        peer: Peer,
        addresses: Sequence[str],
        script: Generator[Command, Any, None],
        *,
        lag: LoopLag,
        judge: Callable[[Session], Verdict | None],
        password: str | None,
        redactor: Redactor,
        done: Callable[["Shell"], None],
    ) -> None:
        self._loop, self._peer, self._script = loop, peer, script
        self._addresses = list(addresses[:MOST_ADDRESSES])
        self._lag, self._judge, self._password, self._done = lag, judge, password, done
        self._wire = Wire(loop, self)
        self._earlier: list[Attempt] = []
        """Attempts that go on beside that of `_wire`, the oldest first."""
        self._parser = ReplyParser()
        self._command: Command = Connect()
        self._timer: asyncio.TimerHandle | None = None
        self.watch = Stopwatch()
        self.transcript = Transcript(self.watch.lasted, redactor)
        self.address = self.own_address = self._failed_to = ""
        self.connected_to: bool | None = None
        self.session: Session | None = None
        self.verdict: Verdict | None = None
        self.established = False
        self.clear_greeting: Reply | None = None
        self.ended: Ended | None = None
        self.untestable: Untestable | None = None

    def start(self, waited: float) -> None:
        """Begin. The time-out of the whole probe has run since it `waited` for DNS, so many seconds."""
        self.watch.start(waited)
        self._deadline = self._loop.time() - waited + self._peer.settings.timeout
        self._guard(self._advance, None)

    @property
    def pending(self) -> bytes:
        """What has come of a reply that is not complete."""
        return self._parser.pending

    def abort(self) -> None:
        """Stop at once, without a result of its own: the agent is shutting down."""
        self._finish()

    # --- the script ---------------------------------------------------------------------------------------------

    def _guard(self, action: Callable[..., None], *args: Any) -> None:
        """Whatever of ours goes wrong ends this conversation, and says so. Once it is over, nothing happens."""
        if self._done is _ignore:
            return
        try:
            action(*args)
        except (MalformedReplyError, ReplyTooLongError) as error:
            self._over(error)
        except Exception as error:
            log.exception("internal error", extra={"endpoint": str(self._peer)})
            self.ended = Ended(Stage.INTERNAL, Reason.INTERNAL_ERROR, type(error).__name__)
            self._finish()

    def _advance(self, answer: object) -> None:
        """Send answers into the script and perform what it asks for, until it must wait."""
        while answer is not _LATER:
            try:
                self._command = self._script.send(answer)
            except StopIteration:
                self._finish()
                return
            answer = self._perform(self._command)

    def _perform(self, command: Command) -> object:
        match command:
            case Say():
                return self._say(command)
            case Hear():
                return self._hear(b"")
            case Connect():
                self._connect()
            case Handshake():
                implicit = self._peer.settings.security is Security.IMPLICIT
                early = None if implicit else self._parser.pending
                self._parser.clear()
                self.watch.skip()
                self._wire.start_tls(self._peer.settings.tls.server_name or self._peer.host, early)
            case Judge():
                self.verdict = self._judge(self.session) if self.session else None
                return self.verdict
            case Password():
                return self._password
            case Quit():
                self._quit()
        return _LATER

    def _say(self, command: Say) -> object:
        """Send a line, unless the server has already sent something other than empty lines."""
        unsolicited = self._parser.pending.strip(b"\r\n")
        if unsolicited.startswith(b"421"):  # RFC 5321 3.8: a server that must shut down may say so at any time
            return self._hear(b"")
        if unsolicited:
            raise MalformedReplyError.unsolicited(unsolicited)
        self.transcript.said(command.stage, command.shown or command.line)
        if command.shown:
            self.transcript.hide(command.line.rpartition(" ")[2])
        self.watch.skip()
        self._wire.write(f"{command.line}\r\n".encode())
        return _LATER

    def _hear(self, data: bytes) -> object:
        """Feed the parser; note a reply that is complete."""
        reply = self._parser.feed(data)
        if reply is None:
            return _LATER
        self.watch.lap(self._command.stage, self._wire.waited)
        self.established = self.established or self.session is not None
        self.transcript.heard(self._command.stage, reply)
        return reply

    def _connect(self) -> None:
        """Try the next address. `ended` and `untestable` keep what became of those before."""
        settings, now = self._peer.settings, self._loop.time()
        self.address = self._addresses.pop(0)
        self._expires = min(now + settings.connect_timeout, self._deadline)
        self._set_timer(min(now + settings.connect_timeout * (DELAY_SHARE if self._addresses else 1), self._deadline))
        source = next((source for source in settings.source_address if (":" in source) == (":" in self.address)), None)
        self.transcript.remark(Stage.CONNECT, f"connecting to {self.address} port {self._peer.port}")
        try:
            if ":" in self.address and not has_route(self.address):
                raise OSError(errno.ENETUNREACH, "no route for IPv6 on this machine")  # noqa: TRY301 - one handler
            self.watch.skip()
            self._wire.connect(self.address, self._peer.port, source)
        except OSError as error:
            self._loop.call_soon(self._failed_at_once, self._wire, error)

    def _failed_at_once(self, wire: Wire, error: OSError) -> None:
        if wire is self._wire:  # no earlier attempt has connected meanwhile
            self.failed(error)

    def _connect_beside(self) -> None:
        """Try the next address while the attempts before go on, each until its own time is up (RFC 8305 5)."""
        self.watch.lap(Stage.CONNECT)
        self._earlier.append(Attempt(self._wire, self.address, self._expires, self))
        self._wire = Wire(self._loop, self)
        while self._earlier[0].expires <= self._loop.time():
            self._drop(self._earlier[0], self._timeout())
        self._connect()

    def _go_on_with(self, attempt: Attempt) -> None:
        """Listen to an earlier attempt instead."""
        self._wire.close()
        self._earlier.remove(attempt)
        self._wire, self.address = attempt.wire, attempt.address
        self._wire.tell(self)
        self._set_timer(attempt.expires)

    def attempt_connected(self, attempt: Attempt, own_address: str) -> None:
        """Go on with the attempt that connected first."""
        self._guard(self._go_on_with, attempt)
        self.connected(own_address)

    def attempt_failed(self, attempt: Attempt, error: Exception) -> None:
        """Go on without it."""
        self._guard(self._drop, attempt, error)

    def _drop(self, attempt: Attempt, error: Exception) -> None:
        self._earlier.remove(attempt)
        attempt.close()
        self._note_failure(attempt.address, error)

    def _give_up_earlier(self) -> None:
        for attempt in self._earlier:
            attempt.close()
        self._earlier.clear()

    def _note_failure(self, address: str, error: Exception) -> None:
        """Sort the failure of one address."""
        untestable = failures.untestable(error, address)
        if untestable:
            if self.untestable is not Untestable.LOCAL_RESOURCES:
                self.untestable = untestable
        else:
            self.connected_to, self._failed_to = False, address
            self.ended = failures.ended(Stage.CONNECT, error, self._peer.settings.security, self._peer.port)
        self.transcript.remark(Stage.CONNECT, f"{address}: {failures.detail(error) or 'no answer'}")

    def _not_connected(self, error: Exception) -> None:
        """Try the next address, go on with an earlier attempt, or give up."""
        self._wire.close()
        self._note_failure(self.address, error)
        if self._addresses and self._loop.time() < self._deadline:
            self._connect()
            return
        if self._earlier:
            self._go_on_with(self._earlier[-1])
            return
        if self.untestable is Untestable.LOCAL_RESOURCES:  # that address may be well
            self.connected_to = self.ended = None
        elif self.ended:  # one that could be tried has failed: that counts
            self.untestable, self.address = None, self._failed_to
        self._finish()

    def _quit(self) -> None:
        self._set_timer(min(self._loop.time() + QUIT_PATIENCE, self._deadline))
        self._parser.clear()
        self.transcript.said(Stage.QUIT, "QUIT")
        self.watch.skip()
        self._wire.write(b"QUIT\r\n")

    # --- what the wire tells ------------------------------------------------------------------------------------

    def connected(self, own_address: str) -> None:
        """Take the address of our end as the answer to Connect."""
        self.watch.lap(self._command.stage, self._wire.waited)
        self.connected_to, self.ended, self.untestable = True, None, None
        if self._earlier:
            self._give_up_earlier()
        self._set_timer(self._deadline)
        self.own_address = own_address.partition("%")[0]
        self._guard(self._advance, self.own_address)

    def received(self, data: bytes) -> None:
        """Hear what came; after QUIT the first complete reply ends it, and later bytes are dropped."""
        self._guard(self._hear_on, data)

    def _hear_on(self, data: bytes) -> None:
        if not isinstance(self._command, Quit):
            self._advance(self._hear(data))
        elif Stage.QUIT not in self.watch.stages and (reply := self._parser.feed(data)):
            self.transcript.heard(Stage.QUIT, reply)
            self._farewell(self._wire.waited)

    def secured(self, session: Session) -> None:
        """Take the TLS session as the answer to Handshake."""
        self.watch.lap(self._command.stage, self._wire.waited)
        self.session = session
        self.transcript.remark(Stage.TLS, f"{session.version} {session.cipher}")
        self._guard(self._advance, session)

    def failed(self, error: Exception) -> None:
        """End the conversation, unless it was over anyway or another address is left to try."""
        self._guard(self._over, error)

    def _over(self, error: Exception) -> None:
        stage, security = self._command.stage, self._peer.settings.security
        if Stage.QUIT not in self.watch.stages:
            self.watch.lap(Stage.STARTTLS if self._told_too_much(error) else stage)
        if stage is Stage.CONNECT:
            self._not_connected(error)
            return
        if isinstance(error, HandshakeError):
            self._handshake_failed(error)
        if stage is not Stage.QUIT:
            self.untestable = failures.untestable(error, self.address)
        if self.untestable:
            self.transcript.remark(stage, failures.detail(error))
        elif stage is not Stage.QUIT and self.clear_greeting is None:
            silence = 0.0 if self._parser.pending else self.watch.stages.get(stage, 0.0)
            ended = self.ended = failures.ended(
                stage, error, security, self._peer.port, established=self.established, silence=silence
            )
            self.transcript.remark(ended.stage, f"{ended.reason} {ended.detail}".strip())
        self._finish()

    def _told_too_much(self, error: Exception) -> bool:
        """Whether STARTTLS was followed by clear text: then TLS was not begun."""
        return isinstance(error, EarlyDataError) and self._peer.settings.security is Security.STARTTLS

    def _handshake_failed(self, error: HandshakeError) -> None:
        """A handshake that failed late still showed its certificate: judge that, too."""
        self.session = error.session
        if self._peer.settings.security is Security.IMPLICIT and (reply := failures.greeting_in_clear(error.raw)):
            self.transcript.heard(Stage.GREETING, reply)
            self.clear_greeting = reply
        self.verdict = self._judge(error.session)

    # --- time ---------------------------------------------------------------------------------------------------

    def _set_timer(self, when: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._time_is_up)

    def _time_is_up(self) -> None:
        if self._command.stage is Stage.QUIT and Stage.QUIT not in self.watch.stages:
            self._guard(self._farewell)
        elif self._command.stage is Stage.CONNECT and self._addresses and self._loop.time() < self._deadline:
            self._guard(self._connect_beside)
        else:
            error = self._timeout()
            self.failed(self._wire.handshake_error(error) or error)

    def _timeout(self) -> TimeoutError:
        """Time is up: for the server, unless we were away ourselves."""
        return LoopAwayError() if self._lag.away_within(self.watch.lasted()) else TimeoutError()

    # --- the end ------------------------------------------------------------------------------------------------

    def _farewell(self, waited: float = 0.0) -> None:
        """221 came, or nothing in time: close our side and let the peer close its own."""
        self.watch.lap(self._command.stage, waited)
        self._wire.finish()
        self._set_timer(min(self._loop.time() + CLOSE_PATIENCE, self._deadline))

    def _finish(self) -> None:
        """End, and tell. Nothing of it goes round in a circle then: it is freed at once, not by the collector."""
        if self._done is _ignore:
            return
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._wire.close()
        if self._earlier:
            self._give_up_earlier()
        self._script.close()
        done, self._done = self._done, _ignore
        done(self)
        self._wire.forget()


def _ignore(_: Shell) -> None:
    """Already told."""
