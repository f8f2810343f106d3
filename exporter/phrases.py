"""TABLE 4: what real servers say, and what it means: a limit on this client, a refusal of it, a proxy, LMTP.

Each row has a real reply, which a test matches. The rows tell texts apart; which codes may carry them, and at which
stage, is for the checks to say.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.model import Reply

MAX_TEXT = 1000
"""Characters of a reply that are looked at: some patterns take quadratic time."""
UNKNOWN_COMMAND = (500, 502)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern (case ignored) and a reply in which a real server said it."""

    pattern: str
    example: str


@dataclass(frozen=True, slots=True)
class Hint:
    """A pattern for the code and text of a reply (case ignored), a real reply, and what it means for the operator."""

    pattern: str
    example: str
    meaning: str


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

CLIENT_LIMITS = (
    Phrase(r"(?<!global )\bconnection (rate|concurrency) limit exceeded", "421 4.3.2 Connection rate limit exceeded."),
    Phrase(r"\btoo many open connections\b", "421 4.3.2 Too many open connections."),
    Phrase(r"\b4\.7\.0 (\S+ )?(Error: )?too many connections\b", "421 4.7.0 Error: too many connections"),
    Phrase(r"^too many concurrent connections( \[[\w.-]+\])?$", "421 Too many concurrent connections"),
    Phrase(
        r"\btoo many (bad |failed )?(login|auth\w*) (attempts|failures)\b",
        "454 4.7.0 Too many login attempts, please try again later.",
    ),
    Phrase(r"\bunusual rate\b", "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail."),
    Phrase(
        r"\bmail_max_userip_connections\b",
        "421 4.3.2 Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
    ),
    Phrase(
        r"^RP-00[1-3]\b",
        "421 RP-001 The mail server IP connecting to Outlook.com server has exceeded the rate limit allowed.",
    ),
    Phrase(r"\b4\.7\.500\b", "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77712)"),
    Phrase(r"\[TSS?\d\d\]", "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints"),
)
"""In a 4xx: texts that only limits on one client use."""

NO_CERTIFICATE = (
    Phrase(
        r"\bno client certificate presented\b", "421 4.7.1 mail.example.test Error: No client certificate presented"
    ),
    Phrase(r"\bno required SSL certificate\b", "421 4.7.1 No required SSL certificate"),
    Phrase(r"\b(client|SSL|TLS) certificate (is )?(required|missing)\b", "550 5.7.1 Client certificate required"),
    Phrase(
        r"\bmust (present|provide|send)\b.{0,40}\bcertificate\b",
        "530 5.7.0 You must present a valid client certificate",
    ),
)
"""In a 4xx or 5xx: the server wants a client certificate, and we have none."""

TOOK_FOR_COMMAND = (
    Phrase(r"recogni", "502 5.5.2 Error: command not recognized"),
    Phrase(r"command", "500 5.5.1 Unknown command"),
    Phrase(r"\bsyntax\b", "500 5.5.2 Error: bad syntax"),
    Phrase(r"\bnot implemented\b|\bunimplemented\b", "502 unimplemented (#5.5.1)"),
    Phrase(r"\bprotocol (error|violation)\b", "550 5.5.1 Protocol error"),
)
"""In a refusal of our ClientHello in clear, other than a 421: the server took it for a command."""

TOO_EARLY = (
    Phrase(r"\bsynchroni", "554 SMTP synchronization error"),
    Phrase(r"\btalk too soon\b", "421 mail.example.test You talk too soon"),
    Phrase(r"\bESMTP not accepting messages\b", "554 mail.example.test ESMTP not accepting messages"),
    Phrase(
        r"\bbefore (the |my |our )?(SMTP )?(greeting|banner)\b",
        "450 Connecting host started transmitting before SMTP greeting",
    ),
    Phrase(r"\bearly.?talker\b", "554 5.7.1 Early talker"),
)
"""In such a refusal: the server waited before it greeted, and the ClientHello came too early."""

_PROXY = "a PROXY protocol listener says this to a client that sends no PROXY header"
_WORD_LMTP = r"(?<![.-])\bLMTP\b(?![.-]\w)"  # no part of a host name
_LMTP = "this is LMTP, not SMTP"
_POLICY = "a policy of the provider, not a wrong password"

