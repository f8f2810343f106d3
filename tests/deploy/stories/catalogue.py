"""All stories, by what they are about."""

from tests.deploy.stories.blind import AGENTS
from tests.deploy.stories.certificates import CERTIFICATES
from tests.deploy.stories.domains import DOMAINS
from tests.deploy.stories.hosts import HOSTS
from tests.deploy.stories.ports import PORTS
from tests.deploy.stories.story import Story
from tests.deploy.stories.vantage import VANTAGE

GROUPS: dict[str, tuple[Story, ...]] = {
    "ports": PORTS,
    "hosts": HOSTS,
    "domains": DOMAINS,
    "certificates": CERTIFICATES,
    "agents": AGENTS,
    "vantage": VANTAGE,
}
STORIES = tuple(story for stories in GROUPS.values() for story in stories)
