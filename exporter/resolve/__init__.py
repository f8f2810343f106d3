"""Names to addresses, and mail domains to exchanges: hosts file, A, AAAA and MX with a TTL cache.

1. `files` reads the hosts file and resolv.conf, and follows them.
2. `ask` puts one question to the nameservers; `message`, `plain`, `weight` and `answer` read what they say.
3. `lookups` keeps what they said, and bounds what is asked.
4. `addresses`, `exchanges` and `tlsa` say what the answers mean for a host, a mail domain and DANE.
5. `resolver` joins them. Import from here: the parts are nobody else's business.
"""

from exporter.resolve.addresses import Addresses, Family, Mode
from exporter.resolve.exchanges import HOST_NAME, connectable
from exporter.resolve.files import nameserver
from exporter.resolve.resolver import Resolver
from exporter.resolve.texts import Texts
from exporter.resolve.tlsa import MX_NOT_SIGNED, NOT_TESTABLE

__all__ = [
    "HOST_NAME", "MX_NOT_SIGNED", "NOT_TESTABLE", "Addresses", "Family", "Mode", "Resolver", "Texts",
    "connectable", "nameserver",
]  # fmt: skip
