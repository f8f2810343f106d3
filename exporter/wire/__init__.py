"""Connections to peers, in clear or inside TLS. The only opener of sockets to targets. No SMTP, no reasons.

`connection` is the wire itself, `tls` its one context and what a handshake shows, `groups` what ssl keeps to itself of
it, `route` whether a packet could leave this machine, `errors` how a connection ends.
"""

from exporter.wire.connection import Listener, Wire
from exporter.wire.errors import ClosedError, EarlyDataError, HandshakeError
from exporter.wire.route import NO_ROUTE, has_route
from exporter.wire.tls import is_tls_record

__all__ = [
    "NO_ROUTE",
    "ClosedError",
    "EarlyDataError",
    "HandshakeError",
    "Listener",
    "Wire",
    "has_route",
    "is_tls_record",
]
