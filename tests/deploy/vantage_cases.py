"""Stories of several vantage points that watch the same ports. `test_vantage` has promtool play them.

They are as those of `alert_cases`: a row is looked at once, by all alerts of all files.
"""

from dataclasses import replace

from tests.deploy.alert_cases import (
    AGENT,
    FAILS,
    MAIL,
    NOTHING,
    WORKS,
    Case,
    Fired,
    Labels,
    R,
    Series,
    of,
    port,
    probed,
    untestable,
)
from tools.alerts import BLOCKED
from tools.alerts.thresholds import (
    ABSENT,
    BLIND,
    PORT_DOWN,
    VANTAGE_ALONE,
    VANTAGE_DISAGREES,
    VANTAGE_DISAGREES_ON_DOMAIN,
    VANTAGE_DOMAIN_BROKEN,
    VANTAGE_HOST_DOWN,
    VANTAGE_MANY_DOMAINS_BROKEN,
    VANTAGE_MANY_HOSTS_DOWN,
    VANTAGE_PORT_DOWN,
)

PLACES = ("fra", "nyc", "sin")
DOWN, UP = WORKS * 5 + FAILS, WORKS
DEAD = WORKS * 5 + FAILS * 10 + NOTHING
REASON = R.CONNECTION_REFUSED
UNTESTABLE: tuple[str, ...] = ("untestable",)


def agent(place: str, **others: str) -> Labels:
    """The labels of the agent in a place."""
    return AGENT | {"instance": f"{place}:10225", "vantage": place} | others


def seen(number: int, *stories: str, **others: str) -> Series:
    """A port by what the probes from each place end with."""
    found: Series = {}
    for place, story in zip(PLACES, stories, strict=False):
        own = agent(place, **{name: value for name, value in others.items() if name == "cluster"})
        alive = " ".join("0" if each == NOTHING else "1" for each in story)
        found |= of("up", f"{alive} {alive[-1]}x200", own)
        found |= probed(port(number, **own | others), story, REASON if FAILS in story else None)
    return found


def together(**others: str) -> Labels:
    """The labels of a port that the places decide on."""
    return {"target": "t", "host": "mx", "port": "25"} | others


def down(says: str, agents: tuple[str, ...], **others: str) -> tuple[Fired]:
    """One page of a port."""
    return (Fired(VANTAGE_PORT_DOWN, together(**others), f"mx:25 (target t): {says}", (REASON,), agents=agents),)


def disagree(share: str, *failing: str, **others: str) -> tuple[Fired]:
    """The ticket that the places disagree."""
    refused = ", ".join(f"{REASON} at 192.0.2.1 from {place}" for place in failing)
    says = f"mx:25 (target t): {refused}. Of the vantage points that can tell, {share} see it fail."
    return (Fired(VANTAGE_DISAGREES, together(**others), says, (REASON,), "warning",
                  agents=tuple(f"{place}:10225" for place in failing)),)  # fmt: skip


def alone(place: str, **others: str) -> Fired:
    """The ticket that one place reports a port alone."""
    says = (
        "The other vantage points are gone, blind, or cannot test them, or their labels differ. Until two can tell, "
        "the alerts of single agents hold for these hosts: mx."
    )
    return Fired(VANTAGE_ALONE, {"vantage": place} | others, says, (), "warning", "1")


def ordinary(place: str, **others: str) -> Fired:
    """The page of a single agent."""
    return Fired(
        PORT_DOWN, port(25, "", **agent(place)) | others, f"mx:25 (target t): {REASON} at 192.0.2.1.", (REASON,)
    )


def gone(place: str) -> Fired:
    """The page that the agent in a place is gone."""
    return Fired(ABSENT, agent(place), f"{place}:10225 does not answer: no mail server is watched by it.")


TWO = ("fra:10225", "nyc:10225")
FROM_TWO = f"{REASON} at 192.0.2.1 from fra, {REASON} at 192.0.2.1 from nyc; it works from: "
FLAP = WORKS * 5 + FAILS * 5 + WORKS * 7 + FAILS * 5 + WORKS * 7

