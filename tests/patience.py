"""How long a test waits for another process or thread. Time-outs of the product are no business of this."""

PATIENCE = 120.0
"""Seconds; only a failure takes that long. An agent starts in a second of CPU, a minute at a 60th of a core."""
