"""When a login is due, and the verdict that stands between logins. Holds no password.

Accounts get locked by monitors that try a wrong password every minute; so a login is made at most every
`auth.interval`, and after a rejection only every 15 minutes, or once the password has changed.
"""

from dataclasses import dataclass, replace

from exporter.model import Ended, Peer, Reply
from exporter.phrases import says_too_often
from exporter.reasons import Stage
from exporter.smtp.dialogue import Seen

AFTER_REJECTION = 900.0


@dataclass(frozen=True, slots=True)
class Login:
    """How the last login of a peer went."""

    at: float
    authenticated: bool | None
    """None: it told nothing, because the server only said that we come too often."""
    reply: Reply | None
    ended: Ended | None
    password_hash: int | None
    """Python's salted hash, good within this process only: tells whether the password was changed."""


class Logins:
    """The last login of every peer that has `auth`."""

    def __init__(self) -> None:
        self._last: dict[Peer, Login] = {}

    def due(self, peer: Peer, now: float, password_hash: int | None) -> bool:
        """Whether a login is to be tried in this probe. `password_hash` is None where the password is not known."""
        auth, last = peer.settings.auth, self._last.get(peer)
        if auth is None or last is None:
            return auth is not None
        if last.reply is None or last.reply.code // 100 != 5:
            return now - last.at >= auth.interval
        return password_hash != last.password_hash or now - last.at >= max(auth.interval, AFTER_REJECTION)

    def note(
        self,
        peer: Peer,
        seen: Seen,
        ended: Ended | None,
        now: float,
        own_address: str,
        *,
        password_hash: int | None,
        untestable: bool = False,
    ) -> Ended | None:
        """Remember a login that was tried, or let the last one's verdict stand; return what ended that one.

        `untestable`: it told nothing, for a reason of our own.
        """
        auth, last = peer.settings.auth, self._last.get(peer)
        if auth is None:
            return None
        if seen.authenticated is not None and untestable:
            seen.authenticated = seen.auth = None
            last = self._last[peer] = replace(last or Login(now, None, None, None, password_hash), at=now)
        if seen.authenticated is not None:
            at_login = ended if ended and ended.stage is Stage.AUTH else None
            tried = Login(now, seen.authenticated, seen.auth, at_login, password_hash)
            if seen.auth and seen.auth.code // 100 == 4 and says_too_often(seen.auth, own_address):  # untestable
                tried = replace(last or Login(now, None, None, None, tried.password_hash), at=now)
            self._last[peer] = tried
            return None
        if last is None or seen.auth_not_attempted or seen.auth_unavailable:
            return None
        seen.authenticated, seen.auth = last.authenticated, last.reply
        return last.ended

    def forget(self, peer: Peer) -> None:
        """Drop a peer that is no longer probed."""
        self._last.pop(peer, None)
