"""Connections to peers, in clear or inside TLS. The only opener of sockets to targets. No SMTP, no reasons.

`connection` is the wire itself, `tls` what OpenSSL does of it, `handshake` what OpenSSL keeps to itself of one,
`route` whether a packet could leave this machine, `errors` how a connection ends.
"""

from exporter.wire.connection import Listener, Wire
from exporter.wire.errors import ClosedError, EarlyDataError, HandshakeError, TlsError
from exporter.wire.handshake import ServerFlight
from exporter.wire.route import NO_ROUTE, has_route
from exporter.wire.tls import OPENSSL, Tls, is_tls_record, refuse_large_group

__all__ = [
    "NO_ROUTE",
    "OPENSSL",
    "ClosedError",
    "EarlyDataError",
    "HandshakeError",
    "Listener",
    "ServerFlight",
    "Tls",
    "TlsError",
    "Wire",
    "has_route",
    "is_tls_record",
    "refuse_large_group",
]
