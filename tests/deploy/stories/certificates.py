"""Stories of certificates that expire: items 6 and 9 of the issue. Time begins at 1970-01-01."""

from typing import Any

from exporter.reasons import Reason
from tests.deploy.stories.agents import Agent, Certificate
from tests.deploy.stories.fleet import MX, agent, host
from tests.deploy.stories.outcomes import GOOD, fails, since
from tests.deploy.stories.story import CRITICAL, WARNING, Expect, Story

R = Reason

DAYS = 1440
"""Minutes of a day."""


def lasts(left: float, lifetime: float, port: int = 465, **others: Any) -> tuple[Agent, ...]:
    """Make a host whose certificate has so many days left of its lifetime."""
    return (Agent((host(ports={port: GOOD}, certificate=Certificate(left, lifetime, **others)),)),)


def expiring(name: str, left: float, lifetime: float, severity: str = "", minutes: int = 180) -> Story:
    """Tell of an alert of this severity, or of none."""
    fires = (Expect(severity, {"host": MX}, by=90),) if severity else ()
    return Story(
        name, lasts(left, lifetime), minutes, fires, pages=severity == CRITICAL, tickets=severity == WARNING, step=5
    )


CERTIFICATES = (
    # evaluations half an hour apart do not judge incidents: the next story tells of the hour in which it expires
    Story("a certificate of 90 days on 465, from 20 days before it expires to its end: no gap", (
        Agent((host(ports={465: GOOD}, certificate=Certificate(20, 90), interval=300),)),), 20 * DAYS,
        (Expect(WARNING, {"host": MX}, after=6 * DAYS - 30, by=6 * DAYS + 90, until=(17 * DAYS - 30, 17 * DAYS + 60)),
         Expect(CRITICAL, {"host": MX}, after=17 * DAYS - 30, by=17 * DAYS + 60)),
        pages=(1, 2), resolved=0, tickets=1, step=30),
    Story("a certificate expires on 465 within the hour: no resolved before the next page", lasts(0.1, 90), 300,
          (Expect(CRITICAL, {"host": MX}, by=30),), pages=(1, 3), resolved=0),
    Story("a certificate expires on port 25, where that is a warning: a ticket", lasts(0.05, 90, 25), 240,
          (Expect(WARNING, {"host": MX}, by=72 + 90),), tickets=1),
    Story("a certificate has 13 of 90 days left: the ticket names host, port and year", lasts(13, 90), 180,
          (Expect(WARNING, {"host": MX}, by=75, says=(MX, "465", "1970")),), tickets=1, step=5, at=120),
    expiring("a certificate of 6 days has 2 left", 2, 6),
    expiring("a certificate of 6 days has 1.4 left: a ticket", 1.4, 6, WARNING),
    expiring("a certificate of 6 days has half a day left: a page", 0.5, 6, CRITICAL),
    expiring("a certificate of 45 days has 13 left", 13, 45),
    expiring("a certificate of 45 days has 10 left: a ticket", 10, 45, WARNING),
    expiring("a certificate of 45 days has 2 left: a page", 2, 45, CRITICAL),
    Story("a certificate has fewer days left than expect.min_days_left, on port 25",
          lasts(20, 90, 25, min_days_left=30), 180, (Expect(WARNING, {"host": MX}, by=90, says=(MX,)),), tickets=1),
    Story("a certificate has fewer days left than expect.min_days_left, on 465",
          lasts(20, 90, 465, min_days_left=30), 180, (Expect(WARNING, {"host": MX}, by=90, says=(MX,)),), tickets=1),
    Story("a certificate has ten days left, and its host goes down: the ticket stays or is explained",
          agent(host(ports={465: since(100, fails(R.CONNECTION_TIMEOUT))}, certificate=Certificate(10, 90))), 150,
          (Expect(WARNING, {"host": MX}, by=75, until=(100, 200)), Expect(CRITICAL, {"host": MX}, by=104)),
          pages=1, tickets=1),
    Story("all ports of a host share a certificate that has ten days left: one ticket",
          agent(host(ports=dict.fromkeys((465, 587), GOOD), certificate=Certificate(10, 90))), 150,
          (Expect(WARNING, {"host": MX}, by=75),), tickets=1, step=5),
    Story("the label team survives on the ticket about a certificate", agent(host(
        ports={465: GOOD}, certificate=Certificate(10, 90), labels={"team": "mail"})), 150,
        (Expect(WARNING, {"host": MX, "team": "mail"}, by=75),), tickets=1, step=5),
    Story("a certificate that is expired when the agent starts: one page",
          lasts(-1, 90), 60, (Expect(CRITICAL, {"host": MX}, by=5),), pages=1),
)  # fmt: skip
