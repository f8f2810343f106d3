"""Trust anchors, and the paths from a certificate to one of them, by OpenSSL (RFC 5280 section 6).

A store is loaded once: to see that its files changed, load another. `path` says what a failed verification means.
"""

import hashlib
import os
import re
import ssl
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from OpenSSL import crypto

from exporter.trust.certificate import unchanged, validity

PEM = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----.+?-----END (?:X509 )?CERTIFICATE-----", re.DOTALL)
HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""How files are called in a directory that OpenSSL searches: c_rehash(1)."""
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of <openssl/x509_vfy.h>, to which pyOpenSSL gives no name."""

Anchor = tuple[crypto.X509, tuple[float, float]]
"""A trusted certificate, and from when until when it is valid."""


class TrustStoreError(ValueError):
    """A `ca_file` cannot be used; the message names the file and says why."""


class Anchors:
    """Certificates that are trusted: roots, intermediates, or a server's own (PARTIAL_CHAIN)."""

    ca_file: str | None = None

    def __init__(self, anchors: Sequence[Anchor]) -> None:
        self._anchors = anchors
        self.size = len(anchors)
        """How many anchors there are."""
        self._all = store_of(anchor for anchor, _ in anchors)
        self._valid = self._all
        self._stands = (0.0, 0.0)

    def path(self, leaf: crypto.X509, others: Sequence[crypto.X509], now: float | None) -> list[bytes]:
        """The DER certificates from leaf to an anchor, where `now` is given to one that is valid then.

        Other dates are left aside: where several certificates fit, the first of them is taken.

        Raises:
            crypto.X509StoreContextError: there is no path; `errors` holds OpenSSL's code, the depth and its text.
        """
        return path_to(self._all if now is None else self._valid_at(now), leaf, others)

    def _valid_at(self, now: float) -> crypto.X509Store:
        """The anchors that are valid at that time: OpenSSL lets the time of a store be set only once."""
        since, until = self._stands
        if not since <= now < until:
            valid = [anchor for anchor, (first, last) in self._anchors if first <= now <= last]
            self._valid = self._all if len(valid) == self.size else store_of(valid)
            self._stands = unchanged((period for _, period in self._anchors), now)
        return self._valid


class TrustStore(Anchors):
    """The anchors of one `ca_file`, or the system's where it is None: there `size` may be 0.

    Raises:
        TrustStoreError: `ca_file` cannot be read, holds no certificate, or one that is broken.
    """

    def __init__(self, ca_file: str | None) -> None:
        self.ca_file = ca_file
        texts = [_content(ca_file)] if ca_file is not None else list(_system_contents())
        self.digest = hashlib.sha256(b"\0".join([os.fsencode(ca_file or ""), *texts])).digest()
        """Tells stores apart: by their file, and by what was in it when they were loaded."""
        super().__init__(_of_file(texts[0], ca_file) if ca_file is not None else _of_system(texts))


def store_of(anchors: Iterable[crypto.X509]) -> crypto.X509Store:
    """An OpenSSL store in which each of these is an anchor, self-signed or not. Dates and X509_STRICT are off."""
    store = crypto.X509Store()
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN | NO_CHECK_TIME)
    for anchor in anchors:
        store.add_cert(anchor)
    return store


def path_to(store: crypto.X509Store, leaf: crypto.X509, others: Sequence[crypto.X509]) -> list[bytes]:
    """The DER certificates from leaf to an anchor of the store, trusted ones first.

    Raises:
        crypto.X509StoreContextError: as `TrustStore.path`.
    """
    path = crypto.X509StoreContext(store, leaf, others).get_verified_chain()
    return [crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in path]


def _content(ca_file: str) -> bytes:
    try:
        return Path(ca_file).read_bytes()
    except OSError as error:
        raise TrustStoreError(f"{ca_file}: {error.strerror or error}") from None


def _system_contents() -> Iterator[bytes]:
    """What is in the files that OpenSSL looks into: SSL_CERT_FILE, SSL_CERT_DIR, or where it was built to look."""
    places = ssl.get_default_verify_paths()
    files = [Path(os.environ.get(places.openssl_cafile_env, places.openssl_cafile))]
    for directory in os.environ.get(places.openssl_capath_env, places.openssl_capath).split(os.pathsep):
        if directory and Path(directory).is_dir():
            files += sorted(file for file in Path(directory).iterdir() if HASHED.fullmatch(file.name))
    for file in files:
        try:
            yield file.read_bytes()
        except OSError:
            continue  # as OpenSSL does: a missing default place is no error


def _of_file(text: bytes, ca_file: str) -> list[Anchor]:
    anchors = []
    for number, block in enumerate(PEM.findall(text), 1):
        try:
            anchors.append(_anchor(block))
        except ValueError:
            raise TrustStoreError(f"{ca_file}: certificate {number} is broken: OpenSSL cannot read it") from None
    if not anchors:
        raise TrustStoreError(f"{ca_file}: holds no certificate in PEM form")
    return anchors


def _of_system(texts: Iterable[bytes]) -> list[Anchor]:
    """Each certificate once: the bundle and the directory hold the same ones. A broken one is passed over."""
    anchors = {}
    for block in (block for text in texts for block in PEM.findall(text)):
        try:
            anchors[block] = _anchor(block)
        except ValueError:
            continue
    return list(anchors.values())


def _anchor(block: bytes) -> Anchor:
    try:
        anchor = crypto.load_certificate(crypto.FILETYPE_PEM, block)
    except crypto.Error as error:
        raise ValueError("not a certificate") from error
    return anchor, validity(anchor)
