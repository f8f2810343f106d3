"""`smtp-exporter probe`: what was asked for (`asked`), looked at (`look`, `once`), and shown.

It is shown to people by `text` on a `terminal`, to programs by `facts` (neither is loaded here: only one of them is
wanted), and `progress` says what is waited for.
"""

from exporter.report.asked import Wanted, asked
from exporter.report.look import Seen, look
from exporter.report.progress import progress_on

__all__ = [
    "Seen",
    "Wanted",
    "asked",
    "look",
    "progress_on",
]
