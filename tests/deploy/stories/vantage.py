"""Stories of the optional rules: several places that watch the same endpoints, and an objective (item 10)."""

from typing import Any

from exporter.reasons import Reason
from tests.deploy.stories.agents import Agent
from tests.deploy.stories.fleet import MX, START, agent, host, one_port
from tests.deploy.stories.outcomes import GOOD, Outcome, Script, during, each, fails, since
from tests.deploy.stories.story import CRITICAL, WARNING, Expect, Story

R = Reason

DOWN = since(START, fails(R.CONNECTION_TIMEOUT))
PLACES = ("fra", "nyc", "sin")


def from_places(*scripts: Script | Outcome, **others: Any) -> tuple[Agent, ...]:
    """Make an agent in each place, all of which watch the same port."""
    return tuple(
        agent(host(ports={25: script}), instance=f"{place}:10225", scraped={"vantage": place}, **others)[0]
        for place, script in zip(PLACES, scripts, strict=False)
    )


VANTAGE = (
    Story("three of three places see a port down: one page", from_places(DOWN, DOWN, DOWN), 60,
          (Expect(CRITICAL, {"host": MX}, by=START + 6),), pages=1, optional=True),
    Story("two of three places see a port down: one page", from_places(DOWN, DOWN, GOOD), 60,
          (Expect(CRITICAL, {"host": MX}, by=START + 6),), pages=1, tickets=(0, 1), optional=True),
    Story("one of three places sees a port down: a ticket", from_places(DOWN, GOOD, GOOD), 60,
          (Expect(WARNING, {"host": MX}, by=START + 20),), tickets=1, optional=True),
    Story("one of two places sees a port down: a ticket", from_places(DOWN, GOOD), 60,
          (Expect(WARNING, {"host": MX}, by=START + 20),), tickets=1, optional=True),
    Story("two of two places see a port down: one page", from_places(DOWN, DOWN), 60,
          (Expect(CRITICAL, {"host": MX}, by=START + 6),), pages=1, optional=True),
    Story("three places see all work", from_places(GOOD, GOOD, GOOD), 60, optional=True),
    Story("one probe fails, and the objective is watched", one_port(during(fails(R.CONNECTION_REFUSED), (200, 200.3))),
          400, optional=True, step=5),
    Story("a port is down for an hour, and the objective is watched: one page",
          one_port(during(fails(R.CONNECTION_REFUSED), (120, 180))), 300,
          (Expect(CRITICAL, {"host": MX, "port": "25"}, by=126, until=(179, 260)),), pages=1, resolved=1,
          tickets=(0, 1), optional=True),
    Story("half a percent of the probes fail for four days, and the objective is watched: a ticket",
          (Agent((host(ports={25: each(*[GOOD] * 199, fails(R.CONNECTION_REFUSED))}),)),), 5760,
          (Expect(WARNING, {"host": MX, "port": "25"}, by=5760, apart=True, until=(0, 6000)),), tickets=(1, 3),
          optional=True, step=10),
)  # fmt: skip
