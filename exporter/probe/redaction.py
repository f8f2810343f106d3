"""Removes the password of a login from everything that a peer said, in the forms in which a peer might repeat it.

A naive server repeats an AUTH line in its 535, a hostile one repeats the password anywhere: in a greeting, an EHLO
keyword, the name of a mechanism, a certificate. So nothing of a peer is kept that has not come through here.
A redactor holds salted hashes of the parts of passwords, never the text. The time is linear in the text, however long
the password is.
"""

import operator
from base64 import b64encode
from collections.abc import Hashable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from itertools import chain, groupby
from typing import Any
from urllib.parse import quote

from exporter.model import Hello, Reply, Result, Verdict

WINDOW = 8
"""Characters: a part of a password that is this long is hidden as well, since servers cut what they repeat."""
SHORTEST = 4
"""Characters: shorter secrets are not looked for. Stars in the place of every "a" would only tell them."""
DENSE = 1024
"""Characters of a secret of which every window is kept; of what follows every WINDOW-th one."""
MAX_WINDOWS = 1 << 18
"""Windows that a redactor keeps: passwords that were replaced long ago are forgotten."""
MAX_CLEAN, MAX_CLEAN_CHARACTERS = 256, 256
"""Texts, replies and verdicts that are known to hold no secret: servers say the same every minute."""
REPEATED = (Reply, Verdict)
STARS = "***"

REGISTERED = frozenset(
    """
    8BITMIME ATRN AUTH BINARYMIME BURL CHECKPOINT CHUNKING CONPERM CONNEG DELIVERBY DSN ENHANCEDSTATUSCODES ETRN EXPN
    FUTURERELEASE HELP LIMITS MT-PRIORITY MTRK NO-SOLICITING ONEX PIPELINING REQUIRETLS RRVS SEND SIZE SMTPUTF8
    STARTTLS SUBMITTER TURN UTF8SMTP VERB VRFY XCLIENT XFORWARD
    ANONYMOUS CRAM-MD5 DIGEST-MD5 EXTERNAL GS2-KRB5 GSSAPI LOGIN NTLM OAUTHBEARER PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS
    SCRAM-SHA-256 SCRAM-SHA-256-PLUS XOAUTH2
    """.split()  # noqa: SIM905 - a list literal is a page long
)
"""Keywords and mechanisms that any server may say, so they tell no password, and verdicts rest on them."""
OURS = frozenset(
    {"peer", "lookup", "address", "own_address", "verb", "who", "version", "cipher", "fingerprint_sha256", "key"}
)
"""Fields of results in whose text no peer has a say, or that nobody can choose."""


def forms(secret: str) -> Iterator[str]:
    """List what a peer might make of a secret: each encoding of it, and each reversed."""
    for encoded in _encodings(secret):
        yield encoded
        yield encoded[::-1]


def _encodings(secret: str) -> Iterator[str]:
    """List the plain text, hexadecimal, percent-encoding (RFC 3986 2.1), and base64 at any alignment."""
    octets = secret.encode("utf-8", "replace")
    yield secret
    yield octets.hex()
    yield quote(octets, safe="")
    for before in range(3):  # octets that share a group of base64 with the first ones of the secret
        encoded = b64encode(bytes(before) + octets).decode()
        whole = encoded[(8 * before + 5) // 6 : 8 * (before + len(octets)) // 6]
        yield whole
        yield whole.replace("+", "-").replace("/", "_")  # RFC 4648 5


def _folded(text: str) -> str:
    """The text in lower case, character by character: some would become two."""
    if text.isascii():
        return text.lower()
    return "".join(lower if len(lower := c.lower()) == 1 else c for c in text)


@cache
def _searched(kind: type) -> tuple[str, ...]:
    """The fields of values of a type that may hold text of a peer."""
    if not is_dataclass(kind):
        return ()
    return tuple(each.name for each in fields(kind) if each.name not in OURS)


class Redactor:
    """Knows the passwords of one account, as hashes. Immutable, but for what it remembers to be clean."""

    __slots__ = ("_clean", "_windows", "active")

    def __init__(self, windows: dict[int, frozenset[int]] | None = None) -> None:
        self._windows = windows or {}
        self.active = bool(windows)
        """There is something to hide."""
        self._clean: set[Hashable] = set()

    def including(self, secret: str) -> "Redactor":
        """A redactor that hides this as well, unless it is shorter than SHORTEST."""
        if len(secret) < SHORTEST:
            return self
        full = sum(map(len, self._windows.values())) > MAX_WINDOWS
        windows = {} if full else dict(self._windows)
        for form in map(_folded, forms(secret)):
            size = min(len(form), WINDOW)
            last = len(form) - size + 1
            starts = chain(range(min(last, DENSE)), range(DENSE, last, WINDOW))
            windows[size] = windows.get(size, frozenset()).union(hash(form[at : at + size]) for at in starts)
        return Redactor(windows)

    def text(self, text: str, limit: int | None = None) -> str:
        """The text, cut at `limit` characters, with stars in the place of what is secret."""
        if not self.active or text in self._clean:
            return text[:limit]
        seen = text if limit is None else text[: limit + WINDOW]  # a secret that the cut would leave a part of
        hidden = self._hidden(_folded(seen))
        if not hidden:
            if len(seen) <= MAX_CLEAN_CHARACTERS:
                self._remember(seen)
            return text[:limit]
        runs = groupby(range(len(text[:limit])), key=hidden.__contains__)
        return "".join(STARS if secret else "".join(text[at] for at in run) for secret, run in runs)

    def _hidden(self, folded: str) -> set[int]:
        """The indexes of characters that belong to a secret."""
        hidden: set[int] = set()
        for size, windows in self._windows.items():
            for at in range(len(folded) - size + 1):
                if hash(folded[at : at + size]) in windows:
                    hidden.update(range(at, at + size))
        return hidden

    def _remember(self, clean: Hashable) -> None:
        if len(self._clean) >= MAX_CLEAN:
            self._clean.clear()
        self._clean.add(clean)

    # --- what a probe brings ------------------------------------------------------------------------------------

    def result(self, result: Result) -> Result:
        """A result without secrets. What holds none stays the same object, which many results may share."""
        found: Result = self._without_secrets(result) if self.active else result
        return found

    def _without_secrets(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is tuple:
            parts = tuple(map(self._without_secrets, value))
            return value if all(map(operator.is_, parts, value)) else parts
        if kind is Hello:
            return self._hello(value)
        if kind in REPEATED and value in self._clean:
            return value
        changed = {
            name: part
            for name in _searched(kind)  # type: ignore[arg-type]  # a type is hashable
            if (part := self._without_secrets(before := getattr(value, name))) is not before
        }
        if changed:
            return replace(value, **changed)
        if kind in REPEATED:
            self._remember(value)
        return value

    def _tells(self, word: str) -> bool:
        return word not in REGISTERED and self.text(word) != word

    def _hello(self, hello: Hello) -> Hello:
        """Keywords and mechanisms are dropped where they hold a secret, as others that no server may say."""
        extensions = {word: self.text(value) for word, value in hello.extensions.items() if not self._tells(word)}
        mechanisms = frozenset(word for word in hello.mechanisms if not self._tells(word))
        same = extensions == hello.extensions and mechanisms == hello.mechanisms
        return hello if same else replace(hello, extensions=extensions, mechanisms=mechanisms)


NOTHING_SECRET = Redactor()
"""That of a peer without a login."""
