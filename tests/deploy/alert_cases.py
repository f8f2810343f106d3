"""What makes the alerts fire, and what must not: a row a story. Not a test: `test_prometheus` has promtool play them.

A row is looked at once, by all alerts: those it names fire, exactly so, and no other does. `spares` names one that it
comes close to. Time begins at 0, and values are a minute apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.reasons import REASONS, Reason
from tools.alerts.thresholds import (
    BLIND,
    BLOCKED,
    EXPIRES_SOON,
    HOST_DOWN,
    MANY_DOMAINS_BROKEN,
    MANY_HOSTS_DOWN,
    OUTDATED,
    OVERWRITTEN,
    PORT_DOWN,
    PORT_FAILING,
)

MINUTES, DAY = 120, 86400
AGENT = {"job": "smtp-exporter", "instance": "agent:10225"}
FOUR, OTHER, SIX = "192.0.2.1", "192.0.2.2", "2001:db8::1"
WORKS, FAILS, NOTHING = ".", "x", " "
"""What a probe ends with, in a story; the last one goes on. Nothing: the agent does not run."""

R = Reason
Series = dict[str, str]
Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Fired:
    """One alert as it reaches Alertmanager, with the reasons that it links to."""

    alert: str
    labels: Labels
    says: str
    reasons: tuple[str, ...] = ()
    severity: str = "critical"
    value: str = ""
    """As the summary shows it."""
    agents: tuple[str, ...] = ()
    """Whose pages it links to, where it is not about one agent."""


@dataclass(frozen=True, slots=True)
class Case:
    """What Prometheus scraped, and what fires at a time."""

    name: str
    series: Series
    fires: tuple[Fired, ...] = ()
    spares: str = ""
    at: str = "20m"


# --- series ---------------------------------------------------------------------------------------------------


def of(name: str, values: str | float, labels: Labels) -> Series:
    """One series; a number is its value all the time."""
    written = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return {f"{name}{{{written}}}": values if isinstance(values, str) else f"{values:.0f}x{MINUTES}"}


def port(number: int = 25, address: str = FOUR, **others: str) -> Labels:
    """The labels of an endpoint; without an address it has no such label."""
    own = {"target": "t", "host": "mx", "port": str(number)} | ({"address": address} if address else {})
    return AGENT | own | others


def host(number: int = 0, **others: str) -> Labels:
    """The labels of an alert on a host, or on one of its ports."""
    return AGENT | {"target": "t", "host": "mx"} | ({"port": str(number)} if number else {}) | others


def probed(labels: Labels, story: str = WORKS, reason: Reason | None = None) -> Series:
    """An endpoint by what its probes end with, and why they fail."""
    story += story[-1] * (MINUTES - len(story))
    success = {WORKS: "1", FAILS: "0", NOTHING: "stale"}
    found = of("smtp_probe_success", " ".join(success[each] for each in story), labels)
    found |= of("smtp_probe_consecutive_failures", " ".join(in_a_row(story)), labels)
    found |= of("smtp_probes_total", " ".join(counted_so_far(story, WORKS + FAILS)), labels)
    found |= of("smtp_probe_failures_total", " ".join(counted_so_far(story, FAILS)), labels)
    if reason:
        found |= problem(reason, labels, " ".join("1" if each == FAILS else "stale" for each in story))
    return found


def in_a_row(story: str) -> Iterator[str]:
    """Failures so far; a restart begins anew."""
    count = 0
    for each in story:
        count = count + 1 if each == FAILS else 0
        yield "stale" if each == NOTHING else str(count)


def counted_so_far(story: str, outcomes: str) -> Iterator[str]:
    """Probes so far that ended so; a restart begins anew."""
    count = 0
    for each in story:
        count = 0 if each == NOTHING else count + (each in outcomes)
        yield "stale" if each == NOTHING else str(count)


def problem(reason: Reason, labels: Labels, values: str | float = 1, *, primary: bool = True) -> Series:
    """A problem of an endpoint, critical and primary, or a warning."""
    of_it = {"stage": REASONS[reason].stages[0], "reason": reason}
    how = {"severity": "critical" if primary else "warning", "primary": str(primary).lower()}
    return of("smtp_probe_problem", values, labels | of_it | how)


def fails(reason: Reason, labels: Labels) -> Series:
    """An endpoint that fails all the time."""
    return probed(labels, FAILS, reason)


def untestable(reason: str, labels: Labels) -> Series:
    """An endpoint of which nothing can be said."""
    known = of("smtp_probe_consecutive_failures", 0, labels)
    return known | of("smtp_probe_untestable", 1, labels | {"reason": reason})


def expected(labels: Labels, *, certificate: str = "trusted", security: str = "starttls") -> Series:
    """What is expected of an endpoint."""
    how = {"module": "m", "security": security, "family": "ipv4", "certificate": certificate}
    return of("smtp_endpoint_info", 1, labels | how)


def certificate(left: float, lifetime: float, labels: Labels, *, path: float | None = None, valid: int = 1) -> Series:
    """A certificate with so many days left of its lifetime, and so many on its path."""
    return (
        of("smtp_certificate_valid", valid, labels)
        | of("smtp_certificate_info", 1, labels | {"subject": "mx.test"})
        | of("smtp_certificate_not_after_timestamp_seconds", left * DAY, labels)
        | of("smtp_certificate_not_before_timestamp_seconds", (left - lifetime) * DAY, labels)
        | of("smtp_certificate_chain_not_after_timestamp_seconds", (left if path is None else path) * DAY, labels)
    )


def trusted(left: float, lifetime: float, labels: Labels, *, path: float | None = None, valid: int = 1) -> Series:
    """The same, where a trusted one is expected."""
    return certificate(left, lifetime, labels, path=path, valid=valid) | expected(labels)


MAIL = AGENT | {"target": "t", "domain": "example.test"}


def domain(success: float, problems: dict[Reason, str] | None = None, *, mx: str = "mx") -> Series:
    """A mail domain with one MX host, and its problems by their severity."""
    found = of("smtp_domain_success", success, MAIL)
    found |= of("smtp_domain_mx_info", 1, MAIL | {"host": mx, "preference": "10"})
    for reason, severity in (problems or {}).items():
        labels = {"stage": REASONS[reason].stages[0], "reason": reason, "severity": severity}
        found |= of("smtp_domain_problem", 1, MAIL | labels)
    return found


# --- endpoints ------------------------------------------------------------------------------------------------


def down(where: Labels, says: str, *reasons: Reason) -> tuple[Fired]:
    """The one alert that a port is down."""
    return (Fired(PORT_DOWN, where, says, reasons),)


def flapping(share: str) -> tuple[Fired]:
    """The ticket that a port fails now and then."""
    says = f"mx:25 (target t) failed {share} of its probes in 30 minutes, and worked in between."
    return (Fired("SmtpProbesFailing", host(25), f"{says} Its last failures are on the agent's page.",
                  severity="warning"),)  # fmt: skip


REFUSED = down(host(25), "mx:25 (target t): connection_refused at 192.0.2.1.", R.CONNECTION_REFUSED)
RESTART, MENDED, FLAPS = FAILS * 10 + NOTHING * 3 + FAILS, FAILS * 10 + WORKS, (WORKS + FAILS) * 60
BLIP = WORKS * 12 + FAILS + WORKS
OF_TWO = "mx (target t) does not answer everywhere: connection_refused at 192.0.2.2."
NONE_OF_THREE = (
    "mx (target t): 25 connection_refused at 192.0.2.1, "
    "465 connection_timeout at 192.0.2.1, 587 connection_refused at 192.0.2.1."
)


def alternating(*reasons: Reason) -> Series:
    """An endpoint that fails for each of these reasons in turn."""
    found = probed(port(), FAILS)
    for turn, reason in enumerate(reasons):
        values = ["1" if minute % len(reasons) == turn else "stale" for minute in range(MINUTES)]
        found |= problem(reason, port(), " ".join(values))
    return found


def of_targets(count: int) -> Series:
    """So many targets that are the same host, which is down, beside as many hosts that work."""
    found: Series = {}
    for number in range(count):
        found |= fails(R.CONNECTION_REFUSED, port(target=f"t{number}")) | probed(port(host=f"good{number}"))
    return found


def many(hosts: int) -> Series:
    """So many hosts that are down, beside as many that work: the agent is not blind."""
    found: Series = {}
    for number in range(hosts):
        found |= fails(R.CONNECTION_REFUSED, port(host=f"mx{number}")) | probed(port(host=f"good{number}"))
    return found


def warns(
    alert: str, says: str, *reasons: str, severity: str = "warning", value: str = "", **labels: str
) -> tuple[Fired]:
    """A warning about the agent."""
    return (Fired(alert, AGENT | labels, f"agent:10225 {says}", reasons, severity, value),)


def blocked(four: int, six: int | None = None) -> Series:
    """Whether port 25 is blocked, in each family where it can be told."""
    told = {"ipv4": four} | ({} if six is None else {"ipv6": six})
    each = [of("smtp_egress_port_blocked", value, AGENT | {"port": "25", "family": f}) for f, value in told.items()]
    return {selector: values for one in each for selector, values in one.items()}


DOWN = (
    Case("every address refuses or drops",
         fails(R.CONNECTION_REFUSED, port()) | fails(R.CONNECTION_TIMEOUT, port(25, SIX)),
         down(host(25), "mx:25 (target t): connection_refused at 192.0.2.1, connection_timeout at 2001:db8::1.",
              R.CONNECTION_REFUSED, R.CONNECTION_TIMEOUT)),
    Case("the name has no address",
         fails(R.DNS_NOT_FOUND, port(25, "", team="mail")),
         down(host(25, team="mail"), "mx:25 (target t): dns_not_found.", R.DNS_NOT_FOUND)),
    Case("the only address that can be tested from here does not greet",
         fails(R.GREETING_TIMEOUT, port()) | untestable("no_ipv6", port(25, SIX)),
         down(host(25), "mx:25 (target t): greeting_timeout at 192.0.2.1.", R.GREETING_TIMEOUT)),
    Case("one of two agents reaches it",
         fails(R.CONNECTION_REFUSED, port()) | probed(port(instance="other:10225")), REFUSED),
    Case("the agent is restarted meanwhile", probed(port(), RESTART, R.CONNECTION_REFUSED), REFUSED, at="14m"),
    Case("the agent was restarted meanwhile", probed(port(), RESTART, R.CONNECTION_REFUSED), REFUSED, at="19m"),
    Case("it was mended a while ago", probed(port(), MENDED, R.CONNECTION_REFUSED), spares=PORT_DOWN),
    Case("it was mended a while ago, and its target has a label that the scrape has not",
         probed(port(cluster="eu"), MENDED, R.CONNECTION_REFUSED), spares=PORT_DOWN, at="25m"),
    Case("one address has failed for long, and three others fail once each",
         fails(R.CONNECTION_REFUSED, port())
         | {selector: values for n in range(2, 5) for selector, values in
            probed(port(address=f"192.0.2.{n}"), WORKS * 22 + FAILS, R.CONNECTION_REFUSED).items()},
         (Fired("SmtpAddressDown", host(), "mx (target t) does not answer everywhere: connection_refused at 192.0.2.1, "
                "connection_refused at 192.0.2.2, connection_refused at 192.0.2.3, connection_refused at 192.0.2.4.",
                (R.CONNECTION_REFUSED,), "warning"),), spares=PORT_DOWN, at="23m"),
    Case("every second probe fails", probed(port(), FLAPS, R.CONNECTION_TIMEOUT), flapping("48%"), spares=PORT_DOWN,
         at="24m"),
    Case("one probe in ten fails", probed(port(), (WORKS * 9 + FAILS) * 12, R.CONNECTION_TIMEOUT),
         spares="SmtpProbesFailing", at="100m"),
    Case("it fails at the greeting and in TLS, by turns",
         alternating(R.GREETING_TIMEOUT, R.TLS_TIMEOUT),
         (Fired(PORT_FAILING, host(25), "mx:25 (target t): greeting_timeout at 192.0.2.1.", (R.GREETING_TIMEOUT,)),)),
    Case("it fails in TLS, always", fails(R.TLS_TIMEOUT, port()),
         (Fired("SmtpTlsBroken", host(25), "mx:25 (target t): tls_timeout at 192.0.2.1.", (R.TLS_TIMEOUT,)),),
         spares=PORT_FAILING),
    Case("five hosts are down", many(5),
         (Fired(MANY_HOSTS_DOWN, AGENT, "agent:10225 sees a network or a provider fail, rather than single servers: "
                "mx0, mx1, mx2, mx3, mx4.", value="5"),), spares=PORT_DOWN),
    Case("one host is down, and five targets watch it", of_targets(5),
         tuple(Fired(PORT_DOWN, port(25, "", target=f"t{n}"),
                     f"mx:25 (target t{n}): connection_refused at 192.0.2.1.", (R.CONNECTION_REFUSED,))
               for n in range(5)), spares=MANY_HOSTS_DOWN),
    Case("four hosts are down", many(4),
         tuple(Fired(PORT_DOWN, port(25, "", host=f"mx{n}"), f"mx{n}:25 (target t): connection_refused at 192.0.2.1.",
                     (R.CONNECTION_REFUSED,)) for n in range(4)), spares=MANY_HOSTS_DOWN),
    Case("ports fail, and the way out for the port turns out to be blocked",
         probed(port(), WORKS * 5 + FAILS, R.CONNECTION_TIMEOUT) | blocked(1),
         warns(BLOCKED, "reaches no mail server on port 25: it cannot watch that port.", "untestable", port="25",
               severity="critical"), spares=PORT_DOWN),
    Case("a problem holds, and is not critical", probed(port()) | problem(R.TOO_MANY_ADDRESSES, port(), primary=False),
         spares=PORT_DOWN),
    Case("its target has labels of its own, whatever their names",
         fails(R.CONNECTION_REFUSED, port(failure="none", kind="mail", way="out")),
         down(host(25, failure="none", kind="mail", way="out"), "mx:25 (target t): connection_refused at 192.0.2.1.",
              R.CONNECTION_REFUSED)),
    Case("a port has a second incident within the hour: the host's other ports have a minute again",
         probed(port(), WORKS * 2 + FAILS * 5 + WORKS * 20 + FAILS, R.CONNECTION_REFUSED)
         | probed(port(465), WORKS * 29 + FAILS, R.CONNECTION_REFUSED), spares=PORT_DOWN, at="29m"),
    Case("no port of a host answers, the last one for a minute",
         fails(R.CONNECTION_REFUSED, port(25)) | probed(port(465), WORKS + FAILS, R.CONNECTION_TIMEOUT)
         | probed(port(587), WORKS * 3 + FAILS, R.CONNECTION_REFUSED),
         (Fired(HOST_DOWN, host(), NONE_OF_THREE, (R.CONNECTION_REFUSED, R.CONNECTION_TIMEOUT)),), at="4m"),
    Case("no port of a host answers that should, one is meant to be closed",
         fails(R.NETWORK_UNREACHABLE, port(465)) | fails(R.NETWORK_UNREACHABLE, port(587))
         | probed(port(110)) | of("smtp_port_open", 0, port(110)),
         (Fired(HOST_DOWN, host(), "mx (target t): 465 network_unreachable at 192.0.2.1, "
                "587 network_unreachable at 192.0.2.1.", (R.NETWORK_UNREACHABLE,)),)),
    Case("a host comes back, port after port: its alert lasts, and its last port has none of its own",
         probed(port(25), FAILS * 10 + WORKS, R.CONNECTION_REFUSED)
         | probed(port(465), FAILS * 14 + WORKS, R.CONNECTION_REFUSED),
         (Fired(HOST_DOWN, host(), "mx (target t): 465 connection_refused at 192.0.2.1.", (R.CONNECTION_REFUSED,)),),
         spares=PORT_DOWN, at="13m"),
    Case("a host was back a while ago",
         probed(port(25), MENDED, R.CONNECTION_REFUSED) | probed(port(465), MENDED, R.CONNECTION_REFUSED),
         spares=HOST_DOWN),
    Case("a port is down, and the other one fails once",
         fails(R.CONNECTION_REFUSED, port()) | probed(port(587), BLIP, R.CONNECTION_REFUSED), REFUSED,
         spares=HOST_DOWN, at="13m"),
    Case("a port is down, and the other one failed once",
         fails(R.CONNECTION_REFUSED, port()) | probed(port(587), BLIP, R.CONNECTION_REFUSED), REFUSED,
         spares=HOST_DOWN, at="16m"),
    Case("one of two ports answers",
         fails(R.CONNECTION_REFUSED, port()) | probed(port(587)), REFUSED, spares=HOST_DOWN),
    Case("one of two addresses answers, on any port",
         probed(port(25)) | fails(R.CONNECTION_REFUSED, port(25, OTHER))
         | probed(port(587)) | fails(R.CONNECTION_REFUSED, port(587, OTHER)),
         (Fired("SmtpAddressDown", host(), OF_TWO, (R.CONNECTION_REFUSED,), "warning"),)),
    Case("both addresses answer", probed(port()) | probed(port(25, OTHER)), spares="SmtpAddressDown"),
)  # fmt: skip


def broken(alert: str, number: int, reason: Reason) -> Case:
    """A port on one of whose two addresses a reason holds; the alert for its stage fires, and no other."""
    says = f"mx:{number} (target t): {reason} at 192.0.2.2."
    series = probed(port(number)) | fails(reason, port(number, OTHER))
    return Case(f"{reason} on one of two addresses", series, (Fired(alert, host(number), says, (reason,)),))


def tolerated(alert: str, number: int, reason: Reason) -> Case:
    """A reason of its stage is only a warning."""
    series = probed(port(number)) | problem(reason, port(number), primary=False)
    return Case(f"{reason} is a warning", series, spares=alert)


BROKEN = (
    broken("SmtpTlsBroken", 465, R.TLS_HANDSHAKE_FAILED),
    broken("SmtpTlsBroken", 25, R.STARTTLS_TEMPORARY),
    tolerated("SmtpTlsBroken", 25, R.TLS_WEAK),
    broken("SmtpCertificateInvalid", 465, R.CERTIFICATE_EXPIRED),
    tolerated("SmtpCertificateInvalid", 25, R.CERTIFICATE_SELF_SIGNED),
    broken("SmtpAuthBroken", 587, R.AUTH_REJECTED),
    tolerated("SmtpAuthBroken", 587, R.AUTH_OFFERED_IN_CLEAR),
    broken("SmtpPolicyBroken", 25, R.TLSA_INVALID),
    tolerated("SmtpPolicyBroken", 465, R.TLSA_INVALID),
    broken("SmtpExpectationFailed", 25, R.BANNER_MISMATCH),
    tolerated("SmtpExpectationFailed", 25, R.TLS_VERSION_TOO_OLD),
    Case("the login is rejected, and a lesser problem holds beside it",
         fails(R.AUTH_REJECTED, port(587))
         | of("smtp_probe_problem", 1, port(587) | {"stage": "expectation", "reason": R.BANNER_MISMATCH,
                                                    "severity": "critical", "primary": "false"}),
         (Fired("SmtpAuthBroken", host(587), "mx:587 (target t): auth_rejected at 192.0.2.1.",
                (R.AUTH_REJECTED,)),)),
    Case("a probe ends in a mistake of ours: no port is down",
         fails(R.INTERNAL_ERROR, port()) | probed(port(587)), spares=PORT_DOWN),
)  # fmt: skip

OFFERED_BEFORE = " ".join(["1"] * 10 + ["0"] * MINUTES)
LOST = (Fired("SmtpStarttlsLost", host(25), "mx:25 (target t) offered STARTTLS within the last 7 days: mail to "
              "it goes in clear now, or not at all.", (R.STARTTLS_WITHDRAWN,)),)  # fmt: skip
SLOW = tuple(
    Fired("SmtpGreetingSlow", host(number), f"mx:{number} (target t) takes {seconds}s to greet, on average over 15 "
          "minutes.", severity="warning")
    for number, seconds in ((25, 15), (587, 12))
)  # fmt: skip


def offered(values: str | float, labels: Labels) -> Series:
    """An endpoint and whether it offers STARTTLS."""
    return of("smtp_starttls_advertised", values, labels) | expected(labels, certificate="any")


def greets(after: float, labels: Labels) -> Series:
    """An endpoint that greets after so many seconds."""
    return of("smtp_probe_stage_duration_seconds", after, labels | {"stage": "greeting"})


STARTTLS_AND_GREETING = (
    Case("STARTTLS is gone, and nobody asked for it", offered(OFFERED_BEFORE, port()) | probed(port()), LOST),
    Case("STARTTLS is gone, and it was withdrawn: one alert",
         offered(OFFERED_BEFORE, port()) | probed(port(), WORKS * 10 + FAILS, R.STARTTLS_WITHDRAWN), LOST),
    Case("STARTTLS is gone at one of two addresses",
         offered(OFFERED_BEFORE, port()) | probed(port(), WORKS * 10 + FAILS, R.STARTTLS_WITHDRAWN)
         | offered(1, port(25, OTHER)) | probed(port(25, OTHER)),
         (Fired("SmtpTlsBroken", host(25), "mx:25 (target t): starttls_withdrawn at 192.0.2.1.",
                (R.STARTTLS_WITHDRAWN,)),), spares="SmtpStarttlsLost"),
    Case("STARTTLS was never offered", offered(0, port()) | probed(port()), spares="SmtpStarttlsLost"),
    Case("STARTTLS is gone, as was asked for",
         offered(OFFERED_BEFORE, port())
         | probed(port(), FAILS * 10 + WORKS, R.STARTTLS_FORBIDDEN), spares="SmtpStarttlsLost"),
    Case("STARTTLS is gone, and not tried any more",
         of("smtp_starttls_advertised", OFFERED_BEFORE, port()) | expected(port(), security="none") | probed(port()),
         spares="SmtpStarttlsLost"),
    Case("the greeting takes 15 s, on both ports",
         greets(15, port()) | greets(12, port(587)) | of("smtp_greeting_code", 220, port())
         | of("smtp_greeting_code", 220, port(587)) | probed(port()) | probed(port(587)), SLOW),
    Case("postscreen waits 6 s", greets(6, port()) | of("smtp_greeting_code", 220, port()) | probed(port()),
         spares="SmtpGreetingSlow"),
    Case("no greeting comes at all: that is not slow", greets(30, port()) | fails(R.GREETING_TIMEOUT, port()),
         down(host(25), "mx:25 (target t): greeting_timeout at 192.0.2.1.", R.GREETING_TIMEOUT),
         spares="SmtpGreetingSlow"),
)  # fmt: skip

# --- certificates ---------------------------------------------------------------------------------------------


def soon(says: str, *severities: str) -> tuple[Fired, ...]:
    """The levels of a certificate that expires."""
    text = f"mx (target t), certificate or a part of its path: {says}."
    return tuple(Fired(EXPIRES_SOON, host(), text, (R.CERTIFICATE_EXPIRES_SOON,), each) for each in severities)


def on(number: int, date: str) -> str:
    """When the certificate of a port expires."""
    return f"port {number}: mx.test expires {date} +0000 UTC"


TEN_DAYS, TWO_DAYS = "1970-01-11 00:00:00", "1970-01-03 00:00:00"
ONCE_AN_HOUR = "{0} stale" + " _" * 57 + " {0} stale" + " _" * 57
OLD = (Fired(OUTDATED, host(), "mx (target t) still serves the old one on 465 at 192.0.2.1, 587 at 192.0.2.1.",
             (R.CERTIFICATE_OUTDATED,), "warning"),)  # fmt: skip


def seldom(series: Series) -> Series:
    """The same, but seen once an hour."""
    return {selector: ONCE_AN_HOUR.format(values.partition("x")[0]) for selector, values in series.items()}


CERTIFICATES = (
    Case("10 of 90 days are left, on two ports",
         trusted(10, 90, port(465)) | trusted(10.5, 90, port(587)),
         soon(f"{on(465, TEN_DAYS)}, {on(587, '1970-01-11 12:00:00')}", "warning"), at="90m"),
    Case("2 of 90 days are left, and one probe in an hour came as far as the certificate",
         seldom(certificate(2, 90, port(465))) | expected(port(465)),
         soon("the last probes did not see it", "warning", "critical"), at="90m"),
    Case("2 of 90 days are left of an intermediate",
         trusted(60, 90, port(465), path=2), soon(on(465, TWO_DAYS), "warning", "critical"), at="90m"),
    Case("2 of 90 days are left where the host is an address, that it need not name",
         trusted(2, 90, port(465), path=-1, valid=0), soon(on(465, TWO_DAYS), "warning", "critical"), at="90m"),
    Case("20 of 90 days are left", trusted(20, 90, port(465)), spares=EXPIRES_SOON, at="90m"),
    Case("10 of 90 days are left: it is not urgent yet",
         trusted(10, 90, port(465)), soon(on(465, TEN_DAYS), "warning"), spares=EXPIRES_SOON, at="90m"),
    Case("2 of 6 days are left", trusted(2, 6, port(465)), spares=EXPIRES_SOON, at="90m"),
    Case("it has expired: that is another alert",
         trusted(-1, 90, port(465), valid=0) | fails(R.CERTIFICATE_EXPIRED, port(465)),
         (Fired("SmtpCertificateInvalid", host(465), "mx:465 (target t): certificate_expired at 192.0.2.1.",
                (R.CERTIFICATE_EXPIRED,)),), spares=EXPIRES_SOON, at="90m"),
    Case("2 of 90 days are left where nobody expects a trusted one",
         certificate(2, 90, port()) | expected(port(), certificate="any"), spares=EXPIRES_SOON, at="90m"),
    Case("2 of 90 days are left where a TLSA record vouches for it",
         certificate(2, 90, port()) | expected(port(), certificate="dane_ee"), spares=EXPIRES_SOON, at="90m"),
    Case("a renewal is loaded on one of three ports",
         of("smtp_certificate_outdated", 0, port()) | of("smtp_certificate_outdated", 1, port(465))
         | of("smtp_certificate_outdated", 1, port(587)), OLD, at="90m"),
    Case("all ports serve the same one",
         of("smtp_certificate_outdated", 0, port(465)) | of("smtp_certificate_outdated", 0, port(587)),
         spares=OUTDATED, at="90m"),
    Case("a renewal is loaded elsewhere, and the old one has expired here: that is another alert",
         of("smtp_certificate_outdated", 1, port(465)) | fails(R.CERTIFICATE_EXPIRED, port(465)),
         (Fired("SmtpCertificateInvalid", host(465), "mx:465 (target t): certificate_expired at 192.0.2.1.",
                (R.CERTIFICATE_EXPIRED,)),), spares=OUTDATED, at="90m"),
)  # fmt: skip

# --- domains --------------------------------------------------------------------------------------------------


def dead(why: str, *reasons: Reason, hosts: str = "no failing probe now") -> tuple[Fired]:
    """The one alert that a domain gets no mail."""
    says = f"No mail reaches example.test (target t): {why}. MX hosts: {hosts}."
    return (Fired("SmtpDomainBroken", MAIL, says, reasons),)


NONE_WORKS, REFUSES = "none of its MX hosts works", "mx connection_refused at 192.0.2.1"
MX_DOWN = (Fired("SmtpMxHostDown", host(), "mx (target t) is one of several MX hosts: connection_refused at 192.0.2.1. "
                 "Mail still arrives at the others.", (R.CONNECTION_REFUSED,), "warning"),)  # fmt: skip


def dead_domains(count: int) -> Series:
    """So many domains that do not exist."""
    found: Series = {}
    for number in range(count):
        labels = MAIL | {"domain": f"d{number}.test"}
        found |= of("smtp_domain_success", 0, labels)
        found |= of(
            "smtp_domain_problem", 1, labels | {"stage": "dns", "reason": R.MX_NOT_FOUND, "severity": "critical"}
        )
    return found


DOMAINS = (
    Case("the domain has no MX", domain(0, {R.MX_NOT_FOUND: "critical"}),
         dead("mx_not_found", R.MX_NOT_FOUND)),
    Case("no MX host works, none of them long enough for an alert of its own",
         domain(0) | probed(port(), FLAPS, R.CONNECTION_REFUSED),
         (*dead(NONE_WORKS), *flapping("48%")), at="24m"),
    Case("its only MX host is down: the domain is told",
         domain(0) | fails(R.CONNECTION_REFUSED, port()), dead(NONE_WORKS, R.CONNECTION_REFUSED, hosts=REFUSES),
         spares="SmtpMxHostDown"),
    Case("one of two MX hosts is down", domain(1) | fails(R.CONNECTION_REFUSED, port()), MX_DOWN,
         spares="SmtpDomainBroken"),
    Case("an MX record breaks the rules", domain(1, {R.MX_INVALID: "warning"}), spares="SmtpDomainBroken"),
    Case("DNSSEC of the domain is broken while an MX host is down",
         domain(0, {R.DNSSEC_INVALID: "critical"}) | fails(R.CONNECTION_REFUSED, port()),
         dead("dnssec_invalid", R.CONNECTION_REFUSED, R.DNSSEC_INVALID, hosts=REFUSES)),
    Case("the MTA-STS policy cannot be had, nor would it be valid",
         domain(1, {R.STS_POLICY_FETCH_ERROR: "warning", R.STS_WEBPKI_INVALID: "warning"}),
         (Fired("SmtpMtaStsBroken", MAIL, "example.test (target t): sts_policy_fetch_error, sts_webpki_invalid.",
                (R.STS_POLICY_FETCH_ERROR, R.STS_WEBPKI_INVALID), "warning"),), at="90m"),
    Case("a policy that only reports does not list an MX host",
         probed(port()) | problem(R.STS_MX_MISMATCH, port(), primary=False),
         (Fired("SmtpMtaStsBroken", host(), "mx (target t): sts_mx_mismatch.", (R.STS_MX_MISMATCH,), "warning"),),
         at="90m"),
    Case("an enforced policy does not list any MX host: mail stops",
         domain(0) | fails(R.STS_MX_MISMATCH, port()),
         dead(NONE_WORKS, R.STS_MX_MISMATCH, hosts="mx sts_mx_mismatch at 192.0.2.1"), spares="SmtpMtaStsBroken",
         at="90m"),
    Case("five domains do not exist", dead_domains(5),
         (Fired(MANY_DOMAINS_BROKEN, AGENT, "No mail reaches d0.test, d1.test, d2.test, d3.test, d4.test. Their MX "
                "hosts that fail: none.", value="5"),),
         spares="SmtpDomainBroken"),
    Case("four domains do not exist", dead_domains(4),
         tuple(Fired("SmtpDomainBroken", MAIL | {"domain": f"d{n}.test"}, f"No mail reaches d{n}.test (target t): "
                     "mx_not_found. MX hosts: no failing probe now.", (R.MX_NOT_FOUND,)) for n in range(4)),
         spares=MANY_DOMAINS_BROKEN),
    Case("a domain's own name servers do not answer, and its MX hosts of before are probed",
         domain(1, {R.DNS_TIMEOUT: "warning"}) | probed(port()),
         (Fired("SmtpNameUnresolved", MAIL, "example.test (target t): dns_timeout. The agent still probes "
                "the addresses that it knew; nobody else can resolve the name.", (R.DNS_TIMEOUT,), "warning"),)),
    Case("a name cannot be resolved, and nothing can be said from here: the resolver may be dead",
         untestable("dns_unavailable", port()) | problem(R.DNS_TIMEOUT, port(), primary=False),
         (Fired(BLIND, AGENT, "agent:10225: its name servers do not answer. The agent's own network or resolver is the "
                "likely cause; what else it reports may follow from that. Hosts that fail: none.", ("untestable",)),),
         spares="SmtpNameUnresolved"),
    Case("a certificate is weak, and the port cannot be tested now",
         untestable("rate_limited", port()) | problem(R.CERTIFICATE_WEAK, port(), primary=False),
         spares="SmtpWarning"),
    Case("another problem of the domain is a warning", domain(1, {R.MX_INVALID: "warning"}),
         (Fired("SmtpWarning", MAIL, "example.test (target t): mx_invalid.", (R.MX_INVALID,), "warning"),),
         spares="SmtpMtaStsBroken", at="90m"),
)  # fmt: skip

# --- the agent ------------------------------------------------------------------------------------------------


def counted(overruns: int) -> Series:
    """An agent that finishes 100 probes a minute, and leaves out some."""
    return of("smtp_probes_total", f"0+100x{MINUTES}", port()) | of(
        "smtp_exporter_probe_overruns_total", f"0+{overruns}x{MINUTES}", AGENT
    )


def timed(labels: Labels, *, withdrawn: bool = False) -> Series:
    """The time of a result, and the result unless it was withdrawn."""
    return of("smtp_probe_last_timestamp_seconds", 0, labels) | of(
        "smtp_probe_duration_seconds", "1x9 stale" if withdrawn else 1, labels
    )


UNTESTABLE, STALE, BEHIND = "SmtpUntestable", "SmtpResultsStale", "SmtpExporterBehindSchedule"
RELOAD, MISTAKE, ABSENT = "SmtpExporterReloadFailed", "SmtpExporterInternalError", "SmtpExporterAbsent"

UNSTABLE = (Fired("SmtpExporterUnstable", AGENT, "Prometheus misses scrapes of agent:10225, the agent restarts again "
                  "and again, or it is gone from service discovery: incidents may be noticed late.",
                  severity="warning"),)  # fmt: skip


def fleet(story: str) -> Series:
    """Hosts by what their probes end with, one each."""
    found: Series = {}
    for number, outcome in enumerate(story):
        labels = port(host=f"mx{number}")
        found |= probed(labels, outcome, R.CONNECTION_TIMEOUT) | of("smtp_probe_last_timestamp_seconds", 0, labels)
        found |= of("smtp_probe_duration_seconds", 1, labels)
    return found


OF_AGENT = (
    Case("the agent does not answer", of("up", f"1 0x{MINUTES}", AGENT),
         (Fired(ABSENT, AGENT, "agent:10225 does not answer: no mail server is watched by it."),)),
    Case("Prometheus was told of no agent", of("up", 1, {"job": "node", "instance": "agent:9100"}),
         (Fired(ABSENT, {"job": "smtp-exporter"},
                "No smtp-exporter is known to Prometheus: no mail server is watched by it."),)),
    Case("the agent is restarted", of("up", f"1x10 0x3 1x{MINUTES}", AGENT), spares=ABSENT, at="13m"),
    Case("a port is blocked from here, and all hosts behind it are untestable",
         blocked(1) | untestable("egress_blocked", port()) | untestable("no_ipv6", port(25, SIX)),
         warns(BLOCKED, "reaches no mail server on port 25: it cannot watch that port.", "untestable", port="25",
               severity="critical"), spares=UNTESTABLE, at="90m"),
    Case("a port is blocked in both families", blocked(1, 1),
         warns(BLOCKED, "reaches no mail server on port 25: it cannot watch that port.", "untestable", port="25",
               severity="critical")),
    Case("a port is blocked in one of two families", blocked(0, 1),
         warns(BLOCKED, "reaches no mail server on port 25 over ipv6: it cannot watch that port.", "untestable",
               port="25", family="ipv6")),
    Case("no port is blocked", blocked(0, 0), spares=BLOCKED),
    Case("two ports cannot be tested, on no address",
         untestable("no_ipv6", port(25, SIX)) | untestable("no_ipv6", port(587, SIX)),
         tuple(Fired(UNTESTABLE, host(number, reason="no_ipv6"), f"agent:10225 can test mx:{number} (target t) at no "
                     "address: no_ipv6.", ("untestable",), "warning") for number in (25, 587)), at="90m"),
    Case("an address cannot be tested, another can",
         untestable("no_ipv6", port(25, SIX)) | probed(port()), spares=UNTESTABLE, at="90m"),
    Case("a port cannot be tested for twenty minutes", untestable("rate_limited", port()), spares=UNTESTABLE),
    Case("one of two results was withdrawn", timed(port(), withdrawn=True) | timed(port(587)),
         (Fired(STALE, host(), "agent:10225 has no recent result of mx (target t), ports 25.", severity="warning"),)),
    Case("all results are recent, though one fails", timed(port()) | fails(R.CONNECTION_REFUSED, port()), REFUSED,
         spares=STALE),
    Case("five endpoints of five hosts fail", fleet(FAILS * 5),
         (Fired(BLIND, AGENT, "agent:10225: most endpoints fail or cannot be tested. The agent's own network or "
                "resolver is the likely cause; what else it reports may follow from that. Hosts that fail: mx0, mx1, "
                "mx2, mx3, mx4.", ("untestable",)),
          Fired(MANY_HOSTS_DOWN, AGENT, "agent:10225 sees a network or a provider fail, rather than single servers: "
                "mx0, mx1, mx2, mx3, mx4.", value="5"))),
    Case("four of five endpoints fail", fleet(FAILS * 4 + WORKS),
         tuple(Fired(PORT_DOWN, port(25, "", host=f"mx{n}"), f"mx{n}:25 (target t): connection_timeout at 192.0.2.1.",
                     (R.CONNECTION_TIMEOUT,)) for n in range(4)), spares=BLIND),
    Case("Prometheus renames the label host",
         probed(port(exported_host="mx")) | fails(R.CONNECTION_REFUSED, port(587, exported_host="mx")),
         (Fired(OVERWRITTEN, AGENT, "The scrape configuration of job smtp-exporter has labels of the same names as the "
                "agent's (target, host, address, port, domain), and lacks honor_labels: true. No alert about its mail "
                "servers fires until it has.", severity="warning"),)),
    Case("the labels are the agent's", probed(port()), spares=OVERWRITTEN),
    Case("every second scrape fails", of("up", f"{'1 0 ' * 60}1", AGENT), UNSTABLE, at="60m"),
    Case("one of two agents is gone from service discovery",
         of("up", "1x30 stale", AGENT | {"instance": "other:10225"}) | of("up", 1, AGENT),
         (Fired("SmtpExporterUnstable", AGENT | {"instance": "other:10225"}, UNSTABLE[0].says.replace("agent:10225",
                "other:10225"), severity="warning"),), at="60m"),
    Case("a rollout replaces the pod of a sidecar",
         of("up", "1x30 stale", AGENT | {"instance": "mail/relay-5d8f7-x2vkq"})
         | of("up", f"_x29 1x{MINUTES}", AGENT | {"instance": "mail/relay-6c9b4-7hzml"}),
         spares="SmtpExporterUnstable", at="60m"),
    Case("a sidecar of a StatefulSet is gone from service discovery",
         of("up", "1x30 stale", AGENT | {"instance": "mail/mail-1"}) | of("up", 1, AGENT),
         (Fired("SmtpExporterUnstable", AGENT | {"instance": "mail/mail-1"}, UNSTABLE[0].says.replace("agent:10225",
                "mail/mail-1"), severity="warning"),), at="60m"),
    Case("the agent was restarted once", of("up", f"1x10 0x3 1x{MINUTES}", AGENT), spares="SmtpExporterUnstable"),
    Case("a reload failed", of("smtp_exporter_config_last_reload_successful", f"1 0x{MINUTES}", AGENT),
         warns(RELOAD, "keeps the previous configuration: changes made since are not in force.")),
    Case("a reload failed, and the next one did not",
         of("smtp_exporter_config_last_reload_successful", f"1 0x3 1x{MINUTES}", AGENT), spares=RELOAD),
    Case("2 of 100 probes are left out", counted(2),
         warns(BEHIND, "leaves out probes that are due, because earlier ones still run or wait: 2% of those it makes."),
         at="60m"),
    Case("1 of 200 probes is left out", of("smtp_probes_total", f"0+200x{MINUTES}", port())
         | of("smtp_exporter_probe_overruns_total", f"0+1x{MINUTES}", AGENT), spares=BEHIND, at="60m"),
    Case("a probe ended in a mistake of ours", of("smtp_exporter_internal_errors_total", f"0x10 1x{MINUTES}", AGENT),
         warns(MISTAKE, "found errors of its own; a probe that ends so says nothing about the mail server. "
               "How many in an hour: 1.", R.INTERNAL_ERROR)),
    Case("mistakes of ours are long ago", of("smtp_exporter_internal_errors_total", 3, AGENT), spares=MISTAKE),
)  # fmt: skip

CASES = (*DOWN, *BROKEN, *STARTTLS_AND_GREETING, *CERTIFICATES, *DOMAINS, *OF_AGENT)
