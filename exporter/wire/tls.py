"""The one TLS context, and what its handshakes show. Judges nothing: `trust` does."""

import ssl
import warnings
from functools import cache

from exporter.model import Session
from exporter.wire.groups import dh_bits


@cache
def context() -> ssl.SSLContext:
    """The one client context: it looks, it does not protect (contract 5).

    It offers TLSv1 to TLSv1.3 at SECLEVEL 0 with legacy renegotiation and verifies nothing: its trust store is empty,
    because OpenSSL would search a full one at every handshake (425 against 750 us), and `trust` judges afterwards.
    """
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TLSv1 is deprecated: we want to see who still needs it
        ctx.minimum_version = ssl.TLSVersion.TLSv1
    ctx.set_ciphers("DEFAULT:@SECLEVEL=0")
    ctx.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)  # named from Python 3.12 on
    return ctx


def session(tls: ssl.SSLObject, raw: bytes) -> Session:
    """What a handshake has shown so far; `raw` are the first bytes of the server in it."""
    version, agreed = tls.version(), tls.cipher()
    if not version or not agreed:  # not finished: a cipher alone is none agreed on
        return Session(chain=sent_chain(tls))
    cipher = agreed[0]
    return Session(version, cipher, sent_chain(tls), dh_bits(raw) if cipher.startswith("DHE-") else None)


def sent_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """The DER certificates the server sent, the leaf first; also after a handshake that failed late."""
    try:
        if hasattr(tls, "get_unverified_chain"):  # Python 3.13 and later
            return tuple(tls.get_unverified_chain() or ())
        chain = tls._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]  # no public way before 3.13: bpo-18233
        return tuple(certificate.public_bytes(2) for certificate in chain)
    except (AttributeError, ValueError, ssl.SSLError):
        return ()


def is_tls_record(data: bytes) -> bool:
    """Whether these bytes begin an alert or handshake record (RFC 8446 5.1)."""
    return data[:1] in (b"\x15", b"\x16") and data[1:2] in (b"", b"\x03")
