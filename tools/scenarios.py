"""Prints the table reason -> scenarios of the tests as Markdown: `python tools/scenarios.py`, from the checkout."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from exporter.reasons import NOT_YET
from tests.probe.scenarios import by_reason


def main() -> None:
    """Print it."""
    lines = ["| reason | scenarios |", "|---|---|"]
    for reason, names in by_reason().items():
        shown = "; ".join(names) or ("not raised by this version" if reason in NOT_YET else "none")
        lines.append(f"| `{reason}` | {shown} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
