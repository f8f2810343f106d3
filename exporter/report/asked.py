"""What `smtp-exporter probe` was asked to probe: the command line and the configuration to targets. No network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from exporter.config import Config, names
from exporter.config.loaded import close
from exporter.model import Settings, Target
from exporter.trust import TrustStore

USUAL_PORTS = (25, 465, 587)
MOST_NAMED = 20
"""Targets that a message names."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    hosts: Sequence[str] = ()
    """`HOST`, `HOST:PORT`, `[IPv6]:PORT`."""
    domains: Sequence[str] = ()
    targets: Sequence[str] = ()
    """Names of targets of the configuration."""
    all: bool = False
    """All targets of the configuration."""
    module: str | None = None
    """In place of what the configuration says of a host or domain."""
    ca_file: str | None = None
    ehlo_name: str | None = None
    timeout: float | None = None
    connect_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One target to probe."""

    target: Target
    tried: bool = False
    """Its ports were not named: closed ones may be left out."""
    configured: bool = False
    """It is one of the configuration, or a part of one."""
    notice: str = ""
    """What to tell the user about it."""
    among: Sequence[Target] = ()
    """Targets of mail domains that may have its host as an MX host: they take its place then."""
    only: tuple[str, ...] = ()
    """Of its MX hosts only these are asked for; none: all."""


def asked(config: Config, wanted: Wanted) -> list[Asked]:
    """Find what is to be probed: each target once.

    Raises:
        ValueError: there is nothing to probe, or it cannot be.
    """
    if not (wanted.hosts or wanted.domains or wanted.targets or wanted.all):
        raise ValueError("nothing to probe: name a HOST[:PORT], a --domain, a --target of the configuration, or --all")
    if wanted.module and wanted.module not in config.modules:
        raise ValueError(f"unknown module {wanted.module!r}; there are {', '.join(sorted(config.modules))}")
    if wanted.module and (wanted.targets or wanted.all):
        raise ValueError(
            "--module takes the place of a target's keys: name a HOST[:PORT] with it, no --target or --all"
        )
    if wanted.ca_file:
        TrustStore(wanted.ca_file)
    found = [*_named(config, wanted)]
    for text in wanted.hosts:
        found += _of_host(config, wanted, text)
    for text in wanted.domains:
        found += _of_domain(config, wanted, names.domain(text))
    override = _overrides(wanted)
    return [
        replace(each, target=_with(each.target, override), among=[_with(target, override) for target in each.among])
        for each in once(found)
    ]


# --- which targets ----------------------------------------------------------------------------------------------


def _named(config: Config, wanted: Wanted) -> Iterator[Asked]:
    """The targets asked for by name."""
    known = dict.fromkeys(target.name for target in config.targets)
    for name in wanted.targets:
        if name not in known:
            raise ValueError(_unknown(name, list(known)))
    if wanted.all and not known:
        raise ValueError("--all: the configuration has no targets")
    yield from (
        Asked(target, configured=True) for target in config.targets if wanted.all or target.name in wanted.targets
    )


def _unknown(name: str, known: list[str]) -> str:
    meant = close(name, known)
    more = ", ..." if len(known) > MOST_NAMED else ""
    hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(map(repr, known[:MOST_NAMED]))}{more}"
    return f"unknown target {name!r}; {hint}" if known else f"unknown target {name!r}: the configuration has no targets"


def _of_host(config: Config, wanted: Wanted, text: str) -> Iterator[Asked]:
    """The targets of the configuration that have a host and port; where none has, it as it stands."""
    host, port = _host_and_port(text)
    narrowed = [
        replace(target, ports=tuple(each for each in target.ports if port in (None, each[0])))
        for target in (() if wanted.module else config.targets)
    ]
    found = [target for target in narrowed if target.host == host and target.ports]
    yield from (Asked(target, configured=True) for target in found)
    if not found:
        ports = _plain(config, wanted, [port] if port else USUAL_PORTS)
        notice = _notice(config, wanted, text, "host and port" if port else "host")
        among = tuple(target for target in narrowed if target.domains and target.ports)
        yield Asked(Target(host, ports, host=host), tried=port is None, notice=notice, among=among)


def _of_domain(config: Config, wanted: Wanted, domain: str) -> Iterator[Asked]:
    """The targets of the configuration that have a mail domain; where none has, it as it stands."""
    found = False
    for target in () if wanted.module else config.targets:
        if domain in target.domains:
            found = True
            yield Asked(replace(target, domains=(domain,)), configured=True)
    if not found:
        ports = tuple((port, replace(settings, resolve="dns")) for port, settings in _plain(config, wanted, [25]))
        notice = _notice(config, wanted, domain, "domain")
        yield Asked(Target(domain, ports, domains=(domain,)), notice=notice)


def _plain(config: Config, wanted: Wanted, ports: Sequence[int]) -> tuple[tuple[int, Settings], ...]:
    return tuple((port, config.settings_for(port, wanted.module)) for port in ports)


def _notice(config: Config, wanted: Wanted, asked_for: str, part: str) -> str:
    """Say that the keys of no target apply, to a user who named a file and no module."""
    if config.path is None or wanted.module:
        return ""
    return f"{asked_for}: no target of {config.path} has this {part}; only its global keys and modules apply"


def once(found: Sequence[Asked]) -> Iterator[Asked]:
    """Each port of a host and each domain of a target once, however often it was asked for."""
    seen: dict[Target, set[object]] = {}
    for each in found:
        part = "ports" if each.target.host else "domains"
        known = seen.setdefault(replace(each.target, **{part: ()}), set())  # type: ignore[arg-type]  # `part` is a field of it
        new = tuple(one for one in getattr(each.target, part) if one not in known)
        known.update(new)
        if new:
            yield replace(each, target=replace(each.target, **{part: new}))  # type: ignore[arg-type]  # as above


# --- as the command line wants them -----------------------------------------------------------------------------


def _host_and_port(text: str) -> tuple[str, int | None]:
    """Split `HOST`, `HOST:PORT`, `[IPv6]:PORT` or a bare IPv6 literal.

    Raises:
        ValueError: it is none of these.
    """
    if names.address(text) or ":" not in text or text.endswith("]"):
        return names.host(text.removeprefix("[").removesuffix("]")), None
    return names.host_and_port(text)


def _with(target: Target, override: Callable[[Settings], Settings]) -> Target:
    return replace(target, ports=tuple((port, override(settings)) for port, settings in target.ports))


def _overrides(wanted: Wanted) -> Callable[[Settings], Settings]:
    """What the command line says in place of the configuration.

    Raises:
        ValueError: the EHLO name is none.
    """
    ehlo_name = names.ehlo_name(wanted.ehlo_name) if wanted.ehlo_name else None

    def override(settings: Settings) -> Settings:
        timeout = wanted.timeout or settings.timeout
        return replace(
            settings,
            tls=replace(settings.tls, ca_file=wanted.ca_file) if wanted.ca_file else settings.tls,
            ehlo_name=ehlo_name or settings.ehlo_name,
            timeout=timeout,
            connect_timeout=min(wanted.connect_timeout or settings.connect_timeout, timeout),
        )

    return override
