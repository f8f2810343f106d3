"""What a server says of itself in its answer to EHLO (RFC 5321 4.1.1.1), read by aiosmtplib's parser.

Keywords and mechanisms are hostile text: only what the grammar allows is kept, and not more than 32 of each.
"""

import re
from functools import lru_cache
from itertools import islice
from typing import Literal

from aiosmtplib.esmtp import parse_esmtp_extensions

from exporter.model import Hello, Reply

MAX_KEYWORDS, MAX_PARAMETERS = 32, 200
MAX_REMEMBERED = (64, 4096)
"""Lines and characters of an answer that is worth remembering; no server may fill the memory with others."""
_KEYWORD = re.compile(r"[A-Za-z0-9-]{1,32}")
_MECHANISM = re.compile(r"[A-Za-z0-9_-]{1,20}")  # RFC 4422 3.1


def hello(verb: Literal["EHLO", "HELO"], reply: Reply) -> Hello:
    """Read an accepted answer to EHLO or HELO; the latter announces nothing (RFC 5321 4.1.1.1)."""
    if verb == "HELO":
        return Hello(verb)
    usual = len(reply.lines) <= MAX_REMEMBERED[0] and len(reply.text) <= MAX_REMEMBERED[1]
    return _remembered(reply) if usual else _read(reply)


def _read(reply: Reply) -> Hello:
    extensions, mechanisms = parse_esmtp_extensions("\n".join(line.rstrip() for line in reply.lines))
    kept = ((keyword.upper(), parameters.strip()[:MAX_PARAMETERS]) for keyword, parameters in extensions.items()
            if _KEYWORD.fullmatch(keyword))  # fmt: skip
    offered = (name.upper() for name in mechanisms if _MECHANISM.fullmatch(name))
    return Hello("EHLO", dict(islice(kept, MAX_KEYWORDS)), frozenset(islice(offered, MAX_KEYWORDS)))


_remembered = lru_cache(maxsize=4096)(_read)  # the same servers answer the same thing every minute
