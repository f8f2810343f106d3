"""`smtp-exporter probe`: what was asked for (`asked`), looked at (`look`), and shown (`text`, `facts`)."""

from exporter.report.asked import asked
from exporter.report.facts import as_json, as_prometheus
from exporter.report.look import Seen, exit_code, look
from exporter.report.text import print_text, with_progress

__all__ = ["Seen", "as_json", "as_prometheus", "asked", "exit_code", "look", "print_text", "with_progress"]
