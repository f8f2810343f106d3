"""What a script may ask of the shell that performs it. Each command is answered, or the script ends there."""

from exporter.frozen import frozen
from exporter.reasons import Stage


@frozen
class Connect:
    """Open the TCP connection. Answered with our own address on it."""

    stage = Stage.CONNECT


@frozen
class Hear:
    """Wait for a complete reply without saying anything. Answered with a Reply."""

    stage: Stage


@frozen
class Say:
    """Send one line and CRLF, and wait for the complete reply. Answered with a Reply."""

    stage: Stage
    line: str
    shown: str = ""
    """What the transcript shows instead of a line that holds a secret."""


@frozen
class Handshake:
    """Begin TLS now. Answered with a Session."""

    stage = Stage.TLS


@frozen
class Judge:
    """Judge the certificate of this very connection. Answered with a Verdict, or None where there is none."""

    stage = Stage.CERTIFICATE


@frozen
class Password:
    """Read the password of the endpoint's `auth`. Answered with the password, or None where it cannot be read."""

    stage = Stage.AUTH


@frozen
class Quit:
    """Say QUIT, wait a little for 221, close politely. Always answered with None: nothing here is a problem."""

    stage = Stage.QUIT


Command = Connect | Hear | Say | Handshake | Judge | Password | Quit
