"""What is expected of an endpoint in the end: what the operator wrote, and what published policies ask of it.

Policies are those of MTA-STS, and TLSA records.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from exporter.checks.history import History
from exporter.model import NO_DEMANDS, TLS_VERSIONS, Demands, Expect, Result, TlsVersion
from exporter.reasons import Reason

Trust = Literal["trusted", "any", "dane_ee"]

RELAY = 25
"""Policies speak of the port on which servers deliver to each other."""
OF_CERTIFICATES = frozenset(reason for reason in Reason if reason.startswith("certificate_"))
"""What no sender looks at where a TLSA record is of the server's own certificate (RFC 7672 3.1.1)."""
LEAST: TlsVersion = "TLSv1.2"
"""RFC 8461 4.2 asks for a certificate of the web's PKI, RFC 9325 3.1.1 for no older TLS than this."""


def expected(result: Result, known: History) -> Expect:
    """The settings' expectations, made as strict as the policies that hold for this endpoint."""
    expect = result.peer.settings.expect
    if _promises_tls(result) and expect.starttls == "optional":
        expect = replace(expect, starttls="required")
    if enforcing(result, known):
        least = max(expect.min_tls or LEAST, LEAST, key=TLS_VERSIONS.index)
        expect = replace(expect, starttls="required", certificate="trusted", min_tls=least)
    return expect


def trust(result: Result, expect: Expect, known: History) -> Trust:
    """What is asked of the certificate. Whoever asks for trust gets it, whatever DANE says."""
    waived = not (expect.user_wants_trust or enforcing(result, known))
    return "dane_ee" if result.dane and result.dane.by_certificate and waived else expect.certificate


def enforcing(result: Result, known: History) -> str:
    """A domain whose policy in mode enforce holds for this endpoint; empty where there is none."""
    return known.demands.enforced_by if result.peer.port == RELAY else ""


def _promises_tls(result: Result) -> bool:
    """Whether TLSA records tell senders, who come here for a mail domain, that there is TLS (RFC 7672 2.2)."""
    lookup = result.lookup
    return result.peer.port == RELAY and lookup is not None and bool(lookup.next_hops and lookup.tlsa.records)


def strictest(every: Iterable[Demands]) -> Demands:
    """What all of them ask together."""
    strict = NO_DEMANDS
    for each in every:
        unlisted = each if each.unlisted_by and (not strict.unlisted_by or each.refused > strict.refused) else strict
        strict = Demands(strict.enforced_by or each.enforced_by, unlisted.unlisted_by, unlisted.refused)
    return strict