HINTS = (
    Hint(
        r"^50\d .*(?-i:X{4,})",
        "500 5.0.0 'XXXXXXXX': command not understood",
        "something on the path rewrote our command (a firewall's SMTP inspection)",
    ),
    Hint(rf"\bLHLO\b|{_WORD_LMTP}", "500 5.5.1 This is a LMTP server, use LHLO", _LMTP),
    Hint(
        r"\bPROXY (TCP[46]|UNKNOWN)\b",
        '500 5.5.1 Command unrecognized: "PROXY TCP4 192.0.2.1 192.0.2.9 40000 25"',
        "a proxy in between sends a PROXY header, which the server does not expect",
    ),
    Hint(r"\bproxy negotiation failed\b", "503 Command refused, required Proxy negotiation failed", _PROXY),
    Hint(r"\bPROXY time(d )?out\b", "421 PROXY timeout", _PROXY),
    Hint(r"\b4\.3\.0 (\S+ )?server local error\b", "421 4.3.0 mail.example.test Server local error", _PROXY),
    Hint(
        r"\b4\.3\.2 no system resources\b",
        "421 4.3.2 No system resources",
        f"{_PROXY}; or the server is out of resources",
    ),
    Hint(
        r"\b5\.3\.2 service currently unavailable\b",
        "521 5.3.2 Service currently unavailable",
        "postscreen's deny list says this; it may be this client only",
    ),
    Hint(
        r"^535.*\b5\.7\.139\b",
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
        f"{_POLICY}: enable SMTP AUTH for this mailbox, and exempt it from policies against basic authentication",
    ),
    Hint(
        r"^534.*\b5\.7\.9\b|\bapplication-specific password\b",
        "534-5.7.9 Application-specific password required.",
        f"{_POLICY}: create an application-specific password for this login",
    ),
    Hint(
        r"^53[45].*\b5\.7\.14\b",
        "534-5.7.14 Please log in via your web browser and then try again.",
        f"{_POLICY}: log in by browser first, or create an application-specific password",
    ),
    Hint(
        r"^535.*\busername and password not accepted\b",
        "535-5.7.8 Username and Password not accepted.",
        "a wrong password, or the provider accepts only application-specific ones",
    ),
)
"""What the operator should know about a reply; the first row that matches counts."""

LMTP_GREETING = Hint(rf"{_WORD_LMTP}|\bDovecot\b.* ready", "220 mail.example.test Dovecot ready.", _LMTP)
"""A greeting after which EHLO and HELO are unknown commands."""


def _any(phrases: Iterable[Phrase]) -> re.Pattern[str]:
    return re.compile("|".join(phrase.pattern for phrase in phrases), re.IGNORECASE)


_OF_US, _TOO_OFTEN, _TO_US, _LIMITS = _any(OF_US), _any(TOO_OFTEN), _any(SPEAKS_TO_US), _any(CLIENT_LIMITS)
_NO_CERTIFICATE, _COMMAND, _EARLY = _any(NO_CERTIFICATE), _any(TOOK_FOR_COMMAND), _any(TOO_EARLY)
_LMTP_GREETING = re.compile(LMTP_GREETING.pattern, re.IGNORECASE)


def _names(address: str, text: str) -> bool:
    return bool(address) and re.search(rf"(?<![\w.:]){re.escape(address)}(?![\w:]|\.\d)", text) is not None


def _line(reply: Reply) -> str:
    """The text in one line, cut to what the patterns search."""
    return " ".join(reply.lines)[:MAX_TEXT]


def speaks_of_us(reply: Reply, own_address: str) -> bool:
    """Whether a rejection is about this client: it names a policy, a list or our address."""
    return _OF_US.search(reply.text) is not None or _names(own_address, reply.text)


def says_too_often(reply: Reply, own_address: str) -> bool:
    """Whether a temporary refusal is a limit on this client. "Too many connections" alone is an outage for all."""
    text = _line(reply)
    if _TOO_OFTEN.search(text) and (_TO_US.search(text) or _names(own_address, text)):
        return True
    return _LIMITS.search(text) is not None


def wants_certificate(reply: Reply) -> bool:
    """Whether a refusal says that we should have presented a client certificate."""
    return _NO_CERTIFICATE.search(_line(reply)) is not None


def took_for_command(reply: Reply) -> bool:
    """Whether a server in clear refused our ClientHello as a command, or because it came before the greeting."""
    text = _line(reply)
    return _EARLY.search(text) is not None or (reply.code != 421 and _COMMAND.search(text) is not None)


def explain(reply: Reply, greeting: Reply | None = None) -> str:
    """A refusal as the detail of a problem, after what the table says about it.

    `greeting`: that of the server, where the refusal is one of EHLO or HELO.
    """
    said = f"{reply.code} {reply.text}"
    meaning = meaning_of(f"{reply.code} {_line(reply)}")
    if not meaning and greeting and reply.code in UNKNOWN_COMMAND and _LMTP_GREETING.search(_line(greeting)):
        meaning = LMTP_GREETING.meaning
    return f"{meaning}: {said}" if meaning else said


def meaning_of(said: str) -> str:
    """What the operator should know about this reply; empty where the table has no row for it."""
    text = said[:MAX_TEXT]
    return next((hint.meaning for hint in HINTS if re.search(hint.pattern, text, re.IGNORECASE)), "")
