"""aiosmtplib's client, whose connection is over when it is closed. Not a test."""

import asyncio

import aiosmtplib


class Client(aiosmtplib.SMTP):
    """An independent client. aiosmtplib only asks to close, and inside TLS that waits for the server."""

    def close(self) -> None:
        """Close at once."""
        transport = self.transport
        super().close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
