"""What Prometheus scrapes of simulated agents, as the input series of a promtool test."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from exporter.reasons import REASONS, Stage, Untestable
from tests.deploy.stories.agents import (
    Agent,
    Domain,
    Endpoint,
    Known,
    Labels,
    history,
    third_failures,
    withdrawn,
    within,
)
from tests.deploy.stories.facts import Sample, family, lasting, result
from tests.deploy.stories.outcomes import FOREVER, Span, untestable

Wanted = Callable[[str], bool]
"""Whether a family is asked for by any rule; the others would only cost time."""
Key = tuple[str, tuple[tuple[str, str], ...]]

OWN = {
    "smtp_exporter_config_last_reload_successful": 1.0,
    "smtp_exporter_probes_in_flight": 1.0,
    "smtp_exporter_probe_overruns_total": 0.0,
    "smtp_exporter_overloaded_addresses": 0.0,
    "smtp_exporter_internal_errors_total": 0.0,
}
"""What an agent says of itself, unless a story says otherwise."""


@dataclass(slots=True)
class Scraped:
    """All series by their names and labels, a value or None a minute, and when ports failed three times."""

    minutes: int
    series: dict[Key, list[float | None]] = field(default_factory=dict)
    third_failures: dict[tuple[str, int], float] = field(default_factory=dict)

    def add(self, minute: int, key: Key, value: float) -> None:
        """Note one sample."""
        values = self.series.get(key)
        if values is None:
            values = self.series[key] = [None] * (self.minutes + 1)
        values[minute] = value


def scrape(agents: Sequence[Agent], minutes: int, wanted: Wanted = lambda name: True) -> Scraped:
    """Let Prometheus scrape these agents every minute."""
    scraped = Scraped(minutes)
    for agent in agents:
        _scrape_agent(agent, scraped, wanted)
    return scraped


def _scrape_agent(agent: Agent, scraped: Scraped, wanted: Wanted) -> None:
    keys = Keys(agent, wanted)
    lives = [(run, _life(agent, run, scraped)) for run in agent.runs]
    for minute in range(scraped.minutes + 1):
        if not within(minute, agent.listed):
            continue
        alive = [each for each in lives if each[0][0] <= minute < each[0][1]]
        up = bool(alive) and not agent.lost(minute)
        if wanted("up"):
            scraped.add(minute, keys.up, up)
        for run, endpoints in alive if up else []:
            for key, value in _samples(agent, run, endpoints, minute, keys):
                scraped.add(minute, key, value)


class Keys:
    """The names and labels of series as Prometheus keeps them. What an endpoint said before is not written anew."""

    def __init__(self, agent: Agent, wanted: Wanted) -> None:
        self._own = {"job": agent.job, "instance": agent.instance, **agent.scraped}
        self._honor, self._wanted = agent.honor_labels, wanted
        self._said: dict[object, list[tuple[Key, float]]] = {}
        self.up: Key = "up", tuple(sorted(self._own.items()))

    def of(self, samples: Iterable[Sample], labels: Labels = MappingProxyType({})) -> Iterator[tuple[Key, float]]:
        """Give samples their labels."""
        for name, more, value in samples:
            if self._wanted(name):
                yield (name, tuple(sorted(self._joined({**labels, **more}).items()))), value

    def _joined(self, labels: Labels) -> dict[str, str]:
        """Join the labels of a series and of its scrape, as `honor_labels` says."""
        if self._honor:
            return {**self._own, **labels}
        renamed = {f"exported_{name}" if name in self._own else name: value for name, value in labels.items()}
        return {**renamed, **self._own}

    def of_endpoint(self, endpoint: Endpoint, state: Known, now: float) -> Iterator[tuple[Key, float]]:
        """Write what is known of an endpoint."""
        host, port, address = endpoint
        labels = {"target": host.target or host.name, "host": host.name, "address": address, "port": str(port)}
        counts = [*lasting(state)]
        keys = self._once(endpoint, lambda: self.of(counts, {**labels, **host.labels}))
        values = {name: value for name, _, value in counts}
        yield from ((key, values[key[0]]) for key, _ in keys)
        if not withdrawn(state, now):
            seen = endpoint, state.outcome, state.wait, state.duration, state.in_a_row
            yield from self._once(seen, lambda: self.of(result(endpoint, state), {**labels, **host.labels}))

    def _once(self, what: object, write: Callable[[], Iterator[tuple[Key, float]]]) -> list[tuple[Key, float]]:
        if what not in self._said:
            self._said[what] = [*write()]
        return self._said[what]


def _life(agent: Agent, run: Span, scraped: Scraped) -> dict[Endpoint, list[Known]]:
    """Probe all endpoints for as long as a process runs."""
    states: dict[Endpoint, list[Known]] = {}
    end = min(run[1], scraped.minutes + 1)
    for n, (host, port) in enumerate((each, port) for each in agent.hosts for port in each.ports):
        found = history(host, port, agent, (run[0], end), n * 13 % min(host.interval, 60))
        states |= {(host, port, address): known for address, known in found.items()}
        probes = [(each.finished, each.outcome.reason is not None, len(found) if not callable(host.addresses) else 1)
                  for known in found.values() for each in known]  # fmt: skip
        third = min(third_failures(probes), scraped.third_failures.get((host.name, port), FOREVER))
        scraped.third_failures[host.name, port] = third
    return states


def _samples(
    agent: Agent, run: Span, endpoints: Mapping[Endpoint, list[Known]], minute: int, keys: Keys
) -> Iterator[tuple[Key, float]]:
    now = minute * 60
    latest = {each: state for each, states in endpoints.items() if (state := _latest(each, states, now))}
    blocked = {key for key, spans in agent.blocked.items() if within(minute, spans)}
    for endpoint, state in latest.items():
        voted = (endpoint[1], family(endpoint[2])) in blocked and state.outcome.stage is Stage.CONNECT
        judged = replace(state, outcome=untestable(Untestable.EGRESS_BLOCKED)) if voted else state
        yield from keys.of_endpoint(endpoint, judged, now)
    for domain in agent.domains:
        yield from keys.of(_domain(domain, latest, minute))
    yield from keys.of(_egress(agent, latest, minute))
    yield from keys.of(_own(agent, run, endpoints, minute))


def _latest(endpoint: Endpoint, states: list[Known], now: float) -> Known | None:
    """The last state of an endpoint that is there; a cheap walk, since time only moves on."""
    start, end = endpoint[0].configured
    if not start * 60 <= now < end * 60:
        return None
    while len(states) > 1 and states[1].finished <= now:
        del states[0]
    return states[0] if states and states[0].finished <= now < states[0].gone else None


def _domain(domain: Domain, latest: Mapping[Endpoint, Known], minute: int) -> Iterator[Sample]:
    """What is said of a mail domain."""
    target = domain.target or domain.name
    labels = {"target": target, "domain": domain.name, **domain.labels}
    holding = [key for key, spans in domain.problems.items() if within(minute, spans)]
    critical = any(severity == "critical" for _, severity in holding)
    verdicts = {
        state.outcome.reason is None
        for (host, _, _), state in latest.items()
        if host.name in domain.mx and (host.target or host.name) == target and not state.outcome.untestable
    }
    if critical or verdicts:
        yield "smtp_domain_success", labels, not critical and True in verdicts
    for reason, severity in holding:
        more = {"stage": REASONS[reason].stages[0], "reason": reason, "severity": severity}
        yield "smtp_domain_problem", labels | more, 1
    for n, host_name in enumerate(domain.mx):
        yield "smtp_domain_mx_info", labels | {"host": host_name, "preference": str(10 * (n + 1))}, 1
    yield "smtp_domain_mx_records", labels, len(domain.mx)
    yield "smtp_domain_null_mx", labels, 0
    yield "smtp_domain_mta_sts_present", labels, bool(domain.sts)
    yield "smtp_domain_tlsrpt_present", labels, 0
    if domain.sts:
        bad = any(reason.startswith("sts_") for reason, _ in holding)
        yield "smtp_domain_mta_sts_valid", labels, not bad
        yield "smtp_domain_mta_sts_info", labels | {"mode": domain.sts}, 1
        yield "smtp_domain_mta_sts_max_age_seconds", labels, 604800


def _egress(agent: Agent, latest: Mapping[Endpoint, Known], minute: int) -> Iterator[Sample]:
    """Whether ports look blocked: 1 as the story says, 0 where an endpoint connected."""
    blocked = {key for key, spans in agent.blocked.items() if within(minute, spans)}
    open_ = {
        (port, family(address))
        for (_, port, address), state in latest.items()
        if address and state.outcome.reached(Stage.CONNECT) and not state.outcome.untestable
    }
    for port, of_ip in blocked | open_:
        yield "smtp_egress_port_blocked", {"port": str(port), "family": of_ip}, (port, of_ip) in blocked


def _own(agent: Agent, run: Span, endpoints: Mapping[Endpoint, list[Known]], minute: int) -> Iterator[Sample]:
    """What an agent says of itself."""
    for name, value in (OWN | dict(agent.own)).items():
        yield name, {}, value
    configured = [each for each in endpoints if within(minute, [each[0].configured])]
    yield "smtp_exporter_build_info", {"version": "2.0.0", "python": "3.13.1", "openssl": "4.0.0"}, 1
    yield "smtp_exporter_config_last_reload_success_timestamp_seconds", {}, run[0] * 60
    yield "smtp_exporter_endpoints", {}, len(configured)
    yield "smtp_exporter_targets", {}, len({host.target or host.name for host, _, _ in configured})
    yield "process_start_time_seconds", {}, run[0] * 60
    for histogram in ("smtp_exporter_schedule_delay_seconds", "smtp_exporter_event_loop_lag_seconds"):
        for suffix, more in (("_bucket", {"le": "0.25"}), ("_bucket", {"le": "+Inf"}), ("_count", {})):
            yield histogram + suffix, more, (minute - run[0]) * 10


def as_input(scraped: Scraped) -> list[dict[str, str]]:
    """The input series of a promtool test."""
    return [{"series": _selector(key), "values": notation(values)} for key, values in scraped.series.items()]


def _selector(key: Key) -> str:
    name, labels = key
    return f"{name}{{{','.join(f'{label}={json.dumps(value, ensure_ascii=False)}' for label, value in labels)}}}"


def notation(values: Sequence[float | None]) -> str:
    """Write values as promtool reads them: a+bxn where they grow evenly, `stale` once they end."""
    parts: list[str] = []
    at, before = 0, False
    while at < len(values):
        value = values[at]
        if value is None:
            parts.append("stale" if before else "_")
            before, at = False, at + 1
            continue
        before, end = True, at + 1
        step = (values[end] or 0) - value if end < len(values) and values[end] is not None else 0
        while end < len(values) and (there := values[end]) is not None and there == value + step * (end - at):
            end += 1
        parts.append(
            f"{value:g}"
            if end == at + 1
            else f"{_number(value)}{'+' if step >= 0 else '-'}{_number(abs(step))}x{end - at - 1}"
        )
        at = end
    return " ".join(parts)


def _number(value: float) -> str:
    return f"{float(value):.3f}".rstrip("0").rstrip(".")
