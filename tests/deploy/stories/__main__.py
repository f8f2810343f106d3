"""Prints what the rules of a folder make of all stories, a block each.

    .venv/bin/python -m tests.deploy.stories [--folder deploy/prometheus] [--group agents] [WORD...]

With words, only stories whose names contain one of them.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.deploy.stories.catalogue import GROUPS
from tests.deploy.stories.story import Heard, hear, short, spans


def main() -> int:
    """Print the table; 1 where a story is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="parts of the names of stories")
    parser.add_argument("--folder", type=Path, default=Path("deploy/prometheus"), help="another deploy/prometheus")
    parser.add_argument("--group", action="append", choices=GROUPS, help="only these stories; repeatable")
    parser.add_argument("--failing", action="store_true", help="only stories that are not as they should be")
    parser.add_argument("--texts", action="store_true", help="also what the alerts say")
    chosen = parser.parse_args()
    started = time.monotonic()
    stories = [
        each
        for group in chosen.group or GROUPS
        for each in GROUPS[group]
        if not chosen.words or any(word in each.name for word in chosen.words)
    ]
    heard = hear(stories, chosen.folder)
    bad = [each for each in heard if [*each.faults()]]
    for each in bad if chosen.failing else heard:
        sys.stdout.write("\n".join((*table(each, texts=chosen.texts), "")))
    took = time.monotonic() - started
    sys.stdout.write(f"\n{len(heard) - len(bad)} of {len(heard)} stories are as they should be ({took:.0f} s)\n")
    return bool(bad)


def table(heard: Heard, *, texts: bool) -> Iterator[str]:
    """One story: whether it holds, how many notifications, its alerts and what is wrong."""
    faults = [*heard.faults()]
    pages = f"{heard.count('firing', page=True)} pages, {heard.count('resolved', page=True)} resolved"
    tickets = f"{heard.count('firing', page=False)} tickets, {heard.count('resolved', page=False)} resolved"
    yield f"\n{'FAULT' if faults else 'ok   '} {heard.story.name}: {pages}; {tickets}"
    rows = [
        (f"{start // 60:g}", "-" if end > heard.story.minutes * 60 else f"{end // 60:g}", alert)
        for alert, minutes in heard.played.firing.items()
        for start, end in spans(minutes, heard.story.step)
    ]
    for start, end, alert in sorted(rows, key=lambda row: float(row[0]))[:8]:
        explained = "" if alert in heard.active else " (explained by another)"
        yield f"        {start:>5} to {end:>5}  {short(alert)}{explained}"
    if len(rows) > 8:
        yield f"        and {len(rows) - 8} more rows"
    yield from (f"     ! {fault}" for fault in faults[:6])
    if texts:
        for alert, notes in heard.played.texts:
            yield f"     # {short(alert)}"
            yield from (f"       {name}: {text}" for name, text in notes.items())


if __name__ == "__main__":
    sys.exit(main())
