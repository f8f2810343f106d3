"""MTA-STS and TLS-RPT: what a mail domain publishes on how mail is to be delivered to it (RFC 8461, RFC 8460).

1. `record` reads the TXT records: the id of a policy, and whether reports are asked for.
2. `policy` reads the text of a policy, and says which MX hosts it lists.
3. `fetch` gets that text over HTTPS from a web server that a stranger chose.
4. `judge` says what all of it means: which policy is in force, and what is wrong.

Import from here: the parts are nobody else's business.
"""

from exporter.sts.fetch import AT_ONCE, DOUBTFUL_AT_ONCE, Fetcher
from exporter.sts.judge import attempted, due, judge, same
from exporter.sts.policy import lists

__all__ = ["AT_ONCE", "DOUBTFUL_AT_ONCE", "Fetcher", "attempted", "due", "judge", "lists", "same"]
