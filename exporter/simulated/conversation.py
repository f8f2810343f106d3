"""What a simulated server remembers of one client: what it said, whether out of turn, and how it left. Data only."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Line:
    """One line that a client said, its line end included."""

    data: bytes
    tls: bool
    """It came inside TLS."""

    @property
    def text(self) -> str:
        """The line without its line end."""
        return self.data.rstrip(b"\r\n").decode("utf-8", "backslashreplace")


@dataclass(slots=True)
class Conversation:
    """What one client did."""

    lines: list[Line] = field(default_factory=list)
    """What the script heard, line by line."""
    unheard: bytes = b""
    """What else had come when the conversation was over."""
    early: bytes = b""
    """The first that the client said while the server was not done speaking: out of turn, or pipelined."""
    raw: bytearray = field(default_factory=bytearray)
    """Every byte on the wire from the client, TLS records included."""
    tls_version: str | None = None
    """As ssl names it; None: no handshake was completed."""
    tls_error: str | None = None
    """What ended TLS before its time, in the words of OpenSSL: an alert of the client, or what we had against it."""
    close_notify: bool = False
    """The client ended TLS with close_notify."""
    left: Literal["FIN", "RST"] | None = None
    """How the client left; None: it was still there when the server closed."""

    @property
    def heard(self) -> list[str]:
        """The lines that the script heard, without their line ends."""
        return [line.text for line in self.lines]

    @property
    def quit(self) -> bool:
        """The client said QUIT, whether or not the script listened."""
        return any(data.strip().upper() == b"QUIT" for data in (*(one.data for one in self.lines), self.unheard))
