"""Trust anchors: where they are loaded from, and which of them are valid at a time.

A store is loaded once: to see that its files changed, load another.
"""

import hashlib
import os
import re
import ssl
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from OpenSSL import crypto

from exporter.config.files import read
from exporter.pem import certificates
from exporter.trust.certificate import unchanged, within
from exporter.trust.fields import Fields
from exporter.trust.verifier import store_of

HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""How files are called in a directory that OpenSSL searches: c_rehash(1)."""
Anchor = tuple[crypto.X509, tuple[float | None, float | None]]
"""A trusted certificate, and from when until when it is valid, where that can be read."""


class TrustStoreError(ValueError):
    """A `ca_file` cannot be used; the message names the file and says why."""


class Anchors:
    """Certificates that are trusted: roots, intermediates, or a server's own (PARTIAL_CHAIN)."""

    ca_file: str | None = None
    source = "a TLSA record"
    """Where they are from, for the operator."""

    def __init__(self, anchors: Sequence[Anchor]) -> None:
        self._anchors = anchors
        self.size = len(anchors)
        """How many anchors there are."""
        self._all = store_of(anchor for anchor, _ in anchors)
        self._valid = self._all
        self._stands = (0.0, 0.0)

    def stores(self, now: float) -> Iterator[crypto.X509Store]:
        """The anchors that are valid at that time; then all of them, where others are among them."""
        valid = self._valid_at(now)
        yield valid
        if valid is not self._all:
            yield self._all

    def has_subject(self, name_hash: int) -> bool:
        """Whether an anchor has the subject of that hash."""
        return name_hash in self._names

    @cached_property
    def _names(self) -> frozenset[int]:
        return frozenset(anchor.subject_name_hash() for anchor, _ in self._anchors)

    def _valid_at(self, now: float) -> crypto.X509Store:
        """The anchors that are valid at that time: OpenSSL lets the time of a store be set only once."""
        since, until = self._stands
        if not since <= now < until:
            valid = [anchor for anchor, dates in self._anchors if within(dates, now)]
            self._valid = self._all if len(valid) == self.size else store_of(valid)
            self._stands = unchanged((period for _, period in self._anchors), now)
        return self._valid


class TrustStore(Anchors):
    """The anchors of one `ca_file`, or the system's where it is None: there `size` may be 0.

    Raises:
        TrustStoreError: `ca_file` cannot be read, holds no certificate, or one that is broken.
    """

    def __init__(self, ca_file: str | None) -> None:
        self.ca_file, self.source = ca_file, ca_file or "the system's trust store"
        texts = [_content(ca_file)] if ca_file is not None else list(_system_contents())
        self.digest = hashlib.sha256(b"\0".join([os.fsencode(ca_file or ""), *texts])).digest()
        """Tells stores apart: by their file, and by what was in it when they were loaded."""
        super().__init__(_of_file(texts[0], ca_file) if ca_file is not None else _of_system(texts))


def _content(ca_file: str) -> bytes:
    try:
        return read(Path(ca_file))
    except ValueError as error:
        raise TrustStoreError(str(error).removeprefix("cannot read ")) from None


def _system_contents() -> Iterator[bytes]:
    """What is in the files that OpenSSL looks into: SSL_CERT_FILE, SSL_CERT_DIR, or where it was built to look."""
    places = ssl.get_default_verify_paths()
    files = [Path(os.environ.get(places.openssl_cafile_env, places.openssl_cafile))]
    for directory in os.environ.get(places.openssl_capath_env, places.openssl_capath).split(os.pathsep):
        if directory and Path(directory).is_dir():
            files += sorted(file for file in Path(directory).iterdir() if HASHED.fullmatch(file.name))
    for file in files:
        try:
            yield read(file)
        except ValueError:
            continue  # as OpenSSL does: a missing default place is no error


def _of_file(text: bytes, ca_file: str) -> list[Anchor]:
    anchors = []
    for number, block in enumerate(certificates(text), 1):
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
    for block in (block for text in texts for block in certificates(text)):
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
    return anchor, Fields.of(crypto.dump_certificate(crypto.FILETYPE_ASN1, anchor)).dates
