"""Which software greets: a closed list, so that dates and session ids in a banner never change a series.

Each row has the greeting of a real server, which a test matches.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from exporter.model import Reply


@dataclass(frozen=True, slots=True)
class Banner:
    """A pattern (case ignored) and a greeting in which it is found."""

    pattern: str
    example: str


SOFTWARE: dict[str, Banner] = {
    "postfix": Banner(r"\bPostfix\b", "mail.example.test ESMTP Postfix (Debian/GNU)"),
    "exim": Banner(r"\bExim\b", "mail.example.test ESMTP Exim 4.96 Sat, 21 Nov 2026 05:55:52 +0000"),
    "sendmail": Banner(
        r"\bSendmail\b", "mail.example.test ESMTP Sendmail 8.17.1/8.17.1; Sat, 21 Nov 2026 05:55:52 GMT"
    ),
    "opensmtpd": Banner(r"\bOpenSMTPD\b", "mail.example.test ESMTP OpenSMTPD"),
    "exchange": Banner(
        r"Microsoft ESMTP MAIL Service",
        "EX01.corp.example Microsoft ESMTP MAIL Service ready at Sat, 21 Nov 2026 05:55:52 +0100",
    ),
    "gmail": Banner(r"\bgsmtp\b", "mx.google.com ESMTP a1b2c3d4-e5f6sor123.4 - gsmtp"),
    "qmail": Banner(r"\bqmail\b", "mail.example.test ESMTP qmail"),
    "haraka": Banner(r"\bHaraka\b", "mail.example.test ESMTP Haraka ready (5C7A1B)"),
    "mailenable": Banner(r"\bMailEnable\b", "mail.example.test ESMTP MailEnable Service, Version: 10.30 ready"),
    "mdaemon": Banner(r"\bMDaemon\b", "mail.example.test ESMTP MSA MDaemon 24.0.1; Sat, 21 Nov 2026 05:55:52 +0000"),
    "zimbra": Banner(r"\bZimbra\b", "mail.example.test Zimbra LMTP server ready"),
    "ses": Banner(
        r"\bAmazonSES\b|\bSimpleEmailService\b",
        "email-smtp.amazonaws.com ESMTP SimpleEmailService-d-ABC Xyz123",
    ),
    "sendgrid": Banner(r"^SG ESMTP service ready", "SG ESMTP service ready at ismtpd0013p1las1.sendgrid.net"),
    "yahoo": Banner(r"\bYahooSmtpServer\b", "smtp.mail.yahoo.com ESMTP ready YahooSmtpServer"),
    "icloud": Banner(r"\biCloud\b", "smtp.mail.example iCloud iscream SMTP"),
    "proton": Banner(r"\bProton\b", "mail.example.test ESMTP Proton"),
    "mimecast": Banner(r"\bMimecast\b", "eu-smtp-inbound-1.example.test ESMTP Mimecast"),
    "proofpoint": Banner(
        r"\bpphosted\b|\bProofpoint\b|\bESMTP (mfa|cm)-m\d{5,}\s*$", "mail.example.test ESMTP mfa-m0214089"
    ),
    "barracuda": Banner(
        r"\bBarracuda\b|\bESMTP \([0-9a-f]{32}\)\s*$", "mail.example.test ESMTP (5f4dcc3b5aa765d61d8327deb882cf99)"
    ),
    "ironport": Banner(r"\bIronPort\b|\bAsyncOS\b", "esa.example.test ESMTP\nesa.example.test AsyncOS"),
    "fortimail": Banner(
        r"\bFortiMail\b|\bESMTP Smtpd;", "mail.example.test ESMTP Smtpd; Sat, 21 Nov 2026 05:55:52 +0000"
    ),
    "courier": Banner(r"\bCourier\b", "[mail.example.test] Courier Mail Server 1.0 ESMTP service ready"),
    "stalwart": Banner(r"\bStalwart\b", "mail.example.test Stalwart ESMTP at your service"),
    "mox": Banner(r"\bmox\b", "mail.example.test ESMTP mox 0.0.11"),
    "james": Banner(r"\bJAMES\b", "mail.example.test SMTP Server (JAMES SMTP Server 3.8.0) ready"),
    "cyrus": Banner(r"\bCyrus\b", "mail.example.test Cyrus LMTP 3.6.1 server ready"),
    "dovecot": Banner(r"\bDovecot\b", "mail.example.test Dovecot (Debian) ready."),
    "amavis": Banner(r"\bamavisd?(-new)?\b", "[127.0.0.1] ESMTP amavisd-new service ready"),
    "mailman": Banner(r"\bMailman\b", "mail.example.test GNU Mailman LMTP runner 2.0"),
    "chasquid": Banner(r"\bchasquid\b", "mail.example.test ESMTP chasquid"),
    "qpsmtpd": Banner(r"\bqpsmtpd\b", "mail.example.test ESMTP qpsmtpd 0.94 ready; send us your mail"),
    "msmtpd": Banner(r"\bmsmtpd\b", "localhost ESMTP msmtpd"),
    "davmail": Banner(r"\bDavMail\b", "DavMail 6.0.1 SMTP ready at Sat Nov 21 05:55:52 GMT 2026"),
    "inetsim": Banner(r"\bINetSim\b", "mail.example.test INetSim Mail Service ready."),
    "sendria": Banner(r"\bSendria\b", "mail.example.test ESMTP Sendria (https://sendria.net)"),
    "mailhog": Banner(r"\bMailHog\b", "mailhog.example ESMTP MailHog"),
    "mailpit": Banner(r"\bMailpit\b", "mail.example.test Mailpit ESMTP Service ready"),
    "hmailserver": Banner(r"\bhMailServer\b", "mail.example.test ESMTP hMailServer 5.6.8"),
    "kerio": Banner(r"\bKerio\b", "mail.example.test Kerio Connect 10.0.6 ESMTP ready"),
    "halon": Banner(r"\bHalon\b", "mail.example.test ESMTP Halon Mail Gateway (H/OS)"),
    "powermta": Banner(r"\bPowerMTA\b", "mail.example.test (PowerMTA(TM) v5.0r1) ESMTP service ready"),
    "kumomta": Banner(r"\bKumoMTA\b", "mail.example.test Welcome to KumoMTA!"),
    "communigate": Banner(r"\bCommuniGate\b", "mail.example.test ESMTP CommuniGate Pro 6.3.39"),
    "icewarp": Banner(r"\bIceWarp\b", "mail.example.test ESMTP IceWarp 14.1.0; Sat, 21 Nov 2026 05:55:52 +0000"),
    "domino": Banner(r"\bDomino\b", "mail.example.test ESMTP Service (HCL Domino Release 14.0) ready"),
    "axigen": Banner(r"\bAxigen\b", "mail.example.test Axigen ESMTP ready"),
    "aiosmtpd": Banner(r"\baiosmtpd\b|\bPython SMTP\b", "mail.example.test Python SMTP 1.4.6"),
    "smtp-exporter": Banner(r"\bsmtp-exporter demo\b", "mail.example.test ESMTP smtp-exporter demo"),
    "maddy": Banner(r"\bmaddy\b|^\s*ESMTP Service Ready\s*$", "mail.example.test ESMTP Service Ready"),
}
"""The label `software` by what its greeting holds after the host name; the first that matches counts. The last but
the name is the default of go-smtp, the library of maddy and of other Go programs.
"""

SERVICES: dict[str, Banner] = {
    "mimecast": Banner(r"\.mimecast\.com$", "eu-smtp-inbound-1.mimecast.com ESMTP; Sat, 21 Nov 2026 05:55:52 +0000"),
    "proofpoint": Banner(r"\.pp(hosted|e-hosted)\.com$", "mx0a-00123456.pphosted.com ESMTP"),
    "barracuda": Banner(r"\.ess\.barracuda(networks)?\.com$", "d123456a.ess.barracudanetworks.com ESMTP"),
    "ironport": Banner(r"\.iphmx\.com$", "esa1.hc1234-56.iphmx.com ESMTP"),
}
"""Services whose greeting says nothing but their host name, which they alone can have."""

HOST = re.compile(r"^\s*\S+\.\S*")
"""The name of the server stands first (RFC 5321 4.2): postfix.example.com may run Exim."""
COURIER = "XVERP=COURIER"
"""What Courier offers in its reply to EHLO; its greeting does not name it."""


def software(banner: str, ehlo: Reply | None = None) -> str:
    """The software that a greeting or the reply to EHLO names, or `unknown`."""
    named = _named(banner[:1000])
    if named == "unknown" and ehlo and any(line.upper().startswith(COURIER) for line in ehlo.lines[1:]):
        return "courier"
    return named


@lru_cache(maxsize=1024)
def _named(banner: str) -> str:
    text = "\n".join([HOST.sub("", line) for line in banner.splitlines()])
    host = HOST.match(banner)
    return _first(SOFTWARE, text) or (_first(SERVICES, host[0]) if host else "") or "unknown"


def _first(rows: dict[str, Banner], text: str) -> str:
    """The first row whose pattern is in the text. Patterns are compiled when they are needed: they are many."""
    flags = re.IGNORECASE | re.MULTILINE
    return next((name for name, row in rows.items() if re.search(row.pattern, text, flags)), "")
