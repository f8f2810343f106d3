"""One endpoint on a page: what is read off its latest result."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from exporter.failure import Failure
from exporter.families.readers import TIMED
from exporter.filters import word_of
from exporter.model import Endpoint
from exporter.page.groups import Wrong, wrong_with
from exporter.reasons import Stage
from exporter.state import State

DAY = 86400


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint, as it was when the rows were sorted."""

    endpoint: Endpoint
    state: State
    word: str

    @classmethod
    def of(cls, endpoint: Endpoint, state: State, now: float) -> "Row":
        """Look at an endpoint now."""
        return cls(endpoint, state, word_of(state, now))

    @property
    def link(self) -> str:
        """The query that names it."""
        peer = self.endpoint.peer
        named = {"target": self.endpoint.target, "host": peer.host, "address": peer.address, "port": peer.port}
        return "?" + urlencode(named, errors="replace")

    @property
    def days_left(self) -> float | None:
        """Days until the certificate expires; negative afterwards."""
        result = self.state.result
        ends = result.verdict.certificate.not_after if result and result.verdict else None
        return (ends - result.finished) / DAY if result and ends is not None else None

    @property
    def bars(self) -> list[tuple[Stage, float, float, float]]:
        """Each stage that took time: its seconds, and where its bar begins and how long it is, in hundredths."""
        took = self.state.result.stages if self.state.result else {}
        whole, start, bars = sum(took.get(stage, 0.0) for stage in TIMED) or 1.0, 0.0, []
        for stage in TIMED:
            if stage in took:
                length = 100 * took[stage] / whole
                bars.append((stage, took[stage], start, length))
                start += length
        return bars

    @property
    def bar(self) -> Markup:
        """The stages as SVG, with their times in words."""
        bars = self.bars
        text = ", ".join(f"{stage} {seconds * 1000:.1f} ms" for stage, seconds, _, _ in bars)
        rects = "".join(
            f'<rect class="{stage}" x="{start:.2f}" width="{length:.2f}" height="10"/>'
            for stage, _, start, length in bars
        )
        head = f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{text}">'
        return Markup(f"{head}<title>{text}</title>{rects}</svg>")  # noqa: S704 - names of stages and numbers

    @property
    def latest(self) -> Failure | None:
        """The latest conversation, cut to what is shown of one."""
        return Failure.of(self.state.result, self.word) if self.state.result else None

    @property
    def wrong(self) -> Iterator[Wrong]:
        """What is wrong: (state, reason, what was seen)."""
        return wrong_with(self.state, self.word)
