"""How facts are said in a few words, the same on the page and in a terminal. What peers chose is escaped there."""

from collections.abc import Sequence
from datetime import UTC, datetime

from exporter.model import Exchanges, Policies, Result
from exporter.state import DomainState, State

RECORDS = 5
"""TLSA records, MX hosts and patterns that are shown."""
UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def dane(result: Result) -> str:
    """What DANE says of a server, in a sentence; empty where there is nothing to say."""
    tlsa, verdict = (result.lookup.tlsa, result.dane) if result.lookup else (None, None)
    if tlsa is None or not tlsa.records:
        return tlsa.none if tlsa else ""
    if verdict and verdict.matched:
        rest = ": its name, dates and issuer do not matter" if verdict.by_certificate else ""
        return f"valid{rest}; the record {verdict.matched.short} fits" + _of(len(tlsa.records))
    shown = [record.short for record in tlsa.records[:RECORDS]]
    records = f"{', '.join(shown)}{_of(len(tlsa.records), RECORDS)}"
    return f"NOT VALID: {verdict.mismatch}" if verdict else f"no certificate was seen; records: {records}"


def mx(exchanges: Exchanges) -> str:
    """The MX hosts of a domain, in the order that senders try them."""
    if exchanges.null_mx:
        return "null MX: takes no mail"
    hosts = [f"{preference} {host}" for preference, host in exchanges.hosts]
    said = ", ".join(hosts[:RECORDS]) + _of(len(hosts), RECORDS) or "no MX host"
    return f"{said}; no MX record, so the domain itself" if exchanges.implicit else said


def mta_sts(policies: Policies) -> str:
    """What MTA-STS says of a domain, in a sentence."""
    policy, has = policies.policy, {None: "not known", False: "no record", True: ""}[policies.sts]
    if policy is None:
        return has or ("not fetched yet" if policies.sts_valid is None else "a record, but no policy in force")
    patterns = sorted(policy.mx)
    listed = f" for {', '.join(patterns[:RECORDS])}{_of(len(patterns), RECORDS)}" if patterns else ""
    said = f"{policy.mode}{listed}, kept for {span(policy.max_age)}"
    if has or not policies.sts_valid:
        held = has or "the record is not valid or the policy not to be had"
        return f"{held}; who knows the policy goes by it until {instant(policies.until)}: {said}"
    return f"{said}; id {policies.sts_id}"


def tlsrpt(policies: Policies) -> str:
    """Whether a domain asks for TLS reports."""
    if policies.tlsrpt_wrong:
        return f"NOT VALID: {policies.tlsrpt_wrong}"
    return {None: "not known", False: "no record", True: "asked for"}[policies.tlsrpt]


def records(state: DomainState) -> dict[str, str]:
    """What the records of a domain say, by the name of each."""
    exchanges, policies = state.exchanges, state.policies
    return {
        "MX": mx(exchanges) if exchanges else "",
        "MTA-STS": mta_sts(policies) if policies else "",
        "TLS-RPT": tlsrpt(policies) if policies else "",
    }


def how_many_healthy(hosts: Sequence[State]) -> str:
    """How many endpoints of a domain work."""
    tested = [each.assessment.success for each in hosts if each.result]
    return f"{tested.count(True)} of {len(hosts)} endpoint{'s' * (len(hosts) != 1)} healthy" if tested else ""


def _of(count: int, shown: int = 1) -> str:
    return f" ({shown} of {count})" if count > shown else ""


def instant(seconds: float) -> str:
    """Unix seconds as UTC; empty where there is none."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if seconds else ""
    except (OverflowError, ValueError, OSError):
        return "beyond the year 9999"


def span(seconds: float) -> str:
    """A duration in its greatest unit: 2 h."""
    size, unit = next((each for each in UNITS if seconds >= each[0]), UNITS[-1])
    return f"{max(0, int(seconds // size))} {unit}"