PORTS = (
    Case("three of three vantage points see a port fail", seen(25, DOWN, DOWN, DOWN),
         down(f"{FROM_TWO.partition(';')[0]}, {REASON} at 192.0.2.1 from sin; it works from: none.",
              (*TWO, "sin:10225"))),
    Case("two of three see a port fail: one page", seen(25, DOWN, DOWN, UP), down(f"{FROM_TWO}sin.", TWO)),
    Case("two of three see a port fail: the page comes in four minutes after the third failure",
         seen(25, DOWN, DOWN, UP), down(f"{FROM_TWO}sin.", TWO), at="11m"),
    Case("two of two see a port fail", seen(25, DOWN, DOWN), down(f"{FROM_TWO}none.", TWO)),
    Case("one of three sees a port fail: a ticket", seen(25, DOWN, UP, UP), disagree("33.33%", "fra"),
         spares=VANTAGE_PORT_DOWN),
    Case("one of two sees a port fail: a ticket", seen(25, DOWN, UP), disagree("50%", "fra"), spares=VANTAGE_PORT_DOWN),
    Case("all see a port work", seen(25, UP, UP, UP), spares=VANTAGE_DISAGREES),
    Case("one sees a port fail for a few minutes: nothing",
         seen(25, WORKS * 12 + FAILS * 5 + WORKS, UP, UP), spares=VANTAGE_DISAGREES, at="18m"),
    Case("one is alone, and sees a port fail: no decision, its agent pages, and a ticket says so",
         seen(25, DOWN), (ordinary("fra"), alone("fra")), spares=VANTAGE_PORT_DOWN, at="30m"),
    Case("one is alone, and sees a port work", seen(25, UP), (alone("fra"),), at="30m"),
    Case("no agent has a label vantage: nothing changes",
         probed(port(), DOWN, REASON) | probed(port(instance="other"), UP),
         (Fired(PORT_DOWN, port(25, ""), f"mx:25 (target t): {REASON} at 192.0.2.1.", (REASON,)),),
         spares=VANTAGE_ALONE, at="30m"),
    Case("an agent without the label pages for itself, whatever the vantage points see",
         seen(25, UP, UP) | probed(port(), DOWN, REASON),
         (Fired(PORT_DOWN, port(25, ""), f"mx:25 (target t): {REASON} at 192.0.2.1.", (REASON,)),),
         spares=VANTAGE_PORT_DOWN),
    Case("two agents of one vantage point have one vote",
         seen(25, DOWN, UP) | probed(port(25, **agent("fra", instance="second:10225")), UP), spares=VANTAGE_DISAGREES),
    Case("five minutes down and seven up, everywhere: one page that stays",
         seen(25, FLAP, FLAP, FLAP),
         (Fired(VANTAGE_PORT_DOWN, together(),
                "mx:25 (target t): no failing probe now; it works from: fra, nyc, sin."),),
         at="26m"),
    Case("a port was mended a while ago", seen(25, *[WORKS * 5 + FAILS * 10 + WORKS] * 3), spares=VANTAGE_PORT_DOWN,
         at="30m"),
)  # fmt: skip

SILENT = (
    Case("the agent of one that sees a port fail is restarted: its vote stays",
         seen(25, WORKS * 5 + FAILS * 14 + NOTHING * 3 + FAILS, DOWN, UP),
         down(f"{REASON} at 192.0.2.1 from nyc; it works from: sin.", ("nyc:10225",)), at="21m"),
    Case("the agent of one that sees a port fail is dead: the other two decide",
         seen(25, DEAD, DOWN, DOWN),
         (*down(f"{REASON} at 192.0.2.1 from nyc, {REASON} at 192.0.2.1 from sin; it works from: none.",
                ("nyc:10225", "sin:10225")), gone("fra")), at="50m"),
    Case("the agent of one of two that see a port fail is dead: the page stays until one sees it work",
         seen(25, DEAD, DOWN),
         (*down(f"{REASON} at 192.0.2.1 from nyc; it works from: none.", ("nyc:10225",)), gone("fra")), at="50m"),
    Case("the other one sees it work: the page ends",
         seen(25, DEAD, WORKS * 5 + FAILS * 40 + WORKS), (gone("fra"), alone("nyc"),
          replace(ordinary("fra"), says="mx:25 (target t): no failing probe now.", reasons=())),
         spares=VANTAGE_PORT_DOWN, at="80m"),
    Case("the agent of one is dead from the beginning, one sees a port fail and one does not: a ticket",
         seen(25, NOTHING, DOWN, UP), (*disagree("50%", "nyc"), gone("fra"))),
    Case("the port is blocked at one that saw it fail: two others see it work",
         seen(25, UP, UP, UP) | untestable("egress_blocked", port(25, **agent("par")))
         | of("up", 1, agent("par")) | of("smtp_egress_port_blocked", 1, agent("par", port="25", family="ipv4")),
         (Fired(BLOCKED, agent("par", port="25"),
                "par:10225 reaches no mail server on port 25: it cannot watch that port.", UNTESTABLE),),
         spares=VANTAGE_DISAGREES),
    Case("the port is blocked at one of two, and the other sees it fail: no decision, and its agent pages",
         seen(25, DOWN) | untestable("egress_blocked", port(25, **agent("par")))
         | of("up", 1, agent("par")) | of("smtp_egress_port_blocked", 1, agent("par", port="25", family="ipv4")),
         (ordinary("fra"), alone("fra"),
          Fired(BLOCKED, agent("par", port="25"),
                "par:10225 reaches no mail server on port 25: it cannot watch that port.", UNTESTABLE)),
         spares=VANTAGE_PORT_DOWN, at="30m"),
)  # fmt: skip


