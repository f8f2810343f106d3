"""The file of --web.config.file, and the files it names, to Settings; or all that is wrong with them.

Positions, YAML and errors are those of `exporter.config`; the table is `keys`. Nothing here is kept or shown that is
a secret: what looks like a hash is masked, wherever in an error it stands.
"""

import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from OpenSSL import SSL

from exporter.config import files
from exporter.config.document import Document, parse
from exporter.config.errors import LONGEST_SHOWN, ConfigError, ConfigErrors, ErrorList, TooManyErrors, Where
from exporter.door import identity
from exporter.door.keys import VERSIONS, WEB_CONFIG, Section, kind
from exporter.door.settings import Settings

LARGEST = 2**20
"""Bytes of a file."""
SECRET = re.compile(r"\$2.?\$\S*|-----BEGIN.*")
TLS: Where = ("tls_server_config",)
PEMS: Mapping[str, Callable[[bytes], object]] = {
    "cert": identity.certificates,
    "key": identity.private_key,
    "client_ca": identity.certificates,
}
"""What is given inline or as a file, and what finds out whether it can be used."""


def masked(text: str) -> str:
    """Put stars where a hash or a key was written in a wrong place."""
    return SECRET.sub("***", text)


class Reading:
    """One reading of a web configuration. `files` are those it looked into, also where it failed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = [path]
        self.empty = False
        """Nothing is written in it."""
        self._errors = ErrorList()
        self._document = Document(path, None)

    def settings(self) -> Settings:
        """Read it.

        Raises:
            ConfigErrors: everything that is wrong with it.
        """
        settings = Settings()
        with contextlib.suppress(TooManyErrors):
            try:
                if document := parse(self.path, files.read(self.path, LARGEST), self._report):
                    self._document = document
                    self.empty = document.value is None
                    settings = self._judge(self._section(document.value, WEB_CONFIG, ()))
            except ValueError as error:
                self._report(ConfigError(self.path, str(error)))
        if self._errors:
            raise ConfigErrors(self._errors)
        return settings

    def _report(self, error: ConfigError) -> None:
        self._errors.append(
            ConfigError(error.file, masked(error.message), error.line, error.column, masked(error.path))
        )

    def _tell(self, where: Where, message: str, *, key: bool = False) -> None:
        self._report(self._document.error(where, message, key=key))

    def _section(self, value: Any, section: Section, where: Where) -> dict[str, Any]:
        """Read a mapping as the table has it. What is empty is as if it were not there, but never a hash."""
        if value is not None and not isinstance(value, dict):
            self._tell(where, f"expected a mapping, got {kind(value)}")
        found: dict[str, Any] = {}
        for name, each in value.items() if isinstance(value, dict) else ():
            read, here = section.keys.get(name, section.others), (*where, name)
            if read is None:
                meant = section.nearest(name)
                said = f"unknown key `{name[:LONGEST_SHOWN]}`" + (f"; did you mean `{meant}`?" if meant else "")
                self._tell(here, said, key=True)
            elif isinstance(read, Section):
                found[name] = self._section(each, read, here)
            elif section.others or each not in (None, ""):
                try:
                    found[name] = read(each)
                except ValueError as error:
                    self._tell(here, str(error))
        return found

    def _judge(self, found: Mapping[str, Any]) -> Settings:
        """Make settings of what was read. They are of use only where nothing was reported."""
        users = found.get("basic_auth_users", {})
        for name in users:
            if not name or ":" in name or not name.isprintable():  # RFC 7617 2
                self._tell(("basic_auth_users",), "a user name is printable, not empty, and holds no colon")
        written = self._document.value.get("tls_server_config") if found else None
        tls = self._tls(found["tls_server_config"], written) if written and isinstance(written, dict) else None
        verified = found.get("tls_server_config", {}).get("client_auth_type") == "require and verify"
        return Settings(users, found.get("http_server_config", {}).get("headers", {}), tls, clients_verified=verified)

    def _tls(self, keys: Mapping[str, Any], written: Mapping[str, Any]) -> SSL.Context | None:
        """Make the TLS context of what was read; `written` are the keys with errors, too."""
        self._agree(keys, {name.removesuffix("_file") for name, value in written.items() if value})
        pems = {name: self._pem(name, keys) for name in PEMS}
        for name, pem in pems.items():
            try:
                PEMS[name](pem) if pem is not None else None
            except ValueError as error:
                self._tell((*TLS, f"{name}_file" if f"{name}_file" in keys else name), str(error))
        certificate, key = pems["cert"], pems["key"]
        if self._errors or certificate is None or key is None:
            return None
        try:
            return identity.context(certificate, key, pems["client_ca"], keys)
        except ValueError as error:
            self._tell(TLS, str(error))
            return None

    def _agree(self, keys: Mapping[str, Any], given: set[str]) -> None:
        """Hold the keys against each other, as exporter-toolkit does, and a little closer."""
        asked = keys.get("client_auth_type", "none")
        for name in PEMS:
            if name in keys and f"{name}_file" in keys:
                self._tell((*TLS, name), f"give either `{name}` or `{name}_file`")
        for name in sorted({"cert", "key"} - given):
            self._tell(TLS, f"`{name}_file` is required for TLS", key=True)
        if "client_ca" in given and asked == "none":
            self._tell((*TLS, "client_auth_type"), "client CAs are given, and no certificate is asked for")
        if "client_ca" not in given and "verify" in asked:
            self._tell((*TLS, "client_auth_type"), "`client_ca_file` is required to verify clients")
        if "client_allowed_sans" in keys and "require" not in asked:
            need = "`client_allowed_sans` needs RequireAnyClientCert or RequireAndVerifyClientCert"
            self._tell((*TLS, "client_allowed_sans"), need)
        if keys.get("min_version", 0) > keys.get("max_version", VERSIONS["TLS13"]):
            self._tell((*TLS, "max_version"), "`max_version` is below `min_version`")

    def _pem(self, name: str, keys: Mapping[str, Any]) -> bytes | None:
        """Take what is written inline, or read the file that is named, relative to the web configuration."""
        if f"{name}_file" not in keys:
            return keys[name].encode() if name in keys else None
        path = self.path.parent / keys[f"{name}_file"]
        self.files.append(path)
        try:
            return files.read(path, LARGEST)
        except ValueError as error:
            self._tell((*TLS, f"{name}_file"), str(error))
            return None
