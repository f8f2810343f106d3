"""What `smtp-exporter probe` was asked to probe: hosts and domains of the command line to targets. No network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from exporter.config import Config, names
from exporter.model import Settings, Target
from exporter.trust import TrustStore

USUAL_PORTS = (25, 465, 587)


@dataclass(frozen=True, slots=True)
class Asked:
    """One host or domain of the command line. `tried`: its ports were not named, closed ones may be left out."""

    target: Target
    tried: bool = False


def asked(
    config: Config,
    hosts: Sequence[str],
    domains: Sequence[str],
    *,
    module: str | None = None,
    ca_file: str | None = None,
    ehlo_name: str | None = None,
) -> list[Asked]:
    """Read what the command line asks for.

    Args:
        config: for the settings of ports and modules.
        hosts: `HOST`, `HOST:PORT`, `[IPv6]:PORT`; without a port the usual ones are tried.
        domains: mail domains.
        module: for all of them; None: by port.
        ca_file: PEM file of trust anchors, for all of them.
        ehlo_name: who to say we are.

    Raises:
        ValueError: there is nothing to probe, or it cannot be.
    """
    if not hosts and not domains:
        raise ValueError("nothing to probe: name a HOST[:PORT] or a --domain")
    if module and module not in config.modules:
        raise ValueError(f"unknown module {module!r}; there are {', '.join(sorted(config.modules))}")
    if ca_file:
        TrustStore(ca_file)
    if ehlo_name:
        ehlo_name = names.ehlo_name(ehlo_name)

    def ports(wanted: Sequence[int]) -> tuple[tuple[int, Settings], ...]:
        return tuple((port, _override(config.settings_for(port, module), ca_file, ehlo_name)) for port in wanted)

    found = []
    for text in hosts:
        host, port = _host_and_port(text)
        found.append(Asked(Target(host, ports([port] if port else USUAL_PORTS), host=host), tried=port is None))
    of_domain = [(port, replace(settings, resolve="dns")) for port, settings in ports([25])]
    found += [Asked(Target(name, tuple(of_domain), domains=(names.domain(name),))) for name in domains]
    return found


def _host_and_port(text: str) -> tuple[str, int | None]:
    """Split `HOST`, `HOST:PORT`, `[IPv6]:PORT` or a bare IPv6 literal.

    Raises:
        ValueError: it is none of these.
    """
    if names.address(text) or ":" not in text or text.endswith("]"):
        return names.host(text.removeprefix("[").removesuffix("]")), None
    return names.host_and_port(text)


def _override(settings: Settings, ca_file: str | None, ehlo_name: str | None) -> Settings:
    """Settings with what the command line says beside the configuration."""
    tls = replace(settings.tls, ca_file=ca_file) if ca_file else settings.tls
    return replace(settings, tls=tls, ehlo_name=ehlo_name or settings.ehlo_name)
