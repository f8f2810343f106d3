"""When a login is due, and the verdict that stands between logins (contract 5, Login). Holds no password.

Accounts get locked by monitors that try a wrong password every minute; so a login is made at most every
`auth.interval`, and after a rejection only every 15 minutes, or once the password has changed.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from exporter.model import AuthSettings, Ended, Peer, Reply
from exporter.reasons import Stage
from exporter.smtp.dialogue import Seen

AFTER_REJECTION = 900.0


@dataclass(frozen=True, slots=True)
class Login:
    """How the last login of a peer went."""

    at: float
    authenticated: bool
    reply: Reply | None
    ended: Ended | None
    password_hash: int
    """Python's salted hash, good within this process only: tells whether the password was changed."""


def read_password(auth: AuthSettings) -> str | None:
    """The password from its file (its first line) or environment variable; None where it cannot be read."""
    if auth.password_env:
        return os.environ.get(auth.password_env)
    try:
        return Path(auth.password_file or "").read_text("utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError):
        return None


class Logins:
    """The last login of every peer that has `auth`."""

    def __init__(self) -> None:
        self._last: dict[Peer, Login] = {}

    def due(self, peer: Peer, now: float) -> AuthSettings | None:
        """The login to try in this probe, None where none is due."""
        auth, last = peer.settings.auth, self._last.get(peer)
        if auth is None or last is None:
            return auth
        rejected = last.reply is not None and last.reply.code // 100 == 5
        if rejected and now - last.at < AFTER_REJECTION:
            return auth if hash(read_password(auth)) != last.password_hash else None
        return auth if now - last.at >= auth.interval else None

    def note(self, peer: Peer, seen: Seen, ended: Ended | None, now: float) -> Ended | None:
        """Remember a login that was tried, or let the last one's verdict stand; return what ended that one."""
        auth = peer.settings.auth
        if auth is None:
            return None
        if seen.authenticated is not None:
            at_login = ended if ended and ended.stage is Stage.AUTH else None
            self._last[peer] = Login(now, seen.authenticated, seen.auth, at_login, hash(read_password(auth)))
            return None
        last = self._last.get(peer)
        if last is None or seen.auth_not_attempted or seen.auth_unavailable:
            return None
        seen.authenticated, seen.auth = last.authenticated, last.reply
        return last.ended

    def forget(self, peer: Peer) -> None:
        """Drop a peer that is no longer probed."""
        self._last.pop(peer, None)
