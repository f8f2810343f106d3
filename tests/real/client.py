"""aiosmtplib's client, whose connection is over when it is closed. Not a test."""

import aiosmtplib


class Client(aiosmtplib.SMTP):
    """An independent client. aiosmtplib only asks to close; inside TLS that waits for the server, beyond a test's end."""

    def close(self) -> None:
        """Close at once."""
        transport = self.transport
        super().close()
        if transport is not None:
            transport.abort()
