"""How a connection ends, beside OSError."""

from exporter.model import Session


class ClosedError(Exception):
    """The peer closed the connection (FIN, or close_notify inside TLS)."""


class EarlyDataError(Exception):
    """Bytes that are no TLS record came before our ClientHello; they are its argument."""


class TlsError(Exception):
    """TLS is broken, or the peer sent an alert. `reason` is OpenSSL's, lower case, empty where it gives none."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HandshakeError(Exception):
    """The handshake failed. Holds the cause, the first raw bytes of the stage and what was seen till then."""

    def __init__(self, cause: Exception, raw: bytes, session: Session, *, certificate_requested: bool = False) -> None:
        super().__init__(str(cause))
        self.cause, self.raw, self.session = cause, raw, session
        self.certificate_requested = certificate_requested
        """The server asked for a certificate of ours, in clear (up to TLS 1.2)."""
