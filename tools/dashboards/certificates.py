"""What is left of certificates, and whether an alert would wait for it: the levels are those of the alerts.

A certificate of six days is not late because it has less than fourteen: a level needs a share of the lifetime as well.
"""

from tools.alerts.certificates import EXPIRY, LIFETIME
from tools.alerts.dashboards import expiry, lifetime
from tools.alerts.thresholds import CRITICAL_DAYS, CRITICAL_SHARE, WARNING_DAYS, WARNING_SHARE

DAY = 86400
OF_CERTIFICATE = "subject, issuer, serial, fingerprint_sha256, key"


class Certificates:
    """Expressions about certificates: `left` in seconds, `late` the ones that an alert warns of, and their `level`."""

    def __init__(self, expires: str, lasts: str) -> None:
        self.left = f"({expires} - time())"
        self.warning, critical = (
            f"clamp_max({share} * {lasts}, {days * DAY:.0f})"
            for days, share in ((WARNING_DAYS, WARNING_SHARE), (CRITICAL_DAYS, CRITICAL_SHARE))
        )
        self.late = f"({self.left} < {self.warning})"
        levels = (f"< bool {self.warning}", f"< bool {critical}", "<= bool 0")
        self.level = f"({' + '.join(f'({self.left} {reached})' for reached in levels)})"
        """0: lasts, 1: a warning, 2: critical, 3: expired."""


def of_addresses(selector: str) -> Certificates:
    """The certificates that each address shows."""
    return Certificates(expiry(selector), lifetime(selector))


def of_ports(selector: str) -> Certificates:
    """The certificates of ports, as they are recorded, on the address where they expire first."""
    return Certificates(*(f"min without (address) ({record}{selector})" for record in (EXPIRY, LIFETIME)))