def hosts(first: int, last: int, *stories: str) -> Series:
    """Hosts with numbers, all of which are seen so."""
    found = (seen(25, *stories, host=f"mx{number:02}") for number in range(first, last))
    return {name: values for each in found for name, values in each.items()}


def ticket(number: int) -> Fired:
    """The ticket on one of many hosts that the first place sees fail."""
    (row,) = disagree("33.33%", "fra", host=f"mx{number:02}")
    return replace(row, says=row.says.replace("mx:25", f"mx{number:02}:25"))


TEN = ", ".join(f"mx{number:02}" for number in range(10))


def in_nyc(series: Series) -> Series:
    """The same, seen from another place."""
    return {name.replace("fra", "nyc"): values for name, values in series.items()}


LABELS = (
    Case("labels of the targets survive", seen(25, DOWN, DOWN, UP, team="mail"),
         down(f"{FROM_TWO}sin.", TWO, team="mail")),
    Case("each cluster decides for itself",
         seen(25, DOWN, DOWN, cluster="a") | seen(25, UP, UP, UP, cluster="b"),
         down(f"{FROM_TWO}none.", TWO, cluster="a")),
    Case("one reports in each cluster: that is one vote in each",
         seen(25, DOWN, cluster="a") | in_nyc(seen(25, DOWN, cluster="b")),
         (ordinary("fra", cluster="a"), ordinary("nyc", cluster="b"), alone("fra", cluster="a"),
          alone("nyc", cluster="b")), spares=VANTAGE_PORT_DOWN, at="30m"),
)  # fmt: skip

BOTH_PORTS = f"25 {REASON} at 192.0.2.1 from 2, 587 {REASON} at 192.0.2.1 from 2"
HOSTS = (
    Case("two of three see no port of a host answer: one page, for the host",
         seen(25, DOWN, DOWN, UP) | seen(587, DOWN, UP + DOWN, UP),
         (Fired(VANTAGE_HOST_DOWN, {"target": "t", "host": "mx"}, f"mx (target t): {BOTH_PORTS}; it works from: sin.",
                (REASON,), agents=TWO),), spares=VANTAGE_PORT_DOWN),
    Case("two of three see one of two ports of a host fail: the port's page",
         seen(25, DOWN, DOWN, UP) | seen(587, UP, UP, UP), down(f"{FROM_TWO}sin.", TWO), spares=VANTAGE_HOST_DOWN),
    Case("one of three sees ten hosts of many fail: tickets, no page",
         hosts(0, 10, DOWN, UP, UP) | hosts(10, 20, UP, UP, UP), tuple(map(ticket, range(10))),
         spares=VANTAGE_MANY_HOSTS_DOWN),
    Case("two of three see ten hosts fail: one page with their number",
         hosts(0, 10, DOWN, DOWN, UP) | hosts(10, 20, UP, UP, UP),
         (Fired(VANTAGE_MANY_HOSTS_DOWN, {}, f"A network or a provider fails, rather than single servers: {TEN}.",
                value="10"),)),
    Case("one that is blind does not vote: its agent says so, and no port is disagreed on",
         hosts(0, 6, DOWN, UP, UP),
         (Fired(BLIND, agent("fra"), "fra:10225: most endpoints fail or cannot be tested. The agent's own network or "
                "resolver is the likely cause; what else it reports may follow from that. Hosts that fail: mx00, "
                "mx01, mx02, mx03, mx04, mx05.", UNTESTABLE),),
         spares=VANTAGE_DISAGREES),
)  # fmt: skip


