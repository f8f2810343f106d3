"""The files a configuration names: read with a bound, found by patterns, looked into. Knows no keys.

Every function raises ValueError with a sentence for the operator. What a secret file holds is never kept or shown.
"""

import codecs
import glob
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from exporter.pem import certificates

MAX_BYTES = 64 * 2**20
"""Ten thousand targets are about 1 MB."""
MAX_SECRET_BYTES = 64 * 1024
"""Of a file that holds a password."""

Role = Literal["configuration", "target file", "domains file", "certificate", "password"]
"""What a file is read for."""
Digests = Mapping[tuple[Role, str], str]
"""What was in each file, by its role and absolute path; empty where it could not be read."""


def digest(data: bytes, key: bytes) -> str:
    """Tell content apart, also that of a password: without the key, which differs by process, it tells nothing."""
    return blake2b(data, key=key, digest_size=16).hexdigest()


def read(file: Path, limit: int = MAX_BYTES) -> bytes:
    """Read a regular file whole. Opening a pipe does not block, and nothing is read from a pipe or a device."""
    try:
        if file.exists() and not file.is_file():  # opening a device may have effects
            raise ValueError(f"cannot read {file}: not a regular file")
        with open(file, "rb", opener=_without_waiting) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise ValueError(f"cannot read {file}: not a regular file")
            data = opened.read(limit + 1)
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror or error}") from None
    if len(data) > limit:
        raise ValueError(f"cannot read {file}: over {_size(limit)} long")
    return data


def refuse_utf_16(data: bytes) -> None:
    """Raise ValueError for what Windows editors call Unicode."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("UTF-16 text: save it as UTF-8")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _size(limit: int) -> str:
    return f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit // 2**10} KiB"


def matching(directory: Path, pattern: str) -> list[Path]:
    """Find the files that a pattern names, sorted. None is no error: they may come later.

    What is no file, such as a link to nothing, is listed too: reading it is to fail. Directories are left out.
    """
    whole = os.path.join(directory, pattern)  # noqa: PTH118  # Path.glob refuses absolute patterns
    try:
        found = glob.glob(whole, recursive=True)  # noqa: PTH207
        if not found:
            _list_folder_of(whole)
    except OSError as error:
        raise ValueError(f"cannot list {pattern}: {error.strerror or error}") from None
    return [Path(name) for name in sorted(found) if not os.path.isdir(name)]  # noqa: PTH112  # never raises


def _list_folder_of(pattern: str) -> None:
    """Raise OSError where a folder is there and cannot be listed: glob finds nothing in it, and does not say why."""
    folder = Path(pattern).parent
    while glob.has_magic(str(folder)):
        folder = folder.parent
    if os.path.isdir(folder):  # noqa: PTH112
        with os.scandir(folder):
            pass


@dataclass(frozen=True, slots=True)
class Beside:
    """The directory of the file being read, and what is known of all files so far: each is looked into once."""

    directory: Path
    environ: Mapping[str, str] = field(repr=False)
    looked_into: dict[tuple[Role, Path], str] = field(default_factory=dict)
    """What is wrong with a file, by (what it is to hold, file); empty where nothing is."""
    key: bytes = field(default=b"", repr=False)
    """That of the digests."""
    digests: dict[tuple[Role, str], str] = field(default_factory=dict)
    """What was in the files read so far."""

    def read(self, role: Role, file: Path, data: bytes | None = None) -> bytes:
        """Read a file, or take `data` for what is in it; either is noted."""
        place = (role, str(file.absolute()))
        self.digests[place] = ""
        data = read(file, MAX_SECRET_BYTES if role == "password" else MAX_BYTES) if data is None else data
        self.digests[place] = digest(data, self.key)
        return data

    def path(self, text: str) -> Path:
        """Read a path relative to the naming file. Links stay links: orchestrators swap them."""
        if not text or "\0" in text:
            raise ValueError("expected the name of a file")
        return self.directory / text

    def ca_file(self, text: str) -> str:
        """Name a readable file with at least one PEM certificate."""
        return self._holding("certificate", text)

    def password_file(self, text: str) -> str:
        """Name a readable file that holds a password."""
        return self._holding("password", text)

    def _holding(self, what: Role, text: str) -> str:
        file = self.path(text)
        if (what, file) not in self.looked_into:
            try:
                fault = (_certificate_fault if what == "certificate" else _password_fault)(self.read(what, file))
                self.looked_into[what, file] = f"{file} {fault}" if fault else ""
            except ValueError as error:
                self.looked_into[what, file] = str(error)
        if fault := self.looked_into[what, file]:
            raise ValueError(fault)
        return str(file.absolute())

    def password_env(self, name: str) -> str:
        """Name a variable of the environment that is set."""
        if not name.isidentifier():  # not shown: it may be the password itself
            raise ValueError("expected the name of an environment variable")
        if not self.environ.get(name):
            raise ValueError(f"the environment variable {name!r} is not set")
        return name


def _certificate_fault(data: bytes) -> str:
    from OpenSSL import crypto

    blocks = certificates(data)
    with suppress(crypto.Error):
        for block in blocks:
            crypto.load_certificate(crypto.FILETYPE_PEM, block)
        if blocks:
            return ""
    return "holds no PEM certificate, or a broken one"


def _password_fault(data: bytes) -> str:
    return "" if data.strip() else "holds no password"
