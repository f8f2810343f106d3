"""Connections to peers, in clear or inside TLS. The only opener of sockets to targets. No SMTP, no reasons.

`connection` is the wire itself, `tls` what OpenSSL does of it, `groups` what OpenSSL keeps to itself of a handshake,
`route` whether a packet could leave this machine, `errors` how a connection ends.
"""

from exporter.wire.connection import Listener, Wire
from exporter.wire.errors import ClosedError, EarlyDataError, HandshakeError, TlsError
from exporter.wire.route import NO_ROUTE, has_route
from exporter.wire.tls import OPENSSL, Tls, is_tls_record

__all__ = [
    "NO_ROUTE",
    "OPENSSL",
    "ClosedError",
    "EarlyDataError",
    "HandshakeError",
    "Listener",
    "Tls",
    "TlsError",
    "Wire",
    "has_route",
    "is_tls_record",
]