def domain(name: str, outcomes: str) -> Series:
    """A mail domain as each place sees it, all the time."""
    found: Series = {}
    for place, outcome in zip(PLACES, outcomes, strict=False):
        labels = MAIL | agent(place) | {"domain": name}
        problem = {"stage": "dns", "reason": R.MX_NOT_FOUND, "severity": "critical"}
        found |= of("up", 1, agent(place)) | of("smtp_domain_success", outcome == WORKS, labels)
        found |= of("smtp_domain_problem", 1, labels | problem) if outcome == FAILS else {}
    return found


def five(outcomes: str) -> Series:
    """Five domains as each place sees them."""
    return {name: values for n in range(5) for name, values in domain(f"d{n}.test", outcomes).items()}


def no_mail(name: str, works: str) -> Fired:
    """The page that two places agree on a domain."""
    says = f"No mail reaches {name} (target t): mx_not_found from fra, mx_not_found from nyc; it works from: {works}."
    return Fired(VANTAGE_DOMAIN_BROKEN, {"target": "t", "domain": name}, says, (R.MX_NOT_FOUND,), agents=TWO)


def no_mail_from_fra(name: str) -> Fired:
    """The ticket that one of three sees a domain fail."""
    says = f"{name} (target t): mx_not_found from fra. Of the vantage points that can tell, 33.33% see it fail."
    return Fired(VANTAGE_DISAGREES_ON_DOMAIN, {"target": "t", "domain": name}, says, (R.MX_NOT_FOUND,), "warning",
                 agents=("fra:10225",))  # fmt: skip


ITS_MX = of("smtp_domain_mx_info", 1, MAIL | agent("fra") | {"host": "mx", "preference": "10"})


def known_until(minute: int, series: Series) -> Series:
    """The same values, and none after a minute."""
    return dict.fromkeys(series, f"1x{minute} stale")


ALL_FIVE = "d0.test, d1.test, d2.test, d3.test, d4.test"
DOMAINS = (
    Case("two of three see that a domain gets no mail: one page", domain("d.test", "xx."), (no_mail("d.test", "sin"),)),
    Case("one of three sees that a domain gets no mail: a ticket",
         domain("d.test", "x.."), (no_mail_from_fra("d.test"),), spares=VANTAGE_DOMAIN_BROKEN),
    Case("all see a domain work", domain("d.test", "..."), spares=VANTAGE_DISAGREES_ON_DOMAIN),
    Case("two of two see the only MX host of a domain fail: one page, for the domain",
         domain("example.test", "xx") | seen(25, DOWN, DOWN) | ITS_MX | in_nyc(ITS_MX),
         (no_mail("example.test", "none"),), spares=VANTAGE_PORT_DOWN),
    Case("then their agents die, and others of the cluster live: the domain still explains its host, for each target",
         domain("example.test", "xx") | seen(25, DEAD, DEAD)
         | seen(25, DEAD, DEAD, target="hosts") | known_until(14, ITS_MX | in_nyc(ITS_MX))
         | of("up", 1, {"job": "node", "instance": "fra:9100"}),
         (no_mail("example.test", "none"), gone("fra"), gone("nyc")), spares=VANTAGE_PORT_DOWN, at="40m"),
    Case("two of three see five domains get no mail: one page with their number", five("xx."),
         (Fired(VANTAGE_MANY_DOMAINS_BROKEN, {}, "One cause is behind them, or a list has many dead domains: "
                f"{ALL_FIVE}.", value="5"),), spares=VANTAGE_DOMAIN_BROKEN),
    Case("one of three sees five domains get no mail: tickets", five("x.."),
         tuple(no_mail_from_fra(f"d{n}.test") for n in range(5)), spares=VANTAGE_MANY_DOMAINS_BROKEN),
)  # fmt: skip

VANTAGE_CASES = (*PORTS, *SILENT, *LABELS, *HOSTS, *DOMAINS)
