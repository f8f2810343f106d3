"""What stays in force of a target file with errors: the targets that it had before, as in Prometheus' file_sd."""

from collections.abc import Iterator
from dataclasses import replace

from exporter.config.loaded import Config
from exporter.model import Target

Named = tuple[str, str, bool, int]
"""Target, host or domain, whether it is a domain, port: no two endpoints have the same."""


def with_last_targets(config: Config, running: Config) -> Config:
    """Give each target file with errors the targets that it has in the running configuration.

    But for those that are elsewhere in the new one.
    """
    last = {file.path: targets for file, targets in running.of_files()}
    taken = {named for target in config.targets for name in _names(target) for named in _named(target, name)}
    targets = list(config.targets[: config.own_targets])
    files = []
    for file, own in config.of_files():
        kept = list(filter(None, (_left(target, taken) for target in last.get(file.path, ())))) if file.errors else own
        targets += kept
        files.append(replace(file, targets=len(kept)))
    return replace(config, targets=tuple(targets), target_files=tuple(files))


def _names(target: Target) -> tuple[str, ...]:
    return (target.host,) if target.host else target.domains


def _named(target: Target, name: str) -> Iterator[Named]:
    return ((target.name, name, not target.host, port) for port, _ in target.ports)


def _left(target: Target, taken: set[Named]) -> Target | None:
    """What is left of a target without the hosts and domains that are taken."""
    names = tuple(name for name in _names(target) if taken.isdisjoint(_named(target, name)))
    if names == _names(target):
        return target
    return replace(target, domains=names) if target.domains and names else None
