"""The running configuration as YAML, all keys merged down to each port: what /config serves. No secret is in it.

Passwords never are: a configuration names where they are. User names are masked. Written as JSON, which YAML can read.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from exporter.config import Config
from exporter.model import Settings, Target

MASKED = "***"


def render(config: Config) -> Iterator[str]:
    """Write the configuration line by line, a target each; some pieces take a millisecond."""
    whole = {
        "max_concurrent_probes": config.max_concurrent_probes,
        "max_probes_per_host": config.max_probes_per_host,
        "max_addresses": config.max_addresses,
        "nameservers": config.nameservers,
        "max_concurrent_lookups": config.max_concurrent_lookups,
        "trusted_resolver": config.trusted_resolver,
        "mx_on_this_machine": config.mx_on_this_machine,
        "mta_sts": {"allow_private": config.mta_sts_allow_private},
    }
    yield f"# {config.path}: as it runs, all keys merged; durations in seconds\n"
    yield "global:\n" + "".join(f"  {key}: {json.dumps(value)}\n" for key, value in whole.items())
    yield f"probe_endpoint: {json.dumps(asdict(config.probe_endpoint))}\n"
    canaries = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in config.egress.canaries]
    egress = asdict(config.egress) | {"canaries": canaries}
    yield f"egress: {json.dumps(egress)}\n"
    yield "targets:\n" if config.targets else "targets: []\n"
    settings: dict[int, str] = {}  # many ports share theirs
    for target in config.targets:
        yield from _target(target, settings)


def _target(target: Target, known: dict[int, str]) -> Iterator[str]:
    yield f"  - name: {json.dumps(target.name)}\n"
    if target.host:
        yield f"    host: {json.dumps(target.host)}\n"
    else:
        yield "    domains:\n"
        yield from (f"      - {json.dumps(domain)}\n" for domain in target.domains)
    if target.labels:
        yield f"    labels: {json.dumps(dict(target.labels))}\n"
    yield "    ports:\n"
    for port, settings in target.ports:
        if id(settings) not in known:
            known[id(settings)] = json.dumps(_shown(settings))
        yield f"      - {{port: {port}, settings: {known[id(settings)]}}}\n"


def _shown(settings: Settings) -> dict[str, Any]:
    shown = asdict(settings)
    del shown["expect"]["user_wants_trust"]
    if settings.auth:
        shown["auth"]["username"] = MASKED
    return shown
