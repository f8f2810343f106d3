"""Prints the tables as Markdown: configuration, metrics, reasons. docs/ holds them; a test keeps them current."""

import json
from collections.abc import Iterable, Iterator

from exporter.churn import MAX_CHANGES, UNSTABLE
from exporter.config.table import keys, schema
from exporter.families import (
    AGENT_FAMILIES,
    DOMAIN_FAMILIES,
    EGRESS_FAMILY,
    FAMILIES,
    AgentFamily,
    DomainFamily,
    EgressFamily,
    Family,
)
from exporter.reasons import REASONS, UNTESTABLE

GENERATED = "<!-- Printed by `smtp-exporter reference {}`; `make reference` writes it anew. -->\n"

CHURN = f"""
A label whose value the server chooses (those of `smtp_greeting_info`, `smtp_extensions_info`, `smtp_tls_info` and
`smtp_certificate_info`) says `{UNSTABLE}` where the series changed more than {MAX_CHANGES} times within an hour: a
random EHLO keyword, a new certificate for each handshake, several servers behind one address. Only the labels that
change say so, until they have not changed for an hour. A probe that did not get so far is no change. The status page,
`/api/v1/endpoints` and all verdicts use the real values; so does `/probe`, which knows no earlier probes. A restarted
agent starts the count again."""


def render(table: str | None = None) -> str:
    """One table as it stands in docs/, or the three Markdown tables one after the other."""
    if table:
        return TABLES[table]()
    return "\n".join(TABLES[name]() for name in ("configuration", "metrics", "reasons"))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [" | ".join(head), *(" | ".join(cell.replace("|", r"\|") for cell in row) for row in rows)]
    lines.insert(1, " | ".join("---" for _ in lines[0].split(" | ")))
    return "".join(f"| {line} |\n" for line in lines)


def configuration() -> str:
    """Every key with type, default and meaning."""
    rows = ((f"`{key.path}`", key.type, f"`{key.default}`" if key.default else "", key.description) for key in keys())
    return f"""# Configuration
{GENERATED.format("configuration")}
One YAML file; `config.example.yaml` shows every key in its place, `smtp-exporter check-config FILE` finds all
mistakes at once, and [config.schema.json](config.schema.json) tells it to editors. Endpoint keys may stand in
`global`, in a module, in a target and in a port entry; the more special one wins, mapping by mapping.

{_table(("key", "type", "default", "meaning"), rows)}"""


def metrics() -> str:
    """Every family by what it is about."""
    sections = (
        ("Endpoints", f"Labels of all: `target`, `host`, `address`, `port` and the target's own.\n{CHURN}", FAMILIES),
        ("Mail domains", "Labels of all: `target`, `domain` and the target's own.", DOMAIN_FAMILIES),
        ("What is blocked from here", "Judged over all endpoints of a port and address family.", (EGRESS_FAMILY,)),
        ("The agent itself", "Beside these, `process_*` and `python_*` of prometheus_client.", AGENT_FAMILIES),
    )
    return f"# Metrics\n{GENERATED.format('metrics')}\n" + "\n".join(
        f"## {title}\n{about}\n\n{_table(('family', 'type', 'labels', 'meaning'), _families(rows))}"
        for title, about, rows in sections
    )


def _families(rows: Iterable[Family | DomainFamily | EgressFamily | AgentFamily]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        yield f"`{row.name}`", row.kind, ", ".join(f"`{label}`" for label in row.labels), row.help


def reasons() -> str:
    """Every reason with its help, each under a heading that alerts can link to."""
    text = f"""# Reasons
{GENERATED.format("reasons")}
Why a probe failed: the label `reason` of `smtp_probe_problem`. Severity C is critical, W a warning; E/w is critical
where an expectation covers it and a warning elsewhere, E/- is nothing elsewhere.

"""
    for reason, row in REASONS.items():
        norm = f", RFC 8460 `{row.rfc8460}`" if row.rfc8460 else ""
        stages = ", ".join(row.stages)
        text += f"""### {reason}
Stage {stages}, severity {row.rule}{norm}. {row.meaning}

- Likely cause: {row.cause}
- First check: {row.check}

"""
    text += "## Untestable\nWhy nothing can be said from here: the label `reason` of `smtp_probe_untestable`.\n"
    for untestable, why in UNTESTABLE.items():
        text += f"\n### {untestable}\n{why.meaning}\n\n- First check: {why.check}\n"
    return text


def json_schema() -> str:
    """The JSON Schema of the configuration file."""
    return json.dumps(schema(), indent=2) + "\n"


TABLES = {"configuration": configuration, "metrics": metrics, "reasons": reasons, "schema": json_schema}
