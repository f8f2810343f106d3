"""TABLE 4: texts by which servers say "it is you" or "you come too often", each with a real example.

They tell a refusal of this client from an outage. Texts only: which codes may carry them is for the checks to say.
"""

import re
from dataclasses import dataclass

from exporter.model import Reply


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern (case ignored) and a reply in which a real server said it."""

    pattern: str
    example: str


OF_US = (
    Phrase(r"\b5\.7\.\d{1,3}\b", "550 5.7.1 <probe.example.net>: Helo command rejected: Access denied"),
    Phrase(r"\bblock(ed|list|ing)?\b|\bblacklist", "554 5.7.1 Service unavailable; client [192.0.2.1] blocked"),
    Phrase(r"\b(black|block)?\s?listed\b", "554-IP address is black listed."),
    Phrase(r"\breputation\b", "554 Your access to this mail system has been rejected due to poor reputation"),
    Phrase(r"\b(DNS|R)BL\b", "550 rejected, see DNSBL zen.spamhaus.org"),
    Phrase(r"\bPTR\b", "554-Bad DNS PTR resource record."),
    Phrase(r"\breverse[ -]?DNS\b", "550 No reverse DNS for your address"),
)
"""In a 5xx: the server refuses this client, not everybody."""

TOO_OFTEN = (
    Phrase(r"\btoo (many|much)\b", "421 4.7.0 mx.example.com Error: too many connections from 192.0.2.1"),
    Phrase(r"\brate\b|\brate.?limit", "450 4.7.1 Error: connection rate of your host exceeded"),
    Phrase(r"\bthrottl", "421 4.7.28 your IP has been throttled"),
)
"""In a 4xx, together with one of SPEAKS_TO_US."""

SPEAKS_TO_US = (
    Phrase(r"\bfrom\b", "421 host: Too many concurrent SMTP connections from this IP address; please try again later"),
    Phrase(r"\byour\b", "450 4.7.1 Error: connection rate of your host exceeded"),
    Phrase(r"\bthis IP\b", "421 too many connections for this IP"),
    Phrase(r"\bper host\b", "421 too many connections per host"),
)


def _any(phrases: tuple[Phrase, ...]) -> re.Pattern[str]:
    return re.compile("|".join(phrase.pattern for phrase in phrases), re.IGNORECASE)


_OF_US, _TOO_OFTEN, _TO_US = _any(OF_US), _any(TOO_OFTEN), _any(SPEAKS_TO_US)


def _names(address: str, text: str) -> bool:
    return bool(address) and re.search(rf"(?<![\w.:]){re.escape(address)}(?![\w:]|\.\d)", text) is not None


def speaks_of_us(reply: Reply, own_address: str) -> bool:
    """Whether a rejection is about this client: it names a policy, a list or our address."""
    return _OF_US.search(reply.text) is not None or _names(own_address, reply.text)


def says_too_often(reply: Reply, own_address: str) -> bool:
    """Whether a temporary refusal is a limit on this client. "Too many connections" alone is an outage for all."""
    text = reply.text
    return _TOO_OFTEN.search(text) is not None and (_TO_US.search(text) is not None or _names(own_address, text))
