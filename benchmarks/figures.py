"""What a benchmark yields: one row of the table that `make bench` prints. No measuring here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what was asked and what was measured, with its unit."""

    what: str
    reach: str
    ours: str
    blackbox: str = ""
    met: bool | None = None  # None: nothing was asked

    def row(self) -> str:
        """This figure as a row of a Markdown table."""
        met = {None: "", True: "yes", False: "**no**"}[self.met]
        return f"| {self.what} | {self.reach} | {self.ours} | {self.blackbox} | {met} |"


HEAD = "| what | reach | smtp-exporter | blackbox_exporter | met |\n|---|---|---|---|---|"
