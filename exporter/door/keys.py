"""The keys of a web configuration: exporter-toolkit's format as a table, and what each value may be.

Each reader takes one value that is not empty and raises ValueError with a sentence for the operator. The values of
secrets are never in a sentence. What several keys make together is in `reading`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from OpenSSL import SSL

from exporter.config.loaded import close
from exporter.config.scalars import Trap, describe

Read = Callable[[Any], Any]

BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
MOST_COST = 18
"""One look at a password of this cost takes a processor about 20 s."""
SHOWABLE = re.compile(r"[\x20-\x7e\t]*")
VERSIONS = {
    "TLS10": SSL.TLS1_VERSION,
    "TLS11": SSL.TLS1_1_VERSION,
    "TLS12": SSL.TLS1_2_VERSION,
    "TLS13": SSL.TLS1_3_VERSION,
}
CLIENT_AUTH = {
    "NoClientCert": "none",
    "RequestClientCert": "request",
    "RequireAnyClientCert": "require",
    "RequireClientCert": "require",
    "VerifyClientCertIfGiven": "verify",
    "RequireAndVerifyClientCert": "require and verify",
}
"""Go's words, one of them an old name, and what is asked of clients."""


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping: its keys, and how the values of any other keys are read (None: there are no others)."""

    keys: Mapping[str, "Read | Section"]
    others: Read | None = None

    def nearest(self, name: str) -> str | None:
        """Find the key that a wrong one may have meant: one mapping further down, or here."""
        deeper = (f"{key}.{name}" for key, part in self.keys.items() if isinstance(part, Section) and name in part.keys)
        return next(deeper, None) or close(name, self.keys)


def kind(value: object) -> str:
    """Say what sort of value was found, without showing it: it may be a secret in the wrong place."""
    names = {dict: "a mapping", list: "a list", str: "text", bool: "a boolean", Trap: "something to be put in quotes"}
    return names.get(type(value), "a number")


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"expected text, got {kind(value)}")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {describe(value)}")  # noqa: TRY004 - reported like the others
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"expected a list with something in it, got {describe(value)}")
    return tuple(_text(each) for each in value)


def _one_of(known: Mapping[str, Any]) -> Read:
    def read(value: object) -> Any:
        if isinstance(value, str) and value in known:
            return known[value]
        meant = close(value, known) if isinstance(value, str) else None
        raise ValueError(
            f"expected one of {', '.join(known)}, got {describe(value)}" + (f"; did you mean {meant}?" if meant else "")
        )

    return read


def _header(value: object) -> str:
    """Accept what one header line can hold: no line break, so no second header (RFC 9110 5.5)."""
    if not isinstance(value, str) or not SHOWABLE.fullmatch(value):
        raise ValueError("expected one line of printable ASCII")
    return value


def _hash(value: object) -> bytes:
    found = BCRYPT.fullmatch(value) if isinstance(value, str) else None
    if not isinstance(value, str) or not found:
        raise ValueError("expected a bcrypt hash: make one with htpasswd -nBC 10 NAME; passwords are not written here")
    if int(found["cost"]) > MOST_COST:
        raise ValueError(f"a bcrypt cost above {MOST_COST}: one login would keep a processor busy for minutes")
    return value.encode()


def _not_understood(instead: str) -> Read:
    def refuse(_: object) -> NoReturn:
        raise ValueError(f"this key of exporter-toolkit is not understood here: {instead}")

    return refuse


def _choice(*values: str) -> Read:
    return _one_of({value: value for value in values})


WEB_CONFIG = Section({
    "tls_server_config": Section({
        "cert": _text,
        "key": _text,
        "client_ca": _text,
        "cert_file": _text,
        "key_file": _text,
        "client_ca_file": _text,
        "client_auth_type": _one_of(CLIENT_AUTH),
        "client_allowed_sans": _texts,
        "min_version": _one_of(VERSIONS),
        "max_version": _one_of(VERSIONS),
        "cipher_suites": _not_understood("leave it out; OpenSSL chooses"),
        "prefer_server_cipher_suites": _not_understood("leave it out; OpenSSL chooses"),
        "curve_preferences": _not_understood("leave it out; OpenSSL chooses, or what OPENSSL_CONF says"),
    }),
    "http_server_config": Section({
        "http2": _boolean,
        "headers": Section({
            "Content-Security-Policy": _header,
            "Strict-Transport-Security": _header,
            "X-Content-Type-Options": _choice("nosniff"),
            "X-Frame-Options": _choice("deny", "sameorigin"),
            "X-XSS-Protection": _header,
        }),
    }),
    "basic_auth_users": Section({}, others=_hash),
    "rate_limit": _not_understood("leave it out; what strangers may take is bounded by itself"),
})  # fmt: skip
