"""A file to a Config, or all that is wrong with it. Knows which files there are and their order."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from exporter.config import files
from exporter.config.document import Document, parse
from exporter.config.entries import Entries
from exporter.config.errors import ConfigError, ConfigErrors, ErrorList, TooManyErrors, Warnings, in_order
from exporter.config.files import Beside, Role
from exporter.config.foreign import foreign, mapping_for_a_list
from exporter.config.loaded import Config, Egress, ProbeAccess, TargetFile
from exporter.config.merge import Layer, Merge
from exporter.config.model import ConfigFile, EndpointKeys, Global, ProbeEndpoint, written
from exporter.config.model import Egress as EgressSection
from exporter.config.scalars import describe
from exporter.config.sources import Sources
from exporter.config.syntax import doubtful_comments
from exporter.config.validation import Checker
from exporter.garbage import left_for_later
from exporter.model import Choose


def load(
    path: Path,
    environ: Mapping[str, str] = os.environ,
    *,
    text: bytes | None = None,
    key: bytes = b"",
    choose: Choose | None = None,
    tolerant: bool = False,
) -> Config:
    """Read a configuration and all files it names. Raises ConfigErrors with everything that is wrong in them.

    `text` takes the place of what is in the file at `path`; `key` is that of the digests. With `tolerant`, target
    files with errors are no error: they have no targets.
    """
    reading = Reading(Beside(path.parent, environ, key=key), choose)
    with left_for_later():  # a million nodes, and no cycles
        config = reading.whole(path, text)
    in_target_files = [error for file in reading.target_files for error in file.errors]
    if reading.errors or config is None or (in_target_files and not tolerant):
        raise ConfigErrors([*reading.errors, *in_target_files], reading.sources)
    return replace(config, text=reading.text)


class Reading:
    """One reading of a configuration: its files, and the errors found so far."""

    def __init__(self, beside: Beside, choose: Choose | None = None) -> None:
        self.beside = beside
        self.choose = choose
        self.errors = ErrorList()
        """Those of the file that is being read: the configuration, or a target file."""
        self.warnings = Warnings()
        self.target_files: list[TargetFile] = []
        self.patterns: tuple[str, ...] = ()
        self.text = b""
        """That of the main file."""

    @property
    def sources(self) -> Sources:
        """What was looked into so far."""
        return Sources(self.patterns, self.beside.digests)

    def whole(self, path: Path, text: bytes | None) -> Config | None:
        """Read all; None where nothing of use comes of it, for which there is an error."""
        with contextlib.suppress(TooManyErrors):
            document = self.document("configuration", path, text)
            if document and (other := foreign(document.value)):
                self.errors = ErrorList([document.error(*other, key=True)])  # whatever else is wrong
                return None
            return self.config(document) if document else None
        return None

    def document(self, role: Role, file: Path, data: bytes | None = None) -> Document | None:
        """Read one YAML file; None where that is not possible (told)."""
        try:
            data = self.beside.read(role, file, data)
        except ValueError as error:
            self.report(ConfigError(file, str(error)))
            return None
        if role == "configuration":
            self.text = data
        document = parse(file, data, self.report)
        for (line, column), message in doubtful_comments(document.text) if document else ():
            self.warnings.add(ConfigError(file, message, line + 1, column + 1))
        return document

    def report(self, error: ConfigError) -> None:
        """Note what is wrong with the file that is being read."""
        self.errors.append(error)

    def checker(self, document: Document) -> Checker:
        """Make what reads the mappings of the main file."""
        return Checker(document, self.beside, self.report)

    def config(self, document: Document) -> Config:
        """Make a Config of the main file. It is of use only where no errors were found."""
        root = document.value
        if not isinstance(root, dict):
            expected = "expected a mapping with `targets` and other keys"
            self.report(document.error((), f"{expected}, got {describe(root)}"))
            root = {}
        frame = self._frame(root, document)
        base, common = self._global(root, document)
        modules = self._modules(root, document)
        merge = Merge(base, modules, self.report)
        entries = Entries(merge, self.report, self.warnings)
        self._targets(root, frame, document, entries)
        return Config(
            targets=tuple(entries.targets),
            plain=merge.bare_ports(),
            global_keys=base.values,
            module_keys={name: layer.values for name, layer in modules.items()},
            max_concurrent_probes=common.max_concurrent_probes,
            max_probes_per_host=common.max_probes_per_host,
            max_addresses=common.max_addresses,
            nameservers=tuple(common.nameservers),
            max_concurrent_lookups=common.max_concurrent_lookups,
            trusted_resolver=common.trusted_resolver,
            mx_on_this_machine=common.mx_on_this_machine,
            mta_sts_allow_private=bool(common.mta_sts and common.mta_sts.allow_private),
            probe_endpoint=_access(frame.probe_endpoint),
            egress=_egress(frame.egress),
            path=document.file,
            sources=self.sources,
            target_files=tuple(self.target_files),
            warnings=in_order(self.warnings.kept),
            skipped=self.warnings.skipped,
        )

    def _frame(self, root: dict[str, Any], document: Document) -> ConfigFile:
        """Read the whole but for what is read piece by piece, and so by its kind only."""
        emptied: dict[str, Any] = {"global": {}, "modules": {}, "targets": []}
        outline = {
            name: empty if isinstance(value, type(empty := emptied.get(name))) else value
            for name, value in root.items()
        }
        checked = self.checker(document).check(ConfigFile, outline, ())
        return checked.section or ConfigFile()

    def _global(self, root: dict[str, Any], document: Document) -> tuple[Layer, Global]:
        value = root.get("global")
        where = ("global",)
        checked = self.checker(document).check(Global, value if isinstance(value, dict) else {}, where)
        section = checked.section or Global()
        return Layer(written(section), document, where, checked.broken_below()), section

    def _modules(self, root: dict[str, Any], document: Document) -> dict[str, Layer]:
        modules = root.get("modules")
        layers = {}
        for name, value in modules.items() if isinstance(modules, dict) else ():
            where = ("modules", name)
            checked = self.checker(document).check(EndpointKeys, value, where)
            values = written(checked.section) if checked.section else {}
            layers[name] = Layer(values, document, where, checked.broken_below())
        return layers

    def _targets(self, root: dict[str, Any], frame: ConfigFile, document: Document, entries: Entries) -> None:
        """Add the targets of all files."""
        self.patterns = tuple(str((self.beside.directory / pattern).absolute()) for pattern in frame.target_files)
        listed = root.get("targets")
        entries.add(listed if isinstance(listed, list) else [], self.checker(document), ("targets",))
        self._choose(entries, 0)
        found: dict[Path, None] = {}
        for index, pattern in enumerate(frame.target_files):
            try:
                found.update(dict.fromkeys(files.matching(self.beside.directory, pattern)))
            except ValueError as error:
                self.report(document.error(("target_files", index), str(error)))
        self.target_files += [self._target_file(file, entries) for file in found]
        if not (listed or root.get("target_files") or _access(frame.probe_endpoint).enabled or self.errors):
            self.report(document.error(("targets",), "no targets: nothing would be probed"))

    def _target_file(self, file: Path, entries: Entries) -> TargetFile:
        """Add the targets of a file. Where it has errors, none: they are those of this file alone."""
        before, of_others = len(entries.targets), self.errors
        own = self.errors = ErrorList()
        with entries.file(lambda: bool(own)), contextlib.suppress(TooManyErrors):
            self._add_targets_of(file, entries)
        self.errors = of_others
        self._choose(entries, before)
        return TargetFile(str(file.absolute()), len(entries.targets) - before, in_order(own))

    def _add_targets_of(self, file: Path, entries: Entries) -> None:
        document = self.document("target file", file)
        items = document.value if document else None
        if document and isinstance(items, list):
            beside = replace(self.beside, directory=file.parent)
            entries.add(items, Checker(document, beside, self.report), ())
        elif document and items is not None:
            hint = mapping_for_a_list(items) if isinstance(items, dict) else ""
            message = f"expected a list of targets, got {describe(items)}"
            self.report(document.error((), f"{message}: {hint}" if hint else message))

    def _choose(self, entries: Entries, start: int) -> None:
        """Keep what is wanted of the targets from `start` on."""
        if self.choose:
            entries.targets[start:] = filter(None, map(self.choose, entries.targets[start:]))


def _access(section: ProbeEndpoint | None) -> ProbeAccess:
    return ProbeAccess(section.enabled, tuple(section.allow)) if section else ProbeAccess()


def _egress(section: EgressSection | None) -> Egress:
    return Egress(section.min_hosts, section.min_networks, tuple(section.canaries)) if section else Egress()
