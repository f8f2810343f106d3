"""Lists of targets to Targets: those of the configuration, of target files, and Prometheus file_sd groups.

Knows what keys of a target exclude or need each other, and that no endpoint may be there twice.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from exporter.config.document import Document
from exporter.config.domains_file import DomainsFile
from exporter.config.errors import ConfigError, Warnings, Where
from exporter.config.merge import Layer, Merge, starttls_fault
from exporter.config.model import FileSdGroup, PortEntry, TargetEntry, written
from exporter.config.validation import Checker
from exporter.model import Security, Settings, Target

KINDS = ("host", "hosts", "domain", "domains", "domains_file")
HOSTS = {"host", "hosts"}
SMTP = 25
DISCOVERY_LABELS = ("job", "instance")
"""Set by Prometheus itself; file_sd lists carry them, and all that begin with __."""


Report = Callable[[ConfigError], None]
Place = tuple[Document | DomainsFile, Where]
"""Where a host or domain was written."""
Port = tuple[int, Settings, Where]
Named = tuple[str, str, int, bool]
"""Target, host or domain, port, and whether it is a domain: its MX hosts may bear its name, and need not."""


class Entries:
    """Collects the targets of all files."""

    def __init__(self, merge: Merge, report: Report, warnings: Warnings) -> None:
        self.merge = merge
        self.report = report
        self.warnings = warnings
        self.targets: list[Target] = []
        self.seen: dict[Named, Place] = {}

    @contextmanager
    def file(self, broken: Callable[[], bool]) -> Iterator[None]:
        """Take in a target file: all of it, or nothing if it turns out to be broken."""
        self.merge.plain.clear()  # what is wrong there is to be told for each file
        targets, seen = len(self.targets), len(self.seen)
        yield
        if broken():
            del self.targets[targets:]
            while len(self.seen) > seen:
                self.seen.popitem()

    def add(self, items: Sequence[Any], checker: Checker, where: Where) -> None:
        """Add the targets of a list at `where`. Only target files hold file_sd groups."""
        for index, item in enumerate(items):
            at = (*where, index)
            if not where and isinstance(item, dict) and "targets" in item:
                self._add_group(item, checker, at)
            else:
                self._add_entry(item, checker, at)

    def _add_entry(self, item: Any, checker: Checker, at: Where) -> None:
        item = {} if item is None else item
        listed = item.get("ports") if isinstance(item, dict) else None
        outline = {**item, "ports": []} if isinstance(listed, list) else item
        checked = checker.check(TargetEntry, outline, at)
        entry = checked.section
        if not isinstance(item, dict) or entry is None:
            return
        kinds = [kind for kind in KINDS if kind in item]
        if len(kinds) > 1:
            checker.tell(at, _more_than_one(kinds))
        elif not kinds and not checked.broken:
            checker.tell(at, f"a target needs one of {', '.join(KINDS)}")
        elif not kinds:
            return
        elif HOSTS & {*kinds} and listed is None and "port" not in item:
            checker.tell(at, "`ports` is required for a host, for example [25, 465, 587]")
        elif listed == []:
            checker.tell((*at, "ports"), "at least one port is needed")
        elif item.get("hosts") == []:
            checker.tell((*at, "hosts"), "at least one host is needed")
        elif "ports" not in checked.broken_below():
            layer = Layer(written(entry), checker.document, at, checked.broken_below())
            ports = self._ports(listed or [SMTP], layer, checker, domains=not HOSTS & {*kinds})
            self._add_target(entry, self._names(entry, checker, at), ports)

    def _ports(self, listed: list[Any], above: Layer, checker: Checker, *, domains: bool) -> list[Port]:
        """Merge the settings of each port of a target, and tell ports given twice."""
        found: dict[int, Port] = {}
        for index, item in enumerate(listed):
            where = (*above.where, "ports", index)
            checked = checker.check(PortEntry, item if isinstance(item, dict | list) else {"port": item}, where)
            entry = checked.section
            if entry is None:
                continue
            if entry.port in found:
                checker.tell(where, f"the port {entry.port} is already given in this target")
                continue
            own = Layer(written(entry), checker.document, where, checked.broken_below())
            if settings := self.merge.settings(entry.port, (above, own), domains=domains):
                found[entry.port] = entry.port, settings, where
                self._check_starttls(own, settings.security)
        securities = {settings.security for _, settings, _ in found.values()}
        if securities and Security.STARTTLS not in securities:
            self._check_starttls(above, min(securities))
        return list(found.values())

    def _check_starttls(self, layer: Layer, security: Security) -> None:
        if error := starttls_fault(layer, security):
            self.report(error)

    def _names(self, entry: TargetEntry, checker: Checker, at: Where) -> list[tuple[str, Place]]:
        """List the hosts, or the domains, and where each was written."""
        if not entry.domains_file:
            key = "hosts" if entry.hosts else "domains"
            listed = [(name, (*at, key, index)) for index, name in enumerate(entry.hosts or entry.domains or [])]
            single = [(name, at) for name in (entry.host, entry.domain) if name]
            return self._once([(name, (checker.document, where)) for name, where in single + listed])
        try:
            source = DomainsFile(checker.beside.path(entry.domains_file), checker.beside)
            return self._once([(name, (source, where)) for name, where in source.read(self.warnings)])
        except ValueError as error:
            checker.tell((*at, "domains_file"), str(error))
            return []

    def _once(self, listed: list[tuple[str, Place]]) -> list[tuple[str, Place]]:
        """Leave out the names that a list holds already, and tell them."""
        first: dict[str, Place] = {}
        for name, (source, where) in listed:
            if first.setdefault(name, (source, where)) != (source, where):
                known = source.error(first[name][1], "")
                message = f"{name} is already given in this target, on line {known.line}: remove one of them"
                self.report(source.error(where, message))
        return list(first.items())

    def _add_target(self, entry: TargetEntry, names: list[tuple[str, Place]], ports: list[Port]) -> None:
        """Add one target for each host; of domains one, or one for each where nothing names them together."""
        labels = tuple(sorted(entry.labels.items()))
        plain = tuple((port, settings) for port, settings, _ in ports)
        are_hosts = bool(entry.host or entry.hosts)
        for name, place in names:
            for port, _, where in ports:
                at = where if entry.host and len(ports) > 1 else place[1]
                self._note((entry.name or name, name, port, not are_hosts), (place[0], at))
        if not ports or not names:
            return
        if are_hosts:
            self.targets += [Target(entry.name or name, plain, host=name, labels=labels) for name, _ in names]
        elif entry.name:
            self.targets.append(Target(entry.name, plain, domains=tuple(name for name, _ in names), labels=labels))
        else:
            self.targets += [Target(name, plain, domains=(name,), labels=labels) for name, _ in names]

    def _add_group(self, item: dict[str, Any], checker: Checker, at: Where) -> None:
        """Add the targets of a file_sd group, one for each host."""
        if isinstance(labels := item.get("labels"), dict):
            kept = {name: each for name, each in labels.items() if not _dropped(name)}
            item = {**item, "labels": kept}
        group = checker.check(FileSdGroup, item, at).section
        if group is None:
            return
        hosts: dict[str, list[tuple[int, Settings]]] = {}
        for index, (host, port) in enumerate(group.targets):
            self._note((host, host, port, False), (checker.document, (*at, "targets", index)))
            if settings := self.merge.settings(port):
                hosts.setdefault(host, []).append((port, settings))
        labels = tuple(sorted(group.labels.items()))
        self.targets += [Target(host, tuple(ports), host=host, labels=labels) for host, ports in hosts.items()]

    def _note(self, endpoint: Named, place: Place) -> None:
        """Remember an endpoint, and tell where it is already."""
        source, where = place
        if endpoint not in self.seen:
            self.seen[endpoint] = place
            return
        other, first = self.seen[endpoint]
        known = other.error(first, "")
        message = f"{endpoint[1]}, port {endpoint[2]} is already in target {endpoint[0]!r} at {known.file}:{known.line}"
        self.report(source.error(where, f"{message}: give one a `name`"))


def _more_than_one(kinds: list[str]) -> str:
    """Say that a target has several of the keys of which it takes one."""
    if {*kinds} >= HOSTS:
        return "`host` and `hosts` exclude each other: list every host in `hosts`"
    return f"`{kinds[0]}` and `{kinds[1]}` exclude each other: make two targets of them"


def _dropped(label: str) -> bool:
    return label in DISCOVERY_LABELS or label.startswith("__")
