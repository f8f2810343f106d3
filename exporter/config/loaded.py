"""A configuration as the agent uses it: plain frozen data. Nothing here reads, and nothing here needs pydantic.

So the agent can have its configuration read by another process (`apart`) and never carries what reading takes.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from exporter.config.errors import ConfigError
from exporter.config.sources import Sources
from exporter.model import Settings, Target

MODULE_OF_PORT = {465: "submissions", 587: "submission", 2525: "submission"}
"""Which built-in module a port means; any other port: relay."""
BUILT_IN: dict[str, dict[str, Any]] = {
    "relay": {
        "security": "starttls",
        "expect": {"starttls": "optional", "certificate": "any", "auth": "optional", "auth_before_tls": "allowed"},
    },
    "submissions": {
        "security": "implicit",
        "expect": {"certificate": "trusted", "auth": "required", "min_tls": "TLSv1.2"},
    },
    "submission": {
        "security": "starttls",
        "expect": {
            "starttls": "required",
            "certificate": "trusted",
            "auth": "required",
            "auth_before_tls": "allowed",
            "min_tls": "TLSv1.2",
        },
    },
}
"""The built-in modules."""
BUILT_IN_PORTS = {"relay": 25, "submissions": 465, "submission": 587}
"""One port of each."""


MAX_NAMES, MAX_NAME = 20, 40
"""Modules that a message lists, and characters of each."""
MAX_COMPARED = 200
"""Names that a wrong one is compared with."""


def module_of(port: int) -> str:
    """Name the built-in module of a port."""
    return MODULE_OF_PORT.get(port, "relay")


def close(name: str, known: Iterable[str]) -> str | None:
    """Find the one of the known names that is most like a wrong one, if any is."""
    return next(iter(difflib.get_close_matches(name[:64], list(islice(known, MAX_COMPARED)), 1)), None)


def unknown_module(module: str, names: Iterable[str]) -> str:
    """Say that there is no such module, and which may have been meant."""
    known = list(names)
    meant = close(module, known)
    listed = ", ".join([*(name[:MAX_NAME] for name in known[:MAX_NAMES]), *(["..."] if known[MAX_NAMES:] else [])])
    guess = f"did you mean {meant!r}? " if meant else ""
    return f"unknown module {module[:MAX_NAME]!r}; {guess}known: {listed}"


@dataclass(frozen=True, slots=True)
class Egress:
    """When a port counts as blocked from here."""

    min_hosts: int = 3
    min_networks: int = 2
    canaries: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ProbeAccess:
    """Whether /probe is served, and what may be probed: host names, *.suffixes, networks."""

    enabled: bool = False
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetFile:
    """A file that `target_files` names."""

    path: str
    """Absolute."""
    targets: int = 0
    """How many of `Config.targets` come from this file."""
    errors: tuple[ConfigError, ...] = ()
    """What is wrong with it. The targets are then those of its last good content."""


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration that can be used, all keys merged down to the settings of each port."""

    targets: tuple[Target, ...]
    """First those of the configuration itself, then those of each target file, in the order of `target_files`."""
    plain: Mapping[tuple[str, str], Settings]
    """What a bare port entry gets, by the module named ("": none) and the built-in module of its port."""
    global_keys: Mapping[str, Any] = field(default_factory=dict)
    """The endpoint keys written in `global`; durations in seconds."""
    module_keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The endpoint keys written in each module."""
    max_concurrent_probes: int = 1000
    max_probes_per_host: int = 1
    max_addresses: int = 16
    nameservers: tuple[str, ...] = ()
    """Each an address, address:port or [IPv6]:port."""
    max_concurrent_lookups: int = 50
    trusted_resolver: bool | None = None
    """None: not written."""
    mx_on_this_machine: bool = False
    mta_sts_allow_private: bool = False
    probe_endpoint: ProbeAccess = ProbeAccess()
    egress: Egress = Egress()
    path: Path | None = None
    sources: Sources = field(default_factory=Sources)
    """The files that it was made of."""
    target_files: tuple[TargetFile, ...] = ()
    """Those found."""
    warnings: tuple[ConfigError, ...] = ()
    """What is wrong and was skipped: the first ones, where there are many."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """How many lines of each domains file are no domains, by its absolute path."""
    text: bytes = field(default=b"", repr=False)
    """What was in `path`."""

    def of_files(self) -> Iterator[tuple[TargetFile, tuple[Target, ...]]]:
        """List the target files with the targets of each."""
        start = self.own_targets
        for file in self.target_files:
            yield file, self.targets[start : start + file.targets]
            start += file.targets

    @property
    def own_targets(self) -> int:
        """How many targets come from no target file."""
        return len(self.targets) - sum(file.targets for file in self.target_files)

    @property
    def modules(self) -> tuple[str, ...]:
        """The names of all modules, built in or own."""
        return tuple(dict.fromkeys(name for name, _ in self.plain if name))

    def settings_for(self, port: int, module: str | None = None) -> Settings:
        """What a bare port entry gets, of a module if one is named. Raises LookupError for an unknown one."""
        found = self.plain.get((module or "", module_of(port)))
        if found is None:
            raise LookupError(unknown_module(module or "", self.modules))
        return found
