"""What a server offers in its reply to EHLO (RFC 5321 4.1.1.1), read by aiosmtplib's parser.

Keywords and mechanisms are hostile text: only what the grammar allows is kept. A reply may offer thousands; the first
32 are kept to be shown, and of the others only those that something is judged by.
"""

import re
from functools import lru_cache
from itertools import islice
from typing import Literal

from aiosmtplib.esmtp import parse_esmtp_extensions

from exporter.model import Hello, Reply

MAX_KEYWORDS, MAX_PARAMETERS = 32, 200
MAX_LABEL = 256
"""Characters of the keywords as a label."""
MAX_REMEMBERED = (64, 4096)
"""Lines and characters of a reply that is cached; no server may fill the memory with longer ones."""
JUDGED = frozenset({"STARTTLS", "SIZE", "AUTH"})
"""Keywords that count wherever they are in the reply; those of `expect.extensions` count as well."""
JUDGED_MECHANISMS = frozenset({"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"})
ONLY_IN_EHLO = frozenset(
    {"STARTTLS", "SIZE", "AUTH", "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING", "SMTPUTF8"}
)
"""Keywords that are no words of a friendly reply to HELO."""
MASKED = re.compile(r"X{4,}[A-Z]?")
"""What a Cisco ASA or PIX writes over keywords that it does not know. XCLIENT and its kind do not match."""
_KEYWORD = re.compile(r"[A-Za-z0-9-]{1,32}")
_MECHANISM = re.compile(r"[A-Za-z0-9_-]{1,20}")  # RFC 4422 3.1


def hello(verb: Literal["EHLO", "HELO"], reply: Reply, wanted: tuple[str, ...] = ()) -> Hello:
    """Read an accepted reply to EHLO or HELO; the latter offers nothing (RFC 5321 4.1.1.1).

    `wanted`: keywords that are kept wherever they are in the reply, beside those of JUDGED.
    """
    if verb == "HELO":
        return Hello(verb)
    usual = len(reply.lines) <= MAX_REMEMBERED[0] and len(reply.text) <= MAX_REMEMBERED[1]
    return _remembered(reply, wanted) if usual else _read(reply, wanted)


def offers_extensions(reply: Reply) -> bool:
    """Whether the reply accepts EHLO, whatever we said: its lines after the first hold keywords of extensions."""
    if reply.code // 100 != 2 or len(reply.lines) == 1:
        return False
    return not ONLY_IN_EHLO.isdisjoint(hello("EHLO", reply).extensions)


def label(offer: Hello) -> str:
    """The keywords as a label: the first 32, sorted, cut between keywords."""
    text = " ".join(sorted(islice(offer.extensions, MAX_KEYWORDS)))
    return text if len(text) <= MAX_LABEL else text[: MAX_LABEL + 1].rpartition(" ")[0]


def _read(reply: Reply, wanted: tuple[str, ...]) -> Hello:
    extensions, mechanisms = parse_esmtp_extensions("\n".join(line.rstrip() for line in reply.lines))
    offered = {keyword.upper(): parameters.strip()[:MAX_PARAMETERS] for keyword, parameters in extensions.items()
               if _KEYWORD.fullmatch(keyword)}  # fmt: skip
    names = [name.upper() for name in mechanisms if _MECHANISM.fullmatch(name)]
    kept = frozenset(names[:MAX_KEYWORDS]) | JUDGED_MECHANISMS.intersection(names)
    return Hello("EHLO", offered if len(offered) <= MAX_KEYWORDS else _bounded(offered, wanted), kept)


def _bounded(offered: dict[str, str], wanted: tuple[str, ...]) -> dict[str, str]:
    """The first keywords, and of the others those that something is judged by."""
    masked = (keyword for keyword in offered if MASKED.fullmatch(keyword))
    judged = (keyword for keyword in offered if keyword in JUDGED or keyword in wanted)
    kept = (*islice(offered, MAX_KEYWORDS), *judged, *islice(masked, 1))
    return {keyword: offered[keyword] for keyword in kept}


_remembered = lru_cache(maxsize=4096)(_read)  # the same servers offer the same thing every minute
