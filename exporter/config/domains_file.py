"""A file with one mail domain a line. A line that is not a domain is skipped, and told.

Lines are bytes: a comment may be in any encoding.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.config import names
from exporter.config.errors import ConfigError, Warnings, Where
from exporter.config.files import Beside, refuse_utf_16


@dataclass(frozen=True, slots=True)
class DomainsFile:
    """A file of domains. Its places are (line, column)."""

    file: Path
    beside: Beside

    def error(self, where: Where, message: str) -> ConfigError:
        """Make an error at (line, column)."""
        line, column = where
        return ConfigError(self.file, message, int(line), int(column))

    def read(self, warnings: Warnings) -> Iterator[tuple[str, Where]]:
        """List the domains and their places. Raises ValueError where the file cannot be read."""
        data = self.beside.read("domains file", self.file)
        try:
            refuse_utf_16(data)
        except ValueError as error:
            raise ValueError(f"cannot read {self.file}: {error}") from None
        path = str(self.file.absolute())
        warnings.skipped[path] = 0
        for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
            name = line.partition(b"#")[0].strip()
            if not name:
                continue
            where = (number, len(line) - len(line.lstrip()) + 1)
            try:
                yield _domain(name), where
            except ValueError as error:
                warnings.skipped[path] += 1
                warnings.add(self.error(where, f"{error}; the line is skipped"))


def _domain(name: bytes) -> str:
    try:
        return names.domain(name.decode())
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
