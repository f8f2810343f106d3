"""`smtp-exporter probe`: what was asked for (`asked`), looked at (`look`, `once`), and shown.

It is shown to people by `text` on a `terminal`, to programs by `facts`, and `progress` says what is waited for.
"""

from exporter.report.asked import Wanted, asked
from exporter.report.facts import as_json, as_lines, as_prometheus
from exporter.report.look import Seen, look
from exporter.report.progress import progress_on
from exporter.report.terminal import Screen
from exporter.report.text import print_text

__all__ = [
    "Screen",
    "Seen",
    "Wanted",
    "as_json",
    "as_lines",
    "as_prometheus",
    "asked",
    "look",
    "print_text",
    "progress_on",
]
