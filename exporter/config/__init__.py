"""The configuration: YAML files to a Config with the settings of every port, or every error with its place.

A recipe in six steps, each a file that knows nothing of the next:

1. `files` reads, with a bound; `document` makes plain values of YAML and keeps places; `scalars` finds YAML's traps.
2. `model` is TABLE 3, every key with type, default and description; `fields`, `names` and `durations` read one value.
3. `validation` holds a mapping against the table and tells errors in an operator's words.
4. `merge` lays global < module < target < port entry over each other, down to `exporter.model.Settings`.
5. `entries` makes Targets of lists of targets; nothing may be there twice.
6. `load` does all this for a file and those it names. `table` prints TABLE 3: JSON Schema and documentation.

Nothing here asks the network; the files named are looked into once, what secrets they hold is not kept.
"""

from exporter.config.errors import ConfigError, ConfigErrors
from exporter.config.fields import RESERVED_LABELS
from exporter.config.load import Config, Egress, ProbeAccess, defaults, load
from exporter.config.model import BUILT_IN, MODULE_OF_PORT
from exporter.config.table import Key, keys, schema

__all__ = [
    "BUILT_IN",
    "MODULE_OF_PORT",
    "RESERVED_LABELS",
    "Config",
    "ConfigError",
    "ConfigErrors",
    "Egress",
    "Key",
    "ProbeAccess",
    "defaults",
    "keys",
    "load",
    "schema",
]
