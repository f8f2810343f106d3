"""What a request for /probe asks for, or why it cannot be answered. Pure: nothing is looked up or allowed here."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from math import isfinite

from exporter.config import Config
from exporter.config.names import host_and_port
from exporter.model import Settings

PARAMETERS = ("target", "module", "debug")
MAX_LENGTH = 300
"""Characters of a parameter or header: a host name has 253."""
OFFSET = 0.5
"""Seconds of the scrape's time-out that are left for the way back, as in blackbox_exporter."""


@dataclass(frozen=True, slots=True)
class OnDemand(Settings):
    """The settings of a probe on demand. Its time-out is the request's, and says nothing of whom it asks.

    So the same peer is known again, however long a scrape may take: logins would else come as often as somebody
    thinks of another time-out.
    """

    timeout: float = field(default=30.0, compare=False)
    connect_timeout: float = field(default=10.0, compare=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: whom to probe, and how."""

    host: str
    port: int
    settings: OnDemand
    module: Settings
    """As the configuration has it."""
    debug: bool = False


def asked(config: Config, query: Iterable[tuple[str, str]], scrape_timeout: str | None) -> Asked:
    """Read the parameters of a request, in whatever order, and X-Prometheus-Scrape-Timeout-Seconds.

    Parameters of other names are left alone, as blackbox_exporter does.

    Raises:
        ValueError: with a sentence for the one who asks.
    """
    given = _parameters(query)
    if not given.get("target"):
        raise ValueError("the parameter target is missing: /probe?target=mail.example.com:25")
    host, port = host_and_port(given["target"], default=25)
    try:
        module = config.settings_for(port, given.get("module"))
    except LookupError as error:
        raise ValueError(str(error.args[0])) from None
    timeout = min(module.timeout, _patience(scrape_timeout))
    own = {each.name: getattr(module, each.name) for each in fields(Settings)}
    own |= {"addresses": "any", "timeout": timeout, "connect_timeout": min(module.connect_timeout, timeout)}
    return Asked(host, port, OnDemand(**own), module, debug=given.get("debug") == "true")


def _parameters(query: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Ours, each at most once: of two one would be ignored, and nobody knows which."""
    given: dict[str, str] = {}
    for name, value in query:
        if name not in PARAMETERS:
            continue
        if name in given:
            raise ValueError(f"the parameter {name} is given more than once")
        if len(value) > MAX_LENGTH:
            raise ValueError(f"the parameter {name} is longer than {MAX_LENGTH} characters")
        given[name] = value
    return given


def _patience(scrape_timeout: str | None) -> float:
    """Seconds for a probe, so that its answer comes before the scrape ends; of a very short one half is left."""
    if scrape_timeout is None:
        return float("inf")
    try:
        seconds = float(scrape_timeout[:MAX_LENGTH])
    except ValueError:
        seconds = 0.0
    if not (isfinite(seconds) and seconds > 0):
        text = scrape_timeout[:40]
        raise ValueError(f"X-Prometheus-Scrape-Timeout-Seconds: expected seconds above 0, got {text!r}")
    return max(seconds - OFFSET, seconds / 2)
