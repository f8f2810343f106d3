"""Certificates that expire, and renewed ones that are not loaded. Alerts are on those that clients are to trust.

One alert a host: its ports mostly share a certificate. Once it has expired and the probes say so, it is
`SmtpCertificateInvalid`; until then the critical level stays, so that nobody hears "resolved" at the worst moment.
"""

from exporter.reasons import Reason, Stage
from tools.alerts.states import ENDPOINT_FAILING, INFO, OVERWRITTEN, PROBLEM
from tools.alerts.thresholds import (
    CRITICAL_DAYS,
    CRITICAL_SHARE,
    EXPIRES_SOON,
    OUTDATED,
    WARNING_DAYS,
    WARNING_SHARE,
)
from tools.annotations import AT, HOST, OF_HOST, OF_HOST_LINKS, asked, help_of
from tools.prometheus import Alert, Record

CERTIFICATE = "subject, issuer, serial, fingerprint_sha256, key"
EXPIRY, LIFETIME = "endpoint:smtp_certificate_expiry:timestamp", "endpoint:smtp_certificate_lifetime:seconds"
LATE, DAY = "endpoint:smtp_certificate_expiry:late", 86400
SOON = f"({EXPIRY} < time() + {WARNING_DAYS:g} * {DAY})"
OLD_ONES = asked("smtp_certificate_outdated", OF_HOST, " == 1")
SHOWN = asked("smtp_certificate_info", OF_HOST)
EXPIRED = 'max without (port, mode) (port:smtp_probe_problem:failing{mode="certificate"})'


def _expires(severity: str, lasts: str, days: float, when: str) -> Alert:
    """A level of days left, and what has reached it."""
    dates = (
        f"min by (port, subject) (%s * ignoring ({CERTIFICATE}) group_left () ({EXPIRY} < time() + {days:g} * 86400))"
    )
    shows = "port {{ .Labels.port }}: {{ .Labels.subject }} expires {{ .Value | humanizeTimestamp }}"
    return Alert(
        EXPIRES_SOON, severity, f"""
        min without (address, port) ({when})
        unless {EXPIRED}
        {OVERWRITTEN}
        """, lasts, f"A certificate of {{{{ $labels.host }}}} expires within {days:g} days.",
        f"{HOST}, certificate or a part of its path: {SHOWN.each(shows, 'port', aggregated=dates)}"
        f"{SHOWN.otherwise('the last probes did not see it')}.",
        help_of(Reason.CERTIFICATE_EXPIRES_SOON), OF_HOST_LINKS, keeps="15m",
    )  # fmt: skip


CERTIFICATES = (
    Record(EXPIRY,
           "When the certificate expires, or its path where that is valid and expires first, Unix time.", """
           smtp_certificate_chain_not_after_timestamp_seconds and smtp_certificate_valid == 1
           or smtp_certificate_not_after_timestamp_seconds
           """),
    Record(LIFETIME, "For how long the certificate is valid in all, seconds.",
           "smtp_certificate_not_after_timestamp_seconds - smtp_certificate_not_before_timestamp_seconds"),
    Record(LATE,
           f"Trusted certificates with less than {WARNING_DAYS:g} days and {WARNING_SHARE:.0%} of their lifetime left, "
           f"and when they have less than {CRITICAL_DAYS:g} days and {CRITICAL_SHARE:g} of it, Unix time. Probes that "
           "did not come so far leave no gap.", f"""
           {SOON} - clamp_max({CRITICAL_SHARE} * {LIFETIME}, {CRITICAL_DAYS:g} * {DAY})
           and ({SOON} - time()) / {LIFETIME} < {WARNING_SHARE}
           and ignoring ({INFO}) smtp_endpoint_info{{certificate="trusted"}}
           or last_over_time({LATE}[@10m]) and ignoring ({INFO}) smtp_endpoint_info unless {EXPIRY}
           """),
    _expires("warning", "1h", WARNING_DAYS, LATE),
    _expires("critical", "10m", CRITICAL_DAYS, f"{LATE} < time()"),
    Alert(OUTDATED, "warning", f"""
          max without (address, port) (
            smtp_certificate_outdated == 1
            unless ignoring ({PROBLEM}, mode) {ENDPOINT_FAILING}{{stage="{Stage.CERTIFICATE}"}}
          )
          {OVERWRITTEN}
          """, "1h", "{{ $labels.host }} serves an old certificate although a renewed one exists.",
          f"{HOST} still serves the old one on {OLD_ONES.each('{{ .Labels.port }}' + AT, 'port')}.",
          help_of(Reason.CERTIFICATE_OUTDATED), OF_HOST_LINKS, keeps="5m"),
)  # fmt: skip
