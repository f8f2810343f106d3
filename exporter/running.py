"""A configuration as YAML that `check-config` accepts, all keys merged down to each port: for /config and --print.

No password is in it, for a configuration names only where one is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from exporter.config import Config
from exporter.config.durations import SHORTEST_CONFIRMATION, written
from exporter.config.scalars import plain, quoted
from exporter.model import Settings, Target
from exporter.peer_text import escape

MASKED = "***"
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What may stand without quotes, if it is no trap."""
DURATIONS = {"interval", "confirm_interval", "timeout", "connect_timeout"}
Keys = Mapping[str, Any]


def render(config: Config, *, masked: bool = True) -> Iterator[str]:
    """Write the configuration line by line, a target each; some pieces take a millisecond.

    `masked`: user names are not shown.
    """
    users = "; user names are masked" if masked else ""
    yield f"# {escape(str(config.path))}: as it runs, with the targets of all files and all keys merged{users}\n"
    whole = {**_keys(config.global_keys, masked=masked), **_bounds(config)}
    yield "global:\n" + "".join(f"  {key}: {_flow(value)}\n" for key, value in whole.items())
    used = {settings.module for target in config.targets for _, settings in target.ports} - {*config.modules}
    modules = {**config.module_keys, **{name: {} for name in sorted(used)}}
    yield "modules:\n" if modules else ""
    yield from (f"  {_text(name)}: {_flow(_keys(keys, masked=masked))}\n" for name, keys in modules.items())
    yield f"probe_endpoint: {_flow(asdict(config.probe_endpoint))}\n"
    canaries = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in config.egress.canaries]
    yield f"egress: {_flow(asdict(config.egress) | {'canaries': canaries})}\n"
    yield "targets:\n" if config.targets else f"targets: []\ntarget_files: {_flow(config.sources.patterns)}\n"
    settings: dict[int, str] = {}  # many ports share theirs
    for target in config.targets:
        yield from _target(target, settings, masked=masked)


def _bounds(config: Config) -> dict[str, Any]:
    """The keys of `global` that are no endpoint keys."""
    trusted = {} if config.trusted_resolver is None else {"trusted_resolver": config.trusted_resolver}
    return {
        "max_concurrent_probes": config.max_concurrent_probes,
        "max_probes_per_host": config.max_probes_per_host,
        "max_addresses": config.max_addresses,
        "nameservers": config.nameservers,
        "max_concurrent_lookups": config.max_concurrent_lookups,
        **trusted,
        "mx_on_this_machine": config.mx_on_this_machine,
        "mta_sts": {"allow_private": config.mta_sts_allow_private},
    }


def _target(target: Target, known: dict[int, str], *, masked: bool) -> Iterator[str]:
    yield f"  - name: {_text(target.name)}\n"
    if target.host:
        yield f"    host: {_text(target.host)}\n"
    else:
        yield "    domains:\n"
        yield from (f"      - {_text(domain)}\n" for domain in target.domains)
    if target.labels:
        yield f"    labels: {_flow(dict(target.labels))}\n"
    yield "    ports:\n"
    for port, settings in target.ports:
        if id(settings) not in known:
            known[id(settings)] = _flow(_keys(_merged(settings), masked=masked)).removeprefix("{")
        yield f"      - {{port: {port}, {known[id(settings)]}\n"


def _merged(settings: Settings) -> Keys:
    """The endpoint keys that make these settings, whatever `global` and the module say."""
    keys = {name: value for name, value in asdict(settings).items() if value is not None and value != ()}
    if settings.confirm_interval is None:
        keys["confirm_interval"] = "off"
    elif settings.confirm_interval < SHORTEST_CONFIRMATION or not _has_whole_milliseconds(settings.confirm_interval):
        del keys["confirm_interval"]  # nobody wrote that: it is made of the interval
    expect = {name: value for name, value in keys["expect"].items() if value is not None}
    if not expect.pop("user_wants_trust") and settings.expect.certificate == "trusted":
        del expect["certificate"]  # as built in: not the user's wish
    parts = {name: {key: value for key, value in (keys.pop(name, None) or {}).items() if value is not None}
             for name in ("tls", "auth")}  # fmt: skip
    return {**keys, **{name: part for name, part in parts.items() if part}, "expect": expect}


def _has_whole_milliseconds(seconds: float) -> bool:
    return seconds == round(seconds * 1000) / 1000


def _keys(keys: Keys, *, masked: bool) -> dict[str, Any]:
    """Endpoint keys as an operator writes them."""
    shown: dict[str, Any] = {}
    for name, value in keys.items():
        if isinstance(value, Mapping):
            shown[name] = _keys(value, masked=masked)
        elif name in DURATIONS and not isinstance(value, str):
            shown[name] = written(value)
        else:
            shown[name] = MASKED if masked and name == "username" else value
    return shown


def _flow(value: object) -> str:
    """Write a value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(name)}: {_flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value) if isinstance(value, str) else f"{Decimal(repr(value)).normalize():f}"


def _text(text: str) -> str:
    """Write a text, in quotes where YAML could take it for something else."""
    return text if WORD.fullmatch(text) and plain(text) == text else quoted(text)
