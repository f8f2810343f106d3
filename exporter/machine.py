"""What this machine is called, and how much of it we may take."""

import asyncio
import logging
import re
import resource
import socket

from exporter.aside import aside

log = logging.getLogger(__name__)

SPARE_DESCRIPTORS = 100
"""Descriptors kept for scrapes, logs and files; each lookup may need two more."""
NAME_PATIENCE = 1.0
"""Seconds that finding this machine's name may take: a slow resolver must not keep the first probes waiting."""
HOST_NAME = re.compile(r"([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
PRIVATE_DOMAINS = (
    "localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa",
)  # fmt: skip
"""Where public DNS has no names (RFC 6761, 6762 appendix G, 8375; ICANN reserved internal): strict servers refuse a
client that greets with a name they cannot resolve (Postfix reject_unknown_helo_hostname: 450)."""
CONTAINER_ID = re.compile(r"[0-9a-f]{12}")
"""The host name that Docker and Podman give a container."""


async def own_name() -> str | None:
    """The name to say in EHLO: this machine's FQDN where it is fit for it, else None for the address literal."""
    try:
        name = await asyncio.wait_for(aside(socket.getfqdn), NAME_PATIENCE)
    except TimeoutError:
        return None
    return name if fit_for_ehlo(name) else None


def fit_for_ehlo(name: str) -> bool:
    """Whether other hosts may know a host name: a full one, and neither private nor that of a container."""
    first, _, domain = name.lower().partition(".")
    private = first == "localhost" or f".{domain}".endswith(tuple(f".{each}" for each in PRIVATE_DOMAINS))
    is_address = domain.rpartition(".")[2].isdigit()
    return HOST_NAME.fullmatch(name) is not None and not (private or is_address or CONTAINER_ID.fullmatch(first))


def descriptors_for(probes: int, spare: int = SPARE_DESCRIPTORS) -> int:
    """Raise the descriptor limit as far as allowed; return how many probes at once that is good for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = probes + spare
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return probes
    fewer = max(1, soft - spare)
    log.warning(
        "too few file descriptors: fewer probes at once", extra={"limit": soft, "at_once": fewer, "asked": probes}
    )
    return fewer
