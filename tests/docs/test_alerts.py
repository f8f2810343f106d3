"""docs/alerts.md says what the tables of the alerts say."""

import re

import pytest

from exporter.reasons import Reason
from tools.alert_page import FILE, page, tickets
from tools.alerts import OPTIONAL, RULES
from tools.alerts.thresholds import CAN_WARN, NO_TICKET
from tools.prometheus import Alert

FILES = RULES | OPTIONAL
NAMES = {row.name for file in FILES.values() for group in file.groups for row in group.rules if isinstance(row, Alert)}


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables below a heading."""
    text = page().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| [")]


def test_it_is_current() -> None:
    assert FILE.read_text("utf-8") == page(), "run: make reference"


def test_every_alert_is_there_once() -> None:
    assert sorted(re.findall(r"\[(\w+)\]", row[0])[0] for row in rows("All alerts")) == sorted(NAMES)


def test_a_file_of_recording_rules_has_no_table() -> None:
    headings = re.findall(r"^### (\w+)\.yml$", page(), re.MULTILINE)
    assert headings == [name for name, file in RULES.items() if any(
        isinstance(row, Alert) for group in file.groups for row in group.rules
    )]  # fmt: skip


def test_every_reason_that_can_warn_is_there_once() -> None:
    assert [re.findall(r"\[`(\w+)`\]", row[0])[0] for row in rows("Warnings and their tickets")] == [*CAN_WARN]


@pytest.mark.parametrize(
    ("reason", "names"),
    [
        (Reason.TLS_WEAK, ["SmtpWarning"]),
        (Reason.DNS_TIMEOUT, ["SmtpNameUnresolved"]),
        (Reason.STARTTLS_AFTER_TLS, []),
        (Reason.CONNECTION_REFUSED, []),
    ],
)
def test_a_warning_has_its_ticket_or_none(reason: Reason, names: list[str]) -> None:
    assert tickets(reason) == names


def test_why_there_is_no_ticket_is_told() -> None:
    told = {row[1] for row in rows("Warnings and their tickets") if row[1].startswith("none")}
    assert told == {f"none; {why}" for reason, why in NO_TICKET.items() if not tickets(reason)}


@pytest.mark.parametrize(
    ("name", "severity", "about"),
    [
        ("SmtpPortDown", "critical", "a port"),
        ("SmtpHostDown", "critical", "a host"),
        ("SmtpDomainBroken", "critical", "a domain"),
        ("SmtpWarning", "warning", "a domain or a host"),
        ("SmtpPortBlocked", "critical or warning", "an agent"),
    ],
)
def test_what_an_alert_is_about(name: str, severity: str, about: str) -> None:
    (row,) = [row for row in rows("All alerts") if f"[{name}]" in row[0]]
    assert row[1:3] == [severity, about]
