"""Performs one script on one wire, by callbacks: no task, no future, one timer. Times every stage when bytes arrive.

It knows commands, not SMTP; what an error means stands in `failures`. An exception of our own ends this conversation
as `internal_error` and nobody else's.
"""

import asyncio
from collections.abc import Callable, Generator, Sequence
from typing import Any

from exporter.model import Peer, Reply, Security, Session, Verdict
from exporter.probe import failures
from exporter.probe.connector import Connector
from exporter.probe.lag import LoopLag
from exporter.probe.redaction import Redactor
from exporter.reasons import Stage
from exporter.smtp.commands import Command, Connect, Handshake, Hear, Judge, Password, Quit, Say
from exporter.smtp.reply import MalformedReplyError, ReplyParser, ReplyTooLongError
from exporter.wire import EarlyDataError, HandshakeError

QUIT_PATIENCE = 2.0
"""Seconds to wait for 221."""
CLOSE_PATIENCE = 0.5
"""Seconds to read and drop what still comes after our FIN: unread bytes would make the kernel send a reset."""


class Shell(Connector):
    """One conversation from connect to close.

    `done` is called exactly once, with the shell; `on_bug` with a mistake of ours.
    """

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
        on_bug: Callable[[Exception], None],
    ) -> None:
        super().__init__(loop, peer, addresses, lag, redactor)
        self._script, self._judge, self._password, self._done = script, judge, password, done
        self._on_bug, self._parser = on_bug, ReplyParser()
        self._command: Command = Connect()
        self.session: Session | None = None
        self.verdict: Verdict | None = None
        self.established = False
        self.clear_greeting: Reply | None = None

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
        except Exception as error:  # noqa: BLE001 - logged there, with its traceback
            self._on_bug(error)
            self.ended = failures.mistake(error)
            self._finish()

    def _advance(self, answer: object) -> None:
        """Send an answer into the script, and perform what it asks for next."""
        try:
            command = self._command = self._script.send(answer)
        except StopIteration:
            self._finish()
            return
        match command:
            case Say():
                self._say(command)
            case Hear():
                self._hear(b"")
            case Connect():
                self._connect()
            case Handshake():
                self._shake_hands()
            case Judge():
                self.verdict = self._judge(self.session) if self.session else None
                self._advance(self.verdict)
            case Password():
                self._advance(self._password)
            case Quit():
                self._quit()

    def _shake_hands(self) -> None:
        """Begin TLS, at once or after a go-ahead: what has come since then is TLS, or else an error."""
        settings = self._peer.settings
        early = None if settings.security is Security.IMPLICIT else self._parser.pending
        self._parser.clear()
        self.watch.skip()
        self._wire.start_tls(settings.tls.server_name or self._peer.host, early)

    def _say(self, command: Say) -> None:
        """Send a line, unless the server has already sent something other than empty lines."""
        unsolicited = self._parser.pending.strip(b"\r\n")
        if unsolicited.startswith(b"421"):  # RFC 5321 3.8: a server that must shut down may say so at any time
            self._hear(b"")
            return
        if unsolicited:
            raise MalformedReplyError.unsolicited(unsolicited)
        self.transcript.said(command.stage, command.shown or command.line)
        if command.shown:
            self.transcript.hide(command.line.rpartition(" ")[2])
        self.watch.skip()
        self._wire.write(f"{command.line}\r\n".encode())

    def _hear(self, data: bytes) -> None:
        """Take a complete reply as the answer; the first one after QUIT ends it, and what comes later is dropped."""
        stage = self._command.stage
        if (stage is Stage.QUIT and stage in self.watch.stages) or not (reply := self._parser.feed(data)):
            return
        self.watch.lap(stage, self._wire.waited)
        self.transcript.heard(stage, reply)
        if stage is Stage.QUIT:
            self._farewell()
        else:
            self.established = self.session is not None
            self._advance(reply)

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
        """Hear what came."""
        self._guard(self._hear, data)

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

    def _time_is_up(self) -> None:
        if self._command.stage is Stage.QUIT and Stage.QUIT not in self.watch.stages:
            self.watch.lap(Stage.QUIT)
            self._guard(self._farewell)
        elif self._command.stage is Stage.CONNECT and self._addresses and self._loop.time() < self._deadline:
            self._guard(self._connect_beside)
        else:
            error = self._timeout()
            self.failed(self._wire.handshake_error(error) or error)

    # --- the end ------------------------------------------------------------------------------------------------

    def _farewell(self) -> None:
        """221 came, or nothing in time: close our side and let the peer close its own."""
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
