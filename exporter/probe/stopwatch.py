"""Times the stages of one probe: from when we speak until the answer arrives. Our own work is in no stage."""

import time

from exporter.reasons import Stage


class Stopwatch:
    """`stages` are seconds by stage, those reached; a failed one until it failed."""

    def __init__(self) -> None:
        self.stages: dict[Stage, float] = {}
        self.start(0.0)

    def start(self, waited: float) -> None:
        """Begin; the probe has lasted for the seconds it `waited` for DNS."""
        self._mark = time.monotonic()  # uvloop's own clock ticks in milliseconds: too coarse for a stage
        self._began = self._mark - waited

    def lap(self, stage: Stage, waited: float = 0.0) -> None:
        """The time since the last lap belongs to this stage, but for the seconds that its bytes waited for us."""
        mark, stages = self._mark, self.stages
        self._mark = end = max(mark, time.monotonic() - waited)
        stages[stage] = stages.get(stage, 0.0) + end - mark

    def skip(self) -> None:
        """The time since the last lap was ours, not the server's."""
        self._mark = time.monotonic()

    def lasted(self) -> float:
        """Seconds since the probe began."""
        return time.monotonic() - self._began
