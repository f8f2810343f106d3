"""Probes peers and makes Results: what conversations share. One call of `probe`, one Result, never an exception."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from exporter.model import Dane, Ended, Lookup, Peer, Result, Session, Verdict
from exporter.probe import failures
from exporter.probe.lag import LoopLag
from exporter.probe.logins import Logins
from exporter.probe.passwords import Account, Passwords, WaitForPassword
from exporter.probe.redaction import NOTHING_SECRET
from exporter.probe.second_look import SecondLook, SecondLooks
from exporter.probe.shell import Shell
from exporter.reasons import Reason, Stage, Untestable
from exporter.smtp.dialogue import Seen, converse
from exporter.targets import log_fields
from exporter.trust import Judge, Matcher

Done = Callable[[Result], None]
Talk = Shell | SecondLook | WaitForPassword
log = logging.getLogger(__name__)


class Prober:
    """Starts conversations. `ehlo_name` is this machine's name, None where the address literal is to be said."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        judge: Judge,
        *,
        ehlo_name: str | None = None,
        lag: LoopLag | None = None,
        target_of: Callable[[Peer], str] = lambda _: "",
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop, self._judge, self._ehlo_name = loop, judge, ehlo_name
        self._lag, self._matcher = lag or LoopLag(loop), Matcher()
        self._clock, self._monotonic, self._target_of = clock, monotonic, target_of
        self._logins, self._passwords, self._looks = Logins(), Passwords(), SecondLooks()
        self._talking: set[Talk] = set()
        self.idle = asyncio.Event()
        """Set while no conversation is under way."""
        self.idle.set()

    def probe(self, peer: Peer, addresses: Sequence[str], lookup: Lookup | None, done: Done) -> None:
        """Probe one peer at the first of `addresses` that connects; `done` is called once with the Result.

        Args:
            peer: whom to probe.
            addresses: IP literals to try in turn; none where the name has none.
            lookup: what DNS said; None for a literal.
            done: what to call with the Result; called within `probe` where there is no address.
        """
        now = self._clock()
        blocked = lookup is not None and _timed_out(lookup) and self._lag.blocked_within(lookup.seconds)
        if lookup and blocked:
            lookup = replace(lookup, problem=None)
        if not addresses:
            done(_nowhere(peer, lookup, now, blocked=blocked))
            return
        account = self._passwords.account(peer)
        if account is None or not self._logins.due(peer, self._monotonic(), None):
            self._begin(peer, addresses, lookup, done, account=account)
            return

        def begin(password: str | None) -> None:
            try:
                self._begin(peer, addresses, lookup, done, account=account, password=password)
            except Exception as error:  # noqa: BLE001 - logged there, with its traceback
                self._log_bug(peer, error)
                done(internal_error(peer, error, self._clock(), lookup))

        self._hold(WaitForPassword(self._loop, account, begin, self._over))

    def _begin(
        self,
        peer: Peer,
        addresses: Sequence[str],
        lookup: Lookup | None,
        done: Done,
        *,
        account: Account | None,
        password: str | None = None,
    ) -> None:
        """Begin the conversation; the `password` is only needed where a login may be due."""
        seen, began = Seen(), self._monotonic()
        password_hash = None if password is None else hash(password)

        def finish(shell: Shell) -> None:
            result = self._outcome(peer, lookup, shell, seen, began=began, password_hash=password_hash)
            try:
                self._conclude(shell, result, done)
            finally:
                self._over(shell)

        login_due = self._logins.due(peer, began, password_hash)
        shell = Shell(
            self._loop,
            peer,
            addresses,
            converse(peer, seen, peer.settings.ehlo_name or self._ehlo_name, login_due=login_due),
            lag=self._lag,
            judge=lambda session: self._verdict(peer, session),
            password=password,
            redactor=account.redactor if account else NOTHING_SECRET,
            done=finish,
            on_bug=partial(self._log_bug, peer),
        )
        self._hold(shell)
        shell.start(lookup.seconds if lookup else 0.0)

    def abort(self) -> None:
        """End all conversations at once; their results come as they are."""
        while self._talking:  # a wait for a password becomes a conversation, which is ended then
            for talk in tuple(self._talking):
                talk.abort()

    def forget(self, peer: Peer) -> None:
        """Drop what is remembered of a peer that is no longer probed."""
        self._logins.forget(peer)
        self._passwords.forget(peer)
        self._looks.forget(peer)

    def _hold(self, talk: Talk) -> None:
        self._talking.add(talk)
        self.idle.clear()

    def _over(self, talk: Talk) -> None:
        self._talking.discard(talk)
        if not self._talking:
            self.idle.set()

    def _conclude(self, shell: Shell, result: Result, done: Done) -> None:
        """Hand on what the first connection brought; where the peer kept silent, after a second look if it is due."""
        now = self._monotonic()
        if not self._looks.due(result, shell.pending, now):
            done(self._looks.judged(result))
            return

        def looked(look: SecondLook) -> None:
            self._over(look)
            self._looks.note(result.peer, look.tls)
            shell.transcript.remark(Stage.GREETING, str(look))
            told = self._looks.judged(replace(result, steps=tuple(shell.transcript.steps)))
            done(replace(told, ended=Ended(Stage.INTERNAL, Reason.INTERNAL_ERROR, look.bug)) if look.bug else told)

        self._looks.begin(result.peer, now)
        look = SecondLook(self._loop, result, looked, partial(self._log_bug, result.peer))
        self._hold(look)
        look.start()

    def _log_bug(self, peer: Peer, error: BaseException) -> None:
        """Log a mistake of ours."""
        log.error("internal error", exc_info=error, extra=log_fields(peer, self._target_of(peer)))

    def _verdict(self, peer: Peer, session: Session) -> Verdict | None:
        tls = peer.settings.tls
        return self._judge.judge(session.chain, tls.server_name or peer.host, tls.ca_file, self._clock())

    def _dane(self, peer: Peer, lookup: Lookup | None, session: Session | None) -> Dane | None:
        """What the TLSA records of the host say of the certificates that this address showed."""
        if lookup is None or session is None or not lookup.tlsa.records:
            return None
        names = (lookup.tlsa.base,) if lookup.tlsa.base == peer.host else (lookup.tlsa.base, peer.host)
        return self._matcher.match(session.chain, lookup.tlsa.records, names, lookup.next_hops, self._clock())

    def _outcome(
        self, peer: Peer, lookup: Lookup | None, shell: Shell, seen: Seen, *, began: float, password_hash: int | None
    ) -> Result:
        """Note the login, and make the result; a mistake of ours makes one, too."""
        try:
            seen.auth = shell.transcript.kept(seen.auth)  # remembered; it may repeat the password
            auth_ended = self._logins.note(
                peer,
                seen,
                shell.ended,
                began,
                shell.own_address,
                password_hash=password_hash,
                untestable=shell.untestable is not None,
            )
            return self._result(peer, lookup, shell, seen, auth_ended)
        except Exception as error:  # noqa: BLE001 - logged there, with its traceback
            self._log_bug(peer, error)
            return internal_error(peer, error, self._clock(), lookup, shell.watch.lasted())

    def _result(self, peer: Peer, lookup: Lookup | None, shell: Shell, seen: Seen, auth_ended: Ended | None) -> Result:
        """Freeze what was seen; the certificates are judged and need not be kept."""
        finished, duration, kept = self._clock(), shell.watch.lasted(), shell.transcript.kept
        result = Result(
            peer=peer,
            started=finished - duration,
            finished=finished,
            duration=duration,
            stages=shell.watch.stages if lookup is None else {Stage.DNS: lookup.seconds} | shell.watch.stages,
            lookup=lookup,
            address=shell.address,
            own_address=shell.own_address,
            connected=shell.connected_to,
            greeting=kept(seen.greeting or shell.clear_greeting),
            ehlo=kept(seen.ehlo),
            ehlo_refusal=kept(seen.ehlo_refusal),
            unsolicited=kept(seen.unsolicited),
            hello=seen.hello,
            starttls=kept(seen.starttls),
            session=shell.session.without_chain if shell.session else None,
            established=shell.established,
            ehlo_tls=kept(seen.ehlo_tls),
            hello_tls=seen.hello_tls,
            verdict=shell.verdict,
            dane=self._dane(peer, lookup, shell.session),
            auth=kept(seen.auth),
            authenticated=seen.authenticated,
            auth_not_attempted=seen.auth_not_attempted,
            auth_unavailable=seen.auth_unavailable,
            auth_ended=auth_ended,
            ended=shell.ended,
            untestable=shell.untestable,
            steps=tuple(shell.transcript.steps),
        )
        return shell.transcript.redactor.result(result)


def internal_error(
    peer: Peer, error: BaseException, now: float, lookup: Lookup | None = None, lasted: float = 0.0
) -> Result:
    """Make the result of a probe that a mistake of ours ended."""
    return Result(peer, now - lasted, now, lasted, {}, lookup, ended=failures.mistake(error))


def _timed_out(lookup: Lookup) -> bool:
    return lookup.problem is not None and lookup.problem.reason is Reason.DNS_TIMEOUT


def _nowhere(peer: Peer, lookup: Lookup | None, now: float, *, blocked: bool) -> Result:
    """The result of a probe that has no address to connect to. `blocked`: our event loop was, so DNS had no time."""
    if lookup is None:
        return Result(peer, now, now, 0.0, {})
    nobody = Untestable.DNS_UNAVAILABLE if lookup.unavailable else None
    nobody = Untestable.LOCAL_RESOURCES if blocked else nobody
    stages, began = {Stage.DNS: lookup.seconds}, now - lookup.seconds
    return Result(peer, began, now, lookup.seconds, stages, lookup, ended=lookup.problem, untestable=nobody)
