"""What is expected of an endpoint in the end: what the operator wrote, and what published policies ask of it."""

from collections.abc import Iterable
from dataclasses import replace

from exporter.checks.history import History
from exporter.model import NO_DEMANDS, TLS_VERSIONS, Demands, Expect, Result, TlsVersion

RELAY = 25
"""Policies speak of the port on which servers deliver to each other."""
LEAST: TlsVersion = "TLSv1.2"
"""RFC 8461 4.2 asks for a certificate of the web's PKI, contract 5 for no older TLS than this."""


def expected(result: Result, known: History) -> Expect:
    """The settings' expectations, made as strict as the policies that hold for this endpoint."""
    expect = result.peer.settings.expect
    if result.peer.port == RELAY and known.demands.enforced_by:
        least = max(expect.min_tls or LEAST, LEAST, key=TLS_VERSIONS.index)
        expect = replace(expect, starttls="required", certificate="trusted", min_tls=least)
    return expect


def strictest(every: Iterable[Demands]) -> Demands:
    """What all of them ask together."""
    strict = NO_DEMANDS
    for each in every:
        unlisted = each if each.unlisted_by and (not strict.unlisted_by or each.refused > strict.refused) else strict
        strict = Demands(strict.enforced_by or each.enforced_by, unlisted.unlisted_by, unlisted.refused)
    return strict
