"""Removes the password of a login from everything that a peer said, in the forms in which a peer might repeat it.

A naive server repeats an AUTH line in its 535, a hostile one repeats the password anywhere: in a greeting, an EHLO
keyword, the name of a mechanism, a certificate. So nothing of a peer is kept that has not come through here.
A redactor holds salted hashes of the parts of passwords, never the text. The time is linear in the text, however long
the password is.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, groupby

from exporter.model import Certificate, Hello, Result, Verdict

WINDOW = 8
"""Characters: a part of a password that is this long is hidden as well, since servers cut what they repeat."""
SHORTEST = 4
"""Characters: shorter secrets are not looked for. Stars in the place of every "a" would only tell them."""
DENSE = 1024
"""Characters of a secret of which every window is kept; of what follows every WINDOW-th one."""
MAX_WINDOWS = 1 << 18
"""Windows that a redactor keeps: passwords that were replaced long ago are forgotten."""
MAX_CLEAN, MAX_CLEAN_CHARACTERS = 512, 256
"""Texts that are remembered to hold no secret, and how long each may be: servers say the same every minute."""
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


def forms(secret: str) -> Iterator[str]:
    """List what a peer might make of a secret: itself, reversed, in hexadecimal, in base64 at any alignment."""
    octets = secret.encode("utf-8", "replace")
    yield secret
    yield secret[::-1]
    yield octets.hex()
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


class Redactor:
    """Knows the passwords of one account, as hashes. Immutable, but for what it remembers to be clean."""

    __slots__ = ("_clean", "_windows")

    def __init__(self, windows: dict[int, frozenset[int]] | None = None) -> None:
        self._windows = windows or {}
        self._clean: set[str] = set()

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._windows)

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
        if not self._windows or text in self._clean:
            return text[:limit]
        seen = text if limit is None else text[: limit + WINDOW]  # a secret that the cut would leave a part of
        hidden = self._hidden(_folded(seen))
        if not hidden:
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

    def _remember(self, text: str) -> None:
        if len(text) <= MAX_CLEAN_CHARACTERS:
            if len(self._clean) >= MAX_CLEAN:
                self._clean.clear()
            self._clean.add(text)

    # --- what a probe brings ------------------------------------------------------------------------------------

    def result(self, result: Result) -> Result:
        """A result without secrets; those of its replies are hidden where the transcript takes them in."""
        if not self:
            return result
        return replace(
            result,
            hello=self._hello(result.hello),
            hello_tls=self._hello(result.hello_tls),
            verdict=self._verdict(result.verdict),
            dane=result.dane and replace(result.dane, mismatch=self.text(result.dane.mismatch)),
            auth_unavailable=self._optional(result.auth_unavailable),
            ended=result.ended and replace(result.ended, detail=self.text(result.ended.detail)),
        )

    def _optional(self, text: str | None) -> str | None:
        return text and self.text(text)

    def _tells(self, word: str) -> bool:
        return word not in REGISTERED and self.text(word) != word

    def _hello(self, hello: Hello | None) -> Hello | None:
        """Keywords and mechanisms are dropped where they hold a secret, as others that no server may say."""
        return hello and replace(
            hello,
            extensions={word: self.text(value) for word, value in hello.extensions.items() if not self._tells(word)},
            mechanisms=frozenset(word for word in hello.mechanisms if not self._tells(word)),
        )

    def _verdict(self, verdict: Verdict | None) -> Verdict | None:
        return verdict and replace(
            verdict,
            certificate=self._certificate(verdict.certificate),
            host_mismatch=self._optional(verdict.host_mismatch),
            self_signed=self._optional(verdict.self_signed),
            not_trusted=self._optional(verdict.not_trusted),
            unsuitable=self._optional(verdict.unsuitable),
        )

    def _certificate(self, leaf: Certificate) -> Certificate:
        return replace(
            leaf,
            subject=self.text(leaf.subject),
            issuer=self.text(leaf.issuer),
            serial=self.text(leaf.serial),
            names=tuple(map(self.text, leaf.names)),
            issuer_organisation=self.text(leaf.issuer_organisation),
        )


NOTHING_SECRET = Redactor()
"""That of a peer without a login."""
