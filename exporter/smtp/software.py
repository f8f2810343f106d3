"""Which software greets: a closed list, so that dates and session ids in a banner never change a series."""

import re

SOFTWARE: dict[str, str] = {
    "postfix": r"\bPostfix\b",
    "exim": r"\bExim\b",
    "sendmail": r"\bSendmail\b",
    "opensmtpd": r"\bOpenSMTPD\b",
    "exchange": r"Microsoft ESMTP MAIL Service",
    "gmail": r"\bgsmtp\b",
    "qmail": r"\bqmail\b",
    "haraka": r"\bHaraka\b",
    "mailenable": r"\bMailEnable\b",
    "mdaemon": r"\bMDaemon\b",
    "zimbra": r"\bZimbra\b",
    "ses": r"\bAmazonSES\b|\bSimpleEmailService\b",
    "yahoo": r"\bYahooSmtpServer\b",
    "icloud": r"\biCloud\b",
    "proton": r"\bProton\b",
    "mimecast": r"\bMimecast\b",
    "proofpoint": r"\bpphosted\b|\bProofpoint\b",
    "barracuda": r"\bBarracuda\b",
    "ironport": r"\bIronPort\b",
    "courier": r"\bCourier\b",
    "stalwart": r"\bStalwart\b",
    "maddy": r"\bmaddy\b",
    "mox": r"\bmox\b",
    "james": r"\bJAMES\b",
    "dovecot": r"\bDovecot\b",
    "aiosmtpd": r"\baiosmtpd\b|\bPython SMTP\b",
    "smtp-exporter": r"\bsmtp-exporter demo\b",
}
"""The label `software` by what a banner of it holds; the first that matches counts."""

HOST = re.compile(r"^\s*\S+\.\S*")
"""The name of the server stands first (RFC 5321 4.2): postfix.example.com may run Exim."""
_COMPILED = [(name, re.compile(pattern, re.IGNORECASE)) for name, pattern in SOFTWARE.items()]


def software(banner: str) -> str:
    """The software that a greeting names, or `unknown`."""
    banner = "\n".join(HOST.sub("", line) for line in banner[:1000].splitlines())
    return next((name for name, pattern in _COMPILED if pattern.search(banner)), "unknown")
