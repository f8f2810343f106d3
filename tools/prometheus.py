"""The shape of rule files and of the configurations of Prometheus and Alertmanager. What they say: `tools.alerts`.

A `pace` divides every duration, in expressions those after an @ (as a number, @@): at a pace of 60 a minute lasts a
second, and a test need not wait for it. What is committed has the pace 1.
"""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from exporter.config.durations import seconds, written
from tools.annotations import DOCS, GRAFANA, PAGE, Links

JOB = "smtp-exporter"
"""The job name of the shipped scrape configurations."""
Yaml = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule, and what its value is."""

    name: str
    says: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One level of an alert: it fires after `lasts`, and for `keeps` after the last time that it held.

    `summary` names what it is about in one sentence; `help` links to the reasons that hold.
    """

    name: str
    severity: str
    expr: str
    lasts: str
    summary: str
    description: str
    help: str = ""
    links: Links | None = None
    keeps: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other, in an interval ("": the usual one)."""

    name: str
    interval: str
    rules: Sequence[Record | Alert]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """What a file of rules is for, and its groups."""

    says: str
    groups: Sequence[Group]


@dataclass(frozen=True, slots=True)
class Site:
    """What differs from one site to the next: where things are, and at what pace time runs (in tests)."""

    job: str = JOB
    page: str = PAGE
    grafana: str = GRAFANA
    docs: str = DOCS
    pace: float = 1

    def text(self, text: str) -> str:
        """A text of the tables as this site has it."""
        return faster(text.replace(DOCS, self.docs).replace(f'job="{JOB}"', f'job="{self.job}"'), self.pace)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert that matches `source` fires, those that match `target` are not sent, where `equal` labels are."""

    says: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    equal: tuple[str, ...]


def faster(text: str, pace: float) -> str:
    """Divide the durations after an @ in a text by a pace; those after @@ become a number of seconds."""
    text = re.sub(r"@@(\w+)", lambda found: f"{seconds(found[1]) / pace:g}", text)
    return re.sub(r"@(\w+)", lambda found: found[1] if pace == 1 else written(seconds(found[1]) / pace), text)


def _rule(row: Record | Alert, site: Site) -> Yaml:
    """A rule as Prometheus wants it."""
    expr = site.text(re.sub(r"\n\s*\n", "\n", textwrap.dedent(row.expr).strip()))
    if isinstance(row, Record):
        return {"record": row.name, "expr": expr}
    keeps = {"keep_firing_for": site.text(f"@{row.keeps}")} if row.keeps else {}
    return {
        "alert": row.name,
        "expr": expr,
        **({"for": site.text(f"@{row.lasts}")} if row.lasts else {}),
        **keeps,
        "labels": {"severity": row.severity},
        "annotations": _annotations(row, site),
    }


def _annotations(row: Alert, site: Site) -> Yaml:
    """What the person on call reads, and where to look next."""
    page = row.links.page_url(site.page) if row.links else ""
    dashboard = site.grafana + row.links.dashboard if row.links else ""
    return {
        "summary": row.summary,
        "description": row.description,
        **({"reason_url": site.text(row.help)} if row.help else {}),
        **({"page_url": page} if page else {}),
        **({"dashboard_url": dashboard} if dashboard else {}),
        "runbook_url": f"{site.docs}/runbooks/{row.name}.md",
    }


def _rule_file(name: str, file: RuleFile, site: Site) -> str:
    """One file of rules, each recording rule after a comment that says what it is."""
    parts = [_comment(file.says), "groups:\n"]
    for group in file.groups:
        every = site.text(f"    interval: @{group.interval}\n") if group.interval else ""
        parts.append(f"  - name: {'-'.join(filter(None, ('smtp', name, group.name)))}\n{every}    rules:\n")
        for row in group.rules:
            says = _comment(row.says) if isinstance(row, Record) else ""
            parts.append(textwrap.indent(f"{says}{_dump([_rule(row, site)])}", " " * 6) + "\n")
    return "".join(parts).rstrip() + "\n"


SCRAPE = """\
# Prometheus for smtp-exporter: scrapes it, evaluates its rules, sends its alerts. Merge it into yours or start with it.
global:
  evaluation_interval: @60s

rule_files: [rules/*.yml] # optional/vantage.yml: several places; optional/slo.yml: availability (docs/vantage.md)

alerting:
  alertmanagers:
    - static_configs:
        - targets: [{alertmanagers}]

scrape_configs:
  - job_name: {job} # the rules in rules/agent.yml ask for this name
    # the agent's labels (target, host, address, port and your own) stay as they are
    honor_labels: true
    # the agent probes at its own intervals; a scrape only reads the last results
    scrape_interval: @60s
    scrape_timeout: @30s
    static_configs:
      # `instance` is part of every alert: where addresses change at each start (pods), relabel it to what stays
      - targets: [{agents}]
"""

ROUTE = """\
# An Alertmanager that tells of one incident once. Put your receivers in: as they are they tell nobody.
route:
  receiver: ticket
  group_by: [alertname] # tickets of one kind are one notification
  group_wait: @30s
  group_interval: @5m
  repeat_interval: 12h
  routes:
    - matchers: [severity = critical]
      receiver: page
      group_by: [host, domain] # all that is wrong with a mail server, whichever agent or target says so, is one page
      repeat_interval: 4h

receivers:
  - name: page # mail does not flow, or nobody watches: somebody is woken
{receiver}  - name: ticket # somebody looks at it in the morning
{receiver}
inhibit_rules:
"""


def written_files(
    rules: Mapping[str, RuleFile],
    inhibitions: Sequence[Inhibition],
    site: Site,
    *,
    agents: Iterable[str] = ("localhost:10225",),
    alertmanagers: Iterable[str] = ("localhost:9093",),
    webhook: str = "",
    optional: Mapping[str, RuleFile] | None = None,
) -> dict[str, str]:
    """All files by their names, for agents and Alertmanagers at these host:port, and a webhook that hears of all."""
    folders = {"rules": rules, "optional": optional or {}}
    found = {"job": site.job, "agents": ", ".join(agents), "alertmanagers": ", ".join(alertmanagers)}
    receiver = f"    webhook_configs: [{{url: '{webhook}'}}]\n" if webhook else ""
    return {
        "prometheus.yml": site.text(SCRAPE).format(**found),
        "alertmanager.yml": site.text(ROUTE).format(receiver=receiver) + "\n".join(map(_inhibit_rule, inhibitions)),
    } | {
        f"{folder}/{name}.yml": _rule_file(name, file, site)
        for folder, found in folders.items()
        for name, file in found.items()
    }


def _inhibit_rule(row: Inhibition) -> str:
    matchers = {"source_matchers": [*row.source], "target_matchers": [*row.target], "equal": [*row.equal]}
    return textwrap.indent(_comment(row.says) + _dump([matchers]), "  ")


def _comment(text: str) -> str:
    return textwrap.fill(text, 110, initial_indent="# ", subsequent_indent="# ") + "\n"


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as it is, and lists of labels and matchers in one line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=isinstance(items[0], str))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def _dump(data: list[Yaml]) -> str:
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return text
