"""The configuration: YAML files to a Config with the settings of every port, or every error with its place.

A recipe in seven steps, each a file that knows nothing of the next:

1. `files` reads, with a bound; `document` makes plain values of YAML and keeps places; `scalars` finds YAML's traps,
   and `syntax` says why a text is no YAML.
2. `model` is TABLE 3, every key with type, default and description; `fields`, `names` and `durations` read one value.
3. `validation` holds a mapping against the table and tells errors in an operator's words; `hints` says what to write
   instead, and `foreign` what a file is that is no configuration.
4. `merge` lays global < module < target < port entry over each other, down to `exporter.model.Settings`.
5. `entries` makes Targets of lists of targets, `domains_file` reads lists of domains; nothing may be there twice.
6. `reading` does all this for a file and those it names; `apart` has a child process do it, and `kept` keeps what
   target files had that have errors now. `loaded` is what comes out, `sources` the files that it was made of, to see
   whether they change.
7. `table` prints TABLE 3: JSON Schema and documentation.

Nothing here asks the network; what secrets the files named hold is not kept.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from exporter.config.errors import ConfigError, ConfigErrors
from exporter.config.loaded import Config, Egress, ProbeAccess
from exporter.config.merge import defaults
from exporter.config.sources import FOLLOWED, Looking, Sources

__all__ = [
    "FOLLOWED",
    "Config",
    "ConfigError",
    "ConfigErrors",
    "Egress",
    "Looking",
    "ProbeAccess",
    "Sources",
    "defaults",
    "load",
]


def load(
    path: Path, environ: Mapping[str, str] = os.environ, *, text: bytes | None = None, tolerant: bool = False
) -> Config:
    """Read a configuration and all files it names. Raises ConfigErrors with everything that is wrong in them.

    `text` takes the place of what is in the file at `path`. With `tolerant`, a target file with errors has no targets,
    as when the agent starts: `Config.target_files` tells what is wrong with it.
    """
    from exporter.config import reading  # pydantic comes with it

    return reading.load(path, environ, text=text, tolerant=tolerant)
