"""The state of a mail domain, in a word, and why: what its records and its MX hosts make of it. Pure functions.

How old an answer may be is judged elsewhere (`filters`).
"""

from collections.abc import Iterable, Sequence
from itertools import chain

from exporter.reasons import Reason, Severity
from exporter.state import DomainState, State


def delivers(domain: DomainState, state: State) -> bool | None:
    """Whether senders deliver to an endpoint for this domain: what only the policies of others ask does not count."""
    policy = domain.policies.policy if domain.policies else None
    if state.assessment.unasked and not (policy and policy.mode == "enforce"):
        return state.assessment.unasked.success
    success = state.assessment.success
    if success is False and state.peer.host not in domain.refused:
        critical = (each.reason for each in state.assessment.problems if each.severity is Severity.CRITICAL)
        return all(reason is Reason.STS_MX_MISMATCH for reason in critical)
    return success


def word_of(state: DomainState, hosts: Iterable[State]) -> str:
    """The state of a domain: pending, ok, warning, critical or untestable. `hosts`: the states of its MX hosts."""
    if state.exchanges is None:
        return "pending"
    word = word_of_records(state)
    return word if word == "critical" or state.exchanges.null_mx else worse(word, word_of_hosts(state, hosts))


def worse(records: str, hosts: str) -> str:
    """The word of a domain whose records and MX hosts have these words. Without a working host the rest is nothing."""
    return records if hosts == "ok" else hosts


def word_of_records(state: DomainState) -> str:
    """What its records and policy make of a domain: ok, warning or critical. A null MX that is there is a success."""
    problems = state.problems
    null_mx = state.exchanges is not None and state.exchanges.null_mx
    if not null_mx and any(each.severity is Severity.CRITICAL for each in problems):
        return "critical"
    return "warning" if problems else "ok"


def word_of_hosts(state: DomainState, hosts: Iterable[State]) -> str:
    """What its MX hosts make of a domain: ok where one works, else critical, untestable or pending."""
    hosts = tuple(hosts)
    verdicts = {delivers(state, host) for host in hosts if host.result}
    if True in verdicts:
        return "ok"
    if False in verdicts:
        return "critical"
    return "untestable" if any(host.assessment.untestable for host in hosts) else "pending"


def summary(state: DomainState, hosts: Sequence[State]) -> tuple[str, str]:
    """The state of a domain and its cause, a word each: its records, or else the first of its hosts."""
    word = word_of(state, hosts)
    of_hosts = (each.cause[0] for each in hosts if each.word == word)
    own = (each.reason for each in state.problems if word == "warning" or each.severity is Severity.CRITICAL)
    why = {"untestable": of_hosts, "warning": own, "critical": chain(own, of_hosts)}.get(word, ())
    return word, str(next(iter(why), ""))
