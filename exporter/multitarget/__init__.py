"""The multi-target pattern: /probe?target=HOST:PORT&module=M, one probe now, as blackbox_exporter's users know it.

1. `asked` reads the request; `access` says who may be probed, by name and by address; `room` bounds what runs at once.
2. `on_demand` joins them: it resolves, checks the addresses, and probes exactly those.
3. `shown` writes what came of it: our families without the labels that Prometheus adds, blackbox_exporter's names
   beside them, the transcript for `debug=true`.

Nothing here is remembered of a probe but its login and second look, which must not come too often; so whatever needs
the past or other endpoints (board, egress, schedule) has no part in it. HTTP itself is in `web`.
"""

from exporter.multitarget.on_demand import SHARE, Answer, MultiTarget

__all__ = ["SHARE", "Answer", "MultiTarget"]
